//! Bodies made to stop the machine door, addresses it must not call, and records made to hurt who reads them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::ledger::Ledger;
use crate::site::Site;
use crate::wire::{Answer, Request, raw};

pub async fn bodies(site: &Site, ledger: &mut Ledger) {
    ledger.group("BODY", "API4:2023 unrestricted resource consumption; ASVS 5.5, 13.2");
    let patient = |inside: &str| format!("{{\"resourceType\":\"Patient\",{inside}}}");
    let post = |body: Vec<u8>| Request::new("POST", "/fhir/Patient").bearer(&site.full).json(body);
    let deep = |n: usize| patient(&format!("\"x\":{}{}", "[".repeat(n), "]".repeat(n)));
    let keys = (0..100_000).fold(String::new(), |mut out, n| {
        let _ = write!(out, "\"k{n}\":{n},");
        out
    });
    for (what, body) in [
        ("nested a thousand deep", deep(1000).into_bytes()),
        ("nested a million deep", deep(1_000_000).into_bytes()),
        ("larger than the limit", patient(&format!("\"x\":\"{}\"", "A".repeat(33 << 20))).into_bytes()),
        ("cut off in the middle", b"{\"resourceType\":\"Pat".to_vec()),
        ("empty", Vec::new()),
        ("not JSON", b"resourceType=Patient".to_vec()),
        ("a list", b"[1,2,3]".to_vec()),
        ("a number", b"1e999999".to_vec()),
        ("with a key given twice", patient("\"id\":\"a\",\"id\":\"b\"").into_bytes()),
        ("with a key of the language", patient("\"__proto__\":{\"admin\":true},\"birthDate\":\"x\"").into_bytes()),
        ("with bytes that are no UTF-8", b"{\"resourceType\":\"Patient\",\"x\":\"\xff\xfe\"}".to_vec()),
        ("with a lone surrogate", patient("\"gender\":\"\\ud800\"").into_bytes()),
        ("of another type than the address", b"{\"resourceType\":\"Slot\",\"status\":\"free\"}".to_vec()),
        ("without a type", b"{\"id\":\"x\"}".to_vec()),
        ("of a type that is none", b"{\"resourceType\":\"Evil\"}".to_vec()),
        ("with an id that is a path", patient("\"id\":\"../../x\"").into_bytes()),
        (
            "with a hundred thousand keys and a wrong date",
            format!("{{{keys}\"resourceType\":\"Patient\",\"birthDate\":\"never\"}}").into_bytes(),
        ),
    ] {
        let path_is_id = what.contains("path") || what.contains("language") || what.contains("surrogate");
        let answer = site.ask(post(body)).await;
        // Taken in is right only where nothing is wrong with it but its looks.
        let ok: &[u16] = if path_is_id { &[201, 400, 422] } else { &[400, 413, 422] };
        let wrote = answer.header("location").is_some_and(|to| to.contains(".."));
        let seen = if wrote { Err("kept under a path".to_owned()) } else { answer.refused(ok) };
        ledger.note(format!("A resource {what}"), "refused, and the server goes on", seen);
    }
    for (what, kind) in [
        ("as XML with an entity", "application/fhir+xml"),
        ("as XML", "text/xml"),
        ("as YAML", "application/x-yaml"),
        ("as a form", "application/x-www-form-urlencoded"),
        ("as HTML", "text/html"),
        ("in UTF-7", "application/fhir+json; charset=utf-7"),
    ] {
        let body =
            "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Patient>&e;</Patient>";
        let request = Request::new("POST", "/fhir/Patient").bearer(&site.full).body(kind, body);
        let answer = site.ask(request).await;
        let seen = if answer.text().contains("root:") {
            Err("a file comes out".to_owned())
        } else {
            answer.refused(&[400, 406, 415, 422])
        };
        ledger.note(format!("A resource {what}"), "415 or 400", seen);
    }
    let bomb = {
        // A gzip of zeros, said to be JSON: unpacked it would be a thousand times this.
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![b' '; 64 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let request = post(bomb).header("content-encoding", "gzip");
    ledger.note("A compressed bomb", "not unpacked", site.ask(request).await.refused(&[400, 413, 415, 422]));
    let entries = vec!["{\"request\":{\"method\":\"GET\",\"url\":\"Patient\"}}"; 20_000].join(",");
    let bundle = format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{entries}]}}");
    let answer = site.ask(Request::new("POST", "/fhir").bearer(&site.narrow).json(bundle)).await;
    ledger.note(
        "A batch of twenty thousand readings of everybody, with a token for times",
        "413, before any is tried",
        answer.refused(&[413]),
    );
    let form = "A".repeat(13 << 20);
    let answer = site.post(&site.person, "/went-wrong", &[("what", &form), ("harm", "no")]).await;
    ledger.note("A form of 13 megabytes", "413", answer.refused(&[0, 413, 422]));
    let many = (0..50_000).map(|_| "needs=x").collect::<Vec<_>>().join("&");
    let body = format!("_csrf={}&_key={}&{many}", site.person.csrf, crate::wire::fresh_key());
    let request =
        Request::new("POST", "/details/change").signed_in(&site.person).body("application/x-www-form-urlencoded", body);
    let answer = site.ask(request).await;
    ledger.note("A form of fifty thousand fields", "refused", answer.refused(&[400, 413, 422]));
    for (what, words) in
        [("a hundred thousand letters", "a".repeat(100_000)), ("a pattern that backtracks", "a".repeat(5000) + "!")]
    {
        let answer = site.post(&site.person, "/help", &[("words", &words)]).await;
        ledger.note(
            format!("Searching for help with {what}"),
            "a page, in time",
            answer.refused(&[200, 303, 413, 422]),
        );
    }
}

/// Addresses that the server must not call for anybody.
pub async fn elsewhere(site: &Site, ledger: &mut Ledger) {
    ledger.group("SSRF", "API7:2023 server side request forgery; ASVS 5.2.6, 12.6");
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    let called = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&called);
    let watch = tokio::spawn(async move {
        while canary.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    let own = site.person_id.clone();
    let url = format!("http://127.0.0.1:{port}/inside");
    let subject = format!("{{\"reference\":\"Patient/{own}\"}}");
    for (what, kind, members) in [
        (
            "a document's address",
            "DocumentReference",
            format!(
                "\"status\":\"current\",\"subject\":{subject},\"content\":[{{\"attachment\":{{\"contentType\":\"image/jpeg\",\"url\":\"{url}\"}}}}]"
            ),
        ),
        ("a photo of a Patient", "Patient", format!("\"photo\":[{{\"url\":\"{url}\"}}]")),
        (
            "a subscription",
            "Subscription",
            format!(
                "\"status\":\"requested\",\"reason\":\"x\",\"criteria\":\"Patient\",\"channel\":{{\"type\":\"rest-hook\",\"endpoint\":\"{url}\"}}"
            ),
        ),
        ("an endpoint", "Endpoint", format!("\"status\":\"active\",\"address\":\"{url}\"")),
        (
            "a profile",
            "Observation",
            format!(
                "\"meta\":{{\"profile\":[\"{url}\"]}},\"status\":\"final\",\"subject\":{subject},\"code\":{{\"text\":\"x\"}}"
            ),
        ),
        ("a value set", "Questionnaire", format!("\"status\":\"draft\",\"url\":\"{url}\",\"derivedFrom\":[\"{url}\"]")),
    ] {
        let before = called.load(Ordering::SeqCst);
        let body = format!("{{\"resourceType\":\"{kind}\",{members}}}");
        let answer = site.ask(Request::new("POST", &format!("/fhir/{kind}")).bearer(&site.full).json(body)).await;
        for path in ["/record", "/record/timeline"] {
            site.get(&site.person, path).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let seen = if called.load(Ordering::SeqCst) == before && answer.status < 500 {
            Ok(())
        } else {
            Err("the address was called".to_owned())
        };
        ledger.note(format!("An address inside as {what}"), "kept or refused, and never called", seen);
    }
    for (what, head) in [
        (
            "the address of a proxy",
            format!("GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"),
        ),
        (
            "CONNECT",
            format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"),
        ),
    ] {
        let before = called.load(Ordering::SeqCst);
        let answer = Answer::parse(&raw(&site.address, head.as_bytes(), Duration::from_secs(2)).await);
        let seen = if called.load(Ordering::SeqCst) == before {
            answer.refused(&[0, 303, 400, 404, 405])
        } else {
            Err("called".to_owned())
        };
        ledger.note(format!("The server used as a proxy, by {what}"), "refused", seen);
    }
    let link = format!("http://127.0.0.1:{port}/next?x=Patient/../../");
    let answer = site
        .ask(Request::get(&format!("/fhir/Slot?schedule={}", crate::wire::encoded(&link))).bearer(&site.full))
        .await;
    let seen = if called.load(Ordering::SeqCst) == 0 { answer.refused(&[200, 400]) } else { Err("called".to_owned()) };
    ledger.note("A reference to another server in a search", "never called", seen);
    watch.abort();
}

/// Records from another system whose words are an attack on who reads them.
pub async fn hostile_records(site: &Site, ledger: &mut Ledger) {
    ledger.group("PEER", "API10:2023 unsafe consumption of APIs; ASVS 5.1.3, 13.1");
    let script = "<script>alert(1)</script>";
    let own = &site.person_id;
    let subject = format!("{{\"reference\":\"Patient/{own}\"}}");
    let text = |t: &str| {
        format!(
            "{{\"text\":\"{t}\",\"coding\":[{{\"system\":\"http://snomed.info/sct\",\"code\":\"1\",\"display\":\"{t}\"}}]}}"
        )
    };
    for (kind, members) in [
        (
            "Condition",
            format!(
                "\"subject\":{subject},\"code\":{},\"clinicalStatus\":{{\"coding\":[{{\"code\":\"active\"}}]}}",
                text(script)
            ),
        ),
        ("AllergyIntolerance", format!("\"patient\":{subject},\"code\":{}", text(script))),
        (
            "MedicationRequest",
            format!(
                "\"status\":\"active\",\"intent\":\"order\",\"subject\":{subject},\"medicationCodeableConcept\":{},\"dosageInstruction\":[{{\"text\":\"{script}\"}}]",
                text(script)
            ),
        ),
        (
            "Observation",
            format!(
                "\"status\":\"final\",\"subject\":{subject},\"code\":{},\"valueString\":\"{script}\",\"effectiveDateTime\":\"2026-11-01\"",
                text(script)
            ),
        ),
        ("Flag", format!("\"status\":\"active\",\"subject\":{subject},\"code\":{}", text(script))),
        (
            "Immunization",
            format!(
                "\"status\":\"completed\",\"patient\":{subject},\"vaccineCode\":{},\"occurrenceDateTime\":\"2026-10-01\"",
                text(script)
            ),
        ),
        (
            "Procedure",
            format!(
                "\"status\":\"completed\",\"subject\":{subject},\"code\":{},\"performedDateTime\":\"2026-10-01\"",
                text(script)
            ),
        ),
    ] {
        let body = format!("{{\"resourceType\":\"{kind}\",{members}}}");
        let answer = site.ask(Request::new("POST", &format!("/fhir/{kind}")).bearer(&site.full).json(body)).await;
        assert_eq!(answer.status, 201, "{kind}: {}", answer.text());
        let mut seen = Ok(());
        for (who, path) in [
            (&site.gp, format!("/team/people/{own}")),
            (&site.gp, format!("/team/people/{own}/timeline")),
            (&site.gp, format!("/team/people/{own}/results")),
            (&site.person, "/record".to_owned()),
            (&site.person, "/record/timeline".to_owned()),
        ] {
            let page = site.get(who, &path).await;
            if page.text().contains("<script>alert") {
                seen = Err(format!("live on {path}"));
            }
            if page.status >= 500 {
                seen = Err(format!("{path} answers {}", page.status));
            }
        }
        ledger.note(format!("{kind} whose words are a script"), "text on every page of the record", seen);
    }
    let html = format!(
        "{{\"resourceType\":\"DocumentReference\",\"status\":\"current\",\"subject\":{subject},\"description\":\"Letter\",\"content\":[{{\"attachment\":{{\"contentType\":\"text/html\",\"data\":\"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\"}}}}]}}"
    );
    let made = site.ask(Request::new("POST", "/fhir/DocumentReference").bearer(&site.full).json(html)).await;
    let id = made
        .header("location")
        .unwrap_or_default()
        .split("DocumentReference/")
        .nth(1)
        .unwrap_or_default()
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let page = site.get(&site.person, &format!("/record/documents/{id}")).await;
    let runs = page.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
        && page.text().contains("<script>alert");
    let seen = if runs { Err("served as a page".to_owned()) } else { Ok(()) };
    ledger.note("A letter that is a page with a script", "not shown as a page", seen);
}
