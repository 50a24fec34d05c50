//! Small looks into FHIR JSON that the model is read with.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Timestamp, ToSpan};
use kith_fhir::Value;

use crate::words;

/// The items of an array property; nothing where it is absent.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// The extensions with this URL.
pub(crate) fn extensions<'a>(value: &'a Value, url: &'a str) -> impl Iterator<Item = &'a Value> {
    items(value, "extension").filter(move |extension| text(extension, "url") == Some(url))
}

pub(crate) fn extension<'a>(value: &'a Value, url: &'a str) -> Option<&'a Value> {
    extensions(value, url).next()
}

/// The one `value[x]` of an extension.
fn value_of(extension: &Value) -> Option<&Value> {
    extension.as_object()?.iter().find(|(name, _)| name.starts_with("value")).map(|(_, value)| value)
}

pub(crate) fn extension_text<'a>(value: &'a Value, url: &'a str) -> Option<&'a str> {
    value_of(extension(value, url)?)?.as_str()
}

pub(crate) fn extension_flag(value: &Value, url: &str) -> bool {
    extension(value, url).and_then(value_of).and_then(Value::as_bool).unwrap_or(false)
}

pub(crate) fn extension_number(value: &Value, url: &str) -> Option<f64> {
    value_of(extension(value, url)?)?.as_f64()
}

/// Codes of this system in a CodeableConcept.
pub(crate) fn codes<'a>(concept: &'a Value, system: &'a str) -> impl Iterator<Item = &'a str> {
    items(concept, "coding")
        .filter(move |coding| text(coding, "system") == Some(system))
        .filter_map(|coding| text(coding, "code"))
}

/// Codes of this system in a property that is an array of CodeableConcepts.
pub(crate) fn codes_in(value: &Value, name: &str, system: &str) -> Vec<String> {
    items(value, name).flat_map(|concept| codes(concept, system)).map(str::to_owned).collect()
}

/// `reference` of a Reference property.
pub(crate) fn reference<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    text(value.get(name)?, "reference")
}

/// The references of an array of References to this type.
pub(crate) fn references(value: &Value, name: &str, kind: &str) -> Vec<String> {
    items(value, name)
        .filter_map(|item| text(item, "reference"))
        .filter(|reference| reference.split_once('/').is_some_and(|(name, _)| name == kind))
        .map(str::to_owned)
        .collect()
}

/// The value of the first contact point of this system.
pub(crate) fn contact(value: &Value, system: &str) -> Option<String> {
    items(value, "telecom")
        .find(|point| text(point, "system") == Some(system))
        .and_then(|p| text(p, "value"))
        .map(str::to_owned)
}

/// A name of a person as shown: `text`, or prefix, given and family names.
pub(crate) fn human_name(value: &Value) -> Option<String> {
    let name = items(value, "name").next()?;
    if let Some(text) = text(name, "text") {
        return Some(text.to_owned());
    }
    let mut parts: Vec<&str> = items(name, "prefix").chain(items(name, "given")).filter_map(Value::as_str).collect();
    parts.extend(text(name, "family"));
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A FHIR `time` (`09:00:00`, or `09:00`).
pub(crate) fn time(text: &str) -> Option<Time> {
    text.parse().ok()
}

/// A FHIR `dateTime` as the instants it spans: a day, month or year is all of it, London time; without an offset it is
/// London time too.
pub(crate) fn span(text: &str) -> Option<(Timestamp, Timestamp)> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some((instant, instant));
    }
    if text.len() > 10 {
        let civil: DateTime = text.parse().ok()?;
        let instant = civil.to_zoned(words::LONDON.clone()).ok()?.timestamp();
        return Some((instant, instant));
    }
    let (start, end) = match text.len() {
        4 => {
            let start: Date = format!("{text}-01-01").parse().ok()?;
            (start, start.checked_add(1.year()).ok()?)
        }
        7 => {
            let start: Date = format!("{text}-01").parse().ok()?;
            (start, start.checked_add(1.month()).ok()?)
        }
        _ => {
            let start: Date = text.parse().ok()?;
            (start, start.tomorrow().ok()?)
        }
    };
    Some((words::start_of(start), words::start_of(end)))
}
