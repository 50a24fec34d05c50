//! What happened to a person, across all organisations.

use jiff::Timestamp;
use kith_fhir::Value;
use kith_fhir::views::{self, any, common};
use kith_trust::{Entry, Record};
use serde::Serialize;

use super::measured::shown;
use super::{Wrote, as_precise, document_day};

/// What somebody was told whose questions stopped at an emergency: `call 999`, `go to A&E`. None for other requests.
pub fn told_to(request: views::ServiceRequest<'_>) -> Option<&'static str> {
    match request.disposition()?.code {
        "emergency-999" => Some("call 999"),
        "emergency-department" => Some("go to A&E"),
        _ => None,
    }
}

/// Something that happened, for the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// `Type/id`.
    pub reference: String,
    pub on: String,
    pub what: String,
    pub kind: &'static str,
    pub detail: Option<String>,
    pub who: String,
    pub organisation: String,
    /// Written after the reader last looked.
    pub new: bool,
    #[serde(skip)]
    pub at: Timestamp,
}

/// Everything that happened to the person, across all organisations, newest first. `since` marks what was written after
/// it as new.
pub fn timeline(record: &Record, since: Option<Timestamp>) -> Vec<Event> {
    let mut events: Vec<Event> = record.entries().iter().filter_map(|entry| event(entry, since)).collect();
    events.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.reference.cmp(&b.reference)));
    events
}

/// The first `limit` events of [`timeline`] that have happened by now, without making the others.
pub fn latest(record: &Record, since: Option<Timestamp>, now: Timestamp, limit: usize) -> Vec<Event> {
    let mut entries: Vec<(Timestamp, &Entry)> = record
        .entries()
        .iter()
        .filter(|entry| kind_words(entry.kind).is_some())
        .map(|entry| (any::when(&entry.value).unwrap_or(entry.updated), entry))
        .filter(|(at, _)| *at <= now)
        .collect();
    entries.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| (x.kind, &x.id).cmp(&(y.kind, &y.id))));
    entries.into_iter().filter_map(|(_, entry)| event(entry, since)).take(limit).collect()
}

/// What has happened by now: a coming appointment stands among the appointments, and not with what took place.
pub fn happened(events: Vec<Event>, now: Timestamp) -> Vec<Event> {
    events.into_iter().filter(|event| event.at <= now).collect()
}

fn event(entry: &Entry, since: Option<Timestamp>) -> Option<Event> {
    let kind = kind_words(entry.kind)?;
    if common::text(&entry.value, "status") == Some("entered-in-error") || is_notice(&entry.value) {
        return None;
    }
    let at = any::when(&entry.value).unwrap_or(entry.updated);
    let headline = any::headline(&entry.value).unwrap_or_default();
    let told = views::ServiceRequest::of(&entry.value).and_then(told_to);
    let what = if let Some(told) = told {
        format!("Told to {told}")
    } else if headline.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}: {}", one_line(headline))
    };
    let detail = match entry.kind {
        "Observation" => views::Observation::of(&entry.value).map(shown),
        "MedicationRequest" => {
            views::MedicationRequest::of(&entry.value).and_then(|seen| seen.dosage_text().map(str::to_owned))
        }
        "ServiceRequest" => views::ServiceRequest::of(&entry.value).and_then(|seen| seen.reason().map(str::to_owned)),
        "Appointment" => views::Appointment::of(&entry.value).and_then(|seen| {
            Some(match seen.status()? {
                "cancelled" => "Cancelled".to_owned(),
                "noshow" => "Missed".to_owned(),
                "fulfilled" => "Took place".to_owned(),
                _ => return None,
            })
        }),
        _ => None,
    };
    let wrote = Wrote::of_entry(entry);
    Some(Event {
        reference: entry.reference(),
        on: match views::DocumentReference::of(&entry.value) {
            Some(document) => document_day(document, at),
            None => as_precise(&entry.value, at),
        },
        what,
        kind,
        detail,
        who: wrote.who,
        organisation: wrote.organisation,
        new: since.is_some_and(|since| entry.updated > since),
        at,
    })
}

fn is_notice(value: &Value) -> bool {
    views::Communication::of(value).is_some_and(|seen| seen.category() == Some("notification"))
}

fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 140 { line } else { format!("{}…", line.chars().take(139).collect::<String>()) }
}

/// What a type of resource is called on a timeline; `None` for what is not an event of somebody's life.
fn kind_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Encounter" => "Seen",
        "ClinicalImpression" => "Note",
        "Condition" => "Problem",
        "Observation" => "Measured",
        "MedicationRequest" => "Medicine",
        "AllergyIntolerance" => "Allergy",
        "Immunization" => "Vaccination",
        "DiagnosticReport" => "Test report",
        "DocumentReference" => "Photo or letter",
        "Communication" => "Message",
        "ServiceRequest" => "Request",
        "Appointment" => "Appointment",
        "QuestionnaireResponse" => "Answers",
        "Procedure" => "Procedure",
        "CarePlan" => "Care plan",
        "ImagingStudy" => "Scan",
        _ => return None,
    })
}
