//! Provenance: who wrote each version, for which organisation, from which system: made from what is kept with it.

use kith_fhir::{Value, json, resource};
use kith_trust::{Entry, Error, Role};

use super::caller::Caller;
use super::outcome::Failure;
use super::page::{self, Results};
use super::view::View;
use super::{audit_event, known, read};

const OPERATION: &str = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";
const AGENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";

/// The id of a version's Provenance: `Type.id.version`, if that is short enough for a FHIR id.
fn id_of(entry: &Entry) -> Option<String> {
    let id = format!("{}.{}.{}", entry.kind, entry.id, entry.version);
    resource::valid_id(&id).then_some(id)
}

/// Reads one by such an id; `None` where the id is of another form (a Provenance that was imported).
pub async fn read(caller: &Caller, id: &str) -> Result<Option<Value>, Failure> {
    let named = id
        .split_once('.')
        .and_then(|(kind, rest)| rest.rsplit_once('.').map(|(id, version)| (kind, id, version)))
        .and_then(|(kind, id, version)| Some((known(kind, id).ok()?.1, version.parse::<u32>().ok()?)));
    let Some((reference, version)) = named else { return Ok(None) };
    read::in_scope(&caller.access, "Provenance").await?;
    match caller.access.vread(&reference, version).await {
        Ok(entry) => Ok(Some(provenance(&entry))),
        Err(Error::NotFound) => Err(Failure::not_found()),
        Err(Error::Refused { .. }) => Err(Failure::out_of_scope()),
        Err(error) => Err(error.into()),
    }
}

/// Answers `target=Type/id` (all its versions, newest first) or `patient=` (every current version of a person's record, and
/// the Provenance that came with it from elsewhere).
pub async fn search(caller: &Caller, mut pairs: Vec<(String, String)>) -> Result<Value, Failure> {
    let asked = pairs.clone();
    let view = View::take(&mut pairs)?;
    let (count, cursor) = page::take(&mut pairs)?;
    read::in_scope(&caller.access, "Provenance").await?;
    let target = match pairs.as_slice() {
        [(name, value)] if name == "target" => Some(value.as_str()),
        _ => None,
    };
    let list: Vec<Value> = if let Some(target) = target {
        let local = target.strip_prefix(&format!("{}/", caller.manner.base)).unwrap_or(target);
        let (kind, id) = local.split_once('/').ok_or_else(|| Failure::bad("value", "`target` must be Type/id"))?;
        let (_, reference) = known(kind, id)?;
        match caller.access.history(&reference).await {
            Ok(versions) => versions.iter().map(provenance).collect(),
            Err(Error::NotFound) => Vec::new(),
            Err(error) => return Err(error.into()),
        }
    } else {
        let patient = audit_event::one_patient("Provenance", &pairs, &caller.manner.base)?;
        match caller.access.open(&patient).await {
            Ok(record) => {
                let imported = record.values("Provenance").cloned();
                let made = record.entries().iter().filter(|e| e.kind != "Provenance").map(provenance);
                imported.chain(made).collect()
            }
            Err(Error::NotFound) => Vec::new(),
            Err(error) => return Err(error.into()),
        }
    };
    let total = Some(list.len());
    let name = |value: &Value| value["target"][0]["reference"].as_str().unwrap_or_default().to_owned();
    let (shown, next) = page::cut(&list, name, cursor.as_deref(), count)?;
    let entries = shown
        .iter()
        .map(|value| {
            let mut entry = json!({"resource": view.of(value), "search": {"mode": "match"}});
            if let Some(id) = resource::id_of(value) {
                entry["fullUrl"] = json!(format!("{}/Provenance/{id}", caller.manner.base));
            }
            entry
        })
        .collect();
    let (entries, next) = if view.count { (Vec::new(), None) } else { (entries, next) };
    Ok(Results { path: "Provenance", asked: &asked, entries, total, next }.bundle("searchset", &caller.manner))
}

/// The R4 Provenance of one version.
pub fn provenance(entry: &Entry) -> Value {
    let origin = &entry.origin;
    let role = Role::from_code(&origin.role).map_or(origin.role.as_str(), |role| role.words());
    let (code, display) = if entry.version == 1 { ("CREATE", "create") } else { ("UPDATE", "revise") };
    let mut author = json!({
        "type": {"coding": [{"system": AGENT_TYPE, "code": "author", "display": "Author"}]},
        "role": [{"text": role}],
        "who": {"reference": origin.actor, "display": origin.name},
    });
    if let Some(organization) = &origin.organization {
        author["onBehalfOf"] = json!({"reference": organization});
        if let Some(name) = &origin.organization_name {
            author["onBehalfOf"]["display"] = json!(name);
        }
    }
    let mut value = json!({
        "resourceType": "Provenance",
        "target": [{"reference": format!("{}/_history/{}", entry.reference(), entry.version)}],
        "recorded": entry.updated.to_string(),
        "activity": {"coding": [{"system": OPERATION, "code": code, "display": display}]},
        "agent": [
            author,
            {
                "type": {"coding": [{"system": AGENT_TYPE, "code": "assembler", "display": "Assembler"}]},
                "who": {"display": origin.system},
            },
        ],
    });
    if let Some(id) = id_of(entry) {
        value["id"] = json!(id);
    }
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kith_fhir::views;
    use kith_trust::Origin;

    use super::*;

    fn entry(id: &str, version: u32) -> Entry {
        Entry {
            kind: "Observation",
            id: id.to_owned(),
            version,
            updated: "2026-11-20T10:00:00Z".parse().unwrap(),
            origin: Arc::new(Origin {
                actor: "Practitioner/g1".into(),
                name: "Dr Test".into(),
                role: "gp".into(),
                organization: Some("Organization/o1".into()),
                organization_name: None,
                system: "Kith web".into(),
            }),
            value: Arc::new(json!({"resourceType": "Observation", "id": id})),
            person: None,
        }
    }

    #[test]
    fn a_version_says_who_wrote_it_and_for_whom() {
        let value = provenance(&entry("o.1", 2));
        let seen = views::Provenance::of(&value).unwrap();
        assert_eq!(seen.targets(), ["Observation/o.1/_history/2"]);
        assert_eq!(seen.who(), Some("Practitioner/g1"));
        assert_eq!(seen.on_behalf_of(), Some("Organization/o1"));
        assert_eq!(seen.role(), Some("GP"));
        assert_eq!(seen.recorded(), Some("2026-11-20T10:00:00Z".parse().unwrap()));
        assert_eq!(value["id"], "Observation.o.1.2");
    }

    #[test]
    fn an_id_too_long_for_fhir_is_left_out_rather_than_cut() {
        assert!(provenance(&entry(&"x".repeat(64), 1)).get("id").is_none());
    }
}
