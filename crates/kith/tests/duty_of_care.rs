//! The duty of care for data, as an operator keeps it with the binary.

mod support;

use std::io::Read as _;
use std::path::Path;

use kith_fhir::Value;
use kith_fhir::json::{Limits, parse};
use support::{checked, json, kith, lines, neighbourhood, run, stderr, stdout};

/// Files of a ZIP archive, by local headers.
fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut at = 0;
    let number =
        |at: usize, length: usize| bytes[at..at + length].iter().rev().fold(0usize, |n, b| n << 8 | *b as usize);
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let (packed, plain, name) = (number(at + 18, 4), number(at + 22, 4), number(at + 26, 2));
        let name_at = at + 30;
        let from = name_at + name + number(at + 28, 2);
        let mut content = Vec::new();
        flate2::read::DeflateDecoder::new(&bytes[from..from + packed]).read_to_end(&mut content).unwrap();
        assert_eq!(content.len(), plain);
        files.push((String::from_utf8(bytes[name_at..name_at + name].to_vec()).unwrap(), content));
        at = from + packed;
    }
    assert!(bytes[at..].starts_with(b"PK\x01\x02"), "a central directory follows");
    files
}

/// Somebody of the neighbourhood with a photo or a letter, if there is one, and their NHS number.
fn somebody(data: &Path) -> (String, String) {
    let out = tempfile::tempdir().unwrap();
    run(data, &["export", out.path().to_str().unwrap()]);
    let with = lines(&out.path().join("DocumentReference.ndjson"));
    let of = with[0]["subject"]["reference"].as_str().unwrap().trim_start_matches("Patient/").to_owned();
    let patients = lines(&out.path().join("Patient.ndjson"));
    let patient = patients.iter().find(|p| p["id"] == of.as_str()).unwrap();
    let number =
        patient["identifier"].as_array().unwrap().iter().find(|i| i["system"] == kith_fhir::system::NHS_NUMBER);
    (of, number.unwrap()["value"].as_str().unwrap().to_owned())
}

fn audit(data: &Path) -> Vec<Value> {
    let text = run(data, &["audit", "export"]);
    text.lines().map(|line| parse(line.as_bytes(), &Limits::default()).unwrap()).collect()
}

#[test]
fn a_copy_of_a_record_can_be_read_and_imports_into_an_empty_kith() {
    let folder = neighbourhood();
    let (patient, number) = somebody(folder.path());
    let file = folder.path().join("copy.zip");
    run(folder.path(), &["subject-access", &number, "--to", file.to_str().unwrap()]);
    let files = unzip(&std::fs::read(&file).unwrap());
    let named = |name: &str| &files.iter().find(|(n, _)| n == name).unwrap().1;
    let page = String::from_utf8(named("my-record.html").clone()).unwrap();
    for heading in ["The health record of", "Allergies", "Medicines", "Who looked at your record", "Photos and letters"]
    {
        assert!(page.contains(heading), "{heading}");
    }
    assert!(!page.contains("<script"));
    let bundle = parse(named("my-record.fhir.json"), &Limits { max_bytes: 64 << 20, ..Limits::default() }).unwrap();
    assert_eq!((bundle["resourceType"].as_str(), bundle["type"].as_str()), (Some("Bundle"), Some("collection")));
    // Nobody else's record came along.
    let others =
        bundle["entry"].as_array().unwrap().iter().filter(|e| e["resource"]["resourceType"] == "Patient").count();
    assert_eq!(others, 1);
    let empty = tempfile::tempdir().unwrap();
    let input = empty.path().join("in.json");
    std::fs::write(&input, named("my-record.fhir.json")).unwrap();
    let summary = json(empty.path(), &["import", input.to_str().unwrap(), "--json"]);
    assert!(summary["rejected"].as_object().unwrap().is_empty(), "{summary}");
    checked(empty.path());
    let again = tempfile::tempdir().unwrap();
    run(empty.path(), &["export", again.path().to_str().unwrap()]);
    let there = lines(&again.path().join("Patient.ndjson"));
    assert_eq!((there.len(), there[0]["id"].as_str()), (1, Some(patient.as_str())));
    // Taking the copy is in the trail.
    assert!(audit(folder.path()).iter().any(|e| e.to_string().contains("subject-access")));
    let refused = kith(folder.path()).args(["subject-access", "9990000019"]).output().unwrap();
    assert!(!refused.status.success() && !stderr(&refused).contains("9990000019"));
}

#[test]
fn what_is_past_its_time_is_reported_then_erased_and_what_is_held_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("people.ndjson");
    let person = |id: &str, died: &str| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"deceasedDateTime\":\"{died}\"}}\n{{\"resourceType\":\"Observation\",\"id\":\"of-{id}\",\"status\":\"final\",\"code\":{{\"text\":\"Pulse\"}},\"subject\":{{\"reference\":\"Patient/{id}\"}}}}\n"
        )
    };
    std::fs::write(
        &input,
        person("long-ago", "2001-05-01") + &person("held", "2001-05-01") + &person("lately", "2025-05-01"),
    )
    .unwrap();
    run(folder.path(), &["import", input.to_str().unwrap()]);
    run(folder.path(), &["retention", "hold", "held", "--reason", "inquiry 7"]);
    let due = run(folder.path(), &["retention", "report", "--json"]);
    assert_eq!(due.lines().count(), 2, "{due}");
    // Nothing happens until it is said twice.
    assert!(run(folder.path(), &["retention", "apply"]).contains("1 would be erased, 1 kept under legal hold"));
    assert_eq!(checked(folder.path())["by_type"]["Patient"], 3);
    assert!(run(folder.path(), &["retention", "apply", "--erase"]).contains("1 erased, 1 kept under legal hold"));
    let report = checked(folder.path());
    assert_eq!((&report["by_type"]["Patient"], &report["erased"]), (&2.into(), &2.into()));
    assert!(run(folder.path(), &["audit", "verify"]).contains("is whole"));
    let tombstone = audit(folder.path()).into_iter().any(|e| e.to_string().contains("gp-record-after-death"));
    assert!(tombstone, "that it was erased, and by which rule, stays known");
    let held =
        kith(folder.path()).args(["retention", "erase", "held", "--ground", "asked", "--erase"]).output().unwrap();
    assert!(!held.status.success() && stderr(&held).contains("legal hold"));
    run(folder.path(), &["retention", "release", "held"]);
    assert!(run(folder.path(), &["retention", "apply", "--erase"]).contains("1 erased"));
    checked(folder.path());
}

#[test]
fn the_audit_is_exported_verified_and_its_first_broken_link_is_named() {
    let folder = neighbourhood();
    let said = run(folder.path(), &["audit", "verify"]);
    assert!(said.contains("is whole") && said.contains("signed checkpoints vouch for it"), "{said}");
    let events = audit(folder.path());
    assert!(events.len() > 100);
    for event in &events {
        assert_eq!(event["resourceType"], "AuditEvent");
        assert!(event["recorded"].is_string() && event["agent"][0]["who"]["reference"].is_string());
    }
    let connection = rusqlite::Connection::open(folder.path().join("kith.sqlite")).unwrap();
    connection
        .execute_batch("UPDATE audit SET person = NULL WHERE seq = 40; UPDATE audit SET at = 1 WHERE seq = 90")
        .unwrap();
    drop(connection);
    let report = json(folder.path(), &["audit", "verify", "--json"]);
    assert!(report["broken"].as_str().unwrap().contains("audit entry 40 was altered"), "{report}");
}

#[test]
fn no_setting_turns_the_audit_off() {
    let folder = tempfile::tempdir().unwrap();
    let listed = run(folder.path(), &["config"]);
    for line in listed.lines().filter(|line| line.contains("KITH_") && line.contains("AUDIT")) {
        assert!(line.contains("KITH_AUDIT_KEY"), "a setting of the audit that is not its key: {line}");
    }
    std::fs::write(folder.path().join("p.json"), "{\"resourceType\":\"Patient\",\"id\":\"a\"}").unwrap();
    for (name, value) in [("KITH_AUDIT", "off"), ("KITH_LOG", "off"), ("KITH_DURABLE", "false")] {
        let output = kith(folder.path()).env(name, value).args(["import", "p.json"]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    for refused in ["audit = false", "[audit]\nenabled = false"] {
        std::fs::write(folder.path().join("kith.toml"), refused).unwrap();
        assert!(!kith(folder.path()).args(["check"]).output().unwrap().status.success(), "{refused} is taken");
    }
    std::fs::remove_file(folder.path().join("kith.toml")).unwrap();
    assert!(audit(folder.path()).iter().any(|e| e["entity"][0]["what"]["reference"] == "Patient/a"));
}

#[test]
fn secrets_come_from_the_environment_or_files_and_are_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.json"), "{\"resourceType\":\"Patient\",\"id\":\"a\"}").unwrap();
    std::fs::write(
        folder.path().join("b.json"),
        "{\"resourceType\":\"Binary\",\"id\":\"b\",\"contentType\":\"text/plain\",\"securityContext\":{\"reference\":\"Patient/a\"},\"data\":\"aGVsbG8gaGVsbG8gaGVsbG8=\"}",
    )
    .unwrap();
    let (master, audit_key) = ("deadbeef".repeat(8), "feedc0de".repeat(8));
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{master}\n")).unwrap();
    let with = |args: &[&str]| {
        let output = kith(folder.path())
            .env("KITH_MASTER_KEY_FILE", &file)
            .env("KITH_AUDIT_KEY", &audit_key)
            .env("KITH_LOG", "trace")
            .args(args)
            .output()
            .unwrap();
        let said = stdout(&output) + &stderr(&output);
        assert!(!said.contains("deadbeef") && !said.contains("feedc0de"), "kith {args:?} shows a secret");
        assert!(output.status.success(), "kith {args:?}: {said}");
        said
    };
    with(&["import", "p.json", "b.json"]);
    with(&["config"]);
    assert!(with(&["keys", "list"]).contains("attachments of 1 people  in use"));
    with(&["audit", "verify"]);
    assert!(!folder.path().join("keys").exists(), "no key is made where one is given");
    // Without it the record does not open, and the error names the key by its public name alone.
    let refused = kith(folder.path()).args(["check"]).output().unwrap();
    assert!(!refused.status.success() && stderr(&refused).contains("sealed under master key"), "{}", stderr(&refused));
    let bad = kith(folder.path()).env("KITH_MASTER_KEY", "deadbeef").args(["check"]).output().unwrap();
    assert!(stderr(&bad).contains("64 hexadecimal digits") && !stderr(&bad).contains("deadbeef"));
    // The database and the files beside it hold no secret either.
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|e| e.path() != file && e.path().is_file())
    {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(16).any(|w| w == b"deadbeefdeadbeef" || w == b"feedc0defeedc0de"), "{:?}", entry.path());
    }
    let output = kith(folder.path())
        .env("KITH_MASTER_KEY_FILE", &file)
        .env("KITH_AUDIT_KEY", &audit_key)
        .args(["check"])
        .output()
        .unwrap();
    assert!(output.status.success());
}
