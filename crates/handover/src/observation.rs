//! What is commonly measured when somebody is seen, with its codes, unit and the range outside which a figure is taken for
//! a slip of the pen. Ranges only catch slips; they say nothing about what is normal. Illustrative, not clinically signed
//! off.

use kith_fhir::{Value, build, json, system};

use crate::work::Refusal;

/// A common measurement. LOINC codes are those of HL7's vital signs profiles (R4) where there is one; SNOMED CT codes are
/// observable entities of the UK edition; units are UCUM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Its name on a form.
    pub key: &'static str,
    pub label: &'static str,
    pub loinc: &'static str,
    /// Empty where we know none that fits.
    pub snomed: &'static str,
    /// As shown.
    pub unit: &'static str,
    pub ucum: &'static str,
    pub lowest: f64,
    pub highest: f64,
}

const fn measure(
    key: &'static str,
    label: &'static str,
    (loinc, snomed): (&'static str, &'static str),
    (unit, ucum): (&'static str, &'static str),
    (lowest, highest): (f64, f64),
) -> Measure {
    Measure { key, label, loinc, snomed, unit, ucum, lowest, highest }
}

/// The measurements offered, blood pressure as its two parts (written as one Observation when both are given).
pub const MEASURES: [Measure; 11] = [
    measure("systolic", "Systolic blood pressure", ("8480-6", "271649006"), ("mmHg", "mm[Hg]"), (40.0, 300.0)),
    measure("diastolic", "Diastolic blood pressure", ("8462-4", "271650006"), ("mmHg", "mm[Hg]"), (20.0, 200.0)),
    measure("temperature", "Temperature", ("8310-5", "386725007"), ("°C", "Cel"), (25.0, 45.0)),
    measure("pulse", "Pulse", ("8867-4", "364075005"), ("beats/min", "/min"), (20.0, 300.0)),
    measure("spo2", "Oxygen saturation", ("59408-5", "431314004"), ("%", "%"), (30.0, 100.0)),
    measure("respiration", "Breaths a minute", ("9279-1", "86290005"), ("breaths/min", "/min"), (4.0, 90.0)),
    measure("weight", "Weight", ("29463-7", "27113001"), ("kg", "kg"), (0.2, 400.0)),
    measure("height", "Height", ("8302-2", "50373000"), ("cm", "cm"), (20.0, 260.0)),
    measure("hba1c", "HbA1c", ("59261-8", "999791000000106"), ("mmol/mol", "mmol/mol"), (10.0, 200.0)),
    measure("glucose", "Blood glucose", ("14743-9", "434912009"), ("mmol/L", "mmol/L"), (0.5, 60.0)),
    measure("peak-flow", "Peak flow", ("19935-6", ""), ("L/min", "L/min"), (30.0, 900.0)),
];

/// LOINC and SNOMED CT codes of a blood pressure as a whole.
const BLOOD_PRESSURE: (&str, &str) = ("85354-9", "75367002");

impl Measure {
    pub fn of(key: &str) -> Option<&'static Self> {
        MEASURES.iter().find(|m| m.key == key)
    }

    fn concept(&self) -> Value {
        concept(self.loinc, self.snomed, self.label)
    }

    fn quantity(&self, value: &serde_json::Number) -> Value {
        json!({ "value": value, "unit": self.unit, "system": system::UCUM, "code": self.ucum })
    }
}

fn concept(loinc: &str, snomed: &str, label: &str) -> Value {
    let codings = [(system::LOINC, loinc), (system::SNOMED, snomed)].into_iter().filter(|(_, code)| !code.is_empty());
    json!({
        "coding": codings.map(|(system, code)| build::coding(system, code, "")).collect::<Vec<_>>(),
        "text": label,
    })
}

/// One figure as entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// [`Measure::key`].
    pub key: String,
    /// A number as the clinician wrote it: `37.0` stays `37.0`.
    pub value: String,
}

/// Reads a figure and checks that it can be one; `None` with the reason in words otherwise.
pub fn check(entered: &Entered) -> Result<(&'static Measure, serde_json::Number), String> {
    let measure = Measure::of(&entered.key).ok_or_else(|| "This is not something we measure".to_owned())?;
    let written = entered.value.trim();
    let plain = written.len() <= 12 && written.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: Option<serde_json::Number> = plain.then(|| serde_json::from_str(written).ok()).flatten();
    let within = number.as_ref().and_then(serde_json::Number::as_f64);
    match (number, within) {
        (Some(number), Some(value)) if value >= measure.lowest && value <= measure.highest => Ok((measure, number)),
        _ => Err(format!(
            "{} must be a number from {} to {} {}",
            measure.label, measure.lowest, measure.highest, measure.unit
        )),
    }
}

/// The Observations for these figures; systolic and diastolic become one. `base` holds what each shares (subject,
/// encounter, time, performer).
pub(crate) fn build_all(entered: &[Entered], base: &Value) -> Result<Vec<Value>, Refusal> {
    let mut out = Vec::new();
    let mut pressure = Vec::new();
    for one in entered {
        let (measure, number) = check(one).map_err(|_| Refusal::Unsaid { what: "each measurement as a number" })?;
        if matches!(measure.key, "systolic" | "diastolic") {
            pressure.push((measure, number));
            continue;
        }
        let mut observation = base.clone();
        build::set(&mut observation, "code", measure.concept());
        build::set(&mut observation, "valueQuantity", measure.quantity(&number));
        out.push(observation);
    }
    if !pressure.is_empty() {
        let mut observation = base.clone();
        build::set(&mut observation, "code", concept(BLOOD_PRESSURE.0, BLOOD_PRESSURE.1, "Blood pressure"));
        for (measure, number) in pressure {
            build::push(
                &mut observation,
                "component",
                json!({ "code": measure.concept(), "valueQuantity": measure.quantity(&number) }),
            );
        }
        out.push(observation);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(key: &str, value: &str) -> Entered {
        Entered { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_figure_is_kept_as_it_was_written() {
        let base = json!({ "resourceType": "Observation", "status": "final" });
        let all =
            build_all(&[entered("systolic", "128"), entered("temperature", "37.0"), entered("diastolic", "82")], &base)
                .unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0]["valueQuantity"]["value"].to_string(), "37.0");
        assert_eq!(all[1]["component"].as_array().unwrap().len(), 2);
        assert_eq!(all[1]["code"]["text"], "Blood pressure");
    }

    #[test]
    fn a_slip_of_the_pen_is_caught() {
        for (key, value) in [
            ("temperature", "370"),
            ("spo2", "101"),
            ("pulse", ""),
            ("pulse", "-70"),
            ("pulse", "seventy"),
            ("pulse", "1e2"),
            ("pulse", "70,5"),
            ("weight", "NaN"),
            ("nothing", "1"),
        ] {
            assert!(check(&entered(key, value)).is_err(), "{key} {value}");
        }
        assert!(check(&entered("pulse", " 72 ")).is_ok());
    }

    #[test]
    fn every_measure_has_its_own_codes() {
        for field in [|m: &Measure| m.key, |m: &Measure| m.loinc, |m: &Measure| m.label] {
            let all: std::collections::BTreeSet<_> = MEASURES.iter().map(field).collect();
            assert_eq!(all.len(), MEASURES.len());
        }
        assert!(MEASURES.iter().all(|m| m.lowest < m.highest));
    }
}
