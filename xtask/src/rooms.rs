//! One direction, and what stays in which room. See `ARCHITECTURE.md`.

use toml::Table;

use crate::rust_source::code_lines;
use crate::tree::{Fault, Tree};

/// The rooms from the ground up: a crate may use those before it, never those after.
const ROOMS: [&str; 19] = [
    "fhir",
    "safety",
    "store",
    "trust",
    "directory",
    "booking",
    "contact",
    "handover",
    "frontdoor",
    "plan",
    "population",
    "outcomes",
    "workforce",
    "funding",
    "twin",
    "idp",
    "api",
    "web",
    "kith",
];

/// A package that only some rooms may depend on. Tests of other rooms may too where `in_tests` says so: a test that
/// alters the file behind the program's back needs the same tool as the store.
struct Confined {
    package: fn(&str) -> bool,
    rooms: &'static [&'static str],
    in_tests: bool,
    why: &'static str,
}

const CONFINED: [Confined; 4] = [
    Confined {
        package: |name| name == "kith-store",
        rooms: &["trust"],
        in_tests: false,
        why: "the record is reached through trust::Access alone",
    },
    Confined {
        package: |name| matches!(name, "rusqlite" | "refinery" | "tokio-postgres" | "deadpool-postgres" | "sqlx"),
        rooms: &["store"],
        in_tests: true,
        why: "databases are spoken to in crates/store alone",
    },
    Confined {
        package: |name| matches!(name, "axum" | "hyper" | "tower-http"),
        rooms: &["idp", "api", "web", "kith"],
        in_tests: true,
        why: "HTTP is served in api and web, and in the demonstration's own OpenID provider",
    },
    Confined {
        package: |name| name.starts_with("cedar"),
        rooms: &["trust"],
        in_tests: false,
        why: "policy is decided in trust alone",
    },
];

pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.under("crates/", "/Cargo.toml") {
        if let Some(room) = room_of(path) {
            manifest(path, room, text, &mut faults);
        }
    }
    for (path, text) in tree.under("crates/", ".rs") {
        if let Some(room) = room_of(path) {
            source(path, room, text, &mut faults);
        }
    }
    faults
}

/// `booking` of `crates/booking/src/lib.rs`.
fn room_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

fn manifest(path: &str, room: &str, text: &str, faults: &mut Vec<Fault>) {
    let Some(floor) = ROOMS.iter().position(|name| *name == room) else {
        faults.push(Fault::new(
            path,
            0,
            format!("'{room}' is not in the list of rooms: add it to xtask and ARCHITECTURE.md"),
        ));
        return;
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            faults.push(Fault::new(path, 0, format!("not TOML: {}", error.message())));
            return;
        }
    };
    for (section, in_tests) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
        let Some(dependencies) = table.get(section).and_then(toml::Value::as_table) else { continue };
        for name in dependencies.keys() {
            let line = line_of(text, section, name);
            let used = name.strip_prefix("kith-").or_else(|| (name == "kith").then_some("kith"));
            match used.map(|used| (used, ROOMS.iter().position(|room| *room == used))) {
                Some((used, None)) => {
                    faults.push(Fault::new(path, line, format!("'{used}' is not in the list of rooms")));
                }
                // Tests may fill themselves with the twin's people: it depends on the language alone.
                Some(("twin", Some(_))) if in_tests => {}
                Some((used, Some(other))) if other >= floor && used != room => {
                    faults.push(Fault::new(path, line, format!("{room} may not use {used}: it stands below")));
                }
                _ => {}
            }
            for rule in &CONFINED {
                if (rule.package)(name)
                    && !rule.rooms.contains(&room)
                    && !(in_tests && (rule.in_tests || used == Some(room)))
                {
                    faults.push(Fault::new(path, line, format!("{room} may not depend on {name}: {}", rule.why)));
                }
            }
        }
    }
}

/// The line where `name` stands in `[section]`.
fn line_of(text: &str, section: &str, name: &str) -> usize {
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            inside = header.starts_with(section);
            if header.starts_with(&format!("{section}.{name}]")) {
                return index + 1;
            }
        } else if inside && line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '.', '='])) {
            return index + 1;
        }
    }
    0
}

fn source(path: &str, room: &str, text: &str, faults: &mut Vec<Fault>) {
    let is_test = path.contains("/tests/") || path.contains("/benches/");
    for (number, line) in code_lines(text) {
        if room != "store" && !is_test && speaks_sql(line) {
            faults.push(Fault::new(path, number, "SQL stands in crates/store alone"));
        }
        if room == "trust" && opens_the_store(line) {
            faults.push(Fault::new(path, number, "trust may not hand on the raw store: name the types it re-exports"));
        }
    }
}

/// SQL keywords as this project writes them, in capitals.
fn speaks_sql(line: &str) -> bool {
    const STATEMENTS: [&str; 9] = [
        "SELECT ",
        "INSERT INTO ",
        "INSERT OR ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "CREATE INDEX ",
        "CREATE UNIQUE INDEX ",
        "ALTER TABLE ",
        "PRAGMA ",
    ];
    STATEMENTS.iter().any(|statement| line.contains(statement)) || (line.contains("UPDATE ") && line.contains(" SET "))
}

/// `pub use kith_store` as a whole or with everything in it.
fn opens_the_store(line: &str) -> bool {
    let line = line.trim_start();
    let Some(rest) = line.strip_prefix("pub use kith_store") else {
        return line.starts_with("pub extern crate kith_store");
    };
    rest.starts_with(';') || rest.starts_with(" as ") || rest.trim_start_matches("::").starts_with('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(path: &str, text: &str) -> Vec<String> {
        check(&Tree::from([(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_crate_that_uses_one_below_it_is_caught_at_its_line() {
        let faults = faults_of(
            "crates/booking/Cargo.toml",
            "[package]\n[dependencies]\nkith-fhir.workspace = true\nkith-web = { path = \"../web\" }\n",
        );
        assert_eq!(faults, ["crates/booking/Cargo.toml:4: booking may not use web: it stands below"]);
    }

    #[test]
    fn what_stands_above_may_be_used() {
        assert_eq!(
            faults_of(
                "crates/frontdoor/Cargo.toml",
                "[dependencies]\nkith-trust.workspace = true\nkith-handover.workspace = true\n"
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            faults_of("crates/trust/Cargo.toml", "[dependencies]\nkith-store.workspace = true\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn only_trust_reaches_the_store_and_tests_of_others_do_not_either() {
        for section in ["dependencies", "dev-dependencies"] {
            let faults = faults_of("crates/web/Cargo.toml", &format!("[{section}]\nkith-store.workspace = true\n"));
            assert_eq!(faults.len(), 1, "{section}: {faults:?}");
        }
        let own = "[dev-dependencies]\nkith-store = { path = \".\", features = [\"conformance\"] }\n";
        assert_eq!(faults_of("crates/store/Cargo.toml", own), Vec::<String>::new());
    }

    #[test]
    fn web_servers_databases_and_policy_engines_stay_in_their_rooms() {
        for (path, package) in [
            ("crates/booking/Cargo.toml", "axum"),
            ("crates/booking/Cargo.toml", "rusqlite"),
            ("crates/web/Cargo.toml", "cedar-policy"),
        ] {
            assert_eq!(faults_of(path, &format!("[dependencies]\n{package} = \"1\"\n")).len(), 1, "{package}");
        }
        assert_eq!(faults_of("crates/kith/Cargo.toml", "[dev-dependencies]\nrusqlite = \"1\"\n"), Vec::<String>::new());
    }

    #[test]
    fn sql_outside_the_store_is_caught_and_words_that_look_like_it_are_not() {
        let sql = "let q = \"SELECT id FROM resource\";\n";
        assert_eq!(faults_of("crates/booking/src/lib.rs", sql).len(), 1);
        assert_eq!(faults_of("crates/store/src/sqlite.rs", sql).len(), 0);
        assert_eq!(
            faults_of("crates/web/src/a.rs", "// SELECT x FROM y\nlet s = \"Select a time from the list\";\n").len(),
            0
        );
    }

    #[test]
    fn trust_may_name_what_it_hands_on_and_not_the_whole_store() {
        for line in ["pub use kith_store::*;", "pub use kith_store;", "pub use kith_store as store;"] {
            assert_eq!(faults_of("crates/trust/src/lib.rs", line).len(), 1, "{line}");
        }
        assert_eq!(faults_of("crates/trust/src/lib.rs", "pub use kith_store::{Page, Version};").len(), 0);
    }

    #[test]
    fn a_crate_that_is_no_room_is_caught() {
        assert_eq!(faults_of("crates/misc/Cargo.toml", "[package]\n").len(), 1);
    }
}
