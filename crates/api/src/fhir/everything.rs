//! `GET /fhir/Patient/{id}/$everything`: all of a person's record that the caller may see, the Patient first.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kith_fhir::Value;
use kith_fhir::search::date;

use super::caller::Caller;
use super::outcome::Failure;
use super::page::{self, Results};
use super::view::View;
use super::{known, known_type, reply};

pub async fn get(caller: Caller, Path((kind, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let (kind, _) = known(&kind, &id)?;
    if kind != "Patient" {
        let words = "only a Patient has `$everything` here";
        return Err(Failure::new(StatusCode::NOT_FOUND, "not-supported", words));
    }
    let bundle = list(&caller, &id, caller.pairs.clone(), &format!("Patient/{id}/$everything")).await?;
    Ok(reply::resource(StatusCode::OK, &bundle, &caller.manner))
}

/// All of one person's record, in pages. `path` is the address for links.
pub async fn list(
    caller: &Caller,
    patient: &str,
    mut pairs: Vec<(String, String)>,
    path: &str,
) -> Result<Value, Failure> {
    let asked = pairs.clone();
    let view = View::take(&mut pairs)?;
    let whole = !pairs.iter().any(|(name, _)| name == "_count");
    let (count, cursor) = page::take(&mut pairs)?;
    let count = if whole { page::MAX_COUNT } else { count };
    let mut types: Vec<&'static str> = Vec::new();
    let mut since = i64::MIN;
    for (name, value) in &pairs {
        match name.as_str() {
            "_type" => types = value.split(',').map(known_type).collect::<Result<_, _>>()?,
            "_since" => {
                since = date::range(value).ok_or_else(|| Failure::bad("value", "`_since` must be an instant"))?.0;
            }
            _ => {
                let words =
                    "this takes `_type`, `_since`, `_count`, `_elements` and `_summary`; to search, name a type";
                return Err(Failure::bad("not-supported", words));
            }
        }
    }
    let record = caller.access.open(patient).await?;
    let of_interest: Vec<_> = record
        .entries()
        .iter()
        .filter(|e| (types.is_empty() || types.contains(&e.kind)) && e.updated.as_microsecond() >= since)
        .collect();
    let total = Some(of_interest.len());
    let (shown, next) = page::cut(&of_interest, |entry| entry.reference(), cursor.as_deref(), count)?;
    let (entries, next) = if view.count {
        (Vec::new(), None)
    } else {
        (shown.iter().map(|entry| page::found(entry, &view, &caller.manner)).collect(), next)
    };
    Ok(Results { path, asked: &asked, entries, total, next }.bundle("searchset", &caller.manner))
}
