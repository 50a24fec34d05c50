//! What the rooms write is what the rooms read, and a stranger's resource upsets no view.

use jiff::{Timestamp, civil::date};
use kith_fhir::{
    Value, build, json, system,
    views::{self, any, common::Period},
};

#[allow(dead_code)]
mod common;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_moment_is_written_in_civil_time_and_read_back_the_same() {
    for (moment, written) in [
        ("2026-03-29T00:59:59Z", "2026-03-29T00:59:59+00:00"),
        ("2026-03-29T01:00:00Z", "2026-03-29T02:00:00+01:00"),
        ("2026-10-25T00:30:00Z", "2026-10-25T01:30:00+01:00"),
        ("2026-10-25T01:30:00Z", "2026-10-25T01:30:00+00:00"),
        ("2026-07-01T08:00:00.25Z", "2026-07-01T09:00:00.250000+01:00"),
    ] {
        assert_eq!(build::instant(at(moment)), written);
        assert_eq!(views::common::moment(&json!({"t": written}), "t"), Some(at(moment)));
    }
}

#[test]
fn a_person_is_read_as_the_record_says() {
    let mut person = json!({"resourceType": "Patient", "id": "p", "birthDate": "2004-02-29", "gender": "female",
        "identifier": [build::identifier(system::NHS_NUMBER, "9434765918"), build::identifier("http://fhir.nhs.uk/id/nhs-number", "943 476 5919")],
        "name": [{"use": "old", "family": "Before"}, {"use": "usual", "given": ["Bee"]}, {"use": "official", "family": "Okafor", "given": ["Ada", "Bea"], "prefix": ["Dr"]}],
        "telecom": [{"system": "phone", "value": "1"}, {"system": "phone", "use": "mobile", "value": "2"}, {"system": "email", "use": "old", "value": "3"}],
        "address": [{"use": "old", "postalCode": "OLD"}, {"line": ["1 High Street", " "], "city": "Leeds", "postalCode": "LS1 4AP"}],
        "generalPractitioner": [build::reference("Organization/o"), build::reference_display("Practitioner/d", "Dr D")],
        "communication": [{"language": build::concept(system::BCP47, "en", "English")}, {"language": build::concept(system::BCP47, "so", "Somali"), "preferred": true}]});
    build::add_extension(&mut person["address"][1], build::extension_position(system::EXT_GEOLOCATION, 53.8, -1.5));
    for extension in [
        build::extension_boolean(system::EXT_INTERPRETER_REQUIRED, true),
        build::extension_integer(system::EXT_IMD_DECILE, 3),
        build::extension_code(system::EXT_CONTACT_PREFERENCE, "letter"),
        build::extension_concept(
            system::EXT_ETHNIC_CATEGORY,
            build::concept(system::CS_ETHNIC_CATEGORY, "N", "African"),
        ),
        build::extension_nested(
            system::EXT_APPOINTMENT_PREFERENCE,
            vec![
                build::extension_code("mode", "phone"),
                build::extension_boolean("female-clinician", true),
                build::extension_code("when", "evening"),
                build::extension_decimal("max-miles", 2.5),
            ],
        ),
    ] {
        build::set_extension(&mut person, extension);
    }
    let seen = views::Patient::of(&person).unwrap();
    assert_eq!(
        (seen.name().as_str(), seen.given(), seen.family(), seen.title()),
        ("Ada Bea Okafor", vec!["Ada", "Bea"], Some("Okafor"), Some("Dr"))
    );
    assert_eq!(seen.nhs_number().unwrap().to_string(), "943 476 5919");
    let ages = [date(2004, 2, 28), date(2004, 2, 29), date(2025, 2, 28), date(2025, 3, 1)].map(|day| seen.age_on(day));
    assert_eq!(ages, [None, Some(0), Some(20), Some(21)]);
    assert_eq!((seen.phone(), seen.email()), (Some("2"), None));
    assert_eq!((seen.address_lines(), seen.postcode()), (vec!["1 High Street", "Leeds", "LS1 4AP"], Some("LS1 4AP")));
    assert_eq!(seen.home(), Some((53.8, -1.5)));
    assert_eq!((seen.practice(), seen.usual_clinician()), (Some("Organization/o"), Some("Practitioner/d")));
    assert_eq!(
        (seen.language(), seen.language_text(), seen.interpreter_required()),
        (Some("so"), Some("Somali"), true)
    );
    assert_eq!((seen.ethnic_category(), seen.ethnic_code(), seen.imd_decile()), (Some("African"), Some("N"), Some(3)));
    assert_eq!(seen.contact_preference(), Some("letter"));
    let preference = seen.appointment_preference();
    assert_eq!(
        (preference.mode, preference.female_clinician, preference.when, preference.max_miles),
        (Some("phone"), true, Some("evening"), Some(2.5))
    );
    assert!(!seen.deceased());
    build::set_extension(&mut person, build::extension_position(system::EXT_HOME_LOCATION, 51.0, 0.5));
    assert_eq!(views::Patient::of(&person).unwrap().home(), Some((51.0, 0.5)));
    assert!(views::Task::of(&person).is_none());
}

#[test]
fn work_keeps_its_owner_its_due_time_and_its_outcome() {
    let (now, later, due) = (at("2026-01-05T09:00:00Z"), at("2026-01-05T10:00:00Z"), at("2026-01-06T09:00:00Z"));
    let mut task = build::Task {
        kind: "triage",
        person: "Patient/p",
        owner: "HealthcareService/s",
        due,
        authored: now,
        priority: "urgent",
        description: "New request",
        requester: Some("Patient/p"),
        focus: Some("ServiceRequest/r"),
    }
    .build();
    build::Task::set_claimed_by(&mut task, Some("Practitioner/a"), now);
    build::Task::set_claimed_by(&mut task, Some("Practitioner/b"), later);
    let seen = views::Task::of(&task).unwrap();
    assert_eq!(
        (seen.code(), seen.status(), seen.owner(), seen.claimed_by()),
        (Some("triage"), Some("requested"), Some("HealthcareService/s"), Some("Practitioner/b"))
    );
    assert_eq!((seen.due(), seen.authored(), seen.modified()), (Some(due), Some(now), Some(later)));
    assert_eq!(
        (seen.for_patient(), seen.focus(), seen.requester()),
        (Some("Patient/p"), Some("ServiceRequest/r"), Some("Patient/p"))
    );
    assert!(seen.is_open() && seen.is_overdue(at("2026-01-06T09:00:01Z")) && !seen.is_overdue(due));
    build::Task::set_owner(&mut task, "HealthcareService/t", later);
    build::Task::complete(&mut task, "Seen and treated", later);
    build::Task::add_told(&mut task, "Communication/1");
    build::Task::add_told(&mut task, "Communication/2");
    let seen = views::Task::of(&task).unwrap();
    assert_eq!(
        (seen.owner(), seen.claimed_by(), seen.outcome()),
        (Some("HealthcareService/t"), None, Some("Seen and treated"))
    );
    assert_eq!(seen.told(), ["Communication/1", "Communication/2"]);
    assert!(!seen.is_open() && !seen.is_overdue(at("2027-01-01T00:00:00Z")));
}

#[test]
fn asking_booking_and_telling_are_read_as_they_were_built() {
    let (now, end) = (at("2026-07-01T08:00:00Z"), at("2026-07-01T08:15:00Z"));
    let reasons = ["You have had it for 3 days".to_owned()];
    let request = build::ServiceRequest {
        person: "Patient/p",
        need: "minor-eye",
        need_label: "Eye problem",
        category: "help-request",
        priority: "routine",
        authored: now,
        requester: "Patient/p",
        performers: &["HealthcareService/s"],
        due: Some(end),
        reason: "Sore eye",
        supporting: &["QuestionnaireResponse/q"],
        disposition: Some(build::Disposition { code: "see", content: "eye|1.0.0", reasons: &reasons }),
    }
    .build();
    let seen = views::ServiceRequest::of(&request).unwrap();
    assert_eq!(
        (seen.need(), seen.category(), seen.reason(), seen.due()),
        (Some("minor-eye"), Some("help-request"), Some("Sore eye"), Some(end))
    );
    assert_eq!(seen.disposition().unwrap().reasons, ["You have had it for 3 days"]);
    let booking = build::Appointment {
        person: "Patient/p",
        service: "HealthcareService/s",
        practitioner: None,
        location: Some("Location/l"),
        slots: &["Slot/1"],
        start: now,
        end,
        created: now,
        need: "minor-eye",
        need_label: "Eye problem",
        mode: "in-person",
        description: "Optician",
        reason: "",
        instruction: "",
        based_on: Some("ServiceRequest/r"),
    }
    .build();
    let seen = views::Appointment::of(&booking).unwrap();
    assert_eq!(
        (seen.person(), seen.service(), seen.participant("Location"), seen.participant("Practitioner")),
        (Some("Patient/p"), Some("HealthcareService/s"), Some("Location/l"), None)
    );
    assert_eq!(
        (seen.start(), seen.end(), seen.mode(), seen.need(), seen.based_on()),
        (Some(now), Some(end), Some("in-person"), Some("minor-eye"), Some("ServiceRequest/r"))
    );
    assert!(
        booking.get("reasonCode").is_none()
            && booking["start"] == "2026-07-01T09:00:00+01:00"
            && booking["minutesDuration"] == 15
    );
    let items = [build::Item {
        link_id: "a".into(),
        text: "Does it hurt?".into(),
        answers: vec![
            build::Answer::Flag(true),
            build::Answer::Choice { system: String::new(), code: "x".into(), display: "A lot".into() },
        ],
    }];
    let answers = build::QuestionnaireResponse {
        person: "Patient/p",
        pathway: "eye",
        version: "1.0.0",
        authored: now,
        author: "Patient/p",
        source: "Patient/p",
        channel: "web",
        items: &items,
    }
    .build();
    let seen = views::QuestionnaireResponse::of(&answers).unwrap();
    assert_eq!(seen.questionnaire(), Some("https://fhir.kith.example/Questionnaire/pathway/eye|1.0.0"));
    assert_eq!(
        (seen.channel(), seen.items()[0].answers.join("; "), seen.items()[0].codes.clone()),
        (Some("web"), "Yes; A lot".to_owned(), vec!["x"])
    );
    let told = build::Communication {
        person: "Patient/p",
        sender: None,
        recipients: &["Patient/p"],
        sent: now,
        category: "outcome",
        text: "Done",
        in_response_to: None,
        about: &["Task/t"],
    }
    .build();
    let seen = views::Communication::of(&told).unwrap();
    assert_eq!(
        (seen.category(), seen.text().as_str(), seen.received(), seen.about()),
        (Some("outcome"), "Done", None, vec!["Task/t"])
    );
    let proxy = build::Proxy {
        person: "Patient/p",
        proxy: "Patient/q",
        name: "Q",
        relationship: "Mother",
        since: now,
        until: Some(end),
    }
    .build();
    let seen = views::RelatedPerson::of(&proxy).unwrap();
    assert!(
        seen.acts_at(now)
            && seen.acts_at(end)
            && !seen.acts_at(at("2026-07-01T08:15:01Z"))
            && seen.proxy() == Some("Patient/q")
    );
}

#[test]
fn a_service_says_what_for_whom_and_when() {
    let service = json!({"resourceType": "HealthcareService", "id": "s", "type": [build::concept(system::CS_NEED, "minor-eye", "")],
        "characteristic": [build::concept(system::CS_CHARACTERISTIC, "step-free", "")],
        "eligibility": [{"extension": [build::extension_nested(system::EXT_AGE_RANGE, vec![build::extension_integer("minYears", 5), build::extension_integer("maxYears", 17)])]},
            {"extension": [build::extension_nested(system::EXT_AGE_RANGE, vec![build::extension_integer("minYears", 18)])]}],
        "availableTime": [{"daysOfWeek": ["mon", "sun", "x"], "availableStartTime": "09:00:00", "availableEndTime": "17:30:00"}, {"allDay": true}],
        "notAvailable": [{"description": "Training", "during": {"start": "2026-05-04", "end": "2026-05-04"}}]});
    let seen = views::HealthcareService::of(&service).unwrap();
    assert!(seen.meets("minor-eye") && !seen.meets("x") && seen.is("step-free") && !seen.open_bank_holidays());
    assert_eq!([4, 5, 17, 90].map(|age| seen.age_range().contains(age)), [false, true, true, true]);
    let hours = seen.available_times();
    assert_eq!((hours[0].days.len(), hours[0].end, hours[1].all_day), (2, Some(jiff::civil::time(17, 30, 0, 0)), true));
    let (reason, during) = seen.not_available()[0];
    assert_eq!(reason, Some("Training"));
    assert_eq!(during, Period { start: Some(at("2026-05-03T23:00:00Z")), end: Some(at("2026-05-04T22:59:59Z")) });
}

#[test]
fn clinical_resources_are_read_with_their_numbers_as_written() {
    let pressure = json!({"resourceType": "Observation", "category": [{"coding": [{"code": "vital-signs"}]}], "effectivePeriod": {"start": "2026-01-01T00:00:00Z"},
        "component": [{"code": {"text": "Systolic"}, "valueQuantity": {"value": 120, "unit": "mmHg"}}], "valueQuantity": {"comparator": "<", "value": 5, "unit": "%"},
        "interpretation": [{"coding": [{"code": "H"}]}]});
    let pressure: Value = kith_fhir::json::parse(
        pressure.to_string().replace("120", "120.0").as_bytes(),
        &kith_fhir::json::Limits::default(),
    )
    .unwrap();
    let seen = views::Observation::of(&pressure).unwrap();
    assert_eq!(
        (seen.value_text().as_deref(), seen.interpretation(), seen.is_of("vital-signs")),
        (Some("<5%"), Some("H"), true)
    );
    assert_eq!(seen.components()[0].value_text().as_deref(), Some("120.0 mmHg"));
    assert_eq!(any::when(&pressure), Some(at("2026-01-01T00:00:00Z")));
    let medicine = json!({"resourceType": "MedicationRequest", "status": "active", "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Metformin"}}],
        "medicationReference": {"reference": "#m"}, "dosageInstruction": [{"text": "Twice a day"}]});
    let seen = views::MedicationRequest::of(&medicine).unwrap();
    assert_eq!(
        (seen.medication_text(), seen.dosage_text(), seen.is_active()),
        (Some("Metformin"), Some("Twice a day"), true)
    );
    let over = json!({"resourceType": "Condition", "abatementDateTime": "2020", "code": {"coding": [{"code": "1"}]}});
    assert!(!views::Condition::of(&over).unwrap().is_active());
    assert_eq!(any::headline(&over), Some("1"));
}

#[test]
fn the_resources_of_a_whole_life_have_a_moment_and_a_headline() {
    for bundle in common::synthea(25) {
        for resource in common::resources(&bundle) {
            let kind = kith_fhir::resource::type_of(&resource).unwrap();
            if matches!(kind, "Patient" | "Organization" | "Practitioner" | "Claim" | "ExplanationOfBenefit" | "Goal") {
                continue;
            }
            assert!(any::when(&resource).is_some(), "{kind}");
            assert!(kind == "ImagingStudy" || any::headline(&resource).is_some(), "{kind}");
        }
    }
}
