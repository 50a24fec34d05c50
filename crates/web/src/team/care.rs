//! What is arranged for a person: appointments, requests and the work about them.

use axum::extract::{Path, State};
use kith_booking::{Appointment, Status};
use kith_contact::time;
use kith_fhir::views;
use kith_handover::work::Work;
use serde::Serialize;

use super::chart::{Chart, Frame};
use super::{id_of, team_name};
use crate::reply::{Page, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    frame: Frame,
    ahead: Vec<Booking>,
    past: Vec<Booking>,
    requests: Vec<Request>,
    work: Vec<Piece>,
}

/// An appointment as staff see it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Booking {
    pub id: String,
    pub start: String,
    pub service: String,
    pub with: String,
    pub place: String,
    pub how: &'static str,
    pub what: String,
    pub reason: String,
    pub instruction: String,
    pub status: &'static str,
    pub booked: bool,
    pub arrived: bool,
    /// Not yet begun.
    pub ahead: bool,
    /// Its time has come: the person may be marked as missed.
    pub begun: bool,
    pub today: bool,
}

impl Booking {
    pub fn of(seen: &Appointment, now: jiff::Timestamp) -> Self {
        let name = |named: &Option<kith_directory::Named>| named.as_ref().map(|n| n.name.clone()).unwrap_or_default();
        Self {
            id: seen.id().to_owned(),
            start: seen.start.to_string(),
            service: if seen.description.is_empty() { name(&seen.service) } else { seen.description.clone() },
            with: name(&seen.practitioner),
            place: name(&seen.place),
            how: seen.mode.words(),
            what: seen.need_label.clone(),
            reason: seen.reason.clone(),
            instruction: seen.instruction.clone(),
            status: seen.status.code(),
            booked: seen.status == Status::Booked,
            arrived: seen.status == Status::Arrived,
            ahead: seen.start > now,
            begun: seen.start <= now,
            today: time::day(seen.start) == time::day(now),
        }
    }
}

#[derive(Serialize)]
struct Request {
    what: String,
    reason: String,
    asked: Option<String>,
    by: String,
    of: String,
    status: &'static str,
    due: Option<String>,
}

#[derive(Serialize)]
struct Piece {
    id: String,
    kind: &'static str,
    description: String,
    owner: String,
    claimed_by: Option<String>,
    due_words: String,
    state: &'static str,
    overdue: bool,
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let mut all: Vec<Appointment> = chart.record.values("Appointment").filter_map(Appointment::of).collect();
    all.sort_by_key(|a| a.start);
    let (ahead, past): (Vec<_>, Vec<_>) =
        all.iter().partition(|a| matches!(a.status, Status::Booked | Status::Arrived) && a.end > chart.now);
    let mut work: Vec<Work> = chart.record.values("Task").filter_map(Work::of).filter(Work::is_open).collect();
    kith_handover::worklist::sort(&mut work);
    let view = View {
        frame: chart.frame("care"),
        ahead: ahead.into_iter().map(|a| Booking::of(a, chart.now)).collect(),
        past: past.into_iter().rev().map(|a| Booking::of(a, chart.now)).collect(),
        requests: requests(&chart),
        work: work.iter().map(|work| piece(work, &chart)).collect(),
    };
    Ok(Page::new("team/care", &view))
}

fn requests(chart: &Chart) -> Vec<Request> {
    let mut found: Vec<_> = chart
        .record
        .values("ServiceRequest")
        .filter_map(views::ServiceRequest::of)
        .filter(|request| request.status() != Some("entered-in-error"))
        .collect();
    found.sort_by_key(|request| std::cmp::Reverse((request.status() == Some("active"), request.authored())));
    found
        .iter()
        .map(|request| Request {
            what: request.code_text().unwrap_or("Request").to_owned(),
            reason: request.reason().unwrap_or_default().to_owned(),
            asked: request.authored().map(|at| at.to_string()),
            by: request.requester_name().unwrap_or_default().to_owned(),
            of: request
                .performers()
                .first()
                .and_then(|performer| chart.directory.name(performer))
                .unwrap_or_default()
                .to_owned(),
            status: match request.status() {
                Some("completed") => "completed",
                Some("revoked") => "revoked",
                _ => "active",
            },
            due: request
                .due()
                .filter(|_| request.status() == Some("active"))
                .map(|due| time::due_words(due, chart.now)),
        })
        .collect()
}

fn piece(work: &Work, chart: &Chart) -> Piece {
    let now = chart.now;
    let overdue = work.overdue_by(now).is_some();
    Piece {
        id: id_of(&work.reference).to_owned(),
        kind: work.kind.words(),
        description: work.description.clone(),
        owner: team_name(&work.owner, &chart.directory),
        claimed_by: work.claimed_by.as_ref().map(|who| who.name.clone()),
        due_words: time::due_words(work.due, now),
        state: if overdue { "overdue" } else { work.state.code() },
        overdue,
    }
}
