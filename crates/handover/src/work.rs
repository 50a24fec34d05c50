//! A piece of work (a Task), and what may be done to it. Pure: a step takes the Task as it is and gives it as it becomes.

use jiff::{SignedDuration, Timestamp};
use kith_contact::fields::{code, extension, items, own_reference, text};
use kith_contact::{Party, time};
use kith_fhir::{Value, build, json, system};

use crate::kind::{Priority, State, TaskKind};

/// A Task as teams see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// `Task/…`
    pub reference: String,
    /// Id of the person it is for.
    pub patient: String,
    pub kind: TaskKind,
    pub state: State,
    /// The team: `HealthcareService/…`.
    pub owner: Party,
    /// Who has taken it: `Practitioner/…`.
    pub claimed_by: Option<Party>,
    pub due: Timestamp,
    /// `ServiceRequest/…`, `Appointment/…`, `Communication/…` or `DiagnosticReport/…`.
    pub focus: Option<String>,
    pub requester: Option<Party>,
    /// A short line without clinical detail.
    pub description: String,
    pub priority: Priority,
    pub authored: Option<Timestamp>,
    /// `web`, `phone`, `desk`, `letter`, `practice`, if it says.
    pub channel: Option<String>,
    /// What came of it, once closed.
    pub outcome: Option<String>,
    /// `Communication/…` that carried the outcome.
    pub told: Vec<String>,
    /// What was said when it was handed on or returned, oldest first.
    pub notes: Vec<String>,
}

impl Work {
    /// Reads a Task; `None` if it lacks what every piece of work has: a person, a kind, a state, an owner, a due time.
    pub fn of(task: &Value) -> Option<Self> {
        let party =
            |value: &Value| Some(Party::new(text(value, "/reference")?, text(value, "/display").unwrap_or_default()));
        Some(Self {
            reference: own_reference(task),
            patient: text(task, "/for/reference")?.strip_prefix("Patient/")?.to_owned(),
            kind: TaskKind::from_code(code(task, "code", system::CS_TASK_KIND)?)?,
            state: State::from_code(text(task, "/status")?)?,
            owner: party(task.get("owner")?)?,
            claimed_by: extension(task, system::EXT_CLAIMED_BY).and_then(|e| e.get("valueReference")).and_then(party),
            due: time::at(task, "/restriction/period/end")?,
            focus: text(task, "/focus/reference").map(str::to_owned),
            requester: task.get("requester").and_then(party),
            description: text(task, "/description").unwrap_or_default().to_owned(),
            priority: text(task, "/priority").and_then(Priority::from_code).unwrap_or(Priority::Routine),
            authored: time::at(task, "/authoredOn"),
            channel: extension(task, system::EXT_CHANNEL).and_then(|e| text(e, "/valueCode")).map(str::to_owned),
            outcome: items(task, "output").find_map(|o| text(o, "/valueString")).map(str::to_owned),
            told: items(task, "extension")
                .filter(|e| text(e, "/url") == Some(system::EXT_TOLD))
                .filter_map(|e| text(e, "/valueReference/reference"))
                .map(str::to_owned)
                .collect(),
            notes: items(task, "note").filter_map(|n| text(n, "/text")).map(str::to_owned).collect(),
        })
    }

    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// By how much it is late; `None` if it is closed or there is still time.
    pub fn overdue_by(&self, now: Timestamp) -> Option<SignedDuration> {
        (self.is_open() && self.due < now).then(|| now.duration_since(self.due))
    }
}

/// What may be done to an open piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take it. Taking what one has already is no change.
    Claim,
    /// Put it back for the team.
    Release,
    /// Begin; takes it if nobody has.
    Start,
    /// Give it to another team, which starts anew with it.
    HandToTeam { team: Party, note: String },
    /// Give it to somebody in the same team.
    HandToColleague { colleague: Party, note: String },
    /// Send it back.
    Return { reason: String },
    /// Call it off.
    Cancel { reason: String },
    /// Done, with what came of it and the Communications that told people.
    Complete { outcome: String, told: Vec<String> },
}

/// Why a step may not be taken. The text is for the member of staff who tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("This work is closed already ({}).", .state.words().to_lowercase())]
    Closed { state: State },
    #[error("{by} has taken this work.")]
    Claimed { by: String },
    #[error("Nobody has taken this work.")]
    NotClaimed,
    /// A note, reason or outcome is missing.
    #[error("Write {what} first.")]
    Unsaid { what: &'static str },
    /// See [`crate::referral::can_close`].
    #[error("This cannot be closed until {who} has been told what came of it.")]
    NotTold { who: &'static str },
    /// The step is not one for this kind of work.
    #[error("{why}")]
    NotHere { why: &'static str },
    /// The resource lacks an owner, a due time or a known state.
    #[error("This work is not written as it should be, and was left as it is.")]
    Malformed,
}

/// The Task after a step taken by `by` at `now`. Elements the step does not speak of stay as they are.
pub fn step(task: &Value, step: &Step, by: &Party, now: Timestamp) -> Result<Value, Refusal> {
    let work = Work::of(task).ok_or(Refusal::Malformed)?;
    if !work.is_open() {
        return Err(Refusal::Closed { state: work.state });
    }
    let mine = work.claimed_by.as_ref().is_some_and(|c| c.reference == by.reference);
    if let Some(other) = work.claimed_by.as_ref().filter(|_| !mine) {
        // Handing on and releasing are how a team takes work from somebody who went home.
        if !matches!(step, Step::Release | Step::HandToTeam { .. } | Step::HandToColleague { .. }) {
            return Err(Refusal::Claimed { by: shown(other) });
        }
    }
    let mut out = task.clone();
    match step {
        Step::Claim => {
            if mine {
                return Ok(out);
            }
            claim(&mut out, Some(by));
            if work.state == State::Requested {
                build::set_status(&mut out, State::Accepted.code());
            }
        }
        Step::Release => {
            if work.claimed_by.is_none() {
                return Err(Refusal::NotClaimed);
            }
            claim(&mut out, None);
            build::set_status(&mut out, State::Requested.code());
        }
        Step::Start => {
            claim(&mut out, Some(by));
            build::set_status(&mut out, State::InProgress.code());
        }
        Step::HandToTeam { team, note } => {
            if !team.reference.starts_with("HealthcareService/") {
                return Err(Refusal::Unsaid { what: "which team it goes to" });
            }
            if team.reference == work.owner.reference {
                return Err(Refusal::NotHere { why: "This team has the work already." });
            }
            add_note(&mut out, note, by, now)?;
            claim(&mut out, None);
            build::set(&mut out, "owner", team.reference());
            build::set_status(&mut out, State::Requested.code());
        }
        Step::HandToColleague { colleague, note } => {
            if !colleague.reference.starts_with("Practitioner/") {
                return Err(Refusal::Unsaid { what: "who it goes to" });
            }
            add_note(&mut out, note, by, now)?;
            claim(&mut out, Some(colleague));
            build::set_status(&mut out, State::Accepted.code());
        }
        Step::Return { reason } => {
            let reason = said(reason, "why it goes back")?;
            add_note(&mut out, reason, by, now)?;
            output(&mut out, reason);
            build::set_status(&mut out, State::Rejected.code());
        }
        Step::Cancel { reason } => {
            output(&mut out, said(reason, "why it is called off")?);
            build::set_status(&mut out, State::Cancelled.code());
        }
        Step::Complete { outcome, told } => {
            output(&mut out, said(outcome, "what came of it")?);
            for communication in told {
                build::Task::add_told(&mut out, communication);
            }
            build::set_status(&mut out, State::Completed.code());
        }
    }
    build::set(&mut out, "lastModified", json!(build::instant(now)));
    Ok(out)
}

fn shown(party: &Party) -> String {
    if party.name.is_empty() { "Somebody else".to_owned() } else { party.name.clone() }
}

fn claim(task: &mut Value, by: Option<&Party>) {
    match by {
        Some(by) => {
            build::set_extension(task, build::extension(system::EXT_CLAIMED_BY, "valueReference", by.reference()));
        }
        None => build::remove_extension(task, system::EXT_CLAIMED_BY),
    }
}

fn output(task: &mut Value, words: &str) {
    build::set(task, "output", json!([{ "type": { "text": "outcome" }, "valueString": words }]));
}

fn add_note(task: &mut Value, words: &str, by: &Party, now: Timestamp) -> Result<(), Refusal> {
    let words = said(words, "a note for whoever has it next")?;
    build::push(task, "note", json!({ "authorString": by.name, "time": build::instant(now), "text": words }));
    Ok(())
}

/// The words without blank ends, if there are any.
pub(crate) fn said<'a>(words: &'a str, what: &'static str) -> Result<&'a str, Refusal> {
    let words = words.trim();
    if words.is_empty() { Err(Refusal::Unsaid { what }) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-20T09:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn new_task() -> Value {
        build::with_id(
            build::Task {
                kind: "triage",
                person: "Patient/p1",
                owner: "HealthcareService/h1",
                due: "2026-11-20T18:30:00Z".parse().unwrap(),
                authored: now(),
                priority: "urgent",
                description: "Request for help",
                requester: Some("Patient/p1"),
                focus: Some("ServiceRequest/s1"),
            }
            .build(),
            "t1",
        )
    }

    fn ann() -> Party {
        Party::new("Practitioner/ann", "Ann Example")
    }

    fn bob() -> Party {
        Party::new("Practitioner/bob", "Bob Example")
    }

    fn after(steps: &[(Step, Party)]) -> Result<Work, Refusal> {
        let mut task = new_task();
        for (s, by) in steps {
            task = step(&task, s, by, now())?;
        }
        Ok(Work::of(&task).unwrap())
    }

    fn complete() -> Step {
        Step::Complete { outcome: "Seen".to_owned(), told: vec!["Communication/c".to_owned()] }
    }

    #[test]
    fn work_goes_from_new_to_done() {
        let done = after(&[(Step::Claim, ann()), (Step::Start, ann()), (complete(), ann())]).unwrap();
        assert_eq!(done.state, State::Completed);
        assert_eq!(done.outcome.as_deref(), Some("Seen"));
        assert_eq!(done.told, ["Communication/c"]);
        assert_eq!(done.overdue_by("2027-01-01T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn what_somebody_has_taken_nobody_else_can_take_or_finish() {
        for attempt in [Step::Claim, Step::Start, complete(), Step::Return { reason: "r".into() }] {
            assert_eq!(
                after(&[(Step::Claim, ann()), (attempt, bob())]),
                Err(Refusal::Claimed { by: "Ann Example".to_owned() })
            );
        }
        assert!(Refusal::Claimed { by: "Ann Example".to_owned() }.to_string().starts_with("Ann Example has taken"));
        assert_eq!(after(&[(Step::Claim, ann()), (Step::Claim, ann())]).unwrap().claimed_by, Some(ann()));
    }

    #[test]
    fn a_colleague_can_put_back_what_somebody_left() {
        let work = after(&[(Step::Start, ann()), (Step::Release, bob())]).unwrap();
        assert_eq!((work.state, work.claimed_by), (State::Requested, None));
        assert_eq!(after(&[(Step::Release, ann())]), Err(Refusal::NotClaimed));
    }

    #[test]
    fn handing_on_keeps_the_due_time_and_says_why() {
        let team = Party::new("HealthcareService/h2", "Nurses");
        let hand = Step::HandToTeam { team: team.clone(), note: " Needs a dressing ".into() };
        let work = after(&[(Step::Claim, ann()), (hand, ann())]).unwrap();
        assert_eq!((work.owner, work.claimed_by, work.state), (team, None, State::Requested));
        assert_eq!(work.due, Work::of(&new_task()).unwrap().due);
        assert_eq!(work.notes, ["Needs a dressing"]);
        let to_bob = Step::HandToColleague { colleague: bob(), note: "You know him".into() };
        assert_eq!(after(&[(to_bob, ann())]).unwrap().claimed_by, Some(bob()));
        let silent = Step::HandToColleague { colleague: bob(), note: "  ".into() };
        assert!(matches!(after(&[(silent, ann())]), Err(Refusal::Unsaid { .. })));
        let same = Step::HandToTeam { team: Party::new("HealthcareService/h1", ""), note: "n".into() };
        assert!(matches!(after(&[(same, ann())]), Err(Refusal::NotHere { .. })));
    }

    #[test]
    fn closed_work_stays_closed() {
        let closers = [complete(), Step::Return { reason: "r".into() }, Step::Cancel { reason: "r".into() }];
        let all = closers.iter().cloned().chain([
            Step::Claim,
            Step::Release,
            Step::Start,
            Step::HandToTeam { team: Party::new("HealthcareService/h2", ""), note: "n".into() },
            Step::HandToColleague { colleague: bob(), note: "n".into() },
        ]);
        for closer in &closers {
            for step in all.clone() {
                assert!(matches!(after(&[(closer.clone(), ann()), (step, ann())]), Err(Refusal::Closed { .. })));
            }
        }
    }

    #[test]
    fn work_is_late_from_the_moment_it_is_due() {
        let work = Work::of(&new_task()).unwrap();
        assert_eq!(work.overdue_by("2026-11-20T18:30:00Z".parse().unwrap()), None);
        assert_eq!(work.overdue_by("2026-11-20T20:30:00Z".parse().unwrap()), Some(SignedDuration::from_hours(2)));
    }

    #[test]
    fn a_task_without_owner_or_due_time_is_not_work() {
        for key in ["owner", "restriction", "for", "code", "status"] {
            let mut task = new_task();
            build::set(&mut task, key, Value::Null);
            assert_eq!(Work::of(&task), None, "{key}");
            assert_eq!(step(&task, &Step::Claim, &ann(), now()), Err(Refusal::Malformed));
        }
    }

    #[test]
    fn a_step_leaves_alone_what_it_does_not_speak_of() {
        let mut task = new_task();
        task["groupIdentifier"] = json!({ "value": "kept" });
        let out = step(&task, &Step::Start, &ann(), now()).unwrap();
        assert_eq!(out["groupIdentifier"], task["groupIdentifier"]);
        assert_eq!(out["focus"], task["focus"]);
    }
}
