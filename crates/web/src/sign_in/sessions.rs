//! One's own sessions: where somebody is signed in, and ending that.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::form::Checked;
use crate::layers::Site;
use crate::reply::{Page, Reply, WebResult};
use crate::signed::{SignedIn, session_cookie, session_secret};
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    staff: bool,
    sessions: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    handle: String,
    device: String,
    role: Option<String>,
    begun: String,
    seen: String,
    this: bool,
}

pub(super) async fn show(State(state): State<AppState>, me: SignedIn) -> WebResult<Page> {
    let sessions = state.door.sessions_of(&me.session.actor.reference).await?;
    let lines = sessions.into_iter().map(|session| Line {
        this: session.handle == me.session.handle,
        device: session.proof.map_or_else(|| "A browser we do not know".to_owned(), |proof| proof.device),
        role: session.actor.role.is_staff().then(|| {
            let at = session.actor.organization_name.unwrap_or_default();
            format!("{} at {at}", session.actor.role.words())
        }),
        begun: session.begun.to_string(),
        seen: session.seen.to_string(),
        handle: session.handle,
    });
    let view = View { staff: me.session.actor.role.is_staff(), sessions: lines.collect() };
    Ok(Page::new(if view.staff { "sign_in/sessions_team" } else { "sign_in/sessions" }, &view))
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    handle: String,
}

/// Ends one of one's own sessions, here or elsewhere.
pub(super) async fn end(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    me: SignedIn,
    headers: HeaderMap,
    Checked { form, .. }: Checked<Which>,
) -> WebResult<Response> {
    if form.handle == me.session.handle {
        return gone(&state, &site, &headers, "You are signed out.").await;
    }
    let ended = state.door.end_sessions(&me.session, Some(&form.handle)).await?;
    let said = if ended > 0 { "That device is signed out." } else { "That device was signed out already." };
    Ok(Reply::to("/sessions").done(said).into_response())
}

/// Signs out everywhere, here too.
pub(super) async fn end_all(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    me: SignedIn,
    headers: HeaderMap,
    _: Checked<Which>,
) -> WebResult<Response> {
    state.door.end_sessions(&me.session, None).await?;
    gone(&state, &site, &headers, "You are signed out everywhere.").await
}

async fn gone(state: &AppState, site: &Site, headers: &HeaderMap, said: &str) -> WebResult<Response> {
    if let Some(secret) = session_secret(site, headers) {
        state.door.sign_out(secret).await?;
    }
    let mut response = Reply::to("/sign-in").done(said).into_response();
    response.headers_mut().append(header::SET_COOKIE, session_cookie(site, None));
    Ok(response)
}
