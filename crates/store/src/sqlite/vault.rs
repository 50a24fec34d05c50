//! Attachments at rest: bodies that carry bytes of photos, letters and files are sealed with a key of the person's own, which
//! is itself sealed under a master key outside the database. Turning the master key over seals only those small keys anew;
//! taking a person's key away makes all their attachments unreadable, wherever copies lie.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use rusqlite::{Connection, OptionalExtension, params};

use super::storage;
use crate::codec;
use crate::keys::{self, Keys, Secret};
use crate::model::StoreError;

/// Opened data keys by their wrapped form, so that a key rolled back with its transaction is never met again.
#[derive(Default)]
pub(crate) struct Vault {
    opened: Mutex<HashMap<Vec<u8>, Arc<RandomizedNonceKey>>>,
}

/// Beyond this many, all go and are opened again as needed.
const OPENED: usize = 4096;

/// What a sealed body is bound to: its row. Moved to another, it does not open.
fn bound_to(rid: i64) -> [u8; 16] {
    let mut bound = *b"kith body\0\0\0\0\0\0\0";
    let rid = rid.to_le_bytes();
    bound[8..].copy_from_slice(&rid);
    bound
}

/// Whose key seals a row: the person's number, or 0 for what belongs to nobody.
fn holder(rid: i64) -> i64 {
    codec::rid_person(rid).unwrap_or(0)
}

impl Vault {
    fn key(&self, keys: &Keys, master: &str, wrapped: &[u8]) -> Result<Arc<RandomizedNonceKey>, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = opened.get(wrapped) {
            return Ok(Arc::clone(key));
        }
        let plain = keys.unwrap(master, wrapped)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &plain)
            .map_err(|_| StoreError::Key("a data key cannot be used".into()))?;
        if opened.len() >= OPENED {
            opened.clear();
        }
        let key = Arc::new(key);
        opened.insert(wrapped.to_vec(), Arc::clone(&key));
        Ok(key)
    }

    /// Seals an encoded body, making the person's key at their first attachment.
    pub fn seal(&self, tx: &Connection, keys: &Keys, rid: i64, body: &[u8]) -> Result<Vec<u8>, StoreError> {
        let holder = holder(rid);
        let known: Option<(i64, String, Vec<u8>)> = tx
            .prepare_cached("SELECT key, master, wrapped FROM data_key WHERE person = ?1")
            .and_then(|mut s| s.query_row([holder], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional())
            .map_err(storage)?;
        let (number, master, wrapped) = match known {
            Some(known) => known,
            None => {
                // A master key made beside a running server is taken up here.
                keys.reload()?;
                let (master, wrapped) = keys.wrap(Secret::random()?.bytes())?;
                tx.prepare_cached("INSERT INTO data_key (person, master, wrapped) VALUES (?1, ?2, ?3)")
                    .and_then(|mut s| s.execute(params![holder, master, wrapped]))
                    .map_err(storage)?;
                (tx.last_insert_rowid(), master, wrapped)
            }
        };
        let key = self.key(keys, &master, &wrapped)?;
        let sealed = keys::seal(&key, &bound_to(rid), body)?;
        let mut out = Vec::with_capacity(sealed.len() + 9);
        out.push(codec::SEALED);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// The encoded body behind a sealed one; a body that is not sealed is given back as it is.
    pub fn open<'b>(
        &self,
        connection: &Connection,
        keys: &Keys,
        rid: i64,
        body: &'b [u8],
    ) -> Result<Cow<'b, [u8]>, StoreError> {
        if body.first() != Some(&codec::SEALED) {
            return Ok(Cow::Borrowed(body));
        }
        let damaged = || StoreError::Damaged("a sealed attachment".into());
        let (number, sealed) = body[1..].split_at_checked(8).ok_or_else(damaged)?;
        let number = i64::from_le_bytes(number.try_into().map_err(|_| damaged())?);
        let (master, wrapped): (String, Vec<u8>) = connection
            .prepare_cached("SELECT master, wrapped FROM data_key WHERE key = ?1")
            .and_then(|mut s| s.query_row([number], |r| Ok((r.get(0)?, r.get(1)?))).optional())
            .map_err(storage)?
            .ok_or_else(|| StoreError::Key("the key of an attachment was destroyed: it cannot be read again".into()))?;
        let key = self.key(keys, &master, &wrapped)?;
        keys::open(&key, &bound_to(rid), sealed).map(Cow::Owned).ok_or_else(damaged)
    }
}

/// Whether every key that seals something can be opened: asked at the start, so that a wrong key is met there and not with a
/// patient waiting.
pub(crate) fn keys_fit(connection: &Connection, keys: &Keys) -> Result<(), StoreError> {
    for (master, count) in masters(connection)? {
        if !keys.has(&master) {
            let given = keys.masters().join(", ");
            return Err(StoreError::Key(format!(
                "attachments of {count} people are sealed under master key {master}, and the keys given are {given}"
            )));
        }
        let wrapped: Vec<u8> = connection
            .query_row("SELECT wrapped FROM data_key WHERE master = ?1 LIMIT 1", [&master], |r| r.get(0))
            .map_err(storage)?;
        keys.unwrap(&master, &wrapped)?;
    }
    Ok(())
}

/// Master keys in use with how many data keys each wraps.
pub(crate) fn masters(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement =
        connection.prepare("SELECT master, count(*) FROM data_key GROUP BY master ORDER BY master").map_err(storage)?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get::<_, i64>(1)? as u64))).map_err(storage)?;
    rows.collect::<Result<_, _>>().map_err(storage)
}

/// Wraps up to `limit` data keys of other master keys anew under the newest; gives how many. Attachments stay as they are.
pub(crate) fn wrap_anew(tx: &Connection, keys: &Keys, limit: usize) -> Result<usize, StoreError> {
    keys.reload()?;
    let newest = keys.masters().pop().unwrap_or_default();
    let old: Vec<(i64, String, Vec<u8>)> = tx
        .prepare("SELECT key, master, wrapped FROM data_key WHERE master <> ?1 LIMIT ?2")
        .and_then(|mut s| {
            s.query_map(params![newest, limit as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                .collect::<Result<_, _>>()
        })
        .map_err(storage)?;
    for (number, master, wrapped) in &old {
        let (name, anew) = keys.wrap(&keys.unwrap(master, wrapped)?)?;
        tx.prepare_cached("UPDATE data_key SET master = ?2, wrapped = ?3 WHERE key = ?1")
            .and_then(|mut s| s.execute(params![number, name, anew]))
            .map_err(storage)?;
    }
    Ok(old.len())
}
