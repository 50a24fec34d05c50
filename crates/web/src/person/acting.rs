//! Who acts for whom: the people I act for, and the people who may act for me.

use axum::extract::{Path, State};
use kith_contact::proxy::{self, NewProxy, Relationship};
use kith_contact::{Error, time};
use kith_fhir::identifier::NhsNumber;
use kith_fhir::search::Query;
use kith_fhir::{system, views};
use serde::{Deserialize, Serialize};

use super::{Mine, id_of, reference};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    own_name: String,
    acting_for: Option<String>,
    others: Vec<Other>,
    proxies: Vec<ProxyLine>,
    past: Vec<ProxyLine>,
}

#[derive(Serialize)]
struct Other {
    id: String,
    name: String,
    current: bool,
}

#[derive(Serialize)]
struct ProxyLine {
    id: String,
    name: String,
    relationship: String,
    from: Option<String>,
    until: Option<String>,
    me: bool,
}

impl ProxyLine {
    fn of(proxy: &proxy::Proxy, me: &Me) -> Self {
        Self {
            id: id_of(&proxy.reference).to_owned(),
            name: proxy.name.clone(),
            relationship: proxy.relationship.clone(),
            from: proxy.from.map(|day| day.to_string()),
            until: proxy.until.map(|day| day.to_string()),
            me: id_of(&proxy.who) == me.signed_in,
        }
    }
}

pub(crate) async fn show(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let others = proxy::people_i_act_for(&me.access).await?;
    let today = time::day(mine.now);
    let (current, past): (Vec<_>, Vec<_>) =
        proxy::proxies_of(&mine.record, today).into_iter().partition(|proxy| proxy.current);
    let view = View {
        own_name: me.access.actor().name.clone(),
        others: others
            .into_iter()
            .map(|other| Other { current: other.patient_id == me.person, id: other.patient_id, name: other.name })
            .collect(),
        proxies: current.iter().map(|proxy| ProxyLine::of(proxy, &me)).collect(),
        past: past.iter().map(|proxy| ProxyLine::of(proxy, &me)).collect(),
        acting_for: me.acting_for,
    };
    Ok(Page::new("person/acting", &view))
}

#[derive(Deserialize)]
pub(crate) struct Switch {
    #[serde(default)]
    person: String,
}

/// From here on acts for somebody else, or for themselves again.
pub(crate) async fn switch(State(_): State<AppState>, me: Me, Checked { form, .. }: Checked<Switch>) -> WebResult {
    if form.person.is_empty() || form.person == me.signed_in {
        me.act_for_self().await?;
        return Ok(Reply::to("/").note("You are using your own record again."));
    }
    let others = proxy::people_i_act_for(&me.access).await?;
    let other = others.into_iter().find(|other| other.patient_id == form.person).ok_or_else(WebError::not_found)?;
    me.act_for(&other.patient_id, &other.name).await?;
    Ok(Reply::to("/"))
}

#[derive(Serialize)]
struct Add {
    relationships: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    text: &'static str,
}

/// The relationships a grown person can give: a parent or guardian acts for a child, which the practice sets up.
const OFFERED: [(&str, Relationship); 5] = [
    ("carer", Relationship::Carer),
    ("family", Relationship::Family),
    ("friend", Relationship::Friend),
    ("neighbour", Relationship::Neighbour),
    ("attorney", Relationship::Attorney),
];

fn form_page() -> Page {
    let relationships = OFFERED.iter().map(|(value, r)| Choice { value, text: r.words() }).collect();
    Page::new("person/acting_add", &Add { relationships })
}

/// Only somebody in their own record lets others in.
fn own_record(me: &Me) -> WebResult<()> {
    if me.is_proxy() {
        return Err(WebError::forbidden("Only the person themselves or their practice can choose who acts for them."));
    }
    Ok(())
}

pub(crate) async fn add(State(_): State<AppState>, me: Me) -> WebResult<Page> {
    own_record(&me)?;
    me.prove_first("/acting/add")?;
    Ok(form_page())
}

#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    name: String,
    #[serde(default)]
    nhs_number: String,
    #[serde(default, rename = "born-day")]
    day: String,
    #[serde(default, rename = "born-month")]
    month: String,
    #[serde(default, rename = "born-year")]
    year: String,
    #[serde(default)]
    relationship: String,
    #[serde(default)]
    until: String,
}

pub(crate) async fn allow(
    State(state): State<AppState>,
    me: Me,
    Checked { form, fields, .. }: Checked<Wanted>,
) -> WebResult {
    own_record(&me)?;
    me.prove_first("/acting/add")?;
    let mut errors = FormErrors::new();
    let name = errors.required("name", &form.name, "Enter their name").to_owned();
    let number = NhsNumber::parse(&form.nhs_number);
    if let Err(problem) = &number {
        errors.add("nhs_number", sentence(&problem.to_string()));
    }
    let born = date(&form);
    if born.is_none() {
        errors.add("born-day", "Enter their date of birth, like 31 3 1980");
    }
    let relationship = OFFERED.iter().find(|(value, _)| *value == form.relationship).map(|(_, r)| *r);
    if relationship.is_none() {
        errors.add("relationship", "Choose what they are to you");
    }
    let until = match form.until.trim() {
        "" => None,
        text => {
            let until = text.parse::<jiff::civil::Date>().ok();
            if until.is_none() {
                errors.add("until", "Enter the last day as a date, or leave it empty");
            }
            until
        }
    };
    if let (Ok(number), Some(born), Some(relationship), true) = (number, born, relationship, errors.is_empty()) {
        state.sign_in.limits.find_proxy.check(&me.signed_in)?;
        let found = find(&state, &me, number, born).await?;
        match found {
            None => {
                errors.add("nhs_number", "We cannot find anybody with this NHS number and date of birth. Check both");
            }
            Some(proxy) => {
                let new = NewProxy { patient: me.person.clone(), proxy, proxy_name: name, relationship, until };
                match proxy::add_proxy(&me.access, &new).await {
                    Ok(_) => {
                        return Ok(Reply::to("/acting").done("They can now act for you. You can end this at any time."));
                    }
                    // The same form sent twice, or somebody who may already.
                    Err(Error::Conflict { .. }) => {
                        return Ok(Reply::to("/acting").note("They can act for you already."));
                    }
                    Err(Error::Invalid { problems }) => {
                        for problem in problems {
                            let field = match problem.field {
                                "proxy_name" => "name",
                                "until" => "until",
                                _ => "nhs_number",
                            };
                            errors.add(field, problem.message);
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(form_page().with_form(&fields, &errors).into())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn date(form: &Wanted) -> Option<jiff::civil::Date> {
    let year: i16 = form.year.trim().parse().ok()?;
    let month: i8 = form.month.trim().parse().ok()?;
    let day: i8 = form.day.trim().parse().ok()?;
    jiff::civil::Date::new(year, month, day).ok()
}

/// The person with this NHS number and date of birth, both right. Kith looks, so that nobody learns anything else; that
/// somebody asked is recorded either way.
async fn find(state: &AppState, me: &Me, number: NhsNumber, born: jiff::civil::Date) -> WebResult<Option<String>> {
    let query = Query::new("Patient")
        .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
        .map_err(WebError::internal)?;
    let found = state.door.system("Kith web: finding a proxy").search(&query).await?;
    let matching = found
        .entries
        .iter()
        .find(|entry| views::Patient::of(&entry.value).and_then(|p| p.birth_date()) == Some(born))
        .map(|entry| entry.id.clone());
    let outcome = if matching.is_some() { "somebody to act was found" } else { "nobody to act was found" };
    me.access.record_event("find-proxy", outcome).await?;
    Ok(matching)
}

#[derive(Serialize)]
struct Ending {
    proxy: ProxyLine,
    whose: String,
}

async fn one(me: &Me, state: &AppState, id: &str) -> WebResult<(Mine, proxy::Proxy)> {
    let wanted = reference("RelatedPerson", id)?;
    let mine = Mine::open(state, me).await?;
    let today = time::day(mine.now);
    let proxy = proxy::proxies_of(&mine.record, today)
        .into_iter()
        .find(|proxy| proxy.reference == wanted)
        .ok_or_else(WebError::not_found)?;
    Ok((mine, proxy))
}

pub(crate) async fn ask_end(State(state): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Page> {
    let (mine, proxy) = one(&me, &state, &id).await?;
    me.prove_first(&format!("/acting/{id}/end"))?;
    let whose = super::full_name(mine.record.patient());
    Ok(Page::new("person/acting_end", &Ending { proxy: ProxyLine::of(&proxy, &me), whose }))
}

#[derive(Deserialize)]
pub(crate) struct Nothing {}

pub(crate) async fn end(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
    _: Checked<Nothing>,
) -> WebResult {
    let (_, proxy) = one(&me, &state, &id).await?;
    me.prove_first(&format!("/acting/{id}/end"))?;
    if id_of(&proxy.who) == me.signed_in {
        let kith = state.door.system("Kith web: ending a permission that was given up");
        proxy::give_up(&me.access, &kith, &proxy.reference).await?;
        me.act_for_self().await?;
        return Ok(Reply::to("/acting").done("You do not act for them any more."));
    }
    proxy::end_proxy(&me.access, &proxy.reference).await?;
    Ok(Reply::to("/acting").done("They cannot act for you any more."))
}
