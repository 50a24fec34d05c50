//! Accounts of this site: signing in with a name, a password and a code, and setting an account up.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kith_trust::{AccountOf, Actor, Checked as Outcome, totp};
use serde::{Deserialize, Serialize};

use super::SYSTEM;
use super::carried::DEVICE;
use super::flow::{Entry, enter, local, proof};
use crate::form::{Checked, Fields, FormErrors};
use crate::layers::Site;
use crate::limits::Address;
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Signed;
use crate::state::{AppState, Routes};

/// How a proof by an account is named.
pub(super) const MEANS: &str = "account";
/// A browser that somebody signed in from is known for half a year.
const DEVICE_SECONDS: i64 = 180 * 24 * 60 * 60;

pub(super) fn routes() -> Routes {
    vec![
        ("/sign-in/account", get(show).post(sign_in)),
        ("/sign-in/account/start", get(start).post(begin)),
        ("/sign-in/account/set-up", post(set_up)),
    ]
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    next: String,
    #[serde(default)]
    again: String,
}

#[derive(Serialize)]
struct View<'a> {
    next: &'a str,
    again: bool,
}

fn page(next: &str, again: bool) -> Page {
    Page::new("sign_in/account", &View { next: local(next), again })
}

async fn show(Query(wanted): Query<Wanted>) -> Page {
    page(&wanted.next, wanted.again == "1")
}

#[derive(Deserialize)]
struct Tried {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
    #[serde(default)]
    again: String,
}

/// What a browser that signed in before carries: for which account, and which browser it is.
#[derive(Serialize, Deserialize)]
struct Device {
    account: String,
    id: String,
}

/// What a form may show again: never a password or a code.
fn shown(fields: &Fields) -> Fields {
    Fields::known(fields.get("name").map(|name| ("name", name)))
}

async fn sign_in(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    signed: Option<Extension<Signed>>,
    address: Address,
    headers: HeaderMap,
    Checked { form, fields, .. }: Checked<Tried>,
) -> WebResult<Response> {
    let limits = &state.sign_in.limits;
    limits.password.check(&address.0)?;
    let again = form.again == "1";
    let mut errors = FormErrors::new();
    let name = errors.required("name", &form.name, "Enter your sign-in name").to_lowercase();
    errors.required("password", &form.password, "Enter your password");
    errors.required("code", &form.code, "Enter the code from your app, or a recovery code");
    let back = |errors: &FormErrors| page(&form.next, again).with_form(&shown(&fields), errors).into_response();
    if !errors.is_empty() {
        return Ok(back(&errors));
    }
    // A browser its holder signed in from before is counted by itself: nobody elsewhere can make its holder wait.
    let known = DEVICE.read::<Device>(&site, &headers).filter(|device| device.account == name);
    let keys = match &known {
        Some(device) => vec![format!("device|{name}|{}", device.id)],
        None => vec![format!("from|{name}|{}", address.0), format!("all|{name}")],
    };
    if let Some(seconds) = limits.backoff.wait(&keys) {
        return Err(WebError::too_many(seconds));
    }
    let outcome = state.door.check_account(&name, &form.password, &form.code).await?;
    let Outcome::Right(of) = outcome else {
        limits.backoff.failed(&keys);
        errors.add(
            "name",
            "The name, the password or the code is not right. Each code works once: wait for the next one",
        );
        return Ok(back(&errors));
    };
    limits.backoff.cleared(&keys);
    let actor = actor(&state, &of).await?;
    let proof = proof(&state, &headers, MEANS, "password and code".to_owned());
    let entry = Entry { actor, proof, next: &form.next, again, fresh: true };
    let mut response = enter(&state, &site, signed.as_deref(), &headers, entry).await?;
    let id = known.map_or_else(|| uuid::Uuid::new_v4().to_string(), |device| device.id);
    let device = DEVICE.set(&site, &Device { account: name, id }, DEVICE_SECONDS);
    response.headers_mut().append(header::SET_COOKIE, device);
    Ok(response)
}

/// Whom an account signs in, as the record has them now.
async fn actor(state: &AppState, of: &AccountOf) -> WebResult<Actor> {
    let kith = state.door.system("Kith sign-in");
    match of {
        AccountOf::Person(reference) => {
            let entry = kith.read(reference).await?;
            Ok(Actor::person(&entry.id, &crate::person::full_name(&entry.value), SYSTEM))
        }
        AccountOf::Post(reference) => {
            let directory = state.directory.get(&kith).await?;
            let id = reference.split_once('/').map_or("", |(_, id)| id);
            directory.post(id).and_then(|post| post.actor(SYSTEM)).ok_or_else(|| {
                WebError::forbidden("The post this account belongs to is not there any more. Ask your manager.")
            })
        }
    }
}

// ── setting up ──────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize)]
struct Nothing {}

fn start_page() -> Page {
    Page::new("sign_in/account_start", &Nothing {})
}

async fn start() -> Page {
    start_page()
}

#[derive(Deserialize)]
struct Begun {
    #[serde(default)]
    name: String,
    #[serde(default)]
    code: String,
}

#[derive(Serialize)]
struct SettingUp {
    name: String,
    code: String,
    /// For typing, in groups of four.
    secret: String,
    /// For an app on the same device.
    uri: String,
}

impl SettingUp {
    fn page(name: &str, code: &str, secret: &str) -> Page {
        let letters: Vec<char> = secret.chars().collect();
        let groups = letters.chunks(4).map(|four| four.iter().collect::<String>());
        let view = Self {
            name: name.to_owned(),
            code: code.to_owned(),
            secret: groups.collect::<Vec<_>>().join(" "),
            uri: totp::uri(secret, "Kith", name),
        };
        Page::new("sign_in/account_set_up", &view)
    }
}

async fn begin(
    State(state): State<AppState>,
    address: Address,
    Checked { form, fields, .. }: Checked<Begun>,
) -> WebResult<Page> {
    state.sign_in.limits.password.check(&address.0)?;
    let mut errors = FormErrors::new();
    let name = errors.required("name", &form.name, "Enter your sign-in name").to_lowercase();
    let code = errors.required("code", &form.code, "Enter the set-up code you were given").to_owned();
    if errors.is_empty() {
        match state.door.account_app_secret(&name, &code).await? {
            Some(secret) => return Ok(SettingUp::page(&name, &code, &secret)),
            None => errors
                .add("code", "The name or the code is not right, or the code is older than 3 days. Ask for a new one"),
        }
    }
    Ok(start_page().with_form(&shown(&fields), &errors))
}

#[derive(Deserialize)]
struct Finished {
    #[serde(default)]
    name: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    first: String,
}

#[derive(Serialize)]
struct Done {
    recovery: Vec<String>,
}

async fn set_up(
    State(state): State<AppState>,
    address: Address,
    Checked { form, .. }: Checked<Finished>,
) -> WebResult<Page> {
    state.sign_in.limits.password.check(&address.0)?;
    let Some(secret) = state.door.account_app_secret(&form.name, &form.code).await? else {
        let mut errors = FormErrors::new();
        errors.add("code", "The set-up code is used up or older than 3 days. Ask for a new one");
        return Ok(start_page().with_form(&Fields::default(), &errors));
    };
    let mut errors = FormErrors::new();
    if let Some(problem) = kith_trust::password_problem(&form.password, &form.name) {
        errors.add("password", problem);
    }
    errors.required("first", &form.first, "Enter the code that your app shows");
    if errors.is_empty() {
        let first: String = form.first.chars().filter(char::is_ascii_digit).collect();
        match state.door.set_up_account(&form.name, &form.code, &form.password, &first).await? {
            Some(done) => return Ok(Page::new("sign_in/account_codes", &Done { recovery: done.recovery })),
            None => errors.add(
                "first",
                "The code from your app is not right. Check that the phone's clock is, and try the next code",
            ),
        }
    }
    Ok(SettingUp::page(&form.name, &form.code, &secret).with_form(&Fields::default(), &errors))
}
