//! Every address of the running server, asked by somebody who is nobody.

mod support;

use hyper::{Method, StatusCode};
use support::browser::Browser;
use support::{Server, neighbourhood, run};

const LEAH: &str = "ca570000-0000-8000-8000-000000000001";

/// The family names of the cast: in no answer to a stranger.
fn names_nobody(body: &str) -> bool {
    kith_twin::CAST.iter().all(|member| !body.contains(member.family))
}

/// Addresses below `/fhir` that belong to connected systems.
const FHIR: [(&str, &str); 14] = [
    ("POST", "/fhir"),
    ("GET", "/fhir/Patient"),
    ("POST", "/fhir/Patient"),
    ("POST", "/fhir/Patient/_search"),
    ("GET", "/fhir/Patient/{id}"),
    ("PUT", "/fhir/Patient/{id}"),
    ("DELETE", "/fhir/Patient/{id}"),
    ("GET", "/fhir/Patient/{id}/_history"),
    ("GET", "/fhir/Patient/{id}/_history/1"),
    ("GET", "/fhir/Patient/{id}/$everything"),
    ("GET", "/fhir/Patient/{id}/Observation"),
    ("GET", "/fhir/AuditEvent"),
    ("GET", "/fhir/Provenance"),
    ("GET", "/fhir/Nonsense/{id}"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_refuses_strangers() {
    let data = neighbourhood();
    let server = Server::demo(data.path());
    let mut stranger = Browser::new(&server.address);

    let paths = kith_web::router::guarded_paths();
    assert!(paths.len() > 40, "{paths:?}");
    for path in paths {
        let mut address = path.to_owned();
        for (part, value) in [("{id}", LEAH), ("{pathway}", "sore-throat"), ("{question}", "signs")] {
            address = address.replace(part, value);
        }
        while let (Some(from), Some(to)) = (address.find('{'), address.find('}')) {
            address.replace_range(from..=to, LEAH);
        }
        stranger.get(&address).await.unwrap();
        let page = &stranger.page;
        assert!(names_nobody(&page.body), "{address} names somebody");
        match page.status {
            StatusCode::SEE_OTHER => {
                assert!(page.location().starts_with("/sign-in"), "{address} leads to {}", page.location());
            }
            StatusCode::METHOD_NOT_ALLOWED => {}
            other => panic!("GET {address} answers {other}"),
        }
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let page = stranger.send(Method::POST, &address, &headers, "slot=x".to_owned()).await.unwrap();
        let refused = matches!(
            page.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND
        );
        assert!(refused, "POST {address} answers {}", page.status);
        assert!(names_nobody(&page.body), "{address} names somebody");
    }

    let narrow = run(data.path(), &["token", "--service", "Slots only", "--scope", "system/Slot.read"]);
    for (method, path) in FHIR {
        let address = path.replace("{id}", LEAH);
        for token in [None, Some("not-a-token".to_owned()), Some(narrow.trim().to_owned())] {
            let bearer = token.as_ref().map(|token| format!("Bearer {token}"));
            let mut headers = vec![("content-type", "application/fhir+json")];
            headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
            let body = if method == "GET" { String::new() } else { "{\"resourceType\": \"Patient\"}".to_owned() };
            let page = stranger.send(method.parse().unwrap(), &address, &headers, body).await.unwrap();
            let is_narrow = token.as_deref() == Some(narrow.trim());
            if is_narrow {
                assert!(
                    page.status.is_client_error(),
                    "{method} {address} answers {} to a token for slots",
                    page.status
                );
            } else {
                assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{method} {address}: {}", page.body);
                assert!(page.body.contains("OperationOutcome"), "{method} {address}: {}", page.body);
            }
            assert!(names_nobody(&page.body), "{method} {address} names somebody");
        }
    }
    let bearer = format!("Bearer {}", narrow.trim());
    let headers = [("authorization", bearer.as_str())];
    let page = stranger.send(Method::GET, "/fhir/Slot?_count=1", &headers, String::new()).await.unwrap();
    assert_eq!(page.status, StatusCode::OK, "what the token is for works");

    for open in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/fhir/metadata", "/sign-in"] {
        stranger.get(open).await.unwrap();
        assert_eq!(stranger.page.status, StatusCode::OK, "{open}");
        assert!(open == "/sign-in" || names_nobody(&stranger.page.body), "{open} names somebody");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choosing_who_to_be_is_for_the_demonstration_alone() {
    let data = neighbourhood();
    let server = Server::start(data.path(), &["serve"]);
    let mut browser = Browser::new(&server.address);
    browser.get("/sign-in").await.unwrap();
    assert_eq!(browser.page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(names_nobody(&browser.page.body));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let page =
        browser.send(Method::POST, "/sign-in", &headers, "identity=person:sore-throat".to_owned()).await.unwrap();
    assert!(page.status.is_client_error() || page.status.is_server_error(), "{}", page.status);
    assert!(page.headers.get("set-cookie").is_none_or(|cookie| !cookie.to_str().unwrap().starts_with("kith=")));
    let page = browser.send(Method::GET, "/gallery", &[], String::new()).await.unwrap();
    assert_ne!(page.status, StatusCode::OK, "no gallery outside the demonstration");
}
