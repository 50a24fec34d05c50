//! Codes, refresh tokens and assertions for access tokens.

use axum::extract::FromRequest as _;
use axum::extract::{RawForm, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use kith_fhir::json;
use kith_trust::{Issued, TOKEN_LASTS};
use serde::Deserialize;

use super::client::{self, Credentials};
use super::{answer, fault, limits, refused};
use crate::state::Api;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    refresh_token: String,
    scope: String,
    #[serde(flatten)]
    client: Credentials,
}

pub async fn post(State(api): State<Api>, request: Request) -> Response {
    if !api.limits.may_ask_for_token(&limits::from(request.extensions())) {
        return refused(
            StatusCode::TOO_MANY_REQUESTS,
            "slow_down",
            "too many requests for tokens from here: wait a minute",
        );
    }
    let headers = request.headers().clone();
    let Ok(RawForm(body)) = RawForm::from_request(request, &()).await else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "send a form");
    };
    let Ok(asked) = serde_html_form::from_bytes::<Asked>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "the form cannot be read");
    };
    let client = match client::check(&api, &headers, &asked.client).await {
        Ok(client) => client,
        Err(response) => return response,
    };
    let scopes: Vec<String> = asked.scope.split_whitespace().map(str::to_owned).collect();
    let issued = match asked.grant_type.as_str() {
        "authorization_code" => {
            api.door.redeem_code(&client.app, &asked.code, &asked.redirect_uri, &asked.code_verifier).await
        }
        "refresh_token" => {
            let fewer = (!scopes.is_empty()).then_some(scopes.as_slice());
            api.door.refresh(&client.app, &asked.refresh_token, fewer).await
        }
        "client_credentials" => match client.jti {
            // A secret is not enough for a backend service: it signs.
            Some(jti) if client.app.redirects.is_empty() => api.door.issue_to_service(&client.app, &scopes, &jti).await,
            _ => return refused(StatusCode::UNAUTHORIZED, "invalid_client", "a backend service signs an assertion"),
        },
        _ => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "this is not offered here"),
    };
    match issued {
        Ok(Some(issued)) if issued.grant.scopes.is_empty() => {
            refused(StatusCode::BAD_REQUEST, "invalid_scope", "none of these scopes is allowed to this client")
        }
        Ok(Some(issued)) => told(&issued),
        Ok(None) => refused(StatusCode::BAD_REQUEST, "invalid_grant", "it is used, lapsed, or another client's"),
        Err(error) => fault(&error),
    }
}

fn told(issued: &Issued) -> Response {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LASTS.as_secs(),
        "scope": issued.grant.scopes.join(" "),
    });
    if let Some(token) = &issued.refresh_token {
        body["refresh_token"] = json!(token);
    }
    if let Some(patient) = &issued.grant.patient {
        body["patient"] = json!(patient);
    }
    answer(StatusCode::OK, &body)
}
