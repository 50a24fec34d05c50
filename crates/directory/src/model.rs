//! Who is in the neighbourhood: organisations, places, services, calendars and posts. No I/O.

use crate::distance::Position;
use crate::hours::Hours;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Kinds of service (`system::CS_SERVICE_KIND`) and how each is called.
pub const KINDS: [(&str, &str); 9] = [
    ("general-practice", "GP practice"),
    ("community-pharmacy", "pharmacy"),
    ("optician", "optician"),
    ("dental-practice", "dentist"),
    ("urgent-treatment-hub", "urgent treatment hub"),
    ("community-nursing", "community nursing team"),
    ("first-contact-physiotherapy", "physiotherapy"),
    ("mental-health", "mental health team"),
    ("charity", "charity"),
];

/// Sex as eligibility speaks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    Female,
    Male,
}

impl Sex {
    /// From FHIR's administrative gender; `None` for `other` and `unknown`.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "female" => Some(Self::Female),
            "male" => Some(Self::Male),
            _ => None,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }
}

/// How an appointment is held (`system::EXT_MODE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    InPerson,
    Phone,
    Video,
}

impl Mode {
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "in-person" => Some(Self::InPerson),
            "phone" => Some(Self::Phone),
            "video" => Some(Self::Video),
            _ => None,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::InPerson => "in-person",
            Self::Phone => "phone",
            Self::Video => "video",
        }
    }

    /// "in person", "by phone", "by video".
    pub fn words(self) -> &'static str {
        match self {
            Self::InPerson => "in person",
            Self::Phone => "by phone",
            Self::Video => "by video",
        }
    }
}

/// A reference with the name it is shown by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// `Type/id`.
    pub reference: String,
    pub name: String,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Organisation {
    /// `Organization/…`.
    pub reference: String,
    pub name: String,
    /// Its kind of service, where it has one.
    pub kind: Option<String>,
    /// ODS code.
    pub ods: Option<String>,
    pub phone: Option<String>,
}

/// A site or a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// `Location/…`.
    pub reference: String,
    pub name: String,
    pub position: Option<Position>,
    /// One line: "12 High Street, Wellbrook, WB1 2AB".
    pub address: Option<String>,
    pub step_free: bool,
}

/// Ages in whole years, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    pub min: Option<u32>,
    pub max: Option<u32>,
}

impl Ages {
    pub fn include(self, age: u32) -> bool {
        self.min.is_none_or(|min| age >= min) && self.max.is_none_or(|max| age <= max)
    }
}

/// Whom a service, or one need of it, is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eligibility {
    /// The need it speaks of (`eligibility.code` with a need's code); `None` for every need of the service.
    pub need: Option<String>,
    pub ages: Option<Ages>,
    pub sex: Option<Sex>,
}

impl Eligibility {
    /// Whether somebody is let in. What is not known about a person does not keep them out: a professional decides.
    pub fn admits(&self, age: Option<u32>, sex: Option<Sex>) -> bool {
        let by_age = self.ages.zip(age).is_none_or(|(ages, age)| ages.include(age));
        let by_sex = self.sex.zip(sex).is_none_or(|(wanted, sex)| wanted == sex);
        by_age && by_sex
    }

    /// "children from 5 to 17", "women from 16 to 64", "adults", "people aged 5 and over".
    pub fn words(&self) -> String {
        let ages = self.ages.unwrap_or(Ages { min: None, max: None });
        // "Up to 120" means everybody.
        let ages = Ages { max: ages.max.filter(|max| *max < 100), ..ages };
        let all_children = ages.max.is_some_and(|max| max < 18);
        let all_adults = ages.min.is_some_and(|min| min >= 16);
        let who = match (self.sex, all_children, all_adults) {
            (None, true, _) => "children",
            (None, _, true) => "adults",
            (None, ..) => "people",
            (Some(Sex::Female), true, _) => "girls",
            (Some(Sex::Female), _, true) => "women",
            (Some(Sex::Female), ..) => "women and girls",
            (Some(Sex::Male), true, _) => "boys",
            (Some(Sex::Male), _, true) => "men",
            (Some(Sex::Male), ..) => "men and boys",
        };
        match (ages.min, ages.max) {
            (Some(min), Some(max)) if min > 0 => format!("{who} from {min} to {max}"),
            (_, Some(max)) => format!("{who} up to {max}"),
            (Some(18), None) => who.to_owned(),
            (Some(min), None) if min > 0 => format!("{who} aged {min} and over"),
            _ => who.to_owned(),
        }
    }
}

/// A service a person can use.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// `HealthcareService/…`.
    pub reference: String,
    pub id: String,
    pub name: String,
    /// Code of [`KINDS`].
    pub kind: String,
    /// Codes of the needs it can meet.
    pub needs: Vec<String>,
    pub organization: Option<Named>,
    /// Where it is; the first is the main one.
    pub places: Vec<Arc<Place>>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub website: Option<String>,
    pub hours: Hours,
    /// Spoken there, BCP-47, lower case.
    pub languages: Vec<String>,
    /// Codes of `system::CS_CHARACTERISTIC`.
    pub characteristics: BTreeSet<String>,
    pub eligibility: Vec<Eligibility>,
    /// What it can do, in plain words.
    pub summary: String,
    /// More about it, in plain words.
    pub details: Option<String>,
    pub appointment_required: bool,
}

impl Service {
    /// How its kind is called: "pharmacy".
    pub fn kind_words(&self) -> &str {
        KINDS.iter().find(|(code, _)| *code == self.kind).map_or(self.kind.as_str(), |(_, words)| words)
    }

    pub fn meets(&self, need: &str) -> bool {
        self.needs.iter().any(|code| code == need)
    }

    pub fn has(&self, characteristic: &str) -> bool {
        self.characteristics.contains(characteristic)
    }

    /// Whether the language is spoken there: `ur` matches `ur-PK`. English always is.
    pub fn speaks(&self, language: &str) -> bool {
        let main = |tag: &str| tag.split('-').next().unwrap_or(tag).to_ascii_lowercase();
        let wanted = main(language);
        wanted == "en" || self.languages.iter().any(|spoken| main(spoken) == wanted)
    }

    /// Whom it is for, for this need: the rules that name the need, or else the general ones.
    pub fn eligibility_for(&self, need: &str) -> Vec<&Eligibility> {
        let named: Vec<_> = self.eligibility.iter().filter(|e| e.need.as_deref() == Some(need)).collect();
        if named.is_empty() { self.eligibility.iter().filter(|e| e.need.is_none()).collect() } else { named }
    }

    /// Its place nearest to somebody, with the straight-line distance in miles; without a home, the main place.
    pub fn nearest(&self, home: Option<Position>) -> (Option<&Arc<Place>>, Option<f64>) {
        let Some(home) = home else { return (self.places.first(), None) };
        let placed = self.places.iter().filter_map(|place| Some((place, home.miles_to(place.position?))));
        match placed.min_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((place, miles)) => (Some(place), Some(miles)),
            None => (self.places.first(), None),
        }
    }
}

/// A member of staff as people meet them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clinician {
    /// `Practitioner/…`.
    pub reference: String,
    pub name: String,
    pub sex: Option<Sex>,
    /// Role code of a post they hold (`trust::Role`), where one is on record.
    pub role: Option<String>,
}

/// A calendar that slots hang from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// `Schedule/…`.
    pub reference: String,
    /// `HealthcareService/…`.
    pub services: Vec<String>,
    pub practitioner: Option<Clinician>,
    pub place: Option<Named>,
    /// Need codes it may be booked for; empty for every need of its services.
    pub needs: Vec<String>,
    pub mode: Mode,
}

impl Schedule {
    pub fn may_be_booked_for(&self, need: &str) -> bool {
        self.needs.is_empty() || self.needs.iter().any(|code| code == need)
    }

    /// The calendars that a booking here keeps: the schedule's own and its practitioner's.
    pub fn calendars(&self) -> Vec<String> {
        let practitioner = self.practitioner.as_ref().map(|clinician| clinician.reference.clone());
        std::iter::once(self.reference.clone()).chain(practitioner).collect()
    }
}

/// A post somebody holds: what they may sign in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// `PractitionerRole/…`.
    pub reference: String,
    pub practitioner: Clinician,
    pub organization: Option<Named>,
    pub services: Vec<Named>,
    /// Role code, as `trust::Role`.
    pub role: String,
}

impl Post {
    /// The actor who signs in to this post through `system` ("Kith web"). `None` if the role is not one of staff.
    pub fn actor(&self, system: &str) -> Option<kith_trust::Actor> {
        let role = kith_trust::Role::from_code(&self.role).filter(|role| role.is_staff())?;
        let organization = self.organization.as_ref();
        let mut acts_for: Vec<String> = organization.map(|o| o.reference.clone()).into_iter().collect();
        acts_for.extend(self.services.iter().map(|service| service.reference.clone()));
        Some(kith_trust::Actor {
            reference: self.practitioner.reference.clone(),
            name: self.practitioner.name.clone(),
            role,
            organization: organization.map(|o| o.reference.clone()),
            organization_name: organization.map(|o| o.name.clone()),
            acts_for,
            system: system.to_owned(),
            scopes: Vec::new(),
        })
    }
}
