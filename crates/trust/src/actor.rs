//! Who is acting, in what role, for whom and why.

use serde::{Deserialize, Serialize};

/// The role somebody acts in. Codes are those of `PractitionerRole.code` in `docs/record.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A person using Kith for themselves or, as a proxy, for somebody else.
    Person,
    Receptionist,
    CareNavigator,
    Gp,
    Nurse,
    Pharmacist,
    Optometrist,
    Dentist,
    Physiotherapist,
    CommunityNurse,
    MentalHealthPractitioner,
    LinkWorker,
    Manager,
    PrivacyOfficer,
    /// Learns from what went wrong: the clinical safety officer of DCB0129 and DCB0160, or one of their team.
    SafetyOfficer,
    /// Plans or researches from counts and coded facts without names.
    Analyst,
    /// Kith itself: import, the twin, background jobs.
    System,
    /// A registered integration engine with a bearer token.
    Machine,
}

impl Role {
    pub const ALL: [Self; 18] = [
        Self::Person,
        Self::Receptionist,
        Self::CareNavigator,
        Self::Gp,
        Self::Nurse,
        Self::Pharmacist,
        Self::Optometrist,
        Self::Dentist,
        Self::Physiotherapist,
        Self::CommunityNurse,
        Self::MentalHealthPractitioner,
        Self::LinkWorker,
        Self::Manager,
        Self::PrivacyOfficer,
        Self::SafetyOfficer,
        Self::Analyst,
        Self::System,
        Self::Machine,
    ];

    /// The code used in policies, tokens and `PractitionerRole.code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Receptionist => "receptionist",
            Self::CareNavigator => "care-navigator",
            Self::Gp => "gp",
            Self::Nurse => "nurse",
            Self::Pharmacist => "pharmacist",
            Self::Optometrist => "optometrist",
            Self::Dentist => "dentist",
            Self::Physiotherapist => "physiotherapist",
            Self::CommunityNurse => "community-nurse",
            Self::MentalHealthPractitioner => "mental-health-practitioner",
            Self::LinkWorker => "link-worker",
            Self::Manager => "manager",
            Self::PrivacyOfficer => "privacy-officer",
            Self::SafetyOfficer => "safety-officer",
            Self::Analyst => "analyst",
            Self::System => "system",
            Self::Machine => "machine",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }

    /// How the role is named to a person: "GP", "care navigator".
    pub fn words(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Receptionist => "receptionist",
            Self::CareNavigator => "care navigator",
            Self::Gp => "GP",
            Self::Nurse => "nurse",
            Self::Pharmacist => "pharmacist",
            Self::Optometrist => "optometrist",
            Self::Dentist => "dentist",
            Self::Physiotherapist => "physiotherapist",
            Self::CommunityNurse => "community nurse",
            Self::MentalHealthPractitioner => "mental health practitioner",
            Self::LinkWorker => "link worker",
            Self::Manager => "manager",
            Self::PrivacyOfficer => "privacy officer",
            Self::SafetyOfficer => "safety officer",
            Self::Analyst => "analyst",
            Self::System => "Kith itself",
            Self::Machine => "connected system",
        }
    }

    /// Whether the role gives care and may need clinical detail to do so.
    pub fn is_clinical(self) -> bool {
        matches!(
            self,
            Self::Gp
                | Self::Nurse
                | Self::Pharmacist
                | Self::Optometrist
                | Self::Dentist
                | Self::Physiotherapist
                | Self::CommunityNurse
                | Self::MentalHealthPractitioner
                | Self::LinkWorker
        )
    }

    /// Whether the role belongs to staff of an organisation.
    pub fn is_staff(self) -> bool {
        !matches!(self, Self::Person | Self::System | Self::Machine)
    }
}

/// Why somebody acts. Sent with every request to the record and kept in the audit chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Care of this person now.
    DirectCare,
    /// Bookings, registration, messages: no clinical detail.
    Administration,
    /// The person (or their proxy) using their own record.
    OwnRecord,
    /// Looking into the audit trail.
    Audit,
    /// Learning from what went wrong.
    Safety,
    /// Whose care is due, at the practice a person is registered with.
    PopulationHealth,
    /// Planning services, from counts.
    Planning,
    /// Research, from coded facts without names.
    Research,
    /// Import, export, background work of Kith itself.
    Operations,
}

impl Purpose {
    pub const ALL: [Self; 9] = [
        Self::DirectCare,
        Self::Administration,
        Self::OwnRecord,
        Self::Audit,
        Self::Safety,
        Self::PopulationHealth,
        Self::Planning,
        Self::Research,
        Self::Operations,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::DirectCare => "direct-care",
            Self::Administration => "administration",
            Self::OwnRecord => "own-record",
            Self::Audit => "audit",
            Self::Safety => "safety",
            Self::PopulationHealth => "population-health",
            Self::Planning => "planning",
            Self::Research => "research",
            Self::Operations => "operations",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// How the purpose is told to a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::DirectCare => "to give you care",
            Self::Administration => "to arrange your care",
            Self::OwnRecord => "to use your own record",
            Self::Audit => "to check who looked at records",
            Self::Safety => "to learn from what went wrong",
            Self::PopulationHealth => "to see whose care is due",
            Self::Planning => "to plan services",
            Self::Research => "for research",
            Self::Operations => "to keep the record working",
        }
    }
}

/// An identity in the role it acts in now. One person of staff with two posts is two actors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `Patient/…`, `Practitioner/…` or `Device/…`.
    pub reference: String,
    /// Name as shown to others. Never logged.
    pub name: String,
    pub role: Role,
    /// `Organization/…` the actor works for; `None` for people and Kith itself.
    pub organization: Option<String>,
    /// The organisation's name as shown.
    pub organization_name: Option<String>,
    /// Everything the actor stands for when a relationship is looked for: the organisation, and the
    /// `HealthcareService/…` of their post. Does not include `reference`.
    pub acts_for: Vec<String>,
    /// The system the act came through: "Kith web", "Kith import", the name of an integration engine.
    pub system: String,
    /// SMART-like scopes of a machine's token (`system/*.*`); empty for everybody else.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl Actor {
    /// A person using Kith for themselves.
    pub fn person(patient_id: &str, name: &str, system: &str) -> Self {
        Self {
            reference: format!("Patient/{patient_id}"),
            name: name.to_owned(),
            role: Role::Person,
            organization: None,
            organization_name: None,
            acts_for: Vec::new(),
            system: system.to_owned(),
            scopes: Vec::new(),
        }
    }

    /// Kith itself doing `system` ("Kith import").
    pub fn system(system: &str) -> Self {
        Self {
            reference: "Device/kith".to_owned(),
            name: "Kith".to_owned(),
            role: Role::System,
            organization: None,
            organization_name: None,
            acts_for: Vec::new(),
            system: system.to_owned(),
            scopes: Vec::new(),
        }
    }

    /// The HealthcareServices the actor's post belongs to.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.acts_for.iter().map(String::as_str).filter(|r| r.starts_with("HealthcareService/"))
    }

    /// The id part of `reference`.
    pub fn id(&self) -> &str {
        self.reference.split_once('/').map_or("", |(_, id)| id)
    }
}
