//! What the door promises about the audit and the care of data, each promise a test.

use jiff::{SignedDuration, Timestamp};
use kith_fhir::search::Query;
use kith_fhir::{Value, json, system};
use kith_trust::{
    Access, Actor, AuditEntry, AuditQuery, Change, Door, DoorConfig, Error, InquiryState, Outcome, Purpose,
    RelationshipKind, Role, Sign,
};
use sha2::{Digest as _, Sha256};

/// A Monday, 10am in London.
const NOW: &str = "2026-03-02T10:00:00Z";

fn number(n: u32) -> String {
    kith_fhir::identifier::NhsNumber::synthetic(n).unwrap().as_str().to_owned()
}

fn patient(id: &str, family: &str, n: u32) -> Value {
    json!({"resourceType": "Patient", "id": id, "birthDate": "1980-02-29", "name": [{"family": family, "given": [id]}],
        "identifier": [{"system": system::NHS_NUMBER, "value": number(n)}],
        "generalPractitioner": [{"reference": "Organization/surgery"}],
        "managingOrganization": {"reference": "Organization/surgery"}})
}

struct Place {
    door: Door,
    _folder: tempfile::TempDir,
}

impl std::ops::Deref for Place {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let mut config = DoorConfig::new(folder.path());
    config.durable = false;
    let place = Place { door: Door::open(config).await.unwrap(), _folder: folder };
    place.set_clock(Some(NOW.parse().unwrap()));
    let mut change = Change::new("begin");
    change.create(json!({"resourceType": "Organization", "id": "surgery", "name": "Surgery"}));
    change.create(
        json!({"resourceType": "Practitioner", "id": "owens", "name": [{"family": "Owens", "given": ["Gwen"]}]}),
    );
    change.create(patient("ada", "Test", 1));
    change.create(patient("ben", "Owens", 2));
    place.system("test").commit(change).await.unwrap();
    place
}

fn staff(place: &Place, role: Role, id: &str) -> Access {
    let purpose = match role {
        Role::PrivacyOfficer => Purpose::Audit,
        role if role.is_clinical() => Purpose::DirectCare,
        _ => Purpose::Administration,
    };
    let actor = Actor {
        reference: format!("Practitioner/{id}"),
        name: format!("Name of {id}"),
        role,
        organization: Some("Organization/surgery".into()),
        organization_name: Some("Surgery".into()),
        acts_for: Vec::new(),
        system: "test".into(),
        scopes: Vec::new(),
    };
    place.enter(actor, purpose)
}

async fn last(place: &Place) -> AuditEntry {
    place.audit_after(0, 10_000).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn a_failed_attempt_is_logged_as_fully_as_a_success() {
    let place = place().await;
    let stranger = place.enter(Actor::person("zoe", "Zoe", "test"), Purpose::OwnRecord);
    let expect = async |reason: &str, what: &str, person: Option<&str>| {
        let entry = last(&place).await;
        assert_eq!(entry.fields.action, "refused");
        assert_eq!(entry.fields.reason, reason);
        assert_eq!(entry.fields.what, [what]);
        assert_eq!(entry.person.as_deref(), person);
        assert_eq!(entry.origin.actor, "Patient/zoe");
        assert!(!entry.fields.purpose.is_empty() && !entry.fields.decided_by.is_empty());
    };
    stranger.open("nobody").await.unwrap_err();
    expect("open", "Patient/nobody", None).await;
    stranger.read("Patient/ada").await.unwrap_err();
    expect("read", "Patient/ada", Some("ada")).await;
    stranger.history("Observation/none").await.unwrap_err();
    expect("history", "Observation/none", None).await;
    let mut change = Change::new("write");
    change.put(json!({"resourceType": "Observation", "id": "x", "status": "final", "code": {"text": "Pulse"},
        "subject": {"reference": "Patient/ada"}}));
    stranger.commit(change).await.unwrap_err();
    expect("write", "Observation/x", Some("ada")).await;
}

#[tokio::test]
async fn a_list_that_is_read_leaves_how_many_and_a_digest_of_whom() {
    let place = place().await;
    let gp = staff(&place, Role::Gp, "gp");
    let mut hash = Sha256::new();
    hash.update(b"ada\nben\n");
    let digest = hash.finalize().iter().fold(String::new(), |text, b| text + &format!("{b:02x}"));
    let found = gp.search(&Query::new("Patient").unwrap().where_("birthdate", "1980-02-29").unwrap()).await.unwrap();
    assert_eq!(found.entries.len(), 2);
    let entry = last(&place).await;
    assert_eq!((entry.fields.action.as_str(), entry.fields.count, &entry.fields.digest), ("search", 2, &digest));
    assert_eq!(gp.people_linked(RelationshipKind::Registered, None, 100).await.unwrap().len(), 2);
    let entry = last(&place).await;
    assert_eq!((entry.fields.action.as_str(), entry.fields.count, &entry.fields.digest), ("list", 2, &digest));
    assert_eq!(place.check().await.unwrap().problems, Vec::<String>::new());
}

#[tokio::test]
async fn only_the_privacy_officer_searches_the_audit_and_that_too_is_recorded() {
    let place = place().await;
    staff(&place, Role::Gp, "gp").open("ada").await.unwrap();
    let query = AuditQuery { actor: Some("Practitioner/gp".into()), limit: 50, ..AuditQuery::default() };
    for nosy in [
        staff(&place, Role::Gp, "gp"),
        staff(&place, Role::Manager, "boss"),
        place.enter(Actor::person("ada", "Ada", "test"), Purpose::OwnRecord),
    ] {
        assert!(matches!(nosy.search_audit(&query).await, Err(Error::NotFound)));
        assert_eq!(last(&place).await.fields.action, "refused");
        assert!(nosy.unusual().await.is_err() && nosy.inquiries().await.is_err());
    }
    let officer = staff(&place, Role::PrivacyOfficer, "officer");
    let found = officer.search_audit(&query).await.unwrap();
    assert!(found.entries.iter().any(|e| e.fields.action == "open"));
    let entry = last(&place).await;
    assert_eq!(
        (entry.fields.action.as_str(), entry.fields.what.as_slice()),
        ("audit", &["Practitioner/gp".to_owned()][..])
    );
}

#[tokio::test]
async fn an_unusual_access_is_asked_about_answered_and_closed_and_both_know_how() {
    let place = place().await;
    let owens = staff(&place, Role::Gp, "owens");
    owens.open("ben").await.unwrap();
    owens.open("ada").await.unwrap();
    let officer = staff(&place, Role::PrivacyOfficer, "officer");
    let unusual = officer.unusual().await.unwrap();
    assert_eq!(unusual.findings.len(), 1, "{unusual:?}");
    let finding = &unusual.findings[0];
    assert_eq!((finding.person.as_deref(), finding.signs[0].0), (Some("ben"), Sign::SameName));
    let asked = officer.ask_about(finding).await.unwrap();
    assert_eq!(officer.ask_about(finding).await.unwrap(), asked, "asked once");
    assert_eq!((asked.state, asked.staff.as_str()), (InquiryState::Asked, "Practitioner/owens"));
    assert!(asked.due > asked.asked);
    // The member of staff has it; nobody else does.
    assert_eq!(owens.my_inquiries().await.unwrap().len(), 1);
    let other = staff(&place, Role::Gp, "other");
    assert!(other.my_inquiries().await.unwrap().is_empty());
    assert!(other.answer_inquiry(&asked.id, "me").await.is_err());
    assert!(matches!(officer.close_inquiry(&asked.id, Outcome::Explained).await, Err(Error::Conflict { .. })));
    assert!(owens.answer_inquiry(&asked.id, "  ").await.is_err());
    owens.answer_inquiry(&asked.id, "He was my 9am appointment.").await.unwrap();
    let read = &officer.inquiries().await.unwrap()[0];
    assert_eq!(read.answer.as_deref(), Some("He was my 9am appointment."));
    officer.close_inquiry(&asked.id, Outcome::Explained).await.unwrap();
    let mine = &owens.my_inquiries().await.unwrap()[0];
    assert_eq!((mine.state, mine.outcome), (InquiryState::Closed, Some(Outcome::Explained)));
    assert!(owens.answer_inquiry(&asked.id, "more").await.is_err());
    let trail = place.audit_after(0, 10_000).await.unwrap();
    for action in ["inquiry-asked", "inquiry-answered", "inquiry-closed"] {
        assert!(trail.iter().any(|e| e.fields.action == action && e.person.as_deref() == Some("ben")), "{action}");
    }
    assert!(!format!("{trail:?}").contains("9am"), "what was said is not in the audit");
}

#[tokio::test]
async fn an_answer_that_is_late_is_overdue_and_can_be_closed_as_a_possible_breach() {
    let place = place().await;
    staff(&place, Role::Gp, "owens").open("ben").await.unwrap();
    let officer = staff(&place, Role::PrivacyOfficer, "officer");
    let finding = officer.unusual().await.unwrap().findings.remove(0);
    let asked = officer.ask_about(&finding).await.unwrap();
    let later: Timestamp = asked.due + SignedDuration::from_secs(1);
    assert!(asked.overdue(later) && !asked.overdue(asked.due));
    place.set_clock(Some(later));
    let closed = officer.close_inquiry(&asked.id, Outcome::Breach).await.unwrap();
    assert_eq!(closed.outcome, Some(Outcome::Breach));
}

#[tokio::test]
async fn the_watch_reads_each_entry_once_and_looks_back_no_further_than_its_window() {
    let place = place().await;
    let owens = staff(&place, Role::Gp, "owens");
    owens.open("ben").await.unwrap();
    let officer = staff(&place, Role::PrivacyOfficer, "officer");
    assert_eq!(officer.unusual().await.unwrap().findings[0].times, 1);
    staff(&place, Role::Gp, "owens").open("ben").await.unwrap();
    assert_eq!(officer.unusual().await.unwrap().findings[0].times, 2);
    assert_eq!(officer.unusual().await.unwrap().findings[0].times, 2);
    place.set_clock(Some(place.now() + SignedDuration::from_hours(24 * 40)));
    assert!(officer.unusual().await.unwrap().findings.is_empty());
}

#[tokio::test]
async fn who_was_refused_is_asked_without_learning_whose_record_it_was() {
    let place = place().await;
    let mut actor = staff(&place, Role::Pharmacist, "owens").actor().clone();
    actor.organization = Some("Organization/elsewhere".into());
    let stranger = place.enter(actor, Purpose::DirectCare);
    stranger.open("ben").await.unwrap_err();
    let officer = staff(&place, Role::PrivacyOfficer, "officer");
    let finding = officer.unusual().await.unwrap().findings.remove(0);
    assert!(finding.signs.iter().any(|(sign, _)| *sign == Sign::Refused) && !finding.got_in);
    officer.ask_about(&finding).await.unwrap();
    let mine = &stranger.my_inquiries().await.unwrap()[0];
    assert_eq!((mine.person.as_deref(), mine.person_name.as_str()), (None, ""));
    assert_eq!(officer.inquiries().await.unwrap()[0].person.as_deref(), Some("ben"));
}
