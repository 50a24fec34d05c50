//! Types, ids and references of resources.

use serde_json::Value;

/// Every concrete resource type of R4 (4.0.1), in alphabetical order. A type's code is its place here plus one; R4 is
/// closed, so the codes never change.
pub const TYPES: &[&str] = &[
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

/// The stable code of a resource type, from 1; `None` for a name R4 does not have.
pub fn type_code(name: &str) -> Option<u16> {
    TYPES.binary_search(&name).ok().map(|at| at as u16 + 1)
}

/// The resource type with this code.
pub fn type_name(code: u16) -> Option<&'static str> {
    TYPES.get(usize::from(code).checked_sub(1)?).copied()
}

/// `resourceType` of a resource.
pub fn type_of(resource: &Value) -> Option<&str> {
    resource.get("resourceType")?.as_str()
}

/// `id` of a resource.
pub fn id_of(resource: &Value) -> Option<&str> {
    resource.get("id")?.as_str()
}

/// `Type/id` of a resource that has both.
pub fn reference_of(resource: &Value) -> Option<String> {
    Some(format!("{}/{}", type_of(resource)?, id_of(resource)?))
}

/// Whether `id` is an R4 id: 1 to 64 of `A-Z a-z 0-9 - .`
pub fn valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The type and id a literal reference points to: `Type/id`, `Type/id/_history/v` or an absolute URL that ends so.
/// `None` for `#contained`, `urn:` and anything that names no R4 type or no valid id.
pub fn split_reference(reference: &str) -> Option<(&str, &str)> {
    let path = reference.split(['?', '#']).next().unwrap_or(reference);
    if path.len() != reference.len() || path.starts_with("urn:") {
        return None;
    }
    let path = match path.rfind("/_history/") {
        Some(at) => &path[..at],
        None => path,
    };
    let (before, id) = path.rsplit_once('/')?;
    let name = match before.rsplit_once('/') {
        Some((base, name)) if base.contains("://") => name,
        Some(_) => return None,
        None => before,
    };
    (valid_id(id) && type_code(name).is_some()).then_some((name, id))
}

/// Whether the reference is relative to this record (`Type/id`, perhaps with a version), giving type and id.
pub fn split_local_reference(reference: &str) -> Option<(&str, &str)> {
    if reference.contains("://") { None } else { split_reference(reference) }
}

/// Calls `seen` with the text of every `reference` element below `value`, contained resources included.
pub fn for_each_reference(value: &Value, mut seen: impl FnMut(&str)) {
    fn walk(value: &Value, seen: &mut dyn FnMut(&str)) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, seen)),
            Value::Object(map) => {
                for (key, child) in map {
                    match child {
                        Value::String(text) if key == "reference" => seen(text),
                        Value::Array(_) | Value::Object(_) => walk(child, seen),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    walk(value, &mut seen);
}

/// Calls `change` with every `reference` string below `value`, to rewrite it in place.
pub fn for_each_reference_mut(value: &mut Value, mut change: impl FnMut(&mut String)) {
    fn walk(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
            Value::Object(map) => {
                for (key, child) in map.iter_mut() {
                    match child {
                        Value::String(text) if key == "reference" => change(text),
                        Value::Array(_) | Value::Object(_) => walk(child, change),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    walk(value, &mut change);
}
