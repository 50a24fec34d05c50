//! A slot is never given twice: against an interval model, and by many at once.

mod common;

use common::{Laid, NEED, PEOPLE, Place, minutes, monday, request, row, schedule, start};
use jiff::Timestamp;
use kith_booking::{
    CancelReason, Error, HoldId, Status, Wanted, book, cancel, confirm, day_list, free_slots, hold, release,
    reschedule, rules,
};
use kith_fhir::Value;
use kith_trust::Access;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Two calendars of one doctor whose times overlap, one of another doctor, one of nobody.
fn calendars() -> (Vec<Value>, Vec<Laid>) {
    let schedules = vec![
        schedule("morning", Some("shah")),
        schedule("phone", Some("shah")),
        schedule("okafor", Some("okafor")),
        schedule("room", None),
    ];
    let slots =
        [row("morning", 0, 15, 3), row("phone", 5, 10, 4), row("okafor", 0, 20, 2), row("room", 0, 30, 1)].concat();
    (schedules, slots)
}

/// The calendars a slot keeps busy, as the model has them.
fn kept(slot: &Laid) -> Vec<&'static str> {
    match slot.schedule.as_str() {
        "morning" => vec!["Schedule/morning", "Practitioner/shah"],
        "phone" => vec!["Schedule/phone", "Practitioner/shah"],
        "okafor" => vec!["Schedule/okafor", "Practitioner/okafor"],
        _ => vec!["Schedule/room"],
    }
}

fn clash(a: &Laid, b: &Laid) -> bool {
    a.from < b.to && b.from < a.to && kept(a).iter().any(|calendar| kept(b).contains(calendar))
}

#[derive(Debug, Clone)]
enum Step {
    Hold { person: usize, slot: usize },
    Release { hold: usize },
    Confirm { hold: usize },
    Book { person: usize, slot: usize },
    Cancel { booking: usize },
    Move { booking: usize, slot: usize, hold: Option<usize> },
    Wait { minutes: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let slot = 0usize..10;
    prop_oneof![
        4 => (0..PEOPLE, slot.clone()).prop_map(|(person, slot)| Step::Hold { person, slot }),
        1 => (0usize..8).prop_map(|hold| Step::Release { hold }),
        3 => (0usize..8).prop_map(|hold| Step::Confirm { hold }),
        3 => (0..PEOPLE, slot.clone()).prop_map(|(person, slot)| Step::Book { person, slot }),
        2 => (0usize..8).prop_map(|booking| Step::Cancel { booking }),
        3 => (0usize..8, slot, prop::option::of(0usize..8))
            .prop_map(|(booking, slot, hold)| Step::Move { booking, slot, hold }),
        2 => (1i64..12).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

struct Held {
    id: HoldId,
    person: usize,
    slot: usize,
    until: Timestamp,
    /// Not released or used up.
    kept: bool,
}

struct Made {
    appointment: String,
    person: usize,
    slot: usize,
    stands: bool,
}

#[derive(Default)]
struct Model {
    holds: Vec<Held>,
    bookings: Vec<Made>,
}

impl Model {
    /// The slots that are taken at `now`, but for those of a hold and a booking.
    fn taken(&self, now: Timestamp, but_hold: Option<usize>, but_booking: Option<usize>) -> Vec<usize> {
        let holds =
            self.holds.iter().enumerate().filter(|(at, hold)| hold.kept && hold.until > now && Some(*at) != but_hold);
        let made = self.bookings.iter().enumerate().filter(|(at, made)| made.stands && Some(*at) != but_booking);
        holds.map(|(_, hold)| hold.slot).chain(made.map(|(_, made)| made.slot)).collect()
    }
}

/// Half the people come themselves, half are helped at the desk.
fn actor(place: &Place, person: usize) -> Access {
    if person.is_multiple_of(2) { place.person(person) } else { place.desk() }
}

fn given<T>(outcome: Result<T, Error>) -> Result<Option<T>, TestCaseError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Error::Taken { .. }) => Ok(None),
        Err(error) => Err(TestCaseError::fail(format!("{error:?}"))),
    }
}

async fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (schedules, slots) = calendars();
    let place = Place::new(&schedules, &slots).await;
    let mut model = Model::default();
    let mut now = start();
    for step in steps {
        let can = |taken: Vec<usize>, slot: usize| !taken.iter().any(|other| clash(&slots[*other], &slots[slot]));
        match step {
            Step::Wait { minutes: count } => {
                now += minutes(count);
                place.door.set_clock(Some(now));
            }
            Step::Hold { person, slot } => {
                let held = hold(&actor(&place, person), &place.directory, &slots[slot].reference(), NEED, None).await;
                let held = given(held)?;
                prop_assert_eq!(held.is_some(), can(model.taken(now, None, None), slot));
                if let Some(held) = held {
                    prop_assert_eq!(held.until, now + rules::HOLD);
                    model.holds.push(Held { id: held.id, person, slot, until: held.until, kept: true });
                }
            }
            Step::Release { hold } if hold < model.holds.len() => {
                let held = &mut model.holds[hold];
                release(&actor(&place, held.person), held.id).await.unwrap();
                held.kept = false;
            }
            Step::Confirm { hold } if hold < model.holds.len() => {
                let Held { id, person, slot, .. } = model.holds[hold];
                let asked = request(person, &slots[slot]);
                let booked = given(confirm(&actor(&place, person), &place.directory, id, &asked).await)?;
                prop_assert_eq!(booked.is_some(), can(model.taken(now, Some(hold), None), slot));
                if let Some(booked) = booked {
                    model.holds[hold].kept = false;
                    model.bookings.push(Made { appointment: booked.appointment, person, slot, stands: true });
                }
            }
            Step::Book { person, slot } => {
                let booked =
                    given(book(&actor(&place, person), &place.directory, &request(person, &slots[slot])).await)?;
                prop_assert_eq!(booked.is_some(), can(model.taken(now, None, None), slot));
                if let Some(booked) = booked {
                    model.bookings.push(Made { appointment: booked.appointment, person, slot, stands: true });
                }
            }
            Step::Cancel { booking } if booking < model.bookings.len() => {
                let made = &mut model.bookings[booking];
                let access = actor(&place, made.person);
                let done = cancel(&access, &place.directory, &made.appointment, CancelReason::CannotMakeIt).await;
                prop_assert_eq!(done.is_ok(), made.stands);
                made.stands = false;
            }
            Step::Move { booking, slot, hold } if booking < model.bookings.len() => {
                let made = &model.bookings[booking];
                let hold = hold.filter(|hold| *hold < model.holds.len());
                let id = hold.map(|hold| model.holds[hold].id);
                let access = actor(&place, made.person);
                let to = slots[slot].reference();
                let moved = reschedule(&access, &place.directory, &made.appointment, &to, id).await;
                if !made.stands {
                    prop_assert!(matches!(moved, Err(Error::State { .. })), "cancelled ones do not move");
                } else if made.slot == slot {
                    prop_assert!(matches!(moved, Err(Error::SameTime)));
                } else {
                    let moved = given(moved)?.is_some();
                    prop_assert_eq!(moved, can(model.taken(now, hold, Some(booking)), slot));
                    if moved {
                        model.bookings[booking].slot = slot;
                        if let Some(hold) = hold {
                            model.holds[hold].kept = false;
                        }
                    }
                }
            }
            _ => {}
        }
        agree(&place, &model, &slots, now).await?;
    }
    prop_assert!(place.door.check().await.unwrap().problem_count == 0);
    prop_assert!(place.door.verify_audit().await.unwrap().broken.is_none());
    Ok(())
}

/// Pairs of standing appointments in the record that keep the same calendar at the same time.
async fn doubled(place: &Place, slots: &[Laid]) -> Vec<(String, String)> {
    let day = "2026-11-23".parse().unwrap();
    let listed = day_list(&place.doctor(), &place.directory, "gp", day).await.unwrap();
    let standing = listed.iter().map(|entry| &entry.appointment).filter(|seen| seen.status == Status::Booked);
    let standing: Vec<_> = standing
        .map(|seen| (&seen.reference, slots.iter().find(|slot| slot.reference() == seen.slots[0]).unwrap()))
        .collect();
    let mut found = Vec::new();
    for (at, (one, its)) in standing.iter().enumerate() {
        for (other, theirs) in &standing[..at] {
            if clash(its, theirs) {
                found.push(((*one).clone(), (*other).clone()));
            }
        }
    }
    found
}

/// What is offered, and what the calendars hold, is what the model says.
async fn agree(place: &Place, model: &Model, slots: &[Laid], now: Timestamp) -> Result<(), TestCaseError> {
    let taken = model.taken(now, None, None);
    for (at, one) in taken.iter().enumerate() {
        for other in &taken[..at] {
            prop_assert!(!clash(&slots[*one], &slots[*other]), "given twice");
        }
    }
    prop_assert_eq!(doubled(place, slots).await, Vec::new());
    let free = slots.iter().filter(|slot| !taken.iter().any(|other| clash(&slots[*other], slot)));
    let free: BTreeSet<String> = free.map(Laid::reference).collect();
    let wanted = Wanted::new("gp", NEED, now, monday() + minutes(600));
    let offers = free_slots(&place.desk(), &place.directory, &wanted, 50).await.unwrap();
    prop_assert_eq!(offers.into_iter().map(|offer| offer.slot).collect::<BTreeSet<_>>(), free);
    let mut expected: Vec<(String, Timestamp)> =
        taken.iter().flat_map(|at| kept(&slots[*at]).into_iter().map(|c| (c.to_owned(), slots[*at].start()))).collect();
    let all: BTreeSet<String> = slots.iter().flat_map(kept).map(str::to_owned).collect();
    let all: Vec<String> = all.into_iter().collect();
    let occupied = place.system().occupied(&all, monday(), monday() + minutes(600)).await.unwrap();
    let mut found: Vec<(String, Timestamp)> = occupied
        .into_iter()
        .filter(|busy| busy.until.is_none_or(|until| until > now))
        .map(|busy| (busy.calendar, busy.start))
        .collect();
    expected.sort();
    found.sort();
    prop_assert_eq!(found, expected);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_slot_is_never_given_twice(steps in prop::collection::vec(step(), 5..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps))?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_at_once_on_eight_slots_get_each_slot_once() {
    // Two calendars of one doctor: each phone slot overlaps a morning one, so no more than four can be given in all.
    let slots = [row("morning", 0, 10, 4), row("phone", 0, 10, 4)].concat();
    let schedules = [schedule("morning", Some("shah")), schedule("phone", Some("shah"))];
    let place = std::sync::Arc::new(Place::new(&schedules, &slots).await);
    let gate = std::sync::Arc::new(tokio::sync::Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (place, gate, slot) = (place.clone(), gate.clone(), slots[number % 8].clone());
            tokio::spawn(async move {
                let person = number % PEOPLE;
                let access = actor(&place, person);
                gate.wait().await;
                if number % 3 == 0 {
                    let held = hold(&access, &place.directory, &slot.reference(), NEED, None).await?;
                    confirm(&access, &place.directory, held.id, &request(person, &slot)).await
                } else {
                    book(&access, &place.directory, &request(person, &slot)).await
                }
            })
        })
        .collect();
    let mut booked = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(made) => booked.push(made),
            Err(Error::Taken { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let mut starts: Vec<Timestamp> = booked.iter().map(|made| made.start).collect();
    starts.sort();
    let expected: Vec<Timestamp> = (0..4).map(|n| monday() + minutes(n * 10)).collect();
    assert_eq!(starts, expected, "each of the doctor's times was given once, and none was left");
    for made in &booked {
        assert_eq!(place.status(&made.appointment).await, "booked");
    }
    assert!(place.door.check().await.unwrap().problem_count == 0);
}

#[tokio::test]
async fn these_tests_see_a_time_that_is_given_twice() {
    let (schedules, slots) = calendars();
    let place = Place::new(&schedules, &slots).await;
    let first = book(&place.desk(), &place.directory, &request(0, &slots[0])).await.unwrap();
    assert_eq!(doubled(&place, &slots).await, Vec::new());
    // Written past the calendars, as a booking that took no time on them would be: phone-0 overlaps morning-0.
    let mut second = place.system().read(&first.appointment).await.unwrap().value.as_ref().clone();
    second["id"] = "second".into();
    second["slot"][0]["reference"] = slots[3].reference().into();
    let mut change = kith_trust::Change::new("careless");
    change.create(second);
    place.system().commit(change).await.unwrap();
    assert_eq!(doubled(&place, &slots).await.len(), 1);
}
