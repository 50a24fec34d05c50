//! Signing in to the demonstration by choosing who to be. The choice is all the proof there is, so this is there in demo
//! mode alone; from it on, everything goes the road it goes in use: two OpenID providers in this process, one for people
//! and one for staff, with discovery, codes and signed tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use kith_directory::{Directory, DirectoryCache};
use kith_fhir::identifier::NhsNumber;
use kith_fhir::{Value, json, search, system};
use kith_idp::{Algorithm, Client, Identity};
use kith_trust::{Access, Actor, Door, Role};
use serde::{Deserialize, Serialize};

use super::flow::{Wanted, local, send};
use super::provider::{Credential, Means, Provider};
use super::roles::{RoleMap, RoleProfile};
use super::transport::Transport;
use super::{BACK, SignIn, SignInError};
use crate::form::{Checked, Fields, FormErrors};
use crate::layers::Site;
use crate::limits::Limits;
use crate::reply::{Page, WebError, WebResult};
use crate::state::{AppState, Demo, DemoStaff};

/// The demonstration's name for itself. Reserved (RFC 2606), so it can be nobody else; browsers never see it.
const ORIGIN: &str = "https://demo.kith.invalid";
const CLIENT: &str = "kith-demo";

/// The demonstration's two providers.
pub struct DemoProviders {
    people: kith_idp::Provider,
    staff: kith_idp::Provider,
    /// Which choice became whom: `Patient/…` or `Practitioner/…`.
    chosen: Mutex<HashMap<String, String>>,
    /// Those who hold several roles, as the page offers them.
    several: Vec<(String, String, String)>,
}

impl DemoProviders {
    /// The addresses of both.
    pub fn router(&self) -> Router {
        self.people.router().merge(self.staff.router())
    }

    pub(super) fn owns(to: &url::Url) -> bool {
        to.as_str().starts_with(ORIGIN)
    }

    fn add(&self, people: bool, reference: &str, identity: Identity) {
        let key = identity.key.clone();
        if people {
            self.people.add(identity);
        } else {
            self.staff.add(identity);
        }
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner).insert(reference.to_owned(), key);
    }

    /// The choice by which this actor came.
    pub(super) fn hint_of(&self, actor: &Actor) -> Option<String> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner).get(&actor.reference).cloned()
    }
}

/// Makes the providers and fills them with the demonstration's characters.
pub(super) async fn open(door: &Door, demo: &Demo, roles: RoleMap) -> Result<SignIn, SignInError> {
    let secret = uuid::Uuid::new_v4().to_string();
    let back = format!("{ORIGIN}{BACK}");
    let provider = |means: Means, algorithm: Algorithm| {
        let client = Client { id: CLIENT.to_owned(), secret: secret.clone(), redirect: back.clone() };
        kith_idp::Provider::new(&format!("{ORIGIN}/demo/{}", means.code()), algorithm, vec![client])
            .map_err(|e| SignInError::Key(e.to_string()))
    };
    // NHS login and CIS2 sign with RSA; one of the two shows that the other kind of key works as well.
    let (people, staff) =
        (provider(Means::NhsLogin, Algorithm::Es256)?, provider(Means::CareIdentity, Algorithm::Rs256)?);
    let client = |means: Means, idp: &kith_idp::Provider| {
        let transport = Transport::within(idp.router());
        Provider::new(means, idp.issuer(), CLIENT, Credential::Secret(secret.clone()), &back, transport)
    };
    let (for_people, for_staff) = (client(Means::NhsLogin, &people)?, client(Means::CareIdentity, &staff)?);
    let mut providers = DemoProviders { people, staff, chosen: Mutex::default(), several: Vec::new() };
    let kith = door.system("Kith demo");
    fill(&kith, demo, &roles, &mut providers).await?;
    Ok(SignIn {
        people: Some(for_people),
        staff: Some(for_staff),
        accounts: false,
        roles,
        public_url: None,
        limits: Limits::demonstration(),
        demo: Some(providers),
    })
}

async fn fill(kith: &Access, demo: &Demo, roles: &RoleMap, providers: &mut DemoProviders) -> Result<(), SignInError> {
    let ids: Vec<&str> = demo.people.iter().map(|person| person.patient_id.as_str()).collect();
    let mut patients: BTreeMap<String, Arc<Value>> = BTreeMap::new();
    if !ids.is_empty()
        && let Ok(query) = search::Query::new("Patient").and_then(|q| q.where_("_id", &ids.join(",")))
    {
        for entry in kith.search(&query.limit(1000)).await?.entries {
            patients.insert(entry.id.clone(), Arc::clone(&entry.value));
        }
    }
    for person in &demo.people {
        if let Some(patient) = patients.get(&person.patient_id) {
            let identity = as_person(&format!("person:{}", person.key), patient, &person.label, &person.story, "P9");
            providers.add(true, &format!("Patient/{}", person.patient_id), identity);
            if person.key == "sore-throat" {
                // Somebody who has not proved who they are, for the page that says so.
                providers.people.add(as_person(
                    "unproved",
                    patient,
                    &person.label,
                    "has not proved who they are",
                    "P5",
                ));
            }
        }
    }
    let directory = DirectoryCache::new().get(kith).await?;
    let numbers = staff_numbers(kith, demo).await?;
    for (at, staff) in demo.staff.iter().enumerate() {
        if let Some(profile) = profile(&directory, roles, staff.actor.role, staff.actor.organization.as_deref(), at)
            && let Some(number) = numbers.get(&staff.actor.reference)
        {
            let identity = as_staff(&format!("staff:{at}"), number, staff, &[profile]);
            providers.add(false, &staff.actor.reference, identity);
        }
    }
    // One who works in two places, and says in which when they sign in.
    let gp = demo.staff.iter().enumerate().find(|(_, staff)| staff.actor.role == Role::Gp);
    if let Some((at, gp)) = gp
        && let Some(number) = numbers.get(&gp.actor.reference)
    {
        let own = gp.actor.organization.as_deref();
        let hub = directory.organisations().find(|o| o.kind.as_deref() == Some("urgent-treatment-hub"));
        let profiles: Vec<RoleProfile> = [own, hub.map(|hub| hub.reference.as_str())]
            .into_iter()
            .flatten()
            .filter_map(|place| profile(&directory, roles, Role::Gp, Some(place), at))
            .collect();
        if profiles.len() == 2 {
            let key = format!("roles:{at}");
            providers.staff.add(as_staff(&key, number, gp, &profiles));
            let about = "Works in two places, and chooses in which role after signing in";
            providers.several.push((key, gp.label.clone(), about.to_owned()));
        }
    }
    Ok(())
}

/// A person with the claims that NHS login sends.
fn as_person(key: &str, patient: &Value, label: &str, about: &str, level: &str) -> Identity {
    let id = patient["id"].as_str().unwrap_or_default();
    let mut identity = Identity::new(key, label, about, &format!("demo-{id}"));
    let identifiers = patient["identifier"].as_array();
    let number = identifiers.into_iter().flatten().find(|i| i["system"] == system::NHS_NUMBER);
    let vector = if level == "P9" { "P9.Cp.Cd".to_owned() } else { format!("{level}.Cp.Cd") };
    let claims = [
        ("vot", json!(vector)),
        ("vtm", json!(format!("{ORIGIN}/trustmark"))),
        ("identity_proofing_level", json!(level)),
        ("nhs_number", number.map(|i| i["value"].clone()).unwrap_or_default()),
        ("birthdate", patient["birthDate"].clone()),
        ("family_name", patient["name"][0]["family"].clone()),
    ];
    identity.token_claims.extend(claims.into_iter().map(|(name, value)| (name.to_owned(), value)));
    identity
}

/// A member of staff with the claims that CIS2 sends.
fn as_staff(key: &str, number: &str, staff: &DemoStaff, profiles: &[RoleProfile]) -> Identity {
    let mut identity = Identity::new(key, &staff.label, &staff.role, number);
    let token = [
        ("acr", json!("AAL3_ANY")),
        ("amr", json!(["N3_SMARTCARD"])),
        ("id_assurance_level", json!("3")),
        ("authentication_assurance_level", json!("3")),
    ];
    identity.token_claims.extend(token.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let info = [
        ("uid", json!(number)),
        ("nhsid_useruid", json!(number)),
        ("name", json!(staff.label)),
        ("nhsid_nrbac_roles", json!(profiles)),
    ];
    identity.info_claims.extend(info.into_iter().map(|(name, value)| (name.to_owned(), value)));
    identity
}

/// The role profile that becomes this role at this organisation.
fn profile(directory: &Directory, roles: &RoleMap, role: Role, place: Option<&str>, at: usize) -> Option<RoleProfile> {
    let place = directory.organisation(place?)?;
    let (role_code, activity_codes) = roles.profile_for(role, place.kind.as_deref())?;
    Some(RoleProfile {
        person_orgid: format!("9995{at:08}"),
        person_roleid: format!("9996{at:08}"),
        org_code: place.ods.clone()?,
        role_name: role.words().to_owned(),
        role_code,
        activity_codes,
    })
}

/// National numbers of the demonstration's staff, by `Practitioner/…`. One made before staff had numbers gets one now.
async fn staff_numbers(kith: &Access, demo: &Demo) -> Result<BTreeMap<String, String>, SignInError> {
    let mut numbers = BTreeMap::new();
    for (at, staff) in demo.staff.iter().enumerate() {
        let Ok(entry) = kith.read(&staff.actor.reference).await else { continue };
        let identifiers = entry.value["identifier"].as_array().cloned().unwrap_or_default();
        let number = identifiers.iter().find(|i| i["system"] == system::SDS_USER).and_then(|i| i["value"].as_str());
        let number = match number {
            Some(number) => number.to_owned(),
            None => {
                let number = format!("9998{at:08}");
                let mut changed = (*entry.value).clone();
                let mut identifiers = identifiers;
                identifiers.push(json!({"system": system::SDS_USER, "value": number}));
                changed["identifier"] = Value::Array(identifiers);
                let mut change = kith_trust::Change::new("give staff of the demonstration a national number");
                change.put(changed);
                kith.commit(change).await?;
                number
            }
        };
        numbers.insert(staff.actor.reference.clone(), number);
    }
    Ok(numbers)
}

// ── the page ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize)]
struct View<'a> {
    next: &'a str,
    people: Vec<Choice<'a>>,
    staff: Vec<Choice<'a>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    value: String,
    label: &'a str,
    about: &'a str,
}

fn page(state: &AppState, next: &str) -> WebResult<Page> {
    let demo = state.demo.as_deref().ok_or_else(WebError::not_found)?;
    let people =
        demo.people.iter().map(|p| Choice { value: format!("person:{}", p.key), label: &p.label, about: &p.story });
    let staff = demo.staff.iter().enumerate().map(|(at, s)| Choice {
        value: format!("staff:{at}"),
        label: &s.label,
        about: &s.role,
    });
    let several = state.sign_in.demo.iter().flat_map(|demo| &demo.several);
    let several = several.map(|(key, label, about)| Choice { value: key.clone(), label, about });
    Ok(Page::new("sign_in", &View { next, people: people.collect(), staff: staff.chain(several).collect() }))
}

pub(super) async fn show(State(state): State<AppState>, Query(wanted): Query<Wanted>) -> WebResult<Page> {
    page(&state, &wanted.next)
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    identity: String,
    #[serde(default)]
    nhs_number: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn sign_in(
    State(state): State<AppState>,
    Extension(site): Extension<Arc<Site>>,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult<Response> {
    match who(&state, &form).await? {
        Ok((means, hint)) => send(&state, &site, means, local(&form.next), Some(&hint), false).await,
        Err(errors) => again(&state, &form, &fields, &errors),
    }
}

fn again(state: &AppState, form: &Chosen, fields: &Fields, errors: &FormErrors) -> WebResult<Response> {
    Ok(page(state, &form.next)?.with_form(fields, errors).into_response())
}

/// At which provider, and as whom; or what to put right.
async fn who(state: &AppState, form: &Chosen) -> WebResult<Result<(Means, String), FormErrors>> {
    let (demo, providers) = state.demo.as_deref().zip(state.sign_in.demo.as_ref()).ok_or_else(WebError::not_found)?;
    let mut errors = FormErrors::new();
    let chosen = form.identity.as_str();
    if let Some(key) = chosen.strip_prefix("person:") {
        if demo.people.iter().any(|p| p.key == key) {
            return Ok(Ok((Means::NhsLogin, chosen.to_owned())));
        }
    } else if let Some(at) = chosen.strip_prefix("staff:") {
        if at.parse::<usize>().is_ok_and(|at| at < demo.staff.len()) {
            return Ok(Ok((Means::CareIdentity, chosen.to_owned())));
        }
    } else if chosen == "unproved" {
        return Ok(Ok((Means::NhsLogin, chosen.to_owned())));
    } else if providers.several.iter().any(|(key, ..)| key == chosen) {
        return Ok(Ok((Means::CareIdentity, chosen.to_owned())));
    } else if !form.nhs_number.trim().is_empty() {
        let Ok(number) = NhsNumber::parse(&form.nhs_number) else {
            errors.add("nhs_number", "Enter an NHS number of 10 digits, like 999 000 0018");
            return Ok(Err(errors));
        };
        let query = search::Query::new("Patient")
            .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
            .map_err(WebError::internal)?;
        let found = state.door.system("Kith demo").search(&query).await?;
        if let Some(entry) = found.entries.first() {
            let key = format!("other:{}", entry.id);
            let name = crate::person::full_name(&entry.value);
            providers.add(true, &entry.reference(), as_person(&key, &entry.value, &name, "lives here", "P9"));
            return Ok(Ok((Means::NhsLogin, key)));
        }
        errors.add("nhs_number", "Nobody here has this NHS number. Check it, or choose somebody from the list");
        return Ok(Err(errors));
    }
    errors.add("identity", "Choose who to be");
    Ok(Err(errors))
}
