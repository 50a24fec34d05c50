//! The page on which somebody chooses who to be, and the code that goes back.

use std::time::Instant;

use axum::extract::{RawForm, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::{CODE_LASTS, Grant, Provider, now, random};

/// An authorisation request (OpenID Connect Core, section 3.1.2.1).
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Request {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    code_challenge: String,
    code_challenge_method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    login_hint: Option<String>,
    /// The choice on the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

/// Whether the request is one of a client of ours; nothing is sent anywhere before this holds.
fn known(provider: &Provider, request: &Request) -> bool {
    provider.0.clients.iter().any(|c| c.id == request.client_id && c.redirect == request.redirect_uri)
}

/// What is wrong with a known client's request, as an OAuth error code.
fn fault(request: &Request) -> Option<&'static str> {
    if request.response_type != "code" {
        Some("unsupported_response_type")
    } else if !request.scope.split(' ').any(|scope| scope == "openid") {
        Some("invalid_scope")
    } else if request.code_challenge_method != "S256" || request.code_challenge.len() != 43 {
        Some("invalid_request")
    } else {
        None
    }
}

pub async fn show(State(provider): State<Provider>, RawQuery(query): RawQuery) -> Response {
    let read = serde_html_form::from_str::<Request>(query.as_deref().unwrap_or_default());
    answer(&provider, read.unwrap_or_default())
}

pub async fn choose(State(provider): State<Provider>, RawForm(body): RawForm) -> Response {
    answer(&provider, serde_html_form::from_bytes::<Request>(&body).unwrap_or_default())
}

fn answer(provider: &Provider, request: Request) -> Response {
    if !known(provider, &request) {
        return (StatusCode::BAD_REQUEST, "This client, or its address to go back to, is not known here.")
            .into_response();
    }
    if let Some(error) = fault(&request) {
        return back(provider, &request, &[("error", error)]);
    }
    let chosen = request.identity.as_deref().or(request.login_hint.as_deref());
    match chosen.filter(|key| provider.kept().identities.contains_key(*key)).map(str::to_owned) {
        Some(identity) => match code(provider, &request, identity) {
            Some(code) => back(provider, &request, &[("code", &code)]),
            None => back(provider, &request, &[("error", "server_error")]),
        },
        None => page(provider, &request).into_response(),
    }
}

fn code(provider: &Provider, request: &Request, identity: String) -> Option<String> {
    let code = random()?;
    let grant = Grant {
        client: request.client_id.clone(),
        redirect: request.redirect_uri.clone(),
        challenge: request.code_challenge.clone(),
        nonce: request.nonce.clone(),
        identity,
        at: Instant::now(),
        auth_time: now(),
    };
    let mut kept = provider.kept();
    kept.codes.retain(|_, grant| grant.at.elapsed() < CODE_LASTS);
    kept.codes.insert(code.clone(), grant);
    Some(code)
}

/// Sends the browser back. To an address of the issuer's own host by path alone, so that the demonstration works under
/// whatever name it is reached by.
fn back(provider: &Provider, request: &Request, say: &[(&str, &str)]) -> Response {
    let Ok(mut to) = url::Url::parse(&request.redirect_uri) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    to.query_pairs_mut().extend_pairs(say).append_pair("state", &request.state).append_pair("iss", provider.issuer());
    let same = url::Url::parse(provider.issuer()).is_ok_and(|issuer| issuer.origin() == to.origin());
    let to = if same { format!("{}?{}", to.path(), to.query().unwrap_or_default()) } else { to.to_string() };
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(&to) {
        Ok(to) => {
            response.headers_mut().insert(header::LOCATION, to);
            response
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn page(provider: &Provider, request: &Request) -> Html<String> {
    let mut hidden = String::new();
    let fields = serde_html_form::to_string(request).unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(fields.as_bytes()) {
        if name != "identity" && name != "login_hint" {
            let (name, value) = (escape(&name), escape(&value));
            hidden += &format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
        }
    }
    let kept = provider.kept();
    let mut choices = String::new();
    for identity in kept.order.iter().filter_map(|key| kept.identities.get(key)) {
        let (key, label, about) = (escape(&identity.key), escape(&identity.label), escape(&identity.about));
        choices += &format!(
            "<p><label><input type=\"radio\" name=\"identity\" value=\"{key}\"> <strong>{label}</strong>: {about}</label></p>\n"
        );
    }
    let action = escape(&format!("{}/authorize", provider.path()));
    Html(format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><title>Choose who to be</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head>\n<body><main>\
         <h1>Choose who to be</h1>\n<p>This sign-in is for the demonstration and for tests. Everybody here is made up.</p>\n\
         <form action=\"{action}\" method=\"post\">{hidden}\n<fieldset><legend>Who do you want to be?</legend>\n{choices}\
         </fieldset>\n<p><button>Sign in</button></p></form></main></body></html>\n"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
