//! Notices that could not be delivered, of people the reader's team knows: so that somebody rings instead.

use axum::extract::State;
use kith_contact::Notification;
use kith_contact::notification::{TOPIC, render};
use kith_trust::{Action, DataKind};
use serde::Serialize;

use crate::reply::{Page, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// How many are looked at, newest first.
const LOOKED_AT: usize = 200;

#[derive(Serialize)]
struct View {
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    patient: String,
    person: String,
    what: String,
    tried: u32,
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff) -> WebResult<Page> {
    // The outbox is Kith's own; what comes out of it passes the reader's policy person by person.
    let dead = state.door.system("Kith notices").dead_outbox(TOPIC, LOOKED_AT).await?;
    let mut rows = Vec::new();
    for message in dead {
        let Ok(notice) = serde_json::from_value::<Notification>(message.payload) else { continue };
        if !staff.access.may(&notice.patient, Action::Read, DataKind::Correspondence).await? {
            continue;
        }
        let Ok(patient) = staff.access.read(&format!("Patient/{}", notice.patient)).await else { continue };
        rows.push(Row {
            person: crate::person::full_name(&patient.value),
            patient: notice.patient,
            what: render(notice.template, &notice.fields).body,
            tried: message.attempts,
        });
    }
    Ok(Page::new("team/undelivered", &View { rows }))
}
