//! What the directory needs to know of a person to say who can help them.

use crate::distance::Position;
use crate::model::{Mode, Sex};
use crate::words;
use jiff::Timestamp;
use jiff::civil::Time;
use kith_fhir::{Value, views};

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
    /// Reads a Patient and the person's Flags; nothing is known from a resource of another type. Sets neither `known_to`
    /// nor `needed_by`.
    pub fn from_patient<'a>(patient: &Value, flags: impl IntoIterator<Item = &'a Value>, now: Timestamp) -> Self {
        let flags = flags.into_iter().filter_map(views::Flag::of).filter(views::Flag::is_access_need);
        let access_needs = flags.filter_map(|flag| flag.code_text()).map(str::to_owned).collect();
        let Some(patient) = views::Patient::of(patient) else { return Self { access_needs, ..Self::default() } };
        let wishes = patient.appointment_preference();
        let preferences = Preferences {
            mode: wishes.mode.and_then(Mode::from_code),
            female_clinician: wishes.female_clinician,
            when: wishes.when.and_then(PartOfDay::from_code),
            max_miles: wishes.max_miles,
        };
        Self {
            age: patient.age_on(words::london(now).date()).map(u32::from),
            sex: patient.gender().and_then(Sex::from_code),
            home: patient.home().and_then(|(latitude, longitude)| Position::new(latitude, longitude)),
            language: patient.language().map(str::to_owned),
            interpreter: patient.interpreter_required(),
            registered_practice: patient.practice().map(str::to_owned),
            known_to: Vec::new(),
            preferences,
            access_needs,
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
