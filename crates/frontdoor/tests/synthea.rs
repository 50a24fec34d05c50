//! Facts can be read from records that others wrote. Needs the shared data; says so and passes where there is none.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::civil::date;
use kith_frontdoor::{Answers, Facts, Pathways};
use serde_json::Value;

#[test]
fn facts_and_groups_are_found_in_records_that_others_wrote() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let shared = env::var_os("KITH_SHARED").map_or(beside, PathBuf::from);
    let folder = [shared.join("synthea-r4"), shared.join("data/synthea-r4")].into_iter().find(|f| f.is_dir());
    let Some(folder) = folder else {
        println!("note: no synthea-r4 in shared data (set KITH_SHARED): this test checks nothing here");
        return;
    };
    let pathways = Pathways::embedded().unwrap_or_else(|error| panic!("{error}"));
    let vocabulary = pathways.vocabulary();
    let (mut people, mut diabetes, mut anticoagulant) = (0, 0, 0);
    for entry in fs::read_dir(folder).unwrap().take(40) {
        let output = Command::new("gzip").arg("-dc").arg(entry.unwrap().path()).output().unwrap();
        let Ok(bundle) = serde_json::from_slice::<Value>(&output.stdout) else { continue };
        let resources: Vec<&Value> = bundle["entry"].as_array().unwrap().iter().map(|e| &e["resource"]).collect();
        let patient = resources.iter().find(|r| r["resourceType"] == "Patient").unwrap();
        let facts = Facts::from_record(patient, resources.iter().copied(), date(2026, 11, 20)).unwrap();
        people += 1;
        diabetes += usize::from(facts.conditions.iter().any(|f| vocabulary.group("diabetes").unwrap().holds(f)));
        let warfarin = vocabulary.group("anticoagulant").unwrap();
        anticoagulant += usize::from(facts.medicines.iter().any(|f| warfarin.holds(f)));
        for pathway in pathways.iter() {
            pathway.assess(&facts, &Answers::new());
        }
    }
    println!("{people} people, {diabetes} with diabetes, {anticoagulant} on an anticoagulant");
    assert!(people >= 30 && diabetes >= 1 && anticoagulant >= 1);
}
