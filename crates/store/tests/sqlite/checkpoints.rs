//! Signed checkpoints: what somebody with the database, the file or a key of their own could do, and how it shows.

use std::path::Path;
use std::sync::Arc;

use kith_store::checkpoint::FILE;
use kith_store::keys::{KeyConfig, Secret};
use kith_store::sqlite::{Options, Sqlite, hex};
use kith_store::{AuditQuery, Store};

use crate::conformance::{Act, at, observation};
use crate::damage::planted;
use crate::open;

/// Three checkpoints: at entries 6, 7 and 8.
async fn three(folder: &Path) {
    planted(folder).await.close().await.unwrap();
    for value in [7, 8] {
        let store: Arc<dyn Store> = open(folder);
        Act::new(value).put(observation("o", "a", value)).commit(&store).await.unwrap();
        store.close().await.unwrap();
    }
    assert_eq!(lines(folder).len(), 3);
}

fn lines(folder: &Path) -> Vec<String> {
    std::fs::read_to_string(folder.join(FILE)).unwrap().lines().map(str::to_owned).collect()
}

fn put(folder: &Path, lines: &[String]) {
    std::fs::write(folder.join(FILE), lines.join("\n") + "\n").unwrap();
}

async fn broken(folder: &Path) -> Option<String> {
    let store = open(folder);
    let broken = store.verify_audit(None).await.unwrap().broken;
    store.close().await.unwrap();
    broken
}

#[tokio::test]
async fn checkpoints_are_signed_outside_the_database_at_closing_and_say_how_far_they_vouch() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path()).await;
    let store = open(folder.path());
    let report = store.verify_audit(None).await.unwrap();
    assert_eq!((report.broken.as_deref(), report.checkpoints, report.signed_to, report.entries), (None, 3, 8, 8));
    assert!(lines(folder.path())[0].contains(&report.key));
    // Nothing new, nothing signed; asked for, at once.
    store.checkpoint().await.unwrap();
    assert_eq!(lines(folder.path()).len(), 3);
    let store: Arc<dyn Store> = store;
    Act::new(99).put(observation("o", "a", 99)).commit(&store).await.unwrap();
    store.checkpoint().await.unwrap();
    assert_eq!(lines(folder.path()).len(), 4);
}

#[tokio::test]
async fn a_checkpoint_that_is_removed_altered_or_forged_is_found_and_named() {
    type Tamper = fn(&mut Vec<String>);
    let cases: Vec<(&str, Tamper, &str)> = vec![
        ("removed first", |l| drop(l.remove(0)), "checkpoint 1 is missing"),
        ("removed middle", |l| drop(l.remove(1)), "checkpoint 2 is missing"),
        ("another entry", |l| l[1] = l[1].replacen(" 7 ", " 6 ", 1), "checkpoint 2 is not signed"),
        (
            "another hash",
            |l| {
                let hash = l[2].split(' ').nth(3).unwrap().to_owned();
                l[2] = l[2].replace(&hash, &"0".repeat(64));
            },
            "checkpoint 3 is not signed",
        ),
        (
            "forged signature",
            |l| {
                let end = l[2].len() - 128;
                l[2].replace_range(end.., &"ab".repeat(64));
            },
            "checkpoint 3 is not signed",
        ),
        ("removed last", |l| drop(l.pop()), "2 checkpoints are there, and 3 were signed"),
        ("swapped", |l| l.swap(0, 1), "checkpoint 1 is missing"),
        ("unreadable", |l| l[1] = "hello".into(), "checkpoint 2 cannot be read"),
        ("made empty", Vec::clear, "0 checkpoints are there, and 3 were signed"),
    ];
    for (name, tamper, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        three(folder.path()).await;
        let mut kept = lines(folder.path());
        tamper(&mut kept);
        put(folder.path(), &kept);
        let found = broken(folder.path()).await.unwrap_or_else(|| panic!("{name} was not found"));
        assert!(found.contains(words), "{name}: {found}");
    }
}

#[tokio::test]
async fn a_removed_file_of_checkpoints_is_found() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path()).await;
    std::fs::remove_file(folder.path().join(FILE)).unwrap();
    let found = open(folder.path()).verify_audit(None).await.unwrap().broken.unwrap();
    assert!(found.contains("0 checkpoints are there, and 3 were signed"), "{found}");
}

#[tokio::test]
async fn a_swapped_signing_key_is_found() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path()).await;
    let kept = lines(folder.path());
    std::fs::remove_file(folder.path().join("keys/audit-signing.key")).unwrap();
    assert!(broken(folder.path()).await.unwrap().contains("the key was swapped"));
    // Gone on with: the line signed by a stranger is named.
    let store: Arc<dyn Store> = open(folder.path());
    Act::new(9).put(observation("o", "a", 9)).commit(&store).await.unwrap();
    store.close().await.unwrap();
    assert!(broken(folder.path()).await.unwrap().contains("checkpoint 4 is signed with another key"));
    // All signed anew by the stranger: only the copy kept elsewhere tells.
    let elsewhere = folder.path().join("elsewhere.txt");
    std::fs::write(&elsewhere, kept.join("\n") + "\n").unwrap();
    std::fs::remove_file(folder.path().join(FILE)).unwrap();
    let tamper = Sqlite::tamper(folder.path()).unwrap();
    tamper.execute_batch("DELETE FROM audit WHERE seq > 7; DELETE FROM meta WHERE name = 'checkpoints'").unwrap();
    drop(tamper);
    let store: Arc<dyn Store> = open(folder.path());
    store.checkpoint().await.unwrap();
    Act::new(10).put(observation("o2", "a", 1)).commit(&store).await.unwrap();
    store.checkpoint().await.unwrap();
    assert_eq!(store.verify_audit(None).await.unwrap().broken, None, "nothing here tells");
    let found = store.verify_audit(Some(&elsewhere)).await.unwrap().broken.unwrap();
    assert!(found.contains("audit entry 8 is not the one"), "{found}");
}

#[tokio::test]
async fn a_signing_key_hands_over_to_the_next_and_a_server_with_the_old_one_signs_no_more() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path()).await;
    let server: Arc<dyn Store> = open(folder.path());
    let operator = open(folder.path());
    let before = operator.verify_key();
    operator.rotate_signing().await.unwrap();
    assert_ne!(operator.verify_key(), before);
    assert_eq!(operator.verify_audit(None).await.unwrap().broken, None);
    operator.close().await.unwrap();
    Act::new(9).put(observation("o", "a", 9)).commit(&server).await.unwrap();
    server.close().await.unwrap();
    assert_eq!(lines(folder.path()).len(), 4, "the old key says nothing more");
    let store: Arc<dyn Store> = open(folder.path());
    Act::new(10).put(observation("o", "a", 10)).commit(&store).await.unwrap();
    store.checkpoint().await.unwrap();
    let report = store.verify_audit(None).await.unwrap();
    assert_eq!((report.broken, report.checkpoints, report.signed_to), (None, 5, 10));
}

#[tokio::test]
async fn what_a_crash_left_of_a_line_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path()).await;
    let mut text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    text.push_str("kith-checkpoint-1 4 9");
    std::fs::write(folder.path().join(FILE), text).unwrap();
    let store: Arc<dyn Store> = open(folder.path());
    assert_eq!(store.verify_audit(None).await.unwrap().broken, None);
    Act::new(9).put(observation("o", "a", 9)).commit(&store).await.unwrap();
    store.checkpoint().await.unwrap();
    let report = store.verify_audit(None).await.unwrap();
    assert_eq!((report.broken, report.checkpoints), (None, 4));
}

#[tokio::test]
async fn heads_of_earlier_releases_become_a_signed_checkpoint_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = planted(folder.path()).await;
    let entries = store.audit_after(0, 9).await.unwrap();
    let heads: Vec<String> = entries.iter().skip(3).map(|e| format!("{} {}\n", e.seq, hex(&e.hash))).collect();
    let heads = heads.concat();
    store.close().await.unwrap();
    let file = folder.path().join("audit-heads.txt");
    std::fs::write(&file, &heads).unwrap();
    let report = open(folder.path()).verify_audit(None).await.unwrap();
    assert_eq!((report.broken, report.signed_to), (None, 6));
    assert!(!file.exists());
    // Heads the chain does not agree with stay, and are said.
    let other = tempfile::tempdir().unwrap();
    drop(planted(other.path()).await);
    std::fs::write(other.path().join("audit-heads.txt"), format!("6 {}\n", "0".repeat(64))).unwrap();
    assert!(broken(other.path()).await.unwrap().contains("audit entry 6 is not the one"));
}

#[tokio::test]
async fn keys_are_made_for_the_owner_alone_and_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for name in ["audit-signing.key", "master-0001.key"] {
            let path = folder.path().join("keys").join(name);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        let path = folder.path().join("keys/master-0001.key");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Sqlite::open(folder.path(), &Options::default()).err().unwrap().to_string();
        assert!(refused.contains("can be read by other users"), "{refused}");
    }
}

#[tokio::test]
async fn no_secret_is_shown_by_what_is_printed_or_refused() {
    let text = "5ec2e7".repeat(10) + "abcd";
    let secret = Secret::parse(&text).unwrap();
    let config = KeyConfig { signing: Some(secret.clone()), master: Some(secret.clone()), ..KeyConfig::default() };
    let shown = format!("{secret:?} {config:?} {:?}", Options { keys: config.clone(), ..Options::default() });
    assert!(!shown.contains("5ec2e7"), "{shown}");
    let refused = Secret::parse(&text[1..]).unwrap_err().to_string();
    assert!(!refused.contains("ec2e7"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    let path = folder.path().join("keys/audit-signing.key");
    std::fs::write(&path, &text[2..]).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let refused = Sqlite::open(folder.path(), &Options::default()).err().unwrap().to_string();
    assert!(refused.contains("64 hexadecimal digits") && !refused.contains("c2e7"), "{refused}");
}

#[tokio::test]
async fn the_audit_is_searched_by_person_actor_reason_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = planted(folder.path()).await;
    let seqs = async |query: AuditQuery| {
        let found = store.audit_search(&AuditQuery { limit: 50, ..query }).await.unwrap();
        found.entries.iter().map(|e| e.seq).collect::<Vec<_>>()
    };
    let all = seqs(AuditQuery::default()).await;
    assert_eq!(all, [6, 5, 4, 3, 2, 1]);
    let of_b = seqs(AuditQuery { person: Some("b".into()), ..AuditQuery::default() }).await;
    assert!(!of_b.is_empty() && of_b.len() < 6);
    let actor = store.audit_after(0, 1).await.unwrap()[0].origin.actor.clone();
    assert_eq!(seqs(AuditQuery { actor: Some(actor), ..AuditQuery::default() }).await, all);
    assert_eq!(
        seqs(AuditQuery { actor: Some("Practitioner/nobody".into()), ..AuditQuery::default() }).await,
        [0i64; 0]
    );
    let late = seqs(AuditQuery { from: Some(at(2)), until: Some(at(4)), ..AuditQuery::default() }).await;
    assert_eq!(late.len(), 2, "{late:?}");
    assert_eq!(seqs(AuditQuery { text: Some("NO SUCH".into()), ..AuditQuery::default() }).await, [0i64; 0]);
    let page = store.audit_search(&AuditQuery { limit: 4, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(page.next, Some(3));
    assert_eq!(seqs(AuditQuery { before: page.next, ..AuditQuery::default() }).await, [2, 1]);
}
