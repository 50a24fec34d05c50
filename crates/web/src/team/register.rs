//! Registering a person with the practice: checked as typed, nothing lost, and a warning where they may be here already.

use axum::extract::State;
use jiff::civil::Date;
use kith_contact::preferences::{self, COMMON_ACCESS_NEEDS, Channel, LANGUAGES, PreferencesEdit};
use kith_contact::time;
use kith_fhir::identifier::NhsNumber;
use kith_fhir::search::Query;
use kith_fhir::{Value, build, json, system};
use kith_trust::{Change, Error, Role};
use serde::{Deserialize, Serialize};

use super::find::{self, Person};
use super::{Choice, chart};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// The practice the reader may register people with: `Organization/…` and its name. Other kinds of service refer or book
/// people; only a practice takes them on.
pub(super) async fn practice(state: &AppState, staff: &Staff) -> WebResult<Option<(String, String)>> {
    let may = matches!(staff.role(), Role::Receptionist | Role::CareNavigator | Role::Manager | Role::Gp | Role::Nurse);
    let Some(own) = staff.actor().organization.as_deref().filter(|_| may) else { return Ok(None) };
    let directory = state.directory.get(&staff.access).await?;
    let is_practice = staff
        .actor()
        .services()
        .filter_map(|service| directory.service(service))
        .any(|service| service.kind == "general-practice");
    let name = directory.name(own).unwrap_or_default().to_owned();
    Ok(is_practice.then(|| (own.to_owned(), name)))
}

#[derive(Serialize)]
struct View {
    practice: String,
    languages: Vec<Choice>,
    channels: Vec<Choice>,
    access_needs: Vec<Choice>,
    /// People who may be the same; the form then asks to be sure.
    alike: Vec<Person>,
    demo: bool,
}

async fn view(state: &AppState, staff: &Staff, alike: Vec<Person>) -> WebResult<View> {
    let Some((_, practice)) = practice(state, staff).await? else {
        return Err(WebError::forbidden("People are registered by staff of a general practice.")
            .next("Find a person", "/team/people"));
    };
    Ok(View {
        practice,
        languages: LANGUAGES.iter().map(|(code, name)| Choice::new(*code, *name)).collect(),
        channels: Channel::ALL.iter().map(|channel| Choice::new(channel.code(), channel.words())).collect(),
        access_needs: COMMON_ACCESS_NEEDS.iter().map(|need| Choice::new(*need, *need)).collect(),
        alike,
        demo: state.demo.is_some(),
    })
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff) -> WebResult<Page> {
    Ok(Page::new("team/register", &view(&state, &staff, Vec::new()).await?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Form {
    #[serde(default)]
    given: String,
    #[serde(default)]
    family: String,
    #[serde(default, rename = "born-day")]
    day: String,
    #[serde(default, rename = "born-month")]
    month: String,
    #[serde(default, rename = "born-year")]
    year: String,
    #[serde(default)]
    sex: String,
    #[serde(default)]
    nhs_number: String,
    #[serde(default)]
    line: String,
    #[serde(default)]
    town: String,
    #[serde(default)]
    postcode: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    interpreter: Option<String>,
    #[serde(default)]
    access_needs: Vec<String>,
    #[serde(default)]
    sure: Option<String>,
}

/// A form that can be kept.
struct Good<'a> {
    given: &'a str,
    family: &'a str,
    born: Date,
    sex: &'a str,
    number: Option<NhsNumber>,
    postcode: Option<String>,
    phone: &'a str,
    email: &'a str,
}

fn check(form: &Form, today: Date, demo: bool) -> Result<Good<'_>, FormErrors> {
    let mut errors = FormErrors::new();
    let given = errors.required("given", &form.given, "Enter the first name");
    let family = errors.required("family", &form.family, "Enter the last name");
    for (field, name) in [("given", given), ("family", family)] {
        if name.chars().count() > 100 || name.chars().any(char::is_control) {
            errors.add(field, "The name must be 100 characters or fewer, on one line");
        }
    }
    let born = find::date(&form.day, &form.month, &form.year, &mut errors, "born");
    if born.is_some_and(|born| born > today) {
        errors.add("born-day", "The date of birth must be in the past");
    }
    if chart::sex_words(&form.sex).is_none() && form.sex != "unknown" {
        errors.add("sex", "Choose the sex recorded");
    }
    let number = if form.nhs_number.trim().is_empty() {
        None
    } else {
        find::nhs_number(&form.nhs_number, &mut errors, "nhs_number")
    };
    match &number {
        Some(number) if demo && !number.is_test() => errors.add(
            "nhs_number",
            "This is a demonstration: use a test NHS number, which starts with 999, never a real one",
        ),
        Some(number) if !demo && number.is_test() => {
            errors.add("nhs_number", "Numbers that start with 999 are for tests. Enter the person's own NHS number");
        }
        _ => {}
    }
    let postcode = match form.postcode.trim() {
        "" => None,
        typed => {
            let read = postcode(typed);
            if read.is_none() {
                errors.add("postcode", "Enter a full UK postcode, like LS1 4AP");
            }
            read
        }
    };
    let phone = form.phone.trim();
    let digits = phone.chars().filter(char::is_ascii_digit).count();
    if !phone.is_empty()
        && (!(10..=15).contains(&digits) || phone.chars().any(|c| !(c.is_ascii_digit() || "+() -".contains(c))))
    {
        errors.add("phone", "Enter a phone number, like 07700 900 982");
    }
    let email = form.email.trim();
    if !email.is_empty() && !looks_like_email(email) {
        errors.add("email", "Enter an email address, like name@example.com");
    }
    match born {
        Some(born) if errors.is_empty() => {
            Ok(Good { given, family, born, sex: &form.sex, number, postcode, phone, email })
        }
        _ => Err(errors),
    }
}

/// A UK postcode in its usual form (`LS1 4AP`), if the text has the shape of one: outward code of an area of one or two
/// letters, a digit, and perhaps a digit or letter; inward code of a digit and two letters. Royal Mail, "Programmers'
/// guide to the Postcode Address File", edition 7.
fn postcode(typed: &str) -> Option<String> {
    let plain: String = typed.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    if !plain.is_ascii() || !(5..=7).contains(&plain.len()) {
        return None;
    }
    let (outward, inward) = plain.split_at(plain.len() - 3);
    let letters = outward.bytes().take_while(u8::is_ascii_uppercase).count();
    let rest = &outward.as_bytes()[letters.min(2)..];
    let good_outward = (1..=2).contains(&letters)
        && rest.first().is_some_and(u8::is_ascii_digit)
        && rest.len() <= 2
        && rest.iter().all(u8::is_ascii_alphanumeric);
    let inner = inward.as_bytes();
    let good_inward = inner[0].is_ascii_digit() && inner[1..].iter().all(u8::is_ascii_uppercase);
    (good_outward && good_inward).then(|| format!("{outward} {inward}"))
}

fn looks_like_email(text: &str) -> bool {
    text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty()
                && !host.contains('@')
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
        })
}

/// The Patient resource, registered with the practice.
fn patient(good: &Good<'_>, form: &Form, practice: &(String, String)) -> Value {
    let mut address = json!({ "use": "home" });
    let lines: Vec<&str> = [form.line.trim()].into_iter().filter(|line| !line.is_empty()).collect();
    if !lines.is_empty() {
        address["line"] = json!(lines);
    }
    if !form.town.trim().is_empty() {
        address["city"] = json!(form.town.trim());
    }
    if let Some(postcode) = &good.postcode {
        address["postalCode"] = json!(postcode);
    }
    let at_practice = build::reference_display(&practice.0, &practice.1);
    let mut out = json!({
        "resourceType": "Patient",
        "meta": { "profile": ["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"] },
        "active": true,
        "name": [{ "use": "official", "family": good.family, "given": [good.given] }],
        "gender": good.sex,
        "birthDate": good.born.to_string(),
        "generalPractitioner": [at_practice],
        "managingOrganization": at_practice,
    });
    if address.as_object().is_some_and(|address| address.len() > 1) {
        out["address"] = json!([address]);
    }
    if let Some(number) = &good.number {
        let words = ("number-present-but-not-traced", "Number present but not traced");
        out["identifier"] = json!([{
            "extension": [{
                "url": system::EXT_NHS_NUMBER_VERIFICATION,
                "valueCodeableConcept": build::concept(system::CS_NHS_NUMBER_VERIFICATION, words.0, words.1),
            }],
            "system": system::NHS_NUMBER,
            "value": number.as_str(),
        }]);
    }
    let telecom: Vec<Value> = [("phone", good.phone), ("email", good.email)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(kind, value)| json!({ "system": kind, "value": value, "use": if value.starts_with("07") { "mobile" } else { "home" } }))
        .collect();
    if !telecom.is_empty() {
        out["telecom"] = json!(telecom);
    }
    let edit = PreferencesEdit {
        channel: Channel::from_code(&form.channel),
        language: LANGUAGES.iter().find(|(code, _)| *code == form.language).map(|(code, _)| (*code).to_owned()),
        interpreter: form.interpreter.is_some(),
        ..PreferencesEdit::default()
    };
    preferences::apply(&out, &edit)
}

pub(super) async fn register(
    State(state): State<AppState>,
    staff: Staff,
    Checked { form, fields, key }: Checked<Form>,
) -> WebResult {
    let Some(practice) = practice(&state, &staff).await? else {
        return Err(WebError::forbidden("People are registered by staff of a general practice."));
    };
    let now = staff.access.now();
    let good = match check(&form, time::day(now), state.demo.is_some()) {
        Ok(good) => good,
        Err(errors) => {
            let view = view(&state, &staff, Vec::new()).await?;
            return Ok(Page::new("team/register", &view).with_form(&fields, &errors).into());
        }
    };
    let mut errors = FormErrors::new();
    // The form sent twice finds what it made: the id comes from the form's own key.
    let id = key.to_string();
    let again = staff.access.open(&id).await.is_ok();
    if again {
        return Ok(Reply::to(format!("/team/people/{id}")).done("The person is registered."));
    }
    if let Some(number) = &good.number
        && number_is_here(&state, number).await?
    {
        match staff.access.identify(number.as_str(), good.born).await {
            Ok(known) => {
                return Ok(Reply::to(format!("/team/people/{known}")).note(
                    "This person is here already, with this NHS number and date of birth. Nothing new was made.",
                ));
            }
            Err(Error::NotFound) => errors.add(
                "nhs_number",
                "Somebody with another date of birth has this NHS number here already. Check both with the person",
            ),
            Err(error) => return Err(error.into()),
        }
    }
    let mut alike = Vec::new();
    if errors.is_empty() && form.sure.is_none() {
        let found = find::look_for(&staff.access, &[good.family], Some(good.born)).await?;
        alike = found.iter().map(Person::of).collect();
        if !alike.is_empty() {
            errors.add(
                "sure",
                "Somebody here has this last name and date of birth. Check that it is not the same person",
            );
        }
    }
    if !errors.is_empty() {
        return Ok(Page::new("team/register", &view(&state, &staff, alike).await?).with_form(&fields, &errors).into());
    }
    let mut change = Change::new("register person");
    change.create(build::with_id(patient(&good, &form, &practice), &id));
    let person = format!("Patient/{id}");
    for need in COMMON_ACCESS_NEEDS.iter().filter(|need| form.access_needs.iter().any(|ticked| ticked == *need)) {
        change.create(build::AccessNeed { person: &person, text: need, since: now }.build());
    }
    staff.access.commit(change).await?;
    Ok(Reply::to(format!("/team/people/{id}")).done("The person is registered."))
}

/// Whether anybody in the neighbourhood has this number. Kith itself asks and says no more than that.
async fn number_is_here(state: &AppState, number: &NhsNumber) -> WebResult<bool> {
    let query = Query::new("Patient")
        .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
        .map_err(WebError::internal)?;
    Ok(!state.door.system("Kith registration").search(&query.limit(1)).await?.entries.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_postcode_is_told_by_its_shape() {
        for (typed, read) in [
            ("ls1 4ap", Some("LS1 4AP")),
            ("M11AE", Some("M1 1AE")),
            ("SW1A 1AA", Some("SW1A 1AA")),
            ("EC1A1BB", Some("EC1A 1BB")),
            ("B33 8TH", Some("B33 8TH")),
            ("LS1", None),
            ("LS1 4A4", None),
            ("1LS 4AP", None),
            ("LSXX 4AP", None),
            ("é1 1AA", None),
            ("", None),
        ] {
            assert_eq!(postcode(typed).as_deref(), read, "{typed}");
        }
    }

    #[test]
    fn an_email_address_needs_a_name_and_a_host() {
        assert!(looks_like_email("ada.o'neil+kith@example.co.uk"));
        for bad in ["ada", "@example.com", "ada@example", "ada@@example.com", "ada lovelace@example.com", "a@.com"] {
            assert!(!looks_like_email(bad), "{bad}");
        }
    }
}
