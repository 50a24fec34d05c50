use serde_json::Value;

use super::common;
use crate::system;

view! {
    /// A calendar.
    Schedule
}

impl<'a> Schedule<'a> {
    /// Whose: HealthcareService, Practitioner, Location.
    pub fn actors(&self) -> Vec<&'a str> {
        common::references(self.0, "actor")
    }

    /// Its service: `HealthcareService/…`
    pub fn service(&self) -> Option<&'a str> {
        common::reference_to(self.actors(), "HealthcareService")
    }

    /// Its professional: `Practitioner/…`
    pub fn practitioner(&self) -> Option<&'a str> {
        common::reference_to(self.actors(), "Practitioner")
    }

    /// Its room: `Location/…`
    pub fn location(&self) -> Option<&'a str> {
        common::reference_to(self.actors(), "Location")
    }

    /// Needs it may be booked for (`need`).
    pub fn needs(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "serviceType", system::CS_NEED)
    }

    /// `in-person`, `phone` or `video`.
    pub fn mode(&self) -> Option<&'a str> {
        common::extension_text(self.0, system::EXT_MODE, "valueCode")
    }

    /// The time it covers.
    pub fn horizon(&self) -> common::Period {
        self.0.get("planningHorizon").map(common::Period::of).unwrap_or_default()
    }

    /// Whether it is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}
