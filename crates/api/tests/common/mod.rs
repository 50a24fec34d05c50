//! A real server on a free port, and a client that speaks to it.

#![allow(dead_code)] // each test file uses its part

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use kith_api::ApiOptions;
use kith_fhir::json::{Limits, parse};
use kith_fhir::{Value, json};
use kith_trust::testing::{TestDoor, door};
use kith_trust::{Actor, Door};
use tokio::net::{TcpListener, TcpStream};

pub const JSON: &str = "application/fhir+json";

pub struct Server {
    pub door: TestDoor,
    pub address: String,
    pub token: String,
}

/// Serves a door's router on a free port.
pub async fn listen(door: Door, options: ApiOptions) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = kith_api::router(door, options);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A server with an empty record and a token that may do everything.
pub async fn server() -> Server {
    server_with(ApiOptions::default()).await
}

pub async fn server_with(options: ApiOptions) -> Server {
    let door = door().await.unwrap();
    let token = door.issue_token("Test engine", &["system/*.*".to_owned()]).await.unwrap();
    let address = listen(door.door.clone(), options).await;
    Server { door, address, token }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        parse(&self.bytes, &Limits::default())
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The words of an OperationOutcome; fails where the body is none.
    pub fn outcome(&self) -> String {
        let value = self.json();
        assert_eq!(value["resourceType"], "OperationOutcome", "{value}");
        assert!(self.header("content-type").starts_with(JSON));
        let issues = value["issue"].as_array().unwrap();
        assert!(!issues.is_empty());
        issues.iter().map(|issue| issue["diagnostics"].as_str().unwrap()).collect::<Vec<_>>().join("; ")
    }

    pub fn ids(&self) -> Vec<String> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
    }

    pub fn next(&self) -> Option<String> {
        let bundle = self.json();
        let links = bundle["link"].as_array().unwrap();
        let next = links.iter().find(|link| link["relation"] == "next")?;
        let url = next["url"].as_str().unwrap();
        Some(url.split_once("/fhir").map(|(_, path)| format!("/fhir{path}")).unwrap())
    }
}

/// Sends one request on a connection of its own.
pub async fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    request = request.header("host", address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
}

impl Server {
    /// With the token, a JSON body if there is one, and more headers.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", JSON));
        }
        all.extend_from_slice(headers);
        send(&self.address, method, path, &all, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[], body.to_string()).await
    }

    pub async fn put(&self, body: &Value) -> Answer {
        let path = format!("/fhir/{}/{}", body["resourceType"].as_str().unwrap(), body["id"].as_str().unwrap());
        self.ask("PUT", &path, &[], body.to_string()).await
    }

    pub async fn token(&self, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.door.issue_token("Narrow engine", &scopes).await.unwrap()
    }

    /// The same server through another token.
    pub async fn as_token(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", JSON)];
        send(&self.address, method, path, &headers, body.to_owned()).await
    }

    /// Patient `ada` with two observations `o1` and `o2`.
    pub async fn ada(&self) {
        for resource in [
            json!({"resourceType": "Patient", "id": "ada", "birthDate": "1980-02-29",
                "name": [{"family": "Test", "given": ["Ada"]}],
                "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]}),
            observation("o1", "8867-4", "2026-01-05"),
            observation("o2", "8480-6", "2026-02-05"),
        ] {
            assert_eq!(self.put(&resource).await.status, 201);
        }
    }

    /// The machine behind the wide token.
    pub async fn actor(&self) -> Actor {
        self.door.machine(&self.token).await.unwrap().unwrap()
    }
}

pub fn observation(id: &str, code: &str, day: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/ada"}, "effectiveDateTime": day,
        "valueQuantity": {"value": 72, "unit": "beats/minute"}})
}
