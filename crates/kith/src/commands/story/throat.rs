//! A sore throat, twice, and one slot.

use anyhow::Context;
use kith_directory::words;
use kith_fhir::views;
use kith_frontdoor::service::{self, Error};
use kith_frontdoor::{Ask, Channel, Urgency};
use kith_trust::{Error as Door, Purpose};

use super::Story;
use super::asked::{Given, Help, Said, answer};
use super::people::Someone;
use super::seen::{Note, Visit};

/// Answers of a likely bacterial sore throat.
const SORE_THROAT: Given = &[("how_long", &["1"]), ("signs", &["fever", "pus", "inflamed"])];

const THROAT: Note = Note {
    reason: "Sore throat since yesterday",
    found: "Fever 38.4, pus on both tonsils, no cough. FeverPAIN 5. No penicillin allergy on record. No red flags.",
    outcome: "You have a throat infection. Take the antibiotic for 5 days. Come back or phone 111 if you cannot swallow \
              your own spit or it is not better in a week.",
    medicine: Some(("Phenoxymethylpenicillin 500 mg tablets", "One, four times a day, for 5 days")),
    must_know: None,
    at_home: false,
};

/// The first two people whose sore throat a pharmacist may treat now: whoever had one lately goes to their GP instead.
async fn throats(story: &Story) -> anyhow::Result<Vec<(Someone, Ask<'static>, Vec<Said>)>> {
    const WORDS: &str = "My throat is very sore and I am hot";
    let mut people: Vec<Someone> = ["sore-throat", "mother", "neighbour", "partner", "signer"]
        .iter()
        .filter_map(|key| story.cast(key).ok())
        .collect();
    let mut found = Vec::new();
    let mut residents = false;
    loop {
        for person in std::mem::take(&mut people) {
            let asked = answer(&person.access, &person.id, "sore-throat", SORE_THROAT, Channel::Web, WORDS, None).await;
            let Ok((ask, said)) = asked else { continue };
            if ask.assessment.disposition.need == "pharmacy-first-sore-throat" {
                found.push((person, ask, said));
                if found.len() == 2 {
                    return Ok(found);
                }
            }
        }
        anyhow::ensure!(!residents, "nobody here may be treated for a sore throat by a pharmacist");
        residents = true;
        for entry in story.residents().await? {
            let Some(patient) = views::Patient::of(&entry.value) else { continue };
            if patient.age_on(words::london(story.now()).date()).is_some_and(|age| (18..60).contains(&age)) {
                people.push(story.someone(&entry.id, &patient.name()));
            }
        }
    }
}

/// Who was first to ask, and both visits.
pub(super) async fn sore_throat(story: &mut Story) -> anyhow::Result<(Someone, Vec<Visit>)> {
    let mut two = throats(story).await?;
    let (late, late_ask, _) = two.pop().context("one is missing")?;
    let (early, early_ask, said) = two.pop().context("one is missing")?;
    story.title(&format!("{} has a sore throat", early.name));
    story.say(&format!("{} opens Kith at home. It asks {} questions, one a page:", early.first(), said.len()));
    for said in &said {
        story.quote(&format!("{} {}", said.question, said.answer));
    }
    story.tell_disposition(&early_ask);
    story.promise(
        early_ask.assessment.disposition.urgency == Urgency::SameDay,
        "By the Pharmacy First gateways a pharmacist can treat this today, without a GP.",
    );
    let offers = story.tell_offers(&early.access, &early_ask).await?;
    let stranger = story.stranger(&early, "optician").await?;
    let offer = offers.iter().find(|offer| offer.slots.len() > 1).context("no pharmacy has two free times")?;
    let time = offer.slots.first().context("no free time")?;

    story.title(&format!("{} wants the same time as {}", late.name, early.name));
    let directory = story.directory.clone();
    let (key_early, key_late) = (story.key("throat-1"), story.key("throat-2"));
    story.say(&format!(
        "Both look at {} at {} on their phones, and both press \"book\" in the same moment.",
        story.when(time.start),
        offer.service_name
    ));
    let (one, other) = tokio::join!(
        service::book(&early.access, &directory, &early_ask, &time.slot_ref, None, &key_early),
        service::book(&late.access, &directory, &late_ask, &time.slot_ref, None, &key_late),
    );
    let (won, lost, made, refusal) = match (one, other) {
        (Ok(made), Err(refusal)) => ((&early, &early_ask, &key_early), (&late, &late_ask), made, refusal),
        (Err(refusal), Ok(made)) => ((&late, &late_ask, &key_late), (&early, &early_ask), made, refusal),
        (Ok(_), Ok(_)) => anyhow::bail!("the same time was given to both"),
        (Err(one), Err(_)) => return Err(anyhow::Error::new(one).context("neither got the time")),
    };
    story.promise(true, &format!("One of them gets it: {} is booked at {}.", won.0.name, story.when(made.start)));
    let Error::Booking(kith_booking::Error::Taken { next }) = refusal else {
        return Err(anyhow::Error::new(refusal).context("the one who was late was not told that the time is taken"));
    };
    story.promise(
        !next.is_empty() && next.iter().all(|n| n.slot != time.slot_ref),
        &format!(
            "{} is told at once that the time has just been taken, with the next: {}.",
            lost.0.name,
            next.iter().map(|n| story.when(n.start)).collect::<Vec<_>>().join(", ")
        ),
    );
    let mut second = None;
    for (at, free) in next.iter().enumerate() {
        let key = story.key(&format!("throat-next-{at}"));
        match service::book(&lost.0.access, &directory, lost.1, &free.slot, None, &key).await {
            Ok(made) => {
                second = Some((made, free.practitioner.as_ref().map(|c| c.reference.clone())));
                break;
            }
            Err(Error::Booking(kith_booking::Error::Taken { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (second, second_who) = second.context("none of the next times could be booked")?;
    story.promise(
        second.start != made.start || second_who != time.clinician.as_ref().map(|c| c.reference.clone()),
        &format!("{} takes the next one, {}.", lost.0.name, story.when(second.start)),
    );
    let again = service::book(&won.0.access, &directory, won.1, &time.slot_ref, None, won.2).await?;
    story.promise(
        again.replayed && again.appointment == made.appointment,
        &format!("{} presses the button again on a slow line: it is still one booking.", won.0.first()),
    );
    let still = stranger.access.for_purpose(Purpose::DirectCare).open(&early.id).await;
    story.promise(
        matches!(still, Err(Door::NotFound)),
        "The booking opens the record to the pharmacy, not to the optician.",
    );
    let who = time.clinician.as_ref().map(|c| c.reference.clone());
    let visits = [
        Visit::of(won.0, &Help::Booked { made, who }, THROAT),
        Visit::of(lost.0, &Help::Booked { made: second, who: second_who }, THROAT),
    ];
    let visits = visits.into_iter().flatten().collect();
    Ok((early, visits))
}
