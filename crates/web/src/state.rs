//! What every handler may use, filled by the binary.

use std::sync::Arc;

use axum::routing::MethodRouter;
use kith_directory::DirectoryCache;
use kith_frontdoor::Pathways;
use kith_trust::{Actor, Door};

use crate::sign_in::SignIn;

/// The way to the record, what is near, and what can be asked. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub door: Door,
    pub directory: DirectoryCache,
    pub pathways: Arc<Pathways>,
    /// What was worked out a moment ago.
    pub lately: crate::Lately,
    /// Who can be signed in as without proof: in demo mode alone. `None` leaves no such page.
    pub demo: Option<Arc<Demo>>,
    /// How people and staff prove who they are.
    pub sign_in: Arc<SignIn>,
}

/// The characters of the demonstration.
#[derive(Clone, Debug, Default)]
pub struct Demo {
    pub people: Vec<DemoPerson>,
    pub staff: Vec<DemoStaff>,
}

/// A synthetic person to be.
#[derive(Clone, Debug)]
pub struct DemoPerson {
    /// Short and lasting: letters, digits and `-`.
    pub key: String,
    /// Their name.
    pub label: String,
    /// Who they are and what they may want today, in a sentence.
    pub story: String,
    pub patient_id: String,
}

/// A synthetic member of staff to be.
#[derive(Clone, Debug)]
pub struct DemoStaff {
    /// Their name.
    pub label: String,
    /// `GP at Elm Street Practice`.
    pub role: String,
    pub actor: Actor,
}

/// Paths with what answers them: a room's part of the table of contents.
pub type Routes = Vec<(&'static str, MethodRouter<AppState>)>;
