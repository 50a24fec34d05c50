//! Conditions over answers and facts, and what they mean.
//!
//! A question that was not asked, or was skipped, has nothing chosen and no number: every test of it is false. `not` is
//! therefore "has not said so", and a comparison such as `days < 3` is true only where a number was given.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crate::{Facts, Sex, pathway::Score, phrases::PhraseList, vocabulary::Group};

/// A condition as it is written in a pathway file, read and checked against the pathway's own names.
#[derive(Clone)]
pub struct Condition {
    pub(crate) expr: Expr,
    /// The words it was written in.
    pub source: String,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.source)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Const(bool),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    /// Option number `option` of question number `question` was chosen.
    Chosen {
        question: usize,
        option: usize,
    },
    Answered(usize),
    AtLeast(Quantity, i64),
    Fact(FactTest),
    Mentions {
        question: usize,
        phrases: Arc<PhraseList>,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Quantity {
    AgeMonths,
    Score(Arc<Score>),
    /// The answer to a number question, in its smallest unit (tenths where it has one decimal).
    Number(usize),
    Count {
        question: usize,
        options: Vec<usize>,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum FactTest {
    Condition(Arc<Group>),
    Takes(Arc<Group>),
    AllergicTo(Arc<Group>),
    Recent { need: String, days: i64 },
    Pregnant,
    Sex(Sex),
}

/// What a question contributes to conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Asked and skipped.
    Skipped,
    /// By option number.
    Options(Vec<bool>),
    /// In the question's smallest unit.
    Number(i64),
    Text(String),
    Photo,
}

/// The values of the questions passed so far, by question number.
pub(crate) type Values = [Option<Value>];

impl Expr {
    pub(crate) fn eval(&self, facts: &Facts, values: &Values) -> bool {
        match self {
            Self::Const(value) => *value,
            Self::Not(inner) => !inner.eval(facts, values),
            Self::And(all) => all.iter().all(|e| e.eval(facts, values)),
            Self::Or(any) => any.iter().any(|e| e.eval(facts, values)),
            Self::Chosen { question, option } => chosen(values, *question, *option),
            Self::Answered(question) => !matches!(values[*question], None | Some(Value::Skipped)),
            Self::AtLeast(quantity, least) => quantity.eval(facts, values).is_some_and(|n| n >= *least),
            Self::Fact(test) => test.eval(facts),
            Self::Mentions { question, phrases } => {
                matches!(&values[*question], Some(Value::Text(text)) if phrases.first_in(text).is_some())
            }
        }
    }

    /// Calls `visit` on this and every condition inside it, those inside scores included.
    pub(crate) fn visit(&self, visit: &mut impl FnMut(&Expr)) {
        visit(self);
        match self {
            Self::Not(inner) => inner.visit(visit),
            Self::And(inner) | Self::Or(inner) => inner.iter().for_each(|e| e.visit(visit)),
            Self::AtLeast(Quantity::Score(score), _) => score.parts.iter().for_each(|p| p.when.expr.visit(visit)),
            _ => {}
        }
    }

    /// The numbers of the questions whose answers it looks at.
    pub(crate) fn questions(&self) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.visit(&mut |e| match e {
            Self::Chosen { question, .. }
            | Self::Answered(question)
            | Self::Mentions { question, .. }
            | Self::AtLeast(Quantity::Number(question) | Quantity::Count { question, .. }, _) => {
                found.insert(*question);
            }
            _ => {}
        });
        found
    }
}

fn chosen(values: &Values, question: usize, option: usize) -> bool {
    matches!(&values[question], Some(Value::Options(options)) if options[option])
}

impl Quantity {
    /// `None` where the number was not given; a count or score of nothing is 0.
    fn eval(&self, facts: &Facts, values: &Values) -> Option<i64> {
        match self {
            Self::AgeMonths => Some(i64::from(facts.age_months)),
            Self::Score(score) => Some(score.total(facts, values)),
            Self::Number(question) => match values[*question] {
                Some(Value::Number(n)) => Some(n),
                _ => None,
            },
            Self::Count { question, options } => {
                Some(options.iter().filter(|o| chosen(values, *question, **o)).count() as i64)
            }
        }
    }
}

impl FactTest {
    pub(crate) fn eval(&self, facts: &Facts) -> bool {
        match self {
            Self::Condition(group) => facts.conditions.iter().any(|f| group.holds(f)),
            Self::Takes(group) => facts.medicines.iter().any(|f| group.holds(f)),
            Self::AllergicTo(group) => facts.allergies.iter().any(|f| group.holds(f)),
            Self::Recent { need, days } => facts.recent.iter().any(|contact| {
                contact.seen
                    && contact.need == *need
                    && facts.on.since(contact.when).is_ok_and(|span| (0..=*days).contains(&i64::from(span.get_days())))
            }),
            Self::Pregnant => facts.pregnant == Some(true),
            Self::Sex(sex) => facts.sex == *sex,
        }
    }
}
