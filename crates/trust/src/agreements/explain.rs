//! What is allowed and why, or what would have to be true.

use super::{Action, Agreements, Answer, Question};
use crate::actor::Purpose;
use crate::facts::Facts;
use crate::kinds::DataKind;

/// One thing (or two together) that would turn a refusal into a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// What would have to be true, in words: "the person were registered with their practice".
    pub changes: Vec<String>,
    /// `agreement/rule` that would then allow it.
    pub rule: String,
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub action: Action,
    pub kind: DataKind,
    pub answer: Answer,
    /// For a refusal: the fewest changes that would allow it; empty if two changes are not enough.
    pub near_misses: Vec<NearMiss>,
}

/// Facts that can come to be true or stop being so, and how to say it.
const CHANGES: [(Facts, bool, &str); 16] = [
    (Facts::OWN, true, "it were their own record"),
    (Facts::PROXY, true, "they acted for the person in everything"),
    (Facts::ARRANGER, true, "they acted for the person in arranging"),
    (Facts::REGISTERED, true, "the person were registered with their practice"),
    (Facts::BOOKED, true, "the person had a booking with their service"),
    (Facts::REQUESTED, true, "the person had an open request or referral to their service"),
    (Facts::TASKED, true, "their service owned open work for the person"),
    (Facts::CASELOAD, true, "the person were in their team's caseload"),
    (Facts::DUTY, true, "they were on duty at the hub and the person had asked for help"),
    (Facts::PRESENT, true, "the person were in front of them and had given NHS number and date of birth"),
    (Facts::CLAIMED, true, "they recorded emergency access as a self-claimed relationship"),
    (Facts::EMERGENCY, true, "they recorded emergency access without permission"),
    (Facts::DISSENT, false, "the person had not said no to sharing with this kind of organisation"),
    (Facts::OPTED_OUT, false, "the person had not opted out"),
    (Facts::NAMED, true, "they were named on the seal of the item"),
    (Facts::OWN_WORK, true, "their own organisation had written the item"),
];

impl Agreements {
    /// Explains one answer.
    pub fn explain(&self, question: &Question) -> Explanation {
        let answer = self.decide(question);
        let near_misses = if answer.allowed { Vec::new() } else { self.near_misses(question) };
        Explanation { action: question.action, kind: question.kind, answer, near_misses }
    }

    /// The fewest changes that would allow it: one, or two together.
    fn near_misses(&self, question: &Question) -> Vec<NearMiss> {
        let changes = changes(question);
        let mut found = Vec::new();
        for (words, change) in &changes {
            let mut other = *question;
            change(&mut other);
            self.keep(&mut found, &other, || vec![words.clone()]);
        }
        if !found.is_empty() {
            return found;
        }
        for (at, (first_words, first)) in changes.iter().enumerate() {
            for (second_words, second) in &changes[at + 1..] {
                let mut other = *question;
                first(&mut other);
                second(&mut other);
                self.keep(&mut found, &other, || vec![first_words.clone(), second_words.clone()]);
            }
        }
        found
    }

    fn keep(&self, found: &mut Vec<NearMiss>, other: &Question, words: impl Fn() -> Vec<String>) {
        let answer = self.decide(other);
        if answer.allowed {
            found.push(NearMiss { changes: words(), rule: answer.decided_by });
        }
    }
}

type Change = Box<dyn Fn(&mut Question)>;

fn changes(question: &Question) -> Vec<(String, Change)> {
    let person = !question.role.is_staff();
    let of_people = Facts::OWN | Facts::PROXY | Facts::ARRANGER;
    let mut all: Vec<(String, Change)> = Vec::new();
    for (fact, wanted, words) in CHANGES {
        // A person does not become staff by asking, nor the other way round.
        let fits = !Facts::RELATIONS.has(fact) || of_people.has(fact) == person;
        if question.facts.has(fact) == wanted || !fits {
            continue;
        }
        let change: Change = Box::new(move |q| q.facts = if wanted { q.facts | fact } else { q.facts.without(fact) });
        all.push((words.to_owned(), change));
    }
    for purpose in Purpose::ALL {
        if purpose != question.purpose && (purpose == Purpose::OwnRecord) == person && purpose != Purpose::Operations {
            all.push((format!("the purpose were {}", purpose.code()), Box::new(move |q| q.purpose = purpose)));
        }
    }
    all
}
