//! Kinds of work, how soon it is due, and what state it is in.

use jiff::{SignedDuration, Timestamp};
use kith_contact::{message::working_days_end, time};
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal, $words:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $code)] $variant,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code in the record.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// As shown to people.
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

codes! {
    /// What kind of work a Task is.
    TaskKind {
        /// Read a request for help and decide what happens.
        Triage = "triage", "Request for help";
        /// Something to do about an appointment.
        Appointment = "appointment", "Appointment";
        /// Take on a person another team refers.
        Referral = "referral", "Referral";
        /// Answer another professional's question.
        Advice = "advice", "Advice wanted";
        /// Answer a message.
        Message = "message", "Message";
        /// Read a result or an outcome and act on it.
        Result = "result", "Result or outcome";
        /// Ring somebody.
        Callback = "callback", "Call back";
        /// See that something happened.
        FollowUp = "follow-up", "Follow up";
    }
}

codes! {
    /// The state of a Task. `Requested`, `Accepted` and `InProgress` are open; the rest are closed for good.
    State {
        Requested = "requested", "New";
        Accepted = "accepted", "Taken";
        InProgress = "in-progress", "In progress";
        Completed = "completed", "Done";
        /// Returned to whoever asked.
        Rejected = "rejected", "Returned";
        Cancelled = "cancelled", "Cancelled";
    }
}

impl State {
    pub fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Accepted | Self::InProgress)
    }
}

codes! {
    /// FHIR request-priority, most urgent first.
    Priority {
        Stat = "stat", "Emergency";
        Asap = "asap", "Very urgent";
        Urgent = "urgent", "Urgent";
        Routine = "routine", "Routine";
    }
}

codes! {
    /// How soon help is needed, most urgent first. The codes are those of dispositions.
    Urgency {
        Emergency999 = "emergency-999", "Call 999 now";
        EmergencyDepartment = "emergency-department", "Go to the emergency department now";
        Within2Hours = "within-2-hours", "Within 2 hours";
        SameDay = "same-day", "Today";
        Within3Days = "within-3-days", "Within 3 days";
        Routine = "routine", "Within 2 weeks";
        SelfCare = "self-care", "Looking after yourself";
    }
}

impl Urgency {
    pub fn priority(self) -> Priority {
        match self {
            Self::Emergency999 | Self::EmergencyDepartment => Priority::Stat,
            Self::Within2Hours => Priority::Asap,
            Self::SameDay => Priority::Urgent,
            Self::Within3Days | Self::Routine | Self::SelfCare => Priority::Routine,
        }
    }

    /// The least urgent that has this priority: what to take when only the priority is known.
    pub fn of_priority(priority: Priority) -> Self {
        match priority {
            Priority::Stat => Self::EmergencyDepartment,
            Priority::Asap => Self::Within2Hours,
            Priority::Urgent => Self::SameDay,
            Priority::Routine => Self::Routine,
        }
    }

    /// When somebody must have acted, if the need became known at `now`. Never before `now`.
    ///
    /// - emergencies: 15 minutes, for a person to check that help was called;
    /// - within 2 hours: 2 hours;
    /// - same day: 6.30pm, when core hours end (GMS Contracts Regulations 2015, regulation 3); asked after 4.30pm,
    ///   2 hours;
    /// - within 3 days: the same clock time 3 days on, or 6.30pm of that day if that is earlier;
    /// - routine and self-care: 6.30pm 14 days on (NHS England, "Delivery plan for recovering access to primary care",
    ///   May 2023: within two weeks).
    ///
    /// Illustrative, not clinically signed off.
    pub fn due(self, now: Timestamp) -> Timestamp {
        let evening = |days: i64| {
            let day = time::day(now).saturating_add(jiff::Span::new().days(days));
            time::on(day, 18, 30)
        };
        match self {
            Self::Emergency999 | Self::EmergencyDepartment => now + SignedDuration::from_mins(15),
            Self::Within2Hours => now + SignedDuration::from_hours(2),
            Self::SameDay => evening(0).max(now + SignedDuration::from_hours(2)),
            Self::Within3Days => {
                let then = time::london(now).saturating_add(jiff::Span::new().days(3)).timestamp();
                then.min(evening(3))
            }
            Self::Routine | Self::SelfCare => evening(14),
        }
    }
}

/// When a team must have read what another told it: the end of the second working day.
pub fn acknowledge_due(now: Timestamp) -> Timestamp {
    working_days_end(now, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn every_urgency_has_a_due_time_that_people_can_keep() {
        let table = [
            ("2026-11-20T09:00:00Z", Urgency::Emergency999, "2026-11-20T09:15:00Z"),
            ("2026-11-20T09:00:00Z", Urgency::EmergencyDepartment, "2026-11-20T09:15:00Z"),
            ("2026-11-20T09:00:00Z", Urgency::Within2Hours, "2026-11-20T11:00:00Z"),
            ("2026-11-20T09:00:00Z", Urgency::SameDay, "2026-11-20T18:30:00Z"),
            ("2026-11-20T17:00:00Z", Urgency::SameDay, "2026-11-20T19:00:00Z"),
            ("2026-11-20T23:30:00Z", Urgency::SameDay, "2026-11-21T01:30:00Z"),
            ("2026-11-20T09:00:00Z", Urgency::Within3Days, "2026-11-23T09:00:00Z"),
            ("2026-11-20T22:00:00Z", Urgency::Within3Days, "2026-11-23T18:30:00Z"),
            ("2026-11-20T09:00:00Z", Urgency::Routine, "2026-12-04T18:30:00Z"),
            // Across both clock changes: 6.30pm stays 6.30pm.
            ("2026-03-20T09:00:00Z", Urgency::Routine, "2026-04-03T17:30:00Z"),
            ("2026-10-20T09:00:00Z", Urgency::Routine, "2026-11-03T18:30:00Z"),
            ("2026-03-28T12:00:00Z", Urgency::Within3Days, "2026-03-31T11:00:00Z"),
        ];
        for (now, urgency, due) in table {
            assert_eq!(urgency.due(ts(now)), ts(due), "{urgency:?} at {now}");
        }
    }

    #[test]
    fn more_urgent_is_never_due_later() {
        for hour in 0..24 * 400 {
            let now = ts("2026-01-01T00:10:00Z") + SignedDuration::from_hours(hour);
            let dues: Vec<_> = Urgency::ALL.iter().map(|u| u.due(now)).collect();
            assert!(dues.windows(2).all(|w| w[0] <= w[1]), "{now}");
            assert!(dues[0] > now);
        }
        assert!(Urgency::ALL.windows(2).all(|w| w[0].priority() <= w[1].priority()));
    }

    #[test]
    fn codes_are_read_back() {
        for kind in TaskKind::ALL {
            assert_eq!(TaskKind::from_code(kind.code()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
        }
        for urgency in Urgency::ALL {
            assert_eq!(Urgency::from_code(urgency.code()), Some(*urgency));
            let by_priority = Urgency::of_priority(urgency.priority());
            assert_eq!(by_priority.priority(), urgency.priority());
        }
        assert_eq!(State::from_code("nonsense"), None);
    }
}
