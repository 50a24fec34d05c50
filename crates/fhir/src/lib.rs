//! FHIR R4.

pub mod compartment;
pub mod identifier;
pub mod json;
pub mod resource;
pub mod search;
pub mod system;

pub use serde_json::{Value, json};
