//! Constructors for what the rooms write, shaped as `docs/record.md` says.
//!
//! References are given as text (`Patient/…`). Moments are written in Europe/London with their offset. What is optional
//! and absent is left out, never written as null.
//!
//! ```
//! use kith_fhir::{build, views};
//!
//! let now = "2026-03-28T12:00:00Z".parse()?;
//! let due = "2026-03-29T12:00:00Z".parse()?;
//! let task = build::Task {
//!     kind: "callback",
//!     person: "Patient/p1",
//!     owner: "HealthcareService/front-desk",
//!     due,
//!     authored: now,
//!     priority: "routine",
//!     description: "Ring back about an appointment",
//!     requester: Some("Patient/p1"),
//!     focus: None,
//! }
//! .build();
//! let seen = views::Task::of(&task).expect("it is a Task");
//! assert_eq!(seen.owner(), Some("HealthcareService/front-desk"));
//! assert_eq!(seen.due(), Some(due));
//! // The clocks go forward in between: written as people will read it.
//! assert!(task.to_string().contains("2026-03-29T13:00:00+01:00"));
//! # Ok::<(), jiff::Error>(())
//! ```

use jiff::{Timestamp, civil};
use serde_json::{Map, Value, json};

use crate::{search::date::london, system};

/// `{"reference": "Type/id"}`.
pub fn reference(to: &str) -> Value {
    json!({ "reference": to })
}

/// A reference with the name of what it points to.
pub fn reference_display(to: &str, display: &str) -> Value {
    json!({ "reference": to, "display": display })
}

/// A Coding; an empty `display` is left out.
pub fn coding(system: &str, code: &str, display: &str) -> Value {
    object([("system", some_text(system)), ("code", some_text(code)), ("display", some_text(display))])
}

/// A CodeableConcept of one coding, with `display` as its text too; an empty `display` is left out.
pub fn concept(system: &str, code: &str, display: &str) -> Value {
    object([("coding", Some(json!([coding(system, code, display)]))), ("text", some_text(display))])
}

/// A CodeableConcept of words alone.
pub fn concept_text(text: &str) -> Value {
    json!({ "text": text })
}

/// An Identifier.
pub fn identifier(system: &str, value: &str) -> Value {
    json!({ "system": system, "value": value })
}

/// A Period; an end that is `None` is open.
pub fn period(start: Option<Timestamp>, end: Option<Timestamp>) -> Value {
    object([("start", start.map(moment)), ("end", end.map(moment))])
}

/// A moment as an `instant` or `dateTime`: civil time in London with its offset, to the second, or to the microsecond
/// where it has any.
pub fn instant(at: Timestamp) -> String {
    let zoned = at.to_zoned(london().clone());
    let pattern = if at.subsec_nanosecond() == 0 { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S.%6f%:z" };
    zoned.strftime(pattern).to_string()
}

fn moment(at: Timestamp) -> Value {
    Value::String(instant(at))
}

/// A `date`: `2026-03-29`.
pub fn date(day: civil::Date) -> String {
    day.to_string()
}

/// An extension with one value: `key` is the name of the element (`valueCode`, `valueReference`, …).
pub fn extension(url: &str, key: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert("url".into(), json!(url));
    map.insert(key.into(), value);
    Value::Object(map)
}

/// An extension with `valueCode`.
pub fn extension_code(url: &str, code: &str) -> Value {
    extension(url, "valueCode", json!(code))
}

/// An extension with `valueString`.
pub fn extension_string(url: &str, text: &str) -> Value {
    extension(url, "valueString", json!(text))
}

/// An extension with `valueBoolean`.
pub fn extension_boolean(url: &str, flag: bool) -> Value {
    extension(url, "valueBoolean", json!(flag))
}

/// An extension with `valueInteger`.
pub fn extension_integer(url: &str, number: i64) -> Value {
    extension(url, "valueInteger", json!(number))
}

/// An extension with `valueDecimal`.
pub fn extension_decimal(url: &str, number: f64) -> Value {
    extension(url, "valueDecimal", json!(number))
}

/// An extension with `valueReference`.
pub fn extension_reference(url: &str, to: &str) -> Value {
    extension(url, "valueReference", reference(to))
}

/// An extension with `valueCodeableConcept`.
pub fn extension_concept(url: &str, concept: Value) -> Value {
    extension(url, "valueCodeableConcept", concept)
}

/// An extension made of others; their urls are short names such as `latitude`.
pub fn extension_nested(url: &str, parts: Vec<Value>) -> Value {
    json!({ "url": url, "extension": parts })
}

/// The extension that carries a place: decimal degrees, WGS84. `url` is [`system::EXT_HOME_LOCATION`] on a Patient,
/// [`system::EXT_GEOLOCATION`] on an address.
pub fn extension_position(url: &str, latitude: f64, longitude: f64) -> Value {
    extension_nested(url, vec![extension_decimal("latitude", latitude), extension_decimal("longitude", longitude)])
}

/// Adds an extension to a resource or element, beside others of the same url.
pub fn add_extension(element: &mut Value, extension: Value) {
    push(element, "extension", extension);
}

/// Puts an extension in place of those with the same url.
pub fn set_extension(element: &mut Value, extension: Value) {
    remove_extension(element, extension.get("url").and_then(Value::as_str).unwrap_or_default());
    add_extension(element, extension);
}

/// Takes away the extensions with this url.
pub fn remove_extension(element: &mut Value, url: &str) {
    let Some(map) = element.as_object_mut() else { return };
    if let Some(Value::Array(items)) = map.get_mut("extension") {
        items.retain(|item| item.get("url").and_then(Value::as_str) != Some(url));
        if items.is_empty() {
            map.remove("extension");
        }
    }
}

/// Gives a resource its id.
pub fn with_id(mut resource: Value, id: &str) -> Value {
    set(&mut resource, "id", json!(id));
    resource
}

/// Sets one element of a resource; null takes it away.
pub fn set(resource: &mut Value, key: &str, value: Value) {
    let Some(map) = resource.as_object_mut() else { return };
    if value.is_null() {
        map.remove(key);
    } else {
        map.insert(key.to_owned(), value);
    }
}

/// Sets `status`.
pub fn set_status(resource: &mut Value, status: &str) {
    set(resource, "status", json!(status));
}

/// Appends to a repeating element.
pub fn push(resource: &mut Value, key: &str, item: Value) {
    let Some(map) = resource.as_object_mut() else { return };
    match map.get_mut(key) {
        Some(Value::Array(items)) => items.push(item),
        _ => {
            map.insert(key.to_owned(), Value::Array(vec![item]));
        }
    }
}

fn some_text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!(text))
}

fn references(to: &[&str]) -> Option<Value> {
    (!to.is_empty()).then(|| to.iter().map(|to| reference(to)).collect())
}

/// An object of the elements that are there.
fn object<const N: usize>(elements: [(&str, Option<Value>); N]) -> Value {
    let there = elements.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect())
}

fn resource<const N: usize>(kind: &str, elements: [(&str, Option<Value>); N]) -> Value {
    let mut resource = object(elements);
    set(&mut resource, "resourceType", json!(kind));
    resource
}

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

/// A person seen.
#[derive(Debug, Clone)]
pub struct Encounter<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// v3 ActCode: `AMB` (face to face), `VR` (phone or video), `HH` (at home).
    pub class: &'a str,
    /// `Organization/…`
    pub provider: &'a str,
    /// `Practitioner/…`
    pub practitioner: &'a str,
    /// Start.
    pub start: Timestamp,
    /// End.
    pub end: Timestamp,
    /// The reason in words.
    pub reason: &'a str,
    /// A `need` code; empty for none.
    pub need: &'a str,
    /// `Appointment/…`
    pub appointment: Option<&'a str>,
    /// `ServiceRequest/…`
    pub based_on: Option<&'a str>,
}

impl Encounter<'_> {
    /// The resource, `finished`.
    pub fn build(&self) -> Value {
        const CLASS: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        resource(
            "Encounter",
            [
                ("status", Some(json!("finished"))),
                ("class", Some(coding(CLASS, self.class, ""))),
                ("serviceType", some_text(self.need).map(|_| concept(system::CS_NEED, self.need, ""))),
                ("subject", Some(reference(self.person))),
                ("participant", Some(json!([{ "individual": reference(self.practitioner) }]))),
                ("period", Some(period(Some(self.start), Some(self.end)))),
                ("reasonCode", some_text(self.reason).map(|_| json!([concept_text(self.reason)]))),
                ("serviceProvider", Some(reference(self.provider))),
                ("appointment", self.appointment.map(|to| json!([reference(to)]))),
                ("basedOn", self.based_on.map(|to| json!([reference(to)]))),
            ],
        )
    }
}

/// What was found and decided: the note.
#[derive(Debug, Clone)]
pub struct ClinicalImpression<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// `Encounter/…`
    pub encounter: &'a str,
    /// `Practitioner/…`
    pub assessor: &'a str,
    /// Now.
    pub date: Timestamp,
    /// The note.
    pub summary: &'a str,
}

impl ClinicalImpression<'_> {
    /// The resource, `completed`.
    pub fn build(&self) -> Value {
        resource(
            "ClinicalImpression",
            [
                ("status", Some(json!("completed"))),
                ("subject", Some(reference(self.person))),
                ("encounter", Some(reference(self.encounter))),
                ("assessor", Some(reference(self.assessor))),
                ("date", Some(moment(self.date))),
                ("summary", some_text(self.summary)),
            ],
        )
    }
}

/// Something the person needs to get in and be understood.
#[derive(Debug, Clone)]
pub struct AccessNeed<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// In words: `Step-free access`, `British Sign Language`.
    pub text: &'a str,
    /// Since when.
    pub since: Timestamp,
}

impl AccessNeed<'_> {
    /// The Flag, `active`.
    pub fn build(&self) -> Value {
        resource(
            "Flag",
            [
                ("status", Some(json!("active"))),
                ("category", Some(json!([concept(system::CS_CATEGORY, "access-need", "")]))),
                ("code", Some(concept_text(self.text))),
                ("subject", Some(reference(self.person))),
                ("period", Some(period(Some(self.since), None))),
            ],
        )
    }
}

/// Somebody who may act for the person.
#[derive(Debug, Clone)]
pub struct Proxy<'a> {
    /// The person acted for: `Patient/…`
    pub person: &'a str,
    /// The one who may act: `Patient/…`
    pub proxy: &'a str,
    /// The proxy's name.
    pub name: &'a str,
    /// What they are to the person, in words: `Mother`.
    pub relationship: &'a str,
    /// Since when.
    pub since: Timestamp,
    /// Until when, where it ends.
    pub until: Option<Timestamp>,
}

impl Proxy<'_> {
    /// The RelatedPerson in the person's compartment, active.
    pub fn build(&self) -> Value {
        resource(
            "RelatedPerson",
            [
                ("active", Some(json!(true))),
                ("patient", Some(reference(self.person))),
                ("relationship", some_text(self.relationship).map(|_| json!([concept_text(self.relationship)]))),
                ("name", some_text(self.name).map(|name| json!([{ "text": name }]))),
                ("period", Some(period(Some(self.since), self.until))),
                ("extension", Some(json!([extension_reference(system::EXT_PROXY_PATIENT, self.proxy)]))),
            ],
        )
    }
}

/// A photo or letter, without its bytes.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// `Patient/…`
    pub person: &'a str,
    /// `Binary/…`
    pub binary: &'a str,
    /// `image/jpeg`, `application/pdf`, …
    pub content_type: &'a str,
    /// What it is, in words.
    pub title: &'a str,
    /// How many bytes.
    pub size: u64,
    /// Now.
    pub date: Timestamp,
    /// Who made it.
    pub author: &'a str,
}

impl Document<'_> {
    /// The DocumentReference, `current`.
    pub fn build(&self) -> Value {
        let attachment = object([
            ("contentType", some_text(self.content_type)),
            ("url", some_text(self.binary)),
            ("size", Some(json!(self.size))),
            ("title", some_text(self.title)),
            ("creation", Some(moment(self.date))),
        ]);
        resource(
            "DocumentReference",
            [
                ("status", Some(json!("current"))),
                ("subject", Some(reference(self.person))),
                ("date", Some(moment(self.date))),
                ("author", Some(json!([reference(self.author)]))),
                ("description", some_text(self.title)),
                ("content", Some(json!([{ "attachment": attachment }]))),
            ],
        )
    }
}

/// The bytes of a document, in the person's compartment. `data` is base64.
pub fn binary(person: &str, content_type: &str, data: &str) -> Value {
    json!({
        "resourceType": "Binary",
        "contentType": content_type,
        "securityContext": reference(person),
        "data": data,
    })
}
