//! Staff, by claims shaped as NHS Care Identity (CIS2) sends them: which of their role profiles count here.

use kith_directory::Directory;
use kith_fhir::search::Query;
use kith_fhir::{Value, json, system};
use kith_trust::{Access, Actor, Change, Role};
use serde::{Deserialize, Serialize};

use super::roles::{Assurance, RoleMap, RoleProfile};
use super::{SYSTEM, Verified};
use crate::reply::{WebError, WebResult};
use crate::state::AppState;

/// One role that somebody may act in now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Post {
    /// "GP at Elm Street Practice".
    pub label: String,
    pub actor: Actor,
}

/// What a verified member of staff gets.
#[derive(Debug)]
pub(super) enum Staff {
    /// Their roles here, at least one.
    Posts { posts: Vec<Post>, level: String },
    /// Too weak a proof: what was asked for, in words.
    TooWeak,
    /// No role profile of theirs counts here.
    NoRole,
}

/// The assurance level of a claim: a number from 1 to 3, as text or number.
fn level(claims: &Value, name: &str) -> u8 {
    let claim = &claims[name];
    claim
        .as_str()
        .and_then(|t| t.parse().ok())
        .or_else(|| claim.as_u64().and_then(|n| u8::try_from(n).ok()))
        .unwrap_or(0)
}

/// The proof in short, if it is strong enough: `AAL3 ID3`.
pub(super) fn proved_level(claims: &Value, least: Assurance) -> Option<String> {
    let (identity, authentication) =
        (level(claims, "id_assurance_level"), level(claims, "authentication_assurance_level"));
    (identity >= least.identity && authentication >= least.authentication)
        .then(|| format!("AAL{authentication} ID{identity}"))
}

/// Role profiles of this neighbourhood's organisations with the role each is here. One for each organisation and role.
pub(super) fn roles_here(claims: &Value, map: &RoleMap, directory: &Directory) -> Vec<(Role, String)> {
    let profiles: Vec<RoleProfile> = claims["nhsid_nrbac_roles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|profile| serde_json::from_value(profile.clone()).ok())
        .collect();
    let mut roles: Vec<(Role, String)> = Vec::new();
    for profile in &profiles {
        let place = directory.organisations().find(|o| o.ods.as_deref() == Some(profile.org_code.as_str()));
        if let Some(place) = place
            && let Some(role) = map.role_of(profile, place.kind.as_deref())
        {
            let one = (role, place.reference.clone());
            if !roles.contains(&one) {
                roles.push(one);
            }
        }
    }
    roles
}

/// Works out what a verified member of staff may act as.
pub(super) async fn of(state: &AppState, verified: &Verified) -> WebResult<Staff> {
    let map = &state.sign_in.roles;
    let Some(level) = proved_level(&verified.claims, map.assurance) else { return Ok(Staff::TooWeak) };
    let uid = verified.claims["nhsid_useruid"].as_str().unwrap_or(&verified.subject).to_owned();
    if uid.is_empty() || uid.len() > 20 || !uid.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Staff::NoRole);
    }
    let kith = state.door.system("Kith sign-in");
    let directory = state.directory.get(&kith).await?;
    let roles = roles_here(&verified.claims, map, &directory);
    if roles.is_empty() {
        return Ok(Staff::NoRole);
    }
    let (practitioner, name) = practitioner(&kith, &directory, &uid, &verified.claims).await?;
    let posts = roles.into_iter().map(|(role, place)| post(&directory, &practitioner, &name, role, &place)).collect();
    Ok(Staff::Posts { posts, level })
}

/// The member of staff as the record knows them: by their national number; new here, they are added.
async fn practitioner(kith: &Access, directory: &Directory, uid: &str, claims: &Value) -> WebResult<(String, String)> {
    let query = Query::new("Practitioner")
        .and_then(|q| q.where_("identifier", &format!("{}|{uid}", system::SDS_USER)))
        .map_err(WebError::internal)?;
    let found = kith.search(&query).await?.entries;
    if found.len() > 1 {
        // Whoever it is, it must not be somebody else.
        return Err(WebError::forbidden(
            "The directory here has your national number more than once. Tell your manager.",
        ));
    }
    if let Some(entry) = found.first() {
        let reference = entry.reference();
        let name = directory.name(&reference).unwrap_or("Member of staff").to_owned();
        return Ok((reference, name));
    }
    let text = |name: &str| claims[name].as_str().map(str::trim).filter(|t| !t.is_empty() && t.len() <= 100);
    let (family, given) = (text("family_name").unwrap_or("Not known"), text("given_name"));
    let id = uuid::Uuid::now_v7().to_string();
    let mut change = Change::new("staff signed in for the first time");
    change.create(json!({
        "resourceType": "Practitioner", "id": id, "active": true,
        "identifier": [{"system": system::SDS_USER, "value": uid}],
        "name": [{"family": family, "given": given.into_iter().collect::<Vec<_>>()}],
    }));
    kith.commit(change).await?;
    let name = given.map_or_else(|| family.to_owned(), |given| format!("{given} {family}"));
    Ok((format!("Practitioner/{id}"), name))
}

/// The actor of a role at an organisation: with the services of their posts there, or those of the organisation where the
/// directory has no post of theirs.
pub(super) fn post(directory: &Directory, practitioner: &str, name: &str, role: Role, place: &str) -> Post {
    let organisation = directory.name(place).unwrap_or_default().to_owned();
    let mut acts_for = vec![place.to_owned()];
    let mut shown = name.to_owned();
    let posts = directory.posts().filter(|post| {
        post.practitioner.reference == practitioner
            && post.role == role.code()
            && post.organization.as_ref().is_some_and(|o| o.reference == place)
    });
    for post in posts {
        shown.clone_from(&post.practitioner.name);
        acts_for.extend(post.services.iter().map(|service| service.reference.clone()));
    }
    if acts_for.len() == 1 {
        acts_for.extend(directory.services_of(place).map(|service| service.reference.clone()));
    }
    let words = role.words();
    let capital: String =
        words.chars().next().into_iter().flat_map(char::to_uppercase).chain(words.chars().skip(1)).collect();
    Post {
        label: format!("{capital} at {organisation}"),
        actor: Actor {
            reference: practitioner.to_owned(),
            name: shown,
            role,
            organization: Some(place.to_owned()),
            organization_name: Some(organisation),
            acts_for,
            system: SYSTEM.to_owned(),
            scopes: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_need_a_proved_identity_and_two_factors() {
        let least = Assurance { identity: 3, authentication: 2 };
        let of = |identity: Value, authentication: Value| {
            let claims = json!({"id_assurance_level": identity, "authentication_assurance_level": authentication});
            proved_level(&claims, least)
        };
        assert_eq!(of(json!("3"), json!("3")).as_deref(), Some("AAL3 ID3"));
        assert_eq!(of(json!(3), json!(2)).as_deref(), Some("AAL2 ID3"));
        for (identity, authentication) in [("2", "3"), ("3", "1"), ("", ""), ("x", "3")] {
            assert_eq!(of(json!(identity), json!(authentication)), None, "{identity} {authentication}");
        }
        assert_eq!(proved_level(&json!({}), least), None);
    }

    #[test]
    fn a_profile_at_an_organisation_that_is_not_here_counts_for_nothing() {
        let organisation = json!({
            "resourceType": "Organization", "id": "o1", "name": "Elm Street Practice",
            "identifier": [{"system": system::ODS_ORGANISATION, "value": "X12345"}],
            "type": [{"coding": [{"system": system::CS_SERVICE_KIND, "code": "general-practice"}]}],
        });
        let directory = Directory::from_resources([&organisation]);
        let profile = |ods: &str, code: &str| json!({"org_code": ods, "role_code": code, "activity_codes": ["B0825"]});
        let claims = json!({"nhsid_nrbac_roles": [
            profile("X12345", "S8000:G8000:R8000"), profile("ZZ999", "S8000:G8000:R8000"),
            profile("X12345", "S8000:G8000:R8004"), profile("X12345", "S8000:G8000:R8000"), "nonsense",
        ]});
        let map = RoleMap::built_in().unwrap();
        assert_eq!(roles_here(&claims, &map, &directory), [(Role::Gp, "Organization/o1".to_owned())]);
        assert!(roles_here(&json!({}), &map, &directory).is_empty());
    }
}
