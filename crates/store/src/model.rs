//! What goes into the store and what comes out: no I/O.

use std::sync::Arc;

use jiff::Timestamp;
use kith_fhir::Value;
use serde::{Deserialize, Serialize};

use crate::prepare::Prepared;

/// Whose compartment a resource is kept in: a Patient id, or nobody's.
pub type Person = Option<Arc<str>>;

/// Who wrote a version or made an audit entry, and through which system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// `Practitioner/…`, `Patient/…` or `Device/…`.
    pub actor: String,
    /// The name as shown then.
    pub name: String,
    /// Role code.
    pub role: String,
    /// `Organization/…` acted for.
    pub organization: Option<String>,
    /// The organisation's name as shown then.
    pub organization_name: Option<String>,
    /// "Kith web", "Kith import", an integration engine's name.
    pub system: String,
}

/// One version of one resource.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Resource type.
    pub kind: &'static str,
    pub id: String,
    /// From 1, without gaps.
    pub version: u32,
    pub updated: Timestamp,
    pub origin: Arc<Origin>,
    /// Sequence number of the audit entry of the write.
    pub audit: i64,
    /// `None`: this version is a deletion. `meta.versionId` and `meta.lastUpdated` are filled in.
    pub value: Option<Arc<Value>>,
    /// Patient id of the compartment.
    pub person: Person,
}

impl Stored {
    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// What must hold of the stored version before a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever is there. Writing the same content again makes no new version.
    Any,
    /// Nothing is there (a deleted resource may be written again).
    Absent,
    /// Exactly this version.
    Version(u32),
}

/// One write of a batch.
#[derive(Debug, Clone)]
pub enum Write {
    Put {
        resource: Arc<Prepared>,
        expect: Expect,
        /// Why this person is connected to an organisation, service or proxy because of this resource.
        links: Vec<Link>,
    },
    Delete {
        kind: &'static str,
        id: String,
        expect: Expect,
    },
}

/// A relationship that a resource gives rise to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// What kind, as numbered by the caller.
    pub kind: u8,
    /// `Organization/…`, `HealthcareService/…`, `Practitioner/…` or `Patient/…` (a proxy).
    pub target: String,
    /// When it ends; `None` is open.
    pub until: Option<Timestamp>,
}

/// Time on a calendar taken by somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupancy {
    /// `Schedule/…`, `Practitioner/…` or a room's `Location/…`.
    pub calendar: String,
    pub start: Timestamp,
    /// After `start`, by a day at most.
    pub end: Timestamp,
    /// `hold:…` or `Appointment/…`.
    pub holder: String,
    /// When a hold lapses; `None` is firm.
    pub until: Option<Timestamp>,
}

/// Something for the outbox, delivered at least once after the commit.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub topic: String,
    /// A second message of the same topic and key is not queued.
    pub key: String,
    pub payload: Value,
}

/// A message taken from the outbox.
#[derive(Debug, Clone)]
pub struct OutboxMessage {
    pub seq: i64,
    pub topic: String,
    pub key: String,
    pub payload: Value,
    /// Deliveries tried before this one.
    pub attempts: u32,
}

/// A job to run later.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub kind: String,
    /// A second job of the same kind and key is not queued.
    pub key: String,
    pub run_at: Timestamp,
    pub payload: Value,
}

/// A job taken to be run.
#[derive(Debug, Clone)]
pub struct Job {
    pub job: i64,
    pub kind: String,
    pub key: String,
    pub payload: Value,
    pub attempts: u32,
}

/// How a message or job ended this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    Done,
    RetryAt(Timestamp),
    /// Given up; kept for a person to see.
    Dead,
}

/// What an audit entry says besides its origin, time and place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFields {
    /// `open`, `read`, `search`, `write`, `refused`, `sign-in`, …
    pub action: String,
    /// Purpose code.
    pub purpose: String,
    /// The policy that decided, or the missing relationship.
    pub decided_by: String,
    /// A short reason given by the caller ("book appointment").
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub reason: String,
    /// References read or written (`Type/id/_history/v`), capped for bulk writes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub what: Vec<String>,
    /// How many resources were read or written.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub count: u64,
    /// Of a write: SHA-256 (hex) over the content hashes of all versions written, in ascending order of the hashes.
    /// Of a list that was read: SHA-256 (hex) over the ids of the people in it, each once, in order, a line each.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub digest: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// An audit entry to be appended.
#[derive(Debug, Clone)]
pub struct AuditDraft {
    /// Whose record, if one person's.
    pub person: Person,
    pub fields: AuditFields,
    /// Whether this entry speaks for the batch's writes to `person`, and takes their list and digest.
    pub covers_writes: bool,
}

/// An audit entry as chained.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub seq: i64,
    pub at: Timestamp,
    pub person: Person,
    pub origin: Arc<Origin>,
    pub fields: AuditFields,
    pub hash: [u8; 32],
}

/// What to look for in the audit chain. What is left out does not narrow.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// A Patient id.
    pub person: Option<String>,
    /// `Practitioner/…`, `Patient/…` or `Device/…`.
    pub actor: Option<String>,
    /// `open`, `refused`, …
    pub action: Option<String>,
    /// Text within the reason, what decided or the purpose; case does not matter.
    pub text: Option<String>,
    /// From this moment, and before that one.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Before this sequence number: where the page before ended.
    pub before: Option<i64>,
    /// Entries given at most.
    pub limit: usize,
}

/// Entries found, newest first.
#[derive(Debug, Clone)]
pub struct AuditFound {
    pub entries: Vec<AuditEntry>,
    /// There may be more before this sequence number: what was looked through at once is bounded.
    pub next: Option<i64>,
}

/// What to erase of one person.
#[derive(Debug, Clone)]
pub struct Erasure {
    pub patient: String,
    /// These resources alone; the whole record if `None`.
    pub only: Option<Vec<String>>,
}

/// What an erasure came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    pub resources: u64,
    pub versions: u64,
}

/// Everything one act writes: all of it or nothing.
#[derive(Debug, Clone)]
pub struct Batch {
    pub at: Timestamp,
    pub origin: Origin,
    pub writes: Vec<Write>,
    pub releases: Vec<String>,
    pub occupy: Vec<Occupancy>,
    pub outbox: Vec<NewMessage>,
    pub jobs: Vec<NewJob>,
    pub audit: Vec<AuditDraft>,
    /// Key-value pairs set in the same transaction.
    pub set: Vec<KeyValue>,
    /// As `set`, but only where the key still has a value that has not lapsed: a session ended meanwhile stays ended.
    pub refresh: Vec<KeyValue>,
    /// The same key and digest replays the first receipt.
    pub once: Option<(String, [u8; 32])>,
    /// Accept references to resources that are not there (yet). Import only; `kith check` reports what stays broken.
    pub allow_broken_references: bool,
}

impl Batch {
    pub fn new(at: Timestamp, origin: Origin) -> Self {
        Self {
            at,
            origin,
            writes: Vec::new(),
            releases: Vec::new(),
            occupy: Vec::new(),
            outbox: Vec::new(),
            jobs: Vec::new(),
            audit: Vec::new(),
            set: Vec::new(),
            refresh: Vec::new(),
            once: None,
            allow_broken_references: false,
        }
    }
}

/// A small value kept beside the record: sessions, tokens, progress.
#[derive(Debug, Clone)]
pub struct KeyValue {
    pub space: &'static str,
    pub key: String,
    /// `None` removes it.
    pub value: Option<Vec<u8>>,
    pub expires: Option<Timestamp>,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `Type/id` and version of each write, in order.
    pub written: Vec<(String, u32)>,
    /// How many of them made a new version.
    pub changed: usize,
    /// The answer to an earlier commit with the same key.
    pub replayed: bool,
}

/// One page of a search.
#[derive(Debug, Clone)]
pub struct Found {
    pub entries: Vec<Stored>,
    /// Give it back to go on; `None` at the end.
    pub next: Option<String>,
}

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{what} is at another version ({found:?}, expected {expected:?})")]
    Version { what: String, found: Option<u32>, expected: Expect },
    #[error("the time is already given")]
    Occupied,
    #[error("time on a calendar must end after it starts, by a day at most")]
    Span,
    #[error("the same request key was used for something else")]
    KeyReused,
    #[error("{from} refers to {to}, which does not exist")]
    BrokenReference { from: String, to: String },
    #[error("{what} belongs to another person and cannot be moved")]
    Moved { what: String },
    #[error("{0} does not exist")]
    Missing(String),
    #[error("cannot search {resource_type} by `{param}` across people: {hint}")]
    Undeclared { resource_type: String, param: String, hint: String },
    #[error("the page marker is not one of ours")]
    Cursor,
    #[error("too many results to sort ({0} at most): add a parameter that narrows the search")]
    TooMany(usize),
    #[error("the disk is full; nothing of this request was kept, and all that was accepted before is safe")]
    Full,
    #[error("the store is closing")]
    Closed,
    /// A secret is missing, wrong or cannot be read. The words never hold a secret.
    #[error("keys: {0}")]
    Key(String),
    #[error("the stored data is damaged: {0}")]
    Damaged(String),
    #[error("storage failed: {0}")]
    Io(String),
}
