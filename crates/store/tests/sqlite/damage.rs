//! Planted damage is found, and named.

use std::path::Path;
use std::sync::Arc;

use kith_fhir::json;
use kith_store::sqlite::Sqlite;
use kith_store::{Expect, Store};

use crate::conformance::beside::both_of_two_overlapping_bookings_succeed;
use crate::conformance::{Act, Fresh, assert_sound, observation, patient};
use crate::open;

/// Two people, a history, a deletion, a booking.
pub async fn planted(folder: &Path) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = open(folder);
    Act::new(0)
        .create(patient("a"))
        .create(patient("b"))
        .create(observation("o", "a", 1))
        .commit(&store)
        .await
        .unwrap();
    Act::new(1).put(observation("o", "a", 2)).commit(&store).await.unwrap();
    Act::new(2).create(observation("gone", "b", 1)).commit(&store).await.unwrap();
    Act::new(3).delete("Observation", "gone", Some("b"), Expect::Any).commit(&store).await.unwrap();
    Act::new(4)
        .create(json!({"resourceType": "Organization", "id": "org", "name": "Practice"}))
        .commit(&store)
        .await
        .unwrap();
    store
}

#[tokio::test]
async fn damage_to_the_record_is_found_and_named() {
    let cases = [
        ("DELETE FROM ix WHERE rowid_of_patient", "lacks a row of index"),
        ("INSERT INTO ix (param, key, rid) VALUES (2, x'61', 16777216)", "the index has"),
        (
            "UPDATE resource SET body = (SELECT body FROM history LIMIT 1) WHERE version = 2 AND body IS NOT NULL",
            "Observation/o: the stored bytes are not those that were written",
        ),
        (
            "UPDATE resource SET body = x'00ff' WHERE version = 2 AND body IS NOT NULL",
            "Observation/o: the stored bytes are not those",
        ),
        (
            "UPDATE resource SET body = x'0900' WHERE version = 2 AND body IS NOT NULL",
            "Observation/o: the stored bytes cannot be read",
        ),
        (
            "UPDATE history SET body = (SELECT body FROM resource WHERE version = 2 AND body IS NOT NULL)",
            "Observation/o/_history/1: the stored bytes are not those",
        ),
        // Body and hash altered together: only the audit entry's digest can tell.
        (
            "UPDATE resource SET (body, hash) = (SELECT body, hash FROM history LIMIT 1) WHERE version = 2 AND body IS NOT NULL",
            "speaks for 1 versions, but the 1 found are not those that were written",
        ),
        (
            "UPDATE resource SET hash = x'00' WHERE body IS NULL",
            "Observation/gone: the deletion is not one that was written",
        ),
        ("UPDATE history SET version = 3 WHERE body IS NOT NULL", "at version 2 but has 1 earlier versions"),
        ("DELETE FROM history WHERE rowid_of_o", "Observation/o is at version 2 but has 0 earlier versions"),
        (
            "UPDATE resource SET updated = updated + 1 WHERE version = 2 AND body IS NOT NULL",
            "Observation/o/_history/2 names another time, writer or person",
        ),
        (
            "INSERT INTO origin (fields) SELECT replace(fields, 'Somebody', 'Nobody') FROM origin; UPDATE history SET origin = (SELECT max(origin) FROM origin)",
            "names another time, writer or person",
        ),
        (
            "UPDATE resource SET audit = 99 WHERE version = 2 AND body IS NOT NULL",
            "1 versions were written without an audit entry",
        ),
        ("DELETE FROM resource_id WHERE rid = 16777216", "Patient/a cannot be found by its id"),
        ("DELETE FROM person WHERE patient = 'b'", "is kept with a person who does not exist"),
        ("DELETE FROM resource WHERE rid = 16777216", "speaks for"),
    ];
    for (sql, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = planted(folder.path()).await;
        assert_sound(&store).await;
        let sql = sql
            .replace("rowid_of_patient", "rid = (SELECT min(rid) FROM resource WHERE rid > 0)")
            .replace("rowid_of_o", "rid IN (SELECT rid FROM resource WHERE version = 2 AND body IS NOT NULL)");
        Sqlite::tamper(folder.path()).unwrap().execute_batch(&sql).unwrap();
        let report = store.check().await.unwrap();
        assert!(report.problems.iter().any(|p| p.contains(words)), "{sql}\n{:#?}", report.problems);
    }
}

#[tokio::test]
async fn a_version_written_past_the_door_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = planted(folder.path()).await;
    let mut batch = Act::new(9).put(observation("o", "a", 66)).finish();
    batch.audit.clear();
    store.commit(batch).await.unwrap();
    let report = store.check().await.unwrap();
    assert_eq!(report.problems, ["1 versions were written without an audit entry"]);
}

#[tokio::test]
async fn every_alteration_of_the_audit_chain_is_found_and_placed() {
    let cases = [
        ("UPDATE audit SET at = at + 1 WHERE seq = 3", "audit entry 3 was altered"),
        ("UPDATE audit SET person = 'b' WHERE seq = 3", "audit entry 3 was altered"),
        ("UPDATE audit SET person = NULL WHERE seq = 3", "audit entry 3 was altered"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 3", "audit entry 3 was altered"),
        ("UPDATE audit SET body = (SELECT body FROM audit WHERE seq = 1) WHERE seq = 3", "audit entry 3 was altered"),
        ("UPDATE audit SET body = x'0900' WHERE seq = 3", "audit entry 3 was altered"),
        ("UPDATE audit SET origin = 77 WHERE seq = 3", "audit entry 3 was altered"),
        // The text of who it was, under the number all entries share.
        ("UPDATE origin SET fields = replace(fields, 'Somebody', 'Nobody')", "audit entry 1 was altered"),
        ("DELETE FROM audit WHERE seq = 1", "audit entry 1 is missing"),
        ("DELETE FROM audit WHERE seq = 3", "audit entry 3 is missing"),
        (
            "UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 99",
            "audit entry 3 was altered",
        ),
        (
            "INSERT INTO audit SELECT 7, at, person, origin, body, hash FROM audit WHERE seq = 6",
            "audit entry 7 was altered",
        ),
    ];
    for (sql, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let store = planted(folder.path()).await;
        assert_eq!(store.verify_audit(None).await.unwrap().broken, None);
        Sqlite::tamper(folder.path()).unwrap().execute_batch(sql).unwrap();
        let broken = store.verify_audit(None).await.unwrap().broken.expect(sql);
        assert!(broken.contains(words), "{sql}: {broken}");
        assert!(store.check().await.unwrap().problems.contains(&broken));
    }
}

#[tokio::test]
async fn a_chain_whose_end_was_cut_off_is_found() {
    let folder = tempfile::tempdir().unwrap();
    planted(folder.path()).await.close().await.unwrap();
    Sqlite::tamper(folder.path()).unwrap().execute_batch("DELETE FROM audit WHERE seq >= 5").unwrap();
    let broken = open(folder.path()).verify_audit(None).await.unwrap().broken.unwrap();
    assert_eq!(broken, "the chain ends at entry 4 but entry 6 was there once: its end was cut off");
}

#[tokio::test]
async fn a_chain_made_anew_from_an_old_copy_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(kith_store::sqlite::FILE);
    planted(folder.path()).await.close().await.unwrap();
    let old = std::fs::read(&database).unwrap();
    let go_on = async |value| {
        let store: Arc<dyn Store> = open(folder.path());
        Act::new(9).put(observation("o", "a", value)).commit(&store).await.unwrap();
        store.close().await.unwrap();
    };
    go_on(7).await;
    std::fs::write(&database, old).unwrap();
    go_on(8).await;
    go_on(9).await;
    let broken = open(folder.path()).verify_audit(None).await.unwrap().broken.unwrap();
    assert!(broken.contains("audit entry 7 is not the one whose hash was written beside the database"), "{broken}");
}

#[tokio::test]
async fn without_its_guard_a_slot_is_given_twice_and_the_check_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Fresh { store: open(folder.path()), _keep: Box::new(()) };
    Sqlite::tamper(folder.path()).unwrap().execute_batch("DROP TRIGGER occupancy_is_exclusive").unwrap();
    assert!(both_of_two_overlapping_bookings_succeed(&store).await, "something else guards it too: test that instead");
    let report = store.check().await.unwrap();
    assert_eq!(report.problems, ["Schedule/s is given twice at the same time"]);
}
