//! What the door promises, each promise a test.

use jiff::{SignedDuration, Timestamp};
use kith_fhir::{Value, json, system};
use kith_trust::{
    ABSOLUTE, Access, Actor, Change, DataKind, Door, DoorConfig, Error, IDLE, PRESENT_FOR, Purpose, Role, TAIL,
};
use tempfile::TempDir;

const NHS: &str = "9990000018";
const BORN: &str = "1980-02-29";

struct Place {
    door: Door,
    _folder: TempDir,
}

impl std::ops::Deref for Place {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn number(n: u32) -> String {
    kith_fhir::identifier::NhsNumber::synthetic(n).unwrap().as_str().to_owned()
}

fn patient(id: &str, nhs: &str, practice: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "birthDate": BORN, "name": [{"family": "Test", "given": [id]}],
        "identifier": [{"system": system::NHS_NUMBER, "value": nhs}],
        "generalPractitioner": [{"reference": practice}], "managingOrganization": {"reference": practice}})
}

fn observation(id: &str, person: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Pulse"},
        "subject": {"reference": format!("Patient/{person}")}, "valueInteger": 72})
}

fn request(id: &str, person: &str, status: &str) -> Value {
    json!({"resourceType": "ServiceRequest", "id": id, "status": status, "intent": "order",
        "subject": {"reference": format!("Patient/{person}")}, "performer": [{"reference": "HealthcareService/chemist"}]})
}

/// Ada and Ben, registered with different practices; a pharmacy; a slot; Ada has a pulse and a protected note.
async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let mut config = DoorConfig::new(folder.path());
    config.durable = false;
    let door = Door::open(config).await.unwrap();
    door.set_clock(Some(start()));
    let mut change = Change::new("begin");
    for id in ["high-street", "low-road", "pharmacy"] {
        change.create(json!({"resourceType": "Organization", "id": id, "name": id}));
    }
    change.create(json!({"resourceType": "HealthcareService", "id": "chemist", "providedBy": {"reference": "Organization/pharmacy"}}));
    change
        .create(json!({"resourceType": "Schedule", "id": "s", "actor": [{"reference": "HealthcareService/chemist"}]}));
    change.create(
        json!({"resourceType": "Slot", "id": "slot", "schedule": {"reference": "Schedule/s"}, "status": "free",
        "start": "2026-03-03T09:00:00Z", "end": "2026-03-03T09:10:00Z"}),
    );
    change.create(patient("ada", NHS, "Organization/high-street"));
    change.create(patient("ben", &number(77), "Organization/low-road"));
    change.create(observation("pulse", "ada"));
    let mut protected = observation("protected", "ada");
    protected["meta"] =
        json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    change.create(protected);
    door.system("test").commit(change).await.unwrap();
    Place { door, _folder: folder }
}

impl Place {
    fn person(&self, id: &str) -> Access {
        self.enter(Actor::person(id, id, "test"), Purpose::OwnRecord)
    }

    fn staff(&self, role: Role, organization: &str, acts_for: &[&str]) -> Access {
        let purpose = if role.is_clinical() { Purpose::DirectCare } else { Purpose::Administration };
        let actor = Actor {
            reference: format!("Practitioner/{}-{organization}", role.code()),
            name: "Staff".into(),
            role,
            organization: Some(format!("Organization/{organization}")),
            organization_name: Some(organization.into()),
            acts_for: acts_for.iter().map(|s| (*s).to_owned()).collect(),
            system: "test".into(),
            scopes: Vec::new(),
        };
        self.enter(actor, purpose)
    }

    fn gp(&self) -> Access {
        self.staff(Role::Gp, "high-street", &[])
    }

    fn pharmacist(&self) -> Access {
        self.staff(Role::Pharmacist, "pharmacy", &["HealthcareService/chemist"])
    }

    fn later(&self, by: SignedDuration) {
        self.set_clock(Some(self.now() + by));
    }

    async fn entries(&self) -> usize {
        self.audit_after(0, 10_000).await.unwrap().len()
    }
}

async fn write(access: &Access, value: Value) -> Result<kith_trust::Receipt, Error> {
    let mut change = Change::new("write");
    change.put(value);
    access.commit(change).await
}

fn kinds(record: &kith_trust::Record) -> Vec<&str> {
    record.entries().iter().map(|e| e.id.as_str()).collect()
}

#[tokio::test]
async fn a_person_sees_all_of_their_own_record_and_who_looked() {
    let place = place().await;
    let record = place.person("ada").open("ada").await.unwrap();
    assert_eq!(kinds(&record), ["ada", "pulse", "protected"]);
    assert!(record.withheld.is_empty());
    place.gp().open("ada").await.unwrap();
    let looked = place.person("ada").who_looked("ada", 10).await.unwrap();
    let told: Vec<_> =
        looked.iter().map(|e| (e.origin.role.as_str(), e.fields.action.as_str(), e.fields.purpose.as_str())).collect();
    assert_eq!(
        told,
        [("gp", "open", "direct-care"), ("person", "open", "own-record"), ("system", "write", "operations")]
    );
    assert_eq!(looked[0].origin.organization_name.as_deref(), Some("high-street"));
    assert_eq!(looked[0].fields.decided_by, "general-practice/registered-clinical");
    // That they looked who looked is an entry too.
    assert_eq!(place.person("ada").who_looked("ada", 1).await.unwrap()[0].fields.action, "audit");
    assert!(matches!(place.gp().who_looked("ada", 10).await, Err(Error::NotFound)));
    let officer = place.staff(Role::PrivacyOfficer, "high-street", &[]).for_purpose(Purpose::Audit);
    assert!(officer.who_looked("ada", 10).await.unwrap().len() >= 4);
    assert!(matches!(officer.open("ada").await, Err(Error::NotFound)));
}

/// What a stranger is told, in words.
async fn told(access: &Access, person: &str, thing: &str) -> Vec<String> {
    let words = |e: Error| format!("{e:?}");
    let mut said = vec![
        access.open(person).await.map(drop).map_err(words),
        access.read(&format!("Patient/{person}")).await.map(drop).map_err(words),
        access.vread(&format!("Patient/{person}"), 1).await.map(drop).map_err(words),
        access.history(&format!("Patient/{person}")).await.map(drop).map_err(words),
        access.read(&format!("Observation/{thing}")).await.map(drop).map_err(words),
        access.who_looked(person, 5).await.map(drop).map_err(words),
        write(access, observation("new", person)).await.map(drop).map_err(words),
        write(access, patient(person, NHS, "Organization/high-street")).await.map(drop).map_err(words),
    ];
    for reference in [format!("Patient/{person}"), format!("Observation/{thing}")] {
        let mut change = Change::new("delete");
        change.delete(&reference, None);
        said.push(access.commit(change).await.map(drop).map_err(words));
    }
    said.into_iter().map(|r| r.expect_err("a stranger was let in")).collect()
}

#[tokio::test]
async fn who_is_not_yours_to_know_of_does_not_exist() {
    let place = place().await;
    let strangers = [
        place.person("ben"),
        place.staff(Role::Gp, "low-road", &[]),
        place.staff(Role::Receptionist, "low-road", &[]),
        place.pharmacist(),
        place.staff(Role::PrivacyOfficer, "high-street", &[]),
    ];
    for stranger in strangers {
        let real = told(&stranger, "ada", "pulse").await;
        let unreal = told(&stranger, "nobody", "nothing").await;
        assert_eq!(real, unreal, "{stranger:?}");
        assert_eq!(real[0], "NotFound");
    }
    // Each attempt on a real person is on record for her.
    let refused = place.person("ada").who_looked("ada", 1000).await.unwrap();
    assert!(refused.iter().filter(|e| e.fields.action == "refused").count() > 20);
    let query = kith_fhir::search::Query::new("Patient").unwrap().where_("family", "test").unwrap();
    assert_eq!(place.person("ben").search(&query).await.unwrap().entries.len(), 1);
    assert!(place.pharmacist().search(&query).await.unwrap().entries.is_empty());
}

#[tokio::test]
async fn the_desk_arranges_and_reads_no_clinical_detail() {
    let place = place().await;
    write(&place.gp(), request("r", "ada", "active")).await.unwrap();
    let desk = place.staff(Role::Receptionist, "high-street", &[]);
    let record = desk.open("ada").await.unwrap();
    assert_eq!(kinds(&record), ["ada", "r"]);
    let withheld: Vec<_> = record.withheld.iter().map(|w| (w.kind, w.count)).collect();
    assert_eq!(withheld, [(DataKind::Clinical, 1), (DataKind::Sensitive, 1)]);
    assert!(record.withheld[0].why.contains("receptionist may not read clinical detail"));
    assert!(matches!(desk.read("Observation/pulse").await, Err(Error::NotFound)));
    assert!(matches!(write(&desk, observation("new", "ada")).await, Err(Error::Refused { .. })));
    // What a caller says may be written down, though not read back later.
    let answers = json!({"resourceType": "QuestionnaireResponse", "id": "qr", "status": "completed",
        "subject": {"reference": "Patient/ada"}});
    write(&desk, answers).await.unwrap();
    assert!(matches!(desk.read("QuestionnaireResponse/qr").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_pharmacist_sees_clinical_detail_while_something_is_open_and_for_its_tail() {
    let place = place().await;
    assert!(matches!(place.pharmacist().open("ada").await, Err(Error::NotFound)));
    write(&place.gp(), request("r", "ada", "active")).await.unwrap();
    let record = place.pharmacist().open("ada").await.unwrap();
    assert_eq!(kinds(&record), ["ada", "pulse", "r"]);
    assert_eq!(record.withheld[0].kind, DataKind::Sensitive);
    place.later(SignedDuration::from_hours(24 * 365));
    assert!(place.pharmacist().open("ada").await.is_ok(), "what is open stays open");
    write(&place.pharmacist(), request("r", "ada", "completed")).await.unwrap();
    place.later(TAIL - SignedDuration::from_secs(1));
    assert!(place.pharmacist().open("ada").await.is_ok());
    place.later(SignedDuration::from_secs(1));
    assert!(matches!(place.pharmacist().open("ada").await, Err(Error::NotFound)));
    // What was called off ends at once.
    write(&place.gp(), request("r2", "ada", "active")).await.unwrap();
    write(&place.gp(), request("r2", "ada", "revoked")).await.unwrap();
    assert!(matches!(place.pharmacist().open("ada").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_proxy_acts_while_the_arrangement_is_active() {
    let place = place().await;
    let arrangement = |active: bool, end: &str| {
        json!({"resourceType": "RelatedPerson", "id": "rp", "active": active, "patient": {"reference": "Patient/ada"},
            "period": {"end": end},
            "extension": [{"url": system::EXT_PROXY_PATIENT, "valueReference": {"reference": "Patient/ben"}}]})
    };
    // Ben cannot make himself Ada's proxy.
    assert!(matches!(write(&place.person("ben"), arrangement(true, "2026-06-30")).await, Err(Error::NotFound)));
    write(&place.person("ada"), arrangement(true, "2026-06-30")).await.unwrap();
    let ben = place.person("ben");
    assert_eq!(ben.open("ada").await.unwrap().entries().len(), 4);
    assert!(ben.who_looked("ada", 5).await.is_ok());
    write(&ben, request("r", "ada", "active")).await.unwrap();
    // Nor can a proxy name another.
    let mut other = arrangement(true, "2030-01-01");
    other["id"] = json!("rp2");
    assert!(matches!(write(&ben, other).await, Err(Error::Refused { .. })));
    // The last day counts whole, in London.
    place.set_clock(Some("2026-06-30T22:59:59Z".parse().unwrap()));
    assert!(place.person("ben").open("ada").await.is_ok());
    place.set_clock(Some("2026-06-30T23:00:00Z".parse().unwrap()));
    assert!(matches!(place.person("ben").open("ada").await, Err(Error::NotFound)));
    write(&place.person("ada"), arrangement(true, "2027-01-01")).await.unwrap();
    assert!(place.person("ben").open("ada").await.is_ok());
    write(&place.person("ada"), arrangement(false, "2027-01-01")).await.unwrap();
    assert!(matches!(place.person("ben").open("ada").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_person_changes_contact_details_but_not_who_they_are() {
    let place = place().await;
    let ada = place.person("ada");
    let now = (*ada.read("Patient/ada").await.unwrap().value).clone();
    let with = |key: &str, value: Value| {
        let mut changed = now.clone();
        changed[key] = value;
        changed
    };
    write(&ada, with("telecom", json!([{"system": "phone", "value": "07700900000"}]))).await.unwrap();
    for (key, value) in [
        ("identifier", json!([{"system": system::NHS_NUMBER, "value": number(5)}])),
        ("birthDate", json!("1990-01-01")),
        ("name", json!([{"family": "Other"}])),
        ("gender", json!("other")),
        ("generalPractitioner", json!([{"reference": "Organization/low-road"}])),
        ("managingOrganization", json!({"reference": "Organization/low-road"})),
    ] {
        assert!(matches!(write(&ada, with(key, value)).await, Err(Error::Refused { .. })), "{key}");
    }
    let mut change = Change::new("delete");
    change.delete("Patient/ada", None);
    assert!(matches!(ada.commit(change).await, Err(Error::Refused { .. })));
    assert!(matches!(write(&ada, observation("own", "ada")).await, Err(Error::Refused { .. })));
    assert_eq!(place.check().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test]
async fn nobody_registers_a_person_elsewhere_or_gives_themselves_sight() {
    let place = place().await;
    let desk = place.staff(Role::Receptionist, "low-road", &[]);
    let new = |practice: &str| patient("carl", &number(9), practice);
    assert!(matches!(write(&desk, new("Organization/high-street")).await, Err(Error::Refused { .. })));
    let mut both = new("Organization/low-road");
    both["managingOrganization"] = json!({"reference": "Organization/high-street"});
    assert!(matches!(write(&desk, both).await, Err(Error::Refused { .. })));
    assert!(write(&place.person("carl"), new("Organization/high-street")).await.is_err());
    write(&desk, new("Organization/low-road")).await.unwrap();
    desk.open("carl").await.unwrap();
    // Taking Ada over by writing her Patient, or by writing oneself into her record.
    assert!(matches!(write(&desk, patient("ada", NHS, "Organization/low-road")).await, Err(Error::NotFound)));
    assert!(matches!(write(&place.pharmacist(), request("own", "ada", "active")).await, Err(Error::NotFound)));
    let mut change = Change::new("two at once");
    change.put(patient("dora", &number(10), "Organization/low-road"));
    change.put(request("own", "ada", "active"));
    assert!(matches!(desk.commit(change).await, Err(Error::NotFound)));
    // Her own practice may not send her away either; the one that takes her on registers her.
    let away = patient("ada", NHS, "Organization/low-road");
    assert!(matches!(
        write(&place.staff(Role::Receptionist, "high-street", &[]), away).await,
        Err(Error::Refused { .. })
    ));
}

#[tokio::test]
async fn a_protected_item_is_not_opened_up_by_writing_over_it() {
    let place = place().await;
    write(&place.gp(), request("r", "ada", "active")).await.unwrap();
    assert!(matches!(write(&place.pharmacist(), observation("protected", "ada")).await, Err(Error::Refused { .. })));
    write(&place.pharmacist(), observation("pulse", "ada")).await.unwrap();
    write(&place.gp(), observation("protected", "ada")).await.unwrap();
}

#[tokio::test]
async fn to_identify_somebody_takes_both_facts_and_lasts_a_day() {
    let place = place().await;
    let desk = place.staff(Role::Receptionist, "pharmacy", &[]);
    let (born, wrong) = (BORN.parse().unwrap(), "1980-02-28".parse().unwrap());
    let before = place.entries().await;
    assert!(matches!(desk.identify(NHS, wrong).await, Err(Error::NotFound)));
    assert!(matches!(desk.identify(&number(4242), born).await, Err(Error::NotFound)));
    assert!(matches!(desk.identify("999 000 0019", born).await, Err(Error::NotFound)));
    let attempts = place.audit_after(before as i64, 10).await.unwrap();
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|e| e.fields.action == "refused" && e.fields.reason == "identify"));
    assert!(!format!("{attempts:?}").contains(NHS), "the number itself is not written down");
    assert!(matches!(desk.open("ada").await, Err(Error::NotFound)));
    assert_eq!(desk.identify("999 000 0018", born).await.unwrap(), "ada");
    assert_eq!(kinds(&desk.open("ada").await.unwrap()), ["ada"]);
    write(&desk, request("r", "ada", "active")).await.unwrap();
    assert!(matches!(place.person("ben").identify(NHS, born).await, Err(Error::Refused { .. })));
    // Another organisation has learnt nothing.
    assert!(place.staff(Role::Receptionist, "low-road", &[]).open("ada").await.is_err());
    let other = place.staff(Role::Optometrist, "low-road", &[]);
    assert_eq!(other.identify(NHS, born).await.unwrap(), "ada");
    place.later(PRESENT_FOR);
    assert!(matches!(place.staff(Role::Optometrist, "low-road", &[]).open("ada").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_booking_turns_its_slot_and_nothing_else_of_it() {
    let place = place().await;
    let ada = place.person("ada");
    let slot = (*ada.read("Slot/slot").await.unwrap().value).clone();
    let book = async |slot: Value, occupies: bool| {
        let mut change = Change::new("book");
        change.update(slot, 1);
        if occupies {
            let (from, to) = ("2026-03-03T09:00:00Z".parse().unwrap(), "2026-03-03T09:10:00Z".parse().unwrap());
            change.occupy("Schedule/s", from, to, "Appointment/x", None);
        }
        ada.commit(change).await
    };
    let mut busy = slot.clone();
    busy["status"] = json!("busy");
    let mut moved = busy.clone();
    moved["end"] = json!("2026-03-03T12:00:00Z");
    assert!(matches!(book(busy.clone(), false).await, Err(Error::Refused { .. })));
    assert!(matches!(book(moved, true).await, Err(Error::Refused { .. })));
    book(busy.clone(), true).await.unwrap();
    assert!(matches!(book(busy, true).await, Err(Error::Conflict { .. } | Error::Taken)));
    let organisation = json!({"resourceType": "Organization", "id": "high-street", "name": "Mine"});
    assert!(matches!(write(&ada, organisation).await, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let place = place().await;
    let scopes = ["system/Patient.read".to_owned(), "system/Observation.cruds".to_owned()];
    let token = place.issue_token("Engine", &scopes).await.unwrap();
    let actor = place.machine(&token).await.unwrap().unwrap();
    assert_eq!(place.machine(&token.replace(&token[..1], "!")).await.unwrap(), None);
    let engine = place.enter(actor.clone(), Purpose::Operations);
    assert_eq!(kinds(&engine.open("ada").await.unwrap()), ["ada", "pulse", "protected"]);
    engine.read("Patient/ada").await.unwrap();
    write(&engine, observation("new", "ada")).await.unwrap();
    assert!(matches!(
        write(&engine, patient("new", &number(3), "Organization/low-road")).await,
        Err(Error::Refused { .. })
    ));
    assert!(matches!(write(&engine, request("r", "ada", "active")).await, Err(Error::Refused { .. })));
    assert!(matches!(engine.read("Slot/slot").await, Err(Error::Refused { .. })));
    let tasks = kith_fhir::search::Query::new("Task").unwrap();
    assert!(matches!(engine.search(&tasks).await, Err(Error::Refused { .. })));
    assert!(matches!(engine.who_looked("ada", 5).await, Err(Error::NotFound)));
    for bad in ["", "user/*.*", "system/Nothing.read", "system/Patient.fly"] {
        assert!(matches!(place.issue_token("Engine", &[bad.to_owned()]).await, Err(Error::Invalid { .. })), "{bad}");
    }
    assert_eq!(place.tokens().await.unwrap().len(), 1);
    assert_eq!(place.withdraw_tokens(&actor.reference).await.unwrap(), 1);
    assert_eq!(place.machine(&token).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_a_long_day() {
    let place = place().await;
    let (secret, made) = place.sign_in(Actor::person("ada", "Ada", "test"), Purpose::OwnRecord).await.unwrap();
    let (busy, _) = place.sign_in(Actor::person("ada", "Ada", "test"), Purpose::OwnRecord).await.unwrap();
    assert_eq!(place.session(&secret).await.unwrap().unwrap().handle, made.handle);
    assert!(place.session("no such secret").await.unwrap().is_none());
    let step = IDLE - SignedDuration::from_secs(1);
    let mut passed = SignedDuration::ZERO;
    while passed + step < ABSOLUTE {
        place.later(step);
        passed += step;
        assert!(place.session(&busy).await.unwrap().is_some(), "in use, after {passed:?}");
    }
    assert!(place.session(&secret).await.unwrap().is_none(), "not used");
    place.set_clock(Some(start() + ABSOLUTE));
    assert!(place.session(&busy).await.unwrap().is_none(), "however much in use");
    let (secret, _) = place.sign_in(Actor::person("ada", "Ada", "test"), Purpose::OwnRecord).await.unwrap();
    place.sign_out(&secret).await.unwrap();
    assert!(place.session(&secret).await.unwrap().is_none());
    let actions: Vec<_> = place.audit_after(1, 99).await.unwrap().into_iter().map(|e| e.fields.action).collect();
    assert!(actions.ends_with(&["sign-in".into(), "sign-out".into()]), "{actions:?}");
    assert!(place.sweep().await.unwrap() >= 2);
}

#[tokio::test]
async fn every_read_and_write_leaves_one_entry_for_each_person() {
    let place = place().await;
    let gp = place.gp();
    let mut before = place.entries().await;
    let mut grown = async |by: usize, what: &str| {
        let now = place.entries().await;
        assert_eq!(now - before, by, "{what}");
        before = now;
    };
    gp.open("ada").await.unwrap();
    grown(1, "opening").await;
    gp.open("ada").await.unwrap();
    grown(0, "the same record in the same request").await;
    gp.read("Observation/pulse").await.unwrap();
    grown(1, "reading").await;
    gp.history("Observation/pulse").await.unwrap();
    grown(1, "history").await;
    gp.read("Slot/slot").await.unwrap();
    grown(0, "the directory is nobody's").await;
    let mut change = Change::new("note");
    for n in 0..3 {
        change.create(observation(&format!("new{n}"), "ada"));
    }
    gp.commit(change).await.unwrap();
    grown(1, "three resources of one person").await;
    let entry = place.audit_after(0, 10_000).await.unwrap().pop().unwrap();
    assert_eq!((entry.fields.count, entry.fields.what.len(), entry.fields.digest.len()), (3, 3, 64));
    let mut change = Change::new("import");
    change.create(observation("of-ada", "ada"));
    change.create(observation("of-ben", "ben"));
    place.system("test").commit(change).await.unwrap();
    grown(2, "two people").await;
    let mut change = Change::new("note");
    change.create(observation("mine", "ada"));
    change.create(observation("not-mine", "ben"));
    assert!(matches!(gp.commit(change).await, Err(Error::NotFound)));
    grown(1, "a refusal").await;
    assert!(gp.read("Observation/mine").await.is_err(), "nothing of a refused change is kept");
    assert_eq!(place.check().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_request_sent_twice_is_done_once() {
    let place = place().await;
    let ask = |note: &str| {
        let mut change = Change::new("ask");
        let mut value = request("x", "ada", "active");
        value.as_object_mut().unwrap().remove("id");
        value["note"] = json!([{"text": note}]);
        value["authoredOn"] = json!(place.now().to_string());
        let made = change.create(value);
        let mut task = json!({"resourceType": "Task", "status": "requested", "intent": "order",
            "for": {"reference": "Patient/ada"}, "focus": {"reference": made}});
        task["authoredOn"] = json!(place.now().to_string());
        change.create(task);
        change
    };
    let ada = place.person("ada");
    let send = async |access: &Access, note: &str, key: &str| {
        let mut change = ask(note);
        change.once(key);
        access.commit(change).await
    };
    let first = send(&ada, "sore throat", "k").await.unwrap();
    place.later(SignedDuration::from_secs(5));
    let again = send(&ada, "sore throat", "k").await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.written, first.written);
    assert!(matches!(send(&ada, "earache", "k").await, Err(Error::Conflict { .. })));
    // The key is the sender's own.
    let gp = place.gp();
    assert!(!send(&gp, "earache", "k").await.unwrap().replayed);
    // Where the caller says what was asked, only that counts.
    let send_for = async |note: &str, asked: Value| {
        let mut change = ask(note);
        change.once_for("form", &asked);
        ada.commit(change).await
    };
    assert!(!send_for("built so", json!({"answer": 1})).await.unwrap().replayed);
    assert!(send_for("built otherwise", json!({"answer": 1})).await.unwrap().replayed);
    assert!(matches!(send_for("built so", json!({"answer": 2})).await, Err(Error::Conflict { .. })));
    assert_eq!(place.counts().await.unwrap()["ServiceRequest"], 3);
}

#[tokio::test]
async fn background_work_is_kiths_alone_and_small_values_are_the_actors_own() {
    let place = place().await;
    let ada = place.person("ada");
    assert!(matches!(ada.take_outbox("t", 1, SignedDuration::from_secs(1)).await, Err(Error::Refused { .. })));
    assert!(matches!(place.gp().take_jobs("t", 1, SignedDuration::from_secs(1)).await, Err(Error::Refused { .. })));
    ada.remember("draft", "a", &json!({"x": 1}), None).await.unwrap();
    assert_eq!(ada.recall("draft", "a").await.unwrap(), Some(json!({"x": 1})));
    assert_eq!(place.person("ben").recall("draft", "a").await.unwrap(), None);
    ada.forget("draft", "a").await.unwrap();
    assert_eq!(ada.recall("draft", "a").await.unwrap(), None);
}
