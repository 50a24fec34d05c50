//! Who holds the slots that are already taken. Every taken slot belongs to one block, and in it to one person, so that
//! slots and people can be made apart and still agree.

use crate::block::{Block, is_pregnant};
use crate::calendar::Day;
use crate::chance::{Domain, Stream, hash};
use crate::estate::{Calendar, Estate, Time, key};

/// A taken slot and what it is for.
#[derive(Clone, Debug)]
pub struct Booking {
    /// Index of the calendar.
    pub calendar: usize,
    pub time: Time,
    pub need: &'static str,
}

/// Which of `blocks` blocks a taken slot belongs to. A group's calendars are shared out among the blocks, so that a
/// block finds its own without looking at them all.
fn owner(seed: u64, calendar: usize, rank_in_group: usize, group: usize, blocks: usize, time: Time) -> usize {
    if group >= blocks {
        return rank_in_group % blocks;
    }
    // Blocks rank_in_group, rank_in_group + group, … share this calendar.
    let sharing = (blocks - rank_in_group).div_ceil(group);
    let pick = hash(seed, Domain::Booking, calendar as u64, key(time)) as usize % sharing;
    rank_in_group + pick * group
}

/// The bookings of each seat of a block. `blocks` is how many blocks hold bookings; 0 for none.
pub fn of_block(
    seed: u64,
    estate: &Estate,
    days: &[Day],
    block: &Block,
    number: usize,
    blocks: usize,
) -> Vec<Vec<Booking>> {
    let mut held: Vec<Vec<Booking>> = vec![Vec::new(); block.seats.len()];
    if number >= blocks || block.seats.is_empty() {
        return held;
    }
    let mut stream = Stream::new(seed, Domain::Booking, number as u64);
    for group in &estate.groups {
        let size = group.len();
        let first = number % size.min(blocks);
        for rank in (first..size).step_by(if size >= blocks { blocks } else { size }) {
            let calendar_number = group.start + rank;
            let calendar = &estate.calendars[calendar_number];
            for time in calendar.times(estate, days) {
                if calendar.is_taken(seed, calendar_number, time)
                    && owner(seed, calendar_number, rank, size, blocks, time) == number
                {
                    give(seed, estate, block, calendar, calendar_number, time, &mut stream, &mut held);
                }
            }
        }
    }
    held
}

/// Gives the slot to somebody it suits: right age and sex, registered there if it is a practice, not booked that day,
/// and not with three bookings already. Failing that it goes to somebody it suits less well, but it is always given.
#[allow(clippy::too_many_arguments)] // the pieces of one decision
fn give(
    seed: u64,
    estate: &Estate,
    block: &Block,
    calendar: &Calendar,
    number: usize,
    time: Time,
    stream: &mut Stream,
    held: &mut [Vec<Booking>],
) {
    let service = &estate.services[calendar.service];
    let is_practice = service.row.kind == "general-practice";
    let needs: &'static [String] = &calendar.row.needs;
    let wanted: &'static str = stream.pick(needs).as_str();
    let overlaps = |booking: &Booking| {
        let other = &estate.calendars[booking.calendar];
        booking.time.day == time.day
            && booking.time.start < time.start + calendar.row.minutes
            && time.start < booking.time.start + other.row.minutes
    };
    let suits = |seat: usize, need: &str, held: &[Vec<Booking>]| {
        let person = &block.seats[seat];
        service.sees(need, person.age, person.sex)
            && !(need == "pharmacy-first-uti" && is_pregnant(seed, person.index, person.age, person.sex))
            && !held[seat].iter().any(overlaps)
    };
    let registered = |seat: usize| !is_practice || block.home_of(seat).practice == calendar.service;
    for _ in 0..40 {
        let seat = stream.below(block.seats.len());
        let booked = &held[seat];
        if registered(seat)
            && booked.len() < 3
            && !booked.iter().any(|b| b.time.day == time.day)
            && suits(seat, wanted, held)
        {
            held[seat].push(Booking { calendar: number, time, need: wanted });
            return;
        }
    }
    let start = stream.below(block.seats.len());
    let everybody = || (0..block.seats.len()).map(|n| (start + n) % block.seats.len());
    let (seat, need) =
        everybody()
            .find(|seat| registered(*seat) && suits(*seat, wanted, held))
            .map(|seat| (seat, wanted))
            .or_else(|| {
                calendar.row.needs.iter().find_map(|need| {
                    everybody().find(|seat| suits(*seat, need, held)).map(|seat| (seat, need.as_str()))
                })
            })
            .unwrap_or((start, wanted));
    held[seat].push(Booking { calendar: number, time, need });
}
