//! The last step: the chosen time once more, then the booking or the request, and what happens next.

use axum::extract::{Path, State};
use kith_booking::Appointment;
use kith_directory::{Directory, Mode, words};
use kith_frontdoor::{Booked, Error, Pathway, service};
use kith_trust::Change;
use serde::Serialize;

use super::draft::{self, Draft, Sent};
use super::offers::{Nothing, Outcome, first_sentence, ready, times_of};
use super::start::Content;
use super::{InPathway, ask_of, pathway};
use crate::form::Checked;
use crate::person::care::{Asked, Booking, requests};
use crate::person::{Mine, id_of};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct View<'a> {
    pathway: &'a str,
    problem: &'a str,
    service: String,
    with: Option<String>,
    how: &'static str,
    address: Option<String>,
    start: String,
    /// Until when the time is kept: `10:08am`.
    until: Option<String>,
    back: String,
    content: Content<'a>,
    acting_for: Option<&'a str>,
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(id): InPathway) -> WebResult {
    let (pathway, draft, _) = match ready(&state, &me, &id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let Some(held) = &draft.held else { return Ok(Reply::to(format!("/help/{id}/result"))) };
    let directory = state.directory.get(&me.access).await?;
    let slot = me.access.read(&held.hold.slot).await?;
    let schedule =
        kith_fhir::views::Slot::of(&slot.value).and_then(|s| s.schedule()).and_then(|s| directory.schedule(s));
    let service = directory.service(&held.service);
    let mode = schedule.map_or(Mode::InPerson, |s| s.mode);
    let now = me.access.now();
    let view = View {
        pathway: &pathway.id,
        problem: &pathway.title,
        service: service.map(|s| s.name.clone()).unwrap_or_default(),
        with: schedule.and_then(|s| s.practitioner.as_ref()).map(|who| who.name.clone()),
        how: mode.words(),
        address: (mode == Mode::InPerson)
            .then(|| service.and_then(|s| s.places.first()).and_then(|place| place.address.clone()))
            .flatten(),
        start: held.hold.start.to_string(),
        until: (held.hold.until > now).then(|| words::time_of(held.hold.until)),
        back: times_of(pathway, held),
        content: Content::of(pathway),
        acting_for: me.acting_for.as_deref(),
    };
    Ok(Page::new("help/confirm", &view).into())
}

/// Makes the booking. Sent twice, it is one booking.
pub(crate) async fn book(State(state): State<AppState>, me: Me, Path(id): InPathway, _: Checked<Nothing>) -> WebResult {
    let (pathway, draft, _) = match ready(&state, &me, &id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let Some(held) = draft.held.clone() else { return Ok(Reply::to(format!("/help/{id}/result"))) };
    let directory = state.directory.get(&me.access).await?;
    let ask = ask_of(&me, pathway, &draft);
    let saving = draft::saving(&me, pathway, draft.clone()).await?;
    // The booking and what the person sees of it are kept together.
    let also = |change: &mut Change, booked: &Booked| {
        saving.sent(change, Sent::Booked(booked.appointment.clone()));
    };
    let (slot, hold) = (&held.hold.slot, Some(held.hold.id));
    match service::book_with(&me.access, &directory, &ask, slot, hold, &draft.key, &also).await {
        Ok(booked) if !booked.replayed => Ok(Reply::to(format!("/help/{id}/done"))),
        Ok(booked) => sent(&me, pathway, draft, Sent::Booked(booked.appointment)).await,
        Err(Error::Changed(_)) => changed(&me, pathway, draft).await,
        Err(
            error @ (Error::Booking(
                kith_booking::Error::Taken { .. } | kith_booking::Error::Past | kith_booking::Error::NoSuchTime,
            )
            | Error::TooLate),
        ) => {
            let to = times_of(pathway, &held);
            draft::save(&me, pathway, Draft { held: None, ..draft }).await?;
            Ok(Reply::to(to)
                .note(format!("{} Choose another one. Your answers are saved.", first_sentence(&error.to_string()))))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn sent(me: &Me, pathway: &Pathway, draft: Draft, sent: Sent) -> WebResult {
    draft::save(me, pathway, Draft { sent: Some(sent), held: None, ..draft }).await?;
    Ok(Reply::to(format!("/help/{}/done", pathway.id)))
}

/// What is known has changed since the person saw where the answers lead: they see it anew before anything is done.
pub(super) async fn changed(me: &Me, pathway: &Pathway, draft: Draft) -> WebResult {
    let facts = draft::facts(me).await?;
    draft::save(me, pathway, Draft { facts, ..draft }).await?;
    Ok(Reply::to(format!("/help/{}/result", pathway.id))
        .note("What we know about you has changed since you answered. Look at this again before you go on."))
}

/// No thanks: the person's practice, or whoever takes such requests, is to decide.
pub(crate) async fn ask(State(state): State<AppState>, me: Me, Path(id): InPathway, _: Checked<Nothing>) -> WebResult {
    let (pathway, draft, _) = match ready(&state, &me, &id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let directory = state.directory.get(&me.access).await?;
    send_request(&me, pathway, draft, &directory).await
}

/// Makes the request, with its owner and due time.
pub(super) async fn send_request(me: &Me, pathway: &Pathway, draft: Draft, directory: &Directory) -> WebResult {
    match service::request(&me.access, directory, &ask_of(me, pathway, &draft), &draft.key).await {
        Ok(made) => {
            if let Some(held) = &draft.held {
                // It lapses by itself if this fails.
                let _ = kith_booking::release(&me.access, held.hold.id).await;
            }
            sent(me, pathway, draft, Sent::Asked(made.service_request)).await
        }
        Err(Error::Changed(_)) => changed(me, pathway, draft).await,
        Err(error) => Err(error.into()),
    }
}

/// The person will look after it themselves: the advice is kept where they can read it again.
pub(crate) async fn advice(
    State(state): State<AppState>,
    me: Me,
    Path(id): InPathway,
    _: Checked<Nothing>,
) -> WebResult {
    let (pathway, draft, _) = match ready(&state, &me, &id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    match service::self_care(&me.access, &ask_of(&me, pathway, &draft), &draft.key).await {
        Ok(kept) => sent(&me, pathway, draft, Sent::Advice(kept.service_request)).await,
        Err(Error::Changed(_)) => changed(&me, pathway, draft).await,
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize)]
struct Done<'a> {
    problem: &'a str,
    booking: Option<Booking>,
    request: Option<Asked>,
    /// They go there without booking.
    going: bool,
    advice: bool,
    outcome: Outcome,
    content: Content<'a>,
    acting_for: Option<String>,
}

/// What came of it, and what happens next.
pub(crate) async fn done(State(state): State<AppState>, me: Me, Path(id): InPathway) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let Some(draft) = draft::find(&me, pathway).await? else { return Ok(Reply::to("/care")) };
    let Some(sent) = draft.sent.clone() else { return Ok(Reply::to(format!("/help/{id}"))) };
    let mine = Mine::open(&state, &me).await?;
    let mut view = Done {
        problem: &pathway.title,
        booking: None,
        request: None,
        going: matches!(sent, Sent::Going(_)),
        advice: false,
        outcome: Outcome::of(&pathway.assess(&draft.facts, &draft.answers)),
        content: Content::of(pathway),
        acting_for: me.acting_for,
    };
    match sent {
        Sent::Booked(appointment) => {
            let entry = mine.record.get(&appointment).ok_or_else(WebError::not_found)?;
            let appointment = Appointment::of(&entry.value).ok_or_else(WebError::not_found)?;
            view.booking = Some(Booking::of(&appointment, &mine.directory, mine.now));
        }
        Sent::Asked(request) | Sent::Going(request) => {
            let all = requests(&mine.record, &mine.directory, mine.now);
            let found = all.into_iter().find(|r| r.id == id_of(&request));
            view.request = Some(found.ok_or_else(WebError::not_found)?);
        }
        Sent::Advice(_) => view.advice = true,
    }
    Ok(Page::new("help/done", &view).into())
}
