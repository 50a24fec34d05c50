//! `kith retention`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use kith_trust::retention::{Due, Schedule, Then};
use kith_trust::{Access, Error};

use crate::cli::Retention;
use crate::config::Config;

pub async fn run(command: Retention, config: &Config) -> anyhow::Result<ExitCode> {
    let schedule = match config.content.as_ref().map(|folder| folder.join("retention.toml")).filter(|f| f.exists()) {
        Some(file) => Schedule::parse(&std::fs::read_to_string(file)?)?,
        None => Schedule::built_in()?,
    };
    let door = super::open_existing(config).await?;
    let access = door.system("Kith retention");
    match command {
        Retention::Report { json } => {
            let due = access.retention_due(&schedule).await?;
            if json {
                for item in &due {
                    println!("{}", serde_json::to_string(item)?);
                }
            } else {
                report(&schedule, &due);
            }
        }
        Retention::Apply { erase } => apply(&access, &schedule, erase).await?,
        Retention::Erase { person, only, ground, erase } => {
            let only = (!only.is_empty()).then_some(only);
            if erase {
                let erased = erased(access.erase(&person, only, &ground).await)?;
                println!("{} resources erased, {} versions.", erased.resources, erased.versions);
            } else {
                println!(
                    "Would erase {}.",
                    only.map_or("the whole record".to_owned(), |o| format!("{} items", o.len()))
                );
                eprintln!("Nothing was changed. Add --erase to do it: it cannot be undone.");
            }
        }
        Retention::Hold { person, reason } => {
            access.hold(&person, &reason).await?;
            println!("Held: nothing of this record is erased until it is released.");
        }
        Retention::Release { person } => {
            access.release_hold(&person).await?;
            println!("Released.");
        }
        Retention::Holds => {
            for hold in access.legal_holds().await? {
                println!("{}  since {}  {}", hold.person, hold.since, hold.reason);
            }
        }
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn erased<T>(outcome: Result<T, Error>) -> anyhow::Result<T> {
    outcome.map_err(|error| match error {
        Error::NotFound => anyhow::anyhow!("there is no such person or item in this record"),
        other => other.into(),
    })
}

/// How many are due by rule.
fn report(schedule: &Schedule, due: &[Due]) {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for item in due {
        let count = counts.entry(&item.rule).or_default();
        count.0 += 1;
        count.1 += usize::from(item.held);
    }
    for rule in &schedule.rules {
        let (all, held) = counts.get(rule.id.as_str()).copied().unwrap_or_default();
        let then = match rule.then {
            Then::Erase => "to erase",
            Then::Review => "to review",
        };
        println!("{:<28}{all:>8} {then}, {held} held  ({}, {} years)", rule.id, rule.name, rule.years);
    }
}

async fn apply(access: &Access, schedule: &Schedule, erase: bool) -> anyhow::Result<()> {
    let due = access.retention_due(schedule).await?;
    let (mut done, mut held, mut review) = (0u64, 0u64, 0u64);
    for item in &due {
        match (item.then, item.held) {
            (Then::Review, _) => review += 1,
            (Then::Erase, true) => held += 1,
            (Then::Erase, false) => {
                if erase {
                    let only = item.item.clone().map(|reference| vec![reference]);
                    erased(access.erase(&item.person, only, &item.rule).await)?;
                }
                done += 1;
            }
        }
    }
    let what = if erase { "erased" } else { "would be erased" };
    println!("{done} {what}, {held} kept under legal hold, {review} for somebody to decide.");
    if !erase && done > 0 {
        eprintln!("Nothing was changed. Add --erase to do it: it cannot be undone.");
    }
    Ok(())
}
