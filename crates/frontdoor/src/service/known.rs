//! What the record knows of a person, read once for an ask.

use std::sync::Arc;

use jiff::Timestamp;
use kith_contact::Party;
use kith_directory::{Directory, PersonFacts, words};
use kith_fhir::{Value, views};
use kith_handover::Person;
use kith_trust::{Access, Action, DataKind, Error as Door, Record};

use crate::{
    Facts, Weights,
    route::{Continuity, Seen},
    service::Error,
};

pub(super) struct Known {
    pub facts: Facts,
    pub record: Arc<Record>,
    pub now: Timestamp,
}

/// A visit that took place, or is about to.
struct Visit {
    need: Option<String>,
    by: Option<String>,
    clinician: Option<String>,
    when: jiff::civil::Date,
}

impl Known {
    /// Reads the record as Kith's pathway, for an actor who may ask for this person.
    pub async fn read(access: &Access, patient_id: &str) -> Result<Self, Error> {
        for kind in [DataKind::Contribution, DataKind::Administrative] {
            if !access.may(patient_id, Action::Write, kind).await? {
                // Leaves the attempt in the audit trail, and answers as the door would.
                access.open(patient_id).await?;
                return Err(Door::Refused { why: "you may not ask for help for this person".to_owned() }.into());
            }
        }
        let now = access.now();
        let record = access.as_pathway().open(patient_id).await?;
        let today = words::london(now).date();
        let resources = record.entries().iter().map(|entry| entry.value.as_ref());
        let facts = Facts::from_record(record.patient(), resources, today)?;
        Ok(Self { facts, record, now })
    }

    pub fn patient(&self) -> &Value {
        self.record.patient()
    }

    pub fn reference(&self) -> String {
        format!("Patient/{}", self.record.patient_id)
    }

    pub fn name(&self) -> String {
        views::Patient::of(self.patient()).map(|patient| patient.name()).unwrap_or_default()
    }

    pub fn person(&self) -> Person {
        Person { id: self.record.patient_id.clone(), name: self.name() }
    }

    /// Who asks: the person or their proxy. Staff who write down what somebody says do not ask themselves.
    pub fn requester(&self, author: &Party) -> Party {
        if author.reference.starts_with("Patient/") || author.reference.starts_with("RelatedPerson/") {
            author.clone()
        } else {
            Party::new(&self.reference(), &self.name())
        }
    }

    /// What the directory needs to know.
    pub fn person_facts(&self, directory: &Directory, needed_by: Timestamp) -> PersonFacts {
        let flags = self.record.values("Flag");
        let mut person = PersonFacts::from_patient(self.patient(), flags, self.now);
        person.needed_by = Some(needed_by);
        // Where they are a patient already. A practice is known by registration alone.
        let practice = |reference: &str| {
            directory.service(reference).is_some_and(|service| service.kind == "general-practice")
                || directory.services_of(reference).any(|service| service.kind == "general-practice")
        };
        let mut known: Vec<String> = self.visits().filter_map(|visit| visit.by).filter(|by| !practice(by)).collect();
        known.sort_unstable();
        known.dedup();
        person.known_to = known;
        person
    }

    /// Who knows the person, for this need.
    pub fn continuity(&self, need: &str, weights: &Weights) -> Continuity {
        let since = self.facts.on.saturating_sub(jiff::Span::new().days(weights.continuity.recent_days));
        let seen = self
            .visits()
            .filter(|visit| visit.need.as_deref() == Some(need) && visit.when >= since && visit.when <= self.facts.on)
            .map(|visit| Seen { by: visit.by, clinician: visit.clinician, when: visit.when });
        Continuity {
            long_term: self.facts.conditions.iter().any(|fact| fact.active && weights.is_long_term(&fact.text)),
            usual_clinician: views::Patient::of(self.patient())
                .and_then(|patient| patient.usual_clinician().map(str::to_owned)),
            seen: seen.collect(),
        }
    }

    fn visits(&self) -> impl Iterator<Item = Visit> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let day = |at: Timestamp| words::london(at).date();
        let met = self.record.values("Appointment").filter_map(views::Appointment::of).filter_map(move |a| {
            (a.status() == Some("fulfilled")).then_some(())?;
            Some(Visit {
                need: owned(a.need()),
                by: owned(a.service()),
                clinician: owned(a.participant("Practitioner")),
                when: day(a.start()?),
            })
        });
        let seen = self.record.values("Encounter").filter_map(views::Encounter::of).filter_map(move |e| {
            (e.status() == Some("finished")).then_some(())?;
            Some(Visit {
                need: views::common::code_in(e.resource().get("serviceType")?, kith_fhir::system::CS_NEED)
                    .map(str::to_owned),
                by: owned(e.provider()),
                clinician: owned(e.practitioner()),
                when: day(e.start()?),
            })
        });
        met.chain(seen)
    }
}
