//! `PUT /fhir/{type}/{id}`: the whole resource, new or changed. With `If-Match`, only what the caller has seen is replaced.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use kith_fhir::{Value, resource};
use kith_trust::{Change, Error, bundle};

use super::caller::Caller;
use super::outcome::Failure;
use super::reply::{self, Written};
use super::{check, create, known, writable};

pub async fn put(caller: Caller, Path((kind, id)): Path<(String, String)>, body: Body) -> Result<Response, Failure> {
    let (kind, reference) = known(&kind, &id)?;
    writable(kind)?;
    let if_match = caller.if_match()?;
    let value = caller.json(body).await?;
    let written = run(&caller, kind, &reference, value, if_match).await?;
    Ok(reply::written(&caller, &written))
}

/// Replaces or creates `reference`, which is of this type.
pub async fn run(
    caller: &Caller,
    kind: &'static str,
    reference: &str,
    mut value: Value,
    if_match: Option<u32>,
) -> Result<Written, Failure> {
    writable(kind)?;
    create::same_type(kind, &value)?;
    if resource::reference_of(&value).as_deref() != Some(reference) {
        return Err(Failure::bad("invariant", "the body must have the id that the address names"));
    }
    check::resource(&value)?;
    bundle::resolve_conditional(&caller.access, &mut value, kind).await?;
    let mut change = Change::new("update");
    match if_match {
        Some(version) => change.update(value.clone(), version),
        None => {
            change.put(value.clone());
        }
    }
    let receipt = match caller.access.commit(change).await {
        // With one write and no key, a conflict is about its version.
        Err(Error::Conflict { .. }) if if_match.is_some() => return Err(Failure::stale()),
        other => other?,
    };
    let version = receipt.written.first().map_or(1, |(_, version)| *version);
    let created = version == 1 && receipt.changed > 0;
    Ok(Written { created, reference: reference.to_owned(), version, value: Some(reply::accepted(value, version)) })
}
