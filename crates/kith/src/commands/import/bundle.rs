//! Bundles and single resources: read whole, their references made to fit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use kith_fhir::json::{Limits, parse};
use kith_fhir::{Value, resource};
use kith_trust::bundle;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::files::opened;
use super::{Line, MEMORY, Shared, explain, flag, settle, unreadable};
use crate::loading::{self, Counts, Sourced};

/// A Bundle is read whole up to this; larger input comes as NDJSON, which is streamed.
const MAX_BUNDLE: u64 = 256 << 20;
/// Entries committed together at most.
const GROUP: usize = 2000;

/// Memory that one Bundle after another is read into: asking the system for it anew costs more than reading.
#[derive(Default)]
pub(super) struct Buffers(std::sync::Mutex<Vec<Vec<u8>>>);

/// Larger buffers are given back to the system.
const KEPT_BUFFER: usize = 16 << 20;

impl Buffers {
    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BUFFER {
            buffer.clear();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBundle<'a> {
    resource_type: String,
    #[serde(borrow, default)]
    entry: Vec<RawEntry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<RawRequest>,
}

#[derive(Deserialize)]
struct RawRequest {
    method: Option<String>,
    url: Option<String>,
}

/// Reads a Bundle or a single resource. `Some(counts)` when all of it went in.
pub(super) async fn whole(shared: &Arc<Shared>, path: &Path, name: &str) -> anyhow::Result<Option<Counts>> {
    let size = std::fs::metadata(path)?.len();
    // A gzipped Bundle grows about twenty times; the exact size is known once it is read.
    let room = u32::try_from((size * 20) >> 20).unwrap_or(MEMORY).clamp(1, MEMORY);
    let _room = Arc::clone(&shared.memory).acquire_many_owned(room).await?;
    let (send, mut receive) = mpsc::channel::<Vec<Line>>(1);
    let reader = tokio::task::spawn_blocking({
        let (shared, source) = (Arc::clone(shared), path.to_owned());
        move || {
            let mut bytes = shared.buffers.take();
            let bad = |reason: String| {
                let _ = send.blocking_send(vec![Line::Bad(1, reason)]);
            };
            match opened(&source).and_then(|file| Ok(file.take(MAX_BUNDLE + 1).read_to_end(&mut bytes)?)) {
                Ok(read) if read as u64 <= MAX_BUNDLE => read_bundle(&bytes, &send),
                Ok(_) => bad(format!("larger than {} MiB: give it as NDJSON, which is streamed", MAX_BUNDLE >> 20)),
                Err(error) => bad(format!("cannot be read: {error}")),
            }
            shared.buffers.give(bytes);
        }
    });
    let mut counts = Counts::default();
    let mut clean = true;
    while let Some(batch) = receive.recv().await {
        let mut group = Vec::with_capacity(batch.len());
        for line in batch {
            match line {
                Line::Resource(mut item) => {
                    if let Err(error) = bundle::resolve_conditional(&shared.access, &mut item.value, "entry").await {
                        clean = false;
                        unreadable(shared, name, item.line, error.to_string()).await?;
                    } else {
                        group.push(item);
                    }
                }
                Line::Bad(line, reason) => {
                    clean = false;
                    unreadable(shared, name, line, reason).await?;
                }
            }
        }
        let loaded = loading::put(&shared.access, "import", group).await.map_err(explain)?;
        let (batch_counts, refused) = settle(shared, name, loaded).await?;
        counts.add(batch_counts);
        clean &= refused == 0;
    }
    reader.await?;
    Ok(clean.then_some(counts))
}

/// Counts lines of a text while its pieces are met in order, so that the whole is walked once.
struct Lines<'a> {
    all: &'a [u8],
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(all: &'a [u8]) -> Self {
        Self { all, offset: 0, line: 1 }
    }

    /// The line on which `part`, a piece of the text not before the last one asked for, begins.
    fn of(&mut self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).saturating_sub(self.all.as_ptr() as usize).min(self.all.len());
        if offset > self.offset {
            self.line += memchr::memchr_iter(b'\n', &self.all[self.offset..offset]).count();
            self.offset = offset;
        }
        self.line
    }
}

fn read_bundle(bytes: &[u8], send: &mpsc::Sender<Vec<Line>>) {
    let limits = Limits { max_bytes: MAX_BUNDLE as usize, ..Limits::default() };
    let bad = |line: usize, reason: String| {
        let _ = send.blocking_send(vec![Line::Bad(line, reason)]);
    };
    let Ok(raw) = serde_json::from_slice::<RawBundle<'_>>(bytes) else {
        match parse(bytes, &limits) {
            Err(error) => bad(error.line, format!("not JSON: {}", error.kind)),
            Ok(_) => bad(1, "neither a FHIR resource nor a Bundle of them".into()),
        }
        return;
    };
    if raw.resource_type != "Bundle" {
        match parse(bytes, &limits) {
            Ok(mut value) => {
                flag(&mut value);
                let _ = send.blocking_send(vec![Line::Resource(Sourced { value, line: 1 })]);
            }
            Err(error) => bad(error.line, format!("not JSON: {}", error.kind)),
        }
        return;
    }
    // First what each full URL stands for, so that an entry may refer to a later one; then the entries.
    let mut known: HashMap<&str, String> = HashMap::with_capacity(raw.entry.len());
    let ids: Vec<Option<(String, String)>> = raw.entry.iter().map(identity).collect();
    for (entry, identity) in raw.entry.iter().zip(&ids) {
        if let (Some(url), Some((kind, id))) = (&entry.full_url, identity) {
            known.insert(url, format!("{kind}/{id}"));
        }
    }
    let mut batch = Vec::with_capacity(raw.entry.len().min(GROUP));
    let mut lines = Lines::new(bytes);
    for (entry, identity) in raw.entry.iter().zip(&ids) {
        let Some(resource) = entry.resource else {
            batch.push(Line::Bad(lines.line, "a Bundle's entry has no resource to import".into()));
            continue;
        };
        let line = lines.of(resource.get());
        let method = entry.request.as_ref().and_then(|r| r.method.as_deref()).unwrap_or("PUT");
        batch.push(match (parse(resource.get().as_bytes(), &limits), identity) {
            (Err(error), _) => Line::Bad(line, format!("not JSON: {}", error.kind)),
            (Ok(_), _) if !matches!(method, "POST" | "PUT") => {
                Line::Bad(line, format!("an import takes POST and PUT, not {method}"))
            }
            (Ok(mut value), identity) => {
                if let (Some((_, id)), Some(object)) = (identity, value.as_object_mut()) {
                    object.insert("id".to_owned(), Value::String(id.clone()));
                }
                let mut lost = false;
                resource::for_each_reference_mut(&mut value, |reference| {
                    if let Some(target) = known.get(reference.as_str()) {
                        reference.clone_from(target);
                    } else {
                        lost |= reference.starts_with("urn:uuid:");
                    }
                });
                if lost {
                    Line::Bad(line, "refers to a full URL that no entry of the Bundle has".into())
                } else {
                    flag(&mut value);
                    Line::Resource(Sourced { value, line })
                }
            }
        });
        if batch.len() == GROUP && send.blocking_send(std::mem::take(&mut batch)).is_err() {
            return;
        }
    }
    if !batch.is_empty() {
        let _ = send.blocking_send(batch);
    }
}

/// Type and id an entry will have: its own, that of its request, or that of its `urn:uuid:` full URL.
fn identity(entry: &RawEntry<'_>) -> Option<(String, String)> {
    let head = head(entry.resource?.get())?;
    let asked = entry.request.as_ref().and_then(|r| r.url.as_deref()).and_then(resource::split_reference);
    let uuid = entry.full_url.as_deref().and_then(|u| u.strip_prefix("urn:uuid:"));
    let id = asked.map(|(_, id)| id.to_owned()).or(head.1).or(uuid.map(str::to_owned))?;
    Some((head.0, id))
}

/// `resourceType` and `id` of a resource, read no further than needed: nearly all are written with these two first.
fn head(text: &str) -> Option<(String, Option<String>)> {
    #[derive(Default)]
    struct Head {
        kind: Option<String>,
        id: Option<String>,
    }
    impl<'de> Visitor<'de> for &mut Head {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a resource")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while self.kind.is_none() || self.id.is_none() {
                match members.next_key::<Cow<'de, str>>()?.as_deref() {
                    Some("resourceType") => self.kind = Some(members.next_value()?),
                    Some("id") => self.id = Some(members.next_value()?),
                    Some(_) => drop(members.next_value::<IgnoredAny>()?),
                    None => break,
                }
            }
            Ok(())
        }
    }
    let mut head = Head::default();
    // What stands behind the two is not read here, so that it does not end where it should is no fault.
    let _ = serde_json::Deserializer::from_str(text).deserialize_map(&mut head);
    Some((head.kind?, head.id))
}
