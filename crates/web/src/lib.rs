//! kith-web
pub mod assets;
pub mod chart;
pub mod filters;
pub mod render;
