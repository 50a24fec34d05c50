//! `/healthz`: the process lives. `/readyz`: the store answers.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kith_fhir::{Value, json};

use crate::state::Api;

/// Longest the store may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

pub async fn alive() -> Json<Value> {
    Json(json!({"status": "alive"}))
}

pub async fn ready(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    // The newest end of the audit chain: one look-up, whatever the size of the store.
    match tokio::time::timeout(PATIENCE, api.door.audit_after(i64::MAX - 1, 1)).await {
        Ok(Ok(_)) => (StatusCode::OK, Json(json!({"status": "ready"}))),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "the store does not answer"}))),
    }
}
