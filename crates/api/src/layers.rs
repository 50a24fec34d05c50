//! What happens around every request: a name for it, a bearer token, a time limit, a record of how it went.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kith_fhir::identifier::NhsNumber;
use kith_trust::Purpose;

use crate::fhir::outcome::Failure;
use crate::operations::metrics as measured;
use crate::smart::limits;
use crate::state::Api;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's own name for the request if it is one that may stand in a log, otherwise a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(&REQUEST_ID).filter(|value| {
        value.to_str().is_ok_and(|text| {
            (8..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
                && NhsNumber::parse(text).is_err()
        })
    });
    given.cloned().unwrap_or_else(|| {
        let id = uuid::Uuid::new_v4().to_string();
        HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("-"))
    })
}

/// Names the request, and records its route, status and time: never a query string, a path with ids or a body.
pub async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().as_str().to_owned();
    let method = match method.as_str() {
        "GET" | "POST" | "PUT" | "DELETE" | "HEAD" | "PATCH" | "OPTIONS" => method,
        _ => "other".to_owned(),
    };
    let route = match request.extensions().get::<MatchedPath>() {
        Some(path) if !path.as_str().contains("__private") => path.as_str().to_owned(),
        _ => "other".to_owned(),
    };
    let mut response = next.run(request).await;
    let taken = begun.elapsed();
    let status = response.status().as_u16();
    measured::request(&method, &route, status, taken);
    tracing::info!(
        target: "kith_api::access",
        method,
        route,
        status,
        micros = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX),
        request_id = id.to_str().unwrap_or_default(),
        "request"
    );
    response.headers_mut().insert(REQUEST_ID.clone(), id);
    // What the record says is nobody's to keep on the way.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Gives up on a request that takes too long, its body's arrival included.
pub async fn in_time(State(api): State<Api>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(api.options.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timeout",
            "this took too long and was given up; a write may have been done: read before you repeat it",
        )
        .into_response(),
    }
}

/// A fault of ours: said plainly, without detail.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!(target: "kith_api", "a handler panicked");
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", "something went wrong here; nothing of yours was")
        .into_response()
}

/// Lets in who brings a known bearer token. Missing, malformed and unknown tokens get the same answer.
pub async fn bearer(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    let found = match api.door.machine(token).await {
        Ok(Some(actor)) => Ok(Some(api.door.enter(actor, Purpose::DirectCare))),
        // Not an integration engine's: an app's, narrowed to its scopes.
        Ok(None) => api.door.app_access(token).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(access)) => {
            // The start of a token names it and is worth nothing by itself.
            if !api.limits.may_request(token.get(..12).unwrap_or_default()) {
                return too_many();
            }
            request.extensions_mut().insert(access);
            next.run(request).await
        }
        Ok(None) => {
            if !token.is_empty() && !api.limits.may_guess(&limits::from(request.extensions())) {
                return too_many();
            }
            let failure = Failure::new(
                StatusCode::UNAUTHORIZED,
                "login",
                "send `Authorization: Bearer …` with a token made by `kith token`, or one of an app",
            );
            let mut response = failure.into_response();
            let challenge = HeaderValue::from_static("Bearer realm=\"kith\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Err(error) => Failure::from(error).into_response(),
    }
}

fn too_many() -> Response {
    let failure = Failure::new(StatusCode::TOO_MANY_REQUESTS, "throttled", "too many requests: wait a minute");
    let mut response = failure.into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    response
}
