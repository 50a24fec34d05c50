//! Decisions are called `docs/decisions/NNNN-title.md`, and no number is given twice.

use std::collections::BTreeMap;

use crate::tree::{Fault, Tree};

const FOLDER: &str = "docs/decisions/";

pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, text) in tree.under(FOLDER, ".md") {
        let name = &path[FOLDER.len()..];
        if name.contains('/') || name == "README.md" {
            continue;
        }
        let Some((number, title)) = name.split_once('-') else {
            faults.push(Fault::new(path, 0, "a decision is called NNNN-title.md"));
            continue;
        };
        if number.len() != 4 || !number.bytes().all(|b| b.is_ascii_digit()) || title.len() <= ".md".len() {
            faults.push(Fault::new(path, 0, "a decision is called NNNN-title.md"));
            continue;
        }
        if let Some(first) = taken.insert(number, path) {
            faults.push(Fault::new(path, 0, format!("number {number} is already taken by {first}")));
        }
        if !text.trim_start().starts_with("# ") {
            faults.push(Fault::new(path, 1, "a decision begins with its title as a heading"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_given_twice_is_caught() {
        let tree = Tree::from([
            ("docs/decisions/0001-licence.md", "# Licence\n"),
            ("docs/decisions/0001-store.md", "# Store\n"),
            ("docs/decisions/0002-time.md", "# Time\n"),
        ]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].path, "docs/decisions/0001-store.md");
    }

    #[test]
    fn a_decision_without_number_or_heading_is_caught() {
        let tree = Tree::from([("docs/decisions/store.md", "# Store\n"), ("docs/decisions/0003-x.md", "text\n")]);
        assert_eq!(check(&tree).len(), 2);
    }
}
