//! Search as FHIR R4 (4.0.1) describes it, <https://hl7.org/fhir/R4/search.html>, over the published parameters.

use std::collections::BTreeMap;

use kith_fhir::{
    Value, json, resource,
    search::{Criterion, Kind, Query, QueryError, Term, date, definitions, fold},
};
use proptest::prelude::*;

#[allow(dead_code)]
mod common;

fn finds(resource: &Value, code: &str, value: &str) -> bool {
    let kind = resource::type_of(resource).unwrap();
    Query::new(kind).unwrap().where_(code, value).unwrap_or_else(|error| panic!("{code}: {error}")).matches(resource)
}

fn table(resource: &Value, rows: &[(&str, &str, bool)]) {
    for (code, value, wanted) in rows {
        assert_eq!(finds(resource, code, value), *wanted, "{code}={value}");
    }
}

#[test]
fn only_parameters_published_without_an_expression_are_missing() {
    let missing: Vec<String> = definitions()
        .unsupported()
        .iter()
        .map(|missing| format!("{}.{}: {}", missing.resource_type, missing.code, missing.reason))
        .collect();
    assert_eq!(
        missing,
        [
            "Resource._content: published without an expression",
            "Resource._query: published without an expression",
            "DomainResource._text: published without an expression",
        ]
    );
}

#[test]
fn every_type_of_the_record_has_its_published_parameters() {
    for (kind, codes) in [
        (
            "Patient",
            &["birthdate", "identifier", "name", "deceased", "general-practitioner", "_id", "_lastUpdated"][..],
        ),
        ("Slot", &["schedule", "start", "status", "service-type"]),
        ("Task", &["owner", "status", "patient", "focus", "due", "claimed-by"]),
        ("Observation", &["code-value-quantity", "combo-code", "value-quantity", "date"]),
        ("Location", &["near", "address"]),
        ("AuditEvent", &["agent", "entity", "date"]),
        ("Provenance", &["target", "recorded"]),
    ] {
        for code in codes {
            assert!(definitions().param(kind, code).is_some(), "{kind}.{code}");
        }
    }
    // All that HL7 publishes for concrete types, ours, and seven for every type.
    let own =
        resource::TYPES.iter().flat_map(|kind| definitions().params(kind)).filter(|p| p.resource_type != "Resource");
    assert_eq!(own.count(), 1700 + 3);
    assert!(definitions().param("Nonsense", "name").is_none() && definitions().param("Patient", "nonsense").is_none());
}

#[test]
fn tokens() {
    let patient = json!({"resourceType": "Patient", "id": "p1", "active": true, "gender": "female",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}, {"value": "bare"}],
        "telecom": [{"system": "phone", "value": "01632 960001"}, {"system": "email", "value": "a@example.org"}],
        "meta": {"tag": [{"system": "http://t", "code": "x"}], "security": [{"code": "R"}], "profile": ["http://p/q"]},
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "so", "display": "Somali"}], "text": "Af-Soomaali"}}]});
    table(
        &patient,
        &[
            ("identifier", "9990000018", true),
            ("identifier", "https://fhir.nhs.uk/Id/nhs-number|9990000018", true),
            ("identifier", "https://fhir.nhs.uk/Id/nhs-number|", true),
            ("identifier", "https://other|9990000018", false),
            ("identifier", "|9990000018", false),
            ("identifier", "|bare", true),
            ("identifier", "x,y,bare", true),
            ("identifier", "999000001", false),
            ("gender", "female", true),
            ("gender", "FEMALE", false),
            ("gender:not", "male", true),
            ("gender:not", "male,female", false),
            ("gender:missing", "false", true),
            ("gender:missing", "true", false),
            ("active", "true", true),
            ("deceased", "false", true),
            ("deceased", "true", false),
            ("phone", "01632 960001", true),
            ("phone", "a@example.org", false),
            ("email", "a@example.org", true),
            ("telecom", "a@example.org", true),
            ("language", "urn:ietf:bcp:47|so", true),
            ("language:text", "somal", true),
            ("language:text", "af-soo", true),
            ("language:text", "soomaali", false),
            ("_id", "p1", true),
            ("_id", "p2,p1", true),
            ("_id", "p2", false),
            ("_tag", "http://t|x", true),
            ("_security", "R", true),
            ("_profile", "http://p/q", true),
            ("_profile:below", "http://p", true),
            ("_profile:below", "http://p/q/r", false),
            ("_profile:above", "http://p/q/r", true),
        ],
    );
    let dead = json!({"resourceType": "Patient", "deceasedDateTime": "2026-01-01"});
    table(&dead, &[("deceased", "true", true), ("death-date", "2026", true), ("gender:missing", "true", true)]);
    let alive = json!({"resourceType": "Patient", "deceasedBoolean": false});
    table(&alive, &[("deceased", "true", false), ("deceased", "false", true)]);
}

#[test]
fn strings() {
    let patient = json!({"resourceType": "Patient", "name": [{"family": "O\u{2019}Br\u{ed}en-Stra\u{df}e", "given": ["Zo\u{eb}"]}],
        "address": [{"line": ["1 High Street"], "city": "\u{c5}lesund", "postalCode": "LS1 4AP"}]});
    table(
        &patient,
        &[
            ("name", "o'brien", true),
            ("name", "ZOE", true),
            ("name", "brien", false),
            ("name:contains", "BRIEN-strasse", true),
            ("family", "zoe", false),
            ("given:exact", "Zo\u{eb}", true),
            ("given:exact", "Zoe", false),
            ("address", "1 high", true),
            ("address-city", "alesund", true),
            ("address-postalcode", "ls1", true),
            ("name", "x,zoe", true),
            ("name", "x\\,zoe", false),
        ],
    );
    assert_eq!(fold("  \u{c9}COLE \u{130}stanbul\t\u{141}\u{f3}d\u{17a} "), "ecole istanbul lodz");
}

/// R4, 3.1.1.4.5: the table of prefixes, and its worked examples of precision.
#[test]
fn dates_compare_as_spans_of_their_precision() {
    let day = json!({"resourceType": "Observation", "effectiveDateTime": "2013-01-14"});
    table(
        &day,
        &[
            ("date", "2013-01-14", true),
            ("date", "2013-01-14T00:00Z", false),
            ("date", "2013-01", true),
            ("date", "ne2013-01-15", true),
            ("date", "ne2013-01-14", false),
            ("date", "lt2013-01-14T10:00Z", true),
            ("date", "lt2013-01-14", false),
            ("date", "gt2013-01-14T10:00Z", true),
            ("date", "gt2013-01-13", true),
            ("date", "ge2013-01-14", true),
            ("date", "le2013-01-14", true),
            ("date", "ge2013-01-15", false),
            ("date", "sa2013-01-13", true),
            ("date", "sa2013-01-14T10:00Z", false),
            ("date", "eb2013-01-15", true),
            ("date", "eb2013-01-14T10:00Z", false),
            ("date", "ap2013-01-14", true),
            ("date", "ap2013-03-01", true),
            ("date", "ap1913-03-01", false),
            ("date", "2012,2013", true),
        ],
    );
    let period = json!({"resourceType": "Encounter", "period": {"start": "2013-01-21T01:00:00Z"}});
    table(
        &period,
        &[
            ("date", "sa2013-01-20", true),
            ("date", "gt2030", true),
            ("date", "eb2030", false),
            ("date", "2013-01-21", false),
            ("date", "ge2013-01-21", true),
        ],
    );
    let timing = json!({"resourceType": "ServiceRequest", "occurrenceTiming": {"event": ["2013-03-01", "2013-02-01"]}});
    table(
        &timing,
        &[("occurrence", "2013", true), ("occurrence", "2013-02", false), ("occurrence", "sa2013-01", true)],
    );
}

#[test]
fn dates_without_a_zone_are_civil_time_in_london() {
    let span = |text: &str| date::range(text).map(|(low, high)| (low / 1_000_000, (high - low) / 1_000_000));
    // 29 March 2026: the clocks go forward at 01:00; 25 October 2026: back at 02:00.
    assert_eq!(span("2026-03-29"), Some((1_774_742_400, 23 * 3600)));
    assert_eq!(span("2026-10-25"), Some((1_792_882_800, 25 * 3600)));
    assert_eq!(span("2026-07-01T09:00:00"), span("2026-07-01T08:00:00Z"));
    assert_eq!(span("2026-07-01T09:00:00+01:00"), span("2026-07-01T08:00:00Z"));
    assert_eq!(span("2026-07-01T09:00:00 01:00"), span("2026-07-01T08:00:00Z"));
    assert_eq!(span("2024-02"), Some((1_706_745_600, 29 * 86_400)));
    assert_eq!(date::range("2026-01-01T00:00:00.5Z").map(|(low, high)| high - low), Some(100_000));
    assert_eq!(date::range("9999").unwrap().1, i64::MAX);
    for text in [
        "",
        "26",
        "2026-13",
        "2026-02-29",
        "2026-1-1",
        "2026-01-01T",
        "2026-01-01T25:00",
        "2026-01-01T09",
        "0000",
        "2026-01-01T09:00:00+19:00",
        "2026-01-01T09:00:00+1",
        "2026-01-01 09:00",
        "2026-01-01T09:00:00.Z",
        "\u{e9}026",
        "2026-01-01x",
    ] {
        assert_eq!(date::range(text), None, "{text}");
    }
}

#[test]
fn numbers_and_quantities_have_the_precision_they_are_written_with() {
    let result = json!({"resourceType": "Observation", "valueQuantity": {"value": 5.40, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}});
    table(
        &result,
        &[
            ("value-quantity", "5.4", true),
            ("value-quantity", "5.40", true),
            ("value-quantity", "5", true),
            ("value-quantity", "5.5", false),
            ("value-quantity", "5.4|http://unitsofmeasure.org|mg", true),
            ("value-quantity", "5.4|http://unitsofmeasure.org|g", false),
            ("value-quantity", "5.4||mg", true),
            ("value-quantity", "gt5.4", false),
            ("value-quantity", "ge5.4", true),
            ("value-quantity", "lt5.41", true),
            ("value-quantity", "le5.39", false),
            ("value-quantity", "ne6", true),
            ("value-quantity", "ap5", true),
            ("value-quantity", "ap4", false),
        ],
    );
    let risk = json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": 100}]});
    table(
        &risk,
        &[
            ("probability", "100", true),
            ("probability", "100.00", true),
            ("probability", "1e2", true),
            ("probability", "gt99", true),
            ("probability", "lt100", false),
            ("probability", "sa99,eb1", true),
        ],
    );
    let near = json!({"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": 99.6}]});
    table(&near, &[("probability", "100", true), ("probability", "100.00", false), ("probability", "1e2", true)]);
    let samples = json!({"resourceType": "Observation", "valueSampledData": {"origin": {"value": 10, "unit": "V"}, "factor": 2, "data": "1 E -3 4"}});
    table(
        &samples,
        &[("value-quantity", "gt17", true), ("value-quantity", "lt5", true), ("value-quantity", "gt18", false)],
    );
}

#[test]
fn references() {
    let result = json!({"resourceType": "Observation", "subject": {"reference": "Patient/p/_history/2"},
        "performer": [{"reference": "https://elsewhere.example/fhir/Practitioner/x"}, {"reference": "#c"}],
        "focus": [{"reference": "urn:uuid:1"}]});
    table(
        &result,
        &[
            ("subject", "p", true),
            ("subject", "Patient/p", true),
            ("subject", "Group/p", false),
            ("subject:Patient", "p", true),
            ("subject:Group", "p", false),
            ("subject:Patient", "Patient/p", true),
            ("patient", "p", true),
            ("performer", "https://elsewhere.example/fhir/Practitioner/x", true),
            ("performer", "x", false),
            ("focus", "urn:uuid:1", true),
            ("subject", "q,p", true),
        ],
    );
    let group = json!({"resourceType": "Observation", "subject": {"reference": "Group/p"}});
    table(&group, &[("patient", "p", false), ("subject", "p", true)]);
    let contained = json!({"resourceType": "Appointment", "contained": [{"resourceType": "Patient", "id": "c"}],
        "participant": [{"actor": {"reference": "#c"}}, {"actor": {"type": "Location", "identifier": {"value": "1"}}}]});
    let nodes = |code| {
        let mut found = 0;
        definitions().param("Appointment", code).unwrap().for_each_node(&contained, |_| found += 1);
        found
    };
    assert_eq!((nodes("patient"), nodes("location"), nodes("practitioner"), nodes("actor")), (1, 1, 0, 2));
    let answers = json!({"resourceType": "QuestionnaireResponse", "questionnaire": "https://x/q|1.0.0"});
    table(
        &answers,
        &[
            ("questionnaire", "https://x/q", true),
            ("questionnaire", "https://x/q|1.0.0", true),
            ("questionnaire", "https://x/q|2", false),
        ],
    );
}

#[test]
fn composites_hold_within_one_element() {
    let pressure = json!({"resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "component": [
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueQuantity": {"value": 150, "unit": "mmHg"}},
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}, "valueQuantity": {"value": 80, "unit": "mmHg"}}]});
    table(
        &pressure,
        &[
            ("component-code-value-quantity", "http://loinc.org|8480-6$gt140", true),
            ("component-code-value-quantity", "http://loinc.org|8462-4$gt140", false),
            ("combo-code-value-quantity", "8480-6$150", true),
            ("code-value-quantity", "85354-9$150", false),
            ("component-code-value-quantity", "x$1,8462-4$lt90", true),
        ],
    );
}

#[test]
fn extensions_of_ours_are_searched_too() {
    let task = json!({"resourceType": "Task", "restriction": {"period": {"end": "2026-03-29T13:00:00+01:00"}},
        "extension": [{"url": "https://fhir.kith.example/StructureDefinition/claimed-by", "valueReference": {"reference": "Practitioner/x"}}]});
    table(
        &task,
        &[
            ("due", "lt2026-03-29T12:00:01Z", true),
            ("due", "lt2026-03-29T12:00:00Z", false),
            ("claimed-by", "Practitioner/x", true),
            ("claimed-by:missing", "true", false),
            ("owner:missing", "true", true),
        ],
    );
}

#[test]
fn bad_queries_are_explained_without_repeating_a_value() {
    let table = [
        ("nonsense", "Secret1"),
        ("birthdate", "Secret1"),
        ("birthdate", "2026-02-30Secret1"),
        ("birthdate:exact", "Secret1"),
        ("name:Secret1", "x"),
        ("name", ""),
        ("gender:missing", "Secret1"),
        ("identifier", "a|b|Secret1"),
        ("identifier", "|"),
        ("general-practitioner", "Secret1/x y"),
        ("general-practitioner:Patient", "1"),
        ("general-practitioner.name", "Secret1"),
        ("_has:Observation:patient:code", "Secret1"),
        ("Secret1 Secret1", "1"),
        ("_count", "Secret1"),
        ("_sort", "Secret1 x"),
        ("_summary", "Secret1"),
        ("_total", "Secret1"),
        ("_include", "Secret1"),
    ];
    for (name, value) in table {
        let error = Query::parse("Patient", &[(name.to_owned(), value.to_owned())]).unwrap_err();
        assert!(!error.to_string().contains("Secret1"), "{error}");
    }
    let error = Query::new("Slot").unwrap().where_("nonsense", "1").unwrap_err().to_string();
    assert!(error.contains("nonsense") && error.contains("`schedule`") && error.contains("`_lastUpdated`"), "{error}");
    assert_eq!(Query::new("Nonsense").unwrap_err(), QueryError::UnknownType);
    assert!(Query::new("Location").unwrap().where_("near", "1|2").is_err());
}

#[test]
fn a_request_is_read_whole_and_orders_its_results() {
    let pairs = [
        ("_count", "20"),
        ("_sort", "-date,_id"),
        ("status", "final"),
        ("code", "a,b"),
        ("_cursor", "c"),
        ("_format", "json"),
    ];
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let query = Query::parse("Observation", &pairs).unwrap();
    assert_eq!(
        (query.count, query.cursor.as_deref(), query.criteria.len(), query.sort.len()),
        (Some(20), Some("c"), 2, 2)
    );
    let at = |id: &str, date: Option<&str>| {
        let mut value = json!({"resourceType": "Observation", "id": id});
        if let Some(date) = date {
            value["effectiveDateTime"] = json!(date);
        }
        value
    };
    let mut values =
        [at("d", None), at("b", Some("2026-01-01")), at("c", Some("2026-02-01")), at("a", Some("2026-01-01"))];
    values.sort_by(|a, b| query.compare(a, b));
    assert_eq!(values.each_ref().map(|value| resource::id_of(value).unwrap()), ["c", "a", "b", "d"]);
}

/// A query value that a resource with this term must answer; `None` where none can be written.
fn asked(term: &Term) -> Option<(&'static str, String)> {
    let escape = |text: &Option<String>| Query::literal(text.as_deref().unwrap_or_default());
    Some(match term {
        Term::Token { system: Some(_), code: None, .. } => return None,
        Term::Token { code: None, text: Some(text), .. } => (":text", Query::literal(text)),
        Term::Token { system: None, code, .. } => ("", escape(code)),
        Term::Token { system, code, .. } => ("", format!("{}|{}", escape(system), escape(code))),
        Term::Text(text) => (":exact", Query::literal(text)),
        Term::Reference(text) | Term::Uri(text) => ("", Query::literal(text)),
        Term::Number(value) => ("", value.to_string()),
        Term::Quantity { value, system: Some(system), code: Some(code), .. } => {
            ("", format!("{value}|{}|{}", Query::literal(system), Query::literal(code)))
        }
        Term::Quantity { value, .. } => ("", value.to_string()),
        Term::Date { low, .. } if *low == i64::MIN => return None,
        Term::Date { low, .. } => ("", format!("ge{}", jiff::Timestamp::from_microsecond(*low).unwrap())),
    })
}

#[test]
fn a_resource_is_found_by_every_value_extracted_from_it() {
    let mut met = BTreeMap::new();
    for bundle in common::synthea(8) {
        for value in common::resources(&bundle) {
            let kind = resource::type_of(&value).unwrap();
            for param in definitions().params(kind) {
                for term in param.extract(&value) {
                    let right = matches!(
                        (param.kind, &term),
                        (Kind::Token, Term::Token { .. })
                            | (Kind::String, Term::Text(_))
                            | (Kind::Date, Term::Date { .. })
                            | (Kind::Reference, Term::Reference(_))
                            | (Kind::Quantity, Term::Quantity { .. })
                            | (Kind::Number, Term::Number(_))
                            | (Kind::Uri, Term::Uri(_))
                    );
                    assert!(right, "{kind}.{} gives {term:?}", param.code);
                    let Some((modifier, text)) = asked(&term) else { continue };
                    let criterion = Criterion::parse(kind, &format!("{}{modifier}", param.code), &text)
                        .unwrap_or_else(|error| panic!("{kind}.{}: {error}", param.code));
                    assert!(criterion.matches(&value), "{kind}.{}{modifier}={text}", param.code);
                    let missing = Criterion::parse(kind, &format!("{}:missing", param.code), "true").unwrap();
                    assert!(!missing.matches(&value));
                    *met.entry(format!("{kind}.{}", param.code)).or_insert(0) += 1;
                }
            }
        }
    }
    if common::shared("synthea-r4").is_some() {
        assert!(met.len() > 120, "only {} parameters met a value", met.len());
    }
}

#[test]
fn no_parameter_is_upset_by_elements_of_the_wrong_shape() {
    let shapes = [
        json!(null),
        json!(1),
        json!("x"),
        json!([]),
        json!([null, 1, "x", [], {}]),
        json!({}),
        json!({"value": {}, "coding": 1, "reference": 1, "start": 1}),
    ];
    for kind in resource::TYPES {
        for param in definitions().params(kind) {
            let words = param.expression.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            for shape in &shapes {
                let mut value = json!({"resourceType": kind});
                for word in words.clone() {
                    value[word] = shape.clone();
                    value[format!("{word}Quantity")] = shape.clone();
                    value[format!("{word}DateTime")] = shape.clone();
                }
                param.extract(&value);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_upsets_a_query(text in any::<String>(), at in 0..20_usize) {
        let params = definitions().params("Observation");
        let param = params[at * 2 % params.len()];
        let _ = Criterion::parse("Observation", param.code, &text).map(|criterion| criterion.matches(&json!({"resourceType": "Observation"})));
        let _ = date::range(&text);
        let _ = fold(&text);
    }

    #[test]
    fn a_moment_has_the_span_its_zone_library_gives(seconds in -2_000_000_000_i64..8_000_000_000, nanos in 0..1_000_000_000_i32, hours in -11..=12_i8) {
        let at = jiff::Timestamp::new(seconds, if seconds < 0 { -nanos } else { nanos }).unwrap();
        let zoned = at.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(hours)));
        let text = zoned.strftime("%Y-%m-%dT%H:%M:%S.%6f%:z").to_string();
        let (low, high) = date::range(&text).unwrap();
        prop_assert_eq!(high - low, 1);
        prop_assert_eq!(low, at.as_nanosecond().div_euclid(1000) as i64);
        let london = at.to_zoned(date::london().clone());
        let (from, to) = date::range(&london.strftime("%Y-%m-%d").to_string()).unwrap();
        prop_assert!(from <= low && low < to);
        prop_assert!((23..=25).contains(&((to - from) / 3_600_000_000)) || seconds < 0);
    }

    #[test]
    fn prefixes_agree_with_each_other(a in 0..3000_i64, b in 0..3000_i64) {
        let day = |n: i64| (jiff::civil::date(2024, 1, 1) + jiff::Span::new().days(n)).to_string();
        let value = json!({"resourceType": "Patient", "birthDate": day(a)});
        let asked = |prefix: &str| finds(&value, "birthdate", &format!("{prefix}{}", day(b)));
        prop_assert_eq!(asked("eq"), a == b);
        prop_assert_eq!(asked("ne"), a != b);
        prop_assert_eq!((asked("gt"), asked("sa")), (a > b, a > b));
        prop_assert_eq!((asked("lt"), asked("eb")), (a < b, a < b));
        prop_assert_eq!((asked("ge"), asked("le")), (a >= b, a <= b));
    }
}
