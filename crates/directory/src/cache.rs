//! The directory kept in memory, and brought up to date when the record says it has changed.

use crate::directory::{Directory, TYPES};
use kith_fhir::Value;
use kith_fhir::search::Query;
use kith_trust::{Access, Error};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// How long a snapshot is served without asking whether the directory has changed: a change to opening hours shows
/// within this time.
pub const MAX_AGE: Duration = Duration::from_secs(2);

/// How many resources to ask for at a time.
const PAGE: usize = 1000;

/// A shared snapshot of the directory. Cheap to clone; every clone shares the snapshot.
///
/// Within `max_age` of the last check it costs a lock and an `Arc` clone. After that one caller asks for the directory's
/// version, and reloads if it changed, while everybody else is given the snapshot there is.
#[derive(Debug, Clone)]
pub struct DirectoryCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    max_age: Duration,
    current: RwLock<Option<Snapshot>>,
    /// Held by the one who checks and loads.
    loading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Snapshot {
    directory: Arc<Directory>,
    version: u64,
    checked: Instant,
}

impl Default for DirectoryCache {
    fn default() -> Self {
        Self::new()
    }
}

impl DirectoryCache {
    /// Empty; loads at the first `get`. Snapshots are checked every [`MAX_AGE`].
    pub fn new() -> Self {
        Self::with_max_age(MAX_AGE)
    }

    /// As [`Self::new`] with another age; zero asks for the version at every `get`.
    pub fn with_max_age(max_age: Duration) -> Self {
        let inner = Inner { max_age, current: RwLock::new(None), loading: tokio::sync::Mutex::new(()) };
        Self { inner: Arc::new(inner) }
    }

    /// The directory as it stands, at most `max_age` (and one reload) old.
    pub async fn get(&self, access: &Access) -> Result<Arc<Directory>, Error> {
        let Some(stale) = self.snapshot() else {
            let _loading = self.inner.loading.lock().await;
            // Somebody else may have loaded it while this one waited.
            return match self.snapshot() {
                Some(snapshot) => Ok(snapshot.directory),
                None => self.reload(access).await,
            };
        };
        if stale.checked.elapsed() < self.inner.max_age {
            return Ok(stale.directory);
        }
        let Ok(_loading) = self.inner.loading.try_lock() else { return Ok(stale.directory) };
        if access.directory_version().await? == stale.version {
            self.keep(Snapshot { checked: Instant::now(), ..stale.clone() });
            return Ok(stale.directory);
        }
        self.reload(access).await
    }

    /// Loads anew at the next `get`: for whoever has just changed the directory and wants to see it.
    pub fn forget(&self) {
        *self.inner.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn snapshot(&self) -> Option<Snapshot> {
        self.inner.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn keep(&self, snapshot: Snapshot) {
        *self.inner.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(snapshot);
    }

    async fn reload(&self, access: &Access) -> Result<Arc<Directory>, Error> {
        // The version is taken first: a change during the load is seen at the next check.
        let (checked, version) = (Instant::now(), access.directory_version().await?);
        let directory = Arc::new(load(access).await?);
        tracing::debug!(version, services = directory.services().count(), "directory loaded");
        self.keep(Snapshot { directory: directory.clone(), version, checked });
        Ok(directory)
    }
}

/// Reads the whole directory through the door, past any cache.
pub async fn load(access: &Access) -> Result<Directory, Error> {
    let mut resources: Vec<Arc<Value>> = Vec::new();
    for kind in TYPES {
        let mut query = Query::new(kind).map_err(|e| Error::Unsearchable { what: e.to_string() })?.limit(PAGE);
        loop {
            let page = access.search(&query).await?;
            resources.extend(page.entries.into_iter().map(|entry| entry.value));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
    }
    Ok(Directory::from_resources(resources.iter().map(AsRef::as_ref)))
}
