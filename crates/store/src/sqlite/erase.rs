//! Erasure: content goes, that it was there stays. Versions keep their numbers, times, writers and hashes, so that the audit
//! entries that speak for them still hold; their bodies, index rows, links and keys go.

use std::sync::Arc;

use kith_fhir::resource;
use rusqlite::{Connection, OptionalExtension, params};

use super::commit::State;
use super::{read, storage};
use crate::model::{Erased, Erasure, StoreError};
use crate::{codec, index};

/// What stands for a resource to be erased.
struct Row {
    rid: i64,
    version: u32,
    updated: i64,
    type_code: u16,
    body: Option<Vec<u8>>,
}

/// Erases within the writer's transaction. `audit` is the number of the entry that covers it.
pub(crate) fn erase(state: &mut State, tx: &Connection, erasure: &Erasure, audit: i64) -> Result<Erased, StoreError> {
    // What is deleted is overwritten, not only forgotten.
    tx.execute_batch("PRAGMA secure_delete = ON").map_err(storage)?;
    let number = read::number_of(tx, &erasure.patient)?.ok_or_else(|| StoreError::Missing("the person".into()))?;
    let (low, high) = codec::person_range(number);
    let rows: Vec<Row> = match &erasure.only {
        None => tx
            .prepare("SELECT rid, version, updated, type, body FROM resource WHERE rid >= ?1 AND rid < ?2")
            .and_then(|mut s| s.query_map([low, high], row)?.collect::<Result<_, _>>())
            .map_err(storage)?,
        Some(references) => {
            let mut rows = Vec::new();
            for reference in references {
                let (kind, id) =
                    resource::split_reference(reference).ok_or_else(|| StoreError::Missing(reference.clone()))?;
                let (_, rid) = read::locate(tx, kind, id)?.ok_or_else(|| StoreError::Missing(reference.clone()))?;
                if rid < low || rid >= high {
                    return Err(StoreError::Moved { what: reference.clone() });
                }
                rows.push(
                    tx.prepare_cached("SELECT rid, version, updated, type, body FROM resource WHERE rid = ?1")
                        .and_then(|mut s| s.query_row([rid], row))
                        .map_err(storage)?,
                );
            }
            rows
        }
    };
    let mut erased = Erased::default();
    for row in &rows {
        let already: Option<u32> = tx
            .prepare_cached("SELECT version FROM erased WHERE rid = ?1")
            .and_then(|mut s| s.query_row([row.rid], |r| r.get(0)).optional())
            .map_err(storage)?;
        if already == Some(row.version) {
            continue;
        }
        if let Some(body) = &row.body {
            let body = state.vault().open(tx, state.keys(), row.rid, body)?;
            let value = codec::decode_value(&body)?;
            let kind =
                resource::type_name(row.type_code).ok_or_else(|| StoreError::Damaged("a resource type".into()))?;
            let mut rows = index::rows(kind, &value);
            rows.push(index::updated_row(row.type_code, row.updated));
            for entry in rows {
                tx.prepare_cached("DELETE FROM ix WHERE param = ?1 AND key = ?2 AND rid = ?3")
                    .and_then(|mut s| s.execute(params![entry.param, entry.key, row.rid]))
                    .map_err(storage)?;
            }
        }
        for sql in [
            "DELETE FROM link WHERE rid = ?1",
            "UPDATE resource SET body = NULL WHERE rid = ?1",
            "UPDATE history SET body = NULL WHERE rid = ?1",
        ] {
            tx.prepare_cached(sql).and_then(|mut s| s.execute([row.rid])).map_err(storage)?;
        }
        tx.prepare_cached(
            "INSERT INTO erased (rid, version, audit) VALUES (?1, ?2, ?3) \
             ON CONFLICT (rid) DO UPDATE SET version = excluded.version, audit = excluded.audit",
        )
        .and_then(|mut s| s.execute(params![row.rid, row.version, audit]))
        .map_err(storage)?;
        erased.resources += 1;
        erased.versions += u64::from(row.version - already.unwrap_or(0));
    }
    if erasure.only.is_none() {
        // Messages, jobs and small values that name the person.
        let named = format!("%{}%", erasure.patient);
        for sql in ["DELETE FROM outbox WHERE payload LIKE ?1", "DELETE FROM job WHERE payload LIKE ?1"] {
            tx.prepare_cached(sql).and_then(|mut s| s.execute([&named])).map_err(storage)?;
        }
        tx.prepare_cached("DELETE FROM kv WHERE key LIKE ?1")
            .and_then(|mut s| s.execute([format!("Patient/{}|%", erasure.patient)]))
            .map_err(storage)?;
        tx.prepare_cached("DELETE FROM data_key WHERE person = ?1")
            .and_then(|mut s| s.execute([number]))
            .map_err(storage)?;
    }
    state.touch(&Arc::from(erasure.patient.as_str()));
    Ok(erased)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { rid: row.get(0)?, version: row.get(1)?, updated: row.get(2)?, type_code: row.get(3)?, body: row.get(4)? })
}
