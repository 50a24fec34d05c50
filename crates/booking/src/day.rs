//! A service's day.

use jiff::civil::Date;
use kith_directory::words;
use kith_fhir::search::Query;
use kith_trust::Access;

use crate::error::Error;
use crate::model::{Appointment, DayEntry};
use crate::offers::unsearchable;

/// The appointments of a service (`HealthcareService/…` or its id) that begin on a civil day in London, in order,
/// cancelled ones included. What the actor may not see is left out. The list is one audited act.
pub async fn day_list(access: &Access, service: &str, day: Date) -> Result<Vec<DayEntry>, Error> {
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
    entries.sort_by(|a, b| {
        let key = |entry: &DayEntry| (entry.appointment.start, entry.appointment.reference.clone());
        key(a).cmp(&key(b))
    });
    Ok(entries)
}
