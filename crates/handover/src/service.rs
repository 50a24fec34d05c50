//! What teams do with work, through the door. Each is one change: all of it happens, or none.

use kith_contact::fields::{items, own_reference, person_name, text};
use kith_contact::{Party, notifier};
use kith_fhir::{Value, build, json, system};
use kith_trust::{Access, Change, Entry, Record, Role};

use crate::encounter::{self, Context, EncounterNote, Recorded};
use crate::error::Error;
use crate::referral::{self, Ending, Loop, Outcome, Person, ReferralRequest, Voice};
use crate::work::{Refusal, Step, Work, step};
use crate::writes::Writes;

/// What a referral or request for advice made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// `ServiceRequest/…`
    pub request: String,
    /// `Task/…` of the receiving team.
    pub task: String,
}

/// Takes a piece of work (`Task/…`), so that nobody else does the same. Of two at once one gets it; the other gets
/// [`Refusal::Claimed`] with the name of who has it.
pub async fn claim(access: &Access, task: &str) -> Result<Work, Error> {
    apply(access, task, Step::Claim, "claim work").await
}

/// Puts it back for the team.
pub async fn release(access: &Access, task: &str) -> Result<Work, Error> {
    apply(access, task, Step::Release, "release work").await
}

/// Begins it.
pub async fn start(access: &Access, task: &str) -> Result<Work, Error> {
    apply(access, task, Step::Start, "start work").await
}

/// Takes on a referral or question: the receiver's word that they have it. The same as [`claim`].
pub async fn accept(access: &Access, task: &str) -> Result<Work, Error> {
    apply(access, task, Step::Claim, "accept work").await
}

/// Gives it to another team (`HealthcareService/…`) with a note. A request then names that team as the one asked, so that
/// it may see what it needs.
pub async fn hand_to_team(access: &Access, task: &str, team: &str, note: &str) -> Result<Work, Error> {
    let team = service(access, team).await?;
    let entry = access.read(task).await?;
    let work = yours(access, &entry)?;
    let hand = Step::HandToTeam { team: team.clone(), note: note.to_owned() };
    let now = access.now();
    let after = step(&entry.value, &hand, &me(access), now)?;
    let mut change = Change::new("hand on work");
    change.update(after.clone(), entry.version);
    if let Some(focus) = work.focus.as_deref().filter(|f| f.starts_with("ServiceRequest/")) {
        let request = access.read(focus).await?;
        let mut asked = (*request.value).clone();
        build::set(&mut asked, "performer", Value::Array(vec![team.reference()]));
        change.update(asked, request.version);
    }
    commit(access, change, task).await?;
    Work::of(&after).ok_or(Error::Step(Refusal::Malformed))
}

/// Gives it to a colleague (`Practitioner/…`) in the same team with a note.
pub async fn hand_to_colleague(access: &Access, task: &str, colleague: &str, note: &str) -> Result<Work, Error> {
    let entry = access.read(colleague).await?;
    let colleague = Party::new(colleague, &person_name(&entry.value).unwrap_or_else(|| "A colleague".to_owned()));
    let hand = Step::HandToColleague { colleague, note: note.to_owned() };
    apply(access, task, hand, "hand on work").await
}

/// Finishes a piece of work. For a request (a referral, a question, a request for help) the outcome is told to the person
/// and to whoever asked in the same act; other work only notes it.
pub async fn complete(access: &Access, task: &str, outcome: &Outcome) -> Result<(), Error> {
    end(access, task, Ending::Done, outcome).await
}

/// Answers a request for advice. The same as [`complete`].
pub async fn answer(access: &Access, task: &str, outcome: &Outcome) -> Result<(), Error> {
    end(access, task, Ending::Done, outcome).await
}

/// Calls work off; `reason` is told to the person and to whoever asked, if it was a request.
pub async fn call_off(access: &Access, task: &str, reason: &Outcome) -> Result<(), Error> {
    end(access, task, Ending::CalledOff, reason).await
}

/// Refers a person to another team, or asks it for advice. The person is told.
pub async fn refer(access: &Access, asked: &ReferralRequest) -> Result<Referred, Error> {
    refer_under(access, asked, None).await
}

/// [`refer`], once for each `key` of a writer (the same form sent twice, even at the very same moment): what was made the
/// first time is given back. Other words under the same key are [`Error::SentBefore`].
pub async fn refer_once(access: &Access, asked: &ReferralRequest, key: &str) -> Result<Referred, Error> {
    refer_under(access, asked, Some(key)).await
}

async fn refer_under(access: &Access, asked: &ReferralRequest, key: Option<&str>) -> Result<Referred, Error> {
    if !access.actor().role.is_clinical() {
        return Err(Error::NotYours { owner: "clinicians and link workers: ask one of them to refer".to_owned() });
    }
    let record = access.open(&asked.patient).await?;
    let person = person(&record);
    let from = voice(access, asked.from_service.as_deref()).await?;
    let to = service(access, &asked.to_service).await?;
    if let Some(missing) = asked.attachments.iter().find(|a| record.get(a).is_none()) {
        let kind = missing.split('/').next().unwrap_or_default();
        return Err(Error::field("attachments", format!("A {kind} to send is not in this record")));
    }
    let (writes, request, task) = referral::ask(asked, &from, &to, &person, access.now())?;
    let mut change = writes.into_change("refer");
    if let Some(key) = key {
        let form = json!({
            "person": asked.patient, "to": asked.to_service, "from": asked.from_service, "kind": asked.kind.code(),
            "need": asked.need, "reason": asked.reason, "question": asked.question, "urgency": asked.urgency.code(),
            "attachments": asked.attachments, "transfer": asked.transfer_of_responsibility,
        });
        change.once_for(&format!("refer/{key}"), &form);
    }
    let receipt = access.commit(change).await.map_err(|e| match e {
        // A referral changes nothing that was there: only its key can stand in the way.
        kith_trust::Error::Conflict { .. } => Error::SentBefore,
        other => Error::Door(other),
    })?;
    if receipt.replayed {
        return Ok(Referred { request: written(&receipt, "ServiceRequest/")?, task: written(&receipt, "Task/")? });
    }
    Ok(Referred { request, task })
}

/// Sends a referral or question back with a reason: the referrer's team then has it.
pub async fn return_with(access: &Access, task: &str, reason: &str) -> Result<(), Error> {
    let (open, by, person) = open_loop(access, task).await?;
    let writes = referral::return_with(&open, reason, &by, &person, access.now())?;
    commit(access, writes.into_change("return work"), task).await
}

/// After a return: sends the same request to another team (`HealthcareService/…`).
pub async fn refer_again(access: &Access, task: &str, to: &str, note: &str) -> Result<(), Error> {
    let (open, by, person) = open_loop(access, task).await?;
    let to = service(access, to).await?;
    let writes = referral::refer_again(&open, &to, note, &by, &person, access.now())?;
    commit(access, writes.into_change("refer again"), task).await
}

/// Writes down that a person was seen and tells everybody who should know: the person, whoever asked, and the practice
/// they are registered with. The appointment is fulfilled and the work done in the same act.
pub async fn record_encounter(access: &Access, note: &EncounterNote) -> Result<Recorded, Error> {
    record_under(access, note, None).await
}

/// [`record_encounter`], once for each `key` of a writer, as [`refer_once`].
pub async fn record_encounter_once(access: &Access, note: &EncounterNote, key: &str) -> Result<Recorded, Error> {
    record_under(access, note, Some(key)).await
}

async fn record_under(access: &Access, note: &EncounterNote, key: Option<&str>) -> Result<Recorded, Error> {
    for entered in &note.observations {
        crate::observation::check(entered).map_err(|message| Error::field("observations", message))?;
    }
    let context = encounter_context(access, note).await?;
    let (writes, mut recorded) = encounter::plan(note, &context)?;
    let mut change = writes.into_change("record encounter");
    if let Some(key) = key {
        change.once_for(&format!("visit/{key}"), &as_asked(note));
    }
    let receipt = access.commit(change).await.map_err(|e| match e {
        kith_trust::Error::Conflict { .. } => Error::Changed,
        other => Error::Door(other),
    })?;
    if receipt.replayed {
        // Whom it told stands in the record; that the practice was told follows from where the person is registered.
        recorded.encounter = written(&receipt, "Encounter/")?;
    }
    Ok(recorded)
}

/// What a note says, the same each time the same form is sent.
fn as_asked(note: &EncounterNote) -> Value {
    let problem = note.problem.as_ref().map(|p| json!([p.text, p.snomed]));
    let medicines: Vec<Value> = note.medicines.iter().map(|m| json!([m.text, m.dmd, m.dose, m.supplied])).collect();
    let observations: Vec<Value> = note.observations.iter().map(|o| json!([o.key, o.value])).collect();
    let follow_up = note.follow_up.as_ref().map(|f| json!([f.what, f.team.as_ref().map(|team| &team.reference)]));
    json!({
        "person": note.patient, "appointment": note.appointment, "task": note.task, "service": note.service,
        "reason": note.reason, "note": note.note, "outcome": note.outcome, "observations": observations,
        "problem": problem, "medicines": medicines, "follow_up": follow_up,
    })
}

/// The reference of a type among those that an earlier commit wrote.
fn written(receipt: &kith_trust::Receipt, kind: &str) -> Result<String, Error> {
    let found = receipt.written.iter().map(|(reference, _)| reference).find(|reference| reference.starts_with(kind));
    found.cloned().ok_or(Error::Door(kith_trust::Error::NotFound))
}

async fn encounter_context(access: &Access, note: &EncounterNote) -> Result<Context, Error> {
    let record = access.open(&note.patient).await?;
    let by = voice(access, note.service.as_deref()).await?;
    let organization = access
        .actor()
        .organization
        .clone()
        .ok_or_else(|| Error::field("service", "Only staff of an organisation can record this"))?;
    let entry = |reference: &str| record.get(reference).ok_or(Error::Door(kith_trust::Error::NotFound));
    let appointment = match &note.appointment {
        Some(reference) => Some(entry(reference)?),
        None => None,
    };
    let task = match &note.task {
        Some(reference) => Some(entry(reference)?),
        None => None,
    };
    let focus = task.and_then(|t| text(&t.value, "/focus/reference"));
    let request = focus
        .filter(|f| f.starts_with("ServiceRequest/"))
        .or_else(|| {
            let appointment = appointment?;
            items(&appointment.value, "basedOn")
                .filter_map(|b| text(b, "/reference"))
                .find(|b| b.starts_with("ServiceRequest/"))
        })
        .and_then(|reference| record.get(reference))
        .filter(|r| text(&r.value, "/status") == Some("active"));
    let open_on = |target: &str| -> Vec<&Entry> {
        record
            .of("Task")
            .filter(|t| text(&t.value, "/focus/reference") == Some(target))
            .filter(|t| Work::of(&t.value).is_some_and(|w| w.is_open()))
            .collect()
    };
    let waiting = request.map(|r| open_on(&r.reference())).unwrap_or_default();
    let mut others: Vec<&Entry> = waiting.iter().skip(1).copied().collect();
    if let Some(appointment) = appointment {
        others.extend(open_on(&appointment.reference()));
    }
    if let Some(task) = task {
        let already = waiting.iter().chain(&others).any(|t| t.id == task.id);
        if !already && Work::of(&task.value).is_some_and(|w| w.is_open()) {
            others.push(task);
        }
    }
    // Whoever saw the person finishes the work, even if a colleague had taken it.
    let freed = |e: &Entry| {
        let mut task = (*e.value).clone();
        build::remove_extension(&mut task, system::EXT_CLAIMED_BY);
        task
    };
    let appointment = match appointment {
        Some(a) if matches!(text(&a.value, "/status"), Some("booked" | "arrived" | "checked-in")) => {
            Some(((*a.value).clone(), a.version))
        }
        Some(a) if text(&a.value, "/status") == Some("fulfilled") => None,
        Some(_) => {
            return Err(Error::field(
                "appointment",
                "This appointment was cancelled or missed. Record the visit without it",
            ));
        }
        None => None,
    };
    let registered = text(record.patient(), "/managingOrganization/reference");
    let practice = match registered {
        Some(registered) if registered != organization => notifier::practice_team(access, record.patient()).await?,
        _ => None,
    };
    Ok(Context {
        person: person(&record),
        by,
        organization,
        appointment,
        booked_request: request.filter(|_| waiting.is_empty()).map(|r| ((*r.value).clone(), r.version)),
        request: request.zip(waiting.first()).map(|(r, t)| Loop {
            request: (*r.value).clone(),
            request_version: r.version,
            task: freed(t),
            task_version: t.version,
        }),
        tasks: others.into_iter().map(|t| (freed(t), t.version)).collect(),
        practice,
        now: access.now(),
    })
}

async fn end(access: &Access, task: &str, ending: Ending, outcome: &Outcome) -> Result<(), Error> {
    let entry = access.read(task).await?;
    let work = yours(access, &entry)?;
    let reason = if ending == Ending::Done { "complete work" } else { "call off work" };
    if work.focus.as_deref().is_some_and(|f| f.starts_with("ServiceRequest/")) {
        let (open, by, person) = open_loop(access, task).await?;
        let writes = referral::close(&open, ending, outcome, &by, &person, access.now())?;
        return commit(access, writes.into_change(reason), task).await;
    }
    let last = match ending {
        Ending::Done => Step::Complete { outcome: outcome.to_person.clone(), told: Vec::new() },
        Ending::CalledOff => Step::Cancel { reason: outcome.to_person.clone() },
    };
    let after = step(&entry.value, &last, &me(access), access.now())?;
    let mut writes = Writes::default();
    writes.update(after, entry.version);
    commit(access, writes.into_change(reason), task).await
}

async fn apply(access: &Access, task: &str, what: Step, reason: &str) -> Result<Work, Error> {
    let entry = access.read(task).await?;
    yours(access, &entry)?;
    let after = step(&entry.value, &what, &me(access), access.now())?;
    let work = Work::of(&after).ok_or(Error::Step(Refusal::Malformed))?;
    if after != *entry.value {
        let mut change = Change::new(reason);
        change.update(after, entry.version);
        commit(access, change, task).await?;
    }
    Ok(work)
}

/// Commits; when somebody was quicker, says who has the work now.
async fn commit(access: &Access, change: Change, task: &str) -> Result<(), Error> {
    match access.commit(change).await {
        Ok(_) => Ok(()),
        Err(kith_trust::Error::Conflict { .. }) => {
            let now = Work::of(&access.read(task).await?.value);
            match now {
                Some(work) if !work.is_open() => Err(Refusal::Closed { state: work.state }.into()),
                Some(Work { claimed_by: Some(by), .. }) if by.reference != access.actor().reference => {
                    Err(Refusal::Claimed { by: by.name }.into())
                }
                _ => Err(Error::Changed),
            }
        }
        Err(other) => Err(other.into()),
    }
}

async fn open_loop(access: &Access, task: &str) -> Result<(Loop, Voice, Person), Error> {
    let entry = access.read(task).await?;
    let work = yours(access, &entry)?;
    let focus = work
        .focus
        .filter(|f| f.starts_with("ServiceRequest/"))
        .ok_or(Refusal::NotHere { why: "This work is not about a request." })?;
    let request = access.read(&focus).await?;
    let patient = access.read(&format!("Patient/{}", work.patient)).await?;
    let person = Person { name: person_name(&patient.value).unwrap_or_default(), id: work.patient };
    let by = Voice { who: me(access), team: work.owner };
    let open = Loop {
        request: (*request.value).clone(),
        request_version: request.version,
        task: (*entry.value).clone(),
        task_version: entry.version,
    };
    Ok((open, by, person))
}

/// The work, if the actor speaks for the team that owns it.
fn yours(access: &Access, entry: &Entry) -> Result<Work, Error> {
    let work = Work::of(&entry.value).ok_or(Error::Step(Refusal::Malformed))?;
    let actor = access.actor();
    if actor.role == Role::System || actor.services().any(|s| s == work.owner.reference) {
        Ok(work)
    } else {
        Err(Error::NotYours {
            owner: if work.owner.name.is_empty() { "another team".to_owned() } else { work.owner.name },
        })
    }
}

fn me(access: &Access) -> Party {
    Party::new(&access.actor().reference, &access.actor().name)
}

fn person(record: &Record) -> Person {
    Person { id: record.patient_id.clone(), name: person_name(record.patient()).unwrap_or_default() }
}

/// The actor and a team of theirs: the one named, or their first.
async fn voice(access: &Access, team: Option<&str>) -> Result<Voice, Error> {
    let actor = access.actor();
    let team = match team {
        Some(team) if actor.services().any(|s| s == team) => team.to_owned(),
        Some(_) => return Err(Error::NotYours { owner: "another team".to_owned() }),
        None => actor
            .services()
            .next()
            .map(str::to_owned)
            .ok_or_else(|| Error::field("service", "You do not work in a team that can do this"))?,
    };
    Ok(Voice { who: me(access), team: service(access, &team).await? })
}

async fn service(access: &Access, reference: &str) -> Result<Party, Error> {
    if !reference.starts_with("HealthcareService/") {
        return Err(Error::field("team", "Choose a team"));
    }
    let entry = access.read(reference).await?;
    Ok(Party::new(&own_reference(&entry.value), text(&entry.value, "/name").unwrap_or("The team")))
}
