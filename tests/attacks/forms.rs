//! Forms sent from elsewhere, sent twice, sent late; and where they lead.

use crate::ledger::Ledger;
use crate::site::Site;
use crate::wire::{Request, encoded, fresh_key};

/// Forms that change something, each with enough to be accepted if it were ours.
const FORMS: [(&str, &str); 8] = [
    ("/details/change", "channel=web&other_needs=Planted"),
    ("/acting/switch", "person="),
    ("/care/messages/new", "team=x&subject=x&text=x"),
    ("/help/sore-throat", "go=new"),
    ("/went-wrong", "what=x&harm=no"),
    ("/sign-out", ""),
    ("/acting/add", "name=x"),
    ("/help", "words=x"),
];

pub async fn cross_site(site: &Site, ledger: &mut Ledger) {
    ledger.group("CSRF", "ASVS 4.2.2, 13.2.3: forms from elsewhere");
    let who = &site.person;
    let other = &site.gp;
    for (path, body) in FORMS {
        let request = Request::new("POST", path).signed_in(who).header("sec-fetch-site", "same-origin");
        let body = format!("_key={}&{body}", fresh_key());
        let answer = site.ask(request.body("application/x-www-form-urlencoded", body)).await;
        ledger.note(format!("{path} without its token"), "403", answer.refused(&[403]));
    }
    let path = FORMS[0].0;
    let taken = site.change_details(who, "Wanted", &[]).await;
    assert!(taken.status == 303 && site.has_need("Wanted").await, "the form itself is taken: {}", taken.text());
    let seen = site.details_seen(who).await;
    let body = format!("seen={}&channel=web&other_needs=Planted", encoded(&seen));
    let form = "application/x-www-form-urlencoded";
    let with = |token: &str| format!("_csrf={token}&_key={}&{body}", fresh_key());
    let post = || Request::new("POST", path).signed_in(who);
    let mut bent = who.csrf.clone().into_bytes();
    bent[40] = if bent[40] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).unwrap();
    let stranger = site.ask(Request::get("/sign-in")).await.quoted("name=\"_csrf\" value=\"").unwrap();
    for (what, request) in [
        ("another session's token", post().body(form, with(&other.csrf))),
        ("a stranger's token", post().body(form, with(&stranger))),
        ("a token with one letter changed", post().body(form, with(&bent))),
        ("an empty token", post().body(form, with(""))),
        ("the session itself as the token", post().body(form, with(&who.cookie))),
        ("a wrong token before the right one", post().body(form, format!("_csrf=x&{}", with(&who.csrf)))),
        (
            "the token in the address alone",
            Request::new("POST", &format!("{path}?_csrf={}", who.csrf)).signed_in(who).body(form, with("")),
        ),
        ("the token in a header alone", post().header("x-csrf-token", &who.csrf).body(form, with(""))),
        (
            "the right token from another site",
            post().header("sec-fetch-site", "cross-site").body(form, with(&who.csrf)),
        ),
        (
            "the right token from a sister site",
            post().header("sec-fetch-site", "same-site").body(form, with(&who.csrf)),
        ),
        (
            "the right token with another origin",
            post().header("origin", "https://evil.example").body(form, with(&who.csrf)),
        ),
        ("the right token with the origin null", post().header("origin", "null").body(form, with(&who.csrf))),
        (
            "an origin that only begins like ours",
            post().header("origin", &format!("http://{}.evil.example", site.address)).body(form, with(&who.csrf)),
        ),
        ("the form as plain text", post().body("text/plain", with(&who.csrf))),
        ("the form as JSON", post().body("application/json", format!("{{\"_csrf\":\"{}\"}}", who.csrf))),
        ("the form without saying what it is", {
            let mut body = with(&who.csrf);
            body.push('&');
            post().body("", body)
        }),
    ] {
        let answer = site.ask(request).await;
        let seen = if site.has_need("Planted").await {
            Err("the form was accepted".to_owned())
        } else {
            answer.refused(&[400, 403, 415, 422])
        };
        ledger.note(format!("A change of details with {what}"), "refused, and nothing changed", seen);
    }
    let answer = site.get(who, &format!("{path}?{}", with(&who.csrf))).await;
    let seen = if site.has_need("Planted").await { Err("an address changed something".to_owned()) } else { Ok(()) };
    let seen =
        seen.and_then(|()| if answer.status == 200 { Ok(()) } else { Err(format!("answered {}", answer.status)) });
    ledger.note("A change of details as an address to open", "nothing changed", seen);
}

pub async fn redirects(site: &Site, ledger: &mut Ledger) {
    ledger.group("REDI", "ASVS 5.1.5: being led to another site");
    for next in [
        "//evil.example",
        "https://evil.example/",
        "http:evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%2f/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\r\nLocation: https://evil.example",
        "/\u{0}//evil.example",
        "@evil.example",
        ".evil.example",
        "///evil.example",
        "/\u{ff0f}evil.example",
    ] {
        let page = site.ask(Request::get(&format!("/sign-in?next={}", encoded(next)))).await;
        let visit =
            page.all("set-cookie").find_map(|c| c.strip_prefix("kith-visit=")?.split(';').next()).unwrap_or_default();
        let csrf = page.quoted("name=\"_csrf\" value=\"").unwrap_or_default();
        let key = fresh_key();
        let fields = [("_csrf", csrf.as_str()), ("_key", key.as_str()), ("identity", "person:lonely"), ("next", next)];
        let request = Request::new("POST", "/sign-in").header("cookie", &format!("kith-visit={visit}")).fields(&fields);
        let answer = crate::site::through(&site.address, "", site.ask(request).await).await;
        let to: Vec<&str> = answer.all("location").collect();
        let ours = to.len() <= 1
            && to.iter().all(|to| {
                to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') && !to.starts_with("/%09")
            });
        let seen =
            if ours && answer.status == 303 { Ok(()) } else { Err(format!("{} leads to {to:?}", answer.status)) };
        ledger.note(format!("Signing in and on to {}", next.escape_debug()), "a page of this site", seen);
    }
    for (what, field) in [("back", "/team/people/search"), ("back", "/team/work/x/claim")] {
        let answer = site.post(&site.receptionist, field, &[(what, "https://evil.example"), ("name", "x")]).await;
        let leads = answer.header("location").is_some_and(|to| to.contains("evil"));
        let seen = if leads { Err("leads to another site".to_owned()) } else { Ok(()) };
        ledger.note(format!("{field} with a way back to another site"), "not led there", seen);
    }
}

pub async fn replays(site: &Site, ledger: &mut Ledger) {
    ledger.group("FLOW", "API6:2023 unrestricted access to sensitive business flows; ASVS 11.1");
    let who = &site.person;
    let page = site.get(who, "/care/messages/new").await;
    let team = page.quoted("name=\"team\" type=\"radio\" value=\"").expect("a practice to write to");
    let key = fresh_key();
    let send = |text: &str| {
        Request::new("POST", "/care/messages/new").signed_in(who).fields(&[
            ("_csrf", &who.csrf),
            ("_key", &key),
            ("team", &team),
            ("subject", "Replayed"),
            ("text", text),
        ])
    };
    let count = || async {
        let bundle = site.fhir(&format!("Patient/{}/Communication?_count=200", site.person_id)).await;
        bundle.to_string().matches("Sent once by the suite").count()
    };
    let first = site.ask(send("Sent once by the suite")).await;
    assert_eq!(first.status, 303, "{}", first.text());
    let before = count().await;
    site.ask(send("Sent once by the suite")).await;
    let after = count().await;
    let seen = if before == after && before > 0 { Ok(()) } else { Err(format!("{before} messages became {after}")) };
    ledger.note("The same message sent again", "one message", seen);
    let other = site.ask(send("Another text under the same key")).await;
    let bundle = site.fhir(&format!("Patient/{}/Communication?_count=200", site.person_id)).await;
    let seen = if bundle.to_string().contains("Another text under") {
        Err(format!("taken: {}", other.status))
    } else {
        Ok(())
    };
    ledger.note("Another message under a key that was used", "refused", seen);
    for (what, key) in [("no key", ""), ("a key that is none", "../../x"), ("a negative key", "-1")] {
        let fields = [("_csrf", who.csrf.as_str()), ("_key", key), ("team", &team), ("subject", "x"), ("text", "x")];
        let answer = site.ask(Request::new("POST", "/care/messages/new").signed_in(who).fields(&fields)).await;
        ledger.note(format!("A message with {what}"), "422", answer.refused(&[400, 403, 422]));
    }
    for (what, path, fields) in [
        ("a service that was not offered", "/help/sore-throat/times/evil", vec![("slot", "x")]),
        ("a time nobody holds", "/help/sore-throat/confirm", vec![]),
        ("an answer to a question never asked", "/help/sore-throat/question/evil", vec![("answer", "x")]),
        ("a pathway that is none", "/help/evil/confirm", vec![]),
    ] {
        let answer = site.post(who, path, &fields).await;
        let booked = answer.status == 303 && answer.header("location").is_some_and(|to| to.ends_with("/done"));
        let seen = if booked { Err("booked".to_owned()) } else { answer.refused(&[303, 404, 409, 422]) };
        ledger.note(format!("Booking out of turn: {what}"), "nothing is booked", seen);
    }
    let mut last = 303;
    for n in 0..25 {
        last = site.post(&site.dentist, "/went-wrong", &[("what", &format!("Flood {n}")), ("harm", "no")]).await.status;
    }
    let seen = if last == 429 { Ok(()) } else { Err(format!("the last answers {last}")) };
    ledger.note("Flooding the safety officer with reports", "429 after twenty in a day", seen);
}
