//! The hazard log, and the safety case that is printed from it.
//!
//! [`Log`] is `docs/safety/hazards.toml`: what could harm a person, and the controls that hold it, each with the tests that
//! prove it. [`matrix`] scores it as DCB0129 does. [`report::Case`] prints the whole as one page that needs nothing else.
//!
//! ```
//! let log = kith_safety::Log::built_in();
//! assert!(log.hazard.len() >= 40);
//! assert!(log.hazard("H01").is_some());
//! ```

pub mod log;
mod markdown;
pub mod matrix;
pub mod report;

pub use log::{Control, Estimate, Hazard, Log, Status};
pub use report::{Case, Happened};

/// The intended purpose, as it stands in `docs/safety/intended-purpose.md`.
pub const INTENDED_PURPOSE: &str = include_str!("../../../docs/safety/intended-purpose.md");
