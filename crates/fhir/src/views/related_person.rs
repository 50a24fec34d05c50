use jiff::Timestamp;
use serde_json::Value;

use super::common;
use crate::system;

view! {
    /// Somebody close to a person; a proxy where they may act for them.
    RelatedPerson
}

impl<'a> RelatedPerson<'a> {
    /// The name to show. Empty where there is none.
    pub fn name(&self) -> String {
        common::Name::best(self.0).map(|name| name.line()).unwrap_or_default()
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "patient")
    }

    /// What they are to the person, in words.
    pub fn relationship(&self) -> Option<&'a str> {
        common::concept_of(self.0, "relationship")
    }

    /// The one who may act for the person: `Patient/…`
    pub fn proxy(&self) -> Option<&'a str> {
        common::text(common::extension_value(self.0, system::EXT_PROXY_PATIENT, "valueReference")?, "reference")
    }

    /// Whether the proxy may act at this moment.
    pub fn acts_at(&self, now: Timestamp) -> bool {
        self.proxy().is_some() && self.active() && self.period().contains(now)
    }

    /// While it lasts.
    pub fn period(&self) -> common::Period {
        self.0.get("period").map(common::Period::of).unwrap_or_default()
    }

    /// Telephone number.
    pub fn phone(&self) -> Option<&'a str> {
        common::telecom(self.0, "phone")
    }

    /// Email address.
    pub fn email(&self) -> Option<&'a str> {
        common::telecom(self.0, "email")
    }

    /// Whether it is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}
