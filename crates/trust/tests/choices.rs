//! A person's choices, and what happens with the next request: dissent, seals, third parties, protected codes, opt-outs,
//! proxies as a child grows up, caseloads, shifts, and emergency access.

use jiff::SignedDuration;
use kith_fhir::{Value, json, system};
use kith_trust::testing::{TestDoor, door};
use kith_trust::{
    Access, Action, Actor, Alert, Change, Choices, Claim, DataKind, EMERGENCY_FOR, Error, OrganisationKind, Purpose,
    Reason, Role, protection,
};

fn about(person: &str) -> Value {
    json!({"reference": format!("Patient/{person}")})
}

fn patient(id: &str, born: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "birthDate": born, "generalPractitioner": [{"reference": "Organization/surgery"}]})
}

fn coded(id: &str, person: &str, code: &str) -> Value {
    json!({"resourceType": "Condition", "id": id, "subject": about(person),
        "code": {"coding": [{"system": system::SNOMED, "code": code}], "text": id}})
}

fn organisation(id: &str, kind: &str) -> Value {
    json!({"resourceType": "Organization", "id": id, "type": [{"coding": [{"system": system::CS_SERVICE_KIND, "code": kind}]}]})
}

/// Ada is registered with the surgery, has an open request with the chemist, asthma and HIV; her child is Cal.
async fn place() -> TestDoor {
    let door = door().await.unwrap();
    door.set_clock(Some("2026-03-02T09:00:00Z".parse().unwrap()));
    let mut change = Change::new("begin");
    change.create(organisation("surgery", "general-practice"));
    change.create(organisation("pharmacy", "community-pharmacy"));
    change.create(organisation("hub", "urgent-treatment-hub"));
    change.create(organisation("nurses", "community-nursing"));
    change.create(organisation("far", "hospital"));
    change.create(json!({"resourceType": "Practitioner", "id": "gp-surgery"}));
    change.create(patient("ada", "1980-02-29"));
    change.create(patient("cal", "2013-03-10"));
    change.create(coded("asthma", "ada", "195967001"));
    change.create(coded("hiv", "ada", "86406008"));
    change.create(coded("measles", "cal", "14189004"));
    change.create(json!({"resourceType": "ServiceRequest", "id": "ask", "status": "active", "intent": "order",
        "subject": about("ada"), "performer": [{"reference": "Organization/pharmacy"}]}));
    change.create(json!({"resourceType": "RelatedPerson", "id": "mother", "active": true, "patient": about("cal"),
        "extension": [{"url": system::EXT_PROXY_PATIENT, "valueReference": about("ada")}],
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}]}));
    door.system("test").commit(change).await.unwrap();
    door
}

fn staff(door: &TestDoor, role: Role, organization: &str, service: Option<&str>) -> Access {
    let mut acts_for = vec![format!("Organization/{organization}")];
    acts_for.extend(service.map(str::to_owned));
    let actor = Actor {
        reference: format!("Practitioner/{}-{organization}", role.code()),
        name: "Staff".into(),
        role,
        organization: Some(format!("Organization/{organization}")),
        organization_name: Some(organization.into()),
        acts_for,
        system: "test".into(),
        scopes: Vec::new(),
    };
    let purpose = match role {
        Role::PrivacyOfficer => Purpose::Audit,
        role if role.is_clinical() => Purpose::DirectCare,
        _ => Purpose::Administration,
    };
    door.enter(actor, purpose)
}

fn person(door: &TestDoor, id: &str) -> Access {
    door.enter(Actor::person(id, id, "test"), Purpose::OwnRecord)
}

fn chemist(door: &TestDoor) -> Access {
    staff(door, Role::Pharmacist, "pharmacy", None)
}

async fn sees(access: &Access, of: &str) -> Vec<String> {
    match access.open(of).await {
        Ok(record) => {
            let mut ids: Vec<String> = record.entries().iter().map(|e| e.id.clone()).collect();
            ids.sort();
            ids
        }
        Err(Error::NotFound) => vec!["(not found)".into()],
        Err(other) => panic!("{other:?}"),
    }
}

async fn choose(door: &TestDoor, who: &str, choices: Choices) -> Result<(), Error> {
    let access = person(door, who);
    let record = access.open(who).await.unwrap();
    let change = choices.into_change(&record, "2026-03-02".parse().unwrap());
    access.commit(change).await.map(|_| ())
}

fn no_to(kind: OrganisationKind) -> Choices {
    Choices { dissent: [kind].into(), ..Choices::default() }
}

async fn put(access: &Access, value: Value) -> Result<(), Error> {
    let mut change = Change::new("write");
    change.put(value);
    access.commit(change).await.map(|_| ())
}

#[tokio::test]
async fn a_no_to_sharing_holds_from_the_next_request_and_is_taken_back_as_quickly() {
    let door = place().await;
    assert_eq!(sees(&chemist(&door), "ada").await, ["ada", "ask", "asthma"]);
    choose(&door, "ada", no_to(OrganisationKind::CommunityPharmacy)).await.unwrap();
    assert_eq!(sees(&chemist(&door), "ada").await, ["ada", "ask"], "what was arranged with them stays");
    let record = chemist(&door).open("ada").await.unwrap();
    assert!(record.withheld.iter().any(|w| w.why == "forbidden by ground/dissent-to-sharing"), "{:?}", record.withheld);
    // What they write themselves they see; and the practice is not "sharing".
    put(&chemist(&door), coded("cough", "ada", "49727002")).await.unwrap();
    assert_eq!(sees(&chemist(&door), "ada").await, ["ada", "ask", "cough"]);
    assert!(sees(&staff(&door, Role::Gp, "surgery", None), "ada").await.contains(&"asthma".to_owned()));
    assert_eq!(
        Choices::of(&person(&door, "ada").open("ada").await.unwrap()),
        no_to(OrganisationKind::CommunityPharmacy)
    );
    choose(&door, "ada", Choices::default()).await.unwrap();
    assert_eq!(sees(&chemist(&door), "ada").await, ["ada", "ask", "asthma", "cough"]);
    // Nobody else chooses for her.
    let consent = json!({"resourceType": "Consent", "id": "forged", "status": "inactive", "patient": about("ada"),
        "category": [{"coding": [{"system": system::CS_CHOICE, "code": "sharing"}]}]});
    assert!(put(&chemist(&door), consent).await.is_err());
}

#[tokio::test]
async fn a_sealed_item_is_for_the_person_and_those_named_and_cannot_be_written_over() {
    let door = place().await;
    let gp = staff(&door, Role::Gp, "surgery", None);
    let entry = gp.read("Condition/asthma").await.unwrap();
    let mut sealed = (*entry.value).clone();
    protection::seal(&mut sealed, &["Practitioner/gp-surgery".into()]);
    put(&gp, sealed).await.unwrap();
    assert!(sees(&staff(&door, Role::Gp, "surgery", None), "ada").await.contains(&"asthma".to_owned()));
    assert!(sees(&person(&door, "ada"), "ada").await.contains(&"asthma".to_owned()));
    let nurse = staff(&door, Role::Nurse, "surgery", None);
    assert!(!sees(&nurse, "ada").await.contains(&"asthma".to_owned()));
    assert!(!sees(&chemist(&door), "ada").await.contains(&"asthma".to_owned()));
    for access in [&nurse, &chemist(&door)] {
        assert!(matches!(access.read("Condition/asthma").await, Err(Error::NotFound)));
        assert!(matches!(access.vread("Condition/asthma", 2).await, Err(Error::NotFound)));
        assert!(
            matches!(access.history("Condition/asthma").await, Err(Error::NotFound)),
            "not through its past either"
        );
        assert!(put(access, coded("asthma", "ada", "195967001")).await.is_err(), "a seal is not written over");
        let mut change = Change::new("delete");
        change.delete("Condition/asthma", None);
        assert!(access.commit(change).await.is_err());
    }
}

#[tokio::test]
async fn what_is_about_somebody_else_is_not_shown_to_the_person_or_their_proxy() {
    let door = place().await;
    let gp = staff(&door, Role::Gp, "surgery", None);
    for (id, of) in [("asthma", "ada"), ("measles", "cal")] {
        let mut value = (*gp.read(&format!("Condition/{id}")).await.unwrap().value).clone();
        protection::mark_third_party(&mut value, true);
        put(&gp, value).await.unwrap();
        assert!(sees(&gp, of).await.contains(&id.to_owned()));
        assert!(!sees(&person(&door, "ada"), of).await.contains(&id.to_owned()));
    }
}

#[tokio::test]
async fn protected_codes_are_left_out_of_shared_views() {
    let door = place().await;
    assert!(!sees(&chemist(&door), "ada").await.contains(&"hiv".to_owned()));
    assert!(sees(&staff(&door, Role::Gp, "surgery", None), "ada").await.contains(&"hiv".to_owned()));
    assert!(sees(&person(&door, "ada"), "ada").await.contains(&"hiv".to_owned()));
    // The service that wrote one still sees it.
    put(&chemist(&door), coded("infection", "ada", "8098009")).await.unwrap();
    assert!(sees(&chemist(&door), "ada").await.contains(&"infection".to_owned()));
}

#[tokio::test]
async fn a_parent_sees_less_from_the_thirteenth_birthday_and_nothing_from_the_sixteenth() {
    let door = place().await;
    let on = |day: &str| door.set_clock(Some(format!("{day}T00:30:00Z").parse().unwrap()));
    let mother = || person(&door, "ada");
    on("2026-03-09");
    assert_eq!(sees(&mother(), "cal").await, ["cal", "measles", "mother"]);
    assert!(mother().may("cal", Action::Write, DataKind::Contribution).await.unwrap());
    // Nobody did anything: the day came.
    on("2026-03-10");
    assert_eq!(sees(&mother(), "cal").await, ["cal", "mother"], "no clinical detail from 13");
    assert!(mother().may("cal", Action::Book, DataKind::Administrative).await.unwrap());
    assert!(matches!(mother().who_looked("cal", 5).await, Err(Error::NotFound)));
    on("2029-03-09");
    assert_eq!(sees(&mother(), "cal").await, ["cal", "mother"]);
    on("2029-03-10");
    assert_eq!(sees(&mother(), "cal").await, ["(not found)"], "nothing from 16 without a new permission");
    assert!(sees(&person(&door, "cal"), "cal").await.contains(&"measles".to_owned()));
}

#[tokio::test]
async fn a_proxy_acts_within_the_scope_and_time_they_were_given() {
    let door = place().await;
    let permission = |scope: &str, end: &str| {
        json!({"resourceType": "RelatedPerson", "id": "friend", "active": true, "patient": about("ada"),
            "extension": [{"url": system::EXT_PROXY_PATIENT, "valueReference": about("cal")},
                {"url": system::EXT_PROXY_SCOPE, "valueCode": scope}],
            "period": {"start": "2026-01-01", "end": end}})
    };
    let kith = door.system("test");
    let friend = || person(&door, "cal");
    put(&kith, permission("everything", "2026-03-02")).await.unwrap();
    assert!(sees(&friend(), "ada").await.contains(&"asthma".to_owned()));
    put(&kith, permission("arranging", "2026-03-02")).await.unwrap();
    assert_eq!(sees(&friend(), "ada").await, ["ada", "ask", "friend"]);
    put(&kith, permission("everything", "2026-03-01")).await.unwrap();
    assert_eq!(sees(&friend(), "ada").await, ["(not found)"]);
    put(&kith, permission("everything", "soon")).await.unwrap();
    assert_eq!(sees(&friend(), "ada").await, ["(not found)"], "an end that cannot be read has come");
}

#[tokio::test]
async fn an_opt_out_holds_for_anything_but_care() {
    let door = place().await;
    let analyst = || {
        let mut actor = staff(&door, Role::Analyst, "surgery", None).actor().clone();
        actor.acts_for.clear();
        door.enter(actor, Purpose::Research)
    };
    let counts = |access: Access| async move { access.may("ada", Action::Read, DataKind::Statistics).await.unwrap() };
    let due = || staff(&door, Role::Gp, "surgery", None).for_purpose(Purpose::PopulationHealth);
    assert!(counts(analyst()).await && counts(due()).await);
    assert!(!analyst().may("ada", Action::Read, DataKind::Demographics).await.unwrap(), "never who she is");
    assert_eq!(sees(&analyst(), "ada").await, ["(not found)"]);
    for choices in [
        Choices { national_opt_out: true, ..Choices::default() },
        Choices { type_1_opt_out: true, ..Choices::default() },
    ] {
        choose(&door, "ada", choices).await.unwrap();
        assert!(!counts(analyst()).await && !counts(due()).await);
        assert!(
            sees(&staff(&door, Role::Gp, "surgery", None), "ada").await.contains(&"asthma".to_owned()),
            "care goes on"
        );
    }
    choose(&door, "ada", Choices::default()).await.unwrap();
    assert!(counts(analyst()).await);
}

#[tokio::test]
async fn a_team_sees_its_caseload_and_the_hub_those_who_asked_while_on_duty() {
    let door = place().await;
    let nurse = || staff(&door, Role::CommunityNurse, "nurses", None);
    assert_eq!(sees(&nurse(), "ada").await, ["(not found)"]);
    let episode = |status: &str| {
        json!({"resourceType": "EpisodeOfCare", "id": "episode", "status": status, "patient": about("ada"),
            "managingOrganization": {"reference": "Organization/nurses"}})
    };
    put(&door.system("test"), episode("active")).await.unwrap();
    assert!(sees(&nurse(), "ada").await.contains(&"asthma".to_owned()));
    put(&door.system("test"), episode("cancelled")).await.unwrap();
    assert_eq!(sees(&nurse(), "ada").await, ["(not found)"]);

    let hub = || staff(&door, Role::Nurse, "hub", Some("HealthcareService/walk-in"));
    assert_eq!(sees(&hub(), "ada").await, ["(not found)"]);
    let until = door.now() + SignedDuration::from_hours(8);
    hub().go_on_duty("HealthcareService/walk-in", Some(until)).await.unwrap();
    assert!(sees(&hub(), "ada").await.contains(&"asthma".to_owned()), "she has an open request");
    assert_eq!(sees(&hub(), "cal").await, ["(not found)"], "he has asked for nothing");
    assert!(hub().go_on_duty("HealthcareService/other", Some(until)).await.is_err());
    assert!(hub().go_on_duty("HealthcareService/walk-in", Some(until + SignedDuration::from_hours(8))).await.is_err());
    door.set_clock(Some(until));
    assert_eq!(sees(&hub(), "ada").await, ["(not found)"], "the shift is over");
}

fn claim(alert: Alert, reason: Reason) -> Claim {
    Claim { alert, reason, written: "Found unconscious at the bus stop".into() }
}

async fn open_up(access: &Access, claim: &Claim) -> Result<kith_trust::Review, Error> {
    let mut told = Change::new("tell");
    told.publish("notify", &uuid(), json!({"patient": "ada"}));
    access.claim_emergency("ada", claim, told).await
}

fn uuid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("key-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

#[tokio::test]
async fn emergency_access_opens_for_an_hour_and_everybody_who_must_know_knows() {
    let door = place().await;
    let doctor = || staff(&door, Role::Gp, "far", None);
    let officer = || staff(&door, Role::PrivacyOfficer, "surgery", None);
    assert_eq!(sees(&doctor(), "ada").await, ["(not found)"]);
    let review =
        open_up(&doctor(), &claim(Alert::WithoutPermission, Reason::EmergencyWithoutPermission)).await.unwrap();
    assert_eq!(sees(&doctor(), "ada").await, ["ada", "ask", "asthma"], "not what is specially protected");
    assert_eq!(
        sees(&staff(&door, Role::Nurse, "far", None), "ada").await,
        ["(not found)"],
        "only the one who said why"
    );
    // The officer has it at once; the person is told and reads why.
    let waiting = officer().emergencies().await.unwrap();
    assert_eq!((waiting.len(), waiting[0].reviewed.is_none(), &waiting[0].written), (1, true, &review.written));
    let looked = person(&door, "ada").who_looked("ada", 50).await.unwrap();
    let entry = looked.iter().find(|e| e.fields.action == "emergency").unwrap();
    assert!(entry.fields.reason.contains("access alert 2, reason 5") && entry.fields.reason.contains("bus stop"));
    let kith = door.system("test");
    assert_eq!(kith.take_outbox("notify", 10, SignedDuration::from_mins(1)).await.unwrap().len(), 1);
    let reviewed = officer().review_emergency(&review.id, true, "Ambulance sheet seen").await.unwrap();
    assert!(reviewed.reviewed.unwrap().proper);
    assert!(officer().emergencies().await.unwrap()[0].reviewed.is_some());
    for other in [doctor(), person(&door, "ada"), staff(&door, Role::Manager, "surgery", None)] {
        assert!(other.emergencies().await.is_err());
        assert!(other.review_emergency(&review.id, true, "mine").await.is_err());
    }
    door.set_clock(Some(door.now() + EMERGENCY_FOR));
    assert_eq!(sees(&doctor(), "ada").await, ["(not found)"], "the hour is over");
}

#[tokio::test]
async fn dissent_gives_way_to_access_without_permission_and_to_nothing_else() {
    let door = place().await;
    choose(&door, "ada", Choices { dissent: OrganisationKind::CHOICES.into(), ..Choices::default() }).await.unwrap();
    let doctor = || staff(&door, Role::Gp, "far", None);
    open_up(&doctor(), &claim(Alert::SelfClaimed, Reason::Emergency)).await.unwrap();
    assert_eq!(sees(&doctor(), "ada").await, ["ada", "ask"], "a claimed relationship keeps to her no");
    open_up(&doctor(), &claim(Alert::WithoutPermission, Reason::EmergencyWithoutPermission)).await.unwrap();
    assert!(sees(&doctor(), "ada").await.contains(&"asthma".to_owned()));
}

#[tokio::test]
async fn emergency_access_is_refused_for_every_other_pair_of_alert_and_reason_role_and_silence() {
    let door = place().await;
    let doctor = staff(&door, Role::Gp, "far", None);
    let mut opened = 0;
    for alert in Alert::ALL {
        for reason in Reason::ALL {
            match open_up(&doctor, &claim(alert, reason)).await {
                Ok(_) => opened += 1,
                Err(Error::Invalid { problems }) => {
                    let pair = (alert.number(), reason.number());
                    assert!([(1, 5), (2, 4), (2, 6)].contains(&pair), "{pair:?}");
                    assert_eq!(problems[0].place, "reason");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(opened, 9);
    let silent = Claim { written: "urgent".into(), ..claim(Alert::SelfClaimed, Reason::Emergency) };
    assert!(matches!(open_up(&doctor, &silent).await, Err(Error::Invalid { .. })));
    for role in Role::ALL.into_iter().filter(|r| r.is_staff() && !r.is_clinical()) {
        let refused = open_up(&staff(&door, role, "far", None), &claim(Alert::SelfClaimed, Reason::Emergency)).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{role:?}");
    }
    let nobody =
        doctor.claim_emergency("nobody", &claim(Alert::SelfClaimed, Reason::Emergency), Change::new("tell")).await;
    assert!(matches!(nobody, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_refusal_says_what_would_have_to_be_true() {
    let door = place().await;
    let dentist = staff(&door, Role::Dentist, "far", None);
    let (facts, lines) = dentist.explain("ada").await.unwrap();
    assert!(facts.is_empty());
    let clinical = lines.iter().find(|l| l.action == Action::Read && l.kind == DataKind::Clinical).unwrap();
    assert_eq!(clinical.answer.decided_by, "no relationship with this person");
    let would: Vec<(&str, &str)> =
        clinical.near_misses.iter().map(|m| (m.changes[0].as_str(), m.rule.as_str())).collect();
    assert!(
        would.contains(&("the person had a booking with their service", "involved-services/clinical")),
        "{would:?}"
    );
    assert!(would.iter().any(|(_, rule)| *rule == "emergency-access/recorded-emergency"));
    // Two things at once where one is not enough: a no to sharing, and no relationship.
    choose(&door, "ada", no_to(OrganisationKind::Hospital)).await.unwrap();
    let (_, lines) = staff(&door, Role::Dentist, "far", None).explain("ada").await.unwrap();
    let clinical = lines.iter().find(|l| l.action == Action::Read && l.kind == DataKind::Clinical).unwrap();
    assert!(clinical.near_misses.iter().any(|m| m.changes.len() == 1 && m.changes[0].contains("without permission")));
    let (_, lines) = staff(&door, Role::Receptionist, "surgery", None).explain("ada").await.unwrap();
    let clinical = lines.iter().find(|l| l.action == Action::Read && l.kind == DataKind::Clinical).unwrap();
    assert!(clinical.near_misses.is_empty(), "nothing makes a receptionist read notes: {:?}", clinical.near_misses);
}
