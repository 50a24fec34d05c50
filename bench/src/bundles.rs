//! What is imported: the Synthea Bundles where they are at hand, else as many lives of the twin, written as Bundles.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flate2::Compression;
use flate2::write::GzEncoder;
use kith_fhir::{Value, json, resource};
use kith_twin::{Neighbourhood, Plan};

/// Bundles to import, and what they are called.
pub struct Bundles {
    pub name: &'static str,
    pub files: Vec<PathBuf>,
}

/// `KITH_SHARED`, or `../shared/data` beside the project.
fn shared() -> PathBuf {
    std::env::var_os("KITH_SHARED").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

/// Finds the Synthea Bundles, or writes Bundles of `people` of the twin into `folder`. `some` takes only so many of them.
pub fn find(folder: &Path, people: usize, some: Option<usize>) -> anyhow::Result<Bundles> {
    let synthea = shared().join("synthea-r4");
    let mut name = "Synthea Bundles";
    let from = if synthea.is_dir() {
        synthea
    } else {
        name = "Bundles made by the twin";
        write(folder, people)?;
        folder.to_owned()
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(&from)
        .with_context(|| format!("cannot list {}", from.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().replace('"', "").ends_with(".json.gz"))
        .collect();
    files.sort();
    files.truncate(some.unwrap_or(usize::MAX));
    Ok(Bundles { name, files })
}

fn write(folder: &Path, people: usize) -> anyhow::Result<()> {
    let twin = Neighbourhood::new(Plan { people, ..Plan::new(1, jiff::civil::date(2026, 3, 2)) });
    let slots: Vec<Value> = twin.slots().filter(|slot| slot["status"] == "busy").collect();
    bundle(&folder.join("0-estate.json.gz"), twin.estate().into_iter().chain(slots))?;
    // Proxies may live in another household: all people of a Bundle's worth together.
    let mut number = 0;
    let mut lives = Vec::new();
    for household in twin.households() {
        lives.extend(household.people.into_iter().flat_map(|person| person.resources));
        if lives.len() > 300 {
            number += 1;
            bundle(&folder.join(format!("{number:05}.json.gz")), lives.drain(..))?;
        }
    }
    bundle(&folder.join("99999.json.gz"), lives.into_iter())
}

fn bundle(path: &Path, resources: impl Iterator<Item = Value>) -> anyhow::Result<()> {
    let entries: Vec<Value> = resources
        .map(|value| {
            let url = resource::reference_of(&value).unwrap_or_default();
            json!({"resource": value, "request": {"method": "PUT", "url": url}})
        })
        .collect();
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": entries});
    let mut out = GzEncoder::new(std::fs::File::create(path)?, Compression::default());
    out.write_all(bundle.to_string().as_bytes())?;
    out.finish()?;
    Ok(())
}
