//! Sessions of people and tokens of machines: kept in the store by the hash of a secret only the holder has.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use kith_fhir::Value;
use kith_store::{AuditDraft, AuditFields, Batch, KeyValue, Origin};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actor::{Actor, Purpose, Role};
use crate::door::Door;
use crate::error::Error;
use crate::scope;

const SESSIONS: &str = "session";
const TOKENS: &str = "token";

/// A session ends after this long without use. NHS login and CIS2 both end idle sessions within 15 to 30 minutes.
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// A session ends after this long whatever happens: a long working day.
pub const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);
/// After proving who they are, somebody may do sensitive things for this long before they are asked again.
pub const PROVED_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Use is noted at most this often, so that reading pages does not write a row each time.
const NOTE_EVERY: SignedDuration = SignedDuration::from_mins(2);

/// How and when somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `nhs-login`, `care-identity` or `account`.
    pub means: String,
    /// How sure that is, as the provider says it: `P9.Cp.Cd`, `AAL3`.
    pub level: String,
    pub at: Timestamp,
    /// The kind of browser, in words: "Firefox on Windows". Shown in the list of one's own sessions.
    pub device: String,
}

/// Somebody signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// A public handle for CSRF tokens and logs; not the secret.
    pub handle: String,
    pub actor: Actor,
    pub purpose: Purpose,
    pub begun: Timestamp,
    pub seen: Timestamp,
    /// A secret for CSRF tokens, hex.
    pub csrf: String,
    /// How they last proved who they are, where they did.
    #[serde(default)]
    pub proof: Option<Proof>,
}

impl Session {
    /// Whether they proved who they are within [`PROVED_FOR`]: asked before sensitive acts.
    pub fn recently_proved(&self, now: Timestamp) -> bool {
        self.proof.as_ref().is_some_and(|proof| {
            let since = now.duration_since(proof.at);
            since >= SignedDuration::ZERO && since <= PROVED_FOR
        })
    }
}

pub(crate) fn secret() -> Result<String, Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Storage(format!("no randomness: {e}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Secrets are 256 random bits, so a plain hash is enough and a look-up by it takes no longer for a near miss.
pub(crate) fn key(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}

fn origin(actor: &Actor) -> Origin {
    Origin {
        actor: actor.reference.clone(),
        name: actor.name.clone(),
        role: actor.role.code().to_owned(),
        organization: actor.organization.clone(),
        organization_name: actor.organization_name.clone(),
        system: actor.system.clone(),
    }
}

pub(crate) fn event(action: &str, purpose: Purpose, reason: &str) -> AuditDraft {
    AuditDraft {
        person: None,
        fields: AuditFields {
            action: action.to_owned(),
            purpose: purpose.code().to_owned(),
            decided_by: String::new(),
            reason: reason.to_owned(),
            what: Vec::new(),
            count: 0,
            digest: String::new(),
        },
        covers_writes: false,
    }
}

impl Door {
    /// Starts a session and gives the secret for the cookie: 43 characters of base64url.
    pub async fn sign_in(&self, actor: Actor, purpose: Purpose) -> Result<(String, Session), Error> {
        self.begin(actor, purpose, None).await
    }

    /// As [`Door::sign_in`], with how they proved who they are. The secret and the handle are always new: nothing that a
    /// browser held before can become this session.
    pub async fn sign_in_proved(
        &self,
        actor: Actor,
        purpose: Purpose,
        proof: Proof,
    ) -> Result<(String, Session), Error> {
        self.begin(actor, purpose, Some(proof)).await
    }

    async fn begin(&self, actor: Actor, purpose: Purpose, proof: Option<Proof>) -> Result<(String, Session), Error> {
        let now = self.now();
        let secret_text = secret()?;
        let session = Session {
            handle: uuid::Uuid::new_v4().to_string(),
            actor,
            purpose,
            begun: now,
            seen: now,
            csrf: secret()?,
            proof,
        };
        let mut batch = Batch::new(now, origin(&session.actor));
        batch.set.push(stored(&secret_text, &session));
        let means = session.proof.as_ref().map(|p| format!("{} {}", p.means, p.level)).unwrap_or_default();
        batch.audit.push(event("sign-in", purpose, means.trim()));
        self.inner.store.commit(batch).await?;
        Ok((secret_text, session))
    }

    /// The live session of a secret, its use noted; `None` if there is none or it has ended.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, Error> {
        if secret.len() != 43 {
            return Ok(None);
        }
        let now = self.now();
        let Some(bytes) = self.inner.store.get(SESSIONS, &key(secret), now).await? else { return Ok(None) };
        let Ok(mut session) = serde_json::from_slice::<Session>(&bytes) else { return Ok(None) };
        if now.duration_since(session.seen) > NOTE_EVERY {
            session.seen = now;
            let mut batch = Batch::new(now, origin(&session.actor));
            // Not `set`: a session signed out meanwhile must not come back.
            batch.refresh.push(stored(secret, &session));
            self.inner.store.commit(batch).await?;
        }
        Ok(Some(session))
    }

    /// The session of a secret goes on under a new secret, proved again; the old secret is worth nothing from now on.
    /// `None` if it has ended.
    pub async fn prove_again(&self, old: &str, proof: Proof) -> Result<Option<(String, Session)>, Error> {
        let Some(mut session) = self.session(old).await? else { return Ok(None) };
        let now = self.now();
        let fresh = secret()?;
        session.csrf = secret()?;
        session.seen = now;
        let means = format!("{} {}", proof.means, proof.level);
        session.proof = Some(proof);
        let mut batch = Batch::new(now, origin(&session.actor));
        batch.set.push(KeyValue { space: SESSIONS, key: key(old), value: None, expires: None });
        batch.set.push(stored(&fresh, &session));
        batch.audit.push(event("proved-again", session.purpose, means.trim()));
        self.inner.store.commit(batch).await?;
        Ok(Some((fresh, session)))
    }

    /// The live sessions of somebody (`Patient/…`, `Practitioner/…`) in any of their roles, the last used first.
    pub async fn sessions_of(&self, reference: &str) -> Result<Vec<Session>, Error> {
        let mut found: Vec<Session> = self.kept_sessions(reference).await?.into_iter().map(|(_, s)| s).collect();
        found.sort_by_key(|session| std::cmp::Reverse(session.seen));
        Ok(found)
    }

    async fn kept_sessions(&self, reference: &str) -> Result<Vec<(String, Session)>, Error> {
        let kept = self.inner.store.list(SESSIONS, self.now()).await?;
        Ok(kept
            .into_iter()
            .filter_map(|(key, bytes)| Some((key, serde_json::from_slice::<Session>(&bytes).ok()?)))
            .filter(|(_, session)| session.actor.reference == reference)
            .collect())
    }

    /// Ends sessions of the one who is signed in with `mine`: the one with a handle, or with `None` every one. Gives how
    /// many ended.
    pub async fn end_sessions(&self, mine: &Session, handle: Option<&str>) -> Result<usize, Error> {
        let mut batch = Batch::new(self.now(), origin(&mine.actor));
        for (key, session) in self.kept_sessions(&mine.actor.reference).await? {
            if handle.is_none_or(|handle| handle == session.handle) {
                batch.set.push(KeyValue { space: SESSIONS, key, value: None, expires: None });
            }
        }
        let count = batch.set.len();
        if count > 0 {
            let what = if handle.is_some() { "sign-out" } else { "sign-out-everywhere" };
            batch.audit.push(event(what, mine.purpose, &format!("{count} sessions")));
            self.inner.store.commit(batch).await?;
        }
        Ok(count)
    }

    /// Ends every session of somebody whose account was reset or disabled, by Kith itself.
    pub(crate) async fn end_all_of(&self, reference: &str) -> Result<usize, Error> {
        let kith = self.system("Kith accounts");
        let mut batch = Batch::new(self.now(), kith.origin());
        for (key, _) in self.kept_sessions(reference).await? {
            batch.set.push(KeyValue { space: SESSIONS, key, value: None, expires: None });
        }
        let count = batch.set.len();
        if count > 0 {
            batch.audit.push(event("sign-out-everywhere", Purpose::Operations, reference));
            self.inner.store.commit(batch).await?;
        }
        Ok(count)
    }

    /// Ends a session.
    pub async fn sign_out(&self, secret: &str) -> Result<(), Error> {
        let Some(session) = self.session(secret).await? else { return Ok(()) };
        let mut batch = Batch::new(self.now(), origin(&session.actor));
        batch.set.push(KeyValue { space: SESSIONS, key: key(secret), value: None, expires: None });
        batch.audit.push(event("sign-out", session.purpose, ""));
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    /// Registers an integration engine and gives its bearer token, which is not kept and cannot be shown again.
    /// Scopes: `system/*.*`, `system/Patient.read`, `system/Observation.cruds`, …
    pub async fn issue_token(&self, name: &str, scopes: &[String]) -> Result<String, Error> {
        if name.trim().is_empty() || name.len() > 100 {
            return Err(Error::invalid("name", "must have 1 to 100 characters"));
        }
        if scopes.is_empty() {
            return Err(Error::invalid("scope", "give at least one, such as system/*.*"));
        }
        for scope in scopes {
            scope::validate(scope)?;
        }
        let id = uuid::Uuid::now_v7();
        let actor = Actor {
            reference: format!("Device/{id}"),
            name: name.trim().to_owned(),
            role: Role::Machine,
            organization: None,
            organization_name: None,
            acts_for: Vec::new(),
            system: name.trim().to_owned(),
            scopes: scopes.to_vec(),
        };
        let device = serde_json::json!({
            "resourceType": "Device", "id": id.to_string(), "status": "active",
            "deviceName": [{"name": name.trim(), "type": "user-friendly-name"}],
        });
        let kith = self.system("Kith tokens");
        let mut change = crate::Change::new("register connected system");
        change.create(device);
        kith.commit(change).await?;
        let token = secret()?;
        let now = self.now();
        let mut batch = Batch::new(now, kith.origin());
        batch.set.push(KeyValue {
            space: TOKENS,
            key: key(&token),
            value: serde_json::to_vec(&actor).ok(),
            expires: None,
        });
        batch.audit.push(event("token-issued", Purpose::Operations, &actor.reference));
        self.inner.store.commit(batch).await?;
        Ok(token)
    }

    /// The machine a bearer token belongs to.
    pub async fn machine(&self, token: &str) -> Result<Option<Actor>, Error> {
        if token.len() != 43 {
            return Ok(None);
        }
        let kept = self.inner.store.get(TOKENS, &key(token), self.now()).await?;
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Connected systems with a live token: a short handle, the Device reference, name and scopes.
    pub async fn tokens(&self) -> Result<Vec<(String, Actor)>, Error> {
        let kept = self.inner.store.list(TOKENS, self.now()).await?;
        Ok(kept
            .into_iter()
            .filter_map(|(key, bytes)| Some((key.get(..8)?.to_owned(), serde_json::from_slice(&bytes).ok()?)))
            .collect())
    }

    /// Withdraws every token of a Device; gives how many there were.
    pub async fn withdraw_tokens(&self, device: &str) -> Result<usize, Error> {
        let kept = self.inner.store.list(TOKENS, self.now()).await?;
        let kith = self.system("Kith tokens");
        let mut batch = Batch::new(self.now(), kith.origin());
        for (key, bytes) in kept {
            if serde_json::from_slice::<Value>(&bytes).is_ok_and(|actor| actor["reference"] == device) {
                batch.set.push(KeyValue { space: TOKENS, key, value: None, expires: None });
            }
        }
        let count = batch.set.len();
        if count > 0 {
            batch.audit.push(event("token-withdrawn", Purpose::Operations, device));
            self.inner.store.commit(batch).await?;
        }
        Ok(count)
    }
}

fn stored(secret: &str, session: &Session) -> KeyValue {
    let idle = session.seen.saturating_add(IDLE).unwrap_or(Timestamp::MAX);
    let absolute = session.begun.saturating_add(ABSOLUTE).unwrap_or(Timestamp::MAX);
    KeyValue {
        space: SESSIONS,
        key: key(secret),
        value: serde_json::to_vec(session).ok(),
        expires: Some(idle.min(absolute)),
    }
}
