//! `make bench`: what Kith does in how much time and room, each figure beside a raw baseline from the same run.
//!
//! Everything is measured from outside, on the release binary, as the people who use it meet it: `kith import` on a new
//! folder, `kith demo` served over HTTP on this machine. The load comes from this process, on the same processors, so the
//! server never has the machine to itself. `docs/performance.md` keeps what was measured and what the limits are.

mod access;
mod audit;
mod browser;
mod bundles;
mod journey;
mod load;
mod measures;
mod process;
mod raw;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Kith beside a raw baseline from the same run.
#[derive(Parser)]
struct Args {
    /// The binary to measure [default: `kith` beside this one]
    #[arg(long)]
    kith: Option<PathBuf>,
    /// A small, short run, to see that everything works: its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// People of the neighbourhood
    #[arg(long)]
    people: Option<usize>,
    /// Works on a copy of this folder, made by `kith demo --prepare`, instead of making a neighbourhood
    #[arg(long)]
    prepared: Option<PathBuf>,
    /// Only these measures
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// End with 1 if a target is missed
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Access,
    Import,
    Audit,
    Demo,
    Record,
    Journey,
}

/// How much of everything.
pub struct Size {
    pub people: usize,
    pub rounds: usize,
    /// Bundles imported, if not all.
    pub bundles: Option<usize>,
    pub seconds: u64,
    pub journeys: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let kith = match args.kith {
        Some(kith) => kith,
        None => std::env::current_exe()?.with_file_name("kith"),
    };
    let kith = kith.canonicalize().with_context(|| format!("{} is not there: build it first", kith.display()))?;
    let mut size = if args.quick {
        Size { people: 300, rounds: 1, bundles: Some(10), seconds: 2, journeys: 20 }
    } else {
        Size { people: 10_000, rounds: 3, bundles: None, seconds: 20, journeys: 200 }
    };
    size.people = args.people.unwrap_or(size.people);
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let mut table = measures::Table::new();
    if wanted(Part::Access) {
        runtime.block_on(access::access(&mut table, args.quick))?;
    }
    if wanted(Part::Import) {
        measures::import(&mut table, &kith, folder.path(), &size)?;
    }
    if wanted(Part::Audit) {
        audit::verify(&mut table, &kith, folder.path(), if args.quick { 20_000 } else { 1_000_000 })?;
    }
    if [Part::Demo, Part::Record, Part::Journey].into_iter().any(wanted) {
        let neighbourhood = measures::prepare(&mut table, &kith, folder.path(), &size, args.prepared.as_deref())?;
        runtime.block_on(async {
            if wanted(Part::Demo) {
                measures::at_rest(&mut table, &kith, &neighbourhood).await?;
            }
            if wanted(Part::Record) {
                measures::record(&mut table, &kith, &neighbourhood, &size).await?;
            }
            if wanted(Part::Journey) {
                measures::journeys(&mut table, &kith, &neighbourhood, &size).await?;
            }
            anyhow::Ok(())
        })?;
    }
    if args.quick {
        println!("\nA quick run: that it ends is all it says.");
    }
    Ok(if args.strict && table.missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
