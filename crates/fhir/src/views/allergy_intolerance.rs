use jiff::Timestamp;

use super::common;

view! {
    /// An allergy or intolerance.
    AllergyIntolerance
}

impl<'a> AllergyIntolerance<'a> {
    /// What it is, in words.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// Its code in one system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system)
    }

    /// `active`, `inactive` or `resolved`.
    pub fn clinical_status(&self) -> Option<&'a str> {
        common::first_code(self.0, "clinicalStatus")
    }

    /// `confirmed`, `unconfirmed`, `refuted` or `entered-in-error`.
    pub fn verification(&self) -> Option<&'a str> {
        common::first_code(self.0, "verificationStatus")
    }

    /// Whether it counts now: not over, refuted or written by mistake.
    pub fn is_active(&self) -> bool {
        !matches!(self.clinical_status(), Some("inactive" | "resolved"))
            && !matches!(self.verification(), Some("refuted" | "entered-in-error"))
    }

    /// `low`, `high` or `unable-to-assess`.
    pub fn criticality(&self) -> Option<&'a str> {
        common::text(self.0, "criticality")
    }

    /// `food`, `medication`, `environment`, `biologic`.
    pub fn categories(&self) -> Vec<&'a str> {
        common::texts(self.0, "category")
    }

    /// What it does to the person, in words.
    pub fn reactions(&self) -> Vec<&'a str> {
        common::list(self.0, "reaction")
            .iter()
            .flat_map(|reaction| common::concepts(reaction, "manifestation"))
            .filter_map(common::concept_text)
            .collect()
    }

    /// When it was written down.
    pub fn recorded(&self) -> Option<Timestamp> {
        common::moment(self.0, "recordedDate")
    }

    /// When it began.
    pub fn onset(&self) -> Option<Timestamp> {
        common::first_moment(self.0, &["onsetDateTime", "onsetPeriod"])
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "patient")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}
