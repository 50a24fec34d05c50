//! A person's record: the summary, and the timeline across all organisations.

use axum::extract::{Path, Query, State};
use kith_booking::{Appointment, Status};
use kith_fhir::views;
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{Choice, id_of};
use crate::record_view::{self, Event, Line};
use crate::reply::{Page, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// How many lines of each the summary shows.
const FEW: usize = 8;
/// How many events a page of the timeline shows.
const PAGE: usize = 40;

#[derive(Serialize)]
struct Summary {
    frame: Frame,
    problems: Vec<Line>,
    past_problems: usize,
    medicines: Vec<Line>,
    past_medicines: usize,
    results: Vec<Latest>,
    more_results: bool,
    news: Vec<Event>,
    lately: Vec<Event>,
    ahead: Vec<Ahead>,
}

#[derive(Serialize)]
struct Latest {
    key: String,
    name: String,
    shown: String,
    on: Option<String>,
    words: String,
}

#[derive(Serialize)]
struct Ahead {
    id: String,
    start: String,
    service: String,
    with: String,
}

/// The active lines, at most [`FEW`] times two, and how many there are besides.
fn active(chart: &Chart, lines: Vec<Line>) -> (Vec<Line>, usize) {
    let all = lines.len();
    let mut now: Vec<Line> = lines.into_iter().filter(|line| line.active).take(2 * FEW).collect();
    chart.authors().sign(&mut now);
    let rest = all - now.len();
    (now, rest)
}

pub(super) async fn summary(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let record = &chart.record;
    let (problems, past_problems) = active(&chart, record_view::problems(record));
    let (medicines, past_medicines) = active(&chart, record_view::medicines(record));
    let measured = record_view::measured(record);
    let more_results = measured.len() > FEW;
    let results = measured
        .into_iter()
        .take(FEW)
        .map(|m| Latest { key: m.key, name: m.name, shown: m.latest.shown, on: m.latest.on, words: m.words })
        .collect();
    let mut news: Vec<Event> = if chart.has_news() {
        chart.timeline().into_iter().filter(|event| event.new).take(FEW).collect()
    } else {
        Vec::new()
    };
    // What is still to come stands among the appointments ahead.
    let mut events = chart.lately(FEW);
    chart.authors().sign_events(&mut news);
    chart.authors().sign_events(&mut events);
    let mut ahead: Vec<Appointment> = record
        .values("Appointment")
        .filter_map(Appointment::of)
        .filter(|a| matches!(a.status, Status::Booked | Status::Arrived) && a.end > chart.now)
        .collect();
    ahead.sort_by_key(|a| a.start);
    let ahead = ahead
        .into_iter()
        .map(|a| Ahead {
            id: a.id().to_owned(),
            start: a.start.to_string(),
            service: a.description.clone(),
            with: a.practitioner.map(|p| p.name).unwrap_or_default(),
        })
        .collect();
    let view = Summary {
        frame: chart.frame("summary"),
        problems,
        past_problems,
        medicines,
        past_medicines,
        results,
        more_results,
        news,
        lately: events,
        ahead,
    };
    Ok(Page::new("team/summary", &view))
}

/// What part of the timeline is wanted: no words of anybody's, so it may stand in an address.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    new: Option<String>,
    #[serde(default)]
    page: usize,
}

#[derive(Serialize)]
struct Timeline {
    frame: Frame,
    events: Vec<Shown>,
    kinds: Vec<Choice>,
    kind: String,
    only_new: bool,
    page: usize,
    pages: usize,
    total: usize,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    event: Event,
    /// Still to come: an appointment ahead.
    ahead: bool,
    href: Option<String>,
    /// A note's or message's own words.
    words: Option<String>,
    /// Where it can be sealed or marked, for those who may.
    protect: Option<String>,
}

pub(super) async fn timeline(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let mut events = chart.timeline();
    let mut kinds: Vec<&'static str> = events.iter().map(|event| event.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let only_new = wanted.new.is_some();
    let kind = kinds.iter().find(|kind| **kind == wanted.kind).copied().unwrap_or_default();
    events.retain(|event| (kind.is_empty() || event.kind == kind) && (!only_new || event.new));
    let total = events.len();
    let pages = total.div_ceil(PAGE).max(1);
    let page = wanted.page.min(pages - 1);
    let mut events: Vec<Event> = events.into_iter().skip(page * PAGE).take(PAGE).collect();
    chart.authors().sign_events(&mut events);
    let events = events.into_iter().map(|event| shown(&chart, event)).collect();
    let view = Timeline {
        frame: chart.frame("timeline"),
        events,
        kinds: kinds.into_iter().map(|kind| Choice::new(kind, kind)).collect(),
        kind: kind.to_owned(),
        only_new,
        page,
        pages,
        total,
    };
    Ok(Page::new("team/timeline", &view))
}

/// Longer than this, a note does not stand whole in the line of the timeline.
const LINE: usize = 140;

fn shown(chart: &Chart, mut event: Event) -> Shown {
    let entry = chart.record.get(&event.reference).filter(|entry| entry.kind == "ClinicalImpression");
    let words = entry
        .and_then(|entry| views::ClinicalImpression::of(&entry.value)?.summary())
        .filter(|words| words.chars().count() > LINE || words.trim().contains('\n'))
        .map(str::to_owned);
    if words.is_some() {
        event.kind.clone_into(&mut event.what);
    }
    let kind = event.reference.split('/').next().unwrap_or_default();
    let own = id_of(&event.reference);
    let href = match kind {
        "Appointment" => Some(chart.path(&format!("/appointments/{own}"))),
        "DocumentReference" => Some(chart.path(&format!("/documents/{own}"))),
        _ => None,
    };
    let may = super::protect::can_be(kind) && chart.may_write_clinical();
    let protect = may.then(|| chart.path(&format!("/protect/{}", event.reference)));
    Shown { ahead: event.at > chart.now, event, href, words, protect }
}
