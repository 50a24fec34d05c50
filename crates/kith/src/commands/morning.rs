//! A morning at the front door: some residents of the demonstration have asked for help and written to their practice, so
//! that worklists are as they would be. Everything goes the way a person's own request goes; the words are made up.

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use kith_contact::message::{self, ToTeam};
use kith_contact::{notifier, preferences::Channel as Preferred};
use kith_directory::Directory;
use kith_fhir::views;
use kith_frontdoor::{Answer, Answers, Ask, Channel, Facts, Pathways, Step, service};
use kith_trust::{Access, Actor, Door, Purpose};
use kith_twin::Neighbourhood;

/// One request or message for so many residents, within these bounds.
const RESIDENTS_EACH: usize = 150;
const FEWEST: usize = 8;
const MOST: usize = 60;

/// What they asked, as "something else" for the practice to read. The first of each is new, the others have been there.
const ASKED: [(&str, &str); 10] = [
    ("new", "A rash on both arms since Tuesday. It itches at night. I changed washing powder last week."),
    ("admin", "My work needs a letter that says I can lift again after my back operation."),
    ("ongoing", "My knee swells when I walk to the shops. The tablets help less than they did."),
    ("new", "I feel dizzy when I stand up since my new blood pressure tablets."),
    ("admin", "I would like to know what my blood test from last week showed."),
    ("new", "My daughter has had a cough for ten days. She eats and plays, but she is tired."),
    ("ongoing", "I still cannot sleep more than four hours. I would like to talk about it."),
    ("admin", "The pharmacy says my prescription needs a review before they can give it again."),
    ("new", "A mole on my shoulder has a darker edge than in the summer."),
    ("ongoing", "My inhaler runs out in half the time it did. I use it most mornings."),
];

/// What they wrote.
const WRITTEN: [(&str, &str); 6] = [
    ("Change of address", "We have moved to the next street. Do you need proof of the new address?"),
    ("Thank you", "The new cream works. Should I carry on with it when the skin is clear?"),
    ("Appointment letter", "The hospital letter has not come yet. Can you see whether it was sent?"),
    ("Flu jab", "Can I have my flu jab at the same time as my blood test?"),
    ("My mother", "I look after my mother now. What do you need so that I can ask things for her?"),
    ("Tablets", "I go away for three weeks. Can I have my tablets early?"),
];

/// Plays it. The door's clock is set back for each, and set right at the end.
pub async fn play(door: &Door, directory: &Directory, twin: &Neighbourhood, people: usize) -> anyhow::Result<()> {
    let wanted = (people / RESIDENTS_EACH).clamp(FEWEST, MOST);
    let residents = residents(twin, wanted * 2);
    let now = door.now();
    let outcome = async {
        for (number, (patient, name)) in residents.iter().enumerate() {
            // Spread over the four days before, the earliest first, so that some are due soon and some are late.
            let back = SignedDuration::from_mins(96 * 60 * (residents.len() - number) as i64 / residents.len() as i64);
            let at: Timestamp = now.saturating_sub(back).unwrap_or(now);
            door.set_clock(Some(at));
            let access = door.enter(Actor::person(patient, name, "Kith web"), Purpose::OwnRecord);
            if number % 2 == 0 {
                ask(&access, directory, patient, number / 2).await.context("a request of the morning")?;
            } else {
                write(&access, patient, number / 2).await.context("a message of the morning")?;
            }
        }
        anyhow::Ok(())
    }
    .await;
    door.set_clock(None);
    outcome
}

/// Grown-up residents outside the cast, spread over the neighbourhood: id and name.
fn residents(twin: &Neighbourhood, wanted: usize) -> Vec<(String, String)> {
    let homes = twin.household_count().saturating_sub(kith_twin::CAST_HOUSEHOLDS);
    let step = (homes / wanted.max(1)).max(1);
    (0..homes)
        .step_by(step)
        .filter_map(|home| {
            twin.household(kith_twin::CAST_HOUSEHOLDS + home).people.iter().find_map(|person| {
                let patient = views::Patient::of(person.resources.first()?)?;
                let grown = patient.age_on(twin.plan().today)? >= 18;
                grown.then(|| (patient.id().to_owned(), patient.name()))
            })
        })
        .take(wanted)
        .collect()
}

async fn ask(access: &Access, directory: &Directory, patient: &str, number: usize) -> anyhow::Result<()> {
    let pathways = Pathways::built_in();
    let pathway = pathways.get("something-else").context("there is no pathway something-else")?;
    let facts = service::facts(access, patient).await?;
    let (about, words) = ASKED[number % ASKED.len()];
    let answers = answers(pathway, &facts, about, words)?;
    let assessment = pathway.assess(&facts, &answers);
    let ask = Ask {
        patient_id: patient.to_owned(),
        pathway,
        answers,
        assessment,
        channel: Channel::Web,
        own_words: Some(words.to_owned()),
        photos: Vec::new(),
        author: Ask::author_of(access),
    };
    service::request(access, directory, &ask, &format!("morning-{number}")).await?;
    Ok(())
}

/// Nothing alarming, and their own words.
fn answers(pathway: &kith_frontdoor::Pathway, facts: &Facts, about: &str, words: &str) -> anyhow::Result<Answers> {
    let mut answers = Answers::new();
    while let Step::Ask(question) = pathway.next(facts, &answers) {
        let answer = match question.id.as_str() {
            "kind" => question.read(&[about]),
            "problem" => question.read(&[words]),
            "danger" | "hospital" => question.read(&["none"]),
            _ if question.optional => Ok(Answer::Skipped),
            _ => question.read(&["no"]),
        };
        let answer = answer.map_err(|error| anyhow::anyhow!("question {}: {error}", question.id))?;
        let id = question.id.clone();
        answers.insert(&id, answer);
    }
    Ok(answers)
}

async fn write(access: &Access, patient: &str, number: usize) -> anyhow::Result<()> {
    let record = access.open(patient).await?;
    let Some(team) = notifier::practice_team(access, record.patient()).await? else { return Ok(()) };
    let (subject, text) = WRITTEN[number % WRITTEN.len()];
    let message = ToTeam {
        patient: patient.to_owned(),
        team: team.reference.clone(),
        subject: subject.to_owned(),
        text: text.to_owned(),
        answers: None,
        about: Vec::new(),
        channel: Preferred::Web,
    };
    message::send_to_team_once(access, &message, &format!("morning-{number}")).await?;
    Ok(())
}
