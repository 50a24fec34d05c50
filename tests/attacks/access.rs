//! Whose record, whose function, which element: broken authorisation of objects, functions and properties, and what can be
//! learned by asking many times.

use std::time::Instant;

use crate::ledger::Ledger;
use crate::site::{Ids, Site};
use crate::walk;
use crate::wire::Request;

const GONE: &[u16] = &[404];

/// Somebody else's things.
pub async fn objects(site: &Site, ledger: &mut Ledger) {
    ledger.group("BOLA", "API1:2023 broken object level authorisation; ASVS 4.2.1");
    let theirs = &site.victim;
    for pattern in kith_web::router::guarded_paths().into_iter().filter(|p| walk::names_somebody(p)) {
        let staff = pattern.starts_with("/team/");
        let (who, caller) =
            if staff { (&site.gp, "a GP of another practice") } else { (&site.person, "another person") };
        let path = walk::filled(pattern, theirs);
        let read = site.get(who, &path).await;
        let wrote = site.ask(walk::form(&path, pattern, who)).await;
        let seen = read.refused(&[404, 405]).and_then(|()| wrote.refused(&[404, 405]));
        ledger.note(
            format!("{pattern} of somebody else, read and written by {caller}"),
            "404, as if it were not there",
            seen,
        );
    }
    // One's own address with somebody else's thing in it.
    let own = &site.person_id;
    for (what, path) in [
        ("document", format!("/team/people/{own}/documents/{}", theirs.document)),
        ("image", format!("/team/people/{own}/documents/{}/image", theirs.document)),
        ("appointment", format!("/team/people/{own}/appointments/{}", theirs.appointment)),
        ("thread", format!("/team/people/{own}/messages/{}", theirs.thread)),
    ] {
        let seen = site.get(&site.gp, &path).await.refused(GONE);
        ledger.note(format!("Another person's {what} under the address of one's own patient"), "404", seen);
    }
    for (what, fields) in [
        ("to oneself as another", vec![("person", theirs.patient.as_str())]),
        ("with two people at once", vec![("person", own.as_str()), ("person", theirs.patient.as_str())]),
    ] {
        let answer = site.post(&site.person, "/acting/switch", &fields).await;
        let after = site.get(&site.person, "/record").await;
        let seen = if after.text().contains("You are acting for") {
            Err("acts for somebody who did not let them".into())
        } else {
            answer.refused(&[303, 403, 404, 422])
        };
        ledger.note(format!("Switching {what} without being let in"), "refused, and acting for nobody", seen);
    }
    for (what, path) in [
        ("by id", format!("/fhir/Patient/{}", theirs.patient)),
        ("one version", format!("/fhir/Patient/{}/_history/1", theirs.patient)),
        ("its history", format!("/fhir/Patient/{}/_history", theirs.patient)),
        ("all of it", format!("/fhir/Patient/{}/$everything", theirs.patient)),
        ("its appointments", format!("/fhir/Patient/{}/Appointment", theirs.patient)),
        ("by search", format!("/fhir/Patient?_id={}", theirs.patient)),
        ("through another type", format!("/fhir/Slot?patient=Patient/{}", theirs.patient)),
        ("by an included resource", "/fhir/Slot?_include=Slot:schedule&_revinclude=Appointment:slot".to_owned()),
        ("by a chain", "/fhir/Slot?schedule.actor.name=a".to_owned()),
        ("who looked", format!("/fhir/AuditEvent?patient=Patient/{}", theirs.patient)),
        ("who wrote", format!("/fhir/Provenance?target=Patient/{}", theirs.patient)),
    ] {
        let seen = site.ask(Request::get(&path).bearer(&site.narrow)).await.refused(&[400, 403, 404]);
        ledger.note(format!("A person's record {what}, with a token for times alone"), "refused", seen);
    }
}

/// Functions that are somebody else's.
pub async fn functions(site: &Site, ledger: &mut Ledger) {
    ledger.group("BFLA", "API5:2023 broken function level authorisation; ASVS 4.1.1, 4.1.3");
    for path in
        ["/team", "/team/people", "/team/people/new", "/team/day", "/team/audit", "/team/undelivered", "/team/learning"]
    {
        let seen = site.get(&site.person, path).await.refused(GONE);
        ledger.note(format!("A person opens {path}"), "404", seen);
    }
    for (path, fields) in [
        ("/team/people/new", vec![("given", "A"), ("family", "B")]),
        ("/team/people/identify", vec![("nhs_number", "9990000018")]),
        ("/team/people/search", vec![("name", "a")]),
        ("/team/audit", vec![("nhs_number", "9990000018")]),
    ] {
        let seen = site.post(&site.person, path, &fields).await.refused(GONE);
        ledger.note(format!("A person sends the form of {path}"), "404", seen);
    }
    for path in ["/record", "/care", "/help", "/details/change", "/who-looked"] {
        let seen = site.get(&site.gp, path).await.refused(GONE);
        ledger.note(format!("A GP opens a person's own {path}"), "404", seen);
    }
    for (who, name, path) in [
        (&site.gp, "A GP", "/team/audit"),
        (&site.gp, "A GP", "/team/learning"),
        (&site.receptionist, "A receptionist", "/team/audit"),
        (&site.privacy_officer, "The privacy officer", "/team/learning"),
        (&site.safety_officer, "The safety officer", "/team/audit"),
    ] {
        let seen = site.get(who, path).await.refused(GONE);
        ledger.note(format!("{name} opens {path}"), "404", seen);
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "MOVE"] {
        let answer = site.ask(Request::new(method, "/details/change").signed_in(&site.person)).await;
        let seen = if answer.text().contains(&site.person.cookie) {
            Err("the cookie comes back in the answer".to_owned())
        } else {
            answer.refused(&[400, 403, 405, 411, 501])
        };
        ledger.note(format!("{method} on a page"), "405", seen);
    }
    let target = format!("/fhir/Patient/{}", site.victim.patient);
    for (what, request) in [
        ("X-HTTP-Method-Override", Request::get(&target).header("x-http-method-override", "DELETE")),
        ("X-Method-Override", Request::get(&target).header("x-method-override", "DELETE")),
        ("_method in the query", Request::get(&format!("{target}?_method=DELETE"))),
    ] {
        let _ = site.ask(request.bearer(&site.full)).await;
        let there = site.ask(Request::get(&target).bearer(&site.full)).await;
        let seen = if there.status == 200 { Ok(()) } else { Err(format!("the record answers {}", there.status)) };
        ledger.note(format!("A reading that says {what}: DELETE"), "nothing is deleted", seen);
    }
    for (what, method, path) in [
        ("writes a Patient", "PUT", target.clone()),
        ("deletes a Patient", "DELETE", target.clone()),
        ("creates a Slot", "POST", "/fhir/Slot".to_owned()),
        ("sends a transaction", "POST", "/fhir".to_owned()),
    ] {
        let body = if path == "/fhir" {
            "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[{\"request\":{\"method\":\"POST\",\"url\":\"Patient\"},\"resource\":{\"resourceType\":\"Patient\"}}]}".to_owned()
        } else if path == "/fhir/Slot" {
            "{\"resourceType\":\"Slot\",\"status\":\"free\",\"schedule\":{\"reference\":\"Schedule/x\"},\"start\":\"2027-01-04T10:00:00Z\",\"end\":\"2027-01-04T10:10:00Z\"}".to_owned()
        } else {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"{}\"}}", site.victim.patient)
        };
        let answer = site.ask(Request::new(method, &path).bearer(&site.narrow).json(body)).await;
        ledger.note(format!("A token to read times {what}"), "403", answer.refused(&[400, 403, 404, 422]));
    }
    for (kind, body) in
        [("AuditEvent", "{\"resourceType\":\"AuditEvent\"}"), ("Provenance", "{\"resourceType\":\"Provenance\"}")]
    {
        let answer = site.ask(Request::new("POST", &format!("/fhir/{kind}")).bearer(&site.full).json(body)).await;
        ledger.note(
            format!("A connected system writes its own {kind}"),
            "refused",
            answer.refused(&[400, 403, 405, 422]),
        );
    }
}

/// Elements that a form or a resource must not set, and what is shown beyond need.
pub async fn properties(site: &Site, ledger: &mut Ledger) {
    ledger.group("PROP", "API3:2023 broken object property level authorisation; ASVS 5.1.2");
    let path = format!("Patient/{}", site.person_id);
    let before = site.fhir(&path).await;
    for (field, value) in [
        ("nhs_number", "9990000018"),
        ("birthDate", "1900-01-01"),
        ("gender", "other"),
        ("name", "Somebody Else"),
        ("generalPractitioner", "Organization/evil"),
        ("managingOrganization", "Organization/evil"),
        ("deceasedBoolean", "true"),
        ("patient_id", site.victim.patient.as_str()),
        ("id", site.victim.patient.as_str()),
    ] {
        let mark = format!("Needs {field}");
        let answer = site.change_details(&site.person, &mark, &[(field, value)]).await;
        assert_eq!(answer.status, 303, "the form itself is taken: {}", answer.text());
        let after = site.fhir(&path).await;
        let kept = [
            "identifier",
            "birthDate",
            "gender",
            "name",
            "generalPractitioner",
            "managingOrganization",
            "deceasedBoolean",
        ];
        let changed = kept.into_iter().find(|element| before.get(element) != after.get(element));
        let seen = changed.map_or(Ok(()), |element| Err(format!("{element} was changed")));
        ledger.note(format!("Details sent with the extra field {field}"), "the field changes nothing", seen);
    }
    for (field, value) in [("role", "gp"), ("purpose", "direct-care"), ("organization", "Organization/evil")] {
        let page = site.ask(Request::get("/sign-in")).await;
        let visit =
            page.all("set-cookie").find_map(|c| c.strip_prefix("kith-visit=")?.split(';').next()).unwrap_or_default();
        let csrf = page.quoted("name=\"_csrf\" value=\"").unwrap_or_default();
        let key = crate::wire::fresh_key();
        let fields = [("_csrf", csrf.as_str()), ("_key", key.as_str()), ("identity", "person:partner"), (field, value)];
        let request = Request::new("POST", "/sign-in").header("cookie", &format!("kith-visit={visit}")).fields(&fields);
        let answer = crate::site::through(&site.address, "", site.ask(request).await).await;
        let cookie =
            answer.all("set-cookie").find_map(|c| c.strip_prefix("kith=")?.split(';').next()).unwrap_or_default();
        let team = site.ask(Request::get("/team").header("cookie", &format!("kith={cookie}"))).await;
        ledger.note(
            format!("Signing in as a person with the extra field {field}"),
            "still a person",
            team.refused(GONE),
        );
    }
    for path in ["/metrics", "/openapi.json", "/readyz", "/fhir/metadata"] {
        let answer = site.ask(Request::get(path)).await;
        let names = answer.text().contains(&site.victim.patient) || answer.text().contains("/team/people/ca57");
        let seen = if names { Err("names a person".to_owned()) } else { Ok(()) };
        let seen = seen.and_then(|()| answer.refused(&[200]));
        ledger.note(format!("Looking for people in {path}"), "figures and patterns, nobody", seen);
    }
}

/// What can be learned about who is here by asking many times.
pub async fn enumeration(site: &Site, ledger: &mut Ledger) {
    ledger.group("ENUM", "ASVS 2.2.1, 3.1, 7.4.1: no telling apart of what is there and what is not");
    let absent = Ids::absent();
    let words = |text: &str| {
        text.split("<main").nth(1).unwrap_or_default().split("name=\"_csrf\"").next().unwrap_or_default().to_owned()
    };
    let known = kith_twin::cast("sore-throat").unwrap();
    let patient = site.fhir(&format!("Patient/{}", known.patient_id)).await;
    let number = patient["identifier"][0]["value"].as_str().unwrap().to_owned();
    let mut pages = Vec::new();
    for (nhs, day) in [(number.as_str(), "1"), ("9990000018", "1")] {
        let fields = [("nhs_number", nhs), ("day", day), ("month", "1"), ("year", "1900")];
        let answer = site.post(&site.dentist, "/team/people/identify", &fields).await;
        pages.push((answer.status, words(&answer.text()).replace(nhs, "NUMBER")));
    }
    let seen =
        if pages[0] == pages[1] { Ok(()) } else { Err("a known number with a wrong birthday is told apart".into()) };
    ledger.note("Identifying by a known and an unknown NHS number, both with a wrong birthday", "one answer", seen);

    // Half the median of many: how long a refusal takes, with the two asked in turns.
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..40 {
        for (n, id) in [&site.victim.patient, &absent.patient].into_iter().enumerate() {
            let begun = Instant::now();
            site.get(&site.dentist, &format!("/team/people/{id}")).await;
            took[n].push(begun.elapsed());
        }
    }
    for times in &mut took {
        times.sort_unstable();
    }
    let (theirs, nobodys) = (took[0][20], took[1][20]);
    let apart = theirs.abs_diff(nobodys);
    let seen = if apart.as_millis() < 15 { Ok(()) } else { Err(format!("{theirs:?} and {nobodys:?}")) };
    ledger.note("The time a refusal takes for a person who is here and one who is not", "less than 15 ms apart", seen);

    for (what, query) in [("a letter", "a"), ("a wildcard", "%"), ("a star", "*"), ("nothing", "")] {
        let answer = site.post(&site.dentist, "/team/people/search", &[("name", query)]).await;
        let found = answer.text().matches("href=\"/team/people/ca57").count();
        let seen = if found == 0 { Ok(()) } else { Err(format!("{found} people are listed")) };
        ledger.note(format!("Staff search for everybody by {what}"), "nobody they have nothing to do with", seen);
    }
}
