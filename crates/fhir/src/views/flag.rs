use super::common;
use crate::system;

view! {
    /// Something to be warned of, such as an access need.
    Flag
}

impl<'a> Flag<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// Its category: `access-need`.
    pub fn category(&self) -> Option<&'a str> {
        common::codes_in(self.0, "category", system::CS_CATEGORY).first().copied()
    }

    /// What it says.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// While it lasts.
    pub fn period(&self) -> common::Period {
        self.0.get("period").map(common::Period::of).unwrap_or_default()
    }

    /// Whether it is an access need that counts.
    pub fn is_access_need(&self) -> bool {
        self.category() == Some("access-need") && self.status() == Some("active")
    }
}
