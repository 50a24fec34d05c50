//! One step at a time through a pathway, and what the answers come to.

use kith_fhir::system;
use serde::Serialize;
use serde_json::json;

use crate::{
    Answers, Facts, Pathway, Urgency,
    condition::Value,
    pathway::{Outcome, Question, RedFlag},
};

/// What happens next.
#[derive(Debug)]
pub enum Step<'a> {
    /// Ask this.
    Ask(&'a Question),
    /// Ask nothing more: show what to do now.
    Stop(&'a RedFlag),
    /// Everything needed is known.
    Done,
}

/// A reason, in plain words, and the rule or red flag it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub text: String,
    pub from: String,
}

/// Where to go, how soon and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disposition {
    pub urgency: Urgency,
    pub need: String,
    /// What the vocabulary calls the need.
    pub need_label: String,
    /// The person cannot go anywhere: whoever helps comes to them, or rings.
    pub at_home: bool,
    pub title: String,
    pub reasons: Vec<Reason>,
    pub advice: Vec<String>,
    pub safety_net: String,
    pub for_professional: String,
}

/// The total of a score, for the professional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreResult {
    pub title: String,
    pub total: i64,
    pub max: i64,
    /// Labels of the parts that counted.
    pub counted: Vec<String>,
}

/// What answers and facts come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assessment {
    pub disposition: Disposition,
    /// Ids of the red flags raised.
    pub red_flags: Vec<String>,
    pub scores: Vec<ScoreResult>,
    /// `id@version` of the pathway.
    pub content: String,
    pub signed_off: bool,
    pub sign_off_note: String,
    /// False while a question is still to be asked and no emergency has stopped them.
    pub complete: bool,
}

/// The questions passed, what they were worth, and where it ended.
pub(crate) struct Walk {
    /// By question number; `None` where not asked.
    pub values: Vec<Option<Value>>,
    /// The number of the first question that waits for an answer.
    pub pending: Option<usize>,
    /// The number of the emergency flag that stopped the questions.
    pub stop: Option<usize>,
    /// Numbers of the red flags that hold.
    pub flags: Vec<usize>,
}

impl Pathway {
    /// What to do next. Answers to questions that are no longer asked, because an earlier answer changed, and answers that
    /// do not fit their question are passed over.
    pub fn next(&self, facts: &Facts, answers: &Answers) -> Step<'_> {
        let walk = self.walk(facts, answers);
        match (walk.stop, walk.pending) {
            (Some(flag), _) => Step::Stop(&self.red_flags[flag]),
            (None, Some(question)) => Step::Ask(&self.questions[question]),
            (None, None) => Step::Done,
        }
    }

    /// The questions these answers were given to, in order, for "check your answers".
    pub fn asked<'a>(&'a self, facts: &Facts, answers: &Answers) -> Vec<&'a Question> {
        let walk = self.walk(facts, answers);
        let given = |q: &Question| answers.get(&q.id).is_some() && !self.is_known(q, facts);
        self.questions.iter().zip(&walk.values).filter(|(q, v)| v.is_some() && given(q)).map(|(q, _)| q).collect()
    }

    /// The questions that were not asked because the record already says yes, in order, to be shown.
    pub fn known<'a>(&'a self, facts: &Facts, answers: &Answers) -> Vec<&'a Question> {
        let walk = self.walk(facts, answers);
        let passed = self.questions.iter().zip(&walk.values).filter(|(_, value)| value.is_some());
        passed.map(|(q, _)| q).filter(|q| self.is_known(q, facts)).collect()
    }

    #[allow(clippy::unused_self)] // reads as a question about the pathway
    fn is_known(&self, question: &Question, facts: &Facts) -> bool {
        question.known_from.as_ref().is_some_and(|known| known.expr.eval(facts, &[]))
    }

    /// Walks the questions in order. A question is passed when it does not apply, is known or is answered; a red flag is
    /// judged once every question it looks at is passed, and an emergency one stops the asking (answers given all the same
    /// still count, so a changed answer can only add to what is known).
    pub(crate) fn walk(&self, facts: &Facts, answers: &Answers) -> Walk {
        let mut walk = Walk { values: vec![None; self.questions.len()], pending: None, stop: None, flags: Vec::new() };
        self.judge_flags(0, facts, &mut walk);
        for (number, question) in self.questions.iter().enumerate() {
            let applies = question.ask_if.as_ref().is_none_or(|c| c.expr.eval(facts, &walk.values));
            if applies {
                let value = if self.is_known(question, facts) {
                    Some(Value::Options(vec![true, false]))
                } else {
                    answers.get(&question.id).and_then(|answer| question.value(answer).ok())
                };
                if value.is_none() {
                    walk.pending = walk.stop.is_none().then_some(number);
                    break;
                }
                walk.values[number] = value;
            }
            self.judge_flags(number + 1, facts, &mut walk);
        }
        walk
    }

    fn judge_flags(&self, passed: usize, facts: &Facts, walk: &mut Walk) {
        for (number, flag) in self.red_flags.iter().enumerate() {
            if flag.after == passed && flag.when.expr.eval(facts, &walk.values) {
                walk.flags.push(number);
            }
        }
        if walk.stop.is_none() {
            let emergencies = walk.flags.iter().filter(|f| self.red_flags[**f].then.urgency.is_emergency());
            walk.stop = emergencies.copied().min_by_key(|f| (self.red_flags[*f].then.urgency, *f));
        }
    }

    /// What the answers come to. Call it at [`Step::Stop`] or [`Step::Done`]; before that it says what is known so far,
    /// with `complete` false.
    pub fn assess(&self, facts: &Facts, answers: &Answers) -> Assessment {
        let walk = self.walk(facts, answers);
        let fallback = fallback();
        let (rule, outcome) = self
            .rules
            .iter()
            .find(|rule| rule.when.expr.eval(facts, &walk.values))
            .map_or(("default", self.default.as_ref().unwrap_or(&fallback)), |rule| (&rule.id, &rule.then));
        let worst = walk.flags.iter().copied().min_by_key(|f| (self.red_flags[*f].then.urgency, *f));
        let worst = worst.map(|f| &self.red_flags[f]).filter(|flag| flag.then.urgency.at_least(outcome.urgency));
        let chosen = worst.map_or(outcome, |flag| &flag.then);
        let chosen_by = worst.map_or(rule, |flag| &flag.id);

        let mut reasons = vec![Reason { text: chosen.reason.clone(), from: chosen_by.to_owned() }];
        for flag in walk.flags.iter().map(|f| &self.red_flags[*f]).filter(|flag| flag.id != chosen_by) {
            reasons.push(Reason { text: flag.then.reason.clone(), from: flag.id.clone() });
        }
        let at_home = self.at_home.as_ref().filter(|home| home.when.expr.eval(facts, &walk.values));
        if let Some(home) = at_home.filter(|home| reasons.iter().all(|reason| reason.text != home.reason)) {
            reasons.push(Reason { text: home.reason.clone(), from: "at_home".to_owned() });
        }
        Assessment {
            disposition: Disposition {
                urgency: chosen.urgency,
                need: chosen.need.clone(),
                need_label: chosen.need_label.clone(),
                at_home: at_home.is_some(),
                title: chosen.title.clone(),
                reasons,
                advice: chosen.advice.clone(),
                safety_net: chosen.safety_net.clone(),
                for_professional: chosen.for_professional.clone(),
            },
            red_flags: walk.flags.iter().map(|f| self.red_flags[*f].id.clone()).collect(),
            scores: self.score_results(facts, &walk),
            content: self.content(),
            signed_off: self.signed_off,
            sign_off_note: self.sign_off_note.clone(),
            complete: walk.pending.is_none(),
        }
    }

    fn score_results(&self, facts: &Facts, walk: &Walk) -> Vec<ScoreResult> {
        let counted = |score: &crate::Score| {
            let parts = score.parts.iter().filter(|p| p.when.expr.eval(facts, &walk.values));
            parts.map(|p| p.label.clone()).collect()
        };
        self.scores
            .iter()
            .map(|score| ScoreResult {
                title: score.title.clone(),
                total: score.total(facts, &walk.values),
                max: score.max(),
                counted: counted(score),
            })
            .collect()
    }
}

impl Assessment {
    /// The `disposition` extension of a ServiceRequest (see `docs/record.md`).
    pub fn extension(&self) -> serde_json::Value {
        let mut nested = vec![
            json!({"url": "code", "valueCode": self.disposition.urgency.code()}),
            json!({"url": "content", "valueString": self.content}),
        ];
        for reason in &self.disposition.reasons {
            nested.push(json!({"url": "reason", "valueString": reason.text}));
        }
        json!({"url": system::EXT_DISPOSITION, "extension": nested})
    }
}

/// Where answers go that no rule is about, in a pathway without a default: to people, today.
fn fallback() -> Outcome {
    Outcome {
        urgency: Urgency::SameDay,
        need: "practice-triage".into(),
        need_label: "Read and answered by your practice's team".into(),
        title: "Your practice's team will read this today".into(),
        reason: "We could not sort your answers here, so a person will read them.".into(),
        advice: Vec::new(),
        safety_net: "If you get worse before you hear from us, use 111. In an emergency call 999.".into(),
        for_professional: "No rule of the pathway matched these answers.".into(),
    }
}
