//! Every component on one page, to look at; there in demo mode only. It is also the smallest example of how a page is
//! made: a view model, a handler, and a template of the same name.

use axum::Router;
use axum::routing::get;
use serde::{Deserialize, Serialize};

use crate::chart::{Point, Range, Trend};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};

/// `/gallery` (as people see it) and `/gallery/team` (as staff do).
pub fn router() -> Router {
    Router::new().route("/gallery", get(show).post(send)).route("/gallery/team", get(team))
}

#[derive(Serialize)]
struct Gallery {
    person: Person,
    unasked: Person,
    states: Vec<&'static str>,
    work: Vec<Work>,
    days: Vec<Day>,
    events: Vec<Event>,
    trend: Trend,
    reasons: Vec<&'static str>,
    advice: Vec<&'static str>,
    worse: Vec<&'static str>,
    because: Vec<&'static str>,
}

#[derive(Default, Serialize)]
struct Person {
    name: &'static str,
    born: &'static str,
    nhs_number: Option<&'static str>,
    sex: Option<&'static str>,
    allergies: Option<Vec<&'static str>>,
    access_needs: Vec<&'static str>,
    language: Option<&'static str>,
    interpreter: bool,
    proxy: Option<&'static str>,
}

#[derive(Serialize)]
struct Work {
    href: &'static str,
    person: &'static str,
    born: &'static str,
    what: &'static str,
    kind: &'static str,
    channel: &'static str,
    state: &'static str,
    due: &'static str,
    overdue: bool,
    owner: &'static str,
    claimed_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Day {
    day: &'static str,
    slots: Vec<Slot>,
}

#[derive(Serialize)]
struct Slot {
    value: String,
    start: String,
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Event {
    on: &'static str,
    what: &'static str,
    detail: Option<&'static str>,
    who: Option<&'static str>,
    organisation: Option<&'static str>,
    new: bool,
}

fn gallery() -> Gallery {
    let slots = |day: &str, times: &[(&str, Option<&'static str>)]| {
        times
            .iter()
            .map(|(time, note)| Slot {
                value: format!("{day}T{time}"),
                start: format!("{day}T{time}:00Z"),
                note: *note,
            })
            .collect()
    };
    let results =
        [("2024-11-20", 39.0), ("2025-06-02", 44.0), ("2025-12-11", 47.0), ("2026-05-01", 40.0), ("2026-11-02", 43.0)];
    let points = results
        .iter()
        .filter_map(|(on, value)| Some(Point { on: on.parse().ok()?, value: *value, shown: value.to_string() }))
        .collect();
    Gallery {
        person: Person {
            name: "Bogdana Wiśniewska-Featherstonehaugh",
            born: "1951-02-03",
            nhs_number: Some("9990000018"),
            sex: Some("Female"),
            allergies: Some(vec!["Penicillin (rash)", "Latex"]),
            access_needs: vec!["Step-free", "Large print"],
            language: Some("Polish"),
            interpreter: true,
            proxy: Some("Marek Wiśniewski (son)"),
        },
        unasked: Person { name: "Ade Okafor", born: "2025-12-01", ..Person::default() },
        states: vec![
            "requested",
            "accepted",
            "in-progress",
            "arrived",
            "completed",
            "rejected",
            "overdue",
            "noshow",
            "cancelled",
        ],
        work: vec![
            Work {
                href: "#one",
                person: "Bogdana Wiśniewska-Featherstonehaugh",
                born: "1951-02-03",
                what: "Leg wound, photo to look at",
                kind: "Referral",
                channel: "phone",
                state: "requested",
                due: "2026-11-19T17:00:00Z",
                overdue: true,
                owner: "Elm Street community nursing",
                claimed_by: None,
            },
            Work {
                href: "#two",
                person: "Ade Okafor",
                born: "2025-12-01",
                what: "Earache",
                kind: "Request",
                channel: "web",
                state: "in-progress",
                due: "2099-01-01T17:00:00Z",
                overdue: false,
                owner: "Elm Street Practice",
                claimed_by: Some("Dr S. Rahman"),
            },
        ],
        days: vec![
            Day {
                day: "2026-11-23",
                slots: slots(
                    "2026-11-23",
                    &[("09:00", None), ("09:15", None), ("12:00", Some("by phone")), ("16:45", None)],
                ),
            },
            Day { day: "2026-11-24", slots: slots("2026-11-24", &[("10:30", None), ("18:20", Some("by video"))]) },
        ],
        events: vec![
            Event {
                on: "2026-11-20T10:05:00Z",
                what: "Seen for a sore throat",
                detail: Some("No red flags. Advice given, and to come back if no better in a week."),
                who: Some("J. Patel, pharmacist"),
                organisation: Some("Riverside Pharmacy"),
                new: true,
            },
            Event {
                on: "2026-11-02",
                what: "HbA1c 43 mmol/mol",
                detail: None,
                who: None,
                organisation: Some("Elm Street Practice"),
                new: false,
            },
        ],
        trend: Trend::new("hba1c", "HbA1c", "mmol/mol", Range { low: Some(20.0), high: Some(41.0) }, points),
        reasons: vec![
            "Open until 8pm, 0.6 miles from your home.",
            "Can treat this without a GP visit.",
            "Your usual GP is free on Thursday, if you would rather wait.",
        ],
        advice: vec!["Drink plenty of water.", "Take paracetamol if you need it. Follow the leaflet."],
        worse: vec!["You find it hard to breathe or swallow.", "It is no better after a week."],
        because: vec!["You have sudden chest pain that spreads to your arm."],
    }
}

async fn show() -> Page {
    Page::new("gallery", &gallery())
}

async fn team() -> Page {
    Page::new("gallery_team", &gallery())
}

#[derive(Debug, Deserialize)]
struct Sent {
    #[serde(default)]
    postcode: String,
    #[serde(default)]
    slot: String,
    #[serde(default)]
    help: Vec<String>,
}

async fn send(Checked { form, fields, .. }: Checked<Sent>) -> WebResult {
    let mut errors = FormErrors::new();
    errors.required("postcode", &form.postcode, "Enter a postcode");
    errors.required("slot", &form.slot, "Choose a time");
    if !errors.is_empty() {
        return Ok(Page::new("gallery", &gallery()).with_form(&fields, &errors).into());
    }
    Ok(Reply::to("/gallery").done(format!("Sent, with {} kinds of help.", form.help.len())))
}
