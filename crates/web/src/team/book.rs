//! Booking for a person at the desk or on the phone: choose a service and a need, then a free time.

use axum::extract::{Path, Query, State};
use jiff::{SignedDuration, Timestamp};
use kith_booking::{BookingRequest, Error, Offer, Wanted};
use kith_directory::{Directory, Mode};
use kith_fhir::views;
use serde::{Deserialize, Serialize};

use super::appointment::without_next;
use super::chart::{Chart, Frame};
use super::{Choice, Group, id_of, optional, reference, services_by_kind};
use crate::filters::london;
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// How far ahead times are shown.
const AHEAD: SignedDuration = SignedDuration::from_hours(28 * 24);
/// How many times fit a page.
const TIMES: usize = 60;

/// Times of a day, as the slot picker shows them.
#[derive(Debug, Serialize)]
pub(super) struct Day {
    day: String,
    slots: Vec<Time>,
}

#[derive(Debug, Serialize)]
struct Time {
    value: String,
    start: String,
    note: Option<String>,
}

/// Groups offers by civil day; the note says who, and how where it is not in person.
pub(super) fn by_day(offers: &[Offer]) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for offer in offers {
        let day = offer.start.to_zoned(london()).date().to_string();
        let who = offer.practitioner.as_ref().map(|p| p.name.as_str()).filter(|name| !name.is_empty());
        let how = (offer.mode != Mode::InPerson).then(|| offer.mode.words());
        let note: Vec<&str> = who.into_iter().chain(how).collect();
        let time = Time {
            value: id_of(&offer.slot).to_owned(),
            start: offer.start.to_string(),
            note: (!note.is_empty()).then(|| note.join(", ")),
        };
        match days.last_mut() {
            Some(last) if last.day == day => last.slots.push(time),
            _ => days.push(Day { day, slots: vec![time] }),
        }
    }
    days
}

/// What is looked for: ids and codes alone.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Looking {
    #[serde(default)]
    service: String,
    #[serde(default)]
    need: String,
    /// The request or the piece of work the booking answers.
    #[serde(default)]
    request: String,
    #[serde(default)]
    task: String,
}

#[derive(Serialize)]
struct View {
    frame: Frame,
    services: Vec<Group>,
    service: String,
    service_name: String,
    needs: Vec<Choice>,
    need: String,
    request: String,
    task: String,
    /// What the person asked for, where the booking answers a request.
    asked: Option<String>,
    days: Vec<Day>,
    /// A service is chosen and times were looked for.
    looked: bool,
}

async fn view(chart: &Chart, looking: &Looking) -> WebResult<View> {
    let directory = &chart.directory;
    let asked = match optional("ServiceRequest", &looking.request)? {
        Some(reference) => chart.record.get(&reference).and_then(|entry| views::ServiceRequest::of(&entry.value)),
        None => None,
    };
    let own = chart.access.actor().services().find_map(|own| directory.service(own)).map(|own| own.id.clone());
    let chosen = if looking.service.is_empty() { own.unwrap_or_default() } else { looking.service.clone() };
    let service = directory.service(&chosen);
    // What no calendar of the service is kept for cannot be booked.
    let needs: Vec<Choice> = service.map_or_else(Vec::new, |service| {
        let calendars = directory.schedules_of(&service.reference);
        let bookable = service.needs.iter().filter(|need| calendars.iter().any(|c| c.may_be_booked_for(need)));
        bookable.map(|need| Choice::new(need, directory.needs().label(need))).collect()
    });
    let wanted_need = [looking.need.as_str(), asked.as_ref().and_then(views::ServiceRequest::need).unwrap_or_default()]
        .into_iter()
        .find(|need| needs.iter().any(|choice| choice.value == **need))
        .map(str::to_owned);
    let need = wanted_need.or_else(|| needs.first().map(|choice| choice.value.clone())).unwrap_or_default();
    let days = match service {
        Some(service) => {
            let to = chart.now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
            let wanted = Wanted::new(&service.reference, &need, chart.now, to);
            by_day(&kith_booking::free_slots(&chart.access, directory, &wanted, TIMES).await?)
        }
        None => Vec::new(),
    };
    Ok(View {
        frame: chart.frame("care"),
        services: groups(chart, directory),
        service: service.map(|s| s.id.clone()).unwrap_or_default(),
        service_name: service.map(|s| s.name.clone()).unwrap_or_default(),
        needs,
        need,
        request: looking.request.clone(),
        task: looking.task.clone(),
        asked: asked.and_then(|r| r.reason().or(r.code_text()).map(str::to_owned)),
        days,
        looked: service.is_some(),
    })
}

/// Services with calendars, the actor's own first.
fn groups(chart: &Chart, directory: &Directory) -> Vec<Group> {
    let own: Vec<Choice> = super::own_services(chart.access.actor(), directory);
    let mut groups = services_by_kind(directory, |service| {
        !directory.schedules_of(&service.reference).is_empty() && !own.iter().any(|o| o.value == service.id)
    });
    if !own.is_empty() {
        groups.insert(0, Group { label: "Your own team".to_owned(), choices: own });
    }
    groups
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Query(looking): Query<Looking>,
) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    Ok(Page::new("team/book", &view(&chart, &looking).await?))
}

#[derive(Deserialize)]
pub(super) struct Booking {
    #[serde(default)]
    service: String,
    #[serde(default)]
    need: String,
    #[serde(default)]
    request: String,
    #[serde(default)]
    task: String,
    #[serde(default)]
    slot: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    instruction: String,
}

pub(super) async fn book(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, key }: Checked<Booking>,
) -> WebResult {
    let chart = Chart::open(&state, &staff, &id).await?;
    let mut errors = FormErrors::new();
    let looking = &Looking { service: form.service, need: form.need, request: form.request, task: form.task };
    if !errors.required("slot", &form.slot, "Choose a time").is_empty() {
        let request = BookingRequest {
            patient: format!("Patient/{id}"),
            patient_name: None,
            slot: reference("Slot", &form.slot)?,
            service: optional("HealthcareService", &looking.service)?,
            need: looking.need.clone(),
            reason: form.reason.trim().to_owned(),
            based_on: optional("ServiceRequest", &looking.request)?,
            mode: None,
            instruction: form.instruction.trim().to_owned(),
            priority: None,
            key: Some(key.to_string()),
        };
        match kith_booking::book(&chart.access, &chart.directory, &request).await {
            Ok(booked) => {
                let to = chart.path(&format!("/appointments/{}", id_of(&booked.appointment)));
                return Ok(Reply::to(to).done("Booked. The person is told."));
            }
            Err(error @ (Error::Taken { .. } | Error::Past | Error::NoSuchTime | Error::OtherNeed)) => {
                errors.add("slot", without_next(&error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Page::new("team/book", &view(&chart, looking).await?).with_form(&fields, &errors).into())
}
