//! Every error as an OperationOutcome. Nothing of what was sent is quoted.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kith_fhir::json::{JsonError, JsonErrorKind};
use kith_fhir::search::QueryError;
use kith_fhir::{Value, json};
use kith_trust::Error;

/// One thing wrong.
#[derive(Debug, Clone)]
pub struct Issue {
    /// From <http://hl7.org/fhir/issue-type>.
    pub code: &'static str,
    /// What happened and what to do.
    pub words: String,
    /// FHIRPath of the place, where there is one.
    pub place: Option<String>,
}

/// Why a request was not done. Boxed inside, so that results stay small.
#[derive(Debug, Clone)]
pub struct Failure {
    pub status: StatusCode,
    pub issues: Vec<Issue>,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, words: impl Into<String>) -> Self {
        Self { status, issues: vec![Issue { code, words: words.into(), place: None }] }
    }

    pub fn bad(code: &'static str, words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, words)
    }

    /// Absent, or not the caller's to know of: the same words.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is no such resource, or it is not yours to know of")
    }

    /// A read that the token's scopes do not cover: the same words whether there is anything to read or not.
    pub fn out_of_scope() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "the token's scopes do not cover this")
    }

    pub fn gone() -> Self {
        Self::new(StatusCode::GONE, "deleted", "this resource was deleted; its history is kept")
    }

    pub fn stale() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "conflict",
            "somebody else changed this in the meantime, or it is no longer there: read it again, then decide",
        )
    }

    /// The resource.
    pub fn outcome(&self) -> Value {
        let issues: Vec<Value> = self
            .issues
            .iter()
            .map(|issue| {
                let mut value = json!({
                    "severity": if self.status.is_server_error() { "fatal" } else { "error" },
                    "code": issue.code,
                    "diagnostics": issue.words,
                });
                if let Some(place) = &issue.place {
                    value["expression"] = json!([place]);
                }
                value
            })
            .collect();
        json!({"resourceType": "OperationOutcome", "issue": issues})
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = kith_fhir::json::canonical(&self.outcome());
        (self.status, [(header::CONTENT_TYPE, super::reply::FHIR_JSON)], body).into_response()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Refused { why } => Self::new(StatusCode::FORBIDDEN, "forbidden", why),
            Error::Conflict { what } => Self::new(StatusCode::CONFLICT, "conflict", what),
            Error::Taken => Self::new(StatusCode::CONFLICT, "conflict", Error::Taken.to_string()),
            Error::Invalid { problems } => Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                issues: problems
                    .into_iter()
                    .map(|p| Issue { code: "processing", words: format!("{}: {}", p.place, p.message), place: None })
                    .collect(),
            },
            Error::Unsearchable { what } => Self::bad("not-supported", what),
            Error::Full => Self::new(StatusCode::INSUFFICIENT_STORAGE, "no-store", Error::Full.to_string()),
            Error::Content(_) | Error::Storage(_) => {
                tracing::error!(target: "kith_api", %error, "the record failed");
                let words = "the record could not be reached; nothing of this request was kept";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", words)
            }
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let code = match &error {
            QueryError::BadValue { .. } => "value",
            _ => "not-supported",
        };
        Self::bad(code, error.to_string())
    }
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        match error.kind {
            JsonErrorKind::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", error.to_string()),
            JsonErrorKind::TooDeep { .. } => Self::bad("too-costly", error.to_string()),
            _ => Self::bad("structure", error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_has_its_own_status() {
        let status = |error: Error| Failure::from(error).status.as_u16();
        assert_eq!(status(Error::NotFound), 404);
        assert_eq!(status(Error::Refused { why: String::new() }), 403);
        assert_eq!(status(Error::Conflict { what: String::new() }), 409);
        assert_eq!(status(Error::Taken), 409);
        assert_eq!(status(Error::invalid("here", "wrong")), 422);
        assert_eq!(status(Error::Unsearchable { what: String::new() }), 400);
        assert_eq!(status(Error::Full), 507);
        assert_eq!(status(Error::Storage("disk sda on fire".into())), 500);
    }

    #[test]
    fn a_fault_of_ours_is_told_without_its_detail() {
        let told = Failure::from(Error::Storage("disk sda on fire".into())).outcome().to_string();
        assert!(!told.contains("sda"));
    }
}
