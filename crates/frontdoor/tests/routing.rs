//! Which offer comes first: tables and properties over the pure rules.

use jiff::{SignedDuration, Timestamp};
use kith_directory::{Candidate, Clinician, Directory, Mode, PartOfDay, PersonFacts, Position, Preferences, Sex};
use kith_fhir::{Value, json, system};
use kith_frontdoor::route::{Available, Continuity, Seen, rank};
use kith_frontdoor::{Disposition, Offer, Reason, Urgency, Weights};
use proptest::prelude::*;

const NEED: &str = "minor-eye";

/// A Monday, half past nine in London.
fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

fn hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

fn disposition(urgency: Urgency, need: &str) -> Disposition {
    Disposition {
        urgency,
        need: need.to_owned(),
        need_label: need.to_owned(),
        at_home: false,
        title: String::new(),
        reasons: vec![Reason { text: "Because".into(), from: "rule".into() }],
        advice: Vec::new(),
        safety_net: String::new(),
        for_professional: String::new(),
    }
}

/// A service of the need so many hundredths of a degree north of the person's home.
#[derive(Debug, Clone)]
struct Made {
    north: u32,
    characteristics: Vec<&'static str>,
    languages: Vec<&'static str>,
    /// Children only: not for the person.
    children: bool,
    /// Hours from now, mode, clinician's sex.
    times: Vec<(i64, Mode, Sex)>,
}

impl Made {
    fn near() -> Self {
        let times = vec![(2, Mode::InPerson, Sex::Male)];
        Self { north: 1, characteristics: vec!["step-free"], languages: vec!["en"], children: false, times }
    }
}

fn person() -> PersonFacts {
    PersonFacts { age: Some(40), home: Position::new(52.0, -1.0), ..PersonFacts::default() }
}

fn available(made: &[Made], person: &PersonFacts, need: &str) -> Vec<Available> {
    let kind = if need.starts_with("gp") { "general-practice" } else { "optician" };
    let mut resources: Vec<Value> = Vec::new();
    for (n, service) in made.iter().enumerate() {
        let code = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
        resources.push(json!({"resourceType": "Location", "id": format!("l{n}"), "name": "Place",
            "position": {"latitude": 52.0 + f64::from(service.north) / 100.0, "longitude": -1.0}}));
        resources.push(json!({"resourceType": "HealthcareService", "id": format!("s{n}"), "name": format!("Service {n}"),
            "providedBy": {"reference": format!("Organization/o{n}")},
            "category": [code(system::CS_SERVICE_KIND, kind)], "type": [code(system::CS_NEED, need)],
            "location": [{"reference": format!("Location/l{n}")}], "appointmentRequired": true,
            "characteristic": service.characteristics.iter().map(|c| code(system::CS_CHARACTERISTIC, c)).collect::<Vec<_>>(),
            "communication": service.languages.iter().map(|l| code(system::BCP47, l)).collect::<Vec<_>>(),
            "eligibility": if service.children { json!([{"extension": [{"url": system::EXT_AGE_RANGE,
                "extension": [{"url": "maxYears", "valueInteger": 15}]}]}]) } else { json!([]) },
            "availableTime": [{"allDay": true, "daysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}]}));
        for (t, (_, mode, _)) in service.times.iter().enumerate() {
            resources.push(json!({"resourceType": "Schedule", "id": format!("c{n}-{t}"),
                "actor": [{"reference": format!("HealthcareService/s{n}")}],
                "extension": [{"url": system::EXT_MODE, "valueCode": mode.code()}]}));
        }
    }
    let directory = Directory::from_resources(&resources);
    let candidates: Vec<Candidate> = directory.candidates(need, person, now());
    assert_eq!(candidates.len(), made.len());
    candidates
        .into_iter()
        .map(|candidate| {
            let n: usize = candidate.service.id[1..].parse().unwrap();
            let free = made[n].times.iter().enumerate().map(|(t, (start, mode, sex))| kith_booking::Offer {
                slot: format!("Slot/{n}-{t}"),
                schedule: format!("Schedule/c{n}-{t}"),
                service: candidate.service.reference.clone(),
                start: hours(*start),
                end: hours(*start) + SignedDuration::from_mins(20),
                practitioner: Some(Clinician {
                    reference: format!("Practitioner/p{n}-{t}"),
                    name: "Dr Shah".into(),
                    sex: Some(*sex),
                    role: Some("gp".into()),
                }),
                place: None,
                mode: *mode,
            });
            Available { free: free.collect(), candidate }
        })
        .collect()
}

fn ranked(made: &[Made], person: &PersonFacts, continuity: &Continuity, urgency: Urgency) -> Vec<Offer> {
    let found = available(made, person, NEED);
    rank(&disposition(urgency, NEED), found, person, continuity, now(), Weights::built_in())
}

fn order(offers: &[Offer]) -> Vec<&str> {
    offers.iter().map(|offer| offer.service_id.as_str()).collect()
}

fn nobody() -> Continuity {
    Continuity::default()
}

#[test]
fn an_offer_says_in_plain_words_why_it_is_there() {
    let made = [Made { languages: vec!["en", "pl"], ..Made::near() }];
    let mut person = person();
    person.language = Some("pl".into());
    person.interpreter = true;
    person.access_needs = vec!["Step-free access".into()];
    let offers = ranked(&made, &person, &nobody(), Urgency::SameDay);
    let expected =
        ["Can treat this without a GP visit", "Open day and night", "0.7 miles away", "Speaks Polish", "Step-free"];
    assert_eq!(offers[0].reasons, expected);
    assert!(offers[0].cautions.is_empty() && offers[0].slots.len() == 1);
    assert_eq!((offers[0].kind_words.as_str(), offers[0].walk_in.as_ref()), ("optician", None));
}

#[test]
fn the_usual_gp_comes_first_for_people_with_long_term_conditions() {
    let times = vec![(3, Mode::InPerson, Sex::Male), (72, Mode::InPerson, Sex::Female)];
    let made = [Made { times, ..Made::near() }];
    let mut person = person();
    person.registered_practice = Some("Organization/o0".into());
    let usual = Continuity { usual_clinician: Some("Practitioner/p0-1".into()), ..nobody() };
    let score = |continuity: &Continuity| {
        let found = available(&made, &person, "gp-routine");
        let offers =
            rank(&disposition(Urgency::Routine, "gp-routine"), found, &person, continuity, now(), Weights::built_in());
        assert!(offers[0].reasons.contains(&"Your usual GP is free on Thursday".to_owned()), "{:?}", offers[0].reasons);
        offers[0].score
    };
    assert!(score(&Continuity { long_term: true, ..usual.clone() }) > score(&usual) + 20.0);
}

#[test]
fn who_saw_somebody_about_the_same_problem_comes_before_a_nearer_stranger() {
    let made = [Made::near(), Made { north: 2, ..Made::near() }];
    assert_eq!(order(&ranked(&made, &person(), &nobody(), Urgency::WithinThreeDays)), ["s0", "s1"]);
    let when = jiff::civil::date(2026, 11, 3);
    let seen = Seen { by: Some("HealthcareService/s1".into()), clinician: None, when };
    let lately = Continuity { seen: vec![seen.clone()], ..nobody() };
    let offers = ranked(&made, &person(), &lately, Urgency::WithinThreeDays);
    assert_eq!(order(&offers), ["s1", "s0"]);
    assert_eq!(offers[0].reasons[0], "Saw you about this on Tuesday 3 November");
    let who = Continuity { seen: vec![Seen { clinician: Some("Practitioner/p1-0".into()), ..seen }], ..nobody() };
    let offers = ranked(&made, &person(), &who, Urgency::WithinThreeDays);
    assert_eq!(offers[0].reasons[0], "Dr Shah, who saw you about this, is free today");
}

#[test]
fn what_is_late_is_shown_only_where_nothing_is_in_time_and_says_so() {
    let late = Made { times: vec![(20, Mode::InPerson, Sex::Male)], ..Made::near() };
    let offers = ranked(&[late.clone(), Made { north: 9, ..Made::near() }], &person(), &nobody(), Urgency::SameDay);
    assert_eq!(order(&offers), ["s1"]);
    let offers = ranked(std::slice::from_ref(&late), &person(), &nobody(), Urgency::SameDay);
    assert!(offers[0].cautions[0].contains("later than you should be seen"));
    assert!(ranked(&[late], &person(), &nobody(), Urgency::WithinTwoHours).is_empty(), "two hours are two hours");
}

#[test]
fn wishes_that_cannot_be_met_are_said_and_hide_nothing() {
    let mut person = person();
    person.preferences = Preferences {
        mode: Some(Mode::Video),
        female_clinician: true,
        when: Some(PartOfDay::Evening),
        max_miles: Some(0.2),
    };
    let offers = ranked(&[Made::near()], &person, &nobody(), Urgency::SameDay);
    let said = ["Cannot be done by video", "No time with a woman", "No times in the evening"];
    assert_eq!(offers[0].cautions, said, "by video, how far it is does not matter");
    person.preferences.mode = None;
    let offers = ranked(&[Made::near()], &person, &nobody(), Urgency::SameDay);
    assert_eq!(offers[0].cautions[0], "0.7 miles, more than you asked for");
}

#[test]
fn nobody_who_needs_a_step_free_way_is_offered_a_time_up_the_steps() {
    let times = vec![(1, Mode::InPerson, Sex::Female), (2, Mode::Phone, Sex::Female)];
    let steps = Made { characteristics: vec!["phone"], times, ..Made::near() };
    let mut person = person();
    person.access_needs = vec!["Wheelchair user".into()];
    let offers = ranked(&[steps], &person, &nobody(), Urgency::SameDay);
    assert_eq!(offers[0].slots.iter().map(|slot| slot.mode).collect::<Vec<_>>(), [Mode::Phone]);
    assert!(offers[0].cautions.iter().any(|caution| caution.contains("steps")));
}

fn made() -> impl Strategy<Value = Made> {
    let mode = prop::sample::select(vec![Mode::InPerson, Mode::Phone, Mode::Video]);
    let sex = prop::sample::select(vec![Sex::Female, Sex::Male]);
    let characteristics = prop::sample::subsequence(vec!["step-free", "home-visits", "female-clinician"], 0..=3);
    let languages = prop::sample::subsequence(vec!["en", "pl"], 1..=2);
    (
        0u32..12,
        characteristics,
        languages,
        prop::bool::weighted(0.2),
        prop::collection::vec((-3i64..60, mode, sex), 0..6),
    )
        .prop_map(|(north, characteristics, languages, children, times)| Made {
            north,
            characteristics,
            languages,
            children,
            times,
        })
}

fn wishes() -> impl Strategy<Value = Preferences> {
    let mode = prop::option::of(prop::sample::select(vec![Mode::InPerson, Mode::Phone, Mode::Video]));
    let when = prop::option::of(prop::sample::select(vec![PartOfDay::Morning, PartOfDay::Evening]));
    (mode, any::<bool>(), when, prop::option::of(0.1f64..9.0))
        .prop_map(|(mode, female_clinician, when, max_miles)| Preferences { mode, female_clinician, when, max_miles })
}

fn urgency() -> impl Strategy<Value = Urgency> {
    prop::sample::select(vec![Urgency::WithinTwoHours, Urgency::SameDay, Urgency::WithinThreeDays, Urgency::Routine])
}

proptest! {
    #[test]
    fn an_offer_outside_eligibility_never_appears(
        made in prop::collection::vec(made(), 0..6), wishes in wishes(), urgency in urgency(), wheelchair: bool,
    ) {
        let mut person = person();
        person.preferences = wishes;
        if wheelchair {
            person.access_needs = vec!["Wheelchair user".into()];
        }
        let latest = Weights::built_in().latest(urgency, now());
        for offer in ranked(&made, &person, &nobody(), urgency) {
            let n: usize = offer.service_id[1..].parse().unwrap();
            let service = &made[n];
            prop_assert!(!service.children);
            prop_assert!(!offer.slots.is_empty() && !offer.reasons.is_empty());
            prop_assert!(offer.slots.is_sorted_by_key(|slot| slot.start));
            for slot in &offer.slots {
                prop_assert!(slot.start > now() && slot.start <= latest);
                let comes = service.characteristics.contains(&"home-visits") || service.characteristics.contains(&"step-free");
                prop_assert!(!wheelchair || comes || slot.mode != Mode::InPerson);
            }
        }
    }

    #[test]
    fn a_wish_never_leaves_an_empty_list_where_there_was_one(
        made in prop::collection::vec(made(), 0..6), wishes in wishes(), urgency in urgency(),
    ) {
        let without = ranked(&made, &person(), &nobody(), urgency);
        let with = ranked(&made, &PersonFacts { preferences: wishes, ..person() }, &nobody(), urgency);
        let mut before = order(&without);
        let mut after = order(&with);
        before.sort_unstable();
        after.sort_unstable();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn earlier_within_the_due_time_comes_first_all_else_equal(
        service in made(), a in 1i64..14, b in 1i64..14, urgency in urgency(),
    ) {
        prop_assume!(a != b && !service.children);
        let due = Weights::due(urgency, now());
        prop_assume!(hours(a) <= due && hours(b) <= due);
        let at = |hour: i64| Made { times: vec![(hour, Mode::InPerson, Sex::Female)], ..service.clone() };
        let offers = ranked(&[at(a), at(b)], &person(), &nobody(), urgency);
        prop_assert_eq!(order(&offers)[0], if a < b { "s0" } else { "s1" });
    }

    #[test]
    fn the_same_offers_always_come_in_the_same_order(
        made in prop::collection::vec(made(), 0..6), wishes in wishes(), urgency in urgency(), turn in 0usize..6,
    ) {
        let person = PersonFacts { preferences: wishes, ..person() };
        let found = available(&made, &person, NEED);
        let mut turned = found.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        for each in &mut turned {
            each.free.reverse();
        }
        let order = |found| rank(&disposition(urgency, NEED), found, &person, &nobody(), now(), Weights::built_in());
        prop_assert_eq!(order(found), order(turned));
    }
}
