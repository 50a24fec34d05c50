//! Sharing agreements: Cedar decides, and says which rule decided.

use std::collections::HashMap;
use std::path::Path;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression,
};

use crate::actor::{Purpose, Role};
use crate::error::Error;
use crate::kinds::DataKind;

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    pub role: Role,
    pub purpose: Purpose,
    pub action: Action,
    pub kind: DataKind,
    /// Relationship codes that hold now, sorted; `self` among them for a person's own record.
    pub relationships: Vec<&'static str>,
    /// A machine's scopes cover this action and type.
    pub in_scope: bool,
    /// The act is for the actor's own organisation (registration).
    pub own_organisation: bool,
}

/// The answer, with what decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub allowed: bool,
    /// Id of the rule that allowed it, or what is missing.
    pub decided_by: String,
}

/// The agreements in force.
pub struct Agreements {
    policies: PolicySet,
    names: HashMap<PolicyId, String>,
    authorizer: Authorizer,
    principals: HashMap<Role, EntityUid>,
    actions: HashMap<Action, EntityUid>,
    kinds: HashMap<DataKind, EntityUid>,
    entities: Entities,
}

const BUILT_IN: &str = include_str!("../../../content/agreements/neighbourhood.cedar");

impl Agreements {
    /// The agreement in the binary.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(BUILT_IN)
    }

    /// All `*.cedar` files of a folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let broken = |e: &dyn std::fmt::Display| Error::Content(format!("cannot read the agreements: {e}"));
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .map_err(|e| broken(&e))?
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|path| path.extension().is_some_and(|e| e == "cedar"))
            .collect();
        files.sort();
        let mut text = String::new();
        for file in files {
            text.push_str(&std::fs::read_to_string(&file).map_err(|e| broken(&e))?);
            text.push('\n');
        }
        Self::parse(&text)
    }

    /// Policies as text. Each must carry an `@id`, used once.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let policies: PolicySet =
            text.parse().map_err(|e: cedar_policy::ParseErrors| Error::Content(format!("agreements: {e}")))?;
        let mut names = HashMap::new();
        for policy in policies.policies() {
            let name = policy
                .annotation("id")
                .ok_or_else(|| Error::Content(format!("agreements: policy {} has no @id", policy.id())))?;
            if names.values().any(|other| other == name) {
                return Err(Error::Content(format!("agreements: @id({name:?}) is used twice")));
            }
            names.insert(policy.id().clone(), name.to_owned());
        }
        if names.is_empty() {
            return Err(Error::Content("agreements: there are none".into()));
        }
        let uid = |kind: &str, id: &str| {
            format!("{kind}::\"{id}\"").parse::<EntityUid>().map_err(|e| Error::Content(format!("agreements: {e}")))
        };
        Ok(Self {
            policies,
            names,
            authorizer: Authorizer::new(),
            principals: Role::ALL.into_iter().map(|r| Ok((r, uid("Role", r.code())?))).collect::<Result<_, Error>>()?,
            actions: Action::ALL
                .into_iter()
                .map(|a| Ok((a, uid("Action", a.code())?)))
                .collect::<Result<_, Error>>()?,
            kinds: DataKind::ALL.into_iter().map(|k| Ok((k, uid("Data", k.code())?))).collect::<Result<_, Error>>()?,
            entities: Entities::empty(),
        })
    }

    /// Names of the rules, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.names.values().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Decides. An error while evaluating a rule counts as that rule not allowing.
    pub fn decide(&self, question: &Question) -> Answer {
        let text = |s: &str| RestrictedExpression::new_string(s.to_owned());
        let flag = RestrictedExpression::new_bool;
        let context = Context::from_pairs([
            ("role".to_owned(), text(question.role.code())),
            ("clinical".to_owned(), flag(question.role.is_clinical())),
            ("staff".to_owned(), flag(question.role.is_staff())),
            ("purpose".to_owned(), text(question.purpose.code())),
            ("kind".to_owned(), text(question.kind.code())),
            ("relationships".to_owned(), RestrictedExpression::new_set(question.relationships.iter().map(|r| text(r)))),
            ("in_scope".to_owned(), flag(question.in_scope)),
            ("own_organisation".to_owned(), flag(question.own_organisation)),
        ]);
        let refused = |why: &str| Answer { allowed: false, decided_by: why.to_owned() };
        let (Ok(context), Some(principal), Some(action), Some(kind)) = (
            context,
            self.principals.get(&question.role),
            self.actions.get(&question.action),
            self.kinds.get(&question.kind),
        ) else {
            return refused("the question could not be put");
        };
        let Ok(request) = Request::new(principal.clone(), action.clone(), kind.clone(), context, None) else {
            return refused("the question could not be put");
        };
        let response = self.authorizer.is_authorized(&request, &self.policies, &self.entities);
        let mut reasons: Vec<&str> =
            response.diagnostics().reason().filter_map(|id| self.names.get(id)).map(String::as_str).collect();
        reasons.sort_unstable();
        match response.decision() {
            Decision::Allow => Answer { allowed: true, decided_by: reasons.first().copied().unwrap_or("?").to_owned() },
            Decision::Deny if !reasons.is_empty() => refused(&format!("forbidden by {}", reasons[0])),
            Decision::Deny if question.relationships.is_empty() => refused("no relationship with this person"),
            Decision::Deny => refused(&format!(
                "{} may not {} {} as {}",
                question.role.words(),
                question.action.code(),
                question.kind.words(),
                question.relationships.join(", ")
            )),
        }
    }
}
