//! `kith demo --story`: one day of the neighbourhood without a browser, told with what really happened. Everything goes
//! through the same doors as the pages; every promise on the way is looked into, and a broken one ends in failure.

mod asked;
mod calls;
mod day;
mod people;
mod seen;
mod throat;
mod visits;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use kith_contact::sink::Delivery;
use kith_contact::{FileSink, Notifier};
use kith_directory::{BankHolidays, Directory, words};
use kith_fhir::json;
use kith_trust::Door;

use crate::config::Config;

/// The story's day begins then, on a working day, when the practices have just opened.
const BEGINS: Time = Time::constant(8, 10, 0, 0);
/// Days after today that a story may be set on: the neighbourhood has four weeks of slots.
const AHEAD: i32 = 18;
const SPACE: &str = "story";
const KEY: &str = "last";

/// A story as it is told.
pub(super) struct Story {
    door: Door,
    directory: Arc<Directory>,
    notifier: Notifier,
    outbox: std::path::PathBuf,
    /// Names this telling: keys of its forms begin with it.
    run: String,
    kept: usize,
    broken: usize,
}

pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    let told = tell(&door, config).await;
    door.set_clock(None);
    let closed = door.close().await;
    let code = told?;
    closed?;
    Ok(code)
}

async fn tell(door: &Door, config: &Config) -> anyhow::Result<ExitCode> {
    let kith = door.system("Kith story");
    let directory = Arc::new(kith_directory::load(&kith).await.context("the directory could not be read")?);
    let today = words::london(door.now()).date();
    let last = kith.recall(SPACE, KEY).await?.unwrap_or_default();
    let told_on = last["day"].as_str().and_then(|day| day.parse::<Date>().ok());
    let number = last["number"].as_u64().unwrap_or(0) + 1;
    let day = day_after(told_on.filter(|day| *day > today).unwrap_or(today), directory.bank_holidays());
    let day = if today.until(day)?.get_days() > AHEAD { day_after(today, directory.bank_holidays()) } else { day };
    let begins = day.to_datetime(BEGINS).to_zoned(words::london(door.now()).time_zone().clone())?.timestamp();
    let sink = FileSink::open(&config.data).context("cannot open the file of notifications")?;
    let outbox = sink.path().to_owned();
    let mut story = Story {
        door: door.clone(),
        directory,
        notifier: Notifier::new(door.clone(), Arc::new(sink)),
        outbox,
        run: format!("story-{day}-{number}"),
        kept: 0,
        broken: 0,
    };
    // What waits from before is sent first, so that the story's own notices can be told apart.
    story.send_notices().await?;
    door.set_clock(Some(begins));
    kith.remember(SPACE, KEY, &json!({"day": day.to_string(), "number": number}), None).await?;
    day::play(&mut story, day).await;
    story.title("At the end of the day");
    story.whole().await?;
    println!("\n{} promises kept, {} broken", story.kept, story.broken);
    Ok(if story.broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The next working day: on one of these every service has its hours.
fn day_after(day: Date, holidays: &BankHolidays) -> Date {
    let mut next = day;
    loop {
        let Ok(tomorrow) = next.tomorrow() else { return next };
        next = tomorrow;
        if !matches!(next.weekday(), Weekday::Saturday | Weekday::Sunday) && holidays.name(next).is_none() {
            return next;
        }
    }
}

impl Story {
    fn now(&self) -> Timestamp {
        self.door.now()
    }

    /// Lets time pass until `at`, if that is still to come.
    fn clock_to(&self, at: Timestamp) {
        if at > self.now() {
            self.door.set_clock(Some(at));
        }
    }

    fn minutes_pass(&self, minutes: i64) {
        self.clock_to(self.now() + SignedDuration::from_mins(minutes));
    }

    /// "2pm today", as said now.
    fn when(&self, at: Timestamp) -> String {
        words::when(at, self.now())
    }

    /// The key of a form of this telling.
    fn key(&self, form: &str) -> String {
        format!("{}-{form}", self.run)
    }

    // ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────────

    fn title(&self, text: &str) {
        println!("\n{}  {text}\n", words::time_of(self.now()));
    }

    #[allow(clippy::unused_self)] // reads as the story's own
    fn say(&self, text: &str) {
        print_wrapped("  ", "  ", text);
    }

    /// Words somebody reads or says.
    #[allow(clippy::unused_self)]
    fn quote(&self, text: &str) {
        print_wrapped("    | ", "    | ", text);
    }

    /// Whether a promise was kept.
    fn promise(&mut self, kept: bool, what: &str) {
        if kept {
            self.kept += 1;
            print_wrapped("  + ", "    ", what);
        } else {
            self.broken += 1;
            print_wrapped("  BROKEN: ", "    ", what);
        }
    }

    /// A part of the story that could not be played to its end is a broken promise; the rest is still told.
    fn ended<T>(&mut self, part: &str, result: anyhow::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.promise(false, &format!("{part} could be played to its end: {error:#}"));
                None
            }
        }
    }

    // ── what the story looks into ───────────────────────────────────────────────────────────────────────────────────

    /// Sends what waits in the outbox; gives how many notices went out and how many became calls.
    async fn send_notices(&self) -> anyhow::Result<(usize, usize)> {
        let (mut sent, mut calls) = (0, 0);
        loop {
            let pass = self.notifier.run_once().await.context("the outbox could not be read")?;
            sent += pass.delivered;
            calls += pass.callbacks;
            if pass == kith_contact::notifier::Pass::default() {
                return Ok((sent, calls));
            }
        }
    }

    /// The notices in the file of notifications, the oldest first.
    fn notices(&self) -> anyhow::Result<Vec<Delivery>> {
        let text = std::fs::read_to_string(&self.outbox).context("the file of notifications cannot be read")?;
        text.lines().map(|line| serde_json::from_str(line).context("a line of the outbox is no notice")).collect()
    }

    /// The store's own invariants, and the audit chain.
    async fn whole(&mut self) -> anyhow::Result<()> {
        let check = self.door.check().await?;
        self.promise(
            check.problem_count == 0,
            &format!(
                "The record holds: {} resources in {} versions, each indexed, each reference to something that is there.",
                check.resources, check.versions
            ),
        );
        for problem in check.problems.iter().take(5) {
            self.quote(problem);
        }
        let audit = self.door.verify_audit().await?;
        self.promise(
            audit.broken.is_none(),
            &format!("The audit chain is whole: {} entries, none altered, missing or out of order.", audit.entries),
        );
        if let Some(broken) = &audit.broken {
            self.quote(broken);
        }
        Ok(())
    }
}

/// Prints text in lines of at most 100 characters.
fn print_wrapped(first: &str, rest: &str, text: &str) {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > 100 {
            println!("{line}");
            rest.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_story_is_set_on_a_working_day() {
        let holidays = Directory::from_resources(std::iter::empty()).bank_holidays();
        assert_eq!(day_after(date(2026, 11, 19), holidays), date(2026, 11, 20));
        assert_eq!(day_after(date(2026, 11, 20), holidays), date(2026, 11, 23));
        assert_eq!(day_after(date(2026, 12, 24), holidays), date(2026, 12, 29));
    }
}
