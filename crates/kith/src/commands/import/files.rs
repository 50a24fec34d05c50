//! Which files are imported, and how one is opened.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use kith_fhir::json::{Limits, parse};
use kith_fhir::resource;

/// Every file under the paths that may hold FHIR, in a fixed order.
pub fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = paths.to_vec();
    for path in paths {
        if !path.exists() {
            bail!("{} is not there", path.display());
        }
    }
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
                waiting.push(entry?.path());
            }
        } else if paths.contains(&path) || looks_like_fhir(&path) {
            found.push(path);
        }
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        bail!("no .json, .ndjson or .jsonl file (plain or .gz) is there");
    }
    Ok(found)
}

/// The ending of a file's name without `.gz`, in small letters. Some archives leave a stray quotation mark in their names.
fn ending(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default().replace('"', "");
    let name = Path::new(&name);
    let plain = if name.extension().is_some_and(|e| e == "gz") { name.with_extension("") } else { name.to_owned() };
    plain.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default()
}

fn looks_like_fhir(path: &Path) -> bool {
    matches!(ending(path).as_str(), "json" | "ndjson" | "jsonl")
}

/// Name, size and time of a file: what a finished one is known by.
pub(super) fn mark_of(path: &Path) -> anyhow::Result<String> {
    let meta = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let time =
        meta.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(format!("{}|{}|{time}", path.display(), meta.len()))
}

pub(super) fn opened(path: &Path) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let gzipped = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if gzipped {
        Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(reader)))
    } else {
        Box::new(reader)
    })
}

pub(super) fn is_lines(path: &Path) -> anyhow::Result<bool> {
    match ending(path).as_str() {
        "ndjson" | "jsonl" => return Ok(true),
        "json" => return Ok(false),
        _ => {}
    }
    // A file named outright, of no known ending: NDJSON if its first line is a whole resource.
    let mut first = Vec::new();
    opened(path)?.take(1 << 20).read_until(b'\n', &mut first)?;
    Ok(parse(&first, &Limits::default()).is_ok_and(|v| resource::type_of(&v).is_some_and(|t| t != "Bundle")))
}
