//! Home: help first, then what comes next.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use kith_trust::Role;
use serde::Serialize;

use super::care::{Asked, Booking, bookings, requests};
use super::{Mine, id_of};
use crate::record_view::{Measured, measured};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::{Me, Signed};
use crate::state::AppState;

/// How long a result counts as new.
const NEW_RESULT: SignedDuration = SignedDuration::from_hours(14 * 24);

#[derive(Serialize)]
struct Home {
    name: String,
    acting_for: Option<String>,
    ahead: Vec<Booking>,
    waiting: Vec<Asked>,
    unread: usize,
    unread_in: Option<String>,
    results: Vec<Measured>,
    draft: Option<crate::help::Waiting>,
}

/// Staff begin at their worklist; people here.
pub(crate) async fn show(
    State(state): State<AppState>,
    signed: Option<Extension<Signed>>,
    me: Result<Me, Response>,
) -> WebResult<Response> {
    if signed.is_some_and(|Extension(signed)| signed.session.actor.role != Role::Person) {
        return Ok(Reply::to("/team").into_response());
    }
    let me = match me {
        Ok(me) => me,
        Err(response) => return Ok(response),
    };
    let mine = Mine::open(&state, &me).await?;
    let threads = kith_contact::message::threads(&mine.record);
    let unread = threads.iter().map(|t| t.unread_by_person).sum();
    let unread_in = match threads.iter().filter(|t| t.unread_by_person > 0).collect::<Vec<_>>().as_slice() {
        [one] => Some(id_of(&one.root).to_owned()),
        _ => None,
    };
    let since = mine.now.saturating_sub(NEW_RESULT).unwrap_or(mine.now).to_string();
    let results = measured(&mine.record)
        .into_iter()
        .filter(|m| m.laboratory && m.latest.on.as_ref().is_some_and(|on| *on >= since))
        .collect();
    let home = Home {
        name: super::full_name(mine.record.patient()),
        acting_for: me.acting_for.clone(),
        ahead: bookings(&mine.record, &mine.directory, mine.now).0,
        waiting: requests(&mine.record, &mine.directory, mine.now)
            .into_iter()
            .filter(|r| r.open && r.appointment.is_none())
            .collect(),
        unread,
        unread_in,
        results,
        draft: crate::help::waiting(&state, &me).await?,
    };
    Ok(Page::new("person/home", &home).into_response())
}
