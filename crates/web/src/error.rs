//! What the rooms' errors mean to somebody looking at a page: in one place.

use axum::http::StatusCode;
use kith_trust::Error;

use crate::reply::WebError;

impl From<Error> for WebError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Refused { why } => Self::forbidden(format!("You are not allowed to do this: {why}.")),
            Error::Conflict { .. } => Self::conflict(
                "Somebody else changed this while you were looking at it, or it was already done. Go back and look again.",
            )
            .kept("What was there before is safe. What you sent was not done."),
            Error::Taken => taken(),
            Error::Invalid { .. } => Self::unreadable(),
            Error::Unsearchable { .. } => Self::new(
                StatusCode::BAD_REQUEST,
                "We could not search for that",
                "The search was not one we can do. Go back and try other words.",
            ),
            Error::Full => Self::unavailable()
                .kept("There is no room left to save anything new. Nothing that was saved before is lost."),
            Error::Content(text) | Error::Storage(text) => {
                tracing::error!(cause = %text, "the record could not be reached");
                Self::unavailable().kept("Nothing is lost. What you finished before is saved.")
            }
        }
    }
}

/// A time somebody else was quicker to take.
pub(crate) fn taken() -> WebError {
    WebError::conflict("Somebody else has just taken that time. Choose another one.")
        .kept("Your answers are saved, and nothing else has changed.")
}
