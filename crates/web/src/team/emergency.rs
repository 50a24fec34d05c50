//! Emergency access: a clinician says why it cannot wait; the privacy officer reviews every one.

use axum::extract::{Path, State};
use kith_trust::{Alert, Claim, Error, Reason, Review, Role};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{Choice, capital};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct Ask {
    frame: Frame,
    alerts: Vec<Choice>,
    reasons: Vec<Choice>,
    minutes: i64,
}

/// The form is for a clinician who has found the person and sees no clinical detail.
async fn ask_view(state: &AppState, staff: &Staff, id: &str) -> WebResult<Ask> {
    let chart = Chart::open(state, staff, id).await?;
    let frame = chart.frame("emergency");
    if !frame.can.claim_emergency {
        return Err(WebError::not_found());
    }
    Ok(Ask {
        frame,
        alerts: Alert::ALL.map(|a| Choice::new(a.number().to_string(), a.words())).into(),
        reasons: Reason::ALL
            .into_iter()
            .map(|r| {
                let fits = match (r.fits(Alert::SelfClaimed), r.fits(Alert::WithoutPermission)) {
                    (true, true) => "",
                    (true, false) => " (only if you look after the person)",
                    _ => " (only if you cannot ask the person)",
                };
                Choice::new(r.number().to_string(), format!("{} {}{fits}", r.number(), capital(r.words())))
            })
            .collect(),
        minutes: kith_trust::EMERGENCY_FOR.as_mins(),
    })
}

pub(super) async fn ask(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    Ok(Page::new("team/emergency", &ask_view(&state, &staff, &id).await?))
}

#[derive(Deserialize)]
pub(super) struct Claimed {
    #[serde(default)]
    alert: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    written: String,
}

pub(super) async fn claim(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Claimed>,
) -> WebResult {
    let view = ask_view(&state, &staff, &id).await?;
    let mut errors = FormErrors::new();
    let alert = form.alert.parse().ok().and_then(Alert::from_number);
    let reason = form.reason.parse().ok().and_then(Reason::from_number);
    if alert.is_none() {
        errors.add("alert", "Choose whether you look after the person or cannot ask them");
    }
    if reason.is_none() {
        errors.add("reason", "Choose a reason");
    }
    if let (Some(alert), Some(reason)) = (alert, reason)
        && !reason.fits(alert)
    {
        errors.add("reason", "This reason does not go with what you chose above. Choose another");
    }
    if form.written.trim().chars().count() < 10 {
        errors.add("written", "Write why it cannot wait, in a sentence. The person will read it");
    }
    if let (Some(alert), Some(reason), true) = (alert, reason, errors.is_empty()) {
        let claim = Claim { alert, reason, written: form.written.clone() };
        match kith_contact::emergency::claim(&staff.access, &id, &claim).await {
            Ok(_) => {
                let words =
                    "The record is open to you for one hour. The privacy officer and the person have been told.";
                return Ok(Reply::to(format!("/team/people/{id}")).done(words));
            }
            Err(kith_contact::Error::Door(Error::Invalid { problems })) => {
                for problem in problems {
                    errors.add(if problem.place == "written" { "written" } else { "reason" }, problem.message);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Page::new("team/emergency", &view).with_form(&fields, &errors).into())
}

#[derive(Serialize)]
struct Queue {
    waiting: Vec<Line>,
    reviewed: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    on: String,
    until: String,
    who: String,
    place: String,
    alert: &'static str,
    number: u8,
    reason: String,
    written: String,
    found: Option<Found>,
}

#[derive(Serialize)]
struct Found {
    by: String,
    on: String,
    proper: bool,
    note: String,
}

impl Line {
    fn of(review: Review) -> Self {
        Self {
            on: review.at.to_string(),
            until: review.until.to_string(),
            who: format!("{}, {}", review.actor_name, review.role.words()),
            place: review.organization_name.unwrap_or_default(),
            alert: match review.alert {
                Alert::SelfClaimed => "self-claimed relationship",
                Alert::WithoutPermission => "without permission",
            },
            number: review.alert.number(),
            reason: format!("{} {}", review.reason.number(), review.reason.words()),
            written: review.written,
            found: review.reviewed.map(|r| Found { by: r.by, on: r.at.to_string(), proper: r.proper, note: r.note }),
            id: review.id,
        }
    }
}

fn officer(staff: &Staff) -> WebResult<()> {
    if staff.role() == Role::PrivacyOfficer { Ok(()) } else { Err(WebError::not_found()) }
}

async fn queue(staff: &Staff) -> WebResult<Queue> {
    officer(staff)?;
    let lines = staff.access.emergencies().await?.into_iter().map(Line::of);
    let (reviewed, waiting) = lines.partition(|line| line.found.is_some());
    Ok(Queue { waiting, reviewed })
}

pub(super) async fn list(staff: Staff) -> WebResult<Page> {
    Ok(Page::new("team/emergencies", &queue(&staff).await?))
}

#[derive(Deserialize)]
pub(super) struct Judged {
    #[serde(default)]
    proper: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn review(
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Judged>,
) -> WebResult {
    officer(&staff)?;
    let mut errors = FormErrors::new();
    let proper = match form.proper.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    };
    let view = queue(&staff).await?;
    if !view.waiting.iter().chain(&view.reviewed).any(|line| line.id == id) {
        return Err(WebError::not_found());
    }
    if proper.is_none() {
        errors.add(format!("proper-{id}"), "Choose whether it was right");
    }
    errors.required(&format!("note-{id}"), &form.note, "Write what you found");
    if let (Some(proper), true) = (proper, errors.is_empty()) {
        staff.access.review_emergency(&id, proper, &form.note).await?;
        return Ok(Reply::to("/team/emergencies").done("Reviewed."));
    }
    Ok(Page::new("team/emergencies", &view).with_form(&fields, &errors).into())
}
