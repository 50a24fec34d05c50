//! SMART App Launch 2.2 for machines: what the server says about itself, tokens, introspection and revocation. The page on
//! which somebody allows an app stands among the pages for people (`/auth/authorize`).

mod assertion;
mod client;
mod configuration;
mod introspect;
pub(crate) mod limits;
mod revoke;
mod token;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kith_fhir::{Value, json};

pub use limits::Limits;

use crate::state::Api;

/// Paths below the root of the site.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/auth/token", post(token::post))
        .route("/auth/introspect", post(introspect::post))
        .route("/auth/revoke", post(revoke::post))
        .route("/fhir/.well-known/smart-configuration", get(configuration::get))
}

/// Where the site is reached: as configured, or as the caller says.
fn base(api: &Api, headers: &HeaderMap) -> String {
    api.options.base_url.clone().unwrap_or_else(|| {
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
        format!("http://{host}")
    })
}

/// An error of OAuth 2.0 (RFC 6749, section 5.2).
fn refused(status: StatusCode, error: &str, why: &str) -> Response {
    answer(status, &json!({"error": error, "error_description": why}))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (status, headers, body.to_string()).into_response()
}

/// A fault of ours, without detail.
fn fault(error: &kith_trust::Error) -> Response {
    tracing::error!(cause = %error, "a token could not be seen to");
    refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "something went wrong here; try again")
}
