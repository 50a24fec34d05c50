//! Who may do what, for whom and why: the only door to the record.
//!
//! [`Door`] is opened once. [`Door::enter`] gives an [`Access`] for an [`Actor`] and a [`Purpose`]; everything that is read
//! or written goes through it. The agreements under `content/agreements/` decide, the audit chain remembers, in the same
//! transaction. The store itself cannot be reached from any other crate.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use kith_fhir::json;
//! use kith_trust::{Actor, Change, Door, DoorConfig, Error, Purpose};
//!
//! let folder = tempfile::tempdir()?;
//! let door = Door::open(DoorConfig::new(folder.path())).await?;
//! let mut change = Change::new("register");
//! change.create(json!({"resourceType": "Patient", "id": "ada", "active": true}));
//! door.system("example").commit(change).await?;
//!
//! let ada = door.enter(Actor::person("ada", "Ada", "example"), Purpose::OwnRecord);
//! assert_eq!(ada.open("ada").await?.patient()["active"], true);
//!
//! let stranger = door.enter(Actor::person("bob", "Bob", "example"), Purpose::OwnRecord);
//! assert!(matches!(stranger.open("ada").await, Err(Error::NotFound)));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

mod access;
mod account;
mod actor;
mod agreements;
mod app;
mod audit;
pub mod bundle;
mod change;
mod choices;
mod commit;
mod door;
mod emergency;
mod error;
mod facts;
mod inquiry;
mod kinds;
mod link;
mod organisation;
pub mod protection;
mod record;
pub mod retention;
mod scope;
mod session;
pub mod smart;
mod subject_access;
#[cfg(feature = "testing")]
pub mod testing;
pub mod totp;
mod unusual;

pub use access::{Access, DUTY_AT_MOST};
pub use account::{
    AccountOf, AccountView, Checked, PASSWORD_LEAST, PASSWORD_MOST, SETUP_LASTS, SetUp, password_problem,
};
pub use actor::{Actor, Purpose, Role};
pub use agreements::{
    Action, Agreement, AgreementFiles, AgreementPage, Agreements, Answer, Explanation, NearMiss, Neighbourhood,
    Question, Signature, built_in_files,
};
pub use app::{App, CODE_LASTS, Grant, Issued, LiveToken, NewApp, REFRESH_LASTS, TOKEN_LASTS};
pub use change::Change;
pub use choices::Choices;
pub use door::{Door, DoorConfig};
pub use emergency::{Alert, Claim, EMERGENCY_FOR, Reason, Review, Reviewed};
pub use error::{Error, Problem};
pub use facts::Facts;
pub use inquiry::{ANSWER_WITHIN, Inquiry, Outcome, State as InquiryState};
pub use kinds::{DataKind, LEARNING_EVENT};
pub use link::{PARENT_ACTS_UNTIL_AGE, PARENT_READS_UNTIL_AGE, PRESENT_FOR, Relationship, RelationshipKind, TAIL};
pub use organisation::OrganisationKind;
pub use record::{Entry, Page, Record, Withheld};
pub use session::{ABSOLUTE, IDLE, PROVED_FOR, Proof, Session};
pub use subject_access::{Copy as SubjectAccess, LeftOut};
pub use unusual::{Finding, Rules as UnusualRules, Sign, Unusual};

pub use kith_store::keys::{KeyConfig, Secret};
pub use kith_store::{
    AuditEntry, AuditFields, AuditFound, AuditQuery, AuditReport, CheckReport, Erased, Job, Occupancy, Origin,
    OutboxMessage, Receipt, Settle,
};
