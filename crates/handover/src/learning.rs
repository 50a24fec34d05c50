//! What went wrong with Kith, told by whoever noticed, and what came of it: work like any other, with an owner (clinical
//! safety), a due time and a state. It belongs to no person, and does not say who told it.

use jiff::Timestamp;
use kith_contact::fields::{code, items, own_reference, text};
use kith_contact::time;
use kith_fhir::search::Query;
use kith_fhir::{Value, build, json, system};
use kith_trust::{Access, Change, Entry, LEARNING_EVENT};

use crate::error::Error;
use crate::kind::{State, Urgency};
use crate::work::Refusal;

/// The team that learns from what went wrong.
pub const TEAM: &str = "HealthcareService/clinical-safety";
const TEAM_NAME: &str = "Clinical safety";
/// Code of the team's `system::CS_SERVICE_KIND`: no person is referred to it or seen by it.
pub const TEAM_KIND: &str = "clinical-safety";

/// The longest account of what happened, and of what came of it, in characters.
pub const MAX_TEXT: usize = 4000;
/// The most reports a list holds.
const MOST: usize = 1000;

/// Whether anybody came to harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    Hurt,
    CouldHave,
    No,
}

impl Harm {
    pub const ALL: [Self; 3] = [Self::Hurt, Self::CouldHave, Self::No];

    pub fn code(self) -> &'static str {
        match self {
            Self::Hurt => "hurt",
            Self::CouldHave => "could-have",
            Self::No => "no",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Hurt => "Somebody was hurt or became more ill",
            Self::CouldHave => "Somebody could have been hurt",
            Self::No => "No, but it was wrong",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|harm| harm.code() == code)
    }

    /// How soon the safety officer must look. Illustrative, not clinically signed off.
    pub fn urgency(self) -> Urgency {
        match self {
            Self::Hurt => Urgency::SameDay,
            Self::CouldHave => Urgency::Within3Days,
            Self::No => Urgency::Routine,
        }
    }
}

/// What the safety officer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Kith, its content or the way it is used was changed.
    Changed,
    /// Looked into; what holds the hazard stands.
    Stands,
    /// Not about safety: passed on to whom it is for.
    PassedOn,
}

impl Finding {
    pub const ALL: [Self; 3] = [Self::Changed, Self::Stands, Self::PassedOn];

    pub fn code(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Stands => "stands",
            Self::PassedOn => "passed-on",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Changed => "Something was changed",
            Self::Stands => "Looked into, nothing needs to change",
            Self::PassedOn => "Not about safety, passed on",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.code() == code)
    }
}

/// What somebody tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// In their words.
    pub what: String,
    pub harm: Harm,
    /// The pattern of the page's address (`/team/people/{id}`): never an address with an id in it.
    pub page: String,
    /// What was shown, with its version: `sore-throat@1.0.0`; empty where the page shows no such content.
    pub content: String,
    /// Version of the program.
    pub program: String,
    /// Id of a hazard of the log, if they named one.
    pub hazard: Option<String>,
    /// In what role, as words: "person", "receptionist". Not who.
    pub role: &'static str,
}

/// A report as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `Task/…`
    pub reference: String,
    pub version: u32,
    pub told: Option<Timestamp>,
    pub due: Timestamp,
    pub state: State,
    pub what: String,
    pub harm: Harm,
    pub page: String,
    pub content: String,
    pub program: String,
    pub hazard: Option<String>,
    pub role: String,
    pub finding: Option<Finding>,
    pub outcome: Option<String>,
}

impl Event {
    /// Reads a Task; `None` if it is not a report.
    pub fn of(entry: &Entry) -> Option<Self> {
        let task = entry.value.as_ref();
        if code(task, "code", system::CS_TASK_KIND) != Some(LEARNING_EVENT) {
            return None;
        }
        let said = |part: &str| {
            let found = items(task, "input").find(|input| text(input, "/type/text") == Some(part))?;
            text(found, "/valueString").map(str::to_owned)
        };
        let came = |part: &str| {
            let found = items(task, "output").find(|output| text(output, "/type/text") == Some(part))?;
            text(found, "/valueString").map(str::to_owned)
        };
        Some(Self {
            reference: own_reference(task),
            version: entry.version,
            told: time::at(task, "/authoredOn"),
            due: time::at(task, "/restriction/period/end")?,
            state: State::from_code(text(task, "/status")?)?,
            what: said("what happened").unwrap_or_default(),
            harm: said("harm").and_then(|code| Harm::from_code(&code))?,
            page: said("page").unwrap_or_default(),
            content: said("content").unwrap_or_default(),
            program: said("program").unwrap_or_default(),
            hazard: said("hazard"),
            role: said("role").unwrap_or_default(),
            finding: came("finding").and_then(|code| Finding::from_code(&code)),
            outcome: came("outcome"),
        })
    }

    /// Short enough to say on the phone.
    pub fn number(&self) -> String {
        number(&self.reference)
    }

    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state.is_open() && self.due < now
    }
}

/// The number a report is spoken of by: the last eight letters of its id.
pub fn number(reference: &str) -> String {
    let id = reference.rsplit('/').next().unwrap_or(reference);
    let from = id.len().saturating_sub(8);
    format!("LE-{}", id.get(from..).unwrap_or(id).to_uppercase())
}

/// The Task of a report told at `now`. Pure.
pub fn task(report: &Report, now: Timestamp) -> Value {
    let said = |what: &str, value: &str| json!({"type": {"text": what}, "valueString": value});
    let mut input = vec![
        said("what happened", &report.what),
        said("harm", report.harm.code()),
        said("page", &report.page),
        said("program", &report.program),
        said("role", report.role),
    ];
    if !report.content.is_empty() {
        input.push(said("content", &report.content));
    }
    if let Some(hazard) = &report.hazard {
        input.push(said("hazard", hazard));
    }
    let urgency = report.harm.urgency();
    json!({
        "resourceType": "Task",
        "status": State::Requested.code(),
        "intent": "order",
        "priority": urgency.priority().code(),
        "code": build::concept(system::CS_TASK_KIND, LEARNING_EVENT, "Something went wrong"),
        "description": "Something went wrong",
        "authoredOn": build::instant(now),
        "lastModified": build::instant(now),
        "owner": build::reference_display(TEAM, TEAM_NAME),
        "restriction": {"period": {"end": build::instant(urgency.due(now))}},
        "input": input,
    })
}

/// Files a report. `kith` is Kith itself, so that nothing in the record says who told it; the same `key` files it once.
/// Gives `Task/…`.
pub async fn file(kith: &Access, report: &Report, key: &str) -> Result<String, Error> {
    let asked = json!({"what": report.what, "harm": report.harm.code(), "page": report.page, "hazard": report.hazard});
    let mut change = Change::new("file what went wrong");
    change.once_for(&format!("learning {key}"), &asked);
    // The team is there from its first piece of work.
    change.put(json!({
        "resourceType": "HealthcareService",
        "id": TEAM.rsplit('/').next(),
        "active": true,
        "name": TEAM_NAME,
        "category": [build::concept(system::CS_SERVICE_KIND, TEAM_KIND, TEAM_NAME)],
    }));
    let task = change.create(task(report, kith.now()));
    let receipt = kith.commit(change).await?;
    // Sent twice, the first is the one.
    let first = receipt.written.into_iter().map(|(reference, _)| reference).find(|r| r.starts_with("Task/"));
    Ok(first.unwrap_or(task))
}

/// Reports as this actor may see them: open ones first, soonest due first; then closed ones, latest first.
pub async fn events(access: &Access) -> Result<Vec<Event>, Error> {
    let mut found = Vec::new();
    for statuses in ["requested,accepted,in-progress", "completed,rejected,cancelled"] {
        let refused =
            |e: kith_fhir::search::QueryError| Error::from(kith_trust::Error::Unsearchable { what: e.to_string() });
        let mut query = Query::new("Task")
            .and_then(|q| q.where_("owner", TEAM))
            .and_then(|q| q.where_("status", statuses))
            .and_then(|q| q.sorted_by("due"))
            .map_err(refused)?
            .limit(200);
        let mut some = Vec::new();
        loop {
            let page = access.search(&query).await?;
            some.extend(page.entries.iter().filter_map(Event::of));
            match page.next {
                Some(next) if some.len() < MOST => query.cursor = Some(next),
                _ => break,
            }
        }
        if statuses.starts_with("completed") {
            some.sort_by_key(|event| std::cmp::Reverse(event.told));
        }
        found.extend(some);
    }
    Ok(found)
}

/// One report (`Task/…`).
pub async fn event(access: &Access, reference: &str) -> Result<Event, Error> {
    let entry = access.read(reference).await?;
    Event::of(&entry).ok_or(Error::Door(kith_trust::Error::NotFound))
}

/// Says that somebody is looking into it.
pub async fn take(access: &Access, reference: &str) -> Result<(), Error> {
    let entry = access.read(reference).await?;
    let event = Event::of(&entry).ok_or(Error::Door(kith_trust::Error::NotFound))?;
    if event.state != State::Requested {
        return if event.state.is_open() { Ok(()) } else { Err(Refusal::Closed { state: event.state }.into()) };
    }
    let mut task = (*entry.value).clone();
    build::set_status(&mut task, State::Accepted.code());
    build::set(&mut task, "lastModified", json!(build::instant(access.now())));
    commit(access, task, entry.version, "look into what went wrong").await
}

/// Closes it with what was found. The hazard it belongs to is set, or taken away, with it.
pub async fn close(
    access: &Access,
    reference: &str,
    finding: Finding,
    outcome: &str,
    hazard: Option<&str>,
) -> Result<(), Error> {
    let outcome = outcome.trim();
    if outcome.is_empty() {
        return Err(Refusal::Unsaid { what: "what came of it" }.into());
    }
    if outcome.chars().count() > MAX_TEXT {
        return Err(Error::field("outcome", format!("Write {MAX_TEXT} letters or fewer")));
    }
    let entry = access.read(reference).await?;
    let event = Event::of(&entry).ok_or(Error::Door(kith_trust::Error::NotFound))?;
    if !event.state.is_open() {
        return Err(Refusal::Closed { state: event.state }.into());
    }
    let mut task = (*entry.value).clone();
    let mut input: Vec<Value> =
        items(&task, "input").filter(|i| text(i, "/type/text") != Some("hazard")).cloned().collect();
    if let Some(hazard) = hazard {
        input.push(json!({"type": {"text": "hazard"}, "valueString": hazard}));
    }
    build::set(&mut task, "input", Value::Array(input));
    build::set(
        &mut task,
        "output",
        json!([
            {"type": {"text": "finding"}, "valueString": finding.code()},
            {"type": {"text": "outcome"}, "valueString": outcome},
        ]),
    );
    build::set_status(&mut task, State::Completed.code());
    build::set(&mut task, "lastModified", json!(build::instant(access.now())));
    commit(access, task, entry.version, "say what came of what went wrong").await
}

async fn commit(access: &Access, task: Value, version: u32, why: &str) -> Result<(), Error> {
    let mut change = Change::new(why);
    change.update(task, version);
    match access.commit(change).await {
        Ok(_) => Ok(()),
        Err(kith_trust::Error::Conflict { .. }) => Err(Error::Changed),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(harm: Harm) -> Report {
        Report {
            what: "The page said Tuesday".into(),
            harm,
            page: "/help/{pathway}".into(),
            content: "sore-throat@1.0.0".into(),
            program: "0.1.0".into(),
            hazard: Some("H08".into()),
            role: "person",
        }
    }

    #[test]
    fn a_report_has_an_owner_a_due_time_and_nobodys_name() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let mut due = Vec::new();
        for harm in Harm::ALL {
            let task = task(&report(harm), now);
            assert_eq!(text(&task, "/owner/reference"), Some(TEAM));
            assert_eq!(task.get("for"), None);
            assert_eq!(task.get("requester"), None);
            due.push(time::at(&task, "/restriction/period/end").unwrap());
        }
        assert!(due.is_sorted() && due[0] > now, "harm is looked at first: {due:?}");
    }

    #[test]
    fn codes_are_read_back() {
        assert!(Harm::ALL.into_iter().all(|h| Harm::from_code(h.code()) == Some(h)));
        assert!(Finding::ALL.into_iter().all(|f| Finding::from_code(f.code()) == Some(f)));
        assert_eq!(number("Task/0199-abcdef12"), "LE-ABCDEF12");
    }
}
