//! The embedded store: SQLite in WAL mode, one writer thread, many readers.
//!
//! | table | what it keeps |
//! |---|---|
//! | `resource` | the current version of every resource, clustered by person through its `rid` |
//! | `history` | versions that were replaced |
//! | `resource_id` | type and id to `rid` |
//! | `ix` | declared search parameters, one ordered key each |
//! | `link` | what connects a person to organisations, services, proxies |
//! | `occupancy` | time given on calendars; a trigger keeps it exclusive |
//! | `audit` | the hash chain; its signed checkpoints are a file beside or elsewhere |
//! | `data_key` | a key for each person's attachments, wrapped by a master key outside the database |
//! | `erased` | which versions were erased, and by which audit entry |
//! | `outbox`, `job`, `once`, `kv` | work to be done after a commit, request keys, sessions |
//!
//! The writer groups whatever waits in its queue into one SQLite transaction with a savepoint for each batch, so that a
//! thousand small commits share one sync to disk, and answers each only after that.

mod cache;
mod chain;
mod check;
mod commit;
mod erase;
mod read;
mod search;
mod side;
mod vault;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use kith_fhir::search::Query;
use rusqlite::{Connection, OpenFlags};

use crate::codec;
use crate::keys::{KeyConfig, Keys};
use crate::{
    AuditEntry, AuditFound, AuditQuery, AuditReport, Batch, CheckReport, Erased, Erasure, Found, Job, Link, Occupancy,
    OutboxMessage, Receipt, Settle, Store, StoreError, Stored, checkpoint,
};
use cache::Cache;
pub use commit::hex;
use writer::Writer;

mod migrations {
    refinery::embed_migrations!("migrations/sqlite");
}

/// How the embedded store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Readers at once.
    pub readers: usize,
    /// Whether a commit waits for the disk (`true`: survives a power cut; `false`: survives a killed process only).
    pub durable: bool,
    /// People whose decoded records are kept in memory.
    pub cached_people: usize,
    /// Where secrets come from.
    pub keys: KeyConfig,
    /// Folder that checkpoints of the audit chain are written to; the data folder if `None`. Better on another disk.
    pub checkpoints: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, durable: true, cached_people: 64, keys: KeyConfig::default(), checkpoints: None }
    }
}

/// The embedded store in one folder.
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    shared: Arc<Shared>,
}

/// What the writer tells the readers.
pub(crate) struct Shared {
    pub directory_version: AtomicU64,
    /// Decoded records of people opened lately.
    pub records: Cache<Arc<[Stored]>>,
    /// What connects people asked about lately.
    pub links: Cache<Arc<[Link]>>,
    /// Small values read lately, or that there is none, with when they expire (µs), by [`small_key`].
    pub small: Cache<Option<(Arc<[u8]>, i64)>>,
    pub decoded: read::Decoded,
    pub origins: read::Origins,
    pub keys: Keys,
    pub vault: vault::Vault,
    /// File of the signed checkpoints.
    pub checkpoints: PathBuf,
}

pub(crate) struct Readers {
    path: PathBuf,
    idle: std::sync::Mutex<Vec<Connection>>,
    permits: tokio::sync::Semaphore,
}

/// People whose links, and small values, are kept in memory: a few hundred bytes each.
const CACHED_LINKS: usize = 4096;
const CACHED_SMALL: usize = 8192;

/// Names a small value in the cache.
pub(crate) fn small_key(space: &str, key: &str) -> String {
    format!("{space}\n{key}")
}

/// File name of the database within its folder.
pub const FILE: &str = "kith.sqlite";

impl Sqlite {
    /// Opens or makes the store in `folder`.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Io(format!("cannot make the data folder: {e}")))?;
        let path = folder.join(FILE);
        let mut connection = connect(&path, options.durable, false)?;
        migrations::migrations::runner()
            .run(&mut connection)
            .map_err(|e| StoreError::Io(format!("cannot bring the store's schema up to date: {e}")))?;
        let keys = Keys::open(folder, &options.keys)?;
        vault::keys_fit(&connection, &keys)?;
        let checkpoints = options.checkpoints.as_deref().unwrap_or(folder);
        std::fs::create_dir_all(checkpoints)
            .map_err(|e| StoreError::Io(format!("cannot make the folder of checkpoints: {e}")))?;
        let checkpoints = checkpoints.join(checkpoint::FILE);
        let shared = Arc::new(Shared {
            directory_version: AtomicU64::new(commit::directory_version(&connection)?),
            records: Cache::new(options.cached_people),
            links: Cache::new(CACHED_LINKS),
            small: Cache::new(CACHED_SMALL),
            decoded: read::Decoded::default(),
            origins: read::Origins::default(),
            keys,
            vault: vault::Vault::default(),
            checkpoints,
        });
        chain::sign_old_heads(&connection, &shared, Timestamp::now())?;
        let writer = Writer::start(connection, Arc::clone(&shared))?;
        let readers = Arc::new(Readers {
            path,
            idle: std::sync::Mutex::new(Vec::new()),
            permits: tokio::sync::Semaphore::new(options.readers.max(1)),
        });
        Ok(Self { writer, readers, shared })
    }

    /// Runs a read on a reader's connection, off the async runtime.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        let shared = Arc::clone(&self.shared);
        let permit = readers.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let pool = Arc::clone(&self.readers);
        let outcome = tokio::task::spawn_blocking(move || {
            let idle = pool.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => connect(&pool.path, true, true)?,
            };
            let outcome = read(&connection, &shared);
            pool.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(connection);
            outcome
        })
        .await
        .map_err(|e| StoreError::Io(format!("a reader stopped: {e}")))?;
        drop(permit);
        outcome
    }

    /// A connection for tests that tamper with the data to show that checks notice.
    #[doc(hidden)]
    pub fn tamper(folder: &Path) -> Result<Connection, StoreError> {
        connect(&folder.join(FILE), true, false)
    }
}

fn connect(path: &Path, durable: bool, read_only: bool) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags |= if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    let connection = Connection::open_with_flags(path, flags).map_err(storage)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Plans do not look at bound values: else SQLite prepares some statements anew at every execution to look again, which
    // took half of the writer's time.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(storage)?;
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(storage)?;
    let pragmas = if read_only {
        "PRAGMA query_only=ON; PRAGMA cache_size=-8000; PRAGMA mmap_size=268435456;".to_owned()
    } else {
        format!(
            "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous={}; PRAGMA wal_autocheckpoint=4000; \
             PRAGMA cache_size=-48000; PRAGMA temp_store=MEMORY; PRAGMA recursive_triggers=ON; PRAGMA journal_size_limit=67108864;",
            if durable { "FULL" } else { "NORMAL" }
        )
    };
    connection.execute_batch(&pragmas).map_err(storage)?;
    Ok(connection)
}

/// An SQLite error in the store's terms.
pub(crate) fn storage(error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged("the database file".into()),
        Some(ErrorCode::ConstraintViolation) if error.to_string().contains("occupied") => StoreError::Occupied,
        _ => StoreError::Io(error.to_string()),
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn commit(&self, batch: Batch) -> Result<Receipt, StoreError> {
        self.writer.run(move |state, tx| commit::apply(state, tx, &batch)).await
    }

    async fn compartment(&self, patient: &str) -> Result<Arc<[Stored]>, StoreError> {
        if let Some(hit) = self.shared.records.get(patient) {
            return Ok(hit);
        }
        let patient = patient.to_owned();
        self.reading(move |c, shared| read::compartment(c, shared, &patient)).await
    }

    async fn read(&self, kind: &str, id: &str) -> Result<Option<Stored>, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.reading(move |c, shared| read::current(c, shared, &kind, &id)).await
    }

    async fn version(&self, kind: &str, id: &str, version: u32) -> Result<Option<Stored>, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.reading(move |c, shared| {
            Ok(read::history(c, shared, &kind, &id, Some(version))?.into_iter().find(|s| s.version == version))
        })
        .await
    }

    async fn history(&self, kind: &str, id: &str) -> Result<Vec<Stored>, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.reading(move |c, shared| read::history(c, shared, &kind, &id, None)).await
    }

    async fn search(&self, query: &Query) -> Result<Found, StoreError> {
        let query = query.clone();
        self.reading(move |c, shared| search::search(c, shared, &query)).await
    }

    async fn search_each(&self, queries: &[Query]) -> Result<Vec<Found>, StoreError> {
        let queries = queries.to_vec();
        self.reading(move |c, shared| queries.iter().map(|query| search::search(c, shared, query)).collect()).await
    }

    async fn person_of(&self, kind: &str, id: &str) -> Result<Option<crate::Person>, StoreError> {
        let (kind, id) = (kind.to_owned(), id.to_owned());
        self.reading(move |c, _| read::person_of(c, &kind, &id)).await
    }

    async fn links(&self, patient: &str) -> Result<Vec<Link>, StoreError> {
        if let Some(hit) = self.shared.links.get(patient) {
            return Ok(hit.to_vec());
        }
        let patient = patient.to_owned();
        self.reading(move |c, shared| {
            let stamp = shared.links.stamp(&patient);
            let links = side::links(c, &patient)?;
            shared.links.keep(&patient, stamp, Arc::from(links.as_slice()));
            Ok(links)
        })
        .await
    }

    async fn linked(
        &self,
        targets: &[String],
        kinds: &[u8],
        now: Timestamp,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let (targets, kinds, after) = (targets.to_vec(), kinds.to_vec(), after.map(str::to_owned));
        self.reading(move |c, _| side::linked(c, &targets, &kinds, now, after.as_deref(), limit)).await
    }

    async fn occupied(
        &self,
        calendars: &[String],
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Occupancy>, StoreError> {
        let calendars = calendars.to_vec();
        self.reading(move |c, _| side::occupied(c, &calendars, from, to, now)).await
    }

    async fn held_by(&self, holder: &str) -> Result<Vec<Occupancy>, StoreError> {
        let holder = holder.to_owned();
        self.reading(move |c, _| side::held_by(c, &holder)).await
    }

    async fn audit_of(&self, patient: &str, before: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let patient = patient.to_owned();
        self.reading(move |c, shared| side::audit_of(c, shared, &patient, before, limit)).await
    }

    async fn audit_after(&self, seq: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        self.reading(move |c, shared| side::audit_after(c, shared, seq, limit)).await
    }

    async fn audit_search(&self, query: &AuditQuery) -> Result<AuditFound, StoreError> {
        let query = query.clone();
        self.reading(move |c, shared| side::audit_search(c, shared, &query)).await
    }

    async fn verify_audit(&self, against: Option<&Path>) -> Result<AuditReport, StoreError> {
        let against = against.map(Path::to_owned);
        self.reading(move |c, shared| chain::audit(c, shared, against.as_deref())).await
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        // Nothing waits before it in the queue when it runs, and what came before is committed.
        self.writer.run(|_, _| Ok(())).await?;
        self.writer
            .run(|state, tx| {
                state.sign_head(tx);
                Ok(())
            })
            .await
    }

    async fn erase(&self, erasure: Erasure, batch: Batch) -> Result<Erased, StoreError> {
        self.writer
            .run(move |state, tx| {
                let audit = state.next_audit();
                let erased = erase::erase(state, tx, &erasure, audit)?;
                let mut batch = batch;
                for draft in &mut batch.audit {
                    draft.fields.count = erased.versions;
                }
                commit::apply(state, tx, &batch)?;
                Ok(erased)
            })
            .await
    }

    fn verify_key(&self) -> String {
        hex(&self.shared.keys.public())
    }

    async fn master_keys(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.reading(|c, shared| {
            let counts: BTreeMap<String, u64> = vault::masters(c)?.into_iter().collect();
            let names = shared.keys.masters();
            Ok(names.into_iter().map(|name| (name.clone(), counts.get(&name).copied().unwrap_or(0))).collect())
        })
        .await
    }

    async fn rotate_signing(&self) -> Result<(), StoreError> {
        self.checkpoint().await?;
        self.writer.run(commit::State::hand_over).await
    }

    async fn rotate_keys(&self) -> Result<u64, StoreError> {
        self.shared.keys.new_master()?;
        let mut wrapped = 0;
        loop {
            let shared = Arc::clone(&self.shared);
            // A hundred at a time: others write in between.
            match self.writer.run(move |_, tx| vault::wrap_anew(tx, &shared.keys, 100)).await? {
                0 => return Ok(wrapped),
                some => wrapped += some as u64,
            }
        }
    }

    async fn take_outbox(
        &self,
        topic: &str,
        limit: usize,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<OutboxMessage>, StoreError> {
        let topic = topic.to_owned();
        self.writer.run(move |_, tx| side::take_outbox(tx, &topic, limit, lease, now)).await
    }

    async fn settle_outbox(&self, seq: i64, outcome: Settle) -> Result<(), StoreError> {
        self.writer.run(move |_, tx| side::settle(tx, "outbox", "seq", seq, outcome)).await
    }

    async fn dead_outbox(&self, topic: &str, limit: usize) -> Result<Vec<OutboxMessage>, StoreError> {
        let topic = topic.to_owned();
        self.reading(move |c, _| side::dead_outbox(c, &topic, limit)).await
    }

    async fn take_jobs(
        &self,
        kind: &str,
        limit: usize,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError> {
        let kind = kind.to_owned();
        self.writer.run(move |_, tx| side::take_jobs(tx, &kind, limit, lease, now)).await
    }

    async fn settle_job(&self, job: i64, outcome: Settle) -> Result<(), StoreError> {
        self.writer.run(move |_, tx| side::settle(tx, "job", "job", job, outcome)).await
    }

    async fn get(&self, space: &str, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let now = codec::micros(now);
        let live = |kept: Option<(Arc<[u8]>, i64)>| kept.filter(|(_, expires)| *expires > now).map(|(v, _)| v.to_vec());
        let name = small_key(space, key);
        if let Some(hit) = self.shared.small.get(&name) {
            return Ok(live(hit));
        }
        let (space, key) = (space.to_owned(), key.to_owned());
        let found = self.reading(move |c, shared| {
            let stamp = shared.small.stamp(&name);
            let found = side::get(c, &space, &key)?.map(|(value, expires)| (Arc::from(value), expires));
            shared.small.keep(&name, stamp, found.clone());
            Ok(found)
        });
        Ok(live(found.await?))
    }

    async fn list(&self, space: &str, now: Timestamp) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let space = space.to_owned();
        self.reading(move |c, _| side::list(c, &space, now)).await
    }

    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.run(move |_, tx| side::sweep(tx, now)).await
    }

    async fn counts(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        self.reading(move |c, _| read::counts(c)).await
    }

    async fn walk(&self, after: Option<i64>, limit: usize) -> Result<Vec<(i64, Stored)>, StoreError> {
        self.reading(move |c, shared| read::walk(c, shared, after, limit)).await
    }

    fn directory_version(&self) -> u64 {
        self.shared.directory_version.load(Ordering::Acquire)
    }

    async fn check(&self) -> Result<CheckReport, StoreError> {
        self.reading(check::check).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.permits.close();
        self.readers.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        self.writer.close().await
    }
}
