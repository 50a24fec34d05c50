//! Which person a resource belongs to.
//!
//! HL7's R4 Patient CompartmentDefinition says by which search parameters each type joins a person's compartment; they
//! are compiled here to key paths, and a resource belongs to the people those paths point to. Only references within
//! this record (`Patient/id`) count.
//!
//! One addition: a `Binary` belongs to the person its `securityContext` names, so that the bytes of a photo live with
//! the record they are part of.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

use crate::{
    resource,
    search::{Path, definitions},
};

struct Compartment {
    /// By type code less one: where a resource may point to its person, the most telling first.
    types: Vec<Vec<Path>>,
}

static COMPARTMENT: LazyLock<Compartment> = LazyLock::new(|| {
    let published: BTreeMap<String, Vec<String>> =
        serde_json::from_str(include_str!("../definitions/patient-compartment.json"))
            .expect("the embedded compartment definition is JSON: a test reads it");
    let types = resource::TYPES
        .iter()
        .map(|&name| {
            let codes = published.get(name).map_or(&[][..], Vec::as_slice);
            codes
                .iter()
                .filter_map(|code| definitions().param(name, code))
                .flat_map(|param| param.paths().iter().cloned())
                .collect()
        })
        .collect();
    Compartment { types }
});

fn visit<'a>(resource: &'a Value, seen: &mut dyn FnMut(&'a str) -> bool) {
    let Some(name) = resource::type_of(resource) else { return };
    if name == "Patient" && resource::id_of(resource).is_some_and(&mut *seen) {
        return;
    }
    if name == "Binary" {
        resource.get("securityContext").and_then(patient).map(&mut *seen);
        return;
    }
    let Some(code) = resource::type_code(name) else { return };
    for path in &COMPARTMENT.types[usize::from(code) - 1] {
        if path.visit(resource, resource, &mut |node| patient(node).is_some_and(&mut *seen)) {
            return;
        }
    }
}

/// The id in a reference to a person of this record.
fn patient(reference: &Value) -> Option<&str> {
    let text = reference.get("reference")?.as_str()?.strip_prefix("Patient/")?;
    let id = text.split_once("/_history/").map_or(text, |(id, _)| id);
    resource::valid_id(id).then_some(id)
}

/// The first person whose compartment the resource is in: a Patient is in its own; `None` where it points to nobody.
pub fn patient_of(resource: &Value) -> Option<&str> {
    let mut found = None;
    visit(resource, &mut |id| {
        found = Some(id);
        true
    });
    found
}

/// Everybody whose compartment the resource is in, each once, the first as [`patient_of`] gives it.
pub fn patients_of(resource: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    visit(resource, &mut |id| {
        if !found.contains(&id) {
            found.push(id);
        }
        false
    });
    found
}

/// The resource types that can be in a person's compartment, in alphabetical order.
pub fn types() -> impl Iterator<Item = &'static str> {
    let can = |name: &str| {
        name == "Patient"
            || name == "Binary"
            || resource::type_code(name).is_some_and(|code| !COMPARTMENT.types[usize::from(code) - 1].is_empty())
    };
    resource::TYPES.iter().copied().filter(move |name| can(name))
}
