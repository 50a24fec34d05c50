//! What was read lately, kept until the writer says that it has changed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Values by key, at most `limit` of them. A commit that touches a key forgets its value before the committer is answered;
/// what another process wrote is noticed by the writer, which then forgets everything.
pub(crate) struct Cache<V> {
    limit: usize,
    inner: Mutex<Inner<V>>,
    /// Counts forgettings by a hash of the key, so that a read begun before a commit is not kept after it.
    marks: Vec<AtomicU64>,
}

struct Inner<V> {
    values: HashMap<Arc<str>, V>,
    /// Oldest first; a key forgotten since stays until its turn.
    order: VecDeque<Arc<str>>,
}

const MARKS: usize = 1024;

impl<V: Clone> Cache<V> {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::new(Inner { values: HashMap::new(), order: VecDeque::new() }),
            marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn mark(&self, key: &str) -> &AtomicU64 {
        let hash = key.bytes().fold(0usize, |h, b| h.wrapping_mul(31).wrapping_add(b as usize));
        &self.marks[hash % MARKS]
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner<V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, key: &str) -> Option<V> {
        self.inner().values.get(key).cloned()
    }

    pub fn forget(&self, key: &str) {
        self.mark(key).fetch_add(1, Ordering::AcqRel);
        self.inner().values.remove(key);
    }

    /// Forgets everything: somebody else wrote.
    pub fn clear(&self) {
        for mark in &self.marks {
            mark.fetch_add(1, Ordering::AcqRel);
        }
        let mut inner = self.inner();
        inner.values.clear();
        inner.order.clear();
    }

    /// A stamp to take before reading and to give to [`Cache::keep`] after.
    pub fn stamp(&self, key: &str) -> u64 {
        self.mark(key).load(Ordering::Acquire)
    }

    pub fn keep(&self, key: &str, stamp: u64, value: V) {
        if self.limit == 0 {
            return;
        }
        let mut inner = self.inner();
        if self.mark(key).load(Ordering::Acquire) != stamp {
            return;
        }
        let key: Arc<str> = Arc::from(key);
        if inner.values.insert(Arc::clone(&key), value).is_none() {
            inner.order.push_back(key);
        }
        while inner.values.len() > self.limit {
            let Some(oldest) = inner.order.pop_front() else { break };
            inner.values.remove(&oldest);
        }
        if inner.order.len() > 2 * self.limit {
            let Inner { values, order } = &mut *inner;
            let mut seen = HashSet::new();
            order.retain(|key| values.contains_key(key) && seen.insert(Arc::clone(key)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_its_limit_is_kept_whatever_is_forgotten_between() {
        let cache = Cache::new(3);
        for round in 0..1000u32 {
            let key = format!("{}", round % 7);
            if round % 5 == 0 {
                cache.forget(&key);
            }
            cache.keep(&key, cache.stamp(&key), round);
            assert_eq!(cache.get(&key), Some(round));
            let inner = cache.inner();
            assert!(inner.values.len() <= 3 && inner.order.len() <= 7);
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = Cache::new(3);
        let stamp = cache.stamp("a");
        cache.forget("a");
        cache.keep("a", stamp, 1);
        assert_eq!(cache.get("a"), None);
        let stamp = cache.stamp("a");
        cache.clear();
        cache.keep("a", stamp, 1);
        assert_eq!(cache.get("a"), None);
        cache.keep("a", cache.stamp("a"), 2);
        assert_eq!(cache.get("a"), Some(2));
    }
}
