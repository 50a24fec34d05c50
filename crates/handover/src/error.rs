//! What can go wrong, by what the caller can do about it.

use crate::work::Refusal;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of the work itself says no; the text is for the member of staff, and nothing was changed.
    #[error(transparent)]
    Step(#[from] Refusal),
    /// The work belongs to a team the actor does not speak for.
    #[error("This work belongs to {owner}.")]
    NotYours { owner: String },
    /// Somebody changed it while it was on the screen; read again.
    #[error("Somebody else changed this work just now. Look at it again before you go on.")]
    Changed,
    /// The same form was sent before, and said something else then: that was kept, and this was not.
    #[error("You sent this form before, with other words. Those were kept. To send these too, send them again.")]
    SentBefore,
    /// A value that cannot be taken, in words, with the name of its field.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    /// The door's own answer: not found, refused, busy.
    #[error(transparent)]
    Door(#[from] kith_trust::Error),
}

impl Error {
    pub(crate) fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }
}
