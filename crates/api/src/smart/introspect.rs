//! What a token is, for the app that holds it or a service that was given it (RFC 7662).

use axum::extract::{RawForm, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use kith_fhir::json;
use serde::Deserialize;

use super::client::{self, Credentials};
use super::{answer, fault, refused};
use crate::state::Api;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    token: String,
    #[serde(flatten)]
    client: Credentials,
}

/// For clients that prove who they are: a public app learns nothing about tokens here.
pub async fn post(State(api): State<Api>, headers: HeaderMap, RawForm(body): RawForm) -> Response {
    let Ok(asked) = serde_html_form::from_bytes::<Asked>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "the form cannot be read");
    };
    let client = match client::check(&api, &headers, &asked.client).await {
        Ok(client) if client.app.secret.is_some() || client.jti.is_some() => client,
        Ok(_) => return refused(StatusCode::UNAUTHORIZED, "invalid_client", "prove who you are"),
        Err(response) => return response,
    };
    match api.door.live_token(&asked.token).await {
        // Another app's token is told as no token.
        Ok(Some(live)) if live.grant.app == client.app.id => {
            let mut body = json!({
                "active": true,
                "scope": live.grant.scopes.join(" "),
                "client_id": live.grant.app,
                "sub": live.grant.actor.reference,
                "exp": live.until.as_second(),
                "token_type": "Bearer",
            });
            if let Some(patient) = live.grant.patient {
                body["patient"] = json!(patient);
            }
            answer(StatusCode::OK, &body)
        }
        Ok(_) => answer(StatusCode::OK, &json!({"active": false})),
        Err(error) => fault(&error),
    }
}
