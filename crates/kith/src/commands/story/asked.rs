//! Asking for help as the pages do: questions one at a time, offers, a booking or a request.

use anyhow::{Context, bail};
use kith_contact::{Party, photo};
use kith_frontdoor::service::{self, Error};
use kith_frontdoor::{Answer, Answers, Ask, Booked, Channel, Kind, Offer, Pathways, Photo, Requested, SlotOffer, Step};
use kith_trust::Access;

use super::Story;

/// What somebody will answer, by question; yes-no questions not named are answered "no", and lists "none of these".
pub(super) type Given<'a> = &'a [(&'a str, &'a [&'a str])];

/// A question that was asked, with the answer, in words.
pub(super) struct Said {
    pub question: String,
    pub answer: String,
}

/// Answers a pathway's questions for a person, as far as it asks them.
pub(super) async fn answer(
    access: &Access,
    patient: &str,
    pathway_id: &str,
    given: Given<'_>,
    channel: Channel,
    own_words: &str,
    jpeg: Option<photo::Jpeg>,
) -> anyhow::Result<(Ask<'static>, Vec<Said>)> {
    let facts = service::facts(access, patient).await?;
    let pathway = Pathways::built_in().get(pathway_id).with_context(|| format!("there is no pathway {pathway_id}"))?;
    if !pathway.audience.suits(&facts) {
        bail!("{pathway_id} is not for this person");
    }
    let mut answers = Answers::new();
    let mut said = Vec::new();
    let mut photos = Vec::new();
    while let Step::Ask(question) = pathway.next(&facts, &answers) {
        let known = given.iter().find(|(id, _)| *id == question.id).map(|(_, sent)| *sent);
        let answer = match (question.kind, known, &jpeg) {
            (Kind::Photo, _, Some(jpeg)) => {
                photos.push(Photo::New { question: Some(question.id.clone()), jpeg: jpeg.clone() });
                Answer::Photo("DocumentReference/new".to_owned())
            }
            (_, Some(sent), _) => question.read(sent)?,
            (_, None, _) if question.optional => question.read(&[])?,
            (Kind::YesNo, None, _) => question.read(&["no"])?,
            (Kind::AnyOf, None, _) => {
                let none = question.options.iter().find(|o| o.none).context("a list without \"none of these\"")?;
                question.read(&[&none.id])?
            }
            _ => bail!("{pathway_id} asks {}, which the story does not answer", question.id),
        };
        said.push(Said { question: question.text.clone(), answer: question.words(&answer) });
        answers.insert(&question.id, answer);
    }
    let assessment = pathway.assess(&facts, &answers);
    let author = Party::new(&access.actor().reference, &access.actor().name);
    let ask = Ask {
        patient_id: patient.to_owned(),
        pathway,
        answers,
        assessment,
        channel,
        own_words: Some(own_words.to_owned()),
        photos,
        author,
    };
    Ok((ask, said))
}

/// What came of asking: a time, or a request where nothing was free.
pub(super) enum Help {
    Booked { made: Booked, who: Option<String> },
    Requested(Requested),
}

impl Help {
    pub fn service_request(&self) -> &str {
        match self {
            Self::Booked { made, .. } => &made.service_request,
            Self::Requested(made) => &made.service_request,
        }
    }

    pub fn task(&self) -> &str {
        match self {
            Self::Booked { made, .. } => &made.task,
            Self::Requested(made) => &made.task,
        }
    }

    /// `HealthcareService/…` that will help.
    pub fn service(&self) -> &str {
        match self {
            Self::Booked { made, .. } => &made.service.reference,
            Self::Requested(made) => &made.owner.reference,
        }
    }

    pub fn service_name(&self) -> &str {
        match self {
            Self::Booked { made, .. } => &made.service.name,
            Self::Requested(made) => &made.owner.name,
        }
    }
}

impl Story {
    /// Tells where the answers led, and why.
    pub(super) fn tell_disposition(&mut self, ask: &Ask<'_>) {
        let disposition = &ask.assessment.disposition;
        self.say(&format!("Kith says: {}", disposition.title));
        for reason in disposition.reasons.iter().take(2) {
            self.quote(&reason.text);
        }
        let urgency = disposition.urgency.words();
        self.promise(
            !disposition.reasons.is_empty() && !ask.assessment.content.is_empty() && !disposition.safety_net.is_empty(),
            &format!(
                "The advice ({urgency}) gives its reasons, says what to watch for, and names who made it: {}{}.",
                ask.assessment.content,
                if ask.assessment.signed_off { "" } else { ", illustrative, not clinically signed off" }
            ),
        );
    }

    /// The offers for an ask, told with their reasons; each must have some, and there must always be a way on.
    pub(super) async fn tell_offers(&mut self, access: &Access, ask: &Ask<'_>) -> anyhow::Result<Vec<Offer>> {
        let found = service::offers(access, &self.directory, &ask.patient_id, &ask.assessment).await?;
        for offer in found.offers.iter().take(3) {
            let first = offer.slots.first().map(|slot| format!(" First free: {}.", self.when(slot.start)));
            let reasons = offer.reasons.join("; ");
            self.quote(&format!("{}: {reasons}.{}", offer.service_name, first.unwrap_or_default()));
        }
        if found.offers.len() > 3 {
            self.quote(&format!("and {} more", found.offers.len() - 3));
        }
        if let Some((name, why)) = found.not_possible.first() {
            self.quote(&format!("{name}: not possible, {why}"));
        }
        let reasoned = found.offers.iter().all(|offer| !offer.reasons.is_empty());
        self.promise(
            reasoned && !found.fallback.service_name.is_empty(),
            &format!(
                "Every offer has its reasons in plain words, and if none suits, {} answers by {}.",
                found.fallback.service_name,
                self.when(found.fallback.due)
            ),
        );
        Ok(found.offers)
    }

    /// Books the best time offered, `at_home` where somebody comes to the house; asks the team where there is none. A time
    /// lost to somebody else is followed by the next.
    pub(super) async fn get_help(
        &mut self,
        access: &Access,
        ask: &Ask<'_>,
        form: &str,
        at_home: bool,
    ) -> anyhow::Result<Help> {
        let mut offers = self.tell_offers(access, ask).await?;
        if at_home {
            let comes = |offer: &Offer| self.directory.service(&offer.service_id).is_some_and(|s| s.has("home-visits"));
            offers.sort_by_key(|offer| !comes(offer));
            if let Some(offer) = offers.first().filter(|offer| comes(offer)) {
                self.say(&format!("The choice is {}, who come to the house.", offer.service_name));
            }
        }
        let times: Vec<&SlotOffer> = offers.iter().flat_map(|offer| &offer.slots).collect();
        for (at, time) in times.into_iter().enumerate() {
            let key = self.key(&format!("{form}-{at}"));
            let held = match kith_booking::hold(
                access,
                &self.directory,
                &time.slot_ref,
                &ask.assessment.disposition.need,
                None,
            )
            .await
            {
                Ok(held) => held,
                Err(kith_booking::Error::Taken { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            match service::book(access, &self.directory, ask, &time.slot_ref, Some(held.id), &key).await {
                Ok(made) => {
                    let who = time.clinician.as_ref().map(|c| c.reference.clone());
                    let with = time.clinician.as_ref().map(|c| format!(" with {}", c.name)).unwrap_or_default();
                    self.say(&format!(
                        "Booked: {} at {}{with}, {}.",
                        self.when(made.start),
                        made.service.name,
                        time.mode.words()
                    ));
                    return Ok(Help::Booked { made, who });
                }
                Err(Error::Booking(kith_booking::Error::Taken { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let made = service::request(access, &self.directory, ask, &self.key(form)).await?;
        self.say(&format!(
            "Nothing is free in time, so {} has the request and answers by {}.",
            made.owner.name,
            self.when(made.due)
        ));
        Ok(Help::Requested(made))
    }
}
