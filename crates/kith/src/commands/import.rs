//! `kith import`: Bundles and NDJSON, plain or gzipped; parsed in parallel, written by one writer; resumable, idempotent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use kith_fhir::identifier::NhsNumber;
use kith_fhir::json::{Limits, parse};
use kith_fhir::{Value, json, resource, system};
use kith_trust::{Access, Door, Error, bundle};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::cli::Import;
use crate::config::Config;
use crate::loading::{self, Counts, Loaded, Rejected, Sourced};

/// A Bundle is read whole up to this; larger input comes as NDJSON, which is streamed.
const MAX_BUNDLE: u64 = 256 << 20;
/// Entries committed together at most.
const GROUP: usize = 2000;
/// Lines of NDJSON committed together.
const LINES: usize = 300;
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
    let files = files(&args.paths)?;
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

/// Every file under the paths that may hold FHIR, in a fixed order.
pub fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = paths.to_vec();
    for path in paths {
        if !path.exists() {
            bail!("{} is not there", path.display());
        }
    }
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
                waiting.push(entry?.path());
            }
        } else if paths.contains(&path) || looks_like_fhir(&path) {
            found.push(path);
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        bail!("no .json, .ndjson or .jsonl file (plain or .gz) is there");
    }
    Ok(found)
}

/// The ending of a file's name without `.gz`, in small letters. Some archives leave a stray quotation mark in their names.
fn ending(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default().replace('"', "");
    let name = Path::new(&name);
    let plain = if name.extension().is_some_and(|e| e == "gz") { name.with_extension("") } else { name.to_owned() };
    plain.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default()
}

fn looks_like_fhir(path: &Path) -> bool {
    matches!(ending(path).as_str(), "json" | "ndjson" | "jsonl")
}

struct Shared {
    access: Access,
    errors: Mutex<Errors>,
    summary: Mutex<Summary>,
    waiting: Mutex<Vec<(String, Sourced)>>,
    memory: Arc<Semaphore>,
    buffers: Buffers,
    bar: ProgressBar,
}

/// Memory that one Bundle after another is read into: asking the system for it anew costs more than reading.
#[derive(Default)]
struct Buffers(std::sync::Mutex<Vec<Vec<u8>>>);

/// Larger buffers are given back to the system.
const KEPT_BUFFER: usize = 16 << 20;

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BUFFER {
            buffer.clear();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
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
        buffers: Buffers::default(),
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

/// Name, size and time of a file: what a finished one is known by.
fn mark_of(path: &Path) -> anyhow::Result<String> {
    let meta = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let time =
        meta.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(format!("{}|{}|{time}", path.display(), meta.len()))
}

const PROGRESS: &str = "import";

async fn one_file(shared: &Arc<Shared>, path: &Path) -> anyhow::Result<()> {
    let mark = mark_of(path)?;
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
    let counts = if is_lines(path)? {
        lines(shared, path, &name, &mark, from).await?
    } else {
        whole(shared, path, &name).await?
    };
    if let Some(counts) = counts {
        let done = json!({"finished": true, "read": counts.read, "stored": counts.stored});
        shared.access.remember(PROGRESS, &mark, &done, None).await?;
    }
    Ok(())
}

fn opened(path: &Path) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let gzipped = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzipped {
        Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    })
}

fn is_lines(path: &Path) -> anyhow::Result<bool> {
    match ending(path).as_str() {
        "ndjson" | "jsonl" => return Ok(true),
        "json" => return Ok(false),
        _ => {}
    }
    // A file named outright, of no known ending: NDJSON if its first line is a whole resource.
    let mut first = Vec::new();
    opened(path)?.take(1 << 20).read_until(b'\n', &mut first)?;
    Ok(parse(&first, &Limits::default()).is_ok_and(|v| resource::type_of(&v).is_some_and(|t| t != "Bundle")))
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

// ── NDJSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────

enum Line {
    Resource(Sourced),
    Bad(usize, String),
}

/// Streams lines. `Some(counts)` when every line went in.
async fn lines(
    shared: &Arc<Shared>,
    path: &Path,
    name: &str,
    mark: &str,
    from: usize,
) -> anyhow::Result<Option<Counts>> {
    let (send, mut receive) = mpsc::channel::<Vec<Line>>(2);
    let source = path.to_owned();
    let reader = tokio::task::spawn_blocking(move || read_lines(&source, from, &send));
    let mut clean = from == 0;
    let mut counts = Counts::default();
    while let Some(batch) = receive.recv().await {
        let mut group = Vec::with_capacity(batch.len());
        let mut last = 0;
        for line in batch {
            match line {
                Line::Resource(item) => {
                    last = item.line;
                    group.push(item);
                }
                Line::Bad(line, reason) => {
                    last = line;
                    clean = false;
                    unreadable(shared, name, line, reason).await?;
                }
            }
        }
        let loaded = loading::put(&shared.access, "import", group).await.map_err(explain)?;
        let (batch_counts, refused) = settle(shared, name, loaded).await?;
        counts.add(batch_counts);
        clean &= refused == 0;
        shared.access.remember(PROGRESS, mark, &json!({"line": last}), None).await?;
    }
    reader.await??;
    if !clean {
        // The next run reads the file again, so that what waits for something gets another try.
        shared.access.forget(PROGRESS, mark).await?;
    }
    Ok(clean.then_some(counts))
}

fn read_lines(path: &Path, from: usize, send: &mpsc::Sender<Vec<Line>>) -> anyhow::Result<()> {
    let mut reader = opened(path)?;
    let limits = Limits::default();
    let mut buffer = Vec::new();
    let mut batch = Vec::with_capacity(LINES);
    let mut number = 0;
    loop {
        buffer.clear();
        // One line more than a resource may hold is not read into memory whole.
        let read = reader.by_ref().take(limits.max_bytes as u64 + 2).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            break;
        }
        number += 1;
        let too_long = !buffer.ends_with(b"\n") && read > limits.max_bytes;
        if too_long {
            skip_line(&mut reader)?;
        }
        if number <= from || buffer.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        batch.push(if too_long {
            Line::Bad(number, format!("the line is longer than {} MiB", limits.max_bytes >> 20))
        } else {
            match parse(buffer.trim_ascii_end(), &limits) {
                Ok(mut value) => {
                    flag(&mut value);
                    Line::Resource(Sourced { value, line: number })
                }
                Err(error) => Line::Bad(number, format!("not JSON: {}", error.kind)),
            }
        });
        if batch.len() == LINES && send.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        let _ = send.blocking_send(batch);
    }
    Ok(())
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(());
        }
        match chunk.iter().position(|b| *b == b'\n') {
            Some(at) => {
                reader.consume(at + 1);
                return Ok(());
            }
            None => {
                let length = chunk.len();
                reader.consume(length);
            }
        }
    }
}

// ── Bundles and single resources ────────────────────────────────────────────────────────────────────────────────────

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBundle<'a> {
    resource_type: String,
    #[serde(borrow, default)]
    entry: Vec<RawEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<RawRequest>,
}

#[derive(Deserialize)]
struct RawRequest {
    method: Option<String>,
    url: Option<String>,
}

/// Reads a Bundle or a single resource. `Some(counts)` when all of it went in.
async fn whole(shared: &Arc<Shared>, path: &Path, name: &str) -> anyhow::Result<Option<Counts>> {
    let size = std::fs::metadata(path)?.len();
    // A gzipped Bundle grows about twenty times; the exact size is known once it is read.
    let room = u32::try_from((size * 20) >> 20).unwrap_or(MEMORY).clamp(1, MEMORY);
    let _room = Arc::clone(&shared.memory).acquire_many_owned(room).await?;
    let (send, mut receive) = mpsc::channel::<Vec<Line>>(1);
    let reader = tokio::task::spawn_blocking({
        let (shared, source) = (Arc::clone(shared), path.to_owned());
        move || {
            let mut bytes = shared.buffers.take();
            let bad = |reason: String| {
                let _ = send.blocking_send(vec![Line::Bad(1, reason)]);
            };
            match opened(&source).and_then(|file| Ok(file.take(MAX_BUNDLE + 1).read_to_end(&mut bytes)?)) {
                Ok(read) if read as u64 <= MAX_BUNDLE => read_bundle(&bytes, &send),
                Ok(_) => bad(format!("larger than {} MiB: give it as NDJSON, which is streamed", MAX_BUNDLE >> 20)),
                Err(error) => bad(format!("cannot be read: {error}")),
            }
            shared.buffers.give(bytes);
        }
    });
    let mut counts = Counts::default();
    let mut clean = true;
    while let Some(batch) = receive.recv().await {
        let mut group = Vec::with_capacity(batch.len());
        for line in batch {
            match line {
                Line::Resource(mut item) => {
                    if let Err(error) = bundle::resolve_conditional(&shared.access, &mut item.value, "entry").await {
                        clean = false;
                        unreadable(shared, name, item.line, error.to_string()).await?;
                    } else {
                        group.push(item);
                    }
                }
                Line::Bad(line, reason) => {
                    clean = false;
                    unreadable(shared, name, line, reason).await?;
                }
            }
        }
        let loaded = loading::put(&shared.access, "import", group).await.map_err(explain)?;
        let (batch_counts, refused) = settle(shared, name, loaded).await?;
        counts.add(batch_counts);
        clean &= refused == 0;
    }
    reader.await?;
    Ok(clean.then_some(counts))
}

/// Counts lines of a text while its pieces are met in order, so that the whole is walked once.
struct Lines<'a> {
    all: &'a [u8],
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(all: &'a [u8]) -> Self {
        Self { all, offset: 0, line: 1 }
    }

    /// The line on which `part`, a piece of the text not before the last one asked for, begins.
    fn of(&mut self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.all.as_ptr() as usize).min(self.all.len());
        if offset > self.offset {
            self.line += memchr::memchr_iter(b'\n', &self.all[self.offset..offset]).count();
            self.offset = offset;
        }
        self.line
    }
}

fn read_bundle(bytes: &[u8], send: &mpsc::Sender<Vec<Line>>) {
    let limits = Limits { max_bytes: MAX_BUNDLE as usize, ..Limits::default() };
    let bad = |line: usize, reason: String| {
        let _ = send.blocking_send(vec![Line::Bad(line, reason)]);
    };
    let Ok(raw) = serde_json::from_slice::<RawBundle<'_>>(bytes) else {
        match parse(bytes, &limits) {
            Err(error) => bad(error.line, format!("not JSON: {}", error.kind)),
            Ok(_) => bad(1, "neither a FHIR resource nor a Bundle of them".into()),
        }
        return;
    };
    if raw.resource_type != "Bundle" {
        match parse(bytes, &limits) {
            Ok(mut value) => {
                flag(&mut value);
                let _ = send.blocking_send(vec![Line::Resource(Sourced { value, line: 1 })]);
            }
            Err(error) => bad(error.line, format!("not JSON: {}", error.kind)),
        }
        return;
    }
    // First what each full URL stands for, so that an entry may refer to a later one; then the entries.
    let mut known: HashMap<&str, String> = HashMap::with_capacity(raw.entry.len());
    let ids: Vec<Option<(String, String)>> = raw.entry.iter().map(identity).collect();
    for (entry, identity) in raw.entry.iter().zip(&ids) {
        if let (Some(url), Some((kind, id))) = (&entry.full_url, identity) {
            known.insert(url, format!("{kind}/{id}"));
        }
    }
    let mut batch = Vec::with_capacity(raw.entry.len().min(GROUP));
    let mut lines = Lines::new(bytes);
    for (entry, identity) in raw.entry.iter().zip(&ids) {
        let Some(resource) = entry.resource else {
            batch.push(Line::Bad(lines.line, "a Bundle's entry has no resource to import".into()));
            continue;
        };
        let line = lines.of(resource.get());
        let method = entry.request.as_ref().and_then(|r| r.method.as_deref()).unwrap_or("PUT");
        batch.push(match (parse(resource.get().as_bytes(), &limits), identity) {
            (Err(error), _) => Line::Bad(line, format!("not JSON: {}", error.kind)),
            (Ok(_), _) if !matches!(method, "POST" | "PUT") => {
                Line::Bad(line, format!("an import takes POST and PUT, not {method}"))
            }
            (Ok(mut value), identity) => {
                if let (Some((_, id)), Some(object)) = (identity, value.as_object_mut()) {
                    object.insert("id".to_owned(), Value::String(id.clone()));
                }
                let mut lost = false;
                resource::for_each_reference_mut(&mut value, |reference| {
                    if let Some(target) = known.get(reference.as_str()) {
                        reference.clone_from(target);
                    } else {
                        lost |= reference.starts_with("urn:uuid:");
                    }
                });
                if lost {
                    Line::Bad(line, "refers to a full URL that no entry of the Bundle has".into())
                } else {
                    flag(&mut value);
                    Line::Resource(Sourced { value, line })
                }
            }
        });
        if batch.len() == GROUP && send.blocking_send(std::mem::take(&mut batch)).is_err() {
            return;
        }
    }
    if !batch.is_empty() {
        let _ = send.blocking_send(batch);
    }
}

/// Type and id an entry will have: its own, that of its request, or that of its `urn:uuid:` full URL.
fn identity(entry: &RawEntry<'_>) -> Option<(String, String)> {
    let head = head(entry.resource?.get())?;
    let asked = entry.request.as_ref().and_then(|r| r.url.as_deref()).and_then(resource::split_reference);
    let uuid = entry.full_url.as_deref().and_then(|u| u.strip_prefix("urn:uuid:"));
    let id = asked.map(|(_, id)| id.to_owned()).or(head.1).or(uuid.map(str::to_owned))?;
    Some((head.0, id))
}

/// `resourceType` and `id` of a resource, read no further than needed: nearly all are written with these two first.
fn head(text: &str) -> Option<(String, Option<String>)> {
    #[derive(Default)]
    struct Head {
        kind: Option<String>,
        id: Option<String>,
    }
    impl<'de> Visitor<'de> for &mut Head {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a resource")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while self.kind.is_none() || self.id.is_none() {
                match members.next_key::<Cow<'de, str>>()?.as_deref() {
                    Some("resourceType") => self.kind = Some(members.next_value()?),
                    Some("id") => self.id = Some(members.next_value()?),
                    Some(_) => drop(members.next_value::<IgnoredAny>()?),
                    None => break,
                }
            }
            Ok(())
        }
    }
    let mut head = Head::default();
    // What stands behind the two is not read here, so that it does not end where it should is no fault.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(&mut head);
    Some((head.kind?, head.id))
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
