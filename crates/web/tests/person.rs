//! What people are promised, asked of the real router over a small neighbourhood.

mod support;

use axum::http::StatusCode;
use kith_fhir::json;
use kith_trust::{Actor, Change, Purpose};
use support::{Browser, Place, place};

const LEAH: &str = "ca570000-0000-8000-8000-000000000001";
const DESMOND: &str = "ca570000-0000-8000-8000-000000000004";

#[tokio::test]
async fn every_page_that_is_somebodys_own_asks_who_you_are() {
    let place = place().await;
    let mut browser = Browser::new(&place);
    let paths = kith_web::router::guarded_paths();
    assert!(paths.len() > 20, "{paths:?}");
    for path in paths {
        let path = path.replace("{id}", LEAH).replace("{pathway}", "sore-throat").replace("{question}", "signs");
        let path = path.replace("{key}", "59261-8").replace("{service}", "x");
        browser.get(&path).await;
        let (status, to) = (browser.page.status, browser.page.location().to_owned());
        if status == StatusCode::METHOD_NOT_ALLOWED {
            continue;
        }
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
        assert!(to.starts_with("/sign-in"), "{path} leads to {to}");
        assert!(!browser.page.body.contains("Leah"), "{path}");
    }
}

#[tokio::test]
async fn signing_in_leads_back_to_the_page_asked_for_and_never_elsewhere() {
    let place = place().await;
    let mut browser = Browser::new(&place);
    browser.get("/care/messages").await;
    browser.follow().await;
    let next = browser.page.hidden("/sign-in", "next");
    browser.post("/sign-in", &[("identity", "person:sore-throat"), ("next", &next)]).await;
    assert_eq!(browser.page.location(), "/care/messages");

    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        let mut browser = Browser::new(&place);
        browser.get("/sign-in").await;
        browser.post("/sign-in", &[("identity", "person:sore-throat"), ("next", elsewhere)]).await;
        assert_eq!(browser.page.location(), "/", "{elsewhere}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_not_only_the_cookie() {
    let place = place().await;
    let mut browser = Browser::signed_in(&place, "person:sore-throat").await;
    browser.open("/").await.says("Leah Marsden");
    let mut stolen = browser.clone();
    browser.post("/sign-out", &[]).await;
    assert_eq!(stolen.get("/").await.location(), "/sign-in");
    assert_eq!(browser.get("/").await.location(), "/sign-in");
}

#[tokio::test]
async fn people_and_staff_do_not_see_each_others_pages() {
    let place = place().await;
    let mut nurse = Browser::staff(&place, "nurse").await;
    assert_eq!(nurse.page.location(), "/team");
    for path in ["/care", "/record", "/who-looked", "/details", "/acting", "/help"] {
        assert_eq!(nurse.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(nurse.get("/").await.location(), "/team");
}

/// Gives a person something of each kind, and names it.
async fn things_of(place: &Place, patient: &str) -> Vec<String> {
    let person = json!({"reference": format!("Patient/{patient}")});
    let mut change = Change::new("test");
    let request = change.create(json!({"resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "subject": person, "code": {"text": "<script>alert(1)</script>"}, "reasonCode": [{"text": "<img src=x onerror=alert(1)>"}],
        "authoredOn": "2026-11-20T09:00:00Z"}));
    let message = change.create(json!({"resourceType": "Communication", "status": "completed", "subject": person,
        "category": [{"coding": [{"system": kith_fhir::system::CS_CATEGORY, "code": "message"}]}],
        "topic": {"text": "</title><script>alert(2)</script>"}, "sent": "2026-11-20T09:00:00Z",
        "sender": {"reference": format!("HealthcareService/{}", kith_twin::service_id("hub").unwrap()), "display": "Hub"},
        "recipient": [person],
        "payload": [{"contentString": "\"><svg onload=alert(3)>"}]}));
    let appointment = change.create(json!({"resourceType": "Appointment", "status": "booked",
        "start": "2026-11-25T10:00:00Z", "end": "2026-11-25T10:15:00Z", "description": "<b onmouseover=alert(4)>Hub</b>",
        "participant": [{"actor": person, "status": "accepted"}]}));
    let letter = change.create(json!({"resourceType": "Binary", "contentType": "text/html",
        "securityContext": person, "data": "PHNjcmlwdD5hbGVydCg1KTwvc2NyaXB0Pg=="}));
    let document = change.create(json!({"resourceType": "DocumentReference", "status": "current", "subject": person,
        "description": "<i>letter</i>", "content": [{"attachment": {"url": letter, "title": "<i>letter</i>"}}]}));
    place.door.system("test").commit(change).await.unwrap();
    let id = |reference: &str| reference.split_once('/').unwrap().1.to_owned();
    vec![
        format!("/care/requests/{}", id(&request)),
        format!("/care/messages/{}", id(&message)),
        format!("/care/appointments/{}", id(&appointment)),
        format!("/care/appointments/{}/change", id(&appointment)),
        format!("/care/appointments/{}/cancel", id(&appointment)),
        format!("/record/documents/{}", id(&document)),
    ]
}

#[tokio::test]
async fn what_is_another_persons_is_not_there() {
    let place = place().await;
    let theirs = things_of(&place, DESMOND).await;
    let mut desmond = Browser::signed_in(&place, "person:red-eye").await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    for path in &theirs {
        desmond.open(path).await;
        assert_eq!(leah.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        leah.page.says_not("alert").says_not("Desmond");
    }
    for odd in ["/care/requests/..%2f..", "/care/messages/%00", "/record/documents/x%20y", "/care/results/none"] {
        assert_eq!(leah.get(odd).await.status, StatusCode::NOT_FOUND, "{odd}");
    }
}

#[tokio::test]
async fn what_others_wrote_is_inert_on_every_page() {
    let place = place().await;
    let mut pages = things_of(&place, LEAH).await;
    let letter = pages.pop().unwrap();
    pages.extend(["/", "/care", "/care/messages", "/record", "/record/timeline", "/who-looked"].map(str::to_owned));
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    for path in pages {
        leah.open(&path).await;
        for live in ["<script>alert", "<img src=x", "<svg onload", "<b onmouseover", "<i>letter"] {
            leah.page.says_not(live);
        }
    }
    // A letter that is a page in disguise does not run: it is a file to keep.
    leah.open(&letter).await;
    assert_eq!(leah.page.headers["content-type"], "application/octet-stream");
    assert_eq!(leah.page.headers["content-disposition"], "attachment");
    assert!(leah.page.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    leah.open("/details/change").await;
    let key = leah.page.hidden("/details/change", "_key");
    let mut other = Browser::signed_in(&place, "person:sore-throat").await;
    other.open("/details/change").await;
    let foreign = other.page.hidden("/details/change", "_csrf");
    for token in ["", "x", foreign.as_str()] {
        leah.post_with("/details/change", token, &key, &[("channel", "letter")]).await;
        assert_eq!(leah.page.status, StatusCode::FORBIDDEN, "{token}");
        leah.page.says("Nothing was changed");
    }
    leah.open("/details").await.says_not("By letter");
}

#[tokio::test]
async fn preferences_are_said_once_and_kept() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    leah.open("/details/change").await;
    let seen = leah.page.hidden("/details/change", "seen");
    let said = [
        ("seen", seen.as_str()),
        ("channel", "letter"),
        ("language", "pl"),
        ("interpreter", "yes"),
        ("needs", "Large print"),
        ("needs", "Quiet room"),
        ("other_needs", "A chair with arms\n<b>bold</b>"),
        ("mode", "phone"),
        ("part", "evening"),
        ("female_clinician", "yes"),
        ("max_miles", "2.5"),
    ];
    leah.post("/details/change", &said).await;
    assert_eq!(leah.page.location(), "/details");
    leah.follow().await;
    for words in ["By letter", "Polish", "Large print", "Quiet room", "A chair with arms", "&lt;b&gt;bold", "2.5 miles"]
    {
        leah.page.says(words);
    }
    // The form shows it again, and a mistake keeps what was typed.
    leah.open("/details/change").await.says("value=\"2.5\"").says("A chair with arms");
    leah.post("/details/change", &[("max_miles", "far"), ("other_needs", "A ramp")]).await;
    assert_eq!(leah.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    leah.page.says("Error: ").says("value=\"far\"").says("A ramp").says("href=\"#max_miles\"");
    leah.open("/details").await.says("2.5 miles");
}

#[tokio::test]
async fn a_message_sent_twice_is_one_message_with_an_owner_and_a_time() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    leah.open("/care/messages/new").await;
    let team = leah.page.body.split("name=\"team\"").nth(1).unwrap();
    let team = team.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (token, key) =
        (leah.page.hidden("/care/messages/new", "_csrf"), leah.page.hidden("/care/messages/new", "_key"));
    let form = [("team", team.as_str()), ("subject", "My tablets"), ("text", "Can I have <em>more</em>?")];
    for _ in 0..2 {
        leah.post_with("/care/messages/new", &token, &key, &form).await;
        assert_eq!(leah.page.location(), "/care/messages", "{}", leah.page.body);
    }
    leah.open("/care/messages").await.says("Answer due by");
    assert_eq!(leah.page.body.matches("My tablets").count(), 1, "{}", leah.page.body);
    let thread = leah.page.link("/care/messages/0");
    leah.open(&thread).await.says("Can I have &lt;em&gt;more").says("Not read yet");
    leah.post(&thread, &[("text", " ")]).await;
    assert_eq!(leah.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    leah.open(&thread).await;
    leah.post(&thread, &[("text", "And a date, please")]).await;
    leah.follow().await.says("And a date, please").says("Your message is sent");
}

#[tokio::test]
async fn a_mother_acts_for_her_son_with_a_clear_banner_until_she_stops() {
    let place = place().await;
    let mut nadia = Browser::signed_in(&place, "person:mother").await;
    nadia.open("/acting").await.says("Act for Yusuf Rashid");
    let boy = nadia.page.hidden("/acting/switch", "person");
    nadia.post("/acting/switch", &[("person", &boy)]).await;
    nadia.follow().await.says("You are acting for <strong>Yusuf Rashid</strong>");
    nadia.open("/record").await.says("Record of Yusuf Rashid");
    nadia.open("/who-looked").await.says("the record of Yusuf Rashid");
    nadia.post("/acting/switch", &[]).await;
    nadia.open("/record").await.says("My record").says_not("You are acting for");

    // Nobody is acted for who has not said so.
    nadia.open("/acting").await;
    nadia.post("/acting/switch", &[("person", LEAH)]).await;
    assert_eq!(nadia.page.status, StatusCode::NOT_FOUND);
    nadia.open("/record").await.says_not("Leah");
}

#[tokio::test]
async fn somebody_let_in_is_out_again_at_once_when_it_is_ended() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    let record = place.door.system("test").open(DESMOND).await.unwrap();
    let patient = kith_fhir::views::Patient::of(record.patient()).unwrap();
    let (number, born) = (patient.nhs_number().unwrap().to_string(), patient.birth_date().unwrap());
    let (day, month, year) = (born.day().to_string(), born.month().to_string(), born.year().to_string());
    let form = |number: &str| {
        [
            ("name", "Desmond"),
            ("nhs_number", number),
            ("born-day", &day),
            ("born-month", &month),
            ("born-year", &year),
            ("relationship", "friend"),
        ]
        .map(|(k, v)| (k, v.to_owned()))
    };
    leah.open("/acting/add").await;
    let wrong = form("999 000 0000");
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(k, v)| (*k, v.as_str())).collect();
    leah.post("/acting/add", &wrong).await;
    assert_eq!(leah.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = form(&number);
    let right: Vec<(&str, &str)> = right.iter().map(|(k, v)| (*k, v.as_str())).collect();
    leah.post("/acting/add", &right).await;
    assert_eq!(leah.page.location(), "/acting", "{}", leah.page.body);

    let mut desmond = Browser::signed_in(&place, "person:red-eye").await;
    desmond.open("/acting").await;
    desmond.post("/acting/switch", &[("person", LEAH)]).await;
    desmond.open("/record").await.says("Record of Leah Marsden");

    leah.open("/acting").await;
    let end = leah.page.link("/acting/0");
    leah.open(&end).await;
    leah.post(&end, &[]).await;
    assert_eq!(leah.page.location(), "/acting");
    desmond.open("/record").await.says("My record").says_not("Leah");
}

#[tokio::test]
async fn a_person_sees_who_looked_and_who_was_refused() {
    let place = place().await;
    let gp = kith_twin::STAFF_CAST.iter().find(|s| s.role == "pharmacist").unwrap();
    let actor = Actor {
        reference: format!("Practitioner/{}", gp.practitioner_id),
        name: "Priya Test".into(),
        role: kith_trust::Role::Pharmacist,
        organization: Some(format!("Organization/{}", gp.organization_id)),
        organization_name: Some("Station Pharmacy".into()),
        acts_for: gp.service_ids.iter().map(|id| format!("HealthcareService/{id}")).collect(),
        system: "Kith web".into(),
        scopes: Vec::new(),
    };
    assert!(place.door.enter(actor, Purpose::DirectCare).open(LEAH).await.is_err());
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    leah.open("/record").await;
    leah.open("/who-looked").await;
    leah.page.says("Priya Test, pharmacist").says("Refused").says("Station Pharmacy").says("Looked at the record");
    // Several looks of one's own are one line.
    leah.open("/record").await;
    leah.open("/care").await;
    leah.open("/who-looked").await.says("times</h2>");
    assert_eq!(leah.page.body.matches("Looked at the record").count(), 1, "{}", leah.page.body);
}

#[tokio::test]
async fn results_are_told_in_words_with_their_trend() {
    let place = place().await;
    let mut desmond = Browser::signed_in(&place, "person:red-eye").await;
    desmond.open("/care/results").await.says("HbA1c");
    desmond.open("/care/results/59261-8").await.says("<svg").says("mmol/mol").says("since the time before");
    desmond.open("/record").await.says("Problems").says("Medicines").says("Written by");
    desmond.page.says("href=\"#medicines\"").says_not("at midnight");
    desmond.open("/record/timeline?page=1").await.says_not("at midnight").says_not("umol/L");
    desmond.open("/record/timeline?page=9999").await;
}

#[tokio::test]
async fn an_appointment_can_be_moved_and_cancelled_by_whose_it_is() {
    let place = place().await;
    let mut leah = Browser::signed_in(&place, "person:sore-throat").await;
    let directory = kith_directory::load(&place.door.system("test")).await.unwrap();
    let access = place.door.enter(Actor::person(LEAH, "Leah Marsden", "test"), Purpose::OwnRecord);
    let service = format!("HealthcareService/{}", kith_twin::service_id("hub").unwrap());
    let now = access.now();
    let wanted = kith_booking::Wanted::new(&service, "", now, now + jiff::SignedDuration::from_hours(100));
    let free = kith_booking::free_slots(&access, &directory, &wanted, 3).await.unwrap();
    let request = kith_booking::BookingRequest {
        patient: format!("Patient/{LEAH}"),
        slot: free[0].slot.clone(),
        service: Some(service),
        ..Default::default()
    };
    let booked = kith_booking::book(&access, &directory, &request).await.unwrap();
    let page = format!("/care/appointments/{}", booked.appointment.split_once('/').unwrap().1);

    leah.open("/").await.says(&page);
    leah.open(&format!("{page}/change")).await;
    leah.post(&format!("{page}/change"), &[]).await;
    assert_eq!(leah.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    leah.page.says("Choose a time");
    let other = free[1].slot.split_once('/').unwrap().1.to_owned();
    leah.post(&format!("{page}/change"), &[("slot", &other)]).await;
    assert_eq!(leah.page.location(), page);
    leah.follow().await.says("Your appointment is moved");

    // Sent twice, it is cancelled once.
    let cancel = format!("{page}/cancel");
    leah.open(&cancel).await;
    let (token, key) = (leah.page.hidden(&cancel, "_csrf"), leah.page.hidden(&cancel, "_key"));
    leah.post_with(&cancel, &token, &key, &[]).await;
    assert_eq!(leah.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for _ in 0..2 {
        leah.post_with(&cancel, &token, &key, &[("reason", "no-longer-needed")]).await;
        assert_eq!(leah.page.location(), page, "{}", leah.page.body);
    }
    leah.follow().await.says("Cancelled");
    leah.get(&cancel).await;
    assert_eq!(leah.page.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn of_two_tabs_the_second_to_save_is_told_and_keeps_what_was_typed() {
    let place = place().await;
    let mut first = Browser::signed_in(&place, "person:sore-throat").await;
    first.open("/details/change").await;
    let mut second = first.clone();
    let seen = first.page.hidden("/details/change", "seen");
    first.post("/details/change", &[("seen", &seen), ("channel", "letter"), ("needs", "Large print")]).await;
    assert_eq!(first.page.location(), "/details", "{}", first.page.body);
    // The same words sent twice are no quarrel.
    let mut twice = second.clone();
    twice.post("/details/change", &[("seen", &seen), ("channel", "letter"), ("needs", "Large print")]).await;
    assert_eq!(twice.page.location(), "/details", "{}", twice.page.body);
    let typed = [("seen", seen.as_str()), ("channel", "phone"), ("other_needs", "A chair with arms")];
    second.post("/details/change", &typed).await;
    assert_eq!(second.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    second.page.says("were changed since you opened this page").says("A chair with arms").says("was not saved");
    first.open("/details").await.says("Large print").says_not("A chair with arms");
    // Looked at and sent again, it is what is wanted.
    let seen = second.page.hidden("/details/change", "seen");
    second
        .post("/details/change", &[("seen", &seen), ("channel", "phone"), ("other_needs", "A chair with arms")])
        .await;
    assert_eq!(second.page.location(), "/details", "{}", second.page.body);
    first.open("/details").await.says("A chair with arms").says_not("Large print");
}

#[tokio::test]
async fn whoever_acts_for_somebody_can_stop_by_themselves() {
    let place = place().await;
    let mut mother = Browser::signed_in(&place, "person:mother").await;
    mother.open("/acting").await;
    let son = kith_twin::cast("boy-earache").unwrap().patient_id;
    mother.post("/acting/switch", &[("person", son)]).await;
    mother.open("/acting").await.says("(you)");
    let body = mother.page.body.clone();
    let end = body.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|href| href.ends_with("/end"));
    let end = end.expect("the permission of the mother herself can be ended by her").to_owned();
    mother.open(&end).await;
    mother.post(&end, &[]).await;
    mother.follow().await.says("You do not act for them any more.");
    mother.open("/acting").await.says_not("Act for Yusuf");
    let refused = place.door.enter(
        kith_trust::Actor::person(kith_twin::cast("mother").unwrap().patient_id, "Nadia", "test"),
        kith_trust::Purpose::OwnRecord,
    );
    assert!(refused.open(son).await.is_err(), "the record is closed to her");
    assert!(place.door.verify_audit().await.unwrap().broken.is_none());
}
