//! My details, and how I want to be reached and seen: said once, shown to everybody who needs to know.

use axum::extract::State;
use kith_contact::preferences::{
    self, AppointmentPreference, COMMON_ACCESS_NEEDS, DayPart, LANGUAGES, Mode, language_words,
};
use kith_contact::{Channel, Error, Preferences, PreferencesEdit};
use kith_fhir::views;
use serde::{Deserialize, Serialize};

use super::Mine;
use crate::form::{Checked, Fields, FormErrors};
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

fn part_words(part: DayPart) -> &'static str {
    match part {
        DayPart::Morning => "In the morning",
        DayPart::Afternoon => "In the afternoon",
        DayPart::Evening => "In the evening, from 5pm",
    }
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
struct Choice {
    value: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Edit {
    channels: Vec<Choice>,
    languages: Vec<Choice>,
    needs: Vec<Choice>,
    modes: Vec<Choice>,
    parts: Vec<Choice>,
}

fn choices() -> Edit {
    let any = |text: &str| Choice { value: "any", text: text.to_owned() };
    let mut languages = vec![Choice { value: "", text: "Not said".to_owned() }];
    languages.extend(LANGUAGES.iter().map(|(value, text)| Choice { value, text: (*text).to_owned() }));
    let mut modes: Vec<Choice> =
        Mode::ALL.iter().map(|m| Choice { value: m.code(), text: m.words().to_owned() }).collect();
    modes.push(any("I do not mind"));
    let mut parts: Vec<Choice> =
        DayPart::ALL.iter().map(|p| Choice { value: p.code(), text: part_words(*p).to_owned() }).collect();
    parts.push(any("I do not mind"));
    Edit {
        channels: Channel::ALL.iter().map(|c| Choice { value: c.code(), text: c.words().to_owned() }).collect(),
        languages,
        needs: COMMON_ACCESS_NEEDS.iter().map(|need| Choice { value: need, text: (*need).to_owned() }).collect(),
        modes,
        parts,
    }
}

/// What is known, as the form shows it.
fn known(said: &Preferences) -> Fields {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    if let Some(channel) = said.channel {
        add("channel", channel.code());
    }
    add("language", said.language.as_deref().unwrap_or_default());
    if said.interpreter {
        add("interpreter", "yes");
    }
    let (common, own): (Vec<_>, Vec<_>) = said
        .access_needs
        .iter()
        .map(|need| need.text.as_str())
        .partition(|need| COMMON_ACCESS_NEEDS.iter().any(|c| c.eq_ignore_ascii_case(need)));
    for need in common {
        let listed = COMMON_ACCESS_NEEDS.iter().find(|c| c.eq_ignore_ascii_case(need)).unwrap_or(&need);
        add("needs", listed);
    }
    add("other_needs", &own.join("\n"));
    add("mode", said.appointment.mode.map_or("any", Mode::code));
    add("part", said.appointment.when.map_or("any", DayPart::code));
    if said.appointment.female_clinician {
        add("female_clinician", "yes");
    }
    add("max_miles", &said.appointment.max_miles.map(|miles| miles.to_string()).unwrap_or_default());
    Fields::known(fields)
}

pub(crate) async fn edit(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let page = Page::new("person/details_change", &choices());
    Ok(page.with_form(&known(&Preferences::of(&mine.record)), &FormErrors::new()))
}

#[derive(Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    interpreter: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    other_needs: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    female_clinician: String,
    #[serde(default)]
    max_miles: String,
}

fn read(sent: &Sent, errors: &mut FormErrors) -> PreferencesEdit {
    let miles = sent.max_miles.trim();
    let max_miles = if miles.is_empty() { None } else { miles.parse::<f64>().ok() };
    if !miles.is_empty() && max_miles.is_none() {
        errors.add("max_miles", "Enter miles as a number, like 3 or 2.5");
    }
    let own = sent.other_needs.lines().map(str::trim).filter(|need| !need.is_empty());
    let language = sent.language.trim();
    PreferencesEdit {
        channel: Channel::from_code(&sent.channel),
        language: (!language.is_empty()).then(|| language.to_owned()),
        interpreter: sent.interpreter == "yes",
        access_needs: sent.needs.iter().map(String::as_str).chain(own).map(str::to_owned).collect(),
        appointment: AppointmentPreference {
            mode: Mode::from_code(&sent.mode),
            female_clinician: sent.female_clinician == "yes",
            when: DayPart::from_code(&sent.part),
            max_miles,
        },
    }
}

pub(crate) async fn save(State(_): State<AppState>, me: Me, Checked { form, fields, .. }: Checked<Sent>) -> WebResult {
    let mut errors = FormErrors::new();
    let edit = read(&form, &mut errors);
    let again =
        |errors: &FormErrors| Ok(Page::new("person/details_change", &choices()).with_form(&fields, errors).into());
    if !errors.is_empty() {
        return again(&errors);
    }
    match preferences::save(&me.access, &me.person, &edit).await {
        Ok(()) => Ok(Reply::to("/details").done("Your details are saved.")),
        Err(Error::Invalid { problems }) => {
            for problem in problems {
                errors
                    .add(if problem.field == "access_needs" { "other_needs" } else { problem.field }, problem.message);
            }
            again(&errors)
        }
        Err(error) => Err(error.into()),
    }
}
