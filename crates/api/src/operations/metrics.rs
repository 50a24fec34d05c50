//! `/metrics`: Prometheus text. Routes are patterns; no label and no value speaks of a person.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, header};
use kith_trust::{Door, Error};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::state::Api;

const REQUESTS: &str = "kith_http_requests_total";
const DURATION: &str = "kith_http_request_duration_seconds";
const AUDIT_HEAD: &str = "kith_audit_head";
const BUILD: &str = "kith_build_info";
/// Around the promises of a page (25 ms, 40 ms) and up to a long import.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.04, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The process's recorder, made the first time. What other rooms count with `metrics::counter!` is served too.
pub fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let made = HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = match builder.set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS) {
            Ok(builder) => builder,
            Err(_) => PrometheusBuilder::new(),
        };
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed already: /metrics stays empty");
        }
        metrics::describe_counter!(REQUESTS, "Requests by method, route pattern and status");
        metrics::describe_histogram!(DURATION, "Time from request to response headers, in seconds");
        metrics::describe_gauge!(AUDIT_HEAD, "Sequence number of the newest audit entry");
        metrics::describe_gauge!(BUILD, "1, labelled with the version that runs");
        metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    });
    made.clone()
}

/// Counts one request.
pub fn request(method: &str, route: &str, status: u16, taken: Duration) {
    let (method, route, status) = (method.to_owned(), route.to_owned(), status.to_string());
    metrics::histogram!(DURATION, "method" => method.clone(), "route" => route.clone(), "status" => status.clone())
        .record(taken.as_secs_f64());
    metrics::counter!(REQUESTS, "method" => method, "route" => route, "status" => status).increment(1);
}

/// The newest audit entry's number, by look-ups that double and halve from the last one known: the chain only grows.
async fn audit_head(door: &Door, known: i64) -> Result<i64, Error> {
    let (mut low, mut step) = (known, 1);
    while let Some(entry) = door.audit_after(low + step - 1, 1).await?.first() {
        low = entry.seq;
        step *= 2;
    }
    // Nothing stands at `low + step` or after.
    let mut high = low + step;
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        match door.audit_after(middle - 1, 1).await?.first() {
            Some(entry) => low = entry.seq,
            None => high = middle,
        }
    }
    Ok(low)
}

pub async fn get(State(api): State<Api>) -> ([(HeaderName, &'static str); 1], String) {
    // A store that does not answer must not hide the other figures.
    if let Ok(head) = audit_head(&api.door, api.audit_head.load(Ordering::Relaxed)).await {
        api.audit_head.fetch_max(head, Ordering::Relaxed);
        metrics::gauge!(AUDIT_HEAD).set(head as f64);
    }
    api.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics.render())
}
