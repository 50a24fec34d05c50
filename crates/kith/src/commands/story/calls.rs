//! A red flag that stops the questions, and a phone call with an interpreter.

use anyhow::Context;
use jiff::SignedDuration;
use kith_contact::Preferences;
use kith_directory::words;
use kith_fhir::views;
use kith_frontdoor::service::{self, Error};
use kith_frontdoor::{Channel, Urgency};
use kith_handover::{Filter, Outcome, State, Work, worklist};

use super::Story;
use super::asked::{Given, answer};
use super::people::Someone;

pub(super) async fn red_flag(story: &mut Story) -> anyhow::Result<()> {
    story.minutes_pass(5);
    let kevin = story.cast("chest-pain")?;
    story.title(&format!("{} has chest pain", kevin.name));
    let given: Given = &[("danger", &["chest"])];
    let (ask, said) =
        answer(&kevin.access, &kevin.id, "something-else", given, Channel::Web, "Tight chest, sweating", None).await?;
    let disposition = ask.assessment.disposition.clone();
    story.promise(
        said.len() == 1 && disposition.urgency == Urgency::Emergency999,
        &format!("After {} question Kith stops asking: {}", said.len(), disposition.title),
    );
    for advice in disposition.advice.iter().take(2) {
        story.quote(advice);
    }
    let directory = story.directory.clone();
    let booked = service::request(&kevin.access, &directory, &ask, &story.key("chest")).await;
    story.promise(matches!(booked, Err(Error::Emergency(_))), "Nothing can be booked or asked for instead of 999.");
    let flag = ask.assessment.red_flags.first().context("no red flag is named")?.clone();
    let made = service::stopped(&kevin.access, &ask, &flag).await?;
    let within = made.due.duration_since(story.now());
    story.promise(
        within <= SignedDuration::from_hours(2),
        &format!("{} must see by {} that he got help.", made.owner.name, story.when(made.due)),
    );
    let twice = service::stopped(&kevin.access, &ask, &flag).await?;
    story
        .promise(twice.replayed && twice.task == made.task, "Sent again by a shaking hand, it is still one call back.");
    let gp = story.staff(&made.owner.reference, "gp", None)?;
    let calls = Filter { kinds: vec![kith_handover::TaskKind::Callback], page_size: 200, ..Filter::default() };
    let list = worklist(&gp.access, &calls).await?;
    let item = list.items.iter().find(|item| item.work.reference == made.task);
    story.promise(
        item.is_some_and(|item| item.work.priority == kith_handover::Priority::Stat),
        &format!(
            "It is on the worklist of {} as an emergency: {}.",
            gp.place,
            item.map_or("nowhere", |i| i.due_words.as_str())
        ),
    );
    story.minutes_pass(25);
    kith_handover::claim(&gp.access, &made.task).await?;
    let outcome = "You are in hospital and being looked after. We will phone you when you are home.";
    kith_handover::complete(&gp.access, &made.task, &Outcome::same(outcome)).await?;
    let mine = story.someone(&kevin.id, &kevin.name).access.open(&kevin.id).await?;
    let work = mine.get(&made.task).and_then(|entry| Work::of(&entry.value));
    story.promise(
        work.is_some_and(|work| work.state == State::Completed && !work.told.is_empty()),
        &format!("{}, rings: the ambulance came. It is written down, and {} can read it.", gp.line(), kevin.first()),
    );
    Ok(())
}

/// A call that waits for its answer.
pub(super) struct Call {
    person: Someone,
    request: String,
    task: String,
    practice: String,
}

/// Somebody of the neighbourhood who needs an interpreter and is registered with a practice; the Polish speaker of the
/// cast if there is nobody else.
async fn caller(story: &Story) -> anyhow::Result<(Someone, String)> {
    let tomasz = story.cast("toothache")?;
    for entry in story.residents().await? {
        let Some(patient) = views::Patient::of(&entry.value) else { continue };
        let adult = patient.age_on(words::london(story.now()).date()).is_some_and(|age| (18..90).contains(&age));
        if adult && patient.interpreter_required() && patient.practice().is_some() && entry.id != tomasz.id {
            let language = patient.language().map_or("", kith_contact::preferences::language_words).to_owned();
            return Ok((story.someone(&entry.id, &patient.name()), language));
        }
    }
    Ok((tomasz, "Polish".to_owned()))
}

pub(super) async fn phone_call(story: &mut Story) -> anyhow::Result<Call> {
    story.minutes_pass(3);
    let (person, language) = caller(story).await?;
    let practice = story.practice_of(&person.id).await?;
    let desk = story.staff(&practice, "receptionist", None)?;
    story.title(&format!("{} phones {}", person.name, desk.place));
    story.say(&format!(
        "{} speaks {language} and has an interpreter on the line. {}, asks the same questions as the web does.",
        person.first(),
        desk.line()
    ));
    let record = desk.access.open(&person.id).await?;
    let alerts = Preferences::of(&record).alerts();
    story.promise(
        alerts.iter().any(|alert| alert.starts_with("Needs an interpreter")),
        &format!("Beside the name stands, kept once and shown here: {}.", alerts.join("; ")),
    );
    let given: Given = &[
        ("kind", &["new"]),
        ("problem", &["A rash on both arms for three days that itches at night"]),
        ("worse", &["no"]),
    ];
    let own = "An itchy rash on both arms for three days";
    let (ask, said) = answer(&desk.access, &person.id, "something-else", given, Channel::Phone, own, None).await?;
    story.say(&format!("{} questions later:", said.len()));
    story.tell_disposition(&ask);
    let directory = story.directory.clone();
    let made = service::request(&desk.access, &directory, &ask, &story.key("phone")).await?;
    story.promise(
        made.owner.reference == practice && made.due > story.now(),
        &format!("The request has an owner and a due time: {}, {}.", made.owner.name, story.when(made.due)),
    );
    let desk = story.staff(&practice, "receptionist", None)?;
    let seen = desk.access.open(&person.id).await?;
    story.promise(
        seen.get(&made.service_request).is_some()
            && seen.values("QuestionnaireResponse").next().is_none()
            && seen.values("Condition").next().is_none(),
        &format!("{} sees the request, but not the clinical record, nor the answers once they are sent.", desk.name),
    );
    let record = story.look(&person.id).await?;
    let work = record.get(&made.task).and_then(|entry| Work::of(&entry.value)).context("the work is not there")?;
    story.promise(
        work.channel.as_deref() == Some("phone") && work.kind == kith_handover::TaskKind::Triage,
        "A call travels the same path as the web, and says that it came by phone.",
    );
    Ok(Call { request: made.service_request, task: made.task, person, practice })
}

pub(super) async fn call_back(story: &mut Story, call: &Call) -> anyhow::Result<()> {
    story.minutes_pass(10);
    let gp = story.staff(&call.practice, "gp", None)?;
    story.title(&format!("{} answers {}", gp.name, call.person.name));
    let filter = Filter { kinds: vec![kith_handover::TaskKind::Triage], page_size: 200, ..Filter::default() };
    let list = worklist(&gp.access, &filter).await?;
    let item = list.items.iter().find(|item| item.work.reference == call.task);
    story.promise(
        item.is_some_and(|item| !item.overdue && item.problem.is_some()),
        &format!(
            "The call is on the practice's one worklist with all other work: {}.",
            item.map_or("nowhere", |i| i.due_words.as_str())
        ),
    );
    kith_handover::claim(&gp.access, &call.task).await?;
    let nurse = story.staff(&call.practice, "nurse", None)?;
    let second = kith_handover::claim(&nurse.access, &call.task).await;
    story.promise(
        matches!(&second, Err(error) if error.to_string().contains(&gp.name)),
        &format!("When {} wants to take it too, Kith says that {} has it.", nurse.name, gp.name),
    );
    let outcome =
        "This looks like scabies, which is easy to treat. Your pharmacy has the cream. Everybody at home needs it too.";
    kith_handover::complete(&gp.access, &call.task, &Outcome::same(outcome)).await?;
    let mine = story.someone(&call.person.id, &call.person.name).access.open(&call.person.id).await?;
    let told = mine.get(&call.task).and_then(|entry| Work::of(&entry.value)).is_some_and(|work| {
        work.state == State::Completed
            && work.told.iter().filter_map(|told| mine.get(told)).any(|entry| entry.value.to_string().contains(outcome))
    });
    let closed = mine.get(&call.request).is_some_and(|entry| entry.value["status"] == "completed");
    story.promise(told && closed, &format!("The request is closed, and {} knows what came of it.", call.person.name));
    Ok(())
}
