//! What can go wrong, by what the caller can do about it.

use crate::photo::PhotoError;

/// A value on a form that cannot be taken, in words for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name in the edit or draft it came from.
    pub field: &'static str,
    pub message: String,
}

impl FieldProblem {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Show each problem beside its field; nothing was kept.
    #[error("{} field(s) need another look", .problems.len())]
    Invalid { problems: Vec<FieldProblem> },
    /// Known, but not allowed; `why` is for the person who asked.
    #[error("{why}")]
    Refused { why: String },
    /// What was to be made is there already, or has changed meanwhile; read again.
    #[error("{what}")]
    Conflict { what: String },
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The door's own answer: not found, refused, in conflict, busy.
    #[error(transparent)]
    Door(#[from] kith_trust::Error),
}

impl Error {
    pub(crate) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { problems: vec![FieldProblem::new(field, message)] }
    }
}
