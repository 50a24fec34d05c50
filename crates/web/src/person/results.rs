//! Test results and measurements in words, with their trends.

use axum::extract::{Path, State};
use kith_fhir::views;
use serde::Serialize;

use super::Mine;
use crate::record_view::{Authors, Measured, Wrote, measured};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct List {
    tests: Vec<Measured>,
    others: Vec<Measured>,
    reports: Vec<Report>,
}

/// A report that carries words beside its numbers.
#[derive(Serialize)]
struct Report {
    what: String,
    on: Option<String>,
    conclusion: String,
    wrote: Wrote,
}

pub(crate) async fn list(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let Mine { record, directory, .. } = Mine::open(&state, &me).await?;
    let authors = Authors { record: &record, directory: &directory };
    let (tests, others) = measured(&record).into_iter().partition(|m| m.laboratory);
    let mut reports: Vec<Report> = record
        .of("DiagnosticReport")
        .filter_map(|entry| {
            let seen = views::DiagnosticReport::of(&entry.value)?;
            Some(Report {
                what: seen.code_text().unwrap_or("Report").to_owned(),
                on: seen.effective().or(seen.issued()).map(|at| at.to_string()),
                conclusion: seen.conclusion()?.to_owned(),
                wrote: authors.wrote(entry),
            })
        })
        .collect();
    reports.sort_by(|a, b| b.on.cmp(&a.on));
    Ok(Page::new("person/results", &List { tests, others, reports }))
}

#[derive(Serialize)]
struct One {
    measured: Measured,
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(key): Path<String>) -> WebResult<Page> {
    let Mine { record, directory, .. } = Mine::open(&state, &me).await?;
    let mut measured = measured(&record).into_iter().find(|m| m.key == key).ok_or_else(WebError::not_found)?;
    Authors { record: &record, directory: &directory }.sign_measured(&mut measured);
    Ok(Page::new("person/result", &One { measured }))
}
