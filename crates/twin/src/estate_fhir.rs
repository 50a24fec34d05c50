//! The estate as FHIR: Organization, Location, HealthcareService, Practitioner, PractitionerRole, Schedule, Slot.

use jiff::tz::TimeZone;
use kith_fhir::system;
use serde_json::{Value, json};

use crate::calendar::{DAYS, Day};
use crate::chance::{Domain, hash, id};
use crate::estate::{Calendar, Estate, Service, Staff, Time, key};
use crate::shape::{code, concept, decimal, hl7, instant, profile, reference, test_profile};
use crate::tables::{Eligibility, TABLES};

pub fn resources(estate: &Estate, days: &[Day]) -> Vec<Value> {
    let mut out = Vec::new();
    for (n, service) in estate.services.iter().enumerate() {
        out.push(organization(service, n));
        out.push(site(service));
        out.push(healthcare_service(service, n, days));
    }
    for staff in &estate.staff {
        let service = &estate.services[staff.service];
        if let Some(room_id) = &staff.room_id {
            out.push(room(service, staff, room_id));
        }
        out.push(practitioner(service, staff));
        out.push(practitioner_role(service, staff));
    }
    for calendar in &estate.calendars {
        out.push(schedule(estate, calendar));
    }
    out
}

fn telecom(n: u64) -> Value {
    json!([{ "system": "phone", "value": format!("01632 960{:03}", n % 1000), "use": "work" }])
}

fn address(service: &Service) -> Value {
    json!({
        "line": [service.row.address],
        "city": TABLES.town.name,
        "district": TABLES.town.county,
        "postalCode": format!("ZX1 {}{}", service.row.ods.len(), if service.row.kind == "charity" { "AC" } else { "AA" }),
        "country": "GBR"
    })
}

fn organization(service: &Service, n: usize) -> Value {
    json!({
        "resourceType": "Organization",
        "id": service.organization_id,
        "meta": test_profile("Organization"),
        "identifier": [{ "system": system::ODS_ORGANISATION, "value": service.row.ods, "assigner": { "display": "Invented for the twin" } }],
        "active": true,
        "type": [concept(system::CS_SERVICE_KIND, &service.row.kind, &words(&service.row.kind))],
        "name": service.row.name,
        "telecom": telecom(n as u64),
        "address": [address(service)]
    })
}

fn site(service: &Service) -> Value {
    let row = service.row;
    json!({
        "resourceType": "Location",
        "id": service.site_id,
        "meta": profile("Location"),
        "extension": [{ "url": system::EXT_STEP_FREE, "valueBoolean": row.characteristics.iter().any(|c| c == "step-free") }],
        "identifier": [{ "system": system::ODS_SITE, "value": format!("{}01", row.ods), "assigner": { "display": "Invented for the twin" } }],
        "status": "active",
        "name": row.name,
        "mode": "instance",
        "physicalType": hl7("location-physical-type", "si"),
        "address": address(service),
        "position": {
            "latitude": decimal(TABLES.town.latitude + row.at[0], 5),
            "longitude": decimal(TABLES.town.longitude + row.at[1], 5)
        },
        "managingOrganization": reference("Organization", &service.organization_id)
    })
}

fn room(service: &Service, staff: &Staff, id: &str) -> Value {
    json!({
        "resourceType": "Location",
        "id": id,
        "meta": profile("Location"),
        "status": "active",
        "name": format!("Room {}", (staff.number & 0xffff) + 1 + ((staff.number >> 32 & 0xff) % 4) * 10),
        "mode": "instance",
        "physicalType": hl7("location-physical-type", "ro"),
        "managingOrganization": reference("Organization", &service.organization_id),
        "partOf": reference("Location", &service.site_id)
    })
}

fn healthcare_service(service: &Service, n: usize, days: &[Day]) -> Value {
    let row = service.row;
    let mut resource = json!({
        "resourceType": "HealthcareService",
        "id": service.id,
        "meta": profile("HealthcareService"),
        "active": true,
        "providedBy": reference("Organization", &service.organization_id),
        "category": [concept(system::CS_SERVICE_KIND, &row.kind, &words(&row.kind))],
        "type": row.needs.iter().map(|need| code(system::CS_NEED, need)).collect::<Vec<_>>(),
        "location": [reference("Location", &service.site_id)],
        "name": row.name,
        "comment": row.comment,
        "telecom": telecom(n as u64),
        "communication": row.languages.iter().map(|l| concept(system::BCP47, l, language_name(l))).collect::<Vec<_>>(),
        "characteristic": row.characteristics.iter().map(|c| code(system::CS_CHARACTERISTIC, c)).collect::<Vec<_>>(),
        "appointmentRequired": !row.walk_in,
        "availableTime": available_time(service)
    });
    if !row.extra.is_empty() {
        resource["extraDetails"] = json!(row.extra);
    }
    if row.characteristics.iter().any(|c| c == "free") {
        resource["serviceProvisionCode"] = json!([hl7("service-provision-conditions", "free")]);
    }
    if !service.eligibility.is_empty() {
        resource["eligibility"] = service.eligibility.iter().map(|e| eligibility(e)).collect();
    }
    if row.open_bank_holidays {
        resource["extension"] = json!([{ "url": system::EXT_OPEN_BANK_HOLIDAYS, "valueBoolean": true }]);
    } else {
        let closed: Vec<Value> = days
            .iter()
            .filter(|day| day.holiday)
            .map(|day| json!({ "description": "Bank holiday", "during": { "start": day.date.to_string(), "end": day.date.to_string() } }))
            .collect();
        if !closed.is_empty() {
            resource["notAvailable"] = Value::Array(closed);
        }
    }
    resource
}

fn eligibility(rule: &Eligibility) -> Value {
    let mut extension = vec![json!({
        "url": system::EXT_AGE_RANGE,
        "extension": [{ "url": "minYears", "valueInteger": rule.min }, { "url": "maxYears", "valueInteger": rule.max }]
    })];
    if let Some(sex) = &rule.sex {
        extension.push(json!({ "url": system::EXT_SEX, "valueCode": sex }));
    }
    json!({ "extension": extension, "code": code(system::CS_NEED, &rule.need) })
}

/// One entry for each set of days with the same times.
fn available_time(service: &Service) -> Vec<Value> {
    let mut entries: Vec<((u16, u16), Vec<&str>)> = Vec::new();
    for (day, times) in service.hours.iter().enumerate() {
        for times in times {
            match entries.iter_mut().find(|(t, _)| t == times) {
                Some((_, days)) => days.push(DAYS[day]),
                None => entries.push((*times, vec![DAYS[day]])),
            }
        }
    }
    entries
        .into_iter()
        .map(|((from, to), days)| {
            json!({
                "daysOfWeek": days,
                "allDay": false,
                "availableStartTime": format!("{:02}:{:02}:00", from / 60, from % 60),
                "availableEndTime": format!("{:02}:{:02}:00", to / 60, to % 60)
            })
        })
        .collect()
}

/// The register a role's number comes from, and what an invented number of that shape looks like.
fn registration(role: &str, n: u64) -> (&'static str, String) {
    match role {
        "gp" => (system::GMC, format!("99{:05}", n % 100_000)),
        "nurse" | "community-nurse" => (system::NMC, format!("99A{:04}X", n % 10_000)),
        "pharmacist" => (system::GPHC, format!("99{:05}", n % 100_000)),
        "optometrist" => (system::GOC, format!("01-9{:04}", n % 10_000)),
        "dentist" => (system::GDC, format!("99{:04}", n % 10_000)),
        "physiotherapist" => (system::HCPC, format!("PH99{:04}", n % 10_000)),
        _ => (system::LOCAL_STAFF, format!("KS{n:07}")),
    }
}

fn practitioner(service: &Service, staff: &Staff) -> Value {
    let mixed = hash(0, Domain::Person, staff.number, 0);
    let groups =
        ["british", "british", "british", "indian", "muslim", "african", "european", "irish", "chinese", "british"];
    let names = &TABLES.names[groups[(mixed % 10) as usize]];
    let given = if staff.female { &names.female } else { &names.male };
    let given = &given[(mixed >> 8) as usize % given.len()];
    let family = &names.surname[(mixed >> 32) as usize % names.surname.len()];
    let (register, number) = registration(staff.role, compact(staff.number));
    let doctor = matches!(staff.role, "gp" | "dentist");
    let prefix = if doctor {
        "Dr"
    } else if staff.female {
        "Ms"
    } else {
        "Mr"
    };
    // Staff speak English, and one more of their service's languages in three.
    let other = service.row.languages.get(1 + (mixed >> 16) as usize % 3);
    let mut languages = vec![concept(system::BCP47, "en", "English")];
    if let Some(other) = other {
        languages.push(concept(system::BCP47, other, language_name(other)));
    }
    json!({
        "resourceType": "Practitioner",
        "id": staff.practitioner_id,
        "meta": test_profile("Practitioner"),
        "identifier": [
            { "system": register, "value": number, "assigner": { "display": "Invented for the twin" } },
            { "system": system::SDS_USER, "value": national(staff.number), "assigner": { "display": "Invented for the twin" } }
        ],
        "active": true,
        "name": [{ "use": "official", "family": family, "given": [given], "prefix": [prefix] }],
        "gender": if staff.female { "female" } else { "male" },
        "communication": languages
    })
}

/// Service, post and number of a member of staff in few digits, unique while a post has fewer than 60 people.
fn compact(number: u64) -> u64 {
    let (service, post, n) = (number >> 40, number >> 32 & 0xff, number & 0xffff_ffff);
    service * 2000 + (post % 32) * 60 + n
}

/// A national number of a member of staff, 12 digits from the range that is nobody's: service, post and number each in
/// digits of their own.
fn national(number: u64) -> String {
    let (service, post, n) = (number >> 40, number >> 32 & 0xff, number & 0xffff_ffff);
    format!("999{service:03}{post:03}{n:03}")
}

fn practitioner_role(service: &Service, staff: &Staff) -> Value {
    json!({
        "resourceType": "PractitionerRole",
        "id": staff.role_id,
        "meta": profile("PractitionerRole"),
        "active": true,
        "practitioner": reference("Practitioner", &staff.practitioner_id),
        "organization": reference("Organization", &service.organization_id),
        "code": [concept(system::CS_ROLE, staff.role, &words(staff.role))],
        "location": [reference("Location", &service.site_id)],
        "healthcareService": [reference("HealthcareService", &service.id)]
    })
}

fn schedule(estate: &Estate, calendar: &Calendar) -> Value {
    let (service, staff) = (&estate.services[calendar.service], &estate.staff[calendar.staff]);
    let mut actor =
        vec![reference("HealthcareService", &service.id), reference("Practitioner", &staff.practitioner_id)];
    if let (Some(room), "in-person") = (&staff.room_id, calendar.row.mode.as_str()) {
        actor.push(reference("Location", room));
    }
    json!({
        "resourceType": "Schedule",
        "id": calendar.id,
        "meta": profile("Schedule"),
        "extension": [{ "url": system::EXT_MODE, "valueCode": calendar.row.mode }],
        "active": true,
        "serviceType": calendar.row.needs.iter().map(|need| code(system::CS_NEED, need)).collect::<Vec<_>>(),
        "actor": actor
    })
}

pub fn slot_id(seed: u64, number: usize, time: Time) -> String {
    id(seed, Domain::Slot, number as u64, key(time))
}

pub fn slot(
    seed: u64,
    london: &TimeZone,
    calendar: &Calendar,
    number: usize,
    time: Time,
    day: Day,
    busy: bool,
) -> Value {
    json!({
        "resourceType": "Slot",
        "id": slot_id(seed, number, time),
        "meta": profile("Slot"),
        "schedule": reference("Schedule", &calendar.id),
        "status": if busy { "busy" } else { "free" },
        "start": instant(london, day.date, time.start),
        "end": instant(london, day.date, time.start + calendar.row.minutes),
        "serviceType": calendar.row.needs.iter().map(|need| code(system::CS_NEED, need)).collect::<Vec<_>>()
    })
}

pub fn language_name(code: &str) -> &str {
    TABLES.population.language.iter().find(|l| l.code == code).map_or(code, |l| l.name.as_str())
}

/// `mental-health` as `Mental health`.
pub fn words(code: &str) -> String {
    if code == "gp" {
        return "GP".to_owned();
    }
    let mut words = code.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}
