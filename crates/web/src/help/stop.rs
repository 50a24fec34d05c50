//! An emergency: nothing more is asked. The page says what to do now; the answers are kept, and somebody checks that the
//! person got help.

use axum::extract::{Path, State};
use kith_frontdoor::{Pathway, Step, Urgency, service};
use serde::Serialize;

use super::draft::{self, Draft, Stopped};
use super::start::{Content, next};
use super::{InPathway, ask_of, pathway};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Me;
use crate::state::AppState;

/// The red flag that stops the questions, if one does.
pub(super) fn stopped_by(pathway: &Pathway, draft: &Draft) -> Option<String> {
    match pathway.next(&draft.facts, &draft.answers) {
        Step::Stop(flag) => Some(flag.id.clone()),
        Step::Ask(_) => None,
        Step::Done => {
            let assessment = pathway.assess(&draft.facts, &draft.answers);
            let first = assessment.red_flags.first().cloned();
            assessment.disposition.urgency.is_emergency().then_some(first)?
        }
    }
}

/// Records the stop. Whatever goes wrong with that must not keep the person from reading what to do.
pub(super) async fn record(me: &Me, pathway: &Pathway, mut draft: Draft) -> Draft {
    let Some(flag) = stopped_by(pathway, &draft) else { return draft };
    if draft.stopped.as_ref().is_some_and(|stopped| stopped.flag == flag) {
        return draft;
    }
    match service::stopped(&me.access, &ask_of(me, pathway, &draft), &flag).await {
        Ok(recorded) => {
            draft.stopped = Some(Stopped { flag, owner: recorded.owner.name });
            match draft::save(me, pathway, draft.clone()).await {
                Ok(saved) => saved,
                Err(_) => draft,
            }
        }
        Err(error) => {
            tracing::error!(%error, "an emergency stop could not be recorded");
            draft
        }
    }
}

#[derive(Serialize)]
struct Stop<'a> {
    pathway: &'a str,
    title: String,
    ambulance: bool,
    reasons: Vec<String>,
    advice: Vec<String>,
    safety_net: String,
    /// Places near that take such emergencies now.
    places: Vec<Near>,
    /// The team that checks.
    told: Option<String>,
    back: String,
    content: Content<'a>,
    acting_for: Option<&'a str>,
}

#[derive(Serialize)]
struct Near {
    name: String,
    words: String,
    address: Option<String>,
    phone: Option<String>,
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(id): InPathway) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let Some(mut draft) = draft::find(&me, pathway).await?.filter(|draft| draft.sent.is_none()) else {
        return Ok(Reply::to(format!("/help/{id}")));
    };
    let here = format!("/help/{id}/stop");
    if next(pathway, &draft) != here {
        return Ok(Reply::to(next(pathway, &draft)));
    }
    if draft.stopped.is_none() {
        draft = record(&me, pathway, draft).await;
    }
    let assessment = pathway.assess(&draft.facts, &draft.answers);
    let disposition = assessment.disposition.clone();
    let ambulance = disposition.urgency == Urgency::Emergency999;
    let places = if ambulance { Vec::new() } else { near(&state, &me, &assessment).await };
    let last = pathway.asked(&draft.facts, &draft.answers).last().map(|q| q.id.clone());
    let view = Stop {
        pathway: &pathway.id,
        title: disposition.title,
        ambulance,
        reasons: disposition.reasons.into_iter().map(|reason| reason.text).collect(),
        advice: disposition.advice,
        safety_net: disposition.safety_net,
        places,
        told: draft.stopped.map(|stopped| stopped.owner),
        back: match last {
            Some(last) => format!("/help/{id}/question/{last}"),
            None => format!("/help/{id}"),
        },
        content: Content::of(pathway),
        acting_for: me.acting_for.as_deref(),
    };
    Ok(Page::new("help/stop", &view).into())
}

/// Where such an emergency can be taken in the neighbourhood, open now. None is no fault: A&E stands on the page.
async fn near(state: &AppState, me: &Me, assessment: &kith_frontdoor::Assessment) -> Vec<Near> {
    let Ok(directory) = state.directory.get(&me.access).await else { return Vec::new() };
    let Ok(found) = service::offers(&me.access, &directory, &me.person, assessment).await else { return Vec::new() };
    let now = me.access.now();
    found
        .offers
        .into_iter()
        .filter_map(|offer| {
            let walk_in = offer.walk_in.filter(|walk_in| walk_in.from <= now)?;
            let service = directory.service(&offer.service_id)?;
            Some(Near {
                name: offer.service_name,
                words: walk_in.words,
                address: service.places.first().and_then(|place| place.address.clone()),
                phone: service.phone.clone(),
            })
        })
        .collect()
}
