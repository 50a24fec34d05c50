//! The table of contents: every address of the site, grouped by who calls it.

use std::sync::Arc;

use axum::{Extension, Router, middleware};

use crate::layers::{Site, layers};
use crate::state::{AppState, Routes};
use crate::{about, gallery, governance, help, learning, person, sign_in, signed, team, went_wrong};

/// The whole site: pages, sessions, assets.
pub fn router(state: AppState, site: &Arc<Site>) -> Router {
    let mut pages = Router::new();
    let providers = state.sign_in.demo.as_ref().filter(|_| site.demo).map(sign_in::DemoProviders::router);
    for (path, methods) in public(&state).into_iter().chain(guarded()) {
        pages = pages.route(path, methods);
    }
    let mut pages = pages
        .layer(middleware::from_fn_with_state(state.clone(), signed::session))
        .layer(Extension(Arc::clone(site)))
        .with_state(state);
    if site.demo {
        pages = pages.merge(gallery::router());
    }
    if let Some(providers) = providers {
        pages = pages.merge(providers);
    }
    layers(pages, site)
}

/// Pages that need no sign-in.
fn public(state: &AppState) -> Routes {
    let mut routes = about::routes();
    routes.extend(sign_in::routes(&state.sign_in));
    routes
}

/// Pages that are somebody's own: people's, teams', and what both may tell. [`router`] serves these and what is public, and
/// nothing else, so that [`guarded_paths`] leaves none out.
fn guarded() -> Routes {
    let rooms = [
        person::routes(),
        help::routes(),
        team::routes(),
        went_wrong::routes(),
        learning::routes(),
        sign_in::own_routes(),
        governance::routes(),
    ];
    rooms.into_iter().flatten().collect()
}

/// Every path that is somebody's own: for the test that each refuses a stranger.
pub fn guarded_paths() -> Vec<&'static str> {
    guarded().into_iter().map(|(path, _)| path).collect()
}
