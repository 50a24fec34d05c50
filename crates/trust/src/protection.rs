//! What protects one item: a seal for named people, a mark that it is about somebody else as well, and codes that are left
//! out of shared views.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use kith_fhir::{Value, json, system};
use serde::Deserialize;

use crate::actor::Actor;
use crate::facts::Facts;

const SEALED: &str = "sealed";
const THIRD_PARTY: &str = "third-party";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtectedCodes {
    #[allow(dead_code)] // read by people
    source: String,
    #[allow(dead_code)]
    date: jiff::civil::Date,
    #[allow(dead_code)]
    status: String,
    code: Vec<ProtectedCode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtectedCode {
    system: String,
    code: String,
    #[allow(dead_code)]
    words: String,
}

fn parse(text: &str) -> Result<ProtectedCodes, toml::de::Error> {
    toml::from_str(text)
}

/// Specially protected codes (`content/agreements/protected-codes.toml`). The file in the binary is checked by a test; were
/// it unreadable, nothing would be known to be safe to share, and the program must not start.
static PROTECTED: LazyLock<HashMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let codes = parse(include_str!("../../../content/agreements/protected-codes.toml"));
    let mut by_code: HashMap<String, BTreeSet<String>> = HashMap::new();
    for code in codes.expect("protected-codes.toml, checked by a test").code {
        by_code.entry(code.code).or_default().insert(code.system);
    }
    by_code
});

/// Whether a resource carries a specially protected code.
pub(crate) fn has_protected_code(value: &Value) -> bool {
    let concept = |concept: &Value| {
        concept["coding"].as_array().is_some_and(|codings| {
            codings.iter().any(|coding| {
                let (Some(system), Some(code)) = (coding["system"].as_str(), coding["code"].as_str()) else {
                    return false;
                };
                PROTECTED.get(code).is_some_and(|systems| systems.contains(system))
            })
        })
    };
    concept(&value["code"])
        || concept(&value["medicationCodeableConcept"])
        || concept(&value["vaccineCode"])
        || value["reasonCode"].as_array().is_some_and(|reasons| reasons.iter().any(concept))
}

fn label(value: &Value, code: &str) -> bool {
    value["meta"]["security"]
        .as_array()
        .is_some_and(|labels| labels.iter().any(|l| l["code"] == code && l["system"] == system::CS_PROTECTION))
}

/// What is special about an item for this actor. `wrote`: the organisation that wrote it.
pub(crate) fn item_facts(value: &Value, wrote: Option<&str>, actor: &Actor) -> Facts {
    let mut facts = Facts::OWN_WORK.when(wrote.is_some() && wrote == actor.organization.as_deref());
    if value["meta"]["security"].is_null() {
        return facts;
    }
    facts |= Facts::THIRD_PARTY.when(label(value, THIRD_PARTY));
    if label(value, SEALED) {
        facts |= Facts::SEALED;
        let mine =
            |name: &str| name == actor.reference || (actor.role.is_staff() && actor.acts_for.iter().any(|a| a == name));
        facts |= Facts::NAMED.when(sealed_for(value).any(mine));
    }
    facts
}

/// The facts of several versions of one item together: what protects one protects all.
pub(crate) fn together(a: Facts, b: Facts) -> Facts {
    let mut facts = Facts((a.0 | b.0) & (Facts::SEALED | Facts::THIRD_PARTY).0);
    let named = |f: Facts| !f.has(Facts::SEALED) || f.has(Facts::NAMED);
    facts |= Facts::NAMED.when(facts.has(Facts::SEALED) && named(a) && named(b));
    facts | Facts::OWN_WORK.when(a.has(Facts::OWN_WORK) && b.has(Facts::OWN_WORK))
}

/// Whom a sealed item is for: `Practitioner/…`, `HealthcareService/…`, `Organization/…`.
pub fn sealed_for(value: &Value) -> impl Iterator<Item = &str> {
    let extensions = value["extension"].as_array().into_iter().flatten();
    extensions.filter(|e| e["url"] == system::EXT_SEALED_FOR).filter_map(|e| e["valueReference"]["reference"].as_str())
}

/// Whether an item is sealed.
pub fn is_sealed(value: &Value) -> bool {
    label(value, SEALED)
}

/// Whether an item is marked as about somebody else as well.
pub fn is_about_third_party(value: &Value) -> bool {
    label(value, THIRD_PARTY)
}

/// Seals an item for these people, services or organisations (references); none takes the seal off.
pub fn seal(value: &mut Value, named: &[String]) {
    set_label(value, SEALED, !named.is_empty());
    let mut extensions: Vec<Value> = value["extension"].as_array().cloned().unwrap_or_default();
    extensions.retain(|e| e["url"] != system::EXT_SEALED_FOR);
    extensions
        .extend(named.iter().map(|name| json!({"url": system::EXT_SEALED_FOR, "valueReference": {"reference": name}})));
    set_or_remove(value, "extension", extensions);
}

/// Marks an item as about somebody else as well, or takes the mark off.
pub fn mark_third_party(value: &mut Value, about: bool) {
    set_label(value, THIRD_PARTY, about);
}

fn set_label(value: &mut Value, code: &str, on: bool) {
    let mut labels: Vec<Value> = value["meta"]["security"].as_array().cloned().unwrap_or_default();
    labels.retain(|l| !(l["code"] == code && l["system"] == system::CS_PROTECTION));
    if on {
        labels.push(json!({"system": system::CS_PROTECTION, "code": code}));
    }
    if !value["meta"].is_object() {
        value["meta"] = json!({});
    }
    set_or_remove(&mut value["meta"], "security", labels);
}

fn set_or_remove(value: &mut Value, member: &str, list: Vec<Value>) {
    if let Some(object) = value.as_object_mut() {
        if list.is_empty() {
            object.remove(member);
        } else {
            object.insert(member.to_owned(), Value::Array(list));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protected_code_is_readable_and_named_once() {
        let codes = parse(include_str!("../../../content/agreements/protected-codes.toml")).unwrap();
        assert_eq!(PROTECTED.values().map(BTreeSet::len).sum::<usize>(), codes.code.len(), "a code stands there twice");
        assert!(codes.code.iter().all(|c| !c.words.is_empty()));
        let hiv =
            json!({"resourceType": "Condition", "code": {"coding": [{"system": system::SNOMED, "code": "86406008"}]}});
        assert!(has_protected_code(&hiv));
    }

    #[test]
    fn a_seal_is_put_on_and_taken_off_and_leaves_other_labels() {
        let mut item = json!({"meta": {"security": [{"code": "R"}]}, "extension": [{"url": "other"}]});
        seal(&mut item, &["Practitioner/a".into()]);
        mark_third_party(&mut item, true);
        assert!(is_sealed(&item) && is_about_third_party(&item));
        assert_eq!(sealed_for(&item).collect::<Vec<_>>(), ["Practitioner/a"]);
        seal(&mut item, &[]);
        mark_third_party(&mut item, false);
        assert_eq!(item, json!({"meta": {"security": [{"code": "R"}]}, "extension": [{"url": "other"}]}));
    }

    #[test]
    fn what_protects_one_version_protects_all() {
        let sealed = Facts::SEALED | Facts::NAMED | Facts::OWN_WORK;
        assert_eq!(together(sealed, Facts::OWN_WORK), sealed);
        assert_eq!(together(sealed, Facts::SEALED), Facts::SEALED, "named on one seal and not on the other");
    }
}
