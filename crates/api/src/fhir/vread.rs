//! `GET /fhir/{type}/{id}/_history/{version}`.

use axum::extract::Path;
use axum::response::Response;
use kith_trust::Error;

use super::caller::Caller;
use super::outcome::Failure;
use super::{known, read, reply, view::View};

pub async fn get(
    mut caller: Caller,
    Path((kind, id, version)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let (kind, reference) = known(&kind, &id)?;
    let version: u32 = version.parse().map_err(|_| Failure::not_found())?;
    let view = View::take(&mut caller.pairs)?;
    match caller.access.vread(&reference, version).await {
        Ok(entry) => Ok(reply::entry(&caller, &entry, &view.of(&entry.value))),
        Err(Error::NotFound) => {
            read::in_scope(&caller.access, kind).await?;
            let Ok(others) = caller.access.history(&reference).await else { return Err(Failure::not_found()) };
            // Versions have no gaps, so one that is missing below a later one was a deletion.
            let newest = others.first().map_or(0, |entry| entry.version);
            let deletion = version > 0
                && (version < newest
                    || (version == newest + 1 && matches!(caller.access.read(&reference).await, Err(Error::NotFound))));
            Err(if deletion { Failure::gone() } else { Failure::not_found() })
        }
        Err(Error::Refused { .. }) => Err(Failure::out_of_scope()),
        Err(error) => Err(error.into()),
    }
}
