//! Who asks, in which manner: the door, the address from outside, the query, the preferences.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use kith_fhir::Value;
use kith_fhir::json::{self, Limits};
use kith_trust::Access;

use super::outcome::Failure;
use crate::state::Api;

/// What a write answers with (`Prefer: return=…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Return {
    #[default]
    Representation,
    Minimal,
    OperationOutcome,
}

/// One authenticated request.
pub struct Caller {
    pub api: Api,
    pub access: Access,
    pub manner: Manner,
    pub headers: HeaderMap,
    /// The query, decoded, in order; `_format` and `_pretty` already taken out.
    pub pairs: Vec<(String, String)>,
    pub prefer: Return,
}

/// How replies are written.
#[derive(Debug, Clone)]
pub struct Manner {
    /// `https://host/fhir`, or `/fhir` where the host is not known.
    pub base: String,
    pub pretty: bool,
}

/// Pairs of a query string or form.
pub fn pairs_of(query: &str) -> Result<Vec<(String, String)>, Failure> {
    serde_html_form::from_str(query).map_err(|_| Failure::bad("structure", "the query string cannot be read"))
}

fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_json(media: &str) -> bool {
    matches!(media, "application/fhir+json" | "application/json" | "text/json" | "application/json+fhir" | "json")
}

fn is_xml(media: &str) -> bool {
    media.contains("xml")
}

fn not_acceptable(xml: bool) -> Failure {
    let words = if xml {
        "XML is not offered yet: ask for application/fhir+json"
    } else {
        "only application/fhir+json (FHIR 4.0) is offered"
    };
    Failure::new(StatusCode::NOT_ACCEPTABLE, "not-supported", words)
}

/// Whether JSON will do. `_format` counts before `Accept`.
fn acceptable(format: Option<&str>, accept: Option<&str>) -> Result<(), Failure> {
    if let Some(format) = format {
        // A plus sign that came through a form unescaped is a space.
        let media = media_type(&format.replace(' ', "+"));
        return if is_json(&media) { Ok(()) } else { Err(not_acceptable(is_xml(&media))) };
    }
    let Some(accept) = accept else { return Ok(()) };
    let fits = |range: &str| {
        let media = media_type(range);
        let version = range
            .to_ascii_lowercase()
            .split(';')
            .find_map(|p| p.trim().strip_prefix("fhirversion=").map(str::to_owned));
        (is_json(&media) || matches!(media.as_str(), "*/*" | "application/*"))
            && version.is_none_or(|v| v.trim_matches('"').starts_with("4.0"))
    };
    if accept.split(',').any(fits) { Ok(()) } else { Err(not_acceptable(is_xml(&accept.to_ascii_lowercase()))) }
}

/// `Host` as it may stand in a link.
fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let good =
        (1..=255).contains(&host.len()) && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    good.then_some(host)
}

fn truth(pairs: &[(String, String)], name: &str) -> bool {
    pairs.iter().any(|(n, value)| n == name && value != "false")
}

impl Manner {
    fn of(api: &Api, headers: &HeaderMap, pairs: &[(String, String)]) -> Self {
        let base = match &api.options.base_url {
            Some(base) => format!("{}/fhir", base.trim_end_matches('/')),
            None => host(headers).map_or_else(|| "/fhir".to_owned(), |host| format!("http://{host}/fhir")),
        };
        Self { base, pretty: truth(pairs, "_pretty") }
    }
}

/// The manner of a request, its query and whether it may be answered in JSON.
fn negotiate(parts: &Parts, api: &Api) -> Result<(Manner, Vec<(String, String)>), Failure> {
    let mut pairs = pairs_of(parts.uri.query().unwrap_or_default())?;
    let format = pairs.iter().find(|(name, _)| name == "_format").map(|(_, value)| value.clone());
    let accept = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    acceptable(format.as_deref(), accept)?;
    let manner = Manner::of(api, &parts.headers, &pairs);
    pairs.retain(|(name, _)| name != "_format" && name != "_pretty");
    Ok((manner, pairs))
}

impl FromRequestParts<Api> for Manner {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
        Ok(negotiate(parts, api)?.0)
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
        let access = parts
            .extensions
            .get::<Access>()
            .cloned()
            .ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, "login", "send a bearer token"))?;
        let (manner, pairs) = negotiate(parts, api)?;
        let prefer = parts.headers.get_all(header::HeaderName::from_static("prefer")).iter();
        let prefer = prefer
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split([',', ';']))
            .find_map(|part| match part.trim() {
                "return=minimal" => Some(Return::Minimal),
                "return=representation" => Some(Return::Representation),
                "return=OperationOutcome" => Some(Return::OperationOutcome),
                _ => None,
            })
            .unwrap_or_default();
        Ok(Self { api: api.clone(), access, manner, headers: parts.headers.clone(), pairs, prefer })
    }
}

impl Caller {
    /// A header as text.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn content_type(&self) -> String {
        media_type(self.header(header::CONTENT_TYPE).unwrap_or_default())
    }

    async fn bytes(&self, body: Body) -> Result<axum::body::Bytes, Failure> {
        let max = self.api.options.max_body;
        let too_long = || {
            let words = format!("the body is larger than {max} bytes");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", words)
        };
        let announced = self.header(header::CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|length| length > max) {
            return Err(too_long());
        }
        axum::body::to_bytes(body, max).await.map_err(|error| {
            // What is no limit is a connection that broke: nobody is there to read the answer.
            let limit = std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("limit"));
            if limit { too_long() } else { Failure::bad("structure", "the body did not arrive whole") }
        })
    }

    /// The JSON body, within limits.
    pub async fn json(&self, body: Body) -> Result<Value, Failure> {
        let media = self.content_type();
        if !is_json(&media) {
            let words = if is_xml(&media) {
                "XML is not taken yet: send application/fhir+json"
            } else {
                "send the resource as Content-Type: application/fhir+json"
            };
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", words));
        }
        let bytes = self.bytes(body).await?;
        let limits = Limits { max_bytes: self.api.options.max_body, max_depth: self.api.options.max_depth };
        let value = json::parse(&bytes, &limits)?;
        if value.is_object() { Ok(value) } else { Err(Failure::bad("structure", "a resource is a JSON object")) }
    }

    /// The pairs of a form body.
    pub async fn form(&self, body: Body) -> Result<Vec<(String, String)>, Failure> {
        let media = self.content_type();
        let bytes = self.bytes(body).await?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        if media != "application/x-www-form-urlencoded" {
            let words = "send search parameters as Content-Type: application/x-www-form-urlencoded";
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", words));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| Failure::bad("structure", "the form is not UTF-8"))?;
        let mut pairs = pairs_of(text)?;
        pairs.retain(|(name, _)| name != "_format" && name != "_pretty");
        Ok(pairs)
    }

    /// The version in `If-Match`.
    pub fn if_match(&self) -> Result<Option<u32>, Failure> {
        self.header(header::IF_MATCH).map(version_of_tag).transpose()
    }
}

/// Reads `W/"3"` or `"3"`.
pub fn version_of_tag(tag: &str) -> Result<u32, Failure> {
    let text = tag.trim();
    text.strip_prefix("W/")
        .unwrap_or(text)
        .trim_matches('"')
        .parse()
        .map_err(|_| Failure::bad("value", "If-Match must be a version such as W/\"3\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_served_to_whoever_takes_it_and_xml_is_refused_by_name() {
        for good in
            ["*/*", "application/fhir+json", "text/html, application/*;q=0.8", "application/fhir+json; fhirVersion=4.0"]
        {
            assert!(acceptable(None, Some(good)).is_ok(), "{good}");
        }
        for bad in ["application/fhir+xml", "text/html", "application/fhir+json; fhirVersion=3.0"] {
            assert!(acceptable(None, Some(bad)).is_err(), "{bad}");
        }
        let refused = acceptable(Some("xml"), Some("*/*")).unwrap_err();
        assert_eq!(refused.status.as_u16(), 406);
        assert!(refused.issues[0].words.contains("XML"));
        assert!(acceptable(Some("application/fhir json"), Some("application/fhir+xml")).is_ok());
    }

    #[test]
    fn versions_are_read_from_weak_and_strong_tags() {
        assert_eq!(version_of_tag("W/\"3\"").unwrap(), 3);
        assert_eq!(version_of_tag("\"12\"").unwrap(), 12);
        assert!(version_of_tag("*").is_err());
        assert!(version_of_tag("W/\"three\"").is_err());
    }
}
