//! Letting an app act: the authorisation page of SMART App Launch 2.2, and starting an app from a person's page.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kith_trust::smart::{self, Context, Right, Scope};
use kith_trust::{Action, App, DataKind, Role};
use serde::{Deserialize, Serialize};

use crate::form::Checked;
use crate::layers::CSP;
use crate::reply::{Page, WebError, WebResult};
use crate::signed::{SignedIn, Staff};
use crate::state::AppState;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
    aud: String,
    launch: String,
}

#[derive(Serialize)]
struct View<'a> {
    app: &'a str,
    name: &'a str,
    may: Vec<String>,
    lasting: bool,
    one_person: bool,
    asked: &'a Asked,
}

/// What came of looking at a request.
struct Fit {
    app: App,
    scopes: Vec<String>,
    patient: Option<String>,
}

/// The app's own address with an answer. Only ever an address the app is registered with.
fn back(asked: &Asked, say: &[(&str, &str)]) -> WebResult<Response> {
    let mut to = url::Url::parse(&asked.redirect_uri).map_err(WebError::internal)?;
    to.query_pairs_mut().extend_pairs(say);
    if !asked.state.is_empty() {
        to.query_pairs_mut().append_pair("state", &asked.state);
    }
    leave(to.as_str())
}

fn leave(to: &str) -> WebResult<Response> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(to).map_err(WebError::internal)?);
    Ok(response)
}

/// Lets the form of a page lead to one other site: browsers hold a redirect after a form to the page's own policy.
fn leading_to(mut response: Response, address: &str) -> Response {
    if let Ok(url) = url::Url::parse(address) {
        let policy =
            CSP.replace("form-action 'self'", &format!("form-action 'self' {}", url.origin().ascii_serialization()));
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
    response
}

/// Looks at a request: a page where it is no app's (nothing is sent anywhere), or an error to send back to the app.
async fn fit(state: &AppState, me: &SignedIn, asked: &Asked) -> WebResult<Result<Fit, &'static str>> {
    let app = state.door.app(&asked.client_id).await?;
    let Some(app) = app.filter(|app| app.redirects.contains(&asked.redirect_uri)) else {
        return Err(WebError::new(
            StatusCode::BAD_REQUEST,
            "We do not know this app",
            "Something asked to use Kith for you, and it is not an app we know, or it wants to go where it should not. Nothing \
             was given to it.",
        ));
    };
    if asked.response_type != "code" {
        return Ok(Err("unsupported_response_type"));
    }
    let here = state.sign_in.public_url.as_deref();
    if asked.code_challenge_method != "S256"
        || asked.code_challenge.len() != 43
        || !asked.aud.ends_with("/fhir")
        || here.is_some_and(|here| asked.aud != format!("{here}/fhir"))
    {
        return Ok(Err("invalid_request"));
    }
    let wanted: Vec<String> = asked.scope.split_whitespace().map(str::to_owned).collect();
    let scopes = smart::granted(&wanted, &app.scopes);
    let parsed: Vec<Scope> = scopes.iter().filter_map(|scope| Scope::parse(scope)).collect();
    if parsed.is_empty() || parsed.iter().any(|scope| scope.context == Context::System) {
        return Ok(Err("invalid_scope"));
    }
    let about_one = parsed.iter().any(|scope| scope.context == Context::Patient);
    let actor = &me.session.actor;
    let patient = if actor.role == Role::Person {
        Some(actor.id().to_owned())
    } else if asked.launch.is_empty() {
        None
    } else {
        match state.door.launched(actor, &asked.launch).await? {
            Some(patient) => Some(patient),
            None => return Ok(Err("invalid_request")),
        }
    };
    if about_one && patient.is_none() {
        return Ok(Err("invalid_scope"));
    }
    Ok(Ok(Fit { app, scopes, patient }))
}

fn words(kind: &str) -> String {
    match kind {
        "*" => "everything that you can see here",
        "Patient" => "name, date of birth, address and NHS number",
        "Observation" => "results and readings",
        "Condition" => "problems and diagnoses",
        "MedicationRequest" | "MedicationStatement" => "medicines",
        "AllergyIntolerance" => "allergies",
        "Immunization" => "vaccinations",
        "Appointment" => "appointments",
        "DocumentReference" => "letters and documents",
        "Encounter" => "visits and calls",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// What scopes let an app do, a line each.
fn may(scopes: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for text in scopes {
        let Some(scope) = Scope::parse(text) else { continue };
        let sees = scope.has(Right::Read) || scope.has(Right::Search);
        let changes = [Right::Create, Right::Update, Right::Delete].into_iter().any(|right| scope.has(right));
        let verb = match (sees, changes) {
            (true, true) => "See and change",
            (false, true) => "Change",
            _ => "See",
        };
        let part = if scope.is_part() { "some of: " } else { "" };
        let line = format!("{verb} {part}{}", words(&scope.kind));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

pub(super) async fn ask(
    State(state): State<AppState>,
    me: SignedIn,
    Query(asked): Query<Asked>,
) -> WebResult<Response> {
    match fit(&state, &me, &asked).await? {
        Err(error) => back(&asked, &[("error", error)]),
        Ok(fit) => {
            let view = View {
                app: &fit.app.name,
                name: &me.session.actor.name,
                may: may(&fit.scopes),
                lasting: fit.scopes.iter().any(|s| s == "offline_access"),
                one_person: fit.patient.is_some(),
                asked: &asked,
            };
            Ok(leading_to(Page::new("sign_in/app", &view).into_response(), &asked.redirect_uri))
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Decided {
    #[serde(default)]
    decision: String,
    #[serde(flatten)]
    asked: Asked,
}

pub(super) async fn decide(
    State(state): State<AppState>,
    me: SignedIn,
    Checked { form, .. }: Checked<Decided>,
) -> WebResult<Response> {
    let asked = form.asked;
    let done = match fit(&state, &me, &asked).await? {
        Err(error) => back(&asked, &[("error", error)])?,
        Ok(_) if form.decision != "allow" => back(&asked, &[("error", "access_denied")])?,
        Ok(fit) => {
            let (actor, purpose) = (&me.session.actor, me.session.purpose);
            let challenge = &asked.code_challenge;
            let code = state
                .door
                .authorise(&fit.app, actor, purpose, &fit.scopes, fit.patient, &asked.redirect_uri, challenge)
                .await?;
            back(&asked, &[("code", &code)])?
        }
    };
    Ok(leading_to(done, &asked.redirect_uri))
}

// ── starting an app from a person's page ────────────────────────────────────────────────────────────────────────────

#[derive(Serialize)]
struct Apps {
    person: String,
    apps: Vec<AppLine>,
}

#[derive(Serialize)]
struct AppLine {
    id: String,
    name: String,
}

async fn sees(staff: &Staff, person: &str) -> WebResult<()> {
    let may = staff.access.may(person, Action::Read, DataKind::Demographics).await?;
    if may { Ok(()) } else { Err(WebError::not_found()) }
}

pub(super) async fn list(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Response> {
    sees(&staff, &id).await?;
    let apps: Vec<App> = state.door.apps().await?.into_iter().filter(|app| app.launch.is_some()).collect();
    let lines = apps.iter().map(|app| AppLine { id: app.id.clone(), name: app.name.clone() }).collect();
    Ok(Page::new("sign_in/apps_team", &Apps { person: id, apps: lines }).into_response())
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn launch(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, app)): Path<(String, String)>,
    _: Checked<Nothing>,
) -> WebResult<Response> {
    sees(&staff, &id).await?;
    let app = state.door.app(&app).await?;
    let start = app.and_then(|app| app.launch).ok_or_else(WebError::not_found)?;
    let here = state.sign_in.public_url.as_deref().ok_or_else(|| {
        WebError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Apps cannot be started here",
            "Nobody has set up under which address this site is reached (public_url).",
        )
    })?;
    let token = state.door.begin_launch(staff.actor(), &id).await?;
    let mut to = url::Url::parse(&start).map_err(WebError::internal)?;
    to.query_pairs_mut().append_pair("iss", &format!("{here}/fhir")).append_pair("launch", &token);
    leave(to.as_str())
}
