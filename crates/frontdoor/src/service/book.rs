//! Booking a time that was offered, with everything that goes with it.

use jiff::Timestamp;
use kith_booking::{BookingRequest, Error as Booking, HoldId, booked_before, explain, prepare_confirm};
use kith_contact::fields::fresh_id;
use kith_directory::{Directory, Named, WhyNot};
use kith_fhir::{build, views};
use kith_trust::{Access, Change, Error as Door};

use super::{Ask, Checked, Error, Photo, check};
use crate::{Answer, Answers, Weights, questionnaire};

/// A booking, and what was kept with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// `Appointment/…`.
    pub appointment: String,
    /// `ServiceRequest/…`.
    pub service_request: String,
    /// `Task/…` of the service that will see the person.
    pub task: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub service: Named,
    /// It was booked before, by the same key.
    pub replayed: bool,
}

/// How often a booking is prepared again when its slot changed meanwhile.
const TRIES: usize = 3;

/// Books a time (`Slot/…`) that was offered: answers, photos, request, appointment, slot, the service's Task and the notice
/// are one change, kept whole or not at all. The same key for the same person books once.
///
/// [`Error::Booking`] with `Taken` brings the next times of the same service when somebody else was faster.
pub async fn book(
    access: &Access,
    directory: &Directory,
    ask: &Ask<'_>,
    slot: &str,
    hold: Option<HoldId>,
    key: &str,
) -> Result<Booked, Error> {
    book_with(access, directory, ask, slot, hold, key, &|_, _| ()).await
}

/// As [`book`]; `also` puts what depends on the booking into the same change.
pub async fn book_with(
    access: &Access,
    directory: &Directory,
    ask: &Ask<'_>,
    slot: &str,
    hold: Option<HoldId>,
    key: &str,
    also: &(dyn Fn(&mut Change, &Booked) + Sync),
) -> Result<Booked, Error> {
    let checked = check(access, ask).await?;
    let disposition = &checked.assessment.disposition;
    let weights = Weights::built_in();
    let now = checked.known.now;
    let latest = weights.latest(disposition.urgency, now);
    let person = checked.known.person_facts(directory, latest);
    let mut tries = 0;
    loop {
        tries += 1;
        let mut change = Change::new("book through the front door");
        let kept = keep_answers(&mut change, ask, &checked);
        let request_id = fresh_id();
        let service_request = format!("ServiceRequest/{request_id}");
        let booking = BookingRequest {
            patient: checked.known.reference(),
            patient_name: Some(checked.known.name()),
            slot: slot.to_owned(),
            service: None,
            need: disposition.need.clone(),
            reason: problem(ask, &checked),
            based_on: Some(service_request.clone()),
            priority: Some(disposition.urgency.priority().to_owned()),
            key: Some(key.to_owned()),
            ..BookingRequest::default()
        };
        let failed = match prepare_confirm(access, directory, &mut change, hold, &booking).await {
            Ok(made) => {
                let service = directory.service(&made.service.reference).ok_or(Error::NoTeam)?;
                let candidate = directory.candidate(service, &disposition.need, &person, now);
                if !candidate.why_not.iter().all(|reason| reason.is_wish() || matches!(reason, WhyNot::ClosedUntil(_)))
                {
                    return Err(Error::NotForYou { why: candidate.why_not_words(now) });
                }
                if made.start > latest {
                    return Err(Error::TooLate);
                }
                let owner = kith_contact::Party::new(&made.service.reference, &made.service.name);
                let due = Weights::due(disposition.urgency, now).max(made.start);
                change.create(build::with_id(service_request_of(ask, &checked, Some(&owner), due, &kept), &request_id));
                let booked = Booked {
                    appointment: made.appointment,
                    service_request,
                    task: made.task,
                    start: made.start,
                    end: made.end,
                    service: made.service,
                    replayed: false,
                };
                also(&mut change, &booked);
                match access.commit(change).await {
                    Ok(_) => return Ok(booked),
                    Err(refusal) => refusal,
                }
            }
            Err(Booking::Taken { .. }) => Door::Taken,
            Err(error) => return Err(error.into()),
        };
        // Taken by this very form, sent before?
        if let Some(made) = booked_before(access, directory, &booking).await? {
            let appointment = access.read(&made.appointment).await?;
            let request = views::Appointment::of(&appointment.value).and_then(|a| a.based_on().map(str::to_owned));
            return Ok(Booked {
                service_request: request.unwrap_or_default(),
                appointment: made.appointment,
                task: made.task,
                start: made.start,
                end: made.end,
                service: made.service,
                replayed: true,
            });
        }
        if !(matches!(failed, Door::Conflict { .. }) && tries < TRIES) {
            return Err(explain(access, directory, &booking, failed).await.into());
        }
    }
}

/// The problem in a line: the person's own words, or what they asked about.
pub(super) fn problem(ask: &Ask<'_>, checked: &Checked<'_>) -> String {
    let words = ask.own_words.as_deref().map(str::trim).filter(|words| !words.is_empty());
    words.unwrap_or(&checked.pathway.title).to_owned()
}

/// Puts the answers and photos into a change; gives the references that a request names as supporting.
pub(super) fn keep_answers(change: &mut Change, ask: &Ask<'_>, checked: &Checked<'_>) -> Vec<String> {
    let (known, now) = (&checked.known, checked.known.now);
    let mut answers: Answers = ask.answers.clone();
    let mut documents = Vec::new();
    for photo in &ask.photos {
        let (question, reference) = match photo {
            Photo::Kept(reference) => (&None, reference.clone()),
            Photo::New { question, jpeg } => {
                let author = (ask.author.reference.as_str(), ask.author.name.as_str());
                let title = format!("Photo: {}", checked.pathway.title);
                let kept = kith_contact::document::attach(change, &ask.patient_id, jpeg, &title, author, now);
                (question, kept)
            }
        };
        if let Some(question) = question {
            answers.insert(question, Answer::Photo(reference.clone()));
        }
        documents.push(reference);
    }
    let person = known.reference();
    let response = questionnaire::Response {
        subject: &person,
        author: &ask.author.reference,
        source: &known.requester(&ask.author).reference,
        authored: now,
        channel: ask.channel.code(),
    };
    let mut kept = vec![change.create(questionnaire::write(checked.pathway, &known.facts, &answers, &response))];
    kept.append(&mut documents);
    kept
}

/// The request for help, active, with where the assessment led.
pub(super) fn service_request_of(
    ask: &Ask<'_>,
    checked: &Checked<'_>,
    owner: Option<&kith_contact::Party>,
    due: Timestamp,
    supporting: &[String],
) -> kith_fhir::Value {
    let disposition = &checked.assessment.disposition;
    let requester = checked.known.requester(&ask.author);
    let performers: Vec<&str> = owner.iter().map(|owner| owner.reference.as_str()).collect();
    let supporting: Vec<&str> = supporting.iter().map(String::as_str).collect();
    let mut request = build::ServiceRequest {
        person: &checked.known.reference(),
        need: &disposition.need,
        need_label: &disposition.need_label,
        category: "help-request",
        priority: disposition.urgency.priority(),
        authored: checked.known.now,
        requester: &requester.reference,
        performers: &performers,
        due: Some(due),
        reason: &problem(ask, checked),
        supporting: &supporting,
        disposition: None,
    }
    .build();
    build::set(&mut request, "requester", requester.reference());
    if let Some(owner) = owner {
        build::set(&mut request, "performer", kith_fhir::Value::Array(vec![owner.reference()]));
    }
    build::add_extension(&mut request, checked.assessment.extension());
    build::add_extension(&mut request, build::extension_code(kith_fhir::system::EXT_CHANNEL, ask.channel.code()));
    request
}
