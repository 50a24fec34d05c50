//! The day: who asks for what, when, and what must come of it.

use jiff::civil::Date;
use kith_directory::words;
use kith_trust::{Purpose, Role};

use super::Story;
use super::people::Someone;

use super::calls::{call_back, phone_call, red_flag};
use super::throat::sore_throat;
use super::visits::{EYE_QUESTION, eye_answer, leg_wound, loneliness, toothache, urgent_eye};

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
