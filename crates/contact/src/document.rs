//! Photos and letters in the record: a DocumentReference that says what it is, and a Binary that holds it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use kith_fhir::{Value, build};
use kith_trust::{Access, Change};

use crate::error::Error;
use crate::fields::{fresh_id, text};
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
    let [binary, document] = photo(patient_id, jpeg, title, author, now);
    change.create(binary);
    change.create(document)
}

/// Keeps a photo by itself, once for each `key` of the actor (the same form sent twice, even at the very same moment).
/// Returns the reference of its DocumentReference, and whether it was kept before.
pub async fn keep_once(
    access: &Access,
    patient_id: &str,
    jpeg: &Jpeg,
    title: &str,
    key: &str,
) -> Result<(String, bool), Error> {
    let actor = access.actor();
    let mut change = Change::new("add photo");
    let kept = attach(&mut change, patient_id, jpeg, title, (&actor.reference, &actor.name), access.now());
    change.once(&format!("photo/{patient_id}/{key}"));
    let receipt = access.commit(change).await?;
    if !receipt.replayed {
        return Ok((kept, false));
    }
    let before = receipt.written.into_iter().map(|(reference, _)| reference);
    let before = before.into_iter().find(|reference| reference.starts_with("DocumentReference/"));
    Ok((before.ok_or(kith_trust::Error::NotFound)?, true))
}

fn photo(
    patient_id: &str,
    jpeg: &Jpeg,
    title: &str,
    (author, author_name): (&str, &str),
    now: jiff::Timestamp,
) -> [Value; 2] {
    const JPEG: &str = "image/jpeg";
    let person = format!("Patient/{patient_id}");
    let binary_id = fresh_id();
    let binary = build::binary(&person, JPEG, &BASE64_STANDARD.encode(jpeg.bytes()));
    let mut document = build::Document {
        person: &person,
        binary: &format!("Binary/{binary_id}"),
        content_type: JPEG,
        title: &safe_title(title),
        size: jpeg.bytes().len() as u64,
        date: now,
        author,
    }
    .build();
    build::set(&mut document, "type", build::concept_text("Photo"));
    build::set(&mut document, "author", Value::Array(vec![build::reference_display(author, author_name)]));
    [build::with_id(binary, &binary_id), document]
}

/// Reads a document's bytes by its `DocumentReference/…`. `NotFound` if either part is not there or not the reader's to see.
pub async fn read(access: &Access, document: &str) -> Result<Document, Error> {
    let entry = access.read(document).await?;
    let url = text(&entry.value, "/content/0/attachment/url").unwrap_or_default().to_owned();
    // Letters from elsewhere often carry their bytes with them; what is made here keeps them in a Binary.
    let (data, content_type) = if let Some(data) = text(&entry.value, "/content/0/attachment/data") {
        (data.to_owned(), text(&entry.value, "/content/0/attachment/contentType").map(str::to_owned))
    } else if url.starts_with("Binary/") {
        let binary = access.read(&url).await?;
        let part = |name: &str| text(&binary.value, name).map(str::to_owned);
        (part("/data").unwrap_or_default(), part("/contentType"))
    } else {
        return Err(kith_trust::Error::NotFound.into());
    };
    let bytes = BASE64_STANDARD
        .decode(data)
        .map_err(|_| Error::Conflict { what: "The document is damaged and cannot be shown.".to_owned() })?;
    Ok(Document {
        title: text(&entry.value, "/content/0/attachment/title")
            .or_else(|| text(&entry.value, "/description"))
            .map_or_else(|| "Document".to_owned(), safe_title),
        content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        bytes,
        date: time::at(&entry.value, "/date"),
    })
}

/// One line, without control or bidirectional characters, at most 120 of them.
pub fn safe_title(title: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
    fn a_hostile_title_is_one_plain_line() {
        assert_eq!(safe_title("a\r\nb\0c"), "a b c");
        assert_eq!(safe_title("gpj.\u{202e}exe"), "gpj. exe");
        assert_eq!(safe_title(" \n"), "Photo");
        assert_eq!(safe_title(&"é".repeat(500)).chars().count(), 120);
    }
}
