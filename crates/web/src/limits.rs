//! How often one address or one identity may try: sign-in, identifying a person, finding a proxy.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::layers::Site;
use crate::reply::WebError;

/// One kind of attempt, counted for each caller.
pub struct Limit {
    limiter: DefaultKeyedRateLimiter<String>,
    checked: AtomicU32,
}

/// Callers that were quiet long enough are forgotten after so many checks.
const FORGET_EVERY: u32 = 1000;

impl Limit {
    /// So many at once, and so many a minute from then on. Zero counts as one.
    pub fn new(at_once: u32, a_minute: u32) -> Self {
        let least = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_minute(least(a_minute)).allow_burst(least(at_once));
        Self { limiter: RateLimiter::keyed(quota), checked: AtomicU32::new(0) }
    }

    /// Counts an attempt of `caller`; too many, and it says how many seconds to wait.
    pub fn attempt(&self, caller: &str) -> Result<(), u64> {
        if self.checked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(&caller.to_owned())
            .map_err(|until| until.wait_time_from(DefaultClock::default().now()).as_secs() + 1)
    }

    /// As [`Limit::attempt`], with a page for people.
    pub fn check(&self, caller: &str) -> Result<(), WebError> {
        self.attempt(caller).map_err(WebError::too_many)
    }
}

/// Waiting after wrong passwords: longer with each, never for ever, and counted so that nobody can make another wait.
#[derive(Default)]
pub struct Backoff(Mutex<HashMap<String, Failures>>);

struct Failures {
    count: u32,
    last: Instant,
}

/// Wrong tries that cost no waiting; for all unknown browsers together, more.
const FREE: u32 = 3;
const FREE_FOR_ALL: u32 = 30;
/// The longest wait after wrong tries from one place; and from all unknown browsers together.
const LONGEST: Duration = Duration::from_mins(15);
const LONGEST_FOR_ALL: Duration = Duration::from_mins(1);
/// Failures are forgotten after this.
const FORGIVEN: Duration = Duration::from_hours(1);

impl Failures {
    fn wait(&self, key: &str) -> Duration {
        let all = key.starts_with("all|");
        let (free, longest) = if all { (FREE_FOR_ALL, LONGEST_FOR_ALL) } else { (FREE, LONGEST) };
        let over = self.count.saturating_sub(free);
        if over == 0 { Duration::ZERO } else { Duration::from_secs(5 << (over - 1).min(10)).min(longest) }
    }
}

impl Backoff {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many seconds are left to wait before any of these may try again.
    pub fn wait(&self, keys: &[String]) -> Option<u64> {
        let kept = self.kept();
        keys.iter()
            .filter_map(|key| {
                let failures = kept.get(key)?;
                failures.wait(key).checked_sub(failures.last.elapsed()).filter(|left| !left.is_zero())
            })
            .max()
            .map(|left| left.as_secs() + 1)
    }

    pub fn failed(&self, keys: &[String]) {
        let mut kept = self.kept();
        kept.retain(|_, failures| failures.last.elapsed() < FORGIVEN);
        for key in keys {
            let failures = kept.entry(key.clone()).or_insert(Failures { count: 0, last: Instant::now() });
            failures.count += 1;
            failures.last = Instant::now();
        }
    }

    /// They were right: what was wrong before from here does not count any more.
    pub fn cleared(&self, keys: &[String]) {
        let mut kept = self.kept();
        for key in keys.iter().filter(|key| !key.starts_with("all|")) {
            kept.remove(key);
        }
    }
}

/// The limits of the pages.
pub struct Limits {
    /// Beginning to sign in, by address.
    pub sign_in: Limit,
    /// Passwords and codes tried, by address.
    pub password: Limit,
    /// Staff looking for a person by NHS number and date of birth, by member of staff.
    pub identify: Limit,
    /// People looking for somebody to act for them, by person.
    pub find_proxy: Limit,
    /// Wrong passwords and codes.
    pub backoff: Backoff,
}

impl Default for Limits {
    /// Enough for a busy desk and a shared address; far too few to guess with.
    fn default() -> Self {
        Self {
            sign_in: Limit::new(60, 60),
            password: Limit::new(20, 10),
            identify: Limit::new(20, 20),
            find_proxy: Limit::new(5, 1),
            backoff: Backoff::default(),
        }
    }
}

impl Limits {
    /// For the demonstration, where nothing is proved by signing in and one machine is everybody.
    pub fn demonstration() -> Self {
        Self { sign_in: Limit::new(10_000, 60_000), ..Self::default() }
    }
}

/// Where a request comes from, as a key for limits: the peer's address, or behind our own proxy what that proxy added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(pub String);

impl Address {
    /// IPv6 callers own at least a /64, so they are counted by it.
    fn key(ip: IpAddr) -> String {
        match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let s = ip.segments();
                format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let behind_proxy = parts.extensions.get::<Arc<Site>>().is_some_and(|site| site.tls);
        let forwarded = behind_proxy
            .then(|| {
                // The last entry is the one our own proxy wrote; those before it anybody may write.
                let all = parts.headers.get_all("x-forwarded-for");
                let last = all.iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
                last.parse::<IpAddr>().ok()
            })
            .flatten();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self(forwarded.or(peer).map_or_else(|| "unknown".to_owned(), Self::key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn too_many_attempts_wait_and_others_do_not_wait_for_them() {
        let limit = Limit::new(3, 1);
        for _ in 0..3 {
            assert!(limit.attempt("a").is_ok());
        }
        let wait = limit.attempt("a").unwrap_err();
        assert!((1..=61).contains(&wait), "{wait}");
        assert!(limit.attempt("b").is_ok(), "somebody else is not held up");
    }

    #[test]
    fn wrong_tries_wait_longer_and_nobody_elsewhere_can_lock_the_holder_out() {
        let backoff = Backoff::default();
        let from = |place: &str| vec![format!("from|ada|{place}"), "all|ada".to_owned()];
        let device = vec!["device|ada|1".to_owned()];
        for _ in 0..FREE {
            backoff.failed(&from("a"));
        }
        assert_eq!(backoff.wait(&from("a")), None, "slips cost nothing");
        backoff.failed(&from("a"));
        assert!(backoff.wait(&from("a")).is_some_and(|seconds| seconds <= 6));
        for _ in 0..100 {
            backoff.failed(&from("a"));
        }
        assert!(backoff.wait(&from("a")).is_some_and(|s| s > 600 && s <= 901), "{:?}", backoff.wait(&from("a")));
        assert!(backoff.wait(&from("b")).is_some_and(|s| s <= 61), "a new browser waits a minute at most");
        assert_eq!(backoff.wait(&device), None, "the holder's own browser does not wait for others");
        backoff.failed(&device);
        backoff.cleared(&device);
        assert_eq!(backoff.wait(&device), None);
    }

    async fn address(site: bool, peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::builder();
        for line in forwarded {
            request = request.header("x-forwarded-for", *line);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(Site::new(false, site, [0; 32]).unwrap());
        parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        let Ok(address) = Address::from_request_parts(&mut parts, &()).await;
        address.0
    }

    #[tokio::test]
    async fn a_caller_cannot_choose_the_address_it_is_counted_by() {
        assert_eq!(
            address(false, "192.0.2.1:5", &["203.0.113.9"]).await,
            "192.0.2.1",
            "no proxy of ours: header unread"
        );
        assert_eq!(address(true, "10.0.0.1:5", &["203.0.113.9, 198.51.100.7"]).await, "198.51.100.7");
        assert_eq!(address(true, "10.0.0.1:5", &["1.1.1.1", "198.51.100.7"]).await, "198.51.100.7");
        assert_eq!(address(true, "10.0.0.1:5", &["nonsense"]).await, "10.0.0.1");
        let one = address(false, "[2001:db8:1:2:3::1]:5", &[]).await;
        assert_eq!(one, address(false, "[2001:db8:1:2:ffff::9]:5", &[]).await, "one household, one key");
    }
}
