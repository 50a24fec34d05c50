//! Applying a batch inside the writer's transaction.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kith_fhir::resource;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Shared, storage};
use crate::model::{AuditFields, Batch, Expect, Origin, Receipt, StoreError, Write};
use crate::prepare::Prepared;
use crate::{checkpoint, codec, index};

/// Where the counters of the store stand. Copied before each batch so that a refused one leaves no gap.
#[derive(Clone, Copy)]
struct Heads {
    next_shared: i64,
    audit_seq: i64,
    audit_hash: [u8; 32],
    directory_version: u64,
}

/// What the writer remembers between batches.
pub(crate) struct State {
    shared: Arc<Shared>,
    heads: Heads,
    before_batch: Heads,
    before_group: Heads,
    origins: HashMap<Origin, i64>,
    new_origins: Vec<Origin>,
    touched: HashSet<Arc<str>>,
    /// Small values set, by their names in the cache.
    touched_small: Vec<String>,
    /// Somebody was erased, small values and all.
    erased: bool,
    bytes: usize,
    since_head: u64,
    /// Entry of the last checkpoint, and when it was signed.
    signed: (i64, Instant),
    /// SQLite's count of other connections' commits: `kith token` may write beside a running server.
    data_version: i64,
}

/// How often a checkpoint of the audit chain is signed: after so many commits, and after so long at the latest if there was
/// one.
const HEAD_EVERY: u64 = 1000;
pub(crate) const HEAD_AFTER: Duration = Duration::from_mins(1);
/// In µs, as the schema has it.
const DAY: i64 = 86_400_000_000;
/// References listed in an audit entry; larger writes keep the count and the digest.
const AUDIT_LIST: usize = 20;

impl State {
    pub fn load(connection: &Connection, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let heads = load_heads(connection)?;
        let mut origins = HashMap::new();
        let mut statement = connection.prepare("SELECT origin, fields FROM origin").map_err(storage)?;
        let rows = statement.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))).map_err(storage)?;
        for row in rows {
            let (number, fields) = row.map_err(storage)?;
            if let Ok(origin) = serde_json::from_str(&fields) {
                origins.insert(origin, number);
            }
        }
        Ok(Self {
            shared,
            heads,
            before_batch: heads,
            before_group: heads,
            origins,
            new_origins: Vec::new(),
            touched: HashSet::new(),
            touched_small: Vec::new(),
            erased: false,
            bytes: 0,
            since_head: 0,
            signed: (0, Instant::now()),
            data_version: data_version(connection)?,
        })
    }

    /// Called inside the transaction: nobody else can write until it ends.
    pub fn begin_group(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.look_for_others(connection)?;
        self.before_group = self.heads;
        self.touched.clear();
        self.touched_small.clear();
        self.erased = false;
        self.bytes = 0;
        Ok(())
    }

    /// Forgets what was kept in memory if another process has written.
    pub fn look_for_others(&mut self, connection: &Connection) -> Result<(), StoreError> {
        if data_version(connection)? != self.data_version {
            self.reload(connection)?;
            self.shared.records.clear();
            self.shared.links.clear();
            self.shared.small.clear();
            self.shared.directory_version.store(self.heads.directory_version, Ordering::Release);
        }
        Ok(())
    }

    fn reload(&mut self, connection: &Connection) -> Result<(), StoreError> {
        // Should this fail, numbers that may not be there must not be used again.
        self.origins.clear();
        let (since_head, signed) = (self.since_head, self.signed);
        *self = Self::load(connection, Arc::clone(&self.shared))?;
        (self.since_head, self.signed) = (since_head, signed);
        Ok(())
    }

    pub fn group_bytes(&self) -> usize {
        self.bytes
    }

    pub fn begin_batch(&mut self) {
        self.before_batch = self.heads;
        self.new_origins.clear();
    }

    pub fn keep_batch(&mut self) {
        self.new_origins.clear();
    }

    pub fn undo_batch(&mut self) {
        self.heads = self.before_batch;
        for origin in self.new_origins.drain(..) {
            self.origins.remove(&origin);
        }
    }

    pub fn keep_group(&mut self, connection: &Connection) {
        for patient in self.touched.drain() {
            self.shared.records.forget(&patient);
            self.shared.links.forget(&patient);
        }
        if std::mem::take(&mut self.erased) {
            self.shared.small.clear();
        }
        for key in self.touched_small.drain(..) {
            self.shared.small.forget(&key);
        }
        self.shared.directory_version.store(self.heads.directory_version, Ordering::Release);
        self.since_head += 1;
        if self.since_head >= HEAD_EVERY || self.signed.1.elapsed() >= HEAD_AFTER {
            self.sign_head(connection);
        }
    }

    /// After a failed COMMIT nothing of the group is there: forget all that was learnt in it.
    pub fn undo_group(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.heads = self.before_group;
        self.reload(connection)
    }

    /// Signs the chain's head outside the database, so that cutting off its tail or making it anew shows.
    pub fn sign_head(&mut self, connection: &Connection) {
        self.since_head = 0;
        let (seq, hash) = (self.heads.audit_seq, self.heads.audit_hash);
        if seq == 0 || seq == self.signed.0 {
            self.signed.1 = Instant::now();
            return;
        }
        match checkpoint::append(&self.shared.checkpoints, &self.shared.keys, seq, &hash, Timestamp::now(), None) {
            Ok(number) => {
                self.signed.0 = seq;
                if let Err(error) = set_meta(connection, CHECKPOINTS, number as i64) {
                    tracing::warn!(%error, "the number of checkpoints was not noted");
                }
            }
            Err(error) => tracing::error!(%error, "no checkpoint of the audit chain could be signed"),
        }
        self.signed.1 = Instant::now();
    }

    /// Signs the head with the old key, which names the new one, and goes on with that.
    pub fn hand_over(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let (seq, hash) = (self.heads.audit_seq, self.heads.audit_hash);
        let shared = Arc::clone(&self.shared);
        let mut number = 0;
        shared.keys.replace_signing(|next| {
            number = checkpoint::append(&shared.checkpoints, &shared.keys, seq, &hash, Timestamp::now(), Some(next))?;
            Ok(())
        })?;
        set_meta(connection, CHECKPOINTS, number as i64)
    }

    pub fn vault(&self) -> &super::vault::Vault {
        &self.shared.vault
    }

    pub fn keys(&self) -> &crate::keys::Keys {
        &self.shared.keys
    }

    /// Number the next audit entry will have.
    pub fn next_audit(&self) -> i64 {
        self.heads.audit_seq + 1
    }

    /// Forgets a person's decoded record after the commit.
    pub fn touch(&mut self, patient: &Arc<str>) {
        self.touched.insert(Arc::clone(patient));
        self.erased = true;
    }
}

/// How many checkpoints were signed: should their file go, the database still knows.
const CHECKPOINTS: &str = "checkpoints";

/// As noted in the database.
pub(crate) fn checkpoints_signed(connection: &Connection) -> Result<u64, StoreError> {
    Ok(meta::<i64>(connection, CHECKPOINTS)?.unwrap_or(0) as u64)
}

/// Unsigned heads of the audit chain, as releases before checkpoints were signed wrote them: one `sequence hash` a line.
pub const HEADS_FILE: &str = "audit-heads.txt";

/// Bytes as hexadecimal digits, lower case.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn meta<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<Option<T>, StoreError> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")
        .and_then(|mut s| s.query_row([name], |r| r.get(0)).optional())
        .map_err(storage)
}

fn load_heads(connection: &Connection) -> Result<Heads, StoreError> {
    let last: Option<(i64, Vec<u8>)> = connection
        .query_row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", [], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()
        .map_err(storage)?;
    let (audit_seq, hash) = last.unwrap_or((0, vec![0; 32]));
    Ok(Heads {
        next_shared: meta(connection, "next_shared")?.unwrap_or(1),
        audit_seq,
        audit_hash: hash.try_into().map_err(|_| StoreError::Damaged("the audit head".into()))?,
        directory_version: directory_version(connection)?,
    })
}

/// The counter kept for readers that cache the directory.
pub(crate) fn directory_version(connection: &Connection) -> Result<u64, StoreError> {
    Ok(meta::<i64>(connection, "directory_version")?.unwrap_or(1) as u64)
}

fn set_meta(connection: &Connection, name: &str, value: impl rusqlite::ToSql) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .and_then(|mut s| s.execute(params![name, value]))
        .map_err(storage)?;
    Ok(())
}

fn data_version(connection: &Connection) -> Result<i64, StoreError> {
    connection.prepare_cached("PRAGMA data_version").and_then(|mut s| s.query_row([], |r| r.get(0))).map_err(storage)
}

/// What the hash of a deletion is taken over.
pub(crate) fn deletion_hash(kind: &str, id: &str) -> [u8; 32] {
    Sha256::digest(format!("deleted {kind}/{id}")).into()
}

/// The versions of one person's compartment written by a batch.
#[derive(Default)]
struct Written {
    hashes: Vec<[u8; 32]>,
    list: Vec<String>,
}

/// SHA-256 over content hashes in ascending order, hex.
pub(crate) fn digest_of(mut hashes: Vec<[u8; 32]>) -> String {
    hashes.sort_unstable();
    let mut digest = Sha256::new();
    for hash in &hashes {
        digest.update(hash);
    }
    hex(&digest.finalize())
}

/// A person's number and next free sequence, within one batch.
struct PersonSlot {
    number: i64,
    next_seq: i64,
    changed: bool,
}

struct Applying<'a> {
    state: &'a mut State,
    tx: &'a Connection,
    batch: &'a Batch,
    now: i64,
    origin: i64,
    /// Sequence number of the entry that covers the writes to each person.
    covering: HashMap<Option<Arc<str>>, i64>,
    people: HashMap<Arc<str>, PersonSlot>,
    written: Vec<(String, u32)>,
    /// New versions by person.
    versions: HashMap<Option<Arc<str>>, Written>,
    changed: usize,
    directory_changed: bool,
    fresh: HashSet<(u16, String)>,
}

/// Applies `batch`. The caller has opened a savepoint and rolls back on an error.
pub(crate) fn apply(state: &mut State, tx: &Connection, batch: &Batch) -> Result<Receipt, StoreError> {
    if let Some(receipt) = replay(tx, batch)? {
        return Ok(receipt);
    }
    let origin = intern(state, tx, &batch.origin)?;
    // Versions point at the entry that covers them. Entries are appended in order, without gaps.
    let mut covering = HashMap::new();
    for (seq, draft) in (state.heads.audit_seq + 1..).zip(&batch.audit).filter(|(_, draft)| draft.covers_writes) {
        covering.entry(draft.person.clone()).or_insert(seq);
    }
    let mut applying = Applying {
        now: codec::micros(batch.at),
        origin,
        covering,
        people: HashMap::new(),
        written: Vec::with_capacity(batch.writes.len()),
        versions: HashMap::new(),
        changed: 0,
        directory_changed: false,
        fresh: HashSet::with_capacity(batch.writes.len()),
        state,
        tx,
        batch,
    };
    applying.people_first()?;
    for write in &batch.writes {
        applying.write(write)?;
    }
    applying.check_references()?;
    applying.finish_people()?;
    applying.occupancy()?;
    applying.side_effects()?;
    applying.audit()?;
    applying.counters()?;
    let receipt = Receipt { written: applying.written, changed: applying.changed, replayed: false };
    if let Some((key, digest)) = &batch.once {
        let text = serde_json::to_string(&receipt).map_err(|e| StoreError::Io(e.to_string()))?;
        tx.prepare_cached("INSERT INTO once (key, digest, receipt, at) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut s| s.execute(params![key, digest.as_slice(), text, codec::micros(batch.at)]))
            .map_err(storage)?;
    }
    Ok(receipt)
}

fn replay(tx: &Connection, batch: &Batch) -> Result<Option<Receipt>, StoreError> {
    let Some((key, digest)) = &batch.once else { return Ok(None) };
    let earlier: Option<(Vec<u8>, String)> = tx
        .prepare_cached("SELECT digest, receipt FROM once WHERE key = ?1")
        .and_then(|mut s| s.query_row([key], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .map_err(storage)?;
    match earlier {
        None => Ok(None),
        Some((before, _)) if before != digest => Err(StoreError::KeyReused),
        Some((_, receipt)) => {
            let receipt: Receipt =
                serde_json::from_str(&receipt).map_err(|_| StoreError::Damaged("a kept receipt".into()))?;
            Ok(Some(Receipt { replayed: true, ..receipt }))
        }
    }
}

fn intern(state: &mut State, tx: &Connection, origin: &Origin) -> Result<i64, StoreError> {
    if let Some(number) = state.origins.get(origin) {
        return Ok(*number);
    }
    let fields = serde_json::to_string(origin).map_err(|e| StoreError::Io(e.to_string()))?;
    tx.prepare_cached("INSERT INTO origin (fields) VALUES (?1)")
        .and_then(|mut s| s.execute([fields]))
        .map_err(storage)?;
    let number = tx.last_insert_rowid();
    state.origins.insert(origin.clone(), number);
    state.new_origins.push(origin.clone());
    Ok(number)
}

/// What is stored now of a resource.
struct Current {
    rid: i64,
    version: u32,
    hash: Vec<u8>,
    body: Option<Vec<u8>>,
    updated: i64,
}

impl Applying<'_> {
    /// Makes room for people whose Patient is in this batch, so that the order of writes does not matter.
    fn people_first(&mut self) -> Result<(), StoreError> {
        for write in &self.batch.writes {
            if let Write::Put { resource, .. } = write
                && resource.kind == "Patient"
                && let Some(patient) = &resource.patient
                && self.person(patient)?.is_none()
            {
                self.tx
                    .prepare_cached("INSERT INTO person (patient, next_seq) VALUES (?1, 0)")
                    .and_then(|mut s| s.execute([patient.as_ref()]))
                    .map_err(storage)?;
                let number = self.tx.last_insert_rowid();
                self.people.insert(Arc::clone(patient), PersonSlot { number, next_seq: 0, changed: false });
            }
        }
        Ok(())
    }

    fn person(&mut self, patient: &Arc<str>) -> Result<Option<&mut PersonSlot>, StoreError> {
        if !self.people.contains_key(patient) {
            let found: Option<(i64, i64)> = self
                .tx
                .prepare_cached("SELECT person, next_seq FROM person WHERE patient = ?1")
                .and_then(|mut s| s.query_row([patient.as_ref()], |r| Ok((r.get(0)?, r.get(1)?))).optional())
                .map_err(storage)?;
            if let Some((number, next_seq)) = found {
                self.people.insert(Arc::clone(patient), PersonSlot { number, next_seq, changed: false });
            }
        }
        Ok(self.people.get_mut(patient))
    }

    fn current(&self, type_code: u16, key: &[u8]) -> Result<Option<Current>, StoreError> {
        self.tx
            .prepare_cached(
                "SELECT r.rid, r.version, r.hash, r.body, r.updated FROM resource_id i JOIN resource r ON r.rid = i.rid \
                 WHERE i.type = ?1 AND i.id = ?2",
            )
            .and_then(|mut s| {
                s.query_row(params![type_code, key], |r| {
                    Ok(Current {
                        rid: r.get(0)?,
                        version: r.get(1)?,
                        hash: r.get(2)?,
                        body: r.get(3)?,
                        updated: r.get(4)?,
                    })
                })
                .optional()
            })
            .map_err(storage)
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        match write {
            Write::Put { resource, expect, links } => self.put(resource, *expect, links),
            Write::Delete { kind, id, expect } => self.delete(kind, id, *expect),
        }
    }

    fn put(&mut self, resource: &Arc<Prepared>, expect: Expect, links: &[crate::Link]) -> Result<(), StoreError> {
        let key = codec::id_key(&resource.id);
        let current = self.current(resource.type_code, &key)?;
        check_expect(expect, current.as_ref(), || resource.reference())?;
        self.fresh.insert((resource.type_code, resource.id.clone()));
        let audit = self.covering(resource.patient.as_ref());
        let (rid, version) = match current {
            Some(current) => {
                self.same_person(&current, resource)?;
                if expect == Expect::Any && current.body.is_some() && current.hash == resource.hash {
                    self.written.push((resource.reference(), current.version));
                    return Ok(());
                }
                self.retire(&current, resource.type_code)?;
                let body = self.sealed(current.rid, resource)?;
                self.tx
                    .prepare_cached(
                        "UPDATE resource SET version = ?2, updated = ?3, origin = ?4, audit = ?5, hash = ?6, body = ?7 WHERE rid = ?1",
                    )
                    .and_then(|mut s| {
                        s.execute(params![
                            current.rid,
                            current.version + 1,
                            self.now,
                            self.origin,
                            audit,
                            resource.hash.as_slice(),
                            body
                        ])
                    })
                    .map_err(storage)?;
                (current.rid, current.version + 1)
            }
            None => (self.insert(resource, &key)?, 1),
        };
        self.index(rid, resource, links)?;
        self.note(resource.patient.as_ref(), resource.kind, &resource.id, version, &resource.hash);
        self.state.bytes += resource.body.len();
        self.written.push((resource.reference(), version));
        Ok(())
    }

    /// The body as it is stored: what carries an attachment is sealed with the person's key.
    fn sealed<'r>(&self, rid: i64, resource: &'r Prepared) -> Result<Cow<'r, [u8]>, StoreError> {
        if !resource.attached {
            return Ok(Cow::Borrowed(&resource.body));
        }
        let shared = &self.state.shared;
        shared.vault.seal(self.tx, &shared.keys, rid, &resource.body).map(Cow::Owned)
    }

    fn covering(&self, person: Option<&Arc<str>>) -> i64 {
        self.covering.get(&person.cloned()).copied().unwrap_or_default()
    }

    fn same_person(&mut self, current: &Current, resource: &Prepared) -> Result<(), StoreError> {
        let stored = codec::rid_person(current.rid);
        let given = match &resource.patient {
            None => None,
            Some(patient) => self.person(patient)?.map(|slot| slot.number),
        };
        if stored == given { Ok(()) } else { Err(StoreError::Moved { what: resource.reference() }) }
    }

    fn insert(&mut self, resource: &Prepared, key: &[u8]) -> Result<i64, StoreError> {
        let audit = self.covering(resource.patient.as_ref());
        let rid = match &resource.patient {
            None => {
                let seq = self.state.heads.next_shared;
                self.state.heads.next_shared += 1;
                -seq
            }
            Some(patient) => {
                let Some(slot) = self.person(patient)? else {
                    return Err(StoreError::BrokenReference {
                        from: resource.reference(),
                        to: format!("Patient/{patient}"),
                    });
                };
                let rid = codec::person_rid(slot.number, slot.next_seq);
                slot.next_seq += 1;
                slot.changed = true;
                rid
            }
        };
        let body = self.sealed(rid, resource)?;
        self.tx
            .prepare_cached(
                "INSERT INTO resource (rid, type, id, version, updated, origin, audit, hash, body) \
                 VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    rid,
                    resource.type_code,
                    key,
                    self.now,
                    self.origin,
                    audit,
                    resource.hash.as_slice(),
                    body
                ])
            })
            .map_err(storage)?;
        self.tx
            .prepare_cached("INSERT INTO resource_id (type, id, rid) VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![resource.type_code, key, rid]))
            .map_err(storage)?;
        Ok(rid)
    }

    /// Moves the stored version to the history and takes its index rows and links away.
    fn retire(&mut self, current: &Current, type_code: u16) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO history (rid, version, updated, origin, audit, hash, body) \
                 SELECT rid, version, updated, origin, audit, hash, body FROM resource WHERE rid = ?1",
            )
            .and_then(|mut s| s.execute([current.rid]))
            .map_err(storage)?;
        if let Some(body) = &current.body {
            let kind = resource::type_name(type_code).ok_or_else(|| StoreError::Damaged("a resource type".into()))?;
            let shared = &self.state.shared;
            let body = shared.vault.open(self.tx, &shared.keys, current.rid, body)?;
            let value = codec::decode_value(&body)?;
            let mut rows = index::rows(kind, &value);
            rows.push(index::updated_row(type_code, current.updated));
            for row in rows {
                self.tx
                    .prepare_cached("DELETE FROM ix WHERE param = ?1 AND key = ?2 AND rid = ?3")
                    .and_then(|mut s| s.execute(params![row.param, row.key, current.rid]))
                    .map_err(storage)?;
            }
            self.tx
                .prepare_cached("DELETE FROM link WHERE rid = ?1")
                .and_then(|mut s| s.execute([current.rid]))
                .map_err(storage)?;
        }
        Ok(())
    }

    fn index(&mut self, rid: i64, resource: &Prepared, links: &[crate::Link]) -> Result<(), StoreError> {
        let updated = index::updated_row(resource.type_code, self.now);
        let mut insert = self
            .tx
            .prepare_cached("INSERT OR IGNORE INTO ix (param, key, rid) VALUES (?1, ?2, ?3)")
            .map_err(storage)?;
        for row in resource.rows.iter().chain(std::iter::once(&updated)) {
            insert.execute(params![row.param, row.key, rid]).map_err(storage)?;
        }
        if !links.is_empty() {
            let mut insert = self
                .tx
                .prepare_cached(
                    "INSERT INTO link (rid, kind, target, until) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (rid, kind, target) DO UPDATE SET until = max(until, excluded.until)",
                )
                .map_err(storage)?;
            for link in links {
                let until = link.until.map_or(i64::MAX, codec::micros);
                insert.execute(params![rid, link.kind, link.target, until]).map_err(storage)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, kind: &'static str, id: &str, expect: Expect) -> Result<(), StoreError> {
        let reference = || format!("{kind}/{id}");
        let type_code = resource::type_code(kind).ok_or_else(|| StoreError::Missing(reference()))?;
        let current = self.current(type_code, &codec::id_key(id))?;
        let Some(current) = current else { return Err(StoreError::Missing(reference())) };
        check_expect(expect, Some(&current), reference)?;
        if current.body.is_none() {
            self.written.push((reference(), current.version));
            return Ok(());
        }
        self.retire(&current, type_code)?;
        let person = match codec::rid_person(current.rid) {
            None => None,
            Some(number) => Some(Arc::<str>::from(super::read::patient_of(self.tx, number)?)),
        };
        let hash = deletion_hash(kind, id);
        let audit = self.covering(person.as_ref());
        self.tx
            .prepare_cached(
                "UPDATE resource SET version = version + 1, updated = ?2, origin = ?3, audit = ?4, hash = ?5, body = NULL WHERE rid = ?1",
            )
            .and_then(|mut s| s.execute(params![current.rid, self.now, self.origin, audit, hash.as_slice()]))
            .map_err(storage)?;
        self.note(person.as_ref(), kind, id, current.version + 1, &hash);
        self.written.push((reference(), current.version + 1));
        Ok(())
    }

    /// Remembers a new version for the audit entry, the cache and the directory's counter.
    fn note(&mut self, person: Option<&Arc<str>>, kind: &str, id: &str, version: u32, hash: &[u8; 32]) {
        let written = self.versions.entry(person.cloned()).or_default();
        written.hashes.push(*hash);
        if written.list.len() < AUDIT_LIST {
            written.list.push(format!("{kind}/{id}/_history/{version}"));
        }
        match person {
            Some(patient) => {
                self.state.touched.insert(Arc::clone(patient));
            }
            None => self.directory_changed |= kind != "Slot",
        }
        self.changed += 1;
    }

    fn check_references(&mut self) -> Result<(), StoreError> {
        if self.batch.allow_broken_references {
            return Ok(());
        }
        let mut known: HashSet<(u16, &str)> = HashSet::new();
        for write in &self.batch.writes {
            let Write::Put { resource, .. } = write else { continue };
            for (type_code, id) in &resource.references {
                if known.contains(&(*type_code, id.as_str())) || self.fresh.contains(&(*type_code, id.clone())) {
                    continue;
                }
                let there: Option<i64> = self
                    .tx
                    .prepare_cached("SELECT rid FROM resource_id WHERE type = ?1 AND id = ?2")
                    .and_then(|mut s| s.query_row(params![type_code, codec::id_key(id)], |r| r.get(0)).optional())
                    .map_err(storage)?;
                if there.is_none() {
                    return Err(StoreError::BrokenReference {
                        from: resource.reference(),
                        to: format!("{}/{id}", resource::type_name(*type_code).unwrap_or("?")),
                    });
                }
                known.insert((*type_code, id));
            }
        }
        Ok(())
    }

    fn finish_people(&mut self) -> Result<(), StoreError> {
        for slot in self.people.values().filter(|slot| slot.changed) {
            if slot.next_seq >= 1 << codec::SEQ_BITS {
                return Err(StoreError::Io("one person has more resources than a compartment can number".into()));
            }
            self.tx
                .prepare_cached("UPDATE person SET next_seq = ?2 WHERE person = ?1")
                .and_then(|mut s| s.execute([slot.number, slot.next_seq]))
                .map_err(storage)?;
        }
        Ok(())
    }

    fn occupancy(&mut self) -> Result<(), StoreError> {
        for holder in &self.batch.releases {
            self.tx
                .prepare_cached("DELETE FROM occupancy WHERE holder = ?1")
                .and_then(|mut s| s.execute([holder]))
                .map_err(storage)?;
        }
        for wanted in &self.batch.occupy {
            let (start, end) = (codec::micros(wanted.start), codec::micros(wanted.end));
            if end <= start || end - start > DAY {
                return Err(StoreError::Span);
            }
            // Lapsed holds in the way go first; live ones are the trigger's to refuse.
            self.tx
                .prepare_cached(
                    "DELETE FROM occupancy WHERE calendar = ?1 AND start > ?2 - 86400000000 AND start < ?3 AND finish > ?2 AND until <= ?4",
                )
                .and_then(|mut s| s.execute(params![wanted.calendar, start, end, self.now]))
                .map_err(storage)?;
            self.tx
                .prepare_cached(
                    "INSERT INTO occupancy (calendar, start, finish, holder, until, made) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )
                .and_then(|mut s| {
                    s.execute(params![
                        wanted.calendar,
                        start,
                        end,
                        wanted.holder,
                        wanted.until.map_or(i64::MAX, codec::micros),
                        self.now
                    ])
                })
                .map_err(|error| match error.sqlite_error_code() {
                    // The trigger, or the same holder twice on one calendar and start.
                    Some(rusqlite::ErrorCode::ConstraintViolation) => StoreError::Occupied,
                    _ => storage(error),
                })?;
        }
        Ok(())
    }

    fn side_effects(&mut self) -> Result<(), StoreError> {
        for message in &self.batch.outbox {
            self.tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO outbox (topic, key, payload, created, next_at) VALUES (?1, ?2, ?3, ?4, ?4)",
                )
                .and_then(|mut s| s.execute(params![message.topic, message.key, message.payload.to_string(), self.now]))
                .map_err(storage)?;
        }
        for job in &self.batch.jobs {
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO job (kind, key, payload, run_at) VALUES (?1, ?2, ?3, ?4)")
                .and_then(|mut s| {
                    s.execute(params![job.kind, job.key, job.payload.to_string(), codec::micros(job.run_at)])
                })
                .map_err(storage)?;
        }
        let small = self.batch.set.iter().chain(&self.batch.refresh);
        self.state.touched_small.extend(small.map(|pair| super::small_key(pair.space, &pair.key)));
        for pair in &self.batch.set {
            match &pair.value {
                Some(value) => self
                    .tx
                    .prepare_cached(
                        "INSERT INTO kv (space, key, value, expires) VALUES (?1, ?2, ?3, ?4) \
                         ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires = excluded.expires",
                    )
                    .and_then(|mut s| {
                        s.execute(params![pair.space, pair.key, value, pair.expires.map_or(i64::MAX, codec::micros)])
                    }),
                None => self
                    .tx
                    .prepare_cached("DELETE FROM kv WHERE space = ?1 AND key = ?2")
                    .and_then(|mut s| s.execute(params![pair.space, pair.key])),
            }
            .map_err(storage)?;
        }
        for pair in &self.batch.refresh {
            self.tx
                .prepare_cached("UPDATE kv SET value = ?3, expires = ?4 WHERE space = ?1 AND key = ?2 AND expires > ?5")
                .and_then(|mut s| {
                    let expires = pair.expires.map_or(i64::MAX, codec::micros);
                    s.execute(params![pair.space, pair.key, pair.value, expires, self.now])
                })
                .map_err(storage)?;
        }
        Ok(())
    }

    fn audit(&mut self) -> Result<(), StoreError> {
        for draft in &self.batch.audit {
            let mut fields = draft.fields.clone();
            if draft.covers_writes
                && let Some(written) = self.versions.remove(&draft.person)
            {
                fields.count = written.hashes.len() as u64;
                fields.digest = digest_of(written.hashes);
                fields.what = written.list;
            }
            append_audit(
                self.state,
                self.tx,
                self.now,
                draft.person.as_deref(),
                self.origin,
                &self.batch.origin,
                &fields,
            )?;
        }
        Ok(())
    }

    fn counters(&mut self) -> Result<(), StoreError> {
        if self.directory_changed {
            self.state.heads.directory_version += 1;
            set_meta(self.tx, "directory_version", self.state.heads.directory_version as i64)?;
        }
        if self.state.heads.next_shared != self.state.before_batch.next_shared {
            set_meta(self.tx, "next_shared", self.state.heads.next_shared)?;
        }
        Ok(())
    }
}

fn check_expect(expect: Expect, current: Option<&Current>, what: impl Fn() -> String) -> Result<(), StoreError> {
    let live = current.filter(|c| c.body.is_some());
    let holds = match expect {
        Expect::Any => true,
        Expect::Absent => live.is_none(),
        Expect::Version(version) => live.is_some_and(|c| c.version == version),
    };
    if holds {
        Ok(())
    } else {
        Err(StoreError::Version { what: what(), found: live.map(|c| c.version), expected: expect })
    }
}

/// Appends one entry to the chain.
fn append_audit(
    state: &mut State,
    tx: &Connection,
    at: i64,
    person: Option<&str>,
    origin: i64,
    origin_fields: &Origin,
    fields: &AuditFields,
) -> Result<(), StoreError> {
    let body = serde_json::to_vec(fields).map_err(|e| StoreError::Io(e.to_string()))?;
    let seq = state.heads.audit_seq + 1;
    let hash = link_hash(&state.heads.audit_hash, seq, at, person, origin_fields, &body);
    tx.prepare_cached("INSERT INTO audit (seq, at, person, origin, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        .and_then(|mut s| s.execute(params![seq, at, person, origin, codec::encode_body(&body), hash.as_slice()]))
        .map_err(storage)?;
    state.heads.audit_seq = seq;
    state.heads.audit_hash = hash;
    Ok(())
}

/// The hash of an entry: over the one before, its place, time, person, who, and what it says. Each part is preceded by its
/// length, so that no two different entries hash the same bytes.
fn link_hash(previous: &[u8; 32], seq: i64, at: i64, person: Option<&str>, origin: &Origin, body: &[u8]) -> [u8; 32] {
    link_hash_of(previous, seq, at, person, &serde_json::to_vec(origin).unwrap_or_default(), body)
}

/// As [`link_hash`], of the origin as stored.
pub(crate) fn link_hash_of(
    previous: &[u8; 32],
    seq: i64,
    at: i64,
    person: Option<&str>,
    origin: &[u8],
    body: &[u8],
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(seq.to_be_bytes());
    hash.update(at.to_be_bytes());
    for part in [person.unwrap_or_default().as_bytes(), origin, body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
