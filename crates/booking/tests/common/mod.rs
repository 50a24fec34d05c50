//! A small neighbourhood behind a real door.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kith_booking::BookingRequest;
use kith_directory::{Directory, load};
use kith_fhir::{Value, build, json, system};
use kith_trust::testing::TestDoor;
use kith_trust::{Access, Actor, Change, Purpose, Role};

pub const NEED: &str = "gp-routine";
pub const SERVICE: &str = "HealthcareService/gp";
pub const PEOPLE: usize = 8;

/// Friday, 9am.
pub fn start() -> Timestamp {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

/// When the first slots begin: Monday, 9am.
pub fn monday() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

pub fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

/// A slot: its id, its schedule, its minutes after Monday 9am.
#[derive(Debug, Clone)]
pub struct Laid {
    pub id: String,
    pub schedule: String,
    pub from: i64,
    pub to: i64,
}

impl Laid {
    pub fn reference(&self) -> String {
        format!("Slot/{}", self.id)
    }

    pub fn start(&self) -> Timestamp {
        monday() + minutes(self.from)
    }

    pub fn end(&self) -> Timestamp {
        monday() + minutes(self.to)
    }
}

/// Schedules by the practitioner each belongs to; `None` keeps nobody's time but its own.
pub fn schedule(id: &str, practitioner: Option<&str>) -> Value {
    let mut actors = vec![json!({"reference": SERVICE}), json!({"reference": "Location/room"})];
    actors.extend(practitioner.map(|who| json!({"reference": format!("Practitioner/{who}")})));
    json!({"resourceType": "Schedule", "id": id, "active": true, "actor": actors,
        "serviceType": [build::concept(system::CS_NEED, NEED, "")],
        "extension": [{"url": system::EXT_MODE, "valueCode": if id == "phone" { "phone" } else { "in-person" }}]})
}

pub fn slot(laid: &Laid) -> Value {
    json!({"resourceType": "Slot", "id": laid.id, "status": "free",
        "schedule": {"reference": format!("Schedule/{}", laid.schedule)},
        "serviceType": [build::concept(system::CS_NEED, NEED, "")],
        "start": build::instant(laid.start()), "end": build::instant(laid.end())})
}

/// `count` slots of `length` minutes, one after the other, on a schedule.
pub fn row(schedule: &str, first: i64, length: i64, count: i64) -> Vec<Laid> {
    (0..count)
        .map(|n| Laid {
            id: format!("{schedule}-{n}"),
            schedule: schedule.to_owned(),
            from: first + n * length,
            to: first + (n + 1) * length,
        })
        .collect()
}

pub struct Place {
    pub door: TestDoor,
    pub directory: Arc<Directory>,
}

impl Place {
    /// A practice with these schedules and slots, and people registered with it; the clock stands at [`start`].
    pub async fn new(schedules: &[Value], slots: &[Laid]) -> Self {
        let door = kith_trust::testing::door().await.unwrap();
        door.set_clock(Some(start()));
        let concept = |system: &str, code: &str| json!([build::concept(system, code, "")]);
        let mut change = Change::new("lay out");
        let mut resources = vec![
            json!({"resourceType": "Organization", "id": "practice", "name": "Wellbrook Surgery"}),
            json!({"resourceType": "Organization", "id": "elsewhere", "name": "Elsewhere"}),
            json!({"resourceType": "Location", "id": "room", "name": "Room 1"}),
            json!({"resourceType": "HealthcareService", "id": "gp", "name": "Wellbrook Surgery",
                "providedBy": {"reference": "Organization/practice"},
                "category": concept(system::CS_SERVICE_KIND, "general-practice"),
                "type": concept(system::CS_NEED, NEED)}),
        ];
        for who in ["shah", "okafor"] {
            let gender = if who == "shah" { "female" } else { "male" };
            resources.push(json!({"resourceType": "Practitioner", "id": who, "gender": gender,
                "name": [{"prefix": ["Dr"], "family": who}]}));
        }
        resources.extend(schedules.iter().cloned());
        resources.extend(slots.iter().map(slot));
        for number in 0..PEOPLE {
            resources.push(json!({"resourceType": "Patient", "id": format!("p{number}"), "birthDate": "1980-01-01",
                "name": [{"given": ["Person"], "family": number.to_string()}],
                "generalPractitioner": [{"reference": "Organization/practice"}]}));
        }
        for resource in resources {
            change.create(resource);
        }
        let system = door.system("test");
        system.commit(change).await.unwrap();
        let directory = Arc::new(load(&system).await.unwrap());
        Self { door, directory }
    }

    pub fn system(&self) -> Access {
        self.door.system("test")
    }

    /// A person using Kith for themselves.
    pub fn person(&self, number: usize) -> Access {
        self.door.enter(Actor::person(&format!("p{number}"), "Person", "Kith web"), Purpose::OwnRecord)
    }

    fn staff(&self, role: Role, who: &str, organization: &str) -> Access {
        let actor = Actor {
            reference: format!("Practitioner/{who}"),
            name: who.to_owned(),
            role,
            organization: Some(format!("Organization/{organization}")),
            organization_name: None,
            acts_for: vec![format!("Organization/{organization}"), SERVICE.to_owned()],
            system: "Kith web".to_owned(),
            scopes: Vec::new(),
        };
        let purpose = if role.is_clinical() { Purpose::DirectCare } else { Purpose::Administration };
        self.door.enter(actor, purpose)
    }

    pub fn desk(&self) -> Access {
        self.staff(Role::Receptionist, "okafor", "practice")
    }

    pub fn doctor(&self) -> Access {
        self.staff(Role::Gp, "shah", "practice")
    }

    /// At the desk of an organisation the person has nothing to do with.
    pub fn stranger(&self) -> Access {
        let mut actor = self.staff(Role::Receptionist, "okafor", "elsewhere").actor().clone();
        actor.acts_for = vec!["Organization/elsewhere".to_owned()];
        self.door.enter(actor, Purpose::Administration)
    }

    pub async fn status(&self, reference: &str) -> String {
        let entry = self.system().read(reference).await.unwrap();
        entry.value["status"].as_str().unwrap().to_owned()
    }
}

pub fn request(person: usize, slot: &Laid) -> BookingRequest {
    BookingRequest {
        patient: format!("Patient/p{person}"),
        slot: slot.reference(),
        need: NEED.to_owned(),
        reason: "A cough that stays".to_owned(),
        ..BookingRequest::default()
    }
}
