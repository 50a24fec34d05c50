//! The machine door's table of contents.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
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

/// Bearer token, but for what describes the server itself. Paths are below `/fhir`.
fn for_connected_systems(api: &Api) -> Router<Api> {
    let with_token = Router::new()
        .route("/", post(fhir::bundle::post))
        .route("/{type}", get(fhir::search::get).post(fhir::create::post))
        .route("/{type}/_search", post(fhir::search::post))
        .route("/{type}/{id}", get(fhir::read::get).put(fhir::update::put).delete(fhir::delete::delete))
        .route("/{type}/{id}/_history", get(fhir::history::get))
        .route("/{type}/{id}/_history/{version}", get(fhir::vread::get))
        .route("/{type}/{id}/$everything", get(fhir::everything::get))
        .route("/{type}/{id}/{within}", get(fhir::compartment::get))
        .method_not_allowed_fallback(fhir::wrong_method)
        .fallback(fhir::unknown)
        .layer(from_fn_with_state(api.clone(), layers::bearer));
    Router::new()
        .route("/metadata", get(fhir::metadata::get))
        .method_not_allowed_fallback(fhir::wrong_method)
        .merge(with_token)
}
