//! What a parameter finds in a resource.

use serde_json::Value;

use super::{Kind, compile::Leaf, date};
use crate::resource;

/// One searchable value.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// A code or identifier. A CodeableConcept gives one for each coding (`text` its display) and one with its own text
    /// alone.
    Token {
        /// Code system or identifier system.
        system: Option<String>,
        /// The code or identifier value.
        code: Option<String>,
        /// Words for people.
        text: Option<String>,
    },
    /// Text as written.
    Text(String),
    /// A span in µs since 1970 UTC, `low` included, `high` excluded. An open end of a Period is `i64::MIN`/`i64::MAX`.
    Date {
        /// First microsecond.
        low: i64,
        /// First microsecond after.
        high: i64,
    },
    /// `Type/id` without a version, or an absolute URL, URN or canonical as written.
    Reference(String),
    /// An amount.
    Quantity {
        /// The number.
        value: f64,
        /// Unit system, usually UCUM.
        system: Option<String>,
        /// Unit code.
        code: Option<String>,
        /// Unit in words.
        unit: Option<String>,
    },
    /// A number.
    Number(f64),
    /// A URI as written.
    Uri(String),
}

/// Whether elements of this type have terms for this kind of parameter.
pub(super) fn understood(kind: Kind, leaf: Leaf) -> bool {
    match kind {
        Kind::Token => matches!(
            leaf,
            Leaf::Boolean
                | Leaf::Code
                | Leaf::Text
                | Leaf::Uri
                | Leaf::Canonical
                | Leaf::Coding
                | Leaf::CodeableConcept
                | Leaf::Identifier
                | Leaf::ContactPoint
                | Leaf::Number
        ),
        Kind::String => {
            matches!(
                leaf,
                Leaf::Text | Leaf::Code | Leaf::Uri | Leaf::HumanName | Leaf::Address | Leaf::CodeableConcept
            )
        }
        Kind::Date => matches!(leaf, Leaf::Moment | Leaf::Period | Leaf::Timing),
        Kind::Reference => matches!(leaf, Leaf::Reference | Leaf::Canonical | Leaf::Uri | Leaf::Resource),
        Kind::Quantity => matches!(leaf, Leaf::Quantity | Leaf::Money | Leaf::Range | Leaf::SampledData),
        Kind::Number => matches!(leaf, Leaf::Number | Leaf::Range | Leaf::Quantity),
        Kind::Uri => matches!(leaf, Leaf::Uri | Leaf::Canonical | Leaf::Text | Leaf::Code),
        Kind::Composite | Kind::Special => false,
    }
}

/// Appends the terms of one element. Elements of a wrong shape have none.
pub(super) fn push(kind: Kind, leaf: Leaf, node: &Value, out: &mut Vec<Term>) {
    if !understood(kind, leaf) {
        return;
    }
    match kind {
        Kind::Token => token(leaf, node, out),
        Kind::String => string(leaf, node, out),
        Kind::Date => out.extend(span(leaf, node).map(|(low, high)| Term::Date { low, high })),
        Kind::Reference => out.extend(reference(leaf, node)),
        Kind::Quantity => quantity(leaf, node, out),
        Kind::Number => number(leaf, node, out),
        Kind::Uri => out.extend(node.as_str().map(|text| Term::Uri(text.to_owned()))),
        Kind::Composite | Kind::Special => {}
    }
}

fn text(node: &Value, key: &str) -> Option<String> {
    node.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn items<'a>(node: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let found = node.get(key);
    found.and_then(Value::as_array).map_or(&[][..], Vec::as_slice).iter()
}

fn token(leaf: Leaf, node: &Value, out: &mut Vec<Term>) {
    let plain = |code: String| Term::Token { system: None, code: Some(code), text: None };
    let coding = |node: &Value| {
        let (system, code, text) = (text(node, "system"), text(node, "code"), text(node, "display"));
        (system.is_some() || code.is_some() || text.is_some()).then_some(Term::Token { system, code, text })
    };
    match leaf {
        Leaf::Coding => out.extend(coding(node)),
        Leaf::CodeableConcept => {
            out.extend(items(node, "coding").filter_map(coding));
            if let Some(text) = text(node, "text") {
                out.push(Term::Token { system: None, code: None, text: Some(text) });
            }
        }
        Leaf::Identifier => {
            let (system, code) = (text(node, "system"), text(node, "value"));
            if system.is_some() || code.is_some() {
                let text = node.get("type").and_then(|kind| text(kind, "text"));
                out.push(Term::Token { system, code, text });
            }
        }
        // The spec gives a ContactPoint no system: its value is the code.
        Leaf::ContactPoint => out.extend(text(node, "value").map(plain)),
        _ => match node {
            Value::String(code) => out.push(plain(code.clone())),
            Value::Bool(flag) => out.push(plain(flag.to_string())),
            Value::Number(number) => out.push(plain(number.to_string())),
            _ => {}
        },
    }
}

fn string(leaf: Leaf, node: &Value, out: &mut Vec<Term>) {
    let (one, many): (&[&str], &[&str]) = match leaf {
        Leaf::HumanName => (&["text", "family"], &["given", "prefix", "suffix"]),
        Leaf::Address => (&["text", "city", "district", "state", "postalCode", "country"], &["line"]),
        Leaf::CodeableConcept => (&["text"], &[]),
        _ => {
            out.extend(node.as_str().map(|text| Term::Text(text.to_owned())));
            return;
        }
    };
    out.extend(one.iter().filter_map(|key| text(node, key)).map(Term::Text));
    for key in many {
        out.extend(items(node, key).filter_map(Value::as_str).map(|text| Term::Text(text.to_owned())));
    }
}

fn span(leaf: Leaf, node: &Value) -> Option<(i64, i64)> {
    match leaf {
        Leaf::Moment => date::range(node.as_str()?),
        Leaf::Period => {
            let end = |key: &str| node.get(key).and_then(Value::as_str).map(date::range);
            let (start, end) = (end("start"), end("end"));
            if start.is_none() && end.is_none() {
                return None;
            }
            // An end that cannot be read is not an open end.
            let low = start.map_or(Some(i64::MIN), |range| range.map(|(low, _)| low))?;
            let high = end.map_or(Some(i64::MAX), |range| range.map(|(_, high)| high))?;
            Some((low, high.max(low)))
        }
        Leaf::Timing => {
            let events = items(node, "event").filter_map(Value::as_str).filter_map(date::range);
            let bounds = node.get("repeat").and_then(|repeat| repeat.get("boundsPeriod"));
            events
                .chain(bounds.and_then(|period| span(Leaf::Period, period)))
                .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        }
        _ => None,
    }
}

fn reference(leaf: Leaf, node: &Value) -> Option<Term> {
    if leaf == Leaf::Resource {
        return resource::reference_of(node).map(Term::Reference);
    }
    let text = match leaf {
        Leaf::Reference => node.get("reference")?.as_str()?,
        _ => node.as_str()?,
    };
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    Some(Term::Reference(match resource::split_local_reference(text) {
        Some((kind, id)) => format!("{kind}/{id}"),
        None => text.to_owned(),
    }))
}

fn decimal(node: &Value) -> Option<f64> {
    node.as_f64().filter(|value| value.is_finite())
}

fn quantity(leaf: Leaf, node: &Value, out: &mut Vec<Term>) {
    let amount = |node: &Value| {
        let value = decimal(node.get("value")?)?;
        Some(Term::Quantity { value, system: text(node, "system"), code: text(node, "code"), unit: text(node, "unit") })
    };
    match leaf {
        Leaf::Quantity => out.extend(amount(node)),
        Leaf::Money => {
            if let Some(value) = node.get("value").and_then(decimal) {
                let code = text(node, "currency");
                let system = code.is_some().then(|| "urn:iso:std:iso:4217".to_owned());
                out.push(Term::Quantity { value, system, unit: code.clone(), code });
            }
        }
        Leaf::Range => out.extend(["low", "high"].iter().filter_map(|end| amount(node.get(*end)?))),
        Leaf::SampledData => out.extend(sampled(node).into_iter().flatten()),
        _ => {}
    }
}

/// The lowest and the highest sample, in the unit of the origin.
fn sampled(node: &Value) -> Option<[Term; 2]> {
    let origin = node.get("origin")?;
    let base = origin.get("value").and_then(decimal)?;
    let factor = node.get("factor").and_then(decimal).unwrap_or(1.0);
    let samples = node.get("data")?.as_str()?.split_ascii_whitespace();
    let samples = samples.filter_map(|sample| sample.parse::<f64>().ok()).filter(|sample| sample.is_finite());
    let (low, high) = samples
        .map(|sample| base + sample * factor)
        .fold(None, |ends: Option<(f64, f64)>, s| Some(ends.map_or((s, s), |(low, high)| (low.min(s), high.max(s)))))?;
    Some([low, high].map(|value| Term::Quantity {
        value,
        system: text(origin, "system"),
        code: text(origin, "code"),
        unit: text(origin, "unit"),
    }))
}

fn number(leaf: Leaf, node: &Value, out: &mut Vec<Term>) {
    match leaf {
        Leaf::Range => {
            let ends = ["low", "high"].iter().filter_map(|end| decimal(node.get(*end)?.get("value")?));
            out.extend(ends.map(Term::Number));
        }
        Leaf::Quantity => out.extend(node.get("value").and_then(decimal).map(Term::Number)),
        _ => out.extend(decimal(node).map(Term::Number)),
    }
}
