//! What is recorded when nothing is booked: a request to a team, an emergency that stopped the questions, self care.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use kith_contact::{Notification, Party, TemplateId, notifier};
use kith_directory::{Directory, Named};
use kith_fhir::search::Query;
use kith_fhir::{Value, build, json, system, views};
use kith_handover::{HelpRequest, TaskKind, help};
use kith_trust::{Access, Change, Error as Door};

use super::{
    Ask, Channel, Checked, Error,
    book::{keep_answers, problem, service_request_of},
    check,
    offers::{fallback, work_urgency},
};
use crate::Weights;

/// A request that a team owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// `ServiceRequest/…`.
    pub service_request: String,
    /// `Task/…`.
    pub task: String,
    /// `HealthcareService/…` that answers.
    pub owner: Named,
    /// By when.
    pub due: Timestamp,
    /// It was made before, by the same key.
    pub replayed: bool,
}

/// An emergency that stopped the questions, and who checks that the person got help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// `ServiceRequest/…`.
    pub service_request: String,
    /// `Task/…`, a call back.
    pub task: String,
    /// `HealthcareService/…`.
    pub owner: Named,
    pub due: Timestamp,
    /// It had been recorded before.
    pub replayed: bool,
}

/// Advice that was given and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfCare {
    /// `ServiceRequest/…`, completed.
    pub service_request: String,
    /// `Communication/…` that holds the advice.
    pub communication: String,
    /// It had been recorded before, by the same key.
    pub replayed: bool,
}

/// Asks the team that takes such requests (see [`super::Fallback`]): when nothing is free, or when the person would rather
/// have the team decide. Answers, photos, request, Task and notice are one change. The same key asks once.
pub async fn request(access: &Access, directory: &Directory, ask: &Ask<'_>, key: &str) -> Result<Requested, Error> {
    let checked = check(access, ask).await?;
    let disposition = &checked.assessment.disposition;
    if disposition.urgency.is_emergency() {
        return Err(Error::Emergency(disposition.urgency.words()));
    }
    let (weights, now) = (Weights::built_in(), checked.known.now);
    let person = checked.known.person_facts(directory, weights.latest(disposition.urgency, now));
    let candidates = directory.candidates(&disposition.need, &person, now);
    let team = fallback(directory, disposition, &candidates, &person, now, weights).ok_or(Error::NoTeam)?;
    let owner = Party::new(&format!("HealthcareService/{}", team.service_id), &team.service_name);
    let mut change = Change::new("ask through the front door");
    change.once_for(&format!("frontdoor-ask/{}/{key}", ask.patient_id), &as_sent(ask));
    owned_by(access, change, ask, &checked, owner, None).await
}

/// The person goes to a service that takes people without booking: it then knows who is coming, and why, and owes an
/// outcome as for any request. The same key is recorded once.
///
/// [`Error::NotForYou`] where the service cannot be walked into for this, in time.
pub async fn go_there(
    access: &Access,
    directory: &Directory,
    ask: &Ask<'_>,
    service_id: &str,
    key: &str,
) -> Result<Requested, Error> {
    let checked = check(access, ask).await?;
    let disposition = &checked.assessment.disposition;
    if disposition.urgency.is_emergency() {
        return Err(Error::Emergency(disposition.urgency.words()));
    }
    let (weights, now) = (Weights::built_in(), checked.known.now);
    let person = checked.known.person_facts(directory, weights.latest(disposition.urgency, now));
    let no = |why: &str| Error::NotForYou { why: why.to_owned() };
    let service = directory.service(&format!("HealthcareService/{service_id}")).ok_or_else(|| no("it is not there"))?;
    let candidate = directory.candidate(service, &disposition.need, &person, now);
    if !candidate.why_not.iter().all(kith_directory::WhyNot::is_wish) {
        return Err(Error::NotForYou { why: candidate.why_not_words(now) });
    }
    let owner = Party::new(&service.reference, &service.name);
    let found = vec![crate::route::Available { candidate, free: Vec::new() }];
    let continuity = checked.known.continuity(&disposition.need, weights);
    let ranked = crate::route::rank(disposition, found, &person, &continuity, now, weights);
    let walk_in = ranked.into_iter().find_map(|offer| offer.walk_in).ok_or_else(|| no("it has to be booked"))?;
    let mut change = Change::new("go to a service without booking");
    let asked = json!({"ask": as_sent(ask), "to": service_id});
    change.once_for(&format!("frontdoor-go/{}/{key}", ask.patient_id), &asked);
    owned_by(access, change, ask, &checked, owner, Some(walk_in.from)).await
}

/// Makes the request that a team owns; `coming` is from when the person comes by themselves, if they do.
async fn owned_by(
    access: &Access,
    mut change: Change,
    ask: &Ask<'_>,
    checked: &Checked<'_>,
    owner: Party,
    coming: Option<Timestamp>,
) -> Result<Requested, Error> {
    let disposition = &checked.assessment.disposition;
    let help = HelpRequest {
        person: checked.known.person(),
        requester: checked.known.requester(&ask.author),
        owner: owner.clone(),
        need: disposition.need.clone(),
        need_label: disposition.need_label.clone(),
        urgency: work_urgency(disposition.urgency),
        coming,
        reason: problem(ask, checked),
        channel: ask.channel.code().to_owned(),
        supporting: keep_answers(&mut change, ask, checked),
        disposition: Some(checked.assessment.extension()),
    };
    let asked = help::ask(&mut change, &help, checked.known.now)?;
    let receipt = access.commit(change).await?;
    if !receipt.replayed {
        return Ok(Requested {
            service_request: asked.request,
            task: asked.task,
            owner: named(&owner),
            due: asked.due,
            replayed: false,
        });
    }
    let (service_request, task) = (written(&receipt.written, "ServiceRequest")?, written(&receipt.written, "Task")?);
    let (owner, due) = as_kept(access, &task).await?;
    Ok(Requested { service_request, task, owner, due, replayed: true })
}

/// Records that the red flag (its id) stopped the questions: answers, an emergency request, and a call back that the
/// person's practice owes as soon as any emergency is looked at ([`kith_handover::Urgency::due`]), to see that they got help. The same stop sent again is recorded once.
pub async fn stopped(access: &Access, ask: &Ask<'_>, red_flag: &str) -> Result<Stopped, Error> {
    let checked = check(access, ask).await?;
    if !checked.assessment.disposition.urgency.is_emergency()
        || !checked.assessment.red_flags.iter().any(|flag| flag == red_flag)
    {
        return Err(Error::Changed(Box::new(checked.assessment)));
    }
    if let Some(before) = stopped_before(&checked) {
        return Ok(before);
    }
    let now = checked.known.now;
    let owner = checking_team(access, checked.known.patient()).await?.ok_or(Error::NoTeam)?;
    let due = work_urgency(checked.assessment.disposition.urgency).due(now);
    let mut change = Change::new("emergency advice given");
    // Of two sent at once, before either is in the record, one is kept.
    let sent = as_sent(ask);
    let mut same = DefaultHasher::new();
    sent.to_string().hash(&mut same);
    let key = format!("frontdoor-stop/{}/{red_flag}/{}/{:x}", ask.patient_id, now.as_second() / 600, same.finish());
    change.once_for(&key, &sent);
    let kept = keep_answers(&mut change, ask, &checked);
    let service_request = change.create(service_request_of(ask, &checked, Some(&owner), due, &kept));
    let requester = checked.known.requester(&ask.author);
    let mut task = build::Task {
        kind: TaskKind::Callback.code(),
        person: &checked.known.reference(),
        owner: &owner.reference,
        due,
        authored: now,
        priority: "stat",
        description: "Check that emergency help was reached",
        requester: Some(&requester.reference),
        focus: Some(&service_request),
    }
    .build();
    build::set(&mut task, "owner", owner.reference());
    build::set(&mut task, "requester", requester.reference());
    build::add_extension(&mut task, build::extension_code(system::EXT_CHANNEL, ask.channel.code()));
    let task = change.create(task);
    let receipt = access.commit(change).await?;
    if receipt.replayed {
        let (service_request, task) =
            (written(&receipt.written, "ServiceRequest")?, written(&receipt.written, "Task")?);
        let (owner, due) = as_kept(access, &task).await?;
        return Ok(Stopped { service_request, task, owner, due, replayed: true });
    }
    Ok(Stopped { service_request, task, owner: named(&owner), due, replayed: false })
}

/// The same stop, recorded already and not yet checked.
fn stopped_before(checked: &Checked<'_>) -> Option<Stopped> {
    let record = &checked.known.record;
    let disposition = &checked.assessment.disposition;
    let reason = disposition.reasons.first().map(|reason| reason.text.as_str());
    record.values("Task").filter_map(views::Task::of).find_map(|task| {
        if !task.is_open() || task.code() != Some(TaskKind::Callback.code()) {
            return None;
        }
        let request = record.get(task.focus()?)?;
        let request = views::ServiceRequest::of(&request.value)?;
        let led = request.disposition()?;
        let same = led.content == Some(checked.assessment.content.as_str())
            && led.code == disposition.urgency.code()
            && led.reasons.first().copied() == reason;
        same.then_some(Stopped {
            service_request: request.reference(),
            task: task.reference(),
            owner: owner_of(task)?,
            due: task.due()?,
            replayed: true,
        })
    })
}

/// The registered practice's team; for somebody without one, the urgent treatment hub, or whoever there is.
async fn checking_team(access: &Access, patient: &Value) -> Result<Option<Party>, Error> {
    if let Some(team) = notifier::practice_team(access, patient).await? {
        return Ok(Some(team));
    }
    let query = Query::new("HealthcareService").map_err(|e| Door::Unsearchable { what: e.to_string() })?.limit(1000);
    let found = access.search(&query).await?.entries;
    let services: Vec<views::HealthcareService> =
        found.iter().filter_map(|entry| views::HealthcareService::of(&entry.value)).collect();
    let of = |kind: &str| services.iter().find(|service| service.kinds().contains(&kind));
    let team = of("urgent-treatment-hub").or_else(|| of("general-practice")).or_else(|| services.first());
    Ok(team.map(|team| Party::new(&team.reference(), team.name().unwrap_or("The team"))))
}

/// Records that the person can look after this themselves: answers, a request that is complete, and the advice as a
/// message they can read again. People who did not ask on the web are told that it waits. The same key records once.
pub async fn self_care(access: &Access, ask: &Ask<'_>, key: &str) -> Result<SelfCare, Error> {
    let checked = check(access, ask).await?;
    let disposition = &checked.assessment.disposition;
    if disposition.urgency != crate::Urgency::SelfCare {
        return Err(Error::Changed(Box::new(checked.assessment)));
    }
    let now = checked.known.now;
    let mut change = Change::new("self care advice given");
    change.once_for(&format!("frontdoor-self-care/{}/{key}", ask.patient_id), &as_sent(ask));
    let kept = keep_answers(&mut change, ask, &checked);
    let mut request = service_request_of(ask, &checked, None, now, &kept);
    build::set_status(&mut request, "completed");
    let service_request = change.create(request);
    let person = checked.known.reference();
    let words = advice_words(&checked);
    let communication = build::Communication {
        person: &person,
        sender: None,
        recipients: &[&person],
        sent: now,
        category: "outcome",
        text: &words,
        in_response_to: None,
        about: &[&service_request],
    };
    let mut communication = communication.build();
    build::set(&mut communication, "topic", build::concept_text(&checked.pathway.title));
    let communication = change.create(communication);
    if ask.channel != Channel::Web {
        Notification::new(&ask.patient_id, TemplateId::OutcomeReady)
            .about(&communication)
            .publish(&mut change, &format!("self-care/{service_request}"));
    }
    let receipt = access.commit(change).await?;
    if receipt.replayed {
        let communication = written(&receipt.written, "Communication")?;
        let service_request = written(&receipt.written, "ServiceRequest")?;
        return Ok(SelfCare { service_request, communication, replayed: true });
    }
    Ok(SelfCare { service_request, communication, replayed: false })
}

/// The advice as a person reads it.
fn advice_words(checked: &Checked<'_>) -> String {
    let disposition = &checked.assessment.disposition;
    let reasons = disposition.reasons.iter().map(|reason| reason.text.as_str());
    let lines = std::iter::once(disposition.title.as_str())
        .chain(reasons)
        .chain(disposition.advice.iter().map(String::as_str))
        .chain(std::iter::once(disposition.safety_net.as_str()));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// What a form that is sent again says again.
fn as_sent(ask: &Ask<'_>) -> Value {
    json!({
        "person": ask.patient_id, "pathway": ask.pathway.id, "content": ask.assessment.content, "answers": ask.answers,
        "words": ask.own_words, "channel": ask.channel, "photos": ask.photos.len(),
    })
}

fn named(party: &Party) -> Named {
    Named { reference: party.reference.clone(), name: party.name.clone() }
}

fn owner_of(task: views::Task<'_>) -> Option<Named> {
    let name = views::common::display(task.resource(), "owner").unwrap_or_default();
    Some(Named { reference: task.owner()?.to_owned(), name: name.to_owned() })
}

/// The reference of a type among those an earlier commit wrote.
fn written(written: &[(String, u32)], kind: &str) -> Result<String, Error> {
    let is = |reference: &str| reference.split_once('/').is_some_and(|(of, _)| of == kind);
    let found = written.iter().map(|(reference, _)| reference).find(|reference| is(reference));
    found.cloned().ok_or_else(|| Door::NotFound.into())
}

async fn as_kept(access: &Access, task: &str) -> Result<(Named, Timestamp), Error> {
    let entry = access.read(task).await?;
    let task = views::Task::of(&entry.value).ok_or(Door::NotFound)?;
    Ok((owner_of(task).ok_or(Door::NotFound)?, task.due().ok_or(Door::NotFound)?))
}
