//! Work has one owner at a time, is shown late when it is late, and its outcome reaches everybody who waits for it.

mod support;

use axum::http::StatusCode;
use jiff::SignedDuration;
use kith_handover::{ReferralRequest, RequestKind, Urgency, refer};
use kith_trust::{Actor, Purpose, Role};
use kith_twin::{STAFF_CAST, cast};
use support::{Browser, NOW, Place, place};

fn person(key: &str) -> &'static str {
    cast(key).unwrap().patient_id
}

/// The actor of a role, as signed in.
async fn actor(place: &Place, role: &str) -> Actor {
    let member = STAFF_CAST.iter().find(|member| member.role == role).unwrap();
    let kith = place.door.system("test");
    let name = kith.read(&format!("Practitioner/{}", member.practitioner_id)).await.unwrap();
    let organization = format!("Organization/{}", member.organization_id);
    let mut acts_for = vec![organization.clone()];
    acts_for.extend(member.service_ids.iter().map(|id| format!("HealthcareService/{id}")));
    Actor {
        reference: format!("Practitioner/{}", member.practitioner_id),
        name: kith_contact::fields::person_name(&name.value).unwrap(),
        role: Role::from_code(role).unwrap(),
        organization: Some(organization),
        organization_name: None,
        acts_for,
        system: "Kith web".to_owned(),
        scopes: Vec::new(),
    }
}

/// The GP refers a person to the practice's own nurse team's neighbours: community nursing. Gives the Task's id.
async fn referred(place: &Place, urgency: Urgency) -> String {
    let gp = place.door.enter(actor(place, "gp").await, Purpose::DirectCare);
    let nurses = STAFF_CAST.iter().find(|member| member.role == "community-nurse").unwrap();
    let asked = ReferralRequest {
        patient: person("sore-throat").to_owned(),
        to_service: format!("HealthcareService/{}", nurses.service_ids[0]),
        from_service: None,
        kind: RequestKind::Referral,
        need: "wound-care".to_owned(),
        need_label: "Wound care by a nurse".to_owned(),
        reason: "A graze that does not heal".to_owned(),
        question: "Could this be infected? HbA1c was 61 last week.".to_owned(),
        urgency,
        attachments: Vec::new(),
        transfer_of_responsibility: false,
    };
    let made = refer(&gp, &asked).await.unwrap();
    made.task.strip_prefix("Task/").unwrap().to_owned()
}

#[tokio::test]
async fn of_two_who_take_the_same_work_the_second_is_told_who_has_it() {
    let place = place().await;
    let practice = actor(&place, "gp").await.services().next().unwrap().to_owned();
    let me = Actor::person(person("sore-throat"), "Me", "Kith web");
    let message = kith_contact::message::ToTeam {
        patient: person("sore-throat").to_owned(),
        team: practice,
        subject: "A letter".to_owned(),
        text: "Can I have a letter for my work?".to_owned(),
        answers: None,
        about: Vec::new(),
        channel: kith_contact::Channel::Web,
    };
    let me = place.door.enter(me, Purpose::OwnRecord);
    kith_contact::message::send_to_team(&me, &message).await.unwrap();
    let mut desk = Browser::staff(&place, "receptionist").await;
    let mut gp = Browser::staff(&place, "gp").await;
    desk.open("/team").await;
    let work = desk.page.link("/team/work/");
    // Both look at it while nobody has it.
    desk.open(&work).await;
    gp.open(&work).await;
    desk.post(&format!("{work}/claim"), &[]).await;
    desk.follow().await.says("You have taken this work.");
    gp.post(&format!("{work}/claim"), &[]).await;
    let name = actor(&place, "receptionist").await.name;
    gp.follow().await.says(&format!("{name} has taken this work."));
    // And the list says so, and counts it as the receptionist's.
    desk.open("/team?show=mine").await.says("<strong>You</strong>");
    gp.open("/team?show=mine").await.says("You have taken no work.");
    // Who has it answers, the person reads it, and the work is done.
    desk.open(&work).await.says("Can I have a letter for my work?");
    let thread = desk.page.body.split("action=\"").find_map(|rest| {
        let to = rest.split('"').next().unwrap();
        to.contains("/messages/").then(|| to.to_owned())
    });
    let thread = thread.unwrap();
    desk.post(&thread, &[("text", "It is ready at the desk."), ("back", &work)]).await;
    desk.follow().await.says("Your answer is sent.").says("Done");
    let mut person = Browser::signed_in(&place, "person:sore-throat").await;
    person.open("/care/messages").await;
    let thread = person.page.link("/care/messages/0");
    person.open(&thread).await.says("It is ready at the desk.");
}

#[tokio::test]
async fn overdue_work_comes_first_and_says_by_how_much() {
    let place = place().await;
    let late = referred(&place, Urgency::Within2Hours).await;
    let later = referred(&place, Urgency::Routine).await;
    place.door.set_clock(Some(NOW.parse::<jiff::Timestamp>().unwrap() + SignedDuration::from_hours(5)));
    let mut nurse = Browser::staff(&place, "community-nurse").await;
    nurse.open("/team?kind=referral").await.says("Overdue by 3 hours").says("A graze that does not heal");
    let at = |id: &str| nurse.page.body.find(&format!("/team/work/{id}")).unwrap();
    assert!(at(&late) < at(&later));
    nurse.open("/team?show=overdue").await.says(&late).says_not(&later);
}

#[tokio::test]
async fn the_outcome_of_a_referral_reaches_the_referrer_and_the_person() {
    let place = place().await;
    let task = referred(&place, Urgency::SameDay).await;
    let mut nurse = Browser::staff(&place, "community-nurse").await;
    let work = format!("/team/work/{task}");
    nurse.open(&work).await.says("Could this be infected?").says("They stay responsible");
    nurse.post(&format!("{work}/claim"), &[]).await;
    nurse.open(&format!("{work}/complete")).await;
    // Nothing said is nothing done, and what was typed stays.
    nurse.post(&format!("{work}/complete"), &[("to_person", " "), ("to_referrer", "Swab taken")]).await;
    assert_eq!(nurse.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    nurse.page.says("Write what came of it").says("Swab taken");
    let said = "Your graze is healing. Keep it dry.";
    let form = [("to_person", said), ("to_referrer", "No infection, swab taken.")];
    nurse.post(&format!("{work}/complete"), &form).await;
    nurse.follow().await.says("Done. The person and the team that asked have been told.");

    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    me.open("/care/messages").await;
    let thread = me.page.link("/care/messages/0");
    me.open(&thread).await.says(said).says_not("swab taken");
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open("/team?kind=follow-up").await;
    let result = gp.page.link("/team/work/");
    gp.open(&result).await.says("No infection, swab taken.");
    // At the practice's desk there is an answer, and not what it says.
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open(&result).await.says_not("swab taken").says("not shown to you");
}

#[tokio::test]
async fn a_receptionist_of_the_receiving_team_does_not_read_the_referrers_question() {
    let place = place().await;
    let task = referred(&place, Urgency::SameDay).await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open(&format!("/team/work/{task}")).await;
    desk.page.says("A graze that does not heal").says_not("HbA1c was 61").says("not shown to you");
}

#[tokio::test]
async fn a_visit_written_down_once_is_there_once_for_everybody() {
    let place = place().await;
    let mut gp = Browser::staff(&place, "gp").await;
    let base = format!("/team/people/{}", person("sore-throat"));
    gp.open(&format!("{base}/visit")).await;
    let action = format!("{base}/visit");
    let (token, key) = (gp.page.hidden(&action, "_csrf"), gp.page.hidden(&action, "_key"));
    // A slip of the pen is caught, and nothing typed is lost.
    let wrong = [("setting", "in-person"), ("reason", "Sore throat"), ("note", "Tonsils red."), ("temperature", "370")];
    gp.post_with(&action, &token, &key, &wrong).await;
    assert_eq!(gp.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    gp.page.says("Temperature must be a number").says("Tonsils red.").says("Write what the person is told");
    let (token, key) = (gp.page.hidden(&action, "_csrf"), gp.page.hidden(&action, "_key"));
    let good = [
        ("setting", "in-person"),
        ("reason", "Sore throat"),
        ("note", "Tonsils red, no pus."),
        ("temperature", "37.0"),
        ("systolic", "128"),
        ("diastolic", "82"),
        ("problem", "Viral sore throat"),
        ("outcome", "This gets better by itself within a week."),
        ("follow_up", "See that it went"),
        ("follow_up_when", "week"),
    ];
    for _ in 0..2 {
        gp.post_with(&action, &token, &key, &good).await;
        assert_eq!(gp.page.status, StatusCode::SEE_OTHER, "{}", gp.page.body);
    }
    gp.open(&base).await.says("Viral sore throat").says("128/82");
    gp.open(&format!("{base}/timeline?kind=Note")).await.says("Tonsils red, no pus.");
    // The link that protects an item names it too.
    let shown = |line: &&str| line.contains("Tonsils red, no pus.") && !line.contains(">Protect<");
    assert_eq!(gp.page.body.lines().filter(shown).count(), 1);
    gp.open("/team?kind=follow-up").await.says("See that it went");
    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    me.open("/care/messages").await;
    let thread = me.page.link("/care/messages/0");
    me.open(&thread).await.says("gets better by itself");
}

#[tokio::test]
async fn what_others_wrote_since_the_reader_last_looked_is_marked_and_stays_marked_while_they_read() {
    let place = place().await;
    let base = format!("/team/people/{}", person("sore-throat"));
    let mut nurse = Browser::staff(&place, "nurse").await;
    nurse.open(&base).await.says("You have not opened this record before.");
    let start: jiff::Timestamp = NOW.parse().unwrap();
    place.door.set_clock(Some(start + SignedDuration::from_hours(1)));
    referred(&place, Urgency::Routine).await;
    place.door.set_clock(Some(start + SignedDuration::from_hours(2)));
    let mut nurse = Browser::staff(&place, "nurse").await;
    nurse.open(&base).await.says("new since you last looked").says("A graze that does not heal");
    nurse.open(&format!("{base}/timeline?new=1")).await.says("kith-timeline__event--new").says("graze");
    nurse.open(&base).await.says("A graze that does not heal");
    // The next look, an hour later, has nothing new.
    place.door.set_clock(Some(start + SignedDuration::from_hours(4)));
    let mut nurse = Browser::staff(&place, "nurse").await;
    nurse.open(&base).await.says("0 new since you last looked");
    // What the reader wrote themselves is not news to them.
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open(&format!("{base}/timeline")).await.says_not("kith-timeline__event--new");
}

#[tokio::test]
async fn a_person_identified_on_the_phone_is_asked_for_without_their_record() {
    let place = place().await;
    let key = "sore-throat";
    let patient = place.door.system("test").read(&format!("Patient/{}", person(key))).await.unwrap();
    let number = patient.value["identifier"][0]["value"].as_str().unwrap().to_owned();
    let born = patient.value["birthDate"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = born.split('-').collect();
    let mut dentist = Browser::staff(&place, "dentist").await;
    dentist.get(&format!("/team/people/{}", person(key))).await;
    assert_eq!(dentist.page.status, StatusCode::NOT_FOUND);
    dentist.open("/team/people").await;
    let mut form = vec![("nhs_number", number.as_str()), ("born-day", "1"), ("born-month", "1"), ("born-year", "1900")];
    dentist.post("/team/people/identify", &form).await;
    dentist.page.says("Nobody here has this NHS number with this date of birth").says(&number);
    form[1..].clone_from_slice(&[("born-day", parts[2]), ("born-month", parts[1]), ("born-year", parts[0])]);
    dentist.post("/team/people/identify", &form).await;
    let page = dentist.follow().await;
    assert_eq!(page.status, StatusCode::OK);
    page.says(cast(key).unwrap().family).says("Clinical detail").says("Not shown to you").says("Ask for help for them");
}

#[tokio::test]
async fn a_person_is_registered_once_and_warned_of_twice() {
    let place = place().await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    let form = [
        ("given", "Zebedee"),
        ("family", "Quillfeather"),
        ("born-day", "27"),
        ("born-month", "3"),
        ("born-year", "1951"),
        ("sex", "male"),
        ("postcode", "ls14ap"),
        ("language", "pl"),
        ("interpreter", "yes"),
        ("access_needs", "Large print"),
    ];
    desk.open("/team/people/new").await;
    let mut wrong = form.to_vec();
    wrong.extend([("nhs_number", "999 000 0000")]);
    desk.post("/team/people/new", &wrong).await;
    desk.page.says("There is a problem").says("This is not an NHS number").says("Quillfeather");
    let (token, key) = (desk.page.hidden("/team/people/new", "_csrf"), desk.page.hidden("/team/people/new", "_key"));
    for _ in 0..2 {
        desk.post_with("/team/people/new", &token, &key, &form).await;
        desk.follow().await.says("Quillfeather").says("Interpreter needed").says("Polish").says("Large print");
    }
    desk.open("/team/people/new").await;
    desk.post("/team/people/new", &form).await;
    assert_eq!(desk.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    desk.page.says("Is it one of these people?").says("LS1 4AP");
    desk.open("/team/people").await;
    desk.post("/team/people/search", &[("name", "quillf")]).await;
    desk.page.says("1 found").says("Zebedee Quillfeather");
}

#[tokio::test]
async fn a_caller_is_asked_the_same_questions_and_booked_by_phone() {
    let place = place().await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    let base = format!("/team/people/{}", person("sore-throat"));
    desk.open(&format!("{base}/help")).await;
    desk.post(&format!("{base}/help"), &[("pathway", "something-else"), ("channel", "phone")]).await;
    let here = desk.page.location().to_owned();
    for _ in 0..25 {
        desk.open(&here).await;
        if !desk.page.body.contains("name=\"question\"") {
            break;
        }
        let photo = format!("{here}/photo");
        if desk.page.body.contains(&format!("action=\"{photo}\"")) {
            // Nobody on the phone hands over a photo: it is left out.
            let question = desk.page.hidden(&photo, "question");
            desk.upload_with(&photo, &[("question", &question)], "application/octet-stream", b"").await;
            assert_eq!(desk.page.status, StatusCode::SEE_OTHER, "{}", desk.page.body);
            continue;
        }
        let question = desk.page.hidden(&here, "question");
        let form = desk.page.body.split(&format!("action=\"{here}\"")).nth(1).unwrap().to_owned();
        let form = form.split("</form>").next().unwrap();
        // The last choice is the harmless one: "none of these", "no".
        let choice = form
            .split("name=\"answer\" type=")
            .last()
            .and_then(|rest| rest.split("value=\"").nth(1).map(|value| value.split('"').next().unwrap().to_owned()));
        let answer =
            choice.filter(|_| form.contains("name=\"answer\" type=\"radio\"") || form.contains("type=\"checkbox\""));
        let answer = answer.unwrap_or_else(|| "Itchy elbow since 3 days".to_owned());
        desk.post(&here, &[("question", &question), ("answer", &answer)]).await;
        assert_eq!(desk.page.status, StatusCode::SEE_OTHER, "{question} {answer}: {}", desk.page.body);
    }
    desk.page.says("Ask the team").says("What they said");
    desk.post(&format!("{here}/ask"), &[]).await;
    desk.follow().await.says("Tell the person.");
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open("/team?kind=triage").await.says("by phone").says("Itchy elbow");
}
