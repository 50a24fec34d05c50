//! Which app asks, and whether it is.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kith_trust::App;
use serde::Deserialize;

use super::{assertion, base, fault, refused};
use crate::state::Api;

/// What any request of an app may say about itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names)] // the parameters' own names
pub struct Credentials {
    pub client_id: String,
    pub client_secret: String,
    pub client_assertion: String,
    pub client_assertion_type: String,
}

/// An app that is who it says; `jti` where it signed for it.
pub struct Client {
    pub app: App,
    pub jti: Option<String>,
}

fn unknown() -> Response {
    refused(StatusCode::UNAUTHORIZED, "invalid_client", "the client is not known, or did not prove that it is itself")
}

/// `Authorization: Basic`, both parts form-encoded (RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Checks who asks. A public app names itself alone: what it holds (a code with its verifier, a refresh token) is its proof.
pub async fn check(api: &Api, headers: &HeaderMap, sent: &Credentials) -> Result<Client, Response> {
    let (id, secret) = match basic(headers) {
        Some((id, secret)) => (id, secret),
        None => (sent.client_id.clone(), sent.client_secret.clone()),
    };
    if !sent.client_assertion.is_empty() {
        if sent.client_assertion_type != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
            return Err(unknown());
        }
        let claimed = assertion::claimed(&sent.client_assertion).ok_or_else(unknown)?;
        let app = api.door.app(&claimed).await.map_err(|e| fault(&e))?.ok_or_else(unknown)?;
        let endpoint = format!("{}/auth/token", base(api, headers));
        let jti = assertion::holds(&app, &sent.client_assertion, &endpoint, api.door.now()).ok_or_else(unknown)?;
        return Ok(Client { app, jti: Some(jti) });
    }
    let app = api.door.app(&id).await.map_err(|e| fault(&e))?.ok_or_else(unknown)?;
    let proved = match (&app.secret, &app.jwks) {
        (Some(_), _) => api.door.app_secret_holds(&app, &secret),
        (None, Some(_)) => false,
        (None, None) => true,
    };
    if proved { Ok(Client { app, jti: None }) } else { Err(unknown()) }
}
