//! A pathway: what it asks, of whom, and where its answers lead. See `content/pathways/README.md` for the file.

use std::{ops::Range, sync::Arc};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{
    Facts, Sex, Urgency, Vocabulary,
    condition::{Condition, Expr, Values},
    load::LoadError,
    parse::{self, Names},
    phrases::PhraseList,
    vignettes::Vignette,
};

/// A source a pathway rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub title: String,
    pub publisher: String,
    /// As published: a year, a month or a day.
    pub date: String,
    pub url: String,
}

/// Who a pathway is for. Others are sent to "something else".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audience {
    /// Whole years, inclusive.
    pub min_age: Option<u32>,
    /// Whole years, inclusive.
    pub max_age: Option<u32>,
    pub sex: Option<Sex>,
}

impl Audience {
    /// Whether somebody belongs to it.
    pub fn suits(&self, facts: &Facts) -> bool {
        self.min_age.is_none_or(|min| facts.age_years() >= min)
            && self.max_age.is_none_or(|max| facts.age_years() <= max)
            && self.sex.is_none_or(|sex| facts.sex == sex)
    }
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    YesNo,
    OneOf,
    AnyOf,
    Number,
    Text,
    Photo,
}

/// An answer that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionOption {
    pub id: String,
    pub label: String,
    #[serde(default)]
    pub help: String,
    /// "None of these": cannot be chosen together with others.
    #[serde(default)]
    pub none: bool,
}

/// One question, one page.
#[derive(Debug, Clone)]
pub struct Question {
    pub id: String,
    /// As asked.
    pub text: String,
    /// Optional: empty when there is none.
    pub help: String,
    /// Why we ask, in plain words.
    pub why: String,
    pub kind: Kind,
    /// `yes` and `no` for a yes-no question; empty for numbers, text and photos.
    pub options: Vec<QuestionOption>,
    /// May be passed over.
    pub optional: bool,
    /// Decimals a number may have (0 to 2).
    pub decimals: u32,
    /// In the question's smallest unit (tenths where there is one decimal).
    pub(crate) range: Option<(i64, i64)>,
    /// What a number is counted in: `days`, `°C`.
    pub unit: String,
    /// Asked only when this holds, over questions before it.
    pub ask_if: Option<Condition>,
    /// Taken as "yes", and not asked, when this holds in the record.
    pub known_from: Option<Condition>,
}

impl Question {
    /// Least and greatest number allowed.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let scale = 10f64.powi(self.decimals as i32);
        self.range.map(|(min, max)| (min as f64 / scale, max as f64 / scale))
    }

    /// The label of an option, for "check your answers".
    pub fn label(&self, option: &str) -> Option<&str> {
        self.options.iter().find(|o| o.id == option).map(|o| o.label.as_str())
    }
}

/// Where a rule, a red flag or the default leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub urgency: Urgency,
    /// Code of `content/vocabulary/needs.toml`, and what it calls it.
    pub need: String,
    pub need_label: String,
    pub title: String,
    /// Plain words, for the person.
    pub reason: String,
    pub advice: Vec<String>,
    /// What to look out for, and what to do then.
    pub safety_net: String,
    /// What the professional who takes over reads.
    pub for_professional: String,
}

/// Who cannot go anywhere to be seen: help comes to them, whatever else was said.
#[derive(Debug, Clone)]
pub struct AtHome {
    pub when: Condition,
    /// Plain words, for the person.
    pub reason: String,
}

/// A rule; the first that holds decides.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub when: Condition,
    pub then: Outcome,
}

/// A red flag. It raises the final urgency always, and an emergency one stops the questions at once.
#[derive(Debug, Clone)]
pub struct RedFlag {
    pub id: String,
    pub when: Condition,
    pub then: Outcome,
    /// It is judged once this many questions have been passed: those it looks at.
    pub(crate) after: usize,
}

/// A named sum over answers, such as FeverPAIN.
#[derive(Debug, Clone)]
pub struct Score {
    pub id: String,
    pub title: String,
    pub source: String,
    pub(crate) parts: Vec<ScorePart>,
}

#[derive(Debug, Clone)]
pub(crate) struct ScorePart {
    pub label: String,
    pub when: Condition,
    pub points: u32,
}

impl Score {
    pub(crate) fn total(&self, facts: &Facts, values: &Values) -> i64 {
        self.parts.iter().filter(|p| p.when.expr.eval(facts, values)).map(|p| i64::from(p.points)).sum()
    }

    /// The greatest total.
    pub fn max(&self) -> i64 {
        self.parts.iter().map(|p| i64::from(p.points)).sum()
    }
}

/// A pathway, read and checked.
#[derive(Debug, Clone)]
pub struct Pathway {
    pub id: String,
    pub version: String,
    pub date: Date,
    pub title: String,
    /// A line for the list of things to get help with.
    pub summary: String,
    /// Other words people search by, lower case.
    pub search_words: Vec<String>,
    pub owner: String,
    pub signed_off: bool,
    /// Shown wherever the pathway is.
    pub sign_off_note: String,
    pub evidence: Vec<Evidence>,
    pub audience: Audience,
    pub questions: Vec<Question>,
    pub scores: Vec<Arc<Score>>,
    pub red_flags: Vec<RedFlag>,
    pub rules: Vec<Rule>,
    /// Where answers lead that no rule is about. [`crate::verify`] finds a pathway that needs one and has none.
    pub default: Option<Outcome>,
    pub at_home: Option<AtHome>,
    pub vignettes: Vec<Vignette>,
}

impl Pathway {
    /// `id@version`, as kept with every disposition.
    pub fn content(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// The question with this id.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|q| q.id == id)
    }

    /// Reads the text of a pathway file. Every condition is checked against the names of the file and the vocabulary;
    /// whether the pathway is safe is another matter: see [`crate::verify`].
    pub fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Self, LoadError> {
        let raw: RawPathway = toml::from_str(text)?;
        Reader { text, vocabulary }.pathway(raw)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPathway {
    id: String,
    version: String,
    date: Date,
    title: String,
    summary: String,
    search_words: Vec<String>,
    owner: String,
    signed_off: bool,
    sign_off_note: String,
    evidence: Vec<Evidence>,
    #[serde(rename = "for", default)]
    audience: Audience,
    #[serde(default)]
    negations: Vec<String>,
    #[serde(default)]
    phrase: Vec<RawPhrase>,
    question: Vec<RawQuestion>,
    #[serde(default)]
    definition: Vec<RawDefinition>,
    #[serde(default)]
    score: Vec<RawScore>,
    #[serde(default)]
    red_flag: Vec<RawRule>,
    rule: Vec<RawRule>,
    default: Option<RawRule>,
    at_home: Option<RawAtHome>,
    vignette: Vec<Vignette>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPhrase {
    id: Spanned<String>,
    any: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuestion {
    id: Spanned<String>,
    text: String,
    #[serde(default)]
    help: String,
    why: String,
    kind: Kind,
    #[serde(default)]
    options: Vec<QuestionOption>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    decimals: u32,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    unit: String,
    ask_if: Option<Spanned<String>>,
    known_from: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDefinition {
    id: Spanned<String>,
    when: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScore {
    id: Spanned<String>,
    title: String,
    source: String,
    part: Vec<RawScorePart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScorePart {
    label: String,
    when: Spanned<String>,
    points: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(default)]
    id: Option<Spanned<String>>,
    when: Option<Spanned<String>>,
    urgency: Urgency,
    need: String,
    title: String,
    reason: String,
    advice: Vec<String>,
    safety_net: String,
    for_professional: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAtHome {
    when: Spanned<String>,
    reason: String,
}

impl RawRule {
    fn outcome(self, vocabulary: &Vocabulary) -> Outcome {
        Outcome {
            urgency: self.urgency,
            need_label: vocabulary.need(&self.need).map_or_else(|| self.need.clone(), |need| need.label.clone()),
            need: self.need,
            title: self.title,
            reason: self.reason,
            advice: self.advice,
            safety_net: self.safety_net,
            for_professional: self.for_professional,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    vocabulary: &'a Vocabulary,
}

impl Reader<'_> {
    fn pathway(&self, raw: RawPathway) -> Result<Pathway, LoadError> {
        let phrases: Vec<_> =
            raw.phrase.iter().map(|p| Arc::new(PhraseList::new(p.id.get_ref(), &p.any, &raw.negations))).collect();
        for phrase in &raw.phrase {
            self.check_name(&phrase.id)?;
        }
        let mut questions: Vec<Question> = Vec::new();
        for question in raw.question {
            if questions.iter().any(|q| q.id == *question.id.get_ref()) {
                return self.fail(question.id.span(), "another question has this id");
            }
            let before = Names::new(self.vocabulary, &questions, &phrases);
            let read = self.question(question, &before)?;
            questions.push(read);
        }
        let mut names = Names::new(self.vocabulary, &questions, &phrases);
        let mut scores = Vec::new();
        for score in raw.score {
            self.check_new(&score.id, &names)?;
            let score = Arc::new(self.score(score, &names)?);
            names.scores.insert(score.id.clone(), score.clone());
            scores.push(score);
        }
        for definition in raw.definition {
            self.check_new(&definition.id, &names)?;
            let condition = self.condition(&definition.when, &names)?;
            names.definitions.insert(definition.id.into_inner(), condition.expr);
        }
        let mut red_flags: Vec<RedFlag> = Vec::new();
        for flag in raw.red_flag {
            let (id, when) = self.head(&flag, &names)?;
            let after = when.expr.questions().last().map_or(0, |last| last + 1);
            red_flags.push(RedFlag { id, when, then: flag.outcome(self.vocabulary), after });
        }
        let mut rules: Vec<Rule> = Vec::new();
        for rule in raw.rule {
            let (id, when) = self.head(&rule, &names)?;
            if mentions_text(&when.expr) {
                let span = rule.when.as_ref().map_or(0..0, Spanned::span);
                return self.fail(span, "words in free text may only raise urgency: use `mentions` in a red flag");
            }
            rules.push(Rule { id, when, then: rule.outcome(self.vocabulary) });
        }
        let at_home = match raw.at_home {
            None => None,
            Some(home) => Some(AtHome { when: self.condition(&home.when, &names)?, reason: home.reason }),
        };
        for (what, missing) in [
            ("version", raw.version.trim().is_empty()),
            ("owner", raw.owner.trim().is_empty()),
            ("evidence", raw.evidence.iter().all(|e| e.title.trim().is_empty() || e.url.trim().is_empty())),
        ] {
            if missing {
                return self
                    .fail(0..0, &format!("a pathway without {what} cannot be used: somebody must answer for it"));
            }
        }
        Ok(Pathway {
            id: raw.id,
            version: raw.version,
            date: raw.date,
            title: raw.title,
            summary: raw.summary,
            search_words: raw.search_words,
            owner: raw.owner,
            signed_off: raw.signed_off,
            sign_off_note: raw.sign_off_note,
            evidence: raw.evidence,
            audience: raw.audience,
            questions,
            scores,
            red_flags,
            rules,
            default: raw.default.map(|default| default.outcome(self.vocabulary)),
            at_home,
            vignettes: raw.vignette,
        })
    }

    fn question(&self, raw: RawQuestion, before: &Names) -> Result<Question, LoadError> {
        self.check_name(&raw.id)?;
        let at = raw.id.span();
        let mut options = raw.options;
        match raw.kind {
            Kind::YesNo if options.is_empty() => {
                let option = |id: &str, label: &str| QuestionOption {
                    id: id.into(),
                    label: label.into(),
                    help: String::new(),
                    none: false,
                };
                options = vec![option("yes", "Yes"), option("no", "No")];
            }
            Kind::OneOf | Kind::AnyOf if !options.is_empty() => {}
            Kind::OneOf | Kind::AnyOf => return self.fail(at, "this kind of question needs options"),
            _ if !options.is_empty() => return self.fail(at, "this kind of question has no options"),
            _ => {}
        }
        for (n, option) in options.iter().enumerate() {
            if !parse::is_name(&option.id) || options[..n].iter().any(|o| o.id == option.id) {
                return self.fail(at, &format!("option `{}` needs a name of its own: a to z, 0 to 9 and _", option.id));
            }
        }
        if raw.decimals > 2 {
            return self.fail(at, "decimals go up to 2");
        }
        let scale = 10f64.powi(raw.decimals as i32);
        let range = match (raw.kind, raw.min, raw.max) {
            (Kind::Number, Some(min), Some(max)) if min < max && min.abs().max(max.abs()) < 1e6 => {
                Some(((min * scale).round() as i64, (max * scale).round() as i64))
            }
            (Kind::Number, ..) => return self.fail(at, "a number needs `min` and `max`, min below max"),
            (_, None, None) => None,
            _ => return self.fail(at, "only a number has `min` and `max`"),
        };
        if raw.known_from.is_some() && raw.kind != Kind::YesNo {
            return self.fail(at, "only a yes-no question can be known from the record");
        }
        let read = |c: &Option<Spanned<String>>| -> Result<Option<Condition>, LoadError> {
            let Some(source) = c else { return Ok(None) };
            let condition = self.condition(source, before)?;
            if mentions_text(&condition.expr) {
                return self.fail(source.span(), "words in free text may only raise urgency, not choose questions");
            }
            Ok(Some(condition))
        };
        let ask_if = read(&raw.ask_if)?;
        let known_from = read(&raw.known_from)?;
        if let (Some(known), Some(source)) = (&known_from, &raw.known_from)
            && !known.expr.questions().is_empty()
        {
            return self.fail(source.span(), "`known_from` may look at the record alone");
        }
        Ok(Question {
            id: raw.id.into_inner(),
            text: raw.text,
            help: raw.help,
            why: raw.why,
            kind: raw.kind,
            options,
            optional: raw.optional,
            decimals: raw.decimals,
            range,
            unit: raw.unit,
            ask_if,
            known_from,
        })
    }

    fn score(&self, raw: RawScore, names: &Names) -> Result<Score, LoadError> {
        let mut parts = Vec::new();
        for part in raw.part {
            let when = self.condition(&part.when, names)?;
            if mentions_text(&when.expr) {
                return self
                    .fail(part.when.span(), "words in free text may only raise urgency: use `mentions` in a red flag");
            }
            parts.push(ScorePart { label: part.label, when, points: part.points });
        }
        Ok(Score { id: raw.id.into_inner(), title: raw.title, source: raw.source, parts })
    }

    /// The id and condition of a rule or red flag.
    fn head(&self, rule: &RawRule, names: &Names) -> Result<(String, Condition), LoadError> {
        let at = rule.when.as_ref().or(rule.id.as_ref()).map_or(0..0, Spanned::span);
        let (Some(id), Some(when)) = (&rule.id, &rule.when) else {
            return self.fail(at, "a rule or red flag needs `id` and `when`");
        };
        Ok((id.get_ref().clone(), self.condition(when, names)?))
    }

    fn check_name(&self, id: &Spanned<String>) -> Result<(), LoadError> {
        if parse::is_name(id.get_ref()) {
            Ok(())
        } else {
            self.fail(
                id.span(),
                "a name is made of a to z, 0 to 9 and _, starts with a letter, and is no word of the language",
            )
        }
    }

    fn check_new(&self, id: &Spanned<String>, names: &Names) -> Result<(), LoadError> {
        self.check_name(id)?;
        let name = id.get_ref();
        let taken = names.questions.iter().any(|q| q.id == *name)
            || names.scores.contains_key(name)
            || names.definitions.contains_key(name);
        if taken { self.fail(id.span(), "this name is taken") } else { Ok(()) }
    }

    fn condition(&self, source: &Spanned<String>, names: &Names) -> Result<Condition, LoadError> {
        parse::condition(source.get_ref(), names).map_err(|error| {
            let span = source.span();
            let (line, column) = place(self.text, span.start);
            let quote = quote_width(self.text.get(span).unwrap_or_default());
            let first = error.line == 1;
            LoadError::Content {
                line: line + error.line - 1,
                column: if first { column + quote + error.column - 1 } else { error.column },
                message: error.message,
            }
        })
    }

    fn fail<T>(&self, span: Range<usize>, message: &str) -> Result<T, LoadError> {
        let (line, column) = place(self.text, span.start);
        Err(LoadError::Content { line, column, message: message.to_owned() })
    }
}

fn mentions_text(expr: &Expr) -> bool {
    let mut found = false;
    expr.visit(&mut |e| found |= matches!(e, Expr::Mentions { .. }));
    found
}

fn quote_width(quoted: &str) -> usize {
    if quoted.starts_with("'''") || quoted.starts_with("\"\"\"") { 3 } else { 1 }
}

/// Line and column of a byte of the text, from 1.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
