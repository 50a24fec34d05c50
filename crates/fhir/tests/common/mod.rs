//! The shared data, where it is to be had.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use kith_fhir::{Value, json};

/// The folder of shared data: `KITH_SHARED`, or `../shared/data` beside the project. Prints a note where absent.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("KITH_SHARED").map_or(beside, PathBuf::from);
    let found = [root.join(folder), root.join("data").join(folder)].into_iter().find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("note: no {folder} in shared data (set KITH_SHARED): this test checks nothing here");
    }
    found
}

/// The bytes of every `step`-th Synthea Bundle.
pub fn synthea(step: usize) -> Vec<Vec<u8>> {
    let Some(folder) = shared("synthea-r4") else { return Vec::new() };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
        bytes
    };
    paths.iter().step_by(step).map(read).collect()
}

/// The resources of a Bundle.
pub fn resources(bundle: &[u8]) -> Vec<Value> {
    let bundle = json::parse(bundle, &json::Limits::default()).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["resource"].clone()).collect()
}
