//! Everything one act writes, collected before it is committed.

use jiff::Timestamp;
use kith_fhir::{Value, resource};
use kith_store::{Expect, NewJob, NewMessage, Occupancy};

/// One write as asked for.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Put { value: Value, expect: Expect },
    Delete { reference: String, expect: Expect },
}

/// Everything one act writes: committed all or nothing by `Access::commit`.
///
/// Ids are given at once, so that resources of one change can refer to each other.
#[derive(Debug, Clone)]
pub struct Change {
    pub(crate) reason: String,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) releases: Vec<String>,
    pub(crate) occupy: Vec<Occupancy>,
    pub(crate) outbox: Vec<NewMessage>,
    pub(crate) jobs: Vec<NewJob>,
    pub(crate) once: Option<(String, Option<Value>)>,
    pub(crate) allow_broken_references: bool,
    pub(crate) remembered: Vec<Remembered>,
}

/// A small value kept for the actor in the same commit.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub space: String,
    pub key: String,
    pub value: Value,
    pub expires: Option<Timestamp>,
}

impl Change {
    /// `reason` goes into the audit trail: a short phrase of yours ("book appointment"), never personal data.
    pub fn new(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            wanted: Vec::new(),
            releases: Vec::new(),
            occupy: Vec::new(),
            outbox: Vec::new(),
            jobs: Vec::new(),
            once: None,
            allow_broken_references: false,
            remembered: Vec::new(),
        }
    }

    /// Adds a new resource, gives it an id (UUIDv7) if it has none, and returns `Type/id`. Fails at commit if it exists.
    pub fn create(&mut self, mut value: Value) -> String {
        let reference = ensure_id(&mut value);
        self.wanted.push(Wanted::Put { value, expect: Expect::Absent });
        reference
    }

    /// Replaces a resource that must still be at `if_version`.
    pub fn update(&mut self, value: Value, if_version: u32) {
        self.wanted.push(Wanted::Put { value, expect: Expect::Version(if_version) });
    }

    /// Creates or replaces whatever is there; the same content again makes no new version.
    pub fn put(&mut self, mut value: Value) -> String {
        let reference = ensure_id(&mut value);
        self.wanted.push(Wanted::Put { value, expect: Expect::Any });
        reference
    }

    /// Deletes; earlier versions stay in the history.
    pub fn delete(&mut self, reference: &str, if_version: Option<u32>) {
        let expect = if_version.map_or(Expect::Any, Expect::Version);
        self.wanted.push(Wanted::Delete { reference: reference.to_owned(), expect });
    }

    /// Takes time on a calendar for `holder`: `Error::Taken` if any live occupancy of the calendar overlaps.
    /// `until` lets a hold lapse; `None` is firm. A day at most.
    pub fn occupy(&mut self, calendar: &str, start: Timestamp, end: Timestamp, holder: &str, until: Option<Timestamp>) {
        self.occupy.push(Occupancy { calendar: calendar.to_owned(), start, end, holder: holder.to_owned(), until });
    }

    /// Frees all time a holder has. Done before anything of this change is occupied.
    pub fn release(&mut self, holder: &str) {
        self.releases.push(holder.to_owned());
    }

    /// Queues something for the outbox: delivered at least once after the commit, de-duplicated on topic and key.
    pub fn publish(&mut self, topic: &str, key: &str, payload: Value) {
        self.outbox.push(NewMessage { topic: topic.to_owned(), key: key.to_owned(), payload });
    }

    /// Queues a job to run at or after `run_at`, de-duplicated on kind and key.
    pub fn job(&mut self, kind: &str, key: &str, run_at: Timestamp, payload: Value) {
        self.jobs.push(NewJob { kind: kind.to_owned(), key: key.to_owned(), run_at, payload });
    }

    /// Keeps a small value for the actor, as [`crate::Access::remember`] does, in the same commit.
    pub fn remember(&mut self, space: &str, key: &str, value: Value, expires: Option<Timestamp>) {
        let (space, key) = (space.to_owned(), key.to_owned());
        self.remembered.push(Remembered { space, key, value, expires });
    }

    /// Makes the commit safe to repeat: the same key and content answers with the first receipt, the same key with other
    /// content is a conflict. Ids given by this change and moments (they differ at each try) are not part of the content,
    /// occupied time is. Where a retry may build something else from the same request, use [`Change::once_for`].
    pub fn once(&mut self, key: &str) {
        self.once = Some((key.to_owned(), None));
    }

    /// As [`Change::once`], where `asked` is what was asked for (the form as sent): the same key with another `asked` is a
    /// conflict, whatever else the change holds.
    pub fn once_for(&mut self, key: &str, asked: &Value) {
        self.once = Some((key.to_owned(), Some(asked.clone())));
    }

    /// Import only: accept references to what is not there yet; `kith check` reports what stays broken.
    pub fn allow_broken_references(&mut self) {
        self.allow_broken_references = true;
    }

    /// Resources created or replaced so far.
    pub fn resources(&self) -> impl Iterator<Item = &Value> {
        self.wanted.iter().filter_map(|w| match w {
            Wanted::Put { value, .. } => Some(value),
            Wanted::Delete { .. } => None,
        })
    }

    /// The resources created or replaced, in the order they were added.
    pub fn into_resources(self) -> impl Iterator<Item = Value> {
        self.wanted.into_iter().filter_map(|w| match w {
            Wanted::Put { value, .. } => Some(value),
            Wanted::Delete { .. } => None,
        })
    }

    /// Whether nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
            && self.releases.is_empty()
            && self.occupy.is_empty()
            && self.outbox.is_empty()
            && self.jobs.is_empty()
            && self.remembered.is_empty()
    }
}

fn ensure_id(value: &mut Value) -> String {
    if resource::id_of(value).is_none()
        && let Some(object) = value.as_object_mut()
    {
        object.insert("id".to_owned(), Value::String(uuid::Uuid::now_v7().to_string()));
    }
    // A value without a type is refused at commit; the reference then leads nowhere.
    resource::reference_of(value).unwrap_or_default()
}
