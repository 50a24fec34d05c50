//! The bill of materials: everything that is in the binary, as CycloneDX 1.6 JSON.
//!
//! From `cargo metadata` (what is linked: neither tests' crates nor build tools' own), `Cargo.lock` (checksums) and the pins
//! of the design system. The same tree gives the same bytes: no time of day and no random serial number stands in it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::tree::Tree;

const BINARY: &str = "kith";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The bill of materials of the tree, as text.
pub fn print(tree: &Tree) -> anyhow::Result<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cargo does not run")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    let lock = tree.text("Cargo.lock").context("Cargo.lock is missing")?;
    let assets = [
        tree.text("crates/web/assets/package.json").unwrap_or_default(),
        tree.text("crates/web/assets/requirements.txt").unwrap_or_default(),
    ];
    let bill = bill(&metadata, &checksums(lock)?, &design_system(assets))?;
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

/// Checksum of each package of Cargo.lock, by name and version.
fn checksums(lock: &str) -> anyhow::Result<BTreeMap<(String, String), String>> {
    let table: toml::Table = lock.parse().context("Cargo.lock cannot be read")?;
    let packages = table.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    Ok(packages.iter().filter_map(|p| Some(((text(p, "name")?, text(p, "version")?), text(p, "checksum")?))).collect())
}

/// What the pages bring in from npm and PyPI: name, version, kind of package.
fn design_system([npm, pypi]: [&str; 2]) -> Vec<(String, String, &'static str)> {
    let mut found = Vec::new();
    if let Ok(Value::Object(package)) = serde_json::from_str::<Value>(npm) {
        let dependencies = package.get("dependencies").and_then(Value::as_object);
        for (name, version) in dependencies.into_iter().flatten() {
            found.push((name.clone(), version.as_str().unwrap_or_default().to_owned(), "npm"));
        }
    }
    for line in pypi.lines() {
        if let Some((name, rest)) = line.split_once("==") {
            let version = rest.split([' ', '\\', ';']).next().unwrap_or_default();
            found.push((name.trim().to_owned(), version.to_owned(), "pypi"));
        }
    }
    found
}

fn bill(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    assets: &[(String, String, &'static str)],
) -> anyhow::Result<Value> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> =
        list(metadata, "packages").into_iter().filter_map(|p| Some((p["id"].as_str()?.to_owned(), p))).collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"], "nodes")
        .into_iter()
        .filter_map(|n| Some((n["id"].as_str()?.to_owned(), n)))
        .collect();
    let root = packages.values().find(|p| p["name"] == BINARY).context("there is no package of the binary")?;
    let root = root["id"].as_str().unwrap_or_default().to_owned();

    let mut linked: BTreeSet<String> = BTreeSet::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut waiting = vec![root.clone()];
    while let Some(id) = waiting.pop() {
        if !linked.insert(id.clone()) {
            continue;
        }
        let Some(node) = nodes.get(&id) else { continue };
        for dependency in list(node, "deps") {
            let is_linked = list(&dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
            if let (true, Some(to)) = (is_linked, dependency["pkg"].as_str()) {
                edges.entry(id.clone()).or_default().insert(to.to_owned());
                waiting.push(to.to_owned());
            }
        }
    }
    let purl = |id: &str| {
        let package = &packages[id];
        format!(
            "pkg:cargo/{}@{}",
            package["name"].as_str().unwrap_or_default(),
            package["version"].as_str().unwrap_or_default()
        )
    };
    let mut components = Vec::new();
    for id in linked.iter().filter(|id| **id != root) {
        let package = packages.get(id).with_context(|| format!("{id} is not among the packages"))?;
        components.push(component(package, &purl(id), checksums)?);
    }
    for (name, version, kind) in assets {
        let purl = format!("pkg:{kind}/{name}@{version}");
        components.push(json!({
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required",
        }));
    }
    components.sort_by_key(|c| c["bom-ref"].as_str().unwrap_or_default().to_owned());
    let mut dependencies: Vec<Value> = linked
        .iter()
        .map(|id| {
            let mut on: Vec<String> = edges.get(id).into_iter().flatten().map(|to| purl(to)).collect();
            on.sort_unstable();
            json!({"ref": purl(id), "dependsOn": on})
        })
        .collect();
    dependencies.sort_by_key(|d| d["ref"].as_str().unwrap_or_default().to_owned());
    let own = &packages[&root];
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "xtask sbom"}]},
            "component": {
                "type": "application",
                "bom-ref": purl(&root),
                "name": own["name"],
                "version": own["version"],
                "purl": purl(&root),
                "licenses": [{"expression": own["license"]}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// One crate. What says no licence, or comes from elsewhere than crates.io and this tree, is an error.
fn component(package: &Value, purl: &str, checksums: &BTreeMap<(String, String), String>) -> anyhow::Result<Value> {
    let text = |key: &str| package[key].as_str().map(str::to_owned);
    let (name, version) = (text("name").unwrap_or_default(), text("version").unwrap_or_default());
    let licence = text("license").with_context(|| format!("{name} {version} says no licence"))?;
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "scope": "required",
        // The slash of old manifests means OR.
        "licenses": [{"expression": licence.replace('/', " OR ")}],
    });
    match package["source"].as_str() {
        None => {}
        Some(CRATES_IO) => {
            let checksum = checksums.get(&(name.clone(), version.clone()));
            let checksum = checksum.with_context(|| format!("{name} {version} has no checksum in Cargo.lock"))?;
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        Some(other) => bail!("{name} {version} comes from {other}, not from crates.io"),
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(source: &str, licence: Option<&str>) -> Value {
        json!({
            "packages": [
                {"id": "own", "name": "kith", "version": "0.1.0", "license": "AGPL-3.0-or-later", "source": null},
                {"id": "a", "name": "a", "version": "1.0.0", "license": licence, "source": source},
                {"id": "b", "name": "b", "version": "2.0.0", "license": "MIT", "source": CRATES_IO},
            ],
            "resolve": {"nodes": [
                {"id": "own", "deps": [
                    {"pkg": "a", "dep_kinds": [{"kind": null}]},
                    {"pkg": "b", "dep_kinds": [{"kind": "dev"}]},
                ]},
                {"id": "a", "deps": []},
                {"id": "b", "deps": []},
            ]},
        })
    }

    fn made(source: &str, licence: Option<&str>) -> anyhow::Result<Value> {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n";
        bill(&metadata(source, licence), &checksums(lock).unwrap(), &[])
    }

    #[test]
    fn the_bill_lists_what_is_linked_with_its_checksum_and_not_what_only_tests_use() {
        let bill = made(CRATES_IO, Some("MIT/Apache-2.0")).unwrap();
        let components = bill["components"].as_array().unwrap();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0]["purl"], "pkg:cargo/a@1.0.0");
        assert_eq!(components[0]["hashes"][0]["content"], "abc");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["dependencies"][1], json!({"ref": "pkg:cargo/kith@0.1.0", "dependsOn": ["pkg:cargo/a@1.0.0"]}));
    }

    #[test]
    fn what_says_no_licence_or_comes_from_elsewhere_is_refused() {
        assert!(made(CRATES_IO, None).unwrap_err().to_string().contains("no licence"));
        let elsewhere = made("git+https://example.org/a", Some("MIT")).unwrap_err();
        assert!(elsewhere.to_string().contains("not from crates.io"));
    }

    #[test]
    fn the_design_system_is_in_the_bill() {
        let npm = r#"{"dependencies": {"nhsuk-frontend": "10.6.1"}}"#;
        let found = design_system([npm, "nhsuk-frontend-jinja==0.10.2 \\\n    --hash=sha256:00\n"]);
        assert_eq!(
            found,
            [
                ("nhsuk-frontend".to_owned(), "10.6.1".to_owned(), "npm"),
                ("nhsuk-frontend-jinja".to_owned(), "0.10.2".to_owned(), "pypi"),
            ]
        );
    }
}
