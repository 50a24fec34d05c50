//! Characters who are the same everywhere.

use jiff::civil::Date;
use kith_fhir::system;
use kith_twin::{CAST, STAFF_CAST};
use serde_json::Value;

use super::{TODAY, extension, twin};

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
