//! How a change becomes a batch: prepared, decided, audited.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kith_fhir::{Value, resource};
use kith_store::{AuditDraft, Batch, Expect, Prepared, Receipt, Write};
use sha2::{Digest, Sha256};

use crate::access::Access;
use crate::actor::Role;
use crate::agreements::Action;
use crate::change::{Change, Wanted};
use crate::error::Error;
use crate::kinds::DataKind;
use crate::link::links_of;
use crate::smart::Right;

/// Elements of a Patient that say who they are and where they are registered: not for the person to change.
const IDENTITY: [&str; 6] = ["identifier", "name", "birthDate", "gender", "deceasedBoolean", "deceasedDateTime"];
/// Elements that register a person with an organisation, and so give it sight of the record.
const REGISTRATION: [&str; 2] = ["generalPractitioner", "managingOrganization"];

/// Commits the change; its resources stay in it, for a caller who would try again without some of them.
pub(crate) async fn commit(access: &Access, change: &mut Change) -> Result<Receipt, Error> {
    let now = access.now();
    let mut batch = Batch::new(now, access.origin());
    batch.allow_broken_references = change.allow_broken_references && access.actor().role == Role::System;
    if let Some((key, asked)) = &change.once {
        batch.once = Some((format!("{}|{key}", access.actor().reference), digest(change, asked.as_ref())));
    }
    let books = !change.occupy.is_empty() || !change.releases.is_empty();
    let mut deciders: BTreeMap<Option<Arc<str>>, BTreeSet<String>> = BTreeMap::new();
    let mut fresh: BTreeSet<String> = BTreeSet::new();

    for (at, wanted) in change.wanted.iter_mut().enumerate() {
        match wanted {
            Wanted::Put { value, expect } => {
                let links = resource::type_of(value).map(|kind| links_of(kind, value, now)).unwrap_or_default();
                let kind = resource::type_of(value).map_or(DataKind::Clinical, |t| DataKind::of(t, value));
                let prepared =
                    Prepared::of(value).map_err(|e| Error::invalid(format!("entry {}", at + 1), e.to_string()))?;
                let exists = if access.is_narrowed() {
                    access.inner.store.read(prepared.kind, &prepared.id).await?.and_then(|s| s.value)
                } else {
                    None
                };
                let right = if exists.is_some() { Right::Update } else { Right::Create };
                // The scopes must let through what it becomes, and what it was.
                let was = exists.as_deref().unwrap_or(value);
                let whose = prepared.patient.as_deref();
                if [was, &*value].into_iter().any(|value| !access.lets(prepared.kind, value, whose, right)) {
                    let what = format!("{}/{}", prepared.kind, prepared.id);
                    return access.refuse_write(&what, whose, "the token's scopes do not cover this", false).await;
                }
                let decided = match &prepared.patient {
                    None => directory(access, &prepared, value, books).await?,
                    Some(patient) => person(access, &prepared, value, kind, patient, books, &mut fresh).await?,
                };
                deciders.entry(prepared.patient.clone()).or_default().insert(decided);
                batch.writes.push(Write::Put { resource: Arc::new(prepared), expect: *expect, links });
            }
            Wanted::Delete { reference, expect } => {
                let (kind, id) = resource::split_reference(reference).ok_or(Error::NotFound)?;
                let Some(person) = access.inner.store.person_of(kind, id).await? else {
                    return access.refuse_write(reference, None, "no such resource", true).await;
                };
                let kind = resource::type_code(kind).and_then(resource::type_name).ok_or(Error::NotFound)?;
                if kind == "Patient" && !matches!(access.actor().role, Role::System | Role::Machine) {
                    let known = access.may(id, Action::Read, DataKind::Demographics).await?;
                    return access.refuse_write(reference, Some(id), "a person is not deleted", !known).await;
                }
                let stored = if access.is_narrowed() {
                    access.inner.store.read(kind, id).await?.and_then(|s| s.value)
                } else {
                    None
                };
                if stored.is_some_and(|value| !access.lets(kind, &value, person.as_deref(), Right::Delete)) {
                    return access
                        .refuse_write(reference, person.as_deref(), "the token's scopes do not cover this", true)
                        .await;
                }
                let answer = match &person {
                    None => {
                        let stored = access.inner.store.read(kind, id).await?.and_then(|s| s.value);
                        stored
                            .and_then(|value| access.decide_impersonal(Action::Write, kind, &value))
                            .unwrap_or_else(|| only_kith_or_scope(access, kind))
                    }
                    Some(patient) => {
                        let stored = access.inner.store.read(kind, id).await?;
                        let value = stored.as_ref().and_then(|s| s.value.as_deref());
                        let wrote = stored.as_ref().and_then(|s| s.origin.organization.as_deref());
                        let data = value.map_or(DataKind::Clinical, |value| DataKind::of(kind, value));
                        let values = [value.map(|value| (value, wrote)), None];
                        access.decide_write(patient, Action::Write, kind, data, values).await?
                    }
                };
                if !answer.allowed {
                    return access
                        .refuse_write(reference, person.as_deref(), &answer.decided_by, person.is_some())
                        .await;
                }
                deciders.entry(person).or_default().insert(answer.decided_by);
                batch.writes.push(Write::Delete { kind, id: id.to_owned(), expect: *expect });
            }
        }
    }
    for (person, names) in deciders {
        let decided_by = names.into_iter().collect::<Vec<_>>().join(", ");
        batch.audit.push(AuditDraft {
            person,
            fields: access.write_fields(&decided_by, &change.reason),
            covers_writes: true,
        });
    }
    batch.releases.clone_from(&change.releases);
    batch.occupy.clone_from(&change.occupy);
    batch.outbox.clone_from(&change.outbox);
    batch.jobs.clone_from(&change.jobs);
    batch.set.extend(change.remembered.iter().map(|r| access.kept(&r.space, &r.key, Some(&r.value), r.expires)));
    Ok(access.inner.store.commit(batch).await?)
}

/// Decides a write to a person's compartment; gives the name of the deciding rule.
#[allow(clippy::too_many_arguments)] // the facts of one decision
async fn person(
    access: &Access,
    prepared: &Prepared,
    value: &Value,
    kind: DataKind,
    patient: &Arc<str>,
    books: bool,
    fresh: &mut BTreeSet<String>,
) -> Result<String, Error> {
    let role = access.actor().role;
    if fresh.contains(patient.as_ref()) {
        return Ok("general-practice/register-with-own-organisation".into());
    }
    let people = !matches!(role, Role::System | Role::Machine);
    let stored = if people { access.inner.store.read(prepared.kind, &prepared.id).await? } else { None };
    let wrote = stored.as_ref().and_then(|s| s.origin.organization.clone());
    let stored = stored.and_then(|s| s.value);
    // Somebody who may know of the person is told why; to everybody else the person does not exist.
    let known = !people || access.may(patient, Action::Read, DataKind::Demographics).await?;
    if prepared.kind == "Patient" && people {
        match stored.as_deref() {
            // Not told apart: a person who does not exist and one this actor may not know of.
            before if before.is_none() || !known => {
                let answer = access.decide_register(registers_with_own(access, value)).await?;
                if !answer.allowed {
                    return access
                        .refuse_write(&prepared.reference(), Some(patient), &answer.decided_by, role == Role::Person)
                        .await;
                }
                if before.is_some() {
                    return access
                        .refuse_write(&prepared.reference(), Some(patient), "no relationship with this person", true)
                        .await;
                }
                fresh.insert(patient.to_string());
                return Ok(answer.decided_by);
            }
            None => {}
            Some(before) => {
                if role == Role::Person && IDENTITY.iter().any(|e| before.get(e) != value.get(e)) {
                    let why = "names, date of birth and NHS number are changed by your practice";
                    return access.refuse_write(&prepared.reference(), Some(patient), why, false).await;
                }
                if REGISTRATION.iter().any(|e| before.get(e) != value.get(e))
                    && !access.decide_register(registers_with_own(access, value)).await?.allowed
                {
                    let why = "only staff of the practice that takes a person on change where they are registered";
                    return access.refuse_write(&prepared.reference(), Some(patient), why, false).await;
                }
            }
        }
    }
    if prepared.kind == "RelatedPerson" && role == Role::Person && !access.is_own(patient).await? {
        return access
            .refuse_write(&prepared.reference(), Some(patient), "a proxy cannot name another proxy", !known)
            .await;
    }
    // What is replaced counts as much as what replaces it: a protected item is not opened up by writing over it.
    let kind = stored.as_deref().map_or(kind, |before| kind.max(DataKind::of(prepared.kind, before)));
    let action = if books && prepared.kind == "Appointment" { Action::Book } else { Action::Write };
    let own = access.actor().organization.as_deref();
    let values = [stored.as_deref().map(|before| (before, wrote.as_deref())), Some((value, own))];
    let answer = access.decide_write(patient, action, prepared.kind, kind, values).await?;
    if answer.allowed {
        return Ok(answer.decided_by);
    }
    access.refuse_write(&prepared.reference(), Some(patient), &answer.decided_by, !known && role != Role::Machine).await
}

fn registers_with_own(access: &Access, patient: &Value) -> bool {
    let own = access.actor().organization.as_deref();
    let practices = patient["generalPractitioner"].as_array().into_iter().flatten();
    let mut organisations = practices
        .chain([&patient["managingOrganization"]])
        .filter_map(|r| r["reference"].as_str())
        .filter(|r| r.starts_with("Organization/"))
        .peekable();
    own.is_some() && organisations.peek().is_some() && organisations.all(|o| Some(o) == own)
}

fn only_kith_or_scope(access: &Access, kind: &str) -> crate::agreements::Answer {
    let allowed = match access.actor().role {
        Role::System => true,
        Role::Machine => crate::scope::covers(&access.actor().scopes, kind, Action::Write),
        _ => false,
    };
    let decided_by = if allowed { "directory-is-kept-by-kith" } else { "the directory is not yours to change" };
    crate::agreements::Answer { allowed, decided_by: decided_by.into() }
}

/// Decides a write to what belongs to no person. A booking may turn its Slot's status and nothing else of it.
async fn directory(access: &Access, prepared: &Prepared, value: &Value, books: bool) -> Result<String, Error> {
    if prepared.kind == "Task" {
        // What is replaced counts as much as what replaces it.
        let stored = access.inner.store.read(prepared.kind, &prepared.id).await?.and_then(|s| s.value);
        let guarded = [stored.as_deref(), Some(value)].into_iter().flatten();
        let answers: Vec<_> =
            guarded.filter_map(|v| access.decide_impersonal(Action::Write, prepared.kind, v)).collect();
        if let Some(answer) = answers.iter().find(|a| !a.allowed).or(answers.first()) {
            return if answer.allowed {
                Ok(answer.decided_by.clone())
            } else {
                access.refuse_write(&prepared.reference(), None, &answer.decided_by, stored.is_some()).await
            };
        }
    }
    if prepared.kind == "Slot" && books && !matches!(access.actor().role, Role::System | Role::Machine) {
        let stored = access.inner.store.read("Slot", &prepared.id).await?.and_then(|s| s.value);
        if let Some(before) = stored {
            let plain = |slot: &Value| {
                let mut slot = slot.clone();
                if let Some(object) = slot.as_object_mut() {
                    object.remove("status");
                    object.remove("meta");
                }
                slot
            };
            if plain(&before) == plain(value) {
                return Ok("slot-follows-booking".into());
            }
        }
    }
    let answer = only_kith_or_scope(access, prepared.kind);
    if answer.allowed {
        Ok(answer.decided_by)
    } else {
        access.refuse_write(&prepared.reference(), None, &answer.decided_by, false).await
    }
}

/// What a repeated request must repeat: what was asked for if the caller said, else the change without what is made anew at
/// each try.
fn digest(change: &Change, asked: Option<&Value>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(change.reason.as_bytes());
    if let Some(asked) = asked {
        part(b"asked");
        part(&kith_fhir::json::canonical(asked));
        return hash.finalize().into();
    }
    // Ids of new resources by their place, so that what refers to them stays the same.
    let new: HashMap<String, String> = change
        .wanted
        .iter()
        .enumerate()
        .filter_map(|(at, wanted)| match wanted {
            Wanted::Put { value, expect: Expect::Absent } => {
                Some((resource::reference_of(value)?, format!("new {at}")))
            }
            _ => None,
        })
        .collect();
    let named = |reference: &str| new.get(reference).cloned().unwrap_or_else(|| reference.to_owned());
    for wanted in &change.wanted {
        match wanted {
            Wanted::Put { value, .. } => {
                part(named(&resource::reference_of(value).unwrap_or_default()).as_bytes());
                let mut value = value.clone();
                if let Some(object) = value.as_object_mut() {
                    object.remove("id");
                    object.remove("meta");
                }
                settle(&mut value, &new);
                part(&kith_fhir::json::canonical(&value));
            }
            Wanted::Delete { reference, .. } => part(reference.as_bytes()),
        }
    }
    for taken in &change.occupy {
        part(taken.calendar.as_bytes());
        part(&taken.start.as_microsecond().to_be_bytes());
        part(&taken.end.as_microsecond().to_be_bytes());
    }
    hash.finalize().into()
}

/// Replaces what differs at each try: references to new resources, and moments.
fn settle(value: &mut Value, new: &HashMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(place) = new.get(text.as_str()) {
                text.clone_from(place);
            } else if text.parse::<jiff::Timestamp>().is_ok() {
                text.clear();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, new)),
        Value::Object(members) => members.values_mut().for_each(|member| settle(member, new)),
        _ => {}
    }
}
