//! The `kith` binary as a child: what it takes in time and memory, and a server of it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// What a finished process took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    pub wall: Duration,
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// The most memory it had resident, in bytes.
    pub peak: u64,
}

/// The number after `name` in `/proc/PID/status`, in bytes.
fn status(pid: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Processor time so far: user and system, in hundredths of a second as Linux counts them.
fn cpu(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = text.rsplit_once(')')?.1;
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 10))
}

/// Runs a command to its end, and gives what it printed.
pub fn run(command: &mut Command, log: &Path) -> anyhow::Result<(Taken, String)> {
    let log = std::fs::File::create(log)?;
    let output = tempfile::NamedTempFile::new()?;
    let began = Instant::now();
    let mut child = command
        .stdout(output.reopen()?)
        .stderr(log)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let mut taken = Taken::default();
    let status_of = loop {
        taken.peak = status(child.id(), "VmHWM").unwrap_or(0).max(taken.peak);
        taken.cpu = cpu(child.id()).unwrap_or_default().max(taken.cpu);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    taken.wall = began.elapsed();
    if !status_of.success() {
        bail!("{command:?} ended with {status_of}");
    }
    Ok((taken, std::fs::read_to_string(output.path())?))
}

/// A running `kith`.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// From being started to answering that it is ready.
    pub ready: Duration,
}

impl Server {
    /// Starts `kith demo` over a neighbourhood made before, and waits until it is ready.
    pub async fn start(kith: &Path, data: &Path, people: usize, log: PathBuf) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut child = Command::new(kith)
            .args(["demo", "--listen", "127.0.0.1:0", "--people", &people.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let address = tokio::task::spawn_blocking(move || {
            lines.find_map(|line| {
                let line = line.ok()?;
                Some(line.split_once("http://")?.1.split('/').next()?.to_owned())
            })
        })
        .await?;
        let Some(address) = address else {
            let _ = child.kill();
            bail!("the server did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        };
        let mut browser = crate::browser::Browser::new(&address);
        while !browser.get("/readyz").await.is_ok_and(|page| page.status == 200) {
            if began.elapsed() > Duration::from_mins(1) {
                bail!("the server is not ready after a minute");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { child, address, ready: began.elapsed() })
    }

    /// Memory it has resident now, in bytes.
    pub fn resident(&self) -> u64 {
        status(self.child.id(), "VmRSS").unwrap_or(0)
    }

    /// Processor time it has had so far.
    pub fn cpu(&self) -> Duration {
        cpu(self.child.id()).unwrap_or_default()
    }

    /// Asks it to stop as an operator would, and waits until it has.
    pub fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > Duration::from_secs(20) {
                self.child.kill()?;
                bail!("the server did not stop when asked");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
