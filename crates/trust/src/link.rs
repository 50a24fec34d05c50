//! Relationships: what connects a person with an organisation, a service, a member of staff or a proxy, worked out from
//! the record itself whenever a resource is written.

use jiff::{SignedDuration, Timestamp, civil};
use kith_fhir::{Value, system};
use kith_store::Link;
use serde::{Deserialize, Serialize};

use crate::choices;
use crate::facts::Facts;

/// How an actor stands to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipKind {
    /// Registered with the actor's practice.
    Registered,
    /// Has a booking with the actor's service.
    Booked,
    /// Has a request or referral to the actor's service.
    Requested,
    /// Work for the person is owned by the actor's service.
    Tasked,
    /// The actor asked or referred.
    Requester,
    /// The actor acts for the person.
    Proxy,
    /// The person is in front of the actor's organisation, identified by two facts.
    Present,
    /// The person is in the caseload of the actor's team.
    Caseload,
}

impl RelationshipKind {
    pub const ALL: [Self; 8] = [
        Self::Registered,
        Self::Booked,
        Self::Requested,
        Self::Tasked,
        Self::Requester,
        Self::Proxy,
        Self::Present,
        Self::Caseload,
    ];

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Registered => 1,
            Self::Booked => 2,
            Self::Requested => 3,
            Self::Tasked => 4,
            Self::Requester => 5,
            Self::Proxy => 6,
            Self::Present => 7,
            Self::Caseload => 8,
        }
    }

    /// Every number that stands for it: a proxy may act in everything, in arranging, or as a parent.
    pub(crate) fn numbers(self) -> Vec<u8> {
        if self == Self::Proxy { vec![self.number(), ARRANGER, PARENT] } else { vec![self.number()] }
    }

    /// The fact that agreements speak of.
    pub(crate) fn fact(self) -> Facts {
        match self {
            Self::Registered => Facts::REGISTERED,
            Self::Booked => Facts::BOOKED,
            Self::Requested => Facts::REQUESTED,
            Self::Tasked => Facts::TASKED,
            Self::Requester => Facts::REQUESTER,
            Self::Proxy => Facts::PROXY,
            Self::Present => Facts::PRESENT,
            Self::Caseload => Facts::CASELOAD,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.numbers().contains(&number))
    }

    /// As policies name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Booked => "booked",
            Self::Requested => "requested",
            Self::Tasked => "tasked",
            Self::Requester => "requester",
            Self::Proxy => "proxy",
            Self::Present => "present",
            Self::Caseload => "caseload",
        }
    }
}

/// Links that are no relationship of their own; they are read together with the relationships.
pub(crate) const ARRANGER: u8 = 16;
/// A parent's or guardian's permission: what it opens follows the child's age.
pub(crate) const PARENT: u8 = 17;
/// A birth date, in the target.
pub(crate) const BORN: u8 = 18;
/// The person said no to sharing with the kind of organisation in the target; [`EVERY`] for all.
pub(crate) const DISSENT: u8 = 20;
/// The person opted out of anything but care.
pub(crate) const OPTED_OUT: u8 = 21;
pub(crate) const EVERY: &str = "every";

/// From this birthday on a parent arranges and does not read clinical detail; the young person's own.
/// NHS England, "Proxy access to GP online services: children and young people" (read November 2026): access is
/// reviewed at 11 to 13; NHS App accounts begin at 13.
pub const PARENT_READS_UNTIL_AGE: i16 = 13;
/// From this birthday on a parent acts only by a new permission. Family Law Reform Act 1969, section 8.
pub const PARENT_ACTS_UNTIL_AGE: i16 = 16;

/// HL7 v3 RoleCodes of those in charge of a child.
const PARENTAL: [&str; 14] = [
    "PRN", "PRNFOST", "NPRN", "STPPRN", "ADOPTP", "MTH", "FTH", "NMTH", "NFTH", "STPMTH", "STPFTH", "GUARD", "PGRDN",
    "LEGUARD",
];

/// What a permission to act opens now: nothing after the 16th birthday of a parent's child, arranging from the 13th (and
/// where the birth date is not known), everything before.
pub(crate) fn proxy_fact(number: u8, born: Option<civil::Date>, today: civil::Date) -> Facts {
    match number {
        ARRANGER => Facts::ARRANGER,
        PARENT => match born.map(|born| age_on(born, today)) {
            Some(age) if age < PARENT_READS_UNTIL_AGE => Facts::PROXY,
            Some(age) if age >= PARENT_ACTS_UNTIL_AGE => Facts::NONE,
            _ => Facts::ARRANGER,
        },
        _ => Facts::PROXY,
    }
}

/// Completed years on a day.
fn age_on(born: civil::Date, day: civil::Date) -> i16 {
    let years = day.year() - born.year();
    if (day.month(), day.day()) >= (born.month(), born.day()) { years } else { years - 1 }
}

/// A birth date; of a month or year alone its first day, so that a parent's permission ends early rather than late.
pub(crate) fn birth_date(written: &str) -> Option<civil::Date> {
    match written.len() {
        4 => format!("{written}-01-01").parse().ok(),
        7 => format!("{written}-01").parse().ok(),
        _ => written.parse().ok(),
    }
}

/// One relationship of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relationship {
    pub kind: RelationshipKind,
    /// `Organization/…`, `HealthcareService/…`, `Practitioner/…` or, for a proxy, `Patient/…`.
    pub with: String,
    /// When it ends; `None` is open.
    pub until: Option<Timestamp>,
}

/// How long a service keeps sight of a person after its part is completed, to finish notes and answer questions.
/// `content/agreements/involved-services.md`, 2026-11-20.
pub const TAIL: SignedDuration = SignedDuration::from_hours(28 * 24);
/// How long a person stays "present" after being identified at a desk or on the phone.
pub const PRESENT_FOR: SignedDuration = SignedDuration::from_hours(24);

fn reference(value: &Value) -> Option<&str> {
    value["reference"].as_str()
}

fn add(links: &mut Vec<Link>, kind: RelationshipKind, target: &str, until: Option<Timestamp>) {
    links.push(Link { kind: kind.number(), target: target.to_owned(), until });
}

/// The relationships a resource gives rise to, as of `now`.
pub(crate) fn links_of(kind: &str, value: &Value, now: Timestamp) -> Vec<Link> {
    let mut links = Vec::new();
    let tail = now.saturating_add(TAIL).ok();
    match kind {
        "Patient" => {
            let practices = value["generalPractitioner"].as_array().into_iter().flatten();
            for target in practices.chain([&value["managingOrganization"]]).filter_map(reference) {
                if target.starts_with("Organization/") {
                    add(&mut links, RelationshipKind::Registered, target, None);
                }
            }
            if let Some(born) = value["birthDate"].as_str() {
                links.push(Link { kind: BORN, target: born.to_owned(), until: None });
            }
        }
        "EpisodeOfCare" => {
            let until = match value["status"].as_str() {
                Some("planned" | "waitlist" | "active" | "onhold") => Some(None),
                Some("finished") => Some(tail),
                _ => None,
            };
            if let Some(until) = until {
                let teams = value["team"].as_array().into_iter().flatten();
                for target in teams.chain([&value["managingOrganization"], &value["careManager"]]).filter_map(reference)
                {
                    add(&mut links, RelationshipKind::Caseload, target, until);
                }
            }
        }
        "CareTeam" if matches!(value["status"].as_str(), Some("proposed" | "active" | "suspended")) => {
            for participant in value["participant"].as_array().into_iter().flatten() {
                let members = [&participant["member"], &participant["onBehalfOf"]];
                for target in members.into_iter().filter_map(reference) {
                    if ["HealthcareService/", "Practitioner/", "Organization/"].iter().any(|t| target.starts_with(t)) {
                        add(&mut links, RelationshipKind::Caseload, target, None);
                    }
                }
            }
        }
        "Consent" => links.extend(choices::links_of(value)),
        "Appointment" => {
            let until = match value["status"].as_str() {
                Some("proposed" | "pending" | "booked" | "arrived" | "checked-in" | "waitlist") => {
                    // A booking nobody closed does not keep a door open for ever.
                    let end = value["end"].as_str().and_then(|t| t.parse::<Timestamp>().ok());
                    Some(end.and_then(|end| end.saturating_add(TAIL).ok()))
                }
                Some("fulfilled") => Some(tail),
                _ => None,
            };
            if let Some(until) = until {
                for participant in value["participant"].as_array().into_iter().flatten() {
                    if let Some(target) = reference(&participant["actor"])
                        && (target.starts_with("HealthcareService/") || target.starts_with("Practitioner/"))
                    {
                        add(&mut links, RelationshipKind::Booked, target, until);
                    }
                }
            }
        }
        "ServiceRequest" => {
            let until = match value["status"].as_str() {
                Some("draft" | "active" | "on-hold") => Some(None),
                Some("completed") => Some(tail),
                _ => None,
            };
            if let Some(until) = until {
                for target in value["performer"].as_array().into_iter().flatten().filter_map(reference) {
                    if !target.starts_with("Patient/") {
                        add(&mut links, RelationshipKind::Requested, target, until);
                    }
                }
                if let Some(target) = reference(&value["requester"])
                    && !target.starts_with("Patient/")
                {
                    add(&mut links, RelationshipKind::Requester, target, until);
                }
            }
        }
        "Task" => {
            let until = match value["status"].as_str() {
                Some("completed") => Some(tail),
                Some("cancelled" | "rejected" | "failed" | "entered-in-error") | None => None,
                Some(_) => Some(None),
            };
            if let Some(until) = until
                && let Some(target) = reference(&value["owner"])
                && !target.starts_with("Patient/")
            {
                add(&mut links, RelationshipKind::Tasked, target, until);
            }
        }
        "RelatedPerson" if value["active"].as_bool() != Some(false) => {
            let proxy = value["extension"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|e| e["url"] == system::EXT_PROXY_PATIENT)
                .find_map(|e| reference(&e["valueReference"]));
            if let Some(target) = proxy {
                // An end that cannot be read closes the door.
                let until = match &value["period"]["end"] {
                    Value::Null => None,
                    end => Some(end.as_str().and_then(end_of).unwrap_or(Timestamp::MIN)),
                };
                links.push(Link { kind: proxy_number(value), target: target.to_owned(), until });
            }
        }
        _ => {}
    }
    links
}

/// What a permission to act covers.
fn proxy_number(related: &Value) -> u8 {
    let extensions = related["extension"].as_array().into_iter().flatten();
    let scope = extensions.filter(|e| e["url"] == system::EXT_PROXY_SCOPE).find_map(|e| e["valueCode"].as_str());
    let parental = related["relationship"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|concept| concept["coding"].as_array())
        .flatten()
        .any(|coding| coding["code"].as_str().is_some_and(|code| PARENTAL.contains(&code)));
    match scope {
        None | Some("everything") if parental => PARENT,
        // A young person's own choice, made from 16 on, is as anybody's.
        None | Some("everything" | "own-choice") => RelationshipKind::Proxy.number(),
        // Arranging, or a word this version does not know.
        Some(_) => ARRANGER,
    }
}

/// The end of a period: an instant, or the end of a civil day in London.
pub(crate) fn end_of(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let day = text.parse::<civil::Date>().ok()?;
    let next = day.tomorrow().ok()?;
    Some(next.in_tz("Europe/London").ok()?.timestamp())
}
