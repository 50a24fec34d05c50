use jiff::Timestamp;
use serde_json::Value;

use super::common;

view! {
    /// A measurement, result or finding.
    Observation
}

impl<'a> Observation<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// What it is, in words.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// Its code in one system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system)
    }

    /// Categories: `vital-signs`, `laboratory`, …
    pub fn categories(&self) -> Vec<&'a str> {
        common::concepts(self.0, "category")
            .flat_map(|concept| common::list(concept, "coding"))
            .filter_map(|coding| common::text(coding, "code"))
            .collect()
    }

    /// Whether it is of this category.
    pub fn is_of(&self, category: &str) -> bool {
        self.categories().contains(&category)
    }

    /// When it was true.
    pub fn effective(&self) -> Option<Timestamp> {
        common::first_moment(self.0, &["effectiveDateTime", "effectiveInstant", "effectivePeriod", "issued"])
    }

    /// Its number and unit.
    pub fn quantity(&self) -> Option<common::Quantity<'a>> {
        common::Quantity::of(self.0.get("valueQuantity")?)
    }

    /// Its value in words: number and unit, text, code, yes or no.
    pub fn value_text(&self) -> Option<String> {
        value_text(self.0)
    }

    /// Its parts (blood pressure has two).
    pub fn components(&self) -> Vec<Component<'a>> {
        common::list(self.0, "component").iter().map(Component).collect()
    }

    /// What it means: `H`, `L`, `N`, …
    pub fn interpretation(&self) -> Option<&'a str> {
        common::first_code(self.0, "interpretation")
    }

    /// What it means, in words.
    pub fn interpretation_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "interpretation")
    }

    /// The usual range: lowest and highest.
    pub fn reference_range(&self) -> Range<'a> {
        reference_range(self.0)
    }

    /// Who says what the usual range is, in words; of its parts where it has none itself.
    pub fn reference_range_text(&self) -> Option<&'a str> {
        let of = |value: &'a Value| common::list(value, "referenceRange").first().and_then(|r| common::text(r, "text"));
        of(self.0).or_else(|| common::list(self.0, "component").iter().find_map(of))
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Found when: `Encounter/…`
    pub fn encounter(&self) -> Option<&'a str> {
        common::reference(self.0, "encounter")
    }

    /// Who found it.
    pub fn performers(&self) -> Vec<&'a str> {
        common::references(self.0, "performer")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}

/// One part of an observation.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a>(&'a Value);

impl<'a> Component<'a> {
    /// What it is, in words.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// Its code in one system.
    pub fn code_in(&self, system: &str) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system)
    }

    /// Its number and unit.
    pub fn quantity(&self) -> Option<common::Quantity<'a>> {
        common::Quantity::of(self.0.get("valueQuantity")?)
    }

    /// Its value in words.
    pub fn value_text(&self) -> Option<String> {
        value_text(self.0)
    }

    /// The usual range of this part: lowest and highest.
    pub fn reference_range(&self) -> Range<'a> {
        reference_range(self.0)
    }
}

/// Lowest and highest, either of them open.
type Range<'a> = (Option<common::Quantity<'a>>, Option<common::Quantity<'a>>);

fn reference_range(element: &Value) -> Range<'_> {
    let Some(range) = common::list(element, "referenceRange").first() else { return (None, None) };
    let end = |key| range.get(key).and_then(common::Quantity::of);
    (end("low"), end("high"))
}

fn value_text(element: &Value) -> Option<String> {
    let (key, value) = element.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    Some(match (key.as_str(), value) {
        ("valueQuantity", _) => common::Quantity::of(value)?.to_string(),
        ("valueCodeableConcept", _) => common::concept_text(value)?.to_owned(),
        ("valueRange", _) => {
            let end = |key| value.get(key).and_then(common::Quantity::of);
            match (end("low"), end("high")) {
                (Some(low), Some(high)) => format!("{} to {high}", low.written),
                (Some(low), None) => format!("{low} or more"),
                (None, Some(high)) => format!("up to {high}"),
                (None, None) => return None,
            }
        }
        ("valueRatio", _) => {
            let part = |key| value.get(key).and_then(common::Quantity::of);
            format!("{}:{}", part("numerator")?, part("denominator")?)
        }
        (_, Value::Bool(true)) => "Yes".to_owned(),
        (_, Value::Bool(false)) => "No".to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Number(number)) => number.to_string(),
        _ => return None,
    })
}
