//! What a relying party may count on.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use kith_idp::{Algorithm, Client, Identity, Provider};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

const BACK: &str = "https://kith.test/sign-in/back";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-0";

fn provider() -> Provider {
    let client = Client { id: "kith".into(), secret: "secret".into(), redirect: BACK.into() };
    let provider = Provider::new("https://idp.test/demo", Algorithm::Es256, vec![client]).unwrap();
    provider.add(Identity::new("ada", "Ada <b>", "an engineer", "sub-ada"));
    provider
}

struct Answer {
    status: StatusCode,
    to: String,
    body: String,
}

async fn send(provider: &Provider, request: Request<Body>) -> Answer {
    let response = provider.router().oneshot(request).await.unwrap();
    let status = response.status();
    let to = response.headers().get(header::LOCATION).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, to, body: String::from_utf8_lossy(&body).into_owned() }
}

fn ask(change: &[(&str, &str)]) -> Request<Body> {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", "kith"),
        ("redirect_uri", BACK),
        ("scope", "openid"),
        ("state", "the-state"),
        ("nonce", "the-nonce"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("login_hint", "ada"),
    ];
    for (name, value) in change {
        fields.retain(|(field, _)| field != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    let query = serde_html_form::to_string(fields).unwrap();
    Request::get(format!("/demo/authorize?{query}")).body(Body::empty()).unwrap()
}

fn redeem(code: &str, verifier: &str, secret: &str) -> Request<Body> {
    let form = serde_html_form::to_string([
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("client_id", "kith"),
        ("client_secret", secret),
        ("code_verifier", verifier),
    ]);
    Request::post("/demo/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.unwrap()))
        .unwrap()
}

fn code_of(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let url = url::Url::parse(&answer.to).unwrap();
    url.query_pairs().find(|(name, _)| name == "code").unwrap_or_else(|| panic!("{}", answer.to)).1.into_owned()
}

#[tokio::test]
async fn a_code_is_redeemed_once_by_its_client_with_its_verifier() {
    let provider = provider();
    let code = code_of(&send(&provider, ask(&[])).await);
    for (verifier, secret) in [("another-verifier", "secret"), (VERIFIER, "wrong"), (VERIFIER, "")] {
        let code = code_of(&send(&provider, ask(&[])).await);
        assert!(send(&provider, redeem(&code, verifier, secret)).await.status.is_client_error());
    }
    let answer = send(&provider, redeem(&code, VERIFIER, "secret")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let tokens: Value = serde_json::from_str(&answer.body).unwrap();
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (claims["sub"].as_str(), claims["nonce"].as_str(), claims["aud"].as_str()),
        (Some("sub-ada"), Some("the-nonce"), Some("kith"))
    );
    let info = |token: String| {
        Request::get("/demo/userinfo").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
    };
    let told = send(&provider, info(tokens["access_token"].as_str().unwrap().to_owned())).await;
    assert!(told.body.contains("sub-ada"), "{}", told.body);
    assert_eq!(send(&provider, info("guessed".into())).await.status, StatusCode::UNAUTHORIZED);
    let again = send(&provider, redeem(&code, VERIFIER, "secret")).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a code is good once");
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_the_clients() {
    let provider = provider();
    for change in [
        ("redirect_uri", "https://evil.test/"),
        ("client_id", "other"),
        ("redirect_uri", "https://kith.test/sign-in/back/x"),
    ] {
        let answer = send(&provider, ask(&[change])).await;
        assert_eq!((answer.status, answer.to.as_str()), (StatusCode::BAD_REQUEST, ""), "{change:?}");
    }
}

#[tokio::test]
async fn without_pkce_or_openid_there_is_an_error_and_no_code() {
    let provider = provider();
    for change in
        [("code_challenge", ""), ("code_challenge_method", "plain"), ("scope", "profile"), ("response_type", "token")]
    {
        let answer = send(&provider, ask(&[change])).await;
        assert!(answer.to.contains("error=") && !answer.to.contains("code="), "{change:?}: {}", answer.to);
    }
}

#[tokio::test]
async fn without_a_hint_there_is_a_page_to_choose_on_and_names_on_it_are_inert() {
    let provider = provider();
    let page = send(&provider, ask(&[("login_hint", ""), ("state", "\"><script>")])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Ada &lt;b&gt;") && !page.body.contains("<script>"), "{}", page.body);
}
