//! Search: HL7's published R4 parameters compiled to extractors, and queries over what they give.
//!
//! [`definitions`] reads the trimmed definitions beside this crate once and compiles every FHIRPath expression to plain
//! key paths; after that nothing locks. [`Param::extract`] turns a resource into [`Term`]s for an index, and
//! [`Query`] decides whether a resource matches: the same terms serve both, so an index scan and a filter in memory
//! agree.
//!
//! ```
//! use kith_fhir::{json, search::{Query, Term, definitions}};
//!
//! let slot = json!({"resourceType": "Slot", "id": "s", "status": "free", "start": "2026-01-05T09:00:00Z"});
//! let status = definitions().param("Slot", "status").expect("published");
//! assert!(matches!(&status.extract(&slot)[..], [Term::Token { code: Some(code), .. }] if code == "free"));
//! assert!(Query::new("Slot")?.where_("start", "2026-01-05")?.matches(&slot));
//! # Ok::<(), kith_fhir::search::QueryError>(())
//! ```

mod compile;
pub mod date;
mod definitions;
mod fold;
mod operand;
mod query;
mod syntax;
mod term;

pub use definitions::{Definitions, Param, Unsupported, definitions};
pub use fold::fold;
pub use operand::{Operand, Prefix, TokenSystem};
pub use query::{Criterion, Modifier, Query, QueryError, Sort};
pub use term::Term;

pub(crate) use compile::Path;

/// What a parameter's values are, and so how they compare. FHIR R4 search, 3.1.1.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A code, identifier or flag: equality of system and code.
    Token,
    /// Text: begins with, accents and case aside.
    String,
    /// A span of time.
    Date,
    /// A link to another resource.
    Reference,
    /// A number with a unit.
    Quantity,
    /// A number.
    Number,
    /// An address of something: exact text.
    Uri,
    /// Several values of one element, joined by `$`.
    Composite,
    /// Defined by its own words: `near`.
    Special,
}
