//! A copy of a record to keep: a page a person can read, the same as a FHIR Bundle a machine can import, and the photos and
//! letters, in one ZIP file.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use kith_directory::Directory;
use kith_fhir::{Value, views};
use kith_trust::{Access, Role, SubjectAccess};
use serde::{Deserialize, Serialize};

use super::zip::Zip;
use crate::form::Checked;
use crate::record_view::{self, Authors, Line};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;
use crate::{filters, person};

/// Name of the readable page in the archive, and of the Bundle.
pub const READABLE: &str = "my-record.html";
pub const BUNDLE: &str = "my-record.fhir.json";

#[derive(Serialize)]
struct View {
    acting_for: Option<String>,
}

pub(super) async fn show(State(_): State<AppState>, me: Me) -> WebResult<Page> {
    me.prove_first("/record/copy")?;
    Ok(Page::new("governance/copy", &View { acting_for: me.acting_for }))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn give(State(state): State<AppState>, me: Me, _: Checked<Nothing>) -> WebResult<Response> {
    // The whole record in one file: it is asked for by somebody who has just shown who they are.
    me.prove_first("/record/copy")?;
    let directory = state.directory.get(&me.access).await?;
    let bytes = copy_of_record(&me.access, &directory, &me.person).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"my-record.zip\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, bytes).into_response())
}

/// The archive of a person's record, for whoever [`Access::subject_access`] lets have it.
pub async fn copy_of_record(access: &Access, directory: &Directory, patient: &str) -> WebResult<Vec<u8>> {
    let copy = access.subject_access(patient).await?;
    let mut zip = Zip::default();
    let mut files = Vec::new();
    for (at, entry) in copy.record.of("DocumentReference").enumerate() {
        let Some((content_type, bytes)) = attachment(&copy, &entry.value) else { continue };
        let ending = match content_type.as_str() {
            "image/jpeg" => "jpg",
            "image/png" => "png",
            "application/pdf" => "pdf",
            "text/plain" => "txt",
            _ => "bin",
        };
        let name = format!("documents/{:03}.{ending}", at + 1);
        zip.file(&name, &bytes).map_err(WebError::internal)?;
        files.push((entry.reference(), name));
    }
    let page = readable(&copy, directory, &files);
    zip.file(READABLE, page.as_bytes()).map_err(WebError::internal)?;
    zip.file(BUNDLE, &kith_fhir::json::canonical(&copy.bundle)).map_err(WebError::internal)?;
    zip.finish().map_err(WebError::internal)
}

/// The bytes of a document: within it, or in a Binary of the same record.
fn attachment(copy: &SubjectAccess, document: &Value) -> Option<(String, Vec<u8>)> {
    let attachment = &document["content"][0]["attachment"];
    let (data, content_type) = match attachment["data"].as_str() {
        Some(data) => (data, attachment["contentType"].as_str()),
        None => {
            let binary = &copy.record.get(attachment["url"].as_str()?)?.value;
            (binary["data"].as_str()?, binary["contentType"].as_str())
        }
    };
    let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
    Some((content_type, STANDARD.decode(data).ok()?))
}

/// Text made safe between tags and in attributes.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = "body{font-family:Arial,sans-serif;line-height:1.5;max-width:44em;margin:0 auto;padding:1em;color:#212b32}\
h1,h2{line-height:1.2}h2{border-top:2px solid #005eb8;padding-top:.6em;margin-top:2em}dt{font-weight:bold}\
li{margin:.4em 0}.quiet{color:#4c6272}@media print{h2{break-after:avoid}}";

fn section(out: &mut String, heading: &str, items: &[String]) {
    out.push_str(&format!("<h2>{}</h2>\n", safe(heading)));
    if items.is_empty() {
        out.push_str("<p>Nothing is recorded.</p>\n");
        return;
    }
    out.push_str("<ul>\n");
    for item in items {
        out.push_str(&format!("<li>{item}</li>\n"));
    }
    out.push_str("</ul>\n");
}

fn line(line: Line) -> String {
    let mut out = safe(&line.what);
    if let Some(detail) = line.detail.filter(|detail| !detail.is_empty()) {
        out.push_str(&format!(": {}", safe(&detail)));
    }
    let on = line.on.as_deref().map(filters::date).unwrap_or_default();
    let by = [on, line.wrote.who, line.wrote.organisation].into_iter().filter(|part| !part.is_empty());
    let by: Vec<String> = by.map(|part| safe(&part)).collect();
    format!("{out}<br><span class=\"quiet\">{}{}</span>", by.join(", "), if line.active { "" } else { " (past)" })
}

fn readable(copy: &SubjectAccess, directory: &Directory, files: &[(String, String)]) -> String {
    let record = &copy.record;
    let authors = Authors { record, directory };
    let lines = |mut found: Vec<Line>| -> Vec<String> {
        authors.sign(&mut found);
        found.into_iter().map(line).collect()
    };
    let patient = record.patient();
    let name = person::full_name(patient);
    let seen = views::Patient::of(patient);
    let number = seen.as_ref().and_then(views::Patient::nhs_number).map(|n| filters::nhs_number(n.as_str()));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>The health record of {name}</title><style>{STYLE}</style>\
         </head><body>\n<main>\n<h1>The health record of {name}</h1>\n<p>Made on {made}. This is a copy of all that your \
         neighbourhood's health and care services hold about you in Kith. Keep it safe: anybody who has it can read it. The \
         file {BUNDLE} holds the same for another health system to read.</p>\n<dl>\n",
        name = safe(&name),
        made = safe(&filters::datetime(&copy.made.to_string())),
    );
    let facts = [
        ("Born", patient["birthDate"].as_str().map(filters::date)),
        ("NHS number", number),
        ("Address", seen.as_ref().and_then(|p| p.postcode().map(str::to_owned)).map(|code| address(patient, &code))),
    ];
    for (fact, value) in facts {
        if let Some(value) = value {
            out.push_str(&format!("<dt>{fact}</dt><dd>{}</dd>\n", safe(&value)));
        }
    }
    out.push_str("</dl>\n");
    if !copy.left_out.is_empty() {
        let left: Vec<String> = copy
            .left_out
            .iter()
            .map(|(why, count)| format!("{count} {}: {}", things(*count), safe(why.words())))
            .collect();
        section(&mut out, "What is not in this copy", &left);
        out.push_str("<p>You may ask your practice about this, or complain to the Information Commissioner.</p>\n");
    }
    section(&mut out, "Allergies", &lines(record_view::allergies(record)));
    section(&mut out, "Health problems", &lines(record_view::problems(record)));
    section(&mut out, "Medicines", &lines(record_view::medicines(record)));
    section(&mut out, "Vaccinations", &lines(record_view::immunisations(record)));
    let measured: Vec<String> = record_view::measured(record)
        .into_iter()
        .map(|m| {
            let readings: Vec<String> = m
                .readings
                .iter()
                .map(|r| {
                    format!("{} ({})", safe(&r.shown), safe(&r.on.as_deref().map(filters::date).unwrap_or_default()))
                })
                .collect();
            format!("{}: {}", safe(&m.name), readings.join("; "))
        })
        .collect();
    section(&mut out, "Measurements and tests", &measured);
    let documents: Vec<String> = record_view::documents(record)
        .into_iter()
        .map(|d| {
            let reference = format!("DocumentReference/{}", d.id);
            let on = d.on.as_deref().map(filters::date).unwrap_or_default();
            match files.iter().find(|(of, _)| *of == reference) {
                Some((_, file)) => format!("<a href=\"{}\">{}</a>, {}", safe(file), safe(&d.title), safe(&on)),
                None => format!("{}, {}", safe(&d.title), safe(&on)),
            }
        })
        .collect();
    section(&mut out, "Photos and letters", &documents);
    let messages: Vec<String> = record
        .values("Communication")
        .filter_map(|message| {
            let text = message["payload"][0]["contentString"].as_str()?;
            let sent = message["sent"].as_str().map(filters::datetime).unwrap_or_default();
            let from = message["sender"]["display"].as_str().unwrap_or_default();
            Some(format!("<span class=\"quiet\">{} {}</span><br>{}", safe(&sent), safe(from), safe(text)))
        })
        .collect();
    section(&mut out, "Messages", &messages);
    let mut events = record_view::timeline(record, None);
    authors.sign_events(&mut events);
    let happened: Vec<String> = events
        .into_iter()
        .map(|e| {
            let detail = e.detail.map(|detail| format!(": {}", safe(&detail))).unwrap_or_default();
            let by: Vec<String> =
                [e.who, e.organisation].into_iter().filter(|p| !p.is_empty()).map(|p| safe(&p)).collect();
            format!(
                "{} {}{detail}<br><span class=\"quiet\">{}</span>",
                safe(&filters::date(&e.on)),
                safe(&e.what),
                by.join(", ")
            )
        })
        .collect();
    section(&mut out, "All that happened, newest first", &happened);
    let looked: Vec<String> = copy
        .looked
        .iter()
        .map(|entry| {
            let role = Role::from_code(&entry.origin.role).map_or("", Role::words);
            let place = entry.origin.organization_name.as_deref().unwrap_or(&entry.origin.system);
            format!(
                "{}: {}, {}, {}: {}",
                safe(&filters::datetime(&entry.at.to_string())),
                safe(&entry.origin.name),
                safe(role),
                safe(place),
                safe(&entry.fields.action)
            )
        })
        .collect();
    section(&mut out, "Who looked at your record", &looked);
    out.push_str("</main>\n</body></html>\n");
    out
}

fn things(count: usize) -> &'static str {
    if count == 1 { "item" } else { "items" }
}

fn address(patient: &Value, postcode: &str) -> String {
    let lines = patient["address"][0]["line"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut parts: Vec<&str> = lines.collect();
    parts.extend(patient["address"][0]["city"].as_str());
    parts.push(postcode);
    parts.join(", ")
}

/// When a copy is a day old, what is in it may have changed: the file name of the operator's export says when.
pub fn file_name(made: Timestamp) -> String {
    format!("record-{}.zip", made.to_string().get(..10).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays_text_in_the_copy() {
        assert_eq!(safe("<img src=x onerror='a'>&\""), "&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;");
    }
}
