//! Answers are checked, kept and read back as they were given.

use std::sync::LazyLock;

use jiff::civil::date;
use kith_frontdoor::{
    Answer, AnswerProblem, Answers, Facts, Pathway, Pathways, Sex, Step, Urgency,
    questionnaire::{self, ReadError, Response},
};
use proptest::prelude::*;
use serde_json::json;

fn pathways() -> &'static Pathways {
    static PATHWAYS: LazyLock<Pathways> =
        LazyLock::new(|| Pathways::embedded().unwrap_or_else(|error| panic!("{error}")));
    &PATHWAYS
}

fn adult(sex: Sex) -> Facts {
    Facts::new(40 * 12, sex, date(2026, 11, 20))
}

fn give(pathway: &Pathway, answers: &mut Answers, given: &[(&str, &[&str])]) {
    for (id, sent) in given {
        let answer = pathway.question(id).unwrap().read(sent).unwrap_or_else(|e| panic!("{id}: {e}"));
        answers.insert(id, answer);
    }
}

const LEG: &[(&str, &[&str])] = &[
    ("danger", &["none"]),
    ("limb", &["none"]),
    ("clot", &["no"]),
    ("infection", &["pus"]),
    ("cause", &["knock"]),
    ("weeks", &["3"]),
    ("healing", &["no"]),
    ("photo", &["DocumentReference/p1"]),
    ("walk", &["yes"]),
];

#[test]
fn an_answer_that_does_not_fit_is_refused_with_words_that_say_what_to_do() {
    let pathways = pathways();
    let throat = pathways.get("sore-throat").unwrap();
    let problem = |id: &str, sent: &[&str]| throat.question(id).unwrap().read(sent).unwrap_err().problem;
    assert_eq!(problem("danger", &[]), AnswerProblem::ChooseSome);
    assert_eq!(problem("danger", &["drooling", "none"]), AnswerProblem::NoneAndOthers);
    assert_eq!(problem("danger", &["hiccups"]), AnswerProblem::UnknownOption);
    assert_eq!(problem("dehydrated", &[""]), AnswerProblem::YesOrNo);
    assert_eq!(problem("dehydrated", &["yes", "no"]), AnswerProblem::YesOrNo);
    for wrong in ["", "-1", "91", "1.5", "two", "1e3", "999999999999999999999", "١"] {
        let words = problem("how_long", &[wrong]).to_string();
        assert_eq!(words, "Enter a number from 0 to 90, without decimals", "{wrong}");
    }
    let something = pathways.get("something-else").unwrap().question("problem").unwrap();
    assert_eq!(something.read(&["  "]).unwrap_err().problem, AnswerProblem::Empty);
    assert_eq!(something.read(&["é".repeat(4001).as_str()]).unwrap_err().problem, AnswerProblem::TooLong);
    assert!(something.read(&["é".repeat(4000).as_str()]).is_ok());
    let photo = pathways.get("leg-wound").unwrap().question("photo").unwrap();
    assert_eq!(photo.read(&[]), Ok(Answer::Skipped));
}

#[test]
fn answers_kept_by_somebody_else_are_checked_as_a_whole() {
    let pathways = pathways();
    let throat = pathways.get("sore-throat").unwrap();
    let answers: Answers = serde_json::from_value(json!({
        "danger": {"chosen": ["none"]}, "how_long": {"number": "400"}, "shoe_size": {"number": "44"},
        "signs": {"text": "red"}, "dehydrated": "skipped",
    }))
    .unwrap();
    let errors = throat.check(&answers).unwrap_err();
    let ids: Vec<&str> = errors.iter().map(|e| e.question.as_str()).collect();
    assert_eq!(ids, ["dehydrated", "how_long", "shoe_size", "signs"]);
    // And an answer that does not fit is asked again, not believed.
    assert!(matches!(throat.next(&adult(Sex::Male), &answers), Step::Ask(q) if q.id == "swelling"));
}

#[test]
fn answers_survive_the_record_and_the_session() {
    let pathways = pathways();
    let leg = pathways.get("leg-wound").unwrap();
    let facts = adult(Sex::Female);
    let mut answers = Answers::new();
    give(leg, &mut answers, LEG);
    assert!(matches!(leg.next(&facts, &answers), Step::Done));
    let response = Response {
        subject: "Patient/p",
        author: "RelatedPerson/n",
        source: "Patient/p",
        authored: "2026-11-20T10:00:00Z".parse().unwrap(),
        channel: "phone",
    };
    let written = questionnaire::write(leg, &facts, &answers, &response);
    assert_eq!(written["questionnaire"], "https://fhir.kith.example/Questionnaire/pathway/leg-wound|1.1.0");
    assert_eq!(written["item"].as_array().unwrap().len(), LEG.len());
    assert_eq!(written["item"][5]["answer"][0]["valueDecimal"].to_string(), "3");
    assert_eq!(written["item"][2]["answer"][0]["valueBoolean"], false);
    assert_eq!(questionnaire::read(leg, &written).unwrap(), answers);
    let session = serde_json::to_string(&answers).unwrap();
    assert_eq!(serde_json::from_str::<Answers>(&session).unwrap(), answers);

    let other = pathways.get("sore-throat").unwrap();
    assert!(matches!(questionnaire::read(other, &written), Err(ReadError::OtherQuestionnaire(_))));
    let mut odd = written.clone();
    odd["item"][0]["answer"][0] = json!({"valueString": "none"});
    assert_eq!(questionnaire::read(leg, &odd), Err(ReadError::Item("danger".into())));
}

#[test]
fn a_changed_answer_drops_what_hung_on_it() {
    let pathways = pathways();
    let tooth = pathways.get("toothache").unwrap();
    let facts = adult(Sex::Male);
    let mut answers = Answers::new();
    give(tooth, &mut answers, &[("danger", &["none"]), ("spread", &["none"]), ("problem", &["swelling"])]);
    give(tooth, &mut answers, &[("fever", &["yes"]), ("weak_immunity", &["no"]), ("how_bad", &["severe"])]);
    assert_eq!(tooth.assess(&facts, &answers).disposition.urgency, Urgency::WithinTwoHours);
    give(tooth, &mut answers, &[("problem", &["checkup"])]);
    assert!(matches!(tooth.next(&facts, &answers), Step::Done));
    let end = tooth.assess(&facts, &answers);
    assert_eq!(end.disposition.urgency, Urgency::Routine);
    assert_eq!(tooth.asked(&facts, &answers).len(), 3);
}

#[test]
fn a_red_flag_added_by_going_back_stops_at_once_and_counts() {
    let pathways = pathways();
    let leg = pathways.get("leg-wound").unwrap();
    let facts = adult(Sex::Male);
    let mut answers = Answers::new();
    give(leg, &mut answers, LEG);
    let before = leg.assess(&facts, &answers);
    assert!(before.complete && before.red_flags.is_empty());
    give(leg, &mut answers, &[("danger", &["breathing"])]);
    assert!(matches!(leg.next(&facts, &answers), Step::Stop(flag) if flag.id == "danger"));
    let after = leg.assess(&facts, &answers);
    assert_eq!(after.disposition.urgency, Urgency::Emergency999);
    let extension = after.extension();
    assert_eq!(extension["extension"][0]["valueCode"], "emergency-999");
    assert_eq!(extension["extension"][1]["valueString"], "leg-wound@1.1.0");
}

#[test]
fn what_the_record_knows_is_shown_and_not_asked() {
    let pathways = pathways();
    let throat = pathways.get("sore-throat").unwrap();
    let mut facts = adult(Sex::Female);
    facts.pregnant = Some(true);
    let mut answers = Answers::new();
    let mut asked = Vec::new();
    while let Step::Ask(question) = throat.next(&facts, &answers) {
        asked.push(question.id.clone());
        let calm = if question.id == "how_long" {
            "2"
        } else if question.options.len() == 2 {
            "no"
        } else {
            "none"
        };
        answers.insert(&question.id, question.read(&[calm]).unwrap());
    }
    assert!(!asked.contains(&"pregnancy".to_owned()));
    let known: Vec<&str> = throat.known(&facts, &answers).iter().map(|q| q.id.as_str()).collect();
    assert_eq!(known, ["pregnancy"]);
}

proptest! {
    #[test]
    fn no_text_however_odd_breaks_a_question_or_lowers_urgency(text in "\\PC{1,300}", added in "\\PC{0,80}") {
        let pathways = pathways();
        let pathway = pathways.get("something-else").unwrap();
        let facts = adult(Sex::Male);
        let mut answers = Answers::new();
        give(pathway, &mut answers, &[("danger", &["none"]), ("hospital", &["none"]), ("low", &["no"]), ("kind", &["admin"])]);
        let question = pathway.question("problem").unwrap();
        if let Ok(answer) = question.read(&[&text]) {
            answers.insert("problem", answer);
            let calm = pathway.assess(&facts, &answers).disposition.urgency;
            prop_assert!(calm.at_least(Urgency::Routine));
            // Saying one more frightening thing after it can only raise it.
            answers.insert("problem", question.read(&[&format!("{text}. {added}. I have chest pain")]).unwrap());
            let urgent = pathway.assess(&facts, &answers).disposition.urgency;
            prop_assert!(urgent.at_least(calm) && urgent.at_least(Urgency::WithinTwoHours));
        }
    }

    #[test]
    fn every_number_is_read_back_as_it_was_written(n in 0i64..=90) {
        let pathways = pathways();
        let question = pathways.get("sore-throat").unwrap().question("how_long").unwrap().clone();
        prop_assert_eq!(question.read(&[&n.to_string()]), Ok(Answer::Number(n.to_string())));
    }
}
