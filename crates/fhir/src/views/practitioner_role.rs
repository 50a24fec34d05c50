use serde_json::Value;

use super::common;
use crate::system;

view! {
    /// A post: who works where, as what.
    PractitionerRole
}

impl<'a> PractitionerRole<'a> {
    /// Who: `Practitioner/…`
    pub fn practitioner(&self) -> Option<&'a str> {
        common::reference(self.0, "practitioner")
    }

    /// Their name, where written here.
    pub fn practitioner_name(&self) -> Option<&'a str> {
        common::display(self.0, "practitioner")
    }

    /// For whom: `Organization/…`
    pub fn organization(&self) -> Option<&'a str> {
        common::reference(self.0, "organization")
    }

    /// In which services: `HealthcareService/…`
    pub fn services(&self) -> Vec<&'a str> {
        common::references(self.0, "healthcareService")
    }

    /// Where: `Location/…`
    pub fn locations(&self) -> Vec<&'a str> {
        common::references(self.0, "location")
    }

    /// Role codes.
    pub fn roles(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "code", system::CS_ROLE)
    }

    /// The first role in words.
    pub fn role_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// While it lasts.
    pub fn period(&self) -> common::Period {
        self.0.get("period").map(common::Period::of).unwrap_or_default()
    }

    /// Whether it is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}
