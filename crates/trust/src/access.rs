//! The only way to the record.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kith_fhir::search::Query;
use kith_fhir::{Value, resource};
use kith_store::{
    AuditDraft, AuditEntry, AuditFields, Batch, Job, KeyValue, Occupancy, OutboxMessage, Receipt, Settle, Stored,
};

use sha2::{Digest as _, Sha256};

use crate::actor::{Actor, Purpose, Role};
use crate::agreements::{Action, Answer, Explanation, Question};
use crate::change::Change;
use crate::door::Inner;
use crate::error::Error;
use crate::facts::Facts;
use crate::kinds::DataKind;
use crate::link::{self, PRESENT_FOR, Relationship, RelationshipKind};
use crate::organisation::OrganisationKind;
use crate::record::{Entry, Page, Record, Withheld};
use crate::smart::{Narrow, Right};
use crate::{Origin, emergency, protection, scope};

/// One actor's way through the door, for one request: cheap to clone, remembers its decisions.
#[derive(Clone)]
pub struct Access {
    pub(crate) inner: Arc<Inner>,
    actor: Arc<Actor>,
    purpose: Purpose,
    memory: Arc<Mutex<Memory>>,
    /// What the scopes of an app's token leave; `None`: all that the agreements allow.
    narrow: Option<Arc<Narrow>>,
}

/// What has been worked out in this request already.
#[derive(Default)]
struct Memory {
    contexts: HashMap<String, Facts>,
    organisation: Option<(OrganisationKind, u32)>,
    duty: Option<bool>,
    opened: HashMap<String, Arc<Record>>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("role", &self.actor.role).field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl Access {
    pub(crate) fn new(inner: Arc<Inner>, actor: Actor, purpose: Purpose) -> Self {
        Self { inner, actor: Arc::new(actor), purpose, memory: Arc::default(), narrow: None }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Why.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The door's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }

    /// The same request for another purpose.
    #[must_use]
    pub fn for_purpose(&self, purpose: Purpose) -> Self {
        Self { narrow: self.narrow.clone(), ..Self::new(Arc::clone(&self.inner), (*self.actor).clone(), purpose) }
    }

    /// Kith's pathways reading the facts they need while this actor asks for help for somebody. The audit trail shows
    /// Kith, on whose behalf. The caller passes on only what the pathway concludes.
    #[must_use]
    pub fn as_pathway(&self) -> Self {
        let mut actor = Actor::system("Kith front door");
        actor.name = format!("Kith, for {}", self.actor.name);
        actor.organization.clone_from(&self.actor.organization);
        actor.organization_name.clone_from(&self.actor.organization_name);
        Self::new(Arc::clone(&self.inner), actor, Purpose::DirectCare)
    }

    /// The same, narrowed to the scopes of a token. Narrowing never allows: the agreements decide besides.
    pub(crate) fn narrowed(mut self, narrow: Narrow) -> Self {
        self.narrow = Some(Arc::new(narrow));
        self
    }

    pub(crate) fn is_narrowed(&self) -> bool {
        self.narrow.is_some()
    }

    /// Whether the scopes, where there are any, let this resource through.
    pub(crate) fn lets(&self, kind: &str, value: &Value, person: Option<&str>, right: Right) -> bool {
        self.narrow.as_ref().is_none_or(|narrow| narrow.lets(kind, value, person, right))
    }

    pub(crate) fn origin(&self) -> Origin {
        let a = &self.actor;
        Origin {
            actor: a.reference.clone(),
            name: a.name.clone(),
            role: a.role.code().to_owned(),
            organization: a.organization.clone(),
            organization_name: a.organization_name.clone(),
            system: a.system.clone(),
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ── deciding ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The kind of organisation the actor acts for, and its number if some agreement names it.
    pub(crate) async fn organisation(&self) -> Result<(OrganisationKind, u32), Error> {
        if let Some(known) = self.memory().organisation {
            return Ok(known);
        }
        let reference = self.actor.organization.as_deref().filter(|_| self.actor.role.is_staff());
        let kind = match reference {
            Some(reference) => self.inner.organisation_kind(reference).await?,
            None => OrganisationKind::None,
        };
        let known = (kind, self.inner.agreements.party(reference));
        self.memory().organisation = Some(known);
        Ok(known)
    }

    /// What connects this actor with a person now, and what the person chose: from one read of the links.
    async fn context(&self, patient: &str) -> Result<Facts, Error> {
        if let Some(known) = self.memory().contexts.get(patient) {
            return Ok(*known);
        }
        let now = self.now();
        let actor = &self.actor;
        let staff = actor.role.is_staff();
        let (kind, _) = self.organisation().await?;
        let mut facts = Facts::OWN.when(actor.reference == format!("Patient/{patient}"));
        // Kith itself keeps the record and a machine has its scopes: neither rests on a relationship.
        let choices_only = !staff && actor.role != Role::Person;
        let links = self.inner.store.links(patient).await?;
        let born = links.iter().find(|l| l.kind == link::BORN).and_then(|l| link::birth_date(&l.target));
        let mut asked_for_help = false;
        for found in &links {
            if found.until.is_some_and(|until| until <= now) {
                continue;
            }
            match found.kind {
                link::DISSENT => {
                    facts |= Facts::DISSENT.when(found.target == link::EVERY || found.target == kind.code());
                }
                link::OPTED_OUT => facts |= Facts::OPTED_OUT,
                number => {
                    let Some(relation) = RelationshipKind::from_number(number).filter(|_| !choices_only) else {
                        continue;
                    };
                    asked_for_help |= found.until.is_none()
                        && matches!(relation, RelationshipKind::Requested | RelationshipKind::Tasked);
                    let ours = found.target == actor.reference
                        || (staff
                            && (actor.organization.as_ref() == Some(&found.target)
                                || actor.acts_for.contains(&found.target)));
                    if !ours || (relation == RelationshipKind::Proxy) != (actor.role == Role::Person) {
                        continue;
                    }
                    facts |= if relation == RelationshipKind::Proxy {
                        let today = now.to_zoned(london()).date();
                        link::proxy_fact(number, born, today)
                    } else {
                        relation.fact()
                    };
                }
            }
        }
        // One who may act in everything may arrange.
        if facts.has(Facts::PROXY) {
            facts = facts.without(Facts::ARRANGER);
        }
        if staff {
            if asked_for_help && kind == OrganisationKind::UrgentTreatmentHub && self.is_on_duty().await? {
                facts |= Facts::DUTY;
            }
            if !facts.any(Facts::RELATIONS)
                && let Some(organization) = &actor.organization
                && self.inner.store.get(PRESENT, &present_key(patient, organization), now).await?.is_some()
            {
                facts |= Facts::PRESENT;
            }
            let closed = !facts.any(Facts::RELATIONS.without(Facts::PRESENT)) || facts.has(Facts::DISSENT);
            if closed && actor.role.is_clinical() {
                facts |= emergency::granted(self, patient).await?;
            }
        }
        self.memory().contexts.insert(patient.to_owned(), facts);
        Ok(facts)
    }

    /// Decides on one kind of data of one person, with what is special about the item.
    async fn decide(&self, patient: &str, action: Action, kind: DataKind, item: Facts) -> Result<Answer, Error> {
        let facts = self.context(patient).await? | item;
        self.organisation().await?;
        Ok(self.ask(action, kind, facts))
    }

    /// The agreements' answer; [`Access::organisation`] was looked up before.
    pub(crate) fn ask(&self, action: Action, kind: DataKind, facts: Facts) -> Answer {
        self.inner.agreements.decide(&self.question(action, kind, facts))
    }

    fn question(&self, action: Action, kind: DataKind, facts: Facts) -> Question {
        let (organisation, party) = self.memory().organisation.unwrap_or((OrganisationKind::Other, 0));
        Question { role: self.actor.role, purpose: self.purpose, action, kind, organisation, party, facts }
    }

    /// What is special about a stored item for this actor, and a machine's scopes for its type.
    fn item(&self, resource_type: &str, value: &Value, wrote: Option<&str>, action: Action) -> Facts {
        protection::item_facts(value, wrote, &self.actor) | self.scoped(resource_type, action)
    }

    fn scoped(&self, resource_type: &str, action: Action) -> Facts {
        let machine = self.actor.role == Role::Machine;
        Facts::IN_SCOPE.when(machine && scope::covers(&self.actor.scopes, resource_type, action))
    }

    /// The facts of a new item: the actor's own organisation writes it.
    fn new_item(&self, action: Action) -> Facts {
        let writes = matches!(action, Action::Write | Action::Book);
        Facts::OWN_WORK.when(writes && self.actor.organization.is_some())
    }

    /// Whether the actor has said that they are on duty now.
    async fn is_on_duty(&self) -> Result<bool, Error> {
        if let Some(known) = self.memory().duty {
            return Ok(known);
        }
        let known = self.inner.store.get(DUTY, &self.actor.reference, self.now()).await?;
        let service = known.and_then(|bytes| String::from_utf8(bytes.clone()).ok());
        let on = service.is_some_and(|service| self.actor.acts_for.contains(&service));
        self.memory().duty = Some(on);
        Ok(on)
    }

    /// Says that the actor is on duty at a service of their post (`HealthcareService/…`) until then, or not any more
    /// (`None`). At most [`DUTY_AT_MOST`]; recorded.
    pub async fn go_on_duty(&self, service: &str, until: Option<Timestamp>) -> Result<(), Error> {
        if !self.actor.role.is_staff() || self.is_narrowed() || !self.actor.acts_for.iter().any(|s| s == service) {
            return self.refuse(None, "duty", "only staff of a service are on duty there", false).await;
        }
        let now = self.now();
        if until.is_some_and(|until| until <= now || until.duration_since(now) > DUTY_AT_MOST) {
            return Err(Error::invalid("until", "must be within the next 12 hours"));
        }
        let mut batch = Batch::new(now, self.origin());
        batch.set.push(KeyValue {
            space: DUTY,
            key: self.actor.reference.clone(),
            value: until.map(|_| service.as_bytes().to_vec()),
            expires: until,
        });
        let mut fields = self.fields(if until.is_some() { "on-duty" } else { "off-duty" }, "");
        service.clone_into(&mut fields.reason);
        batch.audit.push(AuditDraft { person: None, fields, covers_writes: false });
        self.inner.store.commit(batch).await?;
        self.forget_all();
        Ok(())
    }

    /// Forgets what was worked out in this request: something changed.
    pub(crate) fn forget_all(&self) {
        *self.memory() = Memory::default();
    }

    /// How this actor stands to a person and what agreements answer, kind by kind, without opening anything: for
    /// `kith agreements explain`. Nothing is recorded: only Kith's operator asks.
    pub async fn explain(&self, patient: &str) -> Result<(Facts, Vec<Explanation>), Error> {
        let facts = self.context(patient).await?;
        self.organisation().await?;
        let mut lines = Vec::new();
        for action in [Action::Read, Action::Write, Action::Book, Action::Audit] {
            for kind in DataKind::ALL {
                let scoped = Facts::IN_SCOPE
                    .when(self.actor.role == Role::Machine && self.actor.scopes.iter().any(|s| s == "system/*.*"));
                let question = self.question(action, kind, facts | self.new_item(action) | scoped);
                lines.push(self.inner.agreements.explain(&question));
            }
        }
        Ok((facts, lines))
    }

    /// Decides on what belongs to no person: the agreements where it is not for everybody ([`DataKind::Learning`]); `None`
    /// for the directory, which is.
    pub(crate) fn decide_impersonal(&self, action: Action, resource_type: &str, value: &Value) -> Option<Answer> {
        let kind = DataKind::of(resource_type, value);
        (kind == DataKind::Learning).then(|| self.ask(action, kind, self.scoped(resource_type, action)))
    }

    /// Whether this actor may do `action` with a kind of data of a person, without doing or recording anything: for pages
    /// that show only what works.
    pub async fn may(&self, patient: &str, action: Action, kind: DataKind) -> Result<bool, Error> {
        Ok(self.decide(patient, action, kind, self.new_item(action)).await?.allowed)
    }

    // ── audit ───────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn fields(&self, action: &str, decided_by: &str) -> AuditFields {
        AuditFields {
            action: action.to_owned(),
            purpose: self.purpose.code().to_owned(),
            decided_by: decided_by.to_owned(),
            reason: String::new(),
            what: Vec::new(),
            count: 0,
            digest: String::new(),
        }
    }

    /// Appends one entry and waits until it is safe.
    pub(crate) async fn note(&self, person: Option<Arc<str>>, fields: AuditFields) -> Result<(), Error> {
        let mut batch = Batch::new(self.now(), self.origin());
        batch.audit.push(AuditDraft { person, fields, covers_writes: false });
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    /// Refuses, recording the attempt as fully as a success.
    pub(crate) async fn refuse<T>(
        &self,
        patient: Option<&str>,
        attempted: &str,
        decided_by: &str,
        hide: bool,
    ) -> Result<T, Error> {
        self.refuse_of(patient, attempted, "", decided_by, hide).await
    }

    /// As [`Access::refuse`], naming the resource that was asked for.
    async fn refuse_of<T>(
        &self,
        patient: Option<&str>,
        attempted: &str,
        what: &str,
        decided_by: &str,
        hide: bool,
    ) -> Result<T, Error> {
        let mut fields = self.fields("refused", decided_by);
        attempted.clone_into(&mut fields.reason);
        if !what.is_empty() {
            fields.what.push(what.to_owned());
        }
        self.note(patient.map(Arc::from), fields).await?;
        if hide { Err(Error::NotFound) } else { Err(Error::Refused { why: decided_by.to_owned() }) }
    }

    /// Records something that is neither a read nor a write of the record: a sign-in, a sign-out, a token made.
    pub async fn record_event(&self, action: &str, reason: &str) -> Result<(), Error> {
        let mut fields = self.fields(action, "");
        reason.clone_into(&mut fields.reason);
        self.note(None, fields).await
    }

    // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// The whole record of one person as this actor may see it. One audit entry, safe before this returns; opening the
    /// same person again in the same request is the same act. [`Error::NotFound`] if the actor may not know the person.
    pub async fn open(&self, patient_id: &str) -> Result<Arc<Record>, Error> {
        if let Some(record) = self.memory().opened.get(patient_id) {
            return Ok(Arc::clone(record));
        }
        let stored = self.inner.store.compartment(patient_id).await?;
        if stored.is_empty() {
            return self.refuse_of(None, "open", &format!("Patient/{patient_id}"), "no such person", true).await;
        }
        let facts = self.context(patient_id).await?;
        // A record holds a handful of different questions; each is put once.
        let mut answers: Vec<(DataKind, Facts, Answer)> = Vec::new();
        let mut withheld: BTreeMap<(DataKind, usize), usize> = BTreeMap::new();
        let mut entries = Vec::with_capacity(stored.len());
        for item in stored.iter() {
            let Some(value) = item.value.as_deref() else { continue };
            if !self.lets(item.kind, value, Some(patient_id), Right::Read) {
                continue;
            }
            let kind = DataKind::of(item.kind, value);
            let facts = facts | self.item(item.kind, value, item.origin.organization.as_deref(), Action::Read);
            let at = match answers.iter().position(|(k, f, _)| *k == kind && *f == facts) {
                Some(at) => at,
                None => {
                    answers.push((kind, facts, self.ask(Action::Read, kind, facts)));
                    answers.len() - 1
                }
            };
            if answers[at].2.allowed {
                entries.extend(Entry::of(item));
            } else {
                *withheld.entry((kind, at)).or_default() += 1;
            }
        }
        if entries.is_empty() {
            let demographics = answers.iter().find(|(kind, ..)| *kind == DataKind::Demographics);
            let why = demographics.map_or("nothing may be seen", |(.., a)| a.decided_by.as_str());
            return self.refuse(Some(patient_id), "open", why, true).await;
        }
        let mut deciders: Vec<&str> =
            answers.iter().map(|(.., a)| a).filter(|a| a.allowed).map(|a| a.decided_by.as_str()).collect();
        deciders.sort_unstable();
        deciders.dedup();
        let mut fields = self.fields("open", &deciders.join(", "));
        fields.count = entries.len() as u64;
        self.note(Some(Arc::from(patient_id)), fields).await?;
        let now = self.now();
        let links = self.inner.store.links(patient_id).await?;
        let relationships = links
            .into_iter()
            .filter(|link| link.until.is_none_or(|until| until > now))
            .filter_map(|link| {
                let kind = RelationshipKind::from_number(link.kind)?;
                Some(Relationship { kind, with: link.target, until: link.until })
            })
            .collect();
        let withheld = withheld
            .into_iter()
            // One line for each kind and reason.
            .map(|((kind, at), count)| Withheld { kind, why: answers[at].2.decided_by.clone(), count })
            .collect();
        let record = Arc::new(Record::new(patient_id, entries, withheld, relationships));
        self.memory().opened.insert(patient_id.to_owned(), Arc::clone(&record));
        Ok(record)
    }

    /// One resource by `Type/id`.
    pub async fn read(&self, reference: &str) -> Result<Entry, Error> {
        let (kind, id) = resource::split_reference(reference).ok_or(Error::NotFound)?;
        let stored = self.inner.store.read(kind, id).await?;
        self.released(stored.into_iter().collect(), "read", reference).await?.pop().ok_or(Error::NotFound)
    }

    /// One version of a resource.
    pub async fn vread(&self, reference: &str, version: u32) -> Result<Entry, Error> {
        let (kind, id) = resource::split_reference(reference).ok_or(Error::NotFound)?;
        let stored = self.inner.store.version(kind, id, version).await?;
        self.released(stored.into_iter().collect(), "read", reference).await?.pop().ok_or(Error::NotFound)
    }

    /// All versions that are not deletions, newest first.
    pub async fn history(&self, reference: &str) -> Result<Vec<Entry>, Error> {
        let (kind, id) = resource::split_reference(reference).ok_or(Error::NotFound)?;
        let stored = self.inner.store.history(kind, id).await?;
        let entries = self.released(stored, "history", reference).await?;
        if entries.is_empty() { Err(Error::NotFound) } else { Ok(entries) }
    }

    /// Lets versions of one resource out if the actor may read it, and records it.
    async fn released(&self, versions: Vec<Stored>, action: &str, reference: &str) -> Result<Vec<Entry>, Error> {
        let Some(first) = versions.first() else {
            return self.refuse_of(None, action, reference, "no such resource", true).await;
        };
        let kind = versions
            .iter()
            .filter_map(|v| v.value.as_deref())
            .map(|value| DataKind::of(first.kind, value))
            .max()
            .unwrap_or(DataKind::Clinical);
        let entries: Vec<Entry> = versions.iter().filter_map(Entry::of).collect();
        let within = |version: &Stored| {
            let value = version.value.as_deref();
            value.is_none_or(|value| self.lets(first.kind, value, first.person.as_deref(), Right::Read))
        };
        if !versions.iter().all(within) {
            return self.refuse(first.person.as_deref(), action, "the token's scopes do not cover this", true).await;
        }
        let Some(patient) = first.person.clone() else {
            let guarded = versions.iter().filter_map(|v| v.value.as_deref());
            let answers: Vec<Answer> =
                guarded.filter_map(|value| self.decide_impersonal(Action::Read, first.kind, value)).collect();
            if let Some(answer) = answers.iter().find(|answer| !answer.allowed).or(answers.first()) {
                if !answer.allowed {
                    return self.refuse(None, action, &answer.decided_by, true).await;
                }
                let mut fields = self.fields(action, &answer.decided_by);
                fields.what = vec![first.reference()];
                fields.count = versions.len() as u64;
                self.note(None, fields).await?;
                return Ok(entries);
            }
            return if self.actor.role == Role::Machine && !scope::covers(&self.actor.scopes, first.kind, Action::Read) {
                self.refuse_of(None, action, reference, "the token's scopes do not cover this", false).await
            } else {
                Ok(entries)
            };
        };
        let item = versions
            .iter()
            .filter_map(|v| {
                let value = v.value.as_deref()?;
                Some(self.item(first.kind, value, v.origin.organization.as_deref(), Action::Read))
            })
            .reduce(protection::together)
            .unwrap_or_default();
        let item = item | self.scoped(first.kind, Action::Read);
        let answer = self.decide(&patient, Action::Read, kind, item).await?;
        if !answer.allowed {
            let machine = self.actor.role == Role::Machine;
            return self.refuse_of(Some(&patient), action, reference, &answer.decided_by, !machine).await;
        }
        let mut fields = self.fields(action, &answer.decided_by);
        fields.what = versions.iter().take(20).map(|v| format!("{}/_history/{}", v.reference(), v.version)).collect();
        fields.count = versions.len() as u64;
        self.note(Some(patient), fields).await?;
        Ok(entries)
    }

    /// Searches across people or the directory, on declared parameters. What the actor may not see is left out, so a page
    /// may hold fewer than asked for; `next` says whether there is more. Lists of people's resources leave one audit
    /// entry.
    pub async fn search(&self, query: &Query) -> Result<Page, Error> {
        let machine = self.actor.role == Role::Machine;
        if machine && !scope::covers(&self.actor.scopes, &query.resource_type, Action::Read) {
            return self.refuse(None, "search", "the token's scopes do not cover this", false).await;
        }
        if self.narrow.as_ref().is_some_and(|narrow| !narrow.names(&query.resource_type, Right::Search)) {
            return self.refuse(None, "search", "the token's scopes do not cover this", false).await;
        }
        let wanted = query.count.unwrap_or(50).clamp(1, 1000);
        let mut query = query.clone();
        let mut entries = Vec::new();
        let mut deciders: Vec<String> = Vec::new();
        let mut of_people = false;
        // A page of which nothing may be seen is followed by the next, a bounded number of times.
        let mut next = None;
        for _ in 0..8 {
            query.count = Some(wanted - entries.len());
            let found = self.inner.store.search(&query).await?;
            for stored in &found.entries {
                let (Some(entry), Some(value)) = (Entry::of(stored), stored.value.as_deref()) else { continue };
                if !self.lets(stored.kind, value, stored.person.as_deref(), Right::Search) {
                    continue;
                }
                if let Some(patient) = &stored.person {
                    of_people = true;
                    let kind = DataKind::of(stored.kind, value);
                    let item = self.item(stored.kind, value, stored.origin.organization.as_deref(), Action::Read);
                    let answer = self.decide(patient, Action::Read, kind, item).await?;
                    if !answer.allowed {
                        continue;
                    }
                    if !deciders.contains(&answer.decided_by) {
                        deciders.push(answer.decided_by);
                    }
                } else if let Some(answer) = self.decide_impersonal(Action::Read, stored.kind, value) {
                    if !answer.allowed {
                        continue;
                    }
                    of_people = true;
                    if !deciders.contains(&answer.decided_by) {
                        deciders.push(answer.decided_by);
                    }
                }
                entries.push(entry);
            }
            next = found.next;
            if next.is_none() || entries.len() >= wanted {
                break;
            }
            query.cursor.clone_from(&next);
        }
        if of_people {
            let mut fields = self.fields("search", &deciders.join(", "));
            fields.reason.clone_from(&query.resource_type);
            fields.what = entries.iter().take(20).map(Entry::reference).collect();
            fields.count = entries.len() as u64;
            fields.digest = digest_of_people(entries.iter().filter_map(|entry| entry.person.as_deref()));
            self.note(None, fields).await?;
        }
        Ok(Page { entries, next })
    }

    /// As [`Access::search`] for each of several questions about the directory (slots, schedules), in one visit to the store.
    pub async fn search_each(&self, queries: &[Query]) -> Result<Vec<Page>, Error> {
        let machine = self.actor.role == Role::Machine;
        let found = if machine { Vec::new() } else { self.inner.store.search_each(queries).await? };
        let of_people = |found: &kith_store::Found| found.entries.iter().any(|stored| stored.person.is_some());
        if machine || found.iter().any(of_people) {
            let mut pages = Vec::with_capacity(queries.len());
            for query in queries {
                pages.push(self.search(query).await?);
            }
            return Ok(pages);
        }
        let page = |found: kith_store::Found| Page {
            entries: found.entries.iter().filter_map(Entry::of).collect(),
            next: found.next,
        };
        Ok(found.into_iter().map(page).collect())
    }

    /// Who looked at or changed a person's record, newest first. For the person, their proxies and the privacy officer.
    pub async fn who_looked(&self, patient_id: &str, limit: usize) -> Result<Vec<AuditEntry>, Error> {
        self.who_looked_before(patient_id, None, limit).await
    }

    /// As [`Access::who_looked`], before an entry's sequence number.
    pub async fn who_looked_before(
        &self,
        patient_id: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, Error> {
        if self.narrow.is_some() {
            return self.refuse(Some(patient_id), "audit", "no scope covers the audit trail", true).await;
        }
        let answer = self.decide(patient_id, Action::Audit, DataKind::Demographics, Facts::NONE).await?;
        if !answer.allowed {
            return self.refuse(Some(patient_id), "audit", &answer.decided_by, true).await;
        }
        let entries = self.inner.store.audit_of(patient_id, before, limit.min(1000)).await?;
        self.note(Some(Arc::from(patient_id)), self.fields("audit", &answer.decided_by)).await?;
        Ok(entries)
    }

    /// What holds these calendars busy within a window.
    pub async fn occupied(
        &self,
        calendars: &[String],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Occupancy>, Error> {
        Ok(self.inner.store.occupied(calendars, from, to, self.now()).await?)
    }

    /// What a hold or appointment occupies, lapsed or not.
    pub async fn held_by(&self, holder: &str) -> Result<Vec<Occupancy>, Error> {
        Ok(self.inner.store.held_by(holder).await?)
    }

    /// A number that changes whenever the directory changes (Slots aside): for caches.
    pub async fn directory_version(&self) -> Result<u64, Error> {
        Ok(self.inner.store.directory_version())
    }

    /// Patient ids with a live relationship of this kind to the actor (their organisation and services included), in a
    /// stable order after `after`.
    pub async fn people_linked(
        &self,
        kind: RelationshipKind,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let mut targets = vec![self.actor.reference.clone()];
        if self.actor.role.is_staff() {
            targets.extend(self.actor.organization.clone());
            targets.extend(self.actor.acts_for.iter().cloned());
        }
        targets.sort_unstable();
        targets.dedup();
        let people = self.inner.store.linked(&targets, &kind.numbers(), self.now(), after, limit.min(1000)).await?;
        if !people.is_empty() {
            let mut fields = self.fields("list", "people linked with the actor");
            kind.code().clone_into(&mut fields.reason);
            fields.what = people.iter().take(20).map(|id| format!("Patient/{id}")).collect();
            fields.count = people.len() as u64;
            fields.digest = digest_of_people(people.iter().map(String::as_str));
            self.note(None, fields).await?;
        }
        Ok(people)
    }

    /// Identifies a person in front of the actor, or on the phone, by NHS number and date of birth together. Both right:
    /// the person is "present" with the actor's organisation for a day, and their Patient id is given. Anything else:
    /// [`Error::NotFound`], and the attempt is recorded.
    pub async fn identify(&self, nhs_number: &str, birth_date: jiff::civil::Date) -> Result<String, Error> {
        if self.narrow.is_some() {
            return self.refuse(None, "identify", "no scope covers identifying people", false).await;
        }
        let Some(organization) = self.actor.organization.clone().filter(|_| self.actor.role.is_staff()) else {
            return self.refuse(None, "identify", "only staff identify people", false).await;
        };
        let Ok(number) = kith_fhir::identifier::NhsNumber::parse(nhs_number) else {
            return self.refuse(None, "identify", "not an NHS number", true).await;
        };
        let query = Query::new("Patient")
            .and_then(|q| q.where_("identifier", &format!("{}|{}", kith_fhir::system::NHS_NUMBER, number.as_str())))
            .map_err(|e| Error::Unsearchable { what: e.to_string() })?;
        let found = self.inner.store.search(&query).await?;
        let wanted = birth_date.to_string();
        let matching = found
            .entries
            .iter()
            .find(|s| s.value.as_deref().is_some_and(|v| v["birthDate"].as_str() == Some(wanted.as_str())));
        let Some(patient) = matching else {
            return self.refuse(None, "identify", "no person with this number and date of birth", true).await;
        };
        let id = patient.id.clone();
        let now = self.now();
        let mut batch = Batch::new(now, self.origin());
        batch.set.push(KeyValue {
            space: PRESENT,
            key: present_key(&id, &organization),
            value: Some(Vec::new()),
            expires: now.saturating_add(PRESENT_FOR).ok(),
        });
        batch.audit.push(AuditDraft {
            person: Some(Arc::from(id.as_str())),
            fields: self.fields("identify", "NHS number and date of birth given"),
            covers_writes: false,
        });
        self.inner.store.commit(batch).await?;
        self.forget_all();
        Ok(id)
    }

    // ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Commits a change: all of it or nothing. Policy decides on every write; each person touched gets one audit entry,
    /// in the same transaction as the resources, the outbox and the jobs.
    pub async fn commit(&self, mut change: Change) -> Result<Receipt, Error> {
        self.try_commit(&mut change).await
    }

    /// As [`Access::commit`]; the change keeps its resources, for a caller who, refused, would try again without some.
    pub async fn try_commit(&self, change: &mut Change) -> Result<Receipt, Error> {
        let receipt = crate::commit::commit(self, change).await?;
        self.forget_all();
        Ok(receipt)
    }

    /// Decides on a write of an item; `stored` is what it replaces, with the organisation that wrote it.
    pub(crate) async fn decide_write(
        &self,
        patient: &str,
        action: Action,
        resource_type: &str,
        kind: DataKind,
        values: [Option<(&Value, Option<&str>)>; 2],
    ) -> Result<Answer, Error> {
        let item = values.into_iter().flatten().map(|(value, wrote)| protection::item_facts(value, wrote, &self.actor));
        let item = item.reduce(protection::together).unwrap_or_default() | self.scoped(resource_type, action);
        self.decide(patient, action, kind, item).await
    }

    pub(crate) async fn decide_register(&self, own_organisation: bool) -> Result<Answer, Error> {
        self.organisation().await?;
        let facts = self.scoped("Patient", Action::Register) | Facts::OWN_ORGANISATION.when(own_organisation);
        Ok(self.ask(Action::Register, DataKind::Demographics, facts))
    }

    pub(crate) async fn is_own(&self, patient: &str) -> Result<bool, Error> {
        Ok(self.context(patient).await?.has(Facts::OWN))
    }

    pub(crate) async fn refuse_write<T>(
        &self,
        what: &str,
        patient: Option<&str>,
        decided_by: &str,
        hide: bool,
    ) -> Result<T, Error> {
        self.refuse_of(patient, "write", what, decided_by, hide).await
    }

    pub(crate) fn write_fields(&self, decided_by: &str, reason: &str) -> AuditFields {
        let mut fields = self.fields("write", decided_by);
        reason.clone_into(&mut fields.reason);
        fields
    }

    // ── small things kept for the actor, and background work ───────────────────────────────────────────────────────

    /// Keeps a small value for this actor (a draft, when they last looked). `space` is a constant of the caller's.
    pub async fn remember(
        &self,
        space: &str,
        key: &str,
        value: &Value,
        expires: Option<Timestamp>,
    ) -> Result<(), Error> {
        let mut batch = Batch::new(self.now(), self.origin());
        batch.set.push(self.kept(space, key, Some(value), expires));
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    pub(crate) fn kept(&self, space: &str, key: &str, value: Option<&Value>, expires: Option<Timestamp>) -> KeyValue {
        let key = format!("{}|{space}|{key}", self.actor.reference);
        KeyValue { space: KEPT, key, value: value.map(|value| value.to_string().into_bytes()), expires }
    }

    /// Gives back what [`Access::remember`] kept.
    pub async fn recall(&self, space: &str, key: &str) -> Result<Option<Value>, Error> {
        let key = format!("{}|{space}|{key}", self.actor.reference);
        let kept = self.inner.store.get(KEPT, &key, self.now()).await?;
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Forgets what [`Access::remember`] kept.
    pub async fn forget(&self, space: &str, key: &str) -> Result<(), Error> {
        let mut batch = Batch::new(self.now(), self.origin());
        batch.set.push(self.kept(space, key, None, None));
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    fn only_kith(&self) -> Result<(), Error> {
        if self.actor.role == Role::System {
            Ok(())
        } else {
            Err(Error::Refused { why: "only Kith itself does background work".into() })
        }
    }

    /// Takes waiting messages of a topic; they come back after `lease` unless settled.
    pub async fn take_outbox(
        &self,
        topic: &str,
        limit: usize,
        lease: SignedDuration,
    ) -> Result<Vec<OutboxMessage>, Error> {
        self.only_kith()?;
        Ok(self.inner.store.take_outbox(topic, limit, lease, self.now()).await?)
    }

    pub async fn settle_outbox(&self, seq: i64, outcome: Settle) -> Result<(), Error> {
        self.only_kith()?;
        Ok(self.inner.store.settle_outbox(seq, outcome).await?)
    }

    /// Messages given up, newest first.
    pub async fn dead_outbox(&self, topic: &str, limit: usize) -> Result<Vec<OutboxMessage>, Error> {
        self.only_kith()?;
        Ok(self.inner.store.dead_outbox(topic, limit).await?)
    }

    /// Takes due jobs of a kind; they come back after `lease` unless settled.
    pub async fn take_jobs(&self, kind: &str, limit: usize, lease: SignedDuration) -> Result<Vec<Job>, Error> {
        self.only_kith()?;
        Ok(self.inner.store.take_jobs(kind, limit, lease, self.now()).await?)
    }

    pub async fn settle_job(&self, job: i64, outcome: Settle) -> Result<(), Error> {
        self.only_kith()?;
        Ok(self.inner.store.settle_job(job, outcome).await?)
    }
}

/// What an entry keeps of whose records were in a list: SHA-256 (hex) over the ids, each once, in order, a line each. Whoever
/// has the list can prove it was this one; nobody can read it back.
fn digest_of_people<'p>(people: impl Iterator<Item = &'p str>) -> String {
    let people: std::collections::BTreeSet<&str> = people.collect();
    let mut hash = Sha256::new();
    for id in people {
        hash.update(id.as_bytes());
        hash.update(b"\n");
    }
    kith_store::sqlite::hex(&hash.finalize())
}

/// Key-value spaces of this module.
const PRESENT: &str = "present";
const KEPT: &str = "kept";
const DUTY: &str = "duty";

/// A shift is at most this long.
pub const DUTY_AT_MOST: SignedDuration = SignedDuration::from_hours(12);

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

fn present_key(patient: &str, organization: &str) -> String {
    format!("{patient}|{organization}")
}
