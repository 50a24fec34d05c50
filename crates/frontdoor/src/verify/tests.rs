use std::collections::{BTreeMap, HashMap};

use super::{
    Case, FindingKind, check, is_fact,
    model::{Key, Model},
    story::{digits, fact_tests},
};
use crate::{
    Answer, Answers, Facts, Pathway, Pathways, Sex, Step, Urgency,
    bdd::Bdd,
    condition::{Expr, FactTest},
    facts::RecentContact,
    pathway::Kind,
    vignettes,
};

fn pathways() -> Pathways {
    Pathways::embedded().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_pathway_keeps_every_promise_in_every_case() {
    let pathways = pathways();
    let mut problems = Vec::new();
    for pathway in pathways.iter() {
        println!("{}: {:.1e} cases", pathway.id, super::cases(pathway));
        problems.extend(check(pathway, pathways.vocabulary()).iter().map(|f| format!("{}/{f}", pathway.id)));
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// A small generator of our own: the same people in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % sides
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.roll(n) == 0
    }
}

/// Somebody made up without the help of the model: ages and numbers at, below and above each boundary.
fn anybody(pathway: &Pathway, model: &Model, dice: &mut Dice) -> (Facts, Answers) {
    let near = |bounds: Vec<i64>, (min, max): (i64, i64), dice: &mut Dice| {
        let mut all = vec![min, max, i64::midpoint(min, max)];
        all.extend(bounds.iter().flat_map(|b| [b - 1, *b, b + 1]));
        all.retain(|n| (min..=max).contains(n));
        all[dice.roll(all.len())]
    };
    let ages = model.keys.iter().filter_map(|k| if let Key::Age(n) = k { Some(*n) } else { None }).collect();
    let age = near(ages, super::model::age_range(pathway), dice);
    let sex = pathway.audience.sex.unwrap_or([Sex::Female, Sex::Male, Sex::NotKnown][dice.roll(3)]);
    let mut facts = Facts::new(age as u32, sex, jiff::civil::date(2026, 3, 29));
    facts.pregnant = [None, Some(false), Some(true)][dice.roll(3)];
    for test in fact_tests(pathway) {
        if !dice.one_in(4) {
            continue;
        }
        match test {
            FactTest::Condition(group) => facts.conditions.push(group.example()),
            FactTest::Takes(group) => facts.medicines.push(group.example()),
            FactTest::AllergicTo(group) => facts.allergies.push(group.example()),
            FactTest::Recent { need, days } => {
                let ago = jiff::Span::new().days(days + 1 - dice.roll(3) as i64);
                facts.recent.push(RecentContact {
                    need,
                    when: facts.on.checked_sub(ago).unwrap(),
                    seen: !dice.one_in(3),
                });
            }
            FactTest::Pregnant | FactTest::Sex(_) => {}
        }
    }
    let mut answers = Answers::new();
    // Half of them say yes to little, so that they get far.
    let yes_to_one_in = if dice.one_in(2) { 2 } else { 15 };
    for (q, question) in pathway.questions.iter().enumerate() {
        let chosen = |o: usize| Answer::Chosen(vec![question.options[o].id.clone()]);
        let calm = question.options.iter().position(|o| o.none);
        let answer = match question.kind {
            _ if question.optional && dice.one_in(3) => Answer::Skipped,
            Kind::YesNo => chosen(usize::from(!dice.one_in(yes_to_one_in))),
            Kind::OneOf => chosen(dice.roll(question.options.len())),
            Kind::AnyOf => match calm {
                Some(none) if !dice.one_in(yes_to_one_in) => chosen(none),
                _ => {
                    let some = question.options.iter().filter(|o| !o.none);
                    let mut ids: Vec<String> = some.filter(|_| dice.one_in(2)).map(|o| o.id.clone()).collect();
                    if ids.is_empty() {
                        ids.push(question.options.iter().find(|o| !o.none).unwrap().id.clone());
                    }
                    Answer::Chosen(ids)
                }
            },
            Kind::Number => {
                let bounds = model.keys.iter().filter_map(|k| match k {
                    Key::Number(n, least) if *n == q => Some(*least),
                    _ => None,
                });
                let number = near(bounds.collect(), question.range.unwrap(), dice);
                Answer::Number(digits(number, question.decimals))
            }
            Kind::Text => {
                let mut text = "A thing".to_owned();
                for flag in &pathway.red_flags {
                    flag.when.expr.visit(&mut |e| {
                        if let Expr::Mentions { phrases, .. } = e
                            && dice.one_in(6)
                        {
                            text = format!("{text}. {}", phrases.example());
                        }
                    });
                }
                Answer::Text(text)
            }
            Kind::Photo => Answer::Photo("DocumentReference/x".into()),
        };
        answers.insert(&question.id, answer);
    }
    (facts, answers)
}

/// The variables of the model for a person, read off the person and not off the model.
fn observe(pathway: &Pathway, model: &Model, facts: &Facts, answers: &Answers) -> Vec<bool> {
    let mut by_key: HashMap<Key, bool> = HashMap::new();
    for test in fact_tests(pathway) {
        if let Some(key) = super::model::fact_key(&test) {
            by_key.insert(key, test.eval(facts));
        }
    }
    by_key.insert(Key::Female, facts.sex == Sex::Female);
    by_key.insert(Key::Male, facts.sex == Sex::Male);
    let values: Vec<_> = pathway.questions.iter().map(|q| q.value(answers.get(&q.id).unwrap()).unwrap()).collect();
    model
        .keys
        .iter()
        .map(|key| {
            use crate::condition::Value;
            match key {
                Key::Age(n) => i64::from(facts.age_months) >= *n,
                Key::Given(q) => values[*q] != Value::Skipped,
                Key::Option(q, o) => match &values[*q] {
                    Value::Options(options) => options[*o],
                    // Skipped: anything the domain allows will do.
                    _ => *o == pathway.questions[*q].options.len() - 1,
                },
                Key::Number(q, n) => matches!(values[*q], Value::Number(given) if given >= *n),
                Key::Phrase(q, list) => {
                    let mut mentioned = false;
                    pathway.red_flags.iter().for_each(|f| {
                        f.when.expr.visit(&mut |e| {
                            if let (Expr::Mentions { question, phrases }, Value::Text(text)) = (e, &values[*q])
                                && question == q
                                && phrases.id == *list
                            {
                                mentioned |= phrases.first_in(text).is_some();
                            }
                        });
                    });
                    mentioned
                }
                other => by_key[other],
            }
        })
        .collect()
}

/// Goes through the pathway as a person does: answers only what is asked.
fn go_through(pathway: &Pathway, facts: &Facts, would_say: &Answers) -> (Vec<String>, bool, Answers) {
    let mut answers = Answers::new();
    let mut asked = Vec::new();
    loop {
        match pathway.next(facts, &answers) {
            Step::Ask(q) => {
                asked.push(q.id.clone());
                answers.insert(&q.id, would_say.get(&q.id).unwrap().clone());
            }
            Step::Stop(_) => return (asked, true, answers),
            Step::Done => return (asked, false, answers),
        }
    }
}

#[test]
fn the_model_that_is_proved_is_the_engine_that_runs() {
    for pathway in pathways().iter() {
        let mut bdd = Bdd::new();
        let model = Model::new(pathway, &mut bdd);
        let mut dice = Dice(7);
        let mut urgencies: BTreeMap<Urgency, usize> = BTreeMap::new();
        for _ in 0..3000 {
            let (facts, would_say) = anybody(pathway, &model, &mut dice);
            let values = observe(pathway, &model, &facts, &would_say);
            assert!(bdd.value(model.domain, &values), "{}: an impossible person {values:?}", pathway.id);
            let (asked, stopped, answers) = go_through(pathway, &facts, &would_say);
            let end = pathway.assess(&facts, &answers);
            *urgencies.entry(end.disposition.urgency).or_default() += 1;

            let holds = |f| bdd.value(f, &values);
            let paths = &model.paths;
            let predicted: Vec<&str> = pathway
                .questions
                .iter()
                .zip(&paths.asked)
                .filter(|(_, f)| holds(**f))
                .map(|(q, _)| q.id.as_str())
                .collect();
            assert_eq!(asked, predicted, "{}", pathway.id);
            assert_eq!(stopped, holds(paths.stopped));
            let flags: Vec<&str> = pathway
                .red_flags
                .iter()
                .zip(&paths.flags)
                .filter(|(_, f)| holds(**f))
                .map(|(r, _)| r.id.as_str())
                .collect();
            let mut raised = end.red_flags.clone();
            raised.sort_by_key(|id| pathway.red_flags.iter().position(|f| f.id == *id));
            assert_eq!(raised, flags);
            for (urgency, reached) in &paths.urgency {
                assert_eq!(end.disposition.urgency.at_least(*urgency), holds(*reached), "{}", pathway.id);
            }
        }
        println!("{}: {urgencies:?}", pathway.id);
    }
}

#[test]
fn a_story_is_about_a_person_the_engine_treats_as_the_model_says() {
    for pathway in pathways().iter() {
        let mut bdd = Bdd::new();
        let model = Model::new(pathway, &mut bdd);
        for (n, flag) in pathway.red_flags.iter().enumerate() {
            let raised = bdd.and(model.domain, model.paths.flags[n]);
            let values = bdd.lightest(raised, &model.weights).unwrap();
            let case = Case::new(pathway, &model, &values);
            let (_, _, answers) = go_through(pathway, &case.facts, &case.answers);
            let raised = pathway.assess(&case.facts, &answers).red_flags;
            assert!(raised.contains(&flag.id), "{}/{}: {:?}", pathway.id, flag.id, case.story(pathway));
        }
        assert!(model.keys.iter().any(is_fact));
    }
}

/// A small pathway in which everything holds, to be broken on purpose.
const SOUND: &str = r#"
id = "small"
version = "1"
date = "2026-11-20"
title = "Small"
summary = "Small"
search_words = []
owner = "Test"
signed_off = false
sign_off_note = "Test"
evidence = [{ title = "Test", publisher = "Test", date = "2026", url = "https://example.org" }]
vignette = []

[[question]]
id = "danger"
text = "Is any of these happening now?"
why = "To be safe."
kind = "any-of"
options = [{ id = "grey", label = "Grey skin" }, { id = "bleeding", label = "Bleeding" }, { id = "none", label = "None", none = true }]

[[question]]
id = "long"
text = "How long?"
why = "To know."
kind = "number"
min = 0
max = 30
unit = "days"

[[red_flag]]
id = "collapse"
when = "any(danger: grey)"
urgency = "emergency-999"
need = "ambulance"
title = "t"
reason = "r"
advice = []
safety_net = "s"
for_professional = "p"

[[red_flag]]
id = "bleeding"
when = "any(danger: bleeding)"
urgency = "within-2-hours"
need = "urgent-treatment"
title = "t"
reason = "r"
advice = []
safety_net = "s"
for_professional = "p"

[[rule]]
id = "long"
when = "long >= 14"
urgency = "routine"
need = "gp-routine"
title = "t"
reason = "r"
advice = []
safety_net = "s"
for_professional = "p"

[default]
urgency = "self-care"
need = "self-care"
title = "t"
reason = "r"
advice = []
safety_net = "s"
for_professional = "p"
"#;

fn findings(changes: &[(&str, &str)]) -> Vec<super::Finding> {
    let mut text = SOUND.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "nothing to break: {from}");
        text = text.replacen(from, to, 1);
    }
    let vocabulary = pathways().vocabulary().clone();
    let pathway = Pathway::parse(&text, &vocabulary).unwrap_or_else(|e| panic!("{e}"));
    assert!(vignettes::run(&pathway, &vocabulary).is_empty());
    check(&pathway, &vocabulary)
}

#[test]
fn a_sound_pathway_is_found_sound() {
    assert_eq!(findings(&[]), []);
}

/// What must be found, where, and the texts to replace.
type Broken<'a> = (FindingKind, &'a str, Vec<(&'a str, &'a str)>);

#[test]
fn each_way_to_break_a_pathway_is_caught_and_told() {
    let default = &SOUND[SOUND.find("[default]").unwrap()..];
    let late_999 = "[[question]]\nid = \"late\"\ntext = \"Is it hard to breathe?\"\nwhy = \"w\"\nkind = \"yes-no\"\n\n\
        [[red_flag]]\nid = \"late\"\nwhen = \"late\"\nurgency = \"emergency-999\"\nneed = \"ambulance\"\ntitle = \"t\"\n\
        reason = \"r\"\nadvice = []\nsafety_net = \"s\"\nfor_professional = \"p\"\n\n[[rule]]";
    let first_rule = "[[rule]]\nid = \"hides\"\nwhen = \"any(danger: bleeding)\"\nurgency = \"self-care\"\nneed = \"self-care\"\n\
        title = \"t\"\nreason = \"r\"\nadvice = []\nsafety_net = \"s\"\nfor_professional = \"p\"\n\n[[rule]]";
    let cases: Vec<Broken> = vec![
        (FindingKind::NoDisposition, "default", vec![(default, "")]),
        (
            FindingKind::UnreachableQuestion,
            "long",
            vec![("unit = \"days\"", "unit = \"days\"\nask_if = \"any(danger: grey)\"")],
        ),
        (
            FindingKind::UnreachableQuestion,
            "long",
            vec![("unit = \"days\"", "unit = \"days\"\nask_if = \"any(danger: none) and any(danger: bleeding)\"")],
        ),
        (FindingKind::DeadRule, "long", vec![("long >= 14", "long > 30")]),
        (FindingKind::DeadRule, "hides", vec![("[[rule]]", first_rule)]),
        (FindingKind::DeadRedFlag, "bleeding", vec![("any(danger: bleeding)", "all(danger: bleeding, none)")]),
        // A rule more urgent than the flag that switches it off.
        (
            FindingKind::UrgencyLowered,
            "bleeding",
            vec![
                ("long >= 14", "long >= 14 and not any(danger: bleeding)"),
                (
                    "urgency = \"routine\"\nneed = \"gp-routine\"",
                    "urgency = \"within-2-hours\"\nneed = \"urgent-treatment\"",
                ),
                ("urgency = \"within-2-hours\"", "urgency = \"same-day\""),
            ],
        ),
        // An emergency department stop before a 999 question.
        (
            FindingKind::UrgencyLowered,
            "bleeding",
            vec![
                ("[[rule]]", late_999),
                (
                    "\"within-2-hours\"\nneed = \"urgent-treatment\"",
                    "\"emergency-department\"\nneed = \"emergency-department\"",
                ),
            ],
        ),
        (FindingKind::UnknownNeed, "long", vec![("gp-routine", "gp-sometime")]),
        (FindingKind::NeedAgainstUrgency, "long", vec![("gp-routine", "ambulance")]),
        (FindingKind::NeedAgainstUrgency, "bleeding", vec![("urgent-treatment", "self-care")]),
        (FindingKind::NoWayToSayNone, "danger", vec![(", { id = \"none\", label = \"None\", none = true }", "")]),
    ];
    for (kind, at, changes) in cases {
        let found = findings(&changes);
        let hit = found.iter().find(|f| f.kind == kind && f.at == at);
        assert!(hit.is_some(), "{kind:?} at {at} is not caught: {found:?}");
        if matches!(kind, FindingKind::NoDisposition | FindingKind::UrgencyLowered) {
            let story = &hit.unwrap().story;
            assert!(story.iter().any(|line| line.starts_with("->")), "{story:?}");
        }
    }
}

#[test]
fn a_counter_example_is_the_shortest_there_is() {
    let default = &SOUND[SOUND.find("[default]").unwrap()..];
    let found = findings(&[(default, "")]);
    let story = &found.iter().find(|f| f.kind == FindingKind::NoDisposition).unwrap().story;
    assert_eq!(
        story[1..],
        ["Is any of these happening now? None", "How long? 0 days", "-> same-day, by default"].map(str::to_owned)
    );
}
