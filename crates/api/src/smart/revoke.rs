//! Ending a token (RFC 7009).

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

/// Ends the token and all that came of the same permission. A token that is none, or another's, is answered alike.
pub async fn post(State(api): State<Api>, headers: HeaderMap, RawForm(body): RawForm) -> Response {
    let Ok(asked) = serde_html_form::from_bytes::<Asked>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "the form cannot be read");
    };
    let client = match client::check(&api, &headers, &asked.client).await {
        Ok(client) => client,
        Err(response) => return response,
    };
    match api.door.revoke(&client.app, &asked.token).await {
        Ok(()) => answer(StatusCode::OK, &json!({})),
        Err(error) => fault(&error),
    }
}
