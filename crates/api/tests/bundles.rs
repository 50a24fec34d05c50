//! Transactions and batches.

mod common;

use common::{observation, server};
use kith_fhir::{Value, json};

fn transaction(entries: Value) -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

fn entry(method: &str, url: &str, resource: Value) -> Value {
    json!({"request": {"method": method, "url": url}, "resource": resource})
}

#[tokio::test]
async fn references_between_entries_and_conditional_references_are_resolved() {
    let server = server().await;
    let known = json!({"resourceType": "Practitioner", "id": "g1", "identifier": [{"system": "urn:x", "value": "1"}]});
    server.put(&known).await;
    let urn = "urn:uuid:0193a0a0-0000-7000-8000-000000000001";
    let mut patient = entry("POST", "Patient", json!({"resourceType": "Patient", "birthDate": "1980-01-01"}));
    patient["fullUrl"] = json!(urn);
    let seen = json!({"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"},
        "subject": {"reference": urn}, "performer": [{"reference": "Practitioner?identifier=urn:x|1"}]});
    let bundle = transaction(json!([
        patient,
        entry("POST", "Observation", seen),
        {"request": {"method": "GET", "url": "Practitioner/g1"}},
    ]));
    let answer = server.post("/fhir", &bundle).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    let answer = answer.json();
    assert_eq!(answer["type"], "transaction-response");
    let at = |n: usize| answer["entry"][n]["response"].clone();
    assert_eq!(at(0)["status"], "201 Created");
    assert_eq!(at(0)["etag"], "W/\"1\"");
    let base = format!("http://{}", server.address);
    let place = |n: usize| at(n)["location"].as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
    let patient = server.get(&place(0)).await.json()["id"].as_str().unwrap().to_owned();
    let seen = server.get(&place(1)).await.json();
    assert_eq!(seen["subject"]["reference"], json!(format!("Patient/{patient}")));
    assert_eq!(seen["performer"][0]["reference"], "Practitioner/g1");
    assert_eq!(answer["entry"][2]["resource"]["id"], "g1");
    assert_eq!(answer["entry"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_transaction_is_done_whole_or_not_at_all() {
    let server = server().await;
    server.ada().await;
    let good = || entry("PUT", "Organization/new", json!({"resourceType": "Organization", "id": "new", "name": "New"}));
    let stale = json!({"request": {"method": "PUT", "url": "Organization/old", "ifMatch": "W/\"7\""},
        "resource": {"resourceType": "Organization", "id": "old"}});
    let broken = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/nobody"}});
    let wrong_number = json!({"resourceType": "Patient",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000019"}]});
    for (bad, status) in [
        (stale, 412),
        (entry("POST", "Observation", broken), 422),
        (entry("POST", "Patient", wrong_number), 422),
        (entry("POST", "Observation", json!({"resourceType": "Patient"})), 422),
        (entry("PUT", "Provenance/p", json!({"resourceType": "Provenance", "id": "p"})), 422),
        (entry("POST", "Provenance", json!({"resourceType": "Patient"})), 422),
        (entry("PATCH", "Patient/ada", json!({"resourceType": "Patient"})), 422),
        (json!({"request": {"method": "POST", "url": "Patient"}}), 422),
        (json!(7), 422),
    ] {
        let answer = server.post("/fhir", &transaction(json!([good(), bad]))).await;
        assert_eq!(answer.status, status, "{bad}: {}", String::from_utf8_lossy(&answer.bytes));
        assert!(!answer.outcome().contains("9990000019"));
        assert_eq!(server.get("/fhir/Organization/new").await.status, 404, "{bad}");
    }
    let answer = server.post("/fhir", &transaction(json!([good()]))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(server.get("/fhir/Organization/new").await.status, 200);
}

#[tokio::test]
async fn an_entry_that_exists_already_is_found_not_doubled() {
    let server = server().await;
    let bundle = transaction(json!([{
        "request": {"method": "POST", "url": "Organization", "ifNoneExist": "identifier=urn:x|9"},
        "resource": {"resourceType": "Organization", "identifier": [{"system": "urn:x", "value": "9"}]},
    }]));
    let first = server.post("/fhir", &bundle).await.json();
    let again = server.post("/fhir", &bundle).await.json();
    assert_eq!(first["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(again["entry"][0]["response"]["status"], "200 OK");
    assert_eq!(server.get("/fhir/Organization?identifier=urn:x%7C9").await.json()["total"], json!(1));
}

#[tokio::test]
async fn each_entry_of_a_batch_stands_alone() {
    let server = server().await;
    server.ada().await;
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        entry("PUT", "Observation/o9", observation("o9", "8867-4", "2026-05-01")),
        entry("PUT", "Observation/o10", observation("o10", "8867-4", "2026-13-01")),
        {"request": {"method": "GET", "url": "Observation?patient=ada&_sort=date"}},
        {"request": {"method": "GET", "url": "Patient/nobody"}},
        {"request": {"method": "DELETE", "url": "Observation/o1"}},
        entry("POST", "Organization", json!({"resourceType": "Organization", "name": "Made"})),
        {"request": {"method": "PATCH", "url": "Patient/ada"}},
        "nonsense",
    ]});
    let answer = server.post("/fhir", &batch).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["type"], "batch-response");
    let statuses: Vec<&str> =
        answer["entry"].as_array().unwrap().iter().map(|e| &e["response"]["status"].as_str().unwrap()[..3]).collect();
    assert_eq!(statuses, ["201", "422", "200", "404", "204", "201", "400", "400"]);
    assert_eq!(answer["entry"][1]["response"]["outcome"]["resourceType"], "OperationOutcome");
    assert_eq!(answer["entry"][2]["resource"]["total"], json!(3));
    assert_eq!(server.get("/fhir/Observation/o1").await.status, 410);
}

#[tokio::test]
async fn what_is_no_bundle_to_be_done_is_refused() {
    let server = server().await;
    for (body, status) in [
        (json!({"resourceType": "Patient"}), 400),
        (json!({"resourceType": "Bundle", "type": "collection"}), 400),
        (json!({"resourceType": "Bundle", "type": "transaction", "entry": {"a": 1}}), 400),
        (json!({"resourceType": "Bundle"}), 400),
    ] {
        let answer = server.post("/fhir", &body).await;
        assert_eq!(answer.status, status, "{body}");
        answer.outcome();
    }
    let empty = server.post("/fhir", &json!({"resourceType": "Bundle", "type": "transaction"})).await;
    assert_eq!(empty.status, 200);
}
