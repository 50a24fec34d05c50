//! One piece of work: what it is about, who has it, and what may be done now.

use axum::extract::{Path, State};
use kith_booking::Appointment;
use kith_contact::message::{self, Thread};
use kith_contact::{Party, time};
use kith_fhir::views::{self, common};
use kith_handover::referral::{question_of, referring_team};
use kith_handover::work::Work;
use kith_handover::{Error, Refusal, State as WorkState};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{capital, channel_words, id_of, reference, refused, team_name};
use crate::conversation::{self, Side};
use crate::form::Checked;
use crate::record_view::{self, Document};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// A piece of work with the record it belongs to.
pub(super) struct Open {
    pub chart: Chart,
    pub work: Work,
}

impl Open {
    /// Reads the work and opens the person's record.
    pub async fn read(state: &AppState, staff: &Staff, id: &str) -> WebResult<Self> {
        let task = staff.access.read(&reference("Task", id)?).await?;
        let work = Work::of(&task.value).ok_or_else(WebError::not_found)?;
        let chart = Chart::open(state, staff, &work.patient).await?;
        Ok(Self { chart, work })
    }

    pub fn id(&self) -> &str {
        id_of(&self.work.reference)
    }

    fn mine(&self) -> bool {
        self.work.claimed_by.as_ref().is_some_and(|who| who.reference == self.chart.access.actor().reference)
    }

    /// Whether the reader speaks for the team that has the work.
    fn ours(&self) -> bool {
        self.chart.access.actor().services().any(|service| service == self.work.owner.reference)
    }

    /// The request the work is about.
    pub fn request(&self) -> Option<views::ServiceRequest<'_>> {
        let focus = self.work.focus.as_deref()?;
        views::ServiceRequest::of(&self.chart.record.get(focus)?.value)
    }

    /// The team that asked, if a team did.
    pub fn asked_by(&self) -> Option<Party> {
        referring_team(&self.chart.record.get(self.work.focus.as_deref()?)?.value)
    }

    pub fn view(&self) -> WorkView {
        let work = &self.work;
        let now = self.chart.now;
        let other = work
            .claimed_by
            .as_ref()
            .filter(|_| !self.mine())
            .map(|who| if who.name.is_empty() { "Somebody else".to_owned() } else { who.name.clone() });
        WorkView {
            id: self.id().to_owned(),
            kind: work.kind.words(),
            kind_code: work.kind.code(),
            state: if work.overdue_by(now).is_some() { "overdue" } else { work.state.code() },
            state_words: if work.is_open() { None } else { Some(work.state.words()) },
            open: work.is_open(),
            owner: team_name(&work.owner, &self.chart.directory),
            claimed_by: work.claimed_by.as_ref().map(|who| who.name.clone()),
            mine: self.mine(),
            taken_by_other: other,
            ours: self.ours(),
            due: work.due.to_string(),
            due_words: time::due_words(work.due, now),
            overdue: work.overdue_by(now).is_some(),
            priority: work.priority.words(),
            description: work.description.clone(),
            asked: work.authored.map(|at| at.to_string()),
            requester: work.requester.as_ref().map(|who| who.name.clone()).filter(|name| !name.is_empty()),
            channel: work.channel.as_deref().map(|code| channel_words(code).to_owned()),
            outcome: work.outcome.clone(),
            notes: work.notes.clone(),
            begun: work.state == WorkState::InProgress,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkView {
    id: String,
    kind: &'static str,
    kind_code: &'static str,
    state: &'static str,
    state_words: Option<&'static str>,
    open: bool,
    owner: String,
    claimed_by: Option<String>,
    mine: bool,
    taken_by_other: Option<String>,
    ours: bool,
    due: String,
    due_words: String,
    overdue: bool,
    priority: &'static str,
    description: String,
    asked: Option<String>,
    requester: Option<String>,
    channel: Option<String>,
    outcome: Option<String>,
    notes: Vec<String>,
    begun: bool,
}

#[derive(Serialize)]
struct View {
    frame: Frame,
    work: WorkView,
    request: Option<Request>,
    thread: Option<conversation::View>,
    word: Option<Word>,
    appointment: Option<Booked>,
    /// The team that asked: work of theirs can be returned.
    asked_by: Option<String>,
    came_back: bool,
}

/// The request a piece of work is about.
#[derive(Serialize)]
pub(super) struct Request {
    id: String,
    what: String,
    reason: String,
    requester: String,
    team: Option<String>,
    /// What the receiver is asked, in the referrer's words.
    question: Option<String>,
    question_by: Option<String>,
    answers: Vec<Answered>,
    reasons: Vec<String>,
    content: Option<String>,
    documents: Vec<Document>,
    transfer: Option<bool>,
    /// There are answers, photos or a question that this reader is not shown.
    hidden: bool,
}

#[derive(Serialize)]
struct Answered {
    question: String,
    answer: String,
}

#[derive(Serialize)]
struct Booked {
    id: String,
    start: String,
    service: String,
    with: String,
    status: &'static str,
    reason: String,
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let open = Open::read(&state, &staff, &id).await?;
    let asked_by = open.asked_by();
    let view = View {
        came_back: asked_by.as_ref().is_some_and(|team| team.reference == open.work.owner.reference),
        asked_by: asked_by.map(|team| team.name),
        request: open.request().map(|request| request_view(&open.chart, request)),
        thread: thread_of(&open).map(|thread| conversation::view(&thread, Side::Team, open.chart.now)),
        word: word_of(&open),
        appointment: booked(&open),
        work: open.view(),
        frame: open.chart.frame("work"),
    };
    Ok(Page::new("team/work", &view))
}

/// A request as staff see it, with what came with it as far as they may.
fn request_view(chart: &Chart, request: views::ServiceRequest<'_>) -> Request {
    let record = &chart.record;
    let supporting = request.supporting();
    let value = record.get(&request.reference()).map(|entry| &entry.value);
    let question = value
        .and_then(|value| question_of(value))
        .and_then(|reference| record.get(reference))
        .and_then(|entry| views::ClinicalImpression::of(&entry.value).map(|seen| (seen, entry)));
    let disposition = request.disposition();
    Request {
        id: request.id().to_owned(),
        what: request.code_text().unwrap_or("Request").to_owned(),
        reason: request.reason().unwrap_or_default().to_owned(),
        requester: request.requester_name().unwrap_or_default().to_owned(),
        team: value.and_then(|value| referring_team(value)).map(|team| team.name),
        question_by: question.as_ref().map(|(_, entry)| record_view::Wrote::of(&entry.origin).who),
        question: question.and_then(|(seen, _)| seen.summary().map(str::to_owned)),
        answers: supporting
            .iter()
            .filter_map(|r| views::QuestionnaireResponse::of(&record.get(r)?.value))
            .flat_map(|response| response.items())
            .map(|item| Answered {
                question: item.text.unwrap_or_default().to_owned(),
                answer: capital(&item.answers.join("; ")),
            })
            .collect(),
        reasons: disposition.as_ref().map(|d| d.reasons.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        content: disposition.and_then(|d| d.content.map(str::to_owned)),
        documents: record_view::documents(record)
            .into_iter()
            .filter(|document| supporting.iter().any(|r| id_of(r) == document.id))
            .collect(),
        transfer: value
            .filter(|value| referring_team(value).is_some())
            .map(|value| kith_handover::referral::is_transfer(value)),
        hidden: supporting.iter().any(|r| record.get(r).is_none()),
    }
}

fn thread_of(open: &Open) -> Option<Thread> {
    let focus = open.work.focus.as_deref().filter(|focus| focus.starts_with("Communication/"))?;
    message::threads(&open.chart.record)
        .into_iter()
        .find(|thread| thread.messages.iter().any(|message| message.reference == focus))
}

/// What one team told another.
#[derive(Serialize)]
struct Word {
    from: String,
    sent: Option<String>,
    text: String,
    /// What was written for clinicians alone, as far as this reader may see it.
    detail: Vec<String>,
    hidden: bool,
}

/// The word of another team that this work is about: it stands in no conversation with the person.
fn word_of(open: &Open) -> Option<Word> {
    let record = &open.chart.record;
    let focus = open.work.focus.as_deref().filter(|focus| focus.starts_with("Communication/"))?;
    if thread_of(open).is_some() {
        return None;
    }
    let value = &record.get(focus)?.value;
    let message = message::Message::of(value);
    // Words for clinicians are pointed to, so that a front desk sees that there is an answer and not what it says.
    let pointed: Vec<&str> =
        common::list(value, "payload").iter().filter_map(|part| common::reference(part, "contentReference")).collect();
    Some(Word {
        from: message.from.name,
        sent: message.sent.map(|at| at.to_string()),
        text: message.text,
        detail: pointed
            .iter()
            .filter_map(|r| views::ClinicalImpression::of(&record.get(r)?.value)?.summary().map(str::to_owned))
            .collect(),
        hidden: pointed.iter().any(|r| record.get(r).is_none()),
    })
}

fn booked(open: &Open) -> Option<Booked> {
    let focus = open.work.focus.as_deref().filter(|focus| focus.starts_with("Appointment/"))?;
    let seen = Appointment::of(&open.chart.record.get(focus)?.value)?;
    Some(Booked {
        id: seen.id().to_owned(),
        start: seen.start.to_string(),
        service: seen.description.clone(),
        with: seen.practitioner.as_ref().map(|p| p.name.clone()).unwrap_or_default(),
        status: seen.status.code(),
        reason: seen.reason.clone(),
    })
}

/// Where a button leads back to.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    back: String,
}

impl Back {
    fn reply(&self, id: &str) -> Reply {
        Reply::to(if self.back.is_empty() { format!("/team/work/{id}") } else { self.back.clone() })
    }
}

pub(super) async fn claim(staff: Staff, Path(id): Path<String>, Checked { form, .. }: Checked<Back>) -> WebResult {
    match kith_handover::claim(&staff.access, &reference("Task", &id)?).await {
        Ok(_) => Ok(form.reply(&id).done("You have taken this work.")),
        // Somebody was faster: say who, and show the work as it is now.
        Err(Error::Step(refusal @ (Refusal::Claimed { .. } | Refusal::Closed { .. }))) => {
            Ok(form.reply(&id).note(refusal.to_string()))
        }
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn release(staff: Staff, Path(id): Path<String>, Checked { form, .. }: Checked<Back>) -> WebResult {
    match kith_handover::release(&staff.access, &reference("Task", &id)?).await {
        Ok(_) => Ok(form.reply(&id).done("This work is back with the team.")),
        Err(Error::Step(refusal @ (Refusal::NotClaimed | Refusal::Closed { .. }))) => {
            Ok(form.reply(&id).note(refusal.to_string()))
        }
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn start(staff: Staff, Path(id): Path<String>, Checked { form, .. }: Checked<Back>) -> WebResult {
    match kith_handover::start(&staff.access, &reference("Task", &id)?).await {
        Ok(_) => Ok(form.reply(&id).done("You have started this work.")),
        Err(Error::Step(refusal @ (Refusal::Claimed { .. } | Refusal::Closed { .. }))) => {
            Ok(form.reply(&id).note(refusal.to_string()))
        }
        Err(error) => Err(refused(error)),
    }
}
