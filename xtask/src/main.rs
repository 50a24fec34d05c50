//! The project's own checks: what the compiler and clippy cannot know.
//!
//! `cargo xtask check` runs them all; `cargo xtask check safety links` runs some; `cargo xtask safety` prints the hazard
//! log as a table, `cargo xtask tests` the tests it may name. Each check reads a [`tree::Tree`] and answers with faults, each at a file and a line.

mod decisions;
mod length;
mod links;
mod rooms;
mod rust_source;
mod safety;
mod sbom;
mod tree;
mod words;

use std::process::ExitCode;

use anyhow::Context;
use tree::{Fault, Tree};

/// A check: its name, what it promises, and the rule.
struct Check {
    name: &'static str,
    promise: &'static str,
    run: fn(&Tree) -> Vec<Fault>,
    /// A warning is shown and does not fail the build.
    warns_only: bool,
}

const CHECKS: &[Check] = &[
    Check {
        name: "safety",
        promise: "every hazard is whole, and every control names a test that exists",
        run: safety::check,
        warns_only: false,
    },
    Check {
        name: "rooms",
        promise: "each crate uses only those above it; the store, SQL, HTTP and Cedar stay in their rooms",
        run: rooms::check,
        warns_only: false,
    },
    Check {
        name: "words",
        promise: "no word of where or how the project was made",
        run: words::check,
        warns_only: false,
    },
    Check {
        name: "links",
        promise: "every link between the project's pages leads somewhere",
        run: links::check,
        warns_only: false,
    },
    Check {
        name: "decisions",
        promise: "every decision has a number of its own",
        run: decisions::check,
        warns_only: false,
    },
    Check { name: "length", promise: "files stay short enough to hold in mind", run: length::check, warns_only: true },
];

const USAGE: &str = "usage:
  cargo xtask check [NAME...]   run the project's own checks (safety, rooms, words, links, decisions, length)
  cargo xtask safety            print the hazard log as a table
  cargo xtask sbom              print what is in the binary as a bill of materials (CycloneDX)
  cargo xtask tests [WORD]      list the Rust tests that a control of the hazard log may name
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check", names @ ..] => check(&read_tree()?, names),
        ["safety"] => {
            print!("{}", safety::table(&read_tree()?)?);
            Ok(ExitCode::SUCCESS)
        }
        ["sbom"] => {
            print!("{}", sbom::print(&read_tree()?)?);
            Ok(ExitCode::SUCCESS)
        }
        ["tests"] => {
            print!("{}", safety::tests(&read_tree()?, ""));
            Ok(ExitCode::SUCCESS)
        }
        ["tests", word] => {
            print!("{}", safety::tests(&read_tree()?, word));
            Ok(ExitCode::SUCCESS)
        }
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}

fn read_tree() -> anyhow::Result<Tree> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let root = here
        .ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .context("run this inside the project")?;
    Tree::read(root)
}

fn check(tree: &Tree, names: &[&str]) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = names.iter().find(|name| CHECKS.iter().all(|check| check.name != **name)) {
        anyhow::bail!("there is no check called '{unknown}'\n{USAGE}");
    }
    let mut failed = 0;
    for check in CHECKS.iter().filter(|check| names.is_empty() || names.contains(&check.name)) {
        let faults = (check.run)(tree);
        let verdict = match (faults.is_empty(), check.warns_only) {
            (true, _) => "ok",
            (false, true) => "warning",
            (false, false) => "failed",
        };
        println!("{:<9} {verdict:<7} {}", check.name, check.promise);
        for fault in &faults {
            println!("  {fault}");
        }
        failed += usize::from(verdict == "failed");
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
