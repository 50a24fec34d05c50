//! Bookings that came from outside (an import, the twin): given their time and their Task.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kith_directory::Directory;
use kith_fhir::search::Query;
use kith_fhir::{build, views};
use kith_trust::{Access, Change, Error as Door};

use crate::book::{Time, task_words};
use crate::error::Error;
use crate::model::{Appointment, Status};
use crate::offers::unsearchable;

/// Bookings in one commit.
const BATCH: usize = 200;

/// What became of bookings from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adopted {
    /// Now with their time and their Task.
    pub bookings: usize,
    /// Left as they are, because somebody else has the time: for a person to look at.
    pub clashes: usize,
}

/// Gives every standing booking from `from` on that was not made here the time it keeps on its calendars and the Task of
/// its service, as a booking made here has them. Done twice, it does nothing the second time. For Kith itself, after an
/// import.
pub async fn adopt(access: &Access, directory: &Directory, from: Timestamp) -> Result<Adopted, Error> {
    let mut query = Query::new("Appointment")
        .and_then(|q| q.where_("status", Status::Booked.code()))
        .and_then(|q| q.where_("date", &format!("ge{from}")))
        .map_err(unsearchable)?
        .limit(BATCH);
    let mut adopted = Adopted::default();
    loop {
        let page = access.search(&query).await?;
        let mut strangers = Vec::new();
        for entry in &page.entries {
            let Some(seen) = Appointment::of(&entry.value).filter(|seen| seen.start < seen.end) else { continue };
            if access.held_by(&seen.reference).await?.is_empty() {
                strangers.push(seen);
            }
        }
        match take(access, directory, &strangers).await {
            Ok(()) => adopted.bookings += strangers.len(),
            // One of them clashes: each alone, then.
            Err(Error::Door(Door::Taken)) => {
                for stranger in &strangers {
                    match take(access, directory, std::slice::from_ref(stranger)).await {
                        Ok(()) => adopted.bookings += 1,
                        Err(Error::Door(Door::Taken)) => adopted.clashes += 1,
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(adopted),
        }
    }
}

async fn take(access: &Access, directory: &Directory, bookings: &[Appointment]) -> Result<(), Error> {
    if bookings.is_empty() {
        return Ok(());
    }
    let mut change = Change::new("adopt bookings");
    let with_task = with_open_task(access, bookings).await?;
    for seen in bookings {
        for calendar in calendars(access, directory, seen).await? {
            change.occupy(&calendar, seen.start, seen.end, &seen.reference, None);
        }
        if let (false, Some(service)) = (with_task.contains(&seen.reference), &seen.service) {
            let task = build::Task {
                kind: "appointment",
                person: &seen.patient.reference,
                owner: &service.reference,
                due: seen.start,
                authored: access.now(),
                priority: "routine",
                description: task_words(seen.mode),
                requester: None,
                focus: Some(&seen.reference),
            };
            change.put(build::with_id(task.build(), seen.id()));
        }
    }
    access.commit(change).await?;
    Ok(())
}

/// The calendars a booking keeps: its practitioner's and its slots'.
async fn calendars(access: &Access, directory: &Directory, seen: &Appointment) -> Result<BTreeSet<String>, Error> {
    let mut calendars: BTreeSet<String> = seen.practitioner.iter().map(|who| who.reference.clone()).collect();
    for slot in &seen.slots {
        match Time::read(access, directory, slot).await {
            Ok(time) => calendars.extend(time.schedule.calendars()),
            // Gone from the calendar since.
            Err(Error::NoSuchTime) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(calendars)
}

/// Which of some bookings have an open Task.
async fn with_open_task(access: &Access, bookings: &[Appointment]) -> Result<BTreeSet<String>, Error> {
    let all: Vec<&str> = bookings.iter().map(|seen| seen.reference.as_str()).collect();
    let mut query =
        Query::new("Task").and_then(|q| q.where_("focus", &all.join(","))).map_err(unsearchable)?.limit(BATCH);
    let mut found = BTreeSet::new();
    loop {
        let page = access.search(&query).await?;
        let open = page.entries.iter().filter_map(|entry| views::Task::of(&entry.value)).filter(views::Task::is_open);
        found.extend(open.filter_map(|task| task.focus()).map(str::to_owned));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(found),
        }
    }
}
