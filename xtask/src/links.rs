//! Links in Markdown lead somewhere: to a file or folder of the project, and to a heading that is there.

use std::collections::BTreeMap;

use crate::tree::{Fault, Tree, has_extension};

pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| has_extension(path, "md")) {
        for (line, target) in links(text) {
            if let Some(what) = broken(tree, path, text, target) {
                faults.push(Fault::new(path, line, what));
            }
        }
    }
    faults
}

fn broken(tree: &Tree, path: &str, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") || target.starts_with("tel:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let Some(place) = resolve(path, file) else {
        return Some(format!("'{target}' leads out of the project"));
    };
    if !file.is_empty() && !tree.holds(&place) {
        return Some(format!("'{target}' leads nowhere"));
    }
    let page = if file.is_empty() { Some(text) } else { tree.text(&place) };
    match (anchor, page) {
        (Some(anchor), Some(page)) if file.is_empty() || has_extension(&place, "md") => {
            (!headings(page).contains_key(anchor)).then(|| format!("'{target}': there is no heading '#{anchor}'"))
        }
        _ => None,
    }
}

/// The path from the root that `file`, written in the page at `from`, means; `None` above the root.
fn resolve(from: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = match file.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect()),
    };
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Lines outside fenced code, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// Targets of `[text](target)`, `![text](target)` and `[name]: target`, with their lines; code is not read.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        // Between backticks stands code: every second piece.
        for piece in line.split('`').step_by(2) {
            for (at, _) in piece.match_indices("](") {
                if let Some(length) = piece[at + 2..].find(')') {
                    found.push((number, without_title(&piece[at + 2..at + 2 + length])));
                }
            }
        }
        if let Some((name, target)) = line.split_once("]: ")
            && name.starts_with('[')
            && !name.starts_with("[^")
            && !target.trim().contains(' ')
        {
            found.push((number, target.trim()));
        }
    }
    found
}

/// `page.md "Title"` without its title.
fn without_title(target: &str) -> &str {
    target.split_whitespace().next().unwrap_or("").trim_matches(['<', '>'])
}

/// Anchors of the headings of a page, as GitHub makes them: lower case, spaces to hyphens, punctuation dropped, a
/// repeated heading numbered.
fn headings(text: &str) -> BTreeMap<String, usize> {
    let mut anchors = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (number, line) in prose(text) {
        let Some(title) = line.starts_with('#').then(|| line.trim_start_matches('#')).filter(|t| t.starts_with(' '))
        else {
            continue;
        };
        let slug: String = title
            .trim()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
            .collect();
        let times = seen.entry(slug.clone()).or_default();
        anchors.insert(if *times == 0 { slug } else { format!("{slug}-{times}") }, number);
        *times += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_caught_at_its_line() {
        let tree = Tree::from([
            ("README.md", "# Kith\n\nsee [the map](ARCHITECTURE.md) and [gone](docs/gone.md)\n"),
            ("ARCHITECTURE.md", "# Map\n"),
        ]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].line, 3);
        assert!(faults[0].what.contains("docs/gone.md"));
    }

    #[test]
    fn folders_headings_and_relative_paths_resolve() {
        let tree = Tree::from([
            ("README.md", "[folder](docs/) [part](docs/a.md#the-way-a-request-travels) [web](https://nhs.uk)\n"),
            ("docs/a.md", "# A\n## The way a request travels\n[up](../README.md) [here](#a)\n"),
        ]);
        assert_eq!(check(&tree), Vec::new());
    }

    #[test]
    fn a_heading_that_is_not_there_is_caught() {
        let tree = Tree::from([("a.md", "# A\n[x](#b) [y](b.md#a)\n"), ("b.md", "# B\n")]);
        assert_eq!(check(&tree).len(), 2);
    }

    #[test]
    fn a_link_out_of_the_project_is_caught() {
        assert_eq!(check(&Tree::from([("docs/a.md", "[x](../../other/a.md)")])).len(), 1);
    }

    #[test]
    fn links_inside_code_are_not_links_and_pictures_are() {
        let tree = Tree::from([("a.md", "`[x](gone.md)`\n```\n[x](gone.md)\n```\n![pic](gone.png)\n[n]: gone2.md\n")]);
        let lines: Vec<usize> = check(&tree).iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [5, 6]);
    }

    #[test]
    fn a_link_whose_words_hold_code_is_still_read() {
        assert_eq!(check(&Tree::from([("a.md", "see [`kith`](gone.md) now\n")])).len(), 1);
    }
}
