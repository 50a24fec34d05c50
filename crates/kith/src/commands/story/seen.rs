//! Being seen: the day list, the record, the note, and who knows what came of it.

use anyhow::Context;
use jiff::Timestamp;
use kith_directory::words;
use kith_fhir::views;
use kith_handover::encounter::{EncounterNote, Medicine, Setting};
use kith_handover::{Outcome, ReferralRequest, RequestKind, State, Urgency, Work};
use kith_trust::{DataKind, Error, Record};

use super::Story;
use super::asked::Help;
use super::people::{Someone, Staff};

/// Somebody who has a time, and what the professional will find and do.
pub(super) struct Visit {
    pub id: String,
    pub name: String,
    pub appointment: String,
    pub request: String,
    pub task: String,
    pub service: String,
    pub service_name: String,
    pub start: Timestamp,
    pub who: Option<String>,
    pub note: Note,
}

/// What is written after a visit.
#[derive(Clone, Copy)]
pub(super) struct Note {
    pub reason: &'static str,
    pub found: &'static str,
    pub outcome: &'static str,
    /// Medicine and how to take it.
    pub medicine: Option<(&'static str, &'static str)>,
    /// Words that must be found among the medicines or problems on record before the person is seen.
    pub must_know: Option<&'static str>,
    pub at_home: bool,
}

impl Visit {
    /// The visit that a booking leads to; `None` for a request.
    pub fn of(person: &Someone, help: &Help, note: Note) -> Option<Self> {
        let Help::Booked { made, who } = help else { return None };
        Some(Self {
            id: person.id.clone(),
            name: person.name.clone(),
            appointment: made.appointment.clone(),
            request: made.service_request.clone(),
            task: made.task.clone(),
            service: made.service.reference.clone(),
            service_name: made.service.name.clone(),
            start: made.start,
            who: who.clone(),
            note,
        })
    }
}

fn status_of<'a>(record: &'a Record, reference: &str) -> Option<&'a str> {
    record.get(reference).and_then(|entry| entry.value["status"].as_str())
}

fn words_of<'a>(record: &'a Record, communication: &str) -> Option<&'a str> {
    record.get(communication)?.value["payload"][0]["contentString"].as_str()
}

/// Whether any problem or medicine of the record is called so.
fn knows(record: &Record, word: &str) -> bool {
    let named = |value: &kith_fhir::Value, key: &str| value[key].to_string().to_lowercase().contains(word);
    record.values("MedicationRequest").any(|m| named(m, "medicationCodeableConcept"))
        || record.values("Condition").any(|c| named(c, "code"))
}

impl Story {
    /// A visit from the day list to everybody knowing its outcome.
    pub(super) async fn see(&mut self, visit: &Visit) -> anyhow::Result<()> {
        self.clock_to(visit.start);
        let staff = self.clinician(&visit.service, visit.who.as_deref())?;
        self.title(&format!("{} is seen at {}", visit.name, visit.service_name));
        self.before(visit, &staff).await?;
        let recorded = self.write_down(visit, &staff).await?;
        self.everybody_knows(visit, &staff, &recorded).await
    }

    async fn before(&mut self, visit: &Visit, staff: &Staff) -> anyhow::Result<()> {
        let day = words::london(visit.start).date();
        let list = kith_booking::day_list(&staff.access, &self.directory, &visit.service, day).await?;
        let line = list.iter().find(|entry| entry.appointment.reference == visit.appointment);
        self.promise(
            line.is_some_and(|entry| entry.appointment.patient.name.contains(&visit.name)),
            &format!(
                "{}, has {} on the day list, with a reason, among {} of the day.",
                staff.line(),
                visit.name,
                list.len()
            ),
        );
        kith_booking::arrive(&staff.access, &visit.appointment).await?;
        let record = staff.access.open(&visit.id).await?;
        let answers =
            views::ServiceRequest::of(&record.get(&visit.request).context("the request is not in the record")?.value)
                .is_some_and(|request| {
                    request
                        .supporting()
                        .iter()
                        .any(|s| s.starts_with("QuestionnaireResponse/") && record.get(s).is_some())
                });
        let clinical = record.withheld.iter().all(|w| w.kind != DataKind::Clinical);
        self.promise(
            answers && clinical,
            &format!(
                "With the booking comes the record, {} entries, and the answers given: nothing is asked twice.",
                record.entries().len()
            ),
        );
        if let Some(word) = visit.note.must_know {
            self.promise(
                knows(&record, word),
                &format!("Before anything is done, {} sees \"{word}\" on record.", staff.name),
            );
        }
        let alerts = kith_contact::Preferences::of(&record).alerts();
        if !alerts.is_empty() {
            self.say(&format!("Beside the name: {}.", alerts.join("; ")));
        }
        Ok(())
    }

    async fn write_down(&mut self, visit: &Visit, staff: &Staff) -> anyhow::Result<kith_handover::Recorded> {
        self.minutes_pass(12);
        let medicines = visit.note.medicine.map(|(text, dose)| Medicine {
            text: text.to_owned(),
            dmd: None,
            dose: dose.to_owned(),
            supplied: true,
        });
        let note = EncounterNote {
            patient: visit.id.clone(),
            appointment: Some(visit.appointment.clone()),
            task: None,
            service: Some(visit.service.clone()),
            setting: if visit.note.at_home { Setting::AtHome } else { Setting::InPerson },
            reason: visit.note.reason.to_owned(),
            note: visit.note.found.to_owned(),
            outcome: visit.note.outcome.to_owned(),
            observations: Vec::new(),
            problem: None,
            medicines: medicines.into_iter().collect(),
            follow_up: None,
        };
        let recorded = kith_handover::record_encounter(&staff.access, &note).await?;
        self.say(&format!("{} writes down what was found, and what {} is told:", staff.name, visit.name));
        self.quote(visit.note.outcome);
        Ok(recorded)
    }

    async fn everybody_knows(
        &mut self,
        visit: &Visit,
        staff: &Staff,
        recorded: &kith_handover::Recorded,
    ) -> anyhow::Result<()> {
        let person = self.someone(&visit.id, &visit.name);
        let mine = person.access.open(&visit.id).await?;
        self.promise(
            words_of(&mine, &recorded.told_person).is_some_and(|words| words.contains(visit.note.outcome)),
            &format!("{} can read the outcome in Kith.", visit.name),
        );
        let open = mine.values("Task").filter_map(Work::of).any(|w| {
            w.is_open()
                && (w.reference == visit.task
                    || [&visit.request, &visit.appointment].iter().any(|r| w.focus.as_ref() == Some(r)))
        });
        self.promise(
            status_of(&mine, &visit.appointment) == Some("fulfilled")
                && status_of(&mine, &visit.request) == Some("completed")
                && status_of(&mine, &visit.task) == Some("completed")
                && !open,
            "The appointment is fulfilled, the request answered, and no work is left open behind it.",
        );
        let practice = self.practice_of(&visit.id).await?;
        let gp = self.staff(&practice, "gp", None)?;
        let theirs = gp.access.open(&visit.id).await?;
        let told = recorded.told_practice.as_deref().is_some_and(|told| words_of(&theirs, told).is_some());
        let own = gp.access.actor().organization == staff.access.actor().organization;
        self.promise(
            (told || own) && theirs.get(&recorded.encounter).is_some(),
            &format!("{} is told, and {} can read the visit there.", gp.place, gp.name),
        );
        Ok(())
    }

    /// A GP asks whoever saw the person for advice; it cannot be closed in silence, and both hear the answer.
    pub(super) async fn advice(&mut self, visit: &Visit, question: &str, answer: Outcome) -> anyhow::Result<()> {
        self.minutes_pass(20);
        let practice = self.practice_of(&visit.id).await?;
        let gp = self.staff(&practice, "gp", None)?;
        self.title(&format!("{} asks {} for advice", gp.name, visit.service_name));
        let asked = ReferralRequest {
            patient: visit.id.clone(),
            to_service: visit.service.clone(),
            from_service: Some(practice.clone()),
            kind: RequestKind::Advice,
            need: "urgent-eye".to_owned(),
            need_label: self.directory.needs().label("urgent-eye").to_owned(),
            reason: visit.note.reason.to_owned(),
            question: question.to_owned(),
            urgency: Urgency::SameDay,
            attachments: Vec::new(),
            transfer_of_responsibility: false,
        };
        let made = kith_handover::refer(&gp.access, &asked).await?;
        self.quote(question);
        let staff = self.clinician(&visit.service, visit.who.as_deref())?;
        let questions = kith_handover::Filter {
            kinds: vec![kith_handover::TaskKind::Advice],
            page_size: 200,
            ..kith_handover::Filter::default()
        };
        let list = kith_handover::worklist(&staff.access, &questions).await?;
        let item = list.items.iter().find(|item| item.work.reference == made.task);
        self.promise(
            item.is_some_and(|item| item.work.owner.reference == visit.service && !item.overdue),
            &format!(
                "The question is on the worklist of {}: {}.",
                visit.service_name,
                item.map_or("nowhere", |item| item.due_words.as_str())
            ),
        );
        self.minutes_pass(15);
        kith_handover::accept(&staff.access, &made.task).await?;
        let silent = kith_handover::answer(&staff.access, &made.task, &Outcome::same(" ")).await;
        self.promise(silent.is_err(), "It cannot be closed without an answer.");
        let told_gp = answer.to_referrer.clone();
        let told_person = answer.to_person.clone();
        kith_handover::answer(&staff.access, &made.task, &answer).await?;
        self.say(&format!("{}, answers.", staff.line()));
        let gp = self.staff(&practice, "gp", None)?;
        let record = gp.access.open(&visit.id).await?;
        let work = record.get(&made.task).and_then(|entry| Work::of(&entry.value)).context("the work is not there")?;
        let to = |reference: &str| {
            work.told.iter().filter_map(|told| record.get(told)).any(|entry| {
                let recipients = entry.value["recipient"].as_array();
                recipients.is_some_and(|all| all.iter().any(|r| r["reference"].as_str() == Some(reference)))
            })
        };
        self.promise(
            work.state == State::Completed
                && status_of(&record, &made.request) == Some("completed")
                && to(&practice)
                && to(&format!("Patient/{}", visit.id)),
            "The loop is closed: the question is answered, and both who asked and whom it is about have been told.",
        );
        let all: String = record.entries().iter().map(|entry| entry.value.to_string()).collect();
        self.promise(all.contains(&told_gp), &format!("{} reads the answer for clinicians.", gp.name));
        let mine = self.someone(&visit.id, &visit.name).access.open(&visit.id).await?;
        self.promise(
            work.told.iter().any(|told| words_of(&mine, told).is_some_and(|words| words.contains(&told_person))),
            &format!("{} reads it in plain words: \"{told_person}\"", visit.name),
        );
        Ok(())
    }

    /// Somebody who has nothing to do with the person asks for the record: the answer is as if there were nobody.
    pub(super) async fn stranger(&mut self, patient: &Someone, kind: &str) -> anyhow::Result<Staff> {
        let stranger = self.unrelated(&patient.id, kind).await?;
        let theirs = stranger.access.open(&patient.id).await;
        let nobody = stranger.access.open("nobody-at-all").await;
        self.promise(
            matches!(theirs, Err(Error::NotFound)) && matches!(nobody, Err(Error::NotFound)),
            &format!(
                "{}, who has nothing to do with {}, gets the same answer as for nobody: not found.",
                stranger.line(),
                patient.first()
            ),
        );
        Ok(stranger)
    }
}
