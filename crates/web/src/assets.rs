//! What the browser fetches beside the pages: the NHS design system's CSS and JavaScript, and our own two small files.
//!
//! All of it is in the binary. Everything is served under one folder named by the hash of all contents
//! (`/assets/<hash>/…`), so a browser may keep it for ever and a new release is a new address.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "assets/vendor/nhsuk"]
struct Vendor;

#[derive(RustEmbed)]
#[folder = "static"]
struct Own;

struct Asset {
    mime: HeaderValue,
    plain: Bytes,
    gzip: Option<Bytes>,
}

struct AssetSet {
    hash: String,
    files: BTreeMap<String, Asset>,
}

static ASSETS: LazyLock<AssetSet> = LazyLock::new(AssetSet::load);

impl AssetSet {
    fn load() -> Self {
        let mut sources: BTreeMap<String, Cow<'static, [u8]>> = BTreeMap::new();
        for name in Vendor::iter() {
            let data = Vendor::get(&name).expect("listed by the same embed").data;
            match name.as_ref() {
                "nhsuk-frontend.min.css" => {
                    let css = local_only(&String::from_utf8_lossy(&data));
                    sources.insert("nhsuk.css".into(), css.into_bytes().into());
                }
                "nhsuk-frontend.min.js" => {
                    sources.insert("nhsuk.js".into(), data);
                }
                other => {
                    sources.insert(other.into(), data);
                }
            }
        }
        for name in Own::iter() {
            let data = Own::get(&name).expect("listed by the same embed").data;
            sources.insert(name.into_owned(), data);
        }

        let mut hasher = Sha256::new();
        for (name, data) in &sources {
            hasher.update(name.as_bytes());
            hasher.update((data.len() as u64).to_le_bytes());
            hasher.update(data);
        }
        let mut hash = String::with_capacity(16);
        for byte in &hasher.finalize()[..8] {
            let _ = write!(hash, "{byte:02x}");
        }

        let files = sources
            .into_iter()
            .map(|(name, data)| {
                let mime = mime_guess::from_path(&name).first_or_octet_stream();
                let text = mime.type_() == "text" || mime.subtype() == "javascript" || mime.subtype() == "svg";
                let mime = if text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
                let gzip = text.then(|| gzip(&data)).filter(|small| small.len() < data.len());
                let plain = match data {
                    Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                    Cow::Owned(bytes) => Bytes::from(bytes),
                };
                let mime = HeaderValue::from_str(&mime).expect("a media type is visible ASCII");
                (name, Asset { mime, plain, gzip })
            })
            .collect();
        Self { hash, files }
    }
}

fn gzip(data: &[u8]) -> Bytes {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(data).expect("writing to memory");
    out.finish().expect("writing to memory").into()
}

/// The design system's CSS without its web font (Kith uses Arial and asks no other site for anything), and with its icons
/// addressed beside it.
fn local_only(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(start) = rest.find("@font-face{") {
        out.push_str(&rest[..start]);
        let end = rest[start..].find('}').map_or(rest.len(), |end| start + end + 1);
        rest = &rest[end..];
    }
    out.push_str(rest);
    let out = out.replace("Frutiger W01,", "").replace("url(/assets/images/", "url(images/");
    match out.find("/*# sourceMappingURL") {
        Some(at) => out[..at].to_owned(),
        None => out,
    }
}

/// The folder all assets are served from, without a slash at its end: `/assets/<hash>`.
pub fn base() -> String {
    format!("/assets/{}", ASSETS.hash)
}

/// Serves `/assets/{hash}/{file}`; merged outside the page layers, because these are not personal and may be kept.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{hash}/{*file}", get(serve))
}

async fn serve(Path((hash, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.files.get(&file) else {
        return (StatusCode::NOT_FOUND, "No such file.").into_response();
    };
    // A page from before an upgrade asks by the old hash: it gets today's file, but may not keep it.
    let current = hash == ASSETS.hash;
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    let etag = format!("\"{}\"", ASSETS.hash);
    let accepts_gzip = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().split(';').next() == Some("gzip")));

    let mut response = if headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == etag.as_bytes()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match &asset.gzip {
            Some(small) if accepts_gzip => {
                ([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], small.clone()).into_response()
            }
            _ => asset.plain.clone().into_response(),
        }
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, asset.mime.clone());
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_design_system_asks_no_other_site_for_anything() {
        for name in ["nhsuk.css", "nhsuk.js", "kith.css", "kith.js"] {
            let text = String::from_utf8(ASSETS.files[name].plain.to_vec()).unwrap();
            assert!(!text.contains("assets.nhs.uk"), "{name} names another site");
            assert!(!text.contains("@import"), "{name} imports");
            for url in text.split("url(").skip(1) {
                let local = url.starts_with("images/") || url.starts_with("data:") || url.starts_with("\"data:");
                assert!(local || name == "nhsuk.js", "{name}: url({}", &url[..url.len().min(40)]);
                if let Some(image) = url.strip_prefix("images/") {
                    let file = format!("images/{}", image.split(')').next().unwrap());
                    assert!(ASSETS.files.contains_key(&file), "{file} is not served");
                }
            }
        }
    }

    #[test]
    fn the_big_stylesheet_travels_small() {
        let css = &ASSETS.files["nhsuk.css"];
        let small = css.gzip.as_ref().unwrap();
        assert!(small.len() * 5 < css.plain.len(), "{} of {}", small.len(), css.plain.len());
    }
}
