//! One appointment: arrived, missed, moved, cancelled, or on to writing down the visit.

use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use kith_booking::{Appointment, CancelReason, Error, Status, Wanted};
use serde::{Deserialize, Serialize};

use super::book::{Day, by_day};
use super::care::Booking;
use super::chart::{Chart, Frame};
use super::{Choice, id_of, reference};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// How far ahead other times are shown.
const AHEAD: SignedDuration = SignedDuration::from_hours(28 * 24);
/// How many times fit a page.
const TIMES: usize = 60;

struct Found {
    chart: Chart,
    appointment: Appointment,
}

/// The appointment, if it is of this person.
async fn find(state: &AppState, staff: &Staff, id: &str, appointment: &str) -> WebResult<Found> {
    let wanted = reference("Appointment", appointment)?;
    let chart = Chart::open(state, staff, id).await?;
    let entry = chart.record.get(&wanted).ok_or_else(WebError::not_found)?;
    let appointment = Appointment::of(&entry.value).ok_or_else(WebError::not_found)?;
    Ok(Found { chart, appointment })
}

#[derive(Serialize)]
struct View {
    frame: Frame,
    booking: Booking,
    request: bool,
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
) -> WebResult<Page> {
    let found = find(&state, &staff, &id, &appointment).await?;
    let view = View {
        booking: Booking::of(&found.appointment, found.chart.now),
        request: found.appointment.based_on.is_some(),
        frame: found.chart.frame("care"),
    };
    Ok(Page::new("team/appointment", &view))
}

/// Where a button of a list leads back to.
#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    back: String,
}

fn led_back(form: &Back, id: &str, appointment: &str) -> Reply {
    let own = format!("/team/people/{id}/appointments/{appointment}");
    Reply::to(if form.back.is_empty() { own } else { form.back.clone() })
}

pub(super) async fn arrived(
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
    Checked { form, .. }: Checked<Back>,
) -> WebResult {
    let reply = led_back(&form, &id, &appointment);
    match kith_booking::arrive(&staff.access, &reference("Appointment", &appointment)?).await {
        Ok(_) | Err(Error::State { from: Status::Arrived, .. }) => Ok(reply.done("Marked as arrived.")),
        Err(error @ (Error::State { .. } | Error::NotNow(_))) => Ok(reply.note(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn missed(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
    Checked { form, .. }: Checked<Back>,
) -> WebResult {
    let reply = led_back(&form, &id, &appointment);
    let directory = state.directory.get(&staff.access).await?;
    match kith_booking::did_not_attend(&staff.access, &directory, &reference("Appointment", &appointment)?).await {
        Ok(_) => Ok(reply.done("Marked as did not attend. Finding out how they are is now on your team's list.")),
        Err(Error::State { from: Status::NoShow, .. }) => Ok(reply.done("Marked as did not attend.")),
        Err(error @ (Error::State { .. } | Error::NotNow(_))) => Ok(reply.note(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
struct Times {
    frame: Frame,
    booking: Booking,
    days: Vec<Day>,
}

async fn other_times(found: &Found) -> WebResult<Times> {
    let now = found.chart.now;
    let appointment = &found.appointment;
    let to = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let service = appointment.service.as_ref().map(|s| s.reference.clone()).unwrap_or_default();
    let wanted = Wanted::new(&service, &appointment.need, now, to);
    let offers = kith_booking::free_slots(&found.chart.access, &found.chart.directory, &wanted, TIMES).await?;
    Ok(Times { frame: found.chart.frame("care"), booking: Booking::of(appointment, now), days: by_day(&offers) })
}

pub(super) async fn times(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
) -> WebResult<Page> {
    let found = find(&state, &staff, &id, &appointment).await?;
    Ok(Page::new("team/appointment_move", &other_times(&found).await?))
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    slot: String,
}

pub(super) async fn change(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult {
    let found = find(&state, &staff, &id, &appointment).await?;
    let mut errors = FormErrors::new();
    if !errors.required("slot", &form.slot, "Choose a time").is_empty() {
        let slot = reference("Slot", &form.slot)?;
        let seen = &found.appointment;
        match kith_booking::reschedule(&staff.access, &found.chart.directory, &seen.reference, &slot, None).await {
            Ok(_) => return Ok(moved(&found, &appointment)),
            // The same form sent twice: it stands where it was asked to be.
            Err(Error::SameTime) if seen.slots.contains(&slot) => return Ok(moved(&found, &appointment)),
            Err(error @ (Error::Taken { .. } | Error::Past | Error::NoSuchTime | Error::State { .. })) => {
                errors.add("slot", without_next(&error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Page::new("team/appointment_move", &other_times(&found).await?).with_form(&fields, &errors).into())
}

fn moved(found: &Found, appointment: &str) -> Reply {
    Reply::to(found.chart.path(&format!("/appointments/{appointment}")))
        .done("The appointment is moved. The person is told.")
}

/// What booking says, without the promise of a list: the page shows all times anew.
pub(super) fn without_next(error: &Error) -> String {
    error.to_string().split(" Here").next().unwrap_or_default().to_owned()
}

#[derive(Serialize)]
struct Cancel {
    frame: Frame,
    booking: Booking,
    reasons: Vec<Choice>,
}

fn cancel_view(found: &Found) -> Cancel {
    Cancel {
        frame: found.chart.frame("care"),
        booking: Booking::of(&found.appointment, found.chart.now),
        reasons: CancelReason::ALL.into_iter().map(|r| Choice::new(r.code(), r.words())).collect(),
    }
}

pub(super) async fn ask_cancel(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
) -> WebResult<Page> {
    let found = find(&state, &staff, &id, &appointment).await?;
    Ok(Page::new("team/appointment_cancel", &cancel_view(&found)))
}

#[derive(Deserialize)]
pub(super) struct Cancelled {
    #[serde(default)]
    reason: String,
}

pub(super) async fn cancel(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, appointment)): Path<(String, String)>,
    Checked { form, fields, .. }: Checked<Cancelled>,
) -> WebResult {
    let found = find(&state, &staff, &id, &appointment).await?;
    let mut errors = FormErrors::new();
    let Some(reason) = CancelReason::from_code(&form.reason) else {
        errors.add("reason", "Choose why it is cancelled");
        return Ok(Page::new("team/appointment_cancel", &cancel_view(&found)).with_form(&fields, &errors).into());
    };
    let seen = &found.appointment;
    let to = Reply::to(found.chart.path("/care"));
    match kith_booking::cancel(&staff.access, &found.chart.directory, &seen.reference, reason).await {
        Ok(changed) => Ok(match changed.follow_up {
            Some(task) => Reply::to(format!("/team/work/{}", id_of(&task)))
                .done("Cancelled, and the person is told. They still need something: this piece of work sees to it."),
            None => to.done("Cancelled. The person is told."),
        }),
        Err(Error::State { from: Status::Cancelled, .. }) => Ok(to.done("The appointment is cancelled.")),
        Err(error) => Err(error.into()),
    }
}
