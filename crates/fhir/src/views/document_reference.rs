use jiff::Timestamp;
use serde_json::Value;

use super::common;

view! {
    /// A photo or letter.
    DocumentReference
}

impl<'a> DocumentReference<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// What kind, in words.
    pub fn type_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "type")
    }

    /// What it is, in words.
    pub fn description(&self) -> Option<&'a str> {
        common::text(self.0, "description")
    }

    /// When it was added.
    pub fn date(&self) -> Option<Timestamp> {
        common::moment(self.0, "date")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Who made it.
    pub fn author(&self) -> Option<&'a str> {
        common::references(self.0, "author").first().copied()
    }

    fn attachment(self) -> Option<&'a Value> {
        common::list(self.0, "content").first()?.get("attachment")
    }

    /// Its bytes: `Binary/…` or another address.
    pub fn url(&self) -> Option<&'a str> {
        common::text(self.attachment()?, "url")
    }

    /// What its bytes are: `image/jpeg`, …
    pub fn content_type(&self) -> Option<&'a str> {
        common::text(self.attachment()?, "contentType")
    }

    /// Its title.
    pub fn title(&self) -> Option<&'a str> {
        common::text(self.attachment()?, "title")
    }

    /// How many bytes.
    pub fn size(&self) -> Option<u64> {
        self.attachment()?.get("size")?.as_u64()
    }

    /// Whether it can be shown as a picture.
    pub fn is_image(&self) -> bool {
        self.content_type().is_some_and(|kind| kind.starts_with("image/"))
    }
}
