//! How fast the language is: `cargo run --release -p kith-fhir --example measure -- FOLDER` with a folder of gzipped
//! Bundles. Prints MB/s of reading and writing and µs a resource for what every import does.

use std::{hint::black_box, io::Read, time::Instant};

use kith_fhir::{Value, compartment, json, resource, search};

fn main() {
    let folder = std::env::args().nth(1).expect("a folder of gzipped Bundles");
    let mut bundles = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read").step_by(4) {
        let file = std::fs::File::open(entry.expect("the folder can be read").path()).expect("the file can be read");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("the file is gzipped");
        bundles.push(bytes);
    }
    let bytes: usize = bundles.iter().map(Vec::len).sum();
    let rate = |what: &str, bytes: usize, start: Instant| {
        println!("{what}: {:.0} MB/s", bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
    };

    let start = Instant::now();
    for bundle in &bundles {
        black_box(serde_json::from_slice::<Value>(bundle).expect("JSON"));
    }
    rate("serde_json reads (baseline)", bytes, start);

    let start = Instant::now();
    let read: Vec<Value> =
        bundles.iter().map(|bundle| json::parse(bundle, &json::Limits::default()).expect("JSON")).collect();
    rate("json::parse", bytes, start);

    let resources: Vec<&Value> = read
        .iter()
        .flat_map(|bundle| bundle["entry"].as_array().into_iter().flatten().map(|entry| &entry["resource"]))
        .collect();
    let count = resources.len() as f64;
    let each = |what: &str, start: Instant| {
        println!("{what}: {:.2} µs a resource", start.elapsed().as_secs_f64() * 1e6 / count);
    };

    let start = Instant::now();
    let mut out = Vec::new();
    let mut written = 0;
    for resource in &resources {
        out.clear();
        json::write_canonical(resource, &mut out);
        written += out.len();
    }
    rate("json::write_canonical", written, start);

    let start = Instant::now();
    let definitions = search::definitions();
    println!("definitions: {:.1} ms, once", start.elapsed().as_secs_f64() * 1e3);

    compartment::patient_of(resources[0]);
    let start = Instant::now();
    for resource in &resources {
        black_box(compartment::patient_of(resource));
    }
    each("compartment::patient_of", start);

    let start = Instant::now();
    let (mut terms, mut params) = (Vec::new(), 0);
    for resource in &resources {
        terms.clear();
        for param in definitions.params(resource::type_of(resource).unwrap_or_default()) {
            param.extract_into(resource, &mut terms);
            params += 1;
        }
        black_box(&terms);
    }
    each("every search parameter extracted", start);
    println!("  which is {:.3} µs a parameter", start.elapsed().as_secs_f64() * 1e6 / f64::from(params));

    let start = Instant::now();
    let query = search::Query::new("Observation")
        .and_then(|q| q.where_("code", "8302-2"))
        .and_then(|q| q.where_("date", "ge2015"));
    let query = query.expect("a good query");
    let found = resources.iter().filter(|resource| query.matches(resource)).count();
    each("a query of two criteria, over all types", start);
    println!("{} resources, {found} found", resources.len());
}
