//! What people see and do.

use axum::Extension;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use kith_trust::Role;

use crate::reply::Reply;
use crate::signed::Signed;
use crate::state::Routes;

/// The pages of people: each handler starts from [`crate::signed::Me`].
pub(crate) fn routes() -> Routes {
    vec![("/", get(start))]
}

async fn start(signed: Option<Extension<Signed>>) -> Response {
    let to = match signed {
        Some(Extension(signed)) if signed.session.actor.role != Role::Person => "/team",
        Some(_) => "/privacy",
        None => "/sign-in",
    };
    Reply::to(to).into_response()
}

/// The name of a Patient as shown; never empty.
pub(crate) fn full_name(patient: &kith_fhir::Value) -> String {
    let name = kith_fhir::views::Patient::of(patient).map(|p| p.name()).unwrap_or_default();
    if name.is_empty() { "Name not known".to_owned() } else { name }
}
