//! Sharing agreements: Cedar decides, and says which rule of which agreement decided.
//!
//! An agreement is a file of rules and a page in plain words (`content/agreements/`). The page's front matter names the
//! parties, the purposes and the kinds of data; composing an agreement adds them to each of its rules, so that a rule never
//! grants more than its page says. `neighbourhood.toml` names the agreements in force. Only `ground` forbids.
//!
//! A decision is cheap because few rules are asked: an index made when the agreements are loaded leaves out every rule that
//! cannot speak of the question, and what was decided is remembered. The index may only ever keep too many; a test compares
//! it with Cedar alone.

mod explain;
mod index;
mod load;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, RestrictedExpression, Schema,
};

use crate::actor::{Purpose, Role};
use crate::facts::Facts;
use crate::kinds::DataKind;
use crate::organisation::OrganisationKind;

pub use explain::{Explanation, NearMiss};
use index::Rule;
pub use load::{AgreementFiles, AgreementPage, Neighbourhood, Signature, built_in_files};

/// What somebody wants to do with a kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Read,
    Write,
    Book,
    Register,
    Audit,
}

impl Action {
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Book, Self::Register, Self::Audit];

    pub fn code(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Book => "book",
            Self::Register => "register",
            Self::Audit => "audit",
        }
    }
}

/// A question to the agreements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    pub role: Role,
    pub purpose: Purpose,
    pub action: Action,
    pub kind: DataKind,
    /// The kind of organisation the actor acts for.
    pub organisation: OrganisationKind,
    /// Which organisation, if some agreement names it ([`Agreements::party`]); 0 otherwise.
    pub party: u32,
    /// What connects the actor with the person, what is special about the item, what the person chose.
    pub facts: Facts,
}

/// The answer, with what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub allowed: bool,
    /// `agreement/rule` that allowed it, or what is missing.
    pub decided_by: String,
}

impl Answer {
    fn refused(why: impl Into<String>) -> Self {
        Self { allowed: false, decided_by: why.into() }
    }
}

/// One agreement in force.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// The file's name without its ending.
    pub id: String,
    pub page: AgreementPage,
}

/// The agreements in force.
pub struct Agreements {
    neighbourhood: Neighbourhood,
    in_force: Vec<Agreement>,
    rules: Vec<Rule>,
    parties: HashMap<String, u32>,
    party_uids: Vec<EntityUid>,
    schema: Schema,
    authorizer: Authorizer,
    names: Names,
    entities: Entities,
    /// Policy sets by the rules in them: made once for each combination that comes up.
    sets: RwLock<HashMap<Vec<u16>, Arc<PolicySet>>>,
    memo: Memo,
}

/// Cedar's names of our codes.
struct Names {
    roles: HashMap<Role, EntityUid>,
    actions: HashMap<Action, EntityUid>,
    kinds: HashMap<DataKind, EntityUid>,
    purposes: HashMap<Purpose, RestrictedExpression>,
    organisations: HashMap<OrganisationKind, RestrictedExpression>,
}

/// What was decided before: a pure function of the question, so nothing ever makes it stale.
struct Memo {
    hasher: RandomState,
    shards: [RwLock<HashMap<Question, Answer>>; 8],
}

/// Answers kept in one shard before it is emptied: some 2 MB in all.
const KEPT: usize = 2048;

impl Memo {
    fn shard(&self, question: &Question) -> &RwLock<HashMap<Question, Answer>> {
        let at = usize::try_from(self.hasher.hash_one(question) % 8).unwrap_or(0);
        &self.shards[at]
    }
}

impl Agreements {
    /// Decides. An error while evaluating a rule refuses.
    pub fn decide(&self, question: &Question) -> Answer {
        let shard = self.memo.shard(question);
        if let Some(known) = shard.read().unwrap_or_else(PoisonError::into_inner).get(question) {
            return known.clone();
        }
        let answer = self.decide_afresh(question);
        let mut kept = shard.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(*question, answer.clone());
        answer
    }

    /// As [`Agreements::decide`], without what was decided before: for measurements.
    pub fn decide_afresh(&self, question: &Question) -> Answer {
        let candidates: Vec<u16> =
            (0u16..).zip(&self.rules).filter(|(_, rule)| rule.may_speak_of(question)).map(|(at, _)| at).collect();
        if !candidates.iter().any(|at| self.rules[usize::from(*at)].permits) {
            return Answer::refused(missing(question));
        }
        self.ask(question, &self.set_of(candidates))
    }

    /// Asks Cedar with every rule in force and no index: what the index is compared with.
    pub fn decide_with_every_rule(&self, question: &Question) -> Answer {
        self.ask(question, &self.set_of((0u16..).take(self.rules.len()).collect()))
    }

    fn ask(&self, question: &Question, set: &PolicySet) -> Answer {
        let Some(request) = self.request(question) else { return Answer::refused("the question could not be put") };
        let response = self.authorizer.is_authorized(&request, set, &self.entities);
        if response.diagnostics().errors().next().is_some() {
            return Answer::refused("a rule could not be evaluated");
        }
        let reason = response.diagnostics().reason().map(AsRef::<str>::as_ref).min();
        match (response.decision(), reason) {
            (Decision::Allow, Some(rule)) => Answer { allowed: true, decided_by: rule.to_owned() },
            (Decision::Deny, Some(rule)) => Answer::refused(format!("forbidden by {rule}")),
            (_, None) => Answer::refused(missing(question)),
        }
    }

    fn set_of(&self, rules: Vec<u16>) -> Arc<PolicySet> {
        if let Some(known) = self.sets.read().unwrap_or_else(PoisonError::into_inner).get(&rules) {
            return Arc::clone(known);
        }
        let mut set = PolicySet::new();
        for at in &rules {
            // Ids are unique: checked when the agreements were loaded.
            let _ = set.add(self.rules[usize::from(*at)].policy.clone());
        }
        let set = Arc::new(set);
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if sets.len() > 4096 {
            sets.clear();
        }
        sets.insert(rules, Arc::clone(&set));
        set
    }

    fn request(&self, question: &Question) -> Option<Request> {
        let flag = RestrictedExpression::new_bool;
        let facts = question.facts;
        let record = |group: &str| {
            let fields = Facts::ALL.iter().filter(|(_, of, ..)| *of == group);
            RestrictedExpression::new_record(
                fields.map(|(fact, _, attr, _)| ((*attr).to_owned(), flag(facts.has(*fact)))),
            )
            .ok()
        };
        let party = self.party_uids.get(usize::try_from(question.party).ok()?)?;
        let context = Context::from_pairs([
            ("purpose".to_owned(), self.names.purposes.get(&question.purpose)?.clone()),
            ("organisation".to_owned(), self.names.organisations.get(&question.organisation)?.clone()),
            ("party".to_owned(), RestrictedExpression::new_entity_uid(party.clone())),
            ("clinical".to_owned(), flag(question.role.is_clinical())),
            ("staff".to_owned(), flag(question.role.is_staff())),
            ("in_scope".to_owned(), flag(facts.has(Facts::IN_SCOPE))),
            ("own_organisation".to_owned(), flag(facts.has(Facts::OWN_ORGANISATION))),
            ("relation".to_owned(), record("relation")?),
            ("item".to_owned(), record("item")?),
            ("choice".to_owned(), record("choice")?),
        ])
        .ok()?;
        let principal = self.names.roles.get(&question.role)?.clone();
        let action = self.names.actions.get(&question.action)?.clone();
        let resource = self.names.kinds.get(&question.kind)?.clone();
        Request::new(principal, action, resource, context, None).ok()
    }

    /// The number of an organisation (`Organization/…`) that some agreement names; 0 for every other.
    pub fn party(&self, organisation: Option<&str>) -> u32 {
        organisation.and_then(|reference| self.parties.get(reference)).copied().unwrap_or(0)
    }

    /// Names of the rules (`agreement/rule`), sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// What a rule (`agreement/rule`) means to a person, in plain words.
    pub fn words(&self, rule: &str) -> Option<&str> {
        self.rules.iter().find(|r| r.name == rule).map(|r| r.words.as_str())
    }

    /// The neighbourhood these agreements were composed for.
    pub fn neighbourhood(&self) -> &Neighbourhood {
        &self.neighbourhood
    }

    /// The agreements in force, in the order they were composed.
    pub fn in_force(&self) -> &[Agreement] {
        &self.in_force
    }

    /// The schema and all rules in force as they are decided on, with the parties, purposes and data of their pages added,
    /// as Cedar text: for proofs.
    pub fn for_proof(&self) -> (&Schema, PolicySet) {
        (&self.schema, (*self.set_of((0u16..).take(self.rules.len()).collect())).clone())
    }
}

/// What is missing when no rule speaks for the asker.
fn missing(question: &Question) -> String {
    let relations: Vec<&str> = Facts(question.facts.0 & Facts::RELATIONS.0).names().collect();
    if relations.is_empty() {
        return "no relationship with this person".to_owned();
    }
    format!(
        "{} may not {} {} as {}",
        question.role.words(),
        question.action.code(),
        question.kind.words(),
        relations.join(", ")
    )
}
