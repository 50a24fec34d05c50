//! Results and readings, and the trend of one of them.

use axum::extract::{Path, State};
use serde::Serialize;

use super::chart::{Chart, Frame};
use crate::record_view::{self, Measured};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct List {
    frame: Frame,
    laboratory: Vec<Row>,
    readings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    key: String,
    name: String,
    shown: String,
    on: Option<String>,
    words: String,
    count: usize,
}

pub(super) async fn list(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let row = |m: Measured| Row {
        key: m.key,
        name: m.name,
        shown: m.latest.shown,
        on: m.latest.on,
        words: m.words,
        count: m.readings.len(),
    };
    let (laboratory, readings): (Vec<_>, Vec<_>) =
        record_view::measured(&chart.record).into_iter().partition(|m| m.laboratory);
    let view = List {
        frame: chart.frame("results"),
        laboratory: laboratory.into_iter().map(row).collect(),
        readings: readings.into_iter().map(row).collect(),
    };
    Ok(Page::new("team/results", &view))
}

#[derive(Serialize)]
struct One {
    frame: Frame,
    measured: Measured,
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, key)): Path<(String, String)>,
) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let measured = record_view::measured(&chart.record).into_iter().find(|m| m.key == key);
    let mut measured = measured.ok_or_else(WebError::not_found)?;
    chart.authors().sign_measured(&mut measured);
    Ok(Page::new("team/result", &One { frame: chart.frame("results"), measured }))
}
