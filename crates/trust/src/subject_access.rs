//! A copy of a person's record for the person: all that is held about them (UK GDPR, article 15), less what the law keeps
//! back, and saying so.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;
use kith_fhir::{Value, json, resource, system};
use kith_store::AuditEntry;

use crate::access::Access;
use crate::actor::{Purpose, Role};
use crate::agreements::Action;
use crate::error::Error;
use crate::kinds::DataKind;
use crate::record::{Entry, Record};

/// Why something is left out of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// About somebody else, who has not agreed. Data Protection Act 2018, schedule 2, paragraph 16.
    ThirdParty,
    /// A clinician judged that reading it would be likely to cause serious harm. The same, schedule 3, paragraph 5.
    SeriousHarm,
    /// Sealed by the person, and asked for by somebody who acts for them.
    Sealed,
    /// Kept from this reader by agreement.
    Agreement,
}

impl LeftOut {
    /// As said to the person.
    pub fn words(self) -> &'static str {
        match self {
            Self::ThirdParty => "about somebody else, who has not agreed to share it with you",
            Self::SeriousHarm => "a clinician judged that reading it could cause serious harm",
            Self::Sealed => "sealed by the person",
            Self::Agreement => "not yours to see by the sharing agreement",
        }
    }
}

/// A copy.
#[derive(Debug, Clone)]
pub struct Copy {
    pub made: Timestamp,
    /// What the person may have, for reading.
    pub record: Record,
    /// The same with everything it refers to, as a FHIR R4 collection Bundle that another system can import.
    pub bundle: Value,
    /// How many items were left out, by reason.
    pub left_out: BTreeMap<LeftOut, usize>,
    /// Who looked at the record, newest first, the last thousand.
    pub looked: Vec<AuditEntry>,
}

/// Whether an item carries one of Kith's protection labels in `meta.security`.
fn labelled(value: &Value, code: &str) -> bool {
    value["meta"]["security"].as_array().is_some_and(|labels| {
        labels.iter().any(|label| {
            label["code"] == code && label["system"].as_str().is_some_and(|s| s.ends_with("/CodeSystem/protection"))
        })
    })
}

fn rule(value: &Value, for_themselves: bool) -> Option<LeftOut> {
    if labelled(value, "third-party") {
        Some(LeftOut::ThirdParty)
    } else if labelled(value, "serious-harm") {
        Some(LeftOut::SeriousHarm)
    } else if labelled(value, "sealed") && !for_themselves {
        Some(LeftOut::Sealed)
    } else {
        None
    }
}

/// Resources of the directory that a copy brings along at most: one refers to the next.
const ALONG: usize = 2000;

impl Access {
    /// A copy of a person's record: for the person, for a proxy, or for Kith's operator on their behalf. Recorded.
    pub async fn subject_access(&self, patient: &str) -> Result<Copy, Error> {
        let own = self.actor().role == Role::Person && self.purpose() == Purpose::OwnRecord;
        if !own && self.actor().role != Role::System {
            let why = "a copy of a record is for the person, or for Kith's operator on their behalf";
            return self.refuse(Some(patient), "subject-access", why, true).await;
        }
        let for_themselves = !own || self.actor().reference == format!("Patient/{patient}");
        let opened = self.open(patient).await?;
        let mut left_out: BTreeMap<LeftOut, usize> = BTreeMap::new();
        for withheld in &opened.withheld {
            let reason = match withheld.why.as_str() {
                "forbidden by ground/about-somebody-else" => LeftOut::ThirdParty,
                "forbidden by ground/sealed-for-named-people" => LeftOut::Sealed,
                _ => LeftOut::Agreement,
            };
            *left_out.entry(reason).or_default() += withheld.count;
        }
        let mut kept: Vec<Entry> = Vec::with_capacity(opened.entries().len());
        for entry in opened.entries() {
            match rule(&entry.value, for_themselves) {
                None => kept.push(entry.clone()),
                Some(reason) => *left_out.entry(reason).or_default() += 1,
            }
        }
        let bundle = self.bundle_of(&kept).await?;
        let may_audit = self.may(patient, Action::Audit, DataKind::Demographics).await?;
        let looked = if may_audit { self.inner.store.audit_of(patient, None, 1000).await? } else { Vec::new() };
        let mut fields = self.fields("subject-access", "right of access");
        fields.count = kept.len() as u64;
        self.note(Some(std::sync::Arc::from(patient)), fields).await?;
        let relationships = opened.relationships().to_vec();
        let record = Record::new(patient, kept, opened.withheld.clone(), relationships);
        Ok(Copy { made: self.now(), record, bundle, left_out, looked })
    }

    /// The entries, and what of the directory they refer to, each reference leading somewhere within or replaced by words.
    async fn bundle_of(&self, kept: &[Entry]) -> Result<Value, Error> {
        let mut within: HashSet<String> = kept.iter().map(Entry::reference).collect();
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        let look = |value: &Value, within: &HashSet<String>, wanted: &mut BTreeSet<String>| {
            resource::for_each_reference(value, |reference| {
                let plain = reference.split("/_history/").next().unwrap_or(reference);
                if resource::split_reference(plain).is_some() && !within.contains(plain) {
                    wanted.insert(plain.to_owned());
                }
            });
        };
        for entry in kept {
            look(&entry.value, &within, &mut wanted);
        }
        let mut along: Vec<Value> = Vec::new();
        while let Some(reference) = wanted.pop_first() {
            if within.contains(&reference) || along.len() >= ALONG {
                continue;
            }
            let Some((kind, id)) = resource::split_reference(&reference) else { continue };
            // What belongs to a person other than this one, or is left out, stays out.
            let Some(stored) = self.inner.store.read(kind, id).await?.filter(|stored| stored.person.is_none()) else {
                continue;
            };
            let Some(value) = stored.value else { continue };
            within.insert(reference);
            look(&value, &within, &mut wanted);
            along.push((*value).clone());
        }
        let mut entries = Vec::with_capacity(along.len() + kept.len());
        for mut value in along.into_iter().chain(kept.iter().map(|entry| (*entry.value).clone())) {
            let_go(&mut value, &within);
            if let Some(meta) = value.get_mut("meta").and_then(Value::as_object_mut) {
                meta.remove("versionId");
                meta.remove("lastUpdated");
            }
            let url = format!("{}{}", BASE, resource::reference_of(&value).unwrap_or_default());
            entries.push(json!({"fullUrl": url, "resource": value}));
        }
        Ok(json!({
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": self.now().to_string(),
            "identifier": {"system": system::NHS_NUMBER.replace("nhs-number", "subject-access"), "value": uuid::Uuid::new_v4().to_string()},
            "entry": entries,
        }))
    }
}

const BASE: &str = "https://fhir.kith.example/";

/// Replaces references that lead out of the copy by words: an importer needs every reference to lead somewhere, and whom the
/// rest belongs to is not this person's to have.
fn let_go(value: &mut Value, within: &HashSet<String>) {
    match value {
        Value::Object(members) => {
            let out = members.get("reference").and_then(Value::as_str).is_some_and(|reference| {
                let plain = reference.split("/_history/").next().unwrap_or(reference);
                resource::split_reference(plain).is_some() && !plain.contains(':') && !within.contains(plain)
            });
            if out {
                members.remove("reference");
                members.entry("display").or_insert_with(|| json!("not part of this copy"));
            }
            members.values_mut().for_each(|member| let_go(member, within));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| let_go(item, within)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(code: &str) -> Value {
        json!({"resourceType": "Observation", "meta": {"security": [{"system": "https://fhir.kith.example/CodeSystem/protection", "code": code}]}})
    }

    #[test]
    fn what_is_kept_back_is_kept_back_by_rule() {
        assert_eq!(rule(&item("third-party"), true), Some(LeftOut::ThirdParty));
        assert_eq!(rule(&item("serious-harm"), true), Some(LeftOut::SeriousHarm));
        assert_eq!(rule(&item("sealed"), true), None, "what a person sealed is theirs");
        assert_eq!(rule(&item("sealed"), false), Some(LeftOut::Sealed));
        assert_eq!(rule(&json!({"resourceType": "Observation"}), true), None);
    }

    #[test]
    fn a_reference_that_leads_out_becomes_words() {
        let within: HashSet<String> = ["Patient/a".to_owned()].into();
        let mut value = json!({"subject": {"reference": "Patient/a"}, "performer": [{"reference": "Patient/b"}, {"reference": "#x"}]});
        let_go(&mut value, &within);
        assert_eq!(value["subject"]["reference"], "Patient/a");
        assert_eq!(value["performer"][0], json!({"display": "not part of this copy"}));
        assert_eq!(value["performer"][1]["reference"], "#x");
    }
}
