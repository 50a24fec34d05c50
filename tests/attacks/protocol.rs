//! HTTP itself: heads that mean two things, callers who never finish, headers that are missing, and what was left open.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ledger::Ledger;
use crate::site::Site;
use crate::wire::{Answer, Request, raw};

/// A request within a request: what a smuggler wants to have answered.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n";

pub async fn heads(site: &Site, ledger: &mut Ledger) {
    ledger.group("HTTP", "ASVS 13.2.6, 14.5: requests that mean two things");
    let length = HIDDEN.len();
    for (what, head) in [
        (
            "a length and chunks",
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}", length + 5),
        ),
        ("chunks and a length", format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("two lengths", format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{HIDDEN}")),
        ("two lengths in one line", format!("Content-Length: 0, {length}\r\n\r\n{HIDDEN}")),
        ("a negative length", format!("Content-Length: -1\r\n\r\n{HIDDEN}")),
        ("a length with a plus", format!("Content-Length: +{length}\r\n\r\n{HIDDEN}")),
        ("a length beyond numbers", format!("Content-Length: 99999999999999999999999\r\n\r\n{HIDDEN}")),
        ("a length in hexadecimal", format!("Content-Length: 0x10\r\n\r\n{HIDDEN}")),
        ("a space before the colon", format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("chunks under another name", format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("chunks, then identity", format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}")),
        (
            "a chunk of a size beyond numbers",
            format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\nx\r\n0\r\n\r\n{HIDDEN}"),
        ),
        ("a chunk of a negative size", format!("Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n{HIDDEN}")),
        ("a header continued on the next line", format!("X-A: b\r\n Content-Length: {length}\r\n\r\n{HIDDEN}")),
        ("a null byte in a header", format!("X-A: a\0b\r\nContent-Length: {length}\r\n\r\n{HIDDEN}")),
        ("a bare carriage return in a header", format!("X-A: a\rContent-Length: {length}\r\n\r\n{HIDDEN}")),
    ] {
        let request = format!("POST /went-wrong HTTP/1.1\r\nHost: kith\r\n{head}");
        let got = raw(&site.address, request.as_bytes(), Duration::from_millis(700)).await;
        let text = String::from_utf8_lossy(&got);
        // Answered or not, the first request is refused, and both sides agree where it ends: where a head means two things
        // the connection is closed and what is hidden is not answered.
        let agreed = ["a header continued"].iter().any(|plain| what.starts_with(plain));
        let hidden = text.contains("{\"status\":\"alive\"}");
        let seen = if hidden && !agreed {
            Err("what was hidden is answered".to_owned())
        } else {
            Answer::parse(&got).refused(&[0, 303, 400, 401, 403, 404, 411, 413, 422, 501])
        };
        ledger.note(format!("A request with {what}"), "refused, and nothing hidden in it is answered", seen);
    }
    for (what, bytes) in [
        ("of HTTP/0.9", b"GET /record\r\n".to_vec()),
        ("that begins HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("of a version that is none", b"GET /record HTTP/9.9\r\nHost: x\r\n\r\n".to_vec()),
        ("of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("of noise", vec![0, 255, 10, 13, 0, 1, 2, 3, 13, 10, 13, 10]),
        ("without a method", b" /record HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("with a thousand headers", format!("GET /record HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(1000)).into_bytes()),
        (
            "with a header of a megabyte",
            format!("GET /record HTTP/1.1\r\nX-A: {}\r\n\r\n", "b".repeat(1 << 20)).into_bytes(),
        ),
        (
            "with an address of a megabyte",
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20)).into_bytes(),
        ),
    ] {
        let got = raw(&site.address, &bytes, Duration::from_millis(700)).await;
        let answer = Answer::parse(&got);
        ledger.note(format!("A request {what}"), "refused", answer.refused(&[0, 303, 400, 404, 414, 431, 505]));
    }
    for (what, name, value) in [
        ("another Host", "host", "evil.example"),
        ("a Host that is a script", "host", "\"><script>alert(1)</script>"),
        ("X-Forwarded-Host", "x-forwarded-host", "evil.example"),
        ("X-Forwarded-Proto", "x-forwarded-proto", "javascript"),
        ("Forwarded", "forwarded", "host=evil.example;proto=http"),
        ("Referer", "referer", "https://evil.example/"),
    ] {
        let page = site.ask(Request::get("/sign-in").header(name, value)).await;
        let led = site.ask(Request::get("/record").header(name, value)).await;
        let in_it = |answer: &Answer| {
            answer.text().contains("evil.example")
                || answer.head.contains("evil.example")
                || answer.text().contains("<script>alert")
        };
        let seen = if in_it(&page) || in_it(&led) { Err("stands in the answer".to_owned()) } else { Ok(()) };
        ledger.note(format!("A page asked for with {what}"), "in no page and no address", seen);
    }
}

/// Callers who never finish. Gives how long each was held, and whether the server let go.
pub async fn slow(address: String) -> Vec<(&'static str, bool, Duration)> {
    let mut waiting = Vec::new();
    for (what, first) in [
        ("a head that never ends", "GET /sign-in HTTP/1.1\r\nHost: kith\r\n"),
        ("not even a first line", "GET"),
        ("nothing at all", ""),
    ] {
        let address = address.clone();
        waiting.push(tokio::spawn(async move {
            let begun = Instant::now();
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(first.as_bytes()).await.unwrap();
            let mut buffer = [0; 512];
            let ended = loop {
                match tokio::time::timeout(Duration::from_secs(2), stream.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => break true,
                    Ok(Ok(_)) => {}
                    // A letter at a time, so that it is not idle.
                    Err(_) if begun.elapsed() < Duration::from_secs(40) => {
                        if first.len() > 5 && stream.write_all(b"X").await.is_err() {
                            break true;
                        }
                    }
                    Err(_) => break false,
                }
            };
            (what, ended, begun.elapsed())
        }));
    }
    let mut seen = Vec::new();
    for one in waiting {
        seen.push(one.await.unwrap());
    }
    seen
}

pub fn slow_ends(ledger: &mut Ledger, seen: Vec<(&'static str, bool, Duration)>) {
    ledger.group("SLOW", "API4:2023 unrestricted resource consumption: callers who never finish");
    for (what, ended, held) in seen {
        let verdict = if ended && held < Duration::from_secs(35) { Ok(()) } else { Err(format!("held for {held:?}")) };
        ledger.note(format!("A connection that sends {what}"), "let go within half a minute", verdict);
    }
}

/// What every answer carries, and what none does.
pub async fn configuration(site: &Site, ledger: &mut Ledger) {
    ledger.group("CONF", "API8:2023 security misconfiguration; ASVS 14.4, 14.5.3, 8.2.1, 7.4.1");
    let page = site.get(&site.person, "/record").await;
    assert_eq!(page.status, 200);
    let csp = page.header("content-security-policy").unwrap_or_default().to_owned();
    for (what, holds) in [
        ("framing a page", csp.contains("frame-ancestors 'none'") && page.header("x-frame-options") == Some("DENY")),
        (
            "a script in a page",
            csp.contains("script-src 'self'") && !csp.contains("unsafe") && !csp.contains("data:; script"),
        ),
        ("a script from elsewhere", csp.contains("default-src 'none'") && !csp.contains("http")),
        ("a base that turns all addresses", csp.contains("base-uri 'none'")),
        ("a form that sends elsewhere", csp.contains("form-action 'self'")),
        ("guessing another type of content", page.header("x-content-type-options") == Some("nosniff")),
        ("a shared computer's cache", page.header("cache-control") == Some("no-store")),
        ("the address of a record in a Referer", page.header("referrer-policy") == Some("same-origin")),
        (
            "camera, place and microphone",
            page.header("permissions-policy").is_some_and(|p| p.contains("camera=()") && p.contains("geolocation=()")),
        ),
        ("a window that opened it", page.header("cross-origin-opener-policy") == Some("same-origin")),
        ("the program's name and version", page.header("server").is_none() && page.header("x-powered-by").is_none()),
        (
            "inline script or style",
            !page.text().contains("<style") && !page.text().contains(" style=\"") && !page.text().contains("onclick="),
        ),
    ] {
        let seen = if holds { Ok(()) } else { Err(page.head.clone()) };
        ledger.note(format!("Using {what}"), "a header or its absence forbids it", seen);
    }
    for (what, path, who) in [("a page", "/record", true), ("the machine door", "/fhir/metadata", false)] {
        for origin in ["https://evil.example", "null"] {
            let mut request = Request::get(path).header("origin", origin);
            if who {
                request = request.signed_in(&site.person);
            }
            let answer = site.ask(request).await;
            let allowed = answer.header("access-control-allow-origin").is_some();
            let seen = if allowed { Err("another site may read it".to_owned()) } else { Ok(()) };
            ledger.note(format!("Reading {what} from the origin {origin}"), "no permission", seen);
        }
    }
    let asked = Request::new("OPTIONS", "/fhir/Patient")
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "DELETE");
    let answer = site.ask(asked).await;
    let seen = if answer.header("access-control-allow-methods").is_some() { Err("allowed".to_owned()) } else { Ok(()) };
    ledger.note("Asking leave to delete from another site", "no permission", seen);
    let secret = site.ask(Request::get(&format!("/fhir/Patient/{}", site.victim.patient)).bearer(&site.full)).await;
    let kept = secret.header("cache-control") == Some("no-store");
    ledger.note("A record in a cache on the way", "no-store", if kept { Ok(()) } else { Err(secret.head) });
    for (what, request) in [
        ("a missing page", Request::get("/nowhere")),
        ("a wrong method", Request::new("DELETE", "/sign-in")),
        ("a broken escape", Request::get("/help/%zz")),
        ("a wrong query", Request::get("/team/day?on=%ff").signed_in(&site.gp)),
        ("a wrong resource", Request::new("POST", "/fhir/Patient").bearer(&site.full).json("{")),
        ("a wrong Accept", Request::get("/fhir/metadata").header("accept", "text/evil")),
        ("a range", Request::get("/record").signed_in(&site.person).header("range", "bytes=0-99999999999999999999")),
        ("a condition that is none", Request::get("/fhir/Slot").bearer(&site.full).header("if-none-match", "W/\"x")),
    ] {
        let answer = site.ask(request).await;
        let leaks = ["panicked", "SQLITE", ".rs:", "/registry/src/", "stack backtrace"]
            .into_iter()
            .find(|w| answer.text().contains(w));
        let seen = match leaks {
            Some(what) => Err(format!("says {what}")),
            None if answer.status >= 500 || answer.status == 0 => Err(format!("answered {}", answer.status)),
            None => Ok(()),
        };
        ledger.note(
            format!("An error that tells of the inside, by {what}"),
            "plain words and nothing of the inside",
            seen,
        );
    }
}

/// What somebody may have forgotten to close.
pub async fn inventory(site: &Site, ledger: &mut Ledger) {
    ledger.group("LEFT", "API9:2023 improper inventory management; ASVS 14.3, 12.5.1");
    for path in [
        "/admin",
        "/api",
        "/v1/Patient",
        "/fhir/R3/Patient",
        "/graphql",
        "/swagger-ui",
        "/actuator/env",
        "/server-status",
        "/debug/pprof",
        "/console",
        "/.git/config",
        "/.env",
        "/kith.toml",
        "/kith.sqlite",
        "/backup.zip",
        "/Cargo.toml",
        "/phpinfo.php",
        "/wp-login.php",
        "/cgi-bin/test",
        "/.well-known/../kith.toml",
        "/robots.txt~",
        "/export",
        "/token",
    ] {
        let answer = site.ask(Request::get(path)).await;
        ledger.note(path, "not there", answer.refused(&[401, 404]));
    }
}
