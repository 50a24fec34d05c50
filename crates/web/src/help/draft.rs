//! Answers given so far, kept for the person until they are sent: leaving and coming back loses nothing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kith_frontdoor::{Answers, Facts, Pathway, Step};
use kith_trust::Change;
use serde::{Deserialize, Serialize};

use crate::reply::{WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

const SPACE: &str = "help-draft";

/// Unsent answers are kept this long: what was true of an illness a week ago is asked anew.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Everything begun for one person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Begun {
    /// The pathway touched last.
    current: Option<String>,
    drafts: BTreeMap<String, Draft>,
}

/// Answers on one pathway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Draft {
    /// What the record says, as of the day it was begun.
    pub facts: Facts,
    pub answers: Answers,
    /// Names this asking for help: sending it twice is sending it once.
    pub key: String,
    /// What came of it, once it was sent.
    pub sent: Option<Sent>,
    /// An emergency that stopped the questions, once it is recorded.
    pub stopped: Option<Stopped>,
    /// The time being held, while the person decides.
    pub held: Option<Held>,
    pub touched: Timestamp,
}

/// What came of asking.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sent {
    /// `Appointment/…`.
    Booked(String),
    /// `ServiceRequest/…`.
    Asked(String),
    /// `ServiceRequest/…` of a service they go to without booking.
    Going(String),
    /// `ServiceRequest/…`: advice, kept in the record.
    Advice(String),
}

/// Who checks that the person got help.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stopped {
    /// The red flag.
    pub flag: String,
    pub owner: String,
}

/// A time kept for the person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub hold: kith_booking::Hold,
    /// `HealthcareService/…`.
    pub service: String,
}

async fn begun(me: &Me) -> WebResult<Begun> {
    let kept = me.access.recall(SPACE, &me.person).await?;
    Ok(kept.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default())
}

async fn keep(me: &Me, begun: &Begun) -> WebResult<()> {
    let value = serde_json::to_value(begun).map_err(WebError::internal)?;
    let until = me.access.now().saturating_add(KEPT).ok();
    Ok(me.access.remember(SPACE, &me.person, &value, until).await?)
}

/// The answers given so far on this pathway, if it was begun and not let go for a week.
pub(super) async fn find(me: &Me, pathway: &Pathway) -> WebResult<Option<Draft>> {
    let oldest = me.access.now().saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
    Ok(begun(me).await?.drafts.remove(&pathway.id).filter(|draft| draft.touched > oldest))
}

/// Everything begun, with this draft as it is to be kept.
async fn with(me: &Me, pathway: &Pathway, mut draft: Draft) -> WebResult<(Begun, Draft)> {
    let mut begun = begun(me).await?;
    draft.touched = me.access.now();
    begun.current = draft.sent.is_none().then(|| pathway.id.clone());
    begun.drafts.insert(pathway.id.clone(), draft.clone());
    Ok((begun, draft))
}

/// Keeps the answers given so far.
pub(super) async fn save(me: &Me, pathway: &Pathway, draft: Draft) -> WebResult<Draft> {
    let (begun, draft) = with(me, pathway, draft).await?;
    keep(me, &begun).await?;
    Ok(draft)
}

/// The answers given so far, to be kept with what comes of them in the change that makes it come true.
pub(super) struct Saving<'a> {
    me: &'a Me,
    begun: Begun,
    draft: Draft,
    pathway: &'a Pathway,
}

pub(super) async fn saving<'a>(me: &'a Me, pathway: &'a Pathway, draft: Draft) -> WebResult<Saving<'a>> {
    let (begun, draft) = with(me, pathway, draft).await?;
    Ok(Saving { me, begun, draft, pathway })
}

impl Saving<'_> {
    pub fn held(&self, change: &mut Change, held: Held) {
        self.put(change, Draft { held: Some(held), ..self.draft.clone() });
    }

    pub fn sent(&self, change: &mut Change, sent: Sent) {
        self.put(change, Draft { sent: Some(sent), held: None, ..self.draft.clone() });
    }

    fn put(&self, change: &mut Change, draft: Draft) {
        let mut begun = self.begun.clone();
        begun.current = draft.sent.is_none().then(|| self.pathway.id.clone());
        begun.drafts.insert(self.pathway.id.clone(), draft);
        // A draft is plain data: it was made from JSON and becomes JSON.
        if let Ok(value) = serde_json::to_value(&begun) {
            change.remember(SPACE, &self.me.person, value, self.me.access.now().saturating_add(KEPT).ok());
        }
    }
}

/// Begins anew, with what the record says today.
pub(super) async fn start(state: &AppState, me: &Me, pathway: &Pathway) -> WebResult<Draft> {
    let draft = Draft {
        facts: facts_lately(state, me).await?,
        answers: Answers::new(),
        key: uuid::Uuid::new_v4().to_string(),
        sent: None,
        stopped: None,
        held: None,
        touched: me.access.now(),
    };
    save(me, pathway, draft).await
}

/// What the record already knows about the person, today: read by Kith's pathway, so that it is the same for everybody who
/// asks.
pub(super) async fn facts(me: &Me) -> WebResult<Facts> {
    Ok(kith_frontdoor::service::facts(&me.access, &me.person).await?)
}

/// As [`facts`], or as they were read for this session a moment ago: for pages before the answers are sent. Then they are
/// read anew.
pub(super) async fn facts_lately(state: &AppState, me: &Me) -> WebResult<Facts> {
    if let Some(facts) = state.lately.facts(me.session(), &me.person) {
        return Ok(facts);
    }
    let facts = facts(me).await?;
    state.lately.keep_facts(me.session(), &me.person, &facts);
    Ok(facts)
}

/// Something begun and not sent, for the home page.
#[derive(Debug, Serialize)]
pub(crate) struct Waiting {
    title: String,
    href: String,
}

/// What the person began last, if it waits to be finished.
pub(crate) async fn waiting(state: &AppState, me: &Me) -> WebResult<Option<Waiting>> {
    let begun = begun(me).await?;
    let Some(pathway) = begun.current.as_deref().and_then(|id| state.pathways.get(id)) else { return Ok(None) };
    let Some(draft) = begun.drafts.get(&pathway.id) else { return Ok(None) };
    let fresh = me.access.now().duration_since(draft.touched) < KEPT;
    let wanted = fresh && draft.sent.is_none() && !draft.answers.is_empty();
    let stopped = matches!(pathway.next(&draft.facts, &draft.answers), Step::Stop(_));
    Ok((wanted && !stopped).then(|| Waiting { title: pathway.title.clone(), href: format!("/help/{}", pathway.id) }))
}
