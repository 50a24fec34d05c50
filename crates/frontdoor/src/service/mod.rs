//! Asking for help through the door: what the record knows, what can be offered, and what the person chose, kept as one
//! change each.
//!
//! A person, their proxy or staff on the phone or at a desk take the same way; policy decides for each. What pathways need
//! to know is read as Kith's own pathway ([`Access::as_pathway`]) once it is certain that the actor may ask for this
//! person, and only conclusions are passed on. Nothing is booked or asked on a stale answer: the pathway is walked again.

mod ask;
mod book;
mod known;
mod offers;

use kith_booking::Error as Booking;
use kith_handover::Refusal;
use kith_trust::{Access, Error as Door};

pub use ask::{Requested, SelfCare, Stopped, go_there, request, self_care, stopped};
pub use book::{Booked, book, book_with};
pub use offers::{Fallback, Offers, offers};

use crate::{AnswerError, Answers, Assessment, Facts, FactsError, Pathway};

/// How the person reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    Web,
    Phone,
    Desk,
    Letter,
    /// Asked by the practice itself.
    Practice,
}

impl Channel {
    /// The code kept in the record.
    pub fn code(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Phone => "phone",
            Self::Desk => "desk",
            Self::Letter => "letter",
            Self::Practice => "practice",
        }
    }
}

/// A photo that goes with the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Photo {
    /// In the record already: `DocumentReference/…`.
    Kept(String),
    /// To be kept in the same change, as the answer to the question of this id if there is one.
    New { question: Option<String>, jpeg: kith_contact::photo::Jpeg },
}

/// What somebody asks, for whom, and how.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Id of the Patient.
    pub patient_id: String,
    /// The pathway that was walked, of whatever content is in use.
    pub pathway: &'a Pathway,
    /// The answer to a photo question whose photo is [`Photo::New`] may be any [`crate::Answer::Photo`].
    pub answers: Answers,
    /// As shown to whoever confirmed it; another outcome now is [`Error::Changed`].
    pub assessment: Assessment,
    pub channel: Channel,
    /// The problem in the person's own words, where they gave any.
    pub own_words: Option<String>,
    pub photos: Vec<Photo>,
    /// Who filled it in: reference and name of the actor (see [`Ask::author_of`]).
    pub author: kith_contact::Party,
}

impl Ask<'_> {
    /// The author that an actor is.
    pub fn author_of(access: &Access) -> kith_contact::Party {
        kith_contact::Party::new(&access.actor().reference, &access.actor().name)
    }
}

/// Why nothing was asked or booked. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record lacks what an assessment needs.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// Answers that are none; each says what is wrong with it.
    #[error("Some answers need to be looked at again.")]
    Answers(Vec<AnswerError>),
    /// Questions are still to be asked.
    #[error("Some questions are not answered yet.")]
    Incomplete,
    /// The answers now come to something else than what was shown, because the record or the pathway changed.
    #[error("What we know has changed since you answered. Look at the advice again.")]
    Changed(Box<Assessment>),
    /// An emergency is not booked or asked for.
    #[error("Do not wait for an appointment: {0}.")]
    Emergency(&'static str),
    /// The time is with a service that is not for this person or need.
    #[error("That service cannot help with this: {why}. Choose another.")]
    NotForYou { why: String },
    /// The time is too far off for what the person needs.
    #[error("That time is too late for this. Choose an earlier one.")]
    TooLate,
    /// No team of the directory can own the request.
    #[error("There is no team here that can take this. Phone your GP practice, or 111.")]
    NoTeam,
    /// The time could not be booked; [`kith_booking::Error::Taken`] brings the next ones.
    #[error(transparent)]
    Booking(#[from] Booking),
    #[error(transparent)]
    Work(#[from] Refusal),
    #[error(transparent)]
    Door(#[from] Door),
}

/// What the record knows of a person that pathways ask about.
///
/// Read as Kith's pathway, so that a receptionist may ask for somebody whose conditions they may not see: show only what
/// the pathway concludes. [`Door::NotFound`] if the actor may not ask for this person.
pub async fn facts(access: &Access, patient_id: &str) -> Result<Facts, Error> {
    Ok(known::Known::read(access, patient_id).await?.facts)
}

/// An ask that has been walked through again.
struct Checked<'a> {
    pathway: &'a Pathway,
    assessment: Assessment,
    known: known::Known,
}

/// Reads the facts, checks the answers and assesses anew.
async fn check<'a>(access: &Access, ask: &Ask<'a>) -> Result<Checked<'a>, Error> {
    let known = known::Known::read(access, &ask.patient_id).await?;
    let pathway = ask.pathway;
    pathway.check(&ask.answers).map_err(Error::Answers)?;
    let assessment = pathway.assess(&known.facts, &ask.answers);
    if !assessment.complete {
        return Err(Error::Incomplete);
    }
    let (was, is) = (&ask.assessment, &assessment);
    let same = was.content == is.content
        && was.disposition.urgency == is.disposition.urgency
        && was.disposition.need == is.disposition.need;
    if same { Ok(Checked { pathway, assessment, known }) } else { Err(Error::Changed(Box::new(assessment))) }
}
