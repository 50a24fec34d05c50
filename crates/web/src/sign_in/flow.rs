//! The steps of signing in with a provider, and signing out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use kith_fhir::json;
use kith_trust::{Actor, Proof, Role};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::carried::{CHOICE, MINUTES, PENDING};
use super::provider::{Means, Pending, ProviderError, Verified};
use super::{device_of, people, staff};
use crate::form::{Checked, FormErrors};
use crate::layers::Site;
use crate::limits::Address;
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::{Signed, purpose_of, session_cookie, session_secret};
use crate::state::AppState;

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    pub next: String,
}

#[derive(Serialize)]
struct Ways<'a> {
    people: bool,
    staff: bool,
    accounts: bool,
    next: &'a str,
}

/// The ways to sign in on this site.
pub(super) async fn ways(State(state): State<AppState>, Query(wanted): Query<Wanted>) -> WebResult<Page> {
    let ways = &state.sign_in;
    if !ways.open() {
        return Err(WebError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "You cannot sign in here yet",
            "Nobody has set up how people and staff prove who they are on this site.",
        ));
    }
    let view = Ways {
        people: ways.people.is_some(),
        staff: ways.staff.is_some(),
        accounts: ways.accounts,
        next: local(&wanted.next),
    };
    Ok(Page::new("sign_in/ways", &view))
}

/// A page of this site, or home: nobody is sent elsewhere after signing in.
pub(super) fn local(next: &str) -> &str {
    let ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n'])
        && next.len() <= 3000
        && next.bytes().all(|b| (0x21..0x7f).contains(&b));
    if ours { next } else { "/" }
}

/// Off to a provider.
pub(super) async fn with(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    address: Address,
    Path(means): Path<String>,
    Query(wanted): Query<Wanted>,
) -> WebResult<Response> {
    let means = Means::from_code(&means).ok_or_else(WebError::not_found)?;
    state.sign_in.limits.sign_in.check(&address.0)?;
    send(&state, &site, means, &wanted.next, None, false).await
}

/// Begins at a provider: the browser is sent there, and carries what it must bring back.
pub(super) async fn send(
    state: &AppState,
    site: &Site,
    means: Means,
    next: &str,
    hint: Option<&str>,
    again: bool,
) -> WebResult<Response> {
    let provider = state.sign_in.provider(means).ok_or_else(WebError::not_found)?;
    let begun = provider.begin(local(next), hint, again, state.door.now()).await;
    let (to, pending) = begun.map_err(|error| failed(&error))?;
    // The demonstration's own provider is part of this site, under whatever name it is reached by.
    let to = match &state.sign_in.demo {
        Some(_) if super::demo::DemoProviders::owns(&to) => format!("{}?{}", to.path(), to.query().unwrap_or_default()),
        _ => to.to_string(),
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let to = HeaderValue::from_str(&to).map_err(WebError::internal)?;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().append(header::SET_COOKIE, PENDING.set(site, &pending, MINUTES * 60));
    Ok(response)
}

/// What a failure of a provider is to a person. Its cause is for the log; it names nobody.
fn failed(error: &ProviderError) -> WebError {
    tracing::warn!(cause = %error, "a sign-in with a provider failed");
    let page = match error {
        ProviderError::Unreachable(_) | ProviderError::Credential => WebError::new(
            StatusCode::BAD_GATEWAY,
            "We cannot reach the sign-in service",
            "The service that proves who you are does not answer. This is not your fault. Wait a few minutes and try again.",
        ),
        ProviderError::Refused(_) | ProviderError::Untrue(_) => WebError::new(
            StatusCode::BAD_GATEWAY,
            "We could not sign you in",
            "We could not be sure of what the sign-in service told us, so we did not let you in. Try again.",
        ),
    };
    page.next("Sign in", "/sign-in")
}

fn out_of_date() -> WebError {
    WebError::new(
        StatusCode::BAD_REQUEST,
        "This sign-in is out of date",
        "It was begun too long ago, in another browser, or more than once. Nobody was signed in by it.",
    )
    .next("Sign in", "/sign-in")
}

#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    iss: Option<String>,
    error: Option<String>,
}

/// Back from a provider.
pub(super) async fn back(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    signed: Option<Extension<Signed>>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> WebResult<Response> {
    let pending: Pending = PENDING.read(&site, &headers).ok_or_else(out_of_date)?;
    let age = state.door.now().duration_since(pending.at);
    let ours = bool::from(pending.state.as_bytes().ct_eq(answer.state.as_bytes()));
    if !ours || age > SignedDuration::from_mins(MINUTES) || age < SignedDuration::ZERO {
        return Err(out_of_date());
    }
    let done = finish(&state, &site, signed.as_deref(), &headers, &pending, &answer).await;
    let mut response = done.unwrap_or_else(IntoResponse::into_response);
    response.headers_mut().append(header::SET_COOKIE, PENDING.clear(&site));
    Ok(response)
}

async fn finish(
    state: &AppState,
    site: &Site,
    signed: Option<&Signed>,
    headers: &HeaderMap,
    pending: &Pending,
    answer: &Answer,
) -> WebResult<Response> {
    let provider = state.sign_in.provider(pending.means).ok_or_else(WebError::not_found)?;
    if answer.iss.as_deref().is_some_and(|named| !provider.is_issuer(named)) {
        return Err(out_of_date());
    }
    if answer.error.is_some() || answer.code.is_empty() {
        return Err(WebError::new(
            StatusCode::FORBIDDEN,
            "You were not signed in",
            "You, or the service that proves who you are, stopped the sign-in. Nothing was changed.",
        )
        .next("Sign in", "/sign-in"));
    }
    let verified = provider.finish(pending, &answer.code).await.map_err(|error| failed(&error))?;
    match pending.means {
        Means::NhsLogin => person(state, site, signed, headers, pending, &verified).await,
        Means::CareIdentity => member(state, site, signed, headers, pending, &verified).await,
    }
}

#[derive(Serialize)]
struct Lesser {
    proved: bool,
    next: String,
}

async fn person(
    state: &AppState,
    site: &Site,
    signed: Option<&Signed>,
    headers: &HeaderMap,
    pending: &Pending,
    verified: &Verified,
) -> WebResult<Response> {
    match people::of(state, verified).await? {
        people::Person::Known { actor, level } => {
            let proof = proof(state, headers, pending.means.code(), level);
            let entry = Entry { actor, proof, next: &pending.next, again: pending.again, fresh: verified.fresh };
            enter(state, site, signed, headers, entry).await
        }
        lesser => {
            let proved = matches!(lesser, people::Person::NotHere);
            let why = if proved { "nobody here has the traced NHS number" } else { "identity not proved to P9" };
            state.door.system("Kith sign-in").record_event("sign-in-refused", why).await?;
            let view = Lesser { proved, next: pending.next.clone() };
            Ok(Page::new("sign_in/lesser", &view).status(StatusCode::FORBIDDEN).into_response())
        }
    }
}

async fn member(
    state: &AppState,
    site: &Site,
    signed: Option<&Signed>,
    headers: &HeaderMap,
    pending: &Pending,
    verified: &Verified,
) -> WebResult<Response> {
    let (mut posts, level) = match staff::of(state, verified).await? {
        staff::Staff::Posts { posts, level } => (posts, level),
        refused => {
            let weak = matches!(refused, staff::Staff::TooWeak);
            let why = if weak { "assurance too low" } else { "no role profile counts here" };
            state.door.system("Kith sign-in").record_event("sign-in-refused", why).await?;
            return Err(if weak {
                WebError::new(
                    StatusCode::FORBIDDEN,
                    "Sign in with something stronger",
                    "Records open only to staff whose identity was proved and who sign in with two factors: a smartcard, a \
                     security key, Windows Hello or the authenticator app.",
                )
            } else {
                WebError::new(
                    StatusCode::FORBIDDEN,
                    "You have no role here",
                    "None of your national roles is at an organisation of this neighbourhood, or Kith does not know what the \
                     role does here. Ask your registration authority, or the manager of your service.",
                )
            }
            .next("Sign in as somebody else", "/sign-in"));
        }
    };
    let proof = proof(state, headers, pending.means.code(), level);
    if pending.again {
        // Proving it again keeps the role they are in.
        let same = signed.and_then(|s| posts.iter().position(|p| p.actor.reference == s.session.actor.reference));
        let actor = match same {
            Some(at) => posts.swap_remove(at).actor,
            None => return Err(somebody_else()),
        };
        let entry = Entry { actor, proof, next: &pending.next, again: true, fresh: verified.fresh };
        return enter(state, site, signed, headers, entry).await;
    }
    if posts.len() == 1 {
        let actor = posts.remove(0).actor;
        let entry = Entry { actor, proof, next: &pending.next, again: false, fresh: true };
        return enter(state, site, signed, headers, entry).await;
    }
    let key = uuid::Uuid::new_v4().to_string();
    let kept = json!({"posts": posts, "proof": proof, "next": pending.next});
    let until = state.door.now().saturating_add(SignedDuration::from_mins(MINUTES)).ok();
    state.door.system("Kith sign-in").remember(ROLES, &key, &kept, until).await?;
    let mut response = Reply::to("/sign-in/role").into_response();
    response.headers_mut().append(header::SET_COOKIE, CHOICE.set(site, &key, MINUTES * 60));
    Ok(response)
}

const ROLES: &str = "web-sign-in-roles";

pub(super) fn proof(state: &AppState, headers: &HeaderMap, means: &str, level: String) -> Proof {
    Proof { means: means.to_owned(), level, at: state.door.now(), device: device_of(headers) }
}

fn somebody_else() -> WebError {
    WebError::new(
        StatusCode::FORBIDDEN,
        "That was somebody else",
        "You are signed in as one person and proved that you are another. Nothing was changed.",
    )
    .next("Go to the start page", "/")
}

/// Somebody proved who they are.
pub(super) struct Entry<'a> {
    pub actor: Actor,
    pub proof: Proof,
    pub next: &'a str,
    /// They were signed in already.
    pub again: bool,
    /// They proved it just now.
    pub fresh: bool,
}

/// Starts the session, or goes on with the one there is, always under a new secret.
pub(super) async fn enter(
    state: &AppState,
    site: &Site,
    signed: Option<&Signed>,
    headers: &HeaderMap,
    entry: Entry<'_>,
) -> WebResult<Response> {
    let old = session_secret(site, headers);
    let home = if entry.actor.role == Role::Person { "/" } else { "/team" };
    let to = if entry.next.is_empty() || entry.next == "/" { home } else { local(entry.next) };
    let secret = if entry.again {
        let (Some(signed), Some(old)) = (signed, old) else { return Err(out_of_date()) };
        if signed.session.actor.reference != entry.actor.reference {
            return Err(somebody_else());
        }
        if !entry.fresh {
            return Err(WebError::new(
                StatusCode::FORBIDDEN,
                "We need you to prove it again",
                "The sign-in service told us about an earlier sign-in and did not ask you again, so nothing was changed.",
            )
            .next("Try again", "/sign-in/again"));
        }
        state.door.prove_again(old, entry.proof).await?.ok_or_else(out_of_date)?.0
    } else {
        if let Some(old) = old {
            state.door.sign_out(old).await?;
        }
        let purpose = purpose_of(entry.actor.role);
        state.door.sign_in_proved(entry.actor, purpose, entry.proof).await?.0
    };
    let mut response = Reply::to(to).into_response();
    response.headers_mut().append(header::SET_COOKIE, session_cookie(site, Some(&secret)));
    Ok(response)
}

// ── choosing a role ─────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Deserialize)]
struct Kept {
    posts: Vec<staff::Post>,
    proof: Proof,
    next: String,
}

async fn kept(state: &AppState, site: &Site, headers: &HeaderMap) -> WebResult<(String, Kept)> {
    let key: String = CHOICE.read(site, headers).ok_or_else(out_of_date)?;
    let kept = state.door.system("Kith sign-in").recall(ROLES, &key).await?.ok_or_else(out_of_date)?;
    Ok((key, serde_json::from_value(kept).map_err(WebError::internal)?))
}

#[derive(Serialize)]
struct RolesView {
    roles: Vec<RoleChoice>,
}

#[derive(Serialize)]
struct RoleChoice {
    value: String,
    text: String,
}

fn roles_page(kept: &Kept) -> Page {
    let roles = kept.posts.iter().enumerate();
    let roles = roles.map(|(at, post)| RoleChoice { value: at.to_string(), text: post.label.clone() });
    Page::new("sign_in/roles", &RolesView { roles: roles.collect() })
}

/// In which role somebody who holds several works now.
pub(super) async fn roles(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    headers: HeaderMap,
) -> WebResult<Page> {
    Ok(roles_page(&kept(&state, &site, &headers).await?.1))
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    role: String,
}

pub(super) async fn choose_role(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    headers: HeaderMap,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult<Response> {
    let (key, mut kept) = kept(&state, &site, &headers).await?;
    let Some(at) = form.role.parse::<usize>().ok().filter(|at| *at < kept.posts.len()) else {
        let mut errors = FormErrors::new();
        errors.add("role", "Choose the role you work in now");
        return Ok(roles_page(&kept).with_form(&fields, &errors).into_response());
    };
    // Once: what was kept is gone before a session comes of it.
    state.door.system("Kith sign-in").forget(ROLES, &key).await?;
    let actor = kept.posts.swap_remove(at).actor;
    let entry = Entry { actor, proof: kept.proof, next: &kept.next, again: false, fresh: true };
    let mut response = enter(&state, &site, None, &headers, entry).await?;
    response.headers_mut().append(header::SET_COOKIE, CHOICE.clear(&site));
    Ok(response)
}

// ── proving it again, and signing out ───────────────────────────────────────────────────────────────────────────────

/// Before something sensitive: back to the provider they came by.
pub(super) async fn again(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    signed: Option<Extension<Signed>>,
    address: Address,
    Query(wanted): Query<Wanted>,
) -> WebResult<Response> {
    let Some(Extension(signed)) = signed else { return Ok(Reply::to("/sign-in").into_response()) };
    state.sign_in.limits.sign_in.check(&address.0)?;
    let means = signed.session.proof.as_ref().map(|proof| proof.means.as_str());
    if means == Some(super::account::MEANS) {
        let query = serde_html_form::to_string([("next", local(&wanted.next)), ("again", "1")]).unwrap_or_default();
        return Ok(Reply::to(format!("/sign-in/account?{query}")).into_response());
    }
    match means.and_then(Means::from_code) {
        Some(means) => {
            let hint = state.sign_in.demo.as_ref().and_then(|demo| demo.hint_of(&signed.session.actor));
            send(&state, &site, means, &wanted.next, hint.as_deref(), true).await
        }
        None => Ok(Reply::to("/sign-in").into_response()),
    }
}

/// Ends this session.
pub(super) async fn sign_out(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    headers: HeaderMap,
    _: Checked<Wanted>,
) -> WebResult<Response> {
    if let Some(secret) = session_secret(&site, &headers) {
        state.door.sign_out(secret).await?;
    }
    let mut response = Reply::to("/sign-in").done("You are signed out.").into_response();
    response.headers_mut().append(header::SET_COOKIE, session_cookie(&site, None));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site_after_signing_in() {
        for ours in ["/", "/care/messages?from=1#top", "/team/people/a-b.c"] {
            assert_eq!(local(ours), ours);
        }
        for elsewhere in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\/evil",
            "javascript:alert(1)",
            "",
            "evil",
            "/a\r\nSet-Cookie: x",
            "/\u{e9}",
            "/ evil",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
        assert_eq!(local(&format!("/{}", "a".repeat(4000))), "/");
    }
}
