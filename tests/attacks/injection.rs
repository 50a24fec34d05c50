//! Text that is not taken for text: scripts, templates, SQL, lines, paths, numbers beyond range.

use crate::ledger::Ledger;
use crate::site::Site;
use crate::wire::{Answer, Request, encoded};

/// What breaks out where text is not escaped, each with a mark of its own.
const SCRIPTS: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "' onfocus='alert(3)' autofocus='",
    "</textarea><svg/onload=alert(4)>",
    "{{ 7 * 7777 }}{% for a in range(3) %}54439{% endfor %}${7*7777}",
    "javascript:alert(6)//<!--",
];

/// Whether any of [`SCRIPTS`] is live in a page: as markup, an attribute of ours, or evaluated.
fn live(html: &str) -> Option<&'static str> {
    let marks = ["<script>alert", "<img src=x", "' onfocus='alert", "<svg/onload", "54439", "href=\"javascript:"];
    marks.into_iter().find(|mark| {
        if *mark == "54439" {
            // As written it stands between the marks of its own template.
            html.replace("%}54439{%", "").contains(mark)
        } else {
            html.contains(mark)
        }
    })
}

pub fn sees_holes() {
    for script in SCRIPTS.iter().take(5) {
        let page = script.replace("7 * 7777", "54439");
        assert!(live(&page).is_some(), "{script} is not seen");
        let escaped = script
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;");
        assert!(live(&escaped).is_none(), "{escaped} is seen");
    }
}

fn inert(answer: &Answer) -> Result<(), String> {
    match live(&answer.text()) {
        Some(mark) => Err(format!("{mark} is live")),
        None if answer.status >= 500 => Err(format!("answered {}", answer.status)),
        None => Ok(()),
    }
}

/// Text kept by one and shown to another.
pub async fn stored(site: &Site, ledger: &mut Ledger) {
    ledger.group("XSSS", "ASVS 5.3.3, 5.2.5: stored scripts and templates");
    let who = &site.person;
    let page = site.get(who, "/care/messages/new").await;
    let team = page.quoted("name=\"team\" type=\"radio\" value=\"").expect("a practice to write to");
    let own = site.person_id.clone();
    for script in SCRIPTS {
        let fields = [("team", team.as_str()), ("subject", script), ("text", script)];
        let sent = site.post(who, "/care/messages/new", &fields).await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        let mine = site.get(who, "/care/messages").await;
        let theirs = site.get(&site.gp, &format!("/team/people/{own}/messages")).await;
        assert!(theirs.status == 200, "the practice reads the message");
        let work = site.get(&site.gp, "/team").await;
        let seen = inert(&mine).and_then(|()| inert(&theirs)).and_then(|()| inert(&work));
        ledger.note(format!("A message to the practice: {script}"), "text, on every page that shows it", seen);
    }
    for script in SCRIPTS {
        let kept = site.change_details(who, script, &[]).await;
        let shown = site.get(who, "/details").await;
        let banner = site.get(&site.gp, &format!("/team/people/{own}")).await;
        let seen = inert(&kept).and_then(|()| inert(&shown)).and_then(|()| inert(&banner));
        ledger.note(format!("An access need: {script}"), "text, on every page that shows it", seen);
    }
    for script in SCRIPTS {
        site.post(who, "/went-wrong", &[("what", script), ("harm", "no")]).await;
        let list = site.get(&site.safety_officer, "/team/learning").await;
        let event = list.quoted("href=\"/team/learning/").expect("a report");
        let one = site.get(&site.safety_officer, &format!("/team/learning/{event}")).await;
        let seen = inert(&list).and_then(|()| inert(&one));
        ledger.note(format!("A report of what went wrong: {script}"), "text for the safety officer", seen);
    }
}

/// Text that comes straight back.
pub async fn reflected(site: &Site, ledger: &mut Ledger) {
    ledger.group("XSSR", "ASVS 5.3.3: reflected scripts and templates");
    let all = SCRIPTS.concat();
    let q = encoded(&all);
    for (who, path) in [
        (None, format!("/sign-in?next={q}")),
        (None, format!("/{q}")),
        (None, format!("/fhir/{q}")),
        (Some(&site.person), format!("/help/{q}")),
        (Some(&site.person), format!("/went-wrong?page={q}&about={q}")),
        (Some(&site.person), format!("/care/messages/{q}")),
        (Some(&site.person), format!("/record/timeline?page={q}&show={q}")),
        (Some(&site.gp), format!("/team?show={q}&kind={q}&team={q}")),
        (Some(&site.gp), format!("/team/day?on={q}&service={q}")),
        (Some(&site.gp), format!("/team/people/{q}")),
    ] {
        let mut request = Request::get(&path);
        if let Some(who) = who {
            request = request.signed_in(who);
        }
        let answer = site.ask(request).await;
        ledger.note(format!("In the address {}", path.replace(&q, "…")), "text or nothing", inert(&answer));
    }
    for (who, path, field) in [
        (&site.person, "/help", "words"),
        (&site.person, "/acting/add", "name"),
        (&site.person, "/went-wrong", "what"),
        (&site.person, "/care/messages/new", "subject"),
        (&site.person, "/details/change", "max_miles"),
        (&site.gp, "/team", "words"),
        (&site.gp, "/team/people/search", "name"),
        (&site.gp, "/team/people/identify", "nhs_number"),
        (&site.receptionist, "/team/people/new", "family"),
    ] {
        let answer = site.post(who, path, &[(field, &all)]).await;
        ledger.note(format!("In the field {field} of {path}"), "text in the form again", inert(&answer));
    }
}

/// Addresses that try to leave their place.
pub async fn addresses(site: &Site, ledger: &mut Ledger) {
    ledger.group("PATH", "ASVS 5.3.4, 5.3.8, 12.3: SQL, paths, lines and null bytes in addresses");
    for id in [
        "' OR '1'='1",
        "1; DROP TABLE resource; --",
        "../../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "....//....//etc/passwd",
        "\u{0}",
        "x\r\nSet-Cookie: kith=planted",
        "%",
        "*",
        "\u{202e}0001",
        "０００１",
        "Patient/../../AuditEvent",
    ] {
        let q = encoded(id);
        let page = site.get(&site.gp, &format!("/team/people/{q}")).await;
        let machine = site.ask(Request::get(&format!("/fhir/Patient/{q}")).bearer(&site.full)).await;
        let planted =
            page.header("set-cookie").is_some_and(|c| c.contains("planted")) || machine.header("set-cookie").is_some();
        let seen = if planted { Err("a header was planted".to_owned()) } else { Ok(()) };
        let seen = seen.and_then(|()| page.refused(&[400, 404])).and_then(|()| machine.refused(&[400, 404]));
        ledger.note(format!("As an id: {}", id.escape_debug()), "404", seen);
    }
    for path in [
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets//etc/passwd",
        "/assets/..\\..\\kith.toml",
        "/assets/%00.css",
        "/assets/%c0%ae%c0%ae/etc/passwd",
        "/%2e%2e/kith.sqlite",
        "//etc/passwd",
    ] {
        let answer = site.ask(Request::get(path)).await;
        let seen = if answer.text().contains("root:") || answer.text().contains("[package]") {
            Err("a file comes out".to_owned())
        } else {
            answer.refused(&[303, 400, 404])
        };
        ledger.note(format!("A file outside: {path}"), "404", seen);
    }
    for query in [
        "name=' OR 1=1 --",
        "_id=x' UNION SELECT secret FROM token --",
        "identifier=|%25",
        "_sort=id; DROP TABLE resource",
        "_sort=(SELECT 1)",
        "_cursor=' OR '1'='1",
        "_elements=../../x",
        "birthdate=1' OR '1",
    ] {
        let (key, value) = query.split_once('=').unwrap();
        let answer = site
            .ask(Request::get(&format!("/fhir/Patient?{key}={}&_count=1", encoded(value))).bearer(&site.full))
            .await;
        // A search may find nobody or be refused; it finds nobody it was not asked for.
        let found = answer.text().contains("\"entry\"");
        let seen = if found { Err("somebody is found".to_owned()) } else { answer.refused(&[200, 400]) };
        ledger.note(format!("A search for {query}"), "nobody, or 400", seen);
    }
    for (what, bytes) in [
        ("bytes that are no UTF-8", b"words=%ff%fe%fd".to_vec()),
        ("an overlong slash", b"words=%c0%af".to_vec()),
        ("half a surrogate", b"words=%ed%a0%80".to_vec()),
        ("a broken escape", b"words=%zz%".to_vec()),
    ] {
        let mut body = format!("_csrf={}&_key={}&", site.person.csrf, crate::wire::fresh_key()).into_bytes();
        body.extend(bytes);
        let request = Request::new("POST", "/help").signed_in(&site.person).header("sec-fetch-site", "same-origin");
        let answer = site.ask(request.body("application/x-www-form-urlencoded", body)).await;
        ledger.note(format!("A form with {what}"), "a page, and no fault", answer.refused(&[200, 303, 400, 403, 422]));
    }
}

/// Numbers and dates beyond what there is.
pub async fn numbers(site: &Site, ledger: &mut Ledger) {
    ledger.group("NUMB", "ASVS 5.1.4, 5.4.3: numbers and dates out of range");
    let patient = &site.person_id;
    for path in [
        "/fhir/Slot?_count=99999999999999999999999".to_owned(),
        "/fhir/Slot?_count=-1".to_owned(),
        "/fhir/Slot?_count=1e9".to_owned(),
        "/fhir/Slot?_count=0x10".to_owned(),
        format!("/fhir/Patient/{patient}/_history/0"),
        format!("/fhir/Patient/{patient}/_history/-1"),
        format!("/fhir/Patient/{patient}/_history/99999999999999999999"),
        format!("/fhir/Patient/{patient}/_history/4294967297"),
        "/fhir/Slot?start=9999-99-99".to_owned(),
        "/fhir/Slot?start=-0001-01-01".to_owned(),
        "/fhir/Slot?start=2026-02-30".to_owned(),
        "/fhir/Slot?start=2026-03-29T01:30:00".to_owned(),
        "/fhir/Slot?start=ge999999999-01-01".to_owned(),
    ] {
        let answer = site.ask(Request::get(&path).bearer(&site.full)).await;
        let ok: &[u16] = &[200, 400, 404];
        let found = answer.status == 200 && answer.body.len() > 3 << 20;
        let seen = if found { Err("everything comes back".to_owned()) } else { answer.refused(ok) };
        ledger.note(path.replace(patient.as_str(), "…"), "400, 404 or a page of bounded size", seen);
    }
    for path in [
        "/team?page=99999999999999999999",
        "/team?page=-1",
        "/team/day?on=9999-99-99",
        "/team/day?on=-262144-01-01",
        "/team/day?on=0000-00-00",
    ] {
        let answer = site.get(&site.receptionist, path).await;
        let seen =
            if answer.status < 500 && answer.status > 0 { Ok(()) } else { Err(format!("answered {}", answer.status)) };
        ledger.note(path, "a page or a refusal, and no fault", seen);
    }
    for (day, year) in [
        ("99999999999999999999", "2000"),
        ("-1", "2000"),
        ("31", "-9999"),
        ("1", "999999999"),
        ("1e1", "2000"),
        ("٣", "2000"),
    ] {
        let fields = [("nhs_number", "9990000018"), ("day", day), ("month", "2"), ("year", year)];
        let answer = site.post(&site.receptionist, "/team/people/identify", &fields).await;
        ledger.note(
            format!("A birthday on day {day} of the year {year}"),
            "422, with what to put right",
            answer.refused(&[404, 422]),
        );
    }
}
