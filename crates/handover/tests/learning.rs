//! What went wrong: told by anybody, read by the safety officer alone.

use kith_contact::fields::text;
use kith_fhir::search::Query;
use kith_handover::learning::{self, Finding, Harm, Report, TEAM};
use kith_handover::{Error, State};
use kith_trust::testing::{TestDoor, door};
use kith_trust::{Access, Actor, Change, Purpose, Role};

async fn place() -> TestDoor {
    let door = door().await.unwrap();
    door.set_clock(Some("2026-11-23T10:00:00Z".parse().unwrap()));
    door
}

fn staff(door: &TestDoor, role: Role, purpose: Purpose) -> Access {
    let actor = Actor {
        reference: format!("Practitioner/{}", role.code()),
        name: "Somebody".into(),
        role,
        organization: Some("Organization/hub".into()),
        organization_name: Some("The hub".into()),
        acts_for: vec!["Organization/hub".into(), TEAM.into()],
        system: "test".into(),
        scopes: Vec::new(),
    };
    door.enter(actor, purpose)
}

fn report(what: &str) -> Report {
    Report {
        what: what.into(),
        harm: Harm::CouldHave,
        page: "/help/{pathway}".into(),
        content: "sore-throat@1.0.0".into(),
        program: "0.1.0".into(),
        hazard: Some("H01".into()),
        role: "person",
    }
}

#[tokio::test]
async fn a_report_of_what_went_wrong_is_read_by_the_safety_officer_and_nobody_else() {
    let door = place().await;
    let filed = learning::file(&door.system("Kith safety"), &report("It said the wrong day"), "one").await.unwrap();
    let officer = staff(&door, Role::SafetyOfficer, Purpose::Safety);
    let events = learning::events(&officer).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].what, "It said the wrong day");
    assert_eq!(events[0].content, "sore-throat@1.0.0");

    // Even staff who speak for the very team it belongs to, in every role and for every purpose.
    for role in Role::ALL.into_iter().filter(|role| role.is_staff() && *role != Role::SafetyOfficer) {
        for purpose in Purpose::ALL {
            let other = staff(&door, role, purpose);
            assert!(matches!(other.read(&filed).await, Err(kith_trust::Error::NotFound)), "{role:?} {purpose:?}");
            assert!(matches!(other.history(&filed).await, Err(kith_trust::Error::NotFound)), "{role:?} {purpose:?}");
            assert!(learning::events(&other).await.unwrap().is_empty(), "{role:?} {purpose:?}");
            let gone = learning::close(&other, &filed, Finding::Stands, "Nothing", None).await;
            assert!(matches!(gone, Err(Error::Door(kith_trust::Error::NotFound))), "{role:?} {purpose:?}");
        }
    }
    let person = door.enter(Actor::person("ada", "Ada", "test"), Purpose::OwnRecord);
    assert!(learning::events(&person).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_connected_system_neither_reads_nor_changes_what_went_wrong() {
    let door = place().await;
    let filed = learning::file(&door.system("Kith safety"), &report("It said the wrong day"), "one").await.unwrap();
    let token = door.issue_token("engine", &["system/*.*".to_owned()]).await.unwrap();
    let actor = door.machine(&token).await.unwrap().unwrap();
    let engine = door.enter(actor, Purpose::DirectCare);
    assert!(engine.read(&filed).await.is_err());
    let query = Query::new("Task").unwrap().where_("owner", TEAM).unwrap();
    assert!(engine.search(&query).await.unwrap().entries.is_empty());
    let mut change = Change::new("delete");
    change.delete(&filed, None);
    assert!(engine.commit(change).await.is_err());
    // Nor is it written over with something that is none.
    let id = filed.rsplit('/').next().unwrap();
    let mut change = Change::new("write over");
    change.put(kith_fhir::json!({
        "resourceType": "Task", "id": id, "status": "cancelled", "intent": "order",
        "owner": {"reference": TEAM}, "restriction": {"period": {"end": "2026-12-01T10:00:00Z"}},
    }));
    assert!(engine.commit(change).await.is_err());
    let officer = staff(&door, Role::SafetyOfficer, Purpose::Safety);
    assert_eq!(learning::event(&officer, &filed).await.unwrap().state, State::Requested);
}

#[tokio::test]
async fn a_report_is_closed_once_with_what_came_of_it() {
    let door = place().await;
    let kith = door.system("Kith safety");
    let filed = learning::file(&kith, &report("It said the wrong day"), "one").await.unwrap();
    assert_eq!(learning::file(&kith, &report("It said the wrong day"), "one").await.unwrap(), filed, "sent twice");
    let officer = staff(&door, Role::SafetyOfficer, Purpose::Safety);
    assert_eq!(learning::events(&officer).await.unwrap().len(), 1);

    learning::take(&officer, &filed).await.unwrap();
    assert_eq!(learning::event(&officer, &filed).await.unwrap().state, State::Accepted);
    assert!(learning::close(&officer, &filed, Finding::Changed, "  ", None).await.is_err(), "an outcome is needed");
    learning::close(&officer, &filed, Finding::Changed, "The day is now right", Some("H08")).await.unwrap();
    let closed = learning::event(&officer, &filed).await.unwrap();
    assert_eq!(closed.state, State::Completed);
    assert_eq!(closed.finding, Some(Finding::Changed));
    assert_eq!(closed.outcome.as_deref(), Some("The day is now right"));
    assert_eq!(closed.hazard.as_deref(), Some("H08"));
    assert!(learning::close(&officer, &filed, Finding::Stands, "Again", None).await.is_err(), "closed stays closed");
}

#[tokio::test]
async fn nothing_in_a_report_says_who_told_it() {
    let door = place().await;
    let filed = learning::file(&door.system("Kith safety"), &report("It said the wrong day"), "one").await.unwrap();
    let officer = staff(&door, Role::SafetyOfficer, Purpose::Safety);
    let entry = officer.read(&filed).await.unwrap();
    assert_eq!(entry.origin.actor, "Device/kith");
    assert_eq!(text(&entry.value, "/requester/reference"), None);
    assert!(entry.person.is_none(), "it stands in nobody's record");
}
