//! `kith import`: Bundles and NDJSON, plain or gzipped; parsed in parallel, written by one writer; resumable, idempotent.

mod bundle;
mod files;
mod lines;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use kith_fhir::identifier::NhsNumber;
use kith_fhir::{Value, json, resource, system};
use kith_trust::{Access, Door, Error};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::cli::Import;
use crate::config::Config;
use crate::loading::{self, Counts, Loaded, Rejected, Sourced};

pub use files::files;

/// Files in work at once, and bytes of Bundles in memory at once, in MiB.
const FILES: usize = 3;
const MEMORY: u32 = 256;
/// Rejected lines kept for another try when more is in.
const MAX_WAITING: usize = 50_000;

/// A progress bar without an end, on stderr.
pub fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) =
        ProgressStyle::with_template(&format!("{{spinner}} {{human_pos}} {what}, {{per_sec}}, {{elapsed}}"))
    {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}

pub async fn run(args: Import, config: &Config) -> anyhow::Result<ExitCode> {
    let files = files::files(&args.paths)?;
    let mut quick = config.clone();
    // What a killed import leaves is taken up again; the log is synced when the door closes.
    quick.durable = false;
    let door = super::open(&quick).await?;
    let errors = args.errors.unwrap_or_else(|| config.data.join("import-errors.ndjson"));
    let summary = import(&door, files, &errors, true).await;
    door.close().await?;
    let summary = summary?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        summary.print();
    }
    let rejected = Counts::total(&summary.counts.rejected) + summary.unreadable;
    if rejected > 0 {
        eprintln!("{rejected} not taken: each with its reason and line in {}", errors.display());
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::SUCCESS)
}

/// What an import came to.
#[derive(Default, serde::Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub counts: Counts,
    pub files: u64,
    /// Files a finished import had read before, by name, size and time, and that were not read again.
    pub skipped: u64,
    /// Files, or lines of NDJSON, that are no JSON or no FHIR.
    pub unreadable: u64,
}

impl Summary {
    fn print(&self) {
        let zero = 0;
        println!("{:<24}{:>12}{:>12}{:>12}", "type", "in", "stored", "rejected");
        for (kind, read) in &self.counts.read {
            let stored = self.counts.stored.get(kind).unwrap_or(&zero);
            let rejected = self.counts.rejected.get(kind).unwrap_or(&zero);
            println!("{kind:<24}{read:>12}{stored:>12}{rejected:>12}");
        }
        let total = Counts::total;
        println!(
            "{:<24}{:>12}{:>12}{:>12}",
            "in all",
            total(&self.counts.read),
            total(&self.counts.stored),
            total(&self.counts.rejected)
        );
        println!(
            "\n{} new or changed; {} files read, {} skipped as finished before",
            self.counts.changed, self.files, self.skipped
        );
    }
}

struct Shared {
    access: Access,
    errors: Mutex<Errors>,
    summary: Mutex<Summary>,
    waiting: Mutex<Vec<(String, Sourced)>>,
    memory: Arc<Semaphore>,
    buffers: bundle::Buffers,
    bar: ProgressBar,
}

struct Errors {
    path: PathBuf,
    file: Option<File>,
}

impl Errors {
    fn write(&mut self, source: &str, rejected: &Rejected) -> anyhow::Result<()> {
        if self.file.is_none() {
            let file = File::create(&self.path).with_context(|| format!("cannot write {}", self.path.display()))?;
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            let mut line = json!(rejected);
            line["file"] = json!(source);
            writeln!(file, "{line}")?;
        }
        Ok(())
    }
}

/// Imports files through the door. Rejected resources go to `errors`; faults of the store end it.
pub async fn import(door: &Door, files: Vec<PathBuf>, errors: &Path, show: bool) -> anyhow::Result<Summary> {
    let bar = if show { spinner("resources in") } else { ProgressBar::hidden() };
    let shared = Arc::new(Shared {
        access: door.system("Kith import"),
        errors: Mutex::new(Errors { path: errors.to_owned(), file: None }),
        summary: Mutex::default(),
        waiting: Mutex::default(),
        memory: Arc::new(Semaphore::new(MEMORY as usize)),
        buffers: bundle::Buffers::default(),
        bar,
    });
    let _ = std::fs::remove_file(errors);
    let mut work = JoinSet::new();
    for path in files {
        while work.len() >= FILES {
            if let Some(done) = work.join_next().await {
                done??;
            }
        }
        let shared = Arc::clone(&shared);
        work.spawn(async move { one_file(&shared, &path).await });
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    try_again(&shared).await?;
    shared.bar.finish_and_clear();
    let shared = Arc::into_inner(shared).context("an import task still runs")?;
    Ok(shared.summary.into_inner())
}

const PROGRESS: &str = "import";

async fn one_file(shared: &Arc<Shared>, path: &Path) -> anyhow::Result<()> {
    let mark = files::mark_of(path)?;
    let before = shared.access.recall(PROGRESS, &mark).await?;
    if before.as_ref().is_some_and(|b| b["finished"] == true) {
        let counts: Counts = before
            .and_then(|b| {
                let map = |key: &str| {
                    b[key].as_object().map(|o| o.iter().filter_map(|(k, v)| Some((k.clone(), v.as_u64()?))).collect())
                };
                Some(Counts { read: map("read")?, stored: map("stored")?, ..Counts::default() })
            })
            .unwrap_or_default();
        let mut summary = shared.summary.lock().await;
        summary.skipped += 1;
        summary.counts.add(counts);
        return Ok(());
    }
    let from = before.and_then(|b| b["line"].as_u64()).unwrap_or(0) as usize;
    shared.summary.lock().await.files += 1;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let counts = if files::is_lines(path)? {
        lines::lines(shared, path, &name, &mark, from).await?
    } else {
        bundle::whole(shared, path, &name).await?
    };
    if let Some(counts) = counts {
        let done = json!({"finished": true, "read": counts.read, "stored": counts.stored});
        shared.access.remember(PROGRESS, &mark, &done, None).await?;
    }
    Ok(())
}

async fn settle(shared: &Shared, name: &str, loaded: Loaded) -> anyhow::Result<(Counts, usize)> {
    let counts = loaded.counts.clone();
    shared.bar.inc(Counts::total(&loaded.counts.read));
    shared.summary.lock().await.counts.add(loaded.counts);
    let mut refused = 0;
    for (item, rejected) in loaded.rejected {
        refused += 1;
        let mut waiting = shared.waiting.lock().await;
        if rejected.waits && waiting.len() < MAX_WAITING {
            waiting.push((name.to_owned(), item));
        } else {
            drop(waiting);
            shared.errors.lock().await.write(name, &rejected)?;
        }
    }
    Ok((counts, refused))
}

/// Resources that referred to what was not there yet: tried again while that helps.
async fn try_again(shared: &Shared) -> anyhow::Result<()> {
    loop {
        let waiting = std::mem::take(&mut *shared.waiting.lock().await);
        if waiting.is_empty() {
            return Ok(());
        }
        let before = waiting.len();
        let mut left = Vec::new();
        for (name, item) in waiting {
            let loaded = loading::put(&shared.access, "import", vec![item]).await.map_err(explain)?;
            let mut summary = shared.summary.lock().await;
            // It was counted as read and rejected the first time.
            for (kind, count) in &loaded.counts.stored {
                *summary.counts.stored.entry(kind.clone()).or_default() += count;
                if let Some(rejected) = summary.counts.rejected.get_mut(kind) {
                    *rejected = rejected.saturating_sub(*count);
                }
            }
            summary.counts.changed += loaded.counts.changed;
            summary.counts.rejected.retain(|_, count| *count > 0);
            drop(summary);
            left.extend(loaded.rejected.into_iter().map(|(item, rejected)| (name.clone(), item, rejected)));
        }
        if left.len() == before {
            let mut errors = shared.errors.lock().await;
            for (name, _, rejected) in &left {
                errors.write(name, rejected)?;
            }
            return Ok(());
        }
        *shared.waiting.lock().await = left.into_iter().map(|(name, item, _)| (name, item)).collect();
    }
}

fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Full => anyhow::anyhow!(
            "the disk is full; what is in is safe\nhint: make room and run the same command again: it goes on where it stopped"
        ),
        other => anyhow::Error::new(other).context("the import stopped; run the same command again to go on"),
    }
}

async fn unreadable(shared: &Shared, name: &str, line: usize, reason: String) -> anyhow::Result<()> {
    shared.summary.lock().await.unreadable += 1;
    let rejected = Rejected { resource: String::new(), line, reason, waits: false };
    shared.errors.lock().await.write(name, &rejected)
}

/// A resource as read, or a line that is none.
enum Line {
    Resource(Sourced),
    Bad(usize, String),
}

/// Marks a Patient whose NHS number fails its check digit: taken in, and seen.
fn flag(value: &mut Value) {
    if resource::type_of(value) != Some("Patient") {
        return;
    }
    let fails = value["identifier"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|i| i["system"].as_str().is_some_and(|s| s.to_lowercase().ends_with("/id/nhs-number")))
        .filter_map(|i| i["value"].as_str())
        .any(|number| NhsNumber::parse(number).is_err());
    if fails
        && let Some(object) = value.as_object_mut()
        && let Some(meta) = object.entry("meta").or_insert_with(|| json!({})).as_object_mut()
        && let Some(tags) = meta.entry("tag").or_insert_with(|| json!([])).as_array_mut()
    {
        let tag = json!({"system": system::CS_IMPORT_FLAG, "code": "nhs-number-fails-check"});
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
}
