//! Who is looking, as far as pages need to know; and proof that a form came from one of our own pages.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::reply::WebError;

/// A browser's session. A middleware that knows sessions puts it in place with [`attach`]; until then, and for visitors
/// who have not signed in, it is an anonymous one that lives in a cookie and carries no person.
#[derive(Clone, Debug)]
pub struct Session {
    /// Opaque; never shown or logged.
    pub id: String,
    /// Known to this server alone; forms are bound to it.
    pub csrf_secret: [u8; 32],
    /// Who is signed in, as the header shows them.
    pub viewer: Option<Viewer>,
}

/// The signed-in person or member of staff, in the words the page header shows.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Viewer {
    pub name: String,
    /// `Receptionist at Elm Street Practice`; none for a person looking at their own record.
    pub role: Option<String>,
    /// For a proxy: the name of the person they act for.
    pub acting_for: Option<String>,
    pub staff: bool,
}

impl Session {
    /// The session of a visitor with this random `visit` id, under the site's secret.
    pub(crate) fn anonymous(visit: &str, site_secret: &[u8; 32]) -> Self {
        let csrf_secret = mac(site_secret, &[b"visit", visit.as_bytes()]);
        Self { id: format!("visit-{visit}"), csrf_secret, viewer: None }
    }

    /// A fresh token for one form: a random nonce and its HMAC, so that no two pages carry the same bytes.
    pub fn csrf_token(&self) -> String {
        let nonce = Uuid::new_v4();
        let mut token = nonce.as_bytes().to_vec();
        token.extend_from_slice(&self.csrf_mac(nonce.as_bytes()));
        URL_SAFE_NO_PAD.encode(token)
    }

    fn csrf_mac(&self, nonce: &[u8]) -> [u8; 32] {
        mac(&self.csrf_secret, &[b"form", self.id.as_bytes(), nonce])
    }

    /// Whether `token` was made for this session; in constant time.
    pub fn csrf_holds(&self, token: &str) -> bool {
        match URL_SAFE_NO_PAD.decode(token) {
            Ok(bytes) if bytes.len() == 48 => keyed(&self.csrf_secret, &[b"form", self.id.as_bytes(), &bytes[..16]])
                .verify_slice(&bytes[16..])
                .is_ok(),
            _ => false,
        }
    }
}

/// Continues with `session` as the caller's: extractors see it on the way in, and the page layer on the way out.
pub async fn attach(session: Session, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(session.clone());
    let mut response = next.run(request).await;
    if response.extensions().get::<Session>().is_none() {
        response.extensions_mut().insert(session);
    }
    response
}

/// Refuses a form unless the browser says it came from this site (where it says anything) and its token was made for this
/// session. Both, because each covers the other's gaps: old browsers send no `Sec-Fetch-Site`; tokens can leak.
pub fn verify_form(session: &Session, headers: &HeaderMap, token: Option<&str>) -> Result<(), WebError> {
    if !same_origin(headers) || !token.is_some_and(|token| session.csrf_holds(token)) {
        return Err(WebError::stale_form());
    }
    Ok(())
}

fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text(header::ORIGIN.as_str()), text(header::HOST.as_str())) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac
}

/// HMAC-SHA-256 of `parts`, each with its length before it.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).finalize().into_bytes().into()
}

/// Whether `tag` is the HMAC of `parts`; in constant time.
pub(crate) fn mac_holds(key: &[u8; 32], parts: &[&[u8]], tag: &[u8]) -> bool {
    keyed(key, parts).verify_slice(tag).is_ok()
}

/// The value of the cookie `name`, if the browser sent it.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Session {
        Session { id: id.into(), csrf_secret: [7; 32], viewer: None }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    #[test]
    fn a_form_is_taken_only_from_its_own_session_and_site() {
        let mine = session("a");
        let token = mine.csrf_token();
        let ours = headers(&[("host", "kith.example"), ("origin", "https://kith.example")]);
        assert!(verify_form(&mine, &ours, Some(&token)).is_ok());
        assert!(verify_form(&mine, &headers(&[("sec-fetch-site", "same-origin")]), Some(&token)).is_ok());
        assert!(verify_form(&mine, &HeaderMap::new(), Some(&token)).is_ok());

        assert!(verify_form(&session("b"), &ours, Some(&token)).is_err());
        assert!(verify_form(&mine, &ours, None).is_err());
        assert!(verify_form(&mine, &ours, Some("")).is_err());
        let mut bent = token.clone().into_bytes();
        bent[60] = if bent[60] == b'A' { b'B' } else { b'A' };
        assert!(verify_form(&mine, &ours, std::str::from_utf8(&bent).ok()).is_err());
        for elsewhere in [
            headers(&[("sec-fetch-site", "cross-site")]),
            headers(&[("sec-fetch-site", "same-site")]),
            headers(&[("host", "kith.example"), ("origin", "https://evil.example")]),
            headers(&[("host", "kith.example"), ("origin", "null")]),
            headers(&[("origin", "https://kith.example")]),
        ] {
            assert!(verify_form(&mine, &elsewhere, Some(&token)).is_err(), "{elsewhere:?}");
        }
    }

    #[test]
    fn no_two_forms_carry_the_same_token() {
        assert_ne!(session("a").csrf_token(), session("a").csrf_token());
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let sent = headers(&[("cookie", "xkith=1; kith=2; other=a=b")]);
        assert_eq!(cookie(&sent, "kith"), Some("2"));
        assert_eq!(cookie(&sent, "other"), Some("a=b"));
        assert_eq!(cookie(&sent, "none"), None);
    }
}
