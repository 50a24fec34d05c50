use jiff::Timestamp;

use super::common;

view! {
    /// A person being seen.
    Encounter
}

impl<'a> Encounter<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// How: `AMB`, `VR`, `HH`, …
    pub fn class(&self) -> Option<&'a str> {
        common::text(self.0.get("class")?, "code")
    }

    /// What kind, in words.
    pub fn type_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "type")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// When.
    pub fn period(&self) -> common::Period {
        self.0.get("period").map(common::Period::of).unwrap_or_default()
    }

    /// When it began.
    pub fn start(&self) -> Option<Timestamp> {
        self.period().start
    }

    /// For whom it was: `Organization/…`
    pub fn provider(&self) -> Option<&'a str> {
        common::reference(self.0, "serviceProvider")
    }

    /// Their name, where written here.
    pub fn provider_name(&self) -> Option<&'a str> {
        common::display(self.0, "serviceProvider")
    }

    /// Who saw them: `Practitioner/…`
    pub fn practitioner(&self) -> Option<&'a str> {
        common::list(self.0, "participant").iter().find_map(|p| common::reference(p, "individual"))
    }

    /// The name of who saw them, where written here.
    pub fn practitioner_name(&self) -> Option<&'a str> {
        common::list(self.0, "participant").iter().find_map(|p| common::display(p, "individual"))
    }

    /// Why, in words.
    pub fn reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "reasonCode")
    }

    /// For which need or service, in words.
    pub fn service_type(&self) -> Option<&'a str> {
        common::concept_of(self.0, "serviceType")
    }

    /// The booking: `Appointment/…`
    pub fn appointment(&self) -> Option<&'a str> {
        common::references(self.0, "appointment").first().copied()
    }

    /// The request: `ServiceRequest/…`
    pub fn based_on(&self) -> Option<&'a str> {
        common::references(self.0, "basedOn").first().copied()
    }
}
