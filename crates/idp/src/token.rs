//! Redeeming a code, and telling about whom a token speaks.

use std::time::Instant;

use axum::Json;
use axum::extract::{RawForm, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{CODE_LASTS, Grant, Provider, TOKEN_LASTS, now, random};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    client_secret: String,
    code_verifier: String,
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error}))).into_response()
}

pub async fn redeem(State(provider): State<Provider>, RawForm(body): RawForm) -> Response {
    let Ok(request) = serde_html_form::from_bytes::<Request>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let client = provider.0.clients.iter().find(|c| c.id == request.client_id);
    if !client.is_some_and(|c| bool::from(c.secret.as_bytes().ct_eq(request.client_secret.as_bytes()))) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if request.grant_type != "authorization_code" {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    // Taken out whatever follows: a code is tried once.
    let Some(grant) = provider.kept().codes.remove(&request.code) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(request.code_verifier.as_bytes()));
    let holds = grant.at.elapsed() < CODE_LASTS
        && grant.client == request.client_id
        && grant.redirect == request.redirect_uri
        && bool::from(grant.challenge.as_bytes().ct_eq(challenge.as_bytes()));
    if !holds {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    match tokens(&provider, &grant) {
        Some(tokens) => ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        None => refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

fn tokens(provider: &Provider, grant: &Grant) -> Option<Value> {
    let identity = provider.kept().identities.get(&grant.identity)?.clone();
    let at = now();
    let mut claims = json!({
        "iss": provider.issuer(),
        "sub": identity.subject,
        "aud": grant.client,
        "iat": at,
        "exp": at + 300,
        "auth_time": grant.auth_time,
        "jti": random()?,
    });
    if let Some(nonce) = &grant.nonce {
        claims["nonce"] = json!(nonce);
    }
    claims.as_object_mut()?.extend(identity.token_claims);
    let id_token = provider.0.key.sign(&claims).ok()?;
    let access = random()?;
    let mut kept = provider.kept();
    kept.tokens.retain(|_, (_, at)| at.elapsed() < TOKEN_LASTS);
    kept.tokens.insert(access.clone(), (identity.key, Instant::now()));
    Some(json!({
        "access_token": access, "token_type": "Bearer", "expires_in": TOKEN_LASTS.as_secs(), "id_token": id_token,
    }))
}

pub async fn info(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
    let kept = provider.kept();
    let identity = token
        .and_then(|token| kept.tokens.get(token))
        .filter(|(_, at)| at.elapsed() < TOKEN_LASTS)
        .and_then(|(key, _)| kept.identities.get(key));
    match identity {
        Some(identity) => {
            let mut claims = identity.info_claims.clone();
            claims.insert("sub".to_owned(), json!(identity.subject));
            ([(header::CACHE_CONTROL, "no-store")], Json(Value::Object(claims))).into_response()
        }
        None => refused(StatusCode::UNAUTHORIZED, "invalid_token"),
    }
}
