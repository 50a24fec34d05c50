//! Borrowed, typed looks at resources: just the fields the rooms use, nothing copied.
//!
//! Each view is made by `of`, which answers `None` for a resource of another type. What is absent or of a wrong shape is
//! `None` or empty: a view never fails on what somebody else wrote.
//!
//! ```
//! use kith_fhir::{json, views::Patient};
//!
//! let resource = json!({"resourceType": "Patient", "id": "p1", "birthDate": "1980-02-29",
//!     "name": [{"use": "official", "family": "Okafor", "given": ["Ada"]}]});
//! let person = Patient::of(&resource).expect("it is a Patient");
//! assert_eq!(person.name(), "Ada Okafor");
//! assert_eq!(person.age_on("2026-02-28".parse()?), Some(45));
//! # Ok::<(), jiff::Error>(())
//! ```

macro_rules! view {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<'a>(&'a serde_json::Value);

        impl<'a> $name<'a> {
            /// The view, if the resource is of this type.
            pub fn of(resource: &'a serde_json::Value) -> Option<Self> {
                (crate::resource::type_of(resource) == Some(stringify!($name))).then_some(Self(resource))
            }

            /// The resource itself.
            pub fn resource(&self) -> &'a serde_json::Value {
                self.0
            }

            /// Its id; empty before it has one.
            pub fn id(&self) -> &'a str {
                crate::resource::id_of(self.0).unwrap_or_default()
            }

            /// `Type/id`.
            pub fn reference(&self) -> String {
                format!("{}/{}", stringify!($name), self.id())
            }

            /// The version, as `meta.versionId` says.
            pub fn version(&self) -> Option<&'a str> {
                crate::views::common::text(self.0.get("meta")?, "versionId")
            }

            /// When this version was written, as `meta.lastUpdated` says.
            pub fn last_updated(&self) -> Option<jiff::Timestamp> {
                crate::views::common::moment(self.0.get("meta")?, "lastUpdated")
            }
        }
    };
}

pub mod any;
pub mod common;

mod allergy_intolerance;
mod appointment;
mod audit_event;
mod binary;
mod clinical_impression;
mod communication;
mod condition;
mod consent;
mod diagnostic_report;
mod document_reference;
mod encounter;
mod flag;
mod healthcare_service;
mod immunization;
mod location;
mod medication_request;
mod observation;
mod organization;
mod patient;
mod practitioner;
mod practitioner_role;
mod provenance;
mod questionnaire_response;
mod related_person;
mod schedule;
mod service_request;
mod slot;
mod task;

pub use allergy_intolerance::AllergyIntolerance;
pub use appointment::Appointment;
pub use audit_event::AuditEvent;
pub use binary::Binary;
pub use clinical_impression::ClinicalImpression;
pub use communication::Communication;
pub use condition::Condition;
pub use consent::Consent;
pub use diagnostic_report::DiagnosticReport;
pub use document_reference::DocumentReference;
pub use encounter::Encounter;
pub use flag::Flag;
pub use healthcare_service::{AgeRange, AvailableTime, HealthcareService};
pub use immunization::Immunization;
pub use location::Location;
pub use medication_request::MedicationRequest;
pub use observation::{Component, Observation};
pub use organization::Organization;
pub use patient::{AppointmentPreference, Patient};
pub use practitioner::Practitioner;
pub use practitioner_role::PractitionerRole;
pub use provenance::Provenance;
pub use questionnaire_response::{AnsweredItem, QuestionnaireResponse};
pub use related_person::RelatedPerson;
pub use schedule::Schedule;
pub use service_request::{Disposition, ServiceRequest};
pub use slot::Slot;
pub use task::Task;
