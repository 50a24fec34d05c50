//! Single resources: read, write, versions.

mod common;

use common::{observation, send, server};
use kith_fhir::json::{Limits, canonical, parse};
use kith_fhir::{Value, json};

#[tokio::test]
async fn a_resource_comes_back_with_everything_it_was_sent_with() {
    let server = server().await;
    server.ada().await;
    // Elements R4 does not know, digits that count, text beyond ASCII, a primitive's extension.
    let text = r#"{"resourceType":"Observation","id":"exact","status":"final","code":{"text":"Kreatinin µmol/L – 😀 \"q\""},
        "subject":{"reference":"Patient/ada"},"valueQuantity":{"value":1.10,"unit":"mg/dL"},
        "referenceRange":[{"low":{"value":0.50},"high":{"value":1E+2}}],
        "unknownElement":{"deep":[1.0,{"x":null}]},"_status":{"extension":[{"url":"urn:x","valueDecimal":-0.0}]},
        "meta":{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation"]}}"#;
    let put = server.ask("PUT", "/fhir/Observation/exact", &[], text).await;
    assert_eq!(put.status, 201, "{}", String::from_utf8_lossy(&put.bytes));
    let got = server.get("/fhir/Observation/exact").await;
    assert_eq!(got.status, 200);
    let mut value = got.json();
    assert_eq!(value["meta"]["versionId"], "1");
    let meta = value["meta"].as_object_mut().unwrap();
    meta.remove("versionId");
    meta.remove("lastUpdated");
    let sent = parse(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(String::from_utf8(canonical(&value)).unwrap(), String::from_utf8(canonical(&sent)).unwrap());
    assert!(String::from_utf8_lossy(&got.bytes).contains("1.10"));
}

#[tokio::test]
async fn a_new_resource_says_where_it_is_and_which_version() {
    let server = server().await;
    let made =
        server.post("/fhir/Organization", &json!({"resourceType": "Organization", "id": "mine", "name": "A"})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("etag"), "W/\"1\"");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "mine", "a POST gives a new id");
    let place = format!("http://{}/fhir/Organization/{id}/_history/1", server.address);
    assert_eq!(made.header("location"), place);
    let got = server.get(&format!("/fhir/Organization/{id}")).await;
    assert_eq!(got.json()["name"], "A");
    assert!(got.header("last-modified").ends_with(" GMT"));
    assert!(got.header("content-type").starts_with("application/fhir+json"));

    let thin = [("prefer", "return=minimal")];
    let body = json!({"resourceType": "Organization", "name": "B"}).to_string();
    let made = server.ask("POST", "/fhir/Organization", &thin, body.clone()).await;
    assert_eq!((made.status, made.bytes.len()), (201, 0));
    let told = server.ask("POST", "/fhir/Organization", &[("prefer", "return=OperationOutcome")], body).await;
    assert_eq!(told.json()["resourceType"], "OperationOutcome");
}

#[tokio::test]
async fn a_stale_change_is_refused_and_changes_nothing() {
    let server = server().await;
    let first = json!({"resourceType": "Organization", "id": "o", "name": "first"});
    assert_eq!(server.put(&first).await.status, 201);
    let change = |name: &str| json!({"resourceType": "Organization", "id": "o", "name": name}).to_string();
    let put = |tag: &'static str, name: &str| {
        let body = change(name);
        let server = &server;
        async move { server.ask("PUT", "/fhir/Organization/o", &[("if-match", tag)], body).await }
    };
    assert_eq!(put("W/\"1\"", "second").await.header("etag"), "W/\"2\"");
    let stale = put("W/\"1\"", "lost update").await;
    assert_eq!(stale.status, 412);
    assert!(stale.outcome().contains("somebody else"));
    assert_eq!(server.get("/fhir/Organization/o").await.json()["name"], "second");
    assert_eq!(put("yesterday", "x").await.status, 400);
    let gone = server.ask("DELETE", "/fhir/Organization/o", &[("if-match", "W/\"1\"")], "").await;
    assert_eq!(gone.status, 412);
    let none = json!({"resourceType": "Organization", "id": "none", "name": "x"}).to_string();
    assert_eq!(server.ask("PUT", "/fhir/Organization/none", &[("if-match", "W/\"1\"")], none).await.status, 412);
    assert_eq!(server.get("/fhir/Organization/none").await.status, 404);
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = server().await;
    server.ada().await;
    let fresh = server.ask("GET", "/fhir/Patient/ada", &[("if-none-match", "W/\"1\"")], "").await;
    assert_eq!((fresh.status, fresh.bytes.len()), (304, 0));
    assert_eq!(fresh.header("etag"), "W/\"1\"");
    assert_eq!(server.ask("GET", "/fhir/Patient/ada", &[("if-none-match", "W/\"2\"")], "").await.status, 200);
    let date = server.get("/fhir/Patient/ada").await.header("last-modified").to_owned();
    assert_eq!(server.ask("GET", "/fhir/Patient/ada", &[("if-modified-since", &date)], "").await.status, 304);
    let past = [("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")];
    assert_eq!(server.ask("GET", "/fhir/Patient/ada", &past, "").await.status, 200);
}

#[tokio::test]
async fn every_version_can_be_read_again() {
    let server = server().await;
    for name in ["first", "second", "third"] {
        let body = json!({"resourceType": "Organization", "id": "o", "name": name});
        assert!(server.put(&body).await.status < 300);
    }
    // The same again is no new version.
    let again = server.put(&json!({"resourceType": "Organization", "id": "o", "name": "third"})).await;
    assert_eq!((again.status, again.header("etag")), (200, "W/\"3\""));
    assert_eq!(server.get("/fhir/Organization/o/_history/1").await.json()["name"], "first");
    assert_eq!(server.get("/fhir/Organization/o/_history/4").await.status, 404);
    assert_eq!(server.get("/fhir/Organization/o/_history/0").await.status, 404);
    assert_eq!(server.get("/fhir/Organization/o/_history/x").await.status, 404);
    let history = server.get("/fhir/Organization/o/_history?_count=2").await;
    assert_eq!(history.json()["type"], "history");
    let names = |value: Value| -> Vec<String> {
        let entries = value["entry"].as_array().unwrap().clone();
        entries.iter().map(|e| e["resource"]["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(history.json()), ["third", "second"]);
    assert_eq!(names(server.get(&history.next().unwrap()).await.json()), ["first"]);
}

#[tokio::test]
async fn what_was_deleted_is_gone_but_its_history_stays() {
    let server = server().await;
    server.ada().await;
    assert_eq!(server.ask("DELETE", "/fhir/Observation/o1", &[], "").await.status, 204);
    let gone = server.get("/fhir/Observation/o1").await;
    assert_eq!(gone.status, 410);
    assert!(gone.outcome().contains("deleted"));
    assert_eq!(server.get("/fhir/Observation/o1/_history/1").await.status, 200);
    assert_eq!(server.get("/fhir/Observation/o1/_history/2").await.status, 410);
    assert_eq!(server.get("/fhir/Observation/o1/_history/3").await.status, 404);
    assert_eq!(server.get("/fhir/Observation/o1/_history").await.ids(), ["o1"]);
    assert_eq!(server.ask("DELETE", "/fhir/Observation/o1", &[], "").await.status, 204, "gone is what was asked for");
    assert_eq!(server.ask("DELETE", "/fhir/Observation/never", &[], "").await.status, 404);
    assert!(server.put(&observation("o1", "8867-4", "2026-03-05")).await.status < 300, "it may come back");
    assert_eq!(server.get("/fhir/Observation/o1").await.status, 200);
}

#[tokio::test]
async fn a_conditional_create_makes_one_however_many_ask_at_once() {
    let server = server().await;
    let body = json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:x", "value": "7"}]}).to_string();
    let make = || server.ask("POST", "/fhir/Practitioner", &[("if-none-exist", "identifier=urn:x|7")], body.clone());
    let (a, b, c, d) = tokio::join!(make(), make(), make(), make());
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 201]);
    assert_eq!(server.get("/fhir/Practitioner?identifier=urn:x%7C7").await.json()["total"], json!(1));
    // Two of them now exist: nobody can say which was meant.
    assert_eq!(server.ask("POST", "/fhir/Practitioner", &[], body.clone()).await.status, 201);
    assert_eq!(make().await.status, 412);
}

#[tokio::test]
async fn a_repeated_request_with_a_key_is_done_once() {
    let server = server().await;
    let body = json!({"resourceType": "Organization", "name": "Once"}).to_string();
    let headers = [("idempotency-key", "engine-message-17")];
    let first = server.ask("POST", "/fhir/Organization", &headers, body.clone()).await;
    let again = server.ask("POST", "/fhir/Organization", &headers, body).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(server.get("/fhir/Organization?name=Once").await.json()["total"], json!(1));
}

#[tokio::test]
async fn nobody_comes_in_without_a_known_token() {
    let server = server().await;
    server.ada().await;
    let wrong = "x".repeat(43);
    let near = format!("{}x", &server.token[..42]);
    let mut answers = Vec::new();
    for headers in [
        vec![],
        vec![("authorization", "Bearer".to_owned())],
        vec![("authorization", "Bearer short".to_owned())],
        vec![("authorization", format!("Bearer {wrong}"))],
        vec![("authorization", format!("Bearer {near}"))],
        vec![("authorization", format!("Basic {}", server.token))],
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for (method, path) in [
            ("GET", "/fhir/Patient/ada"),
            ("GET", "/fhir/Patient/nobody"),
            ("GET", "/fhir/Patient"),
            ("GET", "/fhir/Patient/ada/_history"),
            ("GET", "/fhir/Patient/ada/_history/1"),
            ("GET", "/fhir/Patient/ada/$everything"),
            ("GET", "/fhir/Patient/ada/Observation"),
            ("POST", "/fhir/Patient/_search"),
            ("POST", "/fhir/Patient"),
            ("PUT", "/fhir/Patient/ada"),
            ("DELETE", "/fhir/Patient/ada"),
            ("POST", "/fhir"),
            ("GET", "/fhir/no/such/address/at/all"),
        ] {
            let answer = send(&server.address, method, path, &headers, "").await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
            answers.push(answer.bytes);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "every refusal says the same");
}

#[tokio::test]
async fn a_token_to_read_patients_can_do_nothing_else() {
    let server = server().await;
    server.ada().await;
    let token = server.token(&["system/Patient.read"]).await;
    let ask = |method: &'static str, path: &'static str, body: Value| {
        let (server, token) = (&server, token.as_str());
        async move {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            server.as_token(token, method, path, &body).await
        }
    };
    assert_eq!(ask("GET", "/fhir/Patient/ada", Value::Null).await.status, 200);
    assert_eq!(ask("GET", "/fhir/Patient?family=Test", Value::Null).await.ids(), ["ada"]);
    let patient = json!({"resourceType": "Patient", "id": "ada", "active": false});
    for (method, path, body) in [
        ("GET", "/fhir/Observation/o1", Value::Null),
        ("GET", "/fhir/Observation/absent", Value::Null),
        ("GET", "/fhir/Observation/o1/_history", Value::Null),
        ("GET", "/fhir/Observation/o1/_history/1", Value::Null),
        ("GET", "/fhir/Observation?patient=ada", Value::Null),
        ("GET", "/fhir/Patient/ada/Observation", Value::Null),
        ("GET", "/fhir/Observation", Value::Null),
        ("GET", "/fhir/Provenance?target=Patient/ada", Value::Null),
        ("PUT", "/fhir/Patient/ada", patient.clone()),
        ("POST", "/fhir/Patient", patient.clone()),
        ("DELETE", "/fhir/Patient/ada", Value::Null),
        ("POST", "/fhir/Observation", observation("x", "1", "2026")),
        ("GET", "/fhir/AuditEvent?patient=ada", Value::Null),
    ] {
        let answer = ask(method, path, body).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", String::from_utf8_lossy(&answer.bytes));
        assert!(!answer.outcome().contains("Ada"));
    }
    let everything = ask("GET", "/fhir/Patient/ada/$everything", Value::Null).await;
    assert_eq!(everything.ids(), ["ada"], "what the scopes do not cover is left out");
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": patient, "request": {"method": "PUT", "url": "Patient/ada"}}]});
    assert_eq!(ask("POST", "/fhir", bundle).await.status, 403);
    assert!(server.get("/fhir/Patient/ada").await.json().get("active").is_none());
}

#[tokio::test]
async fn absent_and_unseen_are_the_same_answer() {
    let server = server().await;
    server.ada().await;
    let token = server.token(&["system/Patient.read"]).await;
    let unseen = server.as_token(&token, "GET", "/fhir/Observation/o1", "").await;
    let absent = server.as_token(&token, "GET", "/fhir/Observation/absent", "").await;
    assert_eq!((unseen.status, unseen.bytes), (absent.status, absent.bytes));
    // Within a person: one whom the token may not see at all, and nobody.
    let token = server.token(&["system/Condition.read"]).await;
    let unseen = server.as_token(&token, "GET", "/fhir/Patient/ada/Condition", "").await;
    let absent = server.as_token(&token, "GET", "/fhir/Patient/nobody/Condition", "").await;
    assert_eq!(unseen.status, 404);
    assert_eq!((unseen.status, unseen.bytes), (absent.status, absent.bytes));
    let unseen = server.as_token(&token, "GET", "/fhir/Condition?patient=ada", "").await.json();
    assert_eq!((&unseen["total"], unseen.get("entry")), (&json!(0), None));
}

#[tokio::test]
async fn every_write_and_every_read_of_a_person_leaves_one_audit_entry() {
    let server = server().await;
    server.ada().await;
    let kith = server.door.system("test");
    let count = || async { kith.who_looked("ada", 1000).await.unwrap() };
    // Looking at the trail is in the trail too, once for each look.
    let before = count().await.len();
    server.put(&observation("o1", "8867-4", "2026-04-01")).await;
    server.ask("DELETE", "/fhir/Observation/o2", &[], "").await;
    server.post("/fhir/Observation", &observation("x", "8867-4", "2026-04-02")).await;
    server.get("/fhir/Patient/ada").await;
    let after = count().await;
    assert_eq!(after.len(), before + 1 + 4);
    let actor = server.actor().await.reference;
    let newest: Vec<&str> = after.iter().take(4).map(|entry| entry.fields.action.as_str()).collect();
    assert_eq!(newest, ["read", "write", "write", "write"]);
    assert!(after.iter().take(4).all(|entry| entry.origin.actor == actor && entry.origin.system == "Test engine"));
    assert_eq!(server.door.verify_audit().await.unwrap().broken, None);
    assert_eq!(server.door.check().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test]
async fn provenance_says_who_wrote_and_cannot_be_written() {
    let server = server().await;
    server.ada().await;
    let found = server.get("/fhir/Provenance?target=Patient/ada").await;
    let bundle = found.json();
    assert_eq!(bundle["total"], json!(1));
    let provenance = &bundle["entry"][0]["resource"];
    assert_eq!(provenance["target"][0]["reference"], "Patient/ada/_history/1");
    assert_eq!(provenance["agent"][0]["who"]["reference"], json!(server.actor().await.reference));
    let id = provenance["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/fhir/Provenance/{id}")).await.json(), *provenance);
    assert_eq!(server.get("/fhir/Provenance?patient=ada").await.json()["total"], json!(3));
    for kind in ["Provenance", "AuditEvent"] {
        let body = json!({"resourceType": kind, "id": "x"});
        let posted = server.post(&format!("/fhir/{kind}"), &body).await;
        assert_eq!((posted.status, server.put(&body).await.status), (405, 405));
        assert!(posted.outcome().contains("record itself"));
        assert_eq!(server.ask("DELETE", &format!("/fhir/{kind}/x"), &[], "").await.status, 405);
    }
}
