//! What the twin promises, by name.

mod cast;
mod people;
mod providers;

use std::collections::HashSet;

use jiff::civil::{Date, date};
use kith_twin::{Neighbourhood, Plan};
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

fn extension<'a>(resource: &'a Value, url: &str) -> Option<&'a Value> {
    resource["extension"].as_array()?.iter().find(|e| e["url"] == url)
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
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
