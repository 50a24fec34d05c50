//! Accesses worth a question, the heaviest first, each with its reasons and one button that asks.

use std::collections::HashMap;

use axum::extract::{Path, State};
use kith_trust::{Finding, Inquiry, InquiryState, Role};
use serde::{Deserialize, Serialize};

use super::officer;
use crate::form::Checked;
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    rows: Vec<Row>,
    since: String,
    more: bool,
    open: usize,
    answered: usize,
}

#[derive(Serialize)]
struct Row {
    id: String,
    who: String,
    place: String,
    person: String,
    first: String,
    last: String,
    times: u32,
    signs: Vec<String>,
    weight: u32,
    /// `asked`, `answered` or `closed`; none if nobody asked yet.
    asked: Option<&'static str>,
}

impl Row {
    fn of(finding: Finding, asked: Option<&Inquiry>) -> Self {
        let role = Role::from_code(&finding.origin.role).map_or("", Role::words);
        Self {
            id: finding.id,
            who: format!("{}, {role}", finding.origin.name),
            place: finding.origin.organization_name.clone().unwrap_or_default(),
            person: finding.person_name,
            first: finding.first.to_string(),
            last: finding.last.to_string(),
            times: finding.times,
            signs: finding.signs.into_iter().map(|(_, words)| words).collect(),
            weight: finding.weight,
            asked: asked.map(|inquiry| super::questions::state(inquiry.state)),
        }
    }
}

pub(super) async fn show(State(_): State<AppState>, staff: Staff) -> WebResult<Page> {
    officer(&staff)?;
    let unusual = staff.access.unusual().await?;
    let inquiries = staff.access.inquiries().await?;
    let count = |state| inquiries.iter().filter(|i| i.state == state).count();
    let (open, answered) = (count(InquiryState::Asked), count(InquiryState::Answered));
    let asked: HashMap<&str, &Inquiry> = inquiries.iter().map(|i| (i.id.as_str(), i)).collect();
    let mut rows: Vec<Row> = unusual
        .findings
        .into_iter()
        .map(|f| (asked.get(f.id.as_str()).copied(), f))
        .map(|(a, f)| Row::of(f, a))
        .collect();
    // What nobody has asked about yet is what there is to do; within each, the heaviest first.
    rows.sort_by_key(|row| row.asked.is_some());
    Ok(Page::new(
        "governance/unusual",
        &View { rows, since: unusual.since.to_string(), more: unusual.more, open, answered },
    ))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn ask(
    State(_): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    _: Checked<Nothing>,
) -> WebResult {
    officer(&staff)?;
    let unusual = staff.access.unusual().await?;
    let finding = unusual.findings.into_iter().find(|f| f.id == id).ok_or_else(WebError::not_found)?;
    let inquiry = staff.access.ask_about(&finding).await?;
    Ok(Reply::to("/governance").done(format!("{} was asked. The answer is due in a week.", inquiry.staff_name)))
}
