//! The privacy officer's pages, and what staff see of them.

mod support;

use axum::http::StatusCode;
use kith_fhir::json;
use kith_trust::Change;
use support::{Browser, place};

/// A GP of the cast looks at a person who has their family name.
async fn looked(place: &support::Place) -> (Browser, String) {
    let gp = kith_twin::STAFF_CAST.iter().find(|member| member.role == "gp").unwrap();
    let kith = place.door.system("test");
    let post = kith.read(&format!("PractitionerRole/{}", gp.practitioner_role_id)).await.unwrap();
    let practitioner = kith.read(post.value["practitioner"]["reference"].as_str().unwrap()).await.unwrap();
    let person = kith_twin::CAST[0].patient_id;
    let patient = kith.read(&format!("Patient/{person}")).await.unwrap();
    let mut value = (*patient.value).clone();
    value["name"][0]["family"] = practitioner.value["name"][0]["family"].clone();
    value["generalPractitioner"] = json!([{"reference": post.value["organization"]["reference"]}]);
    value["managingOrganization"] = json!({"reference": post.value["organization"]["reference"]});
    let mut change = Change::new("marry");
    change.update(value, patient.version);
    kith.commit(change).await.unwrap();
    let mut browser = Browser::staff(place, "gp").await;
    browser.open(&format!("/team/people/{person}")).await;
    (browser, person.to_owned())
}

#[tokio::test]
async fn the_officer_asks_with_one_click_and_both_see_how_it_ends() {
    let place = place().await;
    let (mut gp, _) = looked(&place).await;
    let mut officer = Browser::staff(&place, "privacy-officer").await;
    officer.get("/team").await;
    assert_eq!(officer.page.location(), "/governance");
    officer.open("/governance").await.says("They have the same family name").says("Ask why");
    let ask =
        officer.page.body.split("action=\"/governance/ask/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    officer.post(&format!("/governance/ask/{ask}"), &[]).await;
    officer.follow().await.says("Asked, no answer yet");
    // The member of staff meets it where their work is.
    gp.open("/team").await.says("The privacy officer asks you a question");
    gp.open("/team/questions").await.says("Why did you open it?").says_not("same family name");
    gp.post(&format!("/team/questions/{ask}"), &[("answer", " ")]).await;
    assert_eq!(gp.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    gp.open("/team/questions").await;
    gp.post(&format!("/team/questions/{ask}"), &[("answer", "They were booked with me.")]).await;
    gp.follow().await.says("Your answer is with the privacy officer");
    gp.open("/team").await.says_not("asks you a question");
    officer.open("/governance/questions").await.says("They were booked with me.").says("There was a good reason");
    officer.post(&format!("/governance/questions/{ask}/close"), &[("outcome", "explained")]).await;
    officer.follow().await.says("Closed");
    gp.open("/team/questions").await.says("There was a good reason");
}

#[tokio::test]
async fn the_audit_is_searched_by_person_staff_act_and_day() {
    let place = place().await;
    let (_, person) = looked(&place).await;
    let mut officer = Browser::staff(&place, "privacy-officer").await;
    officer.open("/governance/audit").await;
    officer.post("/governance/audit", &[("action", "open")]).await.says("Opened a record");
    officer.post("/governance/audit", &[("action", "open"), ("from", "2030-01-01")]).await.says("Nothing fits");
    officer.post("/governance/audit", &[("from", "yesterday")]).await.says("Enter a date like");
    let patient = place.door.system("test").read(&format!("Patient/{person}")).await.unwrap();
    let number = patient.value["identifier"][0]["value"].as_str().unwrap().to_owned();
    officer.post("/governance/audit", &[("nhs_number", &number), ("action", "open")]).await.says("Opened a record");
    officer.page.says_not("/governance/audit?");
}

#[tokio::test]
async fn the_officers_pages_are_there_for_nobody_else() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    let mut person = Browser::signed_in(&place, &format!("person:{}", kith_twin::CAST[0].key)).await;
    for path in ["/governance", "/governance/questions", "/governance/audit"] {
        assert_eq!(gp.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(person.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(person.get("/team/questions").await.status, StatusCode::NOT_FOUND);
}
