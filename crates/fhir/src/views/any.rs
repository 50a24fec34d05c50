//! What can be said of any resource, for timelines and lists.

use jiff::Timestamp;
use serde_json::Value;

use super::{common, medication_request};
use crate::resource;

/// When a resource happened: the moment that matters clinically, else when it was written.
pub fn when(resource: &Value) -> Option<Timestamp> {
    const MOMENTS: &[&str] = &[
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "performedDateTime",
        "performedPeriod",
        "occurrenceDateTime",
        "occurredDateTime",
        "onsetDateTime",
        "onsetPeriod",
        "start",
        "started",
        "authoredOn",
        "authored",
        "period",
        "date",
        "sent",
        "issued",
        "dateTime",
        "recordedDate",
        "recorded",
        "created",
        "billablePeriod",
    ];
    // Timelines ask this of a thousand resources at a time: the commonest types first look where they say it.
    let usual: &[&str] = match resource::type_of(resource)? {
        "Observation" | "DiagnosticReport" => &["effectiveDateTime", "effectivePeriod"],
        "Encounter" => &["period"],
        "MedicationRequest" => &["authoredOn"],
        "Condition" => &["onsetDateTime"],
        "Immunization" => &["occurrenceDateTime"],
        _ => &[],
    };
    common::first_moment(resource, usual)
        .or_else(|| common::first_moment(resource, MOMENTS))
        .or_else(|| common::moment(resource.get("meta")?, "lastUpdated"))
}

/// What a resource is about, in a few words; `None` where it does not say.
pub fn headline(resource: &Value) -> Option<&str> {
    let concept = |key| common::concept_of(resource, key);
    match resource::type_of(resource)? {
        "Encounter" => concept("reasonCode").or_else(|| concept("type")).or_else(|| concept("serviceType")),
        "MedicationRequest" | "MedicationStatement" | "MedicationDispense" | "MedicationAdministration" => {
            medication_request::medication_text(resource)
        }
        "Immunization" => concept("vaccineCode"),
        "Appointment" => common::text(resource, "description").or_else(|| concept("serviceType")),
        "DocumentReference" => common::text(resource, "description").or_else(|| concept("type")),
        "Communication" => concept("topic")
            .or_else(|| common::list(resource, "payload").iter().find_map(|part| common::text(part, "contentString"))),
        "ClinicalImpression" => common::text(resource, "summary"),
        "CarePlan" => common::text(resource, "title").or_else(|| concept("category")),
        "Goal" => concept("description"),
        "Task" => common::text(resource, "description"),
        "ImagingStudy" => common::text(resource, "description").or_else(|| concept("procedureCode")),
        _ => concept("code").or_else(|| common::text(resource, "title")).or_else(|| common::text(resource, "name")),
    }
}

/// Who is named as having done or written it, where the reference carries a name.
pub fn by_name(resource: &Value) -> Option<&str> {
    ["recorder", "requester", "assessor", "asserter", "author", "sender"]
        .iter()
        .find_map(|key| common::display(resource, key))
        .or_else(|| {
            let parts = common::list(resource, "participant").iter().chain(common::list(resource, "performer"));
            parts.into_iter().find_map(|part| {
                ["individual", "actor"]
                    .iter()
                    .find_map(|key| common::display(part, key))
                    .or_else(|| common::text(part, "display"))
            })
        })
}
