//! Times and who has them: free slots, holds, appointments and what becomes of them.
//!
//! A person or a member of staff looks at [`free_slots`], keeps one with [`hold`] and makes it a booking with [`confirm`];
//! or [`book`]s at once. [`reschedule`], [`cancel`], [`arrive`], [`did_not_attend`] and [`fulfil`] follow. Each is one
//! commit through the door, which refuses to give the same time of a calendar twice: nothing here has to be trusted for
//! that. A booking keeps two calendars, the schedule's and the practitioner's, so nobody is in two rooms at once.
//!
//! Every booking has a Task of the service that will see the person, due when it begins, with the appointment's own id.
//! [`prepare_confirm`] and [`prepare_fulfil`] put their part into a larger change.
//!
//! The rules are pure functions in [`rules`] and [`free`].

mod book;
mod change;
mod day;
mod error;
pub mod free;
mod model;
mod notice;
mod offers;
pub mod rules;

pub use book::{book, confirm, hold, prepare_confirm, release};
pub use change::{arrive, cancel, did_not_attend, fulfil, prepare_fulfil, reschedule};
pub use day::day_list;
pub use error::{Error, explain};
pub use model::{
    Appointment, Booked, BookingRequest, CancelReason, Capacity, Changed, DayEntry, Hold, HoldId, NotAHold, Offer, Status,
    Wanted,
};
pub use notice::{REMINDER, TOPIC, remind};
pub use offers::{capacity, free_slots};
