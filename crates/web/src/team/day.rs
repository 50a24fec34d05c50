//! A service's day.

use axum::extract::{Query, State};
use jiff::civil::Date;
use kith_booking::Status;
use kith_contact::time;
use serde::{Deserialize, Serialize};

use super::care::Booking;
use super::{Choice, id_of, own_services};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    service: String,
    #[serde(default)]
    date: String,
}

#[derive(Serialize)]
struct View {
    services: Vec<Choice>,
    service: String,
    service_name: String,
    date: String,
    today: String,
    is_today: bool,
    day_before: Option<String>,
    day_after: Option<String>,
    /// Where nobody is booked: the next day on which somebody is.
    next_booked: Option<String>,
    rows: Vec<Row>,
    waiting: usize,
    back: String,
    clinical: bool,
}

#[derive(Serialize)]
struct Row {
    patient: String,
    person: String,
    booking: Booking,
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff, Query(wanted): Query<Wanted>) -> WebResult<Page> {
    let access = &staff.access;
    let directory = state.directory.get(access).await?;
    let services = own_services(staff.actor(), &directory);
    let now = access.now();
    let today = time::day(now);
    let date: Date =
        if wanted.date.is_empty() { today } else { wanted.date.parse().map_err(|_| WebError::not_found())? };
    let chosen = services.iter().find(|service| service.value == wanted.service).or_else(|| services.first()).cloned();
    let mut rows = Vec::new();
    let mut next_booked = None;
    if let Some(service) = &chosen {
        for entry in kith_booking::day_list(access, &directory, &service.value, date).await? {
            let seen = entry.appointment;
            if seen.status == Status::Cancelled {
                continue;
            }
            rows.push(Row {
                patient: id_of(&seen.patient.reference).to_owned(),
                person: if seen.patient.name.is_empty() {
                    "Name not shown".to_owned()
                } else {
                    seen.patient.name.clone()
                },
                booking: Booking::of(&seen, now),
            });
        }
        if rows.is_empty() {
            next_booked = kith_booking::next_day_with_appointments(access, &service.value, date).await?;
        }
    }
    let chosen = chosen.unwrap_or_else(|| Choice::new("", ""));
    let view = View {
        waiting: rows.iter().filter(|row| row.booking.arrived).count(),
        back: format!("/team/day?service={}&date={date}", chosen.value),
        services,
        service: chosen.value,
        service_name: chosen.text,
        date: date.to_string(),
        today: today.to_string(),
        is_today: date == today,
        day_before: date.yesterday().ok().map(|day| day.to_string()),
        day_after: date.tomorrow().ok().map(|day| day.to_string()),
        next_booked: next_booked.map(|day| day.to_string()),
        rows,
        clinical: staff.role().is_clinical(),
    };
    Ok(Page::new("team/day", &view))
}
