//! Who can help, and why not, over a small neighbourhood.

use jiff::Timestamp;
use kith_directory::{Directory, LanguageMatch, Mode, PartOfDay, PersonFacts, Position, Preferences, Sex, WhyNot};
use kith_fhir::{Value, json, system};

fn concept(system: &str, codes: &[&str]) -> Value {
    codes.iter().map(|code| json!({"coding": [{"system": system, "code": code}]})).collect()
}

fn service(id: &str, kind: &str, needs: &[&str], extra: &Value) -> Value {
    let mut value = json!({
        "resourceType": "HealthcareService", "id": id, "active": true, "name": format!("The {id}"),
        "providedBy": {"reference": format!("Organization/{id}")},
        "category": concept(system::CS_SERVICE_KIND, &[kind]),
        "type": concept(system::CS_NEED, needs),
        "location": [{"reference": format!("Location/{id}")}],
        "availableTime": [{"daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
            "availableStartTime": "09:00:00", "availableEndTime": "18:00:00"}],
    });
    value.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    value
}

fn place(id: &str, north: f64) -> Value {
    json!({"resourceType": "Location", "id": id, "name": format!("Site {id}"),
        "position": {"latitude": 53.8 + north / 69.0, "longitude": -1.5},
        "address": {"line": ["1 High Street"], "city": "Wellbrook", "postalCode": "WB1 1AA"},
        "extension": [{"url": system::EXT_STEP_FREE, "valueBoolean": id != "steps"}]})
}

fn organisation(id: &str) -> Value {
    json!({"resourceType": "Organization", "id": id, "name": format!("{id} Ltd")})
}

fn ages(need: Option<&str>, min: Option<u32>, max: Option<u32>, sex: Option<&str>) -> Value {
    let mut range = Vec::new();
    range.extend(min.map(|years| json!({"url": "minYears", "valueInteger": years})));
    range.extend(max.map(|years| json!({"url": "maxYears", "valueInteger": years})));
    let mut extension = vec![json!({"url": system::EXT_AGE_RANGE, "extension": range})];
    extension.extend(sex.map(|sex| json!({"url": system::EXT_SEX, "valueCode": sex})));
    let mut value = json!({"extension": extension});
    if let Some(need) = need {
        value["code"] = json!({"coding": [{"system": system::CS_NEED, "code": need}]});
    }
    value
}

fn neighbourhood() -> Directory {
    let pharmacy_rules = json!({"eligibility": [
        ages(Some("pharmacy-first-earache"), Some(1), Some(17), None),
        ages(Some("pharmacy-first-uti"), Some(16), Some(64), Some("female")),
    ]});
    let pharmacy = ["pharmacy-first-earache", "pharmacy-first-uti", "pharmacy-advice"];
    let dentist = ["routine-dental", "urgent-dental"];
    let practice = ["gp-routine", "gp-same-day"];
    let new_children = concept(system::CS_CHARACTERISTIC, &["nhs-taking-new-children"]);
    let mut resources = vec![
        service("pharmacy", "community-pharmacy", &pharmacy, &pharmacy_rules),
        service("chemist", "community-pharmacy", &["pharmacy-advice"], &json!({})),
        service("dentist", "dental-practice", &dentist, &json!({"characteristic": new_children})),
        service("near", "general-practice", &practice, &json!({})),
        service("far", "general-practice", &practice, &json!({})),
        service(
            "eyes",
            "optician",
            &["urgent-eye"],
            &json!({"communication": [{"coding": [{"system": system::BCP47, "code": "ur"}]}]}),
        ),
        service("steps", "optician", &["urgent-eye"], &json!({})),
        service("closed", "optician", &["urgent-eye"], &json!({"active": false})),
    ];
    for (id, north) in [
        ("pharmacy", 0.6),
        ("chemist", 2.4),
        ("dentist", 1.0),
        ("near", 0.5),
        ("far", 1.5),
        ("eyes", 3.0),
        ("steps", 0.2),
    ] {
        resources.extend([place(id, north), organisation(id)]);
    }
    resources.extend([
        json!({"resourceType": "Practitioner", "id": "shah", "gender": "female",
            "name": [{"prefix": ["Dr"], "given": ["Asha"], "family": "Shah"}]}),
        json!({"resourceType": "PractitionerRole", "id": "post", "practitioner": {"reference": "Practitioner/shah"},
            "organization": {"reference": "Organization/near"}, "code": concept(system::CS_ROLE, &["gp"]),
            "healthcareService": [{"reference": "HealthcareService/near"}]}),
        json!({"resourceType": "Schedule", "id": "shah-phone", "serviceType": concept(system::CS_NEED, &["gp-routine"]),
            "extension": [{"url": system::EXT_MODE, "valueCode": "phone"}],
            "actor": [{"reference": "HealthcareService/near"}, {"reference": "Practitioner/shah"}]}),
    ]);
    Directory::from_resources(&resources)
}

/// Friday, 10am.
fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn adult() -> PersonFacts {
    PersonFacts {
        age: Some(40),
        sex: Some(Sex::Male),
        home: Position::new(53.8, -1.5),
        registered_practice: Some("Organization/near".to_owned()),
        ..PersonFacts::default()
    }
}

fn said(need: &str, person: &PersonFacts) -> Vec<(String, String)> {
    let found = neighbourhood().candidates(need, person, now());
    found.iter().map(|c| (c.service.id.clone(), c.why_not_words(now()))).collect()
}

fn pairs(said: &[(String, String)]) -> Vec<(&str, &str)> {
    said.iter().map(|(id, why)| (id.as_str(), why.as_str())).collect()
}

#[test]
fn every_service_of_the_right_kind_is_listed_with_a_plain_reason_when_it_cannot() {
    let person = adult();
    assert_eq!(
        pairs(&said("pharmacy-first-earache", &person)),
        [("pharmacy", "treats children from 1 to 17"), ("chemist", "does not offer this")]
    );
    assert_eq!(said("pharmacy-first-uti", &person)[0].1, "treats women from 16 to 64");
    assert_eq!(pairs(&said("pharmacy-advice", &person)), [("pharmacy", ""), ("chemist", "")]);
    assert_eq!(pairs(&said("gp-routine", &person)), [("near", ""), ("far", "for people registered at far Ltd only")]);
    assert_eq!(said("routine-dental", &person), [("dentist".to_owned(), "not taking new NHS adults".to_owned())]);
    assert!(said("self-care", &person).is_empty());
    assert!(said("no-such-need", &person).is_empty());
}

#[test]
fn dentists_see_urgent_cases_children_and_their_own_patients() {
    let can = |need: &str, person: &PersonFacts| neighbourhood().candidates(need, person, now())[0].eligible;
    assert!(can("urgent-dental", &adult()));
    assert!(can("routine-dental", &PersonFacts { age: Some(12), ..adult() }));
    assert!(can("routine-dental", &PersonFacts { known_to: vec!["Organization/dentist".to_owned()], ..adult() }));
}

#[test]
fn what_is_not_known_keeps_nobody_out() {
    let found = neighbourhood().candidates("pharmacy-first-uti", &PersonFacts::default(), now());
    assert!(found.iter().find(|c| c.service.id == "pharmacy").unwrap().eligible);
    assert_eq!(found[0].distance_miles, None);
}

#[test]
fn wishes_are_told_apart_from_what_cannot_be() {
    let mut person = adult();
    person.preferences.max_miles = Some(1.0);
    let found = neighbourhood().candidates("pharmacy-advice", &person, now());
    assert_eq!(found[1].why_not_words(now()), "2.4 miles, more than you asked for");
    assert!(found[1].only_wishes_against());
    person.preferences = Preferences { mode: Some(Mode::Video), female_clinician: true, ..Preferences::default() };
    let found = neighbourhood().candidates("gp-routine", &person, now());
    assert_eq!(found[0].why_not, [WhyNot::NoMode(Mode::Video)]);
    assert!(!found[1].only_wishes_against());
    person.preferences.mode = Some(Mode::Phone);
    let found = neighbourhood().candidates("gp-routine", &person, now());
    assert!(found[0].eligible && found[0].female_clinician);
    assert_eq!(found[0].modes, [Mode::Phone]);
}

#[test]
fn a_service_that_opens_too_late_says_until_when_it_is_closed() {
    let saturday: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    let mut person = adult();
    let why = |person: &PersonFacts| neighbourhood().candidates("pharmacy-advice", person, saturday)[0].why_not.clone();
    assert!(why(&person).is_empty(), "it can wait");
    person.needed_by = Some("2026-11-22T10:00:00Z".parse().unwrap());
    let reasons = why(&person);
    assert_eq!(reasons.len(), 1);
    assert_eq!(reasons[0].words(saturday), "closed until Monday");
    person.needed_by = Some("2026-11-23T10:00:00Z".parse().unwrap());
    assert!(why(&person).is_empty());
}

#[test]
fn steps_keep_out_who_needs_step_free_access_and_languages_match() {
    let mut person = adult();
    person.access_needs = vec!["Step-free access".to_owned()];
    person.language = Some("ur".to_owned());
    person.interpreter = true;
    let found = neighbourhood().candidates("urgent-eye", &person, now());
    let listed: Vec<_> = found.iter().map(|c| (c.service.id.as_str(), c.language)).collect();
    assert_eq!(listed, [("eyes", LanguageMatch::Spoken), ("steps", LanguageMatch::Interpreter)]);
    assert_eq!(found[1].why_not, [WhyNot::Steps]);
}

#[test]
fn a_person_is_read_from_their_record() {
    let patient = json!({"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "2010-11-21",
        "generalPractitioner": [{"reference": "Organization/near"}, {"reference": "Practitioner/shah"}],
        "communication": [{"language": {"coding": [{"system": system::BCP47, "code": "ur"}]}, "preferred": true}],
        "address": [{"extension": [{"url": system::EXT_HOME_LOCATION, "extension": [
            {"url": "latitude", "valueDecimal": 53.8}, {"url": "longitude", "valueDecimal": -1.5}]}]}],
        "extension": [{"url": system::EXT_INTERPRETER_REQUIRED, "valueBoolean": true},
            {"url": system::EXT_APPOINTMENT_PREFERENCE, "extension": [{"url": "mode", "valueCode": "phone"},
                {"url": "female-clinician", "valueBoolean": true}, {"url": "when", "valueCode": "evening"},
                {"url": "max-miles", "valueDecimal": 2.5}]}]});
    let flag = |status: &str, words: &str| {
        json!({"resourceType": "Flag", "status": status, "code": {"text": words},
            "category": concept(system::CS_CATEGORY, &["access-need"])})
    };
    let flags = [flag("active", "Step-free access"), flag("inactive", "Large print")];
    let person = PersonFacts::from_patient(&patient, &flags, now());
    assert_eq!((person.age, person.sex), (Some(15), Some(Sex::Female)), "the birthday is tomorrow");
    assert_eq!(person.home, Position::new(53.8, -1.5));
    assert_eq!(person.registered_practice.as_deref(), Some("Organization/near"));
    assert!(person.interpreter && person.needs_step_free());
    assert_eq!(person.access_needs, ["Step-free access"]);
    let wishes = Preferences {
        mode: Some(Mode::Phone),
        female_clinician: true,
        when: Some(PartOfDay::Evening),
        max_miles: Some(2.5),
    };
    assert_eq!(person.preferences, wishes);
}

#[test]
fn posts_become_actors_and_calendars_know_whose_they_are() {
    let directory = neighbourhood();
    let actor = directory.post("post").unwrap().actor("Kith web").unwrap();
    assert_eq!(actor.reference, "Practitioner/shah");
    assert_eq!((actor.name.as_str(), actor.role), ("Dr Asha Shah", kith_trust::Role::Gp));
    assert_eq!(actor.acts_for, ["Organization/near", "HealthcareService/near"]);
    assert_eq!(actor.organization_name.as_deref(), Some("near Ltd"));
    let schedule = &directory.schedules_of("near")[0];
    assert_eq!(schedule.calendars(), ["Schedule/shah-phone", "Practitioner/shah"]);
    assert_eq!(schedule.practitioner.as_ref().unwrap().role.as_deref(), Some("gp"));
    assert!(directory.service("closed").is_none(), "inactive services are not offered");
}
