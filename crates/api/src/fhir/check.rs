//! What a resource must be before it is let in by REST.
//!
//! Checked here: `resourceType` is an R4 type; `id` and `meta` have the right shape; the resource is whole (not a subset
//! that would overwrite the rest); every NHS number, wherever it stands, passes its check digit; and every date, date-time
//! and period that the type's published search parameters look at is a real one, with a zone where it has a time. What
//! these parameters do not look at is kept as it was sent.

use kith_fhir::identifier::{NhsNumber, same_system};
use kith_fhir::search::date::{self, Precision};
use kith_fhir::search::{Kind, definitions};
use kith_fhir::{Value, resource, system};

use super::outcome::{Failure, Issue};
use super::view::is_part;

/// Everything wrong with a resource; `at` is the place it stands at (`Bundle.entry[2].resource`), empty where it stands
/// alone.
pub fn problems(value: &Value, at: &str) -> Vec<Issue> {
    let mut issues = Vec::new();
    let mut say = |code, place: String, words: &str| {
        let place =
            if at.is_empty() { place } else { format!("{at}.{}", place.split_once('.').map_or("", |(_, p)| p)) };
        issues.push(Issue { code, words: words.to_owned(), place: Some(place.trim_end_matches('.').to_owned()) });
    };
    let Some(kind) = resource::type_of(value).and_then(resource::type_code).and_then(resource::type_name) else {
        say("structure", "resourceType".to_owned(), "`resourceType` is missing or is not an R4 resource type");
        return issues;
    };
    match value.get("id") {
        None => {}
        Some(Value::String(id)) if resource::valid_id(id) => {}
        Some(_) => say("value", format!("{kind}.id"), "an id is 1 to 64 of A-Z, a-z, 0-9, `-` and `.`"),
    }
    if value.get("meta").is_some_and(|meta| !meta.is_object()) {
        say("structure", format!("{kind}.meta"), "`meta` must be an object");
    }
    if is_part(value) {
        let words = "this is part of a resource (SUBSETTED): send the whole, or the rest would be lost";
        say("business-rule", format!("{kind}.meta.tag"), words);
    }
    for param in definitions().params(kind).iter().filter(|p| p.kind == Kind::Date && !p.code.starts_with('_')) {
        let mut wrong = None;
        param.for_each_node(value, |node| wrong = wrong.or(date_problem(node)));
        if let Some(words) = wrong {
            let place = param.expression.split([' ', '|']).next().unwrap_or(kind).trim_matches(['(', ')']);
            say("value", place.to_owned(), words);
        }
    }
    if has_wrong_nhs_number(value) {
        let words = "an NHS number has ten digits, the last of which checks the others: this one does not pass";
        say("business-rule", format!("{kind}.identifier"), words);
    }
    issues
}

/// Refuses a resource that has any.
pub fn resource(value: &Value) -> Result<(), Failure> {
    let issues = problems(value, "");
    if issues.is_empty() {
        return Ok(());
    }
    Err(Failure { status: axum::http::StatusCode::UNPROCESSABLE_ENTITY, issues })
}

fn date_problem(node: &Value) -> Option<&'static str> {
    match node {
        Value::String(text) => moment_problem(text),
        Value::Object(map) => {
            let end = |key: &str| map.get(key);
            let problem = [end("start"), end("end")].into_iter().flatten().find_map(|value| match value {
                Value::String(text) => moment_problem(text),
                _ => Some("a date must be text"),
            });
            let span = |key: &str| end(key).and_then(Value::as_str).and_then(date::range);
            problem.or_else(|| match (span("start"), span("end")) {
                (Some((start, _)), Some((_, end))) if start >= end => Some("a period must not end before it starts"),
                _ => None,
            })
        }
        _ => Some("a date must be text"),
    }
}

fn moment_problem(text: &str) -> Option<&'static str> {
    const SHAPE: &str = "must be a date (2026, 2026-03 or 2026-03-29) or a date and time with its zone \
                         (2026-03-29T09:15:00+01:00), and must exist";
    if text.contains(' ') {
        return Some(SHAPE);
    }
    let Some(moment) = date::parse(text) else { return Some(SHAPE) };
    let zoned = moment.offset.is_some() && moment.precision >= Precision::Second;
    if moment.precision <= Precision::Day || zoned { None } else { Some(SHAPE) }
}

/// Whether any identifier in the resource, contained ones and identifiers of references included, is a wrong NHS number.
fn has_wrong_nhs_number(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_wrong_nhs_number),
        Value::Object(map) => {
            let own = map.get("system").and_then(Value::as_str).is_some_and(|met| same_system(system::NHS_NUMBER, met))
                && map.get("value").is_some_and(|v| v.as_str().is_none_or(|text| NhsNumber::parse(text).is_err()));
            own || map.values().any(has_wrong_nhs_number)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_fhir::json;

    fn words(value: Value) -> String {
        let said = problems(&value, "").into_iter();
        said.map(|issue| [&issue.place.unwrap_or_default(), ": ", &issue.words, "; "].concat()).collect()
    }

    #[test]
    fn a_date_that_does_not_exist_is_refused_and_the_place_is_named() {
        let patient = |born: Value| words(json!({"resourceType": "Patient", "birthDate": born}));
        assert_eq!(patient(json!("1980-02-29")), "");
        assert_eq!(patient(json!("1980")), "");
        for wrong in [json!("1981-02-29"), json!("29/02/1980"), json!("yesterday"), json!(1980), json!("")] {
            assert!(patient(wrong.clone()).starts_with("Patient.birthDate: "), "{wrong}");
        }
    }

    #[test]
    fn a_time_needs_its_zone_and_a_period_its_order() {
        let slot = |start: &str| words(json!({"resourceType": "Slot", "start": start}));
        assert_eq!(slot("2026-03-29T09:15:00+01:00"), "");
        assert_eq!(slot("2026-03-29T09:15:00.123Z"), "");
        for wrong in ["2026-03-29T09:15:00", "2026-03-29T09:15Z", "2026-03-29T09:15:00 01:00", "2026-03-29T25:00:00Z"] {
            assert_ne!(slot(wrong), "", "{wrong}");
        }
        let encounter = |start: &str, end: &str| {
            words(json!({"resourceType": "Encounter", "period": {"start": start, "end": end}}))
        };
        assert_eq!(encounter("2026-01-01", "2026-01-01"), "");
        assert!(encounter("2026-01-02", "2026-01-01").contains("end before"));
    }

    #[test]
    fn an_nhs_number_that_fails_its_check_is_refused_wherever_it_stands() {
        let wrong = json!({"system": system::NHS_NUMBER, "value": "9990000019"});
        let right = json!({"system": system::NHS_NUMBER, "value": "9990000018"});
        assert_eq!(words(json!({"resourceType": "Patient", "identifier": [right]})), "");
        for place in [
            json!({"resourceType": "Patient", "identifier": [wrong]}),
            json!({"resourceType": "Observation", "subject": {"identifier": wrong}}),
            json!({"resourceType": "Observation", "contained": [{"resourceType": "Patient", "identifier": [wrong]}]}),
            json!({"resourceType": "Patient", "identifier": [{"system": "http://fhir.nhs.net/Id/nhs-number", "value": "1"}]}),
        ] {
            let said = words(place);
            assert!(said.contains("NHS number") && !said.contains("9990000019"), "{said}");
        }
    }
}
