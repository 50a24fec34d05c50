//! A question of the privacy officer to a member of staff about an access, and its answer: a piece of work with an owner, a
//! due time and a state, closed only when both know how it ended.

use jiff::{SignedDuration, Timestamp};
use kith_store::{AuditDraft, Batch, KeyValue};
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::error::Error;
use crate::unusual::Finding;

/// An answer is due after this.
pub const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

const SPACE: &str = "inquiry";
/// The longest answer, in characters.
const LONGEST: usize = 2000;

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// With the member of staff.
    Asked,
    /// With the privacy officer.
    Answered,
    /// Both know how it ended.
    Closed,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// There was a good reason.
    Explained,
    /// It goes on as a possible breach.
    Breach,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// The finding's id: one question for each.
    pub id: String,
    /// `Practitioner/…`: whose work it is.
    pub staff: String,
    pub staff_name: String,
    pub organization_name: Option<String>,
    /// Patient id, if one person's record.
    pub person: Option<String>,
    /// The person's name; empty for a member of staff who was refused, for whom that person does not exist.
    pub person_name: String,
    /// The record was opened, not only tried for.
    pub got_in: bool,
    /// When the record was first and last opened, and how often.
    pub first: Timestamp,
    pub last: Timestamp,
    pub times: u32,
    /// Why it is asked, in words. For the officer; not shown to the member of staff.
    pub signs: Vec<String>,
    pub asked_by: String,
    pub asked_by_name: String,
    pub asked: Timestamp,
    pub due: Timestamp,
    pub state: State,
    pub answer: Option<String>,
    pub answered: Option<Timestamp>,
    pub outcome: Option<Outcome>,
    pub closed: Option<Timestamp>,
}

impl Inquiry {
    /// As the member of staff may see it: who was refused does not learn whose record it was.
    fn for_staff(mut self) -> Self {
        if !self.got_in {
            self.person = None;
            self.person_name.clear();
        }
        self
    }

    /// Whether the answer is late at `now`.
    pub fn overdue(&self, now: Timestamp) -> bool {
        self.state == State::Asked && now > self.due
    }
}

impl Access {
    /// Asks the member of staff why. Asked before: the question as it stands.
    pub async fn ask_about(&self, finding: &Finding) -> Result<Inquiry, Error> {
        self.must_audit("ask about an access").await?;
        if let Some(asked) = self.inquiry(&finding.id).await? {
            return Ok(asked);
        }
        let now = self.now();
        let inquiry = Inquiry {
            id: finding.id.clone(),
            staff: finding.origin.actor.clone(),
            staff_name: finding.origin.name.clone(),
            organization_name: finding.origin.organization_name.clone(),
            person: finding.person.clone(),
            person_name: finding.person_name.clone(),
            got_in: finding.got_in,
            first: finding.first,
            last: finding.last,
            times: finding.times,
            signs: finding.signs.iter().map(|(_, words)| words.clone()).collect(),
            asked_by: self.actor().reference.clone(),
            asked_by_name: self.actor().name.clone(),
            asked: now,
            due: now.saturating_add(ANSWER_WITHIN).unwrap_or(Timestamp::MAX),
            state: State::Asked,
            answer: None,
            answered: None,
            outcome: None,
            closed: None,
        };
        self.keep(&inquiry, "inquiry-asked").await?;
        Ok(inquiry)
    }

    /// All questions, those that wait longest first, the closed last. For the privacy officer.
    pub async fn inquiries(&self) -> Result<Vec<Inquiry>, Error> {
        self.must_audit("questions about accesses").await?;
        let mut all = self.all().await?;
        all.sort_by_key(|i| (i.state == State::Closed, i.due));
        Ok(all)
    }

    /// The questions to this actor, open ones first.
    pub async fn my_inquiries(&self) -> Result<Vec<Inquiry>, Error> {
        let mut mine = self.all().await?;
        mine.retain(|i| i.staff == self.actor().reference);
        let mut mine: Vec<Inquiry> = mine.into_iter().map(Inquiry::for_staff).collect();
        mine.sort_by_key(|i| (i.state != State::Asked, i.due));
        Ok(mine)
    }

    /// Answers a question that is the actor's own and open.
    pub async fn answer_inquiry(&self, id: &str, answer: &str) -> Result<Inquiry, Error> {
        // Whether there is such a question is told only to whom it was asked, whatever they write.
        let mut inquiry = match self.inquiry(id).await? {
            Some(inquiry) if inquiry.staff == self.actor().reference => inquiry,
            _ => return self.refuse(None, "answer a question", "not a question to this actor", true).await,
        };
        let answer = answer.trim();
        if answer.is_empty() || answer.chars().count() > LONGEST {
            return Err(Error::invalid("answer", format!("must have 1 to {LONGEST} characters")));
        }
        if inquiry.state == State::Closed {
            return Err(Error::Conflict { what: "the question was closed in the meantime".into() });
        }
        inquiry.state = State::Answered;
        inquiry.answer = Some(answer.to_owned());
        inquiry.answered = Some(self.now());
        self.keep(&inquiry, "inquiry-answered").await?;
        Ok(inquiry.for_staff())
    }

    /// Closes a question; the member of staff sees how. One that was not answered is closed as a possible breach alone.
    pub async fn close_inquiry(&self, id: &str, outcome: Outcome) -> Result<Inquiry, Error> {
        self.must_audit("close a question").await?;
        let mut inquiry = self.inquiry(id).await?.ok_or(Error::NotFound)?;
        match (inquiry.state, outcome) {
            (State::Closed, _) => {
                return Err(Error::Conflict { what: "the question was closed in the meantime".into() });
            }
            (State::Asked, Outcome::Explained) => {
                return Err(Error::Conflict { what: "the question has not been answered yet".into() });
            }
            _ => {}
        }
        inquiry.state = State::Closed;
        inquiry.outcome = Some(outcome);
        inquiry.closed = Some(self.now());
        self.keep(&inquiry, "inquiry-closed").await?;
        Ok(inquiry)
    }

    async fn all(&self) -> Result<Vec<Inquiry>, Error> {
        let kept = self.inner.store.list(SPACE, self.now()).await?;
        Ok(kept.into_iter().filter_map(|(_, bytes)| serde_json::from_slice(&bytes).ok()).collect())
    }

    async fn inquiry(&self, id: &str) -> Result<Option<Inquiry>, Error> {
        let kept = self.inner.store.get(SPACE, id, self.now()).await?;
        Ok(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Keeps a question with its audit entry, which says that it was asked, answered or closed, not what was said.
    async fn keep(&self, inquiry: &Inquiry, action: &str) -> Result<(), Error> {
        let mut batch = Batch::new(self.now(), self.origin());
        let mut fields = self.fields(action, "");
        fields.what = vec![inquiry.staff.clone()];
        batch.audit.push(AuditDraft {
            person: inquiry.person.as_deref().map(std::sync::Arc::from),
            fields,
            covers_writes: false,
        });
        batch.set.push(KeyValue {
            space: SPACE,
            key: inquiry.id.clone(),
            value: serde_json::to_vec(inquiry).ok(),
            expires: None,
        });
        self.inner.store.commit(batch).await?;
        Ok(())
    }
}
