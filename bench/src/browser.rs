//! As much of a browser as the pages need: one kept connection, cookies, gzip, forms with their hidden fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;

/// What came back.
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    body: Bytes,
    gzip: bool,
}

impl Page {
    /// The text of the page. Unpacked only when asked for: a person's browser does that on its own machine.
    pub fn text(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        if self.gzip {
            flate2::read::GzDecoder::new(self.body.as_ref()).read_to_string(&mut text)?;
        } else {
            text.push_str(std::str::from_utf8(&self.body)?);
        }
        Ok(text)
    }

    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// One person's browser.
pub struct Browser {
    address: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: None, cookies: BTreeMap::new() }
    }

    /// A browser that is signed in as this one is, over a connection of its own.
    pub fn twin(&self) -> Self {
        Self { address: self.address.clone(), connection: None, cookies: self.cookies.clone() }
    }

    async fn connection(&mut self) -> anyhow::Result<&mut SendRequest<Full<Bytes>>> {
        let usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = tokio::net::TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        self.connection.as_mut().context("no connection")
    }

    async fn send(&mut self, method: Method, path: &str, form: Option<String>) -> anyhow::Result<Page> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address)
            .header(header::ACCEPT, "text/html")
            .header(header::ACCEPT_ENCODING, "gzip");
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if form.is_some() {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin");
        }
        let request = request.body(Full::new(Bytes::from(form.unwrap_or_default())))?;
        let response = self.connection().await?.send_request(request).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str()?;
            let Some((name, value)) = text.split(';').next().and_then(|pair| pair.split_once('=')) else { continue };
            if value.is_empty() || text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let text =
            |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Page {
            status: parts.status.as_u16(),
            location: text(header::LOCATION),
            gzip: text(header::CONTENT_ENCODING).as_deref() == Some("gzip"),
            body,
        })
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<Page> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a form of the page `shown`, with its hidden fields.
    pub async fn post(&mut self, path: &str, shown: &str, fields: &[(&str, &str)]) -> anyhow::Result<Page> {
        let hidden = |name: &str| {
            attribute(shown, &format!("name=\"{name}\" value=\"")).with_context(|| format!("{path} shows no {name}"))
        };
        let (csrf, key) = (hidden("_csrf")?, hidden("_key")?);
        let mut form = String::new();
        for (name, value) in [("_csrf", csrf), ("_key", key)].into_iter().chain(fields.iter().copied()) {
            if !form.is_empty() {
                form.push('&');
            }
            form.push_str(name);
            form.push('=');
            encode(&mut form, value);
        }
        self.send(Method::POST, path, Some(form)).await
    }

    /// Signs in through the demonstration's page; `field` is `identity` or `nhs_number`.
    pub async fn sign_in(&mut self, field: &str, value: &str) -> anyhow::Result<()> {
        let shown = self.get("/sign-in").await?.text()?;
        let mut page = self.post("/sign-in", &shown, &[(field, value)]).await?;
        // To the demonstration's provider and back.
        while let Some(to) =
            page.location.clone().filter(|to| to.starts_with("/demo/") || to.starts_with("/sign-in/back"))
        {
            page = self.get(&to).await?;
        }
        if page.status != 303 {
            bail!("sign-in with {field} answered {}", page.status);
        }
        Ok(())
    }
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// What stands between `before` and the next quotation mark.
pub fn attribute<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split('"').next()
}

/// As [`attribute`], wherever `before` stands.
pub fn attributes<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}
