//! The hazard log (`docs/safety/hazards.toml`): whole, scored by the matrix of DCB0129, and held by tests that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::Context;

use kith_safety::{Estimate, Log, matrix};

use crate::rust_source;
use crate::tree::{Fault, Tree, has_extension};

const LOG: &str = "docs/safety/hazards.toml";

pub fn check(tree: &Tree) -> Vec<Fault> {
    let Some(text) = tree.text(LOG) else {
        return vec![Fault::new(LOG, 0, "there is no hazard log")];
    };
    let log = match Log::parse(text) {
        Ok(log) => log,
        Err(error) => {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            return vec![Fault::new(LOG, line, error.message().to_owned())];
        }
    };
    let known = KnownTests::of(tree);
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for hazard in &log.hazard {
        let line = line_of(text, &hazard.id);
        if !ids.insert(&hazard.id) {
            faults.push(Fault::new(LOG, line, format!("{} is given twice", hazard.id)));
        }
        for what in hazard.faults() {
            faults.push(Fault::new(LOG, line, format!("{}: {what}", hazard.id)));
        }
        for control in &hazard.controls {
            for test in &control.tests {
                if let Some(what) = known.missing(test) {
                    faults.push(Fault::new(LOG, line_of(text, test), format!("{}: {what}", hazard.id)));
                }
            }
        }
    }
    faults
}

/// The hazard log as a table for reading on a terminal or pasting into a safety case.
pub fn table(tree: &Tree) -> anyhow::Result<String> {
    let text = tree.text(LOG).with_context(|| format!("{LOG} is missing"))?;
    let log = Log::parse(text).with_context(|| format!("{LOG} cannot be read"))?;
    let mut out = format!("Hazard log {} of {}, owner {}\n\n", log.version, log.date, log.owner);
    out.push_str(
        "| id | hazard | before | after | acceptability | status | controls (tests) |\n|---|---|---|---|---|---|---|\n",
    );
    for hazard in &log.hazard {
        let (before, after) = (hazard.before.risk(), hazard.after.risk());
        let tests: usize = hazard.controls.iter().map(|control| control.tests.len()).sum();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} ({tests}) |",
            hazard.id,
            hazard.name,
            score(hazard.before, before),
            score(hazard.after, after),
            after.map_or("", matrix::acceptability),
            hazard.status.word(),
            hazard.controls.len(),
        )?;
    }
    Ok(out)
}

/// Every test a control may name whose crate or name contains `word`, one on a line, with its file.
pub fn tests(tree: &Tree, word: &str) -> String {
    let known = KnownTests::of(tree);
    let mut out = String::new();
    for (package, tests) in &known.rust {
        for (name, places) in tests {
            let line = format!("{package}::{name}");
            if (line.contains(word) || places[0].0.contains(word)) && places.iter().any(|(_, ignored)| !ignored) {
                out.push_str(&line);
                out.push_str("  ");
                out.push_str(places[0].0);
                out.push('\n');
            }
        }
    }
    out
}

fn score(estimate: Estimate, risk: Option<u8>) -> String {
    let risk = risk.map_or_else(|| "?".to_owned(), |risk| risk.to_string());
    format!("{risk} (S{} L{})", estimate.severity, estimate.likelihood)
}

fn line_of(text: &str, quoted: &str) -> usize {
    let quoted = format!("\"{quoted}\"");
    text.lines().position(|line| line.contains(&quoted)).map_or(0, |index| index + 1)
}

/// Test name → each file that holds it, and whether it is ignored there.
type TestsByName<'a> = BTreeMap<&'a str, Vec<(&'a str, bool)>>;

/// The tests that the tree holds: by crate for Rust, by title for the browser.
struct KnownTests<'a> {
    /// By crate name as in a path: `kith_booking`.
    rust: BTreeMap<String, TestsByName<'a>>,
    sources: BTreeMap<&'a str, &'a str>,
    browser: Vec<&'a str>,
}

impl<'a> KnownTests<'a> {
    fn of(tree: &'a Tree) -> Self {
        let mut known = Self { rust: BTreeMap::new(), sources: BTreeMap::new(), browser: Vec::new() };
        for (path, text) in tree.texts() {
            if has_extension(path, "rs") {
                let package = match path.split('/').collect::<Vec<_>>().as_slice() {
                    ["crates", "kith", ..] => "kith".to_owned(),
                    ["crates", room, ..] => format!("kith_{room}"),
                    // Tests of the whole program stand beside the crates and are run as the binary's.
                    ["tests", ..] => "kith".to_owned(),
                    [folder, ..] => (*folder).to_owned(),
                    [] => continue,
                };
                let tests = known.rust.entry(package).or_default();
                for test in rust_source::tests(path, text) {
                    tests.entry(test.name).or_default().push((path, test.ignored));
                }
                known.sources.insert(path, text);
            } else if path.starts_with("e2e/") && path.ends_with(".test.js") {
                known.browser.push(text);
            }
        }
        known
    }

    /// Why `named` is not a test that runs: `kith_booking::holds::a_slot_is_never_given_twice` or `e2e: title`.
    fn missing(&self, named: &str) -> Option<String> {
        if let Some(title) = named.strip_prefix("e2e: ") {
            let there = self.browser.iter().any(|text| runs_title(text, title));
            return (!there).then(|| format!("no browser test is called '{title}'"));
        }
        let mut parts: Vec<&str> = named.split("::").collect();
        let (Some(name), true) = (parts.pop(), !parts.is_empty()) else {
            return Some(format!("'{named}' is neither crate::path::test nor 'e2e: title'"));
        };
        let package = parts.remove(0);
        let Some(tests) = self.rust.get(package) else {
            return Some(format!("'{named}': there is no crate '{package}'"));
        };
        let Some(places) = tests.get(name) else {
            return Some(format!("no test of {package} is called '{name}'"));
        };
        let along_the_path = places.iter().filter(|(file, _)| parts.iter().all(|part| self.has_module(file, part)));
        let mut found = false;
        for (_, ignored) in along_the_path {
            if !ignored {
                return None;
            }
            found = true;
        }
        Some(if found {
            format!("'{named}' is marked ignore: it does not run")
        } else {
            format!("'{name}' stands elsewhere than '{named}': {}", places[0].0)
        })
    }

    /// Whether `part` of a test's path is a folder, a file or a module of the file.
    fn has_module(&self, file: &str, part: &str) -> bool {
        file.split('/').any(|piece| piece.trim_end_matches(".rs") == part)
            || self.sources.get(file).is_some_and(|text| text.contains(&format!("mod {part} ")))
    }
}

/// Whether a browser test with this title stands in `text` and is not skipped.
fn runs_title(text: &str, title: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        ['\'', '"', '`'].iter().any(|quote| {
            let quoted = format!("({quote}{title}{quote}");
            line.find(&quoted).is_some_and(|at| {
                let call = line[..at].trim_start_matches("await ").trim_start_matches("t.");
                matches!(call, "test" | "it" | "test.only" | "it.only")
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
version = "1"
date = "2026-11-20"
owner = "Clinical safety group"

[[hazard]]
id = "H01"
area = "booking"
hazard = "A slot is given twice"
causes = ["Two people book at once"]
effect = "Two people arrive"
harm = "Treatment is delayed"
before = { severity = 3, likelihood = 4 }
after = { severity = 3, likelihood = 1 }
owner = "Booking lead"
status = "controlled"

[[hazard.controls]]
text = "The store refuses an overlap"
tests = ["kith_booking::tests::a_slot_is_never_given_twice", "e2e: a taken slot is said to be taken"]
"#;
    const RUST: &str = "mod tests {\n#[test]\nfn a_slot_is_never_given_twice() {}\n}\n";
    const BROWSER: &str = "test('a taken slot is said to be taken', async () => {});\n";

    fn faults(log: &str, rust: &str, browser: &str) -> Vec<String> {
        let tree = Tree::from([(LOG, log), ("crates/booking/src/lib.rs", rust), ("e2e/tests/a.test.js", browser)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_whole_log_held_by_tests_passes() {
        assert_eq!(faults(WHOLE, RUST, BROWSER), Vec::<String>::new());
    }

    #[test]
    fn a_control_whose_test_is_gone_is_caught_at_its_line() {
        let found = faults(WHOLE, "fn a_slot_is_never_given_twice() {}", BROWSER);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("docs/safety/hazards.toml:20: H01: no test"), "{found:?}");
        assert_eq!(faults(WHOLE, RUST, "test('another', () => {})").len(), 1);
    }

    #[test]
    fn a_test_that_is_ignored_or_skipped_or_elsewhere_holds_nothing() {
        assert!(faults(WHOLE, &RUST.replace("#[test]", "#[test]\n#[ignore]"), BROWSER)[0].contains("ignore"));
        assert_eq!(faults(WHOLE, RUST, &BROWSER.replace("test(", "test.skip(")).len(), 1);
        assert!(faults(&WHOLE.replace("booking::tests", "booking::holds"), RUST, BROWSER)[0].contains("elsewhere"));
    }

    #[test]
    fn a_control_without_a_test_is_caught() {
        let untested = WHOLE.lines().map(|l| if l.starts_with("tests") { "tests = []" } else { l });
        assert_eq!(faults(&untested.collect::<Vec<_>>().join("\n"), RUST, BROWSER).len(), 1);
    }

    #[test]
    fn an_identifier_given_twice_is_caught() {
        let hazard = &WHOLE[WHOLE.find("[[hazard]]").unwrap()..];
        let found = faults(&format!("{WHOLE}\n{hazard}"), RUST, BROWSER);
        assert!(found.iter().any(|fault| fault.contains("given twice")), "{found:?}");
    }

    #[test]
    fn a_field_left_out_or_misspelt_is_caught() {
        assert_eq!(faults(&WHOLE.replace("harm = ", "harmm = "), RUST, BROWSER).len(), 1);
        assert_eq!(faults(&WHOLE.replace("status = \"controlled\"", "status = \"fine\""), RUST, BROWSER).len(), 1);
    }

    #[test]
    fn tests_that_a_control_may_name_are_listed() {
        let tree = Tree::from([("crates/booking/src/lib.rs", RUST)]);
        assert_eq!(tests(&tree, "booking"), "kith_booking::a_slot_is_never_given_twice  crates/booking/src/lib.rs\n");
        assert_eq!(tests(&tree, "handover"), "");
    }

    #[test]
    fn the_table_shows_the_risk_before_and_after() {
        let printed = table(&Tree::from([(LOG, WHOLE)])).unwrap();
        assert!(printed.contains("| H01 | A slot is given twice | 3 (S3 L4) | 2 (S3 L1) |"), "{printed}");
    }
}
