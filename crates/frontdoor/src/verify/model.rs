//! A pathway as boolean functions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Change, chain_states, constant, is_fact};
use crate::{
    Pathway, Sex, Urgency,
    bdd::{Bdd, FALSE, Fun, TRUE},
    condition::{Expr, FactTest, Quantity},
    pathway::{Kind, Question},
};

/// What a variable stands for. The order of the keys is the order of the variables: facts, then questions as asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    /// Age in months is at least this.
    Age(i64),
    Female,
    Male,
    Pregnant,
    Condition(String),
    Takes(String),
    AllergicTo(String),
    /// A contact about this need within so many days.
    Recent(String, i64),
    /// An optional question is answered and not skipped.
    Given(usize),
    /// An option is chosen; of a yes-no question, only its yes has a variable.
    Option(usize, usize),
    /// A number is at least this, in its smallest unit.
    Number(usize, i64),
    /// Text mentions a phrase list.
    Phrase(usize, String),
}

impl Key {
    fn rank(&self) -> (usize, Self) {
        let question = match self {
            Self::Given(q) | Self::Option(q, _) | Self::Number(q, _) | Self::Phrase(q, _) => q + 1,
            _ => 0,
        };
        (question, self.clone())
    }
}

pub(super) fn fact_key(test: &FactTest) -> Option<Key> {
    Some(match test {
        FactTest::Condition(group) => Key::Condition(group.id.clone()),
        FactTest::Takes(group) => Key::Takes(group.id.clone()),
        FactTest::AllergicTo(group) => Key::AllergicTo(group.id.clone()),
        FactTest::Recent { need, days } => Key::Recent(need.clone(), *days),
        FactTest::Pregnant => Key::Pregnant,
        FactTest::Sex(Sex::Female) => Key::Female,
        FactTest::Sex(Sex::Male) => Key::Male,
        FactTest::Sex(Sex::NotKnown) => return None,
    })
}

/// What becomes of a person, as functions of the variables.
pub(super) struct Paths {
    /// By question: it is put to the person.
    pub asked: Vec<Fun>,
    /// By red flag.
    pub flags: Vec<Fun>,
    /// An emergency stops the questions.
    pub stopped: Fun,
    /// By rule: it is the first that holds.
    pub decides: Vec<Fun>,
    /// No rule holds.
    pub undecided: Fun,
    /// The final urgency is at least this.
    pub urgency: BTreeMap<Urgency, Fun>,
}

pub(super) struct Model {
    pub keys: Vec<Key>,
    pub index: HashMap<Key, u32>,
    /// How much a variable adds to the length of a story when true.
    pub weights: Vec<u64>,
    /// What can be.
    pub domain: Fun,
    /// As the engine walks.
    pub paths: Paths,
    /// As if no emergency stopped the questions: the red flags a person would raise.
    pub unstopped: Paths,
}

/// What a question has contributed so far.
#[derive(Clone)]
struct Said {
    answered: Fun,
    options: Vec<Fun>,
}

struct Builder<'a> {
    pathway: &'a Pathway,
    bdd: &'a mut Bdd,
    index: &'a HashMap<Key, u32>,
    ages: (i64, i64),
}

impl Model {
    pub(super) fn new(pathway: &Pathway, bdd: &mut Bdd) -> Self {
        let ages = age_range(pathway);
        let keys = keys(pathway, ages);
        let index: HashMap<Key, u32> = keys.iter().cloned().zip(0..).collect();
        let weights = keys.iter().map(weight).collect();
        let mut builder = Builder { pathway, bdd, index: &index, ages };
        let domain = builder.domain(&keys);
        let paths = builder.paths(true);
        let unstopped = builder.paths(false);
        Self { keys, index, weights, domain, paths, unstopped }
    }

    /// The changes to single answers and facts that red flag `flag` looks at.
    pub(super) fn changes(&self, pathway: &Pathway, flag: usize) -> Vec<Change> {
        let expr = &pathway.red_flags[flag].when.expr;
        let mut changes = Vec::new();
        for q in expr.questions() {
            changes.extend(self.answer_changes(&pathway.questions[q], q));
        }
        let mut facts = BTreeSet::new();
        expr.visit(&mut |e| {
            if let Expr::Fact(test) = e {
                facts.extend(fact_key(test));
            }
        });
        for key in facts {
            changes.extend(self.toggle(&key));
        }
        changes
    }

    fn toggle(&self, key: &Key) -> Vec<Change> {
        let Some(v) = self.index.get(key) else { return Vec::new() };
        let state = |value| HashMap::from([(*v, value)]);
        vec![Change { from: state(false), to: state(true) }, Change { from: state(true), to: state(false) }]
    }

    fn answer_changes(&self, question: &Question, q: usize) -> Vec<Change> {
        let mut changes = self.toggle(&Key::Given(q)).into_iter().take(1).collect::<Vec<_>>();
        let variable = |o: usize| self.index[&Key::Option(q, o)];
        match question.kind {
            Kind::YesNo => changes.extend(self.toggle(&Key::Option(q, 0))),
            Kind::AnyOf => {
                let none: Vec<u32> =
                    (0..question.options.len()).filter(|o| question.options[*o].none).map(variable).collect();
                for o in (0..question.options.len()).filter(|o| !question.options[*o].none) {
                    let mut to: HashMap<u32, bool> = none.iter().map(|v| (*v, false)).collect();
                    to.insert(variable(o), true);
                    changes.push(Change { from: HashMap::from([(variable(o), false)]), to });
                }
            }
            Kind::OneOf => {
                let states: Vec<HashMap<u32, bool>> = (0..question.options.len())
                    .map(|chosen| (0..question.options.len()).map(|o| (variable(o), o == chosen)).collect())
                    .collect();
                changes.extend(pairs(&states));
            }
            Kind::Number => {
                let bounds: Vec<u32> = (0..)
                    .zip(&self.keys)
                    .filter(|(_, k)| matches!(k, Key::Number(n, _) if *n == q))
                    .map(|(v, _)| v)
                    .collect();
                changes.extend(pairs(&chain_states(&bounds)));
            }
            Kind::Text | Kind::Photo => {}
        }
        for key in self.keys.iter().filter(|k| matches!(k, Key::Phrase(n, _) if *n == q)) {
            changes.extend(self.toggle(key).into_iter().take(1));
        }
        changes
    }
}

fn pairs(states: &[HashMap<u32, bool>]) -> Vec<Change> {
    let mut all = Vec::new();
    for (a, from) in states.iter().enumerate() {
        for (b, to) in states.iter().enumerate() {
            if a != b {
                all.push(Change { from: from.clone(), to: to.clone() });
            }
        }
    }
    all
}

fn weight(key: &Key) -> u64 {
    match key {
        Key::Age(_) | Key::Number(..) | Key::Female | Key::Male => 1,
        Key::Given(_) => 2,
        Key::Option(..) | Key::Phrase(..) => 3,
        _ => 6,
    }
}

/// Least and greatest age in months of the people a pathway is for.
pub(super) fn age_range(pathway: &Pathway) -> (i64, i64) {
    let months = |years: u32| i64::from(years) * 12;
    let audience = pathway.audience;
    (months(audience.min_age.unwrap_or(0)), months(audience.max_age.unwrap_or(120) + 1) - 1)
}

fn keys(pathway: &Pathway, ages: (i64, i64)) -> Vec<Key> {
    let mut keys = BTreeSet::from([Key::Female, Key::Male].map(|k| k.rank()));
    for (q, question) in pathway.questions.iter().enumerate() {
        if question.optional {
            keys.insert(Key::Given(q).rank());
        }
        let options = if question.kind == Kind::YesNo { 1 } else { question.options.len() };
        keys.extend((0..options).map(|o| Key::Option(q, o).rank()));
    }
    let mut look = |e: &Expr| {
        let key = match e {
            Expr::Fact(test) => fact_key(test),
            Expr::AtLeast(Quantity::AgeMonths, n) => (ages.0 < *n && *n <= ages.1).then_some(Key::Age(*n)),
            Expr::AtLeast(Quantity::Number(q), n) => {
                let (min, max) = pathway.questions[*q].range.unwrap_or_default();
                (min < *n && *n <= max).then_some(Key::Number(*q, *n))
            }
            Expr::Mentions { question, phrases } => Some(Key::Phrase(*question, phrases.id.clone())),
            _ => None,
        };
        keys.extend(key.map(|k| k.rank()));
    };
    for question in &pathway.questions {
        question.ask_if.iter().chain(&question.known_from).for_each(|c| c.expr.visit(&mut look));
    }
    pathway.red_flags.iter().for_each(|f| f.when.expr.visit(&mut look));
    pathway.rules.iter().for_each(|r| r.when.expr.visit(&mut look));
    keys.into_iter().map(|(_, key)| key).collect()
}

impl Builder<'_> {
    fn variable(&mut self, key: &Key) -> Fun {
        self.bdd.variable(self.index[key] as usize)
    }

    fn domain(&mut self, keys: &[Key]) -> Fun {
        let mut all = TRUE;
        // Boundaries of one quantity: passing the higher means passing the lower. For days of a recent contact it is the
        // longer that follows from the shorter.
        for pair in keys.windows(2) {
            let implied = match (&pair[0], &pair[1]) {
                (Key::Age(_), Key::Age(_)) => Some((1, 0)),
                (Key::Number(a, _), Key::Number(b, _)) if a == b => Some((1, 0)),
                (Key::Recent(a, _), Key::Recent(b, _)) if a == b => Some((0, 1)),
                _ => None,
            };
            if let Some((from, to)) = implied {
                let (from, to) = (self.variable(&pair[from]), self.variable(&pair[to]));
                let broken = self.bdd.and_not(from, to);
                all = self.bdd.and_not(all, broken);
            }
        }
        let (female, male) = (self.variable(&Key::Female), self.variable(&Key::Male));
        let sexes = match self.pathway.audience.sex {
            None => {
                let both = self.bdd.and(female, male);
                self.bdd.not(both)
            }
            Some(Sex::Female) => self.bdd.and_not(female, male),
            Some(Sex::Male) => self.bdd.and_not(male, female),
            Some(Sex::NotKnown) => {
                let either = self.bdd.or(female, male);
                self.bdd.not(either)
            }
        };
        all = self.bdd.and(all, sexes);
        for (q, question) in self.pathway.questions.iter().enumerate() {
            if !matches!(question.kind, Kind::OneOf | Kind::AnyOf) {
                continue;
            }
            let options: Vec<Fun> = (0..question.options.len()).map(|o| self.variable(&Key::Option(q, o))).collect();
            let some = self.bdd.any(options.iter().copied());
            all = self.bdd.and(all, some);
            for (o, option) in options.iter().enumerate() {
                for (other, another) in options.iter().enumerate().skip(o + 1) {
                    let apart = question.options[o].none || question.options[other].none;
                    if question.kind == Kind::OneOf || apart {
                        let both = self.bdd.and(*option, *another);
                        all = self.bdd.and_not(all, both);
                    }
                }
            }
        }
        all
    }

    fn paths(&mut self, stops: bool) -> Paths {
        let pathway = self.pathway;
        let mut said: Vec<Said> =
            pathway.questions.iter().map(|q| Said { answered: FALSE, options: vec![FALSE; q.options.len()] }).collect();
        let mut flags = vec![FALSE; pathway.red_flags.len()];
        let mut asked = Vec::new();
        let mut stopped = FALSE;
        // The walk has not ended before this question.
        let mut live = TRUE;
        self.judge(0, live, stops, &said, &mut flags, &mut stopped);
        for (q, question) in pathway.questions.iter().enumerate() {
            let applies = question.ask_if.as_ref().map_or(TRUE, |c| self.expr(&c.expr, &said));
            let known = question.known_from.as_ref().map_or(FALSE, |c| self.expr(&c.expr, &said));
            let reached = self.bdd.and(live, applies);
            let open = self.bdd.and_not(reached, known);
            let put = self.bdd.and_not(open, stopped);
            let ended = self.bdd.and(open, stopped);
            live = self.bdd.and_not(live, ended);
            let given = if question.optional { self.variable(&Key::Given(q)) } else { TRUE };
            let answered = self.bdd.and(put, given);
            let already = self.bdd.and(reached, known);
            said[q] = self.said(q, question, answered, already);
            asked.push(put);
            self.judge(q + 1, live, stops, &said, &mut flags, &mut stopped);
        }
        let mut undecided = TRUE;
        let mut decides = Vec::new();
        for rule in &pathway.rules {
            let holds = self.expr(&rule.when.expr, &said);
            decides.push(self.bdd.and(undecided, holds));
            undecided = self.bdd.and_not(undecided, holds);
        }
        let urgency = Urgency::ALL.map(|u| (u, self.urgency(u, &flags, &decides, undecided))).into();
        Paths { asked, flags, stopped, decides, undecided, urgency }
    }

    fn judge(&mut self, passed: usize, live: Fun, stops: bool, said: &[Said], flags: &mut [Fun], stopped: &mut Fun) {
        for (flag, holds) in self.pathway.red_flags.iter().zip(flags) {
            if flag.after == passed {
                let raised = self.expr(&flag.when.expr, said);
                *holds = self.bdd.and(live, raised);
                if stops && flag.then.urgency.is_emergency() {
                    *stopped = self.bdd.or(*stopped, *holds);
                }
            }
        }
    }

    fn said(&mut self, q: usize, question: &Question, answered: Fun, already: Fun) -> Said {
        let options = match question.kind {
            Kind::YesNo => {
                let yes = self.variable(&Key::Option(q, 0));
                let said_yes = self.bdd.and(answered, yes);
                vec![self.bdd.or(said_yes, already), self.bdd.and_not(answered, yes)]
            }
            _ => (0..question.options.len())
                .map(|o| {
                    let chosen = self.variable(&Key::Option(q, o));
                    self.bdd.and(answered, chosen)
                })
                .collect(),
        };
        Said { answered: self.bdd.or(answered, already), options }
    }

    fn urgency(&mut self, least: Urgency, flags: &[Fun], decides: &[Fun], undecided: Fun) -> Fun {
        let pathway = self.pathway;
        let mut ways: Vec<Fun> = Vec::new();
        let flag_ways = pathway.red_flags.iter().zip(flags).map(|(flag, f)| (flag.then.urgency, *f));
        let rule_ways = pathway.rules.iter().zip(decides).map(|(rule, f)| (rule.then.urgency, *f));
        // Without a default the engine falls back to a person reading the answers the same day.
        let default = pathway.default.as_ref().map_or(Urgency::SameDay, |o| o.urgency);
        let all = flag_ways.chain(rule_ways).chain([(default, undecided)]);
        ways.extend(all.filter(|(urgency, _)| urgency.at_least(least)).map(|(_, f)| f));
        self.bdd.any(ways)
    }

    fn expr(&mut self, expr: &Expr, said: &[Said]) -> Fun {
        match expr {
            Expr::Const(value) => constant(*value),
            Expr::Not(inner) => {
                let inner = self.expr(inner, said);
                self.bdd.not(inner)
            }
            Expr::And(all) => {
                let all: Vec<Fun> = all.iter().map(|e| self.expr(e, said)).collect();
                self.bdd.all(all)
            }
            Expr::Or(any) => {
                let any: Vec<Fun> = any.iter().map(|e| self.expr(e, said)).collect();
                self.bdd.any(any)
            }
            Expr::Chosen { question, option } => said[*question].options[*option],
            Expr::Answered(question) => said[*question].answered,
            Expr::Fact(test) => fact_key(test).map_or(FALSE, |key| self.variable(&key)),
            Expr::Mentions { question, phrases } => {
                let mentioned = self.variable(&Key::Phrase(*question, phrases.id.clone()));
                self.bdd.and(said[*question].answered, mentioned)
            }
            Expr::AtLeast(quantity, n) => self.at_least(quantity, *n, said),
        }
    }

    fn at_least(&mut self, quantity: &Quantity, n: i64, said: &[Said]) -> Fun {
        match quantity {
            Quantity::AgeMonths => self.boundary(self.ages, n, &Key::Age(n)),
            Quantity::Number(q) => {
                let range = self.pathway.questions[*q].range.unwrap_or_default();
                let passed = self.boundary(range, n, &Key::Number(*q, n));
                self.bdd.and(said[*q].answered, passed)
            }
            Quantity::Count { question, options } => {
                let chosen: Vec<(Fun, i64)> = options.iter().map(|o| (said[*question].options[*o], 1)).collect();
                self.bdd.at_least(&chosen, n)
            }
            Quantity::Score(score) => {
                let parts: Vec<(Fun, i64)> =
                    score.parts.iter().map(|p| (self.expr(&p.when.expr, said), i64::from(p.points))).collect();
                self.bdd.at_least(&parts, n)
            }
        }
    }

    fn boundary(&mut self, (min, max): (i64, i64), n: i64, key: &Key) -> Fun {
        if n <= min {
            TRUE
        } else if n > max {
            FALSE
        } else {
            self.variable(key)
        }
    }
}

/// Facts among the keys, for stories.
pub(super) fn facts(keys: &[Key]) -> impl Iterator<Item = (usize, &Key)> {
    keys.iter().enumerate().filter(|(_, k)| is_fact(k))
}
