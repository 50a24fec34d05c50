//! Finding a person: by NHS number and date of birth together, or among the people the reader's team knows.

use axum::extract::State;
use jiff::civil::Date;
use kith_fhir::identifier::NhsNumber;
use kith_fhir::search::{Query, QueryError};
use kith_fhir::views;
use kith_trust::{Access, Entry, Error};
use serde::{Deserialize, Serialize};

use crate::form::{Checked, Fields, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// The most people shown at once.
const MOST: usize = 30;

#[derive(Default, Serialize)]
struct View {
    people: Vec<Person>,
    /// Whether a search was made: an empty list then says that nobody was found.
    searched: bool,
    more: bool,
    may_register: bool,
}

/// Somebody found, with enough to tell them from others.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Person {
    pub id: String,
    pub name: String,
    pub born: Option<String>,
    pub nhs_number: Option<String>,
    pub postcode: Option<String>,
}

impl Person {
    pub fn of(entry: &Entry) -> Self {
        let seen = views::Patient::of(&entry.value);
        Self {
            id: entry.id.clone(),
            name: crate::person::full_name(&entry.value),
            born: entry.value["birthDate"].as_str().map(str::to_owned),
            nhs_number: seen.as_ref().and_then(views::Patient::nhs_number).map(|n| n.as_str().to_owned()),
            postcode: seen.as_ref().and_then(views::Patient::postcode).map(str::to_owned),
        }
    }
}

async fn empty(state: &AppState, staff: &Staff) -> WebResult<View> {
    Ok(View { may_register: super::register::practice(state, staff).await?.is_some(), ..View::default() })
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff) -> WebResult<Page> {
    Ok(Page::new("team/people", &empty(&state, &staff).await?))
}

#[derive(Deserialize)]
pub(super) struct Identify {
    #[serde(default)]
    nhs_number: String,
    #[serde(default, rename = "born-day")]
    day: String,
    #[serde(default, rename = "born-month")]
    month: String,
    #[serde(default, rename = "born-year")]
    year: String,
}

pub(super) async fn identify(
    State(state): State<AppState>,
    staff: Staff,
    Checked { form, fields, .. }: Checked<Identify>,
) -> WebResult {
    let mut errors = FormErrors::new();
    let number = nhs_number(&form.nhs_number, &mut errors, "nhs_number");
    let born = date(&form.day, &form.month, &form.year, &mut errors, "born");
    if let (Some(number), Some(born)) = (number, born) {
        state.sign_in.limits.identify.check(&staff.actor().reference)?;
        match staff.access.identify(number.as_str(), born).await {
            Ok(id) => return Ok(Reply::to(format!("/team/people/{id}"))),
            Err(Error::NotFound) => errors.add(
                "nhs_number",
                "Nobody here has this NHS number with this date of birth. Check both with the person",
            ),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Page::new("team/people", &empty(&state, &staff).await?).with_form(&fields, &errors).into())
}

/// An NHS number as typed, or what to put right.
pub(crate) fn nhs_number(typed: &str, errors: &mut FormErrors, field: &str) -> Option<NhsNumber> {
    use kith_fhir::identifier::NhsNumberError;
    if typed.trim().is_empty() {
        errors.add(field, "Enter the NHS number");
        return None;
    }
    match NhsNumber::parse(typed) {
        Ok(number) => Some(number),
        Err(NhsNumberError::NotTenDigits) => {
            errors.add(field, "Enter an NHS number of 10 digits, like 999 000 0018");
            None
        }
        Err(NhsNumberError::CheckDigit) => {
            errors.add(field, "This is not an NHS number: a digit must be wrong. Check it with the person");
            None
        }
    }
}

/// A date typed in three fields, or what to put right.
pub(super) fn date(day: &str, month: &str, year: &str, errors: &mut FormErrors, field: &str) -> Option<Date> {
    let parts = [day, month, year].map(str::trim);
    if parts.iter().all(|part| part.is_empty()) {
        errors.add(format!("{field}-day"), "Enter the date of birth");
        return None;
    }
    for (part, name) in parts.iter().zip(["day", "month", "year"]) {
        if part.is_empty() {
            errors.add(format!("{field}-{name}"), format!("The date of birth must include a {name}"));
            return None;
        }
    }
    let numbers = (parts[2].parse::<i16>(), parts[1].parse::<i8>(), parts[0].parse::<i8>());
    let read = match numbers {
        (Ok(year), Ok(month), Ok(day)) if year >= 1870 => Date::new(year, month, day).ok(),
        _ => None,
    };
    if read.is_none() {
        errors.add(format!("{field}-day"), "The date of birth must be a real date, like 27 3 1951");
    }
    read
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "known-day")]
    day: String,
    #[serde(default, rename = "known-month")]
    month: String,
    #[serde(default, rename = "known-year")]
    year: String,
}

/// Finds people by name, date of birth or both, among those the reader may know of. Sent, because names do not belong into
/// an address.
pub(super) async fn search(
    State(state): State<AppState>,
    staff: Staff,
    Checked { form, fields, .. }: Checked<Search>,
) -> WebResult<Page> {
    let mut errors = FormErrors::new();
    let dated = [&form.day, &form.month, &form.year].iter().any(|part| !part.trim().is_empty());
    let born = if dated { date(&form.day, &form.month, &form.year, &mut errors, "known") } else { None };
    let words: Vec<&str> = form.name.split_whitespace().collect();
    if words.is_empty() && !dated {
        errors.add("name", "Enter a name, a date of birth, or both");
    }
    let mut view = empty(&state, &staff).await?;
    if errors.is_empty() {
        let found = look_for(&staff.access, &words, born).await?;
        view.more = found.len() > MOST;
        view.people = found.iter().take(MOST).map(Person::of).collect();
        view.searched = true;
    }
    Ok(again(view, &fields, &errors))
}

fn again(view: View, fields: &Fields, errors: &FormErrors) -> Page {
    Page::new("team/people", &view).with_form(fields, errors)
}

/// People with all these words in their name and this date of birth, as far as the actor may know of them.
pub(super) async fn look_for(access: &Access, words: &[&str], born: Option<Date>) -> WebResult<Vec<Entry>> {
    let build = || -> Result<Query, QueryError> {
        let mut query = Query::new("Patient")?;
        for word in words {
            query = query.where_("name", &Query::literal(word))?;
        }
        if let Some(born) = born {
            query = query.where_("birthdate", &born.to_string())?;
        }
        Ok(query.limit(MOST + 1))
    };
    let query = build().map_err(|error| Error::Unsearchable { what: error.to_string() })?;
    let mut found = access.search(&query).await?.entries;
    found.sort_by_key(|entry| crate::person::full_name(&entry.value));
    Ok(found)
}
