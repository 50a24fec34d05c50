//! Telling the person: notices go to the outbox with the change that causes them, reminders to the job table.
//!
//! `kith_contact` delivers notices; what is published here is its payload. No notice says why somebody is seen.

use jiff::{SignedDuration, Timestamp};
use kith_directory::words;
use kith_fhir::{Value, json};
use kith_trust::{Access, Change};

use crate::error::Error;
use crate::model::{Appointment, Status, id_of};
use crate::rules;

/// The outbox topic of notices.
pub const TOPIC: &str = "notify";

/// The kind of the reminder job; [`remind`] does it.
pub const REMINDER: &str = "appointment-reminder";

/// A reminder this late tells nobody anything: the time has come.
const TOO_LATE: SignedDuration = SignedDuration::from_mins(5);

/// Which notice: the name of a template of `kith_contact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Booked,
    Moved,
    Cancelled,
    Missed,
    Reminder,
}

impl Notice {
    fn template(self) -> &'static str {
        match self {
            Self::Booked => "appointment-booked",
            Self::Moved => "appointment-changed",
            Self::Cancelled => "appointment-cancelled",
            Self::Missed => "appointment-missed",
            Self::Reminder => "appointment-reminder",
        }
    }
}

/// "Thursday 26 November at 10:20am".
fn when(start: Timestamp) -> String {
    let at = words::london(start);
    let (day, month) = (words::weekday(at.weekday()), words::month(at.month()));
    format!("{day} {} {month} at {}", at.day(), words::time(at.time()))
}

pub(crate) fn publish(
    change: &mut Change,
    notice: Notice,
    appointment: &str,
    patient: &str,
    start: Timestamp,
    place: &str,
) {
    let payload = json!({
        "patient": id_of(patient),
        "template": notice.template(),
        "fields": { "when": when(start), "where": place },
        "about": appointment,
    });
    // Once for each time an appointment comes to stand at.
    let key = format!("{}/{}/{start}", notice.template(), id_of(appointment));
    change.publish(TOPIC, &key, payload);
}

/// Queues a reminder, if there is time for one.
pub(crate) fn schedule_reminder(change: &mut Change, appointment: &str, start: Timestamp, now: Timestamp) {
    if let Some(at) = rules::remind_at(start, now) {
        let payload = json!({ "appointment": appointment, "start": start.to_string() });
        change.job(REMINDER, &format!("{}/{start}", id_of(appointment)), at, payload);
    }
}

/// Does a reminder job: tells the person, if the appointment still stands at that time. Gives whether it told them. For
/// background work, as Kith itself.
pub async fn remind(access: &Access, payload: &Value) -> Result<bool, Error> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let (Some(reference), Some(start)) = (text("appointment"), text("start").and_then(|at| at.parse().ok())) else {
        return Err(Error::Invalid("This is not a reminder."));
    };
    let entry = access.read(reference).await?;
    let Some(seen) = Appointment::of(&entry.value) else { return Err(Error::Foreign) };
    let stands = seen.status == Status::Booked && seen.start == start;
    if !stands || access.now() > start - TOO_LATE {
        return Ok(false);
    }
    let mut change = Change::new("remind of appointment");
    publish(&mut change, Notice::Reminder, reference, &seen.patient.reference, start, &seen.description);
    access.commit(change).await?;
    Ok(true)
}
