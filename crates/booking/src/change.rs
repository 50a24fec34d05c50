//! Moving, cancelling and seeing through: what happens to a booking once it is made.
//!
//! Each is one commit: the appointment, its Task, the slot, the calendars and the notice change together or not at all.

use jiff::Timestamp;
use kith_directory::{Directory, Mode, Named};
use kith_fhir::search::Query;
use kith_fhir::{Value, build, json, system, views};
use kith_trust::{Access, Change, Entry, Error as Door, Record};

use crate::book::{Details, TRIES, Time, appointment, turn};
use crate::error::Error;
use crate::model::{Appointment, CancelReason, Changed, HoldId, Status, id_of};
use crate::notice::{self, Notice};
use crate::offers::unsearchable;
use crate::rules::{self, Act};

/// An appointment and what hangs on it, as they stand.
struct Standing {
    access: Access,
    entry: Entry,
    seen: Appointment,
    /// Its open Task.
    task: Option<Entry>,
    /// The request it answers, while active.
    request: Option<Entry>,
}

impl Standing {
    async fn read(access: &Access, reference: &str) -> Result<Self, Error> {
        // With no memory of what stood before: a second try must see what changed.
        let access = access.for_purpose(access.purpose());
        let entry = access.read(reference).await?;
        let seen = Appointment::of(&entry.value).ok_or(Error::Foreign)?;
        let record = access.open(id_of(&seen.patient.reference)).await?;
        let task = open_task(&record, &seen)?;
        let request = seen.based_on.as_deref().and_then(|reference| record.get(reference)).filter(|entry| {
            views::ServiceRequest::of(&entry.value).is_some_and(|request| request.status() == Some("active"))
        });
        Ok(Self { task, request: request.cloned(), entry, seen, access })
    }

    /// The status an act leads to, if it may be done now.
    fn after(&self, act: Act) -> Result<Status, Error> {
        let from = self.seen.status;
        let to = rules::after(from, act).ok_or(Error::State { from, act })?;
        rules::may(self.access.actor().role, act, self.seen.start, self.access.now())?;
        Ok(to)
    }

    /// Writes the new status of the appointment.
    fn write(&self, change: &mut Change, status: Status, edit: impl FnOnce(&mut Value)) {
        let mut value = self.entry.value.as_ref().clone();
        build::set_status(&mut value, status.code());
        edit(&mut value);
        change.update(value, self.entry.version);
    }

    fn write_task(&self, change: &mut Change, edit: impl FnOnce(&mut Value)) {
        if let Some(task) = &self.task {
            let mut value = task.value.as_ref().clone();
            edit(&mut value);
            change.update(value, task.version);
        }
    }

    fn notify(&self, change: &mut Change, notice: Notice) {
        let seen = &self.seen;
        notice::publish(change, notice, &seen.reference, &seen.patient.reference, seen.start, &seen.description);
    }

    /// Gives the time back: the calendars at once, the slots for outside readers if they have not begun.
    async fn free(&self, change: &mut Change) -> Result<(), Error> {
        change.release(&self.seen.reference);
        if self.seen.start <= self.access.now() {
            return Ok(());
        }
        for slot in &self.seen.slots {
            match self.access.read(slot).await {
                Ok(entry) => turn(change, &entry, "free"),
                // A slot taken out of the calendar needs no freeing.
                Err(Door::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Work for the service so that nobody is left waiting without an owner.
    fn follow_up(&self, change: &mut Change, directory: &Directory, words: &str) -> Option<String> {
        let service = self.seen.service.as_ref()?;
        let now = self.access.now();
        let requester = &self.access.actor().reference;
        let task = build::Task {
            kind: "follow-up",
            person: &self.seen.patient.reference,
            owner: &service.reference,
            due: rules::next_working_day(now, directory.bank_holidays()),
            authored: now,
            priority: "routine",
            description: words,
            requester: Some(requester.as_str()).filter(|who| !who.starts_with("Device/")),
            focus: Some(self.seen.based_on.as_ref().unwrap_or(&self.seen.reference)),
        };
        Some(change.create(task.build()))
    }
}

/// The open Task of an appointment: the one made with it, or one that points to it.
fn open_task(record: &Record, seen: &Appointment) -> Result<Option<Entry>, Error> {
    let query = Query::new("Task").and_then(|q| q.where_("focus", &seen.reference)).map_err(unsearchable)?;
    let open = |entry: &&Entry| {
        views::Task::of(&entry.value).is_some_and(|task| task.is_open() && task.code() == Some("appointment"))
    };
    Ok(record.search(&query).into_iter().find(open).cloned())
}

/// Prepares and commits anew when something it was made from changed meanwhile.
macro_rules! settle {
    ($attempt:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            match $attempt.await {
                Err(Error::Door(Door::Conflict { .. })) if tries < TRIES => {}
                outcome => break outcome,
            }
        }
    }};
}

/// Moves an appointment to another time, perhaps of another calendar of the neighbourhood that meets the same need. The new
/// time is taken and the old one given up in one act: the person is never without. A hold on the new time is used up.
pub async fn reschedule(
    access: &Access,
    directory: &Directory,
    appointment: &str,
    slot: &str,
    hold: Option<HoldId>,
) -> Result<Changed, Error> {
    settle!(try_reschedule(access, directory, appointment, slot, hold))
}

async fn try_reschedule(
    access: &Access,
    directory: &Directory,
    reference: &str,
    slot: &str,
    hold: Option<HoldId>,
) -> Result<Changed, Error> {
    let standing = Standing::read(access, reference).await?;
    let status = standing.after(Act::Reschedule)?;
    let seen = &standing.seen;
    if seen.slots.iter().any(|old| old == slot) {
        return Err(Error::SameTime);
    }
    let now = access.now();
    let time = Time::read(access, directory, slot).await?;
    // The same service where the calendar is one of its own.
    let own = seen.service.as_ref().map(|service| service.reference.as_str());
    let service = time.service(directory, own).or_else(|_| time.service(directory, None))?;
    if !time.slot.free {
        return Err(time.taken(access, directory, Some(&service.reference), &seen.need).await);
    }
    time.check(&seen.need, now)?;
    let mut change = Change::new(Act::Reschedule.reason());
    standing.free(&mut change).await?;
    if let Some(hold) = hold {
        change.release(&hold.to_string());
    }
    time.occupy(&mut change, reference, None);
    time.turn(&mut change, "busy");
    let moved = moved(&time, directory, seen, &service);
    standing.write(&mut change, status, |value| {
        for name in ["start", "end", "minutesDuration", "slot", "participant", "description"] {
            build::set(value, name, moved.get(name).cloned().unwrap_or(Value::Null));
        }
        build::set_extension(value, build::extension_code(system::EXT_MODE, time.schedule.mode.code()));
    });
    standing.write_task(&mut change, |task| {
        build::Task::set_due(task, time.slot.start, now);
        if own != Some(service.reference.as_str()) {
            build::Task::set_owner(task, &service.reference, now);
        }
    });
    notice::publish(&mut change, Notice::Moved, reference, &seen.patient.reference, time.slot.start, &service.name);
    notice::schedule_reminder(&mut change, reference, time.slot.start, now);
    match access.commit(change).await {
        Ok(_) => Ok(Changed { appointment: reference.to_owned(), status, late: false, follow_up: None }),
        Err(Door::Taken) => Err(time.taken(access, directory, Some(&service.reference), &seen.need).await),
        Err(error) => Err(error.into()),
    }
}

/// The appointment as it would be made at another time.
fn moved(time: &Time, directory: &Directory, seen: &Appointment, service: &Named) -> Value {
    appointment(
        time,
        directory,
        &Details {
            patient: seen.patient.clone(),
            service: service.clone(),
            need: seen.need.clone(),
            mode: Mode::InPerson,
            reason: String::new(),
            instruction: String::new(),
            based_on: None,
            created: Timestamp::UNIX_EPOCH,
        },
    )
}

/// Cancels an appointment: the time is free again, its Task is cancelled and the person is told. If they still need help
/// and nobody else would know (the service cancelled, or a request of theirs stays open), the service gets a follow-up
/// Task. If they do not, a request for help that this appointment was to answer ends with it; a professional's referral
/// does not, and comes back as work.
pub async fn cancel(
    access: &Access,
    directory: &Directory,
    appointment: &str,
    reason: CancelReason,
) -> Result<Changed, Error> {
    settle!(try_cancel(access, directory, appointment, reason))
}

async fn try_cancel(
    access: &Access,
    directory: &Directory,
    reference: &str,
    reason: CancelReason,
) -> Result<Changed, Error> {
    let standing = Standing::read(access, reference).await?;
    let status = standing.after(Act::Cancel)?;
    let now = access.now();
    let mut change = Change::new(Act::Cancel.reason());
    standing.free(&mut change).await?;
    standing.write(&mut change, status, |value| {
        build::set(value, "cancelationReason", build::concept(system::CS_CANCEL_REASON, reason.code(), reason.words()));
    });
    standing.write_task(&mut change, |task| {
        build::set(task, "statusReason", build::concept_text(reason.words()));
        build::Task::set_status(task, "cancelled", now);
    });
    standing.notify(&mut change, Notice::Cancelled);
    let request = standing.request.as_ref();
    let asked_themselves = request
        .and_then(|entry| views::ServiceRequest::of(&entry.value))
        .is_some_and(|request| request.category() == Some("help-request"));
    let follow_up = match request {
        Some(entry) if !reason.still_needed() && asked_themselves => {
            let mut value = entry.value.as_ref().clone();
            build::set_status(&mut value, "revoked");
            change.update(value, entry.version);
            None
        }
        Some(_) if reason.still_needed() => {
            standing.follow_up(&mut change, directory, "Appointment cancelled: offer another time")
        }
        Some(_) => standing.follow_up(&mut change, directory, "Appointment cancelled: tell who referred"),
        None if reason == CancelReason::ServiceUnavailable => {
            standing.follow_up(&mut change, directory, "Appointment cancelled by us: offer another time")
        }
        None => None,
    };
    access.commit(change).await?;
    Ok(Changed { appointment: reference.to_owned(), status, late: rules::is_late(standing.seen.start, now), follow_up })
}

/// Marks an appointment as missed. The person is told kindly, and the service gets a follow-up Task: somebody who does not
/// come may be the one who most needs help.
pub async fn did_not_attend(access: &Access, directory: &Directory, appointment: &str) -> Result<Changed, Error> {
    settle!(try_did_not_attend(access, directory, appointment))
}

async fn try_did_not_attend(access: &Access, directory: &Directory, reference: &str) -> Result<Changed, Error> {
    let standing = Standing::read(access, reference).await?;
    let status = standing.after(Act::DidNotAttend)?;
    let now = access.now();
    let mut change = Change::new(Act::DidNotAttend.reason());
    standing.write(&mut change, status, |_| {});
    standing.write_task(&mut change, |task| build::Task::complete(task, "Did not attend", now));
    standing.notify(&mut change, Notice::Missed);
    let follow_up = standing.follow_up(&mut change, directory, "Did not attend: find out how they are");
    access.commit(change).await?;
    Ok(Changed { appointment: reference.to_owned(), status, late: false, follow_up })
}

/// Marks a person as there.
pub async fn arrive(access: &Access, appointment: &str) -> Result<Changed, Error> {
    settle!(try_arrive(access, appointment))
}

async fn try_arrive(access: &Access, reference: &str) -> Result<Changed, Error> {
    let standing = Standing::read(access, reference).await?;
    let status = standing.after(Act::Arrive)?;
    let now = access.now();
    let mut change = Change::new(Act::Arrive.reason());
    let arrived = build::instant(now);
    standing.write(&mut change, status, |value| {
        build::set_extension(value, build::extension(system::EXT_ARRIVED, "valueDateTime", json!(arrived)));
    });
    standing.write_task(&mut change, |task| build::Task::set_status(task, "in-progress", now));
    access.commit(change).await?;
    Ok(Changed { appointment: reference.to_owned(), status, late: false, follow_up: None })
}

/// Puts the end of an appointment into a change that holds what was found and done (Encounter, notes): the appointment is
/// fulfilled and its Task completed with `outcome`, in words without clinical detail.
pub async fn prepare_fulfil(
    access: &Access,
    change: &mut Change,
    appointment: &str,
    outcome: &str,
) -> Result<Changed, Error> {
    let standing = Standing::read(access, appointment).await?;
    let status = standing.after(Act::Fulfil)?;
    let now = access.now();
    standing.write(change, status, |_| {});
    standing.write_task(change, |task| build::Task::complete(task, outcome, now));
    Ok(Changed { appointment: appointment.to_owned(), status, late: false, follow_up: None })
}

/// Marks an appointment as done, with nothing else to write.
pub async fn fulfil(access: &Access, appointment: &str, outcome: &str) -> Result<Changed, Error> {
    settle!(try_fulfil(access, appointment, outcome))
}

async fn try_fulfil(access: &Access, reference: &str, outcome: &str) -> Result<Changed, Error> {
    let mut change = Change::new(Act::Fulfil.reason());
    let changed = prepare_fulfil(access, &mut change, reference, outcome).await?;
    access.commit(change).await?;
    Ok(changed)
}
