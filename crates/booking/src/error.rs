//! Why a booking was not made or changed, in words for whoever asked.

use kith_directory::Directory;
use kith_trust::{Access, Error as Door};

use crate::book::Time;
use crate::model::{BookingRequest, Offer, Status};
use crate::rules::{Act, NotNow};

/// Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else has the time. `next` are the next free ones of the same service, perhaps none.
    #[error("That time has just been taken.{}", if next.is_empty() { "" } else { " Here are the next ones." })]
    Taken { next: Vec<Offer> },
    /// The time has begun or gone by.
    #[error("That time has passed. Choose a later one.")]
    Past,
    /// There is no such time, or no such calendar.
    #[error("That time is not there any more. Choose another.")]
    NoSuchTime,
    /// The calendar is not for this need.
    #[error("That time is kept for something else. Choose another.")]
    OtherNeed,
    /// An appointment in this status cannot be so changed.
    #[error("This appointment {}, so it cannot be {}.", from.words(), act.words())]
    State { from: Status, act: Act },
    /// Not for this actor, or not now.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The appointment is not one that was made here: it lacks a person, a time or a known status.
    #[error("This appointment cannot be changed in Kith. Phone the service.")]
    Foreign,
    /// Already at that time.
    #[error("The appointment is already at that time.")]
    SameTime,
    /// The key was used before for another booking of the same person.
    #[error("This request was used before for another booking. Start again from the list of times.")]
    KeyReused,
    /// Something wanted is wrong in itself; says what.
    #[error("{0}")]
    Invalid(&'static str),
    /// The door refused or failed.
    #[error(transparent)]
    Door(#[from] Door),
}

/// Says what the door's refusal of a change with [`crate::prepare_confirm`] in it means: a time that somebody else has comes
/// with the next free ones of the same service.
pub async fn explain(access: &Access, directory: &Directory, request: &BookingRequest, refusal: Door) -> Error {
    match refusal {
        Door::Taken => match Time::read(access, directory, &request.slot).await {
            Ok(time) => time.taken(access, directory, request.service.as_deref(), &request.need).await,
            Err(_) => Error::Taken { next: Vec::new() },
        },
        refusal => refusal.into(),
    }
}
