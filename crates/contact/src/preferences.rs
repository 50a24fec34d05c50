//! How a person wants to be reached and seen: kept once, in their own record, and shown wherever it matters.

use jiff::Timestamp;
use kith_fhir::{Value, build, json, system};
use kith_trust::{Access, Change, Record};
use serde::{Deserialize, Serialize};

use crate::error::{Error, FieldProblem};
use crate::fields::{extension, fresh_id, has_code, items, text};

/// How a person is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// In Kith, with an e-mail where there is an address.
    Web,
    /// Somebody rings.
    Phone,
    /// A text message.
    Text,
    /// A letter by post.
    Letter,
}

impl Channel {
    pub const ALL: [Self; 4] = [Self::Web, Self::Phone, Self::Text, Self::Letter];

    pub fn code(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Phone => "phone",
            Self::Text => "text",
            Self::Letter => "letter",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }

    /// "By letter".
    pub fn words(self) -> &'static str {
        match self {
            Self::Web => "In Kith or by email",
            Self::Phone => "By phone",
            Self::Text => "By text message",
            Self::Letter => "By letter",
        }
    }
}

/// How a person likes to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    InPerson,
    Phone,
    Video,
}

impl Mode {
    pub const ALL: [Self; 3] = [Self::InPerson, Self::Phone, Self::Video];

    pub fn code(self) -> &'static str {
        match self {
            Self::InPerson => "in-person",
            Self::Phone => "phone",
            Self::Video => "video",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.code() == code)
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::InPerson => "In person",
            Self::Phone => "By phone",
            Self::Video => "By video",
        }
    }
}

/// The part of the day that suits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayPart {
    /// Before midday.
    Morning,
    /// Midday to 5pm.
    Afternoon,
    /// From 5pm.
    Evening,
}

impl DayPart {
    pub const ALL: [Self; 3] = [Self::Morning, Self::Afternoon, Self::Evening];

    pub fn code(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
            Self::Evening => "evening",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.code() == code)
    }
}

/// What suits when an appointment is offered. `None` and `false` mean that it does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct AppointmentPreference {
    pub mode: Option<Mode>,
    pub female_clinician: bool,
    pub when: Option<DayPart>,
    /// Miles from home, more than 0 and at most 100.
    pub max_miles: Option<f64>,
}

/// Something that must be in place for a person to get in, understand and be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessNeed {
    /// `Flag/…`
    pub reference: String,
    /// "Step-free", "Large print".
    pub text: String,
}

/// Everything a person has said about how they want to be reached and seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Preferences {
    /// `None` if they never said.
    pub channel: Option<Channel>,
    /// The language they prefer, as BCP-47 ("pl"), if they said.
    pub language: Option<String>,
    pub interpreter: bool,
    pub access_needs: Vec<AccessNeed>,
    pub appointment: AppointmentPreference,
    pub mobile: Option<String>,
    /// Any other phone.
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Address lines with the postcode last; empty if there is none.
    pub address: Vec<String>,
}

impl Preferences {
    /// Reads them from a record.
    pub fn of(record: &Record) -> Self {
        Self::read(record.patient(), record.entries().iter().filter(|e| e.kind == "Flag").map(|e| &*e.value))
    }

    /// Reads them from a Patient and the person's Flags.
    pub fn read<'a>(patient: &Value, flags: impl IntoIterator<Item = &'a Value>) -> Self {
        let phones = |mobile: bool| {
            items(patient, "telecom")
                .filter(|t| matches!(text(t, "/system"), Some("phone" | "sms")) && text(t, "/use") != Some("old"))
                .find(|t| is_mobile(t) == mobile)
                .and_then(|t| text(t, "/value"))
                .map(str::to_owned)
        };
        let interpreter = extension(patient, system::EXT_INTERPRETER_REQUIRED)
            .and_then(|e| e.get("valueBoolean")?.as_bool())
            .unwrap_or(false);
        // Other systems flag an interpreter beside the element that says so: it is one need, and is said once.
        let said_already = |need: &AccessNeed| interpreter && need.text.to_lowercase().starts_with("interpreter");
        Self {
            channel: extension(patient, system::EXT_CONTACT_PREFERENCE)
                .and_then(|e| text(e, "/valueCode"))
                .and_then(Channel::from_code),
            language: language_of(patient).map(str::to_owned),
            interpreter,
            access_needs: flags
                .into_iter()
                .filter(|f| is_access_need(f))
                .filter_map(access_need)
                .filter(|need| !said_already(need))
                .collect(),
            appointment: appointment_of(patient),
            mobile: phones(true),
            phone: phones(false),
            email: items(patient, "telecom")
                .find(|t| text(t, "/system") == Some("email") && text(t, "/use") != Some("old"))
                .and_then(|t| text(t, "/value"))
                .map(str::to_owned),
            address: address_of(patient),
        }
    }

    /// What a member of staff must see beside the name, in words: interpreter and access needs.
    pub fn alerts(&self) -> Vec<String> {
        let interpreter = self.interpreter.then(|| match self.language.as_deref() {
            Some(code) => format!("Needs an interpreter: {}", language_words(code)),
            None => "Needs an interpreter".to_owned(),
        });
        interpreter.into_iter().chain(self.access_needs.iter().map(|n| n.text.clone())).collect()
    }

    /// Names what is said here: the same words have the same mark, so that a form can tell what it was filled in upon.
    pub fn mark(&self) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut edit = self.edit();
        edit.access_needs.sort_unstable();
        let mut hasher = DefaultHasher::new();
        json!(edit).to_string().hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// The same, as a form to change.
    pub fn edit(&self) -> PreferencesEdit {
        PreferencesEdit {
            channel: self.channel,
            language: self.language.clone(),
            interpreter: self.interpreter,
            access_needs: self.access_needs.iter().map(|n| n.text.clone()).collect(),
            appointment: self.appointment,
        }
    }
}

/// New preferences: replaces all of them, so that what a form no longer says is gone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PreferencesEdit {
    pub channel: Option<Channel>,
    /// BCP-47, such as `pl` or `zh-Hant`.
    pub language: Option<String>,
    pub interpreter: bool,
    /// In words, at most 12 of at most 120 characters.
    pub access_needs: Vec<String>,
    pub appointment: AppointmentPreference,
}

/// Access needs to offer as ticks. Free words are welcome beside them.
/// After NHS England, Accessible Information Standard (DAPB1605), categories of need.
pub const COMMON_ACCESS_NEEDS: [&str; 9] = [
    "Step-free access",
    "Wheelchair space",
    "British Sign Language interpreter",
    "Large print",
    "Easy Read",
    "Quiet room",
    "Longer appointment",
    "Hearing loop",
    "Brings an assistance dog",
];

/// Languages to offer: the main languages most spoken in England and Wales after English (ONS, Census 2021, table TS024),
/// with Welsh, Ukrainian and British Sign Language.
pub const LANGUAGES: [(&str, &str); 19] = [
    ("en", "English"),
    ("ar", "Arabic"),
    ("bn", "Bengali"),
    ("bfi", "British Sign Language"),
    ("yue", "Cantonese"),
    ("fr", "French"),
    ("gu", "Gujarati"),
    ("it", "Italian"),
    ("cmn", "Mandarin Chinese"),
    ("fa", "Persian or Farsi"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("pa", "Punjabi"),
    ("ro", "Romanian"),
    ("so", "Somali"),
    ("es", "Spanish"),
    ("uk", "Ukrainian"),
    ("ur", "Urdu"),
    ("cy", "Welsh"),
];

/// A language's English name, or its code when it is not among [`LANGUAGES`].
pub fn language_words(code: &str) -> &str {
    let primary = code.split('-').next().unwrap_or(code);
    LANGUAGES
        .iter()
        .find(|(c, _)| c.eq_ignore_ascii_case(code))
        .or_else(|| LANGUAGES.iter().find(|(c, _)| c.eq_ignore_ascii_case(primary)))
        .map_or(code, |(_, words)| words)
}

/// Checks an edit by itself.
pub fn validate(edit: &PreferencesEdit) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if edit.language.as_deref().is_some_and(|code| !is_language_tag(code)) {
        problems.push(FieldProblem::new("language", "Choose a language from the list"));
    }
    if edit.access_needs.len() > 12 {
        problems.push(FieldProblem::new("access_needs", "Tell us at most 12 needs"));
    }
    if edit.access_needs.iter().any(|n| n.chars().count() > 120 || n.chars().any(char::is_control)) {
        problems.push(FieldProblem::new("access_needs", "Say each need in one line of at most 120 letters"));
    }
    if edit.appointment.max_miles.is_some_and(|miles| !(miles > 0.0 && miles <= 100.0)) {
        problems.push(FieldProblem::new("max_miles", "Miles must be a number more than 0 and up to 100"));
    }
    problems
}

/// The Patient with new preferences; everything else in it stays as it was.
pub fn apply(patient: &Value, edit: &PreferencesEdit) -> Value {
    let mut out = patient.clone();
    let mut replace = |url, with: Option<Value>| match with {
        Some(with) => build::set_extension(&mut out, with),
        None => build::remove_extension(&mut out, url),
    };
    let channel = edit.channel.map(|c| build::extension_code(system::EXT_CONTACT_PREFERENCE, c.code()));
    replace(system::EXT_CONTACT_PREFERENCE, channel);
    let interpreter = edit.interpreter.then(|| build::extension_boolean(system::EXT_INTERPRETER_REQUIRED, true));
    replace(system::EXT_INTERPRETER_REQUIRED, interpreter);
    replace(system::EXT_APPOINTMENT_PREFERENCE, appointment_extension(&edit.appointment));
    set_language(&mut out, edit.language.as_deref());
    out
}

/// Saves new preferences of the person with this id: the Patient and their access-need Flags in one change. Refuses with
/// [`Error::Door`] (conflict) if the record changed since it was read here.
pub async fn save(access: &Access, patient_id: &str, edit: &PreferencesEdit) -> Result<(), Error> {
    save_upon(access, patient_id, edit, None).await
}

/// [`save`], if the preferences still are those that the form was filled in upon ([`Preferences::mark`]). [`Error::Conflict`]
/// where somebody changed them meanwhile to something else than is now wanted; then nothing is saved.
pub async fn save_over(access: &Access, patient_id: &str, edit: &PreferencesEdit, seen: &str) -> Result<(), Error> {
    save_upon(access, patient_id, edit, Some(seen)).await
}

async fn save_upon(access: &Access, patient_id: &str, edit: &PreferencesEdit, seen: Option<&str>) -> Result<(), Error> {
    let problems = validate(edit);
    if !problems.is_empty() {
        return Err(Error::Invalid { problems });
    }
    let record = access.open(patient_id).await?;
    let stored = record.get(&format!("Patient/{patient_id}")).ok_or(kith_trust::Error::NotFound)?;
    let mut change = Change::new("save preferences");
    let patient = apply(&stored.value, edit);
    let mut changed = patient != *stored.value;
    if changed {
        change.update(patient, stored.version);
    }
    let wanted: Vec<&str> = edit.access_needs.iter().map(|n| n.trim()).filter(|n| !n.is_empty()).collect();
    let mut kept: Vec<String> = Vec::new();
    for entry in record.of("Flag").filter(|e| is_access_need(&e.value)) {
        let Some(need) = access_need(&entry.value) else { continue };
        if wanted.iter().any(|w| w.eq_ignore_ascii_case(&need.text)) {
            kept.push(need.text.to_lowercase());
        } else {
            let mut flag = (*entry.value).clone();
            build::set_status(&mut flag, "inactive");
            change.update(flag, entry.version);
            changed = true;
        }
    }
    for need in wanted {
        if !kept.contains(&need.to_lowercase()) {
            kept.push(need.to_lowercase());
            change.create(access_need_flag(patient_id, need, access.now()));
            changed = true;
        }
    }
    if !changed {
        return Ok(());
    }
    let moved = || Error::Conflict { what: "These details were changed since you opened this page.".to_owned() };
    if seen.is_some_and(|seen| seen != Preferences::of(&record).mark()) {
        return Err(moved());
    }
    match access.commit(change).await {
        Ok(_) => Ok(()),
        Err(kith_trust::Error::Conflict { .. }) if seen.is_some() => Err(moved()),
        Err(error) => Err(error.into()),
    }
}

fn access_need_flag(patient_id: &str, need: &str, since: Timestamp) -> Value {
    let person = format!("Patient/{patient_id}");
    build::with_id(build::AccessNeed { person: &person, text: need, since }.build(), &fresh_id())
}

fn is_access_need(flag: &Value) -> bool {
    text(flag, "/status") == Some("active") && has_code(flag, "category", system::CS_CATEGORY, "access-need")
}

fn access_need(flag: &Value) -> Option<AccessNeed> {
    let words = text(flag, "/code/text").or_else(|| text(flag, "/code/coding/0/display"))?;
    Some(AccessNeed { reference: format!("Flag/{}", text(flag, "/id")?), text: words.to_owned() })
}

/// A UK mobile number starts 07 or +447; otherwise what the record says of its use.
fn is_mobile(telecom: &Value) -> bool {
    let digits: String = text(telecom, "/value").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    text(telecom, "/use") == Some("mobile")
        || text(telecom, "/system") == Some("sms")
        || digits.starts_with("07")
        || digits.starts_with("+447")
}

fn language_of(patient: &Value) -> Option<&str> {
    let chosen = items(patient, "communication")
        .find(|c| c.get("preferred").and_then(Value::as_bool) == Some(true))
        .or_else(|| items(patient, "communication").next())?;
    text(chosen, "/language/coding/0/code")
}

fn set_language(patient: &mut Value, language: Option<&str>) {
    let Some(object) = patient.as_object_mut() else { return };
    let mut spoken = object.remove("communication").and_then(|c| c.as_array().cloned()).unwrap_or_default();
    for entry in &mut spoken {
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("preferred");
        }
    }
    if let Some(language) = language {
        let mut chosen = match spoken.iter().position(|c| text(c, "/language/coding/0/code") == Some(language)) {
            Some(at) => spoken.remove(at),
            None => json!({ "language": { "coding": [{
                "system": system::BCP47, "code": language, "display": language_words(language),
            }] } }),
        };
        chosen["preferred"] = json!(true);
        spoken.insert(0, chosen);
    } else {
        spoken.clear();
    }
    if !spoken.is_empty() {
        object.insert("communication".to_owned(), Value::Array(spoken));
    }
}

fn appointment_of(patient: &Value) -> AppointmentPreference {
    let Some(outer) = extension(patient, system::EXT_APPOINTMENT_PREFERENCE) else {
        return AppointmentPreference::default();
    };
    let code = |url| extension(outer, url).and_then(|e| text(e, "/valueCode"));
    AppointmentPreference {
        mode: code("mode").and_then(Mode::from_code),
        female_clinician: extension(outer, "female-clinician")
            .and_then(|e| e.get("valueBoolean")?.as_bool())
            .unwrap_or(false),
        when: code("when").and_then(DayPart::from_code),
        max_miles: extension(outer, "max-miles").and_then(|e| e.get("valueDecimal")?.as_f64()),
    }
}

fn appointment_extension(wish: &AppointmentPreference) -> Option<Value> {
    let parts: Vec<Value> = [
        wish.mode.map(|mode| build::extension_code("mode", mode.code())),
        wish.female_clinician.then(|| build::extension_boolean("female-clinician", true)),
        wish.when.map(|when| build::extension_code("when", when.code())),
        wish.max_miles.map(|miles| build::extension_decimal("max-miles", (miles * 10.0).round() / 10.0)),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| build::extension_nested(system::EXT_APPOINTMENT_PREFERENCE, parts))
}

fn address_of(patient: &Value) -> Vec<String> {
    let Some(address) = items(patient, "address")
        .find(|a| text(a, "/use") == Some("home"))
        .or_else(|| items(patient, "address").find(|a| text(a, "/use") != Some("old")))
    else {
        return Vec::new();
    };
    items(address, "line")
        .filter_map(Value::as_str)
        .chain(["/city", "/district", "/postalCode"].into_iter().filter_map(|p| text(address, p)))
        .map(str::to_owned)
        .collect()
}

/// Well formed enough for BCP-47: a primary tag of 2 or 3 letters, then subtags of 2 to 8 letters and digits.
fn is_language_tag(code: &str) -> bool {
    let mut parts = code.split('-');
    let primary = parts.next().unwrap_or_default();
    (2..=3).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && code.len() <= 35
        && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient() -> Value {
        json!({
            "resourceType": "Patient", "id": "p1",
            "extension": [{ "url": "https://example.org/kept", "valueString": "as it was" }],
            "telecom": [
                { "system": "phone", "value": "01632 960001", "use": "home" },
                { "system": "phone", "value": "07700 900001" },
                { "system": "email", "value": "p1@example.org" },
            ],
            "address": [{ "line": ["1 Test Street"], "city": "Testford", "postalCode": "ZZ99 3AA" }],
            "communication": [
                { "language": { "coding": [{ "code": "en" }] } },
                { "language": { "coding": [{ "code": "pl" }] }, "preferred": true },
            ],
        })
    }

    fn edit() -> PreferencesEdit {
        PreferencesEdit {
            channel: Some(Channel::Letter),
            language: Some("ur".to_owned()),
            interpreter: true,
            access_needs: vec!["Step-free access".to_owned()],
            appointment: AppointmentPreference {
                mode: Some(Mode::Phone),
                female_clinician: true,
                when: Some(DayPart::Evening),
                max_miles: Some(2.5),
            },
        }
    }

    #[test]
    fn what_a_person_prefers_is_read_from_their_record() {
        let seen = Preferences::read(&patient(), []);
        assert_eq!(seen.channel, None);
        assert_eq!(seen.language.as_deref(), Some("pl"));
        assert_eq!(seen.mobile.as_deref(), Some("07700 900001"));
        assert_eq!(seen.phone.as_deref(), Some("01632 960001"));
        assert_eq!(seen.email.as_deref(), Some("p1@example.org"));
        assert_eq!(seen.address, ["1 Test Street", "Testford", "ZZ99 3AA"]);
    }

    #[test]
    fn what_is_saved_is_what_is_shown_and_the_rest_is_untouched() {
        let after = apply(&patient(), &edit());
        let seen = Preferences::read(&after, [&access_need_flag("p1", "Step-free access", Timestamp::UNIX_EPOCH)]);
        assert_eq!(seen.edit(), edit());
        assert_eq!(after["extension"][0]["valueString"], "as it was");
        assert_eq!(after["telecom"], patient()["telecom"]);
        assert_eq!(after["communication"].as_array().unwrap().len(), 3, "other languages stay known");
        assert_eq!(seen.alerts(), ["Needs an interpreter: Urdu", "Step-free access"]);
    }

    #[test]
    fn what_is_taken_back_is_gone() {
        let after = apply(&apply(&patient(), &edit()), &PreferencesEdit::default());
        let seen = Preferences::read(&after, []);
        assert_eq!(seen.edit(), PreferencesEdit::default());
        assert!(after.get("communication").is_none());
    }

    #[test]
    fn saving_the_same_twice_changes_nothing() {
        let once = apply(&patient(), &edit());
        assert_eq!(apply(&once, &edit()), once);
    }

    #[test]
    fn what_cannot_be_taken_is_said_beside_its_field() {
        let mut bad = edit();
        bad.language = Some("../etc".to_owned());
        bad.access_needs = vec!["x".repeat(121)];
        bad.appointment.max_miles = Some(f64::NAN);
        let fields: Vec<_> = validate(&bad).into_iter().map(|p| p.field).collect();
        assert_eq!(fields, ["language", "access_needs", "max_miles"]);
        assert!(validate(&edit()).is_empty());
        assert!(is_language_tag("zh-Hant") && !is_language_tag("zh-") && !is_language_tag("e"));
    }

    #[test]
    fn an_inactive_need_is_not_shown() {
        let mut flag = access_need_flag("p1", "BSL", Timestamp::UNIX_EPOCH);
        flag["status"] = json!("inactive");
        assert!(Preferences::read(&patient(), [&flag]).access_needs.is_empty());
    }
}
