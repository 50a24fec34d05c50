//! `kith export`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::Export;
use crate::config::Config;

pub async fn run(args: &Export, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    std::fs::create_dir_all(&args.to).with_context(|| format!("cannot make {}", args.to.display()))?;
    door.system("Kith export").record_event("export", "whole record as NDJSON").await?;
    let mut files: BTreeMap<&'static str, (BufWriter<File>, u64)> = BTreeMap::new();
    let bar = super::import::spinner("resources written");
    let mut after = None;
    loop {
        let page = door.walk(after, 1000).await?;
        let Some((mark, _)) = page.last() else { break };
        after = Some(*mark);
        for (_, entry) in &page {
            let (file, count) = match files.entry(entry.kind) {
                std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let path = args.to.join(format!("{}.ndjson", entry.kind));
                    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
                    place.insert((BufWriter::new(file), 0))
                }
            };
            file.write_all(&kith_fhir::json::canonical(&entry.value))?;
            file.write_all(b"\n")?;
            *count += 1;
        }
        bar.inc(page.len() as u64);
    }
    bar.finish_and_clear();
    for (kind, (mut file, count)) in files {
        file.flush()?;
        println!("{kind:<24}{count:>12}");
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}
