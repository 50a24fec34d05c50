//! Asking, owning, booking and telling.

use jiff::{Timestamp, civil};
use serde_json::{Value, json};

use super::{
    add_extension, coding, concept, concept_text, date, extension_code, extension_nested, extension_reference,
    extension_string, moment, object, period, push, reference, references, remove_extension, resource, set,
    set_extension, set_status, some_text,
};
use crate::system;

/// A piece of work: always with a person, an owner and a due time.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// A `task-kind` code: `triage`, `appointment`, `referral`, `advice`, `message`, `result`, `callback`, `follow-up`.
    pub kind: &'a str,
    /// `Patient/…`
    pub person: &'a str,
    /// The team: `HealthcareService/…`
    pub owner: &'a str,
    /// When it must be done.
    pub due: Timestamp,
    /// Now.
    pub authored: Timestamp,
    /// `stat`, `asap`, `urgent` or `routine`.
    pub priority: &'a str,
    /// A short line without clinical detail.
    pub description: &'a str,
    /// Who asked.
    pub requester: Option<&'a str>,
    /// What it is about: ServiceRequest, Appointment, Communication or DiagnosticReport.
    pub focus: Option<&'a str>,
}

impl Task<'_> {
    /// The resource, `requested`.
    pub fn build(&self) -> Value {
        resource(
            "Task",
            [
                ("status", Some(json!("requested"))),
                ("intent", Some(json!("order"))),
                ("code", Some(concept(system::CS_TASK_KIND, self.kind, ""))),
                ("priority", some_text(self.priority)),
                ("description", some_text(self.description)),
                ("for", Some(reference(self.person))),
                ("focus", self.focus.map(reference)),
                ("owner", Some(reference(self.owner))),
                ("requester", self.requester.map(reference)),
                ("authoredOn", Some(moment(self.authored))),
                ("lastModified", Some(moment(self.authored))),
                ("restriction", Some(json!({ "period": period(None, Some(self.due)) }))),
            ],
        )
    }

    /// Writes a new state.
    pub fn set_status(task: &mut Value, status: &str, now: Timestamp) {
        set_status(task, status);
        set(task, "lastModified", moment(now));
    }

    /// Writes who has taken it, or that nobody has.
    pub fn set_claimed_by(task: &mut Value, practitioner: Option<&str>, now: Timestamp) {
        match practitioner {
            Some(practitioner) => set_extension(task, extension_reference(system::EXT_CLAIMED_BY, practitioner)),
            None => remove_extension(task, system::EXT_CLAIMED_BY),
        }
        set(task, "lastModified", moment(now));
    }

    /// Hands it to another team.
    pub fn set_owner(task: &mut Value, owner: &str, now: Timestamp) {
        set(task, "owner", reference(owner));
        Self::set_claimed_by(task, None, now);
    }

    /// Writes another due time.
    pub fn set_due(task: &mut Value, due: Timestamp, now: Timestamp) {
        set(task, "restriction", json!({ "period": period(None, Some(due)) }));
        set(task, "lastModified", moment(now));
    }

    /// Completes it with its outcome in words.
    pub fn complete(task: &mut Value, outcome: &str, now: Timestamp) {
        push(task, "output", json!({ "type": concept_text("outcome"), "valueString": outcome }));
        Self::set_status(task, "completed", now);
    }

    /// Notes a Communication that carried the outcome to somebody.
    pub fn add_told(task: &mut Value, communication: &str) {
        add_extension(task, extension_reference(system::EXT_TOLD, communication));
    }
}

/// Where an assessment led.
#[derive(Debug, Clone)]
pub struct Disposition<'a> {
    /// The disposition's code in its pathway.
    pub code: &'a str,
    /// Pathway and version that made it: `sore-throat|1.0.0`.
    pub content: &'a str,
    /// Why, in plain words.
    pub reasons: &'a [String],
}

impl Disposition<'_> {
    /// The extension.
    pub fn build(&self) -> Value {
        let mut parts = vec![extension_code("code", self.code), extension_string("content", self.content)];
        parts.extend(self.reasons.iter().map(|reason| extension_string("reason", reason)));
        extension_nested(system::EXT_DISPOSITION, parts)
    }
}

/// A request for help, a referral or a request for advice.
#[derive(Debug, Clone)]
pub struct ServiceRequest<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// A `need` code.
    pub need: &'a str,
    /// The need in words.
    pub need_label: &'a str,
    /// `help-request`, `referral` or `advice`.
    pub category: &'a str,
    /// `stat`, `asap`, `urgent` or `routine`.
    pub priority: &'a str,
    /// Now.
    pub authored: Timestamp,
    /// Patient, RelatedPerson or Practitioner.
    pub requester: &'a str,
    /// `HealthcareService/…`
    pub performers: &'a [&'a str],
    /// When it must be met.
    pub due: Option<Timestamp>,
    /// The problem in the person's words.
    pub reason: &'a str,
    /// QuestionnaireResponse, DocumentReference.
    pub supporting: &'a [&'a str],
    /// Where the assessment led.
    pub disposition: Option<Disposition<'a>>,
}

impl ServiceRequest<'_> {
    /// The resource, `active`.
    pub fn build(&self) -> Value {
        resource(
            "ServiceRequest",
            [
                ("status", Some(json!("active"))),
                ("intent", Some(json!("order"))),
                ("category", Some(json!([concept(system::CS_CATEGORY, self.category, "")]))),
                ("priority", some_text(self.priority)),
                ("code", Some(concept(system::CS_NEED, self.need, self.need_label))),
                ("subject", Some(reference(self.person))),
                ("authoredOn", Some(moment(self.authored))),
                ("requester", some_text(self.requester).map(|_| reference(self.requester))),
                ("performer", references(self.performers)),
                ("occurrencePeriod", self.due.map(|due| period(None, Some(due)))),
                ("reasonCode", some_text(self.reason).map(|_| json!([concept_text(self.reason)]))),
                ("supportingInfo", references(self.supporting)),
                ("extension", self.disposition.as_ref().map(|disposition| json!([disposition.build()]))),
            ],
        )
    }
}

/// A booking.
#[derive(Debug, Clone)]
pub struct Appointment<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// `HealthcareService/…`
    pub service: &'a str,
    /// `Practitioner/…`
    pub practitioner: Option<&'a str>,
    /// `Location/…`
    pub location: Option<&'a str>,
    /// `Slot/…`
    pub slots: &'a [&'a str],
    /// Start.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// Now.
    pub created: Timestamp,
    /// A `need` code.
    pub need: &'a str,
    /// The need in words.
    pub need_label: &'a str,
    /// `in-person`, `phone` or `video`.
    pub mode: &'a str,
    /// The service's name as shown.
    pub description: &'a str,
    /// The reason in words.
    pub reason: &'a str,
    /// What to bring or do; empty for nothing.
    pub instruction: &'a str,
    /// `ServiceRequest/…`
    pub based_on: Option<&'a str>,
}

impl Appointment<'_> {
    /// The resource, `booked`, everybody `accepted`.
    pub fn build(&self) -> Value {
        let actors = [Some(self.person), Some(self.service), self.practitioner, self.location];
        let participants: Value = actors
            .into_iter()
            .flatten()
            .map(|actor| json!({ "actor": reference(actor), "status": "accepted" }))
            .collect();
        let minutes = (self.end.as_second() - self.start.as_second()) / 60;
        resource(
            "Appointment",
            [
                ("status", Some(json!("booked"))),
                ("serviceType", Some(json!([concept(system::CS_NEED, self.need, self.need_label)]))),
                ("reasonCode", some_text(self.reason).map(|_| json!([concept_text(self.reason)]))),
                ("description", some_text(self.description)),
                ("patientInstruction", some_text(self.instruction)),
                ("start", Some(moment(self.start))),
                ("end", Some(moment(self.end))),
                ("minutesDuration", (minutes > 0).then(|| json!(minutes))),
                ("created", Some(moment(self.created))),
                ("slot", references(self.slots)),
                ("basedOn", self.based_on.map(|to| json!([reference(to)]))),
                ("participant", Some(participants)),
                ("extension", some_text(self.mode).map(|_| json!([extension_code(system::EXT_MODE, self.mode)]))),
            ],
        )
    }
}

/// A message, a notification or an outcome told.
#[derive(Debug, Clone)]
pub struct Communication<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// Who says it.
    pub sender: Option<&'a str>,
    /// To whom.
    pub recipients: &'a [&'a str],
    /// Now.
    pub sent: Timestamp,
    /// `message`, `notification` or `outcome`.
    pub category: &'a str,
    /// The words.
    pub text: &'a str,
    /// `Communication/…` it answers.
    pub in_response_to: Option<&'a str>,
    /// What it is about.
    pub about: &'a [&'a str],
}

impl Communication<'_> {
    /// The resource, `completed`.
    pub fn build(&self) -> Value {
        resource(
            "Communication",
            [
                ("status", Some(json!("completed"))),
                ("category", Some(json!([concept(system::CS_CATEGORY, self.category, "")]))),
                ("subject", Some(reference(self.person))),
                ("sender", self.sender.map(reference)),
                ("recipient", references(self.recipients)),
                ("sent", Some(moment(self.sent))),
                ("payload", some_text(self.text).map(|text| json!([{ "contentString": text }]))),
                ("inResponseTo", self.in_response_to.map(|to| json!([reference(to)]))),
                ("about", references(self.about)),
            ],
        )
    }

    /// Notes that it was read.
    pub fn set_received(communication: &mut Value, now: Timestamp) {
        set(communication, "received", moment(now));
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A choice.
    Choice {
        /// The system of the code; empty for none.
        system: String,
        /// The code.
        code: String,
        /// The words chosen.
        display: String,
    },
    /// Words.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number, as written.
    Decimal(serde_json::Number),
    /// A day.
    Date(civil::Date),
    /// Something attached, such as a photo: `DocumentReference/…`
    Reference(String),
}

impl Answer {
    fn build(&self) -> Value {
        match self {
            Self::Choice { system, code, display } => json!({ "valueCoding": coding(system, code, display) }),
            Self::Text(text) => json!({ "valueString": text }),
            Self::Flag(flag) => json!({ "valueBoolean": flag }),
            Self::Integer(number) => json!({ "valueInteger": number }),
            Self::Decimal(number) => json!({ "valueDecimal": number }),
            Self::Date(day) => json!({ "valueDate": date(*day) }),
            Self::Reference(to) => json!({ "valueReference": reference(to) }),
        }
    }
}

/// One question and its answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The question's id in its pathway.
    pub link_id: String,
    /// The question as asked.
    pub text: String,
    /// What was answered.
    pub answers: Vec<Answer>,
}

/// The answers to a pathway's questions.
#[derive(Debug, Clone)]
pub struct QuestionnaireResponse<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// The pathway's id.
    pub pathway: &'a str,
    /// The pathway's version.
    pub version: &'a str,
    /// Now.
    pub authored: Timestamp,
    /// Who filled it in.
    pub author: &'a str,
    /// Whose words they are.
    pub source: &'a str,
    /// `web`, `phone`, `desk`, `letter` or `practice`.
    pub channel: &'a str,
    /// Questions in the order asked.
    pub items: &'a [Item],
}

impl QuestionnaireResponse<'_> {
    /// The resource, `completed`.
    pub fn build(&self) -> Value {
        let item = |item: &Item| {
            let answers: Vec<Value> = item.answers.iter().map(Answer::build).collect();
            object([
                ("linkId", some_text(&item.link_id)),
                ("text", some_text(&item.text)),
                ("answer", (!answers.is_empty()).then_some(Value::Array(answers))),
            ])
        };
        let items: Value = self.items.iter().map(item).collect();
        resource(
            "QuestionnaireResponse",
            [
                ("status", Some(json!("completed"))),
                ("questionnaire", Some(json!(format!("{}/{}|{}", system::PATHWAY, self.pathway, self.version)))),
                ("subject", Some(reference(self.person))),
                ("authored", Some(moment(self.authored))),
                ("author", Some(reference(self.author))),
                ("source", Some(reference(self.source))),
                ("extension", Some(json!([extension_code(system::EXT_CHANNEL, self.channel)]))),
                ("item", (!self.items.is_empty()).then_some(items)),
            ],
        )
    }
}
