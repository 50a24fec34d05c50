//! Notices: short texts that say something waits in Kith, and never why.
//!
//! A room asks for one by publishing a [`Notification`] with the change that caused it; [`crate::notifier`] delivers it.
//! The words stand in `content/messages/*.toml`. A text may name only the few [`FIELDS`] that tell nothing about
//! anybody's health, because anybody may see a phone's screen or open a letter.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kith_trust::Change;
use serde::{Deserialize, Serialize};

use crate::preferences::Channel;

/// The outbox topic notices are published on.
pub const TOPIC: &str = "notify";

/// What a text may name: a time in words, a place, a latest time in words, a team, somebody who acts for the person.
pub const FIELDS: [&str; 5] = ["when", "where", "due", "team", "who"];

/// The longest field value, in characters.
pub const MAX_FIELD: usize = 80;

/// The longest text, in characters: two joined SMS messages (3GPP TS 23.038, 153 characters a part).
pub const MAX_TEXT: usize = 306;

/// Which notice. Each has a file of the same name in `content/messages/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateId {
    /// Fields: `when`, `where`.
    AppointmentBooked,
    /// Fields: `when`, `where`.
    AppointmentChanged,
    /// Fields: `when`.
    AppointmentCancelled,
    /// Fields: `when`, `where`.
    AppointmentReminder,
    /// Fields: `when`.
    AppointmentMissed,
    /// Fields: `team`, `due`.
    RequestReceived,
    /// Fields: `team`.
    RequestUpdate,
    /// Fields: `team`.
    MessageReceived,
    /// Fields: `team`, `due`.
    ReferralMade,
    /// Fields: `team`.
    OutcomeReady,
    /// Fields: `who`.
    ProxyAdded,
    /// Fields: `who`.
    ProxyEnded,
    /// Fields: `who`.
    EmergencyAccess,
}

impl TemplateId {
    pub const ALL: [Self; 13] = [
        Self::AppointmentBooked,
        Self::AppointmentChanged,
        Self::AppointmentCancelled,
        Self::AppointmentReminder,
        Self::AppointmentMissed,
        Self::RequestReceived,
        Self::RequestUpdate,
        Self::MessageReceived,
        Self::ReferralMade,
        Self::OutcomeReady,
        Self::ProxyAdded,
        Self::ProxyEnded,
        Self::EmergencyAccess,
    ];

    /// The code used in payloads and as the name of the file.
    pub fn code(self) -> &'static str {
        match self {
            Self::AppointmentBooked => "appointment-booked",
            Self::AppointmentChanged => "appointment-changed",
            Self::AppointmentCancelled => "appointment-cancelled",
            Self::AppointmentReminder => "appointment-reminder",
            Self::AppointmentMissed => "appointment-missed",
            Self::RequestReceived => "request-received",
            Self::RequestUpdate => "request-update",
            Self::MessageReceived => "message-received",
            Self::ReferralMade => "referral-made",
            Self::OutcomeReady => "outcome-ready",
            Self::ProxyAdded => "proxy-added",
            Self::ProxyEnded => "proxy-ended",
            Self::EmergencyAccess => "emergency-access",
        }
    }

    fn source(self) -> &'static str {
        macro_rules! file {
            ($name:literal) => {
                include_str!(concat!("../../../content/messages/", $name, ".toml"))
            };
        }
        match self {
            Self::AppointmentBooked => file!("appointment-booked"),
            Self::AppointmentChanged => file!("appointment-changed"),
            Self::AppointmentCancelled => file!("appointment-cancelled"),
            Self::AppointmentReminder => file!("appointment-reminder"),
            Self::AppointmentMissed => file!("appointment-missed"),
            Self::RequestReceived => file!("request-received"),
            Self::RequestUpdate => file!("request-update"),
            Self::MessageReceived => file!("message-received"),
            Self::ReferralMade => file!("referral-made"),
            Self::OutcomeReady => file!("outcome-ready"),
            Self::ProxyAdded => file!("proxy-added"),
            Self::ProxyEnded => file!("proxy-ended"),
            Self::EmergencyAccess => file!("emergency-access"),
        }
    }
}

/// A request to tell a person that something waits for them: the payload of topic [`TOPIC`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The person's id (not a reference).
    pub patient: String,
    pub template: TemplateId,
    /// Values for the text, by name; only those in [`FIELDS`] are ever shown.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// `Type/id` of what it is about, in the person's record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// `None` for the channel the person prefers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

impl Notification {
    /// A notice to the person with this id.
    pub fn new(patient_id: &str, template: TemplateId) -> Self {
        Self { patient: patient_id.to_owned(), template, fields: BTreeMap::new(), about: None, channel: None }
    }

    #[must_use]
    pub fn with(mut self, field: &str, value: &str) -> Self {
        self.fields.insert(field.to_owned(), value.to_owned());
        self
    }

    #[must_use]
    pub fn about(mut self, reference: &str) -> Self {
        self.about = Some(reference.to_owned());
        self
    }

    /// Sends the notice once the change commits. The same `key` is delivered once, however often it is published: name
    /// the event ("booked/<appointment id>/<version>"), not the moment.
    pub fn publish(&self, change: &mut Change, key: &str) {
        let payload = serde_json::to_value(self).expect("strings and names alone always serialise");
        change.publish(TOPIC, key, payload);
    }
}

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub subject: String,
    pub body: String,
    /// `<template id>|<version>`: which content made it.
    pub content: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    id: TemplateId,
    version: String,
    #[allow(dead_code, reason = "read by content checks and people")]
    date: jiff::civil::Date,
    #[allow(dead_code, reason = "read by content checks and people")]
    owner: String,
    #[allow(dead_code, reason = "read by content checks and people")]
    signed_off: bool,
    fields: Vec<String>,
    en: Words,
    example: Example,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    subject: String,
    text: String,
    plain: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    fields: BTreeMap<String, String>,
    expect: String,
}

static TEMPLATES: LazyLock<BTreeMap<TemplateId, Template>> = LazyLock::new(|| {
    TemplateId::ALL
        .into_iter()
        .map(|id| (id, toml::from_str(id.source()).expect("content/messages is checked by the tests")))
        .collect()
});

/// The notice in words. With every field known, its full text; otherwise the one that needs none, so that a notice is
/// never dropped for want of a detail.
pub fn render(template: TemplateId, fields: &BTreeMap<String, String>) -> Text {
    let template = &TEMPLATES[&template];
    let body = fill(&template.en.text, &template.fields, fields).unwrap_or_else(|| template.en.plain.clone());
    Text { subject: template.en.subject.clone(), body, content: format!("{}|{}", template.id.code(), template.version) }
}

/// Runs every template's own example and the rules of content on it; gives what is wrong, one line each.
pub fn check_content() -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, template) in &*TEMPLATES {
        let mut say = |what: String| wrong.push(format!("content/messages/{}.toml: {what}", id.code()));
        if template.id != *id {
            say("the id is not the name of the file".to_owned());
        }
        for field in template.fields.iter().filter(|f| !FIELDS.contains(&f.as_str())) {
            say(format!("a text may not name `{field}`"));
        }
        if template.en.plain.contains('{') {
            say("`plain` must need no field".to_owned());
        }
        let example = render(*id, &template.example.fields).body;
        if example != template.example.expect {
            say(format!("the example gives: {example}"));
        }
        for text in [&template.en.plain, &example] {
            if text.chars().count() > MAX_TEXT {
                say(format!("longer than {MAX_TEXT} characters"));
            }
        }
    }
    wrong
}

/// Fills `{name}` for each of `names`; `None` if one is missing or the whole is too long.
fn fill(text: &str, names: &[String], fields: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}')?;
        let name = &rest[open + 1..close];
        if !names.iter().any(|n| n == name) {
            return None;
        }
        out.push_str(&rest[..open]);
        out.push_str(&clean(fields.get(name)?)?);
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    (out.chars().count() <= MAX_TEXT).then_some(out)
}

/// One line of ordinary characters, no links; `None` if nothing fit is left.
fn clean(value: &str) -> Option<String> {
    let line: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty() && line.chars().count() <= MAX_FIELD && !line.contains("://")).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_renders_its_own_example() {
        assert_eq!(check_content(), Vec::<String>::new());
        for id in TemplateId::ALL {
            assert_eq!(serde_json::to_value(id).unwrap(), id.code());
            let template = &TEMPLATES[&id];
            assert_ne!(template.example.expect, template.en.plain, "the example shows the full text");
        }
    }

    #[test]
    fn no_text_can_name_anything_clinical() {
        for template in TEMPLATES.values() {
            for field in &template.fields {
                assert!(FIELDS.contains(&field.as_str()), "{:?} names {field}", template.id);
            }
            // A template cannot use what it does not declare, so neither can a publisher slip it in.
            let sneaky = BTreeMap::from([("reason".to_owned(), "chlamydia".to_owned())]);
            assert!(!render(template.id, &sneaky).body.contains("chlamydia"));
            let words = format!("{} {} {}", template.en.subject, template.en.text, template.en.plain).to_lowercase();
            for word in ["diagnos", "infection", "medicine", "pain", "mental", "pregnan", "result", "symptom", "test"] {
                assert!(!words.contains(word), "{:?} says {word}", template.id);
            }
        }
    }

    #[test]
    fn every_text_is_short_and_plain() {
        for template in TEMPLATES.values() {
            assert!(!template.en.plain.contains('{'));
            for text in [&template.en.plain, &template.example.expect] {
                assert!(text.chars().count() <= MAX_TEXT);
                for sentence in text.split(". ") {
                    assert!(sentence.split_whitespace().count() <= 20, "{sentence}");
                }
            }
        }
    }

    #[test]
    fn a_notice_goes_out_even_when_a_detail_is_missing_or_unfit() {
        for value in ["", " \n ", &"x".repeat(MAX_FIELD + 1), "https://evil.example"] {
            let fields = BTreeMap::from([("team".to_owned(), value.to_owned())]);
            assert_eq!(
                render(TemplateId::MessageReceived, &fields).body,
                "You have a new message. Sign in to Kith to read it and reply."
            );
        }
        assert!(render(TemplateId::MessageReceived, &BTreeMap::new()).body.starts_with("You have a new message."));
    }

    #[test]
    fn a_field_cannot_forge_lines_or_other_fields() {
        let fields = BTreeMap::from([("team".to_owned(), "{who}\r\nCall 0900".to_owned())]);
        let text = render(TemplateId::RequestUpdate, &fields);
        assert!(text.body.starts_with("{who} Call 0900 has news"));
        assert!(!text.body.contains('\n'));
    }

    #[test]
    fn the_payload_survives_the_outbox() {
        let notice = Notification::new("p1", TemplateId::RequestReceived).with("team", "X").about("ServiceRequest/s1");
        let json = serde_json::to_value(&notice).unwrap();
        assert_eq!(json["template"], "request-received");
        assert_eq!(serde_json::from_value::<Notification>(json).unwrap(), notice);
        assert!(
            serde_json::from_value::<Notification>(serde_json::json!({"patient": "p", "template": "nope"})).is_err()
        );
    }
}
