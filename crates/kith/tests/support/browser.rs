//! A browser: one connection, cookies, forms filled in from the page it is on.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The server is gone, or does not speak HTTP.
#[derive(Debug)]
pub struct Gone;

#[derive(Clone, Debug, Default)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub path: String,
    pub body: String,
}

impl Page {
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    /// What stands between `before` and the next quotation mark, each time.
    pub fn quoted(&self, before: &str) -> Vec<String> {
        self.body.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    }

    /// A hidden field of the form that posts to `action`.
    fn hidden(&self, action: &str, name: &str) -> Option<String> {
        let form = self.body.split("<form").find(|form| form.contains(&format!("action=\"{action}\"")))?;
        let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
        value.split('"').next().map(str::to_owned)
    }
}

pub struct Browser {
    address: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    cookies: BTreeMap<String, String>,
    pub page: Page,
}

impl Browser {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: None, cookies: BTreeMap::new(), page: Page::default() }
    }

    /// Sends a request and gives the answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Page, Gone> {
        if self.connection.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(&self.address).await.map_err(|_| Gone)?;
            let (sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| Gone)?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, &self.address);
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let connection = self.connection.as_mut().ok_or(Gone)?;
        connection.ready().await.map_err(|_| Gone)?;
        let answer = connection.send_request(request).await.map_err(|_| Gone)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Gone)?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Page { status: parts.status, headers: parts.headers, path: path.to_owned(), body })
    }

    fn keep(&mut self, page: Page) -> &Page {
        for cookie in page.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        self.page = page;
        &self.page
    }

    pub async fn get(&mut self, path: &str) -> Result<&Page, Gone> {
        let page = self.send(Method::GET, path, &[], String::new()).await?;
        Ok(self.keep(page))
    }

    /// Sends the form of the page it is on that posts to `action`.
    pub async fn post(&mut self, action: &str, fields: &[(&str, &str)]) -> Result<&Page, Gone> {
        let hidden = |name| {
            self.page
                .hidden(action, name)
                .unwrap_or_else(|| panic!("no form to {action} on {}: {}", self.page.path, self.page.body))
        };
        let mut form = vec![("_csrf", hidden("_csrf")), ("_key", hidden("_key"))];
        form.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let page = self.send(Method::POST, action, &headers, body.join("&")).await?;
        Ok(self.keep(page))
    }

    /// Goes where the last answer leads.
    pub async fn follow(&mut self) -> Result<&Page, Gone> {
        let to = self.page.location().to_owned();
        assert!(!to.is_empty(), "{} leads nowhere: {}", self.page.path, self.page.body);
        self.get(&to).await
    }

    /// Signs in as the person with this NHS number.
    pub async fn sign_in(&mut self, nhs_number: &str) -> Result<(), Gone> {
        self.sign_in_as(&[("nhs_number", nhs_number)]).await
    }

    /// Signs in as whoever is chosen on the page.
    pub async fn sign_in_as(&mut self, chosen: &[(&str, &str)]) -> Result<(), Gone> {
        self.get("/sign-in").await?;
        self.post("/sign-in", chosen).await?;
        // To the demonstration's provider and back.
        while ["/demo/", "/sign-in/back"].iter().any(|step| self.page.location().starts_with(step)) {
            self.follow().await?;
        }
        assert_eq!(self.page.status, StatusCode::SEE_OTHER, "{}", self.page.body);
        Ok(())
    }

    /// Answers every question of a pathway: as in `known`, else "none of these" or "no". Ends at where they lead.
    pub async fn answer(&mut self, pathway: &str, known: &[(&str, &str)]) -> Result<(), Gone> {
        let start = format!("/help/{pathway}");
        self.get(&start).await?;
        self.post(&start, &[("go", "new")]).await?;
        for _ in 0..40 {
            let to = self.page.location().to_owned();
            let Some(question) = to.strip_prefix(&format!("/help/{pathway}/question/")) else {
                assert_eq!(to, format!("/help/{pathway}/check"), "{}", self.page.body);
                self.follow().await?;
                let check = format!("/help/{pathway}/check");
                self.post(&check, &[]).await?;
                return Ok(());
            };
            self.get(&to).await?;
            let options = self.page.quoted("name=\"answer\" type=\"radio\" value=\"");
            let options = if options.is_empty() {
                self.page.quoted("name=\"answer\" type=\"checkbox\" value=\"")
            } else {
                options
            };
            let has = |wanted: &str| options.iter().any(|option| option == wanted);
            let answer = match known.iter().find(|(id, _)| *id == question) {
                Some((_, answer)) => *answer,
                None if has("none") => "none",
                None if has("no") => "no",
                None => panic!("{question} is not answered: {}", self.page.body),
            };
            self.post(&to, &[("answer", answer)]).await?;
        }
        panic!("{pathway} asks without end");
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
