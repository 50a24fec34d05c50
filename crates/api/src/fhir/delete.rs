//! `DELETE /fhir/{type}/{id}`: earlier versions stay in the history.

use axum::extract::Path;
use axum::http::StatusCode;
use kith_trust::{Change, Error};

use super::caller::Caller;
use super::outcome::Failure;
use super::{known, read, writable};

pub async fn delete(caller: Caller, Path((kind, id)): Path<(String, String)>) -> Result<StatusCode, Failure> {
    let (kind, reference) = known(&kind, &id)?;
    run(&caller, kind, &reference, caller.if_match()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes `reference`, which is of this type.
pub async fn run(caller: &Caller, kind: &'static str, reference: &str, if_match: Option<u32>) -> Result<(), Failure> {
    writable(kind)?;
    let mut change = Change::new("delete");
    change.delete(reference, if_match);
    match caller.access.commit(change).await {
        Ok(_) => Ok(()),
        Err(Error::Conflict { .. }) if if_match.is_some() => Err(Failure::stale()),
        Err(Error::NotFound) => match read::current(&caller.access, kind, reference).await {
            // What the caller may see, they are told that they may not delete.
            Ok(_) => Err(Error::Refused { why: "you may read this but not delete it".into() }.into()),
            // Gone already is what was asked for.
            Err(failure) if failure.status == StatusCode::GONE => Ok(()),
            Err(failure) => Err(failure),
        },
        Err(error) => Err(error.into()),
    }
}
