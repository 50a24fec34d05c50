//! What every view needs: texts, codes, extensions, moments.

use jiff::{Timestamp, civil};
use serde_json::Value;

use crate::search::date;

/// A text element.
pub fn text<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    element.get(key)?.as_str()
}

/// A repeating element; empty where absent. A single object where a list is due counts as a list of one.
pub fn list<'a>(element: &'a Value, key: &str) -> &'a [Value] {
    match element.get(key) {
        Some(Value::Array(items)) => items,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    }
}

/// The texts of a repeating element.
pub fn texts<'a>(element: &'a Value, key: &str) -> Vec<&'a str> {
    list(element, key).iter().filter_map(Value::as_str).collect()
}

/// A CodeableConcept in words: its text, else the first display, else the first code.
pub fn concept_text(concept: &Value) -> Option<&str> {
    let codings = list(concept, "coding");
    text(concept, "text")
        .or_else(|| codings.iter().find_map(|coding| text(coding, "display")))
        .or_else(|| codings.iter().find_map(|coding| text(coding, "code")))
}

/// Element `key`, a CodeableConcept (or the first of several), in words.
pub fn concept_of<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    concepts(element, key).find_map(concept_text)
}

/// The CodeableConcepts of an element, one or many.
pub fn concepts<'a>(element: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    list(element, key).iter()
}

/// The code of a CodeableConcept in one system.
pub fn code_in<'a>(concept: &'a Value, system: &str) -> Option<&'a str> {
    list(concept, "coding").iter().find(|coding| text(coding, "system") == Some(system)).and_then(|c| text(c, "code"))
}

/// The codes in one system of element `key`, CodeableConcepts.
pub fn codes_in<'a>(element: &'a Value, key: &str, system: &str) -> Vec<&'a str> {
    concepts(element, key).filter_map(|concept| code_in(concept, system)).collect()
}

/// The first code of element `key`, whatever its system.
pub fn first_code<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    concepts(element, key).flat_map(|concept| list(concept, "coding")).find_map(|coding| text(coding, "code"))
}

/// Whether a CodeableConcept has this code in this system.
pub fn has_code(concept: &Value, system: &str, code: &str) -> bool {
    list(concept, "coding")
        .iter()
        .any(|coding| text(coding, "system") == Some(system) && text(coding, "code") == Some(code))
}

/// The first extension with this url.
pub fn extension<'a>(element: &'a Value, url: &str) -> Option<&'a Value> {
    list(element, "extension").iter().find(|item| text(item, "url") == Some(url))
}

/// All extensions with this url.
pub fn extensions<'a, 'u>(element: &'a Value, url: &'u str) -> impl Iterator<Item = &'a Value> + use<'a, 'u> {
    list(element, "extension").iter().filter(move |item| text(item, "url") == Some(url))
}

/// Value `key` (`valueCode`, …) of the first extension with this url.
pub fn extension_value<'a>(element: &'a Value, url: &str, key: &str) -> Option<&'a Value> {
    extension(element, url)?.get(key)
}

/// The text of value `key` of the first extension with this url.
pub fn extension_text<'a>(element: &'a Value, url: &str, key: &str) -> Option<&'a str> {
    extension_value(element, url, key)?.as_str()
}

/// The place in an extension of nested `latitude` and `longitude`, decimal degrees; `None` beyond ±90 or ±180.
pub fn extension_position(element: &Value, url: &str) -> Option<(f64, f64)> {
    let place = extension(element, url)?;
    // The home location may hold HL7's geolocation extension inside, or its parts themselves.
    let place = extension(place, crate::system::EXT_GEOLOCATION).unwrap_or(place);
    let degrees = |part| extension_value(place, part, "valueDecimal").and_then(Value::as_f64);
    position(degrees("latitude")?, degrees("longitude")?)
}

/// The place, if it is one on earth.
pub fn position(latitude: f64, longitude: f64) -> Option<(f64, f64)> {
    (latitude.abs() <= 90.0 && longitude.abs() <= 180.0).then_some((latitude, longitude))
}

/// The literal reference of element `key`.
pub fn reference<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    text(element.get(key)?, "reference")
}

/// The display of the Reference in element `key`.
pub fn display<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    text(element.get(key)?, "display")
}

/// The literal references of a repeating element.
pub fn references<'a>(element: &'a Value, key: &str) -> Vec<&'a str> {
    list(element, key).iter().filter_map(|item| text(item, "reference")).collect()
}

/// The first of some references that is to this type.
pub fn reference_to<'a>(references: impl IntoIterator<Item = &'a str>, resource_type: &str) -> Option<&'a str> {
    references
        .into_iter()
        .find(|to| crate::resource::split_reference(to).is_some_and(|(kind, _)| kind == resource_type))
}

/// The moment (or first moment of the day, month or year) an element names.
pub fn moment(element: &Value, key: &str) -> Option<Timestamp> {
    date::parse(text(element, key)?)?.timestamp()
}

/// The civil day in London an element names; `None` where it names only a month or year.
pub fn day(element: &Value, key: &str) -> Option<civil::Date> {
    let moment = date::parse(text(element, key)?)?;
    (moment.precision >= date::Precision::Day).then(|| moment.london_date())?
}

/// The first moment of the first of these elements that is there, Periods by their start (or end, where that is all).
pub fn first_moment(element: &Value, keys: &[&str]) -> Option<Timestamp> {
    keys.iter().find_map(|key| {
        let found = element.get(*key)?;
        match found {
            Value::Object(_) => moment(found, "start").or_else(|| moment(found, "end")),
            _ => moment(element, key),
        }
    })
}

/// A Period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// First moment; `None` where open.
    pub start: Option<Timestamp>,
    /// Last moment; `None` where open. An end written as a day is the last second of that day.
    pub end: Option<Timestamp>,
}

impl Period {
    /// Reads a Period element.
    pub fn of(period: &Value) -> Self {
        let end = text(period, "end").and_then(date::parse).and_then(|moment| match moment.precision {
            date::Precision::Second | date::Precision::Fraction(_) => moment.timestamp(),
            _ => Timestamp::from_microsecond(moment.range().1.checked_sub(1_000_000)?).ok(),
        });
        Self { start: moment(period, "start"), end }
    }

    /// Whether `at` is in it, both ends included.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at <= end)
    }
}

/// A number with its unit, as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity<'a> {
    /// The number.
    pub value: f64,
    /// The number as it was written: `72.0`.
    pub written: &'a str,
    /// The unit in words, else its code.
    pub unit: Option<&'a str>,
    /// The unit's code, usually UCUM.
    pub code: Option<&'a str>,
    /// `<`, `<=`, `>=` or `>`.
    pub comparator: Option<&'a str>,
}

impl<'a> Quantity<'a> {
    /// Reads a Quantity element that has a number.
    pub fn of(quantity: &'a Value) -> Option<Self> {
        let Value::Number(number) = quantity.get("value")? else { return None };
        let code = text(quantity, "code");
        Some(Self {
            value: number.as_f64().filter(|value| value.is_finite())?,
            written: number.as_str(),
            unit: text(quantity, "unit").or(code),
            code,
            comparator: text(quantity, "comparator"),
        })
    }
}

impl std::fmt::Display for Quantity<'_> {
    /// `72.0 beats/minute`; a percent sign stands close.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.comparator.unwrap_or_default(), self.written)?;
        match self.unit {
            Some("%") => f.write_str("%"),
            Some(unit) if !unit.starts_with('{') => write!(f, " {unit}"),
            _ => Ok(()),
        }
    }
}

/// A HumanName.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a>(&'a Value);

impl<'a> Name<'a> {
    /// The name to show: the official one, else the usual, else any that is not old.
    pub fn best(resource: &'a Value) -> Option<Self> {
        let names = list(resource, "name");
        let with = |wanted: &str| names.iter().find(|name| text(name, "use") == Some(wanted));
        with("official")
            .or_else(|| with("usual"))
            .or_else(|| names.iter().find(|name| !matches!(text(name, "use"), Some("old" | "maiden"))))
            .or_else(|| names.first())
            .map(Name)
    }

    /// Family name.
    pub fn family(&self) -> Option<&'a str> {
        text(self.0, "family")
    }

    /// Given names in order.
    pub fn given(&self) -> Vec<&'a str> {
        texts(self.0, "given")
    }

    /// Title.
    pub fn prefix(&self) -> Option<&'a str> {
        texts(self.0, "prefix").first().copied()
    }

    /// Given and family names in one line; else the text.
    pub fn line(&self) -> String {
        let mut parts = self.given();
        parts.extend(self.family());
        if parts.is_empty() { text(self.0, "text").unwrap_or_default().to_owned() } else { parts.join(" ") }
    }
}

/// The value of the first current contact point of a system (`phone`, `email`, …), mobile phones first.
pub fn telecom<'a>(resource: &'a Value, system: &str) -> Option<&'a str> {
    let points = list(resource, "telecom");
    let current = || points.iter().filter(|p| text(p, "system") == Some(system) && text(p, "use") != Some("old"));
    current().find(|p| text(p, "use") == Some("mobile")).or_else(|| current().next()).and_then(|p| text(p, "value"))
}

/// The address to use: the home one, else any that is not old.
pub fn address(resource: &Value) -> Option<&Value> {
    let addresses = list(resource, "address");
    addresses
        .iter()
        .find(|address| text(address, "use") == Some("home"))
        .or_else(|| addresses.iter().find(|address| text(address, "use") != Some("old")))
}

/// An address as lines to print: street lines, city, district or county, postcode; else its text by lines.
pub fn address_lines(address: &Value) -> Vec<&str> {
    let mut lines = texts(address, "line");
    lines.extend(["city", "district", "state", "postalCode"].iter().filter_map(|key| text(address, key)));
    if lines.is_empty() {
        lines.extend(text(address, "text").into_iter().flat_map(str::lines));
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// The notes of a resource.
pub fn notes(resource: &Value) -> Vec<&str> {
    list(resource, "note").iter().filter_map(|note| text(note, "text")).collect()
}
