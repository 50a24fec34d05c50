//! Apps that act for people and staff, and services that act for themselves, by SMART App Launch 2.2: who they are, and
//! the codes and tokens they hold. Secrets are kept by their hashes alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use kith_fhir::Value;
use kith_store::{Batch, KeyValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::access::Access;
use crate::actor::{Actor, Purpose, Role};
use crate::door::Door;
use crate::error::Error;
use crate::session::{event, key, secret};
use crate::smart::{Narrow, Scope, granted};

const APPS: &str = "smart-app";
const CODES: &str = "smart-code";
const TOKENS: &str = "smart-token";
const REFRESH: &str = "smart-refresh";
const LAUNCHES: &str = "smart-launch";

/// How long each thing is good for.
pub const CODE_LASTS: SignedDuration = SignedDuration::from_mins(1);
pub const TOKEN_LASTS: SignedDuration = SignedDuration::from_mins(15);
pub const REFRESH_LASTS: SignedDuration = SignedDuration::from_hours(24 * 30);
const LAUNCH_LASTS: SignedDuration = SignedDuration::from_mins(5);

/// A registered app or backend service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct App {
    /// `client_id`.
    pub id: String,
    /// As people see it.
    pub name: String,
    /// Addresses it may be sent back to, compared letter for letter. None: a backend service.
    pub redirects: Vec<String>,
    /// Where it is started from within Kith, if it can be.
    pub launch: Option<String>,
    /// The most it may ever be granted.
    pub scopes: Vec<String>,
    /// SHA-256 of its secret, if it is a confidential app that has one.
    pub secret: Option<String>,
    /// Its public keys (a JSON Web Key Set), if it signs assertions.
    pub jwks: Option<Value>,
    /// `Device/…` in the record: how a backend service stands in the audit trail.
    pub device: String,
}

/// What an authorisation code, and after it a token, stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// Names this permission: all codes and tokens that come of it.
    pub id: String,
    pub app: String,
    pub actor: Actor,
    pub purpose: Purpose,
    pub scopes: Vec<String>,
    /// The person a launch is about.
    pub patient: Option<String>,
    redirect: String,
    challenge: String,
    pub at: Timestamp,
}

/// What a redeemed code or refresh token gives.
#[derive(Debug, Clone)]
pub struct Issued {
    pub access_token: String,
    pub refresh_token: Option<String>,
    pub grant: Grant,
}

/// What is known of a live token.
#[derive(Debug, Clone)]
pub struct LiveToken {
    pub grant: Grant,
    pub until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    grant: Grant,
    until: Timestamp,
}

/// An app to be registered.
#[derive(Debug, Clone, Default)]
pub struct NewApp {
    pub name: String,
    pub redirects: Vec<String>,
    pub launch: Option<String>,
    pub scopes: Vec<String>,
    pub confidential: bool,
    pub jwks: Option<Value>,
}

/// An address an app may be sent to: https, or http on the same machine, without a fragment.
fn good_address(address: &str) -> bool {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let named =
        address.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', ':']))
            || local
                .iter()
                .any(|l| address.strip_prefix(l).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
    named && !address.contains(['#', '\\', ' ', '"', '\'', ';', ',']) && address.is_ascii() && address.len() <= 500
}

impl Door {
    async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        space: &'static str,
        at: &str,
    ) -> Result<Option<T>, Error> {
        let kept = self.inner.store.get(space, at, self.now()).await?;
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Registers an app; gives it and, for a confidential one, its secret, which is not kept.
    pub async fn add_app(&self, new: NewApp) -> Result<(App, Option<String>), Error> {
        let name = new.name.trim().to_owned();
        if name.is_empty() || name.len() > 100 {
            return Err(Error::invalid("name", "must have 1 to 100 characters"));
        }
        if new.scopes.is_empty() {
            return Err(Error::invalid("scope", "give at least one, such as patient/*.rs"));
        }
        const OTHER: [&str; 7] =
            ["openid", "fhirUser", "profile", "launch", "launch/patient", "offline_access", "online_access"];
        if let Some(bad) = new.scopes.iter().find(|s| !OTHER.contains(&s.as_str()) && Scope::parse(s).is_none()) {
            return Err(Error::invalid("scope", format!("{bad} is not a SMART scope such as patient/Observation.rs")));
        }
        let backend = new.redirects.is_empty();
        if backend && (new.jwks.is_none() || new.scopes.iter().any(|s| !s.starts_with("system/"))) {
            return Err(Error::invalid(
                "redirect",
                "without one it is a backend service: give --jwks and system/ scopes",
            ));
        }
        if !backend && new.scopes.iter().any(|s| s.starts_with("system/")) {
            return Err(Error::invalid("scope", "system/ scopes are for backend services"));
        }
        if let Some(bad) = new.redirects.iter().chain(&new.launch).find(|a| !good_address(a)) {
            return Err(Error::invalid("redirect", format!("{bad} must be https, without a fragment")));
        }
        let keys = new.jwks.as_ref().map(|set| set["keys"].as_array().map_or(0, Vec::len));
        if keys == Some(0) {
            return Err(Error::invalid("jwks", "must be a JSON Web Key Set with at least one key"));
        }
        let id = uuid::Uuid::now_v7().to_string();
        let given = if new.confidential { Some(secret()?) } else { None };
        let app = App {
            id: id.clone(),
            name,
            redirects: new.redirects,
            launch: new.launch,
            scopes: new.scopes,
            secret: given.as_deref().map(key),
            jwks: new.jwks,
            device: format!("Device/{id}"),
        };
        let kith = self.system("Kith apps");
        let mut change = crate::Change::new("register app");
        change.create(kith_fhir::json!({
            "resourceType": "Device", "id": id, "status": "active",
            "deviceName": [{"name": app.name, "type": "user-friendly-name"}],
        }));
        kith.commit(change).await?;
        self.put_json(APPS, &app.id, &app, None, "app-added", &app.device).await?;
        Ok((app, given))
    }

    async fn put_json(
        &self,
        space: &'static str,
        at: &str,
        value: &impl Serialize,
        expires: Option<Timestamp>,
        what: &str,
        reason: &str,
    ) -> Result<(), Error> {
        let kith = self.system("Kith apps");
        let mut batch = Batch::new(self.now(), kith.origin());
        batch.set.push(KeyValue { space, key: at.to_owned(), value: serde_json::to_vec(value).ok(), expires });
        if !what.is_empty() {
            batch.audit.push(event(what, Purpose::Operations, reason));
        }
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    pub async fn app(&self, id: &str) -> Result<Option<App>, Error> {
        if id.len() > 64 {
            return Ok(None);
        }
        self.get_json(APPS, id).await
    }

    pub async fn apps(&self) -> Result<Vec<App>, Error> {
        let kept = self.inner.store.list(APPS, self.now()).await?;
        Ok(kept.into_iter().filter_map(|(_, bytes)| serde_json::from_slice(&bytes).ok()).collect())
    }

    /// Takes an app away, with every code and token it holds; `false` if there is none.
    pub async fn remove_app(&self, id: &str) -> Result<bool, Error> {
        let Some(app) = self.app(id).await? else { return Ok(false) };
        let mut gone = self.kept_of(|grant| grant.app == app.id).await?;
        gone.push(KeyValue { space: APPS, key: app.id.clone(), value: None, expires: None });
        self.take_away(gone, "app-removed", &app.device).await?;
        Ok(true)
    }

    async fn kept_of(&self, whose: impl Fn(&Grant) -> bool) -> Result<Vec<KeyValue>, Error> {
        let mut found = Vec::new();
        for space in [CODES, TOKENS, REFRESH] {
            for (key, bytes) in self.inner.store.list(space, self.now()).await? {
                if serde_json::from_slice::<Kept>(&bytes).is_ok_and(|kept| whose(&kept.grant)) {
                    found.push(KeyValue { space, key, value: None, expires: None });
                }
            }
        }
        Ok(found)
    }

    async fn take_away(&self, gone: Vec<KeyValue>, what: &str, reason: &str) -> Result<(), Error> {
        let kith = self.system("Kith apps");
        let mut batch = Batch::new(self.now(), kith.origin());
        batch.set = gone;
        batch.audit.push(event(what, Purpose::Operations, reason));
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    /// Starts an app about a person from within Kith: the `launch` parameter it is given.
    pub async fn begin_launch(&self, actor: &Actor, patient: &str) -> Result<String, Error> {
        let token = secret()?;
        let until = self.now().saturating_add(LAUNCH_LASTS).ok();
        let value = (actor.reference.clone(), patient.to_owned());
        self.put_json(LAUNCHES, &key(&token), &value, until, "", "").await?;
        Ok(token)
    }

    /// The person a launch is about, for the one who started it.
    pub async fn launched(&self, actor: &Actor, launch: &str) -> Result<Option<String>, Error> {
        let kept: Option<(String, String)> = self.get_json(LAUNCHES, &key(launch)).await?;
        Ok(kept.filter(|(who, _)| *who == actor.reference).map(|(_, patient)| patient))
    }

    /// A code for an app that somebody lets act for them. The scopes are cut to what the app is registered for.
    #[allow(clippy::too_many_arguments)] // the parts of one permission
    pub async fn authorise(
        &self,
        app: &App,
        actor: &Actor,
        purpose: Purpose,
        asked: &[String],
        patient: Option<String>,
        redirect: &str,
        challenge: &str,
    ) -> Result<String, Error> {
        let code = secret()?;
        let grant = Grant {
            id: uuid::Uuid::new_v4().to_string(),
            app: app.id.clone(),
            actor: actor.clone(),
            purpose,
            scopes: granted(asked, &app.scopes),
            patient,
            redirect: redirect.to_owned(),
            challenge: challenge.to_owned(),
            at: self.now(),
        };
        let until = self.now().saturating_add(CODE_LASTS).unwrap_or(Timestamp::MAX);
        self.put_json(CODES, &key(&code), &Kept { grant, until }, Some(until), "app-allowed", &app.device).await?;
        Ok(code)
    }

    /// Takes something that is good once: `None` if it is not there, or somebody else was first.
    async fn take_once(&self, space: &'static str, token: &str) -> Result<Option<Kept>, Error> {
        let at = key(token);
        let Some(kept) = self.get_json::<Kept>(space, &at).await? else {
            // Used before: whoever has it now may have stolen it, so everything that came of it ends (RFC 9700, 4.14).
            if let Some(id) = self.get_json::<String>(USED, &at).await? {
                let gone = self.kept_of(|grant| grant.id == id).await?;
                self.take_away(gone, "app-token-reused", &id).await?;
            }
            return Ok(None);
        };
        let kith = self.system("Kith apps");
        let mut batch = Batch::new(self.now(), kith.origin());
        batch.set.push(KeyValue { space, key: at.clone(), value: None, expires: None });
        batch.set.push(KeyValue {
            space: USED,
            key: at.clone(),
            value: serde_json::to_vec(&kept.grant.id).ok(),
            expires: self.now().saturating_add(REFRESH_LASTS).ok(),
        });
        batch.once = Some((format!("{space}|{at}"), [0; 32]));
        Ok((!self.inner.store.commit(batch).await?.replayed).then_some(kept))
    }

    /// Redeems a code by the app it was given to, with the verifier of its challenge (PKCE, S256).
    pub async fn redeem_code(
        &self,
        app: &App,
        code: &str,
        redirect: &str,
        verifier: &str,
    ) -> Result<Option<Issued>, Error> {
        let Some(kept) = self.take_once(CODES, code).await? else { return Ok(None) };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let holds = kept.grant.app == app.id
            && kept.grant.redirect == redirect
            && bool::from(kept.grant.challenge.as_bytes().ct_eq(challenge.as_bytes()));
        if holds { self.issue(kept.grant).await.map(Some) } else { Ok(None) }
    }

    /// Redeems a refresh token, which is replaced; scopes may be fewer than before, never more.
    pub async fn refresh(&self, app: &App, token: &str, fewer: Option<&[String]>) -> Result<Option<Issued>, Error> {
        let Some(kept) = self.take_once(REFRESH, token).await? else { return Ok(None) };
        let mut grant = kept.grant;
        if grant.app != app.id {
            return Ok(None);
        }
        if let Some(fewer) = fewer {
            if fewer.iter().any(|scope| granted(std::slice::from_ref(scope), &grant.scopes).is_empty()) {
                return Ok(None);
            }
            grant.scopes = fewer.to_vec();
        }
        self.issue(grant).await.map(Some)
    }

    async fn issue(&self, grant: Grant) -> Result<Issued, Error> {
        let now = self.now();
        let lasting = grant.scopes.iter().any(|s| s == "offline_access" || s == "online_access");
        let access_token = secret()?;
        let until = now.saturating_add(TOKEN_LASTS).unwrap_or(Timestamp::MAX);
        let kept = Kept { grant: grant.clone(), until };
        self.put_json(TOKENS, &key(&access_token), &kept, Some(until), "app-token", &grant.app).await?;
        let mut refresh_token = None;
        if lasting {
            let token = secret()?;
            let until = grant.at.saturating_add(REFRESH_LASTS).unwrap_or(Timestamp::MAX);
            self.put_json(REFRESH, &key(&token), &Kept { grant: grant.clone(), until }, Some(until), "", "").await?;
            refresh_token = Some(token);
        }
        Ok(Issued { access_token, refresh_token, grant })
    }

    /// A token for a backend service whose assertion was checked; `jti` is taken once, until the assertion lapses.
    pub async fn issue_to_service(&self, app: &App, asked: &[String], jti: &str) -> Result<Option<Issued>, Error> {
        let kith = self.system("Kith apps");
        let mut batch = Batch::new(self.now(), kith.origin());
        batch.once = Some((format!("assertion|{}|{}", app.id, key(jti)), [0; 32]));
        batch.audit.push(event("app-assertion", Purpose::Operations, &app.device));
        if self.inner.store.commit(batch).await?.replayed {
            return Ok(None);
        }
        let scopes = granted(asked, &app.scopes);
        let scopes: Vec<String> = scopes.into_iter().filter(|s| s.starts_with("system/")).collect();
        let actor = Actor {
            reference: app.device.clone(),
            name: app.name.clone(),
            role: Role::Machine,
            organization: None,
            organization_name: None,
            acts_for: Vec::new(),
            system: app.name.clone(),
            // The agreement asks whether a scope covers the type; which resources of it, the narrowing decides.
            scopes: scopes.iter().filter_map(|s| covering(s)).collect(),
        };
        let grant = Grant {
            id: uuid::Uuid::new_v4().to_string(),
            app: app.id.clone(),
            actor,
            purpose: Purpose::DirectCare,
            scopes,
            patient: None,
            redirect: String::new(),
            challenge: String::new(),
            at: self.now(),
        };
        self.issue(grant).await.map(Some)
    }

    /// A live access token.
    pub async fn live_token(&self, token: &str) -> Result<Option<LiveToken>, Error> {
        if token.len() != 43 {
            return Ok(None);
        }
        let kept: Option<Kept> = self.get_json(TOKENS, &key(token)).await?;
        Ok(kept.map(|kept| LiveToken { grant: kept.grant, until: kept.until }))
    }

    /// A way in for the holder of an access token: as the one who allowed it, narrowed to its scopes.
    pub async fn app_access(&self, token: &str) -> Result<Option<Access>, Error> {
        let Some(LiveToken { grant, .. }) = self.live_token(token).await? else { return Ok(None) };
        let Some(app) = self.app(&grant.app).await? else { return Ok(None) };
        let mut actor = grant.actor;
        actor.system = app.name;
        Ok(Some(self.enter(actor, grant.purpose).narrowed(Narrow::new(&grant.scopes, grant.patient))))
    }

    /// Ends a token of this app and everything of the same permission; tokens of others are left alone.
    pub async fn revoke(&self, app: &App, token: &str) -> Result<(), Error> {
        let at = key(token);
        for space in [TOKENS, REFRESH] {
            if let Some(kept) = self.get_json::<Kept>(space, &at).await?.filter(|kept| kept.grant.app == app.id) {
                let gone = self.kept_of(|grant| grant.id == kept.grant.id).await?;
                self.take_away(gone, "app-token-revoked", &app.device).await?;
            }
        }
        Ok(())
    }

    /// Whether a secret is this app's; in constant time.
    pub fn app_secret_holds(&self, app: &App, brought: &str) -> bool {
        app.secret.as_deref().is_some_and(|kept| bool::from(kept.as_bytes().ct_eq(key(brought).as_bytes())))
    }
}

const USED: &str = "smart-used";

/// A scope of the agreement that is wide enough for a SMART scope: reading, writing, or both, of a type.
fn covering(scope: &str) -> Option<String> {
    let parsed = Scope::parse(scope)?;
    let narrow = Narrow::new(std::slice::from_ref(&scope.to_owned()), None);
    use crate::smart::Right;
    let kind = parsed.kind.as_str();
    let any = if kind == "*" { "Patient" } else { kind };
    let reads = [Right::Read, Right::Search].into_iter().any(|right| narrow.names(any, right));
    let writes = [Right::Create, Right::Update, Right::Delete].into_iter().any(|right| narrow.names(any, right));
    let rights = match (reads, writes) {
        (true, true) => "*",
        (true, false) => "read",
        _ => "write",
    };
    Some(format!("system/{kind}.{rights}"))
}
