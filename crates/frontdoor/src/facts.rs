//! What the record already knows about a person, so that it need not be asked.

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kith_fhir::system;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Sex as recorded (`Patient.gender`); what is neither `male` nor `female` is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    Female,
    Male,
    NotKnown,
}

impl Sex {
    pub fn word(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::NotKnown => "not known",
        }
    }
}

/// A condition, medicine or allergy of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Code system and code.
    pub codes: Vec<(String, String)>,
    /// As written in the record.
    pub text: String,
    /// False for conditions that are over; medicines and allergies that are over are left out.
    pub active: bool,
}

/// A request, booking or visit in the past year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentContact {
    /// Code of `content/vocabulary/needs.toml`.
    pub need: String,
    pub when: Date,
    /// The person was seen or the request completed; false while it is only asked for or booked.
    pub seen: bool,
}

/// What conditions may ask about a person, on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whole months since birth.
    pub age_months: u32,
    pub sex: Sex,
    /// `Some(true)` only when a current pregnancy is recorded, `Some(false)` for men; else not known.
    pub pregnant: Option<bool>,
    pub conditions: Vec<Fact>,
    pub medicines: Vec<Fact>,
    pub allergies: Vec<Fact>,
    pub recent: Vec<RecentContact>,
    /// The civil day (Europe/London) these facts hold for.
    pub on: Date,
}

/// Why a record gives no facts to assess with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    #[error("the record has no usable date of birth, so age cannot be known; ask for it and try again")]
    NoBirthDate,
    #[error("the date of birth is after today")]
    BornInFuture,
}

/// A recorded pregnancy counts for 42 weeks from its first record.
const PREGNANCY_DAYS: i32 = 42 * 7;
const RECENT_DAYS: i32 = 365;

impl Facts {
    /// A person of whom only age (whole months) and sex are known.
    pub fn new(age_months: u32, sex: Sex, on: Date) -> Self {
        Self {
            age_months,
            sex,
            pregnant: (sex == Sex::Male).then_some(false),
            conditions: Vec::new(),
            medicines: Vec::new(),
            allergies: Vec::new(),
            recent: Vec::new(),
            on,
        }
    }

    /// Whole years since birth.
    pub fn age_years(&self) -> u32 {
        self.age_months / 12
    }

    /// Reads facts from a Patient and the resources of their compartment, as FHIR R4 JSON, on the civil day `today`.
    /// What is refuted, entered in error or stopped is left out; what cannot be read is passed over.
    pub fn from_record<'a>(
        patient: &Value,
        resources: impl IntoIterator<Item = &'a Value>,
        today: Date,
    ) -> Result<Self, FactsError> {
        let born = patient["birthDate"].as_str().and_then(day).ok_or(FactsError::NoBirthDate)?;
        if born > today {
            return Err(FactsError::BornInFuture);
        }
        let sex = match patient["gender"].as_str() {
            Some("female") => Sex::Female,
            Some("male") => Sex::Male,
            _ => Sex::NotKnown,
        };
        let mut facts = Self::new(months_between(born, today), sex, today);
        let resources: Vec<&Value> = resources.into_iter().collect();
        let medications: HashMap<&str, &Value> = resources
            .iter()
            .filter(|r| r["resourceType"] == "Medication")
            .filter_map(|r| Some((r["id"].as_str()?, &r["code"])))
            .collect();
        for resource in resources {
            facts.take_in(resource, &medications);
        }
        Ok(facts)
    }

    fn take_in(&mut self, resource: &Value, medications: &HashMap<&str, &Value>) {
        let verification = code_of(&resource["verificationStatus"]);
        if matches!(verification, Some("refuted" | "entered-in-error")) {
            return;
        }
        let status = resource["status"].as_str();
        let clinical = code_of(&resource["clinicalStatus"]);
        match resource["resourceType"].as_str() {
            Some("Condition") => {
                let active = matches!(clinical, None | Some("active" | "recurrence" | "relapse"));
                let fact = Fact { active, ..fact(&resource["code"]) };
                if active && self.sex != Sex::Male && is_pregnancy(&fact) && self.is_current_pregnancy(resource) {
                    self.pregnant = Some(true);
                }
                self.conditions.push(fact);
            }
            Some("MedicationRequest" | "MedicationStatement") if matches!(status, Some("active" | "on-hold")) => {
                if let Some(concept) = medicine(resource, medications) {
                    self.medicines.push(fact(concept));
                }
            }
            Some("AllergyIntolerance") if !matches!(clinical, Some("inactive" | "resolved")) => {
                self.allergies.push(fact(&resource["code"]));
            }
            Some("ServiceRequest") if status != Some("entered-in-error") => {
                self.add_recent(&[&resource["code"]], &resource["authoredOn"], status == Some("completed"));
            }
            Some("Appointment") if matches!(status, Some("booked" | "arrived" | "fulfilled")) => {
                self.add_recent(&each(&resource["serviceType"]), &resource["start"], status == Some("fulfilled"));
            }
            Some("Encounter") if status == Some("finished") => {
                self.add_recent(&[&resource["serviceType"]], &resource["period"]["start"], true);
            }
            _ => {}
        }
    }

    fn is_current_pregnancy(&self, condition: &Value) -> bool {
        ["onsetDateTime", "recordedDate"]
            .iter()
            .find_map(|field| condition[*field].as_str().and_then(day))
            .is_some_and(|since| days_since(since, self.on).is_some_and(|d| d <= PREGNANCY_DAYS))
    }

    fn add_recent(&mut self, concepts: &[&Value], when: &Value, seen: bool) {
        let Some(when) = when.as_str().and_then(day) else { return };
        if days_since(when, self.on).is_none_or(|d| d > RECENT_DAYS) {
            return;
        }
        for coding in concepts.iter().flat_map(|c| each(&c["coding"])) {
            if coding["system"] == system::CS_NEED
                && let Some(need) = coding["code"].as_str()
            {
                self.recent.push(RecentContact { need: need.to_owned(), when, seen });
            }
        }
    }
}

/// Pregnancy as recorded: SNOMED CT 77386006 |Pregnancy| and 72892002 |Normal pregnancy|.
fn is_pregnancy(fact: &Fact) -> bool {
    fact.codes.iter().any(|(system, code)| system == system::SNOMED && matches!(code.as_str(), "77386006" | "72892002"))
}

fn medicine<'a>(resource: &'a Value, medications: &HashMap<&str, &'a Value>) -> Option<&'a Value> {
    if resource["medicationCodeableConcept"].is_object() {
        return Some(&resource["medicationCodeableConcept"]);
    }
    let reference = resource["medicationReference"]["reference"].as_str()?;
    if let Some(local) = reference.strip_prefix('#') {
        return each(&resource["contained"]).into_iter().find(|c| c["id"] == local).map(|c| &c["code"]);
    }
    medications.get(reference.rsplit(['/', ':']).next()?).copied()
}

fn fact(concept: &Value) -> Fact {
    let codings = each(&concept["coding"]);
    let text = |v: &Value| v.as_str().map(str::to_owned);
    Fact {
        codes: codings.iter().filter_map(|c| Some((text(&c["system"])?, text(&c["code"])?))).collect(),
        text: text(&concept["text"]).or_else(|| codings.iter().find_map(|c| text(&c["display"]))).unwrap_or_default(),
        active: true,
    }
}

fn each(list: &Value) -> Vec<&Value> {
    list.as_array().map(|a| a.iter().collect()).unwrap_or_default()
}

fn code_of(concept: &Value) -> Option<&str> {
    concept["coding"][0]["code"].as_str()
}

/// The London day of a FHIR date, dateTime or instant; a year alone is read as 1 July, a month alone as its 15th.
fn day(text: &str) -> Option<Date> {
    match text.len() {
        4 => Date::new(text.parse().ok()?, 7, 1).ok(),
        7 => format!("{text}-15").parse().ok(),
        10 => text.parse().ok(),
        _ => {
            let instant: Timestamp = text.parse().ok()?;
            Some(instant.to_zoned(TimeZone::get("Europe/London").ok()?).date())
        }
    }
}

/// Days from `earlier` to `later`, `None` when it lies in the future.
fn days_since(earlier: Date, later: Date) -> Option<i32> {
    later.since(earlier).ok().map(|span| span.get_days()).filter(|days| *days >= 0)
}

fn months_between(born: Date, today: Date) -> u32 {
    let months = (i32::from(today.year()) - i32::from(born.year())) * 12 + i32::from(today.month())
        - i32::from(born.month())
        - i32::from(today.day() < born.day());
    u32::try_from(months).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;

    fn concept(system: &str, code: &str, text: &str) -> Value {
        json!({"coding": [{"system": system, "code": code}], "text": text})
    }

    #[test]
    fn age_is_whole_months_at_every_edge() {
        let on = date(2026, 11, 20);
        for (born, months) in [
            ("2026-11-20", 0),
            ("2025-11-21", 11),
            ("2025-11-20", 12),
            ("2010-11-21", 191),
            ("1980", 556),
            ("2024-02-29", 32),
        ] {
            let facts = Facts::from_record(&json!({"birthDate": born}), [], on).unwrap();
            assert_eq!(facts.age_months, months, "{born}");
        }
        assert_eq!(Facts::from_record(&json!({}), [], on), Err(FactsError::NoBirthDate));
        assert_eq!(Facts::from_record(&json!({"birthDate": "2026-11-21"}), [], on), Err(FactsError::BornInFuture));
        assert_eq!(Facts::from_record(&json!({"birthDate": "not a date"}), [], on), Err(FactsError::NoBirthDate));
    }

    #[test]
    fn the_record_gives_what_is_current_and_leaves_out_what_is_over_or_wrong() {
        let resources = [
            json!({"resourceType": "Condition", "code": concept(system::SNOMED, "44054006", "Diabetes"),
                   "clinicalStatus": concept("", "active", "")}),
            json!({"resourceType": "Condition", "code": concept(system::SNOMED, "195662009", "Sore throat"),
                   "clinicalStatus": concept("", "resolved", "")}),
            json!({"resourceType": "Condition", "code": concept(system::SNOMED, "22298006", "Heart attack"),
                   "verificationStatus": concept("", "refuted", "")}),
            json!({"resourceType": "Condition", "code": concept(system::SNOMED, "72892002", "Normal pregnancy"),
                   "onsetDateTime": "2026-09-01T09:00:00+01:00"}),
            json!({"resourceType": "MedicationRequest", "status": "active",
                   "medicationReference": {"reference": "#m"},
                   "contained": [{"resourceType": "Medication", "id": "m",
                                  "code": concept(system::RXNORM, "855332", "Warfarin")}]}),
            json!({"resourceType": "MedicationRequest", "status": "stopped",
                   "medicationCodeableConcept": concept(system::RXNORM, "1", "Old")}),
            json!({"resourceType": "AllergyIntolerance", "code": concept(system::SNOMED, "91936005", "Penicillin")}),
            json!({"resourceType": "Appointment", "status": "fulfilled", "start": "2026-11-01T09:00:00Z",
                   "serviceType": [concept(system::CS_NEED, "minor-eye", "")]}),
            json!({"resourceType": "Appointment", "status": "cancelled", "start": "2026-11-02T09:00:00Z",
                   "serviceType": [concept(system::CS_NEED, "wound-care", "")]}),
            json!({"resourceType": "Appointment", "status": "booked", "start": "2026-12-01T09:00:00Z",
                   "serviceType": [concept(system::CS_NEED, "wound-care", "")]}),
            json!({"resourceType": "Condition"}),
            json!("nonsense"),
        ];
        let patient = json!({"birthDate": "1990-01-01", "gender": "female"});
        let facts = Facts::from_record(&patient, &resources, date(2026, 11, 20)).unwrap();
        let texts = |facts: &[Fact]| facts.iter().map(|f| (f.text.clone(), f.active)).collect::<Vec<_>>();
        assert_eq!(
            texts(&facts.conditions)[..3],
            [("Diabetes".into(), true), ("Sore throat".into(), false), ("Normal pregnancy".into(), true)]
        );
        assert_eq!(texts(&facts.medicines), [("Warfarin".into(), true)]);
        assert_eq!(texts(&facts.allergies), [("Penicillin".into(), true)]);
        assert_eq!(facts.pregnant, Some(true));
        assert_eq!(facts.recent, [RecentContact { need: "minor-eye".into(), when: date(2026, 11, 1), seen: true }]);
    }

    #[test]
    fn asking_or_booking_is_not_yet_having_been_treated() {
        let need = || json!([concept(system::CS_NEED, "minor-eye", "")]);
        let booked = json!({"resourceType": "Appointment", "status": "booked", "start": "2026-11-20T09:00:00Z",
                            "serviceType": need()});
        let asked = json!({"resourceType": "ServiceRequest", "status": "active", "authoredOn": "2026-11-19",
                           "code": need()[0]});
        let seen = json!({"resourceType": "Encounter", "status": "finished", "serviceType": need()[0],
                          "period": {"start": "2026-11-10T23:30:00+00:00"}});
        let patient = json!({"birthDate": "1990-01-01"});
        let facts = Facts::from_record(&patient, [&booked, &asked, &seen], date(2026, 11, 20)).unwrap();
        assert_eq!(facts.recent.iter().map(|c| c.seen).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn an_old_pregnancy_is_not_taken_for_a_current_one() {
        let old = json!({"resourceType": "Condition", "onsetDateTime": "2024-01-01",
                         "code": concept(system::SNOMED, "72892002", "Normal pregnancy")});
        let patient = json!({"birthDate": "1990-01-01", "gender": "female"});
        assert_eq!(Facts::from_record(&patient, [&old], date(2026, 11, 20)).unwrap().pregnant, None);
    }
}
