//! Records written by somebody else go in and come out whole. Skipped, with a note, where the shared data is absent.

mod common;

use std::io::Read;
use std::path::{Path, PathBuf};

use common::server;
use kith_api::fhir::check;
use kith_fhir::json::{Limits, canonical, parse};
use kith_fhir::{Value, json, resource};

fn bundles() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("KITH_SHARED").map_or(beside, PathBuf::from);
    let found = [root.join("synthea-r4"), root.join("data/synthea-r4")].into_iter().find(|path| path.is_dir());
    let Some(folder) = found else {
        eprintln!("note: no synthea-r4 in shared data (set KITH_SHARED): this test checks nothing here");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "gz"));
    paths.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    paths
}

fn read(path: &Path) -> Value {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    parse(&bytes, &Limits::default()).unwrap()
}

#[test]
fn nothing_that_is_well_formed_is_refused() {
    for path in bundles().iter().step_by(8) {
        for entry in read(path)["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            let issues = check::problems(resource, "");
            assert!(issues.is_empty(), "{:?}: {issues:?}", resource::type_of(resource));
        }
    }
}

#[tokio::test]
async fn a_whole_life_goes_in_as_one_transaction_and_comes_out_the_same() {
    let paths = bundles();
    let is_people = |path: &&PathBuf| !path.to_string_lossy().contains("Information");
    let Some(person) = paths.iter().find(is_people) else { return };
    let server = server().await;
    // Whom the life refers to by condition must be there first.
    for path in paths.iter().filter(|path| !is_people(path)) {
        let mut bundle = read(path);
        bundle["type"] = json!("transaction");
        let answer = server.post("/fhir", &bundle).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes[..answer.bytes.len().min(600)]));
    }
    let mut bundle = read(person);
    // Provenance is made by the record itself.
    bundle["entry"].as_array_mut().unwrap().retain(|entry| entry["resource"]["resourceType"] != "Provenance");
    let answer = server.post("/fhir", &bundle).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes[..answer.bytes.len().min(600)]));
    let answer = answer.json();
    let sent = bundle["entry"].as_array().unwrap();
    let answers = answer["entry"].as_array().unwrap();
    assert_eq!(sent.len(), answers.len());
    let mut patient = String::new();
    for (sent, answer) in sent.iter().zip(answers) {
        let place = answer["response"]["location"].as_str().unwrap();
        let path = &place[place.find("/fhir").unwrap()..];
        let mut got = server.get(path).await.json();
        let mut sent = sent["resource"].clone();
        if sent["resourceType"] == "Patient" {
            patient = got["id"].as_str().unwrap().to_owned();
        }
        // Ids and references are given new values; all else stays, digit for digit.
        for value in [&mut got, &mut sent] {
            value.as_object_mut().unwrap().remove("id");
            if let Some(meta) = value["meta"].as_object_mut() {
                meta.remove("versionId");
                meta.remove("lastUpdated");
                if meta.is_empty() {
                    value.as_object_mut().unwrap().remove("meta");
                }
            }
            if value["meta"].is_null() {
                value.as_object_mut().unwrap().remove("meta");
            }
            resource::for_each_reference_mut(value, String::clear);
        }
        assert_eq!(String::from_utf8(canonical(&got)).unwrap(), String::from_utf8(canonical(&sent)).unwrap(), "{path}");
    }
    let of_theirs = server.get(&format!("/fhir/Patient/{patient}/$everything?_summary=count")).await.json();
    assert!(of_theirs["total"].as_str().is_none() && of_theirs["total"].to_string().parse::<usize>().unwrap() > 5);
    assert_eq!(server.door.check().await.unwrap().problems, Vec::<String>::new());
}
