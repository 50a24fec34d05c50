//! Long files, as a warning: nothing here is wrong, only harder to hold in mind.

use crate::tree::{Fault, Tree};

/// Lines beyond which a file is reported.
const LONG: usize = 600;
const KINDS: [&str; 5] = [".rs", ".js", ".css", ".html", ".sh"];

pub fn check(tree: &Tree) -> Vec<Fault> {
    tree.texts()
        .filter(|(path, _)| KINDS.iter().any(|kind| path.ends_with(kind)))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            (lines > LONG).then(|| Fault::new(path, 0, format!("{lines} lines (over {LONG})")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_reported_and_data_is_not() {
        let long = "x\n".repeat(LONG + 1);
        let just = "x\n".repeat(LONG);
        let tree = Tree::from([("a.rs", long.as_str()), ("b.rs", just.as_str()), ("c.toml", long.as_str())]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].path, "a.rs");
    }
}
