//! The door: opened once by the binary.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use kith_store::keys::KeyConfig;
use kith_store::sqlite::{Options, Sqlite};
use kith_store::{AuditReport, CheckReport, Store};

use crate::access::Access;
use crate::actor::{Actor, Purpose};
use crate::agreements::Agreements;
use crate::error::Error;
use crate::organisation::OrganisationKind;

/// How the door is opened.
#[derive(Debug, Clone)]
pub struct DoorConfig {
    /// Folder of the store.
    pub data_dir: PathBuf,
    /// Folder of agreements; the built-in one if `None`.
    pub agreements: Option<PathBuf>,
    /// Wait for the disk at every commit, so that a power cut loses nothing.
    pub durable: bool,
    /// Readers at once.
    pub readers: usize,
    /// People whose decoded records are kept in memory.
    pub cached_people: usize,
    /// Where secrets come from; files in `keys` of the data folder, made at the first start, by default.
    pub keys: KeyConfig,
    /// Folder of the signed checkpoints of the audit chain; the data folder if `None`.
    pub checkpoints: Option<PathBuf>,
}

impl DoorConfig {
    /// The defaults for a folder: durable, four readers.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let store = Options::default();
        Self {
            data_dir: data_dir.into(),
            agreements: None,
            durable: store.durable,
            readers: store.readers,
            cached_people: store.cached_people,
            keys: KeyConfig::default(),
            checkpoints: None,
        }
    }
}

pub(crate) struct Inner {
    pub store: Arc<dyn Store>,
    pub agreements: Agreements,
    /// Kinds of organisations, as of a version of the directory.
    organisations: Mutex<(u64, HashMap<String, OrganisationKind>)>,
    /// Who looked at what lately, for the privacy officer: filled from the audit chain as it grows.
    pub watch: tokio::sync::Mutex<crate::unusual::Watch>,
    /// A set time in µs, or `i64::MIN` for the real clock.
    clock: AtomicI64,
}

impl Inner {
    /// The kind of an organisation (`Organization/…`).
    pub async fn organisation_kind(&self, reference: &str) -> Result<OrganisationKind, Error> {
        let version = self.store.directory_version();
        {
            let mut known = self.organisations.lock().unwrap_or_else(PoisonError::into_inner);
            if known.0 != version {
                *known = (version, HashMap::new());
            }
            if let Some(kind) = known.1.get(reference) {
                return Ok(*kind);
            }
        }
        let Some((kind, id)) = kith_fhir::resource::split_reference(reference) else {
            return Ok(OrganisationKind::Other);
        };
        let found = self.store.read(kind, id).await?.and_then(|stored| stored.value);
        let kind = found.as_deref().map_or(OrganisationKind::Other, OrganisationKind::of);
        let mut known = self.organisations.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 == version {
            known.1.insert(reference.to_owned(), kind);
        }
        Ok(kind)
    }

    pub fn now(&self) -> Timestamp {
        match self.clock.load(Ordering::Relaxed) {
            i64::MIN => {
                // Microseconds, as stored.
                let now = Timestamp::now();
                Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
            }
            micros => Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

/// The one door to the record. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub(crate) inner: Arc<Inner>,
}

impl Door {
    /// Opens the store in a folder, making it if need be, and loads the agreements.
    pub async fn open(config: DoorConfig) -> Result<Self, Error> {
        let agreements = match &config.agreements {
            Some(folder) => Agreements::load(folder)?,
            None => Agreements::built_in()?,
        };
        let options = Options {
            readers: config.readers,
            durable: config.durable,
            cached_people: config.cached_people,
            keys: config.keys,
            checkpoints: config.checkpoints,
        };
        let folder = config.data_dir;
        let store = tokio::task::spawn_blocking(move || Sqlite::open(&folder, &options))
            .await
            .map_err(|e| Error::Storage(e.to_string()))??;
        Ok(Self {
            inner: Arc::new(Inner {
                store: Arc::new(store),
                agreements,
                organisations: Mutex::default(),
                watch: tokio::sync::Mutex::default(),
                clock: AtomicI64::new(i64::MIN),
            }),
        })
    }

    /// A way in for one request.
    pub fn enter(&self, actor: Actor, purpose: Purpose) -> Access {
        Access::new(Arc::clone(&self.inner), actor, purpose)
    }

    /// Kith itself at work as `system` ("Kith import").
    pub fn system(&self, system: &str) -> Access {
        self.enter(Actor::system(system), Purpose::Operations)
    }

    /// The door's time.
    pub fn now(&self) -> Timestamp {
        self.inner.now()
    }

    /// Sets the door's clock (`None`: the real one). For tests and the demonstration's story.
    pub fn set_clock(&self, at: Option<Timestamp>) {
        self.inner.clock.store(at.map_or(i64::MIN, Timestamp::as_microsecond), Ordering::Relaxed);
    }

    /// The agreements in force.
    pub fn agreements(&self) -> &Agreements {
        &self.inner.agreements
    }

    /// Live resources by type.
    pub async fn counts(&self) -> Result<std::collections::BTreeMap<&'static str, u64>, Error> {
        Ok(self.inner.store.counts().await?)
    }

    /// Proves the store's own invariants.
    pub async fn check(&self) -> Result<CheckReport, Error> {
        Ok(self.inner.store.check().await?)
    }

    /// Walks the audit chain.
    pub async fn verify_audit(&self) -> Result<AuditReport, Error> {
        Ok(self.inner.store.verify_audit(None).await?)
    }

    /// As [`Door::verify_audit`], also against a file of signed checkpoints kept elsewhere.
    pub async fn verify_audit_against(&self, checkpoints: &std::path::Path) -> Result<AuditReport, Error> {
        Ok(self.inner.store.verify_audit(Some(checkpoints)).await?)
    }

    /// Signs where the audit chain stands now, outside the database.
    pub async fn checkpoint(&self) -> Result<(), Error> {
        Ok(self.inner.store.checkpoint().await?)
    }

    /// The public key that checks the signatures of checkpoints, in hexadecimal.
    pub fn verify_key(&self) -> String {
        self.inner.store.verify_key()
    }

    /// Master keys that seal attachments, the one in use last, with how many people's keys each wraps.
    pub async fn master_keys(&self) -> Result<Vec<(String, u64)>, Error> {
        Ok(self.inner.store.master_keys().await?)
    }

    /// Makes a new key to sign checkpoints with; the old one vouches for it and is gone after. A running server signs no more
    /// until it is started again.
    pub async fn rotate_signing(&self) -> Result<(), Error> {
        self.system("Kith keys").record_event("keys-rotated", "signing key of the audit").await?;
        Ok(self.inner.store.rotate_signing().await?)
    }

    /// Makes a new master key where keys are files, and wraps every person's key anew under the newest; gives how many.
    /// Recorded in the audit chain. Reads and writes go on meanwhile.
    pub async fn rotate_keys(&self) -> Result<u64, Error> {
        let wrapped = self.inner.store.rotate_keys().await?;
        self.system("Kith keys").record_event("keys-rotated", "master key of attachments").await?;
        Ok(wrapped)
    }

    /// Audit entries in order after a sequence number: for the operator's `kith audit list`.
    pub async fn audit_after(&self, seq: i64, limit: usize) -> Result<Vec<kith_store::AuditEntry>, Error> {
        Ok(self.inner.store.audit_after(seq, limit).await?)
    }

    /// Every live resource after a marker, for `kith export`; recorded as one act by the caller.
    pub async fn walk(&self, after: Option<i64>, limit: usize) -> Result<Vec<(i64, crate::Entry)>, Error> {
        let found = self.inner.store.walk(after, limit).await?;
        Ok(found.iter().filter_map(|(mark, stored)| Some((*mark, crate::Entry::of(stored)?))).collect())
    }

    /// Removes lapsed sessions, holds and small values.
    pub async fn sweep(&self) -> Result<usize, Error> {
        Ok(self.inner.store.sweep(self.now()).await?)
    }

    /// Finishes what is queued and closes the store.
    pub async fn close(&self) -> Result<(), Error> {
        Ok(self.inner.store.close().await?)
    }
}
