//! What stands beside the resources: links, occupancy, request keys, outbox, jobs, small values, the audit chain.

use jiff::SignedDuration;
use kith_fhir::json;
use kith_store::{AuditDraft, Expect, KeyValue, Link, NewJob, NewMessage, Occupancy, Settle, StoreError};

use super::{Act, Fresh, assert_sound, at, fields, observation, patient};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn link(kind: u8, target: &str, until: Option<i64>) -> Link {
    Link { kind, target: target.into(), until: until.map(at) }
}

pub async fn links_follow_the_resource(store: Fresh) {
    let practice = link(1, "Organization/x", None);
    Act::new(0)
        .put_expecting(patient("a"), Expect::Absent, vec![practice.clone()])
        .put_expecting(patient("b"), Expect::Absent, vec![practice.clone()])
        .put_expecting(observation("o", "a", 1), Expect::Absent, vec![link(2, "HealthcareService/s", Some(100))])
        .put_expecting(observation("p", "a", 1), Expect::Absent, vec![link(2, "HealthcareService/s", Some(200))])
        .commit(&store)
        .await
        .unwrap();
    // The longest of several reasons counts.
    let links = store.links("a").await.unwrap();
    assert_eq!(links, [practice.clone(), link(2, "HealthcareService/s", Some(200))]);
    let linked = async |target: &str, kinds: &[u8], now, after: Option<&str>, limit| {
        store.linked(&[target.to_owned()], kinds, at(now), after, limit).await.unwrap()
    };
    assert_eq!(linked("Organization/x", &[1, 2], 0, None, 9).await, ["a", "b"]);
    assert_eq!(linked("Organization/x", &[1], 0, None, 1).await, ["a"]);
    assert_eq!(linked("Organization/x", &[1], 0, Some("a"), 9).await, ["b"]);
    assert_eq!(linked("HealthcareService/s", &[2], 199, None, 9).await, ["a"]);
    assert!(linked("HealthcareService/s", &[2], 200, None, 9).await.is_empty());
    assert!(linked("HealthcareService/s", &[1], 0, None, 9).await.is_empty());
    // A link goes with the version that gave rise to it.
    Act::new(1).put(observation("p", "a", 2)).commit(&store).await.unwrap();
    assert_eq!(store.links("a").await.unwrap()[1], link(2, "HealthcareService/s", Some(100)));
    Act::new(2).delete("Observation", "o", Some("a"), Expect::Any).commit(&store).await.unwrap();
    assert_eq!(store.links("a").await.unwrap(), [practice]);
    assert!(store.links("nobody").await.unwrap().is_empty());
}

/// The promise, as something that can be asked of a store whose guard was taken away.
pub async fn both_of_two_overlapping_bookings_succeed(store: &Fresh) -> bool {
    let first = Act::new(0).occupy("Schedule/s", 0, 600, "Appointment/1", None).commit(store).await;
    let second = Act::new(0).occupy("Schedule/s", 300, 900, "Appointment/2", None).commit(store).await;
    first.unwrap();
    match second {
        Ok(_) => true,
        Err(StoreError::Occupied) => false,
        Err(other) => panic!("{other}"),
    }
}

pub async fn a_slot_is_never_given_twice(store: Fresh) {
    assert!(!both_of_two_overlapping_bookings_succeed(&store).await);
    // Next to each other, within, around, on another calendar.
    Act::new(0).occupy("Schedule/s", 600, 900, "Appointment/3", None).commit(&store).await.unwrap();
    Act::new(0).occupy("Schedule/t", 0, 600, "Appointment/1", None).commit(&store).await.unwrap();
    for (from, to) in [(0, 600), (100, 200), (-600, 1), (-600, 4000), (899, 901)] {
        let refused = Act::new(0).occupy("Schedule/s", from, to, "Appointment/9", None).commit(&store).await;
        assert!(matches!(refused, Err(StoreError::Occupied)), "{from}..{to}");
    }
    // Of many at once exactly one gets it.
    let tries = (0..64).map(|n| {
        let store = store.store.clone();
        tokio::spawn(async move {
            Act::new(1).occupy("Schedule/u", 0, 600, &format!("Appointment/{n}"), None).commit(&store).await.is_ok()
        })
    });
    let mut given = 0;
    for one in tries.collect::<Vec<_>>() {
        given += usize::from(one.await.unwrap());
    }
    assert_eq!(given, 1);
    let busy = store.occupied(&["Schedule/s".into(), "Schedule/t".into()], at(0), at(600), at(0)).await.unwrap();
    let holders: Vec<_> = busy.iter().map(|o| (o.calendar.as_str(), o.holder.as_str())).collect();
    assert_eq!(holders, [("Schedule/s", "Appointment/1"), ("Schedule/t", "Appointment/1")]);
    assert_sound(&store).await;
}

pub async fn a_lapsed_hold_gives_way(store: Fresh) {
    Act::new(0).occupy("Schedule/s", 0, 600, "hold:1", Some(300)).commit(&store).await.unwrap();
    let early = Act::new(299).occupy("Schedule/s", 0, 600, "hold:2", Some(900)).commit(&store).await;
    assert!(matches!(early, Err(StoreError::Occupied)));
    assert_eq!(store.occupied(&["Schedule/s".into()], at(0), at(1), at(299)).await.unwrap().len(), 1);
    assert!(store.occupied(&["Schedule/s".into()], at(0), at(1), at(300)).await.unwrap().is_empty());
    // Its holder still sees that it had it.
    assert_eq!(store.held_by("hold:1").await.unwrap().len(), 1);
    Act::new(300).occupy("Schedule/s", 0, 600, "hold:2", Some(900)).commit(&store).await.unwrap();
    assert!(store.held_by("hold:1").await.unwrap().is_empty());
    assert_eq!(store.sweep(at(900)).await.unwrap(), 1);
    assert!(store.held_by("hold:2").await.unwrap().is_empty());
    assert_sound(&store).await;
}

pub async fn release_and_take_again_in_one_act(store: Fresh) {
    Act::new(0)
        .occupy("Schedule/s", 0, 600, "hold:1", Some(300))
        .occupy("Location/room", 0, 600, "hold:1", Some(300))
        .commit(&store)
        .await
        .unwrap();
    Act::new(1)
        .release("hold:1")
        .occupy("Schedule/s", 0, 600, "Appointment/1", None)
        .occupy("Location/room", 0, 600, "Appointment/1", None)
        .commit(&store)
        .await
        .unwrap();
    assert!(store.held_by("hold:1").await.unwrap().is_empty());
    let held = store.held_by("Appointment/1").await.unwrap();
    let whole = |calendar: &str| Occupancy {
        calendar: calendar.into(),
        start: at(0),
        end: at(600),
        holder: "Appointment/1".into(),
        until: None,
    };
    assert_eq!(held, [whole("Location/room"), whole("Schedule/s")]);
    // If any of the new time is taken, what was released is still held.
    Act::new(2).occupy("Schedule/s", 3600, 4200, "Appointment/2", None).commit(&store).await.unwrap();
    let refused = Act::new(3).release("Appointment/1").occupy("Schedule/s", 3600, 4200, "Appointment/1", None);
    assert!(matches!(refused.commit(&store).await, Err(StoreError::Occupied)));
    assert_eq!(store.held_by("Appointment/1").await.unwrap().len(), 2);
}

pub async fn impossible_times_are_refused(store: Fresh) {
    for (from, to) in [(0, 0), (600, 0), (0, 86_401)] {
        let refused = Act::new(0).occupy("Schedule/s", from, to, "Appointment/1", None).commit(&store).await;
        assert!(matches!(refused, Err(StoreError::Span)), "{from}..{to}");
    }
    Act::new(0).occupy("Schedule/s", 0, 86_400, "Appointment/1", None).commit(&store).await.unwrap();
}

pub async fn a_request_key_is_forgotten_when_nothing_can_send_it_again(store: Fresh) {
    const DAY: i64 = 24 * 3600;
    let act = |day: i64, id: &'static str, key: &str| {
        let key = (key.to_owned(), [1; 32]);
        Act::new(day * DAY).create(patient(id)).with(|b| b.once = Some(key))
    };
    act(0, "a", "first").commit(&store).await.unwrap();
    act(5, "b", "second").commit(&store).await.unwrap();
    // Kept while somebody may still send the form they began.
    assert_eq!(store.sweep(at(29 * DAY)).await.unwrap(), 0);
    assert!(act(29, "c", "first").commit(&store).await.unwrap().replayed);
    assert_eq!(store.sweep(at(31 * DAY)).await.unwrap(), 1);
    assert!(!act(31, "c", "first").commit(&store).await.unwrap().replayed, "the key may be used anew");
    assert!(act(31, "d", "second").commit(&store).await.unwrap().replayed, "and the younger one is still known");
}

pub async fn a_repeated_request_is_answered_once(store: Fresh) {
    let ask = |digest: u8, id: &str| {
        let key = ("booking".to_owned(), [digest; 32]);
        Act::new(0).create(patient(id)).with(|b| b.once = Some(key))
    };
    let first = ask(1, "a").commit(&store).await.unwrap();
    assert!(!first.replayed);
    let again = ask(1, "b").commit(&store).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.written, first.written);
    assert!(store.read("Patient", "b").await.unwrap().is_none());
    assert!(matches!(ask(2, "c").commit(&store).await, Err(StoreError::KeyReused)));
    // Of many at once one does it and the rest hear of it.
    let tries: Vec<_> = (0..16)
        .map(|n| {
            let store = store.store.clone();
            tokio::spawn(async move {
                let act = Act::new(0).create(patient(&format!("m{n}")));
                act.with(|b| b.once = Some(("many".into(), [0; 32]))).commit(&store).await.unwrap()
            })
        })
        .collect();
    let mut done = 0;
    for one in tries {
        done += usize::from(!one.await.unwrap().replayed);
    }
    assert_eq!(done, 1);
    assert_eq!(store.counts().await.unwrap()["Patient"], 2);
    assert_sound(&store).await;
}

fn message(key: &str) -> NewMessage {
    NewMessage { topic: "notify".into(), key: key.into(), payload: json!({"to": key}) }
}

pub async fn a_message_is_delivered_until_settled(store: Fresh) {
    let publish = |key: &'static str| Act::new(0).with(move |b| b.outbox.push(message(key)));
    for key in ["1", "2", "1"] {
        publish(key).commit(&store).await.unwrap();
    }
    assert!(store.take_outbox("other", 9, MINUTE, at(1)).await.unwrap().is_empty());
    let taken = store.take_outbox("notify", 9, MINUTE, at(1)).await.unwrap();
    assert_eq!(taken.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((taken[0].attempts, &taken[0].payload), (0, &json!({"to": "1"})));
    // While leased nobody else gets it; after that it comes again.
    assert!(store.take_outbox("notify", 9, MINUTE, at(60)).await.unwrap().is_empty());
    store.settle_outbox(taken[0].seq, Settle::Done).await.unwrap();
    let again = store.take_outbox("notify", 9, MINUTE, at(61)).await.unwrap();
    assert_eq!(again.iter().map(|m| (m.key.as_str(), m.attempts)).collect::<Vec<_>>(), [("2", 1)]);
    store.settle_outbox(again[0].seq, Settle::RetryAt(at(500))).await.unwrap();
    assert!(store.take_outbox("notify", 9, MINUTE, at(499)).await.unwrap().is_empty());
    assert_eq!(store.take_outbox("notify", 9, MINUTE, at(500)).await.unwrap()[0].attempts, 2);
    // A message that was delivered is not queued a second time.
    publish("1").commit(&store).await.unwrap();
    store.settle_outbox(again[0].seq, Settle::Done).await.unwrap();
    assert!(store.take_outbox("notify", 9, MINUTE, at(9999)).await.unwrap().is_empty());
    assert!(matches!(store.settle_outbox(12345, Settle::Done).await, Err(StoreError::Missing(_))));
}

pub async fn a_dead_message_is_kept_for_a_person_to_see(store: Fresh) {
    for key in ["1", "2"] {
        Act::new(0).with(|b| b.outbox.push(message(key))).commit(&store).await.unwrap();
    }
    for message in store.take_outbox("notify", 9, MINUTE, at(1)).await.unwrap() {
        store.settle_outbox(message.seq, Settle::Dead).await.unwrap();
    }
    assert!(store.take_outbox("notify", 9, MINUTE, at(9999)).await.unwrap().is_empty());
    let dead = store.dead_outbox("notify", 9).await.unwrap();
    assert_eq!(dead.iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), ["2", "1"]);
}

pub async fn a_job_runs_when_due(store: Fresh) {
    let queue = |key: &'static str, due| {
        Act::new(0).with(move |b| {
            b.jobs.push(NewJob { kind: "recall".into(), key: key.into(), run_at: at(due), payload: json!(key) });
        })
    };
    for (key, due) in [("late", 200), ("early", 100), ("early", 1)] {
        queue(key, due).commit(&store).await.unwrap();
    }
    assert!(store.take_jobs("recall", 9, MINUTE, at(99)).await.unwrap().is_empty());
    let due = store.take_jobs("recall", 9, MINUTE, at(200)).await.unwrap();
    assert_eq!(due.iter().map(|j| j.key.as_str()).collect::<Vec<_>>(), ["early", "late"]);
    store.settle_job(due[0].job, Settle::Done).await.unwrap();
    let again = store.take_jobs("recall", 9, MINUTE, at(300)).await.unwrap();
    assert_eq!(again.iter().map(|j| (j.key.as_str(), j.attempts)).collect::<Vec<_>>(), [("late", 1)]);
    store.settle_job(again[0].job, Settle::Dead).await.unwrap();
    assert!(store.take_jobs("recall", 9, MINUTE, at(9999)).await.unwrap().is_empty());
}

pub async fn small_values_lapse(store: Fresh) {
    let set = |key: &'static str, value: Option<u8>, expires: Option<i64>| {
        let value = value.map(|v| vec![v]);
        Act::new(0).with(move |b| b.set.push(KeyValue { space: "s", key: key.into(), value, expires: expires.map(at) }))
    };
    set("b", Some(1), None).commit(&store).await.unwrap();
    set("a", Some(2), Some(100)).commit(&store).await.unwrap();
    assert_eq!(store.list("s", at(99)).await.unwrap(), [("a".to_owned(), vec![2]), ("b".to_owned(), vec![1])]);
    assert_eq!(store.get("s", "a", at(100)).await.unwrap(), None);
    assert_eq!(store.get("other", "b", at(0)).await.unwrap(), None);
    // A refresh prolongs what is there and brings nothing back that is not.
    let refresh = |seconds, key: &'static str| {
        Act::new(seconds).with(move |b| {
            b.refresh.push(KeyValue { space: "s", key: key.into(), value: Some(vec![9]), expires: Some(at(200)) });
        })
    };
    refresh(50, "a").commit(&store).await.unwrap();
    assert_eq!(store.get("s", "a", at(199)).await.unwrap(), Some(vec![9]));
    refresh(200, "a").commit(&store).await.unwrap();
    refresh(50, "never").commit(&store).await.unwrap();
    assert_eq!(store.list("s", at(200)).await.unwrap().len(), 1);
    assert_eq!(store.sweep(at(200)).await.unwrap(), 1);
    set("b", None, None).commit(&store).await.unwrap();
    assert!(store.list("s", at(0)).await.unwrap().is_empty());
}

pub async fn the_audit_chain_is_whole_and_told_by_person(store: Fresh) {
    Act::new(0).create(patient("a")).create(patient("b")).commit(&store).await.unwrap();
    for n in 1..=5 {
        let mut read = fields("open");
        read.reason = format!("visit {n}");
        let draft = AuditDraft { person: Some("a".into()), fields: read, covers_writes: false };
        Act::new(n).with(|b| b.audit.push(draft)).commit(&store).await.unwrap();
    }
    let report = store.verify_audit(None).await.unwrap();
    assert_eq!((report.entries, report.head, report.broken), (7, 7, None));
    let of_a = store.audit_of("a", None, 3).await.unwrap();
    assert_eq!(of_a.iter().map(|e| e.fields.reason.as_str()).collect::<Vec<_>>(), ["visit 5", "visit 4", "visit 3"]);
    assert_eq!(of_a[0].origin.actor, "Practitioner/p");
    let rest = store.audit_of("a", Some(of_a[2].seq), 9).await.unwrap();
    assert_eq!(rest.len(), 3);
    assert_eq!(rest[2].fields.what, ["Patient/a/_history/1"]);
    assert_eq!(store.audit_of("b", None, 9).await.unwrap().len(), 1);
    // Each version points at the entry that speaks for it.
    for person in ["a", "b"] {
        let version = store.read("Patient", person).await.unwrap().unwrap();
        let entry = &store.audit_after(version.audit - 1, 1).await.unwrap()[0];
        assert_eq!(entry.person.as_deref(), Some(person));
    }
    assert_sound(&store).await;
}

pub async fn a_closed_store_says_so(store: Fresh) {
    Act::new(0).create(patient("a")).commit(&store).await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.read("Patient", "a").await, Err(StoreError::Closed)));
    assert!(matches!(Act::new(1).create(patient("b")).commit(&store).await, Err(StoreError::Closed)));
    store.close().await.unwrap();
}
