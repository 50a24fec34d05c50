//! Holding a time, and making it a booking.

use std::sync::Arc;

use jiff::Timestamp;
use kith_directory::{Directory, Mode, Named, Schedule};
use kith_fhir::{Value, build, resource, views};
use kith_trust::{Access, Change, Entry, Error as Door};
use uuid::Uuid;

use crate::error::Error;
use crate::model::{Appointment, Booked, BookingRequest, Hold, HoldId, Slot, Status, id_of};
use crate::notice::{self, Notice};
use crate::offers::next_times;
use crate::rules;

/// How often a change is tried again when what it was made from has changed meanwhile.
pub(crate) const TRIES: usize = 3;

/// Names the ids of keyed bookings (a random UUID of this crate's own).
const KEYED: Uuid = Uuid::from_u128(0x3f0c_7a52_9d1e_4b86_a7c4_51e8_02bd_6f19);

/// A slot with its calendar, as it stands.
pub(crate) struct Time {
    pub entry: Entry,
    pub slot: Slot,
    pub schedule: Arc<Schedule>,
}

impl Time {
    pub async fn read(access: &Access, directory: &Directory, slot: &str) -> Result<Self, Error> {
        if resource::split_reference(slot).is_none_or(|(kind, _)| kind != "Slot") {
            return Err(Error::NoSuchTime);
        }
        let entry = access.read(slot).await.map_err(no_such_time)?;
        let slot = Slot::of(&entry.value).ok_or(Error::NoSuchTime)?;
        let schedule = match directory.schedule(&slot.schedule) {
            Some(schedule) => schedule.clone(),
            // Newer than the snapshot.
            None => {
                let entry = access.read(&slot.schedule).await.map_err(no_such_time)?;
                let alone = Directory::from_resources([entry.value.as_ref()]);
                alone.schedule(&slot.schedule).cloned().ok_or(Error::NoSuchTime)?
            }
        };
        Ok(Self { entry, slot, schedule })
    }

    /// The service a booking here is with: the one asked for, if the calendar is its own.
    pub fn service(&self, directory: &Directory, wanted: Option<&str>) -> Result<Named, Error> {
        let services = &self.schedule.services;
        let service = match wanted {
            Some(wanted) => services.iter().find(|service| *service == wanted || id_of(service) == wanted),
            None => services.first(),
        };
        let reference = service.ok_or(Error::NoSuchTime)?.clone();
        let name = directory.name(&reference).unwrap_or_default().to_owned();
        Ok(Named { reference, name })
    }

    /// Whether it may be booked for the need by somebody asking now; that it is free is the commit's to decide.
    pub fn check(&self, need: &str, now: Timestamp) -> Result<(), Error> {
        if self.slot.start <= now {
            return Err(Error::Past);
        }
        let for_need = need.is_empty() || self.schedule.may_be_booked_for(need);
        if for_need && self.slot.may_be_booked_for(need) { Ok(()) } else { Err(Error::OtherNeed) }
    }

    /// The answer when somebody else has it.
    pub async fn taken(&self, access: &Access, directory: &Directory, service: Option<&str>, need: &str) -> Error {
        let next = match self.service(directory, service) {
            Ok(service) => next_times(access, directory, &service.reference, need).await,
            Err(_) => Vec::new(),
        };
        Error::Taken { next }
    }

    /// Takes the time on every calendar it is kept on.
    pub fn occupy(&self, change: &mut Change, holder: &str, until: Option<Timestamp>) {
        for calendar in self.schedule.calendars() {
            change.occupy(&calendar, self.slot.start, self.slot.end, holder, until);
        }
    }

    /// Turns the slot's status, for those who read it from outside.
    pub fn turn(&self, change: &mut Change, status: &str) {
        turn(change, &self.entry, status);
    }
}

fn no_such_time(error: Door) -> Error {
    if matches!(error, Door::NotFound) { Error::NoSuchTime } else { error.into() }
}

/// Turns a slot's status.
pub(crate) fn turn(change: &mut Change, slot: &Entry, status: &str) {
    let mut value = slot.value.as_ref().clone();
    build::set_status(&mut value, status);
    change.update(value, slot.version);
}

/// Keeps a time for [`rules::HOLD`] while somebody decides whether to book it for `need` (empty for any). A hold that is
/// being replaced is given up in the same act, so that nobody holds two times by changing their mind. [`Error::Taken`] if
/// somebody else has it.
pub async fn hold(
    access: &Access,
    directory: &Directory,
    slot: &str,
    need: &str,
    replacing: Option<HoldId>,
) -> Result<Hold, Error> {
    let mut change = Change::new("hold time");
    let hold = prepare_hold(access, directory, &mut change, slot, need, replacing).await?;
    match access.commit(change).await {
        Ok(_) => Ok(hold),
        Err(Door::Taken) => Err(taken(access, directory, slot, need).await?),
        Err(error) => Err(error.into()),
    }
}

/// Puts a hold into a change that may keep more, as [`hold`] makes it. Nothing is held until the caller commits; then
/// `Taken` of the door means that somebody else was faster ([`taken`] says so with the next times).
pub async fn prepare_hold(
    access: &Access,
    directory: &Directory,
    change: &mut Change,
    slot: &str,
    need: &str,
    replacing: Option<HoldId>,
) -> Result<Hold, Error> {
    let time = Time::read(access, directory, slot).await?;
    let now = access.now();
    time.check(need, now)?;
    if !time.slot.free {
        return Err(time.taken(access, directory, None, need).await);
    }
    let (id, until) = (HoldId::new(), now + rules::HOLD);
    if let Some(replaced) = replacing {
        change.release(&replaced.to_string());
    }
    time.occupy(change, &id.to_string(), Some(until));
    Ok(Hold { id, slot: time.slot.reference, start: time.slot.start, end: time.slot.end, until })
}

/// [`Error::Taken`] for a time that somebody else has, with the next ones.
pub async fn taken(access: &Access, directory: &Directory, slot: &str, need: &str) -> Result<Error, Error> {
    Ok(Time::read(access, directory, slot).await?.taken(access, directory, None, need).await)
}

/// Gives a held time back. A hold that has lapsed, or never was, is no error.
pub async fn release(access: &Access, hold: HoldId) -> Result<(), Error> {
    let mut change = Change::new("release held time");
    change.release(&hold.to_string());
    access.commit(change).await?;
    Ok(())
}

/// Makes a booking of a held time. A hold that has lapsed is no obstacle while nobody else has taken the time.
pub async fn confirm(
    access: &Access,
    directory: &Directory,
    hold: HoldId,
    request: &BookingRequest,
) -> Result<Booked, Error> {
    commit_booking(access, directory, Some(hold), request).await
}

/// Books a time without holding it first: at the desk or on the phone.
pub async fn book(access: &Access, directory: &Directory, request: &BookingRequest) -> Result<Booked, Error> {
    commit_booking(access, directory, None, request).await
}

async fn commit_booking(
    access: &Access,
    directory: &Directory,
    hold: Option<HoldId>,
    request: &BookingRequest,
) -> Result<Booked, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let mut change = Change::new("book appointment");
        let failed = match prepare_confirm(access, directory, &mut change, hold, request).await {
            Ok(booked) => match access.commit(change).await {
                Ok(_) => return Ok(booked),
                Err(Door::Taken) => None,
                Err(Door::Conflict { what }) => Some(Door::Conflict { what }),
                Err(error) => return Err(error.into()),
            },
            Err(Error::Taken { .. }) => None,
            Err(error) => return Err(error),
        };
        // Taken by this very request, sent before?
        if let Some(booked) = booked_before(access, directory, request).await? {
            return Ok(booked);
        }
        match failed {
            // The slot was touched meanwhile, if only to be freed: look again.
            Some(_) if tries < TRIES => {}
            Some(conflict) => return Err(conflict.into()),
            None => {
                let time = Time::read(access, directory, &request.slot).await?;
                return Err(time.taken(access, directory, request.service.as_deref(), &request.need).await);
            }
        }
    }
}

/// The id of a keyed booking: the same key of the same person names the same appointment.
fn keyed_id(request: &BookingRequest) -> Option<String> {
    let key = request.key.as_deref()?;
    Some(Uuid::new_v5(&KEYED, format!("{}|{key}", request.patient).as_bytes()).to_string())
}

/// The booking that this request's key made before, if it did and still stands: for whoever commits a change with
/// [`prepare_confirm`] in it and is told `Taken` or `Conflict` by a form sent twice. `None` without a key.
/// [`Error::KeyReused`] if the key booked another time, or one cancelled since.
pub async fn booked_before(
    access: &Access,
    directory: &Directory,
    request: &BookingRequest,
) -> Result<Option<Booked>, Error> {
    let Some(id) = keyed_id(request) else { return Ok(None) };
    let entry = match access.read(&format!("Appointment/{id}")).await {
        Ok(entry) => entry,
        Err(Door::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let seen = Appointment::of(&entry.value).ok_or(Error::Foreign)?;
    if seen.status == Status::Cancelled || !seen.slots.contains(&request.slot) {
        return Err(Error::KeyReused);
    }
    let service = seen.service.unwrap_or_else(|| Named { reference: String::new(), name: String::new() });
    let name = directory.name(&service.reference).map_or(seen.description, str::to_owned);
    Ok(Some(Booked {
        appointment: seen.reference,
        task: format!("Task/{id}"),
        start: seen.start,
        end: seen.end,
        service: Named { name, ..service },
        replayed: true,
    }))
}

/// Puts a booking into a change that may hold more (a ServiceRequest, answers): the appointment, the slot's status, the
/// firm time in place of the hold, the service's Task, the notice and the reminder. Nothing is booked until the caller
/// commits; then `Error::Taken` of the door means that somebody else was faster ([`crate::explain`] says so with the next
/// times), and a `Conflict` that the slot changed meanwhile: prepare again. Where the request has a key, ask
/// [`booked_before`] first.
///
/// The Task has the appointment's id. `request.based_on` may name a resource of the same change.
pub async fn prepare_confirm(
    access: &Access,
    directory: &Directory,
    change: &mut Change,
    hold: Option<HoldId>,
    request: &BookingRequest,
) -> Result<Booked, Error> {
    if resource::split_reference(&request.patient).is_none_or(|(kind, _)| kind != "Patient") {
        return Err(Error::Invalid("The booking must say whom it is for."));
    }
    let time = Time::read(access, directory, &request.slot).await?;
    let now = access.now();
    let service = time.service(directory, request.service.as_deref())?;
    if !time.slot.free {
        return Err(time.taken(access, directory, Some(&service.reference), &request.need).await);
    }
    time.check(&request.need, now)?;
    let name = match &request.patient_name {
        Some(name) => name.clone(),
        None => {
            let patient = access.read(&request.patient).await?;
            views::Patient::of(&patient.value).map(|patient| patient.name()).unwrap_or_default()
        }
    };
    let id = keyed_id(request).unwrap_or_else(|| Uuid::now_v7().to_string());
    let value = appointment(
        &time,
        directory,
        &Details {
            patient: Named { reference: request.patient.clone(), name },
            service: service.clone(),
            need: request.need.clone(),
            mode: request.mode.unwrap_or(time.schedule.mode),
            reason: request.reason.clone(),
            instruction: request.instruction.clone(),
            based_on: request.based_on.clone(),
            created: now,
        },
    );
    let reference = change.create(build::with_id(value, &id));
    if let Some(hold) = hold {
        change.release(&hold.to_string());
    }
    time.occupy(change, &reference, None);
    time.turn(change, "busy");
    let task = build::Task {
        kind: "appointment",
        person: &request.patient,
        owner: &service.reference,
        due: time.slot.start,
        authored: now,
        priority: request.priority.as_deref().unwrap_or("routine"),
        description: task_words(request.mode.unwrap_or(time.schedule.mode)),
        requester: Some(&access.actor().reference).filter(|who| !who.starts_with("Device/")).map(String::as_str),
        focus: Some(&reference),
    };
    let task = change.create(build::with_id(task.build(), &id));
    notice::publish(change, Notice::Booked, &reference, &request.patient, time.slot.start, &service.name);
    notice::schedule_reminder(change, &reference, time.slot.start, now);
    Ok(Booked { appointment: reference, task, start: time.slot.start, end: time.slot.end, service, replayed: false })
}

pub(crate) fn task_words(mode: Mode) -> &'static str {
    match mode {
        Mode::InPerson => "Appointment in person",
        Mode::Phone => "Appointment by phone",
        Mode::Video => "Appointment by video",
    }
}

/// What an appointment says besides its time.
pub(crate) struct Details {
    pub patient: Named,
    pub service: Named,
    pub need: String,
    pub mode: Mode,
    pub reason: String,
    pub instruction: String,
    pub based_on: Option<String>,
    pub created: Timestamp,
}

/// The Appointment at a time, everybody named as day lists show them.
pub(crate) fn appointment(time: &Time, directory: &Directory, details: &Details) -> Value {
    let practitioner = time.schedule.practitioner.as_ref();
    let place = time.schedule.place.as_ref();
    let mut value = build::Appointment {
        person: &details.patient.reference,
        service: &details.service.reference,
        practitioner: practitioner.map(|clinician| clinician.reference.as_str()),
        location: place.map(|place| place.reference.as_str()),
        slots: &[time.slot.reference.as_str()],
        start: time.slot.start,
        end: time.slot.end,
        created: details.created,
        need: &details.need,
        need_label: directory.needs().label(&details.need),
        mode: details.mode.code(),
        description: &details.service.name,
        reason: &details.reason,
        instruction: &details.instruction,
        based_on: details.based_on.as_deref(),
    }
    .build();
    let names = [
        Some((details.patient.reference.as_str(), details.patient.name.as_str())),
        Some((details.service.reference.as_str(), details.service.name.as_str())),
        practitioner.map(|clinician| (clinician.reference.as_str(), clinician.name.as_str())),
        place.map(|place| (place.reference.as_str(), place.name.as_str())),
    ];
    let parts = value.get_mut("participant").and_then(Value::as_array_mut).into_iter().flatten();
    for (part, (reference, name)) in parts.zip(names.into_iter().flatten()) {
        if !name.is_empty() {
            build::set(part, "actor", build::reference_display(reference, name));
        }
    }
    value
}
