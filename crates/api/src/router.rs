//! The machine door's table of contents.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use kith_trust::Door;
use tower_http::catch_panic::CatchPanicLayer;

use crate::state::Api;
use crate::{ApiOptions, fhir, layers, operations};

/// All routes of the machine door. Merge it with the pages' router, or serve it alone.
pub fn router(door: Door, options: ApiOptions) -> Router {
    let api = Api::new(door, options, operations::metrics::recorder());
    Router::new()
        .merge(for_operators())
        .nest("/fhir", for_connected_systems(&api))
        .layer(from_fn_with_state(api.clone(), layers::in_time))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::observe))
        .with_state(api)
}

/// No token; nothing here speaks of a person.
fn for_operators() -> Router<Api> {
    Router::new()
        .route("/healthz", get(operations::health::alive))
        .route("/readyz", get(operations::health::ready))
        .route("/metrics", get(operations::metrics::get))
        .route("/openapi.json", get(operations::openapi::get))
}

/// Addresses below `/fhir` that answer to a bearer token alone. [`for_connected_systems`] serves these and what describes the
/// server, and nothing else, so that [`guarded_paths`] leaves none out.
fn with_token() -> Vec<(&'static str, MethodRouter<Api>)> {
    vec![
        ("/", post(fhir::bundle::post)),
        ("/{type}", get(fhir::search::get).post(fhir::create::post)),
        ("/{type}/_search", post(fhir::search::post)),
        ("/{type}/{id}", get(fhir::read::get).put(fhir::update::put).delete(fhir::delete::delete)),
        ("/{type}/{id}/_history", get(fhir::history::get)),
        ("/{type}/{id}/_history/{version}", get(fhir::vread::get)),
        ("/{type}/{id}/$everything", get(fhir::everything::get)),
        ("/{type}/{id}/{within}", get(fhir::compartment::get)),
    ]
}

/// Every path below `/fhir` that needs a token: for the test that each refuses a stranger.
pub fn guarded_paths() -> Vec<&'static str> {
    with_token().into_iter().map(|(path, _)| path).collect()
}

/// Bearer token, but for what describes the server itself. Paths are below `/fhir`.
fn for_connected_systems(api: &Api) -> Router<Api> {
    let mut guarded = Router::new();
    for (path, methods) in with_token() {
        guarded = guarded.route(path, methods);
    }
    let guarded = guarded
        .method_not_allowed_fallback(fhir::wrong_method)
        .fallback(fhir::unknown)
        .layer(from_fn_with_state(api.clone(), layers::bearer));
    Router::new()
        .route("/metadata", get(fhir::metadata::get))
        .method_not_allowed_fallback(fhir::wrong_method)
        .merge(guarded)
}
