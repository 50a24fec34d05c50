use jiff::Timestamp;

use super::common;

view! {
    /// A vaccination.
    Immunization
}

impl<'a> Immunization<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// The vaccine in words.
    pub fn vaccine(&self) -> Option<&'a str> {
        common::concept_of(self.0, "vaccineCode")
    }

    /// The vaccine's code in one system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        common::code_in(self.0.get("vaccineCode")?, system)
    }

    /// When.
    pub fn occurred(&self) -> Option<Timestamp> {
        common::moment(self.0, "occurrenceDateTime")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "patient")
    }

    /// Given when: `Encounter/…`
    pub fn encounter(&self) -> Option<&'a str> {
        common::reference(self.0, "encounter")
    }

    /// Batch.
    pub fn lot_number(&self) -> Option<&'a str> {
        common::text(self.0, "lotNumber")
    }

    /// Why it was not given, in words.
    pub fn status_reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "statusReason")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}
