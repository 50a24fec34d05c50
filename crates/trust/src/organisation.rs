//! Kinds of organisation, as agreements and people's choices name them.

use kith_fhir::{Value, system};

/// The kind of organisation somebody acts for: the `service-kind` of its Organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OrganisationKind {
    /// People and Kith itself act for none.
    None,
    GeneralPractice,
    CommunityPharmacy,
    Optician,
    DentalPractice,
    UrgentTreatmentHub,
    CommunityNursing,
    FirstContactPhysiotherapy,
    MentalHealth,
    Charity,
    Hospital,
    LocalAuthority,
    /// An organisation of another or unknown kind.
    Other,
}

impl OrganisationKind {
    pub const ALL: [Self; 13] = [
        Self::None,
        Self::GeneralPractice,
        Self::CommunityPharmacy,
        Self::Optician,
        Self::DentalPractice,
        Self::UrgentTreatmentHub,
        Self::CommunityNursing,
        Self::FirstContactPhysiotherapy,
        Self::MentalHealth,
        Self::Charity,
        Self::Hospital,
        Self::LocalAuthority,
        Self::Other,
    ];

    /// The kinds a person may say no to.
    pub const CHOICES: [Self; 11] = [
        Self::GeneralPractice,
        Self::CommunityPharmacy,
        Self::Optician,
        Self::DentalPractice,
        Self::UrgentTreatmentHub,
        Self::CommunityNursing,
        Self::FirstContactPhysiotherapy,
        Self::MentalHealth,
        Self::Charity,
        Self::Hospital,
        Self::LocalAuthority,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::GeneralPractice => "general-practice",
            Self::CommunityPharmacy => "community-pharmacy",
            Self::Optician => "optician",
            Self::DentalPractice => "dental-practice",
            Self::UrgentTreatmentHub => "urgent-treatment-hub",
            Self::CommunityNursing => "community-nursing",
            Self::FirstContactPhysiotherapy => "first-contact-physiotherapy",
            Self::MentalHealth => "mental-health",
            Self::Charity => "charity",
            Self::Hospital => "hospital",
            Self::LocalAuthority => "local-authority",
            Self::Other => "other",
        }
    }

    /// As said to a person, in the plural: "pharmacies".
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "nobody",
            Self::GeneralPractice => "other GP practices",
            Self::CommunityPharmacy => "pharmacies",
            Self::Optician => "opticians",
            Self::DentalPractice => "dentists",
            Self::UrgentTreatmentHub => "the urgent treatment hub",
            Self::CommunityNursing => "community nurses",
            Self::FirstContactPhysiotherapy => "physiotherapists",
            Self::MentalHealth => "mental health services",
            Self::Charity => "charities",
            Self::Hospital => "hospitals",
            Self::LocalAuthority => "the council",
            Self::Other => "other organisations",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The kind of an Organization resource.
    pub(crate) fn of(organization: &Value) -> Self {
        organization["type"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|concept| concept["coding"].as_array())
            .flatten()
            .filter(|coding| coding["system"] == system::CS_SERVICE_KIND)
            .find_map(|coding| Self::from_code(coding["code"].as_str()?))
            .filter(|kind| *kind != Self::None)
            .unwrap_or(Self::Other)
    }
}
