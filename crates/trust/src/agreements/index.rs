//! Which questions a rule could possibly speak of, read from its own text. Whatever is not understood is taken as "any", so
//! that the index can only keep too many rules, never too few.

use cedar_policy::Policy;
use kith_fhir::Value;

use super::{Action, Question};
use crate::actor::{Purpose, Role};
use crate::facts::Facts;
use crate::kinds::DataKind;
use crate::organisation::OrganisationKind;

/// A rule in force.
pub(super) struct Rule {
    /// `agreement/rule`.
    pub name: String,
    /// What it means to a person.
    pub words: String,
    pub permits: bool,
    pub policy: Policy,
    pub cube: Cube,
    /// Parties it holds for, if not everybody: kinds as a mask, organisations by number.
    pub parties: Option<(u32, Vec<u32>)>,
}

impl Rule {
    pub fn may_speak_of(&self, question: &Question) -> bool {
        let cube = &self.cube;
        cube.roles & bit(question.role as u32) != 0
            && cube.purposes & bit(question.purpose as u32) != 0
            && cube.actions & bit(question.action as u32) != 0
            && cube.kinds & bit(question.kind as u32) != 0
            && cube.organisations & bit(question.organisation as u32) != 0
            && cube.any_of.is_none_or(|facts| question.facts.any(facts))
            && self.parties.as_ref().is_none_or(|(kinds, named)| {
                kinds & bit(question.organisation as u32) != 0 || named.contains(&question.party)
            })
    }
}

pub(super) fn bit(number: u32) -> u32 {
    1 << number
}

/// A box around the questions a condition can hold for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cube {
    pub roles: u32,
    pub purposes: u32,
    pub actions: u32,
    pub kinds: u32,
    pub organisations: u32,
    /// At least one of these facts must hold; `None` asks for none.
    pub any_of: Option<Facts>,
}

const ANY: Cube = Cube {
    roles: u32::MAX,
    purposes: u32::MAX,
    actions: u32::MAX,
    kinds: u32::MAX,
    organisations: u32::MAX,
    any_of: None,
};

impl Cube {
    /// The box of a rule, from its JSON form.
    pub fn of(policy: &Value) -> Self {
        let mut cube = ANY;
        for part in ["principal", "action", "resource"] {
            cube = cube.and(scope(part, &policy[part]));
        }
        for condition in policy["conditions"].as_array().into_iter().flatten() {
            if condition["kind"] == "when" {
                cube = cube.and(expression(&condition["body"]));
            }
        }
        cube
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            roles: self.roles & other.roles,
            purposes: self.purposes & other.purposes,
            actions: self.actions & other.actions,
            kinds: self.kinds & other.kinds,
            organisations: self.organisations & other.organisations,
            // Both must hold, one is enough to leave a rule out: the one that holds less often.
            any_of: match (self.any_of, other.any_of) {
                (Some(a), Some(b)) => Some(if a.0.count_ones() <= b.0.count_ones() { a } else { b }),
                (a, b) => a.or(b),
            },
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            roles: self.roles | other.roles,
            purposes: self.purposes | other.purposes,
            actions: self.actions | other.actions,
            kinds: self.kinds | other.kinds,
            organisations: self.organisations | other.organisations,
            any_of: self.any_of.zip(other.any_of).map(|(a, b)| a | b),
        }
    }
}

fn scope(part: &str, scope: &Value) -> Cube {
    let entities: Vec<&Value> = match scope["op"].as_str() {
        Some("==") => vec![&scope["entity"]],
        Some("in") if part == "action" => match scope["entities"].as_array() {
            Some(several) => several.iter().collect(),
            None => vec![&scope["entity"]],
        },
        _ => return ANY,
    };
    entities_of(&entities).unwrap_or(ANY)
}

fn expression(expr: &Value) -> Cube {
    if let Some(both) = expr.get("&&") {
        return expression(&both["left"]).and(expression(&both["right"]));
    }
    if let Some(either) = expr.get("||") {
        return expression(&either["left"]).or(expression(&either["right"]));
    }
    if let Some(equal) = expr.get("==") {
        let sides = [(&equal["left"], &equal["right"]), (&equal["right"], &equal["left"])];
        return sides
            .into_iter()
            .find_map(|(subject, literal)| is_subject(subject).then(|| entities_of(&[entity(literal)?]))?)
            .unwrap_or(ANY);
    }
    if let Some(contains) = expr.get("contains") {
        let literals: Option<Vec<&Value>> =
            contains["left"]["Set"].as_array().map(|set| set.iter().filter_map(entity).collect());
        let whole = contains["left"]["Set"].as_array().map(Vec::len) == literals.as_ref().map(Vec::len);
        return match literals {
            Some(literals) if whole && is_subject(&contains["right"]) => entities_of(&literals).unwrap_or(ANY),
            _ => ANY,
        };
    }
    let Some(access) = expr.get(".") else { return ANY };
    let attr = access["attr"].as_str().unwrap_or_default();
    let roles = |which: fn(Role) -> bool| {
        let roles = Role::ALL.into_iter().filter(|role| which(*role)).fold(0, |mask, role| mask | bit(role as u32));
        Cube { roles, ..ANY }
    };
    let group = if access["left"]["Var"] == "context" {
        ""
    } else if access["left"]["."]["left"]["Var"] == "context" {
        access["left"]["."]["attr"].as_str().unwrap_or("?")
    } else {
        return ANY;
    };
    match (group, attr) {
        ("", "clinical") => roles(Role::is_clinical),
        ("", "staff") => roles(Role::is_staff),
        _ => {
            let fact = Facts::ALL.iter().find(|(_, of, name, _)| *of == group && *name == attr);
            Cube { any_of: fact.map(|f| f.0), ..ANY }
        }
    }
}

/// Whether an expression is one of those whose values a box knows.
fn is_subject(expr: &Value) -> bool {
    matches!(expr["Var"].as_str(), Some("principal" | "action" | "resource"))
        || (expr["."]["left"]["Var"] == "context"
            && matches!(expr["."]["attr"].as_str(), Some("purpose" | "organisation")))
}

fn entity(literal: &Value) -> Option<&Value> {
    literal["Value"].get("__entity")
}

/// A box for "one of these"; the type of the entities says what they are about.
fn entities_of(entities: &[&Value]) -> Option<Cube> {
    let kind = entities.first()?["type"].as_str()?;
    let mut mask = 0;
    for entity in entities {
        let id = entity["id"].as_str()?;
        mask |= bit(match (kind, entity["type"].as_str()?) {
            ("Role", "Role") => Role::from_code(id)? as u32,
            ("Purpose", "Purpose") => Purpose::from_code(id)? as u32,
            ("Action", "Action") => Action::ALL.into_iter().find(|a| a.code() == id)? as u32,
            ("Data", "Data") => DataKind::ALL.into_iter().find(|k| k.code() == id)? as u32,
            ("OrganisationKind", "OrganisationKind") => OrganisationKind::from_code(id)? as u32,
            _ => return None,
        });
    }
    Some(match kind {
        "Role" => Cube { roles: mask, ..ANY },
        "Purpose" => Cube { purposes: mask, ..ANY },
        "Action" => Cube { actions: mask, ..ANY },
        "Data" => Cube { kinds: mask, ..ANY },
        _ => Cube { organisations: mask, ..ANY },
    })
}
