//! What every page passes through: a reference number, security headers, a size limit, a caught panic, the session of a
//! visitor, and at the end the rendering itself.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minijinja::value::{Object, Value};
use minijinja::{Error, ErrorKind, State as Rendering, context};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use uuid::Uuid;

use crate::assets;
use crate::form::{CSRF_FIELD, KEY_FIELD};
use crate::render::{Renderer, view};
use crate::reply::{Flash, Page, WebError, method_not_allowed, not_found};
use crate::session::{Session, cookie, mac, mac_holds};

/// What all pages of one server share.
pub struct Site {
    /// Synthetic people: the banner says so, and the gallery and the choice of identities are there.
    pub demo: bool,
    /// Served over TLS (here or by a proxy): cookies are `Secure`, and browsers are told to stay on TLS.
    pub tls: bool,
    /// Signs what visitors' browsers keep for us; random, the same for all servers of one site.
    pub secret: [u8; 32],
    /// The largest request body in bytes. Photos need about 10 MB.
    pub max_body: usize,
    /// How long a request may take, its body's arrival included: long enough for a photo over a slow line.
    pub timeout: Duration,
    renderer: Renderer,
}

impl Site {
    /// A site; fails if a template in the binary does not compile.
    pub fn new(demo: bool, tls: bool, secret: [u8; 32]) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            demo,
            tls,
            secret,
            max_body: 12 * 1024 * 1024,
            timeout: Duration::from_mins(2),
            renderer: Renderer::new()?,
        }))
    }

    /// `__Host-` keeps other hosts of the domain from setting a cookie; browsers accept the prefix over TLS alone.
    pub fn cookie_name(&self, name: &str) -> String {
        if self.tls { format!("__Host-{name}") } else { name.to_owned() }
    }

    pub fn renderer(&self) -> &Renderer {
        &self.renderer
    }
}

/// Puts the page routes behind everything a page needs, and adds the assets. A middleware that knows sessions belongs
/// inside (`router.layer(…)` before this call) and uses [`crate::session::attach`].
pub fn layers(router: Router, site: &Arc<Site>) -> Router {
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(DefaultBodyLimit::max(site.max_body))
        .layer(middleware::from_fn_with_state(Arc::clone(site), in_time))
        .layer(middleware::from_fn_with_state(Arc::clone(site), show))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(Arc::clone(site), guard))
        .merge(assets::router())
}

/// The number a person can quote and we can find in the log. Random: it says nothing about them.
#[derive(Clone, Debug)]
pub struct Reference(String);

impl Reference {
    fn new() -> Self {
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        Self(format!("{}-{}-{}", &id[..4], &id[4..8], &id[8..12]))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response<Body> {
    // The payload may quote what a person typed, so it is not logged; the panic hook has said where it happened.
    WebError::internal("panic in a page").into_response()
}

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

static HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The outermost: names the request, adds the headers, and leaves one event in the log: the route's pattern, never the
/// address itself, which may name a person.
async fn guard(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let reference = Reference::new();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(reference.clone());

    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in &HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if site.tls {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    if let Ok(value) = HeaderValue::from_str(&reference.0) {
        headers.insert("x-request-id", value);
    }
    tracing::info!(
        %method,
        route,
        status = response.status().as_u16(),
        ms = started.elapsed().as_secs_f64() * 1e3,
        %reference,
        "page"
    );
    response
}

/// Gives up on a request that takes too long, so that a body that never comes holds nothing for ever.
async fn in_time(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(site.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => WebError::new(
            StatusCode::REQUEST_TIMEOUT,
            "This took too long",
            "What you sent did not arrive in time. Go back and send it again; if it was a photo, try a smaller one.",
        )
        .into_response(),
    }
}

const VISIT: &str = "kith-visit";
const FLASH: &str = "kith-notice";
const FLASH_SECONDS: u32 = 300;

/// Renders what a handler gave back as a [`Page`], and turns bare refusals of extractors into pages.
async fn show(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let reference = request.extensions().get::<Reference>().cloned().unwrap_or_else(Reference::new);
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned()).unwrap_or_default();
    let headers = request.headers();
    let sent_visit =
        cookie(headers, &site.cookie_name(VISIT)).filter(|visit| visit.parse::<Uuid>().is_ok()).map(str::to_owned);
    let visit = sent_visit.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let visitor = Session::anonymous(&visit, &site.secret);
    let waiting = cookie(headers, &site.cookie_name(FLASH)).map(str::to_owned);
    request.extensions_mut().insert(visitor.clone());

    let mut response = next.run(request).await;
    let session = response.extensions_mut().remove::<Session>();
    let known = session.is_some();
    let session = session.unwrap_or(visitor);

    let mut cookies = Vec::new();
    if let Some(flash) = response.extensions_mut().remove::<Flash>() {
        cookies.push(set_cookie(&site, FLASH, &sign(&site, &flash), FLASH_SECONDS));
    }
    let page = match response.extensions_mut().remove::<Page>() {
        Some(page) => Some(page),
        None if bare_refusal(&response) => {
            let error = WebError::from_status(response.status());
            let allow = response.headers_mut().remove(header::ALLOW);
            response = error.into_response();
            if let Some(allow) = allow {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            response.extensions_mut().remove::<Page>()
        }
        None => None,
    };
    if let Some(page) = page {
        let flash = waiting.as_deref().and_then(|signed| verify(&site, signed));
        if waiting.is_some() {
            cookies.push(set_cookie(&site, FLASH, "", 0));
        }
        if !known && sent_visit.is_none() {
            cookies.push(set_cookie(&site, VISIT, &visit, 12 * 60 * 60));
        }
        let frame = Value::from_object(Frame { site: Arc::clone(&site), session, path, route, flash, reference });
        response = rendered(&site, &page, frame, response.into_parts().0.headers);
    }
    for value in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// A refusal in plain text, as axum's extractors and the body limit give.
fn bare_refusal(response: &Response) -> bool {
    let status = response.status();
    let text =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    (status.is_client_error() || status.is_server_error()) && text
}

fn rendered(site: &Site, page: &Page, frame: Value, mut headers: HeaderMap) -> Response {
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    let form = page.form.clone();
    let whole = context! { kith => frame.clone(), form, ..page.view.clone() };
    let (status, html) = match site.renderer.render(page.template, whole) {
        Ok(html) => (page.status, html),
        Err(error) => {
            // The template and line, not the values in it.
            tracing::error!(
                template = error.name().unwrap_or(page.template),
                line = error.line(),
                kind = ?error.kind(),
                "template failed"
            );
            let error = view(&WebError::internal("template"));
            let html = site.renderer.render("error", context! { kith => frame, ..error });
            (StatusCode::INTERNAL_SERVER_ERROR, html.unwrap_or_else(|_| "Sorry, there is a problem with Kith.".into()))
        }
    };
    (status, headers, Html(html)).into_response()
}

fn set_cookie(site: &Site, name: &str, value: &str, seconds: u32) -> String {
    let secure = if site.tls { "; Secure" } else { "" };
    let name = site.cookie_name(name);
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn sign(site: &Site, flash: &Flash) -> String {
    let text = serde_json::to_vec(flash).expect("a notice is plain text");
    let tag = mac(&site.secret, &[b"notice", &text]);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(tag))
}

fn verify(site: &Site, signed: &str) -> Option<Flash> {
    let (text, tag) = signed.split_once('.')?;
    let (text, tag) = (URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
    mac_holds(&site.secret, &[b"notice", &text], &tag).then(|| serde_json::from_slice(&text).ok())?
}

/// `kith` in every template: what the layout needs, and `kith.hidden()` for forms.
struct Frame {
    site: Arc<Site>,
    session: Session,
    path: String,
    /// The pattern of the path, without anybody's id; empty where none fits.
    route: String,
    flash: Option<Flash>,
    reference: Reference,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Frame").field("reference", &self.reference.0).finish_non_exhaustive()
    }
}

impl Object for Frame {
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(match key {
            "demo" => Value::from(self.site.demo),
            "assets" => Value::from(assets::base()),
            "path" => Value::from(self.path.as_str()),
            "went_wrong" => Value::from(crate::went_wrong::address(&self.route, &self.path)),
            "viewer" => self.session.viewer.as_ref().map_or(Value::UNDEFINED, view),
            "flash" => self.flash.as_ref().map_or(Value::UNDEFINED, view),
            "reference" => Value::from(self.reference.0.as_str()),
            _ => return None,
        })
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _: &mut Rendering<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "hidden" => Ok(Value::from_safe_string(format!(
                r#"<input type="hidden" name="{CSRF_FIELD}" value="{}"><input type="hidden" name="{KEY_FIELD}" value="{}">"#,
                self.session.csrf_token(),
                Uuid::new_v4()
            ))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
