//! An urgent eye, a leg wound photographed by a neighbour, a toothache, and loneliness.

use std::io::Cursor;

use anyhow::Context;
use image::{ImageFormat, Rgb, RgbImage};
use jiff::SignedDuration;
use kith_contact::{Preferences, document, photo};
use kith_directory::words;
use kith_fhir::views;
use kith_frontdoor::{Channel, Urgency};
use kith_handover::{Outcome, Work};
use kith_trust::Error as Door;

use super::Story;
use super::asked::{Given, Help, answer};
use super::seen::{Note, Visit};

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

pub(super) const EYE_QUESTION: &str =
    "He takes apixaban for atrial fibrillation. Is there anything in the eye that should make us stop it?";

pub(super) fn eye_answer() -> Outcome {
    Outcome {
        to_person: "Keep taking your blood thinner. It is not the cause of your red eye.".to_owned(),
        to_referrer: "No bleeding in the eye. Apixaban may continue unchanged; I review him on Thursday.".to_owned(),
    }
}

pub(super) async fn urgent_eye(story: &mut Story) -> anyhow::Result<Option<Visit>> {
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

pub(super) async fn leg_wound(story: &mut Story) -> anyhow::Result<Option<Visit>> {
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

pub(super) async fn toothache(story: &mut Story) -> anyhow::Result<Option<Visit>> {
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

pub(super) async fn loneliness(story: &mut Story) -> anyhow::Result<()> {
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
