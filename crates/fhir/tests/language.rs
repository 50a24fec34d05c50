//! Types, references, identifiers and compartments.

use std::collections::HashSet;

use kith_fhir::{
    compartment::{patient_of, patients_of},
    identifier::{self, NhsNumber, NhsNumberError, OdsCode, Register},
    json, resource, system,
};
use proptest::prelude::*;

#[allow(dead_code)]
mod common;

#[test]
fn type_codes_are_stable() {
    assert_eq!(resource::TYPES.len(), 146);
    assert!(resource::TYPES.is_sorted());
    // Stored in databases: these may never change.
    for (name, code) in
        [("Account", 1), ("Observation", 96), ("Patient", 103), ("Task", 140), ("VisionPrescription", 146)]
    {
        assert_eq!(resource::type_code(name), Some(code), "{name}");
    }
    for (at, name) in resource::TYPES.iter().enumerate() {
        assert_eq!(resource::type_name(at as u16 + 1), Some(*name));
    }
    assert_eq!((resource::type_name(0), resource::type_name(147), resource::type_code("Resource")), (None, None, None));
}

#[test]
fn references_are_split_and_nothing_else_is() {
    let table = [
        ("Patient/1", Some(("Patient", "1"))),
        ("Patient/1/_history/3", Some(("Patient", "1"))),
        ("https://example.org/fhir/Patient/a-b.c", Some(("Patient", "a-b.c"))),
        ("https://example.org/fhir/Patient/1/_history/2", Some(("Patient", "1"))),
        ("Patient/", None),
        ("patient/1", None),
        ("Nonsense/1", None),
        ("x/Patient/1", None),
        ("/Patient/1", None),
        ("#p", None),
        ("urn:uuid:0ee1d5a5-0000-4000-8000-000000000000", None),
        ("Patient?identifier=1", None),
        ("Patient/1#x", None),
        ("Patient/a b", None),
        ("", None),
        ("http://loinc.org", None),
    ];
    for (text, wanted) in table {
        assert_eq!(resource::split_reference(text), wanted, "{text}");
    }
    assert!(!resource::valid_id("") && !resource::valid_id(&"x".repeat(65)) && !resource::valid_id("a_b"));
    assert!(resource::valid_id(&"x".repeat(64)));
}

#[test]
fn every_reference_is_seen_and_can_be_rewritten() {
    let mut value = json!({"subject": {"reference": "urn:uuid:1"}, "contained": [{"a": [{"reference": "#x"}]}],
        "reference": {"reference": "Patient/2"}, "other": "urn:uuid:1"});
    let mut seen = Vec::new();
    resource::for_each_reference(&value, |text| seen.push(text.to_owned()));
    seen.sort();
    assert_eq!(seen, ["#x", "Patient/2", "urn:uuid:1"]);
    resource::for_each_reference_mut(&mut value, |text| {
        if text == "urn:uuid:1" {
            "Patient/1".clone_into(text);
        }
    });
    assert_eq!((&value["subject"]["reference"], &value["other"]), (&json!("Patient/1"), &json!("urn:uuid:1")));
}

#[test]
fn nhs_numbers_are_read_as_people_write_them_and_mistakes_are_told_apart() {
    // The example of the NHS Data Dictionary, and one whose check digit would be 10.
    assert_eq!(NhsNumber::parse(" 943-476 5919\t").unwrap().as_str(), "9434765919");
    assert_eq!(NhsNumber::parse("943\u{2013}476\u{a0}5919").unwrap().to_string(), "943 476 5919");
    assert_eq!(NhsNumber::parse("9434765918"), Err(NhsNumberError::CheckDigit));
    for text in ["", "943476591", "94347659190", "943476591X", "９434765919", "943 476 5919 é"] {
        assert_eq!(NhsNumber::parse(text), Err(NhsNumberError::NotTenDigits), "{text}");
    }
    let number = NhsNumber::parse("9434765919").unwrap();
    assert!(!number.is_test());
    assert!(!format!("{number:?}{:?}", NhsNumberError::CheckDigit).contains("943"));
}

#[test]
fn synthetic_numbers_are_all_the_valid_ones_of_the_test_range_each_once() {
    let mut n = 0;
    for stem in 0..1_000_000_u32 {
        for check in 0..10 {
            if let Ok(number) = NhsNumber::parse(&format!("999{stem:06}{check}")) {
                assert_eq!(NhsNumber::synthetic(n), Some(number));
                n += 1;
            }
        }
    }
    assert_eq!(n, NhsNumber::SYNTHETIC);
    assert_eq!((NhsNumber::synthetic(n), NhsNumber::synthetic(u32::MAX)), (None, None));
    assert!(NhsNumber::synthetic(0).unwrap().is_test());
}

proptest! {
    #[test]
    fn one_wrong_digit_or_two_swapped_are_always_noticed(n in 0..NhsNumber::SYNTHETIC, at in 0..10_usize, digit in 0..10_u8) {
        let number = NhsNumber::synthetic(n).unwrap();
        let mut wrong = number.as_str().as_bytes().to_vec();
        wrong[at] = b'0' + digit;
        let text = String::from_utf8(wrong).unwrap();
        prop_assert_eq!(NhsNumber::parse(&text).is_ok(), text == number.as_str());
        let mut swapped = number.as_str().as_bytes().to_vec();
        swapped.swap(at, (at + 1) % 10);
        let text = String::from_utf8(swapped).unwrap();
        if (at + 1) % 10 != 0 {
            prop_assert_eq!(NhsNumber::parse(&text).is_ok(), text == number.as_str());
        }
    }

    #[test]
    fn no_text_upsets_an_identifier(text in any::<String>()) {
        let _ = (NhsNumber::parse(&text), OdsCode::parse(&text), resource::split_reference(&text));
        for register in Register::ALL {
            register.valid(&text);
        }
    }
}

#[test]
fn professional_numbers_have_their_registers_shape() {
    let table = [
        (Register::Gmc, &["1234567"][..], &["123456", "12345678", "C123456"][..]),
        (Register::Nmc, &["12A3456E", "99L0001O"], &["12M3456E", "1A23456E", "12A3456X", "12A3456", "é2A3456"]),
        (Register::Gphc, &["2012345", "5012345"], &["1012345", "201234"]),
        (Register::Goc, &["01-12345", "D-1234", "SO-12345"], &["02-12345", "01-1", "X123"]),
        (Register::Gdc, &["12345", "123456"], &["123", "1234567"]),
        (Register::Hcpc, &["PH12345", "PYL01234"], &["P12345", "PH1", "ph12345"]),
    ];
    for (register, good, bad) in table {
        assert!(good.iter().all(|number| register.valid(number)), "{register:?}");
        assert!(!bad.iter().any(|number| register.valid(number)), "{register:?}");
        assert_eq!(Register::of_system(register.system()), Some(register));
    }
    assert_eq!(OdsCode::parse(" a81001 ").unwrap().as_str(), "A81001");
    assert!(OdsCode::parse("A8").is_none() && OdsCode::parse("A8-001").is_none() && OdsCode::parse("").is_none());
}

#[test]
fn identifiers_are_found_under_the_spellings_that_are_met() {
    for spelling in [
        "https://fhir.nhs.uk/Id/nhs-number",
        "http://fhir.nhs.uk/Id/nhs-number",
        "https://fhir.nhs.uk/id/nhs-number",
        "http://fhir.nhs.net/Id/nhs-number",
    ] {
        let patient =
            json!({"identifier": [{"system": "x", "value": "1"}, {"system": spelling, "value": "9990000018"}]});
        assert_eq!(identifier::of(&patient, system::NHS_NUMBER), Some("9990000018"), "{spelling}");
    }
    let other =
        json!({"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number-old", "value": "1"}, {"value": "2"}, 3]});
    assert_eq!(identifier::of(&other, system::NHS_NUMBER), None);
}

#[test]
fn a_resource_belongs_to_the_person_it_points_to() {
    let table = [
        (json!({"resourceType": "Patient", "id": "p"}), vec!["p"]),
        (
            json!({"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/q"}}]}),
            vec!["p", "q"],
        ),
        (
            json!({"resourceType": "Observation", "subject": {"reference": "Patient/p"}, "performer": [{"reference": "Patient/q"}]}),
            vec!["p", "q"],
        ),
        (json!({"resourceType": "Observation", "subject": {"reference": "Group/p"}}), vec![]),
        (json!({"resourceType": "Condition", "subject": {"reference": "Patient/p/_history/2"}}), vec!["p"]),
        (json!({"resourceType": "Condition", "subject": {"reference": "https://elsewhere.example/Patient/p"}}), vec![]),
        (json!({"resourceType": "Condition", "subject": {"reference": "Patient/not valid"}}), vec![]),
        (
            json!({"resourceType": "Appointment", "participant": [{"actor": {"reference": "Location/l"}}, {"actor": {"reference": "Patient/p"}}]}),
            vec!["p"],
        ),
        (
            json!({"resourceType": "Task", "for": {"reference": "Patient/p"}, "requester": {"reference": "Patient/q"}}),
            vec!["p"],
        ),
        (json!({"resourceType": "RelatedPerson", "patient": {"reference": "Patient/p"}}), vec!["p"]),
        (
            json!({"resourceType": "Communication", "sender": {"reference": "Patient/q"}, "subject": {"reference": "Patient/p"}}),
            vec!["p", "q"],
        ),
        (json!({"resourceType": "Flag", "subject": {"reference": "Patient/p"}}), vec!["p"]),
        (json!({"resourceType": "Binary", "securityContext": {"reference": "Patient/p"}}), vec!["p"]),
        (json!({"resourceType": "Binary"}), vec![]),
        (json!({"resourceType": "Slot", "schedule": {"reference": "Schedule/s"}}), vec![]),
        (json!({"resourceType": "Organization", "id": "p"}), vec![]),
        (json!({"resourceType": "Nonsense", "subject": {"reference": "Patient/p"}}), vec![]),
        (json!({"resourceType": "Claim", "patient": {"reference": "Patient/p"}}), vec!["p"]),
        (json!({"resourceType": "Coverage", "beneficiary": {"reference": "Patient/p"}}), vec!["p"]),
        (json!([1, 2]), vec![]),
    ];
    for (value, wanted) in table {
        assert_eq!(patients_of(&value), wanted, "{value}");
        assert_eq!(patient_of(&value), wanted.first().copied(), "{value}");
    }
}

#[test]
fn every_resource_of_a_synthea_life_belongs_to_its_person() {
    let nobody = HashSet::from(["Organization", "Practitioner"]);
    for bundle in common::synthea(20) {
        let mut resources = common::resources(&bundle);
        let person = resources.iter().find(|r| resource::type_of(r) == Some("Patient")).unwrap();
        let person = resource::id_of(person).unwrap().to_owned();
        for value in &mut resources {
            resource::for_each_reference_mut(value, |text| {
                if text.strip_prefix("urn:uuid:") == Some(&person) {
                    *text = format!("Patient/{person}");
                }
            });
            let wanted = (!nobody.contains(resource::type_of(value).unwrap())).then_some(person.as_str());
            assert_eq!(patient_of(value), wanted, "{:?}", resource::type_of(value));
        }
    }
}
