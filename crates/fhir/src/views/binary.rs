use super::common;

view! {
    /// The bytes of a photo or letter.
    Binary
}

impl<'a> Binary<'a> {
    /// What they are: `image/jpeg`, …
    pub fn content_type(&self) -> Option<&'a str> {
        common::text(self.0, "contentType")
    }

    /// Whose: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "securityContext")
    }

    /// The bytes in base64.
    pub fn data(&self) -> Option<&'a str> {
        common::text(self.0, "data")
    }
}
