//! What teams do besides: the same form sent at the same moment, work that is not needed, how people are reached, photos.

mod support;

use axum::http::StatusCode;
use kith_contact::message::{ToTeam, send_to_team};
use kith_trust::{Actor, Purpose};
use kith_twin::cast;
use support::{Browser, Place, place};

fn person(key: &str) -> &'static str {
    cast(key).unwrap().patient_id
}

/// A message to the person's practice, from themselves or from whoever acts for them.
async fn writes(place: &Place, who: &str, about: &str, subject: &str) {
    let member = cast(who).unwrap();
    let me = place.door.enter(Actor::person(member.patient_id, member.given, "Kith web"), Purpose::OwnRecord);
    let kith = place.door.system("test");
    let patient = kith.read(&format!("Patient/{}", person(about))).await.unwrap();
    let team = kith_contact::notifier::practice_team(&kith, &patient.value).await.unwrap().unwrap();
    let message = ToTeam {
        patient: person(about).to_owned(),
        team: team.reference,
        subject: subject.to_owned(),
        text: "Words that do not stand in a list".to_owned(),
        answers: None,
        about: Vec::new(),
        channel: kith_contact::Channel::Web,
    };
    send_to_team(&me, &message).await.unwrap();
}

/// The same form sent sixteen times at the same moment.
async fn sixteen(browser: &Browser, action: &str, fields: &[(&'static str, &'static str)]) -> Vec<Browser> {
    let (token, key) = (browser.page.hidden(action, "_csrf"), browser.page.hidden(action, "_key"));
    let sent: Vec<_> = (0..16)
        .map(|_| {
            let (mut one, fields) = (browser.clone(), fields.to_vec());
            let (action, token, key) = (action.to_owned(), token.clone(), key.clone());
            tokio::spawn(async move {
                one.post_with(&action, &token, &key, &fields).await;
                one
            })
        })
        .collect();
    let mut all = Vec::new();
    for one in sent {
        all.push(one.await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_form_sent_sixteen_times_at_once_is_done_once() {
    let place = place().await;
    let base = format!("/team/people/{}", person("sore-throat"));
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open(&format!("{base}/visit")).await;
    let visit = [
        ("setting", "in-person"),
        ("reason", "Sore throat"),
        ("note", "Tonsils red."),
        ("outcome", "This gets better by itself."),
    ];
    for one in sixteen(&gp, &format!("{base}/visit"), &visit).await {
        assert_eq!(one.page.location(), base, "{}", one.page.body);
    }
    gp.open(&format!("{base}/messages/new")).await;
    let message = [("direction", "to-person"), ("subject", "Your throat"), ("text", "How is it now?")];
    let sent = sixteen(&gp, &format!("{base}/messages/new"), &message).await;
    assert!(sent[0].page.location().contains("/messages/0"), "{}", sent[0].page.body);
    assert!(sent.iter().all(|one| one.page.location() == sent[0].page.location()), "all lead to the one message");
    gp.open(&format!("{base}/refer")).await;
    let body = gp.page.body.clone();
    let team = body.split("Community nursing").nth(1).unwrap().split("value=\"").nth(1).unwrap();
    let team: &'static str = Box::leak(team.split('"').next().unwrap().to_owned().into_boxed_str());
    let refer = [
        ("kind", "advice"),
        ("team", team),
        ("reason", "A graze"),
        ("question", "Would you dress it?"),
        ("urgency", "routine"),
    ];
    for one in sixteen(&gp, &format!("{base}/refer"), &refer).await {
        assert_eq!(one.page.location(), format!("{base}/care"), "{}", one.page.body);
    }
    let record = place.door.system("test").open(person("sore-throat")).await.unwrap();
    let holding = |kind: &str, words: &str| record.values(kind).filter(|v| v.to_string().contains(words)).count();
    assert_eq!(holding("ClinicalImpression", "Tonsils red."), 1);
    assert_eq!(holding("Communication", "How is it now?"), 1);
    assert_eq!(holding("ClinicalImpression", "Would you dress it?"), 1);
    // The same form with other words is not taken for the same, and nothing typed is lost.
    let other = [("direction", "to-person"), ("subject", "Your throat"), ("text", "Something else")];
    gp.open(&format!("{base}/messages/new")).await;
    let action = format!("{base}/messages/new");
    let (token, key) = (gp.page.hidden(&action, "_csrf"), gp.page.hidden(&action, "_key"));
    gp.post_with(&action, &token, &key, &message).await;
    gp.post_with(&action, &token, &key, &other).await;
    assert_eq!(gp.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    gp.page.says("with other words").says("Something else");
}

#[tokio::test]
async fn messages_to_answer_say_what_they_are_about_and_who_wrote() {
    let place = place().await;
    writes(&place, "sore-throat", "sore-throat", "A letter for my work").await;
    writes(&place, "sore-throat", "sore-throat", "My next blood test").await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open("/team?kind=message").await.says("A letter for my work").says("My next blood test");
    desk.page.says_not("Message to answer").says_not("Words that do not stand in a list");
    // An answer in a conversation is named by its conversation.
    let work = desk.page.link("/team/work/");
    desk.open(&work).await;
    let thread = desk.page.body.split("action=\"").filter_map(|rest| rest.split('"').next());
    let thread = thread.into_iter().find(|to| to.contains("/messages/")).unwrap().to_owned();
    desk.post(&thread, &[("text", "It is ready."), ("back", &work)]).await;
    let root = thread.rsplit('/').next().unwrap().to_owned();
    let mut me = Browser::signed_in(&place, "person:sore-throat").await;
    me.open(&format!("/care/messages/{root}")).await;
    me.post(&format!("/care/messages/{root}"), &[("text", "Thank you, one more thing.")]).await;
    desk.open("/team?kind=message").await.says("A letter for my work").says("My next blood test");
}

#[tokio::test]
async fn work_that_is_not_needed_is_called_off_with_a_reason_and_the_person_told() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    writes(&place, "sore-throat", "sore-throat", "A letter").await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open("/team?kind=message").await;
    let work = desk.page.link("/team/work/");
    desk.open(&work).await.says("Call off");
    desk.open(&format!("{work}/call-off")).await;
    desk.post(&format!("{work}/call-off"), &[("reason", " ")]).await;
    assert_eq!(desk.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    desk.page.says("Write why it is not needed any more");
    desk.post(&format!("{work}/call-off"), &[("reason", "She rang: she has it.")]).await;
    desk.follow().await.says("Called off.").says("She rang: she has it.").says("Cancelled");
    desk.open("/team?kind=message").await.says_not(&work);
    // Nobody calls off what another team owns.
    let mut nurse = Browser::staff(&place, "dentist").await;
    nurse.get(&format!("{work}/call-off")).await;
    assert_eq!(nurse.page.status, StatusCode::NOT_FOUND);
    leah.open("/care/messages").await;
}

#[tokio::test]
async fn staff_keep_how_somebody_is_reached_and_end_who_acts_for_them() {
    let place = place().await;
    // Registered with the practice of the staff cast, and let somebody act.
    let leah = person("sore-throat");
    let me = place.door.enter(Actor::person(leah, "Leah", "Kith web"), Purpose::OwnRecord);
    let neighbour = kith_contact::proxy::NewProxy {
        patient: leah.to_owned(),
        proxy: person("neighbour").to_owned(),
        proxy_name: "Claire Whitaker".to_owned(),
        relationship: kith_contact::proxy::Relationship::Neighbour,
        until: None,
    };
    kith_contact::proxy::add_proxy(&me, &neighbour).await.unwrap();
    let base = format!("/team/people/{leah}");
    let details = format!("{base}/details");
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open(&details).await.says("Claire Whitaker");
    let seen = desk.page.hidden(&details, "seen");
    let form = [
        ("seen", seen.as_str()),
        ("channel", "letter"),
        ("language", "pl"),
        ("interpreter", "yes"),
        ("needs", "Large print"),
    ];
    desk.post(&details, &form).await;
    desk.follow().await.says("Interpreter needed").says("Polish").says("Large print");
    // Filled in upon what was there before: told, and kept.
    desk.open(&details).await;
    let late = [("seen", seen.as_str()), ("channel", "phone"), ("other_needs", "A chair with arms")];
    desk.post(&details, &late).await;
    assert_eq!(desk.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    desk.page.says("were changed since you opened this page").says("A chair with arms");
    desk.open(&details).await;
    let end = desk.page.link(&format!("{base}/proxies/"));
    desk.open(&end).await.says("Claire Whitaker");
    desk.post(&end, &[]).await;
    desk.follow().await.says("They cannot act for this person any more.").says("Who could before");
    let claire = Actor::person(person("neighbour"), "Claire", "Kith web");
    assert!(place.door.enter(claire, Purpose::OwnRecord).open(leah).await.is_err());
    // Teams that do not give this person care change nothing.
    let mut dentist = Browser::staff(&place, "dentist").await;
    dentist.get(&details).await;
    assert_eq!(dentist.page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_photo_taken_at_the_desk_goes_with_the_answers_written_anew() {
    let place = place().await;
    let mut desk = Browser::staff(&place, "receptionist").await;
    let base = format!("/team/people/{}", person("sore-throat"));
    desk.open(&format!("{base}/help")).await;
    desk.post(&format!("{base}/help"), &[("pathway", "leg-wound"), ("channel", "desk")]).await;
    let here = desk.page.location().to_owned();
    let given = [
        ("danger", "none"),
        ("limb", "none"),
        ("clot", "no"),
        ("infection", "none"),
        ("cause", "knock"),
        ("weeks", "5"),
        ("healing", "no"),
    ];
    for (question, answer) in given {
        desk.open(&here).await;
        assert_eq!(desk.page.hidden(&here, "question"), question);
        desk.post(&here, &[("question", question), ("answer", answer)]).await;
    }
    let photo = format!("{here}/photo");
    desk.open(&here).await.says("that you take at the desk");
    desk.upload_with(&photo, &[("question", "photo")], "image/jpeg", b"not a photo").await;
    assert_eq!(desk.page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", desk.page.body);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(40, 30, image::Rgb([180, 90, 90]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    desk.upload_with(&photo, &[("question", "photo")], "image/png", bytes.get_ref()).await;
    desk.open(&here).await;
    desk.post(&here, &[("question", "walk"), ("answer", "yes")]).await;
    desk.open(&here).await.says("Ask the team");
    desk.post(&format!("{here}/ask"), &[]).await;
    desk.follow().await.says("Tell the person.");
    let record = place.door.system("test").open(person("sore-throat")).await.unwrap();
    let photos: Vec<_> = record
        .of("DocumentReference")
        .filter(|entry| entry.value["content"][0]["attachment"]["contentType"] == "image/jpeg")
        .collect();
    assert_eq!(photos.len(), 1, "kept as a JPEG of our own making");
    let request = record.values("ServiceRequest").find(|r| r.to_string().contains(&photos[0].reference()));
    assert!(request.is_some(), "the request carries it");
}
