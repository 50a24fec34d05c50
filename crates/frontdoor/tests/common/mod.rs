//! A small neighbourhood behind a real door.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, civil::date};
use kith_contact::Party;
use kith_directory::Directory;
use kith_fhir::Value;
use kith_frontdoor::{Answers, Ask, Assessment, Channel, Facts, Pathways, service};
use kith_trust::testing::{TestDoor, door};
use kith_trust::{Access, Actor, Change, Purpose};
use kith_twin::{Neighbourhood, Plan, STAFF_CAST, cast};

/// A Monday, half past nine in London.
pub fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

pub struct Place {
    pub door: TestDoor,
    pub directory: Arc<Directory>,
}

/// Sixty people, every provider, and the slots of the next two days that `keep` keeps, by their service.
pub async fn place(keep: impl Fn(usize, &str) -> bool) -> Place {
    let door = door().await.unwrap();
    door.set_clock(Some(now()));
    let twin = Neighbourhood::new(Plan { seed: 7, people: 60, today: date(2026, 11, 23), weeks_of_slots: 1 });
    let estate = twin.estate();
    let service_of = |slot: &Value| {
        let schedule = slot["schedule"]["reference"].as_str().unwrap().trim_start_matches("Schedule/").to_owned();
        let schedule = estate.iter().find(|r| r["resourceType"] == "Schedule" && r["id"] == schedule.as_str()).unwrap();
        let actors = schedule["actor"].as_array().unwrap();
        let service =
            actors.iter().filter_map(|a| a["reference"].as_str()).find(|r| r.starts_with("HealthcareService/"));
        service.unwrap().trim_start_matches("HealthcareService/").to_owned()
    };
    let until = now() + SignedDuration::from_hours(48);
    let start = |slot: &Value| slot["start"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let mut slots: Vec<Value> = twin.slots().filter(|slot| start(slot) > now() && start(slot) < until).collect();
    slots.sort_by_key(start);
    let mut number = 0;
    slots.retain(|slot| {
        number += 1;
        keep(number, &service_of(slot))
    });
    let people = twin.households().flat_map(|home| home.people).flat_map(|person| person.resources);
    let all: Vec<Value> = estate.iter().cloned().chain(people).chain(slots).collect();
    for some in all.chunks(2000) {
        let mut change = Change::new("lay out");
        change.allow_broken_references();
        for resource in some {
            change.create(resource.clone());
        }
        door.system("test").commit(change).await.unwrap();
    }
    let directory = Arc::new(kith_directory::load(&door.system("test")).await.unwrap());
    Place { door, directory }
}

impl Place {
    /// Somebody of the cast, using Kith for themselves.
    pub fn person(&self, key: &str) -> Access {
        let member = cast(key).unwrap();
        let name = format!("{} {}", member.given, member.family);
        self.door.enter(Actor::person(member.patient_id, &name, "test"), Purpose::OwnRecord)
    }

    /// A member of the staff cast by role, at work.
    pub fn staff(&self, role: &str) -> Access {
        let member = STAFF_CAST.iter().find(|member| member.role == role).unwrap();
        let actor = self.directory.post(member.practitioner_role_id).unwrap().actor("test").unwrap();
        let purpose = if actor.role.is_clinical() { Purpose::DirectCare } else { Purpose::Administration };
        self.door.enter(actor, purpose)
    }

    /// The whole record, as Kith sees it.
    pub async fn record(&self, key: &str) -> Arc<kith_trust::Record> {
        self.door.system("test").open(cast(key).unwrap().patient_id).await.unwrap()
    }
}

/// Answers by question: option ids, a number or words.
pub fn answers(pathway: &str, given: &[(&str, &[&str])]) -> Answers {
    let pathway = Pathways::built_in().get(pathway).unwrap();
    let mut answers = Answers::new();
    for (question, sent) in given {
        answers.insert(question, pathway.question(question).unwrap().read(sent).unwrap());
    }
    answers
}

/// A throat that a pharmacist should see today.
pub fn sore_throat() -> Answers {
    answers(
        "sore-throat",
        &[
            ("danger", &["none"]),
            ("swelling", &["none"]),
            ("dehydrated", &["no"]),
            ("scarlet", &["no"]),
            ("weak_immunity", &["no"]),
            ("pregnancy", &["no"]),
            ("how_long", &["1"]),
            ("signs", &["fever", "pus", "inflamed"]),
            ("again", &["no"]),
        ],
    )
}

pub fn assess(pathway: &str, facts: &Facts, answers: &Answers) -> Assessment {
    Pathways::built_in().get(pathway).unwrap().assess(facts, answers)
}

/// What somebody of the cast asks, assessed with what the record knows.
pub async fn ask(access: &Access, who: &str, pathway: &str, answers: Answers, channel: Channel) -> Ask<'static> {
    let patient_id = cast(who).unwrap().patient_id.to_owned();
    let facts = service::facts(access, &patient_id).await.unwrap();
    let actor = access.actor();
    Ask {
        assessment: assess(pathway, &facts, &answers),
        patient_id,
        pathway: Pathways::built_in().get(pathway).unwrap(),
        answers,
        channel,
        own_words: Some("It hurts to swallow".to_owned()),
        photos: Vec::new(),
        author: Party::new(&actor.reference, &actor.name),
    }
}
