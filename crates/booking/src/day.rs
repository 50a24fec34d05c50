//! A service's day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use kith_directory::{Directory, words};
use kith_fhir::search::Query;
use kith_fhir::views;
use kith_trust::Access;

use crate::error::Error;
use crate::model::{Appointment, DayEntry, Status, id_of};
use crate::offers::unsearchable;

/// People looked up at a time.
const NAMES: usize = 100;

/// The appointments of a service (`HealthcareService/…` or its id) that begin on a civil day in London, in order,
/// cancelled ones included, everybody by the name they have now. What the actor may not see is left out. The list is one
/// audited act, the names another.
pub async fn day_list(
    access: &Access,
    directory: &Directory,
    service: &str,
    day: Date,
) -> Result<Vec<DayEntry>, Error> {
    let service = service.strip_prefix("HealthcareService/").unwrap_or(service);
    let next = day.tomorrow().map_err(|_| Error::Invalid("That day is beyond the calendar."))?;
    let mut query = Query::new("Appointment")
        .and_then(|q| q.where_("actor", &format!("HealthcareService/{service}")))
        .and_then(|q| q.where_("date", &format!("ge{}", words::start_of(day))))
        .and_then(|q| q.where_("date", &format!("lt{}", words::start_of(next))))
        .and_then(|q| q.sorted_by("date"))
        .map_err(unsearchable)?
        .limit(500);
    let mut entries = Vec::new();
    loop {
        let page = access.search(&query).await?;
        for entry in &page.entries {
            if let Some(appointment) = Appointment::of(&entry.value) {
                entries.push(DayEntry { appointment, version: entry.version });
            }
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    let people: BTreeSet<&str> = entries.iter().map(|entry| id_of(&entry.appointment.patient.reference)).collect();
    let names = names_of(access, &people.into_iter().collect::<Vec<_>>()).await?;
    for DayEntry { appointment, .. } in &mut entries {
        if let Some(name) = names.get(id_of(&appointment.patient.reference)) {
            appointment.patient.name.clone_from(name);
        }
        let others = [&mut appointment.service, &mut appointment.practitioner, &mut appointment.place];
        for named in others.into_iter().flatten() {
            if let Some(name) = directory.name(&named.reference) {
                name.clone_into(&mut named.name);
            }
        }
    }
    entries.sort_by(|a, b| {
        let (a, b) = (&a.appointment, &b.appointment);
        a.start.cmp(&b.start).then_with(|| a.patient.name.cmp(&b.patient.name))
    });
    Ok(entries)
}

/// The first civil day in London after `day` on which a service (`HealthcareService/…` or its id) has an appointment that
/// is not cancelled, of those the actor may see; none where nothing is booked ahead.
pub async fn next_day_with_appointments(access: &Access, service: &str, day: Date) -> Result<Option<Date>, Error> {
    let service = service.strip_prefix("HealthcareService/").unwrap_or(service);
    let next = day.tomorrow().map_err(|_| Error::Invalid("That day is beyond the calendar."))?;
    let mut query = Query::new("Appointment")
        .and_then(|q| q.where_("actor", &format!("HealthcareService/{service}")))
        .and_then(|q| q.where_("date", &format!("ge{}", words::start_of(next))))
        .and_then(|q| q.sorted_by("date"))
        .map_err(unsearchable)?
        .limit(20);
    loop {
        let page = access.search(&query).await?;
        let mut seen = page.entries.iter().filter_map(|entry| Appointment::of(&entry.value));
        if let Some(first) = seen.find(|appointment| appointment.status != Status::Cancelled) {
            return Ok(Some(words::london(first.start).date()));
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(None),
        }
    }
}

/// The names of people by id, where the actor may know them.
async fn names_of(access: &Access, ids: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let mut names = BTreeMap::new();
    for some in ids.chunks(NAMES) {
        let query = Query::new("Patient").and_then(|q| q.where_("_id", &some.join(","))).map_err(unsearchable)?;
        for entry in access.search(&query.limit(NAMES)).await?.entries {
            if let Some(person) = views::Patient::of(&entry.value) {
                names.insert(entry.id.clone(), person.name());
            }
        }
    }
    Ok(names)
}
