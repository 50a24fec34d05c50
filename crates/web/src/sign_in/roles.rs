//! National role profiles as NHS Care Identity sends them, and the roles they are here: pure rules over
//! `content/identity/national-roles.toml`.

use std::collections::BTreeSet;
use std::path::Path;

use kith_trust::Role;
use serde::{Deserialize, Serialize};

const BUILT_IN: &str = include_str!("../../../../content/identity/national-roles.toml");

/// One entry of the claim `nhsid_nrbac_roles`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleProfile {
    /// The person at this organisation.
    pub person_orgid: String,
    /// Names the role profile.
    pub person_roleid: String,
    /// ODS code.
    pub org_code: String,
    pub role_name: String,
    /// `S8000:G8000:R8000`: staff group, sub-group, job role.
    pub role_code: String,
    /// Directly assigned or inferred.
    pub activity_codes: Vec<String>,
}

impl RoleProfile {
    /// The job role: the last part of the role code.
    pub fn job(&self) -> &str {
        self.role_code.rsplit(':').next().unwrap_or_default()
    }
}

/// The mapping in force.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleMap {
    pub version: String,
    pub source: String,
    pub signed_off_by: String,
    pub assurance: Assurance,
    #[serde(default)]
    includes: Vec<Includes>,
    #[serde(default)]
    role: Vec<Rule>,
    #[serde(default)]
    example: Vec<Example>,
}

/// The least assurance that counts, as CIS2 numbers them: 1 to 3.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assurance {
    pub identity: u8,
    pub authentication: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Includes {
    activity: String,
    holds: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    kith: String,
    job: Vec<String>,
    /// Kinds of organisation; every kind if empty.
    #[serde(default)]
    kinds: Vec<String>,
    /// Every one of these activities, included ones counted.
    #[serde(default)]
    needs: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    title: String,
    role_code: String,
    activities: Vec<String>,
    kind: String,
    #[serde(default)]
    becomes: Option<String>,
}

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RoleMapError {
    #[error("national roles cannot be read: {0}")]
    Unreadable(String),
    #[error("national roles: `{0}` is not a role of staff")]
    NoSuchRole(String),
    #[error("national roles: the example “{title}” becomes {found}, not {expected}")]
    Example { title: String, found: String, expected: String },
}

impl RoleMap {
    /// The mapping in the binary.
    pub fn built_in() -> Result<Self, RoleMapError> {
        Self::parse(BUILT_IN)
    }

    /// `identity/national-roles.toml` of a content folder, or the built-in one if it has none.
    pub fn load(content: &Path) -> Result<Self, RoleMapError> {
        let file = content.join("identity/national-roles.toml");
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::built_in(),
            Err(error) => Err(RoleMapError::Unreadable(format!("{}: {error}", file.display()))),
        }
    }

    /// Reads a mapping and runs its examples.
    pub fn parse(text: &str) -> Result<Self, RoleMapError> {
        let map: Self = toml::from_str(text).map_err(|e| RoleMapError::Unreadable(e.to_string()))?;
        for rule in &map.role {
            if !Role::from_code(&rule.kith).is_some_and(Role::is_staff) {
                return Err(RoleMapError::NoSuchRole(rule.kith.clone()));
            }
        }
        for example in &map.example {
            let profile = RoleProfile {
                role_code: example.role_code.clone(),
                activity_codes: example.activities.clone(),
                ..RoleProfile::default()
            };
            let found = map.role_of(&profile, Some(&example.kind)).map(Role::code);
            if found != example.becomes.as_deref() {
                let words = |role: Option<&str>| role.unwrap_or("nothing").to_owned();
                return Err(RoleMapError::Example {
                    title: example.title.clone(),
                    found: words(found),
                    expected: words(example.becomes.as_deref()),
                });
            }
        }
        Ok(map)
    }

    /// The role a profile has here, at an organisation of `kind`.
    pub fn role_of(&self, profile: &RoleProfile, kind: Option<&str>) -> Option<Role> {
        let activities = self.with_included(&profile.activity_codes);
        self.role
            .iter()
            .find(|rule| {
                rule.job.iter().any(|job| job == profile.job())
                    && (rule.kinds.is_empty() || kind.is_some_and(|kind| rule.kinds.iter().any(|k| k == kind)))
                    && rule.needs.iter().all(|need| activities.contains(need.as_str()))
            })
            .and_then(|rule| Role::from_code(&rule.kith))
    }

    /// Activities with all that they include, however deep.
    fn with_included<'a>(&'a self, codes: &'a [String]) -> BTreeSet<&'a str> {
        let mut all: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = codes.iter().map(String::as_str).collect();
        while let Some(code) = open.pop() {
            if all.insert(code) {
                let held = self.includes.iter().filter(|i| i.activity == code).flat_map(|i| &i.holds);
                open.extend(held.map(String::as_str));
            }
        }
        all
    }

    /// A role code and activities that become `role` at an organisation of `kind`: what the demonstration's provider says
    /// about its staff.
    pub fn profile_for(&self, role: Role, kind: Option<&str>) -> Option<(String, Vec<String>)> {
        let rule = self.role.iter().find(|rule| {
            rule.kith == role.code()
                && (rule.kinds.is_empty() || kind.is_some_and(|kind| rule.kinds.iter().any(|k| k == kind)))
        })?;
        Some((format!("S0000:G0000:{}", rule.job.first()?), rule.needs.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn national_role_profiles_become_the_roles_their_examples_say() {
        let map = RoleMap::built_in().unwrap();
        assert!(map.example.len() >= 6 && map.role.len() >= 13);
        // Nobody's national job role is to read statistics alone: analysts have accounts of this site.
        for role in Role::ALL.into_iter().filter(|role| role.is_staff() && *role != Role::Analyst) {
            let kinds = ["general-practice", "community-pharmacy", "optician", "dental-practice", "community-nursing"];
            let mut kinds = kinds.into_iter().chain(["first-contact-physiotherapy", "mental-health", "charity"]);
            let somewhere = kinds.find_map(|kind| Some((kind, map.profile_for(role, Some(kind))?)));
            let (kind, (code, activities)) = somewhere.unwrap_or_else(|| panic!("{} has no rule", role.code()));
            let profile = RoleProfile { role_code: code, activity_codes: activities, ..RoleProfile::default() };
            assert_eq!(map.role_of(&profile, Some(kind)), Some(role), "{} at {kind}", role.code());
        }
    }

    #[test]
    fn a_mapping_whose_example_fails_is_not_used() {
        let wrong = BUILT_IN.replace("becomes = \"dentist\"", "becomes = \"gp\"");
        assert!(matches!(RoleMap::parse(&wrong), Err(RoleMapError::Example { .. })));
        let wrong = BUILT_IN.replace("kith = \"dentist\"", "kith = \"machine\"");
        assert!(matches!(RoleMap::parse(&wrong), Err(RoleMapError::NoSuchRole(_))));
        assert!(matches!(RoleMap::parse("version = 1"), Err(RoleMapError::Unreadable(_))));
    }

    #[test]
    fn activities_that_include_each_other_come_to_an_end() {
        let round = BUILT_IN.replace("holds = [\"B0820\"]", "holds = [\"B0820\", \"B0825\"]");
        assert!(RoleMap::parse(&round).is_ok());
    }
}
