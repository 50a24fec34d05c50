//! Identifier systems, code systems and extension URLs, each spelt once. See `docs/record.md`.

/// NHS number. NHS Data Dictionary; the `/id/` and `http://` variants are read, this one is written.
pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// A member of staff in the national directory: the `nhsid_useruid` of NHS Care Identity.
pub const SDS_USER: &str = "https://fhir.nhs.uk/Id/sds-user-id";
/// A role profile of a member of staff in the national directory.
pub const SDS_ROLE_PROFILE: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";
/// ODS organisation code.
pub const ODS_ORGANISATION: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// ODS site code.
pub const ODS_SITE: &str = "https://fhir.nhs.uk/Id/ods-site-code";
/// General Medical Council reference number.
pub const GMC: &str = "https://fhir.hl7.org.uk/Id/gmc-number";
/// Nursing and Midwifery Council PIN.
pub const NMC: &str = "https://fhir.hl7.org.uk/Id/nmc-number";
/// General Pharmaceutical Council number.
pub const GPHC: &str = "https://fhir.hl7.org.uk/Id/gphc-number";
/// General Optical Council number.
pub const GOC: &str = "https://fhir.hl7.org.uk/Id/goc-number";
/// General Dental Council number.
pub const GDC: &str = "https://fhir.hl7.org.uk/Id/gdc-number";
/// Health and Care Professions Council number.
pub const HCPC: &str = "https://fhir.hl7.org.uk/Id/hcpc-number";
/// Social Work England / local charity staff identifier, issued by the place.
pub const LOCAL_STAFF: &str = "https://fhir.kith.example/Id/staff";

pub const SNOMED: &str = "http://snomed.info/sct";
pub const LOINC: &str = "http://loinc.org";
pub const UCUM: &str = "http://unitsofmeasure.org";
/// NHS dictionary of medicines and devices.
pub const DMD: &str = "https://dmd.nhs.uk";
pub const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
pub const BCP47: &str = "urn:ietf:bcp:47";

/// UK Core extensions.
pub const EXT_ETHNIC_CATEGORY: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory";
pub const EXT_NHS_NUMBER_VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";
pub const CS_ETHNIC_CATEGORY: &str = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory";
pub const CS_NHS_NUMBER_VERIFICATION: &str =
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland";
/// HL7's geolocation extension (nested `latitude`, `longitude`, decimal degrees WGS84).
pub const EXT_GEOLOCATION: &str = "http://hl7.org/fhir/StructureDefinition/geolocation";

macro_rules! kith {
    ($($(#[$m:meta])* $name:ident = $kind:literal / $path:literal;)*) => {
        $($(#[$m])* pub const $name: &str = concat!("https://fhir.kith.example/", $kind, "/", $path);)*
    };
}

kith! {
    /// Kinds of provider: `general-practice`, `community-pharmacy`, `optician`, `dental-practice`,
    /// `urgent-treatment-hub`, `community-nursing`, `first-contact-physiotherapy`, `mental-health`, `charity`.
    CS_SERVICE_KIND = "CodeSystem"/"service-kind";
    /// What a person may act for another in: `everything`, `arranging`. On a RelatedPerson, `valueCode`.
    EXT_PROXY_SCOPE = "StructureDefinition"/"proxy-scope";
    /// Choices about sharing, in `Consent.category`: `sharing`, `national-data-opt-out`, `type-1-opt-out`.
    CS_CHOICE = "CodeSystem"/"choice";
    /// What protects an item, in `meta.security`: `sealed`, `third-party`.
    CS_PROTECTION = "CodeSystem"/"protection";
    /// Who may see a sealed item, on the item: `valueReference`, repeated.
    EXT_SEALED_FOR = "StructureDefinition"/"sealed-for";
    /// What a person can need and a service can meet: `content/vocabulary/needs.toml`.
    CS_NEED = "CodeSystem"/"need";
    /// Characteristics of a service: `step-free`, `nhs-taking-new-adults`, …
    CS_CHARACTERISTIC = "CodeSystem"/"service-characteristic";
    /// Roles of staff, as `trust::Role`.
    CS_ROLE = "CodeSystem"/"role";
    /// Kinds of work: `triage`, `appointment`, `referral`, `advice`, `message`, `result`, `callback`, `follow-up`.
    CS_TASK_KIND = "CodeSystem"/"task-kind";
    /// Categories of ServiceRequest (`help-request`, `referral`, `advice`), Communication (`message`, `notification`,
    /// `outcome`) and Flag (`access-need`).
    CS_CATEGORY = "CodeSystem"/"category";
    /// Urgency of a disposition: see `frontdoor::Urgency`.
    CS_URGENCY = "CodeSystem"/"urgency";
    /// Why an appointment was cancelled: `no-longer-needed`, `cannot-make-it`, `booked-by-mistake`,
    /// `service-unavailable`.
    CS_CANCEL_REASON = "CodeSystem"/"cancel-reason";
    /// Marks what was flagged on the way in, e.g. an NHS number that fails its check digit.
    CS_IMPORT_FLAG = "CodeSystem"/"import-flag";
    /// Canonical URL prefix of pathways: `<this>/<pathway id>`.
    PATHWAY = "Questionnaire"/"pathway";

    EXT_INTERPRETER_REQUIRED = "StructureDefinition"/"interpreter-required";
    EXT_IMD_DECILE = "StructureDefinition"/"imd-decile";
    EXT_CONTACT_PREFERENCE = "StructureDefinition"/"contact-preference";
    EXT_APPOINTMENT_PREFERENCE = "StructureDefinition"/"appointment-preference";
    EXT_PROXY_PATIENT = "StructureDefinition"/"proxy-patient";
    EXT_HOME_LOCATION = "StructureDefinition"/"home-location";
    EXT_STEP_FREE = "StructureDefinition"/"step-free";
    EXT_AGE_RANGE = "StructureDefinition"/"age-range";
    EXT_SEX = "StructureDefinition"/"eligible-sex";
    EXT_OPEN_BANK_HOLIDAYS = "StructureDefinition"/"open-bank-holidays";
    EXT_MODE = "StructureDefinition"/"mode";
    /// When a person arrived for an Appointment (`valueDateTime`).
    EXT_ARRIVED = "StructureDefinition"/"arrived";
    EXT_CHANNEL = "StructureDefinition"/"channel";
    EXT_DISPOSITION = "StructureDefinition"/"disposition";
    EXT_CLAIMED_BY = "StructureDefinition"/"claimed-by";
    EXT_TOLD = "StructureDefinition"/"told";
    /// The team (`valueReference`, HealthcareService) that asked, on a ServiceRequest of category referral or advice.
    EXT_REFERRING_SERVICE = "StructureDefinition"/"referring-service";
    /// Whether the receiver takes over responsibility (`valueBoolean`), on a referral.
    EXT_TRANSFER_OF_RESPONSIBILITY = "StructureDefinition"/"transfer-of-responsibility";
    /// Household a person lives in (`valueString`, an opaque key), for proxies and outreach.
    EXT_HOUSEHOLD = "StructureDefinition"/"household";
}
