//! The directory in memory, read from its resources.

use crate::bank_holidays::BankHolidays;
use crate::distance::Position;
use crate::hours::{Closure, Hours, weekday_of_code};
use crate::model::{Ages, Clinician, Eligibility, Mode, Named, Organisation, Place, Post, Schedule, Service, Sex};
use crate::needs::Needs;
use crate::read::{
    codes, codes_in, contact, extension, extension_flag, extension_number, extension_text, human_name, items,
    reference, references, span, text, time,
};
use kith_fhir::{Value, resource, system};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The types the directory is read from, in `docs/record.md`'s order.
pub const TYPES: [&str; 6] =
    ["Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole", "Schedule"];

/// Everything that belongs to no person, but for slots: an immutable snapshot, shared by `Arc`.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    organisations: BTreeMap<String, Arc<Organisation>>,
    places: BTreeMap<String, Arc<Place>>,
    services: BTreeMap<String, Arc<Service>>,
    schedules: BTreeMap<String, Arc<Schedule>>,
    by_service: BTreeMap<String, Vec<Arc<Schedule>>>,
    posts: BTreeMap<String, Arc<Post>>,
    clinicians: BTreeMap<String, Clinician>,
}

impl Directory {
    /// Reads resources of [`TYPES`] in any order. Others, inactive ones and ones without an id are passed over; a
    /// reference to something absent leaves a name out, never a service.
    pub fn from_resources<'a>(resources: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut by_type: BTreeMap<&str, Vec<(String, &Value)>> = BTreeMap::new();
        for value in resources {
            if value.get("active").and_then(Value::as_bool) == Some(false) {
                continue;
            }
            if let (Some(kind), Some(reference)) = (resource::type_of(value), resource::reference_of(value)) {
                by_type.entry(kind).or_default().push((reference, value));
            }
        }
        let of = |kind: &str| by_type.get(kind).into_iter().flatten();
        let mut directory = Self::default();
        for (reference, value) in of("Organization") {
            directory.organisations.insert(reference.clone(), Arc::new(organisation(reference, value)));
        }
        for (reference, value) in of("Location") {
            directory.places.insert(reference.clone(), Arc::new(place(reference, value)));
        }
        for (reference, value) in of("Practitioner") {
            directory.clinicians.insert(reference.clone(), clinician(reference, value));
        }
        for (reference, value) in of("HealthcareService") {
            let service = directory.read_service(reference, value);
            directory.services.insert(reference.clone(), Arc::new(service));
        }
        for (reference, value) in of("PractitionerRole") {
            if let Some(post) = directory.read_post(reference, value) {
                let known = directory.clinicians.get_mut(&post.practitioner.reference);
                if let Some(clinician) = known.filter(|clinician| clinician.role.is_none()) {
                    clinician.role = Some(post.role.clone());
                }
                directory.posts.insert(reference.clone(), Arc::new(post));
            }
        }
        for (reference, value) in of("Schedule") {
            let schedule = Arc::new(directory.read_schedule(reference, value));
            for service in &schedule.services {
                directory.by_service.entry(service.clone()).or_default().push(schedule.clone());
            }
            directory.schedules.insert(reference.clone(), schedule);
        }
        directory
    }

    /// A service by id or `HealthcareService/id`.
    pub fn service(&self, id: &str) -> Option<&Arc<Service>> {
        find(&self.services, "HealthcareService", id)
    }

    /// Every service, in the order of their references.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// Services provided by an organisation, by id or `Organization/id`.
    pub fn services_of<'a>(&'a self, organization: &'a str) -> impl Iterator<Item = &'a Arc<Service>> {
        let wanted = organization.strip_prefix("Organization/").unwrap_or(organization);
        self.services().filter(move |service| {
            let by = service.organization.as_ref().and_then(|o| o.reference.strip_prefix("Organization/"));
            by == Some(wanted)
        })
    }

    /// A calendar by id or `Schedule/id`.
    pub fn schedule(&self, id: &str) -> Option<&Arc<Schedule>> {
        find(&self.schedules, "Schedule", id)
    }

    /// The calendars of a service, by id or `HealthcareService/id`.
    pub fn schedules_of(&self, service: &str) -> &[Arc<Schedule>] {
        find(&self.by_service, "HealthcareService", service).map_or(&[], Vec::as_slice)
    }

    /// An organisation by id or `Organization/id`.
    pub fn organisation(&self, id: &str) -> Option<&Arc<Organisation>> {
        find(&self.organisations, "Organization", id)
    }

    pub fn organisations(&self) -> impl Iterator<Item = &Arc<Organisation>> {
        self.organisations.values()
    }

    /// A place by id or `Location/id`.
    pub fn place(&self, id: &str) -> Option<&Arc<Place>> {
        find(&self.places, "Location", id)
    }

    /// A post by id or `PractitionerRole/id`.
    pub fn post(&self, id: &str) -> Option<&Arc<Post>> {
        find(&self.posts, "PractitionerRole", id)
    }

    /// Every post: what staff may sign in as.
    pub fn posts(&self) -> impl Iterator<Item = &Arc<Post>> {
        self.posts.values()
    }

    /// A member of staff by id or `Practitioner/id`.
    pub fn clinician(&self, id: &str) -> Option<&Clinician> {
        find(&self.clinicians, "Practitioner", id)
    }

    /// The needs and the bank holidays the directory decides by.
    pub fn needs(&self) -> &'static Needs {
        Needs::built_in()
    }

    pub fn bank_holidays(&self) -> &'static BankHolidays {
        BankHolidays::england()
    }

    /// The name behind any reference of the directory.
    pub fn name(&self, reference: &str) -> Option<&str> {
        let (kind, _) = reference.split_once('/')?;
        match kind {
            "Organization" => self.organisations.get(reference).map(|o| o.name.as_str()),
            "Location" => self.places.get(reference).map(|p| p.name.as_str()),
            "HealthcareService" => self.services.get(reference).map(|s| s.name.as_str()),
            "Practitioner" => self.clinicians.get(reference).map(|c| c.name.as_str()),
            _ => None,
        }
    }

    fn named(&self, reference: &str) -> Named {
        Named { reference: reference.to_owned(), name: self.name(reference).unwrap_or_default().to_owned() }
    }

    fn read_service(&self, own: &str, value: &Value) -> Service {
        let places = references(value, "location", "Location");
        let organization = reference(value, "providedBy").map(|reference| {
            let mut named = self.named(reference);
            if named.name.is_empty() {
                value["providedBy"]["display"].as_str().unwrap_or_default().clone_into(&mut named.name);
            }
            named
        });
        let languages = items(value, "communication")
            .flat_map(|concept| items(concept, "coding"))
            .filter_map(|coding| text(coding, "code"))
            .map(str::to_ascii_lowercase)
            .collect();
        Service {
            reference: own.to_owned(),
            id: id_of(own).to_owned(),
            name: text(value, "name").unwrap_or_default().to_owned(),
            kind: codes_in(value, "category", system::CS_SERVICE_KIND).into_iter().next().unwrap_or_default(),
            needs: codes_in(value, "type", system::CS_NEED),
            organization,
            places: places.iter().filter_map(|place| self.places.get(place)).cloned().collect(),
            phone: contact(value, "phone"),
            email: contact(value, "email"),
            website: contact(value, "url"),
            hours: hours(value),
            languages,
            characteristics: codes_in(value, "characteristic", system::CS_CHARACTERISTIC).into_iter().collect(),
            eligibility: items(value, "eligibility").map(eligibility).collect(),
            summary: text(value, "comment").unwrap_or_default().to_owned(),
            details: text(value, "extraDetails").map(str::to_owned),
            appointment_required: value.get("appointmentRequired").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    fn read_post(&self, own: &str, value: &Value) -> Option<Post> {
        let holder = reference(value, "practitioner")?;
        let mut practitioner = self.clinicians.get(holder)?.clone();
        let role = codes_in(value, "code", system::CS_ROLE).into_iter().next()?;
        practitioner.role = Some(role.clone());
        let services = references(value, "healthcareService", "HealthcareService");
        Some(Post {
            reference: own.to_owned(),
            practitioner,
            organization: reference(value, "organization").map(|organization| self.named(organization)),
            services: services.iter().map(|service| self.named(service)).collect(),
            role,
        })
    }

    fn read_schedule(&self, own: &str, value: &Value) -> Schedule {
        let services = references(value, "actor", "HealthcareService");
        let practitioner = references(value, "actor", "Practitioner").into_iter().next().map(|reference| {
            let mut clinician = self.clinicians.get(&reference).cloned().unwrap_or_else(|| Clinician {
                name: String::new(),
                sex: None,
                role: None,
                reference,
            });
            // The role in the post they hold here, where they hold several.
            let here = self.posts.values().find(|post| {
                post.practitioner.reference == clinician.reference
                    && post.services.iter().any(|service| services.contains(&service.reference))
            });
            if let Some(post) = here {
                clinician.role = Some(post.role.clone());
            }
            clinician
        });
        let place = references(value, "actor", "Location").into_iter().next().map(|place| self.named(&place));
        Schedule {
            reference: own.to_owned(),
            services,
            practitioner,
            place,
            needs: codes_in(value, "serviceType", system::CS_NEED),
            mode: extension_text(value, system::EXT_MODE).and_then(Mode::from_code).unwrap_or(Mode::InPerson),
        }
    }
}

fn find<'a, T>(map: &'a BTreeMap<String, T>, kind: &str, id: &str) -> Option<&'a T> {
    if id.contains('/') { map.get(id) } else { map.get(&format!("{kind}/{id}")) }
}

fn id_of(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(_, id)| id)
}

fn organisation(own: &str, value: &Value) -> Organisation {
    let ods = items(value, "identifier").find(|i| text(i, "system") == Some(system::ODS_ORGANISATION));
    Organisation {
        reference: own.to_owned(),
        name: text(value, "name").unwrap_or_default().to_owned(),
        kind: codes_in(value, "type", system::CS_SERVICE_KIND).into_iter().next(),
        ods: ods.and_then(|identifier| text(identifier, "value")).map(str::to_owned),
        phone: contact(value, "phone"),
    }
}

fn place(own: &str, value: &Value) -> Place {
    let number = |name: &str| value.get("position")?.get(name)?.as_f64();
    Place {
        reference: own.to_owned(),
        name: text(value, "name").unwrap_or_default().to_owned(),
        position: number("latitude").zip(number("longitude")).and_then(|(lat, lon)| Position::new(lat, lon)),
        address: value.get("address").and_then(address),
        step_free: extension_flag(value, system::EXT_STEP_FREE),
    }
}

/// An address on one line.
pub(crate) fn address(value: &Value) -> Option<String> {
    let mut parts: Vec<&str> = items(value, "line").filter_map(Value::as_str).collect();
    parts.extend(["city", "postalCode"].into_iter().filter_map(|name| text(value, name)));
    if parts.is_empty() { text(value, "text").map(str::to_owned) } else { Some(parts.join(", ")) }
}

fn clinician(own: &str, value: &Value) -> Clinician {
    Clinician {
        reference: own.to_owned(),
        name: human_name(value).unwrap_or_default(),
        sex: text(value, "gender").and_then(Sex::from_code),
        role: None,
    }
}

fn eligibility(value: &Value) -> Eligibility {
    let range = extension(value, system::EXT_AGE_RANGE);
    let years = |name: &'static str| extension_number(range?, name).map(|years| years as u32);
    let ages = Ages { min: years("minYears"), max: years("maxYears") };
    Eligibility {
        need: value.get("code").and_then(|concept| codes(concept, system::CS_NEED).next()).map(str::to_owned),
        ages: (ages.min.is_some() || ages.max.is_some()).then_some(ages),
        sex: extension_text(value, system::EXT_SEX).and_then(Sex::from_code),
    }
}

fn hours(value: &Value) -> Hours {
    let mut hours = Hours::new(extension_flag(value, system::EXT_OPEN_BANK_HOLIDAYS));
    for available in items(value, "availableTime") {
        let all_day = available.get("allDay").and_then(Value::as_bool).unwrap_or(false);
        let from = text(available, "availableStartTime").and_then(time);
        let to = text(available, "availableEndTime").and_then(time);
        for day in items(available, "daysOfWeek").filter_map(Value::as_str).filter_map(weekday_of_code) {
            match (all_day, from, to) {
                (true, ..) => hours.open_all_day(day),
                (false, Some(from), Some(to)) => hours.open(day, from, to),
                _ => {}
            }
        }
    }
    for closed in items(value, "notAvailable") {
        let during = closed.get("during");
        let edge = |name: &str| during.and_then(|period| text(period, name)).and_then(span);
        if let Some((start, _)) = edge("start") {
            let end = edge("end").map_or(jiff::Timestamp::MAX, |(_, end)| end);
            let reason = text(closed, "description").unwrap_or_default().to_owned();
            hours.close(Closure { start, end, reason });
        }
    }
    hours
}
