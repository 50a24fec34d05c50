//! Where the answers lead: how soon, why, what to do meanwhile, and who can help, with reasons.

use std::sync::Arc;

use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use kith_booking::Wanted;
use kith_directory::{Directory, distance, words};
use kith_frontdoor::{Assessment, Offer, Offers, Pathway, Urgency, Weights, service};
use kith_trust::Change;
use serde::{Deserialize, Serialize};

use super::draft::{self, Draft, Held};
use super::start::{Content, next};
use super::{InPathway, confirm, pathway};
use crate::form::{Checked, Fields, FormErrors};
use crate::lately::Offered;
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
    offered: Arc<Offered>,
}

impl Found<'_> {
    fn offers(&self) -> &Offers {
        &self.offered.offers
    }
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

/// What can be offered: as worked out a moment ago for the page before, or now.
async fn found<'a>(state: &'a AppState, me: &Me, id: &str) -> WebResult<Result<Found<'a>, Reply>> {
    let (pathway, draft, assessment) = match ready(state, me, id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(Err(elsewhere)),
    };
    let lately = state.lately.offered(me.session(), &me.person, &pathway.id, &draft.answers, &draft.facts);
    match lately {
        Some(offered) => {
            let directory = state.directory.get(&me.access).await?;
            Ok(Ok(Found { pathway, draft, assessment, directory, offered }))
        }
        None => Ok(Ok(found_now(state, me, (pathway, draft, assessment)).await?)),
    }
}

async fn found_now<'a>(
    state: &AppState,
    me: &Me,
    (pathway, draft, assessment): (&'a Pathway, Draft, Assessment),
) -> WebResult<Found<'a>> {
    let directory = state.directory.get(&me.access).await?;
    let offers = service::offers(&me.access, &directory, &me.person, &assessment).await?;
    let (pathway_id, answers) = (pathway.id.clone(), draft.answers.clone());
    let offered = Arc::new(Offered { pathway: pathway_id, answers, offers });
    state.lately.keep_offered(me.session(), &me.person, &offered);
    Ok(Found { pathway, draft, assessment, directory, offered })
}

/// Looks for help. With nothing to offer, the request is made at once: nobody is left with an empty page.
pub(crate) async fn find(State(state): State<AppState>, me: Me, Path(id): InPathway, _: Checked<Nothing>) -> WebResult {
    let found = match ready(&state, &me, &id).await? {
        Ok(ready) => found_now(&state, &me, ready).await?,
        Err(elsewhere) => return Ok(elsewhere),
    };
    // The record may have changed since the first question.
    let facts = found.offers().facts.clone();
    if facts != found.draft.facts {
        // What was found is for the answers as they were.
        state.lately.forget_offered(me.session(), &me.person);
        let draft = draft::save(&me, found.pathway, Draft { facts, ..found.draft }).await?;
        let to = next(found.pathway, &draft);
        if to != format!("/help/{id}/check") {
            return Ok(Reply::to(to));
        }
        return Ok(Reply::to(format!("/help/{id}/result")));
    }
    if found.offers().offers.is_empty() && found.assessment.disposition.urgency != Urgency::SelfCare {
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
        offers: found.offers().offers.iter().map(|offer| shown(offer, &found.directory, now)).collect(),
        not_possible: found.offers().not_possible.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        team: found.offers().fallback.service_name.clone(),
        due: kith_contact::time::by_words(found.offers().fallback.due, now),
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
    // The best times are among them, however many come before; one that is missing before the last was taken meanwhile.
    let read_to = if free.len() < TIMES { None } else { free.last().map(|time| time.start) };
    free.retain(|time| offer.slots.iter().any(|slot| slot.mode == time.mode));
    for slot in &offer.slots {
        let beyond = read_to.is_some_and(|last| slot.start >= last);
        if beyond && !free.iter().any(|time| time.slot == slot.slot_ref) {
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

async fn times_page(
    state: &AppState,
    me: &Me,
    found: &Found<'_>,
    service: &str,
    form: Option<(&Fields, &FormErrors)>,
) -> WebResult {
    let none_free = || {
        state.lately.forget_offered(me.session(), &me.person);
        Reply::to(format!("/help/{}/result", found.pathway.id))
            .note("That service has no free time any more. Choose another.")
    };
    let offer = found.offers().offers.iter().find(|offer| offer.service_id == service && !offer.slots.is_empty());
    let Some(offer) = offer else { return Ok(none_free()) };
    let free = free(me, found, offer).await?;
    if free.is_empty() {
        return Ok(none_free());
    }
    let view = Times {
        pathway: &found.pathway.id,
        offer: shown(offer, &found.directory, me.access.now()),
        days: by_day(&free),
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
    times_page(&state, &me, &found, &service, None).await
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
        return times_page(&state, &me, &found, &service, Some((&fields, &errors))).await;
    }
    let slot = reference("Slot", &form.slot)?;
    let now = me.access.now();
    // The same form sent twice, or the same time chosen again: it is held already.
    if found.draft.held.as_ref().is_some_and(|held| held.hold.slot == slot && held.hold.until > now) {
        return Ok(Reply::to(confirm));
    }
    let replacing = found.draft.held.as_ref().map(|held| held.hold.id);
    match keep_time(&me, &found, &service, &slot, replacing).await? {
        Ok(()) => Ok(Reply::to(confirm)),
        Err(
            error @ (kith_booking::Error::Taken { .. }
            | kith_booking::Error::Past
            | kith_booking::Error::NoSuchTime
            | kith_booking::Error::OtherNeed),
        ) => {
            errors.add("slot", first_sentence(&error.to_string()));
            times_page(&state, &me, &found, &service, Some((&fields, &errors))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Holds the time and remembers it with the answers, in one commit.
async fn keep_time(
    me: &Me,
    found: &Found<'_>,
    service: &str,
    slot: &str,
    replacing: Option<kith_booking::HoldId>,
) -> WebResult<Result<(), kith_booking::Error>> {
    let need = &found.assessment.disposition.need;
    let mut change = Change::new("hold time");
    let prepared = kith_booking::prepare_hold(&me.access, &found.directory, &mut change, slot, need, replacing).await;
    let hold = match prepared {
        Ok(hold) => hold,
        Err(error) => return Ok(Err(error)),
    };
    let held = Held { hold, service: format!("HealthcareService/{service}") };
    draft::saving(me, found.pathway, found.draft.clone()).await?.held(&mut change, held);
    Ok(match me.access.commit(change).await {
        Ok(_) => Ok(()),
        Err(kith_trust::Error::Taken) => {
            Err(kith_booking::taken(&me.access, &found.directory, slot, need).await.unwrap_or_else(|error| error))
        }
        Err(error) => Err(error.into()),
    })
}

pub(super) fn first_sentence(text: &str) -> String {
    text.split_inclusive('.').next().unwrap_or(text).to_owned()
}

/// The page of times of the service a held time is with.
pub(super) fn times_of(pathway: &Pathway, held: &Held) -> String {
    format!("/help/{}/times/{}", pathway.id, id_of(&held.service))
}
