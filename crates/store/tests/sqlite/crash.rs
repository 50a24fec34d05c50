//! A killed process loses nothing that was accepted.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kith_fhir::json;
use kith_store::sqlite::{Options, Sqlite};
use kith_store::{NewMessage, Store};

use crate::conformance::{Act, assert_sound, at, observation, patient};

const FOLDER: &str = "KITH_TEST_KILL_FOLDER";
const ROUND: &str = "KITH_TEST_KILL_ROUND";
const KILLS: u32 = 15;

/// Not a test of its own: run again by the test below, in a process that is killed.
#[test]
fn writes_until_killed() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(Path::new(&folder), &Options::default()).unwrap());
        let mut writers = Vec::new();
        for writer in 0..6 {
            let (store, round) = (store.clone(), round.clone());
            writers.push(tokio::spawn(async move {
                for n in 0i64.. {
                    let id = format!("r{round}-w{writer}-{n}");
                    // The same quarter of an hour is asked for by all writers: one gets it.
                    let slot = (n * 900, n * 900 + 900);
                    let act = Act::new(n)
                        .create(patient(&id))
                        .create(observation(&id, &id, n))
                        .put(json!({"resourceType": "Organization", "id": format!("org{writer}"), "name": id}))
                        .with(|b| b.outbox.push(NewMessage { topic: "t".into(), key: id.clone(), payload: json!(id) }));
                    let calendar = format!("Schedule/{round}");
                    if act.occupy(&calendar, slot.0, slot.1, &id, None).commit(&store).await.is_ok() {
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "\naccepted {id}").unwrap();
                        out.flush().unwrap();
                    }
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

#[test]
fn every_accepted_commit_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut accepted = BTreeSet::new();
    let mut round = 0;
    // On a machine that does other work the first kills come before anything is written: there are more of them then.
    while round < KILLS || (accepted.len() <= 50 && round < 4 * KILLS) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::writes_until_killed", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut lines = Vec::new();
            let mut output = BufReader::new(output);
            let mut line = String::new();
            // A line cut short by the kill says nothing.
            while output.read_line(&mut line).is_ok_and(|n| n > 0) {
                if let Some(id) = line.strip_prefix("accepted ").and_then(|l| l.strip_suffix('\n')) {
                    lines.push(id.to_owned());
                }
                line.clear();
            }
            lines
        });
        // Different moments of opening, writing and checkpointing.
        std::thread::sleep(Duration::from_millis(40 + u64::from(round * round) * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        accepted.extend(reader.join().unwrap());
        round += 1;
    }
    assert!(accepted.len() > 50, "only {} commits before the kills", accepted.len());
    crate::block_on(async {
        let store: Arc<dyn Store> = crate::open(folder.path());
        for id in &accepted {
            let record = store.compartment(id).await.unwrap();
            assert_eq!(record.len(), 2, "{id} was accepted and is not whole");
            assert_eq!(store.held_by(id).await.unwrap().len(), 1, "{id} lost its time");
        }
        // What was not acknowledged is there whole or not at all.
        let counts = store.counts().await.unwrap();
        assert_eq!(counts["Patient"], counts["Observation"]);
        assert!(counts["Patient"] as usize >= accepted.len());
        let messages =
            store.take_outbox("t", 1_000_000, jiff::SignedDuration::from_secs(1), at(10_000_000)).await.unwrap();
        assert_eq!(messages.len() as u64, counts["Patient"]);
        assert_sound(&store).await;
    });
}
