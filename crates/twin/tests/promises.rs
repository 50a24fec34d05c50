//! What the twin promises, by name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::OnceLock;

use jiff::civil::{Date, DateTime, date};
use kith_fhir::system;
use kith_twin::{CAST, Neighbourhood, Plan, STAFF_CAST, is_bank_holiday};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const TODAY: Date = date(2026, 3, 16);

fn twin(seed: u64, people: usize, today: Date) -> Neighbourhood {
    Neighbourhood::new(Plan { seed, people, today, weeks_of_slots: 4 })
}

fn everything(twin: &Neighbourhood) -> impl Iterator<Item = Value> + '_ {
    let people = twin.households().flat_map(|home| home.people).flat_map(|person| person.resources);
    twin.estate().into_iter().chain(twin.slots()).chain(people)
}

fn digest(twin: &Neighbourhood) -> String {
    let mut hash = Sha256::new();
    for resource in everything(twin) {
        hash.update(resource.to_string());
    }
    format!("{:x?}", hash.finalize())
}

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

fn extension<'a>(resource: &'a Value, url: &str) -> Option<&'a Value> {
    resource["extension"].as_array()?.iter().find(|e| e["url"] == url)
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

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

fn table(file: &str) -> toml::Table {
    let path = format!("{}/data/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn the_same_seed_is_the_same_neighbourhood() {
    let first = digest(&twin(7, 400, TODAY));
    assert_eq!(first, digest(&twin(7, 400, TODAY)));
    assert_ne!(first, digest(&twin(8, 400, TODAY)));
}

#[test]
fn a_larger_neighbourhood_begins_with_the_same_people() {
    // Bookings and who sees whom follow the size; the people and their records do not.
    let people = |n: usize| {
        twin(3, n, TODAY)
            .households()
            .take(300)
            .flat_map(|home| home.people)
            .map(|p| p.resources.into_iter().filter(|r| r["resourceType"] != "Appointment").collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert!(people(1_500) == people(4_000), "the first 300 households differ");
}

#[test]
fn any_household_can_be_made_alone() {
    let twin = twin(5, 1_400, TODAY);
    let streamed: Vec<_> = twin.households().collect();
    assert_eq!(streamed.len(), twin.household_count());
    for n in [0, 5, 11, 12, 13, 300, 437, 438, streamed.len() - 1] {
        let alone = twin.household(n);
        assert_eq!(alone.people.len(), streamed[n].people.len(), "household {n}");
        for (a, b) in alone.people.iter().zip(&streamed[n].people) {
            assert!(a.resources == b.resources, "household {n}");
        }
    }
    assert!(twin.household(streamed.len()).people.is_empty());
}

#[test]
fn exactly_as_many_people_as_asked_for() {
    for people in [15, 16, 17, 200, 1_000, 1_014, 1_015, 1_337, 2_000, 5_000] {
        let made: usize = twin(2, people, TODAY).households().map(|home| home.people.len()).sum();
        assert_eq!(made, people);
    }
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

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if key == "reference" => found.push(text),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_resolves_and_every_id_is_a_uuid_of_its_own() {
    for people in [200, 2_500] {
        let all: Vec<Value> = everything(&twin(11, people, TODAY)).collect();
        let mut ids = HashSet::new();
        for resource in &all {
            let id = resource["id"].as_str().unwrap();
            assert!(uuid::Uuid::parse_str(id).is_ok_and(|uuid| uuid.to_string() == id), "{id}");
            assert!(ids.insert(format!("{}/{id}", resource["resourceType"].as_str().unwrap())), "{id} twice");
        }
        for resource in &all {
            let mut found = Vec::new();
            references(resource, &mut found);
            for reference in found {
                assert!(ids.contains(reference), "{} refers to {reference}", resource["resourceType"]);
            }
        }
    }
}

#[test]
fn everything_in_a_compartment_is_about_its_person() {
    for person in twin(4, 600, TODAY).households().flat_map(|home| home.people) {
        let patient = format!("Patient/{}", person.resources[0]["id"].as_str().unwrap());
        for resource in &person.resources[1..] {
            let about = match resource["resourceType"].as_str().unwrap() {
                "AllergyIntolerance" | "Immunization" | "RelatedPerson" => &resource["patient"]["reference"],
                "Appointment" => &resource["participant"][0]["actor"]["reference"],
                _ => &resource["subject"]["reference"],
            };
            assert_eq!(about, &Value::String(patient.clone()), "{}", resource["resourceType"]);
        }
    }
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

fn minutes(time: &str) -> i64 {
    time[..2].parse::<i64>().unwrap() * 60 + time[3..5].parse::<i64>().unwrap()
}

#[test]
fn slots_lie_in_opening_hours_and_never_overlap_for_one_practitioner() {
    for people in [200, 10_000] {
        let twin = twin(1, people, TODAY);
        let estate = twin.estate();
        let by_id: HashMap<String, &Value> = estate
            .iter()
            .map(|r| (format!("{}/{}", r["resourceType"].as_str().unwrap(), r["id"].as_str().unwrap()), r))
            .collect();
        let mut diary: HashMap<&str, Vec<(DateTime, DateTime)>> = HashMap::new();
        for slot in twin.slots() {
            let schedule = by_id[slot["schedule"]["reference"].as_str().unwrap()];
            let service = by_id[schedule["actor"][0]["reference"].as_str().unwrap()];
            let (start, end) = (slot["start"].as_str().unwrap(), slot["end"].as_str().unwrap());
            let (from, to): (DateTime, DateTime) = (start[..19].parse().unwrap(), end[..19].parse().unwrap());
            assert!(from < to && from.date() >= TODAY);
            let day =
                ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][from.weekday().to_monday_zero_offset() as usize];
            let open = service["availableTime"].as_array().unwrap().iter().any(|hours| {
                hours["daysOfWeek"].as_array().unwrap().iter().any(|d| d == day)
                    && minutes(hours["availableStartTime"].as_str().unwrap()) <= minutes(&start[11..16])
                    && minutes(&end[11..16]) <= minutes(hours["availableEndTime"].as_str().unwrap())
            });
            assert!(open, "{} is not open {day} {start}", service["name"]);
            diary.entry(schedule["actor"][1]["reference"].as_str().unwrap()).or_default().push((from, to));
        }
        for (practitioner, times) in &mut diary {
            times.sort();
            for pair in times.windows(2) {
                assert!(pair[0].1 <= pair[1].0, "{practitioner} is booked twice at {}", pair[1].0);
            }
        }
    }
}

#[test]
fn no_slot_is_on_a_bank_holiday_but_where_the_service_says_so() {
    // Easter Friday and Monday, and Christmas with its substitute day, fall in these four weeks.
    for (today, holiday) in [(date(2026, 3, 23), "2026-04-03"), (date(2026, 12, 14), "2026-12-28")] {
        let twin = twin(1, 1_000, today);
        let open: HashSet<String> = twin
            .estate()
            .iter()
            .filter(|r| extension(r, system::EXT_OPEN_BANK_HOLIDAYS).is_some_and(|e| e["valueBoolean"] == true))
            .map(|r| format!("HealthcareService/{}", r["id"].as_str().unwrap()))
            .collect();
        let kept: HashSet<String> = twin
            .estate()
            .iter()
            .filter(|r| r["resourceType"] == "Schedule" && open.contains(r["actor"][0]["reference"].as_str().unwrap()))
            .map(|r| format!("Schedule/{}", r["id"].as_str().unwrap()))
            .collect();
        let mut open_that_day = 0;
        for slot in twin.slots() {
            let day: Date = slot["start"].as_str().unwrap()[..10].parse().unwrap();
            if is_bank_holiday(day) {
                assert!(kept.contains(slot["schedule"]["reference"].as_str().unwrap()), "{slot}");
                open_that_day += usize::from(day.to_string() == holiday);
            }
        }
        assert!(open_that_day > 0, "the hub is open on {holiday}");
        let closed = twin.estate().iter().filter(|r| r["notAvailable"][0]["description"] == "Bank holiday").count();
        assert!(closed > 25, "{closed} services say they are closed");
    }
}

#[test]
fn both_clock_changes_are_right() {
    // Clocks go forward on 29 March 2026 and back on 25 October 2026, both at 01:00 UTC on a Sunday.
    for (today, before, after) in [(date(2026, 3, 27), "+00:00", "+01:00"), (date(2026, 10, 23), "+01:00", "+00:00")] {
        let change: Date = today.checked_add(jiff::Span::new().days(2)).unwrap();
        let mut seen = [0, 0];
        for slot in twin(1, 500, today).slots() {
            let start = slot["start"].as_str().unwrap();
            let day: Date = start[..10].parse().unwrap();
            let expected = if day < change { before } else { after };
            assert!(start.ends_with(expected), "{start}");
            assert!((7..22).contains(&start[11..13].parse::<i32>().unwrap()), "civil time moved: {start}");
            seen[usize::from(day >= change)] += 1;
        }
        assert!(seen[0] > 0 && seen[1] > 0);
    }
}

#[test]
fn a_taken_slot_and_its_appointment_agree() {
    for people in [200, 1_000, 3_300] {
        let twin = twin(6, people, TODAY);
        let schedules: HashMap<String, Value> = twin
            .estate()
            .into_iter()
            .filter(|r| r["resourceType"] == "Schedule")
            .map(|r| (format!("Schedule/{}", r["id"].as_str().unwrap()), r))
            .collect();
        let mut taken: HashMap<String, Value> = twin
            .slots()
            .filter(|slot| slot["status"] == "busy")
            .map(|slot| (format!("Slot/{}", slot["id"].as_str().unwrap()), slot))
            .collect();
        assert!(taken.len() > 50, "{people} people hold {} slots", taken.len());
        for person in twin.households().flat_map(|home| home.people) {
            let mut times = Vec::new();
            for appointment in person.resources.iter().filter(|r| r["resourceType"] == "Appointment") {
                let slot = taken
                    .remove(appointment["slot"][0]["reference"].as_str().unwrap())
                    .expect("the slot is there, busy, and nobody else's");
                assert_eq!((&slot["start"], &slot["end"]), (&appointment["start"], &appointment["end"]));
                let actors: Vec<&str> = appointment["participant"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|p| p["actor"]["reference"].as_str().unwrap())
                    .collect();
                let schedule = &schedules[slot["schedule"]["reference"].as_str().unwrap()];
                for actor in schedule["actor"].as_array().unwrap() {
                    assert!(actors.contains(&actor["reference"].as_str().unwrap()));
                }
                let need = &appointment["serviceType"][0]["coding"][0]["code"];
                assert!(schedule["serviceType"].as_array().unwrap().iter().any(|t| &t["coding"][0]["code"] == need));
                assert_eq!(appointment["extension"][0]["valueCode"], schedule["extension"][0]["valueCode"]);
                times.push((slot["start"].as_str().unwrap().to_owned(), slot["end"].as_str().unwrap().to_owned()));
            }
            times.sort();
            assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "somebody is booked twice at once: {times:?}");
        }
        assert!(taken.is_empty(), "{} taken slots are nobody's", taken.len());
    }
}

#[test]
fn a_practice_slot_is_held_by_one_of_its_own_people() {
    let twin = twin(6, 3_000, TODAY);
    let practices: HashMap<String, String> = twin
        .estate()
        .iter()
        .filter(|r| {
            r["resourceType"] == "HealthcareService" && r["category"][0]["coding"][0]["code"] == "general-practice"
        })
        .map(|r| {
            let organization = r["providedBy"]["reference"].as_str().unwrap().to_owned();
            (format!("HealthcareService/{}", r["id"].as_str().unwrap()), organization)
        })
        .collect();
    let mut held = 0;
    for person in twin.households().flat_map(|home| home.people) {
        for appointment in person.resources.iter().filter(|r| r["resourceType"] == "Appointment") {
            if let Some(practice) = practices.get(appointment["participant"][1]["actor"]["reference"].as_str().unwrap())
            {
                assert_eq!(practice, person.resources[0]["managingOrganization"]["reference"].as_str().unwrap());
                held += 1;
            }
        }
    }
    assert!(held > 300, "{held}");
}

#[test]
fn slots_are_as_many_as_the_neighbourhood_needs() {
    let count = |people| twin(1, people, TODAY).slots().count();
    let (small, standard, large) = (count(200), count(10_000), count(50_000));
    assert!((25_000..=45_000).contains(&standard), "{standard} slots for 10,000 people");
    assert!(small < standard / 3, "{small} slots for 200 people");
    assert!((4..=6).contains(&(large / standard)), "{large} slots for 50,000 people");
    let booked = twin(1, 10_000, TODAY).slots().filter(|slot| slot["status"] == "busy").count();
    assert!((0.15..0.5).contains(&share(booked, standard)), "{booked} of {standard} taken");
}

#[test]
fn every_need_is_met_by_a_service_with_free_slots() {
    let path = format!("{}/../../content/vocabulary/needs.toml", env!("CARGO_MANIFEST_DIR"));
    let vocabulary: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let twin = twin(1, 200, TODAY);
    let estate = twin.estate();
    let mut known = HashSet::new();
    for need in vocabulary["need"].as_array().unwrap() {
        let code = need["code"].as_str().unwrap();
        known.insert(code.to_owned());
        let kinds: Vec<&str> = need["kinds"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect();
        let services: Vec<&Value> = estate
            .iter()
            .filter(|r| r["resourceType"] == "HealthcareService")
            .filter(|r| r["type"].as_array().unwrap().iter().any(|t| t["coding"][0]["code"] == code))
            .collect();
        assert_eq!(kinds.is_empty(), services.is_empty(), "{code}: {} services", services.len());
        for service in services {
            let kind = service["category"][0]["coding"][0]["code"].as_str().unwrap();
            assert!(kinds.contains(&kind), "{kind} may not offer {code}");
        }
    }
    let mut free: HashMap<String, usize> = HashMap::new();
    let mut needs_with_slots = HashSet::new();
    for slot in twin.slots().filter(|slot| slot["status"] == "free") {
        *free.entry(slot["schedule"]["reference"].as_str().unwrap().to_owned()).or_default() += 1;
        for need in slot["serviceType"].as_array().unwrap() {
            needs_with_slots.insert(need["coding"][0]["code"].as_str().unwrap().to_owned());
        }
    }
    // Triage is work for the team, not a time in a calendar.
    for need in &known {
        let kinds = vocabulary["need"].as_array().unwrap().iter().find(|n| n["code"].as_str() == Some(need)).unwrap();
        let offered = !kinds["kinds"].as_array().unwrap().is_empty() && need != "practice-triage";
        assert_eq!(needs_with_slots.contains(need), offered, "{need}");
    }
    for service in estate.iter().filter(|r| r["resourceType"] == "HealthcareService") {
        let own = format!("HealthcareService/{}", service["id"].as_str().unwrap());
        let free: usize = estate
            .iter()
            .filter(|r| r["resourceType"] == "Schedule" && r["actor"][0]["reference"] == own.as_str())
            .filter_map(|r| free.get(&format!("Schedule/{}", r["id"].as_str().unwrap())))
            .sum();
        assert!(free > 10, "{} has {free} free slots", service["name"]);
    }
}

#[test]
fn the_estate_is_the_one_described() {
    let estate = twin(1, 10_000, TODAY).estate();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for service in estate.iter().filter(|r| r["resourceType"] == "HealthcareService") {
        *kinds.entry(service["category"][0]["coding"][0]["code"].as_str().unwrap()).or_default() += 1;
    }
    let expected = [
        ("charity", 6),
        ("community-nursing", 1),
        ("community-pharmacy", 9),
        ("dental-practice", 5),
        ("first-contact-physiotherapy", 1),
        ("general-practice", 5),
        ("mental-health", 1),
        ("optician", 4),
        ("urgent-treatment-hub", 1),
    ];
    assert_eq!(kinds, expected.into_iter().collect());
    let numbers: Vec<&Value> =
        estate.iter().filter(|r| r["resourceType"] == "Practitioner").map(|r| &r["identifier"][0]).collect();
    let unique: HashSet<String> = numbers.iter().map(ToString::to_string).collect();
    assert_eq!(unique.len(), numbers.len(), "professional numbers are unique");
}

#[test]
fn the_cast_is_in_every_neighbourhood() {
    let of = |seed, people| {
        twin(seed, people, TODAY)
            .households()
            .take(kith_twin::CAST_HOUSEHOLDS)
            .flat_map(|h| h.people)
            .collect::<Vec<_>>()
    };
    let (cast, other) = (of(1, 15), of(99, 2_000));
    assert_eq!(cast.len(), CAST.len());
    for ((person, again), member) in cast.iter().zip(&other).zip(CAST) {
        assert!(person.resources == again.resources, "{} differs between seeds", member.key);
        assert_eq!(person.resources[0]["id"], member.patient_id, "{}", member.key);
        let born: Date = person.resources[0]["birthDate"].as_str().unwrap().parse().unwrap();
        let age = born.until((jiff::Unit::Year, TODAY)).unwrap().get_years();
        assert_eq!(age, i16::from(member.age), "{}", member.key);
        let problems = person.resources.iter().filter(|r| r["resourceType"] == "Condition").count();
        assert_eq!(problems, member.conditions.len(), "{}", member.key);
        let proxies: Vec<&Value> = person.resources.iter().filter(|r| r["resourceType"] == "RelatedPerson").collect();
        assert_eq!(proxies.len(), usize::from(member.proxy.is_some()), "{}", member.key);
        if let Some((key, _)) = member.proxy {
            let proxy = format!("Patient/{}", kith_twin::cast(key).unwrap().patient_id);
            assert_eq!(
                extension(proxies[0], system::EXT_PROXY_PATIENT).unwrap()["valueReference"]["reference"],
                proxy.as_str()
            );
        }
    }
    let medicines = |key: &str| {
        let at = CAST.iter().position(|c| c.key == key).unwrap();
        cast[at].resources.iter().filter_map(|r| r["medicationCodeableConcept"]["text"].as_str()).collect::<Vec<_>>()
    };
    assert!(medicines("red-eye").iter().any(|m| m.starts_with("Apixaban")), "{:?}", medicines("red-eye"));
    assert!(medicines("sore-throat").is_empty());
    let long = cast.last().unwrap().resources.len();
    assert!((900..1_100).contains(&long), "the long record has {long} resources");
}

#[test]
fn the_staff_cast_is_in_every_estate() {
    for people in [15, 10_000] {
        let estate = twin(1, people, TODAY).estate();
        for member in STAFF_CAST {
            let post = estate
                .iter()
                .find(|r| r["resourceType"] == "PractitionerRole" && r["id"] == member.practitioner_role_id);
            let post = post.unwrap_or_else(|| panic!("{} of {people} people", member.role));
            assert_eq!(post["code"][0]["coding"][0]["code"], member.role);
            assert_eq!(post["practitioner"]["reference"], format!("Practitioner/{}", member.practitioner_id));
            assert_eq!(post["organization"]["reference"], format!("Organization/{}", member.organization_id));
            assert_eq!(
                post["healthcareService"][0]["reference"],
                format!("HealthcareService/{}", member.service_ids[0])
            );
        }
    }
}

#[test]
fn services_are_found_by_their_key() {
    let estate = twin(1, 15, TODAY).estate();
    for (key, name) in [("practice-millrace", "Millrace Surgery"), ("charity-grief", "Quiet Harbour")] {
        let id = kith_twin::service_id(key).unwrap();
        let service =
            estate.iter().find(|r| r["resourceType"] == "HealthcareService" && r["id"] == id.as_str()).unwrap();
        assert_eq!(service["name"], name);
    }
    assert_eq!(kith_twin::service_id("nowhere"), None);
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

#[test]
fn a_million_people_start_streaming_at_once() {
    // Making the plan and taking people from it must not make the million first.
    let started = std::time::Instant::now();
    let twin = twin(1, 1_000_000, TODAY);
    let first: usize = twin.households().take(40).map(|home| home.people.len()).sum();
    assert!(first > 40);
    assert!(twin.household_count() > 400_000);
    assert!(!twin.household(twin.household_count() - 1).people.is_empty());
    assert!(started.elapsed().as_secs() < 30, "took {:?}", started.elapsed());
}
