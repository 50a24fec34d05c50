//! Services, staff, calendars and slots.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::{Date, DateTime, date};
use kith_fhir::system;
use kith_twin::is_bank_holiday;
use serde_json::Value;

use super::{TODAY, extension, share, twin};

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
    let national = estate.iter().filter(|r| r["resourceType"] == "Practitioner").map(|r| &r["identifier"][1]["value"]);
    let national: HashSet<&str> = national.filter_map(Value::as_str).filter(|n| n.len() == 12).collect();
    assert_eq!(national.len(), numbers.len(), "national numbers are unique");
}
