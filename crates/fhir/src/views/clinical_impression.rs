use jiff::Timestamp;

use super::common;

view! {
    /// What was found and decided: the note.
    ClinicalImpression
}

impl<'a> ClinicalImpression<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// When seen: `Encounter/…`
    pub fn encounter(&self) -> Option<&'a str> {
        common::reference(self.0, "encounter")
    }

    /// Who: `Practitioner/…`
    pub fn assessor(&self) -> Option<&'a str> {
        common::reference(self.0, "assessor")
    }

    /// When.
    pub fn date(&self) -> Option<Timestamp> {
        common::first_moment(self.0, &["date", "effectiveDateTime", "effectivePeriod"])
    }

    /// The note.
    pub fn summary(&self) -> Option<&'a str> {
        common::text(self.0, "summary")
    }

    /// Why the assessment was made.
    pub fn description(&self) -> Option<&'a str> {
        common::text(self.0, "description")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}
