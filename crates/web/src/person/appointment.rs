//! One appointment: what it is, moving it to another time, cancelling it.

use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use kith_booking::{Appointment, CancelReason, Error, Status, Wanted};
use kith_trust::Entry;
use serde::{Deserialize, Serialize};

use super::care::Booking;
use super::{Mine, reference};
use crate::filters::london;
use crate::form::{Checked, Fields, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

/// How far ahead other times are shown.
const AHEAD: SignedDuration = SignedDuration::from_hours(28 * 24);
/// How many times fit a page.
const TIMES: usize = 40;

struct Found {
    mine: Mine,
    appointment: Appointment,
}

/// The appointment, if it is of the person the page is about.
async fn find(state: &AppState, me: &Me, id: &str) -> WebResult<Found> {
    let wanted = reference("Appointment", id)?;
    let mine = Mine::open(state, me).await?;
    let entry: Option<&Entry> = mine.record.get(&wanted);
    let appointment = entry.and_then(|e| Appointment::of(&e.value)).ok_or_else(WebError::not_found)?;
    Ok(Found { mine, appointment })
}

#[derive(Serialize)]
struct View {
    booking: Booking,
    request: Option<String>,
}

fn view(found: &Found) -> View {
    View {
        booking: Booking::of(&found.appointment, &found.mine.directory, found.mine.now),
        request: found.appointment.based_on.as_deref().map(|r| super::id_of(r).to_owned()),
    }
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Page> {
    let found = find(&state, &me, &id).await?;
    Ok(Page::new("person/appointment", &view(&found)))
}

/// Times grouped by day, as the slot picker shows them.
#[derive(Debug, Serialize)]
pub(crate) struct Day {
    pub day: String,
    pub slots: Vec<Time>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Time {
    pub value: String,
    pub start: String,
    pub note: Option<String>,
}

/// Groups offers by civil day; the note says who and how where that differs.
pub(crate) fn by_day(offers: &[kith_booking::Offer]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for offer in offers {
        let day = offer.start.to_zoned(london()).date().to_string();
        let mut note = offer.practitioner.as_ref().map(|p| p.name.clone()).unwrap_or_default();
        if offer.mode != kith_directory::Mode::InPerson {
            let how = offer.mode.words();
            note = if note.is_empty() { how.to_owned() } else { format!("{note}, {how}") };
        }
        let time = Time {
            value: super::id_of(&offer.slot).to_owned(),
            start: offer.start.to_string(),
            note: (!note.is_empty()).then_some(note),
        };
        match days.last_mut() {
            Some(last) if last.day == day => last.slots.push(time),
            _ => days.push(Day { day, slots: vec![time] }),
        }
    }
    days
}

#[derive(Serialize)]
struct Times {
    booking: Booking,
    days: Vec<Day>,
}

async fn other_times(me: &Me, found: &Found) -> WebResult<Times> {
    let now = found.mine.now;
    let appointment = &found.appointment;
    if appointment.status != Status::Booked || appointment.start <= now {
        return Err(WebError::conflict("This appointment cannot be moved any more.").next("Go to My care", "/care"));
    }
    let service = appointment.service.as_ref().map(|s| s.reference.clone()).unwrap_or_default();
    let to = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let wanted = Wanted::new(&service, &appointment.need, now, to);
    let offers = kith_booking::free_slots(&me.access, &found.mine.directory, &wanted, TIMES).await?;
    Ok(Times { booking: Booking::of(appointment, &found.mine.directory, now), days: by_day(&offers) })
}

pub(crate) async fn times(State(state): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Page> {
    let found = find(&state, &me, &id).await?;
    Ok(Page::new("person/appointment_change", &other_times(&me, &found).await?))
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    slot: String,
}

pub(crate) async fn change(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult {
    let found = find(&state, &me, &id).await?;
    let mut errors = FormErrors::new();
    if errors.required("slot", &form.slot, "Choose a time").is_empty() {
        return again(&me, &found, &fields, &errors).await;
    }
    let slot = reference("Slot", &form.slot)?;
    let moved =
        kith_booking::reschedule(&me.access, &found.mine.directory, &found.appointment.reference, &slot, None).await;
    match moved {
        Ok(_) => {}
        // The same form sent twice: it stands where it was asked to be.
        Err(Error::SameTime) if found.appointment.slots.contains(&slot) => {}
        Err(error @ (Error::Taken { .. } | Error::Past | Error::NoSuchTime)) => {
            errors.add("slot", error.to_string().split(" Here").next().unwrap_or_default());
            return again(&me, &found, &fields, &errors).await;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Reply::to(format!("/care/appointments/{id}")).done("Your appointment is moved."))
}

async fn again(me: &Me, found: &Found, fields: &Fields, errors: &FormErrors) -> WebResult {
    Ok(Page::new("person/appointment_change", &other_times(me, found).await?).with_form(fields, errors).into())
}

/// The reasons a person can give.
const REASONS: [(CancelReason, &str, &str); 3] = [
    (
        CancelReason::NoLongerNeeded,
        "I do not need it any more",
        "For example, you feel better or got help somewhere else",
    ),
    (CancelReason::CannotMakeIt, "I cannot come at this time", "We will ask the team to find you another time"),
    (CancelReason::BookedByMistake, "It was booked by mistake", ""),
];

#[derive(Serialize)]
struct Cancelling {
    booking: Booking,
    reasons: Vec<Reason>,
    late: bool,
}

#[derive(Serialize)]
struct Reason {
    value: &'static str,
    text: &'static str,
    hint: Option<Hint>,
}

#[derive(Serialize)]
struct Hint {
    text: &'static str,
}

fn cancelling(found: &Found) -> Cancelling {
    let reasons = REASONS.iter().map(|(reason, text, hint)| Reason {
        value: reason.code(),
        text,
        hint: (!hint.is_empty()).then_some(Hint { text: hint }),
    });
    Cancelling {
        booking: Booking::of(&found.appointment, &found.mine.directory, found.mine.now),
        reasons: reasons.collect(),
        late: kith_booking::rules::is_late(found.appointment.start, found.mine.now),
    }
}

pub(crate) async fn ask_cancel(State(state): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Page> {
    let found = find(&state, &me, &id).await?;
    if found.appointment.status != Status::Booked || found.appointment.start <= found.mine.now {
        return Err(WebError::conflict("This appointment cannot be cancelled any more.").next("Go to My care", "/care"));
    }
    Ok(Page::new("person/appointment_cancel", &cancelling(&found)))
}

#[derive(Deserialize)]
pub(crate) struct Why {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn cancel(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Why>,
) -> WebResult {
    let found = find(&state, &me, &id).await?;
    let reason = REASONS.iter().map(|(reason, ..)| *reason).find(|reason| reason.code() == form.reason);
    let Some(reason) = reason else {
        let mut errors = FormErrors::new();
        errors.add("reason", "Say why you want to cancel");
        return Ok(Page::new("person/appointment_cancel", &cancelling(&found)).with_form(&fields, &errors).into());
    };
    let to = Reply::to(format!("/care/appointments/{id}"));
    if found.appointment.status == Status::Cancelled {
        return Ok(to.done("Your appointment is cancelled."));
    }
    let changed = kith_booking::cancel(&me.access, &found.mine.directory, &found.appointment.reference, reason).await?;
    Ok(to.done(if changed.follow_up.is_some() {
        "Your appointment is cancelled. The team will find you another time."
    } else {
        "Your appointment is cancelled."
    }))
}
