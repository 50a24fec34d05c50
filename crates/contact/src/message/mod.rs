//! Messages between a person and a team. A message is a Communication; each one a person sends also becomes a Task of
//! kind `message` with an owner and a due time, so that no reply is lost. A team's answer closes the Tasks it answers.

mod send;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kith_directory::BankHolidays;
use kith_fhir::{Value, build, json, system};
use kith_trust::Record;

use crate::fields::{extension, fresh_id, has_code, items, own_reference, text};
use crate::preferences::Channel;
use crate::time;

pub use send::{
    Sent, ToPerson, ToTeam, mark_read, send_to_person, send_to_person_once, send_to_team, send_to_team_once,
};

/// The longest message, in characters. A longer one is refused with its text kept on the form, never cut.
pub const MAX_TEXT: usize = 10_000;

/// A message is answered by the end of the second working day: 6.30pm, when core hours end (GMS Contracts Regulations
/// 2015, regulation 3: 8am to 6.30pm).
pub const ANSWER_WORKING_DAYS: u32 = 2;

/// What a Communication is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Between a person and a team, or between teams.
    Message,
    /// A notice that was sent.
    Notification,
    /// What came of a piece of work.
    Outcome,
}

impl Category {
    pub fn code(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Notification => "notification",
            Self::Outcome => "outcome",
        }
    }

    /// What a Communication is; `None` if it is none of ours.
    pub fn of(communication: &Value) -> Option<Self> {
        [Self::Message, Self::Notification, Self::Outcome]
            .into_iter()
            .find(|c| has_code(communication, "category", system::CS_CATEGORY, c.code()))
    }
}

/// Somebody a message comes from or goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// `Patient/…`, `RelatedPerson/…`, `HealthcareService/…`, `Practitioner/…`
    pub reference: String,
    /// The name as shown.
    pub name: String,
}

impl Party {
    pub fn new(reference: &str, name: &str) -> Self {
        Self { reference: reference.to_owned(), name: name.to_owned() }
    }

    /// As a FHIR Reference with the name as its display.
    pub fn reference(&self) -> Value {
        if self.name.is_empty() {
            build::reference(&self.reference)
        } else {
            build::reference_display(&self.reference, &self.name)
        }
    }
}

/// A Communication about to be written.
#[derive(Debug, Clone)]
pub struct Draft {
    pub category: Category,
    /// Id of the person whose record it stands in.
    pub patient: String,
    pub sender: Option<Party>,
    pub recipients: Vec<Party>,
    pub text: String,
    /// A few words that name the thread.
    pub subject: Option<String>,
    /// `Type/id` of what it is about.
    pub about: Vec<String>,
    /// `Communication/…` that it answers.
    pub answers: Option<String>,
    pub channel: Option<Channel>,
}

impl Draft {
    /// The Communication, sent at `now`, with a fresh id.
    pub fn build(&self, now: Timestamp) -> Value {
        let about: Vec<&str> = self.about.iter().map(String::as_str).collect();
        let mut out = build::Communication {
            person: &format!("Patient/{}", self.patient),
            sender: None,
            recipients: &[],
            sent: now,
            category: self.category.code(),
            text: &self.text,
            in_response_to: self.answers.as_deref(),
            about: &about,
        }
        .build();
        build::set(&mut out, "id", json!(fresh_id()));
        build::set(&mut out, "recipient", self.recipients.iter().map(Party::reference).collect());
        if let Some(sender) = &self.sender {
            build::set(&mut out, "sender", sender.reference());
        }
        if let Some(subject) = &self.subject {
            out["topic"] = json!({ "text": subject });
        }
        if let Some(channel) = self.channel {
            build::add_extension(&mut out, build::extension_code(system::EXT_CHANNEL, channel.code()));
        }
        out
    }
}

/// One message as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `Communication/…`
    pub reference: String,
    pub category: Option<Category>,
    pub from: Party,
    pub to: Vec<Party>,
    /// Whether the person (or somebody acting for them) wrote it.
    pub from_person: bool,
    pub text: String,
    pub subject: Option<String>,
    pub about: Vec<String>,
    pub sent: Option<Timestamp>,
    /// When the other side first read it.
    pub read: Option<Timestamp>,
    answers: Option<String>,
}

impl Message {
    /// Reads a Communication of any category.
    pub fn of(communication: &Value) -> Self {
        let party = |r: &Value| Party {
            reference: text(r, "/reference").unwrap_or_default().to_owned(),
            name: text(r, "/display").unwrap_or_default().to_owned(),
        };
        let from = communication.get("sender").map_or_else(|| Party::new("", ""), party);
        let texts: Vec<&str> = items(communication, "payload").filter_map(|p| text(p, "/contentString")).collect();
        Self {
            reference: own_reference(communication),
            category: Category::of(communication),
            from_person: from.reference.starts_with("Patient/") || from.reference.starts_with("RelatedPerson/"),
            from,
            to: items(communication, "recipient").map(party).collect(),
            text: texts.join("\n\n"),
            subject: text(communication, "/topic/text").map(str::to_owned),
            about: items(communication, "about").filter_map(|a| text(a, "/reference")).map(str::to_owned).collect(),
            sent: time::at(communication, "/sent"),
            read: time::at(communication, "/received"),
            answers: text(communication, "/inResponseTo/0/reference").map(str::to_owned),
        }
    }

    /// The team on the other side from the person.
    fn team(&self) -> Option<&Party> {
        std::iter::once(&self.from).chain(&self.to).find(|p| p.reference.starts_with("HealthcareService/"))
    }

    fn to_person(&self) -> bool {
        self.to.iter().any(|p| p.reference.starts_with("Patient/"))
    }
}

/// Messages that answer each other, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// The first message: `Communication/…`, which names the thread.
    pub root: String,
    pub subject: String,
    /// The team the person is talking to, if there is one.
    pub team: Option<Party>,
    pub messages: Vec<Message>,
    /// Messages to the person that they have not read.
    pub unread_by_person: usize,
    /// Messages from the person that the team has not read.
    pub unread_by_team: usize,
    /// When the team's answer is due, while one is.
    pub due: Option<Timestamp>,
    /// Open Tasks (`Task/…`) of kind `message` in this thread.
    pub open_tasks: Vec<String>,
}

impl Thread {
    /// When the last message was sent.
    pub fn last(&self) -> Option<Timestamp> {
        self.messages.iter().filter_map(|m| m.sent).max()
    }
}

/// The person's messages (and the outcomes they were told) as threads, the latest first. Notices are not among them.
pub fn threads(record: &Record) -> Vec<Thread> {
    thread_up(
        record.entries().iter().filter(|e| e.kind == "Communication").map(|e| &*e.value),
        record.entries().iter().filter(|e| e.kind == "Task").map(|e| &*e.value),
    )
}

/// [`threads`], from the Communications and Tasks of one person.
pub fn thread_up<'a>(
    communications: impl Iterator<Item = &'a Value>,
    tasks: impl Iterator<Item = &'a Value>,
) -> Vec<Thread> {
    let messages: BTreeMap<String, Message> = communications
        .filter(|c| matches!(Category::of(c), Some(Category::Message | Category::Outcome)))
        .map(Message::of)
        // What one team told another belongs to their work, not to the person's letterbox.
        .filter(|m| m.from_person || m.to_person())
        .map(|m| (m.reference.clone(), m))
        .collect();
    let mut grouped: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    for message in messages.values() {
        grouped.entry(root_of(message, &messages)).or_default().push(message.clone());
    }
    let mut open: BTreeMap<String, Vec<(String, Option<Timestamp>)>> = BTreeMap::new();
    for task in tasks.filter(|t| is_open_message_task(t)) {
        if let Some(message) = text(task, "/focus/reference").and_then(|f| messages.get(f)) {
            let entry = open.entry(root_of(message, &messages)).or_default();
            entry.push((own_reference(task), time::at(task, "/restriction/period/end")));
        }
    }
    let mut threads: Vec<Thread> = grouped
        .into_iter()
        .map(|(root, mut messages)| {
            messages.sort_by(|a, b| (a.sent, &a.reference).cmp(&(b.sent, &b.reference)));
            let waiting = open.remove(&root).unwrap_or_default();
            let unread =
                |from_person| messages.iter().filter(|m| m.from_person == from_person && m.read.is_none()).count();
            Thread {
                subject: messages.iter().find_map(|m| m.subject.clone()).unwrap_or_else(|| "Message".to_owned()),
                team: messages.iter().find_map(Message::team).cloned(),
                unread_by_person: unread(false),
                unread_by_team: unread(true),
                due: waiting.iter().filter_map(|(_, due)| *due).min(),
                open_tasks: waiting.into_iter().map(|(task, _)| task).collect(),
                messages,
                root,
            }
        })
        .collect();
    threads.sort_by_key(|t| std::cmp::Reverse((t.last(), t.root.clone())));
    threads
}

/// Follows answers to the first message; stops at a missing one or a ring.
fn root_of(message: &Message, all: &BTreeMap<String, Message>) -> String {
    let mut seen = BTreeSet::from([message.reference.as_str()]);
    let mut at = message;
    while let Some(next) = at.answers.as_deref().and_then(|a| all.get(a)) {
        if !seen.insert(&next.reference) {
            // A ring has no first; its smallest reference stands for all of it.
            return seen.into_iter().min().unwrap_or_default().to_owned();
        }
        at = next;
    }
    at.reference.clone()
}

fn is_open_message_task(task: &Value) -> bool {
    has_code(task, "code", system::CS_TASK_KIND, "message")
        && matches!(text(task, "/status"), Some("requested" | "accepted" | "in-progress"))
}

/// When an answer is due: the end of the second working day.
pub fn answer_due(now: Timestamp) -> Timestamp {
    working_days_end(now, ANSWER_WORKING_DAYS)
}

/// 6.30pm on the working day that is `days` after `now`'s day: Monday to Friday, and no bank holiday of England.
pub fn working_days_end(now: Timestamp, days: u32) -> Timestamp {
    let mut day = time::day(now);
    let mut left = days;
    while left > 0 {
        day = day.tomorrow().unwrap_or(day);
        if BankHolidays::england().is_working_day(day) {
            left -= 1;
        }
    }
    time::on(day, 18, 30)
}

pub(crate) struct TaskDraft<'a> {
    pub kind: &'a str,
    pub patient: &'a str,
    pub focus: &'a str,
    pub owner: &'a Party,
    pub requester: Option<&'a Party>,
    pub description: &'a str,
    pub due: Timestamp,
    pub channel: Option<Channel>,
    pub now: Timestamp,
}

/// A Task as `docs/record.md` has it: always an owner, always a due time.
pub(crate) fn task(draft: TaskDraft<'_>) -> Value {
    let mut out = build::Task {
        kind: draft.kind,
        person: &format!("Patient/{}", draft.patient),
        owner: &draft.owner.reference,
        due: draft.due,
        authored: draft.now,
        priority: "routine",
        description: draft.description,
        requester: None,
        focus: Some(draft.focus),
    }
    .build();
    build::set(&mut out, "id", json!(fresh_id()));
    build::set(&mut out, "owner", draft.owner.reference());
    if let Some(requester) = draft.requester {
        build::set(&mut out, "requester", requester.reference());
    }
    if let Some(channel) = draft.channel {
        build::add_extension(&mut out, build::extension_code(system::EXT_CHANNEL, channel.code()));
    }
    out
}

/// The channel a resource came by, if it says.
pub fn channel_of(resource: &Value) -> Option<&str> {
    text(extension(resource, system::EXT_CHANNEL)?, "/valueCode")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn message(id: &str, from: &str, to: &str, answers: Option<&str>, sent: &str) -> Value {
        let draft = Draft {
            category: Category::Message,
            patient: "p1".to_owned(),
            sender: Some(Party::new(from, "From")),
            recipients: vec![Party::new(to, "To")],
            text: format!("words of {id}"),
            subject: answers.is_none().then(|| "About my leg".to_owned()),
            about: vec![],
            answers: answers.map(|a| format!("Communication/{a}")),
            channel: Some(Channel::Web),
        };
        let mut out = draft.build(ts(sent));
        out["id"] = json!(id);
        out
    }

    fn waiting(id: &str, focus: &str, due: &str) -> Value {
        let mut out = task(TaskDraft {
            kind: "message",
            patient: "p1",
            focus: &format!("Communication/{focus}"),
            owner: &Party::new("HealthcareService/h1", "Team"),
            requester: Some(&Party::new("Patient/p1", "Person")),
            description: "Message to answer",
            due: ts(due),
            channel: None,
            now: ts("2026-11-20T09:00:00Z"),
        });
        out["id"] = json!(id);
        out
    }

    const PERSON: &str = "Patient/p1";
    const TEAM: &str = "HealthcareService/h1";

    #[test]
    fn answers_stand_under_what_they_answer() {
        let all = [
            message("a", PERSON, TEAM, None, "2026-11-18T09:00:00Z"),
            message("b", TEAM, PERSON, Some("a"), "2026-11-18T10:00:00Z"),
            message("c", PERSON, TEAM, Some("b"), "2026-11-18T11:00:00Z"),
            message("d", TEAM, PERSON, None, "2026-11-19T09:00:00Z"),
        ];
        let tasks = [waiting("t", "c", "2026-11-22T18:30:00Z")];
        let threads = thread_up(all.iter(), tasks.iter());
        assert_eq!(threads.iter().map(|t| t.root.as_str()).collect::<Vec<_>>(), ["Communication/d", "Communication/a"]);
        let long = &threads[1];
        assert_eq!(
            long.messages.iter().map(|m| m.text.as_str()).collect::<Vec<_>>(),
            ["words of a", "words of b", "words of c"]
        );
        assert_eq!((long.unread_by_person, long.unread_by_team), (1, 2));
        assert_eq!(
            (long.due, long.open_tasks.as_slice()),
            (Some(ts("2026-11-22T18:30:00Z")), &["Task/t".to_owned()][..])
        );
        assert_eq!(long.team.as_ref().unwrap().reference, TEAM);
        assert_eq!(long.subject, "About my leg");
    }

    #[test]
    fn messages_that_answer_each_other_in_a_ring_are_still_shown() {
        let all = [
            message("a", PERSON, TEAM, Some("b"), "2026-11-18T09:00:00Z"),
            message("b", TEAM, PERSON, Some("a"), "2026-11-18T10:00:00Z"),
            message("c", TEAM, PERSON, Some("missing"), "2026-11-18T10:00:00Z"),
        ];
        let threads = thread_up(all.iter(), std::iter::empty());
        assert_eq!(threads.iter().map(|t| t.messages.len()).sum::<usize>(), 3);
        assert_eq!(threads.len(), 2);
    }

    #[test]
    fn what_teams_tell_each_other_is_not_in_the_persons_letterbox() {
        let all = [message("a", TEAM, "HealthcareService/h2", None, "2026-11-18T09:00:00Z")];
        assert!(thread_up(all.iter(), std::iter::empty()).is_empty());
    }

    #[test]
    fn a_bank_holiday_is_no_working_day() {
        // Thursday before Good Friday 2027 (26 March): Tuesday is the first working day, Wednesday the second.
        assert_eq!(answer_due(ts("2027-03-25T10:00:00Z")), ts("2027-03-31T17:30:00Z"));
        // Christmas Eve 2026: Friday is Christmas, Monday the Boxing Day holiday.
        assert_eq!(working_days_end(ts("2026-12-24T10:00:00Z"), 1), ts("2026-12-29T18:30:00Z"));
    }

    #[test]
    fn every_message_is_due_within_two_working_days() {
        // Friday 20 November 2026, 9am: Tuesday 6.30pm.
        assert_eq!(answer_due(ts("2026-11-20T09:00:00Z")), ts("2026-11-24T18:30:00Z"));
        // Sunday: Tuesday. In summer time too.
        assert_eq!(answer_due(ts("2026-06-07T09:00:00Z")), ts("2026-06-09T17:30:00Z"));
        for hour in 0..24 * 14 {
            let now = ts("2026-10-20T00:30:00Z") + SignedDuration::from_hours(hour);
            let wait = answer_due(now).duration_since(now);
            assert!(wait >= SignedDuration::from_hours(24) && wait <= SignedDuration::from_hours(5 * 24), "{now}");
        }
    }
}
