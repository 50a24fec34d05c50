use jiff::Timestamp;
use serde_json::Value;

use super::common;

view! {
    /// Who wrote something, when and for whom.
    Provenance
}

impl<'a> Provenance<'a> {
    /// What was written.
    pub fn targets(&self) -> Vec<&'a str> {
        common::references(self.0, "target")
    }

    /// When.
    pub fn recorded(&self) -> Option<Timestamp> {
        common::moment(self.0, "recorded")
    }

    /// What was done, in words.
    pub fn activity(&self) -> Option<&'a str> {
        common::concept_of(self.0, "activity")
    }

    fn agent(self) -> Option<&'a Value> {
        common::list(self.0, "agent").first()
    }

    /// Who.
    pub fn who(&self) -> Option<&'a str> {
        common::reference(self.agent()?, "who")
    }

    /// Who, by name, where written here.
    pub fn who_name(&self) -> Option<&'a str> {
        common::display(self.agent()?, "who")
    }

    /// For which organisation.
    pub fn on_behalf_of(&self) -> Option<&'a str> {
        common::reference(self.agent()?, "onBehalfOf")
    }

    /// In what role, in words.
    pub fn role(&self) -> Option<&'a str> {
        common::concept_of(self.agent()?, "role")
    }
}
