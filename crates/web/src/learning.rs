//! For the safety officer: what people and staff said went wrong, and what came of it.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use jiff::Timestamp;
use kith_contact::time;
use kith_handover::learning::{self, Event, Finding, Harm, MAX_TEXT};
use kith_trust::Role;
use serde::{Deserialize, Serialize};

use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::{AppState, Routes};
use crate::went_wrong::{Choice, LOG, state_words};

pub(crate) fn routes() -> Routes {
    vec![
        ("/team/learning", get(list)),
        ("/team/learning/{id}", get(show).post(close)),
        ("/team/learning/{id}/take", post(take)),
    ]
}

fn officer(staff: &Staff) -> WebResult<()> {
    if staff.role() == Role::SafetyOfficer { Ok(()) } else { Err(WebError::not_found()) }
}

/// `Task/…` of an id in an address.
fn task(id: &str) -> WebResult<String> {
    let fits = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if fits { Ok(format!("Task/{id}")) } else { Err(WebError::not_found()) }
}

/// What a refusal means to somebody looking at a page.
pub(crate) fn refused(error: kith_handover::Error) -> WebError {
    use kith_handover::Error;
    match error {
        Error::Door(door) => door.into(),
        Error::Invalid { .. } => WebError::unreadable(),
        error => WebError::conflict(error.to_string()).kept("Nothing was changed."),
    }
}

#[derive(Serialize)]
struct View {
    id: String,
    number: String,
    told: String,
    due: String,
    late: bool,
    open: bool,
    taken: bool,
    state: &'static str,
    harm: &'static str,
    hurt: bool,
    what: String,
    page: String,
    content: String,
    program: String,
    role: String,
    hazard: Option<String>,
    hazard_words: Option<&'static str>,
    finding: Option<&'static str>,
    outcome: Option<String>,
}

impl View {
    fn of(event: Event, now: Timestamp) -> Self {
        Self {
            id: event.reference.rsplit('/').next().unwrap_or_default().to_owned(),
            number: event.number(),
            told: event.told.map_or_else(String::new, |at| at.to_string()),
            due: time::due_words(event.due, now),
            late: event.is_overdue(now),
            open: event.state.is_open(),
            taken: event.state != kith_handover::State::Requested,
            state: state_words(&event),
            harm: event.harm.words(),
            hurt: event.harm == Harm::Hurt,
            hazard_words: event.hazard.as_deref().and_then(|id| LOG.hazard(id)).map(|hazard| hazard.name.as_str()),
            what: event.what,
            page: event.page,
            content: event.content,
            program: event.program,
            role: event.role,
            hazard: event.hazard,
            finding: event.finding.map(Finding::words),
            outcome: event.outcome,
        }
    }
}

#[derive(Serialize)]
struct List {
    open: Vec<View>,
    closed: Vec<View>,
    late: usize,
}

async fn list(staff: Staff) -> WebResult<Page> {
    officer(&staff)?;
    let now = staff.access.now();
    let events = learning::events(&staff.access).await.map_err(refused)?;
    let (open, closed): (Vec<View>, Vec<View>) =
        events.into_iter().map(|event| View::of(event, now)).partition(|view| view.open);
    let late = open.iter().filter(|view| view.late).count();
    Ok(Page::new("team/learning", &List { open, closed, late }))
}

#[derive(Serialize)]
struct One {
    event: View,
    findings: Vec<Choice>,
    hazards: Vec<Choice>,
    longest: usize,
}

async fn one(staff: &Staff, id: &str) -> WebResult<Page> {
    let event = learning::event(&staff.access, &task(id)?).await.map_err(refused)?;
    let view = One {
        event: View::of(event, staff.access.now()),
        findings: Finding::ALL.into_iter().map(|finding| Choice::new(finding.code(), finding.words())).collect(),
        hazards: LOG.hazard.iter().map(|h| Choice::new(&h.id, format!("{}: {}", h.id, h.name))).collect(),
        longest: MAX_TEXT,
    };
    Ok(Page::new("team/learning_event", &view))
}

async fn show(staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    officer(&staff)?;
    one(&staff, &id).await
}

#[derive(Deserialize)]
struct Nothing {}

async fn take(staff: Staff, Path(id): Path<String>, _: Checked<Nothing>) -> WebResult {
    officer(&staff)?;
    learning::take(&staff.access, &task(&id)?).await.map_err(refused)?;
    Ok(Reply::to(format!("/team/learning/{id}")).done("You are looking into this."))
}

#[derive(Deserialize)]
struct Closed {
    #[serde(default)]
    finding: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    hazard: String,
}

async fn close(
    State(_): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Closed>,
) -> WebResult {
    officer(&staff)?;
    let mut errors = FormErrors::new();
    let outcome = errors.required("outcome", &form.outcome, "Write what came of it");
    if outcome.chars().count() > MAX_TEXT {
        errors.add("outcome", format!("Write {MAX_TEXT} letters or fewer"));
    }
    let finding = Finding::from_code(&form.finding);
    if finding.is_none() {
        errors.add("finding", "Choose what you found");
    }
    let hazard = LOG.hazard(&form.hazard).map(|hazard| hazard.id.as_str());
    if hazard.is_none() && !form.hazard.is_empty() {
        errors.add("hazard", "Choose a hazard from the list");
    }
    let (Some(finding), true) = (finding, errors.is_empty()) else {
        return Ok(one(&staff, &id).await?.with_form(&fields, &errors).into());
    };
    learning::close(&staff.access, &task(&id)?, finding, outcome, hazard).await.map_err(refused)?;
    Ok(Reply::to("/team/learning").done("Closed. Whoever reported it can see what came of it."))
}
