//! Being seen, what people need, who may act for them, and documents.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    coding, concept, concept_text, extension_reference, moment, object, period, reference, resource, some_text,
};
use crate::system;

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
