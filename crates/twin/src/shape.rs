//! Small constructors for the FHIR shapes the twin writes.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Number, Value, json};

pub const UK_CORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-";

pub fn profile(name: &str) -> Value {
    json!({ "profile": [format!("{UK_CORE}{name}")] })
}

/// Marks a resource as test data (HL7 v3 ActReason `HTEST`).
pub fn test_profile(name: &str) -> Value {
    json!({
        "profile": [format!("{UK_CORE}{name}")],
        "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST" }]
    })
}

pub fn code(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

pub fn concept(system: &str, code: &str, text: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": text }], "text": text })
}

pub fn hl7(table: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": format!("http://terminology.hl7.org/CodeSystem/{table}"), "code": code }] })
}

pub fn reference(kind: &str, id: &str) -> Value {
    json!({ "reference": format!("{kind}/{id}") })
}

/// A decimal with so many places, exactly as it will be written.
pub fn decimal(value: f64, places: usize) -> Value {
    format!("{value:.places$}").parse::<Number>().map_or(Value::Null, Value::Number)
}

/// An instant in Europe/London civil time with its offset. A time the clocks skip moves on by the hour skipped.
pub fn instant(london: &TimeZone, date: Date, minutes: u16) -> String {
    let civil = date.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0);
    let offset = london.to_zoned(civil).map_or(0, |z| z.offset().seconds() / 60);
    format!(
        "{date}T{:02}:{:02}:00{}{:02}:{:02}",
        minutes / 60,
        minutes % 60,
        if offset < 0 { '-' } else { '+' },
        offset.abs() / 60,
        offset.abs() % 60
    )
}
