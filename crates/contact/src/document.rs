//! Photos and letters in the record: a DocumentReference that says what it is, and a Binary that holds it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use kith_fhir::{Value, json};
use kith_trust::{Access, Change};

use crate::error::Error;
use crate::fields::{fresh_id, reference, text};
use crate::photo::Jpeg;
use crate::time;

/// A document read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// In one line, made safe when it was kept.
    pub title: String,
    /// `image/jpeg` for photos.
    pub content_type: String,
    pub bytes: Vec<u8>,
    pub date: Option<jiff::Timestamp>,
}

/// Adds a photo of the person with this id to a change, and returns the reference of its DocumentReference.
///
/// `title` is made one line of at most 120 characters; a file's own name is never used. `author` is a reference and the
/// name to show. `now` is `access.now()`.
pub fn attach(
    change: &mut Change,
    patient_id: &str,
    jpeg: &Jpeg,
    title: &str,
    author: (&str, &str),
    now: jiff::Timestamp,
) -> String {
    let [binary, document] = build(patient_id, "image/jpeg", jpeg.bytes(), title, author, now);
    change.create(binary);
    change.create(document)
}

fn build(
    patient_id: &str,
    content_type: &str,
    bytes: &[u8],
    title: &str,
    (author, author_name): (&str, &str),
    now: jiff::Timestamp,
) -> [Value; 2] {
    let patient = format!("Patient/{patient_id}");
    let binary_id = fresh_id();
    let title = safe_title(title);
    let binary = json!({
        "resourceType": "Binary",
        "id": binary_id,
        "contentType": content_type,
        "securityContext": reference(&patient, None),
        "data": BASE64_STANDARD.encode(bytes),
    });
    let document = json!({
        "resourceType": "DocumentReference",
        "id": fresh_id(),
        "status": "current",
        "type": { "text": "Photo" },
        "subject": reference(&patient, None),
        "date": time::fhir(now),
        "author": [reference(author, Some(author_name))],
        "description": title,
        "content": [{ "attachment": {
            "contentType": content_type,
            "url": format!("Binary/{binary_id}"),
            "title": title,
            "size": bytes.len(),
        } }],
    });
    [binary, document]
}

/// Reads a document's bytes by its `DocumentReference/…`. `NotFound` if either part is not there or not the reader's to see.
pub async fn read(access: &Access, document: &str) -> Result<Document, Error> {
    let entry = access.read(document).await?;
    let url = text(&entry.value, "/content/0/attachment/url").unwrap_or_default().to_owned();
    if !url.starts_with("Binary/") {
        return Err(kith_trust::Error::NotFound.into());
    }
    let binary = access.read(&url).await?;
    let data = text(&binary.value, "/data").unwrap_or_default();
    let bytes = BASE64_STANDARD
        .decode(data)
        .map_err(|_| Error::Conflict { what: "The document is damaged and cannot be shown.".to_owned() })?;
    Ok(Document {
        title: text(&entry.value, "/content/0/attachment/title")
            .or_else(|| text(&entry.value, "/description"))
            .map_or_else(|| "Document".to_owned(), safe_title),
        content_type: text(&binary.value, "/contentType").unwrap_or("application/octet-stream").to_owned(),
        bytes,
        date: time::at(&entry.value, "/date"),
    })
}

/// One line, without control or bidirectional characters, at most 120 of them.
pub fn safe_title(title: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let line: String = title.chars().map(|c| if hidden(c) { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(120).collect();
    if short.is_empty() { "Photo".to_owned() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photos_bytes_stand_in_the_persons_own_record() {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let [binary, document] = build("p1", "image/jpeg", b"\xff\xd8", "Leg wound", ("Patient/n", "Neighbour"), now);
        assert_eq!(binary["securityContext"]["reference"], "Patient/p1");
        assert_eq!(document["subject"]["reference"], "Patient/p1");
        assert_eq!(document["content"][0]["attachment"]["url"], format!("Binary/{}", binary["id"].as_str().unwrap()));
        assert_eq!(BASE64_STANDARD.decode(binary["data"].as_str().unwrap()).unwrap(), b"\xff\xd8");
    }

    #[test]
    fn a_hostile_title_is_one_plain_line() {
        assert_eq!(safe_title("a\r\nb\0c"), "a b c");
        assert_eq!(safe_title("gpj.\u{202e}exe"), "gpj. exe");
        assert_eq!(safe_title(" \n"), "Photo");
        assert_eq!(safe_title(&"é".repeat(500)).chars().count(), 120);
    }
}
