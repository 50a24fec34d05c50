//! The pages: what people and teams see and do in a browser, made with the NHS design system and working without
//! JavaScript.
//!
//! A page is three things of one name: a handler, its view model, and its template under `templates/`. The handler
//! returns a [`reply::Page`]; [`layers::layers`] renders it, with the session, the notices and the security headers that
//! every page has.
//!
//! ```
//! use axum::{Router, routing::get};
//! use kith_web::layers::{Site, layers};
//! use kith_web::reply::{Page, WebError, WebResult};
//!
//! #[derive(serde::Serialize)]
//! struct Problem { title: &'static str, happened: &'static str }
//!
//! async fn problem() -> WebResult<Page> {
//!     if false { return Err(WebError::not_found()); }
//!     Ok(Page::new("error", &Problem { title: "Nothing wrong", happened: "This is a page." }))
//! }
//!
//! let site = Site::new(true, false, [7; 32])?;
//! let app: Router = layers(Router::new().route("/problem", get(problem)), &site);
//! # Ok::<(), minijinja::Error>(())
//! ```

pub mod about;
pub mod assets;
pub mod chart;
mod conversation;
mod error;
pub mod filters;
pub mod form;
pub mod gallery;
pub mod governance;
mod help;
mod lately;
pub mod layers;
mod learning;
pub mod limits;
pub mod person;
mod preferences_form;
pub mod record_view;
pub mod render;
pub mod reply;
pub mod router;
pub mod session;
pub mod sign_in;
pub mod signed;
pub mod state;
pub mod team;
mod went_wrong;

pub use lately::Lately;
pub use router::router;
pub use sign_in::SignIn;
pub use state::{AppState, Demo, DemoPerson, DemoStaff};
