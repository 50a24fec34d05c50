//! `GET /fhir/AuditEvent?patient=…`: who looked at and changed a person's record, from the audit chain.

use axum::http::StatusCode;
use kith_fhir::{Value, json, resource};
use kith_trust::{AuditEntry, Error, Purpose, Role};

use super::caller::Caller;
use super::outcome::Failure;
use super::page::{self, Results};
use super::view::View;

/// DICOM's and HL7's codes of event types.
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

/// Answers a search. Needs one Patient; the newest entry first.
pub async fn search(caller: &Caller, mut pairs: Vec<(String, String)>) -> Result<Value, Failure> {
    let asked = pairs.clone();
    let view = View::take(&mut pairs)?;
    let (count, cursor) = page::take(&mut pairs)?;
    let patient = one_patient("AuditEvent", &pairs, &caller.manner.base)?;
    let before = cursor
        .map(|cursor| cursor.parse::<i64>())
        .transpose()
        .map_err(|_| Failure::bad("value", "the page marker is not one of ours: begin at the first page"))?;
    // One more than shown says whether there is a next page.
    let mut list = match caller.access.who_looked_before(&patient, before, count + 1).await {
        Err(Error::NotFound) => {
            let words = "who looked at a record is shown to the person, their proxies and the privacy officer: no scope \
                         of a token opens it";
            return Err(Failure::new(StatusCode::FORBIDDEN, "forbidden", words));
        }
        other => other?,
    };
    let more = list.len() > count;
    list.truncate(count);
    let next = if more { list.last().map(|entry| entry.seq.to_string()) } else { None };
    let entries =
        list.iter().map(|entry| json!({"resource": view.of(&event(entry)), "search": {"mode": "match"}})).collect();
    Ok(Results { path: "AuditEvent", asked: &asked, entries, total: None, next }.bundle("searchset", &caller.manner))
}

/// The Patient named by the only parameter, `patient`.
pub(super) fn one_patient(kind: &str, pairs: &[(String, String)], base: &str) -> Result<String, Failure> {
    let words = "needs `patient=` with one Patient, and takes no other parameter";
    let [(name, value)] = pairs else { return Err(Failure::bad("not-supported", format!("{kind} {words}"))) };
    let id = value.strip_prefix(base).map_or(value.as_str(), |rest| rest.trim_start_matches('/'));
    let id = id.strip_prefix("Patient/").unwrap_or(id);
    if name == "patient" && resource::valid_id(id) {
        Ok(id.to_owned())
    } else {
        Err(Failure::bad("not-supported", format!("{kind} {words}")))
    }
}

/// The R4 AuditEvent that says what an entry of the chain says. Loses nothing: what R4 has no element for stands in
/// `entity.detail`.
pub fn event(entry: &AuditEntry) -> Value {
    let fields = &entry.fields;
    let origin = &entry.origin;
    let refused = fields.action == "refused";
    // A refusal keeps what was attempted as its reason.
    let attempted = if refused { fields.reason.as_str() } else { fields.action.as_str() };
    let (kind, interaction, action) = kind_of(attempted, &fields.what);
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": format!("audit-{}", entry.seq),
        "type": kind,
        "action": action,
        "recorded": entry.at.to_string(),
        // Success, or minor failure: the action could not be done.
        "outcome": if refused { "4" } else { "0" },
        "agent": agents(entry),
        "source": {"observer": {"display": "Kith"}, "site": origin.system},
        "entity": entities(entry),
    });
    if let Some(interaction) = interaction {
        event["subtype"] = json!([{"system": INTERACTION, "code": interaction}]);
    }
    if !fields.decided_by.is_empty() {
        let words = if refused { "refused: " } else { "allowed by: " };
        event["outcomeDesc"] = json!(format!("{words}{}", fields.decided_by));
    }
    event["purposeOfEvent"] = json!([purpose(&fields.purpose)]);
    event
}

/// Type, REST interaction and CRUDE action of what was done.
fn kind_of(done: &str, what: &[String]) -> (Value, Option<&'static str>, &'static str) {
    let rest = json!({"system": EVENT_TYPE, "code": "rest", "display": "RESTful Operation"});
    let user = json!({"system": DCM, "code": "110114", "display": "User Authentication"});
    match done {
        "open" => (rest, Some("search-type"), "R"),
        "read" => (rest, Some("read"), "R"),
        "history" => (rest, Some("history-instance"), "R"),
        "search" => (rest, Some("search-type"), "E"),
        "write" => {
            let created = !what.is_empty() && what.iter().all(|item| item.ends_with("/_history/1"));
            if created { (rest, Some("create"), "C") } else { (rest, Some("update"), "U") }
        }
        "audit" => (json!({"system": DCM, "code": "110101", "display": "Audit Log Used"}), None, "R"),
        "sign-in" | "sign-out" | "identify" => (user, None, "E"),
        _ => (json!({"system": DCM, "code": "110100", "display": "Application Activity"}), None, "E"),
    }
}

/// The purpose in HL7's words, with ours beside them.
fn purpose(code: &str) -> Value {
    let known = Purpose::ALL.into_iter().find(|purpose| purpose.code() == code);
    let hl7 = known.map(|purpose| match purpose {
        Purpose::DirectCare => ("TREAT", "treatment"),
        Purpose::Administration => ("PATADMIN", "patient administration"),
        Purpose::OwnRecord => ("PATRQT", "patient requested"),
        Purpose::Audit => ("HCOMPL", "health compliance"),
        Purpose::Safety => ("HOPERAT", "healthcare operations"),
        Purpose::PopulationHealth => ("CAREMGT", "care management"),
        Purpose::Planning => ("HSYSADMIN", "health system administration"),
        Purpose::Research => ("HRESCH", "healthcare research"),
        Purpose::Operations => ("HSYSADMIN", "health system administration"),
    });
    match (hl7, known) {
        (Some((code, display)), Some(purpose)) => json!({
            "coding": [{"system": ACT_REASON, "code": code, "display": display}],
            "text": purpose.words(),
        }),
        _ => json!({"text": code}),
    }
}

fn agents(entry: &AuditEntry) -> Vec<Value> {
    let origin = &entry.origin;
    let words = Role::from_code(&origin.role).map_or(origin.role.as_str(), |role| role.words());
    let mut agents = vec![json!({
        "who": {"reference": origin.actor, "display": origin.name},
        "name": origin.name,
        "role": [{"text": words}],
        "requestor": true,
    })];
    if let Some(organization) = &origin.organization {
        let mut who = json!({"reference": organization});
        if let Some(name) = &origin.organization_name {
            who["display"] = json!(name);
        }
        agents.push(json!({"who": who, "requestor": false}));
    }
    agents
}

fn entities(entry: &AuditEntry) -> Vec<Value> {
    let fields = &entry.fields;
    let mut hash = String::with_capacity(64);
    for byte in entry.hash {
        hash.push_str(&format!("{byte:02x}"));
    }
    let detail = |name: &str, value: String| json!({"type": name, "valueString": value});
    let mut details = vec![detail("chain-sequence", entry.seq.to_string()), detail("chain-hash", hash)];
    for (name, value) in [("act", &fields.action), ("reason", &fields.reason), ("content-digest", &fields.digest)] {
        if !value.is_empty() {
            details.push(detail(name, value.clone()));
        }
    }
    if fields.count > 0 {
        details.push(detail("resources", fields.count.to_string()));
    }
    let mut entities = Vec::new();
    let mut record = json!({
        "type": {"system": ENTITY_TYPE, "code": "2", "display": "System Object"},
        "detail": details,
    });
    if let Some(person) = &entry.person {
        record["what"] = json!({"reference": format!("Patient/{person}")});
        record["type"] = json!({"system": ENTITY_TYPE, "code": "1", "display": "Person"});
        record["role"] = json!({"system": OBJECT_ROLE, "code": "1", "display": "Patient"});
    }
    entities.push(record);
    entities.extend(fields.what.iter().map(|what| {
        json!({
            "what": {"reference": what},
            "type": {"system": ENTITY_TYPE, "code": "2", "display": "System Object"},
            "role": {"system": OBJECT_ROLE, "code": "4", "display": "Domain Resource"},
        })
    }));
    entities
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kith_fhir::search::{Kind, definitions};
    use kith_fhir::views;
    use kith_trust::{AuditFields, Origin};

    use super::*;

    fn entry(action: &str, reason: &str, what: &[&str]) -> AuditEntry {
        AuditEntry {
            seq: 7,
            at: "2026-11-20T10:00:00.5Z".parse().unwrap(),
            person: Some(Arc::from("ada")),
            origin: Arc::new(Origin {
                actor: "Practitioner/g1".into(),
                name: "Dr Test".into(),
                role: "gp".into(),
                organization: Some("Organization/o1".into()),
                organization_name: Some("High Street Surgery".into()),
                system: "Kith web".into(),
            }),
            fields: AuditFields {
                action: action.into(),
                purpose: "direct-care".into(),
                decided_by: "registered-practice-clinical".into(),
                reason: reason.into(),
                what: what.iter().map(|w| (*w).to_owned()).collect(),
                count: what.len() as u64,
                digest: String::new(),
            },
            hash: [0xab; 32],
        }
    }

    #[test]
    fn an_audit_event_says_who_when_for_whom_and_why() {
        let event = event(&entry("open", "", &[]));
        let seen = views::AuditEvent::of(&event).unwrap();
        assert_eq!(seen.action(), Some("R"));
        assert_eq!(seen.who(), Some("Practitioner/g1"));
        assert_eq!(seen.who_name(), Some("Dr Test"));
        assert_eq!(seen.recorded(), Some("2026-11-20T10:00:00.5Z".parse().unwrap()));
        assert_eq!(seen.outcome(), Some("0"));
        assert_eq!(seen.outcome_text(), Some("allowed by: registered-practice-clinical"));
        assert_eq!(seen.entities(), ["Patient/ada"]);
        assert_eq!(event["agent"][1]["who"]["reference"], "Organization/o1");
        assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
        assert!(event.to_string().contains(&"ab".repeat(32)), "the chain can be checked from outside");
    }

    #[test]
    fn a_refusal_is_a_failure_of_what_was_attempted() {
        let event = event(&entry("refused", "write", &[]));
        assert_eq!((&event["outcome"], &event["action"]), (&json!("4"), &json!("U")));
        assert!(event["outcomeDesc"].as_str().unwrap().starts_with("refused: "));
    }

    #[test]
    fn a_first_version_is_a_creation_and_a_later_one_a_change() {
        assert_eq!(event(&entry("write", "create", &["Condition/c/_history/1"]))["action"], "C");
        assert_eq!(event(&entry("write", "update", &["Condition/c/_history/2"]))["action"], "U");
    }

    #[test]
    fn every_purpose_has_its_code() {
        for known in Purpose::ALL {
            assert!(purpose(known.code())["coding"][0]["code"].is_string(), "{known:?}");
        }
        assert_eq!(purpose("something else")["text"], "something else");
    }

    #[test]
    fn an_audit_event_has_every_element_r4_requires() {
        let event = event(&entry("search", "Patient", &["Patient/ada"]));
        for required in ["type", "recorded", "agent", "source"] {
            assert!(event.get(required).is_some(), "{required}");
        }
        assert!(event["source"]["observer"].is_object());
        assert!(event["agent"].as_array().unwrap().iter().all(|agent| agent["requestor"].is_boolean()));
        let date = definitions().param("AuditEvent", "date").filter(|p| p.kind == Kind::Date).unwrap();
        assert_eq!(date.extract(&event).len(), 1);
    }
}
