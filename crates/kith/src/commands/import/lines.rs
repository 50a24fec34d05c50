//! NDJSON: streamed, a resource a line.

use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use kith_fhir::json;
use kith_fhir::json::{Limits, parse};
use tokio::sync::mpsc;

use super::files::opened;
use super::{Line, PROGRESS, Shared, explain, flag, settle, unreadable};
use crate::loading::{self, Counts, Sourced};

/// Lines of NDJSON committed together.
const LINES: usize = 300;

/// Streams lines. `Some(counts)` when every line went in.
pub(super) async fn lines(
    shared: &Arc<Shared>,
    path: &Path,
    name: &str,
    mark: &str,
    from: usize,
) -> anyhow::Result<Option<Counts>> {
    let (send, mut receive) = mpsc::channel::<Vec<Line>>(2);
    let source = path.to_owned();
    let reader = tokio::task::spawn_blocking(move || read_lines(&source, from, &send));
    let mut clean = from == 0;
    let mut counts = Counts::default();
    while let Some(batch) = receive.recv().await {
        let mut group = Vec::with_capacity(batch.len());
        let mut last = 0;
        for line in batch {
            match line {
                Line::Resource(item) => {
                    last = item.line;
                    group.push(item);
                }
                Line::Bad(line, reason) => {
                    last = line;
                    clean = false;
                    unreadable(shared, name, line, reason).await?;
                }
            }
        }
        let loaded = loading::put(&shared.access, "import", group).await.map_err(explain)?;
        let (batch_counts, refused) = settle(shared, name, loaded).await?;
        counts.add(batch_counts);
        clean &= refused == 0;
        shared.access.remember(PROGRESS, mark, &json!({"line": last}), None).await?;
    }
    reader.await??;
    if !clean {
        // The next run reads the file again, so that what waits for something gets another try.
        shared.access.forget(PROGRESS, mark).await?;
    }
    Ok(clean.then_some(counts))
}

fn read_lines(path: &Path, from: usize, send: &mpsc::Sender<Vec<Line>>) -> anyhow::Result<()> {
    let mut reader = opened(path)?;
    let limits = Limits::default();
    let mut buffer = Vec::new();
    let mut batch = Vec::with_capacity(LINES);
    let mut number = 0;
    loop {
        buffer.clear();
        // One line more than a resource may hold is not read into memory whole.
        let read = reader.by_ref().take(limits.max_bytes as u64 + 2).read_until(b'\n', &mut buffer)?;
        if read == 0 {
            break;
        }
        number += 1;
        let too_long = !buffer.ends_with(b"\n") && read > limits.max_bytes;
        if too_long {
            skip_line(&mut reader)?;
        }
        if number <= from || buffer.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        batch.push(if too_long {
            Line::Bad(number, format!("the line is longer than {} MiB", limits.max_bytes >> 20))
        } else {
            match parse(buffer.trim_ascii_end(), &limits) {
                Ok(mut value) => {
                    flag(&mut value);
                    Line::Resource(Sourced { value, line: number })
                }
                Err(error) => Line::Bad(number, format!("not JSON: {}", error.kind)),
            }
        });
        if batch.len() == LINES && send.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        let _ = send.blocking_send(batch);
    }
    Ok(())
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(());
        }
        match chunk.iter().position(|b| *b == b'\n') {
            Some(at) => {
                reader.consume(at + 1);
                return Ok(());
            }
            None => {
                let length = chunk.len();
                reader.consume(length);
            }
        }
    }
}
