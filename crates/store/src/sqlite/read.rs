//! Reading resources back.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kith_fhir::{Value, resource};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Shared, storage};
use crate::codec;
use crate::model::{Origin, Person, StoreError, Stored};

/// Columns every reader of `resource` and `history` selects, in this order.
pub(crate) const COLUMNS: &str = "r.rid, r.version, r.updated, r.origin, r.audit, r.body, i.type, i.id";

/// Origins by number, read once each.
#[derive(Default)]
pub(crate) struct Origins(RwLock<HashMap<i64, Arc<Origin>>>);

impl Origins {
    pub fn get(&self, connection: &Connection, number: i64) -> Result<Arc<Origin>, StoreError> {
        if let Some(origin) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(Arc::clone(origin));
        }
        let fields: String = connection
            .prepare_cached("SELECT fields FROM origin WHERE origin = ?1")
            .and_then(|mut s| s.query_row([number], |r| r.get(0)))
            .map_err(storage)?;
        let origin: Arc<Origin> =
            Arc::new(serde_json::from_str(&fields).map_err(|_| StoreError::Damaged("an origin".into()))?);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&origin));
        Ok(origin)
    }
}

/// Decoded versions of what belongs to no person. Everybody who asks for help reads the same slots, and a version never
/// changes, so nothing has to be forgotten: one is replaced when the next is read.
#[derive(Default)]
pub(crate) struct Decoded(Mutex<HashMap<i64, Version>>);

/// Version, time and content.
type Version = (u32, i64, Arc<Value>);

/// Beyond this many the oldest are not sought out: all go.
const DECODED: usize = 4096;

impl Decoded {
    fn get(&self, row: &Raw) -> Option<Arc<Value>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, updated, value) = kept.get(&row.rid)?;
        (*version == row.version && *updated == row.updated).then(|| Arc::clone(value))
    }

    fn keep(&self, rid: i64, version: u32, updated: i64, value: &Arc<Value>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= DECODED {
            kept.clear();
        }
        kept.insert(rid, (version, updated, Arc::clone(value)));
    }
}

/// A row of [`COLUMNS`] as read, not yet decoded.
pub(crate) struct Raw {
    pub rid: i64,
    version: u32,
    updated: i64,
    origin: i64,
    audit: i64,
    body: Option<Vec<u8>>,
    type_code: u16,
    id: Vec<u8>,
}

pub(crate) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        rid: row.get(0)?,
        version: row.get(1)?,
        updated: row.get(2)?,
        origin: row.get(3)?,
        audit: row.get(4)?,
        body: row.get(5)?,
        type_code: row.get(6)?,
        id: row.get(7)?,
    })
}

impl Raw {
    /// As [`Raw::decode`] for what belongs to no person, through the memory of what was decoded before.
    fn decode_shared(mut self, connection: &Connection, shared: &Shared) -> Result<Stored, StoreError> {
        if self.body.is_some()
            && let Some(value) = shared.decoded.get(&self)
        {
            self.body = None;
            return Ok(Stored { value: Some(value), ..self.decode(connection, shared, None)? });
        }
        let (rid, version, updated) = (self.rid, self.version, self.updated);
        let stored = self.decode(connection, shared, None)?;
        if let Some(value) = &stored.value {
            shared.decoded.keep(rid, version, updated, value);
        }
        Ok(stored)
    }

    pub fn decode(self, connection: &Connection, shared: &Shared, person: Person) -> Result<Stored, StoreError> {
        let kind = resource::type_name(self.type_code).ok_or_else(|| StoreError::Damaged("a resource type".into()))?;
        let updated = codec::timestamp(self.updated);
        let value = match self.body {
            None => None,
            Some(body) => {
                let body = shared.vault.open(connection, &shared.keys, self.rid, &body)?;
                let mut value = codec::decode_value(&body)?;
                fill_meta(&mut value, self.version, updated);
                Some(Arc::new(value))
            }
        };
        Ok(Stored {
            kind,
            id: codec::key_id(&self.id)?,
            version: self.version,
            updated,
            origin: shared.origins.get(connection, self.origin)?,
            audit: self.audit,
            value,
            person,
        })
    }
}

fn fill_meta(value: &mut Value, version: u32, updated: jiff::Timestamp) {
    if let Some(object) = value.as_object_mut() {
        let meta = object.entry("meta").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert("versionId".into(), Value::String(version.to_string()));
            meta.insert("lastUpdated".into(), Value::String(updated.to_string()));
        }
    }
}

/// The Patient id of a person's number.
pub(crate) fn patient_of(connection: &Connection, number: i64) -> Result<String, StoreError> {
    connection
        .prepare_cached("SELECT patient FROM person WHERE person = ?1")
        .and_then(|mut s| s.query_row([number], |r| r.get(0)))
        .map_err(storage)
}

/// The person of a rid.
pub(crate) fn person_of_rid(connection: &Connection, rid: i64) -> Result<Person, StoreError> {
    match codec::rid_person(rid) {
        None => Ok(None),
        Some(number) => Ok(Some(Arc::from(patient_of(connection, number)?))),
    }
}

pub(crate) fn number_of(connection: &Connection, patient: &str) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT person FROM person WHERE patient = ?1")
        .and_then(|mut s| s.query_row([patient], |r| r.get(0)).optional())
        .map_err(storage)
}

/// One range scan.
pub(crate) fn compartment(
    connection: &Connection,
    shared: &Shared,
    patient: &str,
) -> Result<Arc<[Stored]>, StoreError> {
    let stamp = shared.records.stamp(patient);
    let Some(number) = number_of(connection, patient)? else { return Ok(Arc::from([])) };
    let person: Person = Some(Arc::from(patient));
    let (low, high) = codec::person_range(number);
    let mut statement = connection
        .prepare_cached(
            "SELECT rid, version, updated, origin, audit, body, type, id FROM resource \
             WHERE rid >= ?1 AND rid < ?2 AND body IS NOT NULL ORDER BY rid",
        )
        .map_err(storage)?;
    let rows = statement.query_map([low, high], raw).map_err(storage)?;
    let mut record = Vec::new();
    for row in rows {
        record.push(row.map_err(storage)?.decode(connection, shared, person.clone())?);
    }
    // The Patient first; everything else in the order it came.
    if let Some(at) = record.iter().position(|s| s.kind == "Patient" && s.id == patient) {
        record[..=at].rotate_right(1);
    }
    let record: Arc<[Stored]> = Arc::from(record);
    shared.records.keep(patient, stamp, Arc::clone(&record));
    Ok(record)
}

pub(crate) fn locate(connection: &Connection, kind: &str, id: &str) -> Result<Option<(u16, i64)>, StoreError> {
    let Some(type_code) = resource::type_code(kind) else { return Ok(None) };
    let rid = connection
        .prepare_cached("SELECT rid FROM resource_id WHERE type = ?1 AND id = ?2")
        .and_then(|mut s| s.query_row(params![type_code, codec::id_key(id)], |r| r.get(0)).optional())
        .map_err(storage)?;
    Ok(rid.map(|rid| (type_code, rid)))
}

pub(crate) fn current(
    connection: &Connection,
    shared: &Shared,
    kind: &str,
    id: &str,
) -> Result<Option<Stored>, StoreError> {
    let Some((_, rid)) = locate(connection, kind, id)? else { return Ok(None) };
    by_rid(connection, shared, rid)
}

pub(crate) fn by_rid(connection: &Connection, shared: &Shared, rid: i64) -> Result<Option<Stored>, StoreError> {
    let row = connection
        .prepare_cached("SELECT rid, version, updated, origin, audit, body, type, id FROM resource WHERE rid = ?1")
        .and_then(|mut s| s.query_row([rid], raw).optional())
        .map_err(storage)?;
    match row {
        None => Ok(None),
        Some(row) => {
            if codec::rid_person(rid).is_none() {
                return row.decode_shared(connection, shared).map(Some);
            }
            let person = person_of_rid(connection, rid)?;
            row.decode(connection, shared, person).map(Some)
        }
    }
}

pub(crate) fn person_of(connection: &Connection, kind: &str, id: &str) -> Result<Option<Person>, StoreError> {
    match locate(connection, kind, id)? {
        None => Ok(None),
        Some((_, rid)) => person_of_rid(connection, rid).map(Some),
    }
}

/// Versions of a resource, newest first; only `version` when given.
pub(crate) fn history(
    connection: &Connection,
    shared: &Shared,
    kind: &str,
    id: &str,
    version: Option<u32>,
) -> Result<Vec<Stored>, StoreError> {
    let Some((type_code, rid)) = locate(connection, kind, id)? else { return Ok(Vec::new()) };
    versions(connection, shared, rid, type_code, &codec::id_key(id), version)
}

/// One version of the resource at `rid`.
pub(crate) fn version_by_rid(
    connection: &Connection,
    shared: &Shared,
    rid: i64,
    version: u32,
) -> Result<Option<Stored>, StoreError> {
    let named: Option<(u16, Vec<u8>)> = connection
        .prepare_cached("SELECT type, id FROM resource WHERE rid = ?1")
        .and_then(|mut s| s.query_row([rid], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .map_err(storage)?;
    let Some((type_code, key)) = named else { return Ok(None) };
    Ok(versions(connection, shared, rid, type_code, &key, Some(version))?.pop())
}

fn versions(
    connection: &Connection,
    shared: &Shared,
    rid: i64,
    type_code: u16,
    key: &[u8],
    version: Option<u32>,
) -> Result<Vec<Stored>, StoreError> {
    let person = person_of_rid(connection, rid)?;
    let mut versions = Vec::new();
    for table in ["resource", "history"] {
        let sql = format!(
            "SELECT {COLUMNS} FROM {table} r, (SELECT ?2 AS type, ?3 AS id) i \
             WHERE r.rid = ?1 AND (?4 IS NULL OR r.version = ?4) ORDER BY r.version DESC"
        );
        let mut statement = connection.prepare_cached(&sql).map_err(storage)?;
        let rows = statement.query_map(params![rid, type_code, key, version], raw).map_err(storage)?;
        for row in rows {
            versions.push(row.map_err(storage)?.decode(connection, shared, person.clone())?);
        }
    }
    Ok(versions)
}

pub(crate) fn counts(connection: &Connection) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT type, count(*) FROM resource WHERE body IS NOT NULL GROUP BY type")
        .map_err(storage)?;
    let rows = statement.query_map([], |r| Ok((r.get::<_, u16>(0)?, r.get::<_, i64>(1)?))).map_err(storage)?;
    let mut counts = BTreeMap::new();
    for row in rows {
        let (type_code, count) = row.map_err(storage)?;
        let kind = resource::type_name(type_code).ok_or_else(|| StoreError::Damaged("a resource type".into()))?;
        counts.insert(kind, count as u64);
    }
    Ok(counts)
}

pub(crate) fn walk(
    connection: &Connection,
    shared: &Shared,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<(i64, Stored)>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT rid, version, updated, origin, audit, body, type, id FROM resource \
             WHERE rid > ?1 AND body IS NOT NULL ORDER BY rid LIMIT ?2",
        )
        .map_err(storage)?;
    let rows = statement.query_map(params![after.unwrap_or(i64::MIN), limit as i64], raw).map_err(storage)?;
    let raws = rows.collect::<Result<Vec<_>, _>>().map_err(storage)?;
    let mut person: (i64, Person) = (-1, None);
    let mut found = Vec::with_capacity(raws.len());
    for row in raws {
        let rid = row.rid;
        let of = match codec::rid_person(rid) {
            None => None,
            Some(number) => {
                if person.0 != number {
                    person = (number, Some(Arc::from(patient_of(connection, number)?)));
                }
                person.1.clone()
            }
        };
        found.push((rid, row.decode(connection, shared, of)?));
    }
    Ok(found)
}
