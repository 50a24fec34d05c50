//! `kith safety`.

use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use kith_handover::State;
use kith_handover::learning::{self, Event};
use kith_safety::{Case, Happened, INTENDED_PURPOSE, Log};

use crate::cli::Safety;
use crate::config::Config;

pub async fn run(command: Safety, config: &Config) -> anyhow::Result<ExitCode> {
    let Safety::Report { learning, to } = command;
    let now = Timestamp::now();
    let happened = if learning { Some(happened(config).await?) } else { None };
    let log = Log::built_in();
    let case = Case {
        log: &log,
        intended_purpose: INTENDED_PURPOSE,
        version: env!("CARGO_PKG_VERSION"),
        printed: &with_year(now),
        happened: happened.as_deref(),
    };
    let html = case.html();
    match to {
        Some(file) => {
            std::fs::write(&file, html).with_context(|| format!("cannot write {}", file.display()))?;
            eprintln!("The safety case stands in {}. It is not clinically signed off.", file.display());
        }
        None => print!("{html}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// What people and staff reported in the record, newest first.
async fn happened(config: &Config) -> anyhow::Result<Vec<Happened>> {
    let door = super::open_existing(config).await?;
    let kith = door.system("Kith safety");
    let mut events = learning::events(&kith).await?;
    events.sort_by_key(|event| std::cmp::Reverse(event.told));
    let now = door.now();
    let shown = events.into_iter().map(|event| shown(event, now)).collect();
    door.close().await?;
    Ok(shown)
}

fn shown(event: Event, now: Timestamp) -> Happened {
    let words = with_year;
    let state = match event.state {
        State::Requested => "Waiting to be looked at",
        State::Accepted | State::InProgress => "Being looked into",
        State::Completed => "Closed",
        State::Rejected | State::Cancelled => "Withdrawn",
    };
    let finding = event.finding.map(learning::Finding::words);
    let outcome = event.outcome.as_ref().map(|text| match finding {
        Some(finding) => format!("{finding}. {text}"),
        None => text.clone(),
    });
    Happened {
        reference: event.number(),
        told: event.told.map_or_else(|| "not known".to_owned(), words),
        due: words(event.due),
        overdue: event.is_overdue(now),
        state: state.to_owned(),
        harm: event.harm.words().to_owned(),
        page: if event.page.is_empty() { "not said".to_owned() } else { event.page },
        content: format!(
            "{}Kith {}",
            if event.content.is_empty() { String::new() } else { format!("{}, ", event.content) },
            event.program
        ),
        hazard: event.hazard,
        what: event.what,
        outcome,
    }
}

/// A case is read years later: the day with its year, in London.
fn with_year(at: Timestamp) -> String {
    kith_contact::time::london(at).strftime("%-d %B %Y, %H:%M").to_string()
}
