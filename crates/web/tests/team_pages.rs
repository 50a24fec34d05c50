//! Every page of teams answers, says who the person is, and shows nobody what they may not see.

mod support;

use axum::http::StatusCode;
use kith_fhir::json;
use kith_trust::Change;
use kith_twin::{CAST, cast};
use support::{Browser, place};

fn person(key: &str) -> &'static str {
    cast(key).unwrap().patient_id
}

const PAGES: [&str; 10] =
    ["", "/timeline", "/results", "/documents", "/care", "/messages", "/messages/new", "/book", "/visit", "/refer"];

#[tokio::test]
async fn every_page_of_a_record_says_who_the_person_is_and_has_one_heading() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    let member = cast("long-record").unwrap();
    for page in PAGES {
        let page = gp.open(&format!("/team/people/{}{page}", member.patient_id)).await;
        page.says(member.family).says("Allergies").says("NHS number");
        assert_eq!(page.body.matches("<h1").count(), 1, "{}", page.path);
        let title = page.body.split("<title>").nth(1).unwrap().split(" – Kith").next().unwrap();
        let h1 = page.body.split("<h1").nth(1).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(title, h1, "{}", page.path);
    }
    for page in ["/team", "/team/people", "/team/day", "/team/undelivered", "/team/people/new"] {
        let gp = gp.open(page).await;
        assert_eq!(gp.body.matches("<h1").count(), 1, "{page}");
    }
}

#[tokio::test]
async fn a_receptionist_sees_no_clinical_detail_on_any_page_of_a_record() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    let id = person("long-record");
    // What a GP sees of the same person: problems, medicines and results by name.
    gp.open(&format!("/team/people/{id}")).await;
    let clinical: Vec<String> = gp
        .page
        .body
        .split("<ul class=\"kith-lines\">")
        .skip(1)
        .take(3)
        .flat_map(|list| list.split("</ul>").next().unwrap().split("<strong>").skip(1))
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .filter(|words| words.len() > 3)
        .collect();
    assert!(clinical.len() > 5, "{clinical:?}");
    for page in ["", "/timeline", "/results", "/documents", "/care", "/messages", "/book"] {
        let page = desk.open(&format!("/team/people/{id}{page}")).await;
        page.says("not shown to a receptionist");
        for words in &clinical {
            page.says_not(words);
        }
        page.says("Not shown to you").says_not("None recorded: ask");
    }
    // Clinical pages themselves are refused or empty, whatever address is typed.
    for page in ["/visit", "/refer"] {
        desk.get(&format!("/team/people/{id}{page}")).await;
        assert_eq!(desk.page.status, StatusCode::FORBIDDEN, "{page}");
    }
    gp.open(&format!("/team/people/{id}/results")).await;
    let one = gp.page.link(&format!("/team/people/{id}/results/"));
    desk.get(&one).await;
    assert_eq!(desk.page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn staff_who_have_nothing_to_do_with_a_person_find_no_such_page() {
    let place = place().await;
    let mut dentist = Browser::staff(&place, "dentist").await;
    let mut gp = Browser::staff(&place, "gp").await;
    // Somebody of another practice than the GP's, without a booking at this dentist.
    let other = CAST.iter().find(|member| member.practice != cast("sore-throat").unwrap().practice);
    let stranger = person("sore-throat");
    for page in PAGES.iter().chain(&["/documents/x", "/documents/x/image", "/appointments/x"]) {
        dentist.get(&format!("/team/people/{stranger}{page}")).await;
        assert_eq!(dentist.page.status, StatusCode::NOT_FOUND, "{page}");
        dentist.page.says_not(cast("sore-throat").unwrap().family);
    }
    if let Some(other) = other {
        gp.get(&format!("/team/people/{}", other.patient_id)).await;
        assert_ne!(gp.page.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    gp.get("/team/people/no-such-person").await;
    assert_eq!(gp.page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_person_does_not_reach_the_pages_of_teams() {
    let place = place().await;
    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    for page in ["/team", "/team/people", "/team/day", "/team/audit"] {
        me.get(page).await;
        assert_eq!(me.page.status, StatusCode::NOT_FOUND, "{page}");
    }
}

#[tokio::test]
async fn a_trend_is_drawn_with_its_numbers_beneath() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    let id = person("long-record");
    gp.open(&format!("/team/people/{id}/results")).await;
    let href = gp.page.link(&format!("/team/people/{id}/results/85354-"));
    gp.open(&href).await;
    // Blood pressure is two numbers: one drawing with a line each, over one table with both.
    assert_eq!(gp.page.body.matches("<svg").count(), 1, "{}", gp.page.body);
    assert_eq!(gp.page.body.matches("<polyline").count(), 2, "{}", gp.page.body);
    gp.page.says("Upper (systolic)</th>").says("Lower (diastolic)</th>").says("the usual range").says("NICE NG136");
    gp.page.says("kith-trend__table").says("Every reading, and who wrote it");
}

#[tokio::test]
async fn no_known_allergies_is_not_the_same_as_none_recorded() {
    let place = place().await;
    let system = place.door.system("test");
    // Four people of the GP's own practice, alike but for what is recorded of allergies.
    let like = system.read(&format!("Patient/{}", person("sore-throat"))).await.unwrap().value;
    let allergy = |id: &str, patient: &str, code: &str, text: Option<&str>| {
        json!({
            "resourceType": "AllergyIntolerance",
            "id": id,
            "clinicalStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active" }] },
            "verificationStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "confirmed" }] },
            // Without words for it: the code alone says it.
            "code": match text {
                Some(text) => json!({ "coding": [{ "system": "http://snomed.info/sct", "code": code }], "text": text }),
                None => json!({ "coding": [{ "system": "http://snomed.info/sct", "code": code }] }),
            },
            "patient": { "reference": format!("Patient/{patient}") }
        })
    };
    let mut change = Change::new("people for a test");
    change.allow_broken_references();
    for id in ["asked-none", "never-asked", "has-one", "asked-none-then-one"] {
        let mut patient = (*like).clone();
        let fields = patient.as_object_mut().unwrap();
        fields.insert("id".to_owned(), json!(id));
        fields.remove("identifier");
        change.put(patient);
    }
    // SNOMED CT 716186003: no known allergy; 91936005: allergy to penicillin.
    change.put(allergy("a1", "asked-none", "716186003", None));
    change.put(allergy("a2", "has-one", "91936005", Some("Allergy to penicillin")));
    change.put(allergy("a3", "asked-none-then-one", "716186003", None));
    change.put(allergy("a4", "asked-none-then-one", "91936005", Some("Allergy to penicillin")));
    system.commit(change).await.unwrap();
    let mut gp = Browser::staff(&place, "gp").await;
    let mut banner = async |id: &str, page: &str| {
        let body = gp.open(&format!("/team/people/{id}{page}")).await.body.clone();
        let cell = body.split("<dt>Allergies</dt>").nth(1).expect("a banner").split("<dd>").nth(1).unwrap();
        cell.split("</dd>").next().unwrap().to_owned()
    };
    for page in ["", "/timeline", "/results", "/care", "/visit"] {
        assert_eq!(banner("asked-none", page).await, "No known allergies", "{page}");
        assert_eq!(banner("never-asked", page).await, "None recorded: ask", "{page}");
        assert_eq!(banner("has-one", page).await, "Allergy to penicillin", "{page}");
        // An allergy found later counts, whatever was said before.
        assert_eq!(banner("asked-none-then-one", page).await, "Allergy to penicillin", "{page}");
    }
}
