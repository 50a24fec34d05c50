//! Searching: within a person, across people, paging.

mod common;

use common::{observation, server};
use kith_fhir::json;

#[tokio::test]
async fn within_a_person_every_parameter_works() {
    let server = server().await;
    server.ada().await;
    for (path, expected) in [
        ("/fhir/Patient/ada/Observation", vec!["o1", "o2"]),
        ("/fhir/Patient/ada/Observation?code=http://loinc.org%7C8867-4", vec!["o1"]),
        ("/fhir/Observation?patient=ada&date=ge2026-02-01", vec!["o2"]),
        ("/fhir/Observation?subject=Patient/ada&_sort=-date", vec!["o2", "o1"]),
        ("/fhir/Observation?subject:Patient=ada&value-quantity=gt100", vec![]),
        ("/fhir/Observation?patient=Patient/ada&code-value-quantity=8867-4$72", vec!["o1"]),
        ("/fhir/Patient/ada/Observation?status:not=final", vec![]),
        ("/fhir/Patient/ada/*?_type=Observation", vec!["o1", "o2"]),
        ("/fhir/Patient/ada/$everything", vec!["ada", "o1", "o2"]),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.bytes));
        let mut ids = answer.ids();
        if !path.contains("_sort") {
            ids.sort();
        }
        assert_eq!(ids, expected, "{path}");
        assert_eq!(answer.json()["total"], json!(expected.len()), "{path}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let posted = server.ask("POST", "/fhir/Observation/_search?_count=5", &form, "patient=ada&code=8480-6").await;
    assert_eq!(posted.ids(), ["o2"]);
}

#[tokio::test]
async fn an_undeclared_search_across_people_says_what_to_do_instead() {
    let server = server().await;
    server.ada().await;
    let refused = server.get("/fhir/Observation?code=8867-4").await;
    assert_eq!(refused.status, 400);
    assert!(refused.outcome().contains("patient="), "{}", refused.outcome());
    let refused = server.get("/fhir/Patient?address-city=Leeds").await;
    assert_eq!(refused.status, 400);
    assert!(refused.outcome().contains("`family`") && !refused.outcome().contains("Leeds"));
    for (path, status) in [
        ("/fhir/Patient?shoe-size=9", 400),
        ("/fhir/Patient?birthdate=yesterday", 400),
        ("/fhir/Patient?_count=many", 400),
        ("/fhir/Patient?family:sounds-like=x", 400),
        ("/fhir/Patient?_include=*", 400),
        ("/fhir/Patient?_cursor=9990000018", 400),
        ("/fhir/Patient/ada/Observation?_cursor=nonsense", 400),
        ("/fhir/Patients", 404),
        ("/fhir/Patient/ada/$export", 404),
        ("/fhir/Observation/o1/Condition", 404),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.outcome().contains("9990000018"));
    }
}

#[tokio::test]
async fn declared_parameters_find_people_and_places() {
    let server = server().await;
    server.ada().await;
    server.put(&json!({"resourceType": "Organization", "id": "hs", "name": "High Street Surgery"})).await;
    for (path, id) in [
        ("/fhir/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number%7C9990000018", "ada"),
        ("/fhir/Patient?family=tes&birthdate=1980-02-29", "ada"),
        ("/fhir/Patient?_id=ada", "ada"),
        ("/fhir/Organization?name=high", "hs"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.ids(), [id], "{path}");
        assert_eq!(answer.json()["total"], json!(1));
        let full = format!("http://{}/fhir/", server.address);
        assert!(answer.json()["entry"][0]["fullUrl"].as_str().unwrap().starts_with(&full));
    }
    let count = server.get("/fhir/Patient?family=test&_summary=count").await.json();
    assert_eq!((&count["total"], count.get("entry")), (&json!(1), None));
    let part = server.get("/fhir/Patient?_id=ada&_elements=birthDate").await.json();
    let seen = &part["entry"][0]["resource"];
    assert!(seen.get("birthDate").is_some() && seen.get("name").is_none());
    let back = server.put(seen).await;
    assert_eq!(back.status, 422, "a part must not overwrite the whole");
}

#[tokio::test]
async fn paging_gives_each_result_once_while_others_write() {
    let server = server().await;
    server.ada().await;
    for n in 10..31 {
        server.put(&observation(&format!("x{n}"), "8867-4", &format!("2026-01-{n:02}"))).await;
        let slot = json!({"resourceType": "Organization", "id": format!("x{n}"), "name": format!("Surgery {n}")});
        server.put(&slot).await;
    }
    for first in [
        "/fhir/Observation?patient=ada&date=ge2026-01-10&_count=4",
        "/fhir/Patient/ada/Observation?_sort=-date&_count=4",
        "/fhir/Patient/ada/$everything?_count=4",
        "/fhir/Organization?name=surgery&_count=4",
        "/fhir/Organization?_sort=_lastUpdated&_count=4",
    ] {
        let (mut seen, mut next, mut pages) = (Vec::new(), Some(first.to_owned()), 0);
        while let Some(path) = next {
            let page = server.get(&path).await;
            assert_eq!(page.status, 200, "{path}: {}", String::from_utf8_lossy(&page.bytes));
            assert!(page.ids().len() <= 4);
            seen.extend(page.ids());
            next = page.next();
            pages += 1;
            // Something new at either end.
            server.put(&observation(&format!("a{pages}"), "8867-4", "2025-01-01")).await;
            server.put(&json!({"resourceType": "Organization", "id": format!("a{pages}"), "name": "Other"})).await;
        }
        let known = (10..31).filter(|n| seen.contains(&format!("x{n}"))).count();
        assert_eq!(known, 21, "{first}");
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "{first}: something came twice");
    }
}
