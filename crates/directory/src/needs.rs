//! What a person can need, and the kinds of service that may meet it: `content/vocabulary/needs.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static BUILT_IN: LazyLock<Needs> = LazyLock::new(|| {
    Needs::parse(include_str!("../../../content/vocabulary/needs.toml"))
        .expect("the needs file is checked by the tests")
});

/// One need.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Need {
    pub code: String,
    /// Plain words: "Sore throat, seen by a pharmacist".
    pub label: String,
    /// Kinds of service that may meet it; empty for emergencies and self care.
    pub kinds: Vec<String>,
}

/// The needs by code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    by_code: BTreeMap<String, Need>,
}

impl Needs {
    /// Reads the text of a needs file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            need: Vec<Need>,
        }
        let file: File = toml::from_str(text)?;
        Ok(Self { by_code: file.need.into_iter().map(|need| (need.code.clone(), need)).collect() })
    }

    /// The list this version of Kith was built with.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    pub fn get(&self, code: &str) -> Option<&Need> {
        self.by_code.get(code)
    }

    /// The need in plain words, or its code where it is not in the list.
    pub fn label<'a>(&'a self, code: &'a str) -> &'a str {
        self.get(code).map_or(code, |need| need.label.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Need> {
        self.by_code.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needs_file_reads_and_names_known_kinds_of_service() {
        let needs = Needs::built_in();
        assert_eq!(needs.get("urgent-eye").unwrap().kinds, ["optician"]);
        assert_eq!(needs.label("gp-routine"), "Appointment with your practice");
        assert_eq!(needs.label("not-there"), "not-there");
        for need in needs.iter() {
            for kind in &need.kinds {
                assert!(crate::model::KINDS.iter().any(|(code, _)| code == kind), "{kind}");
            }
        }
    }
}
