//! Signed checkpoints of the audit chain, written outside the database.
//!
//! A line names an entry's number and hash, the time, and the line before it, and is signed (Ed25519). Whoever changes the
//! database without the key cannot make the lines agree; whoever takes a line out breaks the next. A copy of the file and
//! the public key kept elsewhere show even what the keeper of database and key together would hide.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::keys::Keys;
use crate::model::StoreError;
use crate::sqlite::hex;

/// File name of the checkpoints, one a line, newest last.
pub const FILE: &str = "audit-checkpoints.txt";
const FORMAT: &str = "kith-checkpoint-1";
const NOTHING: &str = "-";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// From 1, without gaps.
    pub number: u64,
    /// Entry of the chain, and its hash in hexadecimal.
    pub seq: i64,
    pub hash: String,
    pub at: Timestamp,
    /// The public key this and, unless it names `next_key`, the next line are signed with.
    pub key: String,
    /// The public key of the lines that follow, where the key was changed.
    pub next_key: Option<String>,
    /// SHA-256 of the line before; `-` in the first.
    before: String,
    signature: String,
}

impl Checkpoint {
    fn signed_part(&self) -> String {
        format!(
            "{FORMAT} {} {} {} {} {} {} {}",
            self.number,
            self.seq,
            self.hash,
            self.at,
            self.key,
            self.next_key.as_deref().unwrap_or(NOTHING),
            self.before
        )
    }

    fn line(&self) -> String {
        format!("{} {}", self.signed_part(), self.signature)
    }

    fn parse(line: &str) -> Option<Self> {
        let parts: Vec<&str> = line.split(' ').collect();
        let [format, number, seq, hash, at, key, next_key, before, signature] = parts[..] else { return None };
        if format != FORMAT {
            return None;
        }
        Some(Self {
            number: number.parse().ok()?,
            seq: seq.parse().ok()?,
            hash: hash.to_owned(),
            at: at.parse().ok()?,
            key: key.to_owned(),
            next_key: (next_key != NOTHING).then(|| next_key.to_owned()),
            before: before.to_owned(),
            signature: signature.to_owned(),
        })
    }

    fn genuine(&self) -> bool {
        let (Some(key), Some(signature)) = (unhex(&self.key), unhex(&self.signature)) else { return false };
        UnparsedPublicKey::new(&ED25519, key).verify(self.signed_part().as_bytes(), &signature).is_ok()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

fn digest(line: &str) -> String {
    hex(&Sha256::digest(line.as_bytes()))
}

fn io(error: std::io::Error) -> StoreError {
    StoreError::Io(format!("the checkpoints of the audit chain: {error}"))
}

/// Adds a checkpoint at the end, unless the last already says so; `next_key` hands over to another key. Gives the number of
/// the last. Safe beside other processes that do the same.
pub(crate) fn append(
    path: &Path,
    keys: &Keys,
    seq: i64,
    hash: &[u8; 32],
    at: Timestamp,
    next_key: Option<&[u8; 32]>,
) -> Result<u64, StoreError> {
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(io)?;
    file.lock().map_err(io)?;
    let last = last_line(&mut file)?;
    let key = hex(&keys.public());
    let hash = hex(hash);
    let (number, before) = match last.as_deref().and_then(|line| Some((Checkpoint::parse(line)?, line))) {
        Some((last, _))
            if last.seq == seq
                && last.hash == hash
                && last.key == key
                && next_key.is_none()
                && last.next_key.is_none() =>
        {
            return Ok(last.number);
        }
        Some((last, _)) if last.next_key.as_ref().is_some_and(|next| *next != key) => {
            let words =
                "checkpoints were handed over to a new signing key: start Kith again, so that it signs with that one";
            return Err(StoreError::Key(words.into()));
        }
        // Another process was further already.
        Some((last, _)) if last.seq > seq && next_key.is_none() => return Ok(last.number),
        Some((last, line)) => (last.number + 1, digest(line)),
        None => (1, NOTHING.to_owned()),
    };
    let mut checkpoint = Checkpoint {
        number,
        seq,
        hash,
        at,
        key,
        next_key: next_key.map(|key| hex(key)),
        before,
        signature: String::new(),
    };
    checkpoint.signature = hex(&keys.sign(checkpoint.signed_part().as_bytes())?);
    file.seek(SeekFrom::End(0)).map_err(io)?;
    file.write_all(format!("{}\n", checkpoint.line()).as_bytes()).map_err(io)?;
    file.sync_data().map_err(io)?;
    Ok(number)
}

/// The last whole line. What a crash left of a line is taken away.
fn last_line(file: &mut File) -> Result<Option<String>, StoreError> {
    const TAIL: u64 = 2048;
    let length = file.seek(SeekFrom::End(0)).map_err(io)?;
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        file.set_len(from + whole as u64).map_err(io)?;
    }
    let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
    Ok(text.lines().next_back().map(str::to_owned))
}

/// Reads the checkpoints and checks each: its signature, its number, the line before it, the key. `Err` names the first
/// that is wrong. `ours` is the public key that signs now: the last line must be signed by it or hand over to it.
pub fn read(path: &Path, ours: Option<&[u8; 32]>) -> Result<Vec<Checkpoint>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("the checkpoints cannot be read: {error}")),
    };
    let mut checkpoints: Vec<Checkpoint> = Vec::new();
    let mut before = NOTHING.to_owned();
    let mut key: Option<String> = None;
    // What a crash left of a line says nothing.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for (at, line) in whole.lines().enumerate() {
        let number = at as u64 + 1;
        let Some(checkpoint) = Checkpoint::parse(line) else {
            return Err(format!("checkpoint {number} cannot be read"));
        };
        if checkpoint.number != number || checkpoint.before != before {
            return Err(format!("checkpoint {number} is missing, or was altered: the next does not follow on it"));
        }
        if key.as_ref().is_some_and(|key| *key != checkpoint.key) {
            return Err(format!("checkpoint {number} is signed with another key than the one before named"));
        }
        if !checkpoint.genuine() {
            return Err(format!("checkpoint {number} is not signed with the key it names: it was forged or altered"));
        }
        if checkpoints.last().is_some_and(|last| last.seq > checkpoint.seq) {
            return Err(format!(
                "checkpoint {number} goes back behind the one before it: an older database was put in place"
            ));
        }
        key = Some(checkpoint.next_key.clone().unwrap_or_else(|| checkpoint.key.clone()));
        before = digest(line);
        checkpoints.push(checkpoint);
    }
    if let (Some(key), Some(ours)) = (&key, ours)
        && *key != hex(ours)
    {
        return Err("the checkpoints are signed with another key than the one in use: the key was swapped".to_owned());
    }
    Ok(checkpoints)
}
