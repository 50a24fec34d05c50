//! Short made-up people inside a pathway file, with what must become of them.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde::Deserialize;

use crate::{Answers, Facts, Pathway, Sex, Step, Urgency, Vocabulary, facts::RecentContact};

/// A made-up person, their answers, and what must come of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vignette {
    pub title: String,
    pub facts: VignetteFacts,
    /// Text, number, true/false, an option id or a list of option ids, by question id.
    pub answers: BTreeMap<String, toml::Value>,
    pub expect: Expected,
}

/// What the record knows in a vignette. Conditions, medicines and allergies are names of groups.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VignetteFacts {
    /// Whole years.
    pub age: u32,
    /// Months beyond the whole years.
    #[serde(default)]
    pub months: u32,
    pub sex: Sex,
    #[serde(default)]
    pub pregnant: bool,
    #[serde(default)]
    pub conditions: Vec<String>,
    #[serde(default)]
    pub takes: Vec<String>,
    #[serde(default)]
    pub allergic_to: Vec<String>,
    #[serde(default)]
    pub recent: Vec<VignetteContact>,
}

/// A recent contact of a vignette.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VignetteContact {
    pub need: String,
    pub days_ago: i64,
}

/// What must come of a vignette.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub urgency: Urgency,
    pub need: String,
    /// Words that one of the reasons must hold.
    pub reason: String,
    /// Whether an emergency stops the questions.
    #[serde(default)]
    pub stops: bool,
    /// Whether the person is only offered help that comes to them.
    #[serde(default)]
    pub at_home: bool,
}

/// What became of one vignette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub title: String,
    /// What differs from what was expected; empty when it holds.
    pub problems: Vec<String>,
}

impl Outcome {
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Runs every vignette of a pathway as a person would go through it, question by question.
pub fn run(pathway: &Pathway, vocabulary: &Vocabulary) -> Vec<Outcome> {
    pathway
        .vignettes
        .iter()
        .map(|v| Outcome { title: v.title.clone(), problems: play(pathway, vocabulary, v).err().unwrap_or_default() })
        .collect()
}

const DAY: Date = Date::constant(2026, 11, 20);

fn play(pathway: &Pathway, vocabulary: &Vocabulary, vignette: &Vignette) -> Result<(), Vec<String>> {
    let facts = facts(&vignette.facts, vocabulary).map_err(|problem| vec![problem])?;
    if !pathway.audience.suits(&facts) {
        return Err(vec!["the pathway is not for this person".into()]);
    }
    let mut answers = Answers::new();
    let mut left = vignette.answers.clone();
    let stopped = loop {
        let question = match pathway.next(&facts, &answers) {
            Step::Ask(question) => question,
            Step::Stop(_) => break true,
            Step::Done => break false,
        };
        let sent = match left.remove(&question.id) {
            Some(value) => sent(&value),
            None if question.optional => Vec::new(),
            None => return Err(vec![format!("`{}` is asked, and the vignette does not answer it", question.id)]),
        };
        let answer = question
            .read(&sent.iter().map(String::as_str).collect::<Vec<_>>())
            .map_err(|error| vec![format!("`{}`: {error}", question.id)])?;
        answers.insert(&question.id, answer);
    };
    let mut problems: Vec<String> = left.keys().map(|id| format!("`{id}` is answered but never asked")).collect();
    let got = pathway.assess(&facts, &answers).disposition;
    let want = &vignette.expect;
    if got.urgency != want.urgency {
        problems.push(format!("urgency is {}, expected {}", got.urgency, want.urgency));
    }
    if got.need != want.need {
        problems.push(format!("need is {}, expected {}", got.need, want.need));
    }
    if !got.reasons.iter().any(|r| r.text.contains(&want.reason)) {
        let reasons: Vec<_> = got.reasons.iter().map(|r| r.text.as_str()).collect();
        problems.push(format!("no reason holds {:?}: {reasons:?}", want.reason));
    }
    if got.at_home != want.at_home {
        problems.push(format!(
            "help {}",
            if got.at_home { "comes to them, unexpectedly" } else { "does not come to them" }
        ));
    }
    if stopped != want.stops {
        problems.push(format!("the questions {}", if stopped { "stop, unexpectedly" } else { "do not stop" }));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn facts(made_up: &VignetteFacts, vocabulary: &Vocabulary) -> Result<Facts, String> {
    let mut facts = Facts::new(made_up.age * 12 + made_up.months, made_up.sex, DAY);
    if made_up.pregnant {
        facts.pregnant = Some(true);
    }
    let examples = |ids: &[String]| {
        let each = ids.iter().map(|id| vocabulary.group(id).map(|g| g.example()).ok_or(format!("no group {id:?}")));
        each.collect::<Result<Vec<_>, _>>()
    };
    facts.conditions = examples(&made_up.conditions)?;
    facts.medicines = examples(&made_up.takes)?;
    facts.allergies = examples(&made_up.allergic_to)?;
    for contact in &made_up.recent {
        let when = DAY.checked_sub(contact.days_ago.days()).map_err(|e| e.to_string())?;
        facts.recent.push(RecentContact { need: contact.need.clone(), when, seen: true });
    }
    Ok(facts)
}

/// What a form would send for a vignette's answer.
fn sent(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Boolean(yes) => vec![if *yes { "yes" } else { "no" }.to_owned()],
        toml::Value::Array(list) => list.iter().flat_map(sent).collect(),
        toml::Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}
