//! The CapabilityStatement promises what the server does, no more and no less.

mod common;

use std::path::PathBuf;

use common::{Server, listen, send, server};
use kith_api::ApiOptions;
use kith_api::fhir::capability::{ACROSS, WITHIN};
use kith_fhir::search::{Kind, definitions};
use kith_fhir::{Value, json, resource};
use kith_trust::{Door, DoorConfig};

fn value_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Date => "2026-01-05",
        Kind::Reference => "Organization/x",
        Kind::Quantity | Kind::Number => "1",
        _ => "x",
    }
}

async fn statement(server: &Server) -> Value {
    let answer = send(&server.address, "GET", "/fhir/metadata", &[], "").await;
    assert_eq!(answer.status, 200, "no token is needed");
    answer.json()
}

#[tokio::test]
async fn every_parameter_is_answered_as_the_statement_says() {
    let server = server().await;
    server.ada().await;
    let statement = statement(&server).await;
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    assert_eq!(resources.len(), resource::TYPES.len());
    let mut asked = 0;
    for described in resources {
        let kind = described["type"].as_str().unwrap();
        if matches!(kind, "AuditEvent" | "Provenance") {
            continue;
        }
        let promised = described["searchParam"].as_array().unwrap();
        for param in definitions().params(kind).iter().filter(|p| !matches!(p.kind, Kind::Composite | Kind::Special)) {
            let words = promised.iter().find(|p| p["name"] == param.code).map(|p| p["documentation"].as_str().unwrap());
            let value = if param.code == "_lastUpdated" { "2026-01-05" } else { value_of(param.kind) };
            // `patient` and `subject` that name nobody in particular are asked across people.
            let path = format!("/fhir/{kind}?{}={value}", param.code);
            let across = server.get(&path).await.status;
            let expected = if words.is_none() || words == Some(WITHIN) { 400 } else { 200 };
            assert_eq!(across, expected, "{path}: {words:?}");
            asked += 1;
            if words == Some(WITHIN) || words == Some(ACROSS) {
                let path = format!("/fhir/Patient/ada/{kind}?{}={value}", param.code);
                if asked % 7 == 0 || matches!(kind, "Patient" | "Observation" | "Appointment" | "Task") {
                    assert_eq!(server.get(&path).await.status, 200, "{path}");
                }
            }
        }
    }
    assert!(asked > 1000, "{asked}");
}

#[tokio::test]
async fn every_interaction_is_answered_as_the_statement_says() {
    let server = server().await;
    server.ada().await;
    let statement = statement(&server).await;
    assert_eq!(statement["fhirVersion"], "4.0.1");
    for described in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = described["type"].as_str().unwrap();
        let promised = |code: &str| described["interaction"].as_array().unwrap().iter().any(|i| i["code"] == code);
        let body = json!({"resourceType": kind, "id": "t1"});
        for (code, method, path) in [
            ("update", "PUT", format!("/fhir/{kind}/t1")),
            ("create", "POST", format!("/fhir/{kind}")),
            ("read", "GET", format!("/fhir/{kind}/t1")),
            ("vread", "GET", format!("/fhir/{kind}/t1/_history/1")),
            ("history-instance", "GET", format!("/fhir/{kind}/t1/_history")),
            ("delete", "DELETE", format!("/fhir/{kind}/t1")),
        ] {
            let body = if matches!(method, "PUT" | "POST") { body.to_string() } else { String::new() };
            let status = server.ask(method, &path, &[], body).await.status;
            if promised(code) && !(kind == "Provenance" && code == "read") {
                assert!(status < 300, "{method} {path}: {status}");
            } else {
                assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
            }
        }
    }
    let system: Vec<&str> =
        statement["rest"][0]["interaction"].as_array().unwrap().iter().map(|i| i["code"].as_str().unwrap()).collect();
    for kind in system {
        let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": []});
        assert_eq!(server.post("/fhir", &bundle).await.status, 200, "{kind}");
    }
    assert_eq!(server.get("/fhir/Patient/ada/$everything").await.status, 200);
}

#[tokio::test]
async fn the_audit_trail_is_served_where_an_agreement_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../content/agreements");
    let agreements = folder.path().join("agreements");
    std::fs::create_dir(&agreements).unwrap();
    for file in std::fs::read_dir(shipped).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), agreements.join(file.file_name())).unwrap();
    }
    let neighbourhood = std::fs::read_to_string(agreements.join("neighbourhood.toml")).unwrap();
    let with_trail = neighbourhood.replace("\"kith-itself\"]", "\"kith-itself\", \"trail\"]");
    assert_ne!(neighbourhood, with_trail);
    std::fs::write(agreements.join("neighbourhood.toml"), with_trail).unwrap();
    std::fs::write(
        agreements.join("trail.cedar"),
        "@id(\"audit-engine\") @words(\"An audit engine reads the trail.\")\n\
         permit (principal == Role::\"machine\", action == Action::\"audit\", resource);",
    )
    .unwrap();
    std::fs::write(
        agreements.join("trail.md"),
        "+++\ntitle = \"Audit engine\"\nversion = 1\ndate = \"2026-11-20\"\nstatus = \"illustrative\"\nsigned = []\n\
         parties = [\"every\"]\ncontrollers = \"joint\"\npurposes = [\"direct-care\"]\ndata = [\"demographics\"]\n\
         lawful_basis = \"UK GDPR article 6(1)(c)\"\nreview = \"2027-11-20\"\n+++\nAn audit engine reads who looked.\n",
    )
    .unwrap();
    let mut config = DoorConfig::new(folder.path().join("data"));
    config.agreements = Some(agreements);
    config.durable = false;
    let door = Door::open(config).await.unwrap();
    let token = door.issue_token("Audit engine", &["system/*.*".to_owned()]).await.unwrap();
    let address = listen(door, ApiOptions::default()).await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    let patient = json!({"resourceType": "Patient", "id": "ada"}).to_string();
    assert_eq!(send(&address, "PUT", "/fhir/Patient/ada", &headers, patient).await.status, 201);
    for _ in 0..3 {
        send(&address, "GET", "/fhir/Patient/ada", &headers, "").await;
    }
    let (mut actions, mut next) = (Vec::new(), Some("/fhir/AuditEvent?patient=Patient/ada&_count=2".to_owned()));
    while let Some(path) = next {
        let page = send(&address, "GET", &path, &headers, "").await;
        assert_eq!(page.status, 200, "{}", String::from_utf8_lossy(&page.bytes));
        for entry in page.json()["entry"].as_array().unwrap() {
            actions.push(entry["resource"]["action"].as_str().unwrap().to_owned());
        }
        next = page.next();
    }
    assert_eq!(actions, ["R", "R", "R", "C"], "newest first, each once, though every page was itself noted");
}
