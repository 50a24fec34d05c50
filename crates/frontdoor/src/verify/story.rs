//! A case made into a person with answers, and told.

use jiff::{ToSpan, civil::Date};

use super::model::{Key, Model, age_range, facts};
use crate::{
    Answer, Answers, Facts, Group, Pathway, Sex,
    condition::{Condition, Expr, FactTest},
    facts::RecentContact,
    pathway::{Kind, Question},
};

/// A made-up person and what they would answer to every question.
pub(super) struct Case {
    pub facts: Facts,
    pub answers: Answers,
    known: Vec<String>,
}

const DAY: Date = Date::constant(2026, 11, 20);

impl Case {
    pub(super) fn new(pathway: &Pathway, model: &Model, values: &[bool]) -> Self {
        let holds = |key: &Key| model.index.get(key).is_some_and(|v| values[*v as usize]);
        let mut age = age_range(pathway).0;
        let sex = match (holds(&Key::Female), holds(&Key::Male)) {
            (true, _) => Sex::Female,
            (_, true) => Sex::Male,
            _ => Sex::NotKnown,
        };
        for (n, key) in facts(&model.keys) {
            if let (Key::Age(months), true) = (key, values[n]) {
                age = age.max(*months);
            }
        }
        let mut person = Facts::new(u32::try_from(age).unwrap_or(0), sex, DAY);
        let mut known = Vec::new();
        if holds(&Key::Pregnant) {
            person.pregnant = Some(true);
            known.push("is pregnant".to_owned());
        }
        for test in fact_tests(pathway) {
            if !super::model::fact_key(&test).is_some_and(|key| holds(&key)) {
                continue;
            }
            let mut add = |list: &mut Vec<crate::Fact>, group: &Group, verb: &str| {
                let example = group.example();
                if !list.contains(&example) {
                    known.push(format!("{verb} {}", group.label));
                    list.push(example);
                }
            };
            match &test {
                FactTest::Condition(group) => add(&mut person.conditions, group, "has"),
                FactTest::Takes(group) => add(&mut person.medicines, group, "takes"),
                FactTest::AllergicTo(group) => add(&mut person.allergies, group, "is allergic to"),
                FactTest::Recent { need, days } => {
                    if let Ok(when) = DAY.checked_sub(days.days()) {
                        known.push(format!("was helped with {need} {days} days ago"));
                        person.recent.push(RecentContact { need: need.clone(), when, seen: true });
                    }
                }
                FactTest::Pregnant | FactTest::Sex(_) => {}
            }
        }
        let mut answers = Answers::new();
        for (q, question) in pathway.questions.iter().enumerate() {
            answers.insert(&question.id, answer(pathway, q, question, &model.keys, values, &holds));
        }
        Self { facts: person, answers, known }
    }

    /// A line for the person, one for each question asked, one for the end.
    pub(super) fn story(&self, pathway: &Pathway) -> Vec<String> {
        let years = self.facts.age_years();
        let mut lines =
            vec![format!("Somebody aged {years}, sex {}, who {}.", self.facts.sex.word(), join(&self.known))];
        let walk = pathway.walk(&self.facts, &self.answers);
        let stop_after = walk.stop.map_or(usize::MAX, |flag| pathway.red_flags[flag].after);
        for (q, question) in pathway.questions.iter().enumerate() {
            let asked = walk.values[q].is_some() && q < stop_after;
            let known = question.known_from.as_ref().is_some_and(|c| c.expr.eval(&self.facts, &[]));
            if asked && let Some(answer) = self.answers.get(&question.id) {
                let answer = if known { "(known from the record)".to_owned() } else { question.words(answer) };
                lines.push(format!("{} {answer}", question.text));
            }
        }
        let mut answers = self.answers.clone();
        for question in pathway.questions.iter().skip(stop_after.min(pathway.questions.len())) {
            answers.remove(&question.id);
        }
        let end = pathway.assess(&self.facts, &answers);
        lines.push(format!("-> {}, by {}", end.disposition.urgency, end.disposition.reasons[0].from));
        lines
    }
}

fn join(known: &[String]) -> String {
    if known.is_empty() { "has nothing else of note on record".to_owned() } else { known.join(" and ") }
}

/// Every fact a pathway asks of the record, shortest "recent" first.
pub(super) fn fact_tests(pathway: &Pathway) -> Vec<FactTest> {
    let mut tests = Vec::new();
    let mut look = |c: &Condition| {
        c.expr.visit(&mut |e| {
            if let Expr::Fact(test) = e {
                tests.push(test.clone());
            }
        });
    };
    pathway.questions.iter().flat_map(|q| q.ask_if.iter().chain(&q.known_from)).for_each(&mut look);
    pathway.red_flags.iter().for_each(|f| look(&f.when));
    pathway.rules.iter().for_each(|r| look(&r.when));
    tests
}

fn answer(
    pathway: &Pathway,
    q: usize,
    question: &Question,
    keys: &[Key],
    values: &[bool],
    holds: &impl Fn(&Key) -> bool,
) -> Answer {
    if question.optional && !holds(&Key::Given(q)) {
        return Answer::Skipped;
    }
    match question.kind {
        Kind::YesNo => Answer::Chosen(vec![if holds(&Key::Option(q, 0)) { "yes" } else { "no" }.to_owned()]),
        Kind::OneOf | Kind::AnyOf => {
            let chosen = question.options.iter().enumerate().filter(|(o, _)| holds(&Key::Option(q, *o)));
            Answer::Chosen(chosen.map(|(_, option)| option.id.clone()).collect())
        }
        Kind::Number => {
            let mut number = question.range.unwrap_or_default().0;
            for (key, value) in keys.iter().zip(values) {
                if let (Key::Number(of, least), true) = (key, *value)
                    && *of == q
                {
                    number = number.max(*least);
                }
            }
            Answer::Number(digits(number, question.decimals))
        }
        Kind::Text => {
            let mut text = "It began today".to_owned();
            let mut look = |e: &Expr| {
                if let Expr::Mentions { question, phrases } = e
                    && *question == q
                    && holds(&Key::Phrase(q, phrases.id.clone()))
                {
                    text = format!("{text}. {}", phrases.example());
                }
            };
            pathway.red_flags.iter().for_each(|f| f.when.expr.visit(&mut look));
            Answer::Text(text)
        }
        Kind::Photo => Answer::Photo("DocumentReference/photo".to_owned()),
    }
}

/// A number in its smallest unit as digits.
pub(super) fn digits(number: i64, decimals: u32) -> String {
    if decimals == 0 {
        return number.to_string();
    }
    let scale = 10i64.pow(decimals);
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", number.abs() / scale, number.abs() % scale, width = decimals as usize)
}
