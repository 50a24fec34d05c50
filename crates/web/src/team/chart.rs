//! A person's record as a member of staff has it open, with what every page of it shows: who they are, what to be careful
//! about, what is not shown, and what is new since the reader last looked.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kith_contact::preferences::language_words;
use kith_contact::{Preferences, proxy, time};
use kith_directory::Directory;
use kith_fhir::{Value, json, system, views};
use kith_trust::{Access, Action, DataKind, Purpose, Record};
use serde::{Deserialize, Serialize};

use super::reference;
use crate::record_view::{self, Authors, Event};
use crate::reply::{WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// Where "when I last looked" is kept, by person.
const LOOKED: &str = "team-looked";
/// Pages opened within this time of each other are one look: what was new stays marked while somebody reads on.
const ONE_LOOK: SignedDuration = SignedDuration::from_mins(30);
/// How often within one look the time is written anew.
const NOTE_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// SNOMED CT: no known allergy; no known drug allergy.
const NO_KNOWN_ALLERGY: [&str; 2] = ["716186003", "409137002"];

/// The record, opened.
pub(super) struct Chart {
    pub access: Access,
    pub record: Arc<Record>,
    pub directory: Arc<Directory>,
    pub now: Timestamp,
    pub can: Can,
    since: Option<Timestamp>,
    first_look: bool,
}

/// What the reader may do with this person's record: pages show only what works.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Can {
    pub see_clinical: bool,
    pub see_contributions: bool,
    pub see_messages: bool,
    pub write_clinical: bool,
    pub message: bool,
    pub book: bool,
    /// Nothing clinical is seen, and a clinician may say that it cannot wait.
    pub claim_emergency: bool,
    /// How they are reached and seen, and who acts for them.
    pub change_details: bool,
}

/// What every page of a record shows.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Frame {
    pub id: String,
    pub tab: &'static str,
    pub banner: Banner,
    pub can: Can,
    /// What is not shown to this reader, in a sentence.
    pub withheld: Option<String>,
    /// How much is new since the reader last looked.
    pub new: usize,
    /// When that was; none if they never did.
    pub since: Option<String>,
    pub first_look: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Banner {
    pub name: String,
    pub born: Option<String>,
    pub died: Option<String>,
    pub sex: Option<&'static str>,
    pub nhs_number: Option<String>,
    /// `some`, `none-known`, `not-recorded` or `withheld`.
    pub allergy_state: &'static str,
    pub allergies: Vec<String>,
    pub access_needs: Vec<String>,
    pub language: Option<String>,
    pub interpreter: bool,
    pub proxies: Vec<String>,
    pub phone: Option<String>,
    pub practice: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Looked {
    since: Option<Timestamp>,
    at: Timestamp,
}

impl Chart {
    /// Opens the record of the person with this id. Not found where the reader may not know the person.
    pub async fn open(state: &AppState, staff: &Staff, id: &str) -> WebResult<Self> {
        reference("Patient", id)?;
        let access = staff.access.clone();
        let record = access.open(id).await?;
        let directory = state.directory.get(&access).await?;
        let now = access.now();
        let see_clinical = access.may(id, Action::Read, DataKind::Clinical).await?;
        let can = Can {
            see_clinical,
            claim_emergency: !see_clinical
                && access.actor().role.is_clinical()
                && access.purpose() == Purpose::DirectCare,
            see_contributions: access.may(id, Action::Read, DataKind::Contribution).await?,
            see_messages: access.may(id, Action::Read, DataKind::Correspondence).await?,
            write_clinical: access.may(id, Action::Write, DataKind::Clinical).await?,
            message: access.may(id, Action::Write, DataKind::Correspondence).await?,
            book: access.may(id, Action::Book, DataKind::Administrative).await?,
            change_details: access.may(id, Action::Write, DataKind::Demographics).await?,
        };
        let (since, first_look) = look(&access, id, now).await?;
        Ok(Self { access, record, directory, now, can, since, first_look })
    }

    pub fn id(&self) -> &str {
        &self.record.patient_id
    }

    pub fn may_write_clinical(&self) -> bool {
        self.can.write_clinical
    }

    /// Goes on if the reader may; says who does, otherwise.
    pub fn only_if(&self, may: bool, who_may: &str) -> WebResult<()> {
        if may {
            return Ok(());
        }
        Err(WebError::forbidden(who_may).next("Back to the record", self.path("")))
    }

    /// Leads to a page of this record: `path("/care")`.
    pub fn path(&self, rest: &str) -> String {
        format!("/team/people/{}{rest}", self.id())
    }

    pub fn frame(&self, tab: &'static str) -> Frame {
        Frame {
            id: self.id().to_owned(),
            tab,
            banner: self.banner(),
            can: self.can,
            withheld: self.withheld(),
            new: self.news(),
            since: self.since.map(|at| at.to_string()),
            first_look: self.first_look,
        }
    }

    fn banner(&self) -> Banner {
        let patient = self.record.patient();
        let seen = views::Patient::of(patient);
        let preferences = Preferences::of(&self.record);
        let (allergy_state, allergies) = allergies(&self.record, self.can.see_clinical);
        let today = time::day(self.now);
        let proxies = proxy::proxies_of(&self.record, today)
            .into_iter()
            .filter(|p| p.current)
            .map(|p| if p.relationship.is_empty() { p.name } else { format!("{} ({})", p.name, p.relationship) })
            .collect();
        Banner {
            name: crate::person::full_name(patient),
            born: patient["birthDate"].as_str().map(str::to_owned),
            died: died(patient, seen.as_ref()),
            sex: seen.as_ref().and_then(views::Patient::gender).and_then(sex_words),
            nhs_number: seen.as_ref().and_then(views::Patient::nhs_number).map(|n| n.as_str().to_owned()),
            allergy_state,
            allergies,
            access_needs: preferences.access_needs.into_iter().map(|need| need.text).collect(),
            language: preferences.language.as_deref().map(language_words).map(str::to_owned),
            interpreter: preferences.interpreter,
            proxies,
            phone: preferences.mobile.or(preferences.phone),
            practice: seen
                .as_ref()
                .and_then(views::Patient::practice)
                .and_then(|p| self.directory.name(p))
                .map(str::to_owned),
        }
    }

    /// Kinds of data this reader is not shown, in a sentence.
    fn withheld(&self) -> Option<String> {
        let mut kinds: Vec<&str> = Vec::new();
        if !self.can.see_clinical {
            kinds.push(DataKind::Clinical.words());
        }
        if !self.can.see_contributions {
            kinds.push(DataKind::Contribution.words());
        }
        if !self.can.see_messages {
            kinds.push(DataKind::Correspondence.words());
        }
        if self.can.see_clinical && self.record.withheld.iter().any(|w| w.kind == DataKind::Sensitive) {
            kinds.push(DataKind::Sensitive.words());
        }
        if self.record.withheld.iter().any(|w| w.why.contains("sealed")) {
            kinds.push("sealed items");
        }
        let last = kinds.pop()?;
        let role = self.access.actor().role.words();
        // A role that sees clinical detail elsewhere does not see it here, because nothing connects them with the person.
        let whom = if self.access.actor().role.is_clinical() {
            "to you, because your team is not giving this person care now".to_owned()
        } else {
            format!("to a {role}")
        };
        let (said, verb) = if kinds.is_empty() {
            (last.to_owned(), if last.ends_with('s') { "are" } else { "is" })
        } else {
            (format!("{} and {last}", kinds.join(", ")), "are")
        };
        Some(format!("{} {verb} not shown {whom}.", super::capital(&said)))
    }

    /// The timeline, newest first; what others wrote since the reader last looked is marked.
    pub fn timeline(&self) -> Vec<Event> {
        self.marked(record_view::timeline(&self.record, self.since))
    }

    /// The newest of the timeline that have happened, marked alike.
    pub fn lately(&self, limit: usize) -> Vec<Event> {
        self.marked(record_view::latest(&self.record, self.since, self.now, limit))
    }

    fn marked(&self, mut events: Vec<Event>) -> Vec<Event> {
        let me = &self.access.actor().reference;
        for event in events.iter_mut().filter(|event| event.new) {
            event.new = self.record.get(&event.reference).is_some_and(|entry| entry.origin.actor != *me);
        }
        events
    }

    /// Names whoever wrote things, by the directory.
    pub fn authors(&self) -> Authors<'_> {
        Authors { record: &self.record, directory: &self.directory }
    }

    /// Whether others wrote anything since the reader last looked: cheap.
    pub fn has_news(&self) -> bool {
        let me = &self.access.actor().reference;
        self.since.is_some_and(|since| {
            self.record.entries().iter().any(|entry| entry.updated > since && entry.origin.actor != *me)
        })
    }

    fn news(&self) -> usize {
        if self.has_news() { self.timeline().iter().filter(|event| event.new).count() } else { 0 }
    }
}

/// When the reader last looked, and whether this is the first time; remembers that they look now.
async fn look(access: &Access, id: &str, now: Timestamp) -> WebResult<(Option<Timestamp>, bool)> {
    let before: Option<Looked> = access.recall(LOOKED, id).await?.and_then(|kept| serde_json::from_value(kept).ok());
    let (since, note) = match &before {
        None => (None, true),
        Some(looked) if now.duration_since(looked.at) > ONE_LOOK => (Some(looked.at), true),
        Some(looked) => (looked.since, now.duration_since(looked.at) > NOTE_EVERY),
    };
    if note {
        let kept = json!({ "since": since.map(|at| at.to_string()), "at": now.to_string() });
        // That it could not be noted must not keep the record from being read.
        if let Err(error) = access.remember(LOOKED, id, &kept, None).await {
            tracing::warn!(%error, "a look could not be noted");
        }
    }
    Ok((since, before.is_none()))
}

fn died(patient: &Value, seen: Option<&views::Patient<'_>>) -> Option<String> {
    if !seen.is_some_and(views::Patient::deceased) {
        return None;
    }
    Some(patient["deceasedDateTime"].as_str().unwrap_or("Date not known").to_owned())
}

/// What a person is called by their recorded gender.
pub(super) fn sex_words(code: &str) -> Option<&'static str> {
    match code {
        "female" => Some("Female"),
        "male" => Some("Male"),
        "other" => Some("Other"),
        _ => None,
    }
}

/// The state of what is known of allergies, and those there are.
fn allergies(record: &Record, may: bool) -> (&'static str, Vec<String>) {
    if !may {
        return ("withheld", Vec::new());
    }
    let mut none_known = false;
    let mut found = Vec::new();
    for seen in record.values("AllergyIntolerance").filter_map(views::AllergyIntolerance::of) {
        let text = seen.code_text().unwrap_or("Not named");
        let coded = seen.code_in(system::SNOMED).is_some_and(|code| NO_KNOWN_ALLERGY.contains(&code));
        if coded || text.to_lowercase().starts_with("no known") {
            none_known |= seen.is_active();
        } else if seen.is_active() {
            let reactions = seen.reactions().join(", ");
            found.push(if reactions.is_empty() { text.to_owned() } else { format!("{text} ({reactions})") });
        }
    }
    found.sort();
    found.dedup();
    match (found.is_empty(), none_known) {
        (false, _) => ("some", found),
        (true, true) => ("none-known", found),
        (true, false) => ("not-recorded", found),
    }
}
