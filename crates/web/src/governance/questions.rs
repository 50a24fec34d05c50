//! Questions asked, their answers, and how each ended.

use axum::extract::{Path, State};
use kith_trust::{Inquiry, InquiryState, Outcome};
use serde::{Deserialize, Serialize};

use super::officer;
use crate::form::Checked;
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    rows: Vec<Row>,
}

#[derive(Serialize)]
pub(super) struct Row {
    id: String,
    staff: String,
    place: String,
    person: String,
    first: String,
    last: String,
    times: u32,
    got_in: bool,
    signs: Vec<String>,
    asked: String,
    asked_by: String,
    due: String,
    overdue: bool,
    state: &'static str,
    answer: Option<String>,
    answered: Option<String>,
    outcome: Option<&'static str>,
    closed: Option<String>,
}

pub(super) fn state(state: InquiryState) -> &'static str {
    match state {
        InquiryState::Asked => "asked",
        InquiryState::Answered => "answered",
        InquiryState::Closed => "closed",
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Explained => "There was a good reason",
        Outcome::Breach => "It is looked into as a possible breach",
    }
}

impl Row {
    pub(super) fn of(inquiry: Inquiry, now: jiff::Timestamp) -> Self {
        Self {
            overdue: inquiry.overdue(now),
            id: inquiry.id,
            staff: inquiry.staff_name,
            place: inquiry.organization_name.unwrap_or_default(),
            person: inquiry.person_name,
            first: inquiry.first.to_string(),
            last: inquiry.last.to_string(),
            times: inquiry.times,
            got_in: inquiry.got_in,
            signs: inquiry.signs,
            asked: inquiry.asked.to_string(),
            asked_by: inquiry.asked_by_name,
            due: inquiry.due.to_string(),
            state: state(inquiry.state),
            answer: inquiry.answer,
            answered: inquiry.answered.map(|at| at.to_string()),
            outcome: inquiry.outcome.map(outcome),
            closed: inquiry.closed.map(|at| at.to_string()),
        }
    }
}

pub(super) async fn show(State(_): State<AppState>, staff: Staff) -> WebResult<Page> {
    officer(&staff)?;
    let now = staff.access.now();
    let rows = staff.access.inquiries().await?.into_iter().map(|inquiry| Row::of(inquiry, now)).collect();
    Ok(Page::new("governance/questions", &View { rows }))
}

#[derive(Deserialize)]
pub(super) struct Closing {
    #[serde(default)]
    outcome: String,
}

pub(super) async fn close(
    State(_): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, .. }: Checked<Closing>,
) -> WebResult {
    officer(&staff)?;
    let outcome = match form.outcome.as_str() {
        "explained" => Outcome::Explained,
        "breach" => Outcome::Breach,
        _ => {
            let known = staff.access.inquiries().await?.iter().any(|inquiry| inquiry.id == id);
            return Err(if known { WebError::unreadable() } else { WebError::not_found() });
        }
    };
    let inquiry = staff.access.close_inquiry(&id, outcome).await?;
    Ok(Reply::to("/governance/questions").done(format!("Closed. {} sees how it ended.", inquiry.staff_name)))
}
