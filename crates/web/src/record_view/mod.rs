//! A record as pages show it, to the person and to teams alike: lists in words, trends, and the timeline with who wrote
//! what.

mod measured;
mod timeline;
mod wrote;

use jiff::Timestamp;
use kith_fhir::Value;
use kith_fhir::views::{self, common};
use kith_trust::{Entry, Record};
use serde::Serialize;

use crate::filters::london;

pub use measured::{Measured, measured};
pub use timeline::{Event, happened, latest, timeline, told_to};
pub use wrote::{Authors, Wrote};

/// A moment of a resource as precisely as the resource says it: `2026-10-23` where it names a day alone, so that no page
/// says "at midnight" of it.
fn as_precise(value: &Value, at: Timestamp) -> String {
    let local = at.to_zoned(london());
    if local.time() == jiff::civil::Time::midnight() {
        let day = local.date().to_string();
        let said = |text: &str| matches!(text.len(), 4 | 7 | 10) && day.starts_with(text);
        let texts = value.as_object().into_iter().flat_map(|parts| parts.values()).filter_map(|part| match part {
            Value::Object(_) => common::text(part, "start"),
            part => part.as_str(),
        });
        if let Some(said) = texts.into_iter().find(|text| said(text)) {
            return said.to_owned();
        }
    }
    at.to_string()
}

/// When a photo was taken, or the day a letter is of: letters have no time of day.
fn document_day(seen: views::DocumentReference<'_>, at: Timestamp) -> String {
    if seen.is_image() { at.to_string() } else { at.to_zoned(london()).date().to_string() }
}

/// A line of a list: what, since when, and more words.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// `Type/id`.
    pub reference: String,
    pub what: String,
    pub detail: Option<String>,
    pub on: Option<String>,
    pub active: bool,
    pub wrote: Wrote,
}

fn line(entry: &Entry, what: Option<&str>, detail: Option<String>, on: Option<Timestamp>, active: bool) -> Line {
    Line {
        reference: entry.reference(),
        what: what.unwrap_or("Not named").to_owned(),
        detail,
        on: on.map(|at| as_precise(&entry.value, at)),
        active,
        wrote: Wrote::of_entry(entry),
    }
}

fn newest_first(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|a, b| b.active.cmp(&a.active).then_with(|| b.on.cmp(&a.on)));
    lines
}

/// Conditions, those of now first. What was refuted or written by mistake is left out.
pub fn problems(record: &Record) -> Vec<Line> {
    let lines = record.of("Condition").filter_map(|entry| {
        let seen = views::Condition::of(&entry.value)?;
        if matches!(seen.verification(), Some("refuted" | "entered-in-error")) {
            return None;
        }
        let on = seen.onset().or(seen.recorded());
        Some(line(entry, seen.code_text(), seen.severity().map(str::to_owned), on, seen.is_active()))
    });
    newest_first(lines.collect())
}

/// Prescriptions, those of now first.
pub fn medicines(record: &Record) -> Vec<Line> {
    let lines = record.of("MedicationRequest").filter_map(|entry| {
        let seen = views::MedicationRequest::of(&entry.value)?;
        if seen.status() == Some("entered-in-error") {
            return None;
        }
        let how = seen.dosage_text().map(str::to_owned);
        Some(line(entry, seen.medication_text(), how, seen.authored(), seen.is_active()))
    });
    newest_first(lines.collect())
}

/// Allergies, those that count now first.
pub fn allergies(record: &Record) -> Vec<Line> {
    let lines = record.of("AllergyIntolerance").filter_map(|entry| {
        let seen = views::AllergyIntolerance::of(&entry.value)?;
        if matches!(seen.verification(), Some("refuted" | "entered-in-error")) {
            return None;
        }
        let reactions = seen.reactions().join(", ");
        let detail = (!reactions.is_empty()).then_some(reactions);
        Some(line(entry, seen.code_text(), detail, seen.recorded().or(seen.onset()), seen.is_active()))
    });
    newest_first(lines.collect())
}

/// Vaccinations given.
pub fn immunisations(record: &Record) -> Vec<Line> {
    let lines = record.of("Immunization").filter_map(|entry| {
        let seen = views::Immunization::of(&entry.value)?;
        let given = seen.status() == Some("completed");
        let why = seen.status_reason().map(|why| format!("Not given: {why}"));
        Some(line(entry, seen.vaccine(), why, seen.occurred(), given))
    });
    newest_first(lines.collect())
}

/// A photo or letter.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    pub id: String,
    pub title: String,
    pub on: Option<String>,
    pub image: bool,
    pub wrote: Wrote,
}

/// Photos and letters, newest first.
pub fn documents(record: &Record) -> Vec<Document> {
    let mut found: Vec<Document> = record
        .of("DocumentReference")
        .filter_map(|entry| {
            let seen = views::DocumentReference::of(&entry.value)?;
            if seen.status() == Some("entered-in-error") {
                return None;
            }
            let title = seen.title().or(seen.description()).or(seen.type_text()).unwrap_or("Document");
            Some(Document {
                id: entry.id.clone(),
                title: title.to_owned(),
                on: seen.date().map(|at| document_day(seen, at)),
                image: seen.is_image(),
                wrote: Wrote::of_entry(entry),
            })
        })
        .collect();
    found.sort_by(|a, b| b.on.cmp(&a.on));
    found
}

#[cfg(test)]
mod tests {
    use kith_fhir::json;

    use super::*;

    #[test]
    fn a_day_alone_is_never_said_to_be_at_midnight() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // A day in summer begins the evening before in UTC.
        let said = |value: Value, moment: &str| as_precise(&value, at(moment));
        assert_eq!(said(json!({"authoredOn": "2026-10-23"}), "2026-10-22T23:00:00Z"), "2026-10-23");
        assert_eq!(said(json!({"onsetDateTime": "2019-03"}), "2019-03-01T00:00:00Z"), "2019-03");
        assert_eq!(said(json!({"period": {"start": "2026-11-20"}}), "2026-11-20T00:00:00Z"), "2026-11-20");
        // What did happen at midnight keeps its time.
        let midnight = "2026-11-20T00:00:00Z";
        assert_eq!(said(json!({"effectiveDateTime": midnight}), midnight), midnight);
    }
}
