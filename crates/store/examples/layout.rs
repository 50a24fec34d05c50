//! Measures the store's layout on FHIR Bundles and prints the figures of `docs/decisions/0004-store-layout.md`.
//!
//! `cargo run --release -p kith-store --example layout -- FOLDER` with a folder of gzipped transaction Bundles.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kith_fhir::{Value, json, resource};
use kith_store::sqlite::{Options, Sqlite};
use kith_store::{AuditDraft, AuditFields, Batch, Expect, Origin, Prepared, Store, Write, codec, index};
use sha2::{Digest as _, Sha256};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;
/// Resources of one commit.
const CHUNK: usize = 500;

/// The resources of each Bundle as bytes, the Patient first, references between entries made relative.
fn read(folder: &Path) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let mut people = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "gz")) {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(file)?).read_to_end(&mut bytes)?;
        let mut bundle: Value = serde_json::from_slice(&bytes)?;
        let Value::Array(mut entries) = bundle["entry"].take() else { continue };
        let urls: HashMap<String, String> = entries
            .iter()
            .filter_map(|e| Some((e["fullUrl"].as_str()?.to_owned(), resource::reference_of(&e["resource"])?)))
            .collect();
        let mut resources = Vec::new();
        for entry in &mut entries {
            let mut value = entry["resource"].take();
            resource::for_each_reference_mut(&mut value, |reference| {
                if let Some(target) = urls.get(reference.as_str()) {
                    reference.clone_from(target);
                }
            });
            resources.push(value);
        }
        resources.sort_by_key(|v| v["resourceType"] != "Patient");
        people.push(resources.iter().map(|v| v.to_string().into_bytes()).collect());
    }
    Ok(people)
}

fn batch(writes: Vec<Write>) -> Batch {
    let origin = Origin {
        actor: "Device/kith".into(),
        name: "Kith".into(),
        role: "system".into(),
        organization: None,
        organization_name: None,
        system: "layout".into(),
    };
    let mut batch = Batch::new(Timestamp::UNIX_EPOCH, origin);
    let mut people: Vec<_> = writes
        .iter()
        .filter_map(|w| match w {
            Write::Put { resource, .. } => Some(resource.patient.clone()),
            Write::Delete { .. } => None,
        })
        .collect();
    people.sort();
    people.dedup();
    for person in people {
        let fields = AuditFields {
            action: "write".into(),
            purpose: "operations".into(),
            decided_by: "kith-keeps-the-record".into(),
            reason: "import".into(),
            what: Vec::new(),
            count: 0,
            digest: String::new(),
        };
        batch.audit.push(AuditDraft { person, fields, covers_writes: true });
    }
    batch.writes = writes;
    batch.allow_broken_references = true;
    batch
}

/// One parser thread, one writer.
fn import(runtime: &tokio::runtime::Runtime, store: &Sqlite, people: &[Vec<Vec<u8>>]) -> Result<Duration, Failure> {
    let began = Instant::now();
    let (send, receive) = sync_channel::<Batch>(4);
    std::thread::scope(|scope| -> Result<(), Failure> {
        let parser = scope.spawn(move || -> Result<(), Failure> {
            for person in people {
                for chunk in person.chunks(CHUNK) {
                    let mut writes = Vec::with_capacity(chunk.len());
                    for bytes in chunk {
                        let resource = Prepared::new(serde_json::from_slice(bytes)?)?;
                        writes.push(Write::Put { resource: resource.into(), expect: Expect::Any, links: Vec::new() });
                    }
                    send.send(batch(writes)).map_err(|_| "the writer stopped")?;
                }
            }
            Ok(())
        });
        for batch in receive {
            runtime.block_on(store.commit(batch))?;
        }
        parser.join().map_err(|_| "the parser stopped")?
    })?;
    Ok(began.elapsed())
}

/// The same bytes, parsed and inserted by hand: what the machine can do at best with SQLite.
fn baseline(folder: &Path, people: &[Vec<Vec<u8>>]) -> Result<Duration, Failure> {
    let connection = rusqlite::Connection::open(folder.join("raw.sqlite"))?;
    connection.execute_batch(
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-48000;
         CREATE TABLE raw (type TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (type, id));",
    )?;
    let began = Instant::now();
    let (send, receive) = sync_channel::<Vec<(String, String, &[u8])>>(4);
    std::thread::scope(|scope| -> Result<(), Failure> {
        let parser = scope.spawn(move || -> Result<(), Failure> {
            for person in people {
                for chunk in person.chunks(CHUNK) {
                    let mut rows = Vec::with_capacity(chunk.len());
                    for bytes in chunk {
                        let value: Value = serde_json::from_slice(bytes)?;
                        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
                        rows.push((text("resourceType"), text("id"), bytes.as_slice()));
                    }
                    send.send(rows).map_err(|_| "the writer stopped")?;
                }
            }
            Ok(())
        });
        for rows in receive {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            {
                let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO raw VALUES (?1, ?2, ?3)")?;
                for (kind, id, body) in &rows {
                    insert.execute(rusqlite::params![kind, id, body])?;
                }
            }
            connection.execute_batch("COMMIT")?;
        }
        parser.join().map_err(|_| "the parser stopped")?
    })?;
    Ok(began.elapsed())
}

fn timed<T>(name: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let out = work();
    println!("  {name:<32} {:>7.2} µs", began.elapsed().as_secs_f64() * 1e6 / count as f64);
    out
}

fn parts(people: &[Vec<Vec<u8>>]) -> Result<(), Failure> {
    let all: Vec<&Vec<u8>> = people.iter().flatten().collect();
    let n = all.len();
    let values: Vec<Value> = all.iter().map(|b| serde_json::from_slice(b)).collect::<Result<_, _>>()?;
    let bytes: Vec<Vec<u8>> = values.iter().map(json::canonical).collect();
    let packed: Vec<Vec<u8>> = bytes.iter().map(|b| codec::encode_body(b)).collect();
    // Each result is dropped at once, as on the way in: what is measured is the work, not the memory.
    println!("\ncost of each part, one thread, per resource:");
    timed("parse", n, || all.iter().filter(|b| serde_json::from_slice::<Value>(b).is_ok()).count());
    let mut out = Vec::new();
    timed("canonical bytes", n, || {
        for value in &values {
            out.clear();
            json::write_canonical(value, &mut out);
        }
    });
    timed("hash", n, || bytes.iter().map(|b| Sha256::digest(b).len()).sum::<usize>());
    timed("compress, dictionary", n, || bytes.iter().map(|b| codec::encode_body(b).len()).sum::<usize>());
    let rows: usize = timed("index rows", n, || {
        values.iter().map(|v| index::rows(resource::type_of(v).unwrap_or_default(), v).len()).sum()
    });
    timed("compartment", n, || values.iter().filter_map(kith_fhir::compartment::patient_of).count());
    timed("references", n, || {
        let mut count = 0;
        for value in &values {
            resource::for_each_reference(value, |_| count += 1);
        }
        count
    });
    println!("reading:");
    timed("decompress", n, || packed.iter().filter(|b| codec::decode_body(b).is_ok()).count());
    timed("parse, serde_json", n, || bytes.iter().filter(|b| serde_json::from_slice::<Value>(b).is_ok()).count());
    let limits = json::Limits::default();
    timed("parse, kith_fhir::json", n, || bytes.iter().filter(|b| json::parse(b, &limits).is_ok()).count());
    let total = |list: &[Vec<u8>]| list.iter().map(Vec::len).sum::<usize>() / n;
    println!(
        "\nbytes per resource, body alone: {} as canonical JSON, {} with the dictionary",
        total(&bytes),
        total(&packed)
    );
    for level in [1, 3] {
        let size: usize = bytes.iter().filter_map(|b| zstd::bulk::compress(b, level).ok()).map(|b| b.len()).sum();
        println!("  without dictionary, level {level}: {}", size / n);
    }
    println!("index rows per resource, `_lastUpdated` included: {:.2}", (rows + n) as f64 / n as f64);
    Ok(())
}

fn percentiles(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |p: usize| times[(times.len() * p / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("  {name:<44} p50 {:>6.2} ms  p99 {:>6.2} ms  max {:>6.2} ms", at(50), at(99), at(100));
}

fn reading(runtime: &tokio::runtime::Runtime, folder: &Path, people: &[Vec<Vec<u8>>]) -> Result<(), Failure> {
    let patients: Vec<String> = people
        .iter()
        .filter_map(|p| serde_json::from_slice::<Value>(p.first()?).ok())
        .filter(|v| v["resourceType"] == "Patient")
        .filter_map(|v| resource::id_of(&v).map(str::to_owned))
        .collect();
    let connection = Sqlite::tamper(folder)?;
    connection.execute_batch(
        "CREATE TABLE shuffled (at INTEGER PRIMARY KEY, person INTEGER, body BLOB);
         INSERT INTO shuffled (person, body) SELECT rid >> 24, body FROM resource WHERE rid >= 0 ORDER BY random();
         CREATE INDEX shuffled_person ON shuffled (person);",
    )?;
    for (name, sql) in [
        (
            "rows of a person, clustered by rid",
            "SELECT body FROM resource WHERE rid >= ?1 << 24 AND rid < (?1 + 1) << 24",
        ),
        ("rows of a person, in random order", "SELECT body FROM shuffled WHERE person = ?1"),
    ] {
        let mut times = Vec::new();
        let mut bytes = 0;
        for person in 1..=patients.len() as i64 {
            // A connection of its own, so that each begins with an empty page cache.
            let connection = Sqlite::tamper(folder)?;
            connection.execute_batch("PRAGMA mmap_size=0; PRAGMA cache_size=-2000")?;
            let mut statement = connection.prepare(sql)?;
            let began = Instant::now();
            let mut rows = statement.query([person])?;
            while let Some(row) = rows.next()? {
                bytes += row.get_ref(0)?.as_blob().map_or(0, <[u8]>::len);
            }
            times.push(began.elapsed());
        }
        assert!(bytes > 0);
        percentiles(name, times);
    }
    connection.execute_batch("DROP TABLE shuffled")?;
    let options = Options { cached_people: 0, ..Options::default() };
    let store = Sqlite::open(folder, &options)?;
    let mut sized = Vec::new();
    for patient in &patients {
        let began = Instant::now();
        let found = runtime.block_on(store.compartment(patient))?;
        sized.push((found.len(), began.elapsed(), patient));
    }
    percentiles("a whole record, decoded", sized.iter().map(|s| s.1).collect());
    sized.sort_by_key(|s| s.0.abs_diff(1000));
    let (size, _, patient) = sized[0];
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..200 {
        let began = Instant::now();
        let record = runtime.block_on(store.compartment(patient))?;
        times.push(began.elapsed());
        bytes = record.iter().filter_map(|s| s.value.as_deref()).map(|v| json::canonical(v).len()).sum();
    }
    println!("  (the record of {size} is {} bytes a resource)", bytes / size);
    percentiles(&format!("a record of {size} resources, decoded"), times);
    runtime.block_on(store.close())?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("give a folder of gzipped Bundles")?;
    let people = read(Path::new(&folder))?;
    let count: usize = people.iter().map(Vec::len).sum();
    let bytes: usize = people.iter().flatten().map(Vec::len).sum();
    println!("{count} resources of {} bytes in {} Bundles", bytes / count, people.len());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rate = |time: Duration| format!("{:>6.0}/s ({:.2} s)", count as f64 / time.as_secs_f64(), time.as_secs_f64());
    let mut kept = None;
    for round in 1..=3 {
        let data = tempfile::tempdir()?;
        let raw = baseline(data.path(), &people)?;
        let store = Sqlite::open(data.path(), &Options::default())?;
        let ours = import(&runtime, &store, &people)?;
        runtime.block_on(store.close())?;
        println!(
            "round {round}: raw {}  kith {}  ratio {:.2}",
            rate(raw),
            rate(ours),
            ours.as_secs_f64() / raw.as_secs_f64()
        );
        kept = Some(data);
    }
    let data = kept.ok_or("no round")?;
    let size = std::fs::metadata(data.path().join("kith.sqlite"))?.len() as usize;
    println!("on disk: {} bytes per resource", size / count);
    let connection = Sqlite::tamper(data.path())?;
    let mut statement =
        connection.prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 6")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        println!("  {:<24} {:>5}", row.get::<_, String>(0)?, row.get::<_, i64>(1)? as usize / count);
    }
    drop(rows);
    parts(&people)?;
    println!("\nopening a record:");
    reading(&runtime, data.path(), &people)?;
    Ok(())
}
