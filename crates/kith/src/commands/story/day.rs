//! The day: who asks for what, when, and what must come of it.

use std::io::Cursor;

use anyhow::Context;
use image::{ImageFormat, Rgb, RgbImage};
use jiff::SignedDuration;
use jiff::civil::Date;
use kith_contact::{Preferences, document, photo};
use kith_directory::words;
use kith_fhir::views;
use kith_frontdoor::service::{self, Error};
use kith_frontdoor::{Ask, Channel, Urgency};
use kith_handover::{Filter, Outcome, State, Work, worklist};
use kith_trust::{Error as Door, Purpose, Role};

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

const EYE: Note = Note {
    reason: "Painful red eye",
    found: "Left anterior uveitis, cells 2+. Cornea clear, pressure 16. Takes an anticoagulant: no bleeding seen.",
    outcome: "The inside of your eye is inflamed. Use the drops as written. Come back on Thursday, or at once if your \
              sight gets worse.",
    medicine: Some(("Prednisolone 1% eye drops", "One drop every hour today, then six times a day")),
    must_know: Some("apixaban"),
    at_home: false,
};

const TOOTH: Note = Note {
    reason: "Toothache that keeps him awake",
    found: "Lower left first molar, deep decay, no swelling. Pulp removed and dressed, with an interpreter by phone.",
    outcome: "The tooth has been treated and should settle today. You need one more visit to fill it.",
    medicine: None,
    must_know: None,
    at_home: false,
};

const WOUND: Note = Note {
    reason: "Leg wound that has not healed",
    found: "Left shin 22 by 18 mm, clean edges, no infection. Foot pulses good. Dressed; compression to be assessed.",
    outcome: "Your wound is clean. A nurse will change the dressing twice a week at your home.",
    medicine: None,
    must_know: None,
    at_home: true,
};

pub(super) async fn play(story: &mut Story, day: Date) {
    println!(
        "One day in the neighbourhood: {} {} {} {}",
        words::weekday(day.weekday()),
        day.day(),
        words::month(day.month()),
        day.year()
    );
    println!("Everybody in it is made up. Everything that happens to them below really happened in this record.");
    let mut visits = Vec::new();
    let throat = sore_throat(story).await;
    let first = story.ended("The sore throat", throat).map(|(first, both)| {
        visits.extend(both);
        first
    });
    let eye = urgent_eye(story).await;
    let eye = story.ended("The urgent eye", eye).flatten();
    let eye_at = eye.as_ref().map(|visit| visit.appointment.clone());
    visits.extend(eye);
    let stopped = red_flag(story).await;
    story.ended("The red flag", stopped);
    let called = phone_call(story).await;
    let called = story.ended("The phone call", called);
    let wound = leg_wound(story).await;
    visits.extend(story.ended("The leg wound", wound).flatten());
    let tooth = toothache(story).await;
    visits.extend(story.ended("The toothache", tooth).flatten());
    let lonely = loneliness(story).await;
    story.ended("The loneliness", lonely);
    let notices = told(story).await;
    story.ended("Telling people", notices);

    visits.sort_by_key(|visit| visit.start);
    for visit in visits.iter().filter(|visit| words::london(visit.start).date() == day) {
        let seen = story.see(visit).await;
        story.ended(&format!("The visit of {}", visit.name), seen);
        if Some(&visit.appointment) == eye_at.as_ref() {
            let asked = story.advice(visit, EYE_QUESTION, eye_answer()).await;
            story.ended("The question to the optometrist", asked);
        }
    }
    if let Some(call) = called {
        let back = call_back(story, &call).await;
        story.ended("The call back", back);
    }
    let notices = told_outcomes(story).await;
    story.ended("Telling people what came of it", notices);
    if let Some(first) = first {
        let looked = who_looked(story, &story.someone(&first.id, &first.name)).await;
        story.ended("Who looked", looked);
    }
}

// ── a sore throat, twice, and one slot ──────────────────────────────────────────────────────────────────────────────

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
async fn sore_throat(story: &mut Story) -> anyhow::Result<(Someone, Vec<Visit>)> {
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

// ── an urgent eye ───────────────────────────────────────────────────────────────────────────────────────────────────

const EYE_QUESTION: &str =
    "He takes apixaban for atrial fibrillation. Is there anything in the eye that should make us stop it?";

fn eye_answer() -> Outcome {
    Outcome {
        to_person: "Keep taking your blood thinner. It is not the cause of your red eye.".to_owned(),
        to_referrer: "No bleeding in the eye. Apixaban may continue unchanged; I review him on Thursday.".to_owned(),
    }
}

async fn urgent_eye(story: &mut Story) -> anyhow::Result<Option<Visit>> {
    story.minutes_pass(7);
    let desmond = story.cast("red-eye")?;
    story.title(&format!("{} has a painful red eye", desmond.name));
    let given: Given = &[("signs", &["red", "pain", "light"])];
    let (ask, said) = answer(
        &desmond.access,
        &desmond.id,
        "red-eye-or-vision",
        given,
        Channel::Web,
        "My left eye is red and hurts",
        None,
    )
    .await?;
    story.say(&format!(
        "{} is 68, has diabetes, and takes a blood thinner. Kith asks {} questions.",
        desmond.first(),
        said.len()
    ));
    story.tell_disposition(&ask);
    story.promise(
        ask.assessment.disposition.need == "urgent-eye" && ask.assessment.disposition.urgency == Urgency::SameDay,
        "An optometrist sees this the same day; no GP visit and no hospital queue comes first.",
    );
    let help = story.get_help(&desmond.access, &ask, "eye", false).await?;
    let in_time = match &help {
        Help::Booked { made, .. } => words::london(made.start).date() == words::london(story.now()).date(),
        Help::Requested(made) => made.due <= ask_due(story),
    };
    story.promise(in_time, &format!("{} helps him today.", help.service_name()));
    Ok(Visit::of(&desmond, &help, EYE))
}

/// The end of today.
fn ask_due(story: &Story) -> jiff::Timestamp {
    story.now() + SignedDuration::from_hours(16)
}

// ── a red flag ──────────────────────────────────────────────────────────────────────────────────────────────────────

async fn red_flag(story: &mut Story) -> anyhow::Result<()> {
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

// ── a phone call with an interpreter ────────────────────────────────────────────────────────────────────────────────

/// A call that waits for its answer.
struct Call {
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

async fn phone_call(story: &mut Story) -> anyhow::Result<Call> {
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

async fn call_back(story: &mut Story, call: &Call) -> anyhow::Result<()> {
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

// ── a leg wound, photographed by a neighbour ────────────────────────────────────────────────────────────────────────

/// A photo as a phone takes it: a picture, and in its metadata where it was taken.
fn phone_photo() -> anyhow::Result<Vec<u8>> {
    let picture = RgbImage::from_fn(640, 480, |x, y| {
        let (dx, dy) = (f64::from(x) - 320.0, f64::from(y) - 240.0);
        let inside = dx.hypot(dy * 1.3) < 90.0;
        Rgb(if inside { [150, 40 + (x % 16) as u8, 45] } else { [222, 178 + (y % 8) as u8, 150] })
    });
    let mut jpeg = Cursor::new(Vec::new());
    picture.write_to(&mut jpeg, ImageFormat::Jpeg)?;
    let jpeg = jpeg.into_inner();
    let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(HOME.as_bytes());
    let length = u16::try_from(exif.len() + 2)?.to_be_bytes();
    Ok([&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat())
}

/// What the phone wrote into the photo.
const HOME: &str = "GPS 53.4808 N 2.2426 W";

fn holds(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

async fn leg_wound(story: &mut Story) -> anyhow::Result<Option<Visit>> {
    story.minutes_pass(5);
    let (maureen, claire) = (story.cast("leg-wound")?, story.cast("neighbour")?);
    story.title(&format!("{} asks for help for {}", claire.name, maureen.name));
    story.say(&format!(
        "{} is 81 and has a wound on her leg. {} next door may act for her, and takes a photo with her phone.",
        maureen.name,
        claire.first()
    ));
    let may = story.cast("sore-throat")?.access.open(&maureen.id).await;
    story.promise(
        matches!(may, Err(Door::NotFound)),
        "Nobody else who signs in can act for her, or learn that she is here.",
    );
    let taken = phone_photo()?;
    anyhow::ensure!(holds(&taken, HOME.as_bytes()), "the phone wrote no place into the photo");
    let jpeg = photo::accept_async(taken, "image/jpeg".to_owned()).await?;
    let given: Given =
        &[("cause", &["knock"]), ("weeks", &["5"]), ("healing", &["no"]), ("foot", &["no"]), ("walk", &["no"])];
    let own = "The wound on her shin is not closing";
    let (ask, said) = answer(&claire.access, &maureen.id, "leg-wound", given, Channel::Web, own, Some(jpeg)).await?;
    story.promise(
        said.iter().any(|s| s.answer == "Photo added"),
        &format!("{} answers {} questions for her; the photo is one of the answers.", claire.first(), said.len()),
    );
    story.tell_disposition(&ask);
    let help = story.get_help(&claire.access, &ask, "wound", true).await?;
    let nurse = story.clinician(help.service(), None)?;
    let record = nurse.access.open(&maureen.id).await?;
    let request = record.get(help.service_request()).context("the request is not in the record")?;
    let request = views::ServiceRequest::of(&request.value).context("the request is none")?;
    let asked_by = request.requester() == Some(claire.access.actor().reference.as_str());
    story.promise(asked_by, &format!("The record says that {} asked, for {}.", claire.name, maureen.name));
    let kept =
        request.supporting().into_iter().find(|s| s.starts_with("DocumentReference/")).context("no photo was kept")?;
    let seen = document::read(&nurse.access, kept).await?;
    let picture = image::load_from_memory(&seen.bytes)?;
    story.promise(
        picture.width() == 640 && !holds(&seen.bytes, HOME.as_bytes()) && !holds(&seen.bytes, b"Exif"),
        &format!("{}, sees the photo; where it was taken, which the phone had written into it, is gone.", nurse.line()),
    );
    Ok(Visit::of(&maureen, &help, WOUND))
}

// ── a toothache ─────────────────────────────────────────────────────────────────────────────────────────────────────

async fn toothache(story: &mut Story) -> anyhow::Result<Option<Visit>> {
    story.minutes_pass(4);
    let tomasz = story.cast("toothache")?;
    story.title(&format!("{} has toothache", tomasz.name));
    let given: Given = &[("problem", &["pain"]), ("how_bad", &["severe"])];
    let (ask, said) = answer(
        &tomasz.access,
        &tomasz.id,
        "toothache",
        given,
        Channel::Web,
        "Boli mnie ząb. My tooth hurts all night",
        None,
    )
    .await?;
    story.say(&format!("He speaks Polish and needs an interpreter. {} questions.", said.len()));
    story.tell_disposition(&ask);
    let help = story.get_help(&tomasz.access, &ask, "tooth", false).await?;
    let dentist = story.clinician(help.service(), None)?;
    let record = dentist.access.open(&tomasz.id).await?;
    let alerts = Preferences::of(&record).alerts();
    story.promise(
        alerts.iter().any(|alert| alert == "Needs an interpreter: Polish"),
        &format!("{}, knows before he comes: {}.", dentist.line(), alerts.join("; ")),
    );
    Ok(Visit::of(&tomasz, &help, TOOTH))
}

// ── loneliness ──────────────────────────────────────────────────────────────────────────────────────────────────────

async fn loneliness(story: &mut Story) -> anyhow::Result<()> {
    story.minutes_pass(4);
    let ronald = story.cast("lonely")?;
    story.title(&format!("{} is lonely", ronald.name));
    let given: Given = &[
        ("care", &["yes"]),
        ("interest", &["several_days"]),
        ("down", &["several_days"]),
        ("lonely", &["often"]),
        ("life", &["company", "loss"]),
    ];
    let own = "The days are long since my wife died";
    let (ask, said) =
        answer(&ronald.access, &ronald.id, "low-mood-and-loneliness", given, Channel::Web, own, None).await?;
    story.say(&format!("{} is 76. {} questions, the hardest first and kindly put.", ronald.first(), said.len()));
    story.tell_disposition(&ask);
    let help = story.get_help(&ronald.access, &ask, "lonely", false).await?;
    let kind = story.directory.service(help.service()).map(|service| service.kind.clone()).unwrap_or_default();
    story.promise(
        kind == "charity" || kind == "general-practice",
        &format!("It is not made into an illness: {} will be in touch.", help.service_name()),
    );
    let worker = story.clinician(help.service(), None)?;
    let record = worker.access.open(&ronald.id).await?;
    let work = record.get(help.task()).and_then(|entry| Work::of(&entry.value));
    story.promise(
        work.is_some_and(|work| work.is_open() && work.owner.reference == help.service()),
        &format!("{}, has it as work with an owner and a due time.", worker.line()),
    );
    story.stranger(&ronald, "dental-practice").await?;
    Ok(())
}

// ── telling people ──────────────────────────────────────────────────────────────────────────────────────────────────

/// Words that would tell whoever sees the telephone what is wrong.
const TELL_TALE: [&str; 8] = ["throat", "antibiotic", "tooth", "wound", "lonel", "uveitis", "scabies", "chest"];

async fn told(story: &mut Story) -> anyhow::Result<()> {
    story.minutes_pass(2);
    story.title("Kith tells people what waits for them");
    let before = story.notices()?.len();
    let (sent, calls) = story.send_notices().await?;
    let notices = story.notices()?;
    let new = &notices[before.min(notices.len())..];
    story.promise(
        sent == new.len() && sent > 0,
        &format!(
            "{sent} notices go out, each the way the person chose; {calls} people who want a call are rung by a team."
        ),
    );
    for notice in new.iter().take(4) {
        story.quote(&format!("by {}: {}", notice.channel.words().to_lowercase(), notice.text));
    }
    let discreet = |text: &str| !TELL_TALE.iter().any(|word| text.to_lowercase().contains(word));
    story.promise(
        new.iter().all(|notice| discreet(&notice.text) && discreet(&notice.subject)),
        "None of them says what is wrong: whoever sees the telephone learns nothing.",
    );
    let maureen = story.cast("leg-wound")?;
    let letter = new
        .iter()
        .find(|n| n.channel == kith_contact::Channel::Letter && n.to.iter().any(|l| l.contains(&maureen.name)));
    story.promise(
        letter.is_some_and(|letter| letter.needs.iter().any(|need| need == "Large print")),
        &format!("{} gets a letter in large print, as she asked once.", maureen.name),
    );
    let (sent, calls) = story.send_notices().await?;
    story.promise(sent + calls == 0, "Nobody is told the same thing twice.");
    Ok(())
}

async fn told_outcomes(story: &mut Story) -> anyhow::Result<()> {
    story.minutes_pass(2);
    story.title("Kith tells people that the outcome is there");
    let before = story.notices()?.len();
    let (sent, calls) = story.send_notices().await?;
    let notices = story.notices()?;
    let outcomes = notices[before.min(notices.len())..].len();
    story.promise(
        sent == outcomes && sent + calls > 0,
        &format!("{sent} more notices go out, and {calls} calls are asked for."),
    );
    let dead = story.door.system("Kith story").dead_outbox(kith_contact::notification::TOPIC, 10).await?;
    story.promise(dead.is_empty(), "No notice was given up.");
    Ok(())
}

// ── who looked ──────────────────────────────────────────────────────────────────────────────────────────────────────

async fn who_looked(story: &mut Story, person: &Someone) -> anyhow::Result<()> {
    story.title(&format!("{} looks who looked", person.name));
    let looks = person.access.who_looked(&person.id, 200).await?;
    let mut lines: Vec<String> = Vec::new();
    for look in looks.iter().rev().filter(|look| words::london(look.at).date() == words::london(story.now()).date()) {
        let origin = &look.origin;
        let own = origin.actor == format!("Patient/{}", person.id);
        if own || origin.system == "Kith story" && origin.role == Role::System.code() && origin.name == "Kith" {
            continue;
        }
        let role =
            Role::from_code(&origin.role).filter(|role| role.is_staff()).map(|role| format!(", {}", role.words()));
        let place = origin.organization_name.as_ref().map(|place| format!(" at {place}"));
        let purpose = Purpose::ALL.into_iter().find(|p| p.code() == look.fields.purpose).map_or("", Purpose::words);
        let did = match look.fields.action.as_str() {
            "refused" => "tried to open it and was refused".to_owned(),
            "open" => format!("opened it, {purpose}"),
            "write" => format!("{}, {purpose}", look.fields.reason),
            other => format!("{other}, {purpose}"),
        };
        let line = format!(
            "{} {}{}{}: {did}",
            words::time_of(look.at),
            origin.name,
            role.unwrap_or_default(),
            place.unwrap_or_default()
        );
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    for line in lines.iter().take(14) {
        story.quote(line);
    }
    if lines.len() > 14 {
        story.quote(&format!("and {} more", lines.len() - 14));
    }
    story.promise(
        lines.iter().any(|line| line.contains("pharmacist at") && line.contains("to give you care")),
        "The pharmacist is there: who, when, from where and why.",
    );
    story.promise(lines.iter().any(|line| line.contains("was refused")), "So is whoever tried and was refused.");
    Ok(())
}
