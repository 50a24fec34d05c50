//! `kith agreements`: what is in force, and why somebody may or may not.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use kith_directory::Directory;
use kith_fhir::search::Query;
use kith_fhir::{identifier::NhsNumber, system};
use kith_trust::{Actor, Agreements, Door, Explanation, Purpose, Role};
use serde_json::json;

use crate::cli::Agreements as Command;
use crate::config::Config;

/// The configured agreements, or those in the binary.
pub fn agreements(config: &Config) -> anyhow::Result<Agreements> {
    Ok(match &config.agreements {
        Some(folder) => Agreements::load(folder)?,
        None => Agreements::built_in()?,
    })
}

/// One line for each agreement, for `kith content check` and `kith agreements list`.
pub fn print_all(agreements: &Agreements) {
    let neighbourhood = agreements.neighbourhood();
    println!("{}: {} agreements in force ({})", neighbourhood.name, agreements.in_force().len(), neighbourhood.agreed);
    println!("joint controllers: {}", neighbourhood.controllers.join("; "));
    for agreement in agreements.in_force() {
        let page = &agreement.page;
        let rules = agreements.names().iter().filter(|n| n.starts_with(&format!("{}/", agreement.id))).count();
        let signed: Vec<String> =
            page.signed.iter().map(|s| format!("{} for {} on {}", s.name, s.organisation, s.on)).collect();
        println!(
            "  {:<24} version {}, {rules} rules, review {}, {}",
            agreement.id,
            page.version,
            page.review,
            if signed.is_empty() { page.status.clone() } else { signed.join("; ") }
        );
    }
}

pub async fn run(command: Command, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => {
            print_all(&agreements(config)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Explain { who, whom, why, json } => {
            let door = super::open_existing(config).await?;
            let done = explain(&door, &who, &whom, &why, json).await;
            door.close().await?;
            done
        }
    }
}

async fn explain(door: &Door, who: &str, whom: &str, why: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let purpose = Purpose::from_code(why).with_context(|| {
        let known: Vec<&str> = Purpose::ALL.map(Purpose::code).into();
        format!("there is no purpose {why:?}\nhint: there are {}", known.join(", "))
    })?;
    let kith = door.system("kith agreements explain");
    let patient = person(door, whom).await?;
    kith.record_event("explain", "asked what the agreements answer").await?;
    let directory = kith_directory::load(&kith).await?;
    let actors = actors(door, &directory, who).await?;
    let mut allowed = false;
    for actor in actors {
        let at = actor.organization_name.clone().unwrap_or_else(|| "no organisation".into());
        let access = door.enter(actor.clone(), purpose);
        let (facts, lines) = access.explain(&patient).await?;
        allowed |= lines.iter().any(|line| line.answer.allowed);
        let stands: Vec<&str> = facts.names().collect();
        if as_json {
            let answers: Vec<_> = lines.iter().map(answer_json).collect();
            println!(
                "{}",
                serde_json::to_string_pretty(&json!({
                    "who": actor.reference, "role": actor.role.code(), "organisation": actor.organization,
                    "whom": format!("Patient/{patient}"), "why": purpose.code(), "stands": stands, "answers": answers,
                }))?
            );
            continue;
        }
        println!("{} as {} at {at}, for {}", actor.reference, actor.role.words(), purpose.code());
        println!(
            "Patient/{patient}: {}",
            if stands.is_empty() { "nothing connects them now".to_owned() } else { stands.join(", ") }
        );
        print_lines(door.agreements(), &lines);
    }
    // For a script: 0 when something is allowed, 1 when nothing is.
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn answer_json(line: &Explanation) -> serde_json::Value {
    json!({
        "action": line.action.code(), "kind": line.kind.code(), "allowed": line.answer.allowed,
        "decided_by": line.answer.decided_by,
        "would_be_allowed_if": line.near_misses.iter().map(|m| json!({"all_of": m.changes, "rule": m.rule})).collect::<Vec<_>>(),
    })
}

/// Answers that are the same are said once.
fn print_lines(agreements: &Agreements, lines: &[Explanation]) {
    let mut yes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut no: BTreeMap<(&str, Vec<String>), Vec<String>> = BTreeMap::new();
    for line in lines {
        let what = format!("{} {}", line.action.code(), line.kind.code());
        if line.answer.allowed {
            yes.entry(&line.answer.decided_by).or_default().push(what);
        } else {
            let would = line.near_misses.iter().map(|m| format!("{} ({})", m.changes.join(" and "), m.rule)).collect();
            no.entry((&line.answer.decided_by, would)).or_default().push(what);
        }
    }
    for (rule, what) in &yes {
        println!("  YES {rule}: {}", agreements.words(rule).unwrap_or_default());
        println!("      {}", what.join(", "));
    }
    for ((why, would), what) in &no {
        println!("  NO  {why}");
        println!("      {}", what.join(", "));
        for one in would {
            println!("      would be allowed if {one}");
        }
    }
}

/// A person by `Patient/…` or NHS number.
async fn person(door: &Door, whom: &str) -> anyhow::Result<String> {
    if let Some(id) = whom.strip_prefix("Patient/") {
        return Ok(id.to_owned());
    }
    let number = NhsNumber::parse(whom)
        .ok()
        .context("--whom is no NHS number and no Patient/…\nhint: Patient/… as `kith audit list` prints it")?;
    let query = Query::new("Patient")?.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str()))?;
    let found = door.system("kith agreements explain").search(&query.limit(1)).await?;
    Ok(found.entries.first().context("nobody here has this NHS number")?.id.clone())
}

/// Everybody that `who` can be: `Patient/…`, `Practitioner/…` (each post of theirs), or `role@Organization/…`.
async fn actors(door: &Door, directory: &Directory, who: &str) -> anyhow::Result<Vec<Actor>> {
    if who.starts_with("Patient/") || NhsNumber::parse(who).is_ok() {
        let id = person(door, who).await?;
        return Ok(vec![Actor::person(&id, "", "kith agreements explain")]);
    }
    if let Some((role, place)) = who.split_once('@') {
        let role = Role::from_code(role)
            .filter(|role| role.is_staff())
            .with_context(|| format!("there is no role of staff {role:?}\nhint: receptionist, gp, pharmacist, …"))?;
        let mut posts = directory.posts().filter(|post| {
            post.role == role.code() && post.organization.as_ref().is_some_and(|o| o.reference == place)
        });
        if let Some(actor) = posts.find_map(|post| post.actor("kith agreements explain")) {
            return Ok(vec![actor]);
        }
        return Ok(vec![Actor {
            reference: format!("Practitioner/any-{}", role.code()),
            name: String::new(),
            role,
            organization: Some(place.to_owned()),
            organization_name: directory.name(place).map(str::to_owned),
            acts_for: vec![place.to_owned()],
            system: "kith agreements explain".into(),
            scopes: Vec::new(),
        }]);
    }
    let posts: Vec<Actor> = directory
        .posts()
        .filter(|post| post.practitioner.reference == who)
        .filter_map(|post| post.actor("kith agreements explain"))
        .collect();
    anyhow::ensure!(
        !posts.is_empty(),
        "{who} has no post here\nhint: Practitioner/…, Patient/…, an NHS number, or role@Organization/…"
    );
    Ok(posts)
}
