//! The content that comes with Kith keeps its own promises.

use std::{collections::BTreeSet, path::Path};

use kith_frontdoor::{Facts, LoadError, Pathway, Pathways, Sex, reading, verify, vignettes};

fn pathways() -> Pathways {
    Pathways::embedded().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_vignette_ends_where_it_must_and_each_pathway_has_at_least_eight() {
    let pathways = pathways();
    let mut problems = Vec::new();
    for pathway in pathways.iter() {
        let outcomes = vignettes::run(pathway, pathways.vocabulary());
        assert!(outcomes.len() >= 8, "{} has {} vignettes", pathway.id, outcomes.len());
        for outcome in outcomes.iter().filter(|o| !o.passed()) {
            problems.push(format!("{}: {}\n    {}", pathway.id, outcome.title, outcome.problems.join("\n    ")));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_pathway_says_where_it_comes_from_and_that_it_is_not_signed_off() {
    for pathway in pathways().iter() {
        assert!(pathway.evidence.len() >= 3, "{}", pathway.id);
        assert!(pathway.evidence.iter().all(|e| e.date.starts_with("20") && e.url.starts_with("https://")));
        assert!(!pathway.signed_off && pathway.sign_off_note.contains("not clinically signed off"));
        assert!(pathway.questions.iter().all(|q| !q.why.is_empty()), "{}", pathway.id);
    }
}

#[test]
fn between_them_the_pathways_reach_every_kind_of_provider_and_every_need() {
    let pathways = pathways();
    let mut reached = BTreeSet::new();
    for pathway in pathways.iter() {
        reached.extend(pathway.red_flags.iter().map(|f| f.then.need.clone()));
        reached.extend(pathway.rules.iter().map(|r| r.then.need.clone()));
        reached.extend(pathway.default.iter().map(|d| d.need.clone()));
    }
    let missing: Vec<_> =
        pathways.vocabulary().needs.iter().map(|n| n.code.clone()).filter(|code| !reached.contains(code)).collect();
    assert!(missing.is_empty(), "no pathway leads to {missing:?}");
}

#[test]
fn questions_can_be_read_by_a_child_of_twelve() {
    for pathway in pathways().iter() {
        let grades: Vec<f64> = pathway.questions.iter().map(|q| reading::grade(&q.text)).collect();
        let average = grades.iter().sum::<f64>() / grades.len() as f64;
        println!("{}: grade {average:.1}", pathway.id);
        assert!(average <= 6.0, "{} asks at grade {average:.1}", pathway.id);
        for (question, grade) in pathway.questions.iter().zip(grades) {
            assert!(grade <= 9.0, "{}/{} is asked at grade {grade:.1}: {}", pathway.id, question.id, question.text);
        }
        let told = pathway.red_flags.iter().map(|f| &f.then).chain(pathway.rules.iter().map(|r| &r.then));
        for outcome in told.chain(&pathway.default) {
            let text = format!("{}\n{}\n{}", outcome.reason, outcome.advice.join("\n"), outcome.safety_net);
            let grade = reading::grade(&text);
            assert!(grade <= 8.0, "{}: {} reads at grade {grade:.1}", pathway.id, outcome.title);
        }
    }
}

#[test]
fn a_folder_can_stand_in_for_the_embedded_content() {
    let content = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content");
    let loaded = Pathways::load(&content).unwrap_or_else(|error| panic!("{error}"));
    let ids = |p: &Pathways| p.iter().map(Pathway::content).collect::<Vec<_>>();
    assert_eq!(ids(&loaded), ids(&pathways()));
    assert!(matches!(Pathways::load(Path::new("/nowhere")), Err(LoadError::Io { .. })));
}

#[test]
fn a_person_finds_a_pathway_by_their_own_words_and_only_those_for_them() {
    let pathways = pathways();
    let adult = Facts::new(40 * 12, Sex::Female, jiff::civil::date(2026, 11, 20));
    let child = Facts::new(8 * 12, Sex::Female, jiff::civil::date(2026, 11, 20));
    let found = |text: &str, who: &Facts| pathways.search(text, who).iter().map(|p| p.id.clone()).collect::<Vec<_>>();
    assert_eq!(found("tonsil", &adult), ["sore-throat"]);
    assert_eq!(found("Water infection", &adult), ["urinary-symptoms"]);
    assert_eq!(found("floaters", &adult), ["red-eye-or-vision"]);
    assert_eq!(found("lonely", &adult), ["low-mood-and-loneliness"]);
    assert!(found("lonely", &child).is_empty());
    assert_eq!(found("", &adult).len(), 9);
    assert!(found("zzz", &adult).is_empty());
}

#[test]
fn a_mistake_in_a_file_is_told_with_its_line_and_column() {
    let pathways = pathways();
    let text = include_str!("../../../content/pathways/sore-throat.toml");
    let broken = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let error = Pathway::parse(&changed, pathways.vocabulary()).expect_err(to).to_string();
        let at = changed.find(to).unwrap();
        (error, changed[..at].matches('\n').count() + 1)
    };
    let cases = [
        (
            "when = \"feverpain >= 4\"",
            "when = \"feverpein >= 4\"",
            9,
            "no question, score or definition called `feverpein`",
        ),
        ("when = \"feverpain >= 2\"", "when = \"feverpain >= \"", 22, "expected a number"),
        ("when = \"again\"", "when = \"again and\"", 18, "expected a question"),
        ("when = \"any(signs: pus)\"", "when = \"any(signs: puss)\"", 20, "`signs` has no option `puss`"),
        ("when = \"age < 5\"", "when = \"age < 5 )\"", 17, "expected `and`, `or` or the end"),
        ("when = 'has_condition \"rheumatic-fever\"'", "when = 'has_condition \"gout\"'", 23, "no group \"gout\""),
        ("ask_if = \"age >= 5\"", "ask_if = \"again\"", 11, "no question"),
        ("when = \"dehydrated\"", "when = \"dehydrated & again\"", 20, "means nothing here"),
        ("when = \"dehydrated\"", "when = \"mentions(danger: x)\"", 18, "only a text question"),
    ];
    for (from, to, column, message) in cases {
        let (error, line) = broken(from, to);
        let column = column + text_indent(text, from);
        assert!(error.starts_with(&format!("line {line}, column {column}: ")), "{to}: {error}");
        assert!(error.contains(message), "{error}");
    }
    assert!(broken("min = 0\nmax = 90", "min = 0\nmax = 0").0.contains("min below max"));
    assert!(broken("id = \"swelling\"", "id = \"danger\"").0.contains("another question has this id"));
    assert!(broken("title = \"Sore throat\"", "titel = \"Sore throat\"").0.contains("titel"));
    assert!(broken("urgency = \"same-day\"", "urgency = \"soon\"").0.contains("soon"));
}

/// How far from the start of its line a text begins.
fn text_indent(text: &str, part: &str) -> usize {
    let at = text.find(part).unwrap();
    at - text[..at].rfind('\n').map_or(0, |n| n + 1)
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    let pathways = pathways();
    let text = include_str!("../../../content/pathways/sore-throat.toml");
    let deep = format!("when = \"{}again{}\"", "(".repeat(100_000), ")".repeat(100_000));
    let error = Pathway::parse(&text.replacen("when = \"again\"", &deep, 1), pathways.vocabulary()).unwrap_err();
    assert!(error.to_string().contains("nests too deep"));
}

#[test]
fn a_check_of_every_pathway_takes_moments() {
    let pathways = pathways();
    for pathway in pathways.iter() {
        assert!(verify::check(pathway, pathways.vocabulary()).is_empty());
        assert!(verify::cases(pathway) > 1e6, "{}", pathway.id);
    }
}

#[test]
fn a_pathway_without_its_owner_version_or_evidence_is_refused() {
    let pathways = pathways();
    let text = include_str!("../../../content/pathways/sore-throat.toml");
    Pathway::parse(text, pathways.vocabulary()).expect("as it stands it is read");
    let without = |broken: String| {
        let error = Pathway::parse(&broken, pathways.vocabulary()).expect_err("it must not be read");
        error.to_string()
    };
    for field in ["owner", "version"] {
        let line = text.lines().find(|line| line.starts_with(&format!("{field} = "))).expect("it is there");
        assert!(without(text.replacen(line, "", 1)).contains(&format!("missing field `{field}`")));
        let blank = without(text.replacen(line, &format!("{field} = \" \""), 1));
        assert!(blank.contains(&format!("without {field}")), "{blank}");
    }
    let (start, end) =
        (text.find("[[evidence]]").expect("it is there"), text.find("[[question]]").expect("it is there"));
    let bare = format!("{}{}", &text[..start], &text[end..]);
    assert!(without(bare.clone()).contains("missing field `evidence`"));
    assert!(without(format!("evidence = []\n{bare}")).contains("without evidence"));
    let nothing = "evidence = [{ title = \"\", publisher = \"\", date = \"\", url = \"\" }]";
    assert!(without(format!("{nothing}\n{bare}")).contains("without evidence"));
}
