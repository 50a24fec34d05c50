use jiff::civil;
use serde_json::Value;

use super::common;
use crate::system;

view! {
    /// A service people can be sent to.
    HealthcareService
}

impl<'a> HealthcareService<'a> {
    /// Its name as shown.
    pub fn name(&self) -> Option<&'a str> {
        common::text(self.0, "name")
    }

    /// What it can do, in plain words.
    pub fn comment(&self) -> Option<&'a str> {
        common::text(self.0, "comment")
    }

    /// More, in plain words.
    pub fn extra_details(&self) -> Option<&'a str> {
        common::text(self.0, "extraDetails")
    }

    /// Who provides it: `Organization/…`
    pub fn provided_by(&self) -> Option<&'a str> {
        common::reference(self.0, "providedBy")
    }

    /// The provider's name, where written here.
    pub fn provider_name(&self) -> Option<&'a str> {
        common::display(self.0, "providedBy")
    }

    /// Where: `Location/…`
    pub fn locations(&self) -> Vec<&'a str> {
        common::references(self.0, "location")
    }

    /// Kinds of provider (`service-kind`).
    pub fn kinds(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "category", system::CS_SERVICE_KIND)
    }

    /// Needs it can meet (`need`).
    pub fn needs(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "type", system::CS_NEED)
    }

    /// Whether it can meet this need.
    pub fn meets(&self, need: &str) -> bool {
        common::concepts(self.0, "type").any(|concept| common::has_code(concept, system::CS_NEED, need))
    }

    /// What it is like (`service-characteristic`).
    pub fn characteristics(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "characteristic", system::CS_CHARACTERISTIC)
    }

    /// Whether it is like this.
    pub fn is(&self, characteristic: &str) -> bool {
        common::concepts(self.0, "characteristic")
            .any(|concept| common::has_code(concept, system::CS_CHARACTERISTIC, characteristic))
    }

    /// Languages spoken, BCP-47.
    pub fn languages(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "communication", system::BCP47)
    }

    /// Whom it is for, by age: the widest of the ranges its eligibility names; open where it names none.
    pub fn age_range(&self) -> AgeRange {
        let ranges = common::list(self.0, "eligibility").iter().filter_map(|eligibility| {
            let range = common::extension(eligibility, system::EXT_AGE_RANGE)?;
            let years = |part| {
                common::extension_value(range, part, "valueInteger")
                    .and_then(Value::as_u64)
                    .and_then(|y| u16::try_from(y).ok())
            };
            Some(AgeRange { min_years: years("minYears"), max_years: years("maxYears") })
        });
        let widest = |a: AgeRange, b: AgeRange| AgeRange {
            min_years: a.min_years.zip(b.min_years).map(|(a, b)| a.min(b)),
            max_years: a.max_years.zip(b.max_years).map(|(a, b)| a.max(b)),
        };
        ranges.reduce(widest).unwrap_or_default()
    }

    /// Whom it is for, by sex (`male`, `female`); `None` for everybody.
    pub fn eligible_sex(&self) -> Option<&'a str> {
        common::list(self.0, "eligibility")
            .iter()
            .find_map(|eligibility| common::extension_text(eligibility, system::EXT_SEX, "valueCode"))
    }

    /// Opening hours.
    pub fn available_times(&self) -> Vec<AvailableTime> {
        common::list(self.0, "availableTime").iter().map(AvailableTime::of).collect()
    }

    /// Closures, with their reason in words.
    pub fn not_available(&self) -> Vec<(Option<&'a str>, common::Period)> {
        let closure = |item: &'a Value| {
            let during = item.get("during").map(common::Period::of).unwrap_or_default();
            (common::text(item, "description"), during)
        };
        common::list(self.0, "notAvailable").iter().map(closure).collect()
    }

    /// Whether it keeps its hours on bank holidays.
    pub fn open_bank_holidays(&self) -> bool {
        common::extension_value(self.0, system::EXT_OPEN_BANK_HOLIDAYS, "valueBoolean") == Some(&Value::Bool(true))
    }

    /// Whether one must book; `false` where one may walk in.
    pub fn appointment_required(&self) -> bool {
        self.0.get("appointmentRequired") == Some(&Value::Bool(true))
    }

    /// Telephone number.
    pub fn phone(&self) -> Option<&'a str> {
        common::telecom(self.0, "phone")
    }

    /// Email address.
    pub fn email(&self) -> Option<&'a str> {
        common::telecom(self.0, "email")
    }

    /// Whether it is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}

/// Ages a service is for, both ends included; `None` where open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AgeRange {
    /// Youngest, in whole years.
    pub min_years: Option<u16>,
    /// Oldest, in whole years.
    pub max_years: Option<u16>,
}

impl AgeRange {
    /// Whether a person of this age, in whole years, is within it.
    pub fn contains(&self, age: u16) -> bool {
        self.min_years.is_none_or(|min| min <= age) && self.max_years.is_none_or(|max| age <= max)
    }
}

/// Hours on some days of the week, civil time in London.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailableTime {
    /// The days.
    pub days: Vec<civil::Weekday>,
    /// Round the clock.
    pub all_day: bool,
    /// Opening.
    pub start: Option<civil::Time>,
    /// Closing.
    pub end: Option<civil::Time>,
}

impl AvailableTime {
    fn of(item: &Value) -> Self {
        let weekday = |code: &str| {
            Some(match code {
                "mon" => civil::Weekday::Monday,
                "tue" => civil::Weekday::Tuesday,
                "wed" => civil::Weekday::Wednesday,
                "thu" => civil::Weekday::Thursday,
                "fri" => civil::Weekday::Friday,
                "sat" => civil::Weekday::Saturday,
                "sun" => civil::Weekday::Sunday,
                _ => return None,
            })
        };
        let time = |key| common::text(item, key).and_then(|text| text.parse().ok());
        Self {
            days: common::texts(item, "daysOfWeek").into_iter().filter_map(weekday).collect(),
            all_day: item.get("allDay") == Some(&Value::Bool(true)),
            start: time("availableStartTime"),
            end: time("availableEndTime"),
        }
    }
}
