//! `/openapi.json`: the endpoints that are not FHIR. What is FHIR describes itself in `/fhir/metadata`.

use axum::Json;
use kith_fhir::{Value, json};

pub async fn get() -> Json<Value> {
    Json(document())
}

fn status(words: &str) -> Value {
    json!({
        "description": words,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}
    })
}

/// The document, OpenAPI 3.1.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Kith",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "What operators ask of a running Kith. The record is served as FHIR: see /fhir/metadata.",
            "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"}
        },
        "paths": {
            "/healthz": {"get": {
                "operationId": "alive",
                "summary": "Whether the process lives",
                "responses": {"200": status("It does.")}
            }},
            "/readyz": {"get": {
                "operationId": "ready",
                "summary": "Whether the store answers, so that requests may be sent",
                "responses": {"200": status("It does."), "503": status("It does not answer within two seconds.")}
            }},
            "/metrics": {"get": {
                "operationId": "metrics",
                "summary": "Prometheus figures: requests by route pattern and status, their times, the audit chain's head",
                "responses": {"200": {
                    "description": "Prometheus text format 0.0.4",
                    "content": {"text/plain": {"schema": {"type": "string"}}}
                }}
            }},
            "/openapi.json": {"get": {
                "operationId": "openapi",
                "summary": "This document",
                "responses": {"200": {
                    "description": "OpenAPI 3.1",
                    "content": {"application/json": {"schema": {"type": "object"}}}
                }}
            }}
        },
        "components": {"schemas": {"Status": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": {"type": "string"}}
        }}}
    })
}
