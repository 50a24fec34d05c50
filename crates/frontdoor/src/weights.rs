//! What offers are weighed by: `content/routing.toml`.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Deserialize;

use crate::{LoadError, Urgency};

/// The weights and thresholds of routing, with who answers for them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub version: String,
    pub date: Date,
    pub owner: String,
    pub signed_off: bool,
    pub sign_off_note: String,
    pub points: Points,
    pub show: Show,
    late_hours: BTreeMap<Urgency, u32>,
    pub continuity: ContinuityRule,
    pub requests: Requests,
    pub words: Words,
}

/// Points for and against an offer; each is explained in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    pub soon: f64,
    pub late: f64,
    pub late_per_day: f64,
    pub per_mile: f64,
    pub most_miles: f64,
    pub unknown_miles: f64,
    pub usual_clinician: f64,
    pub seen_clinician: f64,
    pub known_service: f64,
    pub language: f64,
    pub step_free: f64,
    pub open_now: f64,
    pub walk_in: f64,
    pub other_mode: f64,
    pub no_woman: f64,
    pub other_part_of_day: f64,
    pub too_far: f64,
}

/// How much is read and shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    pub services: usize,
    pub read: usize,
    pub times: usize,
}

/// For whom it matters who sees them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuityRule {
    pub recent_days: i64,
    /// Lower-case words of conditions people live with.
    pub long_term: Vec<String>,
}

/// Who takes a request that nothing bookable meets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    pub kinds: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub without_gp: Vec<String>,
}

static BUILT_IN: LazyLock<Weights> = LazyLock::new(|| {
    Weights::parse(include_str!("../../../content/routing.toml")).expect("content/routing.toml is checked by the tests")
});

impl Weights {
    /// The weights in the binary.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads the text of `routing.toml`.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        Ok(toml::from_str(text)?)
    }

    /// `routing@version`, as other content is named.
    pub fn content(&self) -> String {
        format!("routing@{}", self.version)
    }

    /// By when somebody should be seen who asks at `now`. An emergency that a service of the neighbourhood may meet (an
    /// eye emergency at the hub) is looked for within two hours.
    pub fn due(urgency: Urgency, now: Timestamp) -> Timestamp {
        urgency.max(Urgency::WithinTwoHours).due(now)
    }

    /// The last time that may be offered at all.
    pub fn latest(&self, urgency: Urgency, now: Timestamp) -> Timestamp {
        let late = self.late_hours.get(&urgency).copied().unwrap_or(0);
        Self::due(urgency, now).saturating_add(SignedDuration::from_hours(i64::from(late))).unwrap_or(Timestamp::MAX)
    }

    /// Whether a condition, as written, is one people live with.
    pub fn is_long_term(&self, condition: &str) -> bool {
        let condition = condition.to_lowercase();
        self.continuity.long_term.iter().any(|word| condition.contains(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing_says_who_owns_it_and_that_it_is_not_signed_off() {
        let weights = Weights::built_in();
        assert!(!weights.owner.is_empty() && !weights.signed_off);
        assert!(weights.sign_off_note.contains("not clinically signed off"));
        assert!(Urgency::ALL.iter().all(|urgency| weights.late_hours.contains_key(urgency)));
        assert!(Weights::parse("version = \"1\"").is_err());
    }

    #[test]
    fn what_is_urgent_is_never_offered_later_than_what_is_not() {
        let now: Timestamp = "2026-11-20T21:45:00Z".parse().unwrap();
        let latest = |urgency: Urgency| Weights::built_in().latest(urgency, now);
        assert!(Urgency::ALL.windows(2).all(|pair| latest(pair[0]) <= latest(pair[1])));
        assert_eq!(latest(Urgency::EmergencyDepartment), now + SignedDuration::from_hours(2));
    }
}
