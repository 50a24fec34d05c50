//! What went wrong: told from the foot of any page, read by the safety officer, answered to whoever told it.

mod support;

use axum::http::StatusCode;
use support::{Browser, place};

#[tokio::test]
async fn every_page_leads_to_telling_what_went_wrong_without_naming_anybody() {
    let place = place().await;
    let mut person = Browser::signed_in(&place, "person:sore-throat").await;
    for (path, page) in
        [("/", "%2F"), ("/help/sore-throat", "%2Fhelp%2F%7Bpathway%7D"), ("/care/messages", "%2Fcare%2Fmessages")]
    {
        person.get(path).await;
        let link = person.page.link("/went-wrong");
        assert!(link.contains(&format!("page={page}")), "{path}: {link}");
    }
    assert!(person.open("/help/sore-throat").await.link("/went-wrong").contains("about=sore-throat"));
    let mut gp = Browser::staff(&place, "gp").await;
    let id = kith_twin::cast("long-record").unwrap().patient_id;
    gp.open(&format!("/team/people/{id}")).await;
    let link = gp.page.link("/went-wrong");
    assert!(link.contains("%2Fteam%2Fpeople%2F%7Bid%7D") && !link.contains(id), "{link}");
}

#[tokio::test]
async fn what_went_wrong_reaches_the_safety_officer_and_the_answer_reaches_who_told_it() {
    let place = place().await;
    let mut person = Browser::signed_in(&place, "person:sore-throat").await;
    person.open("/help/sore-throat").await;
    let form = person.page.link("/went-wrong").replace("&amp;", "&");
    person.open(&form).await.says("Tell us what went wrong").says("A person with signs of an emergency");

    // Nothing is sent until it says what happened and whether anybody was hurt.
    let fields = [("page", "/help/{pathway}"), ("about", "sore-throat"), ("what", ""), ("hazard", "H01")];
    person.post("/went-wrong", &fields).await;
    assert_eq!(person.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    person.page.says("Write what happened").says("Say whether anybody was hurt");
    let what = "It asked about fever twice <script>alert(1)</script>";
    let fields = [
        ("page", "/help/{pathway}"),
        ("about", "sore-throat"),
        ("what", what),
        ("harm", "could-have"),
        ("hazard", "H01"),
    ];
    person.post("/went-wrong", &fields).await;
    assert_eq!(person.page.status, StatusCode::SEE_OTHER, "{}", person.page.body);
    person
        .follow()
        .await
        .says("Your report is number LE-")
        .says("Waiting to be looked at")
        .says_not("Being looked into");

    let mut officer = Browser::staff(&place, "safety-officer").await;
    officer.open("/team/learning").await.says("It asked about fever twice &lt;script&gt;").says_not("<script>alert");
    let event = officer.page.link("/team/learning/");
    officer.open(&event).await.says("/help/{pathway}").says("sore-throat@").says("H01: ").says("(person)");
    // Nobody's name stands in it.
    let who = kith_twin::CAST.iter().find(|member| member.key == "sore-throat").unwrap();
    officer.page.says_not(who.family).says_not(who.patient_id);

    officer.post(&format!("{event}/take"), &[]).await;
    officer.open(&event).await;
    officer.post(&event, &[("finding", "changed"), ("outcome", ""), ("hazard", "H01")]).await;
    assert_eq!(officer.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    officer.page.says("Write what came of it");
    officer.post(&event, &[("finding", "changed"), ("outcome", "It asks once now."), ("hazard", "H04")]).await;
    assert_eq!(officer.page.status, StatusCode::SEE_OTHER, "{}", officer.page.body);
    officer.follow().await.says("Nothing is waiting.").says("H04: ");

    person.open("/went-wrong/reports").await.says("It asks once now.").says("Something was changed");
    // Somebody else does not see it.
    let mut other = Browser::signed_in(&place, "person:leg-wound").await;
    other.open("/went-wrong/reports").await.says("You have not told us that anything went wrong.");
}

#[tokio::test]
async fn a_report_holds_no_nhs_number_and_only_what_our_own_pages_send() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open("/went-wrong?page=%2Fteam").await;
    gp.post("/went-wrong", &[("what", "It showed 999 000 0018"), ("harm", "no")]).await;
    assert_eq!(gp.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    gp.page.says("Leave out NHS numbers");
    let fields = [
        ("page", "/team/people/ca570000-0000-8000-8000-000000000001"),
        ("about", "../../etc/passwd"),
        ("what", "Wrong"),
        ("harm", "no"),
        ("hazard", "H9999"),
    ];
    gp.post("/went-wrong", &fields).await;
    assert_eq!(gp.page.status, StatusCode::SEE_OTHER);
    let mut officer = Browser::staff(&place, "safety-officer").await;
    officer.open("/team/learning").await;
    let event = officer.page.link("/team/learning/");
    officer.open(&event).await.says("Not said").says("None named").says("(GP)").says_not("passwd").says_not("ca570000");
}

#[tokio::test]
async fn reports_of_what_went_wrong_are_not_there_for_anybody_but_the_safety_officer() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open("/went-wrong").await;
    gp.post("/went-wrong", &[("what", "Wrong"), ("harm", "hurt")]).await;
    let mut officer = Browser::staff(&place, "safety-officer").await;
    officer.open("/team/learning").await;
    let event = officer.page.link("/team/learning/");
    for role in ["gp", "receptionist", "manager", "privacy-officer", "pharmacist"] {
        let mut other = Browser::staff(&place, role).await;
        for path in ["/team/learning", &event] {
            other.get(path).await;
            assert_eq!(other.page.status, StatusCode::NOT_FOUND, "{role} {path}");
        }
    }
    let mut person = Browser::signed_in(&place, "person:sore-throat").await;
    person.get(&event).await;
    assert_eq!(person.page.status, StatusCode::NOT_FOUND);
    // And the officer sees nothing of anybody's record.
    let leah = "ca570000-0000-8000-8000-000000000001";
    for path in [format!("/team/people/{leah}"), format!("/team/people/{leah}/timeline"), "/team/audit".to_owned()] {
        officer.get(&path).await;
        assert_eq!(officer.page.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn one_person_cannot_flood_the_safety_officer() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    for n in 0..21 {
        gp.open("/went-wrong").await;
        let what = format!("Wrong {n}");
        gp.post("/went-wrong", &[("what", what.as_str()), ("harm", "no")]).await;
        let expected = if n < 20 { StatusCode::SEE_OTHER } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(gp.page.status, expected, "report {n}");
    }
}
