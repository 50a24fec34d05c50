//! What operators ask, and what happens around every request.

mod common;

use common::{send, server};
use kith_fhir::Value;

/// The paths in `router.rs` that stand outside `/fhir`.
fn routes() -> Vec<&'static str> {
    let source = include_str!("../src/router.rs");
    let body = source.split("fn for_operators()").nth(1).unwrap().split("\n}").next().unwrap();
    body.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn openapi_lists_every_route_that_is_not_fhir_and_each_answers() {
    let server = server().await;
    let document = send(&server.address, "GET", "/openapi.json", &[], "").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut listed: Vec<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let mut routes = routes();
    listed.sort_unstable();
    routes.sort_unstable();
    assert!(routes.len() >= 4);
    assert_eq!(listed, routes);
    for path in routes {
        let answer = send(&server.address, "GET", path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
        let promised = document["paths"][path]["get"]["responses"]["200"]["content"].as_object().unwrap();
        let kind = answer.header("content-type").split(';').next().unwrap().to_owned();
        assert!(promised.contains_key(&kind), "{path} answers {kind}");
    }
}

#[tokio::test]
async fn figures_name_routes_and_never_people() {
    let server = server().await;
    server.ada().await;
    server.get("/fhir/Patient?identifier=9990000018").await;
    server.get("/fhir/Patient/ada").await;
    server.get("/fhir/Patient/9990000018").await;
    server.get("/fhir/some/thing/which/is/unknown").await;
    send(&server.address, "GET", "/metrics", &[], "").await;
    let text = send(&server.address, "GET", "/metrics", &[], "").await;
    let text = String::from_utf8_lossy(&text.bytes).into_owned();
    for line in [
        "kith_http_requests_total{method=\"GET\",route=\"/fhir/{type}/{id}\",status=\"200\"}",
        "kith_http_request_duration_seconds_bucket{method=\"PUT\",route=\"/fhir/{type}/{id}\",status=\"201\",le=\"0.025\"}",
        "kith_build_info{version=",
        "kith_audit_head ",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(!text.contains("9990000018") && !text.contains("ada") && !text.contains("unknown"));
    let head = text.lines().find_map(|line| line.strip_prefix("kith_audit_head ")).unwrap();
    // Other tests of this process may serve other doors, but each of them writes.
    assert!(head.parse::<f64>().unwrap() > 0.0);
}

#[tokio::test]
async fn a_request_keeps_its_name_unless_the_name_is_no_name() {
    let server = server().await;
    let ask = |id: &'static str| {
        let address = server.address.clone();
        async move {
            let answer = send(&address, "GET", "/healthz", &[("x-request-id", id)], "").await;
            answer.header("x-request-id").to_owned()
        }
    };
    assert_eq!(ask("engine-0001.a_b").await, "engine-0001.a_b");
    for refused in ["short", "with space in it", "9990000018", "999-000-0018"] {
        let given = ask(refused).await;
        assert_ne!(given, refused);
        assert_eq!(given.len(), 36);
    }
}

#[tokio::test]
async fn readiness_is_the_stores_own_answer() {
    let server = server().await;
    assert_eq!(send(&server.address, "GET", "/readyz", &[], "").await.status, 200);
    server.door.close().await.unwrap();
    assert_eq!(send(&server.address, "GET", "/readyz", &[], "").await.status, 503);
    assert_eq!(send(&server.address, "GET", "/healthz", &[], "").await.status, 200);
    let answer = server.get("/fhir/Patient/ada").await;
    assert_eq!(answer.status, 500);
    assert!(!answer.outcome().contains("closing"), "faults of ours are for the log");
}

#[tokio::test]
async fn nothing_is_kept_on_the_way() {
    let server = server().await;
    server.ada().await;
    let answer = server.get("/fhir/Patient/ada").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let pretty = server.get("/fhir/Patient/ada?_pretty=true").await;
    assert!(String::from_utf8_lossy(&pretty.bytes).lines().count() > 5);
    let value: Value = pretty.json();
    assert_eq!(value, answer.json());
}

#[tokio::test]
async fn it_stands_beside_pages_that_have_a_fallback_of_their_own() {
    let door = kith_trust::testing::door().await.unwrap();
    let pages = axum::Router::new().fallback(|| async { "a page" });
    let router = kith_api::router(door.door.clone(), kith_api::ApiOptions::default()).merge(pages);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    assert_eq!(&send(&address, "GET", "/anything", &[], "").await.bytes[..], b"a page");
    assert_eq!(send(&address, "GET", "/fhir/metadata", &[], "").await.status, 200);
    let unknown = send(&address, "GET", "/fhir/no/such/thing/here", &[], "").await;
    assert_eq!(unknown.status, 401);
    unknown.outcome();
}
