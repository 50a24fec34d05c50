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

impl From<kith_contact::Error> for WebError {
    /// For what is not shown beside a field.
    fn from(error: kith_contact::Error) -> Self {
        use kith_contact::Error;
        match error {
            Error::Door(door) => door.into(),
            Error::Refused { why } => Self::forbidden(why),
            Error::Conflict { what } => Self::conflict(what).kept("Nothing else has changed."),
            Error::Invalid { problems } => {
                let said: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "We could not save this", said.join(". "))
            }
            Error::Photo(problem) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "We could not take this photo", problem.to_string())
            }
        }
    }
}

impl From<kith_booking::Error> for WebError {
    fn from(error: kith_booking::Error) -> Self {
        use kith_booking::Error;
        match error {
            Error::Door(door) => door.into(),
            Error::Taken { .. } => taken(),
            Error::NoSuchTime => Self::new(StatusCode::NOT_FOUND, "That time is not there any more", error.to_string()),
            Error::Past | Error::State { .. } | Error::SameTime | Error::KeyReused => {
                Self::conflict(error.to_string()).kept("Nothing was changed.")
            }
            Error::NotNow(_) | Error::Foreign => Self::forbidden(error.to_string()),
            Error::OtherNeed | Error::Invalid(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "This cannot be booked", error.to_string())
            }
        }
    }
}

impl From<kith_frontdoor::Error> for WebError {
    fn from(error: kith_frontdoor::Error) -> Self {
        use kith_frontdoor::Error;
        let kept = "Your answers are saved.";
        match error {
            Error::Door(door) => door.into(),
            Error::Booking(booking) => booking.into(),
            Error::Facts(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "We need a date of birth first",
                "We cannot ask the right questions, because the record has no date of birth that can be right. Phone the \
                 practice: they can put it right and help now.",
            ),
            Error::Changed(_) | Error::Incomplete | Error::Answers(_) => Self::conflict(error.to_string()).kept(kept),
            Error::Emergency(_) | Error::NotForYou { .. } | Error::TooLate => {
                Self::conflict(error.to_string()).kept(kept)
            }
            Error::NoTeam => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "Nobody here can take this", error.to_string()).kept(kept)
            }
            Error::Work(refusal) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "We could not ask for this", refusal.to_string()).kept(kept)
            }
        }
    }
}
