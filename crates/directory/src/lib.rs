//! Who in the neighbourhood can do what, for whom, where and when.
//!
//! A [`Directory`] is a snapshot of organisations, places, services, calendars and posts, read once and shared. It
//! answers "who can meet this need for this person, when, how far away, and why not": see [`Directory::candidates`].
//! [`DirectoryCache`] keeps it up to date through the door. Whether a time is free is `kith_booking`'s to say.
//!
//! ```
//! use kith_directory::{Directory, PersonFacts};
//! use kith_fhir::{json, system};
//!
//! let optician = json!({
//!     "resourceType": "HealthcareService", "id": "eyes", "name": "Bright Eyes",
//!     "category": [{"coding": [{"system": system::CS_SERVICE_KIND, "code": "optician"}]}],
//!     "type": [{"coding": [{"system": system::CS_NEED, "code": "urgent-eye"}]}],
//!     "availableTime": [{"daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
//!         "availableStartTime": "09:00:00", "availableEndTime": "17:30:00"}],
//! });
//! let directory = Directory::from_resources([&optician]);
//!
//! // A Saturday.
//! let now = "2026-11-21T10:00:00Z".parse()?;
//! let found = directory.candidates("urgent-eye", &PersonFacts::default(), now);
//! assert!(found[0].eligible);
//! assert_eq!(found[0].open.words(now), "Opens 9am on Monday");
//!
//! // Needed today: nobody is open.
//! let today = PersonFacts { needed_by: Some("2026-11-21T23:00:00Z".parse()?), ..PersonFacts::default() };
//! let found = directory.candidates("urgent-eye", &today, now);
//! assert_eq!(found[0].why_not_words(now), "closed until Monday");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bank_holidays;
mod cache;
mod candidates;
mod directory;
pub mod distance;
pub mod hours;
pub mod model;
mod needs;
mod person;
pub mod words;

pub use bank_holidays::BankHolidays;
pub use cache::{DirectoryCache, MAX_AGE, load};
pub use candidates::{Candidate, LanguageMatch, WhyNot, distance_words, miles_between};
pub use directory::{Directory, TYPES};
pub use distance::Position;
pub use hours::{Closure, Hours, OpenState};
pub use model::{Ages, Clinician, Eligibility, KINDS, Mode, Named, Organisation, Place, Post, Schedule, Service, Sex};
pub use needs::{Need, Needs};
pub use person::{PartOfDay, PersonFacts, Preferences};
