//! What a handler gives back: a page, a redirect, or an error that says what happened, what was kept and what to do next.
//!
//! A page is not rendered by the handler: it travels in the response's extensions to the page layer
//! ([`crate::layers`]), which knows the session, the notices and the renderer.

use std::fmt::Display;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::Value;
use serde::Serialize;

use crate::form::{Fields, FormErrors};
use crate::render;

/// What a handler returns.
pub type WebResult<T = Reply> = Result<T, WebError>;

/// A page: a template under `templates/` and the view it shows.
#[derive(Clone, Debug)]
pub struct Page {
    pub(crate) template: &'static str,
    pub(crate) view: Value,
    pub(crate) form: Option<Value>,
    pub(crate) status: StatusCode,
}

impl Page {
    /// The page `template` (`person/home` for `templates/person/home.html`). The members of `view`, which must serialise
    /// as a map, are the template's variables.
    pub fn new(template: &'static str, view: &impl Serialize) -> Self {
        Self { template, view: render::view(view), form: None, status: StatusCode::OK }
    }

    /// The page again, after a form that could not be accepted: with what was typed, and what to put right. Answers 422.
    #[must_use]
    pub fn with_form(mut self, fields: &Fields, errors: &FormErrors) -> Self {
        self.form = Some(render::view(&FormView { values: fields.values(), errors: errors.view() }));
        if !errors.is_empty() {
            self.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        self
    }

    /// The page with another status than 200.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

#[derive(Serialize)]
struct FormView<V: Serialize, E: Serialize> {
    values: V,
    errors: E,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A short notice shown once on the next page. It is kept in a signed cookie in the browser: no clinical detail in it.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Flash {
    /// `success` or `info`, the design system's kinds of notification banner.
    pub kind: FlashKind,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlashKind {
    Success,
    Info,
}

/// A page, or a way to the next one.
#[derive(Clone, Debug)]
pub enum Reply {
    Page(Page),
    /// 303 See Other to a path of this site, with a notice for the page it leads to.
    Redirect {
        to: String,
        flash: Option<Flash>,
    },
}

impl Reply {
    /// On to `path` (must start with a single `/`; anything else leads home, so nobody is sent to another site).
    pub fn to(path: impl Into<String>) -> Self {
        let path = path.into();
        let ours = path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains(['\\', '\r', '\n'])
            && path.bytes().all(|b| (0x21..0x7f).contains(&b));
        Self::Redirect { to: if ours { path } else { "/".to_owned() }, flash: None }
    }

    /// Says that something was done, on the page a redirect leads to.
    #[must_use]
    pub fn done(self, text: impl Into<String>) -> Self {
        self.saying(FlashKind::Success, text.into())
    }

    /// Says something worth knowing, on the page a redirect leads to.
    #[must_use]
    pub fn note(self, text: impl Into<String>) -> Self {
        self.saying(FlashKind::Info, text.into())
    }

    fn saying(self, kind: FlashKind, text: String) -> Self {
        match self {
            Self::Redirect { to, .. } => Self::Redirect { to, flash: Some(Flash { kind, text }) },
            page @ Self::Page(_) => page,
        }
    }
}

impl From<Page> for Reply {
    fn from(page: Page) -> Self {
        Self::Page(page)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Page(page) => page.into_response(),
            Self::Redirect { to, flash } => {
                let mut response = StatusCode::SEE_OTHER.into_response();
                let to = HeaderValue::from_str(&to).unwrap_or(HeaderValue::from_static("/"));
                response.headers_mut().insert(header::LOCATION, to);
                if let Some(flash) = flash {
                    response.extensions_mut().insert(flash);
                }
                response
            }
        }
    }
}

/// Why there is no page, told to the person: what happened, what was kept, and what to do next.
#[derive(Clone, Debug, Serialize)]
pub struct WebError {
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    title: String,
    happened: String,
    kept: Option<String>,
    next: Vec<NextStep>,
}

#[derive(Clone, Debug, Serialize)]
struct NextStep {
    text: String,
    href: String,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl WebError {
    /// An error page. `title` and `happened` are shown to the person: no clinical detail, no names.
    pub fn new(status: StatusCode, title: impl Into<String>, happened: impl Into<String>) -> Self {
        Self { status, title: title.into(), happened: happened.into(), kept: None, next: Vec::new() }
    }

    /// Adds what was kept: `Your answers are saved.`
    #[must_use]
    pub fn kept(mut self, text: impl Into<String>) -> Self {
        self.kept = Some(text.into());
        self
    }

    /// Adds a next step: a link with its words.
    #[must_use]
    pub fn next(mut self, text: impl Into<String>, href: impl Into<String>) -> Self {
        self.next.push(NextStep { text: text.into(), href: href.into() });
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Not there, or not theirs to see: the two are told alike.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Page not found",
            "If you typed the web address, check it is right. The page may have moved, or it may not be yours to see.",
        )
        .next("Go to the start page", "/")
    }

    /// For signed-in staff who ask for what their role does not include.
    pub fn forbidden(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "You cannot do this", why).next("Go to the start page", "/")
    }

    /// Nobody is signed in, or the session is over.
    pub fn signed_out() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Sign in to continue",
            "You are not signed in, or you were signed out because nothing was done for a while.",
        )
        .next("Sign in", "/sign-in")
    }

    /// Tried too often: how many seconds to wait.
    pub fn too_many(seconds: u64) -> Self {
        let minutes = seconds.div_ceil(60);
        let wait = if minutes <= 1 { "a minute".to_owned() } else { format!("{minutes} minutes") };
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many tries",
            format!("This was tried too often from here. Wait {wait}, then try again. Nothing was changed."),
        )
    }

    /// Before something sensitive: who it is must be proved again, and `page` is where to go on after.
    pub fn prove_again(page: &str) -> Self {
        let query = serde_html_form::to_string([("next", page)]).unwrap_or_default();
        Self::new(
            StatusCode::FORBIDDEN,
            "Prove it is you first",
            "This is something only you should be able to do, and it is more than 10 minutes since you proved who you are.",
        )
        .kept("Nothing was changed. You come back here afterwards.")
        .next("Prove it is you", format!("/sign-in/again?{query}"))
    }

    /// A form without a good token: an old page, or not our page.
    pub fn stale_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This page is out of date",
            "We could not be sure that this came from you, because the page was open for a long time or you signed in again \
             since. Nothing was changed.",
        )
        .next("Go to the start page", "/")
    }

    /// What was sent cannot be read as this form.
    pub fn unreadable() -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "We could not read what was sent",
            "Something in the form is missing or not as expected. Nothing was changed. Go back and try again.",
        )
    }

    /// Somebody else was first, or the state has moved on.
    pub fn conflict(happened: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "This has changed", happened)
    }

    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "What you sent is too big",
            "Nothing was changed. If you sent a photo, try a smaller one.",
        )
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "This page cannot do that",
            "You may have reloaded a page in the middle of something. Nothing was changed.",
        )
        .next("Go to the start page", "/")
    }

    /// Try again soon: the service is busy, or full.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Sorry, Kith is busy",
            "We could not do this just now. Try again in a few minutes.",
        )
    }

    /// A fault of ours. `cause` goes to the log, so it must not name a person or carry what they wrote.
    pub fn internal(cause: impl Display) -> Self {
        tracing::error!(cause = %cause, "page failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Sorry, there is a problem with Kith",
            "This is our fault, not yours. Try again in a few minutes.",
        )
        .kept("Anything you finished before this page is saved.")
    }

    /// The page for a bare status from an extractor or a layer.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::UNAUTHORIZED => Self::signed_out(),
            StatusCode::FORBIDDEN => Self::forbidden("You are not allowed to see or do this."),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable(),
            status if status.is_server_error() => Self::internal(status),
            status => Self { status, ..Self::unreadable() },
        }
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        Page::new("error", &self).status(self.status).into_response()
    }
}

/// The fallback of every page router.
pub async fn not_found(_: Request) -> WebError {
    WebError::not_found()
}

/// The answer to a known path asked in the wrong way.
pub async fn method_not_allowed(_: Request) -> WebError {
    WebError::method_not_allowed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leaves_the_site() {
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "", "x", "/a\r\nb", "/é"] {
            let Reply::Redirect { to, .. } = Reply::to(elsewhere) else { panic!() };
            assert_eq!(to, "/", "{elsewhere}");
        }
        let Reply::Redirect { to, flash } = Reply::to("/care?tab=1#x").done("Booked") else { panic!() };
        assert_eq!((to.as_str(), flash.unwrap().kind), ("/care?tab=1#x", FlashKind::Success));
    }
}
