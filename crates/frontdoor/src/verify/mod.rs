//! Proof that a pathway is safe in the ways a machine can see, over every combination of answers and facts.
//!
//! **What is walked.** Answers and facts are turned into yes-or-no variables: one for each option, each phrase list, each
//! fact a condition names, and each boundary that a condition compares an age or number with ("age is at least 5"). Two
//! people who agree on these variables get the same questions and the same result, because conditions can look at nothing
//! else: so the finite cases stand for all people exactly. What cannot be (5 or over but not 1 or over; "none of these" and
//! something; two answers where one is asked for) is left out. Facts are taken to be independent, which can only add cases.
//!
//! **How.** The pathway becomes boolean functions of these variables (binary decision diagrams), with the same meaning as
//! the engine's walk: a question is reached when all before it are passed, an emergency stops, and so on. Each promise is
//! then a function that must never be true; if it can be, the lightest case is told as a story. A test drives the engine and
//! this model with the same made-up people and compares every step, so that the proof is about the engine that runs.

mod model;
mod story;

use std::collections::HashMap;

use self::{
    model::{Key, Model},
    story::Case,
};
use crate::{
    Pathway, Urgency, Vocabulary,
    bdd::{Bdd, FALSE, Fun, TRUE},
    pathway::{Kind, Outcome},
};

/// What is wrong with a pathway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// Some answers lead nowhere.
    NoDisposition,
    /// A question nobody is ever asked.
    UnreachableQuestion,
    /// A rule that never decides.
    DeadRule,
    /// A red flag that is never raised.
    DeadRedFlag,
    /// Saying yes to one more red flag lowers the urgency.
    UrgencyLowered,
    /// A red flag that holds, with a final urgency below its own.
    RedFlagTooWeak,
    /// A need that the vocabulary does not have.
    UnknownNeed,
    /// An urgency and a need that contradict each other: an ambulance for tomorrow, self care by nobody within 2 hours.
    NeedAgainstUrgency,
    /// A question with no way to say "none of these".
    NoWayToSayNone,
}

/// One thing wrong, where, and a person it happens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    /// Id of the question, rule, red flag, or `default`.
    pub at: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// The shortest counter-example as a story, a line a step; empty where there is none to tell.
    pub story: Vec<String>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.message)?;
        self.story.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// Checks every promise over every case; nothing found means all hold.
pub fn check(pathway: &Pathway, vocabulary: &Vocabulary) -> Vec<Finding> {
    let mut findings = outcomes(pathway, vocabulary);
    findings.extend(choices(pathway));
    let mut bdd = Bdd::new();
    let model = Model::new(pathway, &mut bdd);
    let mut checker = Checker { pathway, model, bdd, findings };
    checker.reach();
    checker.dispositions();
    checker.strength();
    checker.monotone();
    checker.findings
}

/// How many distinct cases a check covers.
pub fn cases(pathway: &Pathway) -> f64 {
    let mut bdd = Bdd::new();
    let model = Model::new(pathway, &mut bdd);
    bdd.count(model.domain, model.keys.len())
}

/// Needs that no service meets, and the urgencies they go with.
const NO_SERVICE: [(&str, Urgency); 3] = [
    ("ambulance", Urgency::Emergency999),
    ("emergency-department", Urgency::EmergencyDepartment),
    ("self-care", Urgency::SelfCare),
];

fn outcomes(pathway: &Pathway, vocabulary: &Vocabulary) -> Vec<Finding> {
    let flags = pathway.red_flags.iter().map(|f| (f.id.as_str(), &f.then));
    let rules = pathway.rules.iter().map(|r| (r.id.as_str(), &r.then));
    let default = pathway.default.iter().map(|o| ("default", o));
    let mut found = Vec::new();
    for (id, outcome) in flags.chain(rules).chain(default) {
        if let Some((kind, message)) = outcome_problem(outcome, vocabulary) {
            found.push(Finding { kind, at: id.to_owned(), message, story: Vec::new() });
        }
    }
    found
}

fn outcome_problem(outcome: &Outcome, vocabulary: &Vocabulary) -> Option<(FindingKind, String)> {
    let (code, urgency) = (outcome.need.as_str(), outcome.urgency);
    let Some(need) = vocabulary.need(code) else {
        return Some((FindingKind::UnknownNeed, format!("the need `{code}` is not in the vocabulary")));
    };
    let special = NO_SERVICE.iter().find(|(no_service, _)| *no_service == code);
    let fits = match special {
        Some((_, only)) => need.kinds.is_empty() && *only == urgency,
        None => !need.kinds.is_empty() && urgency != Urgency::Emergency999,
    };
    (!fits).then(|| (FindingKind::NeedAgainstUrgency, format!("the need `{code}` does not go with `{urgency}`")))
}

fn choices(pathway: &Pathway) -> impl Iterator<Item = Finding> {
    let stuck =
        pathway.questions.iter().filter(|q| q.kind == Kind::AnyOf && !q.optional && q.options.iter().all(|o| !o.none));
    stuck.map(|q| Finding {
        kind: FindingKind::NoWayToSayNone,
        at: q.id.clone(),
        message: "somebody to whom none of the answers applies cannot go on".into(),
        story: Vec::new(),
    })
}

struct Checker<'a> {
    pathway: &'a Pathway,
    model: Model,
    bdd: Bdd,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn report(&mut self, kind: FindingKind, at: &str, message: impl Into<String>, story: Vec<String>) {
        self.findings.push(Finding { kind, at: at.to_owned(), message: message.into(), story });
    }

    /// The lightest case of a function, `None` where it never holds.
    fn case(&mut self, f: Fun) -> Option<Vec<bool>> {
        let f = self.bdd.and(f, self.model.domain);
        self.bdd.lightest(f, &self.model.weights)
    }

    fn story(&self, values: &[bool]) -> Vec<String> {
        Case::new(self.pathway, &self.model, values).story(self.pathway)
    }

    fn reach(&mut self) {
        for n in 0..self.pathway.questions.len() {
            if self.case(self.model.paths.asked[n]).is_none() {
                self.report(
                    FindingKind::UnreachableQuestion,
                    &self.pathway.questions[n].id,
                    "nobody is ever asked this",
                    vec![],
                );
            }
        }
        for n in 0..self.pathway.red_flags.len() {
            if self.case(self.model.paths.flags[n]).is_none() {
                self.report(
                    FindingKind::DeadRedFlag,
                    &self.pathway.red_flags[n].id,
                    "this can never be raised",
                    vec![],
                );
            }
        }
        for (n, rule) in self.pathway.rules.iter().enumerate() {
            let stronger: Vec<Fun> = self.flags_at_least(rule.then.urgency);
            let overruled = self.bdd.any(stronger);
            let decides = self.bdd.and_not(self.model.paths.decides[n], overruled);
            let decides = self.bdd.and_not(decides, self.model.paths.stopped);
            if self.case(decides).is_none() {
                self.report(
                    FindingKind::DeadRule,
                    &rule.id,
                    "an earlier rule or a red flag always decides first",
                    vec![],
                );
            }
        }
    }

    fn flags_at_least(&self, urgency: Urgency) -> Vec<Fun> {
        let flags = self.pathway.red_flags.iter().zip(&self.model.paths.flags);
        flags.filter(|(flag, _)| flag.then.urgency.at_least(urgency)).map(|(_, f)| *f).collect()
    }

    fn dispositions(&mut self) {
        if self.pathway.default.is_some() {
            return;
        }
        let flagged = self.bdd.any(self.model.paths.flags.clone());
        let lost = self.bdd.and_not(self.model.paths.undecided, flagged);
        if let Some(case) = self.case(lost) {
            let story = self.story(&case);
            self.report(
                FindingKind::NoDisposition,
                "default",
                "no rule is about these answers, and there is no default",
                story,
            );
        }
    }

    fn strength(&mut self) {
        for (n, flag) in self.pathway.red_flags.iter().enumerate() {
            let reached = self.model.paths.urgency[&flag.then.urgency];
            let weak = self.bdd.and_not(self.model.paths.flags[n], reached);
            if let Some(case) = self.case(weak) {
                let story = self.story(&case);
                self.report(FindingKind::RedFlagTooWeak, &flag.id, "the final urgency is below the red flag's", story);
            }
        }
    }

    /// For each red flag and each single change of an answer or fact that raises it and takes none away, the urgency the
    /// person is told must not fall. A stop that hides something worse falls under this too.
    fn monotone(&mut self) {
        for n in 0..self.pathway.red_flags.len() {
            for change in self.model.changes(self.pathway, n) {
                if let Some((before, after)) = self.falls(n, &change) {
                    let mut story = vec!["Before:".to_owned()];
                    story.extend(self.story(&before));
                    story.push("With the red flag:".to_owned());
                    story.extend(self.story(&after));
                    let id = &self.pathway.red_flags[n].id;
                    self.report(FindingKind::UrgencyLowered, id, "raising this red flag lowers the urgency", story);
                    break;
                }
            }
        }
    }

    fn falls(&mut self, flag: usize, change: &Change) -> Option<(Vec<bool>, Vec<bool>)> {
        let domain = self.model.domain;
        let raised = self.model.unstopped.flags[flag];
        // Both sides are functions of the variables the change leaves alone.
        let off = self.bdd.and_not(domain, raised);
        let on = self.bdd.and(domain, raised);
        let off = self.bdd.fix(off, &change.from);
        let on = self.bdd.fix(on, &change.to);
        let mut both = self.bdd.and(off, on);
        for other in self.model.unstopped.flags.clone() {
            if both == FALSE {
                return None;
            }
            let was = self.bdd.fix(other, &change.from);
            let is = self.bdd.fix(other, &change.to);
            let lost = self.bdd.and_not(was, is);
            both = self.bdd.and_not(both, lost);
        }
        for urgency in Urgency::ALL {
            let reached = self.model.paths.urgency[&urgency];
            let was = self.bdd.fix(reached, &change.from);
            let is = self.bdd.fix(reached, &change.to);
            let fell = self.bdd.and_not(was, is);
            let fell = self.bdd.and(fell, both);
            if fell != FALSE {
                let case = self.bdd.lightest(fell, &self.model.weights)?;
                let with = |fixed: &HashMap<u32, bool>| {
                    let mut values = case.clone();
                    for (variable, value) in fixed {
                        values[*variable as usize] = *value;
                    }
                    values
                };
                return Some((with(&change.from), with(&change.to)));
            }
        }
        None
    }
}

/// One answer or fact changed: the variables before and after.
struct Change {
    from: HashMap<u32, bool>,
    to: HashMap<u32, bool>,
}

/// The states of a chain of boundaries `keys`, lowest first: none passed, the first passed, …
fn chain_states(variables: &[u32]) -> Vec<HashMap<u32, bool>> {
    (0..=variables.len()).map(|passed| variables.iter().enumerate().map(|(n, v)| (*v, n < passed)).collect()).collect()
}

fn constant(value: bool) -> Fun {
    if value { TRUE } else { FALSE }
}

fn is_fact(key: &Key) -> bool {
    !matches!(key, Key::Option(..) | Key::Given(_) | Key::Number(..) | Key::Phrase(..))
}

#[cfg(test)]
mod tests;
