//! Who somebody says they are.

use crate::ledger::Ledger;
use crate::site::{Site, Who};
use crate::support::run;
use crate::wire::{Answer, Request, encoded};

/// Led to sign in: not let in.
fn led_away(answer: &Answer) -> Result<(), String> {
    answer.refused(&[303, 401])?;
    match answer.header("location") {
        Some(to) if to.starts_with("/sign-in") => Ok(()),
        to => Err(format!("leads to {to:?}")),
    }
}

pub async fn sessions(site: &Site, ledger: &mut Ledger) {
    ledger.group("SESS", "API2:2023 broken authentication; ASVS 3.2, 3.3, 3.4");
    let good = site.person.cookie.clone();
    let mut bent = good.clone().into_bytes();
    let last = bent.len() - 1;
    bent[last] = if bent[last] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).unwrap();
    let case =
        good.chars().map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    let case: String = case.collect();
    for (what, cookie) in [
        ("none", String::new()),
        ("an empty one", "kith=".to_owned()),
        ("a guessed one", format!("kith={}", "A".repeat(good.len()))),
        ("one with its last letter changed", format!("kith={bent}")),
        ("one with its case turned", format!("kith={case}")),
        ("half of one", format!("kith={}", &good[..good.len() / 2])),
        ("one and more", format!("kith={good}x")),
        ("one under another name", format!("Kith={good}")),
        ("one under the name for TLS", format!("__Host-kith={good}")),
        ("one in quotation marks", format!("kith=\"{good}\"")),
        ("a token of a machine", format!("kith={}", site.full)),
        ("SQL", "kith=' OR '1'='1".to_owned()),
        ("a path", "kith=../../../etc/passwd".to_owned()),
        ("a very long one", format!("kith={}", "A".repeat(16_000))),
        ("a good one after a bad one", format!("kith=bad; kith={good}")),
    ] {
        let answer = site.ask(Request::get("/record").header("cookie", &cookie)).await;
        ledger.note(format!("A session cookie: {what}"), "led to sign in", led_away(&answer));
    }
    let query = site.ask(Request::get(&format!("/record?kith={}", encoded(&good)))).await;
    ledger.note("A session in the address", "led to sign in", led_away(&query));
    let bearer = site.ask(Request::get("/record").bearer(&good)).await;
    ledger.note("A session as a bearer token on a page", "led to sign in", led_away(&bearer));

    let leaving = site.sign_in("person:lonely").await;
    let out = site.post(&leaving, "/sign-out", &[]).await;
    assert_eq!(out.status, 303);
    let again = site.get(&leaving, "/record").await;
    ledger.note("A session after it was signed out", "led to sign in", led_away(&again));

    // A cookie planted before signing in does not become the session.
    let planted = "B".repeat(good.len());
    let page = site.ask(Request::get("/sign-in").header("cookie", &format!("kith={planted}"))).await;
    let visit =
        page.all("set-cookie").find_map(|c| c.strip_prefix("kith-visit=")?.split(';').next()).unwrap_or_default();
    let csrf = page.quoted("name=\"_csrf\" value=\"").unwrap_or_default();
    let key = crate::wire::fresh_key();
    let request = Request::new("POST", "/sign-in")
        .header("cookie", &format!("kith={planted}; kith-visit={visit}"))
        .fields(&[("_csrf", &csrf), ("_key", &key), ("identity", "person:lonely")]);
    let planted_too = format!("kith={planted}; kith-visit={visit}");
    let answer = crate::site::through(&site.address, &planted_too, site.ask(request).await).await;
    assert_eq!(answer.status, 303);
    let fixed = site.ask(Request::get("/record").header("cookie", &format!("kith={planted}"))).await;
    ledger.note("A session fixed before signing in", "led to sign in", led_away(&fixed));
    let cookie = answer.all("set-cookie").find(|c| c.starts_with("kith=")).unwrap_or_default().to_owned();
    let guarded = ["HttpOnly", "SameSite=Lax", "Path=/"].into_iter().find(|flag| !cookie.contains(flag));
    let seen = guarded.map_or(Ok(()), |flag| Err(format!("the cookie lacks {flag}")));
    ledger.note("Reading the session's cookie from a script or another site", "HttpOnly and SameSite", seen);
    let value = cookie.trim_start_matches("kith=").split(';').next().unwrap_or_default();
    let seen = if value.len() >= 43 { Ok(()) } else { Err(format!("{} letters", value.len())) };
    ledger.note("Guessing a session: how many letters to guess", "43 or more of base64", seen);

    // Signing in again ends the session before it.
    let first = site.sign_in("person:pregnant").await;
    let page = site.get(&first, "/sign-in").await;
    let csrf = page.quoted("name=\"_csrf\" value=\"").unwrap_or_default();
    let key = crate::wire::fresh_key();
    let request = Request::new("POST", "/sign-in").signed_in(&first).header("sec-fetch-site", "same-origin");
    let answer = site.ask(request.fields(&[("_csrf", &csrf), ("_key", &key), ("identity", "person:lonely")])).await;
    let answer = crate::site::through(&site.address, &format!("kith={}", first.cookie), answer).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let old = site.get(&first, "/record").await;
    ledger.note("The session from before signing in as somebody else", "led to sign in", led_away(&old));
}

pub async fn tokens(site: &Site, ledger: &mut Ledger) {
    ledger.group("TOKN", "API2:2023 broken authentication; ASVS 2.10, 3.5");
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJEZXZpY2Uva2l0aCIsInNjb3BlIjoic3lzdGVtLyouKiJ9.";
    let forged = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJEZXZpY2Uva2l0aCIsInNjb3BlIjoic3lzdGVtLyouKiJ9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let expired = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjEsInN1YiI6IkRldmljZS9raXRoIn0.AAAA";
    let full = &site.full;
    let withdrawn = run(site.data.path(), &["token", "--service", "Gone", "--scope", "system/*.*"]).trim().to_owned();
    let list = run(site.data.path(), &["token", "--list"]);
    let device = list.lines().find(|l| l.contains("  Gone  ")).and_then(|l| l.split("  ").nth(1)).unwrap().to_owned();
    run(site.data.path(), &["token", "--withdraw", &device]);
    let target = format!("/fhir/Patient/{}", site.victim.patient);
    let plain = |value: String| Request::get(&target).header("authorization", &value);
    let short = &full[..full.len() - 1];
    for (what, request) in [
        ("no token", Request::get(&target)),
        ("an empty token", plain("Bearer ".into())),
        ("a token with its last letter cut", plain(format!("Bearer {short}"))),
        ("a token and more", plain(format!("Bearer {full}A"))),
        ("two tokens in one header", plain(format!("Bearer {full}, Bearer {full}"))),
        ("a token without a scheme", plain(full.clone())),
        ("a token as Basic", plain(format!("Basic {full}"))),
        ("a name and password", plain("Basic YWRtaW46YWRtaW4=".into())),
        ("a JWT with alg none", plain(format!("Bearer {none}"))),
        ("a JWT signed with nothing", plain(format!("Bearer {forged}"))),
        ("a JWT that has expired", plain(format!("Bearer {expired}"))),
        ("a token that was withdrawn", plain(format!("Bearer {withdrawn}"))),
        ("a person's session as a token", plain(format!("Bearer {}", site.person.cookie))),
        ("a person's session as a cookie", Request::get(&target).signed_in(&site.person)),
        ("a clinician's session as a cookie", Request::get(&target).signed_in(&site.gp)),
        ("a token in the address", Request::get(&format!("{target}?access_token={full}"))),
        ("a token in a cookie", Request::get(&target).header("cookie", &format!("authorization=Bearer {full}"))),
        ("SQL as a token", plain("Bearer ' OR '1'='1' --".into())),
        ("a header of a proxy that says who it is", Request::get(&target).header("x-remote-user", "admin")),
        ("a header of a proxy that says it is local", Request::get(&target).header("x-forwarded-for", "127.0.0.1")),
        ("a header that rewrites the address", Request::get("/fhir/metadata").header("x-original-url", &target)),
    ] {
        let answer = site.ask(request).await;
        let expected: &[u16] = if what.contains("rewrites") { &[200, 401] } else { &[401] };
        ledger.note(
            format!("The machine door with {what}"),
            "401, or the page that was asked for and no other",
            answer.refused(expected),
        );
    }
    // Each wrong token is refused in the same words.
    let mut words: Vec<String> = Vec::new();
    for token in ["x", short, &withdrawn, none] {
        words.push(site.ask(Request::get(&target).bearer(token)).await.text());
    }
    words.dedup();
    let seen = if words.len() == 1 { Ok(()) } else { Err("wrong tokens are told apart".into()) };
    ledger.note("Telling a withdrawn token from an unknown one", "the same words", seen);
    let nobody = Who { cookie: String::new(), csrf: String::new() };
    let answer = site.post(&nobody, "/details/change", &[("channel", "web")]).await;
    ledger.note("A form sent by somebody who is not signed in", "refused", answer.refused(&[401, 403]));
}
