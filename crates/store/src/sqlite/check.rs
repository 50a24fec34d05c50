//! Proving the store's own invariants.

use kith_fhir::{Value, resource};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::commit::{deletion_hash, digest_of};
use super::{Shared, chain, storage};
use crate::model::{AuditFields, StoreError};
use crate::{CheckReport, Prepared, codec, index};

const SHOWN: usize = 100;

impl CheckReport {
    fn problem(&mut self, words: String) {
        self.problem_count += 1;
        if self.problems.len() < SHOWN {
            self.problems.push(words);
        }
    }
}

/// Walks everything: bodies are what was hashed, versions are gapless, index rows are exactly those the resources give,
/// references resolve, and the audit chain is whole and speaks of these very versions.
pub(crate) fn check(connection: &Connection, shared: &Shared) -> Result<CheckReport, StoreError> {
    let mut report = CheckReport::default();
    let mut statement = connection
        .prepare("SELECT rid, type, id, version, updated, hash, body FROM resource ORDER BY rid")
        .map_err(storage)?;
    let mut rows = statement.query([]).map_err(storage)?;
    let mut expected_rows = 0u64;
    while let Some(row) = rows.next().map_err(storage)? {
        let rid: i64 = row.get(0).map_err(storage)?;
        let type_code: u16 = row.get(1).map_err(storage)?;
        let key: Vec<u8> = row.get(2).map_err(storage)?;
        let version: u32 = row.get(3).map_err(storage)?;
        let updated: i64 = row.get(4).map_err(storage)?;
        let hash: Vec<u8> = row.get(5).map_err(storage)?;
        let body: Option<Vec<u8>> = row.get(6).map_err(storage)?;
        report.resources += 1;
        report.versions += u64::from(version);
        let Some(kind) = resource::type_name(type_code) else {
            report.problem(format!("row {rid} has no resource type"));
            continue;
        };
        let id = codec::key_id(&key)?;
        let name = format!("{kind}/{id}");
        located(connection, &mut report, type_code, &key, rid, &name)?;
        let erased = erased_to(connection, rid)?;
        versions(connection, shared, &mut report, rid, version, erased, kind, &id)?;
        let Some(body) = body else {
            if version <= erased {
                report.erased += 1;
            } else if hash != deletion_hash(kind, &id) {
                report.problem(format!("{name}: the deletion is not one that was written"));
            }
            continue;
        };
        *report.by_type.entry(kind.to_owned()).or_default() += 1;
        match value_of(connection, shared, rid, &body, &hash) {
            Ok(value) => {
                expected_rows += rows_of(connection, &mut report, &value, kind, type_code, updated, rid, &name)?;
                resolves(connection, &mut report, value, &name)?;
            }
            Err(problem) => report.problem(format!("{name}: {problem}")),
        }
    }
    report.index_rows =
        connection.query_row("SELECT count(*) FROM ix", [], |r| r.get::<_, i64>(0)).map_err(storage)? as u64;
    if report.index_rows != expected_rows {
        let (found, wanted) = (report.index_rows, expected_rows);
        report.problem(format!("the index has {found} rows where the resources give {wanted}"));
    }
    let ids: i64 = connection.query_row("SELECT count(*) FROM resource_id", [], |r| r.get(0)).map_err(storage)?;
    if ids as u64 != report.resources {
        let resources = report.resources;
        report.problem(format!("{ids} ids are known for {resources} resources"));
    }
    overlaps(connection, &mut report)?;
    let chain = chain::audit(connection, shared, None)?;
    report.audit_entries = chain.entries;
    if let Some(broken) = chain.broken {
        report.problem(broken);
    }
    covered(connection, &mut report)?;
    agrees(connection, &mut report)?;
    Ok(report)
}

/// Up to which version a resource was erased; 0 if never.
fn erased_to(connection: &Connection, rid: i64) -> Result<u32, StoreError> {
    let version = connection
        .prepare_cached("SELECT version FROM erased WHERE rid = ?1")
        .and_then(|mut s| s.query_row([rid], |r| r.get(0)).optional())
        .map_err(storage)?;
    Ok(version.unwrap_or(0))
}

fn value_of(
    connection: &Connection,
    shared: &Shared,
    rid: i64,
    body: &[u8],
    hash: &[u8],
) -> Result<Value, &'static str> {
    let body = shared
        .vault
        .open(connection, &shared.keys, rid, body)
        .map_err(|_| "the attachment cannot be opened with the keys there are")?;
    let plain = codec::decode_body(&body).map_err(|_| "the stored bytes cannot be read")?;
    if Sha256::digest(&plain).as_slice() != hash {
        return Err("the stored bytes are not those that were written");
    }
    codec::decode_value(&body).map_err(|_| "the stored bytes are not JSON")
}

fn located(
    connection: &Connection,
    report: &mut CheckReport,
    type_code: u16,
    key: &[u8],
    rid: i64,
    name: &str,
) -> Result<(), StoreError> {
    let at: Option<i64> = connection
        .prepare_cached("SELECT rid FROM resource_id WHERE type = ?1 AND id = ?2")
        .and_then(|mut s| s.query_row(params![type_code, key], |r| r.get(0)).optional())
        .map_err(storage)?;
    if at != Some(rid) {
        report.problem(format!("{name} cannot be found by its id"));
    }
    if let Some(number) = codec::rid_person(rid) {
        let known: Option<i64> = connection
            .prepare_cached("SELECT next_seq FROM person WHERE person = ?1")
            .and_then(|mut s| s.query_row([number], |r| r.get(0)).optional())
            .map_err(storage)?;
        if known.is_none_or(|next| rid & ((1 << codec::SEQ_BITS) - 1) >= next) {
            report.problem(format!("{name} is kept with a person who does not exist"));
        }
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)] // the parts of one row
fn versions(
    connection: &Connection,
    shared: &Shared,
    report: &mut CheckReport,
    rid: i64,
    version: u32,
    erased: u32,
    kind: &str,
    id: &str,
) -> Result<(), StoreError> {
    let name = format!("{kind}/{id}");
    let (count, least, most): (i64, Option<i64>, Option<i64>) = connection
        .prepare_cached("SELECT count(*), min(version), max(version) FROM history WHERE rid = ?1")
        .and_then(|mut s| s.query_row([rid], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))))
        .map_err(storage)?;
    let whole =
        i64::from(version) == count + 1 && (count == 0 || (least == Some(1) && most == Some(i64::from(version) - 1)));
    if !whole {
        report.problem(format!("{name} is at version {version} but has {count} earlier versions"));
    }
    if count == 0 {
        return Ok(());
    }
    let mut statement =
        connection.prepare_cached("SELECT version, hash, body FROM history WHERE rid = ?1").map_err(storage)?;
    let mut rows = statement.query([rid]).map_err(storage)?;
    while let Some(row) = rows.next().map_err(storage)? {
        let earlier: u32 = row.get(0).map_err(storage)?;
        let hash: Vec<u8> = row.get(1).map_err(storage)?;
        let body: Option<Vec<u8>> = row.get(2).map_err(storage)?;
        let problem = match body {
            Some(_) if earlier <= erased => Some("it was erased, and its content is there"),
            Some(body) => value_of(connection, shared, rid, &body, &hash).err(),
            None => (earlier > erased && hash != deletion_hash(kind, id))
                .then_some("the deletion is not one that was written"),
        };
        if let Some(problem) = problem {
            report.problem(format!("{name}/_history/{earlier}: {problem}"));
        }
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)] // the parts of one row
fn rows_of(
    connection: &Connection,
    report: &mut CheckReport,
    value: &Value,
    kind: &str,
    type_code: u16,
    updated: i64,
    rid: i64,
    name: &str,
) -> Result<u64, StoreError> {
    let mut rows = index::rows(kind, value);
    rows.push(index::updated_row(type_code, updated));
    rows.sort_unstable();
    rows.dedup();
    for row in &rows {
        let there: Option<i64> = connection
            .prepare_cached("SELECT 1 FROM ix WHERE param = ?1 AND key = ?2 AND rid = ?3")
            .and_then(|mut s| s.query_row(params![row.param, row.key, rid], |r| r.get(0)).optional())
            .map_err(storage)?;
        if there.is_none() {
            report.problem(format!("{name} lacks a row of index {}", row.param));
        }
    }
    Ok(rows.len() as u64)
}

fn resolves(connection: &Connection, report: &mut CheckReport, value: Value, name: &str) -> Result<(), StoreError> {
    let Ok(prepared) = Prepared::new(value) else {
        report.problem(format!("{name} is not a resource"));
        return Ok(());
    };
    for (type_code, id) in &prepared.references {
        let there: Option<i64> = connection
            .prepare_cached("SELECT 1 FROM resource_id WHERE type = ?1 AND id = ?2")
            .and_then(|mut s| s.query_row(params![type_code, codec::id_key(id)], |r| r.get(0)).optional())
            .map_err(storage)?;
        if there.is_none() {
            let target = resource::type_name(*type_code).unwrap_or("?");
            report.problem(format!("{name} refers to {target}/{id}, which does not exist"));
        }
    }
    Ok(())
}

fn overlaps(connection: &Connection, report: &mut CheckReport) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare("SELECT calendar, start, finish, made, until FROM occupancy ORDER BY calendar, start")
        .map_err(storage)?;
    let mut rows = statement.query([]).map_err(storage)?;
    let mut before: Vec<(i64, i64, i64)> = Vec::new();
    let mut calendar = String::new();
    while let Some(row) = rows.next().map_err(storage)? {
        let this: String = row.get(0).map_err(storage)?;
        let (start, finish): (i64, i64) = (row.get(1).map_err(storage)?, row.get(2).map_err(storage)?);
        let (made, until): (i64, i64) = (row.get(3).map_err(storage)?, row.get(4).map_err(storage)?);
        if this != calendar {
            calendar.clone_from(&this);
            before.clear();
        }
        before.retain(|(end, _, _)| *end > start);
        // Two overlap in truth only if both were alive at once.
        if before.iter().any(|(_, other_made, other_until)| made < *other_until && *other_made < until) {
            report.problem(format!("{this} is given twice at the same time"));
        }
        before.push((finish, made, until));
    }
    Ok(())
}

/// Content hashes of all versions by the audit entry that covers them.
const HASHES: &str = "SELECT audit, hash FROM resource UNION ALL SELECT audit, hash FROM history ORDER BY 1, 2";

/// Acts whose entries cover no versions.
const READS: [&str; 4] = ["search", "list", "open", "subject-access"];

/// The versions each audit entry covers are those the entry was chained with: none altered, added or taken away, not even
/// together with its own hash.
fn covered(connection: &Connection, report: &mut CheckReport) -> Result<(), StoreError> {
    let mut versions = connection.prepare(HASHES).map_err(storage)?;
    let mut versions = versions.query([]).map_err(storage)?;
    let mut uncovered = 0u64;
    let mut step = || -> Result<Option<(i64, [u8; 32])>, StoreError> {
        let Some(row) = versions.next().map_err(storage)? else { return Ok(None) };
        let hash: Vec<u8> = row.get(1).map_err(storage)?;
        // A hash of another length was reported with its resource; here it only has to differ.
        Ok(Some((row.get(0).map_err(storage)?, hash.try_into().unwrap_or([0; 32]))))
    };
    let mut entries = connection.prepare("SELECT seq, body FROM audit ORDER BY seq").map_err(storage)?;
    let mut entries = entries.query([]).map_err(storage)?;
    let mut next = step()?;
    while let Some(row) = entries.next().map_err(storage)? {
        let seq: i64 = row.get(0).map_err(storage)?;
        let body: Vec<u8> = row.get(1).map_err(storage)?;
        let mut hashes = Vec::new();
        while let Some((audit, hash)) = next.filter(|(audit, _)| *audit <= seq) {
            if audit == seq {
                hashes.push(hash);
            } else {
                uncovered += 1;
            }
            next = step()?;
        }
        // An entry that cannot be read has broken the chain, and was reported there.
        let fields =
            codec::decode_body(&body).ok().and_then(|plain| serde_json::from_slice::<AuditFields>(&plain).ok());
        let Some(fields) = fields else { continue };
        // The digest of a read says whose records were in a list.
        if hashes.is_empty() && (fields.digest.is_empty() || READS.contains(&fields.action.as_str())) {
            continue;
        }
        let count = hashes.len();
        if fields.digest != digest_of(hashes) {
            let wanted = fields.count;
            report.problem(format!(
                "audit entry {seq} speaks for {wanted} versions, but the {count} found are not those that were written"
            ));
        }
    }
    while next.is_some() {
        uncovered += 1;
        next = step()?;
    }
    if uncovered > 0 {
        report.problem(format!("{uncovered} versions were written without an audit entry"));
    }
    Ok(())
}

/// Each version names the time, the writer and the person that its audit entry names.
fn agrees(connection: &Connection, report: &mut CheckReport) -> Result<(), StoreError> {
    let sql = "SELECT r.type, r.id, v.version FROM \
        (SELECT rid, version, updated, origin, audit FROM resource \
         UNION ALL SELECT rid, version, updated, origin, audit FROM history) v \
        JOIN resource r ON r.rid = v.rid JOIN audit a ON a.seq = v.audit LEFT JOIN person p ON p.person = v.rid >> 24 \
        WHERE v.updated <> a.at OR v.origin <> a.origin OR a.person IS NOT p.patient";
    let mut statement = connection.prepare(sql).map_err(storage)?;
    let mut rows = statement.query([]).map_err(storage)?;
    while let Some(row) = rows.next().map_err(storage)? {
        let kind = resource::type_name(row.get(0).map_err(storage)?).unwrap_or("?");
        let id = codec::key_id(&row.get::<_, Vec<u8>>(1).map_err(storage)?)?;
        let version: u32 = row.get(2).map_err(storage)?;
        report.problem(format!(
            "{kind}/{id}/_history/{version} names another time, writer or person than its audit entry"
        ));
    }
    Ok(())
}
