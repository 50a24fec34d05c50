//! Conversations between a person and a team, as each side sees them.

use jiff::Timestamp;
use kith_contact::message::{self, MAX_TEXT, Message, Thread};
use kith_contact::{Error, time};
use kith_trust::{Access, Record};
use serde::Serialize;

use crate::reply::{WebError, WebResult};

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Person,
    Team,
}

impl Side {
    /// Messages of a conversation that this side has not read.
    pub fn unread(self, thread: &Thread) -> usize {
        if self == Self::Person { thread.unread_by_person } else { thread.unread_by_team }
    }

    fn team(self, thread: &Thread) -> String {
        let nobody = if self == Self::Person { "Your care team" } else { "No team" };
        thread.team.as_ref().map_or(nobody, |team| team.name.as_str()).to_owned()
    }

    fn waiting(self, thread: &Thread, now: Timestamp) -> Option<Waiting> {
        let due = thread.due?;
        let by = time::by_words(due, now);
        let late = due < now;
        let words = match (self, late) {
            (Self::Team, _) => time::due_words(due, now),
            (Self::Person, true) => format!("Late: an answer was due by {by}"),
            (Self::Person, false) => format!("Answer due by {by}"),
        };
        Some(Waiting { words, late })
    }
}

/// An answer that somebody waits for.
#[derive(Debug, Serialize)]
struct Waiting {
    words: String,
    late: bool,
}

/// A conversation in a list.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    id: String,
    subject: String,
    team: String,
    last: Option<String>,
    unread: usize,
    waiting: Option<Waiting>,
}

/// Every conversation of a record, the latest first.
pub(crate) fn lines(record: &Record, side: Side, now: Timestamp) -> Vec<Line> {
    let line = |thread: &Thread| Line {
        id: id_of(thread).to_owned(),
        subject: thread.subject.clone(),
        team: side.team(thread),
        last: thread.last().map(|at| at.to_string()),
        unread: side.unread(thread),
        waiting: side.waiting(thread, now),
    };
    message::threads(record).iter().map(line).collect()
}

/// One conversation.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    id: String,
    subject: String,
    team: String,
    messages: Vec<Said>,
    waiting: Option<Waiting>,
    longest: usize,
}

#[derive(Debug, Serialize)]
struct Said {
    from: String,
    from_person: bool,
    text: String,
    sent: Option<String>,
    /// When the other side first read it.
    read: Option<String>,
    /// Not read yet by whoever looks.
    new: bool,
}

pub(crate) fn view(thread: &Thread, side: Side, now: Timestamp) -> View {
    let said = |m: &Message| Said {
        from: m.from.name.clone(),
        from_person: m.from_person,
        text: m.text.clone(),
        sent: m.sent.map(|at| at.to_string()),
        read: m.read.map(|at| at.to_string()),
        new: m.read.is_none() && m.from_person == (side == Side::Team),
    };
    View {
        id: id_of(thread).to_owned(),
        subject: thread.subject.clone(),
        team: side.team(thread),
        messages: thread.messages.iter().map(said).collect(),
        waiting: side.waiting(thread, now),
        longest: MAX_TEXT,
    }
}

/// The conversation that an id in an address names, by its first message.
pub(crate) fn find(record: &Record, id: &str) -> WebResult<Thread> {
    let root = crate::person::reference("Communication", id)?;
    message::threads(record).into_iter().find(|t| t.root == root).ok_or_else(WebError::not_found)
}

/// Notes that this side has read it. That it could not be noted must not keep it from being read.
pub(crate) async fn mark_read(access: &Access, person: &str, thread: &Thread, side: Side) {
    if side.unread(thread) == 0 {
        return;
    }
    match message::mark_read(access, person, &thread.root).await {
        Ok(_) | Err(Error::Door(kith_trust::Error::Conflict { .. })) => {}
        Err(error) => tracing::warn!(%error, "a message could not be marked as read"),
    }
}

fn id_of(thread: &Thread) -> &str {
    crate::person::id_of(&thread.root)
}
