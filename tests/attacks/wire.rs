//! Requests as bytes on a socket, and what came back.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::site::Who;

/// What came back; status 0 where the connection ended without an answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Self {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Self::default() };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.head.lines().skip(1).filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// What stands between `before` and the next quotation mark, the first time.
    pub fn quoted(&self, before: &str) -> Option<String> {
        self.text().split(before).nth(1)?.split('"').next().map(str::to_owned)
    }

    /// The inside of the server, or somebody of the neighbourhood, shown to who should see neither.
    pub fn gives_away(&self) -> Option<String> {
        let text = format!("{}\n{}", self.head, self.text());
        let inside =
            ["panicked", "SQLITE", "rusqlite", "sqlite3", "stack backtrace", ".rs:", "/registry/src/", "minijinja"];
        let inside = inside.into_iter().find(|word| text.contains(word)).map(str::to_owned);
        // Who attacks stands in the head of their own pages.
        let attacker = kith_twin::cast(crate::site::ATTACKER).map(|member| member.family);
        let names = kith_twin::CAST.iter().map(|member| member.family).filter(|name| Some(*name) != attacker);
        inside.or_else(|| names.into_iter().find(|name| text.contains(name)).map(str::to_owned))
    }

    /// `Ok` where the answer is one of these and gives nothing away.
    pub fn refused(&self, statuses: &[u16]) -> Result<(), String> {
        if !statuses.contains(&self.status) {
            return Err(format!("answered {}", self.status));
        }
        match self.gives_away() {
            Some(what) => Err(format!("answered {}, and gave away {what:?}", self.status)),
            None => Ok(()),
        }
    }
}

/// The judges say no to what they must say no to.
pub fn sees_holes() {
    let answer = |status: u16, body: &str| Answer { status, head: String::new(), body: body.as_bytes().to_vec() };
    assert!(answer(404, "not here").refused(&[404]).is_ok());
    assert!(answer(200, "not here").refused(&[404]).is_err());
    assert!(answer(404, kith_twin::CAST[0].family).refused(&[404]).is_err());
    assert!(answer(500, "thread main panicked at").refused(&[500]).is_err());
    assert!(answer(0, "").refused(&[404]).is_err());
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// As somebody signed in.
    pub fn signed_in(self, who: &Who) -> Self {
        self.header("cookie", &format!("kith={}", who.cookie))
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.body("application/fhir+json", body)
    }

    /// A form as our own pages send it, with these fields and nothing else.
    pub fn fields(self, fields: &[(&str, &str)]) -> Self {
        let body: Vec<String> = fields.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
        self.body("application/x-www-form-urlencoded", body.join("&"))
    }

    /// As [`Request::fields`], with what proves that the form is ours.
    pub fn form(self, who: &Who, fields: &[(&str, &str)]) -> Self {
        let key = fresh_key();
        let mut all = vec![("_csrf", who.csrf.as_str()), ("_key", key.as_str())];
        all.extend(fields);
        self.signed_in(who).header("sec-fetch-site", "same-origin").fields(&all)
    }

    fn bytes(&self, address: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if self.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            let _ = write!(head, "Host: {address}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() || self.method == "POST" || self.method == "PUT" {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(&self.body);
        bytes
    }

    pub async fn send(&self, address: &str) -> Answer {
        Answer::parse(&raw(address, &self.bytes(address), Duration::from_secs(20)).await)
    }
}

/// A key no form had before.
pub fn fresh_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// Sends bytes as they are, and gives what comes back until the server closes or says nothing for `silence`.
pub async fn raw(address: &str, bytes: &[u8], silence: Duration) -> Vec<u8> {
    let Ok(stream) = TcpStream::connect(address).await else { return Vec::new() };
    let (mut from, mut to) = stream.into_split();
    let bytes = bytes.to_vec();
    // A server may answer, and close, before it has read all of it.
    let sending = tokio::spawn(async move {
        let _ = to.write_all(&bytes).await;
        to
    });
    let mut got = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(Ok(read)) = tokio::time::timeout(silence, from.read(&mut buffer)).await {
        if read == 0 || got.len() > 32 << 20 {
            break;
        }
        got.extend_from_slice(&buffer[..read]);
    }
    sending.abort();
    got
}
