//! Problems, medicines, allergies and immunisations.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use kith_fhir::system;
use serde_json::{Value, json};

use super::{Record, days_between};
use crate::shape::{hl7, profile};
use crate::tables::{Medicine, TABLES};

impl Record<'_> {
    pub fn problems(&mut self) {
        let who = self.who;
        let female = who.sex == crate::Sex::Female;
        for condition in &TABLES.conditions {
            let has = self.stream.chance(condition.rate(who.age, female, self.home.imd));
            let has = who.cast.map_or(has, |member| member.conditions.contains(&condition.key.as_str()));
            // One kind of diabetes is enough.
            if has && !(condition.key == "type-1-diabetes" && self.has("type-2-diabetes")) {
                self.conditions.push(condition);
            }
        }
        self.pregnant = super::pregnant(self.seed, who);
        for condition in self.conditions.clone() {
            let adult_years = i64::from(who.age.saturating_sub(condition.from));
            let years = self.stream.between(0, adult_years.clamp(0, 15));
            let days = years * 365 + self.stream.between(30, 380);
            let onset = self.ago(days);
            let id = self.condition(coded(&condition.snomed, &condition.text), onset);
            for medicine in &condition.medicine {
                let given = self.stream.chance(medicine.chance);
                // The cast takes everything that belongs to its conditions, so that stories can rely on it.
                if (given || who.cast.is_some()) && !self.takes(&medicine.text) {
                    self.medicine(medicine, onset, &id);
                }
            }
        }
        if self.pregnant {
            let weeks = if who.cast.is_some() { 20 } else { self.stream.between(5, 39) };
            let onset = self.ago(weeks * 7);
            self.condition(coded("77386006", "Pregnant"), onset);
        }
        if who.cast.is_some_and(|member| member.conditions.contains(&"leg-wound")) {
            let onset = self.ago(24);
            self.condition(json!({ "text": "Wound of left lower leg" }), onset);
        }
    }

    fn condition(&mut self, code: Value, onset: Date) -> String {
        let mut body = json!({
            "meta": profile("Condition"),
            "clinicalStatus": Self::active(),
            "verificationStatus": hl7("condition-ver-status", "confirmed"),
            "category": [hl7("condition-category", "problem-list-item")],
            "code": code,
            "subject": self.me(),
            "onsetDateTime": onset.to_string(),
            "recordedDate": onset.to_string()
        });
        if let Some(gp) = self.usual("gp") {
            body["recorder"] = gp;
        }
        self.add("Condition", body)
    }

    fn takes(&self, text: &str) -> bool {
        self.resources
            .iter()
            .any(|r| r["resourceType"] == "MedicationRequest" && r["medicationCodeableConcept"]["text"] == text)
    }

    fn medicine(&mut self, medicine: &Medicine, since: Date, condition: &str) {
        let last_issue = self.stream.between(2, 55);
        let authored = self.working_day(self.ago(last_issue).max(since));
        let mut code = json!({ "text": medicine.text });
        if let Some(snomed) = &medicine.snomed {
            code["coding"] = json!([{ "system": system::SNOMED, "code": snomed }]);
        }
        let mut body = json!({
            "meta": profile("MedicationRequest"),
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": code,
            "subject": self.me(),
            "authoredOn": authored.to_string(),
            "reasonReference": [{ "reference": format!("Condition/{condition}") }],
            "dosageInstruction": [{ "text": medicine.dose }],
            "dispenseRequest": { "expectedSupplyDuration": { "value": 28, "unit": "days", "system": system::UCUM, "code": "d" } }
        });
        if let Some(gp) = self.usual("gp") {
            body["requester"] = gp;
        }
        self.add("MedicationRequest", body);
    }

    pub fn allergies(&mut self) {
        for allergen in &TABLES.population.allergy.to {
            let allergic = self.stream.chance(allergen.chance);
            if !allergic || self.who.cast.is_some() {
                continue;
            }
            let days = self.stream.between(200, 6000);
            let since = self.ago(days);
            let mut body = json!({
                "meta": profile("AllergyIntolerance"),
                "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
                "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
                "type": "allergy",
                "category": [allergen.category],
                "code": coded(&allergen.snomed, &allergen.text),
                "patient": self.me(),
                "recordedDate": since.to_string(),
                "reaction": [{ "manifestation": [{ "text": allergen.reaction }] }]
            });
            if let Some(gp) = self.usual("gp") {
                body["recorder"] = gp;
            }
            self.add("AllergyIntolerance", body);
        }
    }

    pub fn immunisations(&mut self) {
        let table = &TABLES.immunisations;
        let days_old = self.days_old();
        // Households differ more than doses do: somebody who misses one tends to miss the next.
        let willing = self.stream.unit();
        for vaccine in &table.vaccine {
            if vaccine.born_from.is_some_and(|year| self.who.born.year() < year) {
                continue;
            }
            for (dose, weeks) in vaccine.weeks.iter().enumerate() {
                // Records of childhood vaccines reach back to about 1996 (ours).
                let late = self.stream.between(0, 28);
                let draw = 0.7 * willing + 0.3 * self.stream.unit();
                let due = weeks * 7 + late;
                if due > days_old || draw > vaccine.coverage || self.who.born.year() < 1996 && *weeks < 3000 {
                    continue;
                }
                let given = self.working_day(self.ago(days_old - due));
                self.immunisation(&vaccine.text, given.max(self.who.born), Some(dose + 1));
            }
        }
        let flu = &table.flu;
        let at_risk = [
            "type-2-diabetes",
            "type-1-diabetes",
            "asthma",
            "copd",
            "heart-disease",
            "heart-failure",
            "kidney-disease",
            "stroke",
        ];
        let uptake = match self.who.age {
            0..=1 => 0.0,
            2..=15 => flu.children,
            65.. => flu.over_65,
            _ if self.pregnant || at_risk.iter().any(|key| self.has(key)) => flu.at_risk,
            _ => flu.others,
        };
        for season in 0..flu.seasons {
            let day = self.stream.between(0, 60);
            let autumn =
                date(self.world.today.year() - season, 9, 15).checked_add(day.days()).unwrap_or(self.world.today);
            let draw = self.stream.unit() * 0.3 + 0.7 * willing;
            if autumn < self.world.today && days_between(self.who.born, autumn) > 700 && draw < uptake {
                let given = self.working_day(autumn);
                self.immunisation(&flu.text, given, None);
            }
        }
    }

    fn immunisation(&mut self, text: &str, given: Date, dose: Option<usize>) {
        let mut body = json!({
            "meta": profile("Immunization"),
            "status": "completed",
            "vaccineCode": { "text": text },
            "patient": self.me(),
            "occurrenceDateTime": given.to_string(),
            "primarySource": true
        });
        let nurse = self.usual("nurse").or_else(|| self.usual("gp"));
        body["performer"] = json!([{ "actor": nurse.unwrap_or_else(|| self.practice_reference()) }]);
        if let Some(dose) = dose {
            body["protocolApplied"] = json!([{ "doseNumberPositiveInt": dose }]);
        }
        self.add("Immunization", body);
    }
}

/// A SNOMED CT code with our plain words beside it, which are not the code's own description.
fn coded(snomed: &str, text: &str) -> Value {
    json!({ "coding": [{ "system": system::SNOMED, "code": snomed }], "text": text })
}
