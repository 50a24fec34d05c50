//! For operators.

pub mod health;
pub mod metrics;
pub mod openapi;
