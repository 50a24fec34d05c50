//! A relying party of OpenID Connect: the authorisation code flow with PKCE, state and nonce (OpenID Connect Core 1.0,
//! section 3.1; RFC 7636; RFC 9207 where the provider names itself).

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA512, RsaKeyPair};
use axum::http::{HeaderValue, Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use kith_fhir::{Value, json};
use openidconnect::core::{
    CoreGenderClaim, CoreIdTokenVerifier, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{AdditionalClaims, ClientId, CsrfToken, IdToken, IssuerUrl, Nonce, PkceCodeChallenge};
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;
use uuid::Uuid;

use super::transport::Transport;

/// What a provider's people are here, and so what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// People, by a provider that speaks as NHS login does.
    NhsLogin,
    /// Staff, by a provider that speaks as NHS Care Identity (CIS2) does.
    CareIdentity,
}

impl Means {
    pub const ALL: [Self; 2] = [Self::NhsLogin, Self::CareIdentity];

    /// As addresses and the audit trail name it.
    pub fn code(self) -> &'static str {
        match self {
            Self::NhsLogin => "nhs-login",
            Self::CareIdentity => "care-identity",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|means| means.code() == code)
    }

    fn scope(self) -> &'static str {
        match self {
            Self::NhsLogin => "openid profile",
            Self::CareIdentity => "openid profile nationalrbacaccess",
        }
    }

    /// What is asked for besides: for people a proved identity (vectors of trust, RFC 8485, as NHS login lists them), for
    /// staff two factors at least.
    fn asks(self) -> (&'static str, &'static str) {
        match self {
            Self::NhsLogin => ("vtr", r#"["P9.Cp.Cd","P9.Cp.Ck","P9.Cm"]"#),
            Self::CareIdentity => ("acr_values", "AAL2_OR_AAL3_ANY"),
        }
    }
}

/// How Kith proves to the provider that it is Kith.
pub enum Credential {
    /// `client_secret_post`.
    Secret(String),
    /// `private_key_jwt`, RS512, as NHS login and CIS2 ask for.
    Key(Box<RsaKeyPair>),
}

impl Credential {
    /// From what a file holds: an RSA private key (PKCS#8, PEM), or else a secret.
    pub fn read(text: &str) -> Result<Self, ProviderError> {
        let text = text.trim();
        let Some(body) = text.strip_prefix("-----BEGIN PRIVATE KEY-----") else {
            return if text.is_empty() || text.starts_with("-----BEGIN") {
                Err(ProviderError::Credential)
            } else {
                Ok(Self::Secret(text.to_owned()))
            };
        };
        let body = body.split("-----END").next().unwrap_or_default();
        let packed: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let der = STANDARD.decode(packed).map_err(|_| ProviderError::Credential)?;
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| ProviderError::Credential)?;
        Ok(Self::Key(Box::new(pair)))
    }
}

/// Why a sign-in with a provider came to nothing. Nothing in it names anybody.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the client's credential must be a secret, or an RSA key as PKCS#8 in PEM")]
    Credential,
    #[error("the provider cannot be asked: {0}")]
    Unreachable(String),
    #[error("the provider refused: {0}")]
    Refused(String),
    #[error("what the provider sent does not hold: {0}")]
    Untrue(String),
}

/// What a browser carries while somebody is at the provider: signed, for ten minutes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    pub means: Means,
    pub state: String,
    nonce: String,
    verifier: String,
    /// Where to go after.
    pub next: String,
    /// They are signed in already, and prove it again.
    pub again: bool,
    /// When it began, by the door's clock.
    pub at: Timestamp,
}

/// What a provider says about somebody, all of it checked.
#[derive(Debug, Clone)]
pub struct Verified {
    pub subject: String,
    /// Claims of the ID token, and of the user information where the provider has it.
    pub claims: Value,
    /// Whether they proved who they are just now, rather than some time before.
    pub fresh: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct AnyClaims {
    #[serde(flatten)]
    all: std::collections::BTreeMap<String, Value>,
}

impl AdditionalClaims for AnyClaims {}

type AnyIdToken = IdToken<AnyClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: String,
}

/// A provider and this site as its client.
pub struct Provider {
    pub means: Means,
    issuer: IssuerUrl,
    client: String,
    credential: Credential,
    /// The whole address of `/sign-in/back`.
    back: String,
    transport: Transport,
    known: RwLock<Option<(Instant, Arc<CoreProviderMetadata>)>>,
}

/// What a provider says about itself is asked for again after this.
const KNOWN_FOR: Duration = Duration::from_hours(1);
/// Asked to prove it again, somebody must have done so within this of the token, in seconds.
const JUST_NOW: u64 = 120;

impl Provider {
    /// `issuer`: as its discovery document names itself. `back`: the whole address of `/sign-in/back` on this site.
    pub fn new(
        means: Means,
        issuer: &str,
        client: &str,
        credential: Credential,
        back: &str,
        transport: Transport,
    ) -> Result<Self, ProviderError> {
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        Ok(Self {
            means,
            issuer,
            client: client.to_owned(),
            credential,
            back: back.to_owned(),
            transport,
            known: RwLock::new(None),
        })
    }

    /// The provider's addresses and keys, from what it says about itself.
    async fn metadata(&self, afresh: bool) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        if !afresh
            && let Some((at, known)) = &*self.known.read().await
            && at.elapsed() < KNOWN_FOR
        {
            return Ok(Arc::clone(known));
        }
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.transport).await;
        let found = Arc::new(found.map_err(|e| ProviderError::Unreachable(e.to_string()))?);
        *self.known.write().await = Some((Instant::now(), Arc::clone(&found)));
        Ok(found)
    }

    /// Where to send the browser, and what it carries meanwhile. `again`: somebody signed in proves who they are anew.
    pub async fn begin(
        &self,
        next: &str,
        hint: Option<&str>,
        again: bool,
        at: Timestamp,
    ) -> Result<(url::Url, Pending), ProviderError> {
        let metadata = self.metadata(false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let state = CsrfToken::new_random();
        let nonce = Nonce::new_random();
        let mut to = metadata.authorization_endpoint().url().clone();
        {
            let (name, asked) = self.means.asks();
            let mut query = to.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &self.client)
                .append_pair("redirect_uri", &self.back)
                .append_pair("scope", self.means.scope())
                .append_pair("state", state.secret())
                .append_pair("nonce", nonce.secret())
                .append_pair("code_challenge", challenge.as_str())
                .append_pair("code_challenge_method", "S256")
                .append_pair(name, asked);
            if again {
                query.append_pair("prompt", "login").append_pair("max_age", "0");
            }
            if let Some(hint) = hint {
                query.append_pair("login_hint", hint);
            }
        }
        let pending = Pending {
            means: self.means,
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            next: next.to_owned(),
            again,
            at,
        };
        Ok((to, pending))
    }

    /// Whether a response that names its issuer names this one.
    pub fn is_issuer(&self, named: &str) -> bool {
        named == self.issuer.as_str()
    }

    /// Redeems the code that came back, and checks what it gives.
    pub async fn finish(&self, pending: &Pending, code: &str) -> Result<Verified, ProviderError> {
        let metadata = self.metadata(false).await?;
        let tokens = self.redeem(&metadata, pending, code).await?;
        let claims = match self.check(&metadata, &tokens.id_token, &pending.nonce) {
            Ok(claims) => claims,
            // Keys change: ask for them once more before saying no.
            Err(_) => self.check(&*self.metadata(true).await?, &tokens.id_token, &pending.nonce)?,
        };
        let subject = claims["sub"].as_str().unwrap_or_default().to_owned();
        let told = self.information(&metadata, &tokens.access_token).await?;
        if told.as_ref().is_some_and(|told| told["sub"].as_str() != Some(subject.as_str())) {
            return Err(ProviderError::Untrue("the user information is about somebody else".to_owned()));
        }
        let seconds = |name: &str| claims[name].as_f64().map(|s| s as u64);
        let fresh = match (seconds("auth_time"), seconds("iat")) {
            (Some(proved), Some(issued)) => issued.saturating_sub(proved) <= JUST_NOW,
            _ => false,
        };
        let mut claims = claims;
        if let (Some(all), Some(Value::Object(told))) = (claims.as_object_mut(), told) {
            for (name, value) in told {
                // What is signed counts before what is told.
                all.entry(name).or_insert(value);
            }
        }
        Ok(Verified { subject, claims, fresh })
    }

    async fn redeem(
        &self,
        metadata: &CoreProviderMetadata,
        pending: &Pending,
        code: &str,
    ) -> Result<Tokens, ProviderError> {
        let endpoint = metadata
            .token_endpoint()
            .ok_or_else(|| ProviderError::Unreachable("it has no token endpoint".to_owned()))?
            .as_str()
            .to_owned();
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", self.back.clone()),
            ("client_id", self.client.clone()),
            ("code_verifier", pending.verifier.clone()),
        ];
        match &self.credential {
            Credential::Secret(secret) => form.push(("client_secret", secret.clone())),
            Credential::Key(key) => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                form.push(("client_assertion_type", kind.to_owned()));
                form.push(("client_assertion", assertion(key, &self.client, &endpoint)?));
            }
        }
        let body = serde_html_form::to_string(form).map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(&endpoint)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(body.into_bytes())
            .map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        let answer = self.transport.send(request).await.map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        if !answer.status().is_success() {
            let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            // An error code of OAuth and nothing else may stand in a log.
            let code = said["error"].as_str().filter(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            return Err(ProviderError::Refused(code.unwrap_or("no reason given").to_owned()));
        }
        serde_json::from_slice(answer.body()).map_err(|_| ProviderError::Untrue("its answer has no tokens".to_owned()))
    }

    /// The claims of an ID token that is signed by the provider, for this site, in time, with our nonce.
    fn check(&self, metadata: &CoreProviderMetadata, token: &str, nonce: &str) -> Result<Value, ProviderError> {
        let token: AnyIdToken =
            token.parse().map_err(|_| ProviderError::Untrue("the ID token cannot be read".to_owned()))?;
        let verifier = CoreIdTokenVerifier::new_public_client(
            ClientId::new(self.client.clone()),
            self.issuer.clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs([
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
            CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
            CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        ]);
        let nonce = Nonce::new(nonce.to_owned());
        let claims = token.claims(&verifier, &nonce).map_err(|e| ProviderError::Untrue(e.to_string()))?;
        serde_json::to_value(claims).map_err(|e| ProviderError::Untrue(e.to_string()))
    }

    async fn information(&self, metadata: &CoreProviderMetadata, token: &str) -> Result<Option<Value>, ProviderError> {
        let Some(endpoint) = metadata.userinfo_endpoint() else { return Ok(None) };
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| ProviderError::Untrue("the access token cannot be sent".to_owned()))?;
        let request = Request::builder()
            .uri(endpoint.as_str())
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        let answer = self.transport.send(request).await.map_err(|e| ProviderError::Unreachable(e.to_string()))?;
        if !answer.status().is_success() {
            return Err(ProviderError::Refused("no user information".to_owned()));
        }
        let told = serde_json::from_slice(answer.body());
        told.map(Some).map_err(|_| ProviderError::Untrue("the user information cannot be read".to_owned()))
    }
}

/// A signed statement that the client is who it says (RFC 7523), good for five minutes.
fn assertion(key: &RsaKeyPair, client: &str, audience: &str) -> Result<String, ProviderError> {
    let now = Timestamp::now().as_second();
    let claims = json!({
        "iss": client, "sub": client, "aud": audience, "jti": Uuid::new_v4().to_string(), "iat": now, "exp": now + 300,
    });
    let header = json!({"typ": "JWT", "alg": "RS512"});
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| ProviderError::Credential)?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
