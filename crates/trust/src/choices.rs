//! A person's choices about sharing, kept as FHIR Consents in their own record, in force with the next request.
//!
//! Three kinds, by `category` (`kith_fhir::system::CS_CHOICE`): `sharing` names the kinds of organisation the person says no
//! to; `national-data-opt-out` and `type-1-opt-out` hold for anything but care. Only an active Consent counts.

use std::collections::BTreeSet;

use kith_fhir::{Value, json, system};
use kith_store::Link;

use crate::change::Change;
use crate::link::{DISSENT, EVERY, OPTED_OUT, end_of};
use crate::organisation::OrganisationKind;
use crate::record::Record;

const SHARING: &str = "sharing";
const NATIONAL: &str = "national-data-opt-out";
const TYPE_1: &str = "type-1-opt-out";

/// What a person has chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// Kinds of organisation that do not see clinical notes, answers and documents.
    pub dissent: BTreeSet<OrganisationKind>,
    /// National data opt-out.
    pub national_opt_out: bool,
    /// Type 1 opt-out.
    pub type_1_opt_out: bool,
}

impl Choices {
    /// The choices in a record.
    pub fn of(record: &Record) -> Self {
        let mut choices = Self::default();
        for consent in record.values("Consent") {
            for link in links_of(consent) {
                match link.kind {
                    DISSENT if link.target == EVERY => choices.dissent.extend(OrganisationKind::CHOICES),
                    DISSENT => choices.dissent.extend(OrganisationKind::from_code(&link.target)),
                    _ if link.target == TYPE_1 => choices.type_1_opt_out = true,
                    _ => choices.national_opt_out = true,
                }
            }
        }
        choices
    }

    /// What makes these the choices of this record: one Consent for each kind of choice, at a fixed id. `on` is the civil day.
    pub fn into_change(self, record: &Record, on: jiff::civil::Date) -> Change {
        let mut change = Change::new("choose about sharing");
        let denied: Vec<Value> = self
            .dissent
            .iter()
            .map(|kind| {
                json!({"type": "deny", "actor": [{
                    "role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
                    "reference": {"type": "Organization", "identifier": {"system": system::CS_SERVICE_KIND, "value": kind.code()}},
                }]})
            })
            .collect();
        let mut sharing = json!({"type": "permit"});
        if !denied.is_empty() {
            sharing["provision"] = Value::Array(denied);
        }
        let wanted = [
            (SHARING, !self.dissent.is_empty(), sharing),
            (NATIONAL, self.national_opt_out, json!({"type": "deny"})),
            (TYPE_1, self.type_1_opt_out, json!({"type": "deny"})),
        ];
        for (code, active, provision) in wanted {
            let id = format!("{}-{code}", record.patient_id);
            let others = record.of("Consent").filter(|e| e.id != id && category(&e.value).contains(&code));
            for other in others.filter(|e| e.value["status"] == "active") {
                // One written elsewhere: ended, so that there is one answer.
                let mut ended = (*other.value).clone();
                ended["status"] = json!("inactive");
                change.update(ended, other.version);
            }
            let known = record.get(&format!("Consent/{id}"));
            if !active && known.is_none() {
                continue;
            }
            let consent = json!({
                "resourceType": "Consent", "id": id, "status": if active { "active" } else { "inactive" },
                "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
                "category": [{"coding": [{"system": system::CS_CHOICE, "code": code}]}],
                "patient": {"reference": format!("Patient/{}", record.patient_id)},
                "dateTime": on.to_string(),
                "policyRule": {"text": "Kith: the person's choices about sharing"},
                "provision": provision,
            });
            match known {
                Some(known) => change.update(consent, known.version),
                None => {
                    change.create(consent);
                }
            }
        }
        change
    }
}

fn category(consent: &Value) -> Vec<&str> {
    let concepts = consent["category"].as_array().into_iter().flatten();
    concepts
        .filter_map(|concept| concept["coding"].as_array())
        .flatten()
        .filter(|coding| coding["system"] == system::CS_CHOICE)
        .filter_map(|coding| coding["code"].as_str())
        .collect()
}

/// What a Consent says, as links: they are read with the relationships, in one look.
pub(crate) fn links_of(consent: &Value) -> Vec<Link> {
    if consent["status"] != "active" {
        return Vec::new();
    }
    let provision = &consent["provision"];
    // An end that cannot be read does not end a "no".
    let until = provision["period"]["end"].as_str().and_then(end_of);
    let mut links = Vec::new();
    for code in category(consent) {
        match code {
            SHARING => {
                let nested = provision["provision"].as_array();
                if provision["type"] == "deny" {
                    links.push(Link { kind: DISSENT, target: EVERY.to_owned(), until });
                }
                for part in nested.into_iter().flatten().filter(|part| part["type"] == "deny") {
                    for actor in part["actor"].as_array().into_iter().flatten() {
                        let identifier = &actor["reference"]["identifier"];
                        if identifier["system"] == system::CS_SERVICE_KIND
                            && let Some(kind) = identifier["value"].as_str()
                        {
                            links.push(Link { kind: DISSENT, target: kind.to_owned(), until });
                        }
                    }
                }
            }
            NATIONAL | TYPE_1 => links.push(Link { kind: OPTED_OUT, target: code.to_owned(), until }),
            _ => {}
        }
    }
    links
}
