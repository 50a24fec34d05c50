use jiff::Timestamp;

use super::common;

view! {
    /// A report of tests.
    DiagnosticReport
}

impl<'a> DiagnosticReport<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// What it is, in words.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// Its code in one system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system)
    }

    /// When the tests were true.
    pub fn effective(&self) -> Option<Timestamp> {
        common::first_moment(self.0, &["effectiveDateTime", "effectivePeriod", "issued"])
    }

    /// When it was sent.
    pub fn issued(&self) -> Option<Timestamp> {
        common::moment(self.0, "issued")
    }

    /// Its results: `Observation/…`
    pub fn results(&self) -> Vec<&'a str> {
        common::references(self.0, "result")
    }

    /// What it means, in words.
    pub fn conclusion(&self) -> Option<&'a str> {
        common::text(self.0, "conclusion")
    }

    /// What kind, in words.
    pub fn category(&self) -> Option<&'a str> {
        common::concept_of(self.0, "category")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Asked when: `Encounter/…`
    pub fn encounter(&self) -> Option<&'a str> {
        common::reference(self.0, "encounter")
    }

    /// Who reports.
    pub fn performers(&self) -> Vec<&'a str> {
        common::references(self.0, "performer")
    }

    /// The request it answers.
    pub fn based_on(&self) -> Vec<&'a str> {
        common::references(self.0, "basedOn")
    }
}
