//! Scopes of SMART App Launch 2.2 (`patient/Observation.rs?category=laboratory`), and how they narrow what an actor may do.
//! A scope never allows anything: the agreements decide first, and what no scope names is then left out.

use kith_fhir::Value;
use kith_fhir::resource;
use kith_fhir::search::Query;
use serde::{Deserialize, Serialize};

/// Whose eyes a scope looks through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// One person: the one the launch is about.
    Patient,
    /// Whatever the one signed in may see.
    User,
    /// A backend service.
    System,
}

/// What is done to a resource: create, read, update, delete, search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Right {
    Create,
    Read,
    Update,
    Delete,
    Search,
}

const LETTERS: [(char, Right); 5] =
    [('c', Right::Create), ('r', Right::Read), ('u', Right::Update), ('d', Right::Delete), ('s', Right::Search)];

/// One scope that names resources.
#[derive(Debug, Clone)]
pub struct Scope {
    pub context: Context,
    /// A resource type, or `*`.
    pub kind: String,
    rights: Vec<Right>,
    /// Only resources that match, where the scope says which.
    query: Option<Query>,
}

impl Scope {
    /// Reads one: version 2 (`.cruds` in that order, with search parameters) or version 1 (`.read`, `.write`, `.*`).
    /// `None` if it is not one, names no type we know, or asks what cannot be asked.
    pub fn parse(text: &str) -> Option<Self> {
        let (context, rest) = text.split_once('/')?;
        let context = match context {
            "patient" => Context::Patient,
            "user" => Context::User,
            "system" => Context::System,
            _ => return None,
        };
        let (kind, rest) = rest.split_once('.')?;
        if kind != "*" {
            resource::type_code(kind)?;
        }
        let (letters, query) = rest.split_once('?').map_or((rest, None), |(letters, query)| (letters, Some(query)));
        let rights = match letters {
            "read" => vec![Right::Read, Right::Search],
            "write" => vec![Right::Create, Right::Update, Right::Delete],
            "*" => LETTERS.iter().map(|(_, right)| *right).collect(),
            letters => {
                let rights: Vec<Right> =
                    LETTERS.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, right)| *right).collect();
                let in_order: String =
                    LETTERS.iter().map(|(letter, _)| *letter).filter(|letter| letters.contains(*letter)).collect();
                (!rights.is_empty() && in_order == letters).then_some(rights)?
            }
        };
        let query = match query {
            None => None,
            Some(_) if kind == "*" => return None,
            Some(pairs) => {
                let mut query = Query::new(kind).ok()?;
                for pair in pairs.split('&') {
                    let (name, value) = pair.split_once('=').filter(|(_, value)| !value.is_empty())?;
                    query = query.where_(name, value).ok()?;
                }
                Some(query)
            }
        };
        Some(Self { context, kind: kind.to_owned(), rights, query })
    }

    fn names(&self, kind: &str, right: Right) -> bool {
        (self.kind == "*" || self.kind == kind) && self.rights.contains(&right)
    }
}

/// What a token's scopes leave of what its holder may do.
#[derive(Debug, Clone)]
pub struct Narrow {
    scopes: Vec<Scope>,
    /// The person that scopes of a patient are about.
    pub patient: Option<String>,
}

impl Narrow {
    /// Scopes that name no resources (`openid`, `launch/patient`) are passed over.
    pub fn new(scopes: &[String], patient: Option<String>) -> Self {
        Self { scopes: scopes.iter().filter_map(|text| Scope::parse(text)).collect(), patient }
    }

    /// Whether any scope names this type for this right, whatever the resource.
    pub fn names(&self, kind: &str, right: Right) -> bool {
        self.scopes.iter().any(|scope| scope.names(kind, right))
    }

    /// Whether a scope lets this resource through: of a person (Patient id) or of nobody.
    pub fn lets(&self, kind: &str, value: &Value, person: Option<&str>, right: Right) -> bool {
        self.scopes.iter().any(|scope| {
            scope.names(kind, right)
                && (scope.context != Context::Patient || person.is_none() || person == self.patient.as_deref())
                && scope.query.as_ref().is_none_or(|query| query.matches(value))
        })
    }
}

/// The scopes of `asked` that `allowed` covers, each as asked. `allowed` holds scopes too: a wider one covers a narrower.
pub fn granted(asked: &[String], allowed: &[String]) -> Vec<String> {
    let wide: Vec<Scope> = allowed.iter().filter_map(|text| Scope::parse(text)).collect();
    let covered = |text: &String| match Scope::parse(text) {
        None => allowed.contains(text),
        Some(scope) => {
            allowed.contains(text)
                || wide.iter().any(|wide| {
                    wide.context == scope.context
                        && wide.query.is_none()
                        && (wide.kind == "*" || wide.kind == scope.kind)
                        && scope.rights.iter().all(|right| wide.rights.contains(right))
                })
        }
    };
    let mut out: Vec<String> = Vec::new();
    for text in asked.iter().filter(|text| covered(text)) {
        if !out.contains(text) {
            out.push(text.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_fhir::json;

    fn of(scopes: &[&str], patient: Option<&str>) -> Narrow {
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        Narrow::new(&scopes, patient.map(str::to_owned))
    }

    #[test]
    fn a_scope_lets_through_what_it_names_and_nothing_else() {
        let laboratory = json!({"resourceType": "Observation", "id": "a", "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]});
        let vital = json!({"resourceType": "Observation", "id": "b", "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}]});
        let narrow = of(&["openid", "launch/patient", "patient/Observation.rs?category=laboratory"], Some("ada"));
        assert!(narrow.lets("Observation", &laboratory, Some("ada"), Right::Read));
        assert!(!narrow.lets("Observation", &vital, Some("ada"), Right::Read), "another category");
        assert!(!narrow.lets("Observation", &laboratory, Some("bob"), Right::Read), "another person");
        assert!(!narrow.lets("Observation", &laboratory, Some("ada"), Right::Update), "another right");
        assert!(!narrow.lets("Condition", &json!({}), Some("ada"), Right::Read), "another type");
        assert!(of(&["user/*.rs"], None).lets("Condition", &json!({}), Some("bob"), Right::Search));
        assert!(!of(&["patient/*.rs"], None).lets("Condition", &json!({}), Some("bob"), Right::Read), "about nobody");
        assert!(!of(&[], Some("ada")).lets("Patient", &json!({}), Some("ada"), Right::Read));
    }

    #[test]
    fn what_is_no_scope_grants_nothing() {
        for good in [
            "patient/*.rs",
            "user/Patient.cruds",
            "system/Observation.r",
            "patient/Observation.read",
            "user/*.*",
            "patient/Observation.rs?category=laboratory&status=final",
        ] {
            assert!(Scope::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "patient",
            "patient/",
            "patient/Observation",
            "patient/Observation.",
            "patient/Observation.sr",
            "patient/Observation.rx",
            "patient/Nonsense.rs",
            "robot/Observation.rs",
            "patient/Observation.rs?",
            "patient/Observation.rs?nonsense=1",
            "patient/*.rs?category=laboratory",
            "patient/Observation.rr",
        ] {
            assert!(Scope::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_app_is_granted_no_more_than_it_was_registered_for() {
        let list = |scopes: &[&str]| scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let allowed = list(&["openid", "patient/*.rs", "user/Observation.rs?category=laboratory"]);
        let asked = list(&[
            "openid",
            "fhirUser",
            "patient/Observation.rs",
            "patient/Observation.r",
            "patient/Observation.cruds",
            "user/Observation.rs",
            "user/Observation.rs?category=laboratory",
            "system/*.rs",
            "patient/Condition.rs?code=x",
        ]);
        let given = list(&[
            "openid",
            "patient/Observation.rs",
            "patient/Observation.r",
            "user/Observation.rs?category=laboratory",
            "patient/Condition.rs?code=x",
        ]);
        assert_eq!(granted(&asked, &allowed), given);
    }
}
