//! Measurements and blood tests over years, so that a trend can be drawn.

use jiff::civil::Date;
use kith_fhir::system;
use serde_json::{Value, json};

use super::Record;
use crate::shape::{code, decimal, hl7, profile};
use crate::tables::{TABLES, UsualRange};

/// A thing measured: LOINC, SNOMED CT where sure, words, UCUM unit, decimal places.
struct Measure {
    loinc: &'static str,
    snomed: Option<&'static str>,
    text: &'static str,
    unit: &'static str,
    places: usize,
}

const HEIGHT: Measure = Measure { loinc: "8302-2", snomed: Some("50373000"), text: "Height", unit: "cm", places: 0 };
const WEIGHT: Measure = Measure { loinc: "29463-7", snomed: Some("27113001"), text: "Weight", unit: "kg", places: 1 };
const BMI: Measure =
    Measure { loinc: "39156-5", snomed: Some("60621009"), text: "Body mass index", unit: "kg/m2", places: 1 };
const HBA1C: Measure =
    Measure { loinc: "59261-8", snomed: Some("999791000000106"), text: "HbA1c (IFCC)", unit: "mmol/mol", places: 0 };
const CHOLESTEROL: Measure =
    Measure { loinc: "14647-2", snomed: None, text: "Total cholesterol", unit: "mmol/L", places: 1 };
const HDL: Measure = Measure { loinc: "14646-4", snomed: None, text: "HDL cholesterol", unit: "mmol/L", places: 1 };
const EGFR: Measure =
    Measure { loinc: "98979-8", snomed: None, text: "Kidney function (eGFR)", unit: "mL/min/{1.73_m2}", places: 0 };
const CREATININE: Measure = Measure { loinc: "14682-9", snomed: None, text: "Creatinine", unit: "umol/L", places: 0 };

/// Conditions that bring a yearly review.
const REVIEWED: [&str; 9] = [
    "hypertension",
    "type-2-diabetes",
    "type-1-diabetes",
    "heart-disease",
    "atrial-fibrillation",
    "heart-failure",
    "stroke",
    "kidney-disease",
    "peripheral-arterial-disease",
];

impl Record<'_> {
    pub fn observations(&mut self) {
        match self.who.age {
            0..=4 => self.growth(2),
            5..=15 => self.growth(1),
            _ => self.adult(),
        }
    }

    /// Weight and height of a child, roughly along the middle of the UK-WHO growth charts (RCPCH 2013).
    fn growth(&mut self, times: i64) {
        for n in (0..times).rev() {
            let back = n * 300 + self.stream.between(20, 200);
            if back >= self.days_old() {
                continue;
            }
            let day = self.working_day(self.ago(back));
            let years = (self.days_old() - back) as f64 / 365.25;
            let height =
                if years < 2.0 { 50.0 + years * 18.5 } else { 75.0 + years * 6.2 } * self.stream.normal(1.0, 0.035);
            let weight = if years < 2.0 { 3.5 + years * 4.4 } else { 8.0 + years * 2.0 + years * years * 0.085 }
                * self.stream.normal(1.0, 0.09);
            self.measure(&HEIGHT, height, day);
            self.measure(&WEIGHT, weight, day);
        }
    }

    fn adult(&mut self) {
        let life = &TABLES.population.lifestyle;
        let female = self.who.sex == crate::Sex::Female;
        let age = f64::from(self.who.age);
        let reviewed = REVIEWED.iter().any(|key| self.has(key));
        let diabetic = self.has("type-2-diabetes") || self.has("type-1-diabetes");

        // Visits at which things were measured, oldest first.
        let years = if reviewed {
            5
        } else {
            match self.who.age {
                0..=39 => 1,
                40..=64 => 2,
                _ => 4,
            }
        };
        let height = self.stream.normal(if female { life.height_female } else { life.height_male }, life.height_sd);
        let mut bmi = self.stream.normal(life.bmi_mean - (45.0 - age).max(0.0) * 0.09, life.bmi_sd).clamp(16.0, 52.0);
        if diabetic {
            bmi += 2.5;
        }
        // Treated pressure is nearer the target; what is left of the difference shows.
        let raised = if self.has("hypertension") { 9.0 } else { -2.0 };
        let systolic = self
            .stream
            .normal(life.systolic_at_40 + (age - 40.0) * life.systolic_per_year + raised, life.systolic_sd * 0.7);
        let diastolic = self.stream.normal(life.diastolic_mean + raised * 0.4, life.diastolic_sd * 0.7);
        let statin = if reviewed && age > 50.0 { -0.6 } else { 0.0 };
        let cholesterol = self.stream.normal(life.cholesterol_mean + statin, life.cholesterol_sd * 0.8);
        let hba1c = if diabetic {
            self.stream.normal(life.hba1c_diabetes_mean, life.hba1c_diabetes_sd * 0.8).max(43.0)
        } else {
            self.stream.normal(life.hba1c_mean, life.hba1c_sd).clamp(28.0, 46.0)
        };
        let expected = life.egfr_at_40 + (age - 40.0).max(0.0) * life.egfr_per_year;
        let egfr = if self.has("kidney-disease") {
            self.stream.normal(47.0, 7.0).clamp(30.0, 59.0)
        } else {
            self.stream.normal(expected, 11.0).clamp(60.0, 120.0)
        };
        let first = self.stream.between(5, 300);

        for n in (0..years).rev() {
            let back = first + n * if reviewed { 365 } else { 730 };
            let day = self.working_day(self.ago(back));
            let (s, d) = (self.stream.normal(systolic, 6.0), self.stream.normal(diastolic, 4.0));
            self.blood_pressure(s, d, day);
            let weighed = reviewed || n == 0;
            if weighed {
                let now = bmi + self.stream.normal(0.0, 0.5) - f64::from(n as i32) * 0.1;
                let weight = now * height * height / 10_000.0;
                if n == 0 {
                    self.measure(&HEIGHT, height, day);
                }
                self.measure(&WEIGHT, weight, day);
                self.measure(&BMI, now, day);
            }
            let checked = reviewed || (self.who.age >= 40 && n == 0);
            if checked {
                let mut results = Vec::with_capacity(4);
                let value = self.stream.normal(cholesterol, 0.25).clamp(2.4, 9.5);
                results.push(self.measure(&CHOLESTEROL, value, day));
                if n == 0 {
                    let value = self.stream.normal(if female { 1.6 } else { 1.3 }, 0.25).clamp(0.6, 2.9);
                    results.push(self.measure(&HDL, value, day));
                }
                if reviewed {
                    let value = (egfr + f64::from(n as i32) * 0.9 + self.stream.normal(0.0, 2.0)).max(12.0);
                    results.push(self.measure(&EGFR, value, day));
                    // Inverse of eGFR near a middle age; good enough to draw.
                    let creatinine = (if female { 6000.0 } else { 7600.0 }) / value;
                    results.push(self.measure(&CREATININE, creatinine, day));
                }
                if diabetic || n == 0 {
                    let value = self.stream.normal(hba1c, 3.0).max(25.0);
                    results.push(self.measure(&HBA1C, value, day));
                }
                self.report("Blood test", &results, day);
            }
            if diabetic {
                let day = self.working_day(self.ago(back + 180));
                let value = self.stream.normal(hba1c, 4.0).max(25.0);
                self.measure(&HBA1C, value, day);
            }
        }
        self.smoking(first);
    }

    fn smoking(&mut self, back: i64) {
        let life = &TABLES.population.lifestyle;
        let deprivation = 1.0 + 0.6 * (5.5 - f64::from(self.home.imd)) / 4.5;
        let draw = self.stream.unit();
        let smokes = self.who.cast.map_or(draw < life.smoker * deprivation, |member| member.smoker);
        let (snomed, text) = if smokes {
            ("77176002", "Smoker")
        } else if draw > 1.0 - life.ex_smoker && self.who.cast.is_none() {
            ("8517006", "Used to smoke")
        } else {
            ("266919005", "Never smoked")
        };
        let day = self.working_day(self.ago(back));
        let effective = self.instant(day, 610);
        let body = json!({
            "meta": profile("Observation"),
            "status": "final",
            "category": [hl7("observation-category", "social-history")],
            "code": { "coding": [{ "system": system::LOINC, "code": "72166-2" }], "text": "Smoking" },
            "subject": self.me(),
            "effectiveDateTime": effective,
            "performer": [self.practice_reference()],
            "valueCodeableConcept": { "coding": [{ "system": system::SNOMED, "code": snomed }], "text": text }
        });
        self.add("Observation", body);
    }

    fn measure(&mut self, what: &Measure, value: f64, day: Date) -> String {
        let mut coding = vec![json!({ "system": system::LOINC, "code": what.loinc })];
        if let Some(snomed) = what.snomed {
            coding.push(json!({ "system": system::SNOMED, "code": snomed }));
        }
        let kind = if matches!(what.loinc, "8302-2" | "29463-7" | "39156-5") { "vital-signs" } else { "laboratory" };
        let effective = self.instant(day, 600);
        let usual = self.usual_range(what.loinc, what.unit, what.places);
        let mut body = json!({
            "meta": profile("Observation"),
            "status": "final",
            "category": [hl7("observation-category", kind)],
            "code": { "coding": coding, "text": what.text },
            "subject": self.me(),
            "effectiveDateTime": effective,
            "performer": [self.practice_reference()],
            "valueQuantity": quantity(value, what.unit, what.places)
        });
        if let Some(usual) = usual {
            body["referenceRange"] = usual;
        }
        self.add("Observation", body)
    }

    /// The usual range of a measurement for this person, with its source; none for children and what has none.
    fn usual_range(&self, loinc: &str, unit: &str, places: usize) -> Option<Value> {
        let sex = self.who.sex.code();
        let fits = |range: &&UsualRange| range.loinc == loinc && range.sex.as_deref().is_none_or(|only| only == sex);
        let range = TABLES.ranges.iter().find(fits).filter(|_| self.who.age >= 18)?;
        let mut usual = json!({ "text": range.source });
        for (end, value) in [("low", range.low), ("high", range.high)] {
            if let Some(value) = value {
                usual[end] = quantity(value, unit, places);
            }
        }
        Some(json!([usual]))
    }

    fn blood_pressure(&mut self, systolic: f64, diastolic: f64, day: Date) {
        let systolic = systolic.clamp(88.0, 210.0);
        let diastolic = diastolic.clamp(48.0, systolic - 18.0);
        let part = |loinc: &str, text: &str, value: f64| {
            let mut code = code(system::LOINC, loinc);
            code["text"] = json!(text);
            let mut part = json!({ "code": code, "valueQuantity": quantity(value, "mm[Hg]", 0) });
            if let Some(usual) = self.usual_range(loinc, "mm[Hg]", 0) {
                part["referenceRange"] = usual;
            }
            part
        };
        let effective = self.instant(day, 605);
        let body = json!({
            "meta": profile("Observation"),
            "status": "final",
            "category": [hl7("observation-category", "vital-signs")],
            "code": {
                "coding": [{ "system": system::LOINC, "code": "85354-9" }, { "system": system::SNOMED, "code": "75367002" }],
                "text": "Blood pressure"
            },
            "subject": self.me(),
            "effectiveDateTime": effective,
            "performer": [self.practice_reference()],
            "component": [part("8480-6", "Upper (systolic)", systolic), part("8462-4", "Lower (diastolic)", diastolic)]
        });
        self.add("Observation", body);
    }

    fn report(&mut self, title: &str, results: &[String], day: Date) {
        let (taken, issued) = (self.instant(day, 600), self.instant(self.working_day(day), 17 * 60));
        let result: Vec<Value> = results.iter().map(|id| json!({ "reference": format!("Observation/{id}") })).collect();
        let body = json!({
            "meta": profile("DiagnosticReport"),
            "status": "final",
            "category": [hl7("v2-0074", "LAB")],
            "code": { "text": title },
            "subject": self.me(),
            "effectiveDateTime": taken,
            "issued": issued,
            "performer": [self.practice_reference()],
            "result": result
        });
        self.add("DiagnosticReport", body);
    }
}

fn quantity(value: f64, unit: &str, places: usize) -> Value {
    json!({ "value": decimal(value, places), "unit": display(unit), "system": system::UCUM, "code": unit })
}

fn display(unit: &str) -> &str {
    match unit {
        "mm[Hg]" => "mmHg",
        "mL/min/{1.73_m2}" => "mL/min/1.73m2",
        other => other,
    }
}
