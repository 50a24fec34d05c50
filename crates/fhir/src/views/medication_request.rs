use jiff::Timestamp;
use serde_json::Value;

use super::common;

view! {
    /// A medicine prescribed.
    MedicationRequest
}

impl<'a> MedicationRequest<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// `order`, `plan`, …
    pub fn intent(&self) -> Option<&'a str> {
        common::text(self.0, "intent")
    }

    /// The medicine in words: coded here, contained, or the display of the reference.
    pub fn medication_text(&self) -> Option<&'a str> {
        medication_text(self.0)
    }

    /// The medicine's code in one system.
    pub fn medication_code(&self, system: &str) -> Option<&'a str> {
        medication(self.0).and_then(|concept| common::code_in(concept, system))
    }

    /// How to take it, in words.
    pub fn dosage_text(&self) -> Option<&'a str> {
        common::list(self.0, "dosageInstruction")
            .iter()
            .find_map(|dosage| common::text(dosage, "text").or_else(|| common::text(dosage, "patientInstruction")))
    }

    /// Whether it is being taken now, as far as the prescription says.
    pub fn is_active(&self) -> bool {
        matches!(self.status(), Some("active" | "on-hold"))
    }

    /// When it was prescribed.
    pub fn authored(&self) -> Option<Timestamp> {
        common::moment(self.0, "authoredOn")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Who prescribed it.
    pub fn requester(&self) -> Option<&'a str> {
        common::reference(self.0, "requester")
    }

    /// Their name, where written here.
    pub fn requester_name(&self) -> Option<&'a str> {
        common::display(self.0, "requester")
    }

    /// Prescribed when: `Encounter/…`
    pub fn encounter(&self) -> Option<&'a str> {
        common::reference(self.0, "encounter")
    }

    /// Why, in words.
    pub fn reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "reasonCode")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}

/// The concept of the medicine a resource names, here or in what it contains.
pub(super) fn medication(resource: &Value) -> Option<&Value> {
    resource.get("medicationCodeableConcept").or_else(|| {
        let id = common::reference(resource, "medicationReference")?.strip_prefix('#')?;
        common::list(resource, "contained").iter().find(|inner| common::text(inner, "id") == Some(id))?.get("code")
    })
}

/// The medicine a resource names, in words.
pub(super) fn medication_text(resource: &Value) -> Option<&str> {
    medication(resource).and_then(common::concept_text).or_else(|| common::display(resource, "medicationReference"))
}
