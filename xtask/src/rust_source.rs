//! As much reading of Rust source as the checks need: lines of code, and the tests a file holds.

/// Lines that are not comments, counted from 1.
pub fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.starts_with("/*") && !line.starts_with("* ")
    })
}

/// A function that a test runner would run.
#[derive(Debug, PartialEq, Eq)]
pub struct Test<'a> {
    pub name: &'a str,
    /// Marked `#[ignore]`: it stands in the tree and is not run.
    pub ignored: bool,
}

/// The tests of one file: functions under an attribute that says test (`#[test]`, `#[tokio::test]`), and, in a file that
/// is a conformance suite (functions a macro turns into tests for each backend), its public functions.
pub fn tests<'a>(path: &str, text: &'a str) -> Vec<Test<'a>> {
    let suite = path.contains("conformance");
    let mut found = Vec::new();
    let mut attributes: Vec<&str> = Vec::new();
    for (_, line) in code_lines(text) {
        let line = line.trim_start();
        if line.starts_with("#[") {
            attributes.push(line);
            // An attribute and its function may share a line.
            if !line.contains(" fn ") {
                continue;
            }
        } else if line.is_empty() {
            continue;
        }
        if let Some(name) = function_name(line) {
            let marked = attributes.iter().any(|a| a.contains("test]") || a.contains("test("));
            if marked || (suite && line.starts_with("pub ")) {
                found.push(Test { name, ignored: attributes.iter().any(|a| a.contains("#[ignore")) });
            }
        }
        attributes.clear();
    }
    found
}

/// The name in `pub async fn name(…)`.
fn function_name(line: &str) -> Option<&str> {
    let at = if line.starts_with("fn ") { 3 } else { line.find(" fn ")? + 4 };
    let rest = &line[at..];
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    (end > 0 && rest[end..].starts_with(['(', '<'])).then(|| &rest[..end])
}

#[cfg(test)]
mod tests_of_reading {
    use super::*;

    #[test]
    fn tests_are_found_by_their_attribute_and_helpers_are_not() {
        let text = "
            fn helper() {}
            #[test]
            fn a_slot_is_never_given_twice() {}
            #[tokio::test(flavor = \"multi_thread\")]
            // why it is slow
            async fn holds_expire() {}
            #[test]
            #[ignore]
            fn sleeps() {}
            // #[test]
            fn not_a_test() {}
        ";
        let found = tests("crates/booking/src/lib.rs", text);
        assert_eq!(
            found.iter().map(|t| t.name).collect::<Vec<_>>(),
            ["a_slot_is_never_given_twice", "holds_expire", "sleeps"]
        );
        assert_eq!(found.iter().filter(|t| t.ignored).count(), 1);
    }

    #[test]
    fn a_conformance_suite_counts_its_public_functions() {
        let text = "pub async fn versions_are_gapless<S: Store>(s: &S) {}\nfn helper() {}\n";
        assert_eq!(tests("crates/store/src/conformance.rs", text).len(), 1);
        assert_eq!(tests("crates/store/src/lib.rs", text).len(), 0);
    }
}
