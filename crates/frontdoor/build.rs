//! Lists the pathways and vocabularies of `content/` as `include_str!` items, so that one binary carries its content.

use std::{env, fmt::Write as _, fs, path::Path};

fn main() {
    let content = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../content");
    let mut code = String::new();
    for (name, folder) in [("PATHWAYS", "pathways"), ("VOCABULARY", "vocabulary")] {
        let folder = content.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files: Vec<_> = fs::read_dir(&folder)
            .map(|entries| entries.filter_map(Result::ok).map(|e| e.path()).collect())
            .unwrap_or_default();
        files.retain(|p: &std::path::PathBuf| p.extension().is_some_and(|e| e == "toml"));
        files.sort();
        writeln!(code, "/// File name and text of each file.\npub(crate) const {name}: &[(&str, &str)] = &[")
            .expect("a string");
        for file in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let short = file.file_name().and_then(|n| n.to_str()).expect("content file names are UTF-8");
            let full = file.canonicalize().expect("listed a moment ago");
            let full = full.to_str().expect("the source folder's path is UTF-8");
            writeln!(code, "    ({short:?}, include_str!({full:?})),").expect("a string");
        }
        code.push_str("];\n");
    }
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("content.rs");
    fs::write(out, code).expect("the build folder can be written");
}
