//! What a browser carries for us between two steps of signing in: signed, short-lived, for this site alone.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::layers::Site;
use crate::session::{cookie, mac, mac_holds};

/// Steps of signing in end after this many seconds.
pub(super) const MINUTES: i64 = 10;

/// A cookie for one thing carried. Its name is also what the signature is for.
pub(super) struct Carried(pub &'static str);

pub(super) const PENDING: Carried = Carried("kith-signing");
pub(super) const CHOICE: Carried = Carried("kith-roles");
pub(super) const DEVICE: Carried = Carried("kith-device");

impl Carried {
    fn name(&self, site: &Site) -> String {
        site.cookie_name(self.0)
    }

    /// A `Set-Cookie` that makes the browser carry `value` for so many seconds.
    pub fn set(&self, site: &Site, value: &impl Serialize, seconds: i64) -> HeaderValue {
        let text = serde_json::to_vec(value).unwrap_or_default();
        let tag = mac(&site.secret, &[self.0.as_bytes(), &text]);
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(tag));
        self.header(site, &signed, seconds)
    }

    /// A `Set-Cookie` that makes it forget.
    pub fn clear(&self, site: &Site) -> HeaderValue {
        self.header(site, "", 0)
    }

    fn header(&self, site: &Site, value: &str, seconds: i64) -> HeaderValue {
        let secure = if site.tls { "; Secure" } else { "" };
        let name = self.name(site);
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
    }

    /// What the browser carries, if we signed it.
    pub fn read<T: DeserializeOwned>(&self, site: &Site, headers: &HeaderMap) -> Option<T> {
        let (text, tag) = cookie(headers, &self.name(site))?.split_once('.')?;
        let (text, tag) = (URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
        mac_holds(&site.secret, &[self.0.as_bytes(), &text], &tag).then(|| serde_json::from_slice(&text).ok())?
    }
}

/// A browser in words, for the list of one's own sessions: "Firefox on Windows".
pub(crate) fn device_of(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    // The order matters: most browsers claim to be several.
    let browser = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung browser"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let machine = find(&[
        ("iPhone", "an iPhone"),
        ("iPad", "an iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "a Mac"),
        ("CrOS", "a Chromebook"),
        ("Linux", "Linux"),
    ]);
    match (browser, machine) {
        (Some(browser), Some(machine)) => format!("{browser} on {machine}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "A browser we do not know".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrying(set: &HeaderValue) -> HeaderMap {
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&pair).unwrap())])
    }

    #[test]
    fn what_a_browser_carries_is_taken_only_if_this_site_signed_it_for_that() {
        let site = Site::new(true, false, [1; 32]).unwrap();
        let set = PENDING.set(&site, &"where they were", 60);
        let text = set.to_str().unwrap();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax") && text.contains("Max-Age=60"), "{text}");
        assert_eq!(PENDING.read::<String>(&site, &carrying(&set)).as_deref(), Some("where they were"));
        let other = Site::new(true, false, [2; 32]).unwrap();
        assert_eq!(PENDING.read::<String>(&other, &carrying(&set)), None, "another site's");
        let renamed = HeaderValue::from_str(&text.replace("kith-signing", "kith-roles")).unwrap();
        assert_eq!(CHOICE.read::<String>(&site, &carrying(&renamed)), None, "signed for something else");
        let secure = Site::new(false, true, [1; 32]).unwrap();
        let set = PENDING.set(&secure, &1, 60);
        let text = set.to_str().unwrap();
        assert!(text.starts_with("__Host-kith-signing=") && text.ends_with("; Secure"), "{text}");
    }

    #[test]
    fn browsers_are_told_in_words() {
        let of = |agent: &str| {
            device_of(&HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_str(agent).unwrap())]))
        };
        assert_eq!(
            of("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"),
            "Firefox on Windows"
        );
        let safari =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1";
        assert_eq!(of(safari), "Safari on an iPhone");
        assert_eq!(of("curl/8"), "A browser we do not know");
    }
}
