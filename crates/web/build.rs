//! Refuses to build without the NHS design system at the pinned versions, and says how to get it.

use std::fs;
use std::path::Path;

fn main() {
    for watched in ["build.rs", "templates", "static", "assets"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let assets = Path::new("assets");
    let read = |name: &str| fs::read_to_string(assets.join(name)).unwrap_or_default();
    let pinned = read("package-lock.json") + &read("requirements.txt");
    match fs::read_to_string(assets.join("vendor/stamp")) {
        Ok(fetched) if fetched == pinned => {}
        Ok(_) => println!(
            "cargo::error=the NHS design system in crates/web/assets/vendor is not the version pinned here: run `make assets`"
        ),
        Err(_) => println!(
            "cargo::error=the NHS design system is not here yet: run `make assets` (it runs crates/web/assets/fetch.sh)"
        ),
    }
}
