//! Replies: bodies, ETags, dates.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use kith_fhir::{Value, json};
use kith_trust::Entry;

use super::caller::{Caller, Manner, Return};
use super::outcome::Failure;

/// The one media type.
pub const FHIR_JSON: &str = "application/fhir+json; fhirVersion=4.0; charset=utf-8";

/// A resource as a reply.
pub fn resource(status: StatusCode, value: &Value, manner: &Manner) -> Response {
    let body = if manner.pretty {
        serde_json::to_vec_pretty(value).unwrap_or_else(|_| kith_fhir::json::canonical(value))
    } else {
        kith_fhir::json::canonical(value)
    };
    (status, [(header::CONTENT_TYPE, FHIR_JSON)], body).into_response()
}

/// A moment as HTTP writes it (RFC 9110, 5.6.7): whole seconds.
pub fn http_date(at: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}

/// Whether the caller already has this version: `If-None-Match`, else `If-Modified-Since`.
fn unchanged(caller: &Caller, entry: &Entry) -> bool {
    if let Some(tags) = caller.header(header::IF_NONE_MATCH) {
        let plain = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        return tags.trim() == "*" || tags.split(',').any(|tag| plain(tag) == entry.version.to_string());
    }
    caller
        .header(header::IF_MODIFIED_SINCE)
        .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
        .is_some_and(|since| entry.updated.as_second() <= since.timestamp().as_second())
}

/// One version of a resource, with its tag and date; 304 where the caller has it.
pub fn entry(caller: &Caller, entry: &Entry, body: &Value) -> Response {
    let mut response = if unchanged(caller, entry) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        resource(StatusCode::OK, body, &caller.manner)
    };
    set(response.headers_mut(), header::ETAG, &entry.etag());
    if let Some(date) = http_date(entry.updated) {
        set(response.headers_mut(), header::LAST_MODIFIED, &date);
    }
    response
}

/// What a write did.
#[derive(Debug)]
pub struct Written {
    /// Made now, rather than found or replaced.
    pub created: bool,
    /// `Type/id`.
    pub reference: String,
    pub version: u32,
    /// The resource as stored, but for `meta.lastUpdated`; `None` where it was not sent by the caller of this request
    /// and may not be theirs to read.
    pub value: Option<Value>,
}

impl Written {
    pub fn status(&self) -> StatusCode {
        if self.created { StatusCode::CREATED } else { StatusCode::OK }
    }

    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// Where this version is.
    pub fn location(&self, base: &str) -> String {
        format!("{base}/{}/_history/{}", self.reference, self.version)
    }
}

/// The resource as it was accepted: with its id and version, without a time only the store knows.
pub fn accepted(mut value: Value, version: u32) -> Value {
    if let Some(object) = value.as_object_mut() {
        let meta = object.entry("meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.remove("lastUpdated");
            meta.insert("versionId".to_owned(), Value::String(version.to_string()));
        }
    }
    value
}

/// The reply to a write.
pub fn written(caller: &Caller, written: &Written) -> Response {
    let status = written.status();
    let mut response = match (caller.prefer, &written.value) {
        (Return::Representation, Some(value)) => resource(status, value, &caller.manner),
        (Return::OperationOutcome, _) => {
            let words = if written.created { "created" } else { "up to date" };
            resource(status, &informed(words), &caller.manner)
        }
        _ => status.into_response(),
    };
    set(response.headers_mut(), header::ETAG, &written.etag());
    set(response.headers_mut(), header::LOCATION, &written.location(&caller.manner.base));
    response
}

/// An OperationOutcome that says that all is well.
pub fn informed(words: &str) -> Value {
    json!({"resourceType": "OperationOutcome",
        "issue": [{"severity": "information", "code": "informational", "diagnostics": words}]})
}

/// A status as a Bundle's response writes it: `201 Created`.
pub fn status_words(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned()
}

/// A failed entry of a Bundle.
pub fn failed(failure: &Failure) -> Value {
    json!({"response": {"status": status_words(failure.status), "outcome": failure.outcome()}})
}
