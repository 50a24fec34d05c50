//! What the directory needs to know of a person to say who can help them.

use crate::distance::Position;
use crate::model::{Mode, Sex};
use crate::read::{extension, extension_flag, extension_number, extension_text, items, reference, text};
use crate::words;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use kith_fhir::{Value, system};

/// A part of the day, Europe/London.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartOfDay {
    /// Before midday.
    Morning,
    /// From midday to 5pm.
    Afternoon,
    /// From 5pm.
    Evening,
}

impl PartOfDay {
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "morning" => Some(Self::Morning),
            "afternoon" => Some(Self::Afternoon),
            "evening" => Some(Self::Evening),
            _ => None,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }

    /// The part of the day an instant falls in.
    pub fn of(instant: Timestamp) -> Self {
        let time = words::london(instant).time();
        if time < Time::constant(12, 0, 0, 0) {
            Self::Morning
        } else if time < Time::constant(17, 0, 0, 0) {
            Self::Afternoon
        } else {
            Self::Evening
        }
    }
}

/// What the person asked for in appointments (`Patient.extension[appointment-preference]`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preferences {
    pub mode: Option<Mode>,
    pub female_clinician: bool,
    pub when: Option<PartOfDay>,
    /// As far as they will go, in straight-line miles.
    pub max_miles: Option<f64>,
}

/// What is known of the person, and by when help is needed. What is not known keeps nobody out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PersonFacts {
    /// Whole years.
    pub age: Option<u32>,
    pub sex: Option<Sex>,
    pub home: Option<Position>,
    /// Preferred language, BCP-47.
    pub language: Option<String>,
    pub interpreter: bool,
    /// `Organization/…` of the practice they are registered with.
    pub registered_practice: Option<String>,
    /// Organisations and services (`Type/id`) they are a patient of already, such as their dentist.
    pub known_to: Vec<String>,
    pub preferences: Preferences,
    /// In words, as on record: "Step-free access".
    pub access_needs: Vec<String>,
    /// By when they must be seen: a service that does not open before then cannot help. `None` when it can wait.
    pub needed_by: Option<Timestamp>,
}

impl PersonFacts {
    /// Reads a Patient and the person's Flags. Sets neither `known_to` nor `needed_by`.
    pub fn from_patient<'a>(patient: &Value, flags: impl IntoIterator<Item = &'a Value>, now: Timestamp) -> Self {
        let wish = extension(patient, system::EXT_APPOINTMENT_PREFERENCE);
        let preferences = Preferences {
            mode: wish.and_then(|w| extension_text(w, "mode")).and_then(Mode::from_code),
            female_clinician: wish.is_some_and(|w| extension_flag(w, "female-clinician")),
            when: wish.and_then(|w| extension_text(w, "when")).and_then(PartOfDay::from_code),
            max_miles: wish.and_then(|w| extension_number(w, "max-miles")),
        };
        let practices = items(patient, "generalPractitioner").filter_map(|item| text(item, "reference"));
        let practice = practices
            .chain(reference(patient, "managingOrganization"))
            .find(|reference| reference.starts_with("Organization/"));
        Self {
            age: text(patient, "birthDate").and_then(|born| age(born, words::london(now).date())),
            sex: text(patient, "gender").and_then(Sex::from_code),
            home: home(patient),
            language: language(patient),
            interpreter: extension_flag(patient, system::EXT_INTERPRETER_REQUIRED),
            registered_practice: practice.map(str::to_owned),
            known_to: Vec::new(),
            preferences,
            access_needs: flags.into_iter().filter_map(access_need).collect(),
            needed_by: None,
        }
    }

    /// Whether a step-free way in is needed.
    pub fn needs_step_free(&self) -> bool {
        let needs = |need: &String| {
            let need = need.to_lowercase();
            ["step-free", "step free", "wheelchair"].iter().any(|word| need.contains(word))
        };
        self.access_needs.iter().any(needs)
    }
}

/// Whole years on `today`; a birth date of a year or month counts from its first day.
fn age(born: &str, today: Date) -> Option<u32> {
    let born: Date = match born.len() {
        4 => format!("{born}-01-01").parse().ok()?,
        7 => format!("{born}-01").parse().ok()?,
        _ => born.parse().ok()?,
    };
    let years = i32::from(today.year()) - i32::from(born.year());
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    u32::try_from(years - i32::from(!had_birthday)).ok()
}

fn home(patient: &Value) -> Option<Position> {
    let point = |url| {
        items(patient, "address").filter_map(move |address| extension(address, url)).next().or_else(|| {
            // On the Patient itself, or on the address.
            items(patient, "extension").find(|extension| text(extension, "url") == Some(url))
        })
    };
    let outer = point(system::EXT_HOME_LOCATION).or_else(|| point(system::EXT_GEOLOCATION))?;
    let inner = extension(outer, system::EXT_GEOLOCATION).unwrap_or(outer);
    Position::new(extension_number(inner, "latitude")?, extension_number(inner, "longitude")?)
}

fn language(patient: &Value) -> Option<String> {
    let preferred = |item: &&Value| item.get("preferred").and_then(Value::as_bool).unwrap_or(false);
    let chosen = items(patient, "communication").find(preferred).or_else(|| items(patient, "communication").next())?;
    let code = items(chosen.get("language")?, "coding").find_map(|coding| text(coding, "code"))?;
    Some(code.to_owned())
}

fn access_need(flag: &Value) -> Option<String> {
    let coded = items(flag, "category")
        .flat_map(|concept| crate::read::codes(concept, system::CS_CATEGORY))
        .any(|code| code == "access-need");
    let active = text(flag, "status") == Some("active");
    let words = text(flag.get("code")?, "text")?;
    (coded && active).then(|| words.to_owned())
}
