//! How soon somebody must be helped.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// How soon, most urgent first: `Emergency999 < SelfCare` in the derived order, so "at least as urgent as" is `<=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    #[serde(rename = "emergency-999")]
    Emergency999,
    EmergencyDepartment,
    #[serde(rename = "within-2-hours")]
    WithinTwoHours,
    SameDay,
    #[serde(rename = "within-3-days")]
    WithinThreeDays,
    Routine,
    SelfCare,
}

impl Urgency {
    /// Every urgency, most urgent first.
    pub const ALL: [Self; 7] = [
        Self::Emergency999,
        Self::EmergencyDepartment,
        Self::WithinTwoHours,
        Self::SameDay,
        Self::WithinThreeDays,
        Self::Routine,
        Self::SelfCare,
    ];

    /// The code kept in the record, in the code system `urgency`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Emergency999 => "emergency-999",
            Self::EmergencyDepartment => "emergency-department",
            Self::WithinTwoHours => "within-2-hours",
            Self::SameDay => "same-day",
            Self::WithinThreeDays => "within-3-days",
            Self::Routine => "routine",
            Self::SelfCare => "self-care",
        }
    }

    /// The urgency as a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Emergency999 => "Call 999 now",
            Self::EmergencyDepartment => "Go to A&E now",
            Self::WithinTwoHours => "Within 2 hours",
            Self::SameDay => "Today",
            Self::WithinThreeDays => "Within 3 days",
            Self::Routine => "Within 2 weeks",
            Self::SelfCare => "You can look after this yourself",
        }
    }

    /// The FHIR request priority that says the same.
    pub fn priority(self) -> &'static str {
        match self {
            Self::Emergency999 | Self::EmergencyDepartment => "stat",
            Self::WithinTwoHours => "asap",
            Self::SameDay | Self::WithinThreeDays => "urgent",
            Self::Routine | Self::SelfCare => "routine",
        }
    }

    /// Whether the questions stop here and the person is told to get emergency help.
    pub fn is_emergency(self) -> bool {
        self <= Self::EmergencyDepartment
    }

    /// Whether this is at least as urgent as `other`.
    pub fn at_least(self, other: Self) -> bool {
        self <= other
    }

    /// When help asked for at `from` is due, in Europe/London civil time.
    ///
    /// An emergency is due at once. "Today" ends at midnight, but never gives less than 4 hours: a request at 11pm is due
    /// at 3am. Three days and two weeks (routine, and the look back at self care) end at midnight of that day.
    pub fn due(self, from: Timestamp) -> Timestamp {
        let end_of_day = |days: i64| {
            from.to_zoned(TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC))
                .checked_add(days.days())
                .and_then(|day| day.with().time(Time::constant(23, 59, 59, 0)).build())
                .map_or(from, |end| end.timestamp())
        };
        let hours = |n: i64| from.checked_add(n.hours()).unwrap_or(from);
        match self {
            Self::Emergency999 | Self::EmergencyDepartment => from,
            Self::WithinTwoHours => hours(2),
            Self::SameDay => end_of_day(0).max(hours(4)),
            Self::WithinThreeDays => end_of_day(3),
            Self::Routine | Self::SelfCare => end_of_day(14),
        }
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The code is none of [`Urgency::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an urgency")]
pub struct UnknownUrgency(pub String);

impl FromStr for Urgency {
    type Err = UnknownUrgency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|u| u.code() == code).ok_or_else(|| UnknownUrgency(code.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_a_round_trip_and_the_order_is_by_urgency() {
        for u in Urgency::ALL {
            assert_eq!(u.code().parse(), Ok(u));
            assert_eq!(serde_json::to_value(u).unwrap(), serde_json::json!(u.code()));
        }
        assert!(Urgency::ALL.is_sorted());
        assert!("soon".parse::<Urgency>().is_err());
    }

    #[test]
    fn due_times_follow_london_days_over_both_clock_changes() {
        let due = |u: Urgency, from: &str| u.due(from.parse().unwrap()).to_string();
        // 25 October 2026, clocks go back at 01:00 UTC; 28 March 2027, forward at 01:00 UTC.
        assert_eq!(due(Urgency::SameDay, "2026-10-24T23:30:00Z"), "2026-10-25T23:59:59Z");
        assert_eq!(due(Urgency::WithinThreeDays, "2026-10-23T10:00:00Z"), "2026-10-26T23:59:59Z");
        assert_eq!(due(Urgency::WithinThreeDays, "2027-03-26T10:00:00Z"), "2027-03-29T22:59:59Z");
        assert_eq!(due(Urgency::SameDay, "2026-11-20T23:00:00Z"), "2026-11-21T03:00:00Z");
        assert_eq!(due(Urgency::WithinTwoHours, "2027-03-28T00:30:00Z"), "2027-03-28T02:30:00Z");
        assert_eq!(due(Urgency::Emergency999, "2026-11-20T12:00:00Z"), "2026-11-20T12:00:00Z");
    }

    #[test]
    fn a_more_urgent_need_is_never_due_later() {
        let from: Timestamp = "2026-11-20T21:45:00Z".parse().unwrap();
        assert!(Urgency::ALL.windows(2).all(|w| w[0].due(from) <= w[1].due(from)));
    }
}
