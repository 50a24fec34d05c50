//! Relationships: what connects a person with an organisation, a service, a member of staff or a proxy, worked out from
//! the record itself whenever a resource is written.

use jiff::{SignedDuration, Timestamp, civil};
use kith_fhir::{Value, system};
use kith_store::Link;
use serde::{Deserialize, Serialize};

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
}

impl RelationshipKind {
    pub const ALL: [Self; 7] =
        [Self::Registered, Self::Booked, Self::Requested, Self::Tasked, Self::Requester, Self::Proxy, Self::Present];

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Registered => 1,
            Self::Booked => 2,
            Self::Requested => 3,
            Self::Tasked => 4,
            Self::Requester => 5,
            Self::Proxy => 6,
            Self::Present => 7,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
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
        }
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
/// `content/agreements/neighbourhood.md`, 2026-11-20.
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
        }
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
                let until = value["period"]["end"].as_str().and_then(end_of);
                add(&mut links, RelationshipKind::Proxy, target, until);
            }
        }
        _ => {}
    }
    links
}

/// The end of a period: an instant, or the end of a civil day in London.
fn end_of(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let day = text.parse::<civil::Date>().ok()?;
    let next = day.tomorrow().ok()?;
    Some(next.in_tz("Europe/London").ok()?.timestamp())
}
