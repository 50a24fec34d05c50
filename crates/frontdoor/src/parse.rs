//! Reads conditions such as `feverpain >= 4 and not any(risks: pregnant, steroids)`.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Sex, Vocabulary,
    condition::{Condition, Expr, FactTest, Quantity},
    pathway::{Kind, Question, Score},
    phrases::PhraseList,
};

/// A condition that cannot be read: where in it, counted from 1, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ConditionError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// The names a condition may use, in the order the file defines them.
pub(crate) struct Names<'a> {
    pub vocabulary: &'a Vocabulary,
    pub questions: &'a [Question],
    pub phrases: &'a [Arc<PhraseList>],
    pub scores: HashMap<String, Arc<Score>>,
    pub definitions: HashMap<String, Expr>,
}

impl<'a> Names<'a> {
    pub(crate) fn new(vocabulary: &'a Vocabulary, questions: &'a [Question], phrases: &'a [Arc<PhraseList>]) -> Self {
        Self { vocabulary, questions, phrases, scores: HashMap::new(), definitions: HashMap::new() }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(String),
    Sign(&'static str),
    End,
}

struct Placed {
    token: Token,
    line: usize,
    column: usize,
}

const WORDS: [&str; 21] = [
    "and",
    "or",
    "not",
    "is",
    "any",
    "all",
    "count",
    "answered",
    "mentions",
    "has_condition",
    "takes",
    "allergic_to",
    "recent",
    "within",
    "days",
    "pregnant",
    "sex",
    "age",
    "age_months",
    "always",
    "never",
];

/// Whether a name is free for a question, score, definition or phrase list.
pub(crate) fn is_name(name: &str) -> bool {
    !WORDS.contains(&name)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Reads a condition.
pub(crate) fn condition(source: &str, names: &Names) -> Result<Condition, ConditionError> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, depth: 0, names };
    let expr = parser.any_of_terms()?;
    parser.expect_end()?;
    Ok(Condition { expr, source: source.trim().to_owned() })
}

fn tokens(source: &str) -> Result<Vec<Placed>, ConditionError> {
    const SIGNS: [&str; 11] = [">=", "<=", "!=", "(", ")", ":", ",", ">", "<", "=", "-"];
    let mut found = Vec::new();
    let (mut line, mut column) = (1, 1);
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (token, taken) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted
                .find(['"', '\n'])
                .filter(|end| quoted[*end..].starts_with('"'))
                .ok_or_else(|| ConditionError { line, column, message: "this quotation is not closed".into() })?;
            (Some(Token::Text(quoted[..end].to_owned())), end + 2)
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            (Some(Token::Number(rest[..end].to_owned())), end)
        } else if first.is_ascii_alphabetic() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (Some(Token::Word(rest[..end].to_owned())), end)
        } else if let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) {
            (Some(Token::Sign(sign)), sign.len())
        } else {
            return Err(ConditionError { line, column, message: format!("{first:?} means nothing here") });
        };
        if let Some(token) = token {
            found.push(Placed { token, line, column });
        }
        for c in rest[..taken].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        rest = &rest[taken..];
    }
    found.push(Placed { token: Token::End, line, column });
    Ok(found)
}

/// Brackets and `not` may nest this deep.
const DEPTH: usize = 40;

struct Parser<'a> {
    tokens: Vec<Placed>,
    at: usize,
    depth: usize,
    names: &'a Names<'a>,
}

type Parsed<T> = Result<T, ConditionError>;

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn next(&mut self) -> Token {
        let token = self.tokens[self.at].token.clone();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    fn error_at<T>(&self, at: usize, message: impl Into<String>) -> Parsed<T> {
        let place = &self.tokens[at.min(self.tokens.len() - 1)];
        Err(ConditionError { line: place.line, column: place.column, message: message.into() })
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        self.error_at(self.at, message)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is = matches!(self.peek(), Token::Word(w) if w == word);
        self.at += usize::from(is);
        is
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.peek(), Token::Sign(s) if *s == sign);
        self.at += usize::from(is);
        is
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.takes_sign(sign) { Ok(()) } else { self.error(format!("expected {sign:?}")) }
    }

    fn expect_end(&mut self) -> Parsed<()> {
        if *self.peek() == Token::End { Ok(()) } else { self.error("expected `and`, `or` or the end of the condition") }
    }

    fn word(&mut self, what: &str) -> Parsed<String> {
        let start = self.at;
        match self.next() {
            Token::Word(word) => Ok(word),
            _ => self.error_at(start, format!("expected {what}")),
        }
    }

    fn text(&mut self, what: &str) -> Parsed<String> {
        match self.peek().clone() {
            Token::Text(text) => {
                self.at += 1;
                Ok(text)
            }
            _ => self.error(format!("expected {what} in double quotes")),
        }
    }

    fn any_of_terms(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.all_of_terms()?];
        while self.takes_word("or") {
            terms.push(self.all_of_terms()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::Or(terms) })
    }

    fn all_of_terms(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.term()?];
        while self.takes_word("and") {
            terms.push(self.term()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Expr::And(terms) })
    }

    fn term(&mut self) -> Parsed<Expr> {
        self.depth += 1;
        if self.depth > DEPTH {
            return self.error("this condition nests too deep; give parts of it a name under [[definition]]");
        }
        let term = if self.takes_word("not") {
            Expr::Not(Box::new(self.term()?))
        } else if self.takes_sign("(") {
            let inner = self.any_of_terms()?;
            self.expect_sign(")")?;
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(term)
    }

    fn test(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let word = self.word("a question, score, fact or `not`")?;
        Ok(match word.as_str() {
            "always" => Expr::Const(true),
            "never" => Expr::Const(false),
            "pregnant" => Expr::Fact(FactTest::Pregnant),
            "sex" => self.sex()?,
            "has_condition" => Expr::Fact(FactTest::Condition(self.group()?)),
            "takes" => Expr::Fact(FactTest::Takes(self.group()?)),
            "allergic_to" => Expr::Fact(FactTest::AllergicTo(self.group()?)),
            "recent" => self.recent()?,
            "any" | "all" => self.options_test(word == "all")?,
            "count" => {
                let (question, options) = self.options(true)?;
                self.compare(Quantity::Count { question, options }, 0)?
            }
            "answered" => {
                self.expect_sign("(")?;
                let question = self.question()?;
                self.expect_sign(")")?;
                Expr::Answered(question)
            }
            "mentions" => self.mentions()?,
            "age" => self.age(12)?,
            "age_months" => self.age(1)?,
            _ => self.named(&word, start)?,
        })
    }

    fn named(&mut self, name: &str, start: usize) -> Parsed<Expr> {
        if let Some(definition) = self.names.definitions.get(name) {
            return Ok(definition.clone());
        }
        if let Some(score) = self.names.scores.get(name) {
            return self.compare(Quantity::Score(score.clone()), 0);
        }
        let Some(number) = self.names.questions.iter().position(|q| q.id == name) else {
            return self.error_at(start, format!("there is no question, score or definition called `{name}`"));
        };
        let question = &self.names.questions[number];
        match question.kind {
            Kind::Number => {
                let compared = self.compare(Quantity::Number(number), question.decimals)?;
                Ok(Expr::And(vec![Expr::Answered(number), compared]))
            }
            Kind::YesNo if !matches!(self.peek(), Token::Word(w) if w == "is") => {
                Ok(Expr::Chosen { question: number, option: 0 })
            }
            Kind::YesNo | Kind::OneOf => {
                if !self.takes_word("is") {
                    return self.error(format!("expected `is` and an option of `{name}`"));
                }
                let not = self.takes_word("not");
                let option = self.option(number)?;
                let chosen = Expr::Chosen { question: number, option };
                Ok(if not { Expr::And(vec![Expr::Answered(number), Expr::Not(Box::new(chosen))]) } else { chosen })
            }
            Kind::AnyOf => self.error_at(start, format!("`{name}` has many answers: write any({name}: …) or all(…)")),
            Kind::Text | Kind::Photo => self.error_at(start, format!("write answered({name}), or mentions({name}: …)")),
        }
    }

    fn question(&mut self) -> Parsed<usize> {
        let start = self.at;
        let name = self.word("the id of a question")?;
        match self.names.questions.iter().position(|q| q.id == name) {
            Some(number) => Ok(number),
            None => self.error_at(start, format!("there is no question called `{name}`")),
        }
    }

    fn option(&mut self, question: usize) -> Parsed<usize> {
        let start = self.at;
        let name = self.word("the id of an option")?;
        let question = &self.names.questions[question];
        match question.options.iter().position(|o| o.id == name) {
            Some(option) => Ok(option),
            None => self.error_at(start, format!("`{}` has no option `{name}`", question.id)),
        }
    }

    /// `(question: option, option)`; where `all_by_default`, `(question)` means every option but "none of these".
    fn options(&mut self, all_by_default: bool) -> Parsed<(usize, Vec<usize>)> {
        self.expect_sign("(")?;
        let start = self.at;
        let question = self.question()?;
        let asked = &self.names.questions[question];
        if !matches!(asked.kind, Kind::AnyOf | Kind::OneOf) {
            return self.error_at(start, format!("`{}` has no options to choose among", asked.id));
        }
        let mut options = Vec::new();
        if all_by_default && self.takes_sign(")") {
            options = (0..asked.options.len()).filter(|o| !asked.options[*o].none).collect();
            return Ok((question, options));
        }
        self.expect_sign(":")?;
        loop {
            options.push(self.option(question)?);
            if !self.takes_sign(",") {
                break;
            }
        }
        self.expect_sign(")")?;
        Ok((question, options))
    }

    fn options_test(&mut self, all: bool) -> Parsed<Expr> {
        let (question, options) = self.options(false)?;
        let tests = options.into_iter().map(|option| Expr::Chosen { question, option }).collect();
        Ok(if all { Expr::And(tests) } else { Expr::Or(tests) })
    }

    fn mentions(&mut self) -> Parsed<Expr> {
        self.expect_sign("(")?;
        let start = self.at;
        let question = self.question()?;
        if self.names.questions[question].kind != Kind::Text {
            return self.error_at(start, "only a text question can be searched for phrases");
        }
        self.expect_sign(":")?;
        let mut tests = Vec::new();
        loop {
            let start = self.at;
            let name = self.word("the id of a phrase list")?;
            let Some(phrases) = self.names.phrases.iter().find(|p| p.id == name) else {
                return self.error_at(start, format!("there is no phrase list called `{name}`"));
            };
            tests.push(Expr::Mentions { question, phrases: phrases.clone() });
            if !self.takes_sign(",") {
                break;
            }
        }
        self.expect_sign(")")?;
        Ok(Expr::Or(tests))
    }

    fn group(&mut self) -> Parsed<Arc<crate::Group>> {
        let start = self.at;
        let name = self.text("the name of a group")?;
        match self.names.vocabulary.group(&name) {
            Some(group) => Ok(group.clone()),
            None => self.error_at(start, format!("no group {name:?} in content/vocabulary/groups.toml")),
        }
    }

    fn sex(&mut self) -> Parsed<Expr> {
        if !self.takes_word("is") {
            return self.error("expected `is female` or `is male`");
        }
        let not = self.takes_word("not");
        let start = self.at;
        let sex = match self.word("`female` or `male`")?.as_str() {
            "female" => Sex::Female,
            "male" => Sex::Male,
            _ => return self.error_at(start, "expected `female` or `male`"),
        };
        let test = Expr::Fact(FactTest::Sex(sex));
        Ok(if not { Expr::Not(Box::new(test)) } else { test })
    }

    fn recent(&mut self) -> Parsed<Expr> {
        let start = self.at;
        let need = self.text("the code of a need")?;
        if self.names.vocabulary.need(&need).is_none() {
            return self.error_at(start, format!("no need {need:?} in content/vocabulary/needs.toml"));
        }
        if !self.takes_word("within") {
            return self.error("expected `within` and a number of days");
        }
        let days = self.number(0)?;
        if !self.takes_word("days") {
            return self.error("expected `days`");
        }
        Ok(Expr::Fact(FactTest::Recent { need, days }))
    }

    fn age(&mut self, months: i64) -> Parsed<Expr> {
        let (sign, n) = self.comparison(0)?;
        Ok(compared(Quantity::AgeMonths, sign, n, months))
    }

    fn compare(&mut self, quantity: Quantity, decimals: u32) -> Parsed<Expr> {
        let (sign, n) = self.comparison(decimals)?;
        Ok(compared(quantity, sign, n, 1))
    }

    fn comparison(&mut self, decimals: u32) -> Parsed<(&'static str, i64)> {
        match self.peek().clone() {
            Token::Sign(sign @ (">=" | "<=" | "!=" | ">" | "<" | "=")) => {
                self.at += 1;
                Ok((sign, self.number(decimals)?))
            }
            _ => self.error("expected a comparison: >=, >, <=, <, = or !="),
        }
    }

    /// A number in units of `10^-decimals`.
    fn number(&mut self, decimals: u32) -> Parsed<i64> {
        let start = self.at;
        let negative = self.takes_sign("-");
        let Token::Number(digits) = self.next() else { return self.error_at(start, "expected a number") };
        match scaled(&digits, decimals) {
            Some(n) => Ok(if negative { -n } else { n }),
            None => self.error_at(start, format!("{digits} is not a number with up to {decimals} decimals")),
        }
    }
}

/// `quantity sign n`, where quantity counts in steps of `1/step` (ages are kept in months).
fn compared(quantity: Quantity, sign: &str, n: i64, step: i64) -> Expr {
    let least = |quantity: Quantity, n: i64| Expr::AtLeast(quantity, n * step);
    let not = |e: Expr| Expr::Not(Box::new(e));
    match sign {
        ">=" => least(quantity, n),
        ">" => least(quantity, n + 1),
        "<" => not(least(quantity, n)),
        "<=" => not(least(quantity, n + 1)),
        equal => {
            let same = Expr::And(vec![least(quantity.clone(), n), not(least(quantity, n + 1))]);
            if equal == "=" { same } else { not(same) }
        }
    }
}

/// Digits such as `38` or `38.5` in units of `10^-decimals`; `None` where it is finer than that or no number.
pub(crate) fn scaled(digits: &str, decimals: u32) -> Option<i64> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part = part.trim_end_matches('0');
    if whole.is_empty() || whole.len() > 9 || part.len() > decimals as usize {
        return None;
    }
    if !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{part:0<width$}", width = decimals as usize).parse().ok()
}
