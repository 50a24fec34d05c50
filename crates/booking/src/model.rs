//! What booking speaks of: offers, holds, appointments. No I/O.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use kith_directory::{Clinician, Mode, Named, PartOfDay};
use kith_fhir::Value;
use kith_fhir::views::{self, common};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where an appointment stands. R4's other statuses are not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Booked,
    Arrived,
    Fulfilled,
    Cancelled,
    NoShow,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Booked, Self::Arrived, Self::Fulfilled, Self::Cancelled, Self::NoShow];

    /// FHIR's code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Arrived => "arrived",
            Self::Fulfilled => "fulfilled",
            Self::Cancelled => "cancelled",
            Self::NoShow => "noshow",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// In plain words, to follow "This appointment": "is booked".
    pub fn words(self) -> &'static str {
        match self {
            Self::Booked => "is booked",
            Self::Arrived => "has begun: the person has arrived",
            Self::Fulfilled => "has taken place",
            Self::Cancelled => "is cancelled",
            Self::NoShow => "was missed",
        }
    }
}

/// Names a hold. Only holds are named so: it cannot name the time of a confirmed booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HoldId(Uuid);

impl HoldId {
    pub(crate) fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hold:{}", self.0)
    }
}

/// The text is not a hold's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the name of a hold")]
pub struct NotAHold;

impl FromStr for HoldId {
    type Err = NotAHold;

    fn from_str(text: &str) -> Result<Self, NotAHold> {
        let uuid = text.strip_prefix("hold:").ok_or(NotAHold)?;
        Uuid::parse_str(uuid).map(Self).map_err(|_| NotAHold)
    }
}

impl TryFrom<String> for HoldId {
    type Error = NotAHold;

    fn try_from(text: String) -> Result<Self, NotAHold> {
        text.parse()
    }
}

impl From<HoldId> for String {
    fn from(id: HoldId) -> Self {
        id.to_string()
    }
}

/// A time kept for somebody while they decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub id: HoldId,
    /// `Slot/…`.
    pub slot: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// When it lapses.
    pub until: Timestamp,
}

/// A free time that can be held and booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// `Slot/…`.
    pub slot: String,
    /// `Schedule/…`.
    pub schedule: String,
    /// `HealthcareService/…`.
    pub service: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub practitioner: Option<Clinician>,
    pub place: Option<Named>,
    pub mode: Mode,
}

/// Which free times are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// `HealthcareService/…` or its id.
    pub service: String,
    /// Need code; empty for any.
    pub need: String,
    /// Not before this; never before now.
    pub from: Timestamp,
    /// Before this.
    pub to: Timestamp,
    pub mode: Option<Mode>,
    /// `Practitioner/…`, for continuity.
    pub practitioner: Option<String>,
    pub female_clinician: bool,
    pub part_of_day: Option<PartOfDay>,
}

impl Wanted {
    /// Any free time of a service for a need between two instants.
    pub fn new(service: &str, need: &str, from: Timestamp, to: Timestamp) -> Self {
        Self {
            service: service.to_owned(),
            need: need.to_owned(),
            from,
            to,
            mode: None,
            practitioner: None,
            female_clinician: false,
            part_of_day: None,
        }
    }
}

/// How much a service has free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Free times counted, up to the limit asked for.
    pub free: usize,
    /// The first of them.
    pub first: Option<Timestamp>,
}

/// What a booking is to say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BookingRequest {
    /// `Patient/…`.
    pub patient: String,
    /// The person's name as day lists show it; read from the record where it is `None`.
    pub patient_name: Option<String>,
    /// `Slot/…`.
    pub slot: String,
    /// `HealthcareService/…`; `None` for the first service of the slot's schedule.
    pub service: Option<String>,
    /// Need code.
    pub need: String,
    /// The reason in the person's words; may be empty.
    pub reason: String,
    /// `ServiceRequest/…` that this booking answers.
    pub based_on: Option<String>,
    /// `None` for the schedule's own.
    pub mode: Option<Mode>,
    /// What to bring or do, in plain words; may be empty.
    pub instruction: String,
    /// `stat`, `asap`, `urgent` or `routine` (also where `None`).
    pub priority: Option<String>,
    /// Names this act of booking: the same key for the same person books once, however often it is sent.
    pub key: Option<String>,
}

/// A confirmed booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// `Appointment/…`.
    pub appointment: String,
    /// `Task/…` of the service that will see the person.
    pub task: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// `HealthcareService/…` and its name.
    pub service: Named,
    /// It had been booked before, by the same key.
    pub replayed: bool,
}

/// Why an appointment is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelReason {
    /// The problem is gone, or help was found elsewhere.
    NoLongerNeeded,
    /// The person cannot come at that time.
    CannotMakeIt,
    BookedByMistake,
    /// The service cannot keep it: illness, closure.
    ServiceUnavailable,
}

impl CancelReason {
    pub const ALL: [Self; 4] =
        [Self::NoLongerNeeded, Self::CannotMakeIt, Self::BookedByMistake, Self::ServiceUnavailable];

    pub fn code(self) -> &'static str {
        match self {
            Self::NoLongerNeeded => "no-longer-needed",
            Self::CannotMakeIt => "cannot-make-it",
            Self::BookedByMistake => "booked-by-mistake",
            Self::ServiceUnavailable => "service-unavailable",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::NoLongerNeeded => "It is no longer needed",
            Self::CannotMakeIt => "The person cannot make this time",
            Self::BookedByMistake => "It was booked by mistake",
            Self::ServiceUnavailable => "The service cannot keep it",
        }
    }

    /// Whether the person is still waiting for help afterwards.
    pub fn still_needed(self) -> bool {
        matches!(self, Self::CannotMakeIt | Self::ServiceUnavailable)
    }
}

/// What came of a change to an appointment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// `Appointment/…`.
    pub appointment: String,
    pub status: Status,
    /// A cancellation with less notice than [`crate::rules::LATE_CANCEL`].
    pub late: bool,
    /// `Task/…` made so that nobody is left waiting without an owner.
    pub follow_up: Option<String>,
}

/// An appointment as booking reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// `Appointment/…`.
    pub reference: String,
    pub status: Status,
    pub start: Timestamp,
    pub end: Timestamp,
    /// `Patient/…`, with the name as it was when booked.
    pub patient: Named,
    pub service: Option<Named>,
    pub practitioner: Option<Named>,
    pub place: Option<Named>,
    /// `Slot/…`.
    pub slots: Vec<String>,
    /// Need code and words.
    pub need: String,
    pub need_label: String,
    pub mode: Mode,
    /// `ServiceRequest/…`.
    pub based_on: Option<String>,
    /// The service's name as shown.
    pub description: String,
    /// In words; may be empty.
    pub reason: String,
    /// What to bring or do; may be empty.
    pub instruction: String,
}

impl Appointment {
    /// Reads an Appointment; `None` if it lacks a person, a time or a status booking knows.
    pub fn of(value: &Value) -> Option<Self> {
        let seen = views::Appointment::of(value)?;
        let named = |kind: &str| {
            let reference = seen.participant(kind)?;
            let actors = common::list(value, "participant").iter();
            let part = actors.into_iter().find(|part| common::reference(part, "actor") == Some(reference))?;
            let name = common::display(part, "actor").unwrap_or_default();
            Some(Named { reference: reference.to_owned(), name: name.to_owned() })
        };
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Some(Self {
            reference: seen.reference(),
            status: Status::from_code(seen.status()?)?,
            start: seen.start()?,
            end: seen.end()?,
            patient: named("Patient")?,
            service: named("HealthcareService"),
            practitioner: named("Practitioner"),
            place: named("Location"),
            slots: seen.slots().into_iter().map(str::to_owned).collect(),
            need: owned(seen.need()),
            need_label: owned(seen.service_type()),
            mode: seen.mode().and_then(Mode::from_code).unwrap_or(Mode::InPerson),
            based_on: seen.based_on().map(str::to_owned),
            description: owned(seen.description()),
            reason: owned(seen.reason()),
            instruction: owned(seen.instruction()),
        })
    }

    /// The id part of `reference`.
    pub fn id(&self) -> &str {
        id_of(&self.reference)
    }
}

/// A slot as booking reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub reference: String,
    pub schedule: String,
    pub free: bool,
    pub start: Timestamp,
    pub end: Timestamp,
    /// Need codes; empty for every need of its schedule.
    pub needs: Vec<String>,
}

impl Slot {
    pub fn of(value: &Value) -> Option<Self> {
        let seen = views::Slot::of(value)?;
        let slot = Self {
            reference: seen.reference(),
            schedule: seen.schedule()?.to_owned(),
            free: seen.is_free(),
            start: seen.start()?,
            end: seen.end()?,
            needs: seen.needs().into_iter().map(str::to_owned).collect(),
        };
        (slot.start < slot.end).then_some(slot)
    }

    pub fn may_be_booked_for(&self, need: &str) -> bool {
        need.is_empty() || self.needs.is_empty() || self.needs.iter().any(|code| code == need)
    }
}

/// One line of a service's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayEntry {
    pub appointment: Appointment,
    /// For an update that must not overwrite another's.
    pub version: u32,
}

pub(crate) fn id_of(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(_, id)| id)
}
