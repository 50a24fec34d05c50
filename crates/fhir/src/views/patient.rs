use jiff::civil;
use serde_json::Value;

use super::common;
use crate::{
    identifier::{self, NhsNumber},
    system,
};

view! {
    /// A person.
    Patient
}

impl<'a> Patient<'a> {
    /// The name to show: the official one, else the usual, else any that is not old. Empty where there is none.
    pub fn name(&self) -> String {
        common::Name::best(self.0).map(|name| name.line()).unwrap_or_default()
    }

    /// Family name.
    pub fn family(&self) -> Option<&'a str> {
        common::Name::best(self.0)?.family()
    }

    /// Given names in order.
    pub fn given(&self) -> Vec<&'a str> {
        common::Name::best(self.0).map(|name| name.given()).unwrap_or_default()
    }

    /// Title.
    pub fn title(&self) -> Option<&'a str> {
        common::Name::best(self.0)?.prefix()
    }

    /// The NHS number, where there is one whose check digit is right.
    pub fn nhs_number(&self) -> Option<NhsNumber> {
        identifier::all_of(self.0, system::NHS_NUMBER).find_map(|value| NhsNumber::parse(value).ok())
    }

    /// The day of birth; `None` where only a month or year is known.
    pub fn birth_date(&self) -> Option<civil::Date> {
        common::day(self.0, "birthDate")
    }

    /// Age in whole years on a day; `None` where the day of birth is unknown or later. Born on 29 February, a person is a
    /// year older on 1 March of other years.
    pub fn age_on(&self, day: civil::Date) -> Option<u16> {
        let born = self.birth_date()?;
        if day < born {
            return None;
        }
        let had_birthday = (day.month(), day.day()) >= (born.month(), born.day());
        u16::try_from(day.year() - born.year() - i16::from(!had_birthday)).ok()
    }

    /// `male`, `female`, `other` or `unknown`.
    pub fn gender(&self) -> Option<&'a str> {
        common::text(self.0, "gender")
    }

    /// The address to use: home, else any that is not old.
    pub fn address(&self) -> Option<&'a Value> {
        common::address(self.0)
    }

    /// The address as lines to print, postcode last.
    pub fn address_lines(&self) -> Vec<&'a str> {
        self.address().map(common::address_lines).unwrap_or_default()
    }

    /// The postcode of the address to use.
    pub fn postcode(&self) -> Option<&'a str> {
        common::text(self.address()?, "postalCode")
    }

    /// Where the person lives: latitude and longitude, decimal degrees.
    pub fn home(&self) -> Option<(f64, f64)> {
        let in_address = || common::extension_position(self.address()?, system::EXT_HOME_LOCATION);
        let geolocation = || common::extension_position(self.address()?, system::EXT_GEOLOCATION);
        in_address().or_else(|| common::extension_position(self.0, system::EXT_HOME_LOCATION)).or_else(geolocation)
    }

    /// The registered practice: `Organization/…`
    pub fn practice(&self) -> Option<&'a str> {
        common::reference_to(common::references(self.0, "generalPractitioner"), "Organization")
            .or_else(|| common::reference(self.0, "managingOrganization"))
    }

    /// The clinician they usually see: `Practitioner/…`
    pub fn usual_clinician(&self) -> Option<&'a str> {
        common::reference_to(common::references(self.0, "generalPractitioner"), "Practitioner")
    }

    /// The language to speak, a BCP-47 code: the preferred one, else the first.
    pub fn language(&self) -> Option<&'a str> {
        common::first_code(self.communication()?, "language")
    }

    /// The language to speak, in words where somebody wrote them.
    pub fn language_text(&self) -> Option<&'a str> {
        common::concept_of(self.communication()?, "language")
    }

    fn communication(self) -> Option<&'a Value> {
        let languages = common::list(self.0, "communication");
        let preferred = |item: &&Value| item.get("preferred") == Some(&Value::Bool(true));
        languages.iter().find(preferred).or_else(|| languages.first())
    }

    /// Whether an interpreter is needed.
    pub fn interpreter_required(&self) -> bool {
        common::extension_value(self.0, system::EXT_INTERPRETER_REQUIRED, "valueBoolean") == Some(&Value::Bool(true))
    }

    /// Ethnic category in words.
    pub fn ethnic_category(&self) -> Option<&'a str> {
        common::concept_text(self.ethnicity()?)
    }

    /// Ethnic category as coded (UK Core, NHS Data Dictionary).
    pub fn ethnic_code(&self) -> Option<&'a str> {
        common::code_in(self.ethnicity()?, system::CS_ETHNIC_CATEGORY)
    }

    fn ethnicity(self) -> Option<&'a Value> {
        common::extension_value(self.0, system::EXT_ETHNIC_CATEGORY, "valueCodeableConcept")
    }

    /// Deprivation decile of the home, 1 (most deprived tenth of England) to 10.
    pub fn imd_decile(&self) -> Option<u8> {
        let decile = common::extension_value(self.0, system::EXT_IMD_DECILE, "valueInteger")?.as_u64()?;
        u8::try_from(decile).ok().filter(|decile| (1..=10).contains(decile))
    }

    /// How to reach them: `web`, `phone`, `text` or `letter`.
    pub fn contact_preference(&self) -> Option<&'a str> {
        common::extension_text(self.0, system::EXT_CONTACT_PREFERENCE, "valueCode")
    }

    /// How they would like to be seen; everything absent where they have not said.
    pub fn appointment_preference(&self) -> AppointmentPreference<'a> {
        let Some(said) = common::extension(self.0, system::EXT_APPOINTMENT_PREFERENCE) else {
            return AppointmentPreference::default();
        };
        AppointmentPreference {
            mode: common::extension_text(said, "mode", "valueCode"),
            female_clinician: common::extension_value(said, "female-clinician", "valueBoolean")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            when: common::extension_text(said, "when", "valueCode"),
            max_miles: common::extension_value(said, "max-miles", "valueDecimal").and_then(Value::as_f64),
        }
    }

    /// The household's key.
    pub fn household(&self) -> Option<&'a str> {
        common::extension_text(self.0, system::EXT_HOUSEHOLD, "valueString")
    }

    /// Telephone number, mobile first.
    pub fn phone(&self) -> Option<&'a str> {
        common::telecom(self.0, "phone")
    }

    /// Email address.
    pub fn email(&self) -> Option<&'a str> {
        common::telecom(self.0, "email")
    }

    /// Whether the person has died.
    pub fn deceased(&self) -> bool {
        self.0.get("deceasedDateTime").is_some() || self.0.get("deceasedBoolean") == Some(&Value::Bool(true))
    }

    /// The day of death, where known.
    pub fn died_on(&self) -> Option<civil::Date> {
        common::day(self.0, "deceasedDateTime")
    }

    /// Whether the record is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}

/// How a person would like to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AppointmentPreference<'a> {
    /// `in-person`, `phone` or `video`.
    pub mode: Option<&'a str>,
    /// Would rather see a woman.
    pub female_clinician: bool,
    /// `morning`, `afternoon` or `evening`.
    pub when: Option<&'a str>,
    /// How far they can go, in miles.
    pub max_miles: Option<f64>,
}
