//! Who you are: signing in with NHS login (people), NHS Care Identity (staff), or an account of this site; choosing a
//! role; proving it again before something sensitive; and one's own sessions.

mod account;
mod carried;
mod demo;
mod flow;
mod people;
mod provider;
mod roles;
mod sessions;
mod staff;
mod transport;

use std::sync::Arc;

use axum::routing::{get, post};
use kith_trust::Door;

pub(crate) use carried::device_of;
pub use demo::DemoProviders;
pub use provider::{Credential, Means, Pending, Provider, ProviderError, Verified};
pub use roles::{RoleMap, RoleMapError, RoleProfile};
pub use transport::{Transport, TransportError};

use crate::limits::Limits;
use crate::state::{Demo, Routes};

/// How pages name themselves in the record.
pub(crate) const SYSTEM: &str = "Kith web";

/// Where providers send browsers back to.
pub const BACK: &str = "/sign-in/back";

/// The ways to prove who you are on this site.
pub struct SignIn {
    /// For people.
    pub people: Option<Provider>,
    /// For staff.
    pub staff: Option<Provider>,
    /// Accounts of this site, with a password and a code from an app.
    pub accounts: bool,
    pub roles: RoleMap,
    pub limits: Limits,
    /// The demonstration's own providers; `None` outside it.
    pub demo: Option<DemoProviders>,
}

impl SignIn {
    /// A site on which nobody can sign in yet.
    pub fn closed(roles: RoleMap) -> Self {
        Self { people: None, staff: None, accounts: false, roles, limits: Limits::default(), demo: None }
    }

    /// The demonstration: both kinds of provider inside this process, which take a choice for proof.
    pub async fn demonstration(door: &Door, demo: &Demo, roles: RoleMap) -> Result<Self, SignInError> {
        demo::open(door, demo, roles).await
    }

    pub(crate) fn provider(&self, means: Means) -> Option<&Provider> {
        match means {
            Means::NhsLogin => self.people.as_ref(),
            Means::CareIdentity => self.staff.as_ref(),
        }
    }

    fn open(&self) -> bool {
        self.people.is_some() || self.staff.is_some() || self.accounts
    }
}

/// Why signing in cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("{0}")]
    Key(String),
    #[error(transparent)]
    Door(#[from] kith_trust::Error),
}

/// Shared by handlers.
pub type SharedSignIn = Arc<SignIn>;

pub(crate) fn routes(ways: &SignIn) -> Routes {
    let mut routes: Routes = vec![
        ("/sign-out", post(flow::sign_out)),
        (BACK, get(flow::back)),
        ("/sign-in/with/{means}", get(flow::with)),
        ("/sign-in/role", get(flow::roles).post(flow::choose_role)),
        ("/sign-in/again", get(flow::again)),
    ];
    if ways.accounts {
        routes.extend(account::routes());
    }
    routes.push(if ways.demo.is_some() {
        ("/sign-in", get(demo::show).post(demo::sign_in))
    } else {
        ("/sign-in", get(flow::ways))
    });
    routes
}

/// Pages of whoever is signed in about their own signing in.
pub(crate) fn own_routes() -> Routes {
    vec![
        ("/sessions", get(sessions::show)),
        ("/sessions/end", post(sessions::end)),
        ("/sessions/end-all", post(sessions::end_all)),
    ]
}
