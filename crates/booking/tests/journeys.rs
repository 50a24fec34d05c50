//! What people and teams do with bookings, through the door.

mod common;

use common::{NEED, Place, SERVICE, minutes, monday, request, row, schedule, start};
use jiff::SignedDuration;
use kith_booking::{
    Appointment, BookingRequest, CancelReason, Error, REMINDER, Status, TOPIC, Wanted, adopt, arrive, book, cancel,
    confirm, day_list, did_not_attend, explain, free_slots, fulfil, hold, prepare_confirm, release, remind, reschedule,
    rules,
};
use kith_directory::Mode;
use kith_fhir::{Value, build, views};
use kith_trust::{Access, Change, Error as Door};

fn wanted() -> Wanted {
    Wanted::new("gp", NEED, start(), monday() + minutes(24 * 60))
}

async fn free(place: &Place) -> Vec<String> {
    let offers = free_slots(&place.desk(), &place.directory, &wanted(), 50).await.unwrap();
    offers.into_iter().map(|offer| offer.slot).collect()
}

async fn notices(access: &Access) -> Vec<(String, Value)> {
    let messages = access.take_outbox(TOPIC, 50, SignedDuration::from_mins(60)).await.unwrap();
    messages.into_iter().map(|m| (m.payload["template"].as_str().unwrap().to_owned(), m.payload)).collect()
}

async fn two_doctors() -> (Place, Vec<common::Laid>) {
    let slots = [row("shah", 0, 10, 4), row("phone", 120, 10, 2), row("okafor", 5, 10, 2)].concat();
    let schedules =
        [schedule("shah", Some("shah")), schedule("phone", Some("shah")), schedule("okafor", Some("okafor"))];
    (Place::new(&schedules, &slots).await, slots)
}

#[tokio::test]
async fn free_times_come_in_order_and_as_asked_for() {
    let (place, slots) = two_doctors().await;
    let times = free(&place).await;
    assert_eq!(times[..3], ["Slot/shah-0", "Slot/okafor-0", "Slot/shah-1"]);
    assert_eq!(times.len(), slots.len());
    let ask =
        async |wanted: Wanted, limit| free_slots(&place.person(0), &place.directory, &wanted, limit).await.unwrap();
    let women = ask(Wanted { female_clinician: true, ..wanted() }, 50).await;
    assert!(women.iter().all(|offer| offer.practitioner.as_ref().unwrap().reference == "Practitioner/shah"));
    assert_eq!(women.len(), 6);
    let phone = ask(Wanted { mode: Some(Mode::Phone), ..wanted() }, 50).await;
    assert_eq!(phone.len(), 2);
    assert_eq!((phone[0].start, phone[0].mode), (monday() + minutes(120), Mode::Phone));
    let usual = ask(Wanted { practitioner: Some("Practitioner/okafor".to_owned()), ..wanted() }, 50).await;
    assert_eq!(usual.len(), 2);
    assert_eq!(ask(wanted(), 3).await.len(), 3);
    assert!(ask(Wanted { need: "wound-care".to_owned(), ..wanted() }, 50).await.is_empty());
    assert!(ask(Wanted { to: start(), ..wanted() }, 50).await.is_empty());
}

#[tokio::test]
async fn a_held_time_is_kept_and_comes_back_when_the_hold_lapses() {
    let (place, slots) = two_doctors().await;
    let held = hold(&place.person(0), &place.directory, &slots[0].reference(), NEED, None).await.unwrap();
    assert_eq!(held.until, start() + rules::HOLD);
    assert!(!free(&place).await.contains(&slots[0].reference()));
    let other = hold(&place.person(1), &place.directory, &slots[0].reference(), NEED, None).await;
    let Err(Error::Taken { next }) = other else { panic!("it is held") };
    assert_eq!(next[0].slot, "Slot/okafor-0");
    assert_eq!(Error::Taken { next }.to_string(), "That time has just been taken. Here are the next ones.");
    // Changing one's mind gives the first back.
    let second = hold(&place.person(0), &place.directory, &slots[1].reference(), NEED, Some(held.id)).await.unwrap();
    assert!(free(&place).await.contains(&slots[0].reference()));
    release(&place.person(0), second.id).await.unwrap();
    assert!(free(&place).await.contains(&slots[1].reference()));
    hold(&place.person(0), &place.directory, &slots[2].reference(), NEED, None).await.unwrap();
    place.door.set_clock(Some(start() + rules::HOLD));
    assert!(free(&place).await.contains(&slots[2].reference()));
    let text = serde_json::to_string(&second).unwrap();
    assert_eq!(serde_json::from_str::<kith_booking::Hold>(&text).unwrap(), second);
    assert!("Appointment/a".parse::<kith_booking::HoldId>().is_err(), "a booking is not a hold to be released");
}

#[tokio::test]
async fn a_confirmed_booking_is_one_act_for_everybody() {
    let (place, slots) = two_doctors().await;
    let me = place.person(0);
    let held = hold(&me, &place.directory, &slots[0].reference(), NEED, None).await.unwrap();
    let asked = BookingRequest { key: Some("form-1".to_owned()), ..request(0, &slots[0]) };
    let booked = confirm(&me, &place.directory, held.id, &asked).await.unwrap();
    assert!(!booked.replayed);
    let entry = me.read(&booked.appointment).await.unwrap();
    let seen = Appointment::of(&entry.value).unwrap();
    assert_eq!((seen.status, seen.start, seen.mode), (Status::Booked, monday(), Mode::InPerson));
    assert_eq!(seen.patient.name, "Person 0");
    assert_eq!(seen.practitioner.unwrap().name, "Dr shah");
    assert_eq!((seen.description.as_str(), seen.need.as_str()), ("Wellbrook Surgery", NEED));
    assert_eq!(place.status("Slot/shah-0").await, "busy");
    let task = place.system().read(&booked.task).await.unwrap();
    let task = views::Task::of(&task.value).unwrap();
    assert_eq!((task.code(), task.owner(), task.due()), (Some("appointment"), Some(SERVICE), Some(monday())));
    assert_eq!(task.focus(), Some(booked.appointment.as_str()));
    let told = notices(&place.system()).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "appointment-booked");
    assert_eq!(told[0].1["fields"]["when"], "Monday 23 November at 9am");
    assert_eq!(told[0].1["patient"], "p0");
    // Sent twice, booked once.
    let again = confirm(&me, &place.directory, held.id, &asked).await.unwrap();
    assert!(again.replayed);
    assert_eq!((&again.appointment, &again.task), (&booked.appointment, &booked.task));
    let elsewhere = BookingRequest { slot: slots[1].reference(), ..asked };
    let reused = book(&me, &place.directory, &elsewhere).await;
    assert!(matches!(reused, Err(Error::KeyReused)), "{reused:?}");
    // Somebody else cannot have it.
    assert!(matches!(book(&place.person(1), &place.directory, &request(1, &slots[0])).await, Err(Error::Taken { .. })));
    assert_eq!(place.door.check().await.unwrap().problem_count, 0);
    // A form sent again after the booking was cancelled must not say that it stands.
    cancel(&me, &place.directory, &booked.appointment, CancelReason::BookedByMistake).await.unwrap();
    let asked = BookingRequest { slot: slots[0].reference(), ..elsewhere };
    assert!(matches!(book(&me, &place.directory, &asked).await, Err(Error::KeyReused)));
}

#[tokio::test]
async fn a_lapsed_hold_is_no_obstacle_while_the_time_is_free() {
    let (place, slots) = two_doctors().await;
    let held = hold(&place.person(0), &place.directory, &slots[0].reference(), NEED, None).await.unwrap();
    let other = hold(&place.person(0), &place.directory, &slots[1].reference(), NEED, None).await.unwrap();
    place.door.set_clock(Some(start() + minutes(20)));
    book(&place.person(1), &place.directory, &request(1, &slots[1])).await.unwrap();
    confirm(&place.person(0), &place.directory, held.id, &request(0, &slots[0])).await.unwrap();
    let late = confirm(&place.person(0), &place.directory, other.id, &request(0, &slots[1])).await;
    assert!(matches!(late, Err(Error::Taken { .. })), "{late:?}");
}

#[tokio::test]
async fn a_booking_goes_into_a_larger_change_whole_or_not_at_all() {
    let (place, slots) = two_doctors().await;
    let me = place.person(0);
    let ask = |change: &mut Change| {
        let request = build::ServiceRequest {
            person: "Patient/p0",
            need: NEED,
            need_label: "Appointment",
            category: "help-request",
            priority: "routine",
            authored: start(),
            requester: "Patient/p0",
            performers: &[SERVICE],
            due: None,
            reason: "",
            supporting: &[],
            disposition: None,
        };
        change.create(request.build())
    };
    let mut change = Change::new("ask for help");
    let asked = ask(&mut change);
    let booking = BookingRequest { based_on: Some(asked.clone()), ..request(0, &slots[0]) };
    let booked = prepare_confirm(&me, &place.directory, &mut change, None, &booking).await.unwrap();
    assert!(matches!(me.read(&booked.appointment).await, Err(Door::NotFound)), "not before the commit");
    // Somebody else is faster.
    let theirs = book(&place.person(1), &place.directory, &request(1, &slots[0])).await.unwrap();
    let refusal = me.commit(change).await.unwrap_err();
    let said = explain(&me, &place.directory, &booking, refusal).await;
    assert!(matches!(said, Error::Taken { .. } | Error::Door(Door::Conflict { .. })), "{said:?}");
    assert!(matches!(me.read(&asked).await, Err(Door::NotFound)), "nothing of it was kept");
    cancel(&place.person(1), &place.directory, &theirs.appointment, CancelReason::NoLongerNeeded).await.unwrap();
    let mut change = Change::new("ask for help");
    let asked = ask(&mut change);
    let booking = BookingRequest { based_on: Some(asked.clone()), ..booking };
    let booked = prepare_confirm(&me, &place.directory, &mut change, None, &booking).await.unwrap();
    me.commit(change).await.unwrap();
    assert_eq!(place.status(&asked).await, "active");
    // Cancelled because it is not needed: the person's own request ends with it.
    cancel(&me, &place.directory, &booked.appointment, CancelReason::NoLongerNeeded).await.unwrap();
    assert_eq!(place.status(&asked).await, "revoked");
}

#[tokio::test]
async fn moving_takes_the_new_time_and_gives_up_the_old_in_one_act() {
    let (place, slots) = two_doctors().await;
    let me = place.person(0);
    let booked = book(&me, &place.directory, &request(0, &slots[0])).await.unwrap();
    book(&place.person(1), &place.directory, &request(1, &slots[1])).await.unwrap();
    let taken = reschedule(&me, &place.directory, &booked.appointment, &slots[1].reference(), None).await;
    assert!(matches!(taken, Err(Error::Taken { .. })));
    assert_eq!(place.status("Slot/shah-0").await, "busy", "the old time was not lost");
    let same = reschedule(&me, &place.directory, &booked.appointment, &slots[0].reference(), None).await;
    assert!(matches!(same, Err(Error::SameTime)));
    let held = hold(&me, &place.directory, "Slot/okafor-0", NEED, None).await.unwrap();
    // okafor-0 overlaps shah-0, but is another doctor's.
    reschedule(&me, &place.directory, &booked.appointment, "Slot/okafor-0", Some(held.id)).await.unwrap();
    let entry = me.read(&booked.appointment).await.unwrap();
    let seen = Appointment::of(&entry.value).unwrap();
    assert_eq!((seen.start, seen.slots), (monday() + minutes(5), vec!["Slot/okafor-0".to_owned()]));
    assert_eq!(seen.practitioner.unwrap().reference, "Practitioner/okafor");
    assert_eq!(seen.reason, "A cough that stays");
    assert_eq!(
        (place.status("Slot/shah-0").await, place.status("Slot/okafor-0").await),
        ("free".into(), "busy".into())
    );
    let task = place.system().read(&booked.task).await.unwrap();
    assert_eq!(views::Task::of(&task.value).unwrap().due(), Some(monday() + minutes(5)));
    let told = notices(&place.system()).await;
    assert!(told.iter().any(|(template, _)| template == "appointment-changed"));
    book(&place.person(2), &place.directory, &request(2, &slots[0])).await.unwrap();
}

#[tokio::test]
async fn cancelling_frees_the_time_tells_the_person_and_leaves_nobody_waiting() {
    let (place, slots) = two_doctors().await;
    let me = place.person(0);
    let booked = book(&me, &place.directory, &request(0, &slots[0])).await.unwrap();
    let changed = cancel(&me, &place.directory, &booked.appointment, CancelReason::CannotMakeIt).await.unwrap();
    assert_eq!((changed.status, changed.late, changed.follow_up), (Status::Cancelled, false, None));
    assert_eq!(place.status(&booked.task).await, "cancelled");
    assert!(free(&place).await.contains(&slots[0].reference()));
    let twice = cancel(&me, &place.directory, &booked.appointment, CancelReason::CannotMakeIt).await.unwrap_err();
    assert_eq!(twice.to_string(), "This appointment is cancelled, so it cannot be cancelled.");
    // By the service: the person is told, and a follow-up is the service's.
    let booked = book(&place.desk(), &place.directory, &request(1, &slots[0])).await.unwrap();
    place.door.set_clock(Some(monday() - minutes(60)));
    let changed =
        cancel(&place.desk(), &place.directory, &booked.appointment, CancelReason::ServiceUnavailable).await.unwrap();
    assert!(changed.late);
    let task = place.desk().read(&changed.follow_up.unwrap()).await.unwrap();
    let task = views::Task::of(&task.value).unwrap();
    assert_eq!((task.code(), task.owner()), (Some("follow-up"), Some(SERVICE)));
    assert_eq!(task.due(), Some("2026-11-24T17:00:00Z".parse().unwrap()));
    let told: Vec<_> =
        notices(&place.system()).await.into_iter().filter(|(t, _)| t == "appointment-cancelled").collect();
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn the_day_is_listed_and_seen_through_by_staff_alone() {
    let (place, slots) = two_doctors().await;
    let first = book(&place.person(0), &place.directory, &request(0, &slots[0])).await.unwrap();
    let second = book(&place.desk(), &place.directory, &request(1, &slots[1])).await.unwrap();
    let day = "2026-11-23".parse().unwrap();
    // Booked elsewhere, with nobody named.
    let mut change = Change::new("import");
    let mut imported = place.system().read(&second.appointment).await.unwrap().value.as_ref().clone();
    for part in imported["participant"].as_array_mut().unwrap() {
        part["actor"].as_object_mut().unwrap().remove("display");
    }
    change.put(imported);
    place.system().commit(change).await.unwrap();
    let listed = day_list(&place.doctor(), &place.directory, SERVICE, day).await.unwrap();
    assert_eq!(listed[1].appointment.practitioner.as_ref().unwrap().name, "Dr shah");
    let people: Vec<_> = listed.iter().map(|entry| entry.appointment.patient.name.as_str()).collect();
    assert_eq!(people, ["Person 0", "Person 1"]);
    assert!(day_list(&place.doctor(), &place.directory, "gp", "2026-11-24".parse().unwrap()).await.unwrap().is_empty());
    assert!(day_list(&place.stranger(), &place.directory, "gp", day).await.unwrap().is_empty(), "not theirs to see");
    let early = did_not_attend(&place.desk(), &place.directory, &first.appointment).await;
    assert!(matches!(early, Err(Error::NotNow(rules::NotNow::NotBegun))));
    place.door.set_clock(Some(monday() + minutes(15)));
    let person = arrive(&place.person(0), &first.appointment).await;
    assert!(matches!(person, Err(Error::NotNow(rules::NotNow::StaffOnly))));
    let late = cancel(&place.person(0), &place.directory, &first.appointment, CancelReason::CannotMakeIt).await;
    assert!(matches!(late, Err(Error::NotNow(rules::NotNow::Begun))));
    arrive(&place.desk(), &first.appointment).await.unwrap();
    assert_eq!(place.status(&first.task).await, "in-progress");
    fulfil(&place.doctor(), &first.appointment, "Seen").await.unwrap();
    assert_eq!(
        (place.status(&first.appointment).await, place.status(&first.task).await),
        ("fulfilled".into(), "completed".into())
    );
    let missed = did_not_attend(&place.desk(), &place.directory, &second.appointment).await.unwrap();
    assert_eq!(place.status(&second.appointment).await, "noshow");
    assert_eq!(place.status(&missed.follow_up.unwrap()).await, "requested");
    assert!(notices(&place.system()).await.iter().any(|(template, _)| template == "appointment-missed"));
    arrive(&place.desk(), &second.appointment).await.expect("they came after all");
}

#[tokio::test]
async fn reminders_go_out_only_while_the_booking_stands() {
    let (place, slots) = two_doctors().await;
    let kept = book(&place.person(0), &place.directory, &request(0, &slots[0])).await.unwrap();
    let dropped = book(&place.person(1), &place.directory, &request(1, &slots[1])).await.unwrap();
    cancel(&place.person(1), &place.directory, &dropped.appointment, CancelReason::NoLongerNeeded).await.unwrap();
    place.door.set_clock(Some(monday() - SignedDuration::from_hours(23)));
    let system = place.system();
    notices(&system).await;
    let jobs = system.take_jobs(REMINDER, 10, SignedDuration::from_mins(5)).await.unwrap();
    assert_eq!(jobs.len(), 2);
    let mut told = 0;
    for job in &jobs {
        told += usize::from(remind(&system, &job.payload).await.unwrap());
    }
    assert_eq!(told, 1);
    let sent = notices(&system).await;
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].0.as_str(), sent[0].1["about"].as_str()),
        ("appointment-reminder", Some(kept.appointment.as_str()))
    );
}

#[tokio::test]
async fn nobody_books_or_changes_for_somebody_they_have_nothing_to_do_with() {
    let (place, slots) = two_doctors().await;
    let asked = BookingRequest { patient_name: Some("Person 1".to_owned()), ..request(1, &slots[0]) };
    for other in [place.person(0), place.stranger()] {
        let refused = book(&other, &place.directory, &asked).await;
        assert!(matches!(refused, Err(Error::Door(Door::NotFound | Door::Refused { .. }))), "{refused:?}");
    }
    assert_eq!(place.status("Slot/shah-0").await, "free");
    assert!(free(&place).await.contains(&slots[0].reference()), "a refused booking holds nothing");
    let booked = book(&place.person(1), &place.directory, &asked).await.unwrap();
    let refused = cancel(&place.person(0), &place.directory, &booked.appointment, CancelReason::NoLongerNeeded).await;
    assert!(matches!(refused, Err(Error::Door(Door::NotFound))), "{refused:?}");
}

#[tokio::test]
async fn what_cannot_be_booked_says_why() {
    let (place, slots) = two_doctors().await;
    let desk = place.desk();
    let tried = async |asked: BookingRequest| book(&desk, &place.directory, &asked).await.unwrap_err();
    let other = BookingRequest { need: "wound-care".to_owned(), ..request(0, &slots[0]) };
    assert!(matches!(tried(other).await, Error::OtherNeed));
    for gone in ["Slot/none", "Patient/p0", "nonsense"] {
        let gone = BookingRequest { slot: gone.to_owned(), ..request(0, &slots[0]) };
        assert!(matches!(tried(gone).await, Error::NoSuchTime));
    }
    let nobody = BookingRequest { patient: "somebody".to_owned(), ..request(0, &slots[0]) };
    assert!(matches!(tried(nobody).await, Error::Invalid(_)));
    place.door.set_clock(Some(monday()));
    assert!(matches!(tried(request(0, &slots[0])).await, Error::Past));
}

#[tokio::test]
async fn bookings_from_outside_get_their_time_and_their_task() {
    let (place, slots) = two_doctors().await;
    // Booked in another system: the slot says so, the calendars do not, and shah's other calendar has a free slot then.
    let theirs = build::Appointment {
        person: "Patient/p3",
        service: SERVICE,
        practitioner: Some("Practitioner/shah"),
        location: None,
        slots: &[&slots[4].reference()],
        start: monday(),
        end: monday() + minutes(10),
        created: start(),
        need: NEED,
        need_label: "",
        mode: "phone",
        description: "Wellbrook Surgery",
        reason: "",
        instruction: "",
        based_on: None,
    };
    let mut change = Change::new("import");
    change.create(build::with_id(theirs.build(), "theirs"));
    let mut clashing = build::with_id(theirs.build(), "clashing");
    clashing["participant"][0]["actor"]["reference"] = "Patient/p4".into();
    change.create(clashing);
    let system = place.system();
    system.commit(change).await.unwrap();
    let adopted = adopt(&system, &place.directory, start()).await.unwrap();
    assert_eq!((adopted.bookings, adopted.clashes), (1, 1), "two at one time cannot both be right");
    let again = adopt(&system, &place.directory, start()).await.unwrap();
    assert_eq!((again.bookings, again.clashes), (0, 1));
    assert!(!free(&place).await.contains(&slots[0].reference()), "the doctor is busy then");
    let held = system.held_by("Appointment/theirs").await.unwrap();
    let (kept, with_task) = if held.is_empty() { (4, "clashing") } else { (3, "theirs") };
    assert_eq!(place.status(&format!("Task/{with_task}")).await, "requested");
    let mine = format!("Appointment/{with_task}");
    cancel(&place.person(kept), &place.directory, &mine, CancelReason::NoLongerNeeded).await.unwrap();
    assert_eq!(place.status(&format!("Task/{with_task}")).await, "cancelled");
    assert!(free(&place).await.contains(&slots[0].reference()));
}

/// Web handlers need futures that can move between threads: this compiles or it does not.
#[allow(dead_code, clippy::too_many_arguments)]
fn every_act_can_be_awaited_by_a_handler(access: &Access, directory: &kith_directory::Directory, change: &mut Change) {
    fn sends(_: impl Send) {}
    let asked = BookingRequest::default();
    sends(free_slots(access, directory, &wanted(), 1));
    sends(hold(access, directory, "", "", None));
    sends(book(access, directory, &asked));
    sends(prepare_confirm(access, directory, change, None, &asked));
    sends(explain(access, directory, &asked, Door::Taken));
    sends(reschedule(access, directory, "", "", None));
    sends(cancel(access, directory, "", CancelReason::CannotMakeIt));
    sends(did_not_attend(access, directory, ""));
    sends(arrive(access, ""));
    sends(fulfil(access, "", ""));
    sends(day_list(access, directory, "", jiff::civil::Date::MIN));
    sends(remind(access, &Value::Null));
    sends(adopt(access, directory, start()));
    sends(kith_directory::DirectoryCache::new().get(access));
}
