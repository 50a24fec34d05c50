//! A small neighbourhood behind the real router, and a browser without a screen.
#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use kith_directory::DirectoryCache;
use kith_fhir::Value;
use kith_trust::testing::{TestDoor, door};
use kith_trust::{Change, Door};
use kith_twin::{CAST, Neighbourhood, Plan, STAFF_CAST};
use kith_web::layers::Site;
use kith_web::sign_in::RoleMap;
use kith_web::{AppState, Demo, DemoPerson, DemoStaff, SignIn};
use tower::ServiceExt;

/// A site over a neighbourhood of the twin's cast and a few more.
pub struct Place {
    pub app: Router,
    pub door: TestDoor,
}

impl Place {
    /// Whether its pages tell browsers to stay on TLS.
    pub async fn app_has_hsts(&self) -> bool {
        let request = Request::get("/sign-in").body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap().headers().contains_key("strict-transport-security")
    }
}

/// The day all of it happens: a Monday, 10am in London.
pub const NOW: &str = "2026-11-23T10:00:00Z";

pub async fn place() -> Place {
    let door = door().await.unwrap();
    door.set_clock(Some(NOW.parse().unwrap()));
    let state = state(&door).await;
    let site = Site::new(true, false, [3; 32]).unwrap();
    Place { app: kith_web::router(state, &site), door }
}

/// The same neighbourhood behind a site in earnest: accounts of its own, TLS in front, no choice of who to be.
pub async fn in_earnest(tls: bool) -> Place {
    let door = door().await.unwrap();
    door.set_clock(Some(NOW.parse().unwrap()));
    let mut state = state(&door).await;
    state.demo = None;
    let mut ways = SignIn::closed(RoleMap::built_in().unwrap());
    ways.accounts = true;
    state.sign_in = Arc::new(ways);
    let site = Site::new(false, tls, [4; 32]).unwrap();
    Place { app: kith_web::router(state, &site), door }
}

/// Fills the door with the neighbourhood, and makes what pages need.
pub async fn state(door: &Door) -> AppState {
    let plan = Plan { seed: 7, people: 40, today: jiff::civil::date(2026, 11, 23), weeks_of_slots: 1 };
    let twin = Neighbourhood::new(plan);
    let people = twin.households().flat_map(|home| home.people).flat_map(|person| person.resources);
    let everything: Vec<Value> = twin.estate().into_iter().chain(twin.slots()).chain(people).collect();
    let kith = door.system("Kith demo");
    for some in everything.chunks(2000) {
        let mut change = Change::new("make the neighbourhood");
        change.allow_broken_references();
        for value in some {
            change.put(value.clone());
        }
        kith.commit(change).await.unwrap();
    }
    let directory = DirectoryCache::new();
    let known = directory.get(&kith).await.unwrap();
    let staff = STAFF_CAST.iter().filter_map(|member| {
        let post = known.post(member.practitioner_role_id)?;
        let organization = post.organization.as_ref().map(|o| o.name.clone()).unwrap_or_default();
        Some(DemoStaff {
            label: post.practitioner.name.clone(),
            role: format!("{} at {organization}", member.role),
            actor: post.actor("Kith web")?,
        })
    });
    let people = CAST.iter().map(|member| DemoPerson {
        key: member.key.to_owned(),
        label: format!("{} {}", member.given, member.family),
        story: member.role.to_owned(),
        patient_id: member.patient_id.to_owned(),
    });
    let demo = Demo { people: people.collect(), staff: staff.collect() };
    let roles = RoleMap::built_in().unwrap();
    let sign_in = SignIn::demonstration(door, &demo, roles).await.unwrap();
    AppState {
        door: door.clone(),
        directory,
        pathways: Arc::new(kith_frontdoor::Pathways::embedded().unwrap()),
        lately: kith_web::Lately::default(),
        demo: Some(Arc::new(demo)),
        sign_in: Arc::new(sign_in),
    }
}

/// A browser: keeps cookies, fills in forms from the page it is on.
#[derive(Clone)]
pub struct Browser {
    app: Router,
    cookies: BTreeMap<String, String>,
    pub page: Answer,
}

#[derive(Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub path: String,
    pub body: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// The value of a hidden field, of the form that posts to `action` where given.
    pub fn hidden(&self, action: &str, name: &str) -> String {
        let form = self.body.split("<form").find(|form| form.contains(&format!("action=\"{action}\"")));
        let form = form.unwrap_or_else(|| panic!("no form to {action} on {}: {}", self.path, self.body));
        let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1);
        value.unwrap_or_else(|| panic!("no {name} in the form to {action}")).split('"').next().unwrap().to_owned()
    }

    /// The first link that starts so.
    pub fn link(&self, start: &str) -> String {
        let at = self.body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        at.into_iter()
            .find(|href| href.starts_with(start) && href.len() > start.len())
            .unwrap_or_else(|| panic!("no link to {start}… on {}: {}", self.path, self.body))
            .to_owned()
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{} does not say {text:?}: {}", self.path, main_of(&self.body));
        self
    }

    #[track_caller]
    pub fn says_not(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{} says {text:?}: {}", self.path, main_of(&self.body));
        self
    }
}

fn main_of(html: &str) -> &str {
    html.find("<main").map_or(html, |at| &html[at..])
}

impl Browser {
    pub fn new(place: &Place) -> Self {
        let page =
            Answer { status: StatusCode::OK, headers: HeaderMap::new(), path: String::new(), body: String::new() };
        Self { app: place.app.clone(), cookies: BTreeMap::new(), page }
    }

    /// Somebody signed in: `person:sore-throat`, `staff:0`.
    pub async fn signed_in(place: &Place, identity: &str) -> Self {
        let mut browser = Self::new(place);
        browser.get("/sign-in").await;
        browser.post("/sign-in", &[("identity", identity)]).await;
        assert_eq!(browser.page.status, StatusCode::SEE_OTHER, "{}", main_of(&browser.page.body));
        browser
    }

    /// The staff identity of a role.
    pub async fn staff(place: &Place, role: &str) -> Self {
        let mut browser = Self::new(place);
        browser.get("/sign-in").await;
        let at = STAFF_CAST.iter().position(|member| member.role == role).unwrap();
        browser.post("/sign-in", &[("identity", &format!("staff:{at}"))]).await;
        browser
    }

    /// The value of a cookie it holds.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.get(name).cloned()
    }

    /// Puts a cookie into it, as somebody else might.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    async fn send(&mut self, path: &str, request: axum::http::request::Builder, body: Body) -> &Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request
            .header(header::COOKIE, cookies.join("; "))
            .header(header::HOST, "kith.test")
            .header("sec-fetch-site", "same-origin")
            .body(body)
            .unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()).into_owned();
        self.page = Answer { status: parts.status, headers: parts.headers, path: path.to_owned(), body };
        &self.page
    }

    pub async fn get(&mut self, path: &str) -> &Answer {
        self.send(path, Request::get(path), Body::empty()).await
    }

    /// Opens a page, which must be there.
    pub async fn open(&mut self, path: &str) -> &Answer {
        self.get(path).await;
        assert_eq!(self.page.status, StatusCode::OK, "{path}: {}", main_of(&self.page.body));
        &self.page
    }

    /// Where the last answer leads.
    pub async fn follow(&mut self) -> &Answer {
        let to = self.page.location().to_owned();
        assert!(
            !to.is_empty(),
            "{} leads nowhere ({}): {}",
            self.page.path,
            self.page.status,
            main_of(&self.page.body)
        );
        self.get(&to).await
    }

    /// Sends the form on this page that posts to `action`.
    pub async fn post(&mut self, action: &str, fields: &[(&str, &str)]) -> &Answer {
        let token = self.page.hidden(action, "_csrf");
        let key = self.page.hidden(action, "_key");
        self.post_with(action, &token, &key, fields).await;
        if action == "/sign-in" {
            self.through_provider().await;
        }
        &self.page
    }

    /// Goes where signing in leads, until it is done: to the provider and back.
    pub async fn through_provider(&mut self) -> &Answer {
        while ["/demo/", "/sign-in/back", "/sign-in/with/"].iter().any(|step| self.page.location().starts_with(step)) {
            self.follow().await;
        }
        &self.page
    }

    pub async fn post_with(&mut self, action: &str, token: &str, key: &str, fields: &[(&str, &str)]) -> &Answer {
        let all: Vec<(&str, &str)> =
            [("_csrf", token), ("_key", key)].into_iter().chain(fields.iter().copied()).collect();
        let body = serde_html_form::to_string(all).unwrap();
        let request = Request::post(action).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(action, request, Body::from(body)).await
    }

    /// Sends a photo with the form on this page.
    pub async fn upload(&mut self, action: &str, media_type: &str, bytes: &[u8]) -> &Answer {
        self.upload_with(action, &[], media_type, bytes).await
    }

    /// Sends a photo with the form on this page, and other fields of it.
    pub async fn upload_with(
        &mut self,
        action: &str,
        fields: &[(&str, &str)],
        media_type: &str,
        bytes: &[u8],
    ) -> &Answer {
        let token = self.page.hidden(action, "_csrf");
        let key = self.page.hidden(action, "_key");
        let mut body = Vec::new();
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
        for (name, value) in [("_csrf", token), ("_key", key)].into_iter().chain(fields) {
            body.extend(format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        let head = "--XX\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"../../<script>.jpg\"\r\n";
        body.extend(format!("{head}Content-Type: {media_type}\r\n\r\n").bytes());
        body.extend(bytes);
        body.extend(b"\r\n--XX--\r\n");
        let request = Request::post(action).header(header::CONTENT_TYPE, "multipart/form-data; boundary=XX");
        self.send(action, request, Body::from(body)).await
    }
}
