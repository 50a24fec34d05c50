//! `kith content`.

use std::process::ExitCode;

use kith_contact::notification;
use kith_frontdoor::{Pathways, Weights, verify, vignettes};

use crate::cli::Content;
use crate::config::Config;

/// The pathways of the configured folder, or those in the binary.
pub fn pathways(config: &Config) -> anyhow::Result<Pathways> {
    Ok(match &config.content {
        Some(folder) => Pathways::load(folder)?,
        None => Pathways::embedded()?,
    })
}

pub fn run(command: Content, config: &Config) -> anyhow::Result<ExitCode> {
    let pathways = pathways(config)?;
    match command {
        Content::Check => Ok(check(&pathways, config)),
        Content::Try { pathway } => play(&pathways, &pathway),
    }
}

fn check(pathways: &Pathways, config: &Config) -> ExitCode {
    let mut wrong = 0;
    let mut played = 0;
    for pathway in pathways.iter() {
        let findings = verify::check(pathway, pathways.vocabulary());
        let outcomes = vignettes::run(pathway, pathways.vocabulary());
        let failed: Vec<_> = outcomes.iter().filter(|o| !o.passed()).collect();
        played += outcomes.len();
        println!(
            "{:<32}{:>4} vignettes, {:.0} cases walked{}",
            pathway.content(),
            outcomes.len(),
            verify::cases(pathway),
            if findings.is_empty() && failed.is_empty() { "" } else { "  WRONG" }
        );
        for finding in &findings {
            println!("{finding}");
        }
        for outcome in &failed {
            println!("  vignette “{}”: {}", outcome.title, outcome.problems.join("; "));
        }
        wrong += findings.len() + failed.len();
    }
    println!("{} pathways, {played} vignettes", pathways.iter().count());
    let messages = notification::check_content();
    for problem in &messages {
        println!("message texts: {problem}");
    }
    wrong += messages.len();
    println!("messages: {}", if messages.is_empty() { "every text makes its example" } else { "WRONG" });
    // Every rule against the schema, every agreement with its page: what is wrong stops here, by name.
    match super::agreements::agreements(config) {
        Ok(agreements) => super::agreements::print_all(&agreements),
        Err(problem) => {
            wrong += 1;
            println!("{problem}");
        }
    }
    println!("routing: {}", Weights::built_in().content());
    println!("\n{wrong} wrong. Illustrative content, not clinically signed off.");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(pathways: &Pathways, id: &str) -> anyhow::Result<ExitCode> {
    let Some(pathway) = pathways.get(id) else {
        let known: Vec<&str> = pathways.iter().map(|p| p.id.as_str()).collect();
        anyhow::bail!("there is no pathway {id}\nhint: there are {}", known.join(", "));
    };
    println!("{}: {}", pathway.content(), pathway.title);
    let mut wrong = 0;
    for outcome in vignettes::run(pathway, pathways.vocabulary()) {
        if outcome.passed() {
            println!("  ok     {}", outcome.title);
        } else {
            wrong += 1;
            println!("  WRONG  {}: {}", outcome.title, outcome.problems.join("; "));
        }
    }
    println!("{}", pathway.sign_off_note);
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
