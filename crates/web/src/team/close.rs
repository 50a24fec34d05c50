//! Finishing a piece of work with its outcome, and sending a referral back with a reason.

use axum::extract::{Path, State};
use kith_handover::{Error, Outcome, Refusal};
use serde::{Deserialize, Serialize};

use super::chart::Frame;
use super::refused;
use super::work::{Open, WorkView};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// The longest outcome or reason, in characters: that of a message, which carries it.
const LONGEST: usize = kith_contact::message::MAX_TEXT;

#[derive(Serialize)]
struct View {
    frame: Frame,
    work: WorkView,
    /// The work is about a request: the outcome is told to the person.
    tells_person: bool,
    /// And to the team that asked.
    asked_by: Option<String>,
}

fn view(open: &Open) -> View {
    View {
        frame: open.chart.frame("work"),
        work: open.view(),
        tells_person: open.request().is_some(),
        asked_by: open.asked_by().filter(|team| team.reference != open.work.owner.reference).map(|team| team.name),
    }
}

pub(super) async fn ask_complete(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
) -> WebResult<Page> {
    let open = Open::read(&state, &staff, &id).await?;
    Ok(Page::new("team/complete", &view(&open)))
}

#[derive(Deserialize)]
pub(super) struct Completed {
    #[serde(default)]
    to_person: String,
    #[serde(default)]
    to_referrer: String,
}

pub(super) async fn complete(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Completed>,
) -> WebResult {
    let open = Open::read(&state, &staff, &id).await?;
    let view = view(&open);
    let mut errors = FormErrors::new();
    errors.required("to_person", &form.to_person, "Write what came of it");
    too_long(&mut errors, "to_person", &form.to_person);
    too_long(&mut errors, "to_referrer", &form.to_referrer);
    if !errors.is_empty() {
        return Ok(Page::new("team/complete", &view).with_form(&fields, &errors).into());
    }
    let outcome = Outcome { to_person: form.to_person.clone(), to_referrer: form.to_referrer.clone() };
    let said = match (view.tells_person, &view.asked_by) {
        (true, Some(_)) => "Done. The person and the team that asked have been told.",
        (true, None) => "Done. The person has been told.",
        (false, _) => "Done.",
    };
    match kith_handover::complete(&staff.access, &open.work.reference, &outcome).await {
        Ok(()) => Ok(Reply::to(format!("/team/work/{id}")).done(said)),
        Err(Error::Step(refusal @ (Refusal::Claimed { .. } | Refusal::Closed { .. }))) => {
            errors.add("to_person", format!("{refusal} What you wrote is still here, and was not sent."));
            Ok(Page::new("team/complete", &view).with_form(&fields, &errors).into())
        }
        Err(error) => Err(refused(error)),
    }
}

pub(super) async fn ask_call_off(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
) -> WebResult<Page> {
    let open = Open::read(&state, &staff, &id).await?;
    Ok(Page::new("team/call_off", &view(&open)))
}

pub(super) async fn call_off(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Returned>,
) -> WebResult {
    let open = Open::read(&state, &staff, &id).await?;
    let mut errors = FormErrors::new();
    errors.required("reason", &form.reason, "Write why it is not needed any more");
    too_long(&mut errors, "reason", &form.reason);
    if errors.is_empty() {
        let reason = Outcome { to_person: form.reason.clone(), to_referrer: String::new() };
        match kith_handover::call_off(&staff.access, &open.work.reference, &reason).await {
            Ok(()) => return Ok(Reply::to(format!("/team/work/{id}")).done("Called off.")),
            Err(Error::Step(refusal)) => {
                errors.add("reason", format!("{refusal} What you wrote is still here, and was not sent."));
            }
            Err(error) => return Err(refused(error)),
        }
    }
    Ok(Page::new("team/call_off", &view(&open)).with_form(&fields, &errors).into())
}

pub(super) async fn ask_return(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let open = Open::read(&state, &staff, &id).await?;
    Ok(Page::new("team/return", &view(&open)))
}

#[derive(Deserialize)]
pub(super) struct Returned {
    #[serde(default)]
    reason: String,
}

pub(super) async fn send_back(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Returned>,
) -> WebResult {
    let open = Open::read(&state, &staff, &id).await?;
    let mut errors = FormErrors::new();
    errors.required("reason", &form.reason, "Write why it goes back");
    too_long(&mut errors, "reason", &form.reason);
    if errors.is_empty() {
        match kith_handover::return_with(&staff.access, &open.work.reference, &form.reason).await {
            Ok(()) => return Ok(Reply::to("/team").done("Sent back. The team that asked has it now.")),
            Err(Error::Step(refusal)) => errors.add("reason", refusal.to_string()),
            Err(error) => return Err(refused(error)),
        }
    }
    Ok(Page::new("team/return", &view(&open)).with_form(&fields, &errors).into())
}

fn too_long(errors: &mut FormErrors, field: &str, text: &str) {
    let length = text.chars().count();
    if length > LONGEST {
        errors.add(field, format!("This must be {LONGEST} characters or fewer; it has {length}"));
    }
}
