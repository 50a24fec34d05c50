//! Signing in to the demonstration by choosing who to be. Nothing is proved, so the page is there in demo mode alone.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kith_fhir::identifier::NhsNumber;
use kith_fhir::{search, system};
use kith_trust::{Actor, Role};
use serde::{Deserialize, Serialize};

use crate::form::{Checked, Fields, FormErrors};
use crate::layers::Site;
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::{purpose_of, session_cookie, session_secret};
use crate::state::{AppState, Demo, Routes};

/// How pages name themselves in the record.
pub(crate) const SYSTEM: &str = "Kith web";

pub(crate) fn routes() -> Routes {
    vec![("/sign-in", get(show).post(sign_in)), ("/sign-out", post(sign_out))]
}

/// Outside the demonstration there is no way to sign in without proof.
pub(crate) fn closed() -> Routes {
    vec![("/sign-in", get(not_here)), ("/sign-out", post(sign_out))]
}

async fn not_here() -> WebError {
    WebError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "You cannot sign in here yet",
        "Nobody has set up how people and staff prove who they are on this site.",
    )
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    next: String,
}

#[derive(Serialize)]
struct SignIn<'a> {
    next: &'a str,
    people: Vec<Choice<'a>>,
    staff: Vec<Choice<'a>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    value: String,
    label: &'a str,
    about: &'a str,
}

fn page(demo: &Demo, next: &str) -> Page {
    let people =
        demo.people.iter().map(|p| Choice { value: format!("person:{}", p.key), label: &p.label, about: &p.story });
    let staff = demo.staff.iter().enumerate().map(|(at, s)| Choice {
        value: format!("staff:{at}"),
        label: &s.label,
        about: &s.role,
    });
    Page::new("sign_in", &SignIn { next, people: people.collect(), staff: staff.collect() })
}

async fn show(State(state): State<AppState>, Query(wanted): Query<Wanted>) -> WebResult<Page> {
    let demo = state.demo.as_deref().ok_or_else(WebError::not_found)?;
    Ok(page(demo, &wanted.next))
}

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    identity: String,
    #[serde(default)]
    nhs_number: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    headers: HeaderMap,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult<Response> {
    let demo = state.demo.as_deref().ok_or_else(WebError::not_found)?;
    let actor = match who(&state, demo, &form).await? {
        Ok(actor) => actor,
        Err(errors) => return Ok(again(demo, &form, &fields, &errors)),
    };
    if let Some(old) = session_secret(&site, &headers) {
        state.door.sign_out(old).await?;
    }
    let purpose = purpose_of(actor.role);
    let home = if actor.role == Role::Person { "/" } else { "/team" };
    let (secret, _) = state.door.sign_in(actor, purpose).await?;
    let to = if form.next.is_empty() || form.next == "/" { home } else { form.next.as_str() };
    let mut response = Reply::to(to).into_response();
    response.headers_mut().append(header::SET_COOKIE, session_cookie(&site, Some(&secret)));
    Ok(response)
}

fn again(demo: &Demo, form: &Chosen, fields: &Fields, errors: &FormErrors) -> Response {
    page(demo, &form.next).with_form(fields, errors).into_response()
}

/// The identity chosen, or what to put right.
async fn who(state: &AppState, demo: &Demo, form: &Chosen) -> WebResult<Result<Actor, FormErrors>> {
    let mut errors = FormErrors::new();
    if let Some(key) = form.identity.strip_prefix("person:") {
        if let Some(person) = demo.people.iter().find(|p| p.key == key) {
            return Ok(Ok(Actor::person(&person.patient_id, &person.label, SYSTEM)));
        }
    } else if let Some(at) = form.identity.strip_prefix("staff:") {
        let staff = at.parse::<usize>().ok().and_then(|at| demo.staff.get(at));
        if let Some(staff) = staff {
            return Ok(Ok(staff.actor.clone()));
        }
    } else if !form.nhs_number.trim().is_empty() {
        let Ok(number) = NhsNumber::parse(&form.nhs_number) else {
            errors.add("nhs_number", "Enter an NHS number of 10 digits, like 999 000 0018");
            return Ok(Err(errors));
        };
        let query = search::Query::new("Patient")
            .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
            .map_err(WebError::internal)?;
        let found = state.door.system("Kith demo").search(&query).await?;
        if let Some(entry) = found.entries.first() {
            let name = crate::person::full_name(&entry.value);
            return Ok(Ok(Actor::person(&entry.id, &name, SYSTEM)));
        }
        errors.add("nhs_number", "Nobody here has this NHS number. Check it, or choose somebody from the list");
        return Ok(Err(errors));
    }
    errors.add("identity", "Choose who to be");
    Ok(Err(errors))
}

async fn sign_out(
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
