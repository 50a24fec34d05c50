//! The raw baseline of the import: the same bytes unpacked, parsed, compressed and put into SQLite with two index rows each,
//! by hand: one parser thread, one writer. No versions, no audit, no search, no references, no resuming.

use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

/// Rows of one transaction.
const GROUP: usize = 2000;

struct Row {
    key: String,
    person: String,
    body: Vec<u8>,
}

/// What was put in, and in what time.
pub struct Raw {
    pub resources: u64,
    /// Of the JSON, unpacked.
    pub bytes: u64,
    pub wall: Duration,
}

fn parse(files: Vec<PathBuf>, send: &SyncSender<Vec<Row>>) -> anyhow::Result<u64> {
    let mut compressor = zstd::bulk::Compressor::new(1)?;
    let mut bytes = Vec::new();
    let mut all = 0;
    for file in files {
        bytes.clear();
        let reader = BufReader::new(std::fs::File::open(&file)?);
        if file.to_string_lossy().contains(".gz") {
            flate2::bufread::GzDecoder::new(reader).read_to_end(&mut bytes)?;
        } else {
            BufReader::new(reader).read_to_end(&mut bytes)?;
        }
        all += bytes.len() as u64;
        let mut bundle: Value = serde_json::from_slice(&bytes)?;
        let Value::Array(entries) = bundle["entry"].take() else { bail!("{} is no Bundle", file.display()) };
        let mut rows = Vec::with_capacity(entries.len().min(GROUP));
        for mut entry in entries {
            let resource = entry["resource"].take();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let person = [&resource["subject"], &resource["patient"]].map(|r| text(&r["reference"])).concat();
            rows.push(Row {
                key: format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"])),
                person,
                body: compressor.compress(&serde_json::to_vec(&resource)?)?,
            });
            if rows.len() == GROUP {
                send.send(std::mem::take(&mut rows)).context("the writer stopped")?;
            }
        }
        send.send(rows).context("the writer stopped")?;
    }
    Ok(all)
}

/// Puts Bundles into a new database in `folder`.
pub fn import(mut files: Vec<PathBuf>, folder: &Path) -> anyhow::Result<Raw> {
    files.sort();
    let began = Instant::now();
    let database = rusqlite::Connection::open(folder.join("raw.sqlite"))?;
    database.execute_batch(
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-48000;
         CREATE TABLE raw (n INTEGER PRIMARY KEY, body BLOB NOT NULL);
         CREATE TABLE ix (kind INTEGER, key TEXT, n INTEGER, PRIMARY KEY (kind, key, n)) WITHOUT ROWID;",
    )?;
    let (send, receive) = sync_channel::<Vec<Row>>(4);
    let parser = std::thread::spawn(move || parse(files, &send));
    let mut resources = 0;
    for rows in receive {
        database.execute_batch("BEGIN IMMEDIATE")?;
        {
            let mut insert = database.prepare_cached("INSERT INTO raw (n, body) VALUES (?1, ?2)")?;
            let mut index = database.prepare_cached("INSERT INTO ix (kind, key, n) VALUES (?1, ?2, ?3)")?;
            for row in rows {
                resources += 1;
                insert.execute((resources, &row.body))?;
                index.execute((1, &row.key, resources))?;
                index.execute((2, &row.person, resources))?;
            }
        }
        database.execute_batch("COMMIT")?;
    }
    let bytes = match parser.join() {
        Ok(bytes) => bytes?,
        Err(_) => bail!("the parser stopped"),
    };
    database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(Raw { resources: resources as u64, bytes, wall: began.elapsed() })
}
