//! Attachments at rest, turning keys over, and erasure.

use std::path::Path;
use std::sync::Arc;

use kith_fhir::{Value, json};
use kith_store::keys::{KeyConfig, Secret};
use kith_store::sqlite::{FILE, Options, Sqlite};
use kith_store::{Batch, Erasure, Store, StoreError};

use crate::conformance::{Act, assert_sound, at, observation, origin, patient};
use crate::open;

const WORDS: &str = "c2VjcmV0bHktYXR0YWNoZWQtYnl0ZXM";

fn photo(id: &str, person: &str, data: &str) -> Value {
    json!({"resourceType": "Binary", "id": id, "contentType": "image/jpeg",
        "securityContext": {"reference": format!("Patient/{person}")}, "data": data})
}

async fn placed(folder: &Path) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = open(folder);
    // Sealed while the bytes could not be made out from compression.
    Act::new(0)
        .create(patient("a"))
        .create(patient("b"))
        .create(photo("p", "a", WORDS))
        .create(photo("q", "b", WORDS))
        .create(observation("o", "a", 1))
        .commit(&store)
        .await
        .unwrap();
    Act::new(1).put(photo("p", "a", &WORDS.repeat(2))).commit(&store).await.unwrap();
    store
}

fn on_disk(folder: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(folder.join(FILE)).unwrap();
    bytes.extend(std::fs::read(folder.join(format!("{FILE}-wal"))).unwrap_or_default());
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

#[tokio::test]
async fn an_attachment_is_sealed_on_disk_and_read_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = placed(folder.path()).await;
    assert_sound(&store).await;
    assert_eq!(store.read("Binary", "p").await.unwrap().unwrap().value.unwrap()["data"], WORDS.repeat(2));
    assert_eq!(store.version("Binary", "p", 1).await.unwrap().unwrap().value.unwrap()["data"], WORDS);
    assert_eq!(store.compartment("a").await.unwrap().len(), 3);
    store.close().await.unwrap();
    assert!(!holds(&on_disk(folder.path()), WORDS), "the bytes lie open");
    let bodies: Vec<u8> = Sqlite::tamper(folder.path())
        .unwrap()
        .prepare(
            "SELECT substr(body, 1, 1) FROM resource r JOIN resource_id i USING (rid) WHERE i.id IN (x'7e70', x'7e71')",
        )
        .unwrap()
        .query_map([], |r| r.get::<_, Vec<u8>>(0))
        .unwrap()
        .map(|b| b.unwrap()[0])
        .collect();
    assert_eq!(bodies, [3, 3]);
}

#[tokio::test]
async fn a_sealed_attachment_put_in_another_place_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = placed(folder.path()).await;
    Sqlite::tamper(folder.path())
        .unwrap()
        .execute_batch(
            "UPDATE resource SET body = (SELECT body FROM resource r JOIN resource_id i USING (rid) WHERE i.id = x'7e70') \
             WHERE rid = (SELECT rid FROM resource_id WHERE id = x'7e71')",
        )
        .unwrap();
    assert!(matches!(store.read("Binary", "q").await, Err(StoreError::Damaged(_))));
    let report = store.check().await.unwrap();
    assert!(report.problems.iter().any(|p| p.contains("Binary/q: the attachment cannot be opened")), "{report:?}");
}

#[tokio::test]
async fn a_wrong_master_key_is_a_clear_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    placed(folder.path()).await.close().await.unwrap();
    let keys = KeyConfig { master: Some(Secret::random().unwrap()), ..KeyConfig::default() };
    let refused = Sqlite::open(folder.path(), &Options { keys, ..Options::default() }).err().unwrap().to_string();
    assert!(refused.contains("attachments of 2 people are sealed under master key"), "{refused}");
    std::fs::remove_file(folder.path().join("keys/master-0001.key")).unwrap();
    assert!(Sqlite::open(folder.path(), &Options::default()).is_err());
}

#[tokio::test]
async fn keys_are_turned_over_while_a_server_reads_and_writes() {
    let folder = tempfile::tempdir().unwrap();
    let server = placed(folder.path()).await;
    let before = server.master_keys().await.unwrap();
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].1, 2);
    // Another process turns the key over; the server goes on with what it has, and takes the new one up.
    let operator = open(folder.path());
    assert_eq!(operator.rotate_keys().await.unwrap(), 2);
    let after = operator.master_keys().await.unwrap();
    assert_eq!(after.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [0, 2]);
    assert_ne!(after[1].0, before[0].0);
    operator.close().await.unwrap();
    assert_eq!(server.read("Binary", "p").await.unwrap().unwrap().value.unwrap()["data"], WORDS.repeat(2));
    Act::new(5).create(patient("c")).create(photo("r", "c", WORDS)).commit(&server).await.unwrap();
    assert_eq!(
        server.master_keys().await.unwrap().last().unwrap().1,
        3,
        "a new person's key is wrapped by the new one"
    );
    server.close().await.unwrap();
    // The old key is no longer needed.
    std::fs::remove_file(folder.path().join("keys/master-0001.key")).unwrap();
    let store: Arc<dyn Store> = open(folder.path());
    assert_eq!(store.read("Binary", "q").await.unwrap().unwrap().value.unwrap()["data"], WORDS);
    assert_sound(&store).await;
}

#[tokio::test]
async fn a_key_given_by_the_environment_takes_over_from_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Secret::random().unwrap(), Secret::random().unwrap());
    let with = |master: &Secret, previous: &[&Secret]| {
        let previous = previous.iter().map(|s| (*s).clone()).collect();
        let keys = KeyConfig { master: Some(master.clone()), previous, ..KeyConfig::default() };
        Sqlite::open(folder.path(), &Options { keys, durable: false, ..Options::default() })
    };
    let store: Arc<dyn Store> = Arc::new(with(&old, &[]).unwrap());
    Act::new(0).create(patient("a")).create(photo("p", "a", WORDS)).commit(&store).await.unwrap();
    store.close().await.unwrap();
    assert!(!folder.path().join("keys/master-0001.key").exists(), "no key is made where one is given");
    let store = with(&new, &[&old]).unwrap();
    assert_eq!(store.rotate_keys().await.unwrap(), 1);
    store.close().await.unwrap();
    assert!(with(&old, &[]).is_err());
    assert!(with(&new, &[]).unwrap().read("Binary", "p").await.unwrap().is_some());
}

fn act_of_erasure(patient: &str) -> Batch {
    let mut batch = Batch::new(at(100), origin("Device/kith"));
    let mut draft = Act::new(100).create(observation("x", patient, 1)).finish().audit.remove(0);
    draft.covers_writes = false;
    draft.fields.action = "erase".into();
    batch.audit.push(draft);
    batch
}

#[tokio::test]
async fn what_is_erased_is_gone_and_the_chain_and_the_versions_stay_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = placed(folder.path()).await;
    let erased = store.erase(Erasure { patient: "a".into(), only: None }, act_of_erasure("a")).await.unwrap();
    assert_eq!((erased.resources, erased.versions), (3, 4));
    assert!(store.compartment("a").await.unwrap().is_empty());
    assert!(store.read("Binary", "p").await.unwrap().unwrap().value.is_none());
    assert!(store.version("Binary", "p", 1).await.unwrap().unwrap().value.is_none());
    assert_eq!(store.read("Binary", "q").await.unwrap().unwrap().value.unwrap()["data"], WORDS, "others' stay");
    let report = store.check().await.unwrap();
    assert_eq!((report.problems.as_slice(), report.erased), (&[][..], 3));
    let entry = store
        .audit_search(&kith_store::AuditQuery { action: Some("erase".into()), limit: 5, ..Default::default() })
        .await
        .unwrap();
    assert_eq!(entry.entries[0].fields.count, 4);
    // A second time there is nothing to do.
    let again = store.erase(Erasure { patient: "a".into(), only: None }, act_of_erasure("a")).await.unwrap();
    assert_eq!(again.resources, 0);
    store.close().await.unwrap();
    let keys: i64 =
        Sqlite::tamper(folder.path()).unwrap().query_row("SELECT count(*) FROM data_key", [], |r| r.get(0)).unwrap();
    assert_eq!(keys, 1, "the key of the erased person's attachments is destroyed: copies of them cannot be read");
}

#[tokio::test]
async fn one_item_is_erased_and_may_be_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = placed(folder.path()).await;
    let only = Some(vec!["Observation/o".to_owned()]);
    store.erase(Erasure { patient: "a".into(), only }, act_of_erasure("a")).await.unwrap();
    assert_eq!(store.compartment("a").await.unwrap().len(), 2);
    assert_sound(&store).await;
    Act::new(200).put(observation("o", "a", 3)).commit(&store).await.unwrap();
    assert_eq!(store.read("Observation", "o").await.unwrap().unwrap().version, 2);
    assert_sound(&store).await;
    let elsewhere = Some(vec!["Binary/q".to_owned()]);
    assert!(store.erase(Erasure { patient: "a".into(), only: elsewhere }, act_of_erasure("a")).await.is_err());
}

#[tokio::test]
async fn content_put_back_after_an_erasure_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = placed(folder.path()).await;
    store.erase(Erasure { patient: "a".into(), only: None }, act_of_erasure("a")).await.unwrap();
    Sqlite::tamper(folder.path()).unwrap().execute_batch("DELETE FROM erased").unwrap();
    let report = store.check().await.unwrap();
    assert!(report.problems.iter().any(|p| p.contains("the deletion is not one that was written")), "{report:?}");
}
