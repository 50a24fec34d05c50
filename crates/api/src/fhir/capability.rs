//! What can be done here, as a CapabilityStatement: worked out from the published definitions and from the door itself, so
//! that it cannot promise more.

use std::collections::{BTreeMap, BTreeSet};

use kith_fhir::search::{Kind, Param, Query, definitions};
use kith_fhir::{Value, compartment, json, resource};
use kith_trust::Error;

use super::DERIVED;
use super::outcome::Failure;
use crate::state::Api;

/// Parameters that can be asked across people, by resource type.
#[derive(Debug, Default)]
pub struct Searchable(BTreeMap<&'static str, BTreeSet<&'static str>>);

impl Searchable {
    /// Asks the door once for each published parameter, of an id that nothing has: it refuses those that are not
    /// declared.
    async fn ask(api: &Api) -> Result<Self, Failure> {
        let access = api.door.system("Kith API");
        let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for &kind in resource::TYPES.iter().filter(|kind| !DERIVED.contains(kind)) {
            for param in
                definitions().params(kind).iter().filter(|p| !matches!(p.kind, Kind::Composite | Kind::Special))
            {
                let query = Query::new(kind)?.where_("_id", "-")?.where_(&format!("{}:missing", param.code), "true")?;
                match access.search(&query).await {
                    Ok(_) => {
                        found.entry(kind).or_default().insert(param.code);
                    }
                    Err(Error::Unsearchable { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Self(found))
    }

    /// Worked out at the first call.
    pub async fn of(api: &Api) -> Result<&Self, Failure> {
        api.searchable.get_or_try_init(|| Self::ask(api)).await
    }

    /// Whether this can be asked across people.
    pub fn across(&self, kind: &str, code: &str) -> bool {
        self.0.get(kind).is_some_and(|codes| codes.contains(code))
    }
}

/// Whether resources of this type can be in a person's compartment, where every parameter works.
fn of_people(kind: &str) -> bool {
    compartment::types().any(|other| other == kind)
}

fn kind_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "token",
        Kind::String => "string",
        Kind::Date => "date",
        Kind::Reference => "reference",
        Kind::Quantity => "quantity",
        Kind::Number => "number",
        Kind::Uri => "uri",
        Kind::Composite => "composite",
        Kind::Special => "special",
    }
}

/// Said of a parameter that works across people.
pub const ACROSS: &str = "across people, and within one person";
/// Said of a parameter that works in a person's compartment only.
pub const WITHIN: &str =
    "within one person only: Patient/{id}/{type}, or with `patient` or `subject` naming one Patient";
/// Said of a parameter of what belongs to no person.
pub const DIRECTORY: &str = "everywhere";

fn search_param(param: &Param, words: &str) -> Value {
    json!({"name": param.code, "type": kind_code(param.kind), "documentation": words})
}

fn interactions(codes: &[&str]) -> Vec<Value> {
    codes.iter().map(|code| json!({"code": code})).collect()
}

fn of_type(kind: &'static str, searchable: &Searchable) -> Value {
    let patient = json!({"name": "patient", "type": "reference", "documentation": "required: one Patient"});
    match kind {
        "AuditEvent" => {
            return json!({
                "type": kind,
                "documentation": "Served from the audit chain, newest first, where the agreement opens it to the token.",
                "interaction": interactions(&["search-type"]),
                "versioning": "no-version",
                "searchParam": [patient],
            });
        }
        "Provenance" => {
            let target =
                json!({"name": "target", "type": "reference", "documentation": "all versions of one resource"});
            return json!({
                "type": kind,
                "documentation": "Served from what is kept with each version; search by `patient` or `target`.",
                "interaction": interactions(&["read", "search-type"]),
                "versioning": "no-version",
                "searchParam": [
                    {"name": "patient", "type": "reference", "documentation": "every current version of one person's record"},
                    target
                ],
            });
        }
        _ => {}
    }
    let people = of_people(kind);
    let params: Vec<Value> = definitions()
        .params(kind)
        .iter()
        .filter(|param| param.kind != Kind::Special)
        .filter_map(|param| match (searchable.across(kind, param.code), people) {
            (true, true) => Some(search_param(param, ACROSS)),
            (true, false) => Some(search_param(param, DIRECTORY)),
            (false, true) => Some(search_param(param, WITHIN)),
            (false, false) => None,
        })
        .collect();
    let mut value = json!({
        "type": kind,
        "interaction": interactions(&["read", "vread", "update", "delete", "history-instance", "create", "search-type"]),
        "versioning": "versioned",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal", "enforced"],
        "searchParam": params,
    });
    if kind == "Patient" {
        value["operation"] = json!([{
            "name": "everything",
            "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
            "documentation": "Takes `_type`, `_since` and `_count`.",
        }]);
    }
    value
}

/// The CapabilityStatement. `base` is where the server is reached.
pub fn statement(searchable: &Searchable, base: &str, now: jiff::Timestamp) -> Value {
    let resources: Vec<Value> = resource::TYPES.iter().map(|kind| of_type(kind, searchable)).collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now.to_string(),
        "publisher": "Kith",
        "kind": "instance",
        "software": {"name": "Kith", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Kith: one neighbourhood's record", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "documentation": "Searches take `_count`, `_sort`, `_elements`, `_summary` (`data`, `count`, `false`) and \
                `_total`; paging is by the `next` link. Writes take `Prefer`, `If-Match`, `If-None-Exist` and \
                `Idempotency-Key`.",
            "security": {"description": "A bearer token made by `kith token`, with scopes such as system/*.* or \
                system/Patient.read. Every read of a person's record and every write is audited."},
            "resource": resources,
            "interaction": interactions(&["transaction", "batch"]),
            "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
        }],
    })
}
