use jiff::Timestamp;

use super::common;

view! {
    /// A choice about sharing.
    Consent
}

impl<'a> Consent<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// What it is about, in words.
    pub fn scope(&self) -> Option<&'a str> {
        common::concept_of(self.0, "scope")
    }

    /// What kind: codes of the categories.
    pub fn category_code(&self) -> Option<&'a str> {
        common::first_code(self.0, "category")
    }

    /// What kind, in words.
    pub fn category(&self) -> Option<&'a str> {
        common::concept_of(self.0, "category")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "patient")
    }

    /// When it was made.
    pub fn date(&self) -> Option<Timestamp> {
        common::moment(self.0, "dateTime")
    }

    /// `permit` or `deny`.
    pub fn provision(&self) -> Option<&'a str> {
        common::text(self.0.get("provision")?, "type")
    }

    /// While it lasts.
    pub fn period(&self) -> common::Period {
        self.0.get("provision").and_then(|p| p.get("period")).map(common::Period::of).unwrap_or_default()
    }
}
