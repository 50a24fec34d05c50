//! Walking the audit chain, and holding it against the signed checkpoints outside the database.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::commit::{HEADS_FILE, checkpoints_signed, hex, link_hash_of};
use super::{Shared, connect, storage};
use crate::checkpoint::{self, Checkpoint};
use crate::model::StoreError;
use crate::{AuditReport, codec};

/// Below this many entries one thread does as well as several.
const ALONE: i64 = 20_000;

/// Where the chain breaks first.
struct Broken {
    seq: i64,
    words: String,
}

/// Walks the whole chain, in as many parts as there are processors: each entry holds the hash of the one before, so that a
/// part begins from what is stored before it, which the part before proves. `against` is a file of checkpoints kept
/// elsewhere, besides our own.
pub(crate) fn audit(
    connection: &Connection,
    shared: &Shared,
    against: Option<&Path>,
) -> Result<AuditReport, StoreError> {
    let head: i64 =
        connection.query_row("SELECT coalesce(max(seq), 0) FROM audit", [], |r| r.get(0)).map_err(storage)?;
    let public = shared.keys.public();
    let mut report = AuditReport { entries: 0, head: 0, broken: None, checkpoints: 0, signed_to: 0, key: hex(&public) };
    let threads = if head < ALONE { 1 } else { std::thread::available_parallelism().map_or(1, usize::from) as i64 };
    let step = head / threads + 1;
    let parts: Vec<(i64, i64)> =
        (0..threads).map(|at| (at * step + 1, ((at + 1) * step).min(head))).filter(|(from, to)| from <= to).collect();
    let path = connection.path().map(str::to_owned);
    let walked: Vec<Result<Option<Broken>, StoreError>> = match (&parts[..], path) {
        ([], _) => Vec::new(),
        ([(from, to)], _) => vec![walk(connection, *from, *to)],
        (parts, Some(path)) => std::thread::scope(|scope| {
            let path = &path;
            let running: Vec<_> = parts
                .iter()
                .map(|(from, to)| scope.spawn(move || walk(&connect(Path::new(path), true, true)?, *from, *to)))
                .collect();
            let stopped = || Err(StoreError::Io("a thread of the verification stopped".into()));
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| stopped())).collect()
        }),
        (_, None) => vec![walk(connection, 1, head)],
    };
    let mut broken: Option<Broken> = None;
    for part in walked {
        let found = part?;
        if broken.is_none() {
            broken = found;
        }
    }
    report.head = broken.as_ref().map_or(head, |b| b.seq - 1);
    report.entries = report.head as u64;
    for (path, ours) in [(Some(shared.checkpoints.as_path()), Some(&public)), (against, None)] {
        let Some(path) = path else { continue };
        match checkpoint::read(path, ours) {
            Ok(checkpoints) => {
                report.checkpoints = report.checkpoints.max(checkpoints.len() as u64);
                if let Some(found) = held_against(connection, &checkpoints, head)?
                    && broken.as_ref().is_none_or(|b| found.seq < b.seq)
                {
                    broken = Some(found);
                }
                if let Some(last) = checkpoints.last().filter(|_| broken.is_none()) {
                    report.signed_to = last.seq;
                }
            }
            Err(words) if broken.is_none() => broken = Some(Broken { seq: head, words }),
            Err(_) => {}
        }
    }
    let signed = checkpoints_signed(connection)?;
    if broken.is_none() && report.checkpoints < signed {
        let words =
            format!("{} checkpoints are there, and {signed} were signed: the last are missing", report.checkpoints);
        broken = Some(Broken { seq: head, words });
    }
    if broken.is_none()
        && let Some((seq, hash)) = old_heads(shared).last()
        && stored_hash(connection, *seq)?.as_ref() != Some(hash)
    {
        broken = Some(not_the_one(*seq));
    }
    report.broken = broken.map(|b| b.words);
    Ok(report)
}

fn not_the_one(seq: i64) -> Broken {
    let words =
        format!("audit entry {seq} is not the one whose hash was written beside the database: the chain was made anew");
    Broken { seq, words }
}

/// Recomputes the hashes of entries `from..=to`; gives the first that is missing or altered.
fn walk(connection: &Connection, from: i64, to: i64) -> Result<Option<Broken>, StoreError> {
    let altered =
        |seq: i64| Some(Broken { seq, words: format!("audit entry {seq} was altered, or its place in the chain was") });
    let missing = |seq: i64| Some(Broken { seq, words: format!("audit entry {seq} is missing") });
    let mut previous = [0u8; 32];
    if from > 1 {
        match stored_hash(connection, from - 1)? {
            // The part before finds it missing.
            None => return Ok(None),
            Some(hash) => match unhex32(&hash) {
                Some(hash) => previous = hash,
                None => return Ok(None),
            },
        }
    }
    // Read afresh: what was remembered would hide that one was altered.
    let mut origins: HashMap<i64, Option<String>> = HashMap::new();
    let mut statement = connection
        .prepare("SELECT seq, at, person, origin, body, hash FROM audit WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq")
        .map_err(storage)?;
    let mut rows = statement.query(params![from, to]).map_err(storage)?;
    let mut expected = from;
    while let Some(row) = rows.next().map_err(storage)? {
        let seq: i64 = row.get(0).map_err(storage)?;
        if seq != expected {
            return Ok(missing(expected));
        }
        let at: i64 = row.get(1).map_err(storage)?;
        let origin: i64 = row.get(3).map_err(storage)?;
        if let Entry::Vacant(place) = origins.entry(origin) {
            let fields: Option<String> = connection
                .prepare_cached("SELECT fields FROM origin WHERE origin = ?1")
                .and_then(|mut s| s.query_row([origin], |r| r.get(0)).optional())
                .map_err(storage)?;
            place.insert(fields);
        }
        let person = row.get_ref(2).map_err(storage)?;
        // A value of another type is no person that was ever hashed.
        let person = person.as_str_or_null().unwrap_or(Some("?"));
        let body = row.get_ref(4).map_err(storage)?.as_blob().unwrap_or_default();
        let hash = row.get_ref(5).map_err(storage)?.as_blob().unwrap_or_default();
        let (Some(Some(origin)), Ok(plain)) = (origins.get(&origin), codec::decode_body(body)) else {
            return Ok(altered(seq));
        };
        let wanted = link_hash_of(&previous, seq, at, person, origin.as_bytes(), &plain);
        if wanted.as_slice() != hash {
            return Ok(altered(seq));
        }
        previous = wanted;
        expected += 1;
    }
    Ok(if expected <= to { missing(expected) } else { None })
}

fn unhex32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn stored_hash(connection: &Connection, seq: i64) -> Result<Option<String>, StoreError> {
    let hash: Option<Vec<u8>> = connection
        .prepare_cached("SELECT hash FROM audit WHERE seq = ?1")
        .and_then(|mut s| s.query_row([seq], |r| r.get(0)).optional())
        .map_err(storage)?;
    Ok(hash.map(|hash| hex(&hash)))
}

/// The first checkpoint the chain does not agree with.
fn held_against(connection: &Connection, checkpoints: &[Checkpoint], head: i64) -> Result<Option<Broken>, StoreError> {
    for checkpoint in checkpoints {
        match stored_hash(connection, checkpoint.seq)? {
            Some(hash) if hash == checkpoint.hash => {}
            None if checkpoint.seq > head => {
                let most = checkpoints.iter().map(|c| c.seq).max().unwrap_or(checkpoint.seq);
                let words =
                    format!("the chain ends at entry {head} but entry {most} was there once: its end was cut off");
                return Ok(Some(Broken { seq: head + 1, words }));
            }
            _ => return Ok(Some(not_the_one(checkpoint.seq))),
        }
    }
    Ok(None)
}

/// Heads written by releases before checkpoints were signed.
fn old_heads(shared: &Shared) -> Vec<(i64, String)> {
    let Some(folder) = shared.checkpoints.parent() else { return Vec::new() };
    let Ok(text) = std::fs::read_to_string(folder.join(HEADS_FILE)) else { return Vec::new() };
    let mut heads: Vec<(i64, String)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(seq, hash)| Some((seq.parse().ok()?, hash.to_owned())))
        .collect();
    heads.sort();
    heads
}

/// Turns the unsigned heads of earlier releases into one signed checkpoint, once, if the chain agrees with all of them.
/// Where it does not, the file stays, and verification says so.
pub(crate) fn sign_old_heads(connection: &Connection, shared: &Shared, now: jiff::Timestamp) -> Result<(), StoreError> {
    let heads = old_heads(shared);
    let Some((seq, _)) = heads.last() else { return Ok(()) };
    for (seq, hash) in &heads {
        if stored_hash(connection, *seq)?.as_ref() != Some(hash) {
            tracing::error!("the audit chain does not agree with audit-heads.txt: run `kith audit verify`");
            return Ok(());
        }
    }
    let hash = stored_hash(connection, *seq)?.as_deref().and_then(unhex32);
    if let (Some(hash), Some(folder)) = (hash, shared.checkpoints.parent()) {
        checkpoint::append(&shared.checkpoints, &shared.keys, *seq, &hash, now, None)?;
        let _ = std::fs::remove_file(folder.join(HEADS_FILE));
    }
    Ok(())
}
