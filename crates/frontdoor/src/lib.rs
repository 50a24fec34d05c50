//! Asking for help: a pathway asks the fewest questions that lead somewhere safe, and says where and why.
//!
//! A pathway is a file in `content/pathways/` (its format is described in the `README.md` there). This crate reads it,
//! steps through it, turns answers and what the record already knows into a [`Disposition`] with reasons in plain words,
//! and proves by exact symbolic walk ([`verify`]) that no path through it is unsafe in the ways a machine can see.
//! All of that is pure: no store, no clock, no network.
//!
//! [`route`] puts the services that can help in order, with reasons; [`service`] does the rest through the door: reads the
//! facts, finds the [`Offers`], and records what the person chose as one change.
//!
//! ```
//! use kith_frontdoor::{Answers, Facts, Pathways, Sex, Step, Urgency};
//!
//! let pathways = Pathways::embedded()?;
//! let sore_throat = pathways.get("sore-throat").expect("it is embedded");
//! let facts = Facts::new(30 * 12, Sex::Female, jiff::civil::date(2026, 11, 20));
//!
//! let mut answers = Answers::new();
//! let Step::Ask(first) = sore_throat.next(&facts, &answers) else { panic!("there is a first question") };
//! let answer = first.read(&["cannot_breathe"])?;
//! answers.insert(&first.id, answer);
//!
//! assert!(matches!(sore_throat.next(&facts, &answers), Step::Stop(_)));
//! let assessment = sore_throat.assess(&facts, &answers);
//! assert_eq!(assessment.disposition.urgency, Urgency::Emergency999);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod assess;
mod bdd;
mod condition;
mod facts;
mod load;
mod parse;
mod pathway;
mod phrases;
pub mod questionnaire;
pub mod reading;
pub mod route;
pub mod service;
mod urgency;
pub mod verify;
pub mod vignettes;
mod vocabulary;
mod weights;

pub use answers::{Answer, AnswerError, AnswerProblem, Answers};
pub use assess::{Assessment, Disposition, Reason, ScoreResult, Step};
pub use condition::Condition;
pub use facts::{Fact, Facts, FactsError, RecentContact, Sex};
pub use load::{LoadError, Pathways};
pub use parse::ConditionError;
pub use pathway::{Audience, Evidence, Kind, Outcome, Pathway, Question, QuestionOption, RedFlag, Rule, Score};
pub use route::{Offer, SlotOffer, WalkIn};
pub use service::{Ask, Booked, Channel, Error, Fallback, Offers, Photo, Requested, SelfCare, Stopped};
pub use urgency::Urgency;
pub use vocabulary::{Group, Need, Vocabulary};
pub use weights::Weights;
