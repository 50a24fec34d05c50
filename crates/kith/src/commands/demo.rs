//! `kith demo`: a neighbourhood of synthetic people, made once, then served.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use kith_fhir::{Value, json};
use kith_trust::{Access, Door, Role};
use kith_twin::{Neighbourhood, Plan};
use kith_web::{Demo as Cast, DemoPerson, DemoStaff};
use tokio::task::JoinSet;

use crate::cli::Demo;
use crate::config::Config;
use crate::loading::{self, Sourced};

/// Households, and slots, written in one change.
const HOUSEHOLDS: usize = 12;
const SLOTS: usize = 1000;
/// Changes under way at once: enough to keep the writer busy while others are made ready.
const AT_ONCE: usize = 4;
const SPACE: &str = "demo";
const KEY: &str = "neighbourhood";

pub async fn run(args: Demo, mut config: Config) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    prepare(&args, &config).await?;
    if !args.synthea.is_empty() {
        let files = super::import::files(&args.synthea)?;
        let door = bulk(&config).await?;
        let summary = super::import::import(&door, files, &config.data.join("import-errors.ndjson"), true).await;
        door.close().await?;
        let counts = summary?.counts;
        eprintln!("{} resources from Bundles", loading::Counts::total(&counts.stored));
    }
    eprintln!("Ready in {:.1} s", began.elapsed().as_secs_f64());
    if args.prepare {
        return Ok(ExitCode::SUCCESS);
    }
    if args.story {
        return super::story::run(&config).await;
    }
    config.durable = true;
    let door = super::open(&config).await?;
    let cast = cast(&door.system("Kith demo")).await?;
    super::serve::serve(door, Some(cast), &config).await
}

async fn bulk(config: &Config) -> anyhow::Result<Door> {
    let mut quick = config.clone();
    quick.durable = false;
    super::open(&quick).await
}

/// Makes the neighbourhood unless it is there. A killed preparation is taken up again: everything is put by id.
pub async fn prepare(args: &Demo, config: &Config) -> anyhow::Result<()> {
    let door = bulk(config).await?;
    let access = door.system("Kith twin");
    let kept = access.recall(SPACE, KEY).await?;
    let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Europe/London")?).date();
    let made = match &kept {
        Some(kept) => {
            let of = |key: &str| kept[key].as_u64();
            anyhow::ensure!(
                of("people") == Some(args.people.into()) && of("seed") == Some(args.seed),
                "{} holds a neighbourhood of {} people from seed {}\nhint: name another folder with --data, or give --people and --seed as then",
                config.data.display(),
                of("people").unwrap_or(0),
                of("seed").unwrap_or(0)
            );
            kept["today"]
                .as_str()
                .and_then(|d| d.parse::<Date>().ok())
                .context("the neighbourhood's date is unreadable")?
        }
        None => today,
    };
    let finished = kept.as_ref().is_some_and(|k| k["finished"] == true);
    let slots_from = kept.as_ref().and_then(|k| k["slots"].as_str()).and_then(|d| d.parse::<Date>().ok());
    let plan = Plan { people: args.people as usize, ..Plan::new(args.seed, made) };
    let state = |finished: bool, slots: Date| json!({"people": args.people, "seed": args.seed, "today": made.to_string(), "slots": slots.to_string(), "finished": finished});
    if !finished {
        access.remember(SPACE, KEY, &state(false, made), None).await?;
        make(&access, plan.clone()).await?;
        let directory = adopt(&access, made).await?;
        let people = plan.people;
        super::morning::play(&door, &directory, &Neighbourhood::new(plan), people).await?;
        access.remember(SPACE, KEY, &state(true, made), None).await?;
    } else if slots_from.is_some_and(|from| from < today) {
        // A neighbourhood made days ago gets the days that have come into its four weeks.
        let later = Neighbourhood::new(Plan { today, ..plan });
        add_slots(&access, &later, slots_from.unwrap_or(made), plan.weeks_of_slots).await?;
        access.remember(SPACE, KEY, &state(true, today), None).await?;
    }
    door.close().await?;
    Ok(())
}

async fn make(access: &Access, plan: Plan) -> anyhow::Result<()> {
    let twin = Arc::new(Neighbourhood::new(plan));
    let bar = ProgressBar::new(twin.plan().people as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} people, {elapsed}") {
        bar.set_style(style);
    }
    store(access, twin.estate()).await?;
    let mut work: JoinSet<anyhow::Result<u64>> = JoinSet::new();
    let mut slots = twin.slots();
    loop {
        let some: Vec<Value> = slots.by_ref().take(SLOTS).collect();
        if some.is_empty() {
            break;
        }
        room(&mut work, &bar).await?;
        let access = access.clone();
        work.spawn(async move { store(&access, some).await.map(|()| 0) });
    }
    drop(slots);
    let (send, mut receive) = tokio::sync::mpsc::channel::<(u64, Vec<Value>)>(AT_ONCE);
    let maker = {
        let twin = Arc::clone(&twin);
        tokio::task::spawn_blocking(move || {
            let mut households = twin.households();
            loop {
                let mut people = 0;
                let mut values = Vec::new();
                for household in households.by_ref().take(HOUSEHOLDS) {
                    for person in household.people {
                        people += 1;
                        values.extend(person.resources);
                    }
                }
                if people == 0 || send.blocking_send((people, values)).is_err() {
                    return;
                }
            }
        })
    };
    while let Some((people, values)) = receive.recv().await {
        room(&mut work, &bar).await?;
        let access = access.clone();
        work.spawn(async move { store(&access, values).await.map(|()| people) });
    }
    maker.await?;
    while let Some(done) = work.join_next().await {
        bar.inc(done??);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Bookings made with the people get the time they keep on calendars and the piece of work of their service.
async fn adopt(access: &Access, from: Date) -> anyhow::Result<Arc<kith_directory::Directory>> {
    let snapshot = DirectorySnapshot::load(access).await?;
    let from = from.in_tz("Europe/London")?.timestamp();
    let adopted = kith_booking::adopt(access, &snapshot.0, from).await?;
    anyhow::ensure!(adopted.clashes == 0, "{} bookings of the neighbourhood clash", adopted.clashes);
    Ok(snapshot.0)
}

async fn room(work: &mut JoinSet<anyhow::Result<u64>>, bar: &ProgressBar) -> anyhow::Result<()> {
    while work.len() >= AT_ONCE {
        if let Some(done) = work.join_next().await {
            bar.inc(done??);
        }
    }
    Ok(())
}

/// Puts resources of the twin. A proxy may live in a household made later, so references are checked by `kith check`.
async fn store(access: &Access, values: Vec<Value>) -> anyhow::Result<()> {
    let mut change = kith_trust::Change::new("make neighbourhood");
    change.allow_broken_references();
    for value in values {
        change.put(value);
    }
    access.commit(change).await.context("the neighbourhood could not be written")?;
    Ok(())
}

/// Adds slots of days after those already there, all free.
async fn add_slots(access: &Access, twin: &Neighbourhood, had_from: Date, weeks: u32) -> anyhow::Result<()> {
    let covered = had_from.saturating_add(jiff::Span::new().weeks(i64::from(weeks)));
    let mut fresh = Vec::new();
    for mut slot in twin.slots() {
        let day = slot["start"].as_str().and_then(|s| s.get(..10)).and_then(|d| d.parse::<Date>().ok());
        if day.is_some_and(|day| day >= covered) {
            slot["status"] = json!("free");
            fresh.push(slot);
        }
    }
    while !fresh.is_empty() {
        let rest = fresh.split_off(fresh.len().min(SLOTS));
        let group = std::mem::replace(&mut fresh, rest);
        let sourced = group.into_iter().map(|value| Sourced { value, line: 0 }).collect();
        loading::put(access, "add slots", sourced).await.context("new slots could not be written")?;
    }
    Ok(())
}

/// Who can be signed in as: the twin's cast, with the names the record has for them.
pub async fn cast(access: &Access) -> anyhow::Result<Cast> {
    let directory = DirectorySnapshot::load(access).await?;
    let people = kith_twin::CAST
        .iter()
        .map(|member| DemoPerson {
            key: member.key.to_owned(),
            label: format!("{} {}", member.given, member.family),
            story: member.role.to_owned(),
            patient_id: member.patient_id.to_owned(),
        })
        .collect();
    let staff = kith_twin::STAFF_CAST
        .iter()
        .filter_map(|member| {
            let post = directory.0.post(member.practitioner_role_id)?;
            let actor = post.actor("Kith web")?;
            let at = actor.organization_name.clone().unwrap_or_default();
            let role = Role::from_code(member.role).map_or(member.role, Role::words);
            Some(DemoStaff { label: actor.name.clone(), role: format!("{} at {at}", capital(role)), actor })
        })
        .collect();
    Ok(Cast { people, staff })
}

struct DirectorySnapshot(Arc<kith_directory::Directory>);

impl DirectorySnapshot {
    async fn load(access: &Access) -> anyhow::Result<Self> {
        Ok(Self(kith_directory::DirectoryCache::new().get(access).await.context("the directory could not be read")?))
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
