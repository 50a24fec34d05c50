//! Times are given once, and what was confirmed stays: over HTTP, by many at once, and through a kill.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::{Method, StatusCode};
use kith_fhir::json::{Limits, parse};
use kith_fhir::views;
use support::browser::{Browser, Gone};
use support::{Server, checked, lines, neighbourhood, run};
use tokio::task::JoinSet;

const PATHWAY: &str = "toothache";
const ANSWERS: [(&str, &str); 2] = [("problem", "broken"), ("how_bad", "no_pain")];

/// NHS numbers of adults, as a connected system reads them.
async fn adults(server: &Server, token: &str, wanted: usize) -> Vec<String> {
    let mut browser = Browser::new(&server.address);
    let bearer = format!("Bearer {token}");
    let page = browser
        .send(Method::GET, "/fhir/Patient?_count=300", &[("authorization", &bearer)], String::new())
        .await
        .unwrap();
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let bundle = parse(page.body.as_bytes(), &Limits::default()).unwrap();
    let born = jiff::Zoned::now().date().saturating_sub(jiff::Span::new().years(18)).to_string();
    let numbers: Vec<String> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["resource"])
        .filter(|patient| patient["birthDate"].as_str().is_some_and(|date| date < born.as_str()))
        .filter_map(|patient| Some(views::Patient::of(patient)?.nhs_number()?.as_str().to_owned()))
        .take(wanted)
        .collect();
    assert_eq!(numbers.len(), wanted);
    numbers
}

/// A booking whose person saw it confirmed.
#[derive(Debug, Clone)]
struct Confirmed {
    nhs_number: String,
    slot: String,
}

/// The service and times that the first person is offered, the last ones so that none passes meanwhile.
async fn offered(server: &Server, nhs_number: &str, most: usize) -> (String, Vec<String>) {
    let mut browser = Browser::new(&server.address);
    browser.sign_in(nhs_number).await.unwrap();
    browser.answer(PATHWAY, &ANSWERS).await.unwrap();
    assert_eq!(browser.page.location(), format!("/help/{PATHWAY}/result"), "{}", browser.page.body);
    browser.follow().await.unwrap();
    let times = browser.page.quoted(&format!("href=\"/help/{PATHWAY}/times/")).remove(0);
    browser.get(&format!("/help/{PATHWAY}/times/{times}")).await.unwrap();
    let mut slots = browser.page.quoted("name=\"slot\" value=\"");
    if slots.is_empty() {
        slots = browser.page.quoted("name=\"slot\" type=\"radio\" value=\"");
    }
    assert!(slots.len() >= most, "{} times: {}", slots.len(), browser.page.body);
    (times, slots.split_off(slots.len() - most))
}

/// One person tries these times of a service, from the `first` on, until one is theirs or all are gone.
async fn book(
    address: String,
    nhs_number: String,
    service: Arc<str>,
    slots: Arc<[String]>,
    first: usize,
) -> Result<Option<Confirmed>, Gone> {
    let mut browser = Browser::new(&address);
    browser.sign_in(&nhs_number).await?;
    browser.answer(PATHWAY, &ANSWERS).await?;
    let times = format!("/help/{PATHWAY}/times/{service}");
    let confirm = format!("/help/{PATHWAY}/confirm");
    for turn in 0..slots.len() {
        let slot = &slots[(first + turn) % slots.len()];
        browser.get(&times).await?;
        if browser.page.status != StatusCode::OK {
            // Nothing is free any more, and the page of offers says so.
            assert_eq!(browser.page.location(), format!("/help/{PATHWAY}/result"), "{}", browser.page.body);
            return Ok(None);
        }
        browser.post(&times, &[("slot", slot)]).await?;
        if browser.page.status == StatusCode::UNPROCESSABLE_ENTITY {
            assert!(browser.page.body.contains("just been taken"), "{}", browser.page.body);
            continue;
        }
        assert_eq!(browser.page.location(), confirm, "{} {}", browser.page.status, browser.page.body);
        browser.follow().await?;
        browser.post(&confirm, &[]).await?;
        if browser.page.location() != format!("/help/{PATHWAY}/done") {
            continue;
        }
        let confirmed = Confirmed { nhs_number: nhs_number.clone(), slot: slot.clone() };
        // The page that says so may never come, where the server is killed; the answer that leads there did.
        if browser.follow().await.is_ok() {
            assert!(browser.page.body.contains("You are booked"), "{}", browser.page.body);
        }
        return Ok(Some(confirmed));
    }
    Ok(None)
}

/// Every booking that stands: slot by appointment, checked for overlaps on every calendar it is kept on.
fn standing(data: &Path) -> BTreeMap<String, Vec<String>> {
    let folder = data.join("out");
    run(data, &["export", folder.to_str().unwrap()]);
    let mut by_slot: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut spans: BTreeMap<String, Vec<(jiff::Timestamp, jiff::Timestamp)>> = BTreeMap::new();
    let numbers: BTreeMap<String, String> = lines(&folder.join("Patient.ndjson"))
        .iter()
        .filter_map(|p| {
            Some((views::Patient::of(p)?.reference(), views::Patient::of(p)?.nhs_number()?.as_str().to_owned()))
        })
        .collect();
    let slots: BTreeMap<String, String> = lines(&folder.join("Slot.ndjson"))
        .iter()
        .filter_map(|slot| Some((views::Slot::of(slot)?.reference(), views::Slot::of(slot)?.schedule()?.to_owned())))
        .collect();
    for value in lines(&folder.join("Appointment.ndjson")) {
        let seen = views::Appointment::of(&value).unwrap();
        if seen.status() != Some("booked") {
            continue;
        }
        let (start, end) = (seen.start().unwrap(), seen.end().unwrap());
        for slot in seen.slots() {
            let person = numbers.get(seen.participant("Patient").unwrap()).cloned().unwrap_or_default();
            by_slot.entry(slot.to_owned()).or_default().push(person);
            spans.entry(slots[slot].clone()).or_default().push((start, end));
        }
        if let Some(who) = seen.participant("Practitioner") {
            spans.entry(who.to_owned()).or_default().push((start, end));
        }
    }
    for (calendar, mut times) in spans {
        times.sort_unstable();
        assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two bookings overlap on {calendar}");
    }
    by_slot
}

/// Every confirmed booking stands, once, for the person who saw it confirmed.
fn all_there(confirmed: &[Confirmed], standing: &BTreeMap<String, Vec<String>>) {
    for booking in confirmed {
        let slot = if booking.slot.contains('/') { booking.slot.clone() } else { format!("Slot/{}", booking.slot) };
        assert_eq!(standing.get(&slot), Some(&vec![booking.nhs_number.clone()]), "{slot}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_bookers_on_too_few_slots_never_share_one() {
    const BOOKERS: usize = 64;
    const SLOTS: usize = 8;
    let data = neighbourhood();
    let token = run(data.path(), &["token", "--service", "Test engine", "--scope", "system/*.read"]);
    let mut server = Server::demo(data.path());
    let people = adults(&server, token.trim(), BOOKERS + 1).await;
    let (service, slots) = offered(&server, &people[BOOKERS], SLOTS).await;
    let (service, slots): (Arc<str>, Arc<[String]>) = (service.into(), slots.into());
    let mut work = JoinSet::new();
    for (at, person) in people.iter().take(BOOKERS).enumerate() {
        work.spawn(book(server.address.clone(), person.clone(), service.clone(), slots.clone(), at));
    }
    let confirmed: Vec<Confirmed> = work.join_all().await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(confirmed.len(), SLOTS, "every time went to somebody: {confirmed:?}");
    assert_eq!(confirmed.iter().map(|c| &c.slot).collect::<BTreeSet<_>>().len(), SLOTS, "each to one: {confirmed:?}");
    server.stop();
    all_there(&confirmed, &standing(data.path()));
    checked(data.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_every_confirmed_booking_is_there_and_none_overlaps() {
    const BOOKERS: usize = 64;
    const SLOTS: usize = 30;
    const ENOUGH: usize = 6;
    let data = neighbourhood();
    let token = run(data.path(), &["token", "--service", "Test engine", "--scope", "system/*.read"]);
    let mut server = Server::demo(data.path());
    let people = adults(&server, token.trim(), BOOKERS + 1).await;
    let (service, slots) = offered(&server, &people[BOOKERS], SLOTS).await;
    let (service, slots): (Arc<str>, Arc<[String]>) = (service.into(), slots.into());
    let count = Arc::new(AtomicUsize::new(0));
    let mut work = JoinSet::new();
    for (at, person) in people.iter().take(BOOKERS).enumerate() {
        let (count, address) = (count.clone(), server.address.clone());
        let (person, service, slots) = (person.clone(), service.clone(), slots.clone());
        work.spawn(async move {
            let booked = book(address, person, service, slots, at).await;
            if matches!(booked, Ok(Some(_))) {
                count.fetch_add(1, Ordering::SeqCst);
            }
            booked
        });
    }
    while count.load(Ordering::SeqCst) < ENOUGH {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    server.kill();
    let ended = work.join_all().await;
    let cut_off = ended.iter().filter(|booked| booked.is_err()).count();
    let confirmed: Vec<Confirmed> = ended.into_iter().filter_map(|booked| booked.ok().flatten()).collect();
    assert!(cut_off > 0, "the kill came in the middle");
    assert!(confirmed.len() >= ENOUGH);

    // It starts again, people see what they booked, and the rest of the times can still be had.
    let mut server = Server::demo(data.path());
    for booking in &confirmed {
        let mut browser = Browser::new(&server.address);
        browser.sign_in(&booking.nhs_number).await.unwrap();
        browser.get("/care").await.unwrap();
        assert!(browser.page.body.contains("/care/appointments/"), "{}", browser.page.body);
    }
    // Times that were only held come back when their holds lapse; another can be had at once.
    let (service, slots) = offered(&server, &people[BOOKERS], 1).await;
    let later = book(server.address.clone(), people[BOOKERS].clone(), service.into(), slots.into(), 0).await.unwrap();
    server.stop();
    let there = standing(data.path());
    all_there(&confirmed, &there);
    all_there(&[later.expect("there was a time left")], &there);
    assert!(there.values().all(|people| people.len() == 1), "no time has two bookings");
    checked(data.path());
}
