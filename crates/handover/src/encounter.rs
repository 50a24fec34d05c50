//! Writing down that a person was seen, what was found and what happens next, and telling everybody who should know, in
//! one act.

use jiff::{SignedDuration, Timestamp};
use kith_contact::{Category, Notification, Party, TemplateId};
use kith_fhir::{Value, build, json, system};

use crate::kind::{TaskKind, Urgency, acknowledge_due};
use crate::observation::{self, Entered};
use crate::referral::{
    self, Ending, Loop, Outcome, Person, Told, Voice, can_close, referring_team, task_for, tell, tell_team, with_team,
};
use crate::work::{Refusal, Step, said, step};
use crate::writes::Writes;

/// Where and how a person was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    InPerson,
    /// Phone or video.
    Remote,
    AtHome,
}

impl Setting {
    /// HL7 v3 ActCode.
    fn class(self) -> &'static str {
        match self {
            Self::InPerson => "AMB",
            Self::Remote => "VR",
            Self::AtHome => "HH",
        }
    }
}

/// A problem found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub text: String,
    /// SNOMED CT, if one was chosen.
    pub snomed: Option<String>,
}

/// A medicine given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medicine {
    pub text: String,
    /// dm+d, if one was chosen.
    pub dmd: Option<String>,
    /// How to take it, in words.
    pub dose: String,
    /// Handed over now (`true`), or prescribed for a pharmacy to supply.
    pub supplied: bool,
}

/// Something to be done later by a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// A short line without clinical detail.
    pub what: String,
    /// `HealthcareService/…`; the actor's own team if `None`.
    pub team: Option<Party>,
    pub due: Timestamp,
}

/// What a professional writes after seeing somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct EncounterNote {
    /// Id of the person.
    pub patient: String,
    /// `Appointment/…` they came by.
    pub appointment: Option<String>,
    /// `Task/…` this answers.
    pub task: Option<String>,
    /// The actor's own `HealthcareService/…`; the first of theirs if `None`.
    pub service: Option<String>,
    pub setting: Setting,
    /// Why they came, in a line.
    pub reason: String,
    /// What was found and thought; clinicians read it, and the person in their record.
    pub note: String,
    /// What came of it and what happens next, in plain words for the person.
    pub outcome: String,
    pub observations: Vec<Entered>,
    pub problem: Option<Problem>,
    pub medicines: Vec<Medicine>,
    pub follow_up: Option<FollowUp>,
}

/// What the note is written upon: everything read from the record that it closes.
#[derive(Debug, Clone)]
pub struct Context {
    pub person: Person,
    pub by: Voice,
    /// `Organization/…` of the actor.
    pub organization: String,
    pub appointment: Option<(Value, u32)>,
    /// The request this answers with its open Task, if there is one.
    pub request: Option<Loop>,
    /// A request this answers that has no open Task of its own (it was booked at once).
    pub booked_request: Option<(Value, u32)>,
    /// Other open Tasks that this finishes, with their versions.
    pub tasks: Vec<(Value, u32)>,
    /// The registered practice's team, when it is another organisation's.
    pub practice: Option<Party>,
    pub now: Timestamp,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// `Encounter/…`
    pub encounter: String,
    /// `Communication/…` that told the person.
    pub told_person: String,
    /// `Communication/…` that told the registered practice, if it is another organisation.
    pub told_practice: Option<String>,
}

/// Works out everything a note writes.
pub fn plan(note: &EncounterNote, context: &Context) -> Result<(Writes, Recorded), Refusal> {
    let reason = said(&note.reason, "why the person came")?;
    let words = said(&note.note, "what you found")?;
    let outcome = said(&note.outcome, "what came of it, for the person")?;
    let (person, by, now) = (&context.person, &context.by, context.now);
    let subject = format!("Patient/{}", person.id);
    let mut writes = Writes::default();

    let asked = context.request.as_ref().map(|l| &l.request).or(context.booked_request.as_ref().map(|(r, _)| r));
    let request = asked.map(kith_contact::fields::own_reference);
    let appointment = context.appointment.as_ref().map(|(a, _)| kith_contact::fields::own_reference(a));
    let need = asked.and_then(|r| referral::need_of(r).0).unwrap_or_default();
    let start = context
        .appointment
        .as_ref()
        .and_then(|(a, _)| kith_contact::time::at(a, "/start"))
        .filter(|start| *start <= now && now.duration_since(*start) < SignedDuration::from_hours(12))
        .unwrap_or(now);
    let mut encounter = build::Encounter {
        person: &subject,
        class: note.setting.class(),
        provider: &context.organization,
        practitioner: &by.who.reference,
        start,
        end: now,
        reason,
        need,
        appointment: appointment.as_deref(),
        based_on: request.as_deref(),
    }
    .build();
    build::set(&mut encounter, "participant", json!([{ "individual": by.who.reference() }]));
    let encounter = writes.create(encounter);
    writes.create(
        build::ClinicalImpression {
            person: &subject,
            encounter: &encounter,
            assessor: &by.who.reference,
            date: now,
            summary: words,
        }
        .build(),
    );
    clinical(note, context, &subject, &encounter, &mut writes)?;

    if let Some((appointment, version)) = &context.appointment {
        let mut done = appointment.clone();
        build::set_status(&mut done, "fulfilled");
        writes.update(done, *version);
    }

    // Everybody who should know: the person, whoever asked, and the practice they are registered with.
    let for_all = Outcome { to_person: outcome.to_owned(), to_referrer: words.to_owned() };
    let told_person = match &context.request {
        Some(open) => {
            let closing = referral::close(open, Ending::Done, &for_all, by, person, now)?;
            let told = told_by(&closing, &subject);
            writes.append(closing);
            told
        }
        None => {
            let about = [encounter.as_str()];
            let person_party = Party::new(&subject, &person.name);
            let told = tell(&mut writes, Category::Outcome, &by.team, &[person_party], person, outcome, &about, now);
            writes.notify(
                format!("outcome/{encounter}"),
                with_team(Notification::new(&person.id, TemplateId::OutcomeReady), &by.team).about(&encounter),
            );
            told
        }
    };
    let referrer = asked.and_then(referring_team);
    let mut told = vec![told_person.clone()];
    if let Some((booked, version)) = &context.booked_request {
        if let Some(team) = referrer.as_ref().filter(|team| team.reference != by.team.reference) {
            told.push(tell_and_ask_to_read(&mut writes, team, &for_all, &encounter, context));
        }
        let mut done = booked.clone();
        build::set_status(&mut done, "completed");
        writes.update(done, *version);
    }
    let told_practice = context
        .practice
        .as_ref()
        // A practice that asked has been told already, and one that saw the person knows.
        .filter(|practice| referrer.as_ref().is_none_or(|from| from.reference != practice.reference))
        .filter(|practice| practice.reference != by.team.reference)
        .map(|practice| tell_and_ask_to_read(&mut writes, practice, &for_all, &encounter, context));
    told.extend(told_practice.clone());

    for (task, version) in &context.tasks {
        can_close(task, Told { person: true, referrer: false })?;
        let done = Step::Complete { outcome: outcome.to_owned(), told: told.clone() };
        writes.update(step(task, &done, &by.who, now)?, *version);
    }
    if let Some(next) = &note.follow_up {
        let what = said(&next.what, "what to follow up")?;
        writes.create(task_for(
            TaskKind::FollowUp,
            person,
            next.team.as_ref().unwrap_or(&by.team),
            &by.who,
            &encounter,
            Urgency::Routine,
            next.due.max(now),
            what,
            now,
        ));
    }
    Ok((writes, Recorded { encounter, told_person, told_practice }))
}

/// Tells a team, and gives it a Task to read it. Returns the Communication's reference.
fn tell_and_ask_to_read(
    writes: &mut Writes,
    team: &Party,
    outcome: &Outcome,
    encounter: &str,
    context: &Context,
) -> String {
    let (by, person, now) = (&context.by, &context.person, context.now);
    let message = tell_team(writes, team, outcome, by, person, &[encounter], now);
    writes.create(task_for(
        TaskKind::Result,
        person,
        team,
        &by.who,
        &message,
        Urgency::Routine,
        acknowledge_due(now),
        &format!("Seen by {}", by.team.name),
        now,
    ));
    message
}

fn clinical(
    note: &EncounterNote,
    context: &Context,
    subject: &str,
    encounter: &str,
    writes: &mut Writes,
) -> Result<(), Refusal> {
    let (by, now) = (&context.by, context.now);
    let author = by.who.reference();
    let base = json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
        }] }],
        "subject": build::reference(subject),
        "encounter": build::reference(encounter),
        "effectiveDateTime": build::instant(now),
        "performer": [author],
    });
    for observation in observation::build_all(&note.observations, &base)? {
        writes.create(observation);
    }
    if let Some(problem) = &note.problem {
        let text = said(&problem.text, "the problem")?;
        writes.create(json!({
            "resourceType": "Condition",
            "clinicalStatus": { "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active",
            }] },
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis",
            }] }],
            "code": coded(system::SNOMED, problem.snomed.as_deref(), text),
            "subject": build::reference(subject),
            "encounter": build::reference(encounter),
            "recordedDate": build::instant(now),
            "recorder": author,
        }));
    }
    for medicine in &note.medicines {
        let text = said(&medicine.text, "the medicine")?;
        let dose = said(&medicine.dose, "how to take the medicine")?;
        let mut request = json!({
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": coded(system::DMD, medicine.dmd.as_deref(), text),
            "subject": build::reference(subject),
            "encounter": build::reference(encounter),
            "authoredOn": build::instant(now),
            "requester": author,
            "dosageInstruction": [{ "text": dose }],
        });
        if medicine.supplied {
            request["dispenseRequest"] = json!({ "performer": build::reference(&context.organization) });
            request["note"] = json!([{ "text": "Supplied when seen" }]);
        }
        writes.create(request);
    }
    Ok(())
}

fn coded(system: &str, code: Option<&str>, text: &str) -> Value {
    match code {
        Some(code) => build::concept(system, code, text),
        None => build::concept_text(text),
    }
}

/// The Communication among these that goes to the person.
fn told_by(writes: &Writes, subject: &str) -> String {
    writes
        .creates
        .iter()
        .find(|c| {
            Category::of(c) == Some(Category::Outcome)
                && kith_contact::fields::items(c, "recipient")
                    .any(|r| kith_contact::fields::text(r, "/reference") == Some(subject))
        })
        .map(kith_contact::fields::own_reference)
        .unwrap_or_default()
}
