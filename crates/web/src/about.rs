//! What everybody may read: how usable the site is, and what happens to information.

use axum::routing::get;
use serde::Serialize;

use crate::reply::Page;
use crate::state::Routes;

pub(crate) fn routes() -> Routes {
    vec![("/accessibility", get(accessibility)), ("/privacy", get(privacy))]
}

#[derive(Serialize)]
struct Nothing {}

async fn accessibility() -> Page {
    Page::new("accessibility", &Nothing {})
}

async fn privacy() -> Page {
    Page::new("privacy", &Nothing {})
}
