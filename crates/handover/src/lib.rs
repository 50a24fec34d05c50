//! Work and who owns it. Every piece has an owner, a due time and a state; a request is closed only when whoever asked and
//! the person both know what came of it.
//!
//! - [`kind`]: kinds, states, priorities, and how soon each urgency is due;
//! - [`work`]: a Task, and the steps it may take (pure);
//! - [`referral`]: requests from one team to another, and how they close (pure);
//! - [`help`]: a person's request that nothing bookable meets;
//! - [`encounter`], [`observation`]: writing down that somebody was seen (pure);
//! - [`learning`]: what went wrong with Kith, and what came of it;
//! - [`worklist`]: one list for all of it;
//! - the functions of this crate itself do these things through `kith_trust::Access`, each as one change.
//!
//! ```
//! use kith_handover::kind::Urgency;
//!
//! let asked = "2026-11-20T09:00:00Z".parse()?;
//! assert_eq!(kith_contact::time::due_words(Urgency::SameDay.due(asked), asked), "Due by 6:30pm today");
//! # Ok::<(), jiff::Error>(())
//! ```

pub mod encounter;
mod error;
pub mod help;
pub mod kind;
pub mod learning;
pub mod observation;
pub mod referral;
mod service;
pub mod work;
pub mod worklist;
mod writes;

pub use encounter::{EncounterNote, Recorded};
pub use error::Error;
pub use help::{Asked, HelpRequest};
pub use kind::{Priority, State, TaskKind, Urgency};
pub use referral::{Outcome, Person, ReferralRequest, RequestKind};
pub use service::{
    Referred, accept, answer, call_off, claim, complete, hand_to_colleague, hand_to_team, record_encounter,
    record_encounter_once, refer, refer_again, refer_once, release, return_with, start,
};
pub use work::{Refusal, Work};
pub use worklist::{Filter, Worklist, worklist};
pub use writes::Writes;
