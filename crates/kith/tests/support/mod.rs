//! The binary as people run it: commands, a server on a free port, and a browser without a screen.
#![allow(dead_code)] // each test file uses its part

pub mod browser;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use kith_fhir::Value;
use kith_fhir::json::{Limits, parse};

/// The binary, apart from the settings of whoever runs the tests.
pub fn kith(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kith"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KITH_")) {
        command.env_remove(name);
    }
    command.current_dir(data).arg("--data").arg(data);
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must go well; gives what it printed.
#[track_caller]
pub fn run(data: &Path, args: &[&str]) -> String {
    let output = kith(data).args(args).output().unwrap();
    assert!(output.status.success(), "kith {args:?}: {}\n{}\n{}", output.status, stdout(&output), stderr(&output));
    stdout(&output)
}

/// Runs a command whose JSON is wanted, whatever its exit code.
#[track_caller]
pub fn json(data: &Path, args: &[&str]) -> Value {
    let output = kith(data).args(args).output().unwrap();
    parse(&output.stdout, &Limits::default())
        .unwrap_or_else(|e| panic!("kith {args:?}: {e}\n{}\n{}", stdout(&output), stderr(&output)))
}

/// The store's own check finds nothing; gives its report.
#[track_caller]
pub fn checked(data: &Path) -> Value {
    let report = json(data, &["check", "--json"]);
    assert_eq!(report["problem_count"], 0, "{report}");
    report
}

/// Lines of a file of JSON, one value each.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| parse(line.as_bytes(), &Limits::default()).unwrap()).collect()
}

/// How many people live in the neighbourhood that tests share.
pub const PEOPLE: &str = "300";

/// A folder with a copy of a neighbourhood that is made once for each test file.
pub fn neighbourhood() -> tempfile::TempDir {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["demo", "--people", PEOPLE, "--prepare"]);
        folder
    });
    let copy = tempfile::tempdir().unwrap();
    copy_folder(made.path(), copy.path());
    copy
}

pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Where shared data lie; `None`, with a note, where they do not.
pub fn shared(what: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("KITH_SHARED").map_or(here, PathBuf::from).join(what);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("note: {what} is not here, so this test has nothing to look at (set KITH_SHARED)");
    None
}

/// A server of ours, killed when it goes out of scope.
pub struct Server {
    child: Child,
    /// `127.0.0.1:43210`
    pub address: String,
}

impl Server {
    /// Starts `kith` with these arguments on a free port and waits until it says where it is.
    #[track_caller]
    pub fn start(data: &Path, args: &[&str]) -> Self {
        let mut child = kith(data)
            .args(args)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let rest = line.split_once("http://")?.1;
            Some(rest.split('/').next()?.to_owned())
        });
        let Some(address) = address else {
            let status = child.wait().unwrap();
            panic!("the server ended without saying where it is: {status}");
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub fn demo(data: &Path) -> Self {
        Self::start(data, &["demo", "--people", PEOPLE])
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    pub fn stop(&mut self) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
        let since = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(since.elapsed() < Duration::from_secs(30), "the server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
