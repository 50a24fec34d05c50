//! How often one caller may ask.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// The limits of the machine door.
pub struct Limits {
    /// Requests for tokens, by address.
    token: DefaultKeyedRateLimiter<String>,
    /// Requests to `/fhir`, by token.
    requests: DefaultKeyedRateLimiter<String>,
    /// Tokens that are none, by address.
    strangers: DefaultKeyedRateLimiter<String>,
    asked: AtomicU32,
}

/// Quiet callers are forgotten after so many requests for tokens.
const FORGET_EVERY: u32 = 1000;

fn limiter(a_minute: u32) -> DefaultKeyedRateLimiter<String> {
    RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN)))
}

impl Default for Limits {
    /// A token a second from one address, 2,000 requests a second with one token, 100 unknown tokens a second.
    fn default() -> Self {
        Self::new(60, 120_000, 6_000)
    }
}

impl Limits {
    /// So many a minute each: token requests of an address, requests of a token, unknown tokens of an address.
    pub fn new(token: u32, requests: u32, strangers: u32) -> Self {
        Self {
            token: limiter(token),
            requests: limiter(requests),
            strangers: limiter(strangers),
            asked: AtomicU32::new(0),
        }
    }

    pub fn may_ask_for_token(&self, from: &str) -> bool {
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.forget();
        }
        self.token.check_key(&from.to_owned()).is_ok()
    }

    /// `handle`: the start of the token, which is no secret by itself.
    pub fn may_request(&self, handle: &str) -> bool {
        self.requests.check_key(&handle.to_owned()).is_ok()
    }

    pub fn may_guess(&self, from: &str) -> bool {
        self.strangers.check_key(&from.to_owned()).is_ok()
    }

    /// Forgets callers that were quiet.
    fn forget(&self) {
        self.token.retain_recent();
        self.requests.retain_recent();
        self.strangers.retain_recent();
    }
}

/// The peer, as a key.
pub fn from(extensions: &Extensions) -> String {
    extensions.get::<ConnectInfo<SocketAddr>>().map_or_else(|| "unknown".to_owned(), |info| info.0.ip().to_string())
}
