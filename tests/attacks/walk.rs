//! Every address of the program, asked by those who have nothing to do with the person it is about: the answer is the same,
//! byte for byte, as for a person who does not exist.

use crate::site::{Ids, Site, Who};
use crate::wire::{Answer, Request, fresh_key};

/// The address of a pattern for these ids. A name that is not known here stops the test: say what it stands for.
pub fn filled(pattern: &str, ids: &Ids) -> String {
    let mut out = String::new();
    for part in pattern.split('/').skip(1) {
        let value = match part {
            "{id}" if pattern.starts_with("/team/people/") => &ids.patient,
            "{id}" if pattern.starts_with("/team/work/") || pattern.starts_with("/team/learning/") => &ids.task,
            "{id}" if pattern.contains("/questions/") || pattern.starts_with("/team/emergencies/") => &ids.task,
            "{finding}" | "{app}" => "1",
            "{item}" => &ids.document,
            "{kind}" => "DocumentReference",
            "{id}" if pattern.starts_with("/care/requests/") => &ids.request,
            "{id}" if pattern.starts_with("/care/appointments/") => &ids.appointment,
            "{id}" if pattern.starts_with("/care/messages/") => &ids.thread,
            "{id}" if pattern.starts_with("/record/documents/") => &ids.document,
            "{id}" if pattern.starts_with("/acting/") => &ids.proxy,
            "{document}" => &ids.document,
            "{appointment}" => &ids.appointment,
            "{thread}" => &ids.thread,
            "{proxy}" => &ids.proxy,
            "{pathway}" => "sore-throat",
            "{question}" => "symptoms",
            "{key}" => "body-weight",
            "{service}" => "0d600000-0000-8000-8000-000000000005",
            name if name.starts_with('{') => {
                panic!("{pattern}: say in tests/attacks/walk.rs whose {name} is, so that the walk can try it")
            }
            plain => plain,
        };
        out.push('/');
        out.push_str(value);
    }
    out
}

/// Whether the address names a person or something of theirs.
pub fn names_somebody(pattern: &str) -> bool {
    ["{id}", "{document}", "{appointment}", "{thread}", "{proxy}"].iter().any(|part| pattern.contains(part))
}

/// The answer without what differs each time: the reference number, the proofs of forms, and the ids that were asked for.
fn plain(answer: &Answer, ids: &Ids) -> String {
    let headers: Vec<&str> = answer
        .head
        .lines()
        .filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !["date", "x-request-id", "set-cookie"].contains(&name.as_str())
        })
        .collect();
    let mut text = answer.text();
    for id in [&ids.patient, &ids.appointment, &ids.task, &ids.document, &ids.thread, &ids.request, &ids.proxy] {
        text = text.replace(id.as_str(), "ID");
    }
    for name in ["_csrf", "_key"] {
        let before = format!("name=\"{name}\" value=\"");
        let mut out = String::new();
        for (n, piece) in text.split(&before).enumerate() {
            if n > 0 {
                out.push_str(&before);
                out.push_str(piece.split_once('"').map_or("", |(_, rest)| rest));
            } else {
                out.push_str(piece);
            }
        }
        text = out;
    }
    if let Some(number) = answer.header("x-request-id") {
        text = text.replace(number, "NUMBER");
    }
    let mut head = headers.join("\n");
    for id in [&ids.patient, &ids.appointment, &ids.task, &ids.document, &ids.thread, &ids.request, &ids.proxy] {
        head = head.replace(id.as_str(), "ID");
    }
    format!("{head}\n\n{text}")
}

/// A form to an address, of the kind it takes, with what proves that it is ours.
pub fn form(path: &str, pattern: &str, who: &Who) -> Request {
    let request = Request::new("POST", path);
    if pattern.ends_with("/photo") {
        let part = |name: &str, value: &str| {
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = part("_csrf", &who.csrf) + &part("_key", &fresh_key()) + "--XX--\r\n";
        let request = request.signed_in(who).header("sec-fetch-site", "same-origin");
        return request.body("multipart/form-data; boundary=XX", body);
    }
    let fields = [("text", "x"), ("reason", "x"), ("go", "new"), ("slot", "x"), ("relationship", "parent")];
    request.form(who, &fields)
}

async fn asked(site: &Site, who: Option<&Who>, method: &str, path: &str, pattern: &str) -> Answer {
    let request = match (who, method) {
        (Some(who), "POST") => form(path, pattern, who),
        (Some(who), _) => Request::new(method, path).signed_in(who),
        (None, "POST") => Request::new(method, path).fields(&[("text", "x")]),
        (None, _) => Request::new(method, path),
    };
    site.ask(request).await
}

pub async fn every_address() {
    let site = Site::start().await;
    let absent = Ids::absent();
    // What is looked for is there, for the person whose it is.
    let own = site.sign_in("person:signer").await;
    for pattern in ["/care/requests/{id}", "/care/appointments/{id}", "/care/messages/{id}", "/record/documents/{id}"] {
        let answer = site.get(&own, &filled(pattern, &site.victim)).await;
        assert_eq!(answer.status, 200, "{pattern}: {}", answer.text());
    }
    let callers = [
        ("nobody", None),
        ("another person", Some(&site.person)),
        ("a GP of another practice", Some(&site.gp)),
        ("a receptionist of another practice", Some(&site.receptionist)),
        ("a dentist", Some(&site.dentist)),
        ("the safety officer", Some(&site.safety_officer)),
        ("the privacy officer", Some(&site.privacy_officer)),
    ];
    let mut paths = kith_web::router::guarded_paths();
    assert!(paths.len() > 60, "{} addresses", paths.len());
    // What signs the caller out comes last, or nobody would be signed in for the rest.
    paths.sort_by_key(|path| path.starts_with("/sessions/end"));
    let (mut walked, mut faults) = (0, Vec::new());
    for pattern in paths {
        // Each name in a pattern is known, whether or not it is somebody's.
        let (theirs, nobodys) = (filled(pattern, &site.victim), filled(pattern, &absent));
        for (caller, who) in callers {
            for method in ["GET", "HEAD", "POST"] {
                let answer = asked(&site, who, method, &theirs, pattern).await;
                walked += 1;
                let mut fault = |what: String| faults.push(format!("{method} {pattern} by {caller}: {what}"));
                if let Some(what) = answer.gives_away().filter(|_| who.is_none() || names_somebody(pattern)) {
                    fault(format!("gives away {what:?}"));
                }
                if who.is_none() {
                    // Where to sign in, or that it was not done.
                    let led =
                        answer.status == 303 && answer.header("location").is_some_and(|to| to.starts_with("/sign-in"));
                    if !(led || [401, 403, 404, 405].contains(&answer.status)) {
                        fault(format!("answers {}", answer.status));
                    }
                } else if names_somebody(pattern) && ![404, 405].contains(&answer.status) {
                    fault(format!("answers {}", answer.status));
                }
                if names_somebody(pattern) {
                    let other = asked(&site, who, method, &nobodys, pattern).await;
                    let (a, b) = (plain(&answer, &site.victim), plain(&other, &absent));
                    if a != b {
                        let at = a.lines().zip(b.lines()).find(|(a, b)| a != b);
                        fault(format!("differs from what is not there: {at:?}"));
                    }
                }
            }
        }
    }
    let garbage = "x".repeat(43);
    let tokens = [("no token", None), ("an unknown token", Some(&garbage)), ("a token for times", Some(&site.narrow))];
    let machine = kith_api::guarded_paths();
    assert!(machine.len() >= 8, "{machine:?}");
    for pattern in machine {
        for (kind, id, nobodys) in [
            ("Patient", &site.victim.patient, &absent.patient),
            ("Appointment", &site.victim.appointment, &absent.appointment),
            ("Task", &site.victim.task, &absent.task),
        ] {
            for (caller, token) in tokens {
                for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
                    let of = |id: &str| {
                        let path = format!("/fhir{pattern}").replace("{type}", kind).replace("{id}", id);
                        let path = path.replace("{version}", "1").replace("{within}", "Observation");
                        assert!(!path.contains('{'), "{pattern}: say here what its names stand for");
                        let mut request = Request::new(method, &path);
                        if let Some(token) = token {
                            request = request.bearer(token);
                        }
                        if pattern.ends_with("_search") {
                            request = request.fields(&[("_id", id)]);
                        } else if method == "POST" || method == "PUT" {
                            let body = format!("{{\"resourceType\": \"{kind}\", \"id\": \"{id}\"}}");
                            request = request.json(body);
                        }
                        request
                    };
                    let answer = site.ask(of(id)).await;
                    let other = site.ask(of(nobodys)).await;
                    walked += 1;
                    let mut fault =
                        |what: String| faults.push(format!("{method} /fhir{pattern} ({kind}) with {caller}: {what}"));
                    if let Err(what) = answer.refused(&[400, 401, 403, 404, 405, 422]) {
                        fault(what);
                    }
                    if plain(&answer, &site.victim) != plain(&other, &absent) {
                        fault(format!(
                            "differs from what is not there: {} {} / {} {}",
                            answer.status,
                            answer.text(),
                            other.status,
                            other.text()
                        ));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {walked}:\n{}", faults.len(), faults.join("\n"));
    println!("{walked} times nobody was there");
    site.is_well().await;
}
