//! The people, against the tables they are made from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use jiff::civil::Date;
use kith_fhir::system;

use super::{TODAY, extension, share, twin};

/// What the ten-thousand tests look at, gathered in one pass.
#[derive(Default)]
struct Census {
    people: usize,
    resources: usize,
    by_type: BTreeMap<String, usize>,
    ages: Vec<(i64, bool)>,
    ethnicity: BTreeMap<String, usize>,
    imd: BTreeMap<i64, usize>,
    practice: BTreeMap<String, usize>,
    not_english: usize,
    /// SNOMED code of a problem, ages of those who have it.
    problems: HashMap<String, Vec<i64>>,
    systolic: Vec<f64>,
    smokers: usize,
    smoking_known: usize,
}

fn census() -> &'static Census {
    static CENSUS: OnceLock<Census> = OnceLock::new();
    CENSUS.get_or_init(|| {
        let mut census = Census::default();
        for person in twin(1, 10_000, TODAY).households().flat_map(|home| home.people) {
            let patient = &person.resources[0];
            assert_eq!(patient["resourceType"], "Patient");
            let born: Date = patient["birthDate"].as_str().unwrap().parse().unwrap();
            let age = i64::from(born.until((jiff::Unit::Year, TODAY)).unwrap().get_years());
            census.people += 1;
            census.resources += person.resources.len();
            census.ages.push((age, patient["gender"] == "female"));
            let ethnic = &extension(patient, system::EXT_ETHNIC_CATEGORY).unwrap()["valueCodeableConcept"]["coding"][0];
            *census.ethnicity.entry(ethnic["code"].as_str().unwrap().to_owned()).or_default() += 1;
            let imd = extension(patient, system::EXT_IMD_DECILE).unwrap()["valueInteger"].as_i64().unwrap();
            *census.imd.entry(imd).or_default() += 1;
            let practice = patient["managingOrganization"]["reference"].as_str().unwrap().to_owned();
            *census.practice.entry(practice).or_default() += 1;
            census.not_english += usize::from(patient["communication"][0]["language"]["coding"][0]["code"] != "en");
            for resource in &person.resources {
                let kind = resource["resourceType"].as_str().unwrap();
                *census.by_type.entry(kind.to_owned()).or_default() += 1;
                let code = &resource["code"]["coding"][0]["code"];
                match (kind, code.as_str()) {
                    ("Condition", Some(code)) => census.problems.entry(code.to_owned()).or_default().push(age),
                    ("Observation", Some("85354-9")) if age >= 16 => {
                        let value = &resource["component"][0]["valueQuantity"]["value"];
                        census.systolic.push(value.as_f64().unwrap());
                    }
                    ("Observation", Some("72166-2")) => {
                        census.smoking_known += 1;
                        census.smokers +=
                            usize::from(resource["valueCodeableConcept"]["coding"][0]["code"] == "77176002");
                    }
                    _ => {}
                }
            }
        }
        census
    })
}

fn table(file: &str) -> toml::Table {
    let path = format!("{}/data/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn ages_and_sexes_follow_the_mid_2023_estimates() {
    let census = census();
    assert_eq!(census.people, 10_000);
    for (band, per_1000) in table("population")["age"]["per_1000"].as_array().unwrap().iter().enumerate() {
        let (low, high) = (band as i64 * 5, if band == 17 { 200 } else { band as i64 * 5 + 4 });
        let made = census.ages.iter().filter(|(age, _)| (low..=high).contains(age)).count();
        let expected = per_1000.as_integer().unwrap() as f64 / 1000.0;
        assert!((share(made, census.people) - expected).abs() < 0.004, "ages {low} to {high}: {made}, not {expected}");
    }
    let female = census.ages.iter().filter(|(_, female)| *female).count();
    let expected = table("population")["sex"]["female_all"].as_float().unwrap();
    assert!((share(female, census.people) - expected).abs() < 0.015, "female: {female}");
}

#[test]
fn ethnicity_language_and_deprivation_follow_their_sources() {
    let census = census();
    let population = table("population");
    for group in population["ethnicity"]["group"].as_array().unwrap() {
        let expected = group["percent"].as_float().unwrap() / 100.0;
        let made = census.ethnicity.get(group["code"].as_str().unwrap()).copied().unwrap_or(0);
        // Three standard errors with households of 2.4 alike, at least half a point.
        let tolerance = (3.0 * (2.4 * expected * (1.0 - expected) / 10_000.0).sqrt()).max(0.005);
        assert!((share(made, 10_000) - expected).abs() < tolerance, "{}: {made}", group["code"]);
    }
    for decile in 1..=10 {
        assert!((share(census.imd[&decile], 10_000) - 0.1).abs() < 0.025, "decile {decile}: {}", census.imd[&decile]);
    }
    let expected = population["ethnicity"]["main_language_not_english_percent"].as_float().unwrap() / 100.0;
    assert!((share(census.not_english, 10_000) - expected).abs() < 0.02, "not English: {}", census.not_english);
    assert_eq!(census.practice.len(), 5);
    assert!(census.practice.values().all(|n| (1_400..2_700).contains(n)), "{:?}", census.practice);
}

#[test]
fn long_term_conditions_follow_the_quality_and_outcomes_framework() {
    let census = census();
    for condition in table("conditions")["condition"].as_array().unwrap() {
        let from = condition.get("from").map_or(0, |from| from.as_integer().unwrap());
        let register = census.ages.iter().filter(|(age, _)| *age >= from).count();
        let have = census
            .problems
            .get(condition["snomed"].as_str().unwrap())
            .map_or(0, |ages| ages.iter().filter(|a| **a >= from).count());
        let expected = condition["percent"].as_float().unwrap() / 100.0;
        let tolerance = (3.5 * (expected / register as f64).sqrt()).max(expected * 0.1);
        let made = share(have, register);
        assert!((made - expected).abs() < tolerance, "{}: {made:.4}, not {expected:.4}", condition["key"]);
    }
}

#[test]
fn measurements_follow_the_health_survey() {
    let census = census();
    let mean = census.systolic.iter().sum::<f64>() / census.systolic.len() as f64;
    // More readings are taken of older people and of those with high blood pressure than a survey takes.
    assert!((122.0..140.0).contains(&mean), "systolic {mean}");
    let smokers = share(census.smokers, census.smoking_known);
    assert!((smokers - 0.116).abs() < 0.015, "smokers {smokers}");
}

#[test]
fn a_record_has_a_believable_number_of_resources() {
    let census = census();
    let mean = share(census.resources, census.people);
    assert!((25.0..=45.0).contains(&mean), "{mean} resources a person: {:?}", census.by_type);
    for kind in [
        "Patient",
        "Condition",
        "MedicationRequest",
        "Observation",
        "AllergyIntolerance",
        "Immunization",
        "Encounter",
        "ClinicalImpression",
        "DiagnosticReport",
        "DocumentReference",
        "Flag",
        "RelatedPerson",
        "Appointment",
    ] {
        assert!(census.by_type.get(kind).is_some_and(|n| *n > 50), "{kind}: {:?}", census.by_type.get(kind));
    }
}

#[test]
fn households_are_of_english_sizes() {
    let sizes: Vec<usize> = twin(1, 10_000, TODAY).households().take(1_200).map(|home| home.people.len()).collect();
    let alone = sizes.iter().filter(|n| **n == 1).count();
    assert!((share(alone, sizes.len()) - 0.30).abs() < 0.05, "alone: {alone}");
    assert!(sizes.iter().all(|n| (1..=6).contains(n)));
}

/// By hand, so that it does not repeat the mistake of whoever made the number.
fn check_digit_holds(number: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits.iter().take(9).zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 10 && number.len() == 10 && (11 - sum % 11) % 11 == digits[9]
}

#[test]
fn every_nhs_number_is_valid_unique_and_from_the_test_range() {
    let mut seen = BTreeSet::new();
    for person in twin(9, 5_000, TODAY).households().flat_map(|home| home.people) {
        let identifier = &person.resources[0]["identifier"][0];
        assert_eq!(identifier["system"], system::NHS_NUMBER);
        let number = identifier["value"].as_str().unwrap().to_owned();
        assert!(number.starts_with("999") && check_digit_holds(&number), "{number}");
        let status = &identifier["extension"][0]["valueCodeableConcept"]["coding"][0]["code"];
        assert_eq!(status, "number-present-and-verified");
        assert!(seen.insert(number));
    }
    assert_eq!(seen.len(), 5_000);
}

#[test]
fn children_have_somebody_who_may_act_for_them() {
    let (mut children, mut with_proxy) = (0, 0);
    for home in twin(1, 2_000, TODAY).households() {
        let ids: HashSet<String> =
            home.people.iter().map(|p| format!("Patient/{}", p.resources[0]["id"].as_str().unwrap())).collect();
        for person in &home.people {
            let born: Date = person.resources[0]["birthDate"].as_str().unwrap().parse().unwrap();
            if born.until((jiff::Unit::Year, TODAY)).unwrap().get_years() >= 16 {
                continue;
            }
            children += 1;
            let proxy = person.resources.iter().find(|r| r["resourceType"] == "RelatedPerson");
            if let Some(proxy) = proxy.and_then(|r| extension(r, system::EXT_PROXY_PATIENT)) {
                assert!(ids.contains(proxy["valueReference"]["reference"].as_str().unwrap()));
                with_proxy += 1;
            }
        }
    }
    assert!(children > 300 && share(with_proxy, children) > 0.95, "{with_proxy} of {children}");
}
