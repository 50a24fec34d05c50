//! Work between teams, through the real door and a real store in a temporary folder.

use jiff::{SignedDuration, Timestamp};
use kith_contact::fields::{items, text};
use kith_contact::message;
use kith_contact::{Category, Party};
use kith_fhir::{Value, build, json, system};
use kith_handover::encounter::{FollowUp, Medicine, Problem, Setting};
use kith_handover::observation::Entered;
use kith_handover::*;
use kith_trust::testing::{TestDoor, door};
use kith_trust::{Access, Actor, Change, Purpose, Role};

fn now() -> Timestamp {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

const PRACTICE: &str = "HealthcareService/practice";
const PHARMACY: &str = "HealthcareService/pharmacy";
const NURSES: &str = "HealthcareService/nurses";

async fn place() -> TestDoor {
    let door = door().await.unwrap();
    door.set_clock(Some(now()));
    let mut change = Change::new("set up");
    for (id, name, kind) in [
        ("practice", "Riverside Surgery", "general-practice"),
        ("pharmacy", "High Street Pharmacy", "community-pharmacy"),
        ("nurses", "Community Nurses", "community-nursing"),
    ] {
        change.create(json!({ "resourceType": "Organization", "id": id, "name": name }));
        change.create(json!({
            "resourceType": "HealthcareService", "id": id, "name": name,
            "providedBy": { "reference": format!("Organization/{id}") },
            "category": [{ "coding": [{ "system": system::CS_SERVICE_KIND, "code": kind }] }],
        }));
        for who in ["a", "b"] {
            let name = format!("{id} {who}");
            change.create(json!({
                "resourceType": "Practitioner", "id": format!("{id}-{who}"), "name": [{ "text": name }],
            }));
        }
    }
    for (id, born) in [("ada", "1960-05-01"), ("bob", "2000-01-01")] {
        change.create(json!({
            "resourceType": "Patient", "id": id, "birthDate": born,
            "name": [{ "text": format!("Test {id}") }],
            "managingOrganization": { "reference": "Organization/practice" },
            "generalPractitioner": [{ "reference": "Organization/practice" }],
        }));
    }
    door.system("test").commit(change).await.unwrap();
    door
}

fn staff(door: &TestDoor, team: &str, who: &str, role: Role) -> Access {
    let purpose = if role.is_clinical() { Purpose::DirectCare } else { Purpose::Administration };
    let actor = Actor {
        reference: format!("Practitioner/{team}-{who}"),
        name: format!("{team} {who}"),
        role,
        organization: Some(format!("Organization/{team}")),
        organization_name: Some(team.to_owned()),
        acts_for: vec![format!("Organization/{team}"), format!("HealthcareService/{team}")],
        system: "test".to_owned(),
        scopes: vec![],
    };
    door.enter(actor, purpose)
}

fn gp(door: &TestDoor) -> Access {
    staff(door, "practice", "a", Role::Gp)
}

fn nurse(door: &TestDoor, who: &str) -> Access {
    staff(door, "nurses", who, Role::CommunityNurse)
}

fn pharmacist(door: &TestDoor) -> Access {
    staff(door, "pharmacy", "a", Role::Pharmacist)
}

fn ada(door: &TestDoor) -> Access {
    door.enter(Actor::person("ada", "Test ada", "test"), Purpose::OwnRecord)
}

fn referral(to: &str, kind: RequestKind) -> ReferralRequest {
    ReferralRequest {
        patient: "ada".to_owned(),
        to_service: to.to_owned(),
        from_service: None,
        kind,
        need: "wound-care".to_owned(),
        need_label: "Wound care by a nurse".to_owned(),
        reason: "Leg wound".to_owned(),
        question: "Venous ulcer, please dress twice a week".to_owned(),
        urgency: Urgency::SameDay,
        attachments: vec![],
        transfer_of_responsibility: false,
    }
}

async fn outcomes_to(door: &TestDoor, who: &str) -> Vec<Value> {
    let record = door.system("test").open("ada").await.unwrap();
    record
        .values("Communication")
        .filter(|c| Category::of(c) == Some(Category::Outcome))
        .filter(|c| items(c, "recipient").any(|r| text(r, "/reference") == Some(who)))
        .cloned()
        .collect()
}

async fn open_work(door: &TestDoor) -> Vec<Work> {
    let record = door.system("test").open("ada").await.unwrap();
    record.values("Task").filter_map(Work::of).filter(Work::is_open).collect()
}

#[tokio::test]
async fn a_referral_opens_the_record_to_the_receiver_and_comes_back_with_an_outcome() {
    let door = place().await;
    assert!(nurse(&door, "a").open("ada").await.is_err(), "no business there yet");
    let made = refer(&gp(&door), &referral(NURSES, RequestKind::Referral)).await.unwrap();
    let record = nurse(&door, "a").open("ada").await.unwrap();
    let request = &record.get(&made.request).unwrap().value;
    let question = referral::question_of(request).unwrap();
    assert_eq!(record.get(question).unwrap().value["summary"], "Venous ulcer, please dress twice a week");
    // The person knows that somebody was asked.
    let threads = message::threads(&ada(&door).open("ada").await.unwrap());
    assert!(threads[0].messages[0].text.contains("has asked Community Nurses to help you"));

    let work = accept(&nurse(&door, "a"), &made.task).await.unwrap();
    assert_eq!((work.state, work.due), (State::Accepted, "2026-11-20T18:30:00Z".parse().unwrap()));
    start(&nurse(&door, "a"), &made.task).await.unwrap();
    let outcome =
        Outcome { to_person: "We dress your leg on Tuesdays and Fridays.".into(), to_referrer: "ABPI 0.9".into() };
    complete(&nurse(&door, "a"), &made.task, &outcome).await.unwrap();

    assert_eq!(outcomes_to(&door, "Patient/ada").await.len(), 1);
    assert_eq!(outcomes_to(&door, PRACTICE).await.len(), 1);
    let open = open_work(&door).await;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].kind, open[0].owner.reference.as_str()), (TaskKind::FollowUp, PRACTICE));
    // Reading it closes it.
    complete(&gp(&door), &open[0].reference, &Outcome::same("Read")).await.unwrap();
    assert!(open_work(&door).await.is_empty());
    let again = complete(&nurse(&door, "a"), &made.task, &outcome).await;
    assert!(matches!(again, Err(Error::Step(Refusal::Closed { .. }))));
}

#[tokio::test]
async fn of_two_who_take_the_same_work_one_gets_it_and_the_other_is_told_who() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(NURSES, RequestKind::Referral)).await.unwrap();
    let (one, two) = (nurse(&door, "a"), nurse(&door, "b"));
    let (a, b) = tokio::join!(claim(&one, &made.task), claim(&two, &made.task));
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    let winner = won.unwrap().claimed_by.unwrap().name;
    match lost {
        Err(Error::Step(Refusal::Claimed { by })) => assert_eq!(by, winner),
        other => panic!("{other:?}"),
    }
    let stored = Work::of(&nurse(&door, "a").read(&made.task).await.unwrap().value).unwrap();
    assert_eq!(stored.claimed_by.unwrap().name, winner);
}

#[tokio::test]
async fn nobody_touches_another_teams_work() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(NURSES, RequestKind::Referral)).await.unwrap();
    // The referrer may see it, not do it.
    assert!(matches!(claim(&gp(&door), &made.task).await, Err(Error::NotYours { .. })));
    // A team with no business does not know that it exists.
    let stranger = claim(&pharmacist(&door), &made.task).await;
    assert!(matches!(stranger, Err(Error::Door(kith_trust::Error::NotFound))));
    let desk = staff(&door, "practice", "b", Role::Receptionist);
    assert!(matches!(refer(&desk, &referral(NURSES, RequestKind::Referral)).await, Err(Error::NotYours { .. })));
}

#[tokio::test]
async fn what_is_returned_goes_to_the_referrer_and_on_to_another_and_nobody_is_left_waiting() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(PHARMACY, RequestKind::Referral)).await.unwrap();
    return_with(&pharmacist(&door), &made.task, "We do not dress ulcers").await.unwrap();
    assert!(pharmacist(&door).open("ada").await.is_err(), "no more business there");
    let open = open_work(&door).await;
    assert_eq!((open.len(), open[0].kind, open[0].owner.reference.as_str()), (1, TaskKind::FollowUp, PRACTICE));
    assert_eq!(open[0].notes, ["We do not dress ulcers"]);
    refer_again(&gp(&door), &open[0].reference, NURSES, "Please try").await.unwrap();
    let open = open_work(&door).await;
    assert_eq!((open.len(), open[0].kind, open[0].owner.reference.as_str()), (1, TaskKind::Referral, NURSES));
    assert_eq!(open[0].focus.as_deref(), Some(made.request.as_str()), "still the same request");
    complete(&nurse(&door, "a"), &open[0].reference, &Outcome::same("All done")).await.unwrap();
    assert_eq!(outcomes_to(&door, PRACTICE).await.len(), 1);
    assert_eq!(outcomes_to(&door, "Patient/ada").await.len(), 1);
}

#[tokio::test]
async fn a_question_is_answered_to_the_one_who_asked_and_the_person() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(PHARMACY, RequestKind::Advice)).await.unwrap();
    assert!(matches!(
        answer(&pharmacist(&door), &made.task, &Outcome::same(" ")).await,
        Err(Error::Step(Refusal::Unsaid { .. }))
    ));
    answer(&pharmacist(&door), &made.task, &Outcome::same("You can take both together.")).await.unwrap();
    for who in ["Patient/ada", PRACTICE] {
        assert_eq!(outcomes_to(&door, who).await[0]["payload"][0]["contentString"], "You can take both together.");
    }
}

#[tokio::test]
async fn handing_on_gives_the_new_team_sight_and_keeps_the_due_time() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(PHARMACY, RequestKind::Referral)).await.unwrap();
    let before = open_work(&door).await[0].due;
    hand_to_team(&pharmacist(&door), &made.task, NURSES, "Needs a dressing").await.unwrap();
    let work = claim(&nurse(&door, "a"), &made.task).await.unwrap();
    assert_eq!(work.due, before);
    assert!(pharmacist(&door).open("ada").await.is_err());
    let to_b =
        hand_to_colleague(&nurse(&door, "a"), &made.task, "Practitioner/nurses-b", "You know her").await.unwrap();
    assert_eq!(to_b.claimed_by.unwrap().name, "nurses b");
    release(&nurse(&door, "a"), &made.task).await.unwrap();
    assert_eq!(open_work(&door).await[0].claimed_by, None);
}

async fn help_request(door: &TestDoor, urgency: Urgency, owner: &str) -> Asked {
    let help = HelpRequest {
        coming: None,
        person: Person { id: "ada".to_owned(), name: "Test ada".to_owned() },
        requester: Party::new("Patient/ada", "Test ada"),
        owner: Party::new(owner, "Team"),
        need: "practice-triage".to_owned(),
        need_label: "Read by your practice".to_owned(),
        urgency,
        reason: "My leg hurts".to_owned(),
        channel: "phone".to_owned(),
        supporting: vec![],
        disposition: None,
    };
    let person = ada(door);
    let mut change = Change::new("ask for help");
    let asked = help::ask(&mut change, &help, person.now()).unwrap();
    person.commit(change).await.unwrap();
    asked
}

#[tokio::test]
async fn one_worklist_holds_all_kinds_soonest_due_first() {
    let door = place().await;
    let routine = help_request(&door, Urgency::Routine, PRACTICE).await;
    let soon = help_request(&door, Urgency::Within2Hours, PRACTICE).await;
    let to_team = message::ToTeam {
        patient: "ada".to_owned(),
        team: PRACTICE.to_owned(),
        subject: "Hello".to_owned(),
        text: "A question".to_owned(),
        answers: None,
        about: vec![],
        channel: kith_contact::Channel::Web,
    };
    message::send_to_team(&ada(&door), &to_team).await.unwrap();
    help_request(&door, Urgency::SameDay, NURSES).await;
    claim(&gp(&door), &soon.task).await.unwrap();
    door.set_clock(Some(now() + SignedDuration::from_hours(3)));

    let list = worklist(&gp(&door), &Filter::default()).await.unwrap();
    let kinds: Vec<_> = list.items.iter().map(|i| i.work.kind).collect();
    assert_eq!(kinds, [TaskKind::Triage, TaskKind::Message, TaskKind::Triage]);
    assert_eq!((list.counts.open, list.counts.mine, list.counts.unassigned, list.counts.overdue), (3, 1, 2, 1));
    let first = &list.items[0];
    assert_eq!(first.name.as_deref(), Some("Test ada"));
    assert_eq!(first.age, Some(66));
    assert_eq!(first.due_words, "Overdue by 1 hour");
    assert_eq!(first.problem.as_deref(), Some("My leg hurts"));
    assert_eq!((first.mine, first.work.channel.as_deref()), (true, Some("phone")));
    assert!(!list.more_waiting);

    let shown = async |filter: Filter| {
        let list = worklist(&gp(&door), &filter).await.unwrap();
        assert_eq!(list.counts.open, 3);
        list.items.iter().map(|i| i.work.reference.clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown(Filter { mine: true, ..Filter::default() }).await, std::slice::from_ref(&soon.task));
    assert_eq!(shown(Filter { overdue: true, ..Filter::default() }).await, std::slice::from_ref(&soon.task));
    assert_eq!(
        shown(Filter { unassigned: true, kinds: vec![TaskKind::Triage], ..Filter::default() }).await,
        [routine.task]
    );
    assert_eq!(shown(Filter { text: Some(" LEG ".into()), ..Filter::default() }).await.len(), 2);
    assert_eq!(shown(Filter { text: Some("nothing".into()), ..Filter::default() }).await.len(), 0);
    let second = worklist(&gp(&door), &Filter { page: 1, page_size: 2, ..Filter::default() }).await.unwrap();
    assert_eq!((second.items.len(), second.pages), (1, 2));
    // A front desk sees the list; a team with nothing sees nothing, and cannot ask for another's.
    let desk = staff(&door, "practice", "b", Role::Receptionist);
    assert_eq!(worklist(&desk, &Filter::default()).await.unwrap().items.len(), 3);
    let other = Filter { services: vec![PRACTICE.to_owned()], ..Filter::default() };
    assert_eq!(worklist(&pharmacist(&door), &other).await.unwrap().counts.open, 0);
}

#[tokio::test]
async fn work_from_elsewhere_that_cannot_be_read_is_still_shown() {
    let door = place().await;
    let mut change = Change::new("import");
    let odd = change.create(json!({
        "resourceType": "Task", "status": "requested", "intent": "order",
        "for": { "reference": "Patient/ada" }, "owner": { "reference": PRACTICE },
    }));
    door.system("test").commit(change).await.unwrap();
    let list = worklist(&gp(&door), &Filter::default()).await.unwrap();
    assert_eq!((list.items.len(), list.unreadable), (0, vec![odd]));
}

async fn booked(door: &TestDoor) -> (String, String) {
    let request = build::ServiceRequest {
        person: "Patient/ada",
        need: "pharmacy-first-sore-throat",
        need_label: "Sore throat",
        category: "help-request",
        priority: "urgent",
        authored: now(),
        requester: "Patient/ada",
        performers: &[PHARMACY],
        due: None,
        reason: "Sore throat",
        supporting: &[],
        disposition: None,
    };
    let mut change = Change::new("book");
    let request = change.create(request.build());
    let appointment = build::Appointment {
        person: "Patient/ada",
        service: PHARMACY,
        practitioner: None,
        location: None,
        slots: &[],
        start: now() - SignedDuration::from_mins(10),
        end: now() + SignedDuration::from_mins(5),
        created: now(),
        need: "pharmacy-first-sore-throat",
        need_label: "Sore throat",
        mode: "in-person",
        description: "High Street Pharmacy",
        reason: "Sore throat",
        instruction: "",
        based_on: Some(&request),
    };
    let appointment = change.create(appointment.build());
    door.system("test").commit(change).await.unwrap();
    (request, appointment)
}

fn note(appointment: Option<String>, task: Option<String>) -> EncounterNote {
    EncounterNote {
        patient: "ada".to_owned(),
        appointment,
        task,
        service: None,
        setting: Setting::InPerson,
        reason: "Sore throat".to_owned(),
        note: "FeverPAIN 4".to_owned(),
        outcome: "You have a throat infection. Take the tablets for 5 days.".to_owned(),
        observations: vec![
            Entered { key: "temperature".to_owned(), value: "38.4".to_owned() },
            Entered { key: "systolic".to_owned(), value: "128".to_owned() },
            Entered { key: "diastolic".to_owned(), value: "80".to_owned() },
        ],
        problem: Some(Problem { text: "Acute tonsillitis".to_owned(), snomed: Some("17741008".to_owned()) }),
        medicines: vec![Medicine {
            text: "Phenoxymethylpenicillin 250 mg tablets".to_owned(),
            dmd: None,
            dose: "2 tablets twice a day for 5 days".to_owned(),
            supplied: true,
        }],
        follow_up: Some(FollowUp {
            what: "Ring to ask how she is".to_owned(),
            team: None,
            due: now() + SignedDuration::from_hours(72),
        }),
    }
}

#[tokio::test]
async fn when_somebody_is_seen_everyone_who_should_know_the_outcome_knows_it() {
    let door = place().await;
    let (request, appointment) = booked(&door).await;
    let recorded = record_encounter(&pharmacist(&door), &note(Some(appointment.clone()), None)).await.unwrap();
    // The practice sees all of it in the same record.
    let record = gp(&door).open("ada").await.unwrap();
    assert_eq!(record.get(&appointment).unwrap().value["status"], "fulfilled");
    assert_eq!(record.get(&request).unwrap().value["status"], "completed");
    for (kind, count) in [("Encounter", 1), ("Observation", 2), ("Condition", 1), ("MedicationRequest", 1)] {
        assert_eq!(record.of(kind).count(), count, "{kind}");
        assert!(
            record.of(kind).all(|e| kind == "Encounter" || e.value["encounter"]["reference"] == recorded.encounter)
        );
    }
    let encounter = &record.get(&recorded.encounter).unwrap().value;
    assert_eq!(encounter["appointment"][0]["reference"], appointment);
    assert_eq!(encounter["serviceProvider"]["reference"], "Organization/pharmacy");
    assert_eq!(outcomes_to(&door, "Patient/ada").await.len(), 1);
    let told = outcomes_to(&door, PRACTICE).await;
    assert_eq!(told.len(), 1);
    assert_eq!(recorded.told_practice, Some(format!("Communication/{}", told[0]["id"].as_str().unwrap())));
    let open = open_work(&door).await;
    let kinds: Vec<_> = open.iter().map(|w| (w.kind, w.owner.reference.as_str())).collect();
    assert!(kinds.contains(&(TaskKind::Result, PRACTICE)) && kinds.contains(&(TaskKind::FollowUp, PHARMACY)));
    assert_eq!(kinds.len(), 2);
}

#[tokio::test]
async fn seeing_somebody_who_was_referred_closes_the_referral_and_tells_the_referrer_once() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(NURSES, RequestKind::Referral)).await.unwrap();
    claim(&nurse(&door, "b"), &made.task).await.unwrap();
    let mut seen = note(None, Some(made.task.clone()));
    seen.follow_up = None;
    record_encounter(&nurse(&door, "a"), &seen).await.unwrap();
    assert_eq!(outcomes_to(&door, PRACTICE).await.len(), 1, "the practice asked and is told once");
    assert_eq!(outcomes_to(&door, "Patient/ada").await.len(), 1);
    let record = door.system("test").open("ada").await.unwrap();
    assert_eq!(record.get(&made.request).unwrap().value["status"], "completed");
    assert_eq!(record.get(&made.task).unwrap().value["status"], "completed");
    let open = open_work(&door).await;
    assert_eq!(open.iter().map(|w| w.kind).collect::<Vec<_>>(), [TaskKind::FollowUp]);
}

#[tokio::test]
async fn a_note_that_cannot_be_kept_writes_nothing_at_all() {
    let door = place().await;
    let (_, appointment) = booked(&door).await;
    let mut bad = note(Some(appointment.clone()), None);
    bad.observations[0].value = "384".to_owned();
    assert!(matches!(
        record_encounter(&pharmacist(&door), &bad).await,
        Err(Error::Invalid { field: "observations", .. })
    ));
    let mut silent = note(Some(appointment.clone()), None);
    silent.outcome = " ".to_owned();
    assert!(matches!(record_encounter(&pharmacist(&door), &silent).await, Err(Error::Step(Refusal::Unsaid { .. }))));
    let record = door.system("test").open("ada").await.unwrap();
    assert_eq!(record.of("Encounter").count() + record.of("Observation").count() + record.of("Task").count(), 0);
    assert_eq!(record.get(&appointment).unwrap().value["status"], "booked");
    // A stranger's pharmacy cannot write a note at all.
    let stranger = record_encounter(&nurse(&door, "a"), &note(None, None)).await;
    assert!(matches!(stranger, Err(Error::Door(kith_trust::Error::NotFound))));
}

#[tokio::test]
async fn the_front_desk_sees_that_there_is_an_answer_and_not_what_it_says() {
    let door = place().await;
    let made = refer(&gp(&door), &referral(NURSES, RequestKind::Referral)).await.unwrap();
    let outcome =
        Outcome { to_person: "We will see you each week.".into(), to_referrer: "ABPI 0.9, mixed aetiology".into() };
    complete(&nurse(&door, "a"), &made.task, &outcome).await.unwrap();
    let desk = staff(&door, "practice", "b", Role::Receptionist).open("ada").await.unwrap();
    let all: String = desk.entries().iter().map(|e| e.value.to_string()).collect();
    assert!(all.contains("Community Nurses has answered."));
    assert!(!all.contains("ABPI") && !all.contains("Venous ulcer"));
    let clinician: String =
        gp(&door).open("ada").await.unwrap().entries().iter().map(|e| e.value.to_string()).collect();
    assert!(clinician.contains("ABPI") && clinician.contains("Venous ulcer"));
}

/// What `make` gives for sixteen tries that begin together.
async fn sixteen<T, F>(make: impl Fn() -> F) -> Vec<T>
where
    T: Send + 'static,
    F: std::future::Future<Output = T> + Send + 'static,
{
    let tries: Vec<_> = (0..16).map(|_| tokio::spawn(make())).collect();
    let mut made = Vec::new();
    for one in tries {
        made.push(one.await.unwrap());
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_referral_or_visit_sent_sixteen_times_at_once_is_one() {
    let door = place().await;
    let asked = referral(NURSES, RequestKind::Referral);
    let gp_again = || gp(&door);
    let made = sixteen(|| {
        let (access, asked) = (gp_again(), asked.clone());
        async move { refer_once(&access, &asked, "form-1").await.unwrap() }
    })
    .await;
    assert!(made.iter().all(|one| *one == made[0]), "everybody is told of the same one");
    let other = ReferralRequest { question: "Something else".to_owned(), ..asked };
    assert!(matches!(refer_once(&gp(&door), &other, "form-1").await, Err(Error::SentBefore)));
    let note = EncounterNote {
        patient: "ada".to_owned(),
        appointment: None,
        task: Some(made[0].task.clone()),
        service: None,
        setting: Setting::AtHome,
        reason: "Leg wound".to_owned(),
        note: "Dressed, no infection.".to_owned(),
        outcome: "It is healing.".to_owned(),
        observations: vec![],
        problem: None,
        medicines: vec![],
        follow_up: None,
    };
    let written = sixteen(|| {
        let (access, note) = (nurse(&door, "a"), note.clone());
        async move { record_encounter_once(&access, &note, "form-2").await.unwrap().encounter }
    })
    .await;
    assert!(written.iter().all(|one| *one == written[0]));
    // Sent once more, when the work is long closed.
    let again = record_encounter_once(&nurse(&door, "a"), &note, "form-2").await.unwrap();
    assert_eq!(again.encounter, written[0]);
    let record = door.system("test").open("ada").await.unwrap();
    let count = |kind: &str| record.values(kind).count();
    assert_eq!((count("ServiceRequest"), count("Encounter")), (1, 1));
    assert_eq!(outcomes_to(&door, "Patient/ada").await.len(), 1, "the person is told once");
}
