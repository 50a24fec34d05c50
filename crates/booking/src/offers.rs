//! Free times of a service, from its slots and what holds its calendars busy.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kith_directory::{Directory, PartOfDay, Schedule, Sex};
use kith_fhir::search::{Query, QueryError};
use kith_trust::{Access, Error as Door};

use crate::error::Error;
use crate::free::Busy;
use crate::model::{Capacity, Offer, Slot, Wanted};

/// How many slots more than wanted are asked for: a few held ones must not cost another round.
const SPARE: usize = 4;

/// How far ahead next times are looked for when one has been taken.
const NEXT_WITHIN: SignedDuration = SignedDuration::from_hours(28 * 24);

pub(crate) fn unsearchable(error: QueryError) -> Door {
    Door::Unsearchable { what: error.to_string() }
}

/// A calendar being read for one of the questions.
struct Reading<'a> {
    question: usize,
    service: &'a str,
    schedule: &'a Arc<Schedule>,
    query: Query,
    more: bool,
    found: Vec<Offer>,
    page: Vec<Slot>,
}

/// The first free times that are wanted, in the order they begin, at most `limit`. A held time is not free; it comes back
/// when the hold lapses. Empty if the service keeps no calendar for the need.
pub async fn free_slots(
    access: &Access,
    directory: &Directory,
    wanted: &Wanted,
    limit: usize,
) -> Result<Vec<Offer>, Error> {
    let mut found = free_slots_each(access, directory, &[(wanted.clone(), limit)]).await?;
    Ok(found.pop().unwrap_or_default())
}

/// As [`free_slots`] for several questions, each with its limit, answered in their order: all calendars are read together.
pub async fn free_slots_each(
    access: &Access,
    directory: &Directory,
    questions: &[(Wanted, usize)],
) -> Result<Vec<Vec<Offer>>, Error> {
    let now = access.now();
    let mut readings = Vec::new();
    for (question, (wanted, limit)) in questions.iter().enumerate() {
        let from = wanted.from.max(now);
        if *limit == 0 || from >= wanted.to {
            continue;
        }
        let Some(service) = directory.service(&wanted.service) else { continue };
        for schedule in directory.schedules_of(&service.reference).iter().filter(|schedule| fits(schedule, wanted)) {
            let query = Query::new("Slot")
                .and_then(|q| q.where_("schedule", &schedule.reference))
                .and_then(|q| q.where_("status", "free"))
                .and_then(|q| q.where_("start", &format!("ge{from}")))
                .and_then(|q| q.where_("start", &format!("lt{}", wanted.to)))
                .and_then(|q| q.sorted_by("start"))
                .map_err(unsearchable)?
                .limit(limit + SPARE);
            readings.push(Reading {
                question,
                service: &service.reference,
                schedule,
                query,
                more: true,
                found: Vec::new(),
                page: Vec::new(),
            });
        }
    }
    loop {
        let wants = |reading: &&mut Reading<'_>| reading.more && reading.found.len() < questions[reading.question].1;
        let mut reading: Vec<&mut Reading<'_>> = readings.iter_mut().filter(wants).collect();
        let queries: Vec<Query> = reading.iter().map(|reading| reading.query.clone()).collect();
        if queries.is_empty() {
            break;
        }
        let mut calendars: Vec<String> = Vec::new();
        let mut span: Option<(Timestamp, Timestamp)> = None;
        for (reading, page) in reading.iter_mut().zip(access.search_each(&queries).await?) {
            reading.more = page.next.is_some();
            reading.query.cursor = page.next;
            reading.page = page.entries.iter().filter_map(|entry| Slot::of(&entry.value)).collect();
            for slot in &reading.page {
                let (first, last) = span.unwrap_or((slot.start, slot.end));
                span = Some((first.min(slot.start), last.max(slot.end)));
            }
            calendars.extend(reading.schedule.calendars());
        }
        let Some((first, last)) = span else { break };
        calendars.sort_unstable();
        calendars.dedup();
        let occupied = access.occupied(&calendars, first, last).await?;
        let busy = Busy::new(&occupied, None, now);
        for reading in reading {
            let wanted = &questions[reading.question].0;
            let calendars = reading.schedule.calendars();
            let free = reading.page.drain(..).filter(|slot| {
                slot.may_be_booked_for(&wanted.need)
                    && wanted.part_of_day.is_none_or(|part| PartOfDay::of(slot.start) == part)
                    && !busy.overlaps(&calendars, slot.start, slot.end)
            });
            reading.found.extend(free.map(|slot| offer(reading.schedule, slot, reading.service)));
        }
    }
    let mut answers: Vec<Vec<Offer>> = questions.iter().map(|_| Vec::new()).collect();
    for reading in readings {
        answers[reading.question].extend(reading.found);
    }
    for (offers, (_, limit)) in answers.iter_mut().zip(questions) {
        offers.sort_by(|a, b| (a.start, &a.slot).cmp(&(b.start, &b.slot)));
        offers.truncate(*limit);
    }
    Ok(answers)
}

/// How much a service has free between two instants, counted up to `limit`.
pub async fn capacity(
    access: &Access,
    directory: &Directory,
    wanted: &Wanted,
    limit: usize,
) -> Result<Capacity, Error> {
    let offers = free_slots(access, directory, wanted, limit).await?;
    Ok(Capacity { free: offers.len(), first: offers.first().map(|offer| offer.start) })
}

/// The next free times of a service when one has been taken: the three that begin soonest.
pub(crate) async fn next_times(access: &Access, directory: &Directory, service: &str, need: &str) -> Vec<Offer> {
    let now = access.now();
    let wanted = Wanted::new(service, need, now, now.saturating_add(NEXT_WITHIN).unwrap_or(Timestamp::MAX));
    // That the time is taken is the answer; that no others can be listed is not worth hiding it.
    free_slots(access, directory, &wanted, 3).await.unwrap_or_default()
}

fn fits(schedule: &Schedule, wanted: &Wanted) -> bool {
    let clinician = schedule.practitioner.as_ref();
    (wanted.need.is_empty() || schedule.may_be_booked_for(&wanted.need))
        && wanted.mode.is_none_or(|mode| schedule.mode == mode)
        && wanted.practitioner.as_ref().is_none_or(|who| clinician.is_some_and(|c| c.reference == *who))
        && (!wanted.female_clinician || clinician.is_some_and(|c| c.sex == Some(Sex::Female)))
}

fn offer(schedule: &Schedule, slot: Slot, service: &str) -> Offer {
    Offer {
        slot: slot.reference,
        schedule: slot.schedule,
        service: service.to_owned(),
        start: slot.start,
        end: slot.end,
        practitioner: schedule.practitioner.clone(),
        place: schedule.place.clone(),
        mode: schedule.mode,
    }
}
