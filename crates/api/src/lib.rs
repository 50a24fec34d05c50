//! The machine door: FHIR R4 REST over the same [`kith_trust::Access`] that people's pages use, and what operators need.
//!
//! [`router`] gives everything under one axum router: `/fhir/…` for connected systems with a bearer token, and `/healthz`,
//! `/readyz`, `/metrics`, `/openapi.json` for operators. `docs/api.md` shows how to use it; `router.rs` lists it.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use kith_api::ApiOptions;
//! use kith_trust::{Door, DoorConfig};
//!
//! let door = Door::open(DoorConfig::new("kith-data")).await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! # fn serve(_: tokio::net::TcpListener, _: axum::Router) {}
//! serve(listener, kith_api::router(door, ApiOptions::default()));
//! # Ok(()) }
//! ```

pub mod fhir;
mod layers;
mod operations;
mod router;
mod state;

use std::time::Duration;

pub use fhir::audit_event::event as audit_event;
pub use router::{guarded_paths, router};

/// How the machine door behaves.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Where the server is reached from outside, without a slash at the end (`https://kith.example.nhs.uk`): the start of
    /// links. `None`: taken from each request's `Host` header.
    pub base_url: Option<String>,
    /// Longest request body, in bytes.
    pub max_body: usize,
    /// Deepest nesting of a JSON body.
    pub max_depth: usize,
    /// Longest a request may take, its body's arrival included.
    pub timeout: Duration,
}

impl Default for ApiOptions {
    /// 32 MiB, 64 levels (as [`kith_fhir::json::Limits`]) and 60 seconds.
    fn default() -> Self {
        let limits = kith_fhir::json::Limits::default();
        Self {
            base_url: None,
            max_body: limits.max_bytes,
            max_depth: limits.max_depth,
            timeout: Duration::from_mins(1),
        }
    }
}
