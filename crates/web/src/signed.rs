//! Who is signed in: the session behind a cookie, and the extractors that pages of people ([`Me`]) and of teams
//! ([`Staff`]) start from.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequestParts, OriginalUri, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kith_fhir::json;
use kith_trust::{ABSOLUTE, Access, Action, Actor, DataKind, Purpose, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::layers::Site;
use crate::reply::{Reply, WebError};
use crate::session::{self, Session, Viewer, cookie};
use crate::state::AppState;

/// Somebody signed in, put into each request of theirs by [`session`].
#[derive(Clone, Debug)]
pub struct Signed {
    pub session: kith_trust::Session,
    pub access: Access,
    /// For a person who acts for somebody else now.
    pub acting_for: Option<ActingFor>,
}

/// Whom a proxy acts for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActingFor {
    pub patient_id: String,
    pub name: String,
}

const ACTING_FOR: &str = "web-acting-for";

fn cookie_name(site: &Site) -> String {
    site.cookie_name("kith")
}

/// A `Set-Cookie` that starts (`Some(secret)`) or ends the session in the browser.
pub(crate) fn session_cookie(site: &Site, secret: Option<&str>) -> HeaderValue {
    let secure = if site.tls { "; Secure" } else { "" };
    let life = if secret.is_some() { String::new() } else { "; Max-Age=0".to_owned() };
    let text =
        format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}{life}", cookie_name(site), secret.unwrap_or_default());
    HeaderValue::from_str(&text).expect("a base64url secret is visible ASCII")
}

/// The secret the browser holds.
pub(crate) fn session_secret<'a>(site: &Site, headers: &'a axum::http::HeaderMap) -> Option<&'a str> {
    cookie(headers, &cookie_name(site))
}

/// Why somebody of this role opens Kith: decided by the role, not chosen.
pub fn purpose_of(role: Role) -> Purpose {
    match role {
        Role::Person => Purpose::OwnRecord,
        Role::PrivacyOfficer => Purpose::Audit,
        Role::SafetyOfficer => Purpose::Safety,
        Role::System | Role::Machine => Purpose::Operations,
        role if role.is_clinical() => Purpose::DirectCare,
        _ => Purpose::Administration,
    }
}

/// Looks up the session behind the cookie, and goes on as that person or member of staff.
pub(crate) async fn session(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(secret) = session_secret(&site, request.headers()).map(str::to_owned) else {
        return next.run(request).await;
    };
    let found = match state.door.session(&secret).await {
        Ok(found) => found,
        Err(error) => return WebError::from(error).into_response(),
    };
    let Some(session) = found else {
        let mut response = next.run(request).await;
        if !response.headers().contains_key(header::SET_COOKIE) {
            response.headers_mut().append(header::SET_COOKIE, session_cookie(&site, None));
        }
        return response;
    };
    let access = state.door.enter(session.actor.clone(), session.purpose);
    let acting_for = match acting_for(&access, &session.handle).await {
        Ok(acting_for) => acting_for,
        Err(error) => return error.into_response(),
    };
    let page_session = Session {
        id: session.handle.clone(),
        csrf_secret: Sha256::digest(session.csrf.as_bytes()).into(),
        viewer: Some(viewer(&session.actor, acting_for.as_ref())),
    };
    request.extensions_mut().insert(Signed { session, access, acting_for });
    session::attach(page_session, request, next).await
}

fn viewer(actor: &Actor, acting_for: Option<&ActingFor>) -> Viewer {
    let staff = actor.role.is_staff();
    let role = staff.then(|| match &actor.organization_name {
        Some(organization) => format!("{} at {organization}", actor.role.words()),
        None => actor.role.words().to_owned(),
    });
    Viewer { name: actor.name.clone(), role, acting_for: acting_for.map(|a| a.name.clone()), staff }
}

/// Whom the person chose to act for in this session, if they still may.
async fn acting_for(access: &Access, handle: &str) -> Result<Option<ActingFor>, WebError> {
    if access.actor().role != Role::Person {
        return Ok(None);
    }
    let Some(kept) = access.recall(ACTING_FOR, handle).await? else { return Ok(None) };
    let Ok(acting_for) = serde_json::from_value::<ActingFor>(kept) else { return Ok(None) };
    let may = access.may(&acting_for.patient_id, Action::Read, DataKind::Demographics).await?;
    Ok(may.then_some(acting_for))
}

/// A person, for themselves or for somebody they act for.
#[derive(Clone, Debug)]
pub struct Me {
    pub access: Access,
    /// Patient id of the one signed in.
    pub signed_in: String,
    /// Patient id of the one whose care this is: the same, unless they act for somebody else.
    pub person: String,
    /// The name of the one they act for.
    pub acting_for: Option<String>,
    handle: String,
    proved: bool,
}

impl Me {
    /// Whether the person acts for somebody else now.
    pub fn is_proxy(&self) -> bool {
        self.signed_in != self.person
    }

    /// Whether they proved who they are in the last ten minutes ([`kith_trust::PROVED_FOR`]).
    pub fn recently_proved(&self) -> bool {
        self.proved
    }

    /// Before something sensitive: goes on if they proved who they are recently; otherwise says why not, with the way to
    /// prove it and come back to `page`.
    pub fn prove_first(&self, page: &str) -> Result<(), WebError> {
        if self.proved { Ok(()) } else { Err(WebError::prove_again(page)) }
    }

    /// Names the session: for what is kept per sign-in.
    pub fn session(&self) -> &str {
        &self.handle
    }

    /// From now on in this session, acts for somebody else.
    pub async fn act_for(&self, patient_id: &str, name: &str) -> Result<(), WebError> {
        let kept = json!({"patient_id": patient_id, "name": name});
        let until = self.access.now().saturating_add(ABSOLUTE).ok();
        Ok(self.access.remember(ACTING_FOR, &self.handle, &kept, until).await?)
    }

    /// Goes back to acting for themselves.
    pub async fn act_for_self(&self) -> Result<(), WebError> {
        Ok(self.access.forget(ACTING_FOR, &self.handle).await?)
    }
}

/// A member of staff in their role.
#[derive(Clone, Debug)]
pub struct Staff {
    pub access: Access,
    /// Names the session: for what is kept per sign-in.
    pub handle: String,
    proved: bool,
}

/// Anybody signed in, person or staff: for pages about signing in itself.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub session: kith_trust::Session,
}

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Response> {
        match parts.extensions.get::<Signed>() {
            Some(signed) => Ok(Self { session: signed.session.clone() }),
            None => Err(sign_in_first(parts)),
        }
    }
}

impl Staff {
    /// As [`Me::recently_proved`].
    pub fn recently_proved(&self) -> bool {
        self.proved
    }

    /// As [`Me::prove_first`].
    pub fn prove_first(&self, page: &str) -> Result<(), WebError> {
        if self.proved { Ok(()) } else { Err(WebError::prove_again(page)) }
    }

    pub fn actor(&self) -> &Actor {
        self.access.actor()
    }

    pub fn role(&self) -> Role {
        self.access.actor().role
    }
}

/// Not signed in: a page asked for leads to sign-in and back; a form sent says what became of it.
fn sign_in_first(parts: &Parts) -> Response {
    if parts.method == Method::GET || parts.method == Method::HEAD {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let next = uri.path_and_query().map_or("/", |p| p.as_str());
        let form = serde_html_form::to_string([("next", next)]).unwrap_or_default();
        return Reply::to(if next == "/" { "/sign-in".to_owned() } else { format!("/sign-in?{form}") }).into_response();
    }
    WebError::signed_out()
        .kept("What you just sent was not done. Sign in in another tab, then go back to it: your browser keeps what you typed.")
        .into_response()
}

impl FromRequestParts<AppState> for Me {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Response> {
        let Some(signed) = parts.extensions.get::<Signed>().cloned() else { return Err(sign_in_first(parts)) };
        if signed.session.actor.role != Role::Person {
            return Err(WebError::not_found().into_response());
        }
        let signed_in = signed.session.actor.id().to_owned();
        let (person, acting_for) = match signed.acting_for {
            Some(other) => (other.patient_id, Some(other.name)),
            None => (signed_in.clone(), None),
        };
        let proved = signed.session.recently_proved(signed.access.now());
        Ok(Self { access: signed.access, signed_in, person, acting_for, handle: signed.session.handle, proved })
    }
}

impl FromRequestParts<AppState> for Staff {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Response> {
        let Some(signed) = parts.extensions.get::<Signed>().cloned() else { return Err(sign_in_first(parts)) };
        if !signed.session.actor.role.is_staff() {
            return Err(WebError::not_found().into_response());
        }
        let proved = signed.session.recently_proved(signed.access.now());
        Ok(Self { access: signed.access, handle: signed.session.handle, proved })
    }
}

impl FromRequestParts<AppState> for Signed {
    type Rejection = Response;

    /// Anybody who is signed in, person or staff.
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| sign_in_first(parts))
    }
}
