//! The language of the record: FHIR R4 (4.0.1) in JSON, shaped by UK Core. No I/O.
//!
//! A resource is a [`Value`]: nothing is lost on the way in or out, decimals keep the digits they were written with.
//! On top of that stand small tools, each a module:
//!
//! - [`json`]: reading untrusted bytes within limits, and the one canonical way of writing them;
//! - [`resource`]: types, ids and references;
//! - [`identifier`]: NHS numbers, ODS codes and professional registration numbers;
//! - [`compartment`]: which person a resource belongs to;
//! - [`search`]: the published search parameters, compiled, and queries over them;
//! - [`views`]: borrowed, typed looks at the fields the rooms use;
//! - [`build`]: constructors for what the rooms write;
//! - [`system`]: every URL, spelt once.
//!
//! ```
//! use kith_fhir::{compartment, json, search::Query, views::Observation};
//!
//! let bytes = br#"{"resourceType":"Observation","id":"o1","status":"final",
//!     "code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}],"text":"Heart rate"},
//!     "subject":{"reference":"Patient/p1"},"effectiveDateTime":"2026-03-29T09:15:00+01:00",
//!     "valueQuantity":{"value":72.0,"unit":"beats/minute"}}"#;
//! let resource = json::parse(bytes, &json::Limits::default())?;
//!
//! assert_eq!(compartment::patient_of(&resource), Some("p1"));
//!
//! let query = Query::new("Observation")?
//!     .where_("code", "http://loinc.org|8867-4")?
//!     .where_("date", "ge2026-03-29")?;
//! assert!(query.matches(&resource));
//!
//! let seen = Observation::of(&resource).expect("it is an Observation");
//! assert_eq!(seen.code_text(), Some("Heart rate"));
//! // As written: 72.0, not 72.
//! assert!(String::from_utf8(json::canonical(&resource))?.contains("\"value\":72.0"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod build;
pub mod compartment;
pub mod identifier;
pub mod json;
pub mod resource;
pub mod search;
pub mod system;
pub mod views;

pub use serde_json::{Value, json};
