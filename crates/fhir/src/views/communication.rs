use jiff::Timestamp;

use super::common;
use crate::system;

view! {
    /// A message, a notification or an outcome told.
    Communication
}

impl<'a> Communication<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Who says it.
    pub fn sender(&self) -> Option<&'a str> {
        common::reference(self.0, "sender")
    }

    /// To whom.
    pub fn recipients(&self) -> Vec<&'a str> {
        common::references(self.0, "recipient")
    }

    /// When it was sent.
    pub fn sent(&self) -> Option<Timestamp> {
        common::moment(self.0, "sent")
    }

    /// When it was read.
    pub fn received(&self) -> Option<Timestamp> {
        common::moment(self.0, "received")
    }

    /// `message`, `notification` or `outcome`.
    pub fn category(&self) -> Option<&'a str> {
        common::codes_in(self.0, "category", system::CS_CATEGORY).first().copied()
    }

    /// The words, one text for each part.
    pub fn texts(&self) -> Vec<&'a str> {
        common::list(self.0, "payload").iter().filter_map(|part| common::text(part, "contentString")).collect()
    }

    /// All the words, parts parted by empty lines.
    pub fn text(&self) -> String {
        self.texts().join("\n\n")
    }

    /// The message it answers: `Communication/…`
    pub fn in_response_to(&self) -> Option<&'a str> {
        common::references(self.0, "inResponseTo").first().copied()
    }

    /// What it is about.
    pub fn about(&self) -> Vec<&'a str> {
        common::references(self.0, "about")
    }

    /// Its subject line.
    pub fn topic(&self) -> Option<&'a str> {
        common::concept_of(self.0, "topic")
    }
}
