//! Delivers notices from the outbox, at least once and never seen twice.
//!
//! For each: find the person's channel, render, hand to the [`Sink`], write a Communication of category notification in
//! the person's record, and only then settle. A kill between any two of these repeats the earlier ones, and each is safe
//! to repeat: the sink knows the key, and the Communication's id is made from it. A notice that cannot go by the channel
//! becomes a `callback` for a team; nothing is dropped.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kith_fhir::{Value, json, search::Query, system};
use kith_trust::{Access, Change, Door, OutboxMessage, Record, Settle};
use uuid::Uuid;

use crate::error::Error;
use crate::fields::{has_code, items, person_name, text};
use crate::message::{Category, Draft, Party, TaskDraft, task, working_days_end};
use crate::notification::{Notification, TOPIC, Text, render};
use crate::preferences::{Channel, Preferences};
use crate::sink::{Delivery, Sink, SinkError};
use crate::time;

/// How many notices are taken at once.
const BATCH: usize = 50;
/// How long a notice is ours before another worker may take it: longer than any delivery.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// How long the worker rests when there is nothing to send.
const REST: Duration = Duration::from_millis(500);
/// Waits before each new try, after which staff are told.
const BACKOFF: [SignedDuration; 5] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(8),
];
/// Ids of what a notice writes are made from its key in this namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x6b69_7468_6e6f_4074_8966_7903_0000_0001);

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Handed to the sink, or found delivered already.
    pub delivered: usize,
    /// Turned into a call for a team to make.
    pub callbacks: usize,
    /// To be tried again later.
    pub retried: usize,
    /// Given up; staff were told where there is a team to tell.
    pub dead: usize,
}

/// The worker. It acts as Kith itself (`Role::System`, `Purpose::Operations`).
#[derive(Clone)]
pub struct Notifier {
    door: Door,
    sink: Arc<dyn Sink>,
}

/// The system name notices are written under.
const SYSTEM: &str = "Kith notices";

/// Where a notice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Send { channel: Channel, to: Vec<String> },
    Call,
}

enum Done {
    Delivered,
    Callback,
    Retry,
    Dead,
}

impl Notifier {
    pub fn new(door: Door, sink: Arc<dyn Sink>) -> Self {
        Self { door, sink }
    }

    /// Delivers until `stop` says so.
    pub async fn run(self, mut stop: tokio::sync::watch::Receiver<bool>) {
        while !*stop.borrow() {
            let busy = match self.run_once().await {
                Ok(pass) => pass != Pass::default(),
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read");
                    false
                }
            };
            if !busy {
                tokio::select! {
                    () = tokio::time::sleep(REST) => {}
                    changed = stop.changed() => if changed.is_err() { return },
                }
            }
        }
    }

    /// Takes what is due from the outbox, once.
    pub async fn run_once(&self) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let outbox = self.door.system(SYSTEM);
        for message in outbox.take_outbox(TOPIC, BATCH, LEASE).await? {
            let now = outbox.now();
            let done = self.handle(&message).await;
            let settle = match done {
                Done::Delivered => {
                    pass.delivered += 1;
                    Settle::Done
                }
                Done::Callback => {
                    pass.callbacks += 1;
                    Settle::Done
                }
                Done::Retry => {
                    pass.retried += 1;
                    let longest = BACKOFF[BACKOFF.len() - 1];
                    Settle::RetryAt(now + backoff(message.attempts).unwrap_or(longest))
                }
                Done::Dead => {
                    pass.dead += 1;
                    tracing::error!(seq = message.seq, attempts = message.attempts, "notice given up");
                    Settle::Dead
                }
            };
            outbox.settle_outbox(message.seq, settle).await?;
        }
        Ok(pass)
    }

    async fn handle(&self, message: &OutboxMessage) -> Done {
        let Ok(notice) = serde_json::from_value::<Notification>(message.payload.clone()) else {
            return Done::Dead;
        };
        match self.deliver(&message.key, &notice, false).await {
            Ok(done) => done,
            Err(Failure::Gone) => Done::Dead,
            Err(Failure::Again(error)) if backoff(message.attempts).is_some() => {
                tracing::warn!(seq = message.seq, attempts = message.attempts, %error, "notice will be tried again");
                Done::Retry
            }
            // Every try failed: a person will ring instead, so that what was to be said is said. While not even that can
            // be written down (a full disk), it is not given up.
            Err(Failure::Again(_)) => match self.deliver(&message.key, &notice, true).await {
                Err(Failure::Again(error)) => {
                    tracing::error!(seq = message.seq, attempts = message.attempts, %error, "notice cannot be given up");
                    Done::Retry
                }
                Ok(_) | Err(Failure::Gone) => Done::Dead,
            },
        }
    }

    /// Delivers one notice, or with `by_hand` asks a team to ring.
    async fn deliver(&self, key: &str, notice: &Notification, by_hand: bool) -> Result<Done, Failure> {
        // A fresh one each time: an Access remembers what it opened.
        let access = self.door.system(SYSTEM);
        let record = access.open(&notice.patient).await.map_err(Failure::of)?;
        let id = id_for(key, "communication");
        if record.get(&format!("Communication/{id}")).is_some() {
            return Ok(Done::Delivered);
        }
        let now = access.now();
        let words = render(notice.template, &notice.fields);
        let wishes = Preferences::of(&record);
        let mut route = if by_hand { Route::Call } else { route(&wishes, notice.channel) };
        if let Route::Send { channel, to } = &route {
            let mut to = to.clone();
            if *channel == Channel::Letter {
                to.insert(0, person_name(record.patient()).unwrap_or_else(|| "The householder".to_owned()));
            }
            let delivery = Delivery {
                key: key.to_owned(),
                channel: *channel,
                to,
                needs: if *channel == Channel::Letter { wishes.alerts() } else { Vec::new() },
                subject: words.subject.clone(),
                text: words.body.clone(),
                content: words.content.clone(),
                at: time::fhir(now),
            };
            let sink = Arc::clone(&self.sink);
            match tokio::task::spawn_blocking(move || sink.deliver(&delivery)).await {
                Ok(Ok(())) => {}
                Ok(Err(SinkError::Never(_))) => route = Route::Call,
                Ok(Err(error @ SinkError::Again(_))) => return Err(Failure::Again(error.to_string())),
                Err(_) => return Err(Failure::Again("the sink stopped".to_owned())),
            }
        }
        let team = team_for(&access, &record, notice.about.as_deref()).await.map_err(Failure::of)?;
        let mut change = Change::new("send notice");
        let communication = communication(&id, notice, &words, &route, team.as_ref(), &record, now);
        let made = change.create(communication);
        let done = match (&route, &team) {
            (Route::Send { .. }, _) => Done::Delivered,
            (Route::Call, Some(team)) => {
                let mut call = task(TaskDraft {
                    kind: "callback",
                    patient: &notice.patient,
                    focus: &made,
                    owner: team,
                    requester: None,
                    description: &format!("Phone this person: {}", words.subject.to_lowercase()),
                    due: working_days_end(now, 1),
                    channel: Some(Channel::Phone),
                    now,
                });
                call["id"] = json!(id_for(key, "callback"));
                change.create(call);
                Done::Callback
            }
            // Nobody to ring and no way to write: the notice stands in Kith, and the operator sees a dead letter.
            (Route::Call, None) => Done::Dead,
        };
        match access.commit(change).await {
            Ok(_) => Ok(done),
            // Written by an earlier try that was cut short, or by another worker: then all of it was.
            Err(kith_trust::Error::Conflict { .. }) if access.read(&format!("Communication/{id}")).await.is_ok() => {
                Ok(Done::Delivered)
            }
            Err(error) => Err(Failure::of(error)),
        }
    }
}

/// The team that speaks for this notice: one that what it is about names, else the registered practice's.
async fn team_for(access: &Access, record: &Record, about: Option<&str>) -> Result<Option<Party>, kith_trust::Error> {
    let named = about.and_then(|a| record.get(a)).and_then(|e| {
        let mut found = None;
        kith_fhir::resource::for_each_reference(&e.value, |reference| {
            if found.is_none() && reference.starts_with("HealthcareService/") {
                found = Some(reference.to_owned());
            }
        });
        found
    });
    if let Some(reference) = named {
        match access.read(&reference).await {
            Ok(entry) => return Ok(Some(party(&entry.value))),
            Err(kith_trust::Error::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    practice_team(access, record.patient()).await
}

/// The team of a person's registered practice that answers for it, if the practice has one.
pub async fn practice_team(access: &Access, patient: &Value) -> Result<Option<Party>, kith_trust::Error> {
    let Some(practice) = text(patient, "/managingOrganization/reference")
        .or_else(|| {
            items(patient, "generalPractitioner")
                .filter_map(|r| text(r, "/reference"))
                .find(|r| r.starts_with("Organization/"))
        })
        .map(str::to_owned)
    else {
        return Ok(None);
    };
    let query = Query::new("HealthcareService")
        .and_then(|q| q.where_("organization", &practice))
        .map_err(|_| kith_trust::Error::NotFound)?;
    let found = access.search(&query).await?.entries;
    let general = |v: &Value| has_code(v, "category", system::CS_SERVICE_KIND, "general-practice");
    Ok(found.iter().find(|e| general(&e.value)).or_else(|| found.first()).map(|e| party(&e.value)))
}

fn party(service: &Value) -> Party {
    Party::new(&crate::fields::own_reference(service), text(service, "/name").unwrap_or("The team"))
}

enum Failure {
    /// The person is not in the record; there is nobody to tell.
    Gone,
    Again(String),
}

impl Failure {
    fn of(error: kith_trust::Error) -> Self {
        match error {
            kith_trust::Error::NotFound => Self::Gone,
            other => Self::Again(other.to_string()),
        }
    }
}

/// The wait before the next try, with this many made before the one that failed; `None` when it is time to give up.
fn backoff(attempts: u32) -> Option<SignedDuration> {
    BACKOFF.get(attempts as usize).copied()
}

fn id_for(key: &str, what: &str) -> String {
    Uuid::new_v5(&NAMESPACE, format!("{what}/{key}").as_bytes()).to_string()
}

/// Where a notice goes: the channel asked for, else the one preferred; where that has no address, the next that reaches
/// the person, and in the end a call.
fn route(wishes: &Preferences, asked: Option<Channel>) -> Route {
    let letter = || {
        if wishes.address.is_empty() {
            Route::Call
        } else {
            Route::Send { channel: Channel::Letter, to: wishes.address.clone() }
        }
    };
    let web = || Route::Send { channel: Channel::Web, to: wishes.email.clone().into_iter().collect() };
    let text = || wishes.mobile.clone().map(|to| Route::Send { channel: Channel::Text, to: vec![to] });
    match asked.or(wishes.channel) {
        Some(Channel::Web) => web(),
        Some(Channel::Text) => text().unwrap_or_else(letter),
        Some(Channel::Letter) => letter(),
        Some(Channel::Phone) => Route::Call,
        None => text().unwrap_or_else(|| if wishes.email.is_some() { web() } else { letter() }),
    }
}

fn communication(
    id: &str,
    notice: &Notification,
    words: &Text,
    route: &Route,
    team: Option<&Party>,
    record: &Record,
    now: Timestamp,
) -> Value {
    let patient = format!("Patient/{}", notice.patient);
    let mut out = Draft {
        category: Category::Notification,
        patient: notice.patient.clone(),
        sender: team.cloned(),
        recipients: vec![Party::new(&patient, &person_name(record.patient()).unwrap_or_default())],
        text: words.body.clone(),
        subject: Some(words.subject.clone()),
        // What has been deleted since is not pointed to.
        about: notice.about.iter().filter(|a| record.get(a).is_some()).cloned().collect(),
        answers: None,
        channel: Some(match route {
            Route::Send { channel, .. } => *channel,
            Route::Call => Channel::Phone,
        }),
    }
    .build(now);
    out["id"] = json!(id);
    out["identifier"] = json!([{ "system": "https://fhir.kith.example/Id/notice-content", "value": words.content }]);
    if *route == Route::Call {
        // Not said yet: a team rings.
        out["status"] = json!("in-progress");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(channel: Option<Channel>, mobile: bool, email: bool, address: bool) -> Preferences {
        Preferences {
            channel,
            language: None,
            interpreter: false,
            access_needs: vec![],
            appointment: crate::preferences::AppointmentPreference::default(),
            mobile: mobile.then(|| "07700 900001".to_owned()),
            phone: None,
            email: email.then(|| "p@example.org".to_owned()),
            address: if address { vec!["1 Test Street".to_owned()] } else { vec![] },
        }
    }

    fn goes(channel: Option<Channel>, mobile: bool, email: bool, address: bool) -> Option<Channel> {
        match route(&wishes(channel, mobile, email, address), None) {
            Route::Send { channel, to } => {
                assert!(!to.is_empty() || channel == Channel::Web, "sent to nowhere");
                Some(channel)
            }
            Route::Call => None,
        }
    }

    #[test]
    fn a_notice_goes_the_way_the_person_prefers_and_never_nowhere() {
        for (mobile, email, address) in (0..8).map(|n| (n & 1 > 0, n & 2 > 0, n & 4 > 0)) {
            assert_eq!(goes(Some(Channel::Phone), mobile, email, address), None, "a person rings");
            assert_eq!(goes(Some(Channel::Web), mobile, email, address), Some(Channel::Web));
            assert_eq!(goes(Some(Channel::Letter), mobile, email, address), address.then_some(Channel::Letter));
            let text = if mobile { Some(Channel::Text) } else { address.then_some(Channel::Letter) };
            assert_eq!(goes(Some(Channel::Text), mobile, email, address), text);
        }
        assert_eq!(goes(None, true, true, true), Some(Channel::Text));
        assert_eq!(goes(None, false, true, true), Some(Channel::Web));
        assert_eq!(goes(None, false, false, true), Some(Channel::Letter));
        assert_eq!(goes(None, false, false, false), None);
        assert_eq!(
            route(&wishes(Some(Channel::Phone), true, false, false), Some(Channel::Text)),
            Route::Send { channel: Channel::Text, to: vec!["07700 900001".to_owned()] }
        );
    }

    #[test]
    fn tries_grow_further_apart_and_end() {
        let waits: Vec<_> = (0..).map_while(backoff).collect();
        assert_eq!(waits.len(), BACKOFF.len());
        assert!(waits.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn the_same_key_always_writes_the_same_communication() {
        assert_eq!(id_for("k", "communication"), id_for("k", "communication"));
        assert_ne!(id_for("k", "communication"), id_for("k", "callback"));
        assert_ne!(id_for("k", "communication"), id_for("l", "communication"));
    }
}
