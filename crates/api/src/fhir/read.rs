//! `GET /fhir/{type}/{id}`.

use axum::extract::Path;
use axum::response::Response;
use kith_fhir::search::Query;
use kith_trust::{Access, Entry, Error};

use super::caller::Caller;
use super::outcome::Failure;
use super::{known, provenance, reply, view::View};

pub async fn get(mut caller: Caller, Path((kind, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let (kind, reference) = known(&kind, &id)?;
    let view = View::take(&mut caller.pairs)?;
    if kind == "Provenance"
        && let Some(value) = provenance::read(&caller, &id).await?
    {
        return Ok(reply::resource(axum::http::StatusCode::OK, &value, &caller.manner));
    }
    let entry = current(&caller.access, kind, &reference).await?;
    Ok(reply::entry(&caller, &entry, &view.of(&entry.value)))
}

/// The current version; 410 where it was deleted; 403 for a type beyond the token's scopes, whether the resource exists or
/// not.
pub async fn current(access: &Access, kind: &'static str, reference: &str) -> Result<Entry, Failure> {
    match access.read(reference).await {
        Err(Error::NotFound) => {
            in_scope(access, kind).await?;
            match access.history(reference).await {
                Ok(_) => Err(Failure::gone()),
                Err(Error::NotFound) => Err(Failure::not_found()),
                Err(error) => Err(error.into()),
            }
        }
        Err(Error::Refused { .. }) => Err(Failure::out_of_scope()),
        other => Ok(other?),
    }
}

/// Refuses a type that the token's scopes do not let read: asks the door for an id that nothing has.
pub async fn in_scope(access: &Access, kind: &'static str) -> Result<(), Failure> {
    match access.search(&Query::new(kind)?.where_("_id", "-")?.limit(1)).await {
        Ok(_) => Ok(()),
        Err(Error::Refused { .. }) => Err(Failure::out_of_scope()),
        Err(error) => Err(error.into()),
    }
}
