//! Signed statements of who an app is (`private_key_jwt`; RFC 7523, SMART "Client Authentication: Asymmetric"): RS384 or
//! ES384, for this token endpoint, for five minutes at most.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use kith_fhir::Value;
use kith_trust::App;
use openidconnect::JsonWebKey as _;
use openidconnect::core::{CoreJsonWebKey, CoreJwsSigningAlgorithm};

/// Longest an assertion may be good for, in seconds, and how far clocks may differ.
const LONGEST: i64 = 300;
const SKEW: i64 = 30;

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The client an assertion claims to be from: to find its keys by, and believed only after [`holds`].
pub fn claimed(assertion: &str) -> Option<String> {
    part(assertion.split('.').nth(1)?)?["sub"].as_str().map(str::to_owned)
}

/// Whether the assertion is this app's, for this endpoint, now; gives its `jti`, which the caller takes once.
pub fn holds(app: &App, assertion: &str, endpoint: &str, now: Timestamp) -> Option<String> {
    if assertion.len() > 8192 {
        return None;
    }
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (head, body) = signed.split_once('.')?;
    let (head, claims) = (part(head)?, part(body)?);
    let algorithm = match head["alg"].as_str()? {
        "RS384" => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
        "ES384" => CoreJwsSigningAlgorithm::EcdsaP384Sha384,
        _ => return None,
    };
    let named = head["kid"].as_str();
    let keys = app.jwks.as_ref()?["keys"].as_array()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let good = keys.iter().filter(|key| named.is_none() || key["kid"].as_str() == named).any(|key| {
        let key = serde_json::from_value::<CoreJsonWebKey>(key.clone());
        key.is_ok_and(|key| key.verify_signature(&algorithm, signed.as_bytes(), &signature).is_ok())
    });
    if !good {
        return None;
    }
    let is_client = |name: &str| claims[name].as_str() == Some(app.id.as_str());
    let audience = match &claims["aud"] {
        Value::String(one) => one == endpoint,
        Value::Array(many) => many.iter().any(|one| one.as_str() == Some(endpoint)),
        _ => false,
    };
    let now = now.as_second();
    let expires = claims["exp"].as_i64()?;
    let begun = claims["nbf"].as_i64().unwrap_or(now) <= now + SKEW;
    let jti = claims["jti"].as_str().filter(|jti| !jti.is_empty() && jti.len() <= 200)?;
    (is_client("iss") && is_client("sub") && audience && begun && expires > now && expires <= now + LONGEST + SKEW)
        .then(|| jti.to_owned())
}
