use jiff::Timestamp;

use super::common;
use crate::system;

view! {
    /// A piece of work with an owner, a due time and a state.
    Task
}

impl<'a> Task<'a> {
    /// The kind of work (`task-kind`).
    pub fn code(&self) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system::CS_TASK_KIND)
    }

    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// Whether it still wants doing.
    pub fn is_open(&self) -> bool {
        !matches!(self.status(), Some("completed" | "rejected" | "cancelled" | "failed" | "entered-in-error"))
    }

    /// The team: `HealthcareService/…`
    pub fn owner(&self) -> Option<&'a str> {
        common::reference(self.0, "owner")
    }

    /// Who has taken it: `Practitioner/…`
    pub fn claimed_by(&self) -> Option<&'a str> {
        common::text(common::extension_value(self.0, system::EXT_CLAIMED_BY, "valueReference")?, "reference")
    }

    /// When it must be done.
    pub fn due(&self) -> Option<Timestamp> {
        common::Period::of(self.0.get("restriction")?.get("period")?).end
    }

    /// Whether it is open and its time has passed.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.is_open() && self.due().is_some_and(|due| due < now)
    }

    /// The Communications that carried the outcome.
    pub fn told(&self) -> Vec<&'a str> {
        common::extensions(self.0, system::EXT_TOLD)
            .filter_map(|told| common::reference(told, "valueReference"))
            .collect()
    }

    /// The outcome in words.
    pub fn outcome(&self) -> Option<&'a str> {
        common::list(self.0, "output")
            .iter()
            .filter(|output| output.get("type").and_then(common::concept_text) == Some("outcome"))
            .find_map(|output| common::text(output, "valueString"))
    }

    /// The person: `Patient/…`
    pub fn for_patient(&self) -> Option<&'a str> {
        common::reference(self.0, "for")
    }

    /// What it is about.
    pub fn focus(&self) -> Option<&'a str> {
        common::reference(self.0, "focus")
    }

    /// A short line without clinical detail.
    pub fn description(&self) -> Option<&'a str> {
        common::text(self.0, "description")
    }

    /// `stat`, `asap`, `urgent` or `routine`.
    pub fn priority(&self) -> Option<&'a str> {
        common::text(self.0, "priority")
    }

    /// Who asked.
    pub fn requester(&self) -> Option<&'a str> {
        common::reference(self.0, "requester")
    }

    /// When it was made.
    pub fn authored(&self) -> Option<Timestamp> {
        common::moment(self.0, "authoredOn")
    }

    /// When it last changed.
    pub fn modified(&self) -> Option<Timestamp> {
        common::moment(self.0, "lastModified")
    }

    /// Why it is in this state, in words.
    pub fn status_reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "statusReason")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}
