//! `POST /fhir/{type}`: a new resource; with `If-None-Exist`, only if none answers the condition; with `Idempotency-Key`,
//! once however often it is sent.

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::HeaderName;
use axum::response::Response;
use kith_fhir::{Value, resource};
use kith_trust::{Change, Error, bundle};

use super::caller::Caller;
use super::outcome::Failure;
use super::reply::{self, Written};
use super::{check, known_type, writable};

pub async fn post(caller: Caller, Path(kind): Path<String>, body: Body) -> Result<Response, Failure> {
    let kind = known_type(&kind)?;
    writable(kind)?;
    let value = caller.json(body).await?;
    let condition = caller.header(HeaderName::from_static("if-none-exist")).map(str::to_owned);
    let key = caller.header(HeaderName::from_static("idempotency-key")).map(str::to_owned);
    let written = run(&caller, kind, value, condition.as_deref(), key.as_deref()).await?;
    Ok(reply::written(&caller, &written))
}

/// Creates a resource of this type.
pub async fn run(
    caller: &Caller,
    kind: &'static str,
    mut value: Value,
    condition: Option<&str>,
    key: Option<&str>,
) -> Result<Written, Failure> {
    writable(kind)?;
    same_type(kind, &value)?;
    if key.is_some_and(|key| !(1..=128).contains(&key.len())) {
        return Err(Failure::bad("value", "Idempotency-Key must have 1 to 128 characters"));
    }
    // A new resource gets a new id, whatever it came with.
    if let Some(object) = value.as_object_mut() {
        object.remove("id");
    }
    check::resource(&value)?;
    // Nobody else may create between looking and writing.
    let _turn = if condition.is_some() { Some(caller.api.conditional.lock().await) } else { None };
    if let Some(condition) = condition {
        let condition = condition.trim_start_matches('?');
        match bundle::find_one(&caller.access, kind, condition).await {
            Ok(None) => {}
            Ok(Some(reference)) => return existing(caller, reference).await,
            Err(Error::Conflict { .. }) => {
                let words = "more than one resource answers If-None-Exist";
                let status = axum::http::StatusCode::PRECONDITION_FAILED;
                return Err(Failure::new(status, "multiple-matches", words));
            }
            Err(error) => return Err(error.into()),
        }
    }
    bundle::resolve_conditional(&caller.access, &mut value, kind).await?;
    let mut change = Change::new("create");
    change.create(value.clone());
    if let Some(key) = key {
        change.once(&format!("rest|{key}"));
    }
    let receipt = caller.access.commit(change).await?;
    let (reference, version) = receipt.written.into_iter().next().ok_or_else(Failure::not_found)?;
    if receipt.replayed {
        return existing(caller, reference).await;
    }
    if let (Some(object), Some((_, id))) = (value.as_object_mut(), reference.split_once('/')) {
        object.insert("id".to_owned(), Value::String(id.to_owned()));
    }
    Ok(Written { created: true, reference, version, value: Some(reply::accepted(value, version)) })
}

/// What was there already: shown if the caller may read it.
async fn existing(caller: &Caller, reference: String) -> Result<Written, Failure> {
    match caller.access.read(&reference).await {
        Ok(entry) => {
            let value = Some(entry.value.as_ref().clone());
            Ok(Written { created: false, reference, version: entry.version, value })
        }
        Err(Error::Refused { .. }) => Ok(Written { created: false, reference, version: 1, value: None }),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a body of another type than its address.
pub(super) fn same_type(kind: &'static str, value: &Value) -> Result<(), Failure> {
    match resource::type_of(value) {
        Some(own) if own == kind => Ok(()),
        Some(own) if resource::type_code(own).is_some() => Err(Failure::bad(
            "invariant",
            format!("the body is another resource type than {kind}, which the address names"),
        )),
        _ => Err(Failure::bad("structure", "`resourceType` is missing or is not an R4 resource type")),
    }
}
