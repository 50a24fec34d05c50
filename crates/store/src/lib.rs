//! Keeps every version of every resource and finds it again.
//!
//! [`Store`] is what a backend does; [`sqlite::Sqlite`] is the embedded one. Both this and every later backend pass the
//! suite in `tests/conformance`. Nothing outside `kith-trust` may use this crate: the one door to the record is
//! `kith_trust::Access`.
//!
//! What is kept, and why so, stands in `docs/decisions/0004-store-layout.md`: bytes are the record (canonical JSON,
//! compressed, hashed, append-only versions); the person is the physical key; two ways to search.

pub mod checkpoint;
pub mod codec;
pub mod index;
pub mod keys;
mod model;
mod prepare;
pub mod sqlite;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kith_fhir::search::Query;

pub use model::{
    AuditDraft, AuditEntry, AuditFields, AuditFound, AuditQuery, Batch, Erased, Erasure, Expect, Found, Job, KeyValue,
    Link, NewJob, NewMessage, Occupancy, Origin, OutboxMessage, Person, Receipt, Settle, StoreError, Stored, Write,
};
pub use prepare::{PrepareError, Prepared};

/// What every backend does. All methods are safe to call from many tasks at once; none blocks the async runtime.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Commits a batch: all of it or nothing. When it returns `Ok` the batch survives a kill of the process.
    async fn commit(&self, batch: Batch) -> Result<Receipt, StoreError>;

    /// All live resources of one person, the Patient first; empty when there is no such person.
    async fn compartment(&self, patient: &str) -> Result<std::sync::Arc<[Stored]>, StoreError>;
    /// The current version (a deletion has no value), or `None` if it never was.
    async fn read(&self, kind: &str, id: &str) -> Result<Option<Stored>, StoreError>;
    /// One version.
    async fn version(&self, kind: &str, id: &str, version: u32) -> Result<Option<Stored>, StoreError>;
    /// All versions, newest first.
    async fn history(&self, kind: &str, id: &str) -> Result<Vec<Stored>, StoreError>;
    /// Search across people, or over what belongs to nobody, on declared parameters.
    async fn search(&self, query: &Query) -> Result<Found, StoreError>;
    /// As [`Store::search`] for each, in one visit.
    async fn search_each(&self, queries: &[Query]) -> Result<Vec<Found>, StoreError>;
    /// The patient whose compartment holds this resource, without reading its body.
    async fn person_of(&self, kind: &str, id: &str) -> Result<Option<model::Person>, StoreError>;

    /// What connects a person to organisations, services and proxies; ended links included.
    async fn links(&self, patient: &str) -> Result<Vec<Link>, StoreError>;
    /// Patient ids with a live link of one of `kinds` to one of `targets`, in a stable order after `after`.
    async fn linked(
        &self,
        targets: &[String],
        kinds: &[u8],
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError>;

    /// Occupancies on these calendars that overlap the window and have not lapsed at `now`.
    async fn occupied(
        &self,
        calendars: &[String],
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Occupancy>, StoreError>;
    /// Occupancies of one holder, lapsed or not.
    async fn held_by(&self, holder: &str) -> Result<Vec<Occupancy>, StoreError>;

    /// Audit entries about one person, newest first, before `before` if given.
    async fn audit_of(&self, patient: &str, before: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, StoreError>;
    /// Audit entries in order after a sequence number.
    async fn audit_after(&self, seq: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError>;
    /// Entries that fit, newest first; a bounded stretch of the chain is looked through at once.
    async fn audit_search(&self, query: &AuditQuery) -> Result<AuditFound, StoreError>;
    /// Walks the whole chain and holds it against the signed checkpoints; against a copy of them kept elsewhere too, if
    /// given.
    async fn verify_audit(&self, against: Option<&std::path::Path>) -> Result<AuditReport, StoreError>;
    /// Signs where the chain stands now, outside the database.
    async fn checkpoint(&self) -> Result<(), StoreError>;

    /// Erases the content of a person's record, or of some of it, with the audit entry of the erasure. What was there,
    /// when and by whom stays known; [`Store::check`] holds after.
    async fn erase(&self, erasure: Erasure, batch: Batch) -> Result<Erased, StoreError>;
    /// The public key that checks the signatures of checkpoints, in hexadecimal.
    fn verify_key(&self) -> String;
    /// Master keys that seal attachments, with how many people's keys each wraps; the one in use last.
    async fn master_keys(&self) -> Result<Vec<(String, u64)>, StoreError>;
    /// Makes a new key to sign checkpoints with, vouched for by a last checkpoint of the old one, which is gone after.
    async fn rotate_signing(&self) -> Result<(), StoreError>;
    /// Makes a new master key where keys are files, and wraps every person's key anew under the newest; gives how many.
    /// Reads and writes go on meanwhile.
    async fn rotate_keys(&self) -> Result<u64, StoreError>;

    /// Takes waiting messages of a topic; they come back after `lease` unless settled.
    async fn take_outbox(
        &self,
        topic: &str,
        limit: usize,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<OutboxMessage>, StoreError>;
    async fn settle_outbox(&self, seq: i64, outcome: Settle) -> Result<(), StoreError>;
    /// Messages given up, newest first.
    async fn dead_outbox(&self, topic: &str, limit: usize) -> Result<Vec<OutboxMessage>, StoreError>;
    /// Takes due jobs of a kind; they come back after `lease` unless settled.
    async fn take_jobs(
        &self,
        kind: &str,
        limit: usize,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError>;
    async fn settle_job(&self, job: i64, outcome: Settle) -> Result<(), StoreError>;

    /// A small value; `None` when absent or lapsed at `now`.
    async fn get(&self, space: &str, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError>;
    /// All live values of a space, by key.
    async fn list(&self, space: &str, now: Timestamp) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    /// Removes what lapsed before `now`.
    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError>;

    /// Live resources by type.
    async fn counts(&self) -> Result<std::collections::BTreeMap<&'static str, u64>, StoreError>;
    /// Every live resource of the store in rid order after `after`, for export and rebuilding; with its marker.
    async fn walk(&self, after: Option<i64>, limit: usize) -> Result<Vec<(i64, Stored)>, StoreError>;
    /// A number that changes whenever something that belongs to no person changes, Slots aside.
    fn directory_version(&self) -> u64;
    /// Proves the store's own invariants.
    async fn check(&self) -> Result<CheckReport, StoreError>;
    /// Finishes what is queued, checkpoints and closes. Later calls answer [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// What [`Store::verify_audit`] found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditReport {
    /// Entries walked.
    pub entries: u64,
    /// Sequence number of the newest entry.
    pub head: i64,
    /// The first break in the chain or its checkpoints, in words; `None` when all is whole.
    pub broken: Option<String>,
    /// Signed checkpoints that were checked.
    pub checkpoints: u64,
    /// The newest entry a checkpoint vouches for.
    pub signed_to: i64,
    /// The public key checkpoints are signed with now, in hexadecimal.
    pub key: String,
}

/// What [`Store::check`] found.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct CheckReport {
    pub resources: u64,
    pub versions: u64,
    pub index_rows: u64,
    /// Live resources by type.
    pub by_type: std::collections::BTreeMap<String, u64>,
    pub audit_entries: u64,
    /// Resources whose content was erased by law or by the retention schedule.
    pub erased: u64,
    /// Each broken invariant in words, with the resource's reference; capped at 100.
    pub problems: Vec<String>,
    /// How many there were in all.
    pub problem_count: u64,
}
