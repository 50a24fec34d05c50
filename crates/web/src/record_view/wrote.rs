//! Who wrote something: by the version's origin, by the resource itself, or by the visit it belongs to.

use kith_directory::Directory;
use kith_fhir::Value;
use kith_fhir::views::{self, any, common};
use kith_trust::{Entry, Origin, Record, Role};
use serde::Serialize;

use super::{Document, Event, Line, Measured};

/// Who wrote a version of something, in words.
#[derive(Clone, Debug, Serialize)]
pub struct Wrote {
    /// `Dr Amara Osei, GP`.
    pub who: String,
    /// `Elm Street Practice`; empty for people and Kith itself.
    pub organisation: String,
    /// The system it came through.
    pub system: String,
}

impl Wrote {
    pub fn of(origin: &Origin) -> Self {
        let role = Role::from_code(&origin.role);
        let who = match role {
            Some(Role::Person) => origin.name.clone(),
            Some(Role::System) => "Kith".to_owned(),
            Some(role) => format!("{}, {}", origin.name, role.words()),
            None => origin.name.clone(),
        };
        Self { who, organisation: origin.organization_name.clone().unwrap_or_default(), system: origin.system.clone() }
    }

    /// Who did it, preferring the name in the resource where the version was brought in by a machine or by Kith itself.
    pub(super) fn of_entry(entry: &Entry) -> Self {
        let mut wrote = Self::of(&entry.origin);
        let by_machine = matches!(Role::from_code(&entry.origin.role), Some(Role::System | Role::Machine) | None);
        if by_machine {
            if let Some(name) = any::by_name(&entry.value) {
                name.clone_into(&mut wrote.who);
            }
            if let Some(provider) = views::Encounter::of(&entry.value).and_then(|e| e.provider_name()) {
                provider.clone_into(&mut wrote.organisation);
            }
        }
        wrote
    }
}

/// Names whoever wrote things by the directory, where the record refers to them without a name: what was brought in from
/// elsewhere says who by reference alone.
pub struct Authors<'a> {
    pub record: &'a Record,
    pub directory: &'a Directory,
}

impl Authors<'_> {
    pub fn sign(&self, lines: &mut [Line]) {
        for line in lines {
            self.name(&line.reference, &mut line.wrote);
        }
    }

    pub fn sign_documents(&self, documents: &mut [Document]) {
        for document in documents {
            self.name(&format!("DocumentReference/{}", document.id), &mut document.wrote);
        }
    }

    pub fn sign_measured(&self, measured: &mut Measured) {
        for reading in measured.readings.iter_mut().chain([&mut measured.latest]) {
            self.name(&reading.reference, &mut reading.wrote);
        }
    }

    pub fn sign_events(&self, events: &mut [Event]) {
        for event in events {
            if let Some(entry) = self.record.get(&event.reference) {
                let wrote = self.wrote(entry);
                (event.who, event.organisation) = (wrote.who, wrote.organisation);
            }
        }
    }

    fn name(&self, reference: &str, wrote: &mut Wrote) {
        if let Some(entry) = self.record.get(reference) {
            *wrote = self.wrote(entry);
        }
    }

    /// Who wrote an entry, by the directory: its origin where somebody wrote it here; else whom it names; else whom the visit it belongs to
    /// names.
    pub fn wrote(&self, entry: &Entry) -> Wrote {
        let mut wrote = Wrote::of_entry(entry);
        if !matches!(Role::from_code(&entry.origin.role), Some(Role::System | Role::Machine) | None) {
            return wrote;
        }
        let mut references = authors(&entry.value);
        let visit = common::reference(&entry.value, "encounter").and_then(|visit| self.record.get(visit));
        if let Some(visit) = visit {
            references.extend(authors(&visit.value));
        }
        let of = |kind: &str| references.iter().find(|r| r.starts_with(kind)).and_then(|r| self.directory.name(r));
        let place = of("Organization/").or_else(|| of("HealthcareService/"));
        if wrote.organisation.is_empty() {
            place.unwrap_or_default().clone_into(&mut wrote.organisation);
        }
        if any::by_name(&entry.value).is_none() {
            let clinician = references.iter().find_map(|r| self.directory.clinician(r));
            wrote.who = match clinician {
                Some(who) => match who.role.as_deref().and_then(Role::from_code) {
                    Some(role) => format!("{}, {}", who.name, role.words()),
                    None => who.name.clone(),
                },
                // A place alone speaks for itself.
                None if place.is_some() => std::mem::take(&mut wrote.organisation),
                None => "author not recorded".to_owned(),
            };
        }
        wrote
    }
}

/// The references of a resource to those who made it, the maker first.
fn authors(value: &Value) -> Vec<String> {
    let mut found: Vec<String> =
        ["recorder", "requester", "assessor", "asserter", "author", "sender", "serviceProvider"]
            .iter()
            .filter_map(|key| {
                common::reference(value, key)
                    .or_else(|| common::list(value, key).iter().find_map(|r| common::text(r, "reference")))
            })
            .map(str::to_owned)
            .collect();
    for part in common::list(value, "performer").iter().chain(common::list(value, "participant")) {
        let reference = common::text(part, "reference")
            .or_else(|| common::reference(part, "actor"))
            .or_else(|| common::reference(part, "individual"));
        found.extend(reference.map(str::to_owned));
    }
    found
}
