//! Verifying a long audit chain: `kith audit verify` beside one thread that reads the same rows and hashes them once.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use kith_trust::{Door, DoorConfig};
use sha2::{Digest, Sha256};

use crate::measures::{Table, Target};
use crate::process;

/// Acts in work at once while the chain is made: the writer groups them.
const AT_ONCE: u64 = 512;

/// Makes a chain of `entries` acts through the door, then has it verified.
pub fn verify(table: &mut Table, kith: &Path, folder: &Path, entries: u64) -> anyhow::Result<()> {
    let data = folder.join("audit");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let made = Instant::now();
    runtime.block_on(make(&data, entries))?;
    table.line("audit: entries appended", "/s", entries as f64 / made.elapsed().as_secs_f64(), None, Target::None);
    let raw = raw(&data)?;
    let (taken, said) =
        process::run(Command::new(kith).arg("--data").arg(&data).args(["audit", "verify"]), &folder.join("audit.log"))?;
    anyhow::ensure!(said.contains("is whole"), "the chain is not whole: {said}");
    // The target stands for a million; a quick run is held to its share of it.
    let most = 10.0 * entries as f64 / 1e6;
    table.line("audit: chain verified", "s", taken.wall.as_secs_f64(), Some(raw), Target::Most(most.max(1.0)));
    Ok(())
}

async fn make(data: &Path, entries: u64) -> anyhow::Result<()> {
    let mut config = DoorConfig::new(data);
    config.durable = false;
    let door = Arc::new(Door::open(config).await?);
    let mut begun = 0;
    let mut work = tokio::task::JoinSet::new();
    while begun < entries || !work.is_empty() {
        while begun < entries && (work.len() as u64) < AT_ONCE {
            let access = door.system("Kith bench");
            let reason = format!("act {begun} of a day in the neighbourhood");
            work.spawn(async move { access.record_event("open", &reason).await });
            begun += 1;
        }
        work.join_next().await.context("nothing in work")???;
    }
    door.close().await?;
    Ok(())
}

/// Seconds to read every row and hash its bytes once, on one thread.
fn raw(data: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let connection = rusqlite::Connection::open(data.join("kith.sqlite"))?;
    let mut statement = connection.prepare("SELECT body, hash FROM audit ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut seen = [0u8; 32];
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(0)?;
        let hash: Vec<u8> = row.get(1)?;
        seen = Sha256::new().chain_update(seen).chain_update(&body).chain_update(&hash).finalize().into();
    }
    anyhow::ensure!(seen != [0; 32], "there was nothing to read");
    Ok(began.elapsed().as_secs_f64())
}
