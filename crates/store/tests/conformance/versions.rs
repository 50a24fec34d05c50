//! Resources and their versions.

use kith_fhir::json;
use kith_store::{Expect, KeyValue, NewJob, NewMessage, StoreError, Stored};

use super::{Act, Fresh, assert_sound, at, observation, patient};

pub async fn what_is_created_is_read_back(store: Fresh) {
    let receipt = Act::new(0).create(patient("a")).create(observation("o", "a", 1)).commit(&store).await.unwrap();
    assert_eq!(receipt.written, [("Patient/a".to_owned(), 1), ("Observation/o".to_owned(), 1)]);
    let read = store.read("Observation", "o").await.unwrap().unwrap();
    assert_eq!((read.kind, read.version, read.updated), ("Observation", 1, at(0)));
    assert_eq!(read.origin.actor, "Practitioner/p");
    assert_eq!(read.person.as_deref(), Some("a"));
    let value = read.value.unwrap();
    assert_eq!(value["valueInteger"], 1);
    assert_eq!(value["meta"]["versionId"], "1");
    assert_eq!(value["meta"]["lastUpdated"], "2026-03-01T00:00:00Z");
    assert_eq!(store.person_of("Observation", "o").await.unwrap().unwrap().as_deref(), Some("a"));
    assert!(store.read("Observation", "other").await.unwrap().is_none());
    assert!(store.read("Nonsense", "o").await.unwrap().is_none());
    assert!(store.person_of("Patient", "other").await.unwrap().is_none());
    let again = Act::new(1).create(observation("o", "a", 2)).commit(&store).await;
    assert!(matches!(again, Err(StoreError::Version { found: Some(1), expected: Expect::Absent, .. })));
    assert_sound(&store).await;
}

pub async fn an_update_needs_the_version_it_saw(store: Fresh) {
    Act::new(0).create(patient("a")).create(observation("o", "a", 1)).commit(&store).await.unwrap();
    Act::new(1).update(observation("o", "a", 2), 1).commit(&store).await.unwrap();
    let stale = Act::new(2).update(observation("o", "a", 3), 1).commit(&store).await;
    assert!(matches!(stale, Err(StoreError::Version { found: Some(2), .. })));
    let absent = Act::new(2).update(observation("x", "a", 3), 1).commit(&store).await;
    assert!(matches!(absent, Err(StoreError::Version { found: None, .. })));
    let stale = Act::new(2).delete("Observation", "o", Some("a"), Expect::Version(1)).commit(&store).await;
    assert!(matches!(stale, Err(StoreError::Version { found: Some(2), .. })));
    assert_eq!(store.read("Observation", "o").await.unwrap().unwrap().value.unwrap()["valueInteger"], 2);
    assert_sound(&store).await;
}

pub async fn a_deletion_is_a_version_and_can_be_undone(store: Fresh) {
    Act::new(0).create(patient("a")).create(observation("o", "a", 1)).commit(&store).await.unwrap();
    let delete = || Act::new(1).delete("Observation", "o", Some("a"), Expect::Any);
    assert_eq!(delete().commit(&store).await.unwrap().changed, 1);
    // A second time there is nothing to delete, and that is no fault.
    assert_eq!(delete().commit(&store).await.unwrap().changed, 0);
    let gone = store.read("Observation", "o").await.unwrap().unwrap();
    assert_eq!((gone.version, gone.value), (2, None));
    assert_eq!(store.compartment("a").await.unwrap().len(), 1);
    assert_eq!(store.counts().await.unwrap().get("Observation"), None);
    Act::new(2).create(observation("o", "a", 1)).commit(&store).await.unwrap();
    assert_eq!(store.read("Observation", "o").await.unwrap().unwrap().version, 3);
    let never = Act::new(3).delete("Observation", "never", Some("a"), Expect::Any).commit(&store).await;
    assert!(matches!(never, Err(StoreError::Missing(_))));
    assert_sound(&store).await;
}

pub async fn every_version_stays_readable(store: Fresh) {
    Act::new(0).create(patient("a")).create(observation("o", "a", 1)).commit(&store).await.unwrap();
    Act::new(1).put(observation("o", "a", 2)).commit(&store).await.unwrap();
    Act::new(2).delete("Observation", "o", Some("a"), Expect::Any).commit(&store).await.unwrap();
    Act::new(3).put(observation("o", "a", 4)).commit(&store).await.unwrap();
    let history = store.history("Observation", "o").await.unwrap();
    assert_eq!(history.iter().map(|v| v.version).collect::<Vec<_>>(), [4, 3, 2, 1]);
    for stored in &history {
        let one = store.version("Observation", "o", stored.version).await.unwrap().unwrap();
        assert_eq!((one.updated, one.audit), (at(i64::from(stored.version) - 1), i64::from(stored.version)));
        assert_eq!(one.value, stored.value);
        let expected = (stored.version != 3).then_some(u64::from(stored.version));
        assert_eq!(one.value.and_then(|v| v["valueInteger"].as_u64()), expected);
    }
    assert!(store.version("Observation", "o", 0).await.unwrap().is_none());
    assert!(store.version("Observation", "o", 5).await.unwrap().is_none());
    assert!(store.history("Observation", "never").await.unwrap().is_empty());
    assert_sound(&store).await;
}

pub async fn the_same_content_makes_no_new_version(store: Fresh) {
    let act = || Act::new(0).put(patient("a")).put(observation("o", "a", 1));
    assert_eq!(act().commit(&store).await.unwrap().changed, 2);
    let again = act().commit(&store).await.unwrap();
    assert_eq!((again.changed, again.written[1].1), (0, 1));
    // What the store itself filled in is not content; neither is the order of members.
    let mut read = (*store.read("Observation", "o").await.unwrap().unwrap().value.unwrap()).clone();
    read["meta"]["versionId"] = json!("77");
    assert_eq!(Act::new(9).put(read).commit(&store).await.unwrap().changed, 0);
    assert_eq!(store.history("Observation", "o").await.unwrap().len(), 1);
    assert_sound(&store).await;
}

pub async fn nothing_of_a_refused_batch_is_left(store: Fresh) {
    Act::new(0).create(patient("a")).create(observation("o", "a", 1)).commit(&store).await.unwrap();
    let directory = store.directory_version();
    let refused = Act::new(1)
        .create(patient("b"))
        .create(observation("new", "b", 1))
        .put(observation("o", "a", 2))
        .create(json!({"resourceType": "Organization", "id": "org"}))
        .occupy("Schedule/s", 0, 600, "hold:1", None)
        .with(|b| {
            b.outbox.push(NewMessage { topic: "t".into(), key: "k".into(), payload: json!(1) });
            b.jobs.push(NewJob { kind: "j".into(), key: "k".into(), run_at: at(0), payload: json!(1) });
            b.set.push(KeyValue { space: "s", key: "k".into(), value: Some(vec![1]), expires: None });
            b.once = Some(("key".into(), [1; 32]));
        })
        .update(observation("o", "a", 3), 9)
        .commit(&store)
        .await;
    assert!(matches!(refused, Err(StoreError::Version { .. })));
    assert!(store.read("Patient", "b").await.unwrap().is_none());
    assert!(store.compartment("b").await.unwrap().is_empty());
    assert!(store.read("Observation", "new").await.unwrap().is_none());
    assert!(store.read("Organization", "org").await.unwrap().is_none());
    assert_eq!(store.history("Observation", "o").await.unwrap().len(), 1);
    assert!(store.held_by("hold:1").await.unwrap().is_empty());
    assert!(store.get("s", "k", at(2)).await.unwrap().is_none());
    let lease = jiff::SignedDuration::from_secs(60);
    assert!(store.take_outbox("t", 9, lease, at(2)).await.unwrap().is_empty());
    assert!(store.take_jobs("j", 9, lease, at(2)).await.unwrap().is_empty());
    assert_eq!(store.audit_after(0, 99).await.unwrap().len(), 1);
    assert_eq!(store.directory_version(), directory);
    // The next act takes the numbers the refused one would have had: there is no gap to explain.
    let next = Act::new(3).create(patient("b")).create(json!({"resourceType": "Organization", "id": "org"}));
    next.with(|b| b.once = Some(("key".into(), [2; 32]))).commit(&store).await.unwrap();
    let audit = store.audit_after(0, 99).await.unwrap();
    assert_eq!(audit.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(store.directory_version() > directory);
    assert_sound(&store).await;
}

pub async fn a_broken_reference_is_refused(store: Fresh) {
    Act::new(0).create(patient("a")).commit(&store).await.unwrap();
    let mut value = observation("o", "a", 1);
    value["encounter"] = json!({"reference": "Encounter/none"});
    let refused = Act::new(1).create(value.clone()).commit(&store).await;
    assert!(matches!(refused, Err(StoreError::BrokenReference { from, to })
        if from == "Observation/o" && to == "Encounter/none"));
    let nobody = Act::new(1).create(observation("o", "nobody", 1)).commit(&store).await;
    assert!(matches!(nobody, Err(StoreError::BrokenReference { to, .. }) if to == "Patient/nobody"));
    // Import may accept it for now; the check names it until it is mended.
    Act::new(2).create(value).loose().commit(&store).await.unwrap();
    let report = store.check().await.unwrap();
    assert_eq!(report.problems, ["Observation/o refers to Encounter/none, which does not exist"]);
    Act::new(3)
        .create(json!({"resourceType": "Encounter", "id": "none", "subject": {"reference": "Patient/a"}}))
        .commit(&store)
        .await
        .unwrap();
    assert_sound(&store).await;
}

pub async fn entries_of_a_batch_may_refer_to_each_other(store: Fresh) {
    let mut first = observation("o", "a", 1);
    first["hasMember"] = json!([{"reference": "Observation/p"}, {"reference": "#inside"}, {"display": "nothing"},
        {"reference": "https://elsewhere.example/Observation/1"}]);
    // The Patient stands last and is found all the same.
    let act = Act::new(0).create(first).create(observation("p", "a", 2)).create(patient("a"));
    act.commit(&store).await.unwrap();
    let record = store.compartment("a").await.unwrap();
    assert_eq!(
        record.iter().map(Stored::reference).collect::<Vec<_>>(),
        ["Patient/a", "Observation/o", "Observation/p"]
    );
    assert_sound(&store).await;
}

pub async fn a_resource_never_moves_between_people(store: Fresh) {
    Act::new(0)
        .create(patient("a"))
        .create(patient("b"))
        .create(observation("o", "a", 1))
        .commit(&store)
        .await
        .unwrap();
    let moved = Act::new(1).put(observation("o", "b", 1)).commit(&store).await;
    assert!(matches!(moved, Err(StoreError::Moved { what }) if what == "Observation/o"));
    let mut nobodys = observation("o", "a", 1);
    nobodys.as_object_mut().unwrap().remove("subject");
    assert!(matches!(Act::new(1).put(nobodys.clone()).commit(&store).await, Err(StoreError::Moved { .. })));
    Act::new(1).delete("Observation", "o", Some("a"), Expect::Any).commit(&store).await.unwrap();
    // Not even after a deletion: the history stays with the person it is about.
    assert!(matches!(Act::new(2).create(observation("o", "b", 1)).commit(&store).await, Err(StoreError::Moved { .. })));
    nobodys["id"] = json!("free");
    Act::new(2).create(nobodys).commit(&store).await.unwrap();
    let claimed = Act::new(3).put(observation("free", "a", 1)).commit(&store).await;
    assert!(matches!(claimed, Err(StoreError::Moved { .. })));
    assert_sound(&store).await;
}

pub async fn a_compartment_is_the_persons_live_resources(store: Fresh) {
    Act::new(0).create(patient("a")).create(patient("b")).commit(&store).await.unwrap();
    for n in 0..20 {
        let person = if n % 3 == 0 { "b" } else { "a" };
        Act::new(n).create(observation(&format!("o{n}"), person, n)).commit(&store).await.unwrap();
    }
    Act::new(30).delete("Observation", "o1", Some("a"), Expect::Any).commit(&store).await.unwrap();
    Act::new(31).put(observation("o2", "a", 99)).commit(&store).await.unwrap();
    for (person, count) in [("a", 13), ("b", 8), ("nobody", 0)] {
        // Twice: as read, and as remembered.
        for _ in 0..2 {
            let record = store.compartment(person).await.unwrap();
            assert_eq!(record.len(), count, "{person}");
            assert!(record.first().is_none_or(|s| s.reference() == format!("Patient/{person}")));
            assert!(record.iter().all(|s| s.person.as_deref() == Some(person) && s.value.is_some() && s.id != "o1"));
        }
    }
    // What was remembered is forgotten when it changes.
    Act::new(32).put(observation("o2", "a", 100)).commit(&store).await.unwrap();
    let record = store.compartment("a").await.unwrap();
    assert!(record.iter().any(|s| s.id == "o2" && s.value.as_ref().unwrap()["valueInteger"] == 100));
}

pub async fn a_walk_meets_everything_once(store: Fresh) {
    for n in 0..10 {
        let person = format!("p{n}");
        let organisation = json!({"resourceType": "Organization", "id": format!("org{n}")});
        let act = Act::new(n).create(patient(&person)).create(observation(&format!("o{n}"), &person, n));
        act.create(organisation).commit(&store).await.unwrap();
    }
    Act::new(11).delete("Observation", "o3", Some("p3"), Expect::Any).commit(&store).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.walk(after, 7).await.unwrap();
        let Some((mark, _)) = page.last() else { break };
        after = Some(*mark);
        seen.extend(page.into_iter().map(|(_, s)| s.reference()));
    }
    seen.sort();
    let before = seen.len();
    seen.dedup();
    assert_eq!((before, seen.len()), (29, 29));
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("Observation", 9), ("Organization", 10), ("Patient", 10)]);
}

pub async fn decimals_and_unknown_elements_survive(store: Fresh) {
    let mut value: kith_fhir::Value = serde_json::from_str(
        r#"{"resourceType":"Observation","id":"o","valueQuantity":{"value":7.10,"x":1e400},"invented":[null,{"deep":"ünï"}],
            "meta":{"profile":["p"]}}"#,
    )
    .unwrap();
    Act::new(0).create(value.clone()).commit(&store).await.unwrap();
    let mut read = (*store.read("Observation", "o").await.unwrap().unwrap().value.unwrap()).clone();
    for v in [&mut read, &mut value] {
        v["meta"].as_object_mut().unwrap().retain(|key, _| key == "profile");
    }
    assert_eq!(kith_fhir::json::canonical(&read), kith_fhir::json::canonical(&value));
    assert!(read.to_string().contains("7.10"));
    assert_sound(&store).await;
}
