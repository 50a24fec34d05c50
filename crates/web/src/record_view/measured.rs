//! Observations as results: the latest in words, the usual range, the trend.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kith_fhir::system;
use kith_fhir::views::{self, common};
use kith_trust::{Entry, Record};
use serde::Serialize;

use super::Wrote;
use crate::chart::{Point, Range, SERIES, Series, Trend};
use crate::filters::london;

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A unit as people write it, from the letters that machines use.
fn unit(written: &str) -> &str {
    match written {
        "umol/L" => "µmol/L",
        "ug/L" => "µg/L",
        "kg/m2" => "kg/m²",
        "mL/min/1.73m2" | "mL/min/{1.73_m2}" | "mL/min/1.73_m2" => "mL/min/1.73 m²",
        "mm[Hg]" => "mmHg",
        "Cel" => "°C",
        "10*9/L" => "×10⁹/L",
        "10*12/L" => "×10¹²/L",
        other => other,
    }
}

/// A number with its unit, the unit as people write it; other words stay as they are.
fn with_unit(value: String) -> String {
    match value.rsplit_once(' ') {
        Some((number, written)) if unit(written) != written => format!("{number} {}", unit(written)),
        _ => value,
    }
}

/// Everything measured under one name, newest first.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Names it in an address: a code, or letters of its name; nothing personal.
    pub key: String,
    pub name: String,
    /// A test of a laboratory; otherwise something measured in the room.
    pub laboratory: bool,
    pub latest: Reading,
    pub readings: Vec<Reading>,
    /// What the latest reading means beside its range and the one before, in a sentence or two.
    pub words: String,
    /// The usual range of the latest reading, if it came with one.
    pub usual: Option<Usual>,
    /// One drawing for each unit in it (blood pressure has one, with two lines); none if nothing is a number.
    pub trends: Vec<Trend>,
}

/// A usual range in words: `20 to 41 mmol/mol`, and who says so.
#[derive(Clone, Debug, Serialize)]
pub struct Usual {
    pub words: String,
    pub source: Option<String>,
}

/// One reading.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    pub reference: String,
    pub shown: String,
    pub on: Option<String>,
    pub notes: Vec<String>,
    pub wrote: Wrote,
}

/// Observations grouped by what they measure; the one measured last comes first. What was written by mistake is left out.
pub fn measured(record: &Record) -> Vec<Measured> {
    let mut groups: BTreeMap<String, Vec<(&Entry, views::Observation<'_>)>> = BTreeMap::new();
    for entry in record.of("Observation") {
        let Some(seen) = views::Observation::of(&entry.value) else { continue };
        if matches!(seen.status(), Some("entered-in-error" | "cancelled")) {
            continue;
        }
        groups.entry(key_of(seen)).or_default().push((entry, seen));
    }
    let mut found: Vec<Measured> = groups.into_iter().map(|(key, group)| measured_of(key, group)).collect();
    found.sort_by(|a, b| b.latest.on.cmp(&a.latest.on).then_with(|| a.name.cmp(&b.name)));
    found
}

fn key_of(seen: views::Observation<'_>) -> String {
    let code = seen.code_in(system::LOINC).or_else(|| seen.code_in(system::SNOMED)).or_else(|| seen.code_text());
    let key: String =
        code.unwrap_or("other").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    key.chars().take(60).collect::<String>().to_ascii_lowercase()
}

fn measured_of(key: String, mut group: Vec<(&Entry, views::Observation<'_>)>) -> Measured {
    group.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.effective()));
    let readings: Vec<Reading> = group
        .iter()
        .map(|(entry, seen)| Reading {
            reference: entry.reference(),
            shown: shown(*seen),
            on: text(seen.effective()),
            notes: seen.notes().into_iter().map(str::to_owned).collect(),
            wrote: Wrote::of_entry(entry),
        })
        .collect();
    let newest = &group[0].1;
    let name = newest.code_text().unwrap_or("Result").to_owned();
    Measured {
        laboratory: newest.is_of("laboratory"),
        words: words(&group),
        usual: usual(*newest),
        trends: trends(&key, &name, &group),
        latest: readings[0].clone(),
        key,
        name,
        readings,
    }
}

pub(super) fn shown(seen: views::Observation<'_>) -> String {
    if let Some(value) = seen.value_text() {
        return with_unit(value);
    }
    let parts = seen.components();
    // Blood pressure is said as one: upper over lower.
    if let [upper, lower] = parts.as_slice()
        && let (Some(u), Some(l)) = (upper.quantity(), lower.quantity())
        && upper.code_in(system::LOINC) == Some("8480-6")
    {
        return format!("{}/{} {}", u.written, l.written, unit(u.unit.unwrap_or_default())).trim_end().to_owned();
    }
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|part| Some(format!("{}: {}", part.code_text().unwrap_or("Part"), with_unit(part.value_text()?))))
        .collect();
    if parts.is_empty() { "No value".to_owned() } else { parts.join(", ") }
}

fn range((low, high): (Option<common::Quantity<'_>>, Option<common::Quantity<'_>>)) -> Range {
    Range { low: low.map(|q| q.value), high: high.map(|q| q.value) }
}

/// Where a number lies beside its usual range; nothing where there is none.
fn beside(range: Range, value: f64) -> Option<&'static str> {
    if range == Range::default() {
        return None;
    }
    let above = range.high.is_some_and(|high| value > high);
    let below = range.low.is_some_and(|low| value < low);
    Some(match (above, below) {
        (true, _) => "higher than the usual range",
        (_, true) => "lower than the usual range",
        _ => "within the usual range",
    })
}

fn words(group: &[(&Entry, views::Observation<'_>)]) -> String {
    let newest = &group[0].1;
    let mut said: Vec<String> = Vec::new();
    if let Some(value) = newest.quantity() {
        if let Some(place) = beside(range(newest.reference_range()), value.value) {
            said.push(sentence(place));
        } else if let Some(code) = newest.interpretation() {
            said.extend(match code {
                "N" => Some("Within the usual range.".to_owned()),
                "H" | "HH" | "HU" => Some("Higher than the usual range.".to_owned()),
                "L" | "LL" | "LU" => Some("Lower than the usual range.".to_owned()),
                _ => None,
            });
        }
        let before = group.get(1).and_then(|(_, seen)| seen.quantity());
        if let Some(before) = before.filter(|before| before.unit == value.unit) {
            let than = match value.value.total_cmp(&before.value) {
                std::cmp::Ordering::Greater => "It has gone up since the time before.",
                std::cmp::Ordering::Less => "It has gone down since the time before.",
                std::cmp::Ordering::Equal => "It is the same as the time before.",
            };
            said.push(than.to_owned());
        }
    }
    let parts: Vec<(&str, &str)> = newest
        .components()
        .iter()
        .filter_map(|part| {
            let place = beside(range(part.reference_range()), part.quantity()?.value)?;
            Some((part.code_text().unwrap_or("One number"), place))
        })
        .collect();
    match parts.as_slice() {
        [] => {}
        // What is true of every part is said once.
        [(_, first), rest @ ..] if rest.iter().all(|(_, place)| place == first) => said.push(sentence(first)),
        parts => said.extend(parts.iter().map(|(name, place)| format!("{name}: {place}."))),
    }
    if said.is_empty() { newest.interpretation_text().map(str::to_owned).unwrap_or_default() } else { said.join(" ") }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

/// The usual range in words, with who says so.
fn usual(seen: views::Observation<'_>) -> Option<Usual> {
    let of = |range: Range, unit_of: &str| {
        let unit_of = unit(unit_of);
        Some(match (range.low, range.high) {
            (Some(low), Some(high)) => format!("{low} to {high} {unit_of}"),
            (Some(low), None) => format!("{low} {unit_of} or more"),
            (None, Some(high)) => format!("{high} {unit_of} or less"),
            (None, None) => return None,
        })
    };
    let mut said: Vec<String> = Vec::new();
    said.extend(of(range(seen.reference_range()), seen.quantity().and_then(|q| q.unit).unwrap_or_default()));
    for part in seen.components() {
        let words = of(range(part.reference_range()), part.quantity().and_then(|q| q.unit).unwrap_or_default());
        said.extend(words.map(|words| format!("{}: {words}", part.code_text().unwrap_or("Part"))));
    }
    let source = seen.reference_range_text().map(str::to_owned);
    (!said.is_empty()).then(|| Usual { words: said.join("; "), source })
}

/// One drawing for each unit: numbers in the same unit, as the two of a blood pressure, stand in one.
fn trends(key: &str, name: &str, group: &[(&Entry, views::Observation<'_>)]) -> Vec<Trend> {
    let mut drawings: Vec<(String, Vec<Series>)> = Vec::new();
    let mut add = |part: &str, range: Range, at: Option<Timestamp>, q: Option<common::Quantity<'_>>| {
        let (Some(at), Some(q)) = (at, q) else { return };
        let unit = unit(q.unit.unwrap_or_default());
        let point = Point { on: at.to_zoned(london()).date(), value: q.value, shown: q.written.to_owned() };
        // Other units are another picture.
        let at = drawings.iter().position(|(of, _)| of == unit).unwrap_or_else(|| {
            drawings.push((unit.to_owned(), Vec::new()));
            drawings.len() - 1
        });
        let series = &mut drawings[at].1;
        match series.iter_mut().find(|series| series.name == part) {
            Some(series) => series.points.push(point),
            None => series.push(Series { name: part.to_owned(), range, points: vec![point] }),
        }
    };
    for (_, seen) in group {
        add(name, range(seen.reference_range()), seen.effective(), seen.quantity());
        for part in seen.components() {
            add(part.code_text().unwrap_or(name), range(part.reference_range()), seen.effective(), part.quantity());
        }
    }
    let mut trends = Vec::new();
    for (unit, series) in drawings {
        // More lines than a reader can tell apart are drawn one by one.
        if series.len() <= SERIES {
            trends.push(Trend::of(&format!("{key}-{}", trends.len()), name, &unit, series));
        } else {
            for one in series {
                let id = format!("{key}-{}", trends.len());
                trends.push(Trend::new(&id, &one.name, &unit, one.range, one.points));
            }
        }
    }
    trends
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_fhir::{Value, json};

    #[test]
    fn units_are_written_as_people_write_them() {
        for (machine, shown) in [
            ("84 umol/L", "84 µmol/L"),
            ("27.1 kg/m2", "27.1 kg/m²"),
            ("61 mL/min/1.73m2", "61 mL/min/1.73 m²"),
            ("5.1 mmol/L", "5.1 mmol/L"),
            ("Ex-smoker since kg/m2 days", "Ex-smoker since kg/m2 days"),
            ("Never", "Never"),
        ] {
            assert_eq!(with_unit(machine.to_owned()), shown);
        }
    }

    fn pressure(upper: f64, lower: f64) -> Value {
        let part = |name: &str, value: f64, low: f64, high: f64| {
            let end = |value: f64| json!({"value": value, "unit": "mmHg"});
            json!({"code": {"text": name}, "valueQuantity": end(value),
                "referenceRange": [{"low": end(low), "high": end(high), "text": "NICE NG136"}]})
        };
        json!({"resourceType": "Observation", "id": "b", "status": "final", "code": {"text": "Blood pressure"},
            "effectiveDateTime": "2026-11-20", "component": [part("Upper", upper, 90.0, 139.0), part("Lower", lower, 60.0, 89.0)]})
    }

    #[test]
    fn a_blood_pressure_says_which_of_its_numbers_is_high_and_stands_in_one_chart() {
        let said = |upper: f64, lower: f64| {
            let value = pressure(upper, lower);
            let seen = views::Observation::of(&value).unwrap();
            let parts: Vec<(&str, &str)> = seen
                .components()
                .iter()
                .filter_map(|p| Some((p.code_text()?, beside(range(p.reference_range()), p.quantity()?.value)?)))
                .collect();
            (parts[0].1, parts[1].1)
        };
        assert_eq!(said(152.0, 84.0), ("higher than the usual range", "within the usual range"));
        assert_eq!(said(85.0, 50.0), ("lower than the usual range", "lower than the usual range"));
        let value = pressure(120.0, 70.0);
        let usual = usual(views::Observation::of(&value).unwrap()).unwrap();
        assert_eq!(usual.words, "Upper: 90 to 139 mmHg; Lower: 60 to 89 mmHg");
        assert_eq!(usual.source.as_deref(), Some("NICE NG136"));
    }
}
