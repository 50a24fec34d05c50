use jiff::Timestamp;

use super::common;
use crate::system;

view! {
    /// A request for help, a referral or a request for advice.
    ServiceRequest
}

impl<'a> ServiceRequest<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// `intent`.
    pub fn intent(&self) -> Option<&'a str> {
        common::text(self.0, "intent")
    }

    /// `stat`, `asap`, `urgent` or `routine`.
    pub fn priority(&self) -> Option<&'a str> {
        common::text(self.0, "priority")
    }

    /// `help-request`, `referral` or `advice`.
    pub fn category(&self) -> Option<&'a str> {
        common::codes_in(self.0, "category", system::CS_CATEGORY).first().copied()
    }

    /// The need.
    pub fn need(&self) -> Option<&'a str> {
        common::code_in(self.0.get("code")?, system::CS_NEED)
    }

    /// What is asked for, in words.
    pub fn code_text(&self) -> Option<&'a str> {
        common::concept_of(self.0, "code")
    }

    /// The problem in the person's words.
    pub fn reason(&self) -> Option<&'a str> {
        common::concept_of(self.0, "reasonCode")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// Who asked.
    pub fn requester(&self) -> Option<&'a str> {
        common::reference(self.0, "requester")
    }

    /// Their name, where written here.
    pub fn requester_name(&self) -> Option<&'a str> {
        common::display(self.0, "requester")
    }

    /// Who is asked: `HealthcareService/…`
    pub fn performers(&self) -> Vec<&'a str> {
        common::references(self.0, "performer")
    }

    /// When it was made.
    pub fn authored(&self) -> Option<Timestamp> {
        common::moment(self.0, "authoredOn")
    }

    /// When it must be met.
    pub fn due(&self) -> Option<Timestamp> {
        common::Period::of(self.0.get("occurrencePeriod")?).end
    }

    /// Where the assessment led: code, content version, reasons in words.
    pub fn disposition(&self) -> Option<Disposition<'a>> {
        let found = common::extension(self.0, system::EXT_DISPOSITION)?;
        Some(Disposition {
            code: common::extension_text(found, "code", "valueCode")?,
            content: common::extension_text(found, "content", "valueString"),
            reasons: common::extensions(found, "reason").filter_map(|r| common::text(r, "valueString")).collect(),
        })
    }

    /// Answers, photos and letters that go with it.
    pub fn supporting(&self) -> Vec<&'a str> {
        common::references(self.0, "supportingInfo")
    }

    /// The request it came from.
    pub fn based_on(&self) -> Vec<&'a str> {
        common::references(self.0, "basedOn")
    }

    /// Notes in words.
    pub fn notes(&self) -> Vec<&'a str> {
        common::notes(self.0)
    }
}

/// Where an assessment led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition<'a> {
    /// The code in its pathway.
    pub code: &'a str,
    /// Pathway and version.
    pub content: Option<&'a str>,
    /// Why, in plain words.
    pub reasons: Vec<&'a str>,
}
