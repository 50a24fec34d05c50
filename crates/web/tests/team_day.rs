//! Booking at the desk and on the phone, and the day list: a time is given once, moved, cancelled, and kept count of.

mod support;

use axum::http::StatusCode;
use kith_twin::cast;
use support::{Browser, place};

fn person(key: &str) -> &'static str {
    cast(key).unwrap().patient_id
}

/// The values of the free times on the page.
fn times(browser: &Browser) -> Vec<String> {
    let slots = browser.page.body.split("name=\"slot\" value=\"").skip(1);
    slots.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

/// Books a time of the form on the page, with what the page filled in.
async fn book(browser: &mut Browser, id: &str, slot: &str) {
    let action = format!("/team/people/{id}/book");
    let mut forms = browser.page.body.split("<form");
    let form = forms.find(|form| form.contains("name=\"slot\"")).expect("times to choose from").to_owned();
    let filled = |name: &str| {
        let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    let [token, key, service, need] = ["_csrf", "_key", "service", "need"].map(filled);
    let fields = [("service", service.as_str()), ("need", &need), ("slot", slot), ("reason", "A cough that stays")];
    browser.post_with(&action, &token, &key, &fields).await;
}

#[tokio::test]
async fn a_time_is_given_once_and_the_second_is_shown_others() {
    let place = place().await;
    let (first, second) = (person("sore-throat"), person("long-record"));
    let mut desk = Browser::staff(&place, "receptionist").await;
    let mut gp = Browser::staff(&place, "gp").await;
    desk.open(&format!("/team/people/{first}/book")).await;
    gp.open(&format!("/team/people/{second}/book")).await;
    let slot = times(&desk)[0].clone();
    book(&mut desk, first, &slot).await;
    desk.follow().await.says("Booked. The person is told.").says("A cough that stays");
    book(&mut gp, second, &slot).await;
    assert_eq!(gp.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    gp.page.says("That time has just been taken.").says("A cough that stays");
    assert!(!times(&gp).is_empty() && !times(&gp).contains(&slot));
}

#[tokio::test]
async fn an_appointment_is_moved_counted_and_cancelled() {
    let place = place().await;
    let id = person("sore-throat");
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open(&format!("/team/people/{id}/book")).await;
    let slots = times(&desk);
    book(&mut desk, id, &slots[0]).await;
    let appointment = desk.page.location().to_owned();
    desk.open(&appointment).await;
    desk.open(&format!("{appointment}/move")).await;
    let other = times(&desk).pop().unwrap();
    desk.post(&format!("{appointment}/move"), &[("slot", &other)]).await;
    desk.follow().await.says("The appointment is moved.");
    // It stands on the day list of its new day, and nowhere else.
    let reference = format!("Appointment/{}", appointment.rsplit('/').next().unwrap());
    let moved = place.door.system("test").read(&reference).await.unwrap();
    let day = moved.value["start"].as_str().unwrap()[..10].to_owned();
    desk.open(&format!("/team/day?date={day}")).await.says(cast("sore-throat").unwrap().family);
    desk.open("/team/day").await.says("Day before").says("Day after").says_not(&appointment);
    // It is still to come: so the record says, and not that it took place lately.
    let summary = desk.open(&format!("/team/people/{id}")).await.body.clone();
    let (ahead, lately) = summary.split_once("id=\"lately\"").unwrap();
    assert!(ahead.contains(&appointment), "{summary}");
    assert!(!lately.contains("A cough that stays"), "{lately}");
    desk.open(&format!("/team/people/{id}/timeline")).await.says("Still to come");
    // On that morning the person comes to the desk.
    place.door.set_clock(Some(format!("{day}T08:00:00Z").parse().unwrap()));
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open("/team/day").await.says(&appointment);
    let back = desk.page.hidden(&format!("{appointment}/arrived"), "back");
    desk.post(&format!("{appointment}/arrived"), &[("back", &back)]).await;
    desk.follow().await.says("Marked as arrived.").says("1 waiting now");
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open("/team/day").await.says("See now");
}

#[tokio::test]
async fn an_empty_day_names_the_next_day_with_appointments_and_leads_there() {
    let place = place().await;
    let id = person("sore-throat");
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open(&format!("/team/people/{id}/book")).await;
    let slot = times(&desk).pop().unwrap();
    book(&mut desk, id, &slot).await;
    let appointment = desk.page.location().to_owned();
    // A Sunday: nobody is booked, and the page says when somebody is.
    desk.open("/team/day?date=2026-11-22").await.says("Nobody is booked on this day.").says("Next appointments:");
    // From day to day along these links, the appointment is reached.
    let reference = format!("Appointment/{}", appointment.rsplit('/').next().unwrap());
    let booked = place.door.system("test").read(&reference).await.unwrap();
    let day: jiff::civil::Date = booked.value["start"].as_str().unwrap()[..10].parse().unwrap();
    let before = day.yesterday().unwrap();
    desk.open(&format!("/team/day?date={before}")).await;
    if desk.page.body.contains("Nobody is booked on this day.") {
        let page = desk.page.body.split("Next appointments:").nth(1).unwrap();
        let href = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        assert!(href.ends_with(&format!("date={day}")), "{href}");
        desk.open(&href).await;
    } else {
        desk.open(&format!("/team/day?date={day}")).await;
    }
    desk.page.says(&appointment);
    desk.open("/team/day?date=2030-01-01").await.says("Nothing is booked on any later day.");
}

#[tokio::test]
async fn a_cancelled_appointment_of_somebody_who_still_needs_help_says_why_and_tells_them() {
    let place = place().await;
    let id = person("sore-throat");
    let mut desk = Browser::staff(&place, "receptionist").await;
    desk.open(&format!("/team/people/{id}/book")).await;
    let slot = times(&desk)[0].clone();
    book(&mut desk, id, &slot).await;
    let appointment = desk.page.location().to_owned();
    let action = format!("{appointment}/cancel");
    desk.open(&action).await;
    desk.post(&action, &[]).await;
    assert_eq!(desk.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    desk.page.says("Choose why it is cancelled");
    desk.post(&action, &[("reason", "service-unavailable")]).await;
    // The service cancelled: somebody now sees to it.
    desk.follow().await.says("They still need something").says("Follow up");
    desk.open(&appointment).await.says("Cancelled");
}

#[tokio::test]
async fn the_privacy_officer_sees_who_looked_and_nothing_of_the_record() {
    let place = place().await;
    let id = person("long-record");
    let mut gp = Browser::staff(&place, "gp").await;
    gp.open(&format!("/team/people/{id}")).await;
    let patient = place.door.system("test").read(&format!("Patient/{id}")).await.unwrap();
    let number = patient.value["identifier"][0]["value"].as_str().unwrap().to_owned();
    let mut officer = Browser::staff(&place, "privacy-officer").await;
    officer.get("/team").await;
    assert_eq!(officer.page.location(), "/governance");
    officer.open("/team/audit").await.says("Who looked at a record");
    officer.post("/team/audit", &[("nhs_number", &number)]).await;
    officer.page.says("GP").says("Open").says_not(cast("long-record").unwrap().family);
    officer.get(&format!("/team/people/{id}")).await;
    assert_eq!(officer.page.status, StatusCode::NOT_FOUND);
    // Nobody else finds the page.
    gp.get("/team/audit").await;
    assert_eq!(gp.page.status, StatusCode::NOT_FOUND);
}
