//! What was tried, and whether it was refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// The least number of distinct attempts.
const LEAST: usize = 150;

struct Attempt {
    id: String,
    item: &'static str,
    tried: String,
    expected: &'static str,
    seen: Result<(), String>,
}

/// Every attempt in the order it was made.
#[derive(Default)]
pub struct Ledger {
    attempts: Vec<Attempt>,
    group: (&'static str, &'static str),
    n: usize,
}

impl Ledger {
    /// Attempts from here on belong to this item of OWASP's lists, and are numbered with this prefix.
    pub fn group(&mut self, prefix: &'static str, item: &'static str) {
        self.group = (prefix, item);
        self.n = 0;
    }

    pub fn note(&mut self, tried: impl Into<String>, expected: &'static str, seen: Result<(), String>) {
        self.n += 1;
        let id = format!("{}-{:02}", self.group.0, self.n);
        self.attempts.push(Attempt { id, item: self.group.1, tried: tried.into(), expected, seen });
    }

    fn table(&self) -> String {
        let mut out = format!(
            "# Attacks that are tried and refused\n\n{} attempts, each sent to a running server over a socket by \
             `cargo test -p kith --test attacks`. Items are of the OWASP API security top ten (2023) and of the \
             Application Security Verification Standard (ASVS) 4.0.3, level 2.\n",
            self.attempts.len()
        );
        let mut item = "";
        for attempt in &self.attempts {
            if attempt.item != item {
                item = attempt.item;
                let _ = write!(out, "\n## {item}\n\n| id | what is tried | what must come of it |\n|---|---|---|\n");
            }
            let tried = attempt.tried.replace('|', "\\|");
            let _ = writeln!(out, "| {} | {tried} | {} |", attempt.id, attempt.expected);
        }
        out
    }

    /// Prints the sum, keeps the table, and fails where anything got through.
    pub fn finish(self) {
        let through: Vec<String> = self
            .attempts
            .iter()
            .filter_map(|a| {
                let seen = a.seen.as_ref().err()?;
                Some(format!("{} {} ({}): {seen}; must be: {}", a.id, a.tried, a.item, a.expected))
            })
            .collect();
        let distinct: BTreeSet<(&str, &str)> = self.attempts.iter().map(|a| (a.item, a.tried.as_str())).collect();
        assert_eq!(distinct.len(), self.attempts.len(), "an attempt is counted twice");
        assert!(through.is_empty(), "{} of {} got through:\n{}", through.len(), distinct.len(), through.join("\n"));
        assert!(distinct.len() >= LEAST, "only {} attempts", distinct.len());
        println!("{} attempts, all refused", distinct.len());
        let now = self.table();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/attacks/attempts.md");
        if std::env::var_os("KITH_WRITE_TABLES").is_some() {
            std::fs::write(&file, &now).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == now, "attempts.md is not what was tried: KITH_WRITE_TABLES=1 writes it anew");
    }
}
