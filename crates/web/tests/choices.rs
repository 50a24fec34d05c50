//! A person's choices, emergency access and protected items, as people and staff meet them on pages.

mod support;

use axum::http::StatusCode;
use kith_fhir::system;
use kith_trust::Change;
use kith_twin::cast;
use support::{Browser, Place, place};

fn person(key: &str) -> &'static str {
    cast(key).unwrap().patient_id
}

/// NHS number and date of birth, as a person would say them.
async fn said(place: &Place, id: &str) -> (String, [String; 3]) {
    let patient = place.door.system("test").read(&format!("Patient/{id}")).await.unwrap();
    let numbers = patient.value["identifier"].as_array().unwrap();
    let number = numbers.iter().find(|i| i["system"] == system::NHS_NUMBER).unwrap()["value"].as_str().unwrap();
    let mut born = patient.value["birthDate"].as_str().unwrap().split('-').map(str::to_owned);
    let (year, month, day) = (born.next().unwrap(), born.next().unwrap(), born.next().unwrap());
    (number.to_owned(), [day, month, year])
}

async fn identified(place: &Place, role: &str, id: &str) -> Browser {
    let (number, [day, month, year]) = said(place, id).await;
    let mut staff = Browser::staff(place, role).await;
    staff.open("/team/people").await;
    let fields = [
        ("nhs_number", number.as_str()),
        ("born-day", day.as_str()),
        ("born-month", month.as_str()),
        ("born-year", year.as_str()),
    ];
    staff.post("/team/people/identify", &fields).await;
    staff.follow().await;
    staff
}

#[tokio::test]
async fn a_person_chooses_who_their_record_is_shared_with_and_reads_it_back() {
    let place = place().await;
    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    me.open("/details").await.says("My choices");
    me.open("/choices").await.says("Pharmacies").says("national data opt-out");
    me.post("/choices", &[("deny", "community-pharmacy"), ("deny", "charity"), ("opt_out", "national")]).await;
    me.follow().await.says("Your choices are saved");
    let body = &me.page.body;
    for value in ["community-pharmacy", "charity", "national"] {
        let input = body.split(&format!("value=\"{value}\"")).nth(1).unwrap();
        assert!(input.split('>').next().unwrap().contains("checked"), "{value}");
    }
    me.post("/choices", &[]).await;
    me.follow().await.says("Your choices are saved");
    assert!(!me.page.body.contains("checked"));
}

#[tokio::test]
async fn a_clinician_whom_nothing_connects_opens_the_record_in_an_emergency_and_it_is_reviewed_and_told() {
    let place = place().await;
    let id = person("sore-throat");
    let page = format!("/team/people/{id}");
    let mut dentist = identified(&place, "dentist", id).await;
    dentist.open(&page).await.says("Emergency access to the notes").says_not("Latest results");
    let action = format!("{page}/emergency");
    dentist.open(&action).await.says("reviews it");
    let written = ("written", "Collapsed in the chair, no words from her");
    for (alert, reason) in [("1", "5"), ("2", "4"), ("2", "6"), ("3", "1"), ("1", "9")] {
        dentist.post(&action, &[("alert", alert), ("reason", reason), written]).await;
        assert_eq!(dentist.page.status, StatusCode::UNPROCESSABLE_ENTITY, "{alert} {reason}");
    }
    dentist.post(&action, &[("alert", "2"), ("reason", "5"), ("written", " ")]).await;
    assert_eq!(dentist.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    dentist.post(&action, &[("alert", "2"), ("reason", "5"), written]).await;
    dentist.follow().await.says("open to you for one hour").says("Medicines");
    // The form is for those who see nothing: it is gone now. And no form for the desk.
    assert_eq!(dentist.get(&action).await.status, StatusCode::NOT_FOUND);
    let mut desk = identified(&place, "receptionist", id).await;
    assert_eq!(desk.get(&action).await.status, StatusCode::NOT_FOUND);

    let mut officer = Browser::staff(&place, "privacy-officer").await;
    officer.open("/team/emergencies").await.says("1 to review").says("Collapsed in the chair").says("5 emergency");
    let review = officer.page.body.split("action=\"/team/emergencies/").nth(1).unwrap().split('"').next().unwrap();
    let review = format!("/team/emergencies/{review}");
    officer.post(&review, &[("proper", "yes"), ("note", "")]).await;
    assert_eq!(officer.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    officer.post(&review, &[("proper", "yes"), ("note", "Seen with the practice")]).await;
    officer.follow().await.says("Nothing to review").says("Found to be right");
    assert_eq!(desk.get("/team/emergencies").await.status, StatusCode::NOT_FOUND);

    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    me.open("/who-looked").await.says("Opened the record in an emergency").says("Collapsed in the chair");
}

#[tokio::test]
async fn staff_seal_an_item_and_mark_it_as_about_somebody_else() {
    let place = place().await;
    let id = person("sore-throat");
    let kith = place.door.system("test");
    let patient = kith.read(&format!("Patient/{id}")).await.unwrap();
    let practice = patient.value["managingOrganization"]["reference"].clone();
    let mut change = Change::new("add");
    change.create(kith_fhir::json!({"resourceType": "Condition", "id": "told-in-confidence",
        "subject": {"reference": format!("Patient/{id}")}, "code": {"text": "Told in confidence"},
        "clinicalStatus": {"coding": [{"code": "active"}]}, "recordedDate": "2026-11-20"}));
    // The GP of the cast must be at the person's practice.
    let gp = kith_twin::STAFF_CAST.iter().find(|member| member.role == "gp").unwrap();
    let post = kith.read(&format!("PractitionerRole/{}", gp.practitioner_role_id)).await.unwrap();
    if post.value["organization"]["reference"] != practice {
        let mut moved = (*patient.value).clone();
        moved["managingOrganization"] = kith_fhir::json!({"reference": post.value["organization"]["reference"]});
        moved["generalPractitioner"] = kith_fhir::json!([{"reference": post.value["organization"]["reference"]}]);
        change.update(moved, patient.version);
    }
    kith.commit(change).await.unwrap();
    let page = format!("/team/people/{id}");
    let mut gp = Browser::staff(&place, "gp").await;
    let protect = format!("{page}/protect/Condition/told-in-confidence");
    gp.open(&format!("{page}/timeline")).await.says("told-in-confidence");
    gp.open(&protect).await.says("Told in confidence");
    gp.post(&protect, &[("seal", "somebody")]).await;
    assert_eq!(gp.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    gp.post(&protect, &[("seal", "me"), ("third_party", "yes")]).await;
    gp.follow().await.says("It holds from now on").says("Told in confidence");
    let mut nurse = Browser::staff(&place, "nurse").await;
    if nurse.get(&page).await.status == StatusCode::OK {
        nurse.open(&page).await.says_not("Told in confidence");
        assert_eq!(nurse.get(&protect).await.status, StatusCode::NOT_FOUND);
    }
    // About somebody else: not shown to the person.
    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    me.open("/record").await.says_not("Told in confidence");
    gp.open(&protect).await;
    gp.post(&protect, &[("seal", "")]).await;
    me.open("/record").await.says("Told in confidence");
}
