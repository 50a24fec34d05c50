use jiff::Timestamp;

use super::common;

view! {
    /// A problem or diagnosis.
    Condition
}

impl<'a> Condition<'a> {
    /// What it is, in words.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// Its code in one system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system)
    }

    /// `active`, `recurrence`, `relapse`, `inactive`, `remission` or `resolved`.
    pub fn clinical_status(&self) -> Option<&'a str> {
        common::first_code(self.0, "clinicalStatus")
    }

    /// `confirmed`, `unconfirmed`, `provisional`, `differential`, `refuted` or `entered-in-error`.
    pub fn verification(&self) -> Option<&'a str> {
        common::first_code(self.0, "verificationStatus")
    }

    /// Whether it is a problem now: not ended, refuted or written by mistake.
    pub fn is_active(&self) -> bool {
        let ended = matches!(self.clinical_status(), Some("inactive" | "remission" | "resolved"))
            || (self.clinical_status().is_none() && self.abated().is_some());
        !ended && !matches!(self.verification(), Some("refuted" | "entered-in-error"))
    }

    /// When it began.
    pub fn onset(&self) -> Option<Timestamp> {
        common::first_moment(self.0, &["onsetDateTime", "onsetPeriod"])
    }

    /// When it ended.
    pub fn abated(&self) -> Option<Timestamp> {
        common::first_moment(self.0, &["abatementDateTime", "abatementPeriod"])
    }

    /// When it was written down.
    pub fn recorded(&self) -> Option<Timestamp> {
        common::moment(self.0, "recordedDate")
    }

    /// How bad, in words.
    pub fn severity(&self) -> Option<&'a str> {
        common::concept_of(self.0, "severity")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Found when: `Encounter/…`
    pub fn encounter(&self) -> Option<&'a str> {
        common::reference(self.0, "encounter")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}
