//! What people and teams say to each other, through the real door and a real store in a temporary folder.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp, civil::date};
use kith_contact::message::{self, ToPerson, ToTeam};
use kith_contact::notifier::{Notifier, Pass};
use kith_contact::preferences::{self, AppointmentPreference, Channel, Mode, Preferences, PreferencesEdit};
use kith_contact::proxy::{self, NewProxy, Relationship};
use kith_contact::sink::{Delivery, FileSink, Sink, SinkError};
use kith_contact::{Category, Error, Notification, TemplateId, document, photo};
use kith_fhir::{Value, json, system};
use kith_trust::testing::{TestDoor, door};
use kith_trust::{Access, Actor, Change, Purpose, Role};

const NOW: &str = "2026-11-20T09:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn patient(id: &str, born: &str, wish: Option<&str>) -> Value {
    let mut out = json!({
        "resourceType": "Patient", "id": id, "birthDate": born,
        "name": [{ "text": format!("Test {id}") }],
        "managingOrganization": { "reference": "Organization/practice" },
        "generalPractitioner": [{ "reference": "Organization/practice" }],
        "telecom": [{ "system": "phone", "value": "07700 900001", "use": "mobile" }],
        "address": [{ "line": ["1 Test Street"], "postalCode": "ZZ99 3AA" }],
    });
    if let Some(wish) = wish {
        out["extension"] = json!([{ "url": system::EXT_CONTACT_PREFERENCE, "valueCode": wish }]);
    }
    out
}

async fn place() -> TestDoor {
    let door = door().await.unwrap();
    door.set_clock(Some(now()));
    let mut change = Change::new("set up");
    change.create(json!({ "resourceType": "Organization", "id": "practice", "name": "Riverside Surgery" }));
    change.create(json!({
        "resourceType": "HealthcareService", "id": "desk", "name": "Riverside Surgery",
        "providedBy": { "reference": "Organization/practice" },
        "category": [{ "coding": [{ "system": system::CS_SERVICE_KIND, "code": "general-practice" }] }],
    }));
    change.create(json!({ "resourceType": "Organization", "id": "pharmacy", "name": "High Street Pharmacy" }));
    change.create(json!({
        "resourceType": "HealthcareService", "id": "pharmacy", "name": "High Street Pharmacy",
        "providedBy": { "reference": "Organization/pharmacy" },
    }));
    change.create(json!({ "resourceType": "Practitioner", "id": "gp", "name": [{ "text": "Dr Test" }] }));
    for (id, born, wish) in [
        ("texter", "1980-01-01", Some("text")),
        ("writer", "1940-01-01", Some("letter")),
        ("caller", "1950-01-01", Some("phone")),
        ("neighbour", "1970-01-01", Some("web")),
        ("child", "2012-06-10", None),
    ] {
        change.create(patient(id, born, wish));
    }
    door.system("test").commit(change).await.unwrap();
    door
}

fn person(door: &TestDoor, id: &str) -> Access {
    door.enter(Actor::person(id, &format!("Test {id}"), "test"), Purpose::OwnRecord)
}

fn staff(door: &TestDoor, role: Role, purpose: Purpose) -> Access {
    let actor = Actor {
        reference: "Practitioner/gp".to_owned(),
        name: "Dr Test".to_owned(),
        role,
        organization: Some("Organization/practice".to_owned()),
        organization_name: Some("Riverside Surgery".to_owned()),
        acts_for: vec!["Organization/practice".to_owned(), "HealthcareService/desk".to_owned()],
        system: "test".to_owned(),
        scopes: vec![],
    };
    door.enter(actor, purpose)
}

fn gp(door: &TestDoor) -> Access {
    staff(door, Role::Gp, Purpose::DirectCare)
}

fn to_team(patient: &str, text: &str, answers: Option<&str>) -> ToTeam {
    ToTeam {
        patient: patient.to_owned(),
        team: "HealthcareService/desk".to_owned(),
        subject: "About my leg".to_owned(),
        text: text.to_owned(),
        answers: answers.map(str::to_owned),
        about: vec![],
        channel: Channel::Web,
    }
}

fn to_person(patient: &str, text: &str, answers: Option<&str>) -> ToPerson {
    ToPerson {
        patient: patient.to_owned(),
        team: "HealthcareService/desk".to_owned(),
        subject: "Your leg".to_owned(),
        text: text.to_owned(),
        answers: answers.map(str::to_owned),
        about: vec![],
        answer_by: None,
    }
}

async fn notify(door: &TestDoor, patient: &str, key: &str) {
    let mut change = Change::new("test notice");
    Notification::new(patient, TemplateId::RequestUpdate).with("team", "Riverside Surgery").publish(&mut change, key);
    door.system("test").commit(change).await.unwrap();
}

async fn notices(door: &TestDoor, patient: &str) -> Vec<Value> {
    let record = door.system("test").open(patient).await.unwrap();
    record.values("Communication").filter(|c| Category::of(c) == Some(Category::Notification)).cloned().collect()
}

async fn callbacks(door: &TestDoor, patient: &str) -> Vec<Value> {
    let record = door.system("test").open(patient).await.unwrap();
    record.values("Task").filter(|t| t["code"]["coding"][0]["code"] == "callback").cloned().collect()
}

fn lines(sink: &FileSink) -> Vec<Delivery> {
    std::fs::read_to_string(sink.path()).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[tokio::test]
async fn no_message_is_without_an_owner_and_no_reply_is_lost() {
    let door = place().await;
    let sent = message::send_to_team(&person(&door, "texter"), &to_team("texter", "It hurts", None)).await.unwrap();
    let task = gp(&door).read(sent.task.as_deref().unwrap()).await.unwrap();
    assert_eq!(task.value["owner"]["reference"], "HealthcareService/desk");
    assert_eq!(task.value["restriction"]["period"]["end"], "2026-11-24T18:30:00+00:00");
    let reply =
        message::send_to_person(&gp(&door), &to_person("texter", "Come in", Some(&sent.message))).await.unwrap();
    assert_eq!(gp(&door).read(sent.task.as_deref().unwrap()).await.unwrap().value["status"], "completed");
    let again = message::send_to_team(&person(&door, "texter"), &to_team("texter", "Thank you", Some(&reply.message)))
        .await
        .unwrap();
    assert_ne!(again.task, sent.task, "a reply is work of its own");
    let threads = message::threads(&person(&door, "texter").open("texter").await.unwrap());
    assert_eq!(threads.len(), 1);
    assert_eq!(
        threads[0].messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(),
        ["It hurts", "Come in", "Thank you"]
    );
    assert_eq!(threads[0].messages[1].from.name, "Dr Test, Riverside Surgery");
    assert_eq!(threads[0].open_tasks, [again.task.unwrap()]);
    assert_eq!(threads[0].unread_by_person, 1);
    assert_eq!(message::mark_read(&person(&door, "texter"), "texter", &threads[0].root).await.unwrap(), 1);
    assert_eq!(message::mark_read(&gp(&door), "texter", &threads[0].root).await.unwrap(), 2);
    assert_eq!(message::mark_read(&gp(&door), "texter", &threads[0].root).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_sent_sixteen_times_at_once_is_one() {
    let door = place().await;
    let asked = to_team("texter", "Can I have a letter?", None);
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (me, asked) = (person(&door, "texter"), asked.clone());
            tokio::spawn(async move { message::send_to_team_once(&me, &asked, "form-1").await.unwrap() })
        })
        .collect();
    let mut sent = Vec::new();
    for one in tries {
        sent.push(one.await.unwrap());
    }
    assert_eq!(sent.iter().filter(|one| !one.replayed).count(), 1);
    assert!(sent.iter().all(|one| one.message == sent[0].message && one.task == sent[0].task));
    // The team's answer, too; and sent once more after it stands in the thread itself.
    let answer = to_person("texter", "It is at the desk.", Some(&sent[0].message));
    let gp = || staff(&door, Role::Gp, Purpose::DirectCare);
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (gp, answer) = (gp(), answer.clone());
            tokio::spawn(async move { message::send_to_person_once(&gp, &answer, "form-2").await.unwrap() })
        })
        .collect();
    let mut answers = Vec::new();
    for one in tries {
        answers.push(one.await.unwrap().message);
    }
    let late = ToPerson { answers: Some(answers[0].clone()), ..answer.clone() };
    answers.push(message::send_to_person_once(&gp(), &late, "form-2").await.unwrap().message);
    assert!(answers.iter().all(|one| *one == answers[0]));
    let threads = message::threads(&gp().open("texter").await.unwrap());
    assert_eq!(threads.iter().map(|thread| thread.messages.len()).collect::<Vec<_>>(), [2]);
    // Other words under the same key are not taken for the same.
    let other = to_team("texter", "Something else", None);
    let refused = message::send_to_team_once(&person(&door, "texter"), &other, "form-1").await;
    assert!(matches!(refused, Err(Error::Door(kith_trust::Error::Conflict { .. }))));
}

#[tokio::test]
async fn nobody_writes_into_a_strangers_record() {
    let door = place().await;
    let stranger = person(&door, "neighbour");
    let refused = message::send_to_team(&stranger, &to_team("texter", "Hello", None)).await;
    assert!(matches!(refused, Err(Error::Door(kith_trust::Error::NotFound))));
    let posing = message::send_to_person(&person(&door, "texter"), &to_person("texter", "I am a doctor", None)).await;
    assert!(matches!(posing, Err(Error::Refused { .. })));
}

#[tokio::test]
async fn a_message_opens_the_record_to_nobody_new() {
    let door = place().await;
    let elsewhere = ToTeam { team: "HealthcareService/pharmacy".to_owned(), ..to_team("texter", "Hello", None) };
    assert!(matches!(message::send_to_team(&person(&door, "texter"), &elsewhere).await, Err(Error::Refused { .. })));
    let nowhere = ToTeam { team: "Patient/writer".to_owned(), ..elsewhere.clone() };
    assert!(matches!(message::send_to_team(&person(&door, "texter"), &nowhere).await, Err(Error::Invalid { .. })));
    // Once the pharmacy has a request for them, they can write to it.
    let mut change = Change::new("test request");
    change.create(json!({
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "subject": { "reference": "Patient/texter" },
        "performer": [{ "reference": "HealthcareService/pharmacy" }],
    }));
    door.system("test").commit(change).await.unwrap();
    message::send_to_team(&person(&door, "texter"), &elsewhere).await.unwrap();
}

#[tokio::test]
async fn preferences_are_kept_once_and_seen_by_the_front_desk() {
    let door = place().await;
    let edit = PreferencesEdit {
        channel: Some(Channel::Letter),
        language: Some("pl".to_owned()),
        interpreter: true,
        access_needs: vec!["Step-free access".to_owned(), "Large print".to_owned()],
        appointment: AppointmentPreference {
            mode: Some(Mode::Phone),
            female_clinician: true,
            when: None,
            max_miles: Some(3.0),
        },
    };
    preferences::save(&person(&door, "texter"), "texter", &edit).await.unwrap();
    let desk = staff(&door, Role::Receptionist, Purpose::Administration);
    let seen = Preferences::of(&desk.open("texter").await.unwrap());
    assert_eq!(seen.channel, Some(Channel::Letter));
    assert_eq!(seen.appointment, edit.appointment);
    let mut alerts = seen.alerts();
    alerts.sort();
    assert_eq!(alerts, ["Large print", "Needs an interpreter: Polish", "Step-free access"]);
    // Saving again changes nothing; taking a need back removes it.
    let before = desk.open("texter").await.unwrap().get("Patient/texter").unwrap().version;
    preferences::save(&person(&door, "texter"), "texter", &edit).await.unwrap();
    let fewer = PreferencesEdit { access_needs: vec!["large print".to_owned()], ..edit.clone() };
    preferences::save(&person(&door, "texter"), "texter", &fewer).await.unwrap();
    let record = staff(&door, Role::Receptionist, Purpose::Administration).open("texter").await.unwrap();
    assert_eq!(record.get("Patient/texter").unwrap().version, before);
    assert_eq!(
        Preferences::of(&record).access_needs.iter().map(|n| n.text.as_str()).collect::<Vec<_>>(),
        ["Large print"]
    );
    let bad = PreferencesEdit { language: Some("!".to_owned()), ..edit };
    assert!(matches!(preferences::save(&person(&door, "texter"), "texter", &bad).await, Err(Error::Invalid { .. })));
}

fn neighbour_for(patient: &str, relationship: Relationship) -> NewProxy {
    NewProxy {
        patient: patient.to_owned(),
        proxy: "neighbour".to_owned(),
        proxy_name: "Test neighbour".to_owned(),
        relationship,
        until: None,
    }
}

#[tokio::test]
async fn a_proxy_acts_until_it_is_ended_and_then_sees_nothing() {
    let door = place().await;
    assert!(person(&door, "neighbour").open("writer").await.is_err());
    let permission =
        proxy::add_proxy(&person(&door, "writer"), &neighbour_for("writer", Relationship::Neighbour)).await.unwrap();
    let mine = proxy::people_i_act_for(&person(&door, "neighbour")).await.unwrap();
    assert_eq!(
        mine.iter().map(|d| (d.patient_id.as_str(), d.name.as_str())).collect::<Vec<_>>(),
        [("writer", "Test writer")]
    );
    // Writes in the person's record under their own name.
    let sent = message::send_to_team(&person(&door, "neighbour"), &to_team("writer", "She fell", None)).await.unwrap();
    let seen = person(&door, "writer").read(&sent.message).await.unwrap();
    assert_eq!(seen.value["sender"]["reference"], permission);
    assert_eq!(seen.value["sender"]["display"], "Test neighbour for Test writer");
    let twice = proxy::add_proxy(&person(&door, "writer"), &neighbour_for("writer", Relationship::Friend)).await;
    assert!(matches!(twice, Err(Error::Conflict { .. })));
    // A proxy lets nobody else in.
    let other = NewProxy { proxy: "texter".to_owned(), ..neighbour_for("writer", Relationship::Friend) };
    assert!(matches!(proxy::add_proxy(&person(&door, "neighbour"), &other).await, Err(Error::Refused { .. })));
    proxy::end_proxy(&person(&door, "writer"), &permission).await.unwrap();
    proxy::end_proxy(&person(&door, "writer"), &permission).await.unwrap();
    assert!(matches!(person(&door, "neighbour").open("writer").await, Err(kith_trust::Error::NotFound)));
    assert!(proxy::people_i_act_for(&person(&door, "neighbour")).await.unwrap().is_empty());
    let record = person(&door, "writer").open("writer").await.unwrap();
    assert!(!proxy::proxies_of(&record, date(2026, 11, 20))[0].current);
}

#[tokio::test]
async fn a_parent_sees_nothing_from_the_sixteenth_birthday() {
    let door = place().await;
    let child = person(&door, "child");
    assert!(
        proxy::add_proxy(&child, &neighbour_for("child", Relationship::Parent)).await.is_err(),
        "too young to decide"
    );
    proxy::add_proxy(&gp(&door), &neighbour_for("child", Relationship::Parent)).await.unwrap();
    assert!(person(&door, "neighbour").open("child").await.is_ok());
    door.set_clock(Some("2028-06-09T22:00:00Z".parse().unwrap()));
    assert!(person(&door, "neighbour").open("child").await.is_ok(), "the day before");
    // Midnight in London is 11pm in UTC, in June.
    door.set_clock(Some("2028-06-09T23:00:00Z".parse().unwrap()));
    assert!(matches!(person(&door, "neighbour").open("child").await, Err(kith_trust::Error::NotFound)));
    proxy::add_proxy(&person(&door, "child"), &neighbour_for("child", Relationship::Parent)).await.unwrap();
    assert!(person(&door, "neighbour").open("child").await.is_ok(), "chosen anew by the young person");
}

#[tokio::test]
async fn a_notice_reaches_each_person_the_way_they_prefer() {
    let door = place().await;
    let sink = Arc::new(FileSink::open(door.folder.path()).unwrap());
    let notifier = Notifier::new(door.door.clone(), sink.clone());
    for id in ["texter", "writer", "caller", "neighbour"] {
        notify(&door, id, &format!("k/{id}")).await;
    }
    let pass = notifier.run_once().await.unwrap();
    assert_eq!(pass, Pass { delivered: 3, callbacks: 1, retried: 0, dead: 0 });
    let out = lines(&sink);
    let by = |key: &str| out.iter().find(|d| d.key == key).unwrap();
    assert_eq!(
        (by("k/texter").channel, by("k/texter").to.as_slice()),
        (Channel::Text, &["07700 900001".to_owned()][..])
    );
    assert_eq!(by("k/writer").to, ["Test writer", "1 Test Street", "ZZ99 3AA"]);
    assert_eq!(by("k/neighbour").channel, Channel::Web);
    assert!(out.iter().all(|d| d.key != "k/caller"));
    let call = &callbacks(&door, "caller").await[0];
    assert_eq!(call["owner"]["reference"], "HealthcareService/desk");
    assert_eq!(call["restriction"]["period"]["end"], "2026-11-23T18:30:00+00:00");
    for id in ["texter", "writer", "caller", "neighbour"] {
        let told = notices(&door, id).await;
        assert_eq!(told.len(), 1, "{id} and staff see what was sent");
        assert_eq!(told[0]["payload"][0]["contentString"], by("k/texter").text);
    }
    assert_eq!(notifier.run_once().await.unwrap(), Pass::default());
}

/// Fails as told, then delivers.
struct Flaky {
    fail: Mutex<Vec<SinkError>>,
    out: Mutex<Vec<String>>,
}

impl Flaky {
    fn failing(fail: Vec<SinkError>) -> Arc<Self> {
        Arc::new(Self { fail: Mutex::new(fail), out: Mutex::new(vec![]) })
    }
}

impl Sink for Flaky {
    fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError> {
        if let Some(error) = self.fail.lock().unwrap().pop() {
            return Err(error);
        }
        self.out.lock().unwrap().push(delivery.key.clone());
        Ok(())
    }
}

#[tokio::test]
async fn killed_between_delivery_and_settling_a_notice_is_not_written_twice() {
    let door = place().await;
    notify(&door, "texter", "k").await;
    let sink = Flaky::failing(vec![]);
    // Killed after the sink had it and the record was written, before the outbox was settled: taken, never settled.
    let taken = door.system("test").take_outbox("notify", 10, SignedDuration::from_secs(1)).await.unwrap();
    assert_eq!(taken.len(), 1);
    let notifier = Notifier::new(door.door.clone(), sink.clone());
    assert_eq!(notifier.run_once().await.unwrap(), Pass::default(), "leased to the one that died");
    door.set_clock(Some(now() + SignedDuration::from_mins(1)));
    assert_eq!(notifier.run_once().await.unwrap().delivered, 1);
    assert_eq!(notices(&door, "texter").await.len(), 1);
    // The same event published again, as after a replayed request, and a second worker at the same time.
    notify(&door, "texter", "k").await;
    let other = Notifier::new(door.door.clone(), sink.clone());
    let (a, b) = tokio::join!(notifier.run_once(), other.run_once());
    a.unwrap();
    b.unwrap();
    assert_eq!(notices(&door, "texter").await.len(), 1);
    assert_eq!(sink.out.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn killed_between_the_sink_and_the_record_a_notice_is_sent_once_and_written_once() {
    let door = place().await;
    notify(&door, "texter", "k").await;
    let sink = Arc::new(FileSink::open(door.folder.path()).unwrap());
    // Died with the line in the file and nothing in the record.
    sink.deliver(&Delivery {
        key: "k".to_owned(),
        channel: Channel::Text,
        to: vec!["07700 900001".to_owned()],
        needs: vec![],
        subject: String::new(),
        text: "sent before the kill".to_owned(),
        content: String::new(),
        at: NOW.to_owned(),
    })
    .unwrap();
    drop(sink);
    let sink = Arc::new(FileSink::open(door.folder.path()).unwrap());
    assert_eq!(Notifier::new(door.door.clone(), sink.clone()).run_once().await.unwrap().delivered, 1);
    assert_eq!(lines(&sink).iter().map(|d| d.text.as_str()).collect::<Vec<_>>(), ["sent before the kill"]);
    assert_eq!(notices(&door, "texter").await.len(), 1);
}

#[tokio::test]
async fn a_failing_sink_is_tried_again_and_in_the_end_a_team_rings() {
    let door = place().await;
    notify(&door, "texter", "k").await;
    let again = || SinkError::Again("down".to_owned());
    let sink = Flaky::failing((0..99).map(|_| again()).collect());
    let notifier = Notifier::new(door.door.clone(), sink.clone());
    let mut tries = 0;
    let mut clock = now();
    loop {
        let pass = notifier.run_once().await.unwrap();
        tries += pass.retried + pass.dead;
        if pass.dead == 1 {
            break;
        }
        assert!(notices(&door, "texter").await.is_empty(), "nothing is said to be sent that was not");
        clock += SignedDuration::from_secs(30);
        assert!(clock < now() + SignedDuration::from_hours(48), "given up within two days");
        door.set_clock(Some(clock));
    }
    assert_eq!(tries, 6);
    assert_eq!(callbacks(&door, "texter").await.len(), 1);
    assert_eq!(door.system("test").dead_outbox("notify", 10).await.unwrap().len(), 1, "the operator sees it too");
    assert_eq!(notices(&door, "texter").await[0]["status"], "in-progress");
}

#[tokio::test]
async fn an_address_that_never_works_becomes_a_call() {
    let door = place().await;
    notify(&door, "texter", "k").await;
    let sink = Flaky::failing(vec![SinkError::Never("no such number".to_owned())]);
    let pass = Notifier::new(door.door.clone(), sink).run_once().await.unwrap();
    assert_eq!(pass.callbacks, 1);
    assert_eq!(callbacks(&door, "texter").await.len(), 1);
}

#[tokio::test]
async fn a_malformed_notice_or_a_missing_person_stops_no_others() {
    let door = place().await;
    let mut change = Change::new("test notice");
    change.publish("notify", "bad", json!({ "patient": 7 }));
    door.system("test").commit(change).await.unwrap();
    notify(&door, "nobody", "gone").await;
    notify(&door, "texter", "good").await;
    let pass = Notifier::new(door.door.clone(), Flaky::failing(vec![])).run_once().await.unwrap();
    assert_eq!(pass, Pass { delivered: 1, callbacks: 0, retried: 0, dead: 2 });
}

#[tokio::test]
async fn a_photo_sent_by_a_proxy_is_read_by_the_practice_and_nobody_else() {
    let door = place().await;
    proxy::add_proxy(&person(&door, "writer"), &neighbour_for("writer", Relationship::Neighbour)).await.unwrap();
    // One white pixel as a GIF.
    let gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"
        .to_vec();
    let jpeg = photo::accept_async(gif, "image/gif".to_owned()).await.unwrap();
    let neighbour = person(&door, "neighbour");
    let mut change = Change::new("add photo");
    let kept = document::attach(
        &mut change,
        "writer",
        &jpeg,
        "../../leg.gif\r\n",
        ("Patient/neighbour", "Test neighbour"),
        neighbour.now(),
    );
    neighbour.commit(change).await.unwrap();
    let seen = document::read(&gp(&door), &kept).await.unwrap();
    assert_eq!(seen.bytes, jpeg.bytes());
    assert_eq!((seen.content_type.as_str(), seen.title.as_str()), ("image/jpeg", "../../leg.gif"));
    assert!(matches!(
        document::read(&person(&door, "texter"), &kept).await,
        Err(Error::Door(kith_trust::Error::NotFound))
    ));
}

#[tokio::test]
async fn a_letter_that_carries_its_own_words_is_read() {
    let door = place().await;
    let mut change = Change::new("bring a letter in");
    let letter = change.create(kith_fhir::json!({
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/writer"},
        "content": [{"attachment": {"contentType": "text/plain", "title": "Clinic letter", "data": "U2VlbiB0b2RheS4="}}],
    }));
    door.system("test").commit(change).await.unwrap();
    let read = document::read(&gp(&door), &letter).await.unwrap();
    assert_eq!((read.bytes.as_slice(), read.content_type.as_str()), (&b"Seen today."[..], "text/plain"));
    assert_eq!(read.title, "Clinic letter");
}
