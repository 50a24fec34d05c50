//! Search across people.

use std::cmp::Ordering;

use kith_fhir::resource;
use kith_fhir::search::Query;
use rusqlite::{Connection, params};

use super::{Shared, read, storage};
use crate::index::{self, Plan, Range};
use crate::model::{Found, StoreError, Stored};

/// Results of a page unless asked otherwise, and at most.
pub const DEFAULT_COUNT: usize = 50;
pub const MAX_COUNT: usize = 1000;
/// Matches that are put in order in memory at most.
const MAX_SORTED: usize = 20_000;

/// Where a page starts, told back by the caller: opaque to them, checked by us.
enum Cursor {
    /// After this key and rid of an ordered scan.
    Key(Vec<u8>, i64),
    /// After this rid.
    Rid(i64),
    /// After this id, walking a type.
    Id(Vec<u8>),
    /// After this version of this resource among sorted results.
    Sorted(i64, u32),
}

impl Cursor {
    fn write(&self) -> String {
        use super::commit::hex;
        match self {
            Self::Key(key, rid) => format!("k{}.{rid}", hex(key)),
            Self::Rid(rid) => format!("r{rid}"),
            Self::Id(id) => format!("i{}", hex(id)),
            Self::Sorted(rid, version) => format!("s{rid}.{version}"),
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        let bad = || StoreError::Cursor;
        let rest = text.get(1..).ok_or_else(bad)?;
        match text.as_bytes().first() {
            Some(b'k') => {
                let (key, rid) = rest.split_once('.').ok_or_else(bad)?;
                Ok(Self::Key(unhex(key)?, rid.parse().map_err(|_| bad())?))
            }
            Some(b'r') => Ok(Self::Rid(rest.parse().map_err(|_| bad())?)),
            Some(b'i') => Ok(Self::Id(unhex(rest)?)),
            Some(b's') => {
                let (rid, version) = rest.split_once('.').ok_or_else(bad)?;
                Ok(Self::Sorted(rid.parse().map_err(|_| bad())?, version.parse().map_err(|_| bad())?))
            }
            _ => Err(bad()),
        }
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, StoreError> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() || text.len() > 2048 {
        return Err(StoreError::Cursor);
    }
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).map_err(|_| StoreError::Cursor))
        .collect()
}

pub(crate) fn search(connection: &Connection, shared: &Shared, query: &Query) -> Result<Found, StoreError> {
    let cursor = query.cursor.as_deref().map(Cursor::read).transpose()?;
    let count = query.count.unwrap_or(DEFAULT_COUNT).clamp(1, MAX_COUNT);
    match index::plan(query)? {
        Plan::Ids(ids) => {
            let candidates = located(connection, &query.resource_type, &ids)?;
            in_order(connection, shared, query, &candidates, cursor, count)
        }
        Plan::All if query.sort.is_empty() => walk_type(connection, shared, query, cursor, count),
        Plan::All => Err(StoreError::TooMany(MAX_SORTED)),
        Plan::Index { number, ranges, ordered: true, descending } => {
            ordered_scan(connection, shared, query, number, &ranges, descending, cursor, count)
        }
        Plan::Index { number, ranges, .. } => {
            let candidates = gather(connection, number, &ranges)?;
            in_order(connection, shared, query, &candidates, cursor, count)
        }
    }
}

/// Reads the candidates, ascending, in the order asked for.
fn in_order(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    candidates: &[i64],
    cursor: Option<Cursor>,
    count: usize,
) -> Result<Found, StoreError> {
    if query.sort.is_empty() {
        in_rid_order(connection, shared, query, candidates, cursor, count)
    } else {
        sorted(connection, shared, query, candidates, cursor, count)
    }
}

/// Reads a candidate if it lives and matches.
fn matching(connection: &Connection, shared: &Shared, query: &Query, rid: i64) -> Result<Option<Stored>, StoreError> {
    let Some(stored) = read::by_rid(connection, shared, rid)? else { return Ok(None) };
    let matches = stored.kind == query.resource_type && stored.value.as_deref().is_some_and(|v| query.matches(v));
    Ok(matches.then_some(stored))
}

/// Where the resources of these ids are, each once, ascending.
fn located(connection: &Connection, kind: &str, ids: &[String]) -> Result<Vec<i64>, StoreError> {
    let mut rids = Vec::with_capacity(ids.len());
    for id in ids {
        rids.extend(read::locate(connection, kind, id)?.map(|(_, rid)| rid));
    }
    rids.sort_unstable();
    rids.dedup();
    Ok(rids)
}

fn walk_type(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    cursor: Option<Cursor>,
    count: usize,
) -> Result<Found, StoreError> {
    let type_code =
        resource::type_code(&query.resource_type).ok_or_else(|| StoreError::Missing(query.resource_type.clone()))?;
    let mut after = match cursor {
        None => Vec::new(),
        Some(Cursor::Id(id)) => id,
        Some(_) => return Err(StoreError::Cursor),
    };
    let mut entries = Vec::new();
    loop {
        let batch: Vec<(Vec<u8>, i64)> = connection
            .prepare_cached("SELECT id, rid FROM resource_id WHERE type = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
            .and_then(|mut s| {
                s.query_map(params![type_code, after, (count + 1) as i64], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
            })
            .map_err(storage)?;
        let end = batch.len() <= count;
        for (id, rid) in batch {
            if entries.len() == count {
                return Ok(Found { entries, next: Some(Cursor::Id(after).write()) });
            }
            after = id;
            if let Some(stored) = matching(connection, shared, query, rid)? {
                entries.push(stored);
            }
        }
        if end {
            return Ok(Found { entries, next: None });
        }
    }
}

/// Scans ranges one after the other in the order asked for and stops when the page is full.
#[allow(clippy::too_many_arguments)] // one call, and each is a different thing
fn ordered_scan(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    number: u16,
    ranges: &[Range],
    descending: bool,
    cursor: Option<Cursor>,
    count: usize,
) -> Result<Found, StoreError> {
    let mut position = match cursor {
        None => None,
        Some(Cursor::Key(key, rid)) => Some((key, rid)),
        Some(_) => return Err(StoreError::Cursor),
    };
    let sql = if descending {
        "SELECT key, rid FROM ix WHERE param = ?1 AND key >= ?2 AND key < ?3 \
         AND (?4 IS NULL OR (key, rid) < (?4, ?5)) ORDER BY key DESC, rid DESC LIMIT ?6"
    } else {
        "SELECT key, rid FROM ix WHERE param = ?1 AND key >= ?2 AND key < ?3 \
         AND (?4 IS NULL OR (key, rid) > (?4, ?5)) ORDER BY key, rid LIMIT ?6"
    };
    let mut entries: Vec<Stored> = Vec::new();
    let mut last: Option<(Vec<u8>, i64)> = None;
    let batch_size = (count + 1).max(16);
    let mut ranges = ranges.iter();
    let Some(mut range) = ranges.next() else { return Ok(Found { entries, next: None }) };
    loop {
        if position.as_ref().is_some_and(|(key, _)| *key < range.low || *key >= range.high) {
            // The page before ended in a later range, or this range is done.
            match ranges.next() {
                Some(next) => range = next,
                None => return Ok(Found { entries, next: None }),
            }
            continue;
        }
        // The position also bounds the range, so that the scan starts where the last one stopped.
        let (low, high) = match (&position, descending) {
            (Some((key, _)), false) => (key.clone(), range.high.clone()),
            (Some((key, _)), true) => (range.low.clone(), [key.as_slice(), &[0]].concat()),
            (None, _) => (range.low.clone(), range.high.clone()),
        };
        let batch: Vec<(Vec<u8>, i64)> = connection
            .prepare_cached(sql)
            .and_then(|mut s| {
                s.query_map(
                    params![
                        number,
                        low,
                        high,
                        position.as_ref().map(|p| p.0.as_slice()),
                        position.as_ref().map(|p| p.1),
                        batch_size as i64
                    ],
                    |r| Ok((r.get(0)?, r.get(1)?)),
                )?
                .collect()
            })
            .map_err(storage)?;
        let end = batch.len() < batch_size;
        for (key, rid) in batch {
            position = Some((key.clone(), rid));
            if range.can_hold(&key)
                && let Some(stored) = matching(connection, shared, query, rid)?
                && first_in_range(&stored, number, range, descending, &key)
            {
                if entries.len() == count {
                    let next = last.map(|(key, rid)| Cursor::Key(key, rid).write());
                    return Ok(Found { entries, next });
                }
                entries.push(stored);
                last = Some((key, rid));
            }
        }
        if end {
            match ranges.next() {
                Some(next) => (range, position) = (next, None),
                None => return Ok(Found { entries, next: None }),
            }
        }
    }
}

/// A resource with two values of the parameter has two keys; it is one result, where its first key stands.
fn first_in_range(stored: &Stored, number: u16, range: &Range, descending: bool, key: &[u8]) -> bool {
    let Some(value) = stored.value.as_deref() else { return false };
    let keys = index::keys(stored.kind, value, number).filter(|key| *key >= range.low && *key < range.high);
    let first = if descending { keys.max() } else { keys.min() };
    // `_lastUpdated` has one key for each resource and is not among the rows.
    first.is_none_or(|first| first == key)
}

/// The rids in these ranges, each once, ascending.
fn gather(connection: &Connection, number: u16, ranges: &[Range]) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT key, rid FROM ix WHERE param = ?1 AND key >= ?2 AND key < ?3")
        .map_err(storage)?;
    let mut rids = Vec::new();
    for range in ranges {
        let mut rows = statement.query(params![number, range.low, range.high]).map_err(storage)?;
        while let Some(row) = rows.next().map_err(storage)? {
            let key = row.get_ref(0).map_err(storage)?.as_blob().map_err(|e| StoreError::Io(e.to_string()))?;
            if range.can_hold(key) {
                rids.push(row.get(1).map_err(storage)?);
            }
        }
    }
    rids.sort_unstable();
    rids.dedup();
    Ok(rids)
}

fn in_rid_order(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    candidates: &[i64],
    cursor: Option<Cursor>,
    count: usize,
) -> Result<Found, StoreError> {
    let from = match cursor {
        None => 0,
        Some(Cursor::Rid(after)) => candidates.partition_point(|rid| *rid <= after),
        Some(_) => return Err(StoreError::Cursor),
    };
    let mut entries = Vec::new();
    let mut last = i64::MIN;
    for rid in &candidates[from..] {
        if let Some(stored) = matching(connection, shared, query, *rid)? {
            if entries.len() == count {
                return Ok(Found { entries, next: Some(Cursor::Rid(last).write()) });
            }
            entries.push(stored);
            last = *rid;
        }
    }
    Ok(Found { entries, next: None })
}

fn sorted(
    connection: &Connection,
    shared: &Shared,
    query: &Query,
    candidates: &[i64],
    cursor: Option<Cursor>,
    count: usize,
) -> Result<Found, StoreError> {
    if candidates.len() > MAX_SORTED {
        return Err(StoreError::TooMany(MAX_SORTED));
    }
    let mut matches: Vec<(i64, Stored)> = Vec::new();
    for rid in candidates {
        if let Some(stored) = matching(connection, shared, query, *rid)? {
            matches.push((*rid, stored));
        }
    }
    let order = |a: &(i64, Stored), b: &(i64, Stored)| match (&a.1.value, &b.1.value) {
        (Some(x), Some(y)) => query.compare(x, y).then(a.0.cmp(&b.0)),
        _ => a.0.cmp(&b.0),
    };
    matches.sort_by(order);
    let from = match cursor {
        None => 0,
        // After where the last result of the page before stood then, whatever became of it.
        Some(Cursor::Sorted(rid, version)) => match read::version_by_rid(connection, shared, rid, version)? {
            Some(then) if then.value.is_some() => {
                let mark = (rid, then);
                matches.partition_point(|m| order(m, &mark) != Ordering::Greater)
            }
            _ => return Err(StoreError::Cursor),
        },
        Some(_) => return Err(StoreError::Cursor),
    };
    let more = matches.len() > from + count;
    let page: Vec<(i64, Stored)> = matches.into_iter().skip(from).take(count).collect();
    let next = if more { page.last().map(|(rid, last)| Cursor::Sorted(*rid, last.version).write()) } else { None };
    Ok(Found { entries: page.into_iter().map(|(_, stored)| stored).collect(), next })
}
