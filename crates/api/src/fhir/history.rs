//! `GET /fhir/{type}/{id}/_history`: every version that is not a deletion, newest first.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kith_fhir::json;
use kith_fhir::search::date;
use kith_trust::Error;

use super::caller::Caller;
use super::outcome::Failure;
use super::page::{self, Results};
use super::{known, read, reply, view::View};

pub async fn get(mut caller: Caller, Path((kind, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let (kind, reference) = known(&kind, &id)?;
    let asked = caller.pairs.clone();
    let view = View::take(&mut caller.pairs)?;
    let (count, cursor) = page::take(&mut caller.pairs)?;
    let mut since = i64::MIN;
    for (name, value) in &caller.pairs {
        if name != "_since" {
            let words = "a history takes `_count`, `_since`, `_elements` and `_summary`";
            return Err(Failure::bad("not-supported", words));
        }
        since = date::range(value).ok_or_else(|| Failure::bad("value", "`_since` must be an instant"))?.0;
    }
    let versions = match caller.access.history(&reference).await {
        Err(Error::NotFound) => {
            read::in_scope(&caller.access, kind).await?;
            return Err(Failure::not_found());
        }
        Err(Error::Refused { .. }) => return Err(Failure::out_of_scope()),
        other => other?,
    };
    let versions: Vec<_> = versions.into_iter().filter(|e| e.updated.as_microsecond() >= since).collect();
    let (shown, next) = page::cut(&versions, |e| e.version.to_string(), cursor.as_deref(), count)?;
    let entries = shown.iter().map(|entry| {
        let (method, status, url) = if entry.version == 1 {
            ("POST", "201 Created", kind.to_owned())
        } else {
            ("PUT", "200 OK", reference.clone())
        };
        json!({
            "fullUrl": format!("{}/{reference}", caller.manner.base),
            "resource": view.of(&entry.value),
            "request": {"method": method, "url": url},
            "response": {"status": status, "etag": entry.etag(), "lastModified": entry.updated.to_string()},
        })
    });
    let entries = if view.count { Vec::new() } else { entries.collect() };
    let path = format!("{reference}/_history");
    let results = Results { path: &path, asked: &asked, entries, total: None, next };
    Ok(reply::resource(StatusCode::OK, &results.bundle("history", &caller.manner), &caller.manner))
}
