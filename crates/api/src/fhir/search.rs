//! `GET /fhir/{type}` and `POST /fhir/{type}/_search`: within one person where `patient` or `subject` names one, else across
//! people on declared parameters.

use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use kith_fhir::search::{Query, definitions};
use kith_fhir::{Value, compartment as people, resource};

use super::caller::Caller;
use super::outcome::Failure;
use super::page::{self, Results};
use super::view::View;
use super::{audit_event, compartment, known_type, provenance, reply};

pub async fn get(caller: Caller, Path(kind): Path<String>) -> Result<Response, Failure> {
    let kind = known_type(&kind)?;
    let bundle = run(&caller, kind, caller.pairs.clone()).await?;
    Ok(reply::resource(StatusCode::OK, &bundle, &caller.manner))
}

pub async fn post(caller: Caller, Path(kind): Path<String>, body: Body) -> Result<Response, Failure> {
    let kind = known_type(&kind)?;
    let mut pairs = caller.pairs.clone();
    pairs.extend(caller.form(body).await?);
    let bundle = run(&caller, kind, pairs).await?;
    Ok(reply::resource(StatusCode::OK, &bundle, &caller.manner))
}

/// Answers a search of a type.
pub async fn run(caller: &Caller, kind: &'static str, mut pairs: Vec<(String, String)>) -> Result<Value, Failure> {
    match kind {
        "AuditEvent" => return audit_event::search(caller, pairs).await,
        "Provenance" => return provenance::search(caller, pairs).await,
        _ => {}
    }
    let asked = pairs.clone();
    if let Some(patient) = only_person(kind, &mut pairs, &caller.manner.base) {
        return match compartment::search(caller, &patient, kind, pairs, kind).await {
            // Nobody of this name, or nobody the caller may know of: nothing is found, either way.
            Err(failure) if failure.status == StatusCode::NOT_FOUND => {
                let results = Results { path: kind, asked: &asked, entries: Vec::new(), total: Some(0), next: None };
                Ok(results.bundle("searchset", &caller.manner))
            }
            other => other,
        };
    }
    across(caller, kind, pairs).await
}

/// The person that `patient` or `subject` names, if it names exactly one.
pub(super) fn only_person(kind: &'static str, pairs: &mut [(String, String)], base: &str) -> Option<String> {
    if kind == "Patient" || !people::types().any(|other| other == kind) {
        return None;
    }
    for (name, value) in pairs {
        let (code, modifier) = name.split_once(':').map_or((name.as_str(), None), |(c, m)| (c, Some(m)));
        if !matches!(code, "patient" | "subject")
            || !matches!(modifier, None | Some("Patient"))
            || definitions().param(kind, code).is_none()
        {
            continue;
        }
        let prefix = format!("{base}/");
        let local = value.strip_prefix(&prefix).unwrap_or(value).to_owned();
        let id = match local.strip_prefix("Patient/") {
            Some(id) => Some(id),
            None if code == "patient" || modifier.is_some() => Some(local.as_str()),
            None => None,
        };
        if let Some(id) = id.filter(|id| resource::valid_id(id)) {
            let id = id.to_owned();
            *value = if modifier.is_some() { id.clone() } else { format!("Patient/{id}") };
            return Some(id);
        }
    }
    None
}

/// Counting across people walks pages of a thousand, so many at most.
const COUNTED_PAGES: usize = 20;

async fn across(caller: &Caller, kind: &'static str, mut pairs: Vec<(String, String)>) -> Result<Value, Failure> {
    let asked = pairs.clone();
    let view = View::take(&mut pairs)?;
    let mut query = Query::parse(kind, &pairs)?;
    if view.count {
        query.count = Some(page::MAX_COUNT);
        let mut total = 0;
        for _ in 0..COUNTED_PAGES {
            let page = caller.access.search(&query).await?;
            total += page.entries.len();
            query.cursor = page.next;
            if query.cursor.is_none() {
                let results =
                    Results { path: kind, asked: &asked, entries: Vec::new(), total: Some(total), next: None };
                return Ok(results.bundle("searchset", &caller.manner));
            }
        }
        return Err(Failure::bad("too-costly", "there are too many to count: add a parameter that narrows the search"));
    }
    let first = query.cursor.is_none();
    let page = caller.access.search(&query).await?;
    let entries: Vec<Value> = page.entries.iter().map(|entry| page::found(entry, &view, &caller.manner)).collect();
    // Known only where one page holds everything.
    let total = (first && page.next.is_none()).then_some(entries.len());
    let results = Results { path: kind, asked: &asked, entries, total, next: page.next };
    Ok(results.bundle("searchset", &caller.manner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_within_a_person_only_where_it_names_exactly_one() {
        let person = |kind: &'static str, name: &str, value: &str| {
            only_person(kind, &mut [(name.to_owned(), value.to_owned())], "http://here/fhir")
        };
        for (name, value) in [
            ("patient", "p1"),
            ("patient", "Patient/p1"),
            ("subject", "Patient/p1"),
            ("subject:Patient", "p1"),
            ("subject", "http://here/fhir/Patient/p1"),
        ] {
            assert_eq!(person("Observation", name, value).as_deref(), Some("p1"), "{name}={value}");
        }
        for (name, value) in [
            ("patient", "p1,p2"),
            ("subject", "p1"),
            ("subject", "Group/p1"),
            ("subject", "http://there/fhir/Patient/p1"),
            ("patient:missing", "true"),
            ("code", "Patient/p1"),
        ] {
            assert_eq!(person("Observation", name, value), None, "{name}={value}");
        }
        assert_eq!(person("Slot", "patient", "p1"), None);
    }
}
