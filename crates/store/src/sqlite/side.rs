//! What stands beside the resources: links, occupancy, audit, outbox, jobs, small values.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Shared, read, storage};
use crate::codec;
use crate::model::{AuditEntry, AuditFound, AuditQuery, Job, Link, Occupancy, OutboxMessage, Settle, StoreError};

fn open_ended(micros: i64) -> Option<Timestamp> {
    (micros != i64::MAX).then(|| codec::timestamp(micros))
}

pub(crate) fn links(connection: &Connection, patient: &str) -> Result<Vec<Link>, StoreError> {
    let Some(number) = read::number_of(connection, patient)? else { return Ok(Vec::new()) };
    let (low, high) = codec::person_range(number);
    let mut statement = connection
        .prepare_cached("SELECT kind, target, max(until) FROM link WHERE rid >= ?1 AND rid < ?2 GROUP BY kind, target")
        .map_err(storage)?;
    let rows = statement
        .query_map([low, high], |r| Ok(Link { kind: r.get(0)?, target: r.get(1)?, until: open_ended(r.get(2)?) }))
        .map_err(storage)?;
    rows.collect::<Result<_, _>>().map_err(storage)
}

pub(crate) fn linked(
    connection: &Connection,
    targets: &[String],
    kinds: &[u8],
    now: Timestamp,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, StoreError> {
    let mut people = std::collections::BTreeSet::new();
    let mut statement = connection
        .prepare_cached(
            "SELECT DISTINCT rid >> 24 FROM link WHERE target = ?1 AND kind = ?2 AND until > ?3 AND rid >= 0",
        )
        .map_err(storage)?;
    for target in targets {
        for kind in kinds {
            let rows = statement
                .query_map(params![target, kind, codec::micros(now)], |r| r.get::<_, i64>(0))
                .map_err(storage)?;
            for row in rows {
                people.insert(row.map_err(storage)?);
            }
        }
    }
    let from = match after {
        None => None,
        Some(patient) => read::number_of(connection, patient)?,
    };
    people
        .into_iter()
        .filter(|number| from.is_none_or(|from| *number > from))
        .take(limit)
        .map(|number| read::patient_of(connection, number))
        .collect()
}

fn occupancy(row: &Row<'_>) -> rusqlite::Result<Occupancy> {
    Ok(Occupancy {
        calendar: row.get(0)?,
        start: codec::timestamp(row.get(1)?),
        end: codec::timestamp(row.get(2)?),
        holder: row.get(3)?,
        until: open_ended(row.get(4)?),
    })
}

pub(crate) fn occupied(
    connection: &Connection,
    calendars: &[String],
    from: Timestamp,
    to: Timestamp,
    now: Timestamp,
) -> Result<Vec<Occupancy>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT calendar, start, finish, holder, until FROM occupancy \
             WHERE calendar = ?1 AND start > ?2 - 86400000000 AND start < ?3 AND finish > ?2 AND until > ?4 ORDER BY start",
        )
        .map_err(storage)?;
    let mut found = Vec::new();
    for calendar in calendars {
        let rows = statement
            .query_map(params![calendar, codec::micros(from), codec::micros(to), codec::micros(now)], occupancy)
            .map_err(storage)?;
        for row in rows {
            found.push(row.map_err(storage)?);
        }
    }
    Ok(found)
}

pub(crate) fn held_by(connection: &Connection, holder: &str) -> Result<Vec<Occupancy>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT calendar, start, finish, holder, until FROM occupancy WHERE holder = ?1 ORDER BY calendar, start",
        )
        .map_err(storage)?;
    let rows = statement.query_map([holder], occupancy).map_err(storage)?;
    rows.collect::<Result<_, _>>().map_err(storage)
}

struct RawAudit {
    seq: i64,
    at: i64,
    person: Option<String>,
    origin: i64,
    body: Vec<u8>,
    hash: Vec<u8>,
}

const AUDIT_COLUMNS: &str = "seq, at, person, origin, body, hash";

fn raw_audit(row: &Row<'_>) -> rusqlite::Result<RawAudit> {
    Ok(RawAudit {
        seq: row.get(0)?,
        at: row.get(1)?,
        person: row.get(2)?,
        origin: row.get(3)?,
        body: row.get(4)?,
        hash: row.get(5)?,
    })
}

impl RawAudit {
    fn decode(self, connection: &Connection, shared: &Shared) -> Result<AuditEntry, StoreError> {
        let damaged = || StoreError::Damaged(format!("audit entry {}", self.seq));
        Ok(AuditEntry {
            seq: self.seq,
            at: codec::timestamp(self.at),
            person: self.person.as_deref().map(Arc::from),
            origin: shared.origins.get(connection, self.origin)?,
            fields: serde_json::from_slice(&codec::decode_body(&self.body)?).map_err(|_| damaged())?,
            hash: self.hash.as_slice().try_into().map_err(|_| damaged())?,
        })
    }
}

pub(crate) fn audit_of(
    connection: &Connection,
    shared: &Shared,
    patient: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT {AUDIT_COLUMNS} FROM audit WHERE person = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
        ))
        .map_err(storage)?;
    let rows =
        statement.query_map(params![patient, before.unwrap_or(i64::MAX), limit as i64], raw_audit).map_err(storage)?;
    rows.map(|row| row.map_err(storage)?.decode(connection, shared)).collect()
}

pub(crate) fn audit_after(
    connection: &Connection,
    shared: &Shared,
    seq: i64,
    limit: usize,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {AUDIT_COLUMNS} FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2"))
        .map_err(storage)?;
    let rows = statement.query_map(params![seq, limit as i64], raw_audit).map_err(storage)?;
    rows.map(|row| row.map_err(storage)?.decode(connection, shared)).collect()
}

/// Entries looked through in one search: bounds its time to a fraction of a second.
const LOOKED_THROUGH: usize = 20_000;

/// Origins of an actor: one for each role, organisation and system they acted in.
fn origins_of(connection: &Connection, actor: &str) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT origin, fields FROM origin").map_err(storage)?;
    let rows = statement.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?))).map_err(storage)?;
    let mut found = Vec::new();
    for row in rows {
        let (number, fields) = row.map_err(storage)?;
        if serde_json::from_str::<crate::Origin>(&fields).is_ok_and(|origin| origin.actor == actor) {
            found.push(number);
        }
    }
    Ok(found)
}

/// Times of the chain go up with its numbers, but for a clock put right: by no more than this.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// The first entry made at or after a moment, found by halving; past the end if there is none.
fn first_at(connection: &Connection, at: Timestamp) -> Result<i64, StoreError> {
    let at = codec::micros(at);
    let mut high: i64 =
        connection.query_row("SELECT coalesce(max(seq), 0) + 1 FROM audit", [], |r| r.get(0)).map_err(storage)?;
    let mut low = 1;
    let mut statement = connection.prepare_cached("SELECT at FROM audit WHERE seq = ?1").map_err(storage)?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<i64> = statement.query_row([middle], |r| r.get(0)).optional().map_err(storage)?;
        if found.is_some_and(|found| found < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(high)
}

/// By person or by actor through an index, else down the chain; in each case a bounded stretch.
pub(crate) fn audit_search(
    connection: &Connection,
    shared: &Shared,
    query: &AuditQuery,
) -> Result<AuditFound, StoreError> {
    let before = query.before.unwrap_or(i64::MAX);
    let limit = query.limit.clamp(1, 1000);
    let origins = match &query.actor {
        Some(actor) => Some(origins_of(connection, actor)?),
        None => None,
    };
    let bound = LOOKED_THROUGH as i64;
    let mut rows: Vec<RawAudit> = Vec::new();
    // Where the stretch ends, if it was cut.
    let mut cut: Option<i64> = None;
    let mut take = |which: &str, of: &dyn rusqlite::ToSql, before: i64| -> Result<(), StoreError> {
        let sql = format!("SELECT {AUDIT_COLUMNS} FROM audit WHERE {which} AND seq < ?2 ORDER BY seq DESC LIMIT ?3");
        let mut statement = connection.prepare_cached(&sql).map_err(storage)?;
        let found = statement.query_map(params![of, before, bound], raw_audit).map_err(storage)?;
        let had = rows.len();
        for row in found {
            rows.push(row.map_err(storage)?);
        }
        if rows.len() - had == LOOKED_THROUGH {
            cut = cut.max(rows.last().map(|row| row.seq));
        }
        Ok(())
    };
    match (&query.person, &origins) {
        (Some(person), _) => take("person = ?1", person, before)?,
        (None, Some(origins)) => {
            for origin in origins {
                take("origin = ?1", origin, before)?;
            }
        }
        (None, None) => {
            let begin = match query.until {
                Some(until) => before.min(first_at(connection, until.saturating_add(SLACK).unwrap_or(Timestamp::MAX))?),
                None => before,
            };
            take("?1 IS NULL", &rusqlite::types::Null, begin)?;
        }
    }
    rows.retain(|row| cut.is_none_or(|cut| row.seq >= cut));
    rows.sort_by_key(|row| std::cmp::Reverse(row.seq));
    let far = query.from.and_then(|from| from.checked_sub(SLACK).ok()).map_or(i64::MIN, codec::micros);
    if rows.last().is_some_and(|row| row.at < far) {
        cut = None;
    }
    let text = query.text.as_ref().map(|text| text.to_lowercase());
    let mut found = AuditFound { entries: Vec::new(), next: None };
    for row in rows {
        if origins.as_ref().is_some_and(|origins| !origins.contains(&row.origin)) {
            continue;
        }
        let at = codec::timestamp(row.at);
        if query.until.is_some_and(|until| at >= until) || query.from.is_some_and(|from| at < from) {
            continue;
        }
        let entry = row.decode(connection, shared)?;
        let fields = &entry.fields;
        if query.action.as_ref().is_some_and(|action| *action != fields.action) {
            continue;
        }
        let says = |text: &String| {
            [&fields.reason, &fields.decided_by, &fields.purpose].iter().any(|part| part.to_lowercase().contains(text))
        };
        if text.as_ref().is_some_and(|text| !says(text)) {
            continue;
        }
        if found.entries.len() == limit {
            found.next = found.entries.last().map(|entry| entry.seq);
            return Ok(found);
        }
        found.entries.push(entry);
    }
    found.next = cut;
    Ok(found)
}

fn message(row: &Row<'_>) -> rusqlite::Result<(OutboxMessage, String)> {
    Ok((
        OutboxMessage {
            seq: row.get(0)?,
            topic: row.get(1)?,
            key: row.get(2)?,
            payload: kith_fhir::Value::Null,
            attempts: row.get(4)?,
        },
        row.get(3)?,
    ))
}

fn with_payload((mut message, payload): (OutboxMessage, String)) -> Result<OutboxMessage, StoreError> {
    message.payload = serde_json::from_str(&payload).map_err(|_| StoreError::Damaged("an outbox message".into()))?;
    Ok(message)
}

pub(crate) fn take_outbox(
    tx: &Connection,
    topic: &str,
    limit: usize,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let taken: Vec<_> = tx
        .prepare_cached(
            "SELECT seq, topic, key, payload, attempts FROM outbox \
             WHERE state = 0 AND topic = ?1 AND next_at <= ?2 ORDER BY next_at, seq LIMIT ?3",
        )
        .and_then(|mut s| {
            s.query_map(params![topic, codec::micros(now), limit as i64], message)?.collect::<Result<_, _>>()
        })
        .map_err(storage)?;
    let back = codec::micros(now.saturating_add(lease).unwrap_or(Timestamp::MAX));
    for (message, _) in &taken {
        tx.prepare_cached("UPDATE outbox SET attempts = attempts + 1, next_at = ?2 WHERE seq = ?1")
            .and_then(|mut s| s.execute([message.seq, back]))
            .map_err(storage)?;
    }
    taken.into_iter().map(with_payload).collect()
}

pub(crate) fn dead_outbox(
    connection: &Connection,
    topic: &str,
    limit: usize,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let dead: Vec<_> = connection
        .prepare_cached(
            "SELECT seq, topic, key, payload, attempts FROM outbox WHERE state = 2 AND topic = ?1 ORDER BY seq DESC LIMIT ?2",
        )
        .and_then(|mut s| s.query_map(params![topic, limit as i64], message)?.collect::<Result<_, _>>())
        .map_err(storage)?;
    dead.into_iter().map(with_payload).collect()
}

/// `table` and `column` are names of ours, never given from outside.
pub(crate) fn settle(
    tx: &Connection,
    table: &'static str,
    column: &'static str,
    number: i64,
    outcome: Settle,
) -> Result<(), StoreError> {
    let next = if table == "job" { "run_at" } else { "next_at" };
    let changed = match outcome {
        Settle::Done => tx
            .prepare_cached(&format!("UPDATE {table} SET state = 1 WHERE {column} = ?1"))
            .and_then(|mut s| s.execute([number])),
        Settle::Dead => tx
            .prepare_cached(&format!("UPDATE {table} SET state = 2 WHERE {column} = ?1"))
            .and_then(|mut s| s.execute([number])),
        Settle::RetryAt(at) => tx
            .prepare_cached(&format!("UPDATE {table} SET {next} = ?2 WHERE {column} = ?1"))
            .and_then(|mut s| s.execute([number, codec::micros(at)])),
    }
    .map_err(storage)?;
    if changed == 0 { Err(StoreError::Missing(format!("{table} {number}"))) } else { Ok(()) }
}

pub(crate) fn take_jobs(
    tx: &Connection,
    kind: &str,
    limit: usize,
    lease: SignedDuration,
    now: Timestamp,
) -> Result<Vec<Job>, StoreError> {
    let taken: Vec<(Job, String)> = tx
        .prepare_cached(
            "SELECT job, kind, key, payload, attempts FROM job \
             WHERE state = 0 AND kind = ?1 AND run_at <= ?2 ORDER BY run_at, job LIMIT ?3",
        )
        .and_then(|mut s| {
            s.query_map(params![kind, codec::micros(now), limit as i64], |row| {
                Ok((
                    Job {
                        job: row.get(0)?,
                        kind: row.get(1)?,
                        key: row.get(2)?,
                        payload: kith_fhir::Value::Null,
                        attempts: row.get(4)?,
                    },
                    row.get(3)?,
                ))
            })?
            .collect::<Result<_, _>>()
        })
        .map_err(storage)?;
    let back = codec::micros(now.saturating_add(lease).unwrap_or(Timestamp::MAX));
    for (job, _) in &taken {
        tx.prepare_cached("UPDATE job SET attempts = attempts + 1, run_at = ?2 WHERE job = ?1")
            .and_then(|mut s| s.execute([job.job, back]))
            .map_err(storage)?;
    }
    taken
        .into_iter()
        .map(|(mut job, payload)| {
            job.payload = serde_json::from_str(&payload).map_err(|_| StoreError::Damaged("a job".into()))?;
            Ok(job)
        })
        .collect()
}

/// A small value and when it expires, in µs.
pub(crate) fn get(connection: &Connection, space: &str, key: &str) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
    connection
        .prepare_cached("SELECT value, expires FROM kv WHERE space = ?1 AND key = ?2")
        .and_then(|mut s| s.query_row(params![space, key], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .map_err(storage)
}

pub(crate) fn list(connection: &Connection, space: &str, now: Timestamp) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    connection
        .prepare_cached("SELECT key, value FROM kv WHERE space = ?1 AND expires > ?2 ORDER BY key")
        .and_then(|mut s| {
            s.query_map(params![space, codec::micros(now)], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()
        })
        .map_err(storage)
}

/// How long a request key is kept: nothing that a form was begun with (a session, a draft) lives so long, so nothing can send
/// the same again after it.
const KEYS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Request keys forgotten at a time, so that no sweep keeps others waiting.
const KEYS_AT_A_TIME: usize = 5000;

pub(crate) fn sweep(tx: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    let mut removed = 0;
    let oldest = codec::micros(now.saturating_sub(KEYS_KEPT).unwrap_or(Timestamp::MIN));
    removed += tx
        .prepare_cached("DELETE FROM once WHERE key IN (SELECT key FROM once WHERE at <= ?1 ORDER BY at LIMIT ?2)")
        .and_then(|mut s| s.execute(params![oldest, KEYS_AT_A_TIME as i64]))
        .map_err(storage)?;
    for sql in ["DELETE FROM kv WHERE expires <= ?1", "DELETE FROM occupancy WHERE until <= ?1"] {
        removed += tx.prepare_cached(sql).and_then(|mut s| s.execute([codec::micros(now)])).map_err(storage)?;
    }
    Ok(removed)
}
