//! What apps and backend services may count on, and what they cannot get, asked of a real server.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{Answer, Server, send, server};
use kith_fhir::{Value, json, system};
use kith_idp::{Algorithm, SigningKey};
use kith_trust::{Actor, App, Change, NewApp, Purpose, Role};
use sha2::{Digest, Sha256};

const BACK: &str = "https://app.example/back";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-0";
const FORM: &str = "application/x-www-form-urlencoded";

fn list(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|s| (*s).to_owned()).collect()
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// Two people of a practice with a result and a problem each; Ada is Bob's proxy.
async fn people(server: &Server) {
    let mut change = Change::new("make people");
    change.create(json!({"resourceType": "Organization", "id": "elm", "name": "Elm Street Practice"}));
    for (id, number) in [("ada", "9990000018"), ("bob", "9990000026")] {
        change.create(json!({"resourceType": "Patient", "id": id, "active": true, "birthDate": "1990-01-01",
            "identifier": [{"system": system::NHS_NUMBER, "value": number}],
            "generalPractitioner": [{"reference": "Organization/elm"}]}));
        let subject = json!({"reference": format!("Patient/{id}")});
        for category in ["laboratory", "vital-signs"] {
            change.create(json!({"resourceType": "Observation", "id": format!("{id}-{category}"), "status": "final",
                "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": category}]}],
                "code": {"text": "a result"}, "subject": subject}));
        }
        change
            .create(json!({"resourceType": "Condition", "id": format!("{id}-problem"), "code": {"text": "a problem"},
            "subject": subject}));
    }
    change.create(json!({"resourceType": "RelatedPerson", "id": "proxy", "active": true,
        "patient": {"reference": "Patient/bob"},
        "extension": [{"url": system::EXT_PROXY_PATIENT, "valueReference": {"reference": "Patient/ada"}}]}));
    server.door.system("tests").commit(change).await.unwrap();
}

fn ada() -> Actor {
    Actor::person("ada", "Ada", "tests")
}

fn staff(role: Role) -> Actor {
    Actor {
        reference: "Practitioner/p".into(),
        name: "A member of staff".into(),
        role,
        organization: Some("Organization/elm".into()),
        organization_name: Some("Elm Street Practice".into()),
        acts_for: vec!["Organization/elm".into()],
        system: "tests".into(),
        scopes: Vec::new(),
    }
}

async fn app(server: &Server, scopes: &[&str]) -> App {
    let new = NewApp { name: "Charts".into(), redirects: vec![BACK.into()], scopes: list(scopes), ..NewApp::default() };
    server.door.add_app(new).await.unwrap().0
}

async fn code(
    server: &Server,
    app: &App,
    actor: &Actor,
    purpose: Purpose,
    scopes: &[&str],
    patient: Option<&str>,
) -> String {
    let patient = patient.map(str::to_owned);
    server.door.authorise(app, actor, purpose, &list(scopes), patient, BACK, &challenge()).await.unwrap()
}

async fn token_request(server: &Server, fields: &[(&str, &str)]) -> Answer {
    let body = serde_html_form::to_string(fields).unwrap();
    send(&server.address, "POST", "/auth/token", &[("content-type", FORM)], body).await
}

async fn redeem(server: &Server, app: &App, code: &str) -> Value {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("client_id", &app.id),
        ("code_verifier", VERIFIER),
    ];
    let answer = token_request(server, &fields).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    answer.json()
}

async fn with(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/fhir+json")];
    send(&server.address, method, path, &headers, body.to_owned()).await
}

/// A token for `actor` with these scopes.
async fn token(server: &Server, actor: &Actor, purpose: Purpose, scopes: &[&str], patient: Option<&str>) -> String {
    let app = app(server, scopes).await;
    let code = code(server, &app, actor, purpose, scopes, patient).await;
    redeem(server, &app, &code).await["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_patient_token_gets_at_most_what_its_person_sees() {
    let server = server().await;
    people(&server).await;
    let all = token(&server, &ada(), Purpose::OwnRecord, &["patient/*.rs"], Some("ada")).await;
    assert_eq!(with(&server, &all, "GET", "/fhir/Patient/ada", "").await.status, 200);
    assert_eq!(with(&server, &all, "GET", "/fhir/Condition/ada-problem", "").await.status, 200);
    // She may act for Bob, but this launch is about her alone.
    for path in [
        "/fhir/Patient/bob",
        "/fhir/Condition/bob-problem",
        "/fhir/Patient/bob/$everything",
        "/fhir/Patient/bob/Observation",
    ] {
        assert_eq!(with(&server, &all, "GET", path, "").await.status, 404, "{path}");
    }
    let results = with(&server, &all, "GET", "/fhir/Patient/ada/Observation?_count=50", "").await;
    assert_eq!(results.ids().len(), 2);
    let put = r#"{"resourceType": "Condition", "id": "ada-problem", "code": {"text": "none"}, "subject": {"reference": "Patient/ada"}}"#;
    assert!(matches!(with(&server, &all, "PUT", "/fhir/Condition/ada-problem", put).await.status, 403 | 404));
    let part =
        token(&server, &ada(), Purpose::OwnRecord, &["patient/Observation.rs?category=laboratory"], Some("ada")).await;
    assert_eq!(with(&server, &part, "GET", "/fhir/Observation/ada-laboratory", "").await.status, 200);
    for path in ["/fhir/Observation/ada-vital-signs", "/fhir/Condition/ada-problem", "/fhir/Patient/ada"] {
        assert!(matches!(with(&server, &part, "GET", path, "").await.status, 403 | 404), "{path}");
    }
    assert_eq!(with(&server, &part, "GET", "/fhir/Patient/ada/Observation", "").await.ids(), ["ada-laboratory"]);
}

#[tokio::test]
async fn a_user_token_gets_at_most_what_its_member_of_staff_sees() {
    let server = server().await;
    people(&server).await;
    let gp = token(&server, &staff(Role::Gp), Purpose::DirectCare, &["user/*.cruds"], None).await;
    assert_eq!(with(&server, &gp, "GET", "/fhir/Condition/ada-problem", "").await.status, 200);
    let desk = token(&server, &staff(Role::Receptionist), Purpose::Administration, &["user/*.cruds"], None).await;
    assert_eq!(with(&server, &desk, "GET", "/fhir/Patient/ada", "").await.status, 200);
    assert!(
        matches!(with(&server, &desk, "GET", "/fhir/Condition/ada-problem", "").await.status, 403 | 404),
        "no scope widens a role"
    );
    let mut stranger = staff(Role::Gp);
    stranger.organization = Some("Organization/other".into());
    stranger.acts_for = vec!["Organization/other".into()];
    let far = token(&server, &stranger, Purpose::DirectCare, &["user/*.cruds"], None).await;
    assert_eq!(with(&server, &far, "GET", "/fhir/Patient/ada", "").await.status, 404, "no scope makes a relationship");
    let reads = token(&server, &staff(Role::Gp), Purpose::DirectCare, &["user/Condition.rs"], None).await;
    let delete = with(&server, &reads, "DELETE", "/fhir/Condition/ada-problem", "").await;
    assert!(matches!(delete.status, 403 | 404), "{}", delete.status);
}

#[tokio::test]
async fn a_code_is_good_once_for_its_app_with_its_verifier_and_a_second_use_ends_everything() {
    let server = server().await;
    people(&server).await;
    let scopes = ["patient/*.rs", "offline_access"];
    let (mine, other) = (app(&server, &scopes).await, app(&server, &scopes).await);
    for (client, redirect, verifier) in
        [(&other.id, BACK, VERIFIER), (&mine.id, "https://evil.example/", VERIFIER), (&mine.id, BACK, "wrong")]
    {
        let code = code(&server, &mine, &ada(), Purpose::OwnRecord, &scopes, Some("ada")).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect),
            ("client_id", client),
            ("code_verifier", verifier),
        ];
        assert_eq!(token_request(&server, &fields).await.status, 400, "{client} {redirect} {verifier}");
    }
    let code = code(&server, &mine, &ada(), Purpose::OwnRecord, &scopes, Some("ada")).await;
    let first = redeem(&server, &mine, &code).await;
    assert_eq!(first["patient"], "ada");
    let access = first["access_token"].as_str().unwrap().to_owned();
    let refresh = first["refresh_token"].as_str().unwrap().to_owned();
    let with_refresh = |token: String, scope: &'static str| {
        let id = mine.id.clone();
        let server = &server;
        async move {
            let fields = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.as_str()),
                ("client_id", id.as_str()),
                ("scope", scope),
            ];
            token_request(server, &fields).await
        }
    };
    let second = with_refresh(refresh.clone(), "").await;
    assert_eq!(second.status, 200);
    let newer = second.json();
    assert_eq!(with(&server, &access, "GET", "/fhir/Patient/ada", "").await.status, 200);
    // The old refresh token again: somebody has a copy. Everything of the permission ends.
    assert_eq!(with_refresh(refresh, "").await.status, 400);
    let newer_access = newer["access_token"].as_str().unwrap();
    for token in [access.as_str(), newer_access] {
        assert_eq!(with(&server, token, "GET", "/fhir/Patient/ada", "").await.status, 401);
    }
    assert_eq!(with_refresh(newer["refresh_token"].as_str().unwrap().to_owned(), "").await.status, 400);
}

#[tokio::test]
async fn a_backend_service_signs_for_its_token_and_each_assertion_is_good_once() {
    let server = server().await;
    people(&server).await;
    for algorithm in [Algorithm::Es384, Algorithm::Rs384] {
        let key = SigningKey::generate(algorithm).unwrap();
        let new = NewApp {
            name: "Analyser".into(),
            scopes: list(&["system/Observation.rs?category=laboratory", "system/Condition.r"]),
            jwks: Some(json!({"keys": [key.public()]})),
            ..NewApp::default()
        };
        let service = server.door.add_app(new).await.unwrap().0;
        let endpoint = format!("http://{}/auth/token", server.address);
        let now = server.door.now().as_second();
        let claims = |change: &[(&str, Value)]| {
            let mut claims = json!({"iss": service.id, "sub": service.id, "aud": endpoint, "exp": now + 240,
                "jti": uuid::Uuid::new_v4().to_string()});
            for (name, value) in change {
                claims[*name] = value.clone();
            }
            claims
        };
        let ask = |assertion: String, scope: &'static str| {
            let server = &server;
            async move {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                let fields = [
                    ("grant_type", "client_credentials"),
                    ("scope", scope),
                    ("client_assertion_type", kind),
                    ("client_assertion", assertion.as_str()),
                ];
                token_request(server, &fields).await
            }
        };
        let scope = "system/Observation.rs?category=laboratory system/Patient.rs";
        let assertion = key.sign(&claims(&[])).unwrap();
        let given = ask(assertion.clone(), scope).await;
        assert_eq!(given.status, 200, "{}", String::from_utf8_lossy(&given.bytes));
        assert_eq!(given.json()["scope"], "system/Observation.rs?category=laboratory", "no more than registered");
        let token = given.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(with(&server, &token, "GET", "/fhir/Observation/ada-laboratory", "").await.status, 200);
        for path in ["/fhir/Observation/ada-vital-signs", "/fhir/Condition/ada-problem", "/fhir/Patient/ada"] {
            assert!(matches!(with(&server, &token, "GET", path, "").await.status, 403 | 404), "{path}");
        }
        assert_eq!(ask(assertion, scope).await.status, 400, "the same assertion again");
        for (why, change) in [
            ("good for too long", ("exp", json!(now + 3600))),
            ("lapsed", ("exp", json!(now - 1))),
            ("for another endpoint", ("aud", json!("https://evil.example/token"))),
            ("from another", ("iss", json!("somebody"))),
            ("without a jti", ("jti", json!(""))),
        ] {
            let answer = ask(key.sign(&claims(&[change])).unwrap(), scope).await;
            assert_eq!(answer.status, 401, "{why}");
        }
        let stranger = SigningKey::generate(algorithm).unwrap();
        assert_eq!(ask(stranger.sign(&claims(&[])).unwrap(), scope).await.status, 401, "another's key");
        for named in ["none", "HS256", "RS256"] {
            assert_eq!(ask(key.sign_as(named, &claims(&[])).unwrap(), scope).await.status, 401, "{named}");
        }
    }
}

#[tokio::test]
async fn tokens_are_told_about_to_their_own_app_and_end_when_revoked_or_the_app_goes() {
    let server = server().await;
    people(&server).await;
    let scopes = ["patient/*.rs"];
    let new = |name: &str| NewApp {
        name: name.into(),
        redirects: vec![BACK.into()],
        scopes: list(&scopes),
        confidential: true,
        ..NewApp::default()
    };
    let (mine, secret) = server.door.add_app(new("Mine")).await.unwrap();
    let (other, other_secret) = server.door.add_app(new("Other")).await.unwrap();
    let (secret, other_secret) = (secret.unwrap(), other_secret.unwrap());
    let code = code(&server, &mine, &ada(), Purpose::OwnRecord, &scopes, Some("ada")).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("client_id", mine.id.as_str()),
        ("client_secret", secret.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let token = token_request(&server, &fields).await.json()["access_token"].as_str().unwrap().to_owned();
    let ask = |path: &'static str, id: String, secret: String| {
        let (server, token) = (&server, token.clone());
        async move {
            let body =
                serde_html_form::to_string([("token", token.as_str()), ("client_id", &id), ("client_secret", &secret)])
                    .unwrap();
            send(&server.address, "POST", path, &[("content-type", FORM)], body).await
        }
    };
    assert_eq!(ask("/auth/introspect", mine.id.clone(), "wrong".into()).await.status, 401);
    let told = ask("/auth/introspect", mine.id.clone(), secret.clone()).await.json();
    assert_eq!((told["active"].as_bool(), told["patient"].as_str()), (Some(true), Some("ada")));
    assert_eq!(ask("/auth/introspect", other.id.clone(), other_secret.clone()).await.json()["active"], false);
    assert_eq!(ask("/auth/revoke", other.id.clone(), other_secret).await.status, 200);
    assert_eq!(
        with(&server, &token, "GET", "/fhir/Patient/ada", "").await.status,
        200,
        "another's revocation ends nothing"
    );
    assert_eq!(ask("/auth/revoke", mine.id.clone(), secret.clone()).await.status, 200);
    assert_eq!(with(&server, &token, "GET", "/fhir/Patient/ada", "").await.status, 401);
    assert_eq!(ask("/auth/introspect", mine.id.clone(), secret).await.json()["active"], false);
    assert!(server.door.remove_app(&mine.id).await.unwrap());
    let about = send(&server.address, "GET", "/fhir/.well-known/smart-configuration", &[], "").await.json();
    assert!(about["authorization_endpoint"].as_str().unwrap().ends_with("/auth/authorize"));
}
