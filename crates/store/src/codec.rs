//! Bytes at rest: how ids, rids and bodies are written.

use std::cell::RefCell;

use jiff::Timestamp;

use crate::model::StoreError;

/// Bits of a rid that number the resources within one person: 16.7 million each, 549 thousand million people.
pub const SEQ_BITS: u32 = 24;

/// The rid of a person's `seq`-th resource.
pub fn person_rid(person: i64, seq: i64) -> i64 {
    (person << SEQ_BITS) | seq
}

/// The person number of a rid; `None` for what belongs to nobody.
pub fn rid_person(rid: i64) -> Option<i64> {
    (rid >= 0).then_some(rid >> SEQ_BITS)
}

/// The half-open range of rids of one person.
pub fn person_range(person: i64) -> (i64, i64) {
    (person << SEQ_BITS, (person + 1) << SEQ_BITS)
}

/// A FHIR id as a key: 16 bytes for a lower-case UUID, else `~` and the text, never 16 bytes long.
pub fn id_key(id: &str) -> Vec<u8> {
    if id.len() == 36
        && let Ok(uuid) = uuid::Uuid::try_parse(id)
        && uuid.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) == id
    {
        return uuid.as_bytes().to_vec();
    }
    let mut key = Vec::with_capacity(id.len() + 2);
    key.push(b'~');
    key.extend_from_slice(id.as_bytes());
    if key.len() == 16 {
        key.push(0);
    }
    key
}

/// The inverse of [`id_key`].
pub fn key_id(key: &[u8]) -> Result<String, StoreError> {
    if let Ok(bytes) = <[u8; 16]>::try_from(key) {
        return Ok(uuid::Uuid::from_bytes(bytes).as_hyphenated().to_string());
    }
    let text = key.strip_prefix(b"~").ok_or_else(|| StoreError::Damaged("an id key".into()))?;
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    String::from_utf8(text.to_vec()).map_err(|_| StoreError::Damaged("an id key".into()))
}

/// Bodies compress alone, without their neighbours, so that one can be read without another; the dictionary gives back
/// what that costs. See `docs/decisions/0004-store-layout.md`.
static DICTIONARY: &[u8] = include_bytes!("../dict/fhir-1.zdict");
const PLAIN: u8 = 0;
/// An encoded body sealed with a person's key: see `sqlite/vault.rs`.
pub(crate) const SEALED: u8 = 3;
const ZSTD_DICT_1: u8 = 2;
/// Bodies are refused above this on the way in; it also bounds what a damaged row can make us allocate.
pub const MAX_BODY: usize = 64 << 20;
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A body as it is stored: one byte that names the encoding, four of length, then the bytes.
pub fn encode_body(plain: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = zstd::bulk::Compressor::with_dictionary(LEVEL, DICTIONARY).ok();
        }
        if let Some(compressor) = slot
            && let Ok(packed) = compressor.compress(plain)
            && packed.len() < plain.len()
        {
            let mut out = Vec::with_capacity(packed.len() + 5);
            out.push(ZSTD_DICT_1);
            out.extend_from_slice(&(plain.len() as u32).to_le_bytes());
            out.extend_from_slice(&packed);
            return out;
        }
        let mut out = Vec::with_capacity(plain.len() + 1);
        out.push(PLAIN);
        out.extend_from_slice(plain);
        out
    })
}

/// The inverse of [`encode_body`].
pub fn decode_body(stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    match stored.split_first() {
        Some((&PLAIN, rest)) => Ok(rest.to_vec()),
        Some((&ZSTD_DICT_1, rest)) if rest.len() >= 4 => {
            let (length, packed) = rest.split_at(4);
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            if length > MAX_BODY {
                return Err(StoreError::Damaged("a body's length".into()));
            }
            DECOMPRESSOR.with_borrow_mut(|slot| {
                if slot.is_none() {
                    *slot = Some(
                        zstd::bulk::Decompressor::with_dictionary(DICTIONARY)
                            .map_err(|e| StoreError::Io(e.to_string()))?,
                    );
                }
                let Some(decompressor) = slot else {
                    return Err(StoreError::Io("no decompressor".into()));
                };
                decompressor.decompress(packed, length).map_err(|_| StoreError::Damaged("a compressed body".into()))
            })
        }
        _ => Err(StoreError::Damaged("a body's encoding".into())),
    }
}

/// A stored body as a value. Read by the same reader as on the way in: others rewrite numbers (`1e3` becomes `1e+3`).
pub fn decode_value(stored: &[u8]) -> Result<kith_fhir::Value, StoreError> {
    const STORED: kith_fhir::json::Limits = kith_fhir::json::Limits { max_bytes: MAX_BODY, max_depth: 512 };
    kith_fhir::json::parse(&decode_body(stored)?, &STORED).map_err(|_| StoreError::Damaged("a stored body".into()))
}

/// Microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The inverse of [`micros`], saturating.
pub fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_from_its_key_and_no_two_share_one() {
        let ids = [
            "a",
            "fifteen-chars-x",
            "fourteen-chars",
            "0191c1f2-5d0a-7cc3-98c4-dc0c0c07398f",
            "0191C1F2-5D0A-7CC3-98C4-DC0C0C07398F",
            "0191c1f25d0a7cc398c4dc0c0c07398f",
            "x.y-z",
        ];
        let keys: std::collections::HashSet<_> = ids.iter().map(|id| id_key(id)).collect();
        assert_eq!(keys.len(), ids.len());
        for id in ids {
            assert_eq!(key_id(&id_key(id)).unwrap(), id);
        }
    }

    #[test]
    fn a_body_comes_back_as_it_was_and_a_damaged_one_is_an_error() {
        let body = br#"{"resourceType":"Patient","name":[{"family":"Test","given":["A","B"]}]}"#.repeat(5);
        let stored = encode_body(&body);
        assert_eq!(decode_body(&stored).unwrap(), body);
        assert!(decode_body(&stored[..stored.len() - 3]).is_err());
        assert!(decode_body(&[]).is_err());
        assert!(decode_body(&[9, 1, 2]).is_err());
    }
}
