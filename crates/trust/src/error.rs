//! What can go wrong at the door, by what the caller can do about it.

use kith_store::{PrepareError, StoreError};

/// One thing wrong with what was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: a reference, a path, an entry number. Never a value.
    pub place: String,
    pub message: String,
}

/// Why a request was not done. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, or not this actor's to know of: the same answer.
    #[error("not found")]
    NotFound,
    /// The actor may know of the person but may not do this.
    #[error("not allowed: {why}")]
    Refused { why: String },
    /// Somebody else changed it first, it exists already, or a request key was used for something else.
    #[error("{what}")]
    Conflict { what: String },
    /// The time is already given.
    #[error("that time has just been taken")]
    Taken,
    /// What was given is malformed or refers to what is not there.
    #[error("{}", .problems.first().map_or_else(|| "invalid".to_owned(), |p| format!("{}: {}", p.place, p.message)))]
    Invalid { problems: Vec<Problem> },
    /// The search cannot be asked so; says what to do instead.
    #[error("{what}")]
    Unsearchable { what: String },
    /// The disk is full.
    #[error(
        "there is no room left to write; nothing of this request was kept, and all that was accepted before is safe"
    )]
    Full,
    /// An agreement or other content file is wrong.
    #[error("{0}")]
    Content(String),
    /// A fault below. The text is for the operator.
    #[error("storage: {0}")]
    Storage(String),
}

impl Error {
    /// One problem at one place.
    pub fn invalid(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { problems: vec![Problem { place: place.into(), message: message.into() }] }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Version { what, found: Some(_), .. } => {
                Self::Conflict { what: format!("{what} was changed by somebody else in the meantime") }
            }
            StoreError::Version { what, found: None, .. } => {
                Self::Conflict { what: format!("{what} is no longer there") }
            }
            StoreError::Occupied => Self::Taken,
            StoreError::Span => Self::invalid("occupancy", error.to_string()),
            StoreError::KeyReused => {
                Self::Conflict { what: "the same request key was used before for something else".into() }
            }
            StoreError::BrokenReference { from, to } => {
                Self::invalid(from, format!("refers to {to}, which does not exist"))
            }
            StoreError::Moved { what } => Self::invalid(what, "belongs to another person and cannot be moved"),
            StoreError::Missing(_) => Self::NotFound,
            StoreError::Undeclared { .. } | StoreError::TooMany(_) => Self::Unsearchable { what: error.to_string() },
            StoreError::Cursor => Self::Unsearchable { what: error.to_string() },
            StoreError::Full => Self::Full,
            StoreError::Closed | StoreError::Key(_) | StoreError::Damaged(_) | StoreError::Io(_) => {
                Self::Storage(error.to_string())
            }
        }
    }
}

impl From<PrepareError> for Error {
    fn from(error: PrepareError) -> Self {
        Self::invalid("resource", error.to_string())
    }
}
