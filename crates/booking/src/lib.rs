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
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use kith_booking::{BookingRequest, Wanted, confirm, free_slots, hold};
//! use kith_fhir::json;
//! use kith_trust::{Actor, Change, Purpose};
//!
//! let door = kith_trust::testing::door().await?;
//! door.set_clock(Some("2026-11-20T09:00:00Z".parse()?));
//! let kith = door.system("example");
//! let mut change = Change::new("lay out");
//! change.create(json!({"resourceType": "HealthcareService", "id": "eyes", "name": "Bright Eyes"}));
//! change.create(json!({"resourceType": "Schedule", "id": "eyes", "actor": [{"reference": "HealthcareService/eyes"}]}));
//! change.create(json!({"resourceType": "Slot", "id": "nine", "status": "free", "schedule": {"reference": "Schedule/eyes"},
//!     "start": "2026-11-23T09:00:00+00:00", "end": "2026-11-23T09:20:00+00:00"}));
//! change.create(json!({"resourceType": "Patient", "id": "ada", "name": [{"given": ["Ada"], "family": "Okafor"}]}));
//! kith.commit(change).await?;
//! let directory = kith_directory::load(&kith).await?;
//!
//! let ada = door.enter(Actor::person("ada", "Ada Okafor", "example"), Purpose::OwnRecord);
//! let wanted = Wanted::new("eyes", "urgent-eye", ada.now(), "2026-11-27T00:00:00Z".parse()?);
//! let offers = free_slots(&ada, &directory, &wanted, 5).await?;
//! let held = hold(&ada, &directory, &offers[0].slot, "urgent-eye", None).await?;
//! let request = BookingRequest {
//!     patient: "Patient/ada".to_owned(),
//!     slot: held.slot.clone(),
//!     need: "urgent-eye".to_owned(),
//!     ..BookingRequest::default()
//! };
//! let booked = confirm(&ada, &directory, held.id, &request).await?;
//! assert_eq!(booked.service.name, "Bright Eyes");
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # Ok::<(), std::io::Error>(())
//! ```

mod adopt;
mod book;
mod change;
mod day;
mod error;
pub mod free;
mod model;
mod notice;
mod offers;
pub mod rules;

pub use adopt::{Adopted, adopt};
pub use book::{book, booked_before, confirm, hold, prepare_confirm, prepare_hold, release, taken};
pub use change::{arrive, cancel, did_not_attend, fulfil, prepare_fulfil, reschedule};
pub use day::{day_list, next_day_with_appointments};
pub use error::{Error, explain};
pub use model::{
    Appointment, Booked, BookingRequest, CancelReason, Capacity, Changed, DayEntry, Hold, HoldId, NotAHold, Offer,
    Status, Wanted,
};
pub use notice::{REMINDER, TOPIC, remind};
pub use offers::{capacity, free_slots, free_slots_each};
