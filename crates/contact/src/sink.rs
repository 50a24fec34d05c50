//! Where notices leave Kith: a file or the log in the demo, a gateway in a live place.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::preferences::Channel;

/// A notice on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The same key may come twice; a sink delivers it once.
    pub key: String,
    pub channel: Channel,
    /// A mobile number, an e-mail address, or the lines of a postal address with the name first; empty for somebody who
    /// only reads Kith itself.
    pub to: Vec<String>,
    /// For whoever prints a letter: "Large print", "Needs an interpreter: Polish".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    pub subject: String,
    pub text: String,
    /// `<template id>|<version>`
    pub content: String,
    /// FHIR instant.
    pub at: String,
}

/// Why a notice did not go out.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Worth trying again: no connection, disk full.
    #[error("the notice could not be handed on now: {0}")]
    Again(String),
    /// Never will: the number does not exist.
    #[error("the notice can never be delivered: {0}")]
    Never(String),
}

/// Hands notices to the world. Called from a blocking thread; must accept the same key more than once and deliver it once.
pub trait Sink: Send + Sync + 'static {
    fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError>;
}

/// One JSON line a notice, in `<data>/outbox/notifications.ndjson`, synced to disk before it counts as delivered.
pub struct FileSink {
    path: PathBuf,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    seen: BTreeSet<String>,
}

impl FileSink {
    /// Opens (or makes) the file below this data folder and reads which keys it holds already. A last line cut short by a
    /// kill does not count, and is closed off so that the next one stands alone.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let folder = data.join("outbox");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("notifications.ndjson");
        let mut seen = BTreeSet::new();
        let mut whole = true;
        if path.exists() {
            let mut reader = BufReader::new(File::open(&path)?);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 {
                whole = line.ends_with(b"\n");
                if let (true, Ok(delivery)) = (whole, serde_json::from_slice::<Delivery>(&line)) {
                    seen.insert(delivery.key);
                }
                line.clear();
            }
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        if !whole {
            file.write_all(b"\n")?;
        }
        Ok(Self { path, open: Mutex::new(Open { file, seen }) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Sink for FileSink {
    fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.seen.contains(&delivery.key) {
            return Ok(());
        }
        let again = |e: &dyn std::fmt::Display| SinkError::Again(e.to_string());
        let mut line = serde_json::to_vec(delivery).map_err(|e| again(&e))?;
        line.push(b'\n');
        let before = open.file.metadata().map_err(|e| again(&e))?.len();
        if let Err(error) = open.file.write_all(&line).and_then(|()| open.file.sync_data()) {
            // A full disk may have taken half a line; the next must not stick to it.
            let _ = open.file.set_len(before);
            return Err(again(&error));
        }
        open.seen.insert(delivery.key.clone());
        Ok(())
    }
}

/// Logs which notice went by which channel, and nothing about whom.
pub struct LogSink;

impl Sink for LogSink {
    fn deliver(&self, delivery: &Delivery) -> Result<(), SinkError> {
        tracing::info!(content = %delivery.content, channel = delivery.channel.code(), "notice delivered");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(key: &str) -> Delivery {
        Delivery {
            key: key.to_owned(),
            channel: Channel::Text,
            to: vec!["07700 900001".to_owned()],
            needs: vec![],
            subject: "S".to_owned(),
            text: "T".to_owned(),
            content: "message-received|1.0.0".to_owned(),
            at: "2026-11-20T09:00:00+00:00".to_owned(),
        }
    }

    fn keys(sink: &FileSink) -> Vec<String> {
        std::fs::read_to_string(sink.path())
            .unwrap()
            .lines()
            .filter_map(|l| serde_json::from_str::<Delivery>(l).ok())
            .map(|d| d.key)
            .collect()
    }

    #[test]
    fn the_same_notice_is_written_once_even_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileSink::open(folder.path()).unwrap();
        sink.deliver(&notice("a")).unwrap();
        sink.deliver(&notice("a")).unwrap();
        drop(sink);
        let sink = FileSink::open(folder.path()).unwrap();
        sink.deliver(&notice("a")).unwrap();
        sink.deliver(&notice("b")).unwrap();
        assert_eq!(keys(&sink), ["a", "b"]);
    }

    #[test]
    fn a_line_cut_short_by_a_kill_is_written_again_whole() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileSink::open(folder.path()).unwrap();
        sink.deliver(&notice("a")).unwrap();
        sink.deliver(&notice("b")).unwrap();
        let text = std::fs::read_to_string(sink.path()).unwrap();
        std::fs::write(sink.path(), &text[..text.len() - 9]).unwrap();
        drop(sink);
        let sink = FileSink::open(folder.path()).unwrap();
        sink.deliver(&notice("b")).unwrap();
        sink.deliver(&notice("c")).unwrap();
        assert_eq!(keys(&sink), ["a", "b", "c"]);
    }
}
