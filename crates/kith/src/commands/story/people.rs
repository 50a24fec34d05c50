//! Who acts in the story: the twin's cast, residents, and the staff of whatever service they come to.

use anyhow::Context;
use kith_directory::Post;
use kith_fhir::search::Query;
use kith_fhir::views;
use kith_trust::{Access, Actor, Purpose, Record, Role};
use std::sync::Arc;

use super::Story;

/// How acts of the story name themselves in the record.
const SYSTEM: &str = "Kith story";

/// A person using Kith for themselves.
pub(super) struct Someone {
    pub id: String,
    pub name: String,
    pub access: Access,
}

impl Someone {
    /// The given name.
    pub fn first(&self) -> &str {
        self.name.split_whitespace().next().unwrap_or(&self.name)
    }
}

/// A member of staff at work.
pub(super) struct Staff {
    pub name: String,
    pub role: &'static str,
    pub place: String,
    pub access: Access,
}

impl Staff {
    /// "Priya Shah, pharmacist at Weir Lane Pharmacy".
    pub fn line(&self) -> String {
        format!("{}, {} at {}", self.name, self.role, self.place)
    }
}

impl Story {
    pub(super) fn someone(&self, id: &str, name: &str) -> Someone {
        let access = self.door.enter(Actor::person(id, name, SYSTEM), Purpose::OwnRecord);
        Someone { id: id.to_owned(), name: name.to_owned(), access }
    }

    /// Somebody of the twin's cast.
    pub(super) fn cast(&self, key: &str) -> anyhow::Result<Someone> {
        let member = kith_twin::cast(key).with_context(|| format!("nobody of the cast is {key}"))?;
        Ok(self.someone(member.patient_id, &format!("{} {}", member.given, member.family)))
    }

    /// The story looking into a record, which is no part of the story: as Kith itself.
    pub(super) async fn look(&self, patient: &str) -> anyhow::Result<Arc<Record>> {
        Ok(self.door.system(SYSTEM).open(patient).await?)
    }

    fn at_work(post: &Post, access: impl FnOnce(Actor, Purpose) -> Access) -> Option<Staff> {
        let actor = post.actor(SYSTEM)?;
        let purpose = if actor.role.is_clinical() { Purpose::DirectCare } else { Purpose::Administration };
        Some(Staff {
            name: actor.name.clone(),
            role: actor.role.words(),
            place: actor.organization_name.clone().unwrap_or_default(),
            access: access(actor, purpose),
        })
    }

    /// Staff of a service (`HealthcareService/…`) in a role; `who` (`Practitioner/…`) if they are one of them.
    pub(super) fn staff(&self, service: &str, role: &str, who: Option<&str>) -> anyhow::Result<Staff> {
        self.at_service(service, who, |post| post.role == role).with_context(|| format!("{service} has no {role}"))
    }

    /// Whoever sees people at a service: the one named, or any clinician there.
    pub(super) fn clinician(&self, service: &str, who: Option<&str>) -> anyhow::Result<Staff> {
        self.at_service(service, who, |post| Role::from_code(&post.role).is_some_and(Role::is_clinical))
            .with_context(|| format!("{service} has no clinician"))
    }

    fn at_service(&self, service: &str, who: Option<&str>, suits: impl Fn(&Post) -> bool) -> Option<Staff> {
        let here = |post: &&Arc<Post>| suits(post) && post.services.iter().any(|s| s.reference == service);
        let first = |post: &&Arc<Post>| (Some(post.practitioner.reference.as_str()) != who, post.reference.clone());
        let post = self.directory.posts().filter(here).min_by_key(first)?;
        Self::at_work(post, |actor, purpose| self.door.enter(actor, purpose))
    }

    /// The service of the practice where somebody is registered.
    pub(super) async fn practice_of(&self, patient: &str) -> anyhow::Result<String> {
        let record = self.look(patient).await?;
        let practice = views::Patient::of(record.patient()).and_then(|p| p.practice().map(str::to_owned));
        let practice = practice.context("the person is registered with no practice")?;
        let service = self.directory.services_of(&practice).find(|service| service.kind == "general-practice");
        Ok(service.context("the practice has no service")?.reference.clone())
    }

    /// A clinician of a kind of service that has nothing to do with the person.
    pub(super) async fn unrelated(&self, patient: &str, kind: &str) -> anyhow::Result<Staff> {
        let record = self.look(patient).await?;
        let knows = |reference: &str| record.relationships().iter().any(|r| r.with == reference);
        let service = self.directory.services().find(|service| {
            service.kind == kind
                && !knows(&service.reference)
                && !service.organization.as_ref().is_some_and(|o| knows(&o.reference))
        });
        self.clinician(&service.with_context(|| format!("every {kind} knows the person"))?.reference, None)
    }

    /// Residents the story may turn to, some hundreds at most.
    pub(super) async fn residents(&self) -> anyhow::Result<Vec<kith_trust::Entry>> {
        let mut query = Query::new("Patient")?.limit(250);
        let mut found = Vec::new();
        for _ in 0..8 {
            let page = self.door.system(SYSTEM).search(&query).await?;
            found.extend(page.entries);
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        Ok(found)
    }
}
