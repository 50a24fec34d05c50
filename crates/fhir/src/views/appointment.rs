use jiff::Timestamp;

use super::common;
use crate::system;

view! {
    /// A booking.
    Appointment
}

impl<'a> Appointment<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// Start.
    pub fn start(&self) -> Option<Timestamp> {
        common::moment(self.0, "start")
    }

    /// End.
    pub fn end(&self) -> Option<Timestamp> {
        common::moment(self.0, "end")
    }

    /// When it was made.
    pub fn created(&self) -> Option<Timestamp> {
        common::moment(self.0, "created")
    }

    /// Everybody and everything taking part.
    pub fn participants(&self) -> Vec<&'a str> {
        common::list(self.0, "participant").iter().filter_map(|p| common::reference(p, "actor")).collect()
    }

    /// The participant of a type: `Patient`, `HealthcareService`, `Practitioner`, `Location`.
    pub fn participant(&self, resource_type: &str) -> Option<&'a str> {
        common::reference_to(self.participants(), resource_type)
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        self.participant("Patient")
    }

    /// The service: `HealthcareService/…`
    pub fn service(&self) -> Option<&'a str> {
        self.participant("HealthcareService")
    }

    /// The slots taken: `Slot/…`
    pub fn slots(&self) -> Vec<&'a str> {
        common::references(self.0, "slot")
    }

    /// `in-person`, `phone` or `video`.
    pub fn mode(&self) -> Option<&'a str> {
        common::extension_text(self.0, system::EXT_MODE, "valueCode")
    }

    /// The need it is for.
    pub fn need(&self) -> Option<&'a str> {
        common::codes_in(self.0, "serviceType", system::CS_NEED).first().copied()
    }

    /// What it is for, in words.
    pub fn service_type(&self) -> Option<&'a str> {
        common::concept_of(self.0, "serviceType")
    }

    /// Why, in words.
    pub fn reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "reasonCode")
    }

    /// The service as shown.
    pub fn description(&self) -> Option<&'a str> {
        common::text(self.0, "description")
    }

    /// What the person should bring or do.
    pub fn instruction(&self) -> Option<&'a str> {
        common::text(self.0, "patientInstruction")
    }

    /// The request it meets: `ServiceRequest/…`
    pub fn based_on(&self) -> Option<&'a str> {
        common::references(self.0, "basedOn").first().copied()
    }

    /// Why it was cancelled, in words.
    pub fn cancelation_reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "cancelationReason")
    }
}
