//! The shared words of pathways: needs, and groups of conditions and medicines.

use std::sync::Arc;

use kith_fhir::system;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// What a person can need (`content/vocabulary/needs.toml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    pub code: String,
    /// Plain words.
    pub label: String,
    /// Kinds of service that may meet it; empty for emergencies and self care.
    pub kinds: Vec<String>,
}

/// A group of conditions, medicines or allergies that pathways speak of as one (`content/vocabulary/groups.toml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub id: String,
    /// As said after "You have", "You take" or "You are allergic to".
    pub label: String,
    #[serde(default)]
    pub snomed: Vec<String>,
    #[serde(default)]
    pub rxnorm: Vec<String>,
    /// Lower-case text; a fact whose text contains one of these belongs.
    #[serde(default)]
    pub words: Vec<String>,
    /// Text that keeps a fact out although a word matched ("no history of …").
    #[serde(default)]
    pub except: Vec<String>,
    /// Whether past conditions count too.
    #[serde(default)]
    pub ever: bool,
    pub source: String,
}

impl Group {
    /// Whether a fact of the record belongs to the group: by code, or else by its text.
    pub fn holds(&self, fact: &Fact) -> bool {
        if !fact.active && !self.ever {
            return false;
        }
        let text = fact.text.to_lowercase();
        if self.except.iter().any(|word| text.contains(word.as_str())) {
            return false;
        }
        let listed = |system: &str, code: &String| match system {
            system::SNOMED => self.snomed.contains(code),
            system::RXNORM => self.rxnorm.contains(code),
            _ => false,
        };
        fact.codes.iter().any(|(system, code)| listed(system, code))
            || self.words.iter().any(|word| text.contains(word.as_str()))
    }

    /// A fact of the group, for made-up people.
    pub(crate) fn example(&self) -> Fact {
        let code = |system: &str, codes: &[String]| codes.first().map(|c| (system.to_owned(), c.clone()));
        let codes = code(system::SNOMED, &self.snomed).or_else(|| code(system::RXNORM, &self.rxnorm));
        let text = if codes.is_some() { None } else { self.words.first().cloned() };
        Fact { codes: codes.into_iter().collect(), text: text.unwrap_or_default(), active: true }
    }
}

/// The needs and groups that pathways may name.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    pub needs: Vec<Need>,
    pub groups: Vec<Arc<Group>>,
}

#[derive(Deserialize)]
struct NeedsFile {
    need: Vec<Need>,
}

#[derive(Deserialize)]
struct GroupsFile {
    group: Vec<Arc<Group>>,
}

impl Vocabulary {
    /// Reads the texts of `needs.toml` and `groups.toml`.
    pub fn parse(needs: &str, groups: &str) -> Result<Self, toml::de::Error> {
        Ok(Self {
            needs: toml::from_str::<NeedsFile>(needs)?.need,
            groups: toml::from_str::<GroupsFile>(groups)?.group,
        })
    }

    pub fn need(&self, code: &str) -> Option<&Need> {
        self.needs.iter().find(|n| n.code == code)
    }

    pub fn group(&self, id: &str) -> Option<&Arc<Group>> {
        self.groups.iter().find(|g| g.id == id)
    }
}
