//! A small OpenID provider, for tests and the demonstration, so that signing in there travels the road it travels in use:
//! discovery, keys, an authorisation code with PKCE, signed tokens, user information.
//!
//! **Never for real people**: whoever asks may be anybody. It keeps everything in memory, and the only proof it asks for is
//! a choice. [`Provider`] is one issuer with its clients and identities; [`Provider::router`] serves it.
//!
//! Follows OpenID Connect Core 1.0 and Discovery 1.0 (incorporating errata set 2, December 2023), and RFC 7636 (PKCE, S256
//! alone).
//!
//! ```
//! use kith_idp::{Algorithm, Client, Identity, Provider};
//! let provider = Provider::new("https://idp.example/demo", Algorithm::Es256, vec![Client {
//!     id: "kith".into(), secret: "not a secret".into(), redirect: "https://kith.example/sign-in/back".into(),
//! }])?;
//! provider.add(Identity::new("ada", "Ada", "who likes engines", "subject-1"));
//! let _app: axum::Router = provider.router();
//! # Ok::<(), kith_idp::KeyError>(())
//! ```

mod authorize;
mod keys;
mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

pub use keys::{Algorithm, KeyError, SigningKey};

/// A code is good for one minute and once; an access token for five minutes.
const CODE_LASTS: Duration = Duration::from_mins(1);
const TOKEN_LASTS: Duration = Duration::from_mins(5);

/// Who may ask this provider: a confidential client with one address to go back to.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    /// Sent as `client_secret` in the body of a token request.
    pub secret: String,
    /// The whole address, compared letter for letter.
    pub redirect: String,
}

/// Somebody to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What `login_hint` and the page's choice call them.
    pub key: String,
    pub label: String,
    /// A few words beneath the name.
    pub about: String,
    /// The `sub` claim.
    pub subject: String,
    /// More claims of the ID token: assurance levels, for instance.
    pub token_claims: Map<String, Value>,
    /// More claims of the user information.
    pub info_claims: Map<String, Value>,
}

impl Identity {
    /// One without further claims.
    pub fn new(key: &str, label: &str, about: &str, subject: &str) -> Self {
        Self {
            key: key.to_owned(),
            label: label.to_owned(),
            about: about.to_owned(),
            subject: subject.to_owned(),
            token_claims: Map::new(),
            info_claims: Map::new(),
        }
    }
}

/// What a code stands for until it is redeemed.
struct Grant {
    client: String,
    redirect: String,
    challenge: String,
    nonce: Option<String>,
    identity: String,
    at: Instant,
    /// Seconds since 1970.
    auth_time: u64,
}

#[derive(Default)]
struct Kept {
    identities: BTreeMap<String, Identity>,
    /// In the order they were added: the page's order.
    order: Vec<String>,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, (String, Instant)>,
}

struct Inner {
    issuer: String,
    key: Arc<SigningKey>,
    clients: Vec<Client>,
    kept: Mutex<Kept>,
}

/// One issuer. Cheap to clone.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

impl Provider {
    /// An issuer at `issuer` (an absolute URL without a slash at the end) with a key made now.
    pub fn new(issuer: &str, algorithm: Algorithm, clients: Vec<Client>) -> Result<Self, KeyError> {
        let key = Arc::new(SigningKey::generate(algorithm)?);
        Ok(Self(Arc::new(Inner { issuer: issuer.to_owned(), key, clients, kept: Mutex::default() })))
    }

    /// Adds somebody to be, or changes them.
    pub fn add(&self, identity: Identity) {
        let mut kept = self.kept();
        if !kept.identities.contains_key(&identity.key) {
            kept.order.push(identity.key.clone());
        }
        kept.identities.insert(identity.key.clone(), identity);
    }

    /// The issuer's address.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The key tokens are signed with: for tests that sign something else with it.
    pub fn signing_key(&self) -> &SigningKey {
        &self.0.key
    }

    /// All its addresses, below the path of the issuer.
    pub fn router(&self) -> Router {
        let path = self.path();
        Router::new()
            .route(&format!("{path}/.well-known/openid-configuration"), get(configuration))
            .route(&format!("{path}/jwks"), get(jwks))
            .route(&format!("{path}/authorize"), get(authorize::show).post(authorize::choose))
            .route(&format!("{path}/token"), post(token::redeem))
            .route(&format!("{path}/userinfo"), get(token::info))
            .with_state(self.clone())
    }

    /// The path part of the issuer, without a slash at the end.
    fn path(&self) -> String {
        url::Url::parse(&self.0.issuer).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// 256 random bits as base64url.
fn random() -> Option<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

async fn configuration(State(provider): State<Provider>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", provider.0.issuer);
    Json(json!({
        "issuer": provider.0.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "jwks_uri": at("jwks"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [provider.0.key.algorithm().name()],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "nationalrbacaccess"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn jwks(State(provider): State<Provider>) -> Json<Value> {
    Json(json!({"keys": [provider.0.key.public()]}))
}
