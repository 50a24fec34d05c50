//! The form of how somebody wants to be reached and seen: the same for the person and for staff who ask them.

use kith_contact::preferences::{self, AppointmentPreference, COMMON_ACCESS_NEEDS, DayPart, LANGUAGES, Mode};
use kith_contact::{Channel, Error, Preferences, PreferencesEdit};
use kith_trust::Access;
use serde::{Deserialize, Serialize};

use crate::form::{Fields, FormErrors};
use crate::reply::WebResult;

pub(crate) fn part_words(part: DayPart) -> &'static str {
    match part {
        DayPart::Morning => "In the morning",
        DayPart::Afternoon => "In the afternoon",
        DayPart::Evening => "In the evening, from 5pm",
    }
}

#[derive(Serialize)]
pub(crate) struct Choice {
    value: &'static str,
    text: String,
}

/// What can be chosen.
#[derive(Serialize)]
pub(crate) struct Choices {
    channels: Vec<Choice>,
    languages: Vec<Choice>,
    needs: Vec<Choice>,
    modes: Vec<Choice>,
    parts: Vec<Choice>,
}

pub(crate) fn choices() -> Choices {
    let any = |text: &str| Choice { value: "any", text: text.to_owned() };
    let mut languages = vec![Choice { value: "", text: "Not said".to_owned() }];
    languages.extend(LANGUAGES.iter().map(|(value, text)| Choice { value, text: (*text).to_owned() }));
    let mut modes: Vec<Choice> =
        Mode::ALL.iter().map(|m| Choice { value: m.code(), text: m.words().to_owned() }).collect();
    modes.push(any("I do not mind"));
    let mut parts: Vec<Choice> =
        DayPart::ALL.iter().map(|p| Choice { value: p.code(), text: part_words(*p).to_owned() }).collect();
    parts.push(any("I do not mind"));
    Choices {
        channels: Channel::ALL.iter().map(|c| Choice { value: c.code(), text: c.words().to_owned() }).collect(),
        languages,
        needs: COMMON_ACCESS_NEEDS.iter().map(|need| Choice { value: need, text: (*need).to_owned() }).collect(),
        modes,
        parts,
    }
}

/// What is known, as the form shows it.
pub(crate) fn known(said: &Preferences) -> Fields {
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

/// The form as sent.
#[derive(Deserialize)]
pub(crate) struct Sent {
    /// What it was filled in upon.
    #[serde(default)]
    seen: String,
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

impl Sent {
    /// Saves what the form says; what is wrong with it otherwise, beside its fields.
    pub async fn save(&self, access: &Access, person: &str) -> WebResult<Result<(), FormErrors>> {
        let mut errors = FormErrors::new();
        let edit = read(self, &mut errors);
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        match preferences::save_over(access, person, &edit, &self.seen).await {
            Ok(()) => Ok(Ok(())),
            Err(Error::Invalid { problems }) => {
                for problem in problems {
                    let field = if problem.field == "access_needs" { "other_needs" } else { problem.field };
                    errors.add(field, problem.message);
                }
                Ok(Err(errors))
            }
            Err(Error::Conflict { what }) => {
                let kept = "What you typed is still here, and was not saved. Look at it, and save again to keep it.";
                errors.add("channel", format!("{what} {kept}"));
                Ok(Err(errors))
            }
            Err(error) => Err(error.into()),
        }
    }
}
