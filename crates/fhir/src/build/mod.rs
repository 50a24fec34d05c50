//! Constructors for what the rooms write, shaped as `docs/record.md` says.
//!
//! References are given as text (`Patient/…`). Moments are written in Europe/London with their offset. What is optional
//! and absent is left out, never written as null.
//!
//! ```
//! use kith_fhir::{build, views};
//!
//! let now = "2026-03-28T12:00:00Z".parse()?;
//! let due = "2026-03-29T12:00:00Z".parse()?;
//! let task = build::Task {
//!     kind: "callback",
//!     person: "Patient/p1",
//!     owner: "HealthcareService/front-desk",
//!     due,
//!     authored: now,
//!     priority: "routine",
//!     description: "Ring back about an appointment",
//!     requester: Some("Patient/p1"),
//!     focus: None,
//! }
//! .build();
//! let seen = views::Task::of(&task).expect("it is a Task");
//! assert_eq!(seen.owner(), Some("HealthcareService/front-desk"));
//! assert_eq!(seen.due(), Some(due));
//! // The clocks go forward in between: written as people will read it.
//! assert!(task.to_string().contains("2026-03-29T13:00:00+01:00"));
//! # Ok::<(), jiff::Error>(())
//! ```

use jiff::{Timestamp, civil};
use serde_json::{Map, Value, json};

use crate::search::date::london;

mod care;
mod work;

pub use care::{AccessNeed, ClinicalImpression, Document, Encounter, Proxy, binary};
pub use work::{Answer, Appointment, Communication, Disposition, Item, QuestionnaireResponse, ServiceRequest, Task};

/// `{"reference": "Type/id"}`.
pub fn reference(to: &str) -> Value {
    json!({ "reference": to })
}

/// A reference with the name of what it points to.
pub fn reference_display(to: &str, display: &str) -> Value {
    json!({ "reference": to, "display": display })
}

/// A Coding; an empty `display` is left out.
pub fn coding(system: &str, code: &str, display: &str) -> Value {
    object([("system", some_text(system)), ("code", some_text(code)), ("display", some_text(display))])
}

/// A CodeableConcept of one coding, with `display` as its text too; an empty `display` is left out.
pub fn concept(system: &str, code: &str, display: &str) -> Value {
    object([("coding", Some(json!([coding(system, code, display)]))), ("text", some_text(display))])
}

/// A CodeableConcept of words alone.
pub fn concept_text(text: &str) -> Value {
    json!({ "text": text })
}

/// An Identifier.
pub fn identifier(system: &str, value: &str) -> Value {
    json!({ "system": system, "value": value })
}

/// A Period; an end that is `None` is open.
pub fn period(start: Option<Timestamp>, end: Option<Timestamp>) -> Value {
    object([("start", start.map(moment)), ("end", end.map(moment))])
}

/// A moment as an `instant` or `dateTime`: civil time in London with its offset, to the second, or to the microsecond
/// where it has any.
pub fn instant(at: Timestamp) -> String {
    let zoned = at.to_zoned(london().clone());
    let pattern = if at.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S.%6f%:z" };
    zoned.strftime(pattern).to_string()
}

fn moment(at: Timestamp) -> Value {
    Value::String(instant(at))
}

/// A `date`: `2026-03-29`.
pub fn date(day: civil::Date) -> String {
    day.to_string()
}

/// An extension with one value: `key` is the name of the element (`valueCode`, `valueReference`, …).
pub fn extension(url: &str, key: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert("url".into(), json!(url));
    map.insert(key.into(), value);
    Value::Object(map)
}

/// An extension with `valueCode`.
pub fn extension_code(url: &str, code: &str) -> Value {
    extension(url, "valueCode", json!(code))
}

/// An extension with `valueString`.
pub fn extension_string(url: &str, text: &str) -> Value {
    extension(url, "valueString", json!(text))
}

/// An extension with `valueBoolean`.
pub fn extension_boolean(url: &str, flag: bool) -> Value {
    extension(url, "valueBoolean", json!(flag))
}

/// An extension with `valueInteger`.
pub fn extension_integer(url: &str, number: i64) -> Value {
    extension(url, "valueInteger", json!(number))
}

/// An extension with `valueDecimal`.
pub fn extension_decimal(url: &str, number: f64) -> Value {
    extension(url, "valueDecimal", json!(number))
}

/// An extension with `valueReference`.
pub fn extension_reference(url: &str, to: &str) -> Value {
    extension(url, "valueReference", reference(to))
}

/// An extension with `valueCodeableConcept`.
pub fn extension_concept(url: &str, concept: Value) -> Value {
    extension(url, "valueCodeableConcept", concept)
}

/// An extension made of others; their urls are short names such as `latitude`.
pub fn extension_nested(url: &str, parts: Vec<Value>) -> Value {
    json!({ "url": url, "extension": parts })
}

/// The extension that carries a place: decimal degrees, WGS84. `url` is [`crate::system::EXT_HOME_LOCATION`] on a Patient,
/// [`crate::system::EXT_GEOLOCATION`] on an address.
pub fn extension_position(url: &str, latitude: f64, longitude: f64) -> Value {
    extension_nested(url, vec![extension_decimal("latitude", latitude), extension_decimal("longitude", longitude)])
}

/// Adds an extension to a resource or element, beside others of the same url.
pub fn add_extension(element: &mut Value, extension: Value) {
    push(element, "extension", extension);
}

/// Puts an extension in place of those with the same url.
pub fn set_extension(element: &mut Value, extension: Value) {
    remove_extension(element, extension.get("url").and_then(Value::as_str).unwrap_or_default());
    add_extension(element, extension);
}

/// Takes away the extensions with this url.
pub fn remove_extension(element: &mut Value, url: &str) {
    let Some(map) = element.as_object_mut() else { return };
    if let Some(Value::Array(items)) = map.get_mut("extension") {
        items.retain(|item| item.get("url").and_then(Value::as_str) != Some(url));
        if items.is_empty() {
            map.remove("extension");
        }
    }
}

/// Gives a resource its id.
pub fn with_id(mut resource: Value, id: &str) -> Value {
    set(&mut resource, "id", json!(id));
    resource
}

/// Sets one element of a resource; null takes it away.
pub fn set(resource: &mut Value, key: &str, value: Value) {
    let Some(map) = resource.as_object_mut() else { return };
    if value.is_null() {
        map.remove(key);
    } else {
        map.insert(key.to_owned(), value);
    }
}

/// Sets `status`.
pub fn set_status(resource: &mut Value, status: &str) {
    set(resource, "status", json!(status));
}

/// Appends to a repeating element.
pub fn push(resource: &mut Value, key: &str, item: Value) {
    let Some(map) = resource.as_object_mut() else { return };
    match map.get_mut(key) {
        Some(Value::Array(items)) => items.push(item),
        _ => {
            map.insert(key.to_owned(), Value::Array(vec![item]));
        }
    }
}

fn some_text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!(text))
}

fn references(to: &[&str]) -> Option<Value> {
    (!to.is_empty()).then(|| to.iter().map(|to| reference(to)).collect())
}

/// An object of the elements that are there.
fn object<const N: usize>(elements: [(&str, Option<Value>); N]) -> Value {
    let there = elements.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect())
}

fn resource<const N: usize>(kind: &str, elements: [(&str, Option<Value>); N]) -> Value {
    let mut resource = object(elements);
    set(&mut resource, "resourceType", json!(kind));
    resource
}
