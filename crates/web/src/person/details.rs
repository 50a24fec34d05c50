//! My details, and how I want to be reached and seen: said once, shown to everybody who needs to know.

use axum::extract::State;
use kith_contact::preferences::{Mode, language_words};
use kith_contact::{Channel, Preferences};
use kith_fhir::views;
use serde::Serialize;

use super::Mine;
use crate::form::{Checked, FormErrors};
use crate::preferences_form::{Choices, Sent, choices, known, part_words};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct Details {
    name: String,
    born: Option<String>,
    nhs_number: Option<String>,
    address: Vec<String>,
    mobile: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    practice: Option<String>,
    channel: Option<&'static str>,
    language: Option<String>,
    interpreter: bool,
    access_needs: Vec<String>,
    how: Option<&'static str>,
    when: Option<&'static str>,
    female_clinician: bool,
    max_miles: Option<f64>,
    acting_for: Option<String>,
}

pub(crate) async fn show(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let said = Preferences::of(&mine.record);
    let patient = views::Patient::of(mine.record.patient());
    let practice = patient.and_then(|p| p.practice()).and_then(|r| mine.directory.name(r));
    let details = Details {
        name: super::full_name(mine.record.patient()),
        born: patient.and_then(|p| p.birth_date()).map(|day| day.to_string()),
        nhs_number: patient.and_then(|p| p.nhs_number()).map(|n| n.to_string()),
        address: said.address.clone(),
        mobile: said.mobile.clone(),
        phone: said.phone.clone(),
        email: said.email.clone(),
        practice: practice.map(str::to_owned),
        channel: said.channel.map(Channel::words),
        language: said.language.as_deref().map(|code| language_words(code).to_owned()),
        interpreter: said.interpreter,
        access_needs: said.access_needs.iter().map(|n| n.text.clone()).collect(),
        how: said.appointment.mode.map(Mode::words),
        when: said.appointment.when.map(part_words),
        female_clinician: said.appointment.female_clinician,
        max_miles: said.appointment.max_miles,
        acting_for: me.acting_for,
    };
    Ok(Page::new("person/details", &details))
}

#[derive(Serialize)]
struct Change {
    #[serde(flatten)]
    choices: Choices,
    /// What is said now, so that the form can tell what it was filled in upon.
    seen: String,
}

async fn form_page(state: &AppState, me: &Me) -> WebResult<(Page, Preferences)> {
    let said = Preferences::of(&Mine::open(state, me).await?.record);
    Ok((Page::new("person/details_change", &Change { choices: choices(), seen: said.mark() }), said))
}

pub(crate) async fn edit(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let (page, said) = form_page(&state, &me).await?;
    Ok(page.with_form(&known(&said), &FormErrors::new()))
}

pub(crate) async fn save(
    State(state): State<AppState>,
    me: Me,
    Checked { form, fields, .. }: Checked<Sent>,
) -> WebResult {
    match form.save(&me.access, &me.person).await? {
        Ok(()) => Ok(Reply::to("/details").done("Your details are saved.")),
        Err(errors) => Ok(form_page(&state, &me).await?.0.with_form(&fields, &errors).into()),
    }
}
