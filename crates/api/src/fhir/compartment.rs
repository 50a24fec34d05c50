//! `GET /fhir/Patient/{id}/{type}`: one person's resources of a type, by any parameter. `*` is everything of theirs.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kith_fhir::Value;
use kith_fhir::search::Query;

use super::caller::Caller;
use super::outcome::Failure;
use super::page::{self, Results};
use super::view::View;
use super::{audit_event, everything, known, known_type, provenance, read, reply};

pub async fn get(
    caller: Caller,
    Path((kind, id, within)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let (kind, _) = known(&kind, &id)?;
    if within.starts_with('$') {
        let words = "this operation is not offered; /fhir/metadata says which are";
        return Err(Failure::new(StatusCode::NOT_FOUND, "not-supported", words));
    }
    if kind != "Patient" {
        let words = "only a Patient has a compartment here: /fhir/Patient/{id}/{type}";
        return Err(Failure::new(StatusCode::NOT_FOUND, "not-supported", words));
    }
    let path = format!("Patient/{id}/{within}");
    let mut pairs = caller.pairs.clone();
    let bundle = match within.as_str() {
        "*" => everything::list(&caller, &id, pairs, &path).await?,
        "AuditEvent" | "Provenance" => {
            pairs.push(("patient".to_owned(), format!("Patient/{id}")));
            match within.as_str() {
                "AuditEvent" => audit_event::search(&caller, pairs).await?,
                _ => provenance::search(&caller, pairs).await?,
            }
        }
        _ => search(&caller, &id, known_type(&within)?, pairs, &path).await?,
    };
    Ok(reply::resource(StatusCode::OK, &bundle, &caller.manner))
}

/// Searches one person's record. `path` is the address for links.
pub async fn search(
    caller: &Caller,
    patient: &str,
    kind: &'static str,
    mut pairs: Vec<(String, String)>,
    path: &str,
) -> Result<Value, Failure> {
    let asked = pairs.clone();
    let view = View::take(&mut pairs)?;
    let (count, cursor) = page::take(&mut pairs)?;
    let query = Query::parse(kind, &pairs)?;
    read::in_scope(&caller.access, kind).await?;
    let record = caller.access.open(patient).await?;
    let mut found = record.search(&query);
    if query.sort.is_empty() {
        found.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let total = Some(found.len());
    if view.count {
        let results = Results { path, asked: &asked, entries: Vec::new(), total, next: None };
        return Ok(results.bundle("searchset", &caller.manner));
    }
    let (shown, next) = page::cut(&found, |entry| entry.reference(), cursor.as_deref(), count)?;
    let entries = shown.iter().map(|entry| page::found(entry, &view, &caller.manner)).collect();
    Ok(Results { path, asked: &asked, entries, total, next }.bundle("searchset", &caller.manner))
}
