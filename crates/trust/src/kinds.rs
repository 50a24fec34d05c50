//! Kinds of data: what agreements speak of instead of resource types.

use kith_fhir::Value;
use serde::{Deserialize, Serialize};

/// A kind of data in a person's compartment. See `docs/record.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// Who the person is: Patient, RelatedPerson, Flag.
    Demographics,
    /// Appointments, requests, work.
    Administrative,
    /// Messages.
    Correspondence,
    /// What a person hands in: answers, photos, documents.
    Contribution,
    /// Everything clinical.
    Clinical,
    /// Clinical items marked restricted.
    Sensitive,
    /// What somebody said went wrong with Kith: a Task of kind [`LEARNING_EVENT`]. It belongs to no person.
    Learning,
    /// A person's choices about sharing: Consent.
    Choice,
    /// Coded facts without who they are about: what planning and research count.
    Statistics,
}

/// The code of a Task (`kith_fhir::system::CS_TASK_KIND`) that says what went wrong.
pub const LEARNING_EVENT: &str = "learning-event";

impl DataKind {
    pub const ALL: [Self; 9] = [
        Self::Demographics,
        Self::Administrative,
        Self::Correspondence,
        Self::Contribution,
        Self::Clinical,
        Self::Sensitive,
        Self::Learning,
        Self::Choice,
        Self::Statistics,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::Demographics => "demographics",
            Self::Administrative => "administrative",
            Self::Correspondence => "correspondence",
            Self::Contribution => "contribution",
            Self::Clinical => "clinical",
            Self::Sensitive => "sensitive",
            Self::Learning => "learning",
            Self::Choice => "choice",
            Self::Statistics => "statistics",
        }
    }

    /// As said to a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Demographics => "name and contact details",
            Self::Administrative => "bookings and requests",
            Self::Correspondence => "messages",
            Self::Contribution => "answers, photos and documents",
            Self::Clinical => "clinical detail",
            Self::Sensitive => "specially protected items",
            Self::Learning => "what went wrong",
            Self::Choice => "choices about sharing",
            Self::Statistics => "coded facts without names",
        }
    }

    /// The kind of a resource of this type.
    pub fn of(kind: &str, value: &Value) -> Self {
        match kind {
            "Task" if went_wrong(value) => Self::Learning,
            "Patient" | "RelatedPerson" | "Flag" => Self::Demographics,
            "Appointment"
            | "AppointmentResponse"
            | "ServiceRequest"
            | "Task"
            | "Coverage"
            | "Account"
            | "EpisodeOfCare" => Self::Administrative,
            "Consent" => Self::Choice,
            "Communication" | "CommunicationRequest" => Self::Correspondence,
            "QuestionnaireResponse" | "DocumentReference" | "Binary" => {
                if restricted(value) {
                    Self::Sensitive
                } else {
                    Self::Contribution
                }
            }
            _ if restricted(value) || crate::protection::has_protected_code(value) => Self::Sensitive,
            _ => Self::Clinical,
        }
    }
}

/// Whether `meta.security` holds R (restricted) or V (very restricted). HL7 v3 Confidentiality.
fn restricted(value: &Value) -> bool {
    value["meta"]["security"]
        .as_array()
        .is_some_and(|labels| labels.iter().any(|label| matches!(label["code"].as_str(), Some("R" | "V"))))
}

fn went_wrong(task: &Value) -> bool {
    task["code"]["coding"].as_array().is_some_and(|codings| {
        codings.iter().any(|c| {
            c["system"].as_str() == Some(kith_fhir::system::CS_TASK_KIND) && c["code"].as_str() == Some(LEARNING_EVENT)
        })
    })
}
