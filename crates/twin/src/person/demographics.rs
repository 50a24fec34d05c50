//! Patient, the people who may act for them, and access needs.

use kith_fhir::system;
use serde_json::{Value, json};

use super::Record;
use crate::chance::Stream;
use crate::estate_fhir::language_name;
use crate::nhs_number;
use crate::shape::{concept, decimal, hl7, profile, reference, test_profile};
use crate::tables::TABLES;

impl Record<'_> {
    pub fn demographics(&mut self) {
        self.patient();
        self.proxies();
        self.access_needs();
    }

    fn patient(&mut self) {
        let who = self.who;
        let group = &TABLES.population.ethnicity.group[who.ethnic];
        let language = &TABLES.population.language[who.language];
        let channel = self.contact_preference();
        let mut extension = vec![
            json!({ "url": system::EXT_ETHNIC_CATEGORY, "valueCodeableConcept": concept(system::CS_ETHNIC_CATEGORY, &group.code, &group.display) }),
            json!({ "url": system::EXT_IMD_DECILE, "valueInteger": self.home.imd }),
            json!({ "url": system::EXT_CONTACT_PREFERENCE, "valueCode": channel }),
            json!({ "url": system::EXT_HOUSEHOLD, "valueString": self.home.key }),
        ];
        if who.interpreter {
            extension.push(json!({ "url": system::EXT_INTERPRETER_REQUIRED, "valueBoolean": true }));
        }
        if let Some(preference) = self.appointment_preference() {
            extension.push(preference);
        }
        let mut practitioner = vec![self.practice_reference()];
        practitioner.extend(self.usual("gp"));
        let mut telecom = vec![
            json!({ "system": "phone", "use": "home", "value": format!("01632 960{:03}", self.home.landline % 1000) }),
        ];
        if who.age >= 13 {
            telecom.push(
                json!({ "system": "phone", "use": "mobile", "value": format!("07700 900{:03}", who.index % 1000) }),
            );
        }
        if who.age >= 16 && channel == "web" {
            telecom.push(json!({ "system": "email", "use": "home", "value": format!("resident{}@wenbourne.example", who.index) }));
        }
        let mut languages =
            vec![json!({ "language": concept(system::BCP47, &language.code, &language.name), "preferred": true })];
        if language.code != "en" && !who.interpreter {
            languages.push(json!({ "language": concept(system::BCP47, "en", "English") }));
        }
        let mut body = json!({
            "meta": test_profile("Patient"),
            "extension": extension,
            "active": true,
            "name": [{ "use": "official", "family": who.family, "given": [who.given] }],
            "telecom": telecom,
            "gender": who.sex.code(),
            "birthDate": who.born.to_string(),
            "address": [{
                "use": "home",
                "line": [self.home.line, self.home.area],
                "city": TABLES.town.name,
                "district": TABLES.town.county,
                "postalCode": self.home.postcode,
                "country": "GBR",
                "extension": [{ "url": system::EXT_HOME_LOCATION, "extension": [{
                    "url": system::EXT_GEOLOCATION,
                    "extension": [
                        { "url": "latitude", "valueDecimal": decimal(self.home.latitude, 5) },
                        { "url": "longitude", "valueDecimal": decimal(self.home.longitude, 5) }
                    ]
                }] }]
            }],
            "communication": languages,
            "generalPractitioner": practitioner,
            "managingOrganization": self.practice_reference()
        });
        if let Some(number) = nhs_number::of(who) {
            body["identifier"] = json!([{
                "extension": [{
                    "url": system::EXT_NHS_NUMBER_VERIFICATION,
                    "valueCodeableConcept": concept(system::CS_NHS_NUMBER_VERIFICATION, "number-present-and-verified", "Number present and verified")
                }],
                "system": system::NHS_NUMBER,
                "value": number.as_str()
            }]);
        }
        let id = who.patient_id.clone();
        self.add_as("Patient", &id, body);
    }

    fn contact_preference(&mut self) -> &'static str {
        let shares = &TABLES.population.contact;
        let by_age = match self.who.age {
            0..=44 => shares.under_45,
            45..=74 => shares.from_45,
            _ => shares.from_75,
        };
        let drawn = ["web", "text", "phone", "letter"][self.stream.weighted(by_age)];
        self.who.cast.map_or(drawn, |member| member.contact)
    }

    /// One adult in five has said what suits them. The cast has not.
    fn appointment_preference(&mut self) -> Option<Value> {
        if self.who.age < 16 || !self.stream.chance(0.2) || self.who.cast.is_some() {
            return None;
        }
        let stream: &mut Stream = &mut self.stream;
        let mode = *stream.pick(&["in-person", "in-person", "phone", "video"]);
        let when = *stream.pick(&["morning", "morning", "afternoon", "evening"]);
        let miles = *stream.pick(&[1.0, 2.0, 3.0, 5.0]);
        let mut nested = vec![
            json!({ "url": "mode", "valueCode": mode }),
            json!({ "url": "when", "valueCode": when }),
            json!({ "url": "max-miles", "valueDecimal": decimal(miles, 1) }),
        ];
        if self.who.sex == crate::Sex::Female && stream.chance(0.3) {
            nested.push(json!({ "url": "female-clinician", "valueBoolean": true }));
        }
        Some(json!({ "url": system::EXT_APPOINTMENT_PREFERENCE, "extension": nested }))
    }

    /// Parents act for children under 16; a younger adult at home for one in three of those 80 and over.
    fn proxies(&mut self) {
        let who = self.who;
        let mut may_act: Vec<(String, &str, String)> = Vec::new();
        if let Some(member) = who.cast {
            if let Some((key, how)) = member.proxy
                && let Some(proxy) = crate::cast::cast(key)
            {
                may_act.push((proxy.patient_id.to_owned(), how, format!("{} {}", proxy.given, proxy.family)));
            }
        } else if who.age < 16 {
            for adult in self.family.iter().filter(|a| a.age >= who.age + 17 && a.age <= who.age + 47).take(2) {
                let how = if adult.sex == crate::Sex::Female { "mother" } else { "father" };
                may_act.push((adult.patient_id.clone(), how, format!("{} {}", adult.given, adult.family)));
            }
        } else if who.age >= 80 && self.stream.chance(0.33) {
            for adult in
                self.family.iter().filter(|a| a.patient_id != who.patient_id && (18..90).contains(&a.age)).take(1)
            {
                let how = if adult.age + 17 < who.age { "child" } else { "partner" };
                may_act.push((adult.patient_id.clone(), how, format!("{} {}", adult.given, adult.family)));
            }
        }
        for (proxy, how, name) in may_act {
            let (code, words) = match how {
                "mother" => ("MTH", "Mother"),
                "father" => ("FTH", "Father"),
                "neighbour" => ("NBOR", "Neighbour"),
                "daughter" => ("DAU", "Daughter"),
                "partner" => ("SIGOTHR", "Partner"),
                _ => ("CHILD", "Son or daughter"),
            };
            let since = if who.age < 16 { who.born } else { self.ago(400) };
            let (given, family) = name.rsplit_once(' ').unwrap_or(("", &name));
            let body = json!({
                "meta": profile("RelatedPerson"),
                "extension": [{ "url": system::EXT_PROXY_PATIENT, "valueReference": reference("Patient", &proxy) }],
                "active": true,
                "patient": self.me(),
                "relationship": [concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", code, words)],
                "name": [{ "text": name, "family": family, "given": [given] }],
                "period": { "start": since.to_string() }
            });
            self.add("RelatedPerson", body);
        }
    }

    fn access_needs(&mut self) {
        let band = match self.who.age {
            0..=64 => 0,
            65..=79 => 1,
            _ => 2,
        };
        let mut needs: Vec<&str> = Vec::new();
        for need in &TABLES.population.access {
            if self.stream.chance(need.chance[band]) {
                needs.push(&need.text);
            }
        }
        if let Some(member) = self.who.cast {
            needs = member.access.to_vec();
        }
        for need in needs {
            let since = self.ago(500);
            let body = json!({
                "meta": profile("Flag"),
                "status": "active",
                "category": [concept(system::CS_CATEGORY, "access-need", "Access need")],
                "code": { "text": need },
                "subject": self.me(),
                "period": { "start": since.to_string() }
            });
            self.add("Flag", body);
        }
        if self.who.interpreter {
            let name = language_name(&TABLES.population.language[self.who.language].code);
            let since = self.ago(500);
            let body = json!({
                "meta": profile("Flag"),
                "status": "active",
                "category": [concept(system::CS_CATEGORY, "access-need", "Access need")],
                "code": { "text": format!("Interpreter: {name}") },
                "subject": self.me(),
                "period": { "start": since.to_string() }
            });
            self.add("Flag", body);
        }
    }

    /// An active problem's status.
    pub(super) fn active() -> Value {
        hl7("condition-clinical", "active")
    }
}
