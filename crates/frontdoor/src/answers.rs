//! What a person answered, and whether it can be an answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Pathway,
    condition::Value,
    parse::scaled,
    pathway::{Kind, Question},
};

/// Longest text kept, in characters.
pub const MAX_TEXT: usize = 4000;

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Ids of the chosen options, in the question's order; `yes` or `no` for a yes-no question.
    Chosen(Vec<String>),
    /// A number in digits, as given: `38.5`.
    Number(String),
    Text(String),
    /// Where the photo is kept: `DocumentReference/…`.
    Photo(String),
    Skipped,
}

/// The answers given so far, by question id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers(BTreeMap<String, Answer>);

impl Answers {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get(&self, question: &str) -> Option<&Answer> {
        self.0.get(question)
    }

    /// Keeps an answer, in place of an earlier one. See [`Question::read`] and [`Pathway::check`] for whether it fits.
    pub fn insert(&mut self, question: &str, answer: Answer) {
        self.0.insert(question.to_owned(), answer);
    }

    pub fn remove(&mut self, question: &str) -> Option<Answer> {
        self.0.remove(question)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Answer)> {
        self.0.iter().map(|(id, answer)| (id.as_str(), answer))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An answer that does not fit its question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct AnswerError {
    /// The question's id.
    pub question: String,
    pub problem: AnswerProblem,
}

/// What is wrong with an answer, said as an NHS error message says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerProblem {
    #[error("This is not one of our questions")]
    UnknownQuestion,
    #[error("Select yes or no")]
    YesOrNo,
    #[error("Select an answer")]
    ChooseOne,
    #[error("Select all that apply, or \"none of these\"")]
    ChooseSome,
    #[error("Select answers, or \"none of these\", but not both")]
    NoneAndOthers,
    #[error("Select one of the answers on the page")]
    UnknownOption,
    #[error("Enter a number from {min} to {max}{}", decimals_words(*decimals))]
    Number { min: String, max: String, decimals: u32 },
    #[error("Tell us in a few words")]
    Empty,
    #[error("Use {MAX_TEXT} characters or fewer")]
    TooLong,
    #[error("Add a photo")]
    Photo,
    #[error("This answer does not fit the question")]
    WrongKind,
}

fn decimals_words(n: u32) -> &'static str {
    match n {
        0 => ", without decimals",
        1 => ", with one decimal at most",
        _ => ", with two decimals at most",
    }
}

impl Question {
    /// Reads what a form sends: the chosen option ids, or the number, text or photo reference as one string. Nothing, or
    /// one empty string, skips an optional question.
    pub fn read(&self, sent: &[&str]) -> Result<Answer, AnswerError> {
        let sent: Vec<&str> = sent.iter().map(|s| s.trim()).filter(|s| !s.is_empty()).collect();
        let answer = match (self.kind, sent.as_slice()) {
            (_, []) if self.optional => Answer::Skipped,
            (Kind::YesNo | Kind::OneOf | Kind::AnyOf, chosen) => {
                let mut ids: Vec<String> = chosen.iter().map(|s| (*s).to_owned()).collect();
                ids.sort_by_key(|id| self.options.iter().position(|o| o.id == *id));
                ids.dedup();
                Answer::Chosen(ids)
            }
            (Kind::Number, [one]) => Answer::Number((*one).to_owned()),
            (Kind::Text, [one]) => Answer::Text((*one).to_owned()),
            (Kind::Photo, [one]) => Answer::Photo((*one).to_owned()),
            _ => return Err(self.error(self.missing())),
        };
        self.value(&answer)?;
        Ok(answer)
    }

    fn missing(&self) -> AnswerProblem {
        match self.kind {
            Kind::YesNo => AnswerProblem::YesOrNo,
            Kind::OneOf => AnswerProblem::ChooseOne,
            Kind::AnyOf => AnswerProblem::ChooseSome,
            Kind::Number => self.number_problem(),
            Kind::Text => AnswerProblem::Empty,
            Kind::Photo => AnswerProblem::Photo,
        }
    }

    fn number_problem(&self) -> AnswerProblem {
        let (min, max) = self.bounds().unwrap_or_default();
        AnswerProblem::Number { min: min.to_string(), max: max.to_string(), decimals: self.decimals }
    }

    fn error(&self, problem: AnswerProblem) -> AnswerError {
        AnswerError { question: self.id.clone(), problem }
    }

    /// What the answer means to conditions, or why it cannot be an answer.
    pub(crate) fn value(&self, answer: &Answer) -> Result<Value, AnswerError> {
        let fail = |problem| Err(self.error(problem));
        match (self.kind, answer) {
            (_, Answer::Skipped) if self.optional => Ok(Value::Skipped),
            (_, Answer::Skipped) => fail(self.missing()),
            (Kind::YesNo | Kind::OneOf | Kind::AnyOf, Answer::Chosen(ids)) => {
                let mut options = vec![false; self.options.len()];
                for id in ids {
                    match self.options.iter().position(|o| o.id == *id) {
                        Some(n) => options[n] = true,
                        None => return fail(AnswerProblem::UnknownOption),
                    }
                }
                let chosen = options.iter().filter(|chosen| **chosen).count();
                let none = self.options.iter().zip(&options).any(|(o, chosen)| o.none && *chosen);
                match chosen {
                    0 => fail(self.missing()),
                    1 => Ok(Value::Options(options)),
                    _ if self.kind != Kind::AnyOf => fail(self.missing()),
                    _ if none => fail(AnswerProblem::NoneAndOthers),
                    _ => Ok(Value::Options(options)),
                }
            }
            (Kind::Number, Answer::Number(digits)) => {
                let (sign, digits) = digits.strip_prefix('-').map_or((1, digits.as_str()), |rest| (-1, rest));
                match (scaled(digits, self.decimals).map(|n| n * sign), self.range) {
                    (Some(n), Some((min, max))) if (min..=max).contains(&n) => Ok(Value::Number(n)),
                    _ => fail(self.number_problem()),
                }
            }
            (Kind::Text, Answer::Text(text)) => match text.chars().count() {
                0 => fail(AnswerProblem::Empty),
                n if n > MAX_TEXT => fail(AnswerProblem::TooLong),
                _ => Ok(Value::Text(text.clone())),
            },
            (Kind::Photo, Answer::Photo(reference)) if !reference.is_empty() => Ok(Value::Photo),
            (Kind::Photo, Answer::Photo(_)) => fail(AnswerProblem::Photo),
            _ => fail(AnswerProblem::WrongKind),
        }
    }

    /// An answer in words, for "check your answers" and for the professional.
    pub fn words(&self, answer: &Answer) -> String {
        match answer {
            Answer::Chosen(ids) => {
                let labels: Vec<&str> = ids.iter().map(|id| self.label(id).unwrap_or(id)).collect();
                labels.join("; ")
            }
            Answer::Number(digits) => {
                let unit = if digits == "1" { self.unit.strip_suffix('s').unwrap_or(&self.unit) } else { &self.unit };
                format!("{digits} {unit}").trim_end().to_owned()
            }
            Answer::Text(text) => text.clone(),
            Answer::Photo(_) => "Photo added".to_owned(),
            Answer::Skipped => "Not answered".to_owned(),
        }
    }
}

impl Pathway {
    /// Checks answers, partial or whole, against their questions; gives every error.
    pub fn check(&self, answers: &Answers) -> Result<(), Vec<AnswerError>> {
        let errors: Vec<AnswerError> = answers
            .iter()
            .filter_map(|(id, answer)| match self.question(id) {
                None => Some(AnswerError { question: id.to_owned(), problem: AnswerProblem::UnknownQuestion }),
                Some(question) => question.value(answer).err(),
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
