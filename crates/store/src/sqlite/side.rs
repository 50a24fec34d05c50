//! What stands beside the resources: links, occupancy, audit, outbox, jobs, small values.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Shared, read, storage};
use crate::codec;
use crate::model::{AuditEntry, Job, Link, Occupancy, OutboxMessage, Settle, StoreError};

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

pub(crate) fn sweep(tx: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    let mut removed = 0;
    for sql in ["DELETE FROM kv WHERE expires <= ?1", "DELETE FROM occupancy WHERE until <= ?1"] {
        removed += tx.prepare_cached(sql).and_then(|mut s| s.execute([codec::micros(now)])).map_err(storage)?;
    }
    Ok(removed)
}
