//! What the commands promise to whoever types them.

mod support;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kith_fhir::{Value, json};
use rusqlite::Connection;
use support::{Server, checked, copy_folder, json, kith, lines, neighbourhood, run, stderr, stdout};

const COMMANDS: [&[&str]; 22] = [
    &[],
    &["demo"],
    &["serve"],
    &["import"],
    &["export"],
    &["check"],
    &["audit"],
    &["audit", "verify"],
    &["audit", "list"],
    &["token"],
    &["content"],
    &["content", "check"],
    &["content", "try"],
    &["config"],
    &["keys"],
    &["subject-access"],
    &["retention"],
    &["app"],
    &["account"],
    &["agreements"],
    &["agreements", "explain"],
    &["safety"],
];

#[test]
fn every_command_explains_itself() {
    let here = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let output = kith(here.path()).args(command).arg("--help").output().unwrap();
        let help = stdout(&output);
        assert!(output.status.success(), "{command:?}");
        assert!(help.contains("Usage: kith") && help.contains("--data"), "{command:?}: {help}");
        assert!(help.lines().next().is_some_and(|line| line.len() > 15), "{command:?} says what it is for: {help}");
    }
    assert!(std::fs::read_dir(here.path()).unwrap().next().is_none(), "asking for help makes nothing");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let here = tempfile::tempdir().unwrap();
    let in_folder = |name: &str| here.path().join(name).join("kith.sqlite").exists();
    let clean = |command: &mut std::process::Command| {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KITH_")) {
            command.env_remove(name);
        }
        command.current_dir(here.path());
    };
    std::fs::write(here.path().join("kith.toml"), "data = \"from-file\"\n").unwrap();
    std::fs::write(here.path().join("other.toml"), "data = \"from-other-file\"\n").unwrap();
    let make = |environment: Option<&str>, flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kith"));
        clean(&mut command);
        if let Some(data) = environment {
            command.env("KITH_DATA", data);
        }
        let output = command.args(["token", "--service", "Test"]).args(flags).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    };
    make(Some("from-environment"), &["--data", "from-flag"]);
    assert!(in_folder("from-flag") && !in_folder("from-environment") && !in_folder("from-file"));
    make(Some("from-environment"), &[]);
    assert!(in_folder("from-environment") && !in_folder("from-file"));
    make(None, &["--config", "other.toml"]);
    assert!(in_folder("from-other-file") && !in_folder("from-file"));
    make(None, &[]);
    assert!(in_folder("from-file"));
    std::fs::remove_file(here.path().join("kith.toml")).unwrap();
    make(None, &[]);
    assert!(in_folder("kith-data"), "the default");
}

#[test]
fn a_setting_that_is_none_is_named_and_every_setting_is_listed() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("kith.toml"), "dta = \"x\"\n").unwrap();
    let output = kith(here.path()).arg("check").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("dta") && stderr(&output).contains("hint:"), "{}", stderr(&output));
    std::fs::remove_file(here.path().join("kith.toml")).unwrap();
    let output = kith(here.path()).args(["serve", "--listen", "here"]).output().unwrap();
    assert!(stderr(&output).contains("127.0.0.1:8080"), "{}", stderr(&output));
    let listed = run(here.path(), &["config"]);
    for setting in ["data", "listen", "agreements", "content", "tls", "durable", "log"] {
        assert!(listed.contains(&format!("KITH_{}", setting.to_uppercase())), "{setting}: {listed}");
    }
}

#[test]
fn a_neighbourhood_that_is_there_is_ready_at_once_and_unchanged() {
    let data = neighbourhood();
    let before = checked(data.path());
    let since = Instant::now();
    run(data.path(), &["demo", "--people", support::PEOPLE, "--prepare"]);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    let after = checked(data.path());
    assert_eq!(before, after);
    // Another one is not made over it.
    for other in [["--people", "400"], ["--seed", "2"]] {
        let output = kith(data.path()).args(["demo", "--prepare"]).args(other).output().unwrap();
        assert!(!output.status.success() && stderr(&output).contains("hint:"), "{}", stderr(&output));
    }
    assert_eq!(checked(data.path()), after);
}

/// Every resource as it is kept, apart from what hangs on the moment it was made: version 7 UUIDs, and instants to the
/// microsecond.
fn everything(data: &Path) -> Vec<String> {
    let out = data.join("out");
    run(data, &["export", out.to_str().unwrap()]);
    let mut all = Vec::new();
    for file in std::fs::read_dir(&out).unwrap() {
        for mut value in lines(&file.unwrap().path()) {
            forget_the_moment(&mut value);
            all.push(value.to_string());
        }
    }
    all.sort_unstable();
    all
}

fn forget_the_moment(value: &mut Value) {
    match value {
        Value::String(text) => {
            let id = text.rsplit('/').next().unwrap_or_default();
            let is_new = id.len() == 36 && id.as_bytes()[14] == b'7' && id.matches('-').count() == 4;
            let instant = text.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_microsecond() % 1_000_000 != 0);
            if is_new {
                let kept = text.len() - 36;
                text.replace_range(kept.., "new");
            } else if instant {
                "now".clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_the_moment),
        Value::Object(fields) => fields.values_mut().for_each(forget_the_moment),
        _ => {}
    }
}

#[test]
fn the_same_seed_makes_the_same_neighbourhood_and_another_seed_another() {
    let make = |seed: &str| {
        let data = tempfile::tempdir().unwrap();
        run(data.path(), &["demo", "--people", "60", "--seed", seed, "--prepare"]);
        everything(data.path())
    };
    let (one, same, other) = (make("7"), make("7"), make("8"));
    assert_eq!(one.len(), same.len());
    let differs = one.iter().zip(&same).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_ne!(one, other);
}

#[test]
fn a_killed_preparation_goes_on_and_ends_as_if_never_killed() {
    let args = ["demo", "--people", "60", "--seed", "7", "--prepare"];
    let whole = tempfile::tempdir().unwrap();
    let since = Instant::now();
    run(whole.path(), &args);
    let takes = since.elapsed();

    let data = tempfile::tempdir().unwrap();
    let mut killed = 0;
    for percent in [5, 20, 40, 60, 70, 80, 85, 90, 94, 97] {
        let mut child = kith(data.path()).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(takes * percent / 100);
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
    }
    assert!(killed > 1, "no kill came in the middle");
    run(data.path(), &args);
    assert_eq!(checked(data.path())["by_type"], checked(whole.path())["by_type"]);
    let (one, other) = (everything(data.path()), everything(whole.path()));
    assert_eq!(one.iter().zip(&other).find(|(a, b)| a != b), None);
}

#[test]
fn the_check_prints_counts_by_type_as_json() {
    let data = neighbourhood();
    let report = json(data.path(), &["check", "--json"]);
    for number in ["resources", "versions", "index_rows", "audit_entries", "problem_count"] {
        assert!(report[number].is_u64(), "{number}: {report}");
    }
    assert_eq!(report["problems"], json!([]));
    let sum: u64 = report["by_type"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(report["resources"], sum);
    assert_eq!(report["by_type"]["Patient"], support::PEOPLE.parse::<u64>().unwrap());
    assert!(run(data.path(), &["check"]).contains("Everything holds"));
}

/// Whether the chain is whole, by exit code, words and JSON alike.
fn whole(data: &Path) -> bool {
    let output = kith(data).args(["audit", "verify"]).output().unwrap();
    let report = json(data, &["audit", "verify", "--json"]);
    let by_json = report["broken"].is_null();
    assert_eq!(output.status.success(), by_json, "{report}");
    assert_eq!(stdout(&output).contains("BROKEN"), !by_json, "{}", stdout(&output));
    let check = kith(data).arg("check").output().unwrap();
    assert_eq!(check.status.success(), by_json, "the check agrees: {}", stdout(&check));
    by_json
}

#[test]
fn the_audit_check_finds_what_was_altered_missing_or_put_in_another_order() {
    let data = neighbourhood();
    assert!(whole(data.path()));
    let tampered: [(&str, &str); 6] = [
        ("a time altered", "UPDATE audit SET at = at + 1 WHERE seq = 5"),
        (
            "the person altered",
            "UPDATE audit SET person = 'somebody-else' WHERE seq = (SELECT min(seq) FROM audit WHERE person IS NOT NULL)",
        ),
        ("what was done altered", "UPDATE audit SET body = zeroblob(length(body)) WHERE seq = 6"),
        ("one missing from the middle", "DELETE FROM audit WHERE seq = 7"),
        ("the newest missing", "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"),
        (
            "two in another order",
            "UPDATE audit SET seq = -1 WHERE seq = 8; UPDATE audit SET seq = 8 WHERE seq = 9; UPDATE audit SET seq = 9 WHERE seq = -1",
        ),
    ];
    for (what, sql) in tampered {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(data.path(), copy.path());
        let store = Connection::open(copy.path().join("kith.sqlite")).unwrap();
        store.execute_batch(sql).unwrap();
        drop(store);
        assert!(!whole(copy.path()), "{what}");
    }
}

#[test]
fn a_resource_altered_behind_the_door_is_found() {
    let data = neighbourhood();
    let store = Connection::open(data.path().join("kith.sqlite")).unwrap();
    store
        .execute_batch(
            "UPDATE resource SET body = (SELECT body FROM resource WHERE rid > 0 ORDER BY rid DESC LIMIT 1)
             WHERE rid = (SELECT min(rid) FROM resource WHERE rid > 0)",
        )
        .unwrap();
    drop(store);
    let output = kith(data.path()).arg("check").output().unwrap();
    assert!(!output.status.success(), "{}", stdout(&output));
    assert!(stdout(&output).contains("problem:"), "{}", stdout(&output));
}

#[test]
fn a_token_is_shown_once_and_can_be_withdrawn() {
    let data = neighbourhood();
    let token = run(data.path(), &["token", "--service", "Ward system", "--scope", "system/*.*"]);
    let listed = run(data.path(), &["token", "--list"]);
    assert!(listed.contains("Ward system") && !listed.contains(token.trim()), "{listed}");
    let device = listed.split_whitespace().find(|word| word.starts_with("Device/")).unwrap().to_owned();
    run(data.path(), &["token", "--withdraw", &device]);
    let again = kith(data.path()).args(["token", "--withdraw", &device]).output().unwrap();
    assert!(!again.status.success(), "nothing is left to withdraw");
    let audit = run(data.path(), &["audit", "list", "--limit", "1000000"]);
    assert!(!audit.contains(token.trim()), "the secret is nowhere in the audit");
    assert!(whole(data.path()));
}

#[test]
fn a_second_server_on_the_same_address_says_what_to_do() {
    let data = neighbourhood();
    let first = Server::demo(data.path());
    let other = neighbourhood();
    let output = kith(other.path()).args(["serve", "--listen", &first.address]).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("--listen"), "{}", stderr(&output));
}
