use jiff::Timestamp;
use serde_json::Value;

use super::common;

view! {
    /// Who did what to a record.
    AuditEvent
}

impl<'a> AuditEvent<'a> {
    /// `C`, `R`, `U`, `D` or `E`.
    pub fn action(&self) -> Option<&'a str> {
        common::text(self.0, "action")
    }

    /// When.
    pub fn recorded(&self) -> Option<Timestamp> {
        common::moment(self.0, "recorded")
    }

    /// `0` for done; others are failures.
    pub fn outcome(&self) -> Option<&'a str> {
        common::text(self.0, "outcome")
    }

    /// What came of it, in words.
    pub fn outcome_text(&self) -> Option<&'a str> {
        common::text(self.0, "outcomeDesc")
    }

    /// What kind of event.
    pub fn kind(&self) -> Option<&'a str> {
        let kind = self.0.get("type")?;
        common::text(kind, "display").or_else(|| common::text(kind, "code"))
    }

    fn agent(self) -> Option<&'a Value> {
        let agents = common::list(self.0, "agent");
        agents.iter().find(|agent| agent.get("requestor") == Some(&Value::Bool(true))).or_else(|| agents.first())
    }

    /// Who.
    pub fn who(&self) -> Option<&'a str> {
        common::reference(self.agent()?, "who")
    }

    /// Who, by name.
    pub fn who_name(&self) -> Option<&'a str> {
        common::text(self.agent()?, "name").or_else(|| common::display(self.agent()?, "who"))
    }

    /// Why, in words.
    pub fn purpose(&self) -> Option<&'a str> {
        common::concept_of(self.0, "purposeOfEvent").or_else(|| common::concept_of(self.agent()?, "purposeOfUse"))
    }

    /// What was looked at or changed.
    pub fn entities(&self) -> Vec<&'a str> {
        common::list(self.0, "entity").iter().filter_map(|entity| common::reference(entity, "what")).collect()
    }
}
