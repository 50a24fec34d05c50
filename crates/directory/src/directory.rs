//! The directory in memory, read from its resources.

use crate::bank_holidays::BankHolidays;
use crate::distance::Position;
use crate::hours::{Closure, Hours};
use crate::model::{Ages, Clinician, Eligibility, Mode, Named, Organisation, Place, Post, Schedule, Service, Sex};
use crate::needs::Needs;
use jiff::Timestamp;
use kith_fhir::search::date;
use kith_fhir::views::{self, common};
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
        let mut by_type: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for value in resources {
            let active = value.get("active") != Some(&Value::Bool(false));
            if let (true, Some(kind), Some(_)) = (active, resource::type_of(value), resource::id_of(value)) {
                by_type.entry(kind).or_default().push(value);
            }
        }
        let of = |kind: &str| by_type.get(kind).into_iter().flatten().copied();
        let mut directory = Self::default();
        for organization in of("Organization").filter_map(views::Organization::of) {
            directory.organisations.insert(organization.reference(), Arc::new(organisation(organization)));
        }
        for location in of("Location").filter_map(views::Location::of) {
            directory.places.insert(location.reference(), Arc::new(place(location)));
        }
        for practitioner in of("Practitioner").filter_map(views::Practitioner::of) {
            directory.clinicians.insert(practitioner.reference(), clinician(practitioner));
        }
        for service in of("HealthcareService").filter_map(views::HealthcareService::of) {
            let read = directory.read_service(service);
            directory.services.insert(service.reference(), Arc::new(read));
        }
        for role in of("PractitionerRole").filter_map(views::PractitionerRole::of) {
            if let Some(post) = directory.read_post(role) {
                let known = directory.clinicians.get_mut(&post.practitioner.reference);
                if let Some(clinician) = known.filter(|clinician| clinician.role.is_none()) {
                    clinician.role = Some(post.role.clone());
                }
                directory.posts.insert(role.reference(), Arc::new(post));
            }
        }
        for schedule in of("Schedule").filter_map(views::Schedule::of) {
            let schedule = Arc::new(directory.read_schedule(schedule));
            for service in &schedule.services {
                directory.by_service.entry(service.clone()).or_default().push(schedule.clone());
            }
            directory.schedules.insert(schedule.reference.clone(), schedule);
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

    fn read_service(&self, seen: views::HealthcareService<'_>) -> Service {
        let organization = seen.provided_by().map(|reference| {
            let name = self.name(reference).or_else(|| seen.provider_name()).unwrap_or_default();
            Named { reference: reference.to_owned(), name: name.to_owned() }
        });
        Service {
            reference: seen.reference(),
            id: seen.id().to_owned(),
            name: owned(seen.name()),
            kind: owned(seen.kinds().first().copied()),
            needs: owned_all(seen.needs()),
            organization,
            places: seen.locations().into_iter().filter_map(|place| self.places.get(place)).cloned().collect(),
            phone: seen.phone().map(str::to_owned),
            email: seen.email().map(str::to_owned),
            website: common::telecom(seen.resource(), "url").map(str::to_owned),
            hours: hours(seen),
            languages: seen.languages().into_iter().map(str::to_ascii_lowercase).collect(),
            characteristics: seen.characteristics().into_iter().map(str::to_owned).collect(),
            eligibility: common::list(seen.resource(), "eligibility").iter().map(eligibility).collect(),
            summary: owned(seen.comment()),
            details: seen.extra_details().map(str::to_owned),
            appointment_required: seen.appointment_required(),
        }
    }

    fn read_post(&self, seen: views::PractitionerRole<'_>) -> Option<Post> {
        let mut practitioner = self.clinicians.get(seen.practitioner()?)?.clone();
        let role = (*seen.roles().first()?).to_owned();
        practitioner.role = Some(role.clone());
        Some(Post {
            reference: seen.reference(),
            practitioner,
            organization: seen.organization().map(|organization| self.named(organization)),
            services: seen.services().into_iter().map(|service| self.named(service)).collect(),
            role,
        })
    }

    fn read_schedule(&self, seen: views::Schedule<'_>) -> Schedule {
        let services: Vec<String> =
            seen.actors().into_iter().filter(|to| to.starts_with("HealthcareService/")).map(str::to_owned).collect();
        let practitioner = seen.practitioner().map(|reference| {
            let mut clinician = self.clinicians.get(reference).cloned().unwrap_or_else(|| Clinician {
                reference: reference.to_owned(),
                name: String::new(),
                sex: None,
                role: None,
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
        Schedule {
            reference: seen.reference(),
            services,
            practitioner,
            place: seen.location().map(|place| self.named(place)),
            needs: owned_all(seen.needs()),
            mode: seen.mode().and_then(Mode::from_code).unwrap_or(Mode::InPerson),
        }
    }
}

fn find<'a, T>(map: &'a BTreeMap<String, T>, kind: &str, id: &str) -> Option<&'a T> {
    if id.contains('/') { map.get(id) } else { map.get(&format!("{kind}/{id}")) }
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn owned_all(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn organisation(seen: views::Organization<'_>) -> Organisation {
    Organisation {
        reference: seen.reference(),
        name: owned(seen.name()),
        kind: seen.kinds().first().map(|kind| (*kind).to_owned()),
        ods: seen.ods_code().map(str::to_owned),
        phone: seen.phone().map(str::to_owned),
    }
}

fn place(seen: views::Location<'_>) -> Place {
    let lines = seen.address_lines();
    Place {
        reference: seen.reference(),
        name: owned(seen.name()),
        position: seen.position().and_then(|(latitude, longitude)| Position::new(latitude, longitude)),
        address: (!lines.is_empty()).then(|| lines.join(", ")),
        step_free: seen.step_free(),
    }
}

fn clinician(seen: views::Practitioner<'_>) -> Clinician {
    let name = seen.name();
    Clinician {
        reference: seen.reference(),
        name: seen.title().map(|title| format!("{title} {name}")).unwrap_or(name),
        sex: seen.gender().and_then(Sex::from_code),
        role: None,
    }
}

fn eligibility(rule: &Value) -> Eligibility {
    let range = common::extension(rule, system::EXT_AGE_RANGE);
    let years = |part: &str| {
        common::extension_value(range?, part, "valueInteger")?.as_u64().and_then(|years| u32::try_from(years).ok())
    };
    let ages = Ages { min: years("minYears"), max: years("maxYears") };
    Eligibility {
        need: rule.get("code").and_then(|code| common::code_in(code, system::CS_NEED)).map(str::to_owned),
        ages: (ages.min.is_some() || ages.max.is_some()).then_some(ages),
        sex: common::extension_text(rule, system::EXT_SEX, "valueCode").and_then(Sex::from_code),
    }
}

fn hours(seen: views::HealthcareService<'_>) -> Hours {
    let mut hours = Hours::new(seen.open_bank_holidays());
    for available in seen.available_times() {
        for day in available.days {
            match (available.all_day, available.start, available.end) {
                (true, ..) => hours.open_all_day(day),
                (false, Some(from), Some(to)) => hours.open(day, from, to),
                _ => {}
            }
        }
    }
    for closed in common::list(seen.resource(), "notAvailable") {
        let Some(during) = closed.get("during") else { continue };
        if let Some(start) = common::moment(during, "start") {
            let end = common::text(during, "end").and_then(end_of).unwrap_or(Timestamp::MAX);
            hours.close(Closure { start, end, reason: owned(common::text(closed, "description")) });
        }
    }
    hours
}

/// The end of a closure, exclusive: the moment itself, or the end of the day, month or year it names.
fn end_of(text: &str) -> Option<Timestamp> {
    let end = date::parse(text)?;
    match end.precision {
        date::Precision::Second | date::Precision::Fraction(_) => end.timestamp(),
        _ => Timestamp::from_microsecond(end.range().1).ok(),
    }
}
