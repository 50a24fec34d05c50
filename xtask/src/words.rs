//! No word in the project's files of where or how it was made: a reader elsewhere could not follow it.

use crate::tree::{Fault, Tree, has_extension};

/// The folder of shared data beside a checkout, spelt in halves so that this file does not name it.
const BESIDE: &str = concat!("../", "shared");
/// Names the folder of shared data in the environment; a file that reads it may name its default place too.
const SHARED_VARIABLE: &str = "KITH_SHARED";

pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.texts() {
        if has_extension(path, "lock") || path.ends_with("package-lock.json") {
            continue;
        }
        let reads_shared_data = text.contains(SHARED_VARIABLE);
        for (index, line) in text.lines().enumerate() {
            if let Some(what) = stray(line, reads_shared_data) {
                faults.push(Fault::new(path, index + 1, what));
            }
        }
    }
    faults
}

/// What on this line only makes sense where it was written, if anything.
fn stray(line: &str, reads_shared_data: bool) -> Option<String> {
    let numbered = concat!("issue", " #");
    if line.to_lowercase().contains(numbered) {
        return Some(format!("'{numbered}' points at a list that readers do not have: say what is meant"));
    }
    for (at, _) in line.match_indices(BESIDE) {
        let rest = &line[at + BESIDE.len()..];
        // `${KITH_SHARED:-…/data}` in a file that reads the variable; never a page of a workplace.
        if !(reads_shared_data && rest.starts_with("/data")) {
            return Some(format!("'{BESIDE}' is a place readers do not have"));
        }
    }
    let machine = [concat!("/work", "/main"), concat!("/work", "/shared"), concat!("/root", "/")];
    if let Some(place) = machine.iter().find(|place| line.contains(**place)) {
        return Some(format!("'{place}' is a place on one machine"));
    }
    home_folder(line).map(|home| format!("'{home}' is a place on one machine"))
}

/// `/home/<somebody>/` at the start of a path.
fn home_folder(line: &str) -> Option<&str> {
    let mark = concat!("/home", "/");
    line.match_indices(mark).find_map(|(at, _)| {
        let starts_a_path = line[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "\"'`=(:".contains(c));
        let name_length = line[at + mark.len()..].find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)))?;
        let ends_with_slash = line[at + mark.len() + name_length..].starts_with('/');
        (starts_a_path && ends_with_slash && name_length > 0).then(|| &line[at..=at + mark.len() + name_length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_workplace_are_caught() {
        for line in [
            concat!("see Issue", " #12 for why"),
            concat!("as ../", "shared/design.md says"),
            concat!("cd /work", "/main"),
            concat!("cache in /root", "/.cache"),
            concat!("let p = \"/home", "/sam/kith\";"),
        ] {
            assert!(stray(line, false).is_some(), "{line}");
        }
    }

    #[test]
    fn shared_data_may_be_named_only_where_the_variable_is_read() {
        let line = concat!("${KITH_SHARED:-../", "shared/data}");
        assert_eq!(stray(line, true), None);
        assert!(stray(line, false).is_some());
        assert!(stray(concat!("../", "shared/conventions.md"), true).is_some());
    }

    #[test]
    fn plain_words_and_routes_pass() {
        for line in ["the issue is not numbered", "GET /team/work/:id", "BMJ 2020 issue 4", "visit at /home/visits"] {
            assert_eq!(stray(line, false), None, "{line}");
        }
    }

    #[test]
    fn a_planted_word_is_found_at_its_line() {
        let text = concat!("# Title\n\nfrom /work", "/shared\n");
        let faults = check(&Tree::from([("docs/a.md", text)]));
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].path.as_str(), faults[0].line), ("docs/a.md", 3));
    }
}
