//! Sending and reading messages, through the door.

use jiff::Timestamp;
use kith_fhir::{Value, build, json};
use kith_trust::{Access, Change, Entry, Record, Role};

use super::{Category, Draft, MAX_TEXT, Party, TaskDraft, Thread, answer_due, task, threads};
use crate::error::Error;
use crate::fields::text;
use crate::notification::{Notification, TemplateId};
use crate::preferences::Channel;
use crate::{proxy, time};

/// What a person writes to a team, or staff take down for them on the phone or at the desk.
#[derive(Debug, Clone)]
pub struct ToTeam {
    /// Id of the person.
    pub patient: String,
    /// `HealthcareService/…`; ignored in an answer, which goes to the thread's own team.
    pub team: String,
    /// A few words; ignored in an answer.
    pub subject: String,
    pub text: String,
    /// `Communication/…` of the thread it answers.
    pub answers: Option<String>,
    pub about: Vec<String>,
    pub channel: Channel,
}

/// What a team writes to a person.
#[derive(Debug, Clone)]
pub struct ToPerson {
    /// Id of the person.
    pub patient: String,
    /// `HealthcareService/…` the writer speaks for.
    pub team: String,
    pub subject: String,
    pub text: String,
    /// `Communication/…` of the thread it answers; the Tasks that wait in that thread are then done.
    pub answers: Option<String>,
    pub about: Vec<String>,
    /// If an answer is needed: by when the team looks again, if none has come.
    pub answer_by: Option<Timestamp>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `Communication/…`
    pub message: String,
    /// `Task/…` now waiting for somebody, if one is.
    pub task: Option<String>,
    /// When that somebody is due to have done it; `None` too where it was sent before.
    pub due: Option<Timestamp>,
    /// It had been sent before, under the same key: nothing was written now.
    pub replayed: bool,
}

/// Sends a message to a team: it has an owner and a due time from the moment it is sent.
pub async fn send_to_team(access: &Access, message: &ToTeam) -> Result<Sent, Error> {
    let (change, sent, _) = prepare_to_team(access, message).await?;
    access.commit(change).await?;
    Ok(sent)
}

/// [`send_to_team`], once for each `key` of a sender (the same form sent twice, even at the very same moment). Another
/// text under the same key is a conflict: it was not sent.
pub async fn send_to_team_once(access: &Access, message: &ToTeam, key: &str) -> Result<Sent, Error> {
    let (change, sent, asked) = prepare_to_team(access, message).await?;
    commit_once(access, change, sent, key, &asked).await
}

/// Commits under a key; what was sent under it before is given back as it was.
async fn commit_once(access: &Access, mut change: Change, sent: Sent, key: &str, asked: &Value) -> Result<Sent, Error> {
    change.once_for(key, asked);
    let receipt = access.commit(change).await?;
    if !receipt.replayed {
        return Ok(sent);
    }
    let written = |kind: &str| receipt.written.iter().map(|(reference, _)| reference).find(|r| r.starts_with(kind));
    let message = written("Communication/").cloned().ok_or(kith_trust::Error::NotFound)?;
    // The Task that waits is made last; those before it are the ones this answers.
    let tasks = receipt.written.iter().rev().map(|(reference, _)| reference);
    let task = sent.task.and_then(|_| tasks.into_iter().find(|r| r.starts_with("Task/")).cloned());
    Ok(Sent { message, task, due: None, replayed: true })
}

/// The change, what it sends, and what was asked for: the same each time the same form is sent.
async fn prepare_to_team(access: &Access, message: &ToTeam) -> Result<(Change, Sent, Value), Error> {
    let words = checked(&message.text)?;
    let record = access.open(&message.patient).await?;
    let thread = find_thread(&record, message.answers.as_deref())?;
    let team = match thread.as_ref().and_then(|t| t.team.clone()) {
        Some(team) => team,
        None => {
            let team = read_service(access, &message.team).await?;
            may_write_to(&record, &team)?;
            party(&team)
        }
    };
    let now = access.now();
    let sender = voice(access, &record);
    let asked = asked(&message.text, &message.subject, &team, thread.as_ref());
    let draft = Draft {
        category: Category::Message,
        patient: message.patient.clone(),
        sender: Some(sender.clone()),
        recipients: vec![team.clone()],
        text: words,
        subject: Some(subject_of(&message.subject, thread.as_ref())),
        about: message.about.clone(),
        answers: message.answers.clone(),
        channel: Some(message.channel),
    };
    let due = answer_due(now);
    let mut change = Change::new("send message");
    let sent = change.create(draft.build(now));
    let task = change.create(task(TaskDraft {
        kind: "message",
        patient: &message.patient,
        focus: &sent,
        owner: &team,
        requester: Some(&sender),
        description: "Message to answer",
        due,
        channel: Some(message.channel),
        now,
    }));
    Ok((change, Sent { message: sent, task: Some(task), due: Some(due), replayed: false }, asked))
}

/// The subject of a message: an answer has its thread's, so that it can be named by itself.
fn subject_of(subject: &str, thread: Option<&Thread>) -> String {
    thread.map_or_else(|| crate::document::safe_title(subject), |thread| thread.subject.clone())
}

/// What a message asks for, whatever else stands in its thread by now.
fn asked(words: &str, subject: &str, team: &Party, thread: Option<&Thread>) -> Value {
    let subject = thread.map_or(subject, |thread| &thread.root);
    json!({"text": words, "team": team.reference, "in": subject})
}

/// Sends a message to a person: they are told by the channel they prefer, and the work it answers is done.
pub async fn send_to_person(access: &Access, message: &ToPerson) -> Result<Sent, Error> {
    let (change, sent, _) = prepare_to_person(access, message).await?;
    access.commit(change).await?;
    Ok(sent)
}

/// [`send_to_person`], once for each `key` of a writer, as [`send_to_team_once`].
pub async fn send_to_person_once(access: &Access, message: &ToPerson, key: &str) -> Result<Sent, Error> {
    let (change, sent, asked) = prepare_to_person(access, message).await?;
    commit_once(access, change, sent, key, &asked).await
}

async fn prepare_to_person(access: &Access, message: &ToPerson) -> Result<(Change, Sent, Value), Error> {
    let words = checked(&message.text)?;
    let actor = access.actor();
    if !actor.role.is_staff() && actor.role != Role::System {
        return Err(Error::Refused { why: "Only a member of a team can write for it.".to_owned() });
    }
    let record = access.open(&message.patient).await?;
    let thread = find_thread(&record, message.answers.as_deref())?;
    let team = party(&read_service(access, &message.team).await?);
    let asked = asked(&message.text, &message.subject, &team, thread.as_ref());
    let now = access.now();
    let draft = Draft {
        category: Category::Message,
        patient: message.patient.clone(),
        sender: Some(Party::new(&team.reference, &format!("{}, {}", actor.name, team.name))),
        recipients: vec![Party::new(
            &format!("Patient/{}", message.patient),
            &crate::fields::person_name(record.patient()).unwrap_or_default(),
        )],
        text: words,
        subject: Some(subject_of(&message.subject, thread.as_ref())),
        about: message.about.clone(),
        answers: message.answers.clone(),
        channel: None,
    };
    let mut change = Change::new("send message");
    let sent = change.create(draft.build(now));
    for open in thread.iter().flat_map(|t| &t.open_tasks) {
        if let Some(entry) = record.get(open) {
            change.update(answered(entry, &sent, now), entry.version);
        }
    }
    let waiting = message.answer_by.map(|due| {
        change.create(task(TaskDraft {
            kind: "follow-up",
            patient: &message.patient,
            focus: &sent,
            owner: &team,
            requester: Some(&Party::new(&actor.reference, &actor.name)),
            description: "See whether the person has answered",
            due,
            channel: None,
            now,
        }))
    });
    Notification::new(&message.patient, TemplateId::MessageReceived)
        .with("team", &team.name)
        .about(&sent)
        .publish(&mut change, &format!("message/{sent}"));
    let due = waiting.is_some().then_some(message.answer_by).flatten();
    Ok((change, Sent { message: sent, task: waiting, due, replayed: false }, asked))
}

/// Marks what the reader's side received in this thread as read, now. Returns how many were new.
pub async fn mark_read(access: &Access, patient_id: &str, root: &str) -> Result<usize, Error> {
    let record = access.open(patient_id).await?;
    let thread = find_thread(&record, Some(root))?.ok_or(kith_trust::Error::NotFound)?;
    let staff = access.actor().role.is_staff();
    let mut change = Change::new("read messages");
    let mut count = 0;
    for message in thread.messages.iter().filter(|m| m.read.is_none() && m.from_person == staff) {
        if let Some(entry) = record.get(&message.reference) {
            let mut read = (*entry.value).clone();
            read["received"] = json!(time::fhir(access.now()));
            change.update(read, entry.version);
            count += 1;
        }
    }
    if count > 0 {
        access.commit(change).await?;
    }
    Ok(count)
}

fn checked(words: &str) -> Result<String, Error> {
    let words = words.trim();
    if words.is_empty() {
        return Err(Error::field("text", "Write your message"));
    }
    let length = words.chars().count();
    if length > MAX_TEXT {
        return Err(Error::field(
            "text",
            format!("Your message must be {MAX_TEXT} characters or fewer; it has {length}. Send it in two parts"),
        ));
    }
    Ok(words.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect())
}

fn find_thread(record: &Record, answers: Option<&str>) -> Result<Option<Thread>, Error> {
    let Some(answers) = answers else { return Ok(None) };
    threads(record)
        .into_iter()
        .find(|t| t.messages.iter().any(|m| m.reference == answers))
        .map(Some)
        .ok_or_else(|| kith_trust::Error::NotFound.into())
}

/// Whose voice the actor speaks with in this person's record: their own, the proxy's, or the staff member who took it down.
fn voice(access: &Access, record: &Record) -> Party {
    let actor = access.actor();
    let person = crate::fields::person_name(record.patient()).unwrap_or_default();
    if actor.reference == format!("Patient/{}", record.patient_id) {
        return Party { reference: actor.reference.clone(), name: person };
    }
    if let Some(proxy) =
        proxy::proxies_of(record, time::day(access.now())).into_iter().find(|p| p.current && p.who == actor.reference)
    {
        return Party { name: format!("{} for {person}", proxy.name), reference: proxy.reference };
    }
    // Said on the phone or at the desk: the person's own words, taken down by staff (whom the version's origin names).
    Party { reference: format!("Patient/{}", record.patient_id), name: person }
}

async fn read_service(access: &Access, team: &str) -> Result<Entry, Error> {
    if !team.starts_with("HealthcareService/") {
        return Err(Error::field("team", "Choose a team to write to"));
    }
    Ok(access.read(team).await?)
}

fn party(service: &Entry) -> Party {
    Party::new(&service.reference(), text(&service.value, "/name").unwrap_or("The team"))
}

/// A message gives a team sight of the record, so it goes to teams that have to do with the person already: their
/// practice's, and those with a booking, a request or work for them. Others are reached by asking for help.
fn may_write_to(record: &Record, service: &Entry) -> Result<(), Error> {
    let reference = service.reference();
    let organization = text(&service.value, "/providedBy/reference");
    let involved = record.relationships().iter().any(|r| r.with == reference || Some(r.with.as_str()) == organization);
    if involved {
        Ok(())
    } else {
        Err(Error::Refused {
            why: "You can write to your practice and to teams that are helping you. To reach another, ask for help."
                .to_owned(),
        })
    }
}

fn answered(entry: &Entry, answer: &str, now: Timestamp) -> Value {
    let mut task = (*entry.value).clone();
    build::Task::complete(&mut task, "Answered", now);
    build::Task::add_told(&mut task, answer);
    task
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_never_cut_nor_empty() {
        assert!(matches!(checked("  \n"), Err(Error::Invalid { .. })));
        assert!(matches!(checked(&"x".repeat(MAX_TEXT + 1)), Err(Error::Invalid { .. })));
        assert_eq!(checked(&"é".repeat(MAX_TEXT)).unwrap().chars().count(), MAX_TEXT);
        assert_eq!(checked("a\0b\r\nc").unwrap(), "ab\nc");
    }
}
