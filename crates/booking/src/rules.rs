//! The rules of appointments, as pure functions: what may follow what, who may do it, and when.

use jiff::civil::{Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use kith_directory::{BankHolidays, words};
use kith_trust::Role;

use crate::model::Status;

/// How long a time is held while somebody decides: enough to read the details and check the answers with a screen
/// reader, a translator or somebody on the phone; short enough that a time given up is free again within the same visit
/// of whoever wanted it too. To be measured and set anew with real use.
pub const HOLD: SignedDuration = SignedDuration::from_mins(8);

/// A cancellation with less notice than this is noted as late: the time can hardly be given to anybody else. It is never
/// held against the person. The day's notice that NHS practices commonly ask for.
pub const LATE_CANCEL: SignedDuration = SignedDuration::from_hours(24);

/// What can be done to an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    Reschedule,
    Cancel,
    Arrive,
    DidNotAttend,
    Fulfil,
}

impl Act {
    pub const ALL: [Self; 5] = [Self::Reschedule, Self::Cancel, Self::Arrive, Self::DidNotAttend, Self::Fulfil];

    /// In words, to follow "cannot be": "cancelled".
    pub fn words(self) -> &'static str {
        match self {
            Self::Reschedule => "moved",
            Self::Cancel => "cancelled",
            Self::Arrive => "marked as arrived",
            Self::DidNotAttend => "marked as missed",
            Self::Fulfil => "marked as done",
        }
    }

    /// The reason for the audit chain.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Reschedule => "reschedule appointment",
            Self::Cancel => "cancel appointment",
            Self::Arrive => "mark arrival",
            Self::DidNotAttend => "mark did not attend",
            Self::Fulfil => "complete appointment",
        }
    }
}

/// Where an act leads from a status; `None` if it cannot be done there. Cancelled and fulfilled are final. Somebody marked
/// as missed may still come in late.
pub fn after(status: Status, act: Act) -> Option<Status> {
    match (status, act) {
        (Status::Booked, Act::Reschedule) => Some(Status::Booked),
        (Status::Booked | Status::Arrived, Act::Cancel) => Some(Status::Cancelled),
        (Status::Booked | Status::NoShow, Act::Arrive) => Some(Status::Arrived),
        (Status::Booked, Act::DidNotAttend) => Some(Status::NoShow),
        (Status::Booked | Status::Arrived, Act::Fulfil) => Some(Status::Fulfilled),
        _ => None,
    }
}

/// Why an act is not for this actor, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    #[error("Only staff can do this.")]
    StaffOnly,
    #[error("This appointment has already begun. Phone the service if you cannot come.")]
    Begun,
    #[error("This can only be done once the appointment was due to begin.")]
    NotBegun,
    #[error("This can only be done on the day of the appointment.")]
    OtherDay,
}

/// Whether somebody in a role may do this to an appointment beginning at `start`. Which people's appointments they may
/// touch at all is the door's to decide.
pub fn may(role: Role, act: Act, start: Timestamp, now: Timestamp) -> Result<(), NotNow> {
    let day = |instant| words::london(instant).date();
    match act {
        Act::Reschedule | Act::Cancel if role == Role::Person && now >= start => Err(NotNow::Begun),
        Act::Reschedule | Act::Cancel => Ok(()),
        _ if role == Role::Person => Err(NotNow::StaffOnly),
        Act::Arrive if day(now) != day(start) => Err(NotNow::OtherDay),
        Act::DidNotAttend if now < start => Err(NotNow::NotBegun),
        // Seen early is seen; the day before is a mistake.
        Act::Fulfil if day(now) < day(start) => Err(NotNow::NotBegun),
        _ => Ok(()),
    }
}

/// Whether cancelling now gives less than a day's notice.
pub fn is_late(start: Timestamp, now: Timestamp) -> bool {
    start.duration_since(now) < LATE_CANCEL
}

/// When to remind: a day before if the booking was made well before that, or two hours before if it was made that day.
/// Somebody who booked a moment ago is not reminded.
pub fn remind_at(start: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let ahead = start.duration_since(now);
    if ahead > SignedDuration::from_hours(36) {
        Some(start - SignedDuration::from_hours(24))
    } else if ahead > SignedDuration::from_hours(6) {
        Some(start - SignedDuration::from_hours(2))
    } else {
        None
    }
}

/// Five in the afternoon of the next working day after `now`: by when a team follows up.
pub fn next_working_day(now: Timestamp, holidays: &BankHolidays) -> Timestamp {
    let mut day = words::london(now).date();
    loop {
        let Ok(next) = day.tomorrow() else { return Timestamp::MAX };
        day = next;
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        if !weekend && holidays.name(day).is_none() {
            let five = day.to_datetime(Time::constant(17, 0, 0, 0)).to_zoned(words::LONDON.clone());
            return five.map_or(Timestamp::MAX, |five| five.timestamp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn appointments_move_only_along_their_states() {
        let mut table = String::new();
        for status in Status::ALL {
            for act in Act::ALL {
                let to = after(status, act).map_or("-", Status::code);
                table.push_str(&format!("{} + {}: {to}\n", status.code(), act.words()));
            }
        }
        let expected = "\
booked + moved: booked
booked + cancelled: cancelled
booked + marked as arrived: arrived
booked + marked as missed: noshow
booked + marked as done: fulfilled
arrived + moved: -
arrived + cancelled: cancelled
arrived + marked as arrived: -
arrived + marked as missed: -
arrived + marked as done: fulfilled
fulfilled + moved: -
fulfilled + cancelled: -
fulfilled + marked as arrived: -
fulfilled + marked as missed: -
fulfilled + marked as done: -
cancelled + moved: -
cancelled + cancelled: -
cancelled + marked as arrived: -
cancelled + marked as missed: -
cancelled + marked as done: -
noshow + moved: -
noshow + cancelled: -
noshow + marked as arrived: arrived
noshow + marked as missed: -
noshow + marked as done: -
";
        assert_eq!(table, expected);
    }

    #[test]
    fn a_person_changes_their_booking_until_it_begins_and_staff_see_it_through() {
        let start = at("2026-11-20T10:00:00Z");
        let (before, after) = (at("2026-11-20T09:59:59Z"), start);
        let person = |act, now| may(Role::Person, act, start, now);
        assert_eq!(person(Act::Cancel, before), Ok(()));
        assert_eq!(person(Act::Reschedule, after), Err(NotNow::Begun));
        assert_eq!(person(Act::Fulfil, after), Err(NotNow::StaffOnly));
        assert_eq!(person(Act::DidNotAttend, after), Err(NotNow::StaffOnly));
        let desk = |act, now| may(Role::Receptionist, act, start, now);
        assert_eq!(desk(Act::Cancel, after), Ok(()));
        assert_eq!(desk(Act::DidNotAttend, before), Err(NotNow::NotBegun));
        assert_eq!(desk(Act::DidNotAttend, after), Ok(()));
        assert_eq!(desk(Act::Arrive, before), Ok(()));
        assert_eq!(desk(Act::Arrive, at("2026-11-19T23:00:00Z")), Err(NotNow::OtherDay));
        assert_eq!(desk(Act::Fulfil, at("2026-11-19T23:00:00Z")), Err(NotNow::NotBegun));
        assert_eq!(desk(Act::Fulfil, at("2026-11-21T09:00:00Z")), Ok(()));
    }

    #[test]
    fn late_is_less_than_a_day() {
        let start = at("2026-11-20T10:00:00Z");
        assert!(!is_late(start, at("2026-11-19T10:00:00Z")));
        assert!(is_late(start, at("2026-11-19T10:00:01Z")));
    }

    #[test]
    fn reminders_come_when_they_help() {
        let start = at("2026-11-20T10:00:00Z");
        assert_eq!(remind_at(start, at("2026-11-10T10:00:00Z")), Some(at("2026-11-19T10:00:00Z")));
        assert_eq!(remind_at(start, at("2026-11-19T12:00:00Z")), Some(at("2026-11-20T08:00:00Z")));
        assert_eq!(remind_at(start, at("2026-11-20T08:00:00Z")), None);
    }

    #[test]
    fn a_follow_up_is_due_on_the_next_working_day() {
        let due = |now| next_working_day(at(now), BankHolidays::england());
        assert_eq!(due("2026-11-20T10:00:00Z"), at("2026-11-23T17:00:00Z"));
        // Good Friday to Easter Monday, and summer time.
        assert_eq!(due("2026-04-02T10:00:00Z"), at("2026-04-07T16:00:00Z"));
    }
}
