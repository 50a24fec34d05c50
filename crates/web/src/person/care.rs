//! My care: what is booked, what is being done about what was asked, and the way to messages and results.

use axum::extract::{Path, State};
use jiff::Timestamp;
use kith_booking::{Appointment, Status};
use kith_contact::time;
use kith_directory::Directory;
use kith_fhir::views;
use kith_trust::Record;
use serde::Serialize;

use super::{Mine, id_of, reference};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

/// An appointment as shown in a list.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Booking {
    pub id: String,
    pub start: String,
    pub service: String,
    pub with: String,
    pub place: String,
    pub address: String,
    pub how: &'static str,
    pub what: String,
    pub instruction: String,
    pub phone: Option<String>,
    pub status: &'static str,
    /// Not yet begun, and so can be moved or cancelled.
    pub ahead: bool,
}

impl Booking {
    pub fn of(appointment: &Appointment, directory: &Directory, now: Timestamp) -> Self {
        let service = appointment.service.as_ref().and_then(|s| directory.service(&s.reference));
        let place = appointment.place.as_ref().and_then(|p| directory.place(&p.reference));
        let site = place.filter(|p| p.address.is_some()).or_else(|| service.and_then(|s| s.places.first()));
        let name = |named: &Option<kith_directory::Named>| named.as_ref().map(|n| n.name.clone()).unwrap_or_default();
        Self {
            id: appointment.id().to_owned(),
            start: appointment.start.to_string(),
            service: if appointment.description.is_empty() {
                name(&appointment.service)
            } else {
                appointment.description.clone()
            },
            with: name(&appointment.practitioner),
            place: name(&appointment.place),
            address: site.and_then(|s| s.address.clone()).unwrap_or_default(),
            how: appointment.mode.words(),
            what: appointment.need_label.clone(),
            instruction: appointment.instruction.clone(),
            phone: service.and_then(|s| s.phone.clone()),
            status: appointment.status.code(),
            ahead: appointment.status == Status::Booked && appointment.start > now,
        }
    }
}

/// Appointments of a record: those ahead, soonest first; then those gone by or cancelled, latest first.
pub(crate) fn bookings(record: &Record, directory: &Directory, now: Timestamp) -> (Vec<Booking>, Vec<Booking>) {
    let mut all: Vec<Appointment> = record.values("Appointment").filter_map(Appointment::of).collect();
    all.sort_by_key(|a| a.start);
    let (ahead, past): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|a| matches!(a.status, Status::Booked | Status::Arrived) && a.end > now);
    let shown = |a: &Appointment| Booking::of(a, directory, now);
    (ahead.iter().map(shown).collect(), past.iter().rev().map(shown).collect())
}

/// A request as shown to the person it is about.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asked {
    pub id: String,
    pub what: String,
    pub reason: String,
    pub when: Option<String>,
    pub open: bool,
    /// A code of the status tag.
    pub state: &'static str,
    /// Who has it now.
    pub owner: String,
    pub phone: Option<String>,
    /// The questions stopped, and emergency help was advised.
    pub emergency: bool,
    /// What is happening, in a sentence.
    pub words: String,
    /// By when, in words; none when closed.
    pub expected: Option<String>,
    pub late: bool,
    pub outcome: Option<String>,
    pub appointment: Option<String>,
}

/// Requests of a record: open ones first, each newest first.
pub(crate) fn requests(record: &Record, directory: &Directory, now: Timestamp) -> Vec<Asked> {
    let mut found: Vec<Asked> = record
        .values("ServiceRequest")
        .filter_map(views::ServiceRequest::of)
        .filter(|r| r.status() != Some("entered-in-error") && r.status() != Some("draft"))
        .map(|r| asked(r, record, directory, now))
        .collect();
    found.sort_by(|a, b| b.open.cmp(&a.open).then_with(|| b.when.cmp(&a.when)));
    found
}

fn asked(request: views::ServiceRequest<'_>, record: &Record, directory: &Directory, now: Timestamp) -> Asked {
    let reference = request.reference();
    let bookings: Vec<Appointment> = record
        .values("Appointment")
        .filter_map(Appointment::of)
        .filter(|a| a.based_on.as_deref() == Some(&reference))
        .collect();
    let booked = bookings.iter().find(|a| matches!(a.status, Status::Booked | Status::Arrived));
    let mut tasks: Vec<views::Task<'_>> = record
        .values("Task")
        .filter_map(views::Task::of)
        .filter(|t| t.focus() == Some(&reference) || bookings.iter().any(|a| t.focus() == Some(&a.reference)))
        .collect();
    tasks.sort_by_key(|t| (t.is_open(), t.modified().or(t.authored())));
    let task = tasks.last();
    let owner_ref =
        task.and_then(views::Task::owner).or_else(|| request.performers().first().copied()).unwrap_or_default();
    let service = directory.service(owner_ref);
    let owner = service.map_or_else(|| directory.name(owner_ref).unwrap_or("the team").to_owned(), |s| s.name.clone());
    let open = matches!(request.status(), Some("active" | "on-hold"));
    let due = task.and_then(views::Task::due).or(request.due());
    let late = open && booked.is_none() && due.is_some_and(|due| due < now);
    let (state, words) = match (request.status(), task.and_then(views::Task::status)) {
        (Some("revoked"), _) => ("cancelled", "This was cancelled.".to_owned()),
        (Some("completed"), _) => ("completed", format!("{owner} has finished this.")),
        _ if booked.is_some() => ("booked", format!("You have an appointment with {owner}.")),
        (_, Some("accepted" | "in-progress")) => ("in-progress", format!("{owner} is working on this.")),
        (_, Some("rejected")) => ("rejected", format!("{owner} sent this back to whoever asked.")),
        _ => ("requested", format!("{owner} has this. Nobody has started on it yet.")),
    };
    let told = crate::record_view::told_to(request).filter(|_| bookings.is_empty());
    let words = match told {
        Some(_) if open => format!("{owner} will check that you got help."),
        _ => words,
    };
    let expected = (open && booked.is_none()).then_some(due).flatten().map(|due| {
        let by = time::by_words(due, now);
        match (told, late) {
            (Some(told), false) => {
                format!("They will check by {by}. Have you not had help yet? Do not wait: {told} now.")
            }
            (Some(told), true) => {
                format!("They should have checked by {by}. Have you not had help yet? Do not wait: {told} now.")
            }
            (None, true) => format!("This is late. You should have heard by {by}."),
            (None, false) => format!("You should hear by {by}."),
        }
    });
    Asked {
        id: request.id().to_owned(),
        what: match told {
            Some(told) => format!("{}: we told you to {told}", problem(request)),
            None => request.code_text().unwrap_or("Request for help").to_owned(),
        },
        reason: request.reason().unwrap_or_default().to_owned(),
        when: request.authored().map(|at| at.to_string()),
        open,
        state,
        owner,
        phone: service.and_then(|s| s.phone.clone()),
        words,
        expected,
        late,
        emergency: told.is_some(),
        outcome: task.and_then(views::Task::outcome).filter(|_| !open).map(str::to_owned),
        appointment: booked.map(|a| a.id().to_owned()),
    }
}

/// The problem a request began with, by the title of its questions: `Sore throat`.
fn problem(request: views::ServiceRequest<'_>) -> &'static str {
    let content = request.disposition().and_then(|d| d.content).unwrap_or_default();
    let id = content.split('@').next().unwrap_or_default();
    kith_frontdoor::Pathways::built_in().get(id).map_or("Emergency", |pathway| pathway.title.as_str())
}

#[derive(Serialize)]
struct Care {
    ahead: Vec<Booking>,
    past: Vec<Booking>,
    open: Vec<Asked>,
    closed: Vec<Asked>,
    unread: usize,
    acting_for: Option<String>,
}

pub(crate) async fn show(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let (ahead, past) = bookings(&mine.record, &mine.directory, mine.now);
    let (open, closed) = requests(&mine.record, &mine.directory, mine.now).into_iter().partition(|r| r.open);
    let unread = kith_contact::message::threads(&mine.record).iter().map(|t| t.unread_by_person).sum();
    Ok(Page::new("person/care", &Care { ahead, past, open, closed, unread, acting_for: me.acting_for }))
}

#[derive(Serialize)]
struct RequestView {
    request: Asked,
    answers: Vec<Answered>,
    reasons: Vec<String>,
    content: Option<String>,
    documents: Vec<crate::record_view::Document>,
}

#[derive(Serialize)]
struct Answered {
    question: String,
    answer: String,
}

pub(crate) async fn request(State(state): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Page> {
    let wanted = reference("ServiceRequest", &id)?;
    let mine = Mine::open(&state, &me).await?;
    let entry = mine.record.get(&wanted).ok_or_else(WebError::not_found)?;
    let seen = views::ServiceRequest::of(&entry.value).ok_or_else(WebError::not_found)?;
    let disposition = seen.disposition();
    let supporting = seen.supporting();
    let answers = supporting
        .iter()
        .filter_map(|r| views::QuestionnaireResponse::of(&mine.record.get(r)?.value))
        .flat_map(|response| response.items())
        .map(|item| Answered { question: item.text.unwrap_or_default().to_owned(), answer: item.answers.join("; ") })
        .collect();
    let documents = crate::record_view::documents(&mine.record)
        .into_iter()
        .filter(|d| supporting.iter().any(|r| id_of(r) == d.id))
        .collect();
    let view = RequestView {
        request: asked(seen, &mine.record, &mine.directory, mine.now),
        answers,
        reasons: disposition.as_ref().map(|d| d.reasons.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        content: disposition.and_then(|d| d.content.map(str::to_owned)),
        documents,
    };
    Ok(Page::new("person/request", &view))
}
