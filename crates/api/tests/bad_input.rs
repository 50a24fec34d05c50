//! What must be refused: each gets a clear answer, and the server goes on.

mod common;

use std::time::Duration;

use common::{JSON, server, server_with};
use kith_api::ApiOptions;
use kith_fhir::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn malformed_bodies_are_refused_with_their_place_and_without_their_content() {
    let server = server().await;
    for (body, words) in [
        ("", "ends before"),
        ("{", "ends before"),
        ("null", "JSON object"),
        ("[]", "JSON object"),
        ("\"Patient\"", "JSON object"),
        (r#"{"resourceType":"Patient","name":[{"family":"Secret"}],"name":[]}"#, "repeated"),
        (r#"{"resourceType":"Patient","x":01}"#, "not a JSON number"),
        (r#"{"resourceType":"Patient"} extra"#, "follows"),
        ("{\"resourceType\":\"Patient\",\"x\":\"\u{1}\"}", "control character"),
        (r#"{"name":[{"family":"Secret"}]}"#, "resourceType"),
        (r#"{"resourceType":"Secret"}"#, "resourceType"),
        (r#"{"resourceType":7}"#, "resourceType"),
        (r#"{"resourceType":"Observation"}"#, "another resource type"),
    ] {
        let answer = server.ask("POST", "/fhir/Patient", &[], body.to_owned()).await;
        assert_eq!(answer.status, 400, "{body}");
        let said = answer.outcome();
        assert!(said.contains(words) && !said.contains("Secret"), "{body}: {said}");
    }
    let answer = server.ask("POST", "/fhir/Patient", &[], vec![b'"', 0xff, 0xfe, b'"']).await;
    assert!(answer.outcome().contains("UTF-8"));
    assert_eq!(server.get("/fhir/Patient").await.ids(), Vec::<String>::new());
}

#[tokio::test]
async fn deep_and_gigantic_bodies_are_refused_before_they_are_read() {
    let options = ApiOptions { max_body: 100_000, ..ApiOptions::default() };
    let server = server_with(options).await;
    let deep = format!(r#"{{"resourceType":"Patient","x":{}{}}}"#, "[".repeat(40_000), "]".repeat(40_000));
    let answer = server.ask("POST", "/fhir/Patient", &[], deep).await;
    assert_eq!(answer.status, 400);
    assert!(answer.outcome().contains("64 levels"));
    let big = json!({"resourceType": "Patient", "x": "x".repeat(150_000)}).to_string();
    let answer = server.ask("POST", "/fhir/Patient", &[], big.clone()).await;
    assert_eq!(answer.status, 413);
    assert!(answer.outcome().contains("100000 bytes"));
    // A length that is not announced is counted as it comes.
    let mut stream = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    let head = format!(
        "POST /fhir/Patient HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n",
        server.token,
        big.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(big.as_bytes()).await;
    let _ = stream.write_all(b"\r\n0\r\n\r\n").await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 413"));
    assert_eq!(server.get("/fhir/Patient").await.status, 200);
}

#[tokio::test]
async fn a_body_that_never_arrives_does_not_hold_the_server() {
    let options = ApiOptions { timeout: Duration::from_millis(200), ..ApiOptions::default() };
    let server = server_with(options).await;
    let mut stream = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    let head = format!(
        "POST /fhir/Patient HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\n\
         content-length: 50\r\n\r\n{{",
        server.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn wrong_dates_and_nhs_numbers_are_refused_on_entry() {
    let server = server().await;
    server.ada().await;
    let number = |value: &str| {
        json!({"resourceType": "Patient", "identifier": [
            {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": value}]})
    };
    for body in [
        number("9990000019"),
        number("999000001"),
        number("not a number"),
        json!({"resourceType": "Patient", "birthDate": "2026-02-30"}),
        json!({"resourceType": "Patient", "birthDate": "30/02/2026"}),
        json!({"resourceType": "Patient", "meta": []}),
    ] {
        let answer = server.post("/fhir/Patient", &body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(!answer.outcome().contains("999000001"));
        assert!(answer.json()["issue"][0]["expression"][0].as_str().unwrap().starts_with("Patient."));
    }
    let night = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/ada"}, "effectiveDateTime": "2026-03-29T01:30:00"});
    assert_eq!(server.post("/fhir/Observation", &night).await.status, 422, "a time without its zone");
    assert_eq!(server.post("/fhir/Patient", &number("9990000026")).await.status, 201);
}

#[tokio::test]
async fn broken_references_and_moved_resources_are_refused() {
    let server = server().await;
    server.ada().await;
    server.put(&json!({"resourceType": "Patient", "id": "bob"})).await;
    let seen = |id: &str, who: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient/{who}")}})
    };
    assert_eq!(server.put(&seen("new", "nobody")).await.status, 422);
    assert_eq!(server.put(&seen("o1", "bob")).await.status, 422, "it belongs to ada");
    let mismatch = server.ask("PUT", "/fhir/Observation/o1", &[], seen("o2", "ada").to_string()).await;
    assert_eq!(mismatch.status, 400);
    for id in ["a_b", "a%20b", "..%2f..%2fetc", &"x".repeat(65)] {
        let answer = server.get(&format!("/fhir/Patient/{id}")).await;
        assert_eq!(answer.status, 404, "{id}");
        answer.outcome();
    }
}

#[tokio::test]
async fn other_formats_are_refused_by_name() {
    let server = server().await;
    server.ada().await;
    let xml = server.ask("GET", "/fhir/Patient/ada", &[("accept", "application/fhir+xml")], "").await;
    assert_eq!(xml.status, 406);
    assert!(xml.outcome().contains("XML is not offered yet"));
    assert_eq!(server.get("/fhir/Patient/ada?_format=xml").await.status, 406);
    assert_eq!(server.get("/fhir/metadata?_format=xml").await.status, 406);
    assert_eq!(server.get("/fhir/Patient/ada?_format=json&_pretty=true").await.status, 200);
    let xml = [("content-type", "application/fhir+xml")];
    let answer = server.ask("POST", "/fhir/Patient", &xml, "<Patient/>").await;
    assert_eq!(answer.status, 415);
    assert!(answer.outcome().contains("XML"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(server.ask("POST", "/fhir/Patient", &form, "{}").await.status, 415);
}

#[tokio::test]
async fn what_is_not_offered_says_so_as_an_outcome() {
    let server = server().await;
    for (method, path, status) in [
        ("GET", "/fhir/no/such/thing/at/all", 404),
        ("GET", "/fhir/Nonsense/1", 404),
        ("PATCH", "/fhir/Patient/ada", 405),
        ("DELETE", "/fhir/Patient", 405),
        ("POST", "/fhir/metadata", 405),
        ("GET", "/fhir", 405),
        ("GET", "/fhir/Observation/o/$everything", 404),
        ("GET", "/fhir/AuditEvent", 400),
        ("GET", "/fhir/Provenance", 400),
    ] {
        let answer = server.ask(method, path, &[], "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(!answer.outcome().is_empty());
    }
}
