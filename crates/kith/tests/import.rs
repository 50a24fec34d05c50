//! Bringing FHIR in: nothing lost, nothing twice, nothing without a reason.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kith_fhir::identifier::NhsNumber;
use kith_fhir::{Value, json};
use support::{checked, json, kith, lines, run, shared, stderr, stdout};

fn patient(n: u32, number: &str) -> Value {
    json!({"resourceType": "Patient", "id": format!("p{n}"), "birthDate": "1980-02-03",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
        "name": [{"given": ["Test"], "family": format!("Person{n}")}]})
}

fn weight(n: u32, of: u32) -> Value {
    json!({"resourceType": "Observation", "id": format!("o{n}"), "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": format!("Patient/p{of}")}, "effectiveDateTime": "2026-03-04",
        "valueQuantity": {"value": 70.10, "unit": "kg"}})
}

fn number(n: u32) -> String {
    NhsNumber::synthetic(n).unwrap().as_str().to_owned()
}

/// A file of `people` people with `each` measurements.
fn ndjson(folder: &Path, people: u32, each: u32) -> PathBuf {
    let mut text = String::new();
    for n in 0..people {
        writeln!(text, "{}", patient(n, &number(n))).unwrap();
    }
    for n in 0..people * each {
        writeln!(text, "{}", weight(n, n % people)).unwrap();
    }
    let path = folder.join("people.ndjson");
    std::fs::write(&path, text).unwrap();
    path
}

fn count(map: &Value, kind: &str) -> u64 {
    map[kind].as_u64().unwrap_or(0)
}

#[test]
fn an_import_run_twice_changes_nothing() {
    let (data, input) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = ndjson(input.path(), 20, 5);
    let file = file.to_str().unwrap();
    let first = json(data.path(), &["import", "--json", file]);
    assert_eq!((count(&first["stored"], "Patient"), count(&first["stored"], "Observation")), (20, 100), "{first}");
    assert_eq!(first["changed"], 120, "{first}");
    let before = checked(data.path());
    let second = json(data.path(), &["import", "--json", file]);
    assert_eq!((&second["changed"], &second["skipped"]), (&json!(0), &json!(1)), "{second}");
    // The same in another file is read, and found to be there.
    let copy = input.path().join("again.ndjson");
    std::fs::copy(file, &copy).unwrap();
    let third = json(data.path(), &["import", "--json", copy.to_str().unwrap()]);
    assert_eq!((&third["changed"], &third["files"]), (&json!(0), &json!(1)), "{third}");
    assert_eq!(third["stored"], first["stored"]);
    let after = checked(data.path());
    assert_eq!((&after["versions"], &after["by_type"]), (&before["versions"], &before["by_type"]));
}

#[test]
fn a_killed_import_goes_on_and_ends_as_if_never_killed() {
    let input = tempfile::tempdir().unwrap();
    let file = ndjson(input.path(), 100, 150);
    let file = file.to_str().unwrap();
    let whole = tempfile::tempdir().unwrap();
    let summary = json(whole.path(), &["import", "--json", file]);
    let all = summary["changed"].as_u64().unwrap();
    assert_eq!(all, 15_100);
    let wanted = checked(whole.path());

    // Killed once something is in and before all is; how long that takes depends on the machine.
    for wait in [150, 300, 600, 100, 1200, 50, 2400] {
        let data = tempfile::tempdir().unwrap();
        let mut child =
            kith(data.path()).args(["import", file]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        if child.try_wait().unwrap().is_some() {
            continue;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if !data.path().join("kith.sqlite").exists() {
            continue;
        }
        let rest = json(data.path(), &["import", "--json", file]);
        let rest = rest["changed"].as_u64().unwrap();
        if rest == all || rest == 0 {
            continue;
        }
        assert!(rest < all, "what was in was not written again: {rest} of {all}");
        let report = checked(data.path());
        assert_eq!(report["by_type"], wanted["by_type"]);
        assert_eq!(report["versions"], wanted["versions"], "no second version of what was in");
        run(data.path(), &["audit", "verify"]);
        return;
    }
    panic!("no kill came in the middle");
}

#[test]
fn every_rejected_resource_is_in_the_errors_file_with_its_reason_and_line() {
    let (data, input) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = input.path().join("mixed.ndjson");
    let text = [
        patient(1, &number(1)).to_string(),
        "{\"resourceType\": \"Patient\", ".to_owned(),
        json!({"resourceType": "Pirate", "id": "x"}).to_string(),
        weight(1, 99).to_string(),
        String::new(),
        json!({"resourceType": "Patient", "id": "no spaces please"}).to_string(),
        weight(2, 1).to_string(),
        "[".repeat(3000),
    ];
    std::fs::write(&file, text.join("\n")).unwrap();
    let output = kith(data.path()).args(["import", "--json", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("import-errors.ndjson"), "{}", stderr(&output));
    let report = checked(data.path());
    assert_eq!(report["by_type"], json!({"Patient": 1, "Observation": 1}), "the good ones are in");
    let mut errors = lines(&data.path().join("import-errors.ndjson"));
    errors.sort_by_key(|error| error["line"].as_u64());
    let found: Vec<u64> = errors.iter().filter_map(|error| error["line"].as_u64()).collect();
    assert_eq!(found, [2, 3, 4, 6, 8], "{errors:?}");
    for error in &errors {
        assert_eq!(error["file"], "mixed.ndjson");
        assert!(error["reason"].as_str().is_some_and(|reason| reason.len() > 5), "{error}");
    }
    assert_eq!(errors[2]["resource"], "Observation/o1");
    assert!(errors[2]["reason"].as_str().unwrap().contains("Patient/p99"), "{}", errors[2]);

    // The rejected ones are read again, and go in once what they wait for is there.
    let late = input.path().join("late.ndjson");
    std::fs::write(&late, patient(99, &number(99)).to_string()).unwrap();
    run(data.path(), &["import", late.to_str().unwrap()]);
    let output = kith(data.path()).args(["import", file.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stdout(&output));
    assert_eq!(checked(data.path())["by_type"], json!({"Patient": 2, "Observation": 2}));
}

#[test]
fn an_nhs_number_that_fails_its_check_is_taken_in_and_flagged() {
    let (data, input) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let good = number(5);
    let last = good.as_bytes()[9] - b'0';
    let bad = format!("{}{}", &good[..9], (last + 1) % 10);
    let file = input.path().join("two.ndjson");
    std::fs::write(&file, format!("{}\n{}\n", patient(1, &good), patient(2, &bad))).unwrap();
    run(data.path(), &["import", file.to_str().unwrap()]);
    let out = data.path().join("out");
    run(data.path(), &["export", out.to_str().unwrap()]);
    for patient in lines(&out.join("Patient.ndjson")) {
        let flagged = patient["meta"]["tag"].as_array().is_some_and(|tags| {
            tags.iter().any(|tag| {
                tag["system"] == kith_fhir::system::CS_IMPORT_FLAG && tag["code"] == "nhs-number-fails-check"
            })
        });
        assert_eq!(flagged, patient["id"] == "p2", "{patient}");
    }
}

#[test]
fn decimals_and_unknown_elements_come_out_as_they_went_in() {
    let (data, input) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = input.path().join("odd.ndjson");
    let odd = r#"{"resourceType":"Patient","id":"odd","extension":[{"url":"http://example.org/x","valueDecimal":1.50}],"unknownElement":{"kept":[0.10,1E2]}}"#;
    std::fs::write(&file, odd).unwrap();
    run(data.path(), &["import", file.to_str().unwrap()]);
    let out = data.path().join("out");
    run(data.path(), &["export", out.to_str().unwrap()]);
    let text = std::fs::read_to_string(out.join("Patient.ndjson")).unwrap();
    for kept in ["\"valueDecimal\":1.50", "\"kept\":[0.10,1E2]"] {
        assert!(text.contains(kept), "{text}");
    }
}

#[test]
fn what_is_not_there_or_not_fhir_is_said() {
    let (data, input) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = kith(data.path()).args(["import", "nowhere"]).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("is not there"), "{}", stderr(&output));
    let output = kith(data.path()).arg("import").arg(input.path()).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("no .json"), "{}", stderr(&output));
    // Looking into a record that is not there does not make one.
    for args in [&["check"][..], &["serve"], &["audit", "verify"], &["export", "out"]] {
        let output = kith(input.path()).args(args).output().unwrap();
        assert!(!output.status.success() && stderr(&output).contains("hint:"), "{args:?}: {}", stderr(&output));
        assert!(!input.path().join("kith.sqlite").exists(), "{args:?}");
    }
}

#[test]
fn all_of_the_synthea_bundles_go_in_and_the_counts_agree_by_type() {
    let Some(folder) = shared("synthea-r4") else { return };
    let data = tempfile::tempdir().unwrap();
    let summary = json(data.path(), &["import", "--json", folder.to_str().unwrap()]);
    assert_eq!(summary["files"], 103, "{summary}");
    assert_eq!((&summary["rejected"], &summary["unreadable"]), (&json!({}), &json!(0)), "{summary}");
    assert_eq!(summary["read"], summary["stored"]);
    let report = checked(data.path());
    // Hospitals and doctors of several Bundles are the same ones.
    let (read, there) = (summary["read"].as_object().unwrap(), &report["by_type"]);
    for (kind, in_bundles) in read {
        let (in_bundles, there) = (in_bundles.as_u64().unwrap(), count(there, kind));
        assert!(there == in_bundles || (there < in_bundles && there > 0), "{kind}: {in_bundles} in, {there} stored");
        if kind == "Patient" || kind == "Observation" || kind == "Encounter" {
            assert_eq!(there, in_bundles, "{kind}");
        }
    }
    let again = json(data.path(), &["import", "--json", folder.to_str().unwrap()]);
    assert_eq!((&again["changed"], &again["skipped"]), (&json!(0), &json!(103)), "{again}");
}
