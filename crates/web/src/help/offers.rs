//! Where the answers lead: how soon, why, what to do meanwhile, and who can help, with reasons.

use std::sync::Arc;

use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use kith_booking::Wanted;
use kith_directory::{Directory, distance, words};
use kith_frontdoor::{Assessment, Offer, Offers, Pathway, Urgency, Weights, service};
use serde::{Deserialize, Serialize};

use super::draft::{self, Draft, Held};
use super::start::{Content, next};
use super::{InPathway, confirm, pathway};
use crate::form::{Checked, Fields, FormErrors};
use crate::person::appointment::{Day, by_day};
use crate::person::{id_of, reference};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Me;
use crate::state::AppState;

/// How many times fit a page.
const TIMES: usize = 40;

/// Answers that are whole, with what can be offered for them.
pub(super) struct Found<'a> {
    pub pathway: &'a Pathway,
    pub draft: Draft,
    pub assessment: Assessment,
    pub directory: Arc<Directory>,
    pub offers: Offers,
}

/// The draft once every question is answered and it was not sent; elsewhere to go otherwise.
pub(super) async fn ready<'a>(
    state: &'a AppState,
    me: &Me,
    id: &str,
) -> WebResult<Result<(&'a Pathway, Draft, Assessment), Reply>> {
    let pathway = pathway(state, id)?;
    let Some(draft) = draft::find(me, pathway).await? else { return Ok(Err(Reply::to(format!("/help/{id}")))) };
    if draft.sent.is_some() {
        return Ok(Err(Reply::to(format!("/help/{id}/done"))));
    }
    let to = next(pathway, &draft);
    if to != format!("/help/{id}/check") {
        return Ok(Err(Reply::to(to)));
    }
    let assessment = pathway.assess(&draft.facts, &draft.answers);
    Ok(Ok((pathway, draft, assessment)))
}

async fn found<'a>(state: &'a AppState, me: &Me, id: &str) -> WebResult<Result<Found<'a>, Reply>> {
    let (pathway, draft, assessment) = match ready(state, me, id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(Err(elsewhere)),
    };
    let directory = state.directory.get(&me.access).await?;
    let offers = service::offers(&me.access, &directory, &me.person, &assessment).await?;
    Ok(Ok(Found { pathway, draft, assessment, directory, offers }))
}

/// Looks for help. With nothing to offer, the request is made at once: nobody is left with an empty page.
pub(crate) async fn find(State(state): State<AppState>, me: Me, Path(id): InPathway, _: Checked<Nothing>) -> WebResult {
    let found = match found(&state, &me, &id).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    // The record may have changed since the first question.
    let facts = draft::facts(&me).await?;
    if facts != found.draft.facts {
        let draft = draft::save(&me, found.pathway, Draft { facts, ..found.draft }).await?;
        let to = next(found.pathway, &draft);
        if to != format!("/help/{id}/check") {
            return Ok(Reply::to(to));
        }
        return Ok(Reply::to(format!("/help/{id}/result")));
    }
    if found.offers.offers.is_empty() && found.assessment.disposition.urgency != Urgency::SelfCare {
        return confirm::send_request(&me, found.pathway, found.draft, &found.directory).await;
    }
    Ok(Reply::to(format!("/help/{id}/result")))
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

/// What the answers come to, as shown.
#[derive(Serialize)]
pub(super) struct Outcome {
    pub title: String,
    pub urgency: &'static str,
    pub self_care: bool,
    pub reasons: Vec<String>,
    pub advice: Vec<String>,
    pub safety_net: String,
}

impl Outcome {
    pub fn of(assessment: &Assessment) -> Self {
        let disposition = &assessment.disposition;
        Self {
            title: disposition.title.clone(),
            urgency: disposition.urgency.words(),
            self_care: disposition.urgency == Urgency::SelfCare,
            reasons: disposition.reasons.iter().map(|reason| reason.text.clone()).collect(),
            advice: disposition.advice.clone(),
            safety_net: disposition.safety_net.clone(),
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    pathway: &'a str,
    problem: &'a str,
    outcome: Outcome,
    offers: Vec<Shown>,
    not_possible: Vec<String>,
    team: String,
    due: String,
    content: Content<'a>,
    acting_for: Option<&'a str>,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    kind: String,
    away: Option<String>,
    reasons: Vec<String>,
    cautions: Vec<String>,
    /// The first time free: `3:20pm today`.
    first: Option<String>,
    walk_in: Option<String>,
    address: Option<String>,
    phone: Option<String>,
}

fn shown(offer: &Offer, directory: &Directory, now: Timestamp) -> Shown {
    let service = directory.service(&offer.service_id);
    let away = offer.distance_miles.map(|miles| format!("{} away", distance::words(miles)));
    // How far it is stands under the name already.
    let said = |reason: &&String| away.as_ref().is_some_and(|away| reason.eq_ignore_ascii_case(away));
    let reasons = offer.reasons.iter().filter(|reason| !said(reason)).cloned().collect();
    Shown {
        id: offer.service_id.clone(),
        name: offer.service_name.clone(),
        kind: offer.kind_words.clone(),
        away,
        reasons,
        cautions: offer.cautions.clone(),
        first: offer.slots.first().map(|slot| words::when(slot.start, now)),
        walk_in: offer.walk_in.as_ref().map(|walk_in| walk_in.words.clone()),
        address: service.and_then(|s| s.places.first()).and_then(|place| place.address.clone()),
        phone: service.and_then(|s| s.phone.clone()),
    }
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(id): InPathway) -> WebResult {
    let found = match found(&state, &me, &id).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let now = me.access.now();
    let view = View {
        pathway: &found.pathway.id,
        problem: &found.pathway.title,
        outcome: Outcome::of(&found.assessment),
        offers: found.offers.offers.iter().map(|offer| shown(offer, &found.directory, now)).collect(),
        not_possible: found.offers.not_possible.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        team: found.offers.fallback.service_name.clone(),
        due: kith_contact::time::by_words(found.offers.fallback.due, now),
        content: Content::of(found.pathway),
        acting_for: me.acting_for.as_deref(),
    };
    Ok(Page::new("help/result", &view).into())
}

#[derive(Serialize)]
struct Times<'a> {
    pathway: &'a str,
    offer: Shown,
    days: Vec<Day>,
    content: Content<'a>,
}

/// The times of one service that may be chosen: as soon as the answers ask for, in the ways this person can be seen.
async fn free(me: &Me, found: &Found<'_>, offer: &Offer) -> WebResult<Vec<kith_booking::Offer>> {
    let now = me.access.now();
    let disposition = &found.assessment.disposition;
    let Some(last) = offer.slots.iter().map(|slot| slot.start).max() else { return Ok(Vec::new()) };
    let latest = Weights::due(disposition.urgency, now).max(last);
    let to = latest.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    let wanted = Wanted::new(&format!("HealthcareService/{}", offer.service_id), &disposition.need, now, to);
    let mut free = kith_booking::free_slots(&me.access, &found.directory, &wanted, TIMES).await?;
    free.retain(|time| offer.slots.iter().any(|slot| slot.mode == time.mode));
    // The best times are among them, however many come before.
    for slot in &offer.slots {
        if !free.iter().any(|time| time.slot == slot.slot_ref) {
            free.push(kith_booking::Offer {
                slot: slot.slot_ref.clone(),
                schedule: String::new(),
                service: wanted.service.clone(),
                start: slot.start,
                end: slot.end,
                practitioner: slot.clinician.clone(),
                place: slot.place.clone(),
                mode: slot.mode,
            });
        }
    }
    free.sort_by(|a, b| (a.start, &a.slot).cmp(&(b.start, &b.slot)));
    Ok(free)
}

type AtService = Path<(String, String)>;

async fn times_page(me: &Me, found: &Found<'_>, service: &str, form: Option<(&Fields, &FormErrors)>) -> WebResult {
    let offer = found.offers.offers.iter().find(|offer| offer.service_id == service && !offer.slots.is_empty());
    let Some(offer) = offer else {
        return Ok(Reply::to(format!("/help/{}/result", found.pathway.id))
            .note("That service has no free time any more. Choose another."));
    };
    let view = Times {
        pathway: &found.pathway.id,
        offer: shown(offer, &found.directory, me.access.now()),
        days: by_day(&free(me, found, offer).await?),
        content: Content::of(found.pathway),
    };
    let page = Page::new("help/times", &view);
    Ok(match form {
        Some((fields, errors)) => page.with_form(fields, errors),
        None => page,
    }
    .into())
}

pub(crate) async fn times(State(state): State<AppState>, me: Me, Path((id, service)): AtService) -> WebResult {
    let found = match found(&state, &me, &id).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    times_page(&me, &found, &service, None).await
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    #[serde(default)]
    slot: String,
}

/// Keeps the chosen time for the person while they look at it once more.
pub(crate) async fn hold(
    State(state): State<AppState>,
    me: Me,
    Path((id, service)): AtService,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult {
    let found = match found(&state, &me, &id).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let confirm = format!("/help/{id}/confirm");
    let mut errors = FormErrors::new();
    if errors.required("slot", &form.slot, "Choose a time").is_empty() {
        return times_page(&me, &found, &service, Some((&fields, &errors))).await;
    }
    let slot = reference("Slot", &form.slot)?;
    let now = me.access.now();
    // The same form sent twice, or the same time chosen again: it is held already.
    if found.draft.held.as_ref().is_some_and(|held| held.hold.slot == slot && held.hold.until > now) {
        return Ok(Reply::to(confirm));
    }
    let replacing = found.draft.held.as_ref().map(|held| held.hold.id);
    match kith_booking::hold(&me.access, &found.directory, &slot, &found.assessment.disposition.need, replacing).await {
        Ok(hold) => {
            let held = Some(Held { hold, service: format!("HealthcareService/{service}") });
            draft::save(&me, found.pathway, Draft { held, ..found.draft }).await?;
            Ok(Reply::to(confirm))
        }
        Err(
            error @ (kith_booking::Error::Taken { .. }
            | kith_booking::Error::Past
            | kith_booking::Error::NoSuchTime
            | kith_booking::Error::OtherNeed),
        ) => {
            errors.add("slot", first_sentence(&error.to_string()));
            times_page(&me, &found, &service, Some((&fields, &errors))).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn first_sentence(text: &str) -> String {
    text.split_inclusive('.').next().unwrap_or(text).to_owned()
}

/// The page of times of the service a held time is with.
pub(super) fn times_of(pathway: &Pathway, held: &Held) -> String {
    format!("/help/{}/times/{}", pathway.id, id_of(&held.service))
}
