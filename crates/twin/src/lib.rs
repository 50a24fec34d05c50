//! A synthetic neighbourhood from a seed: the people, providers and calendars that Kith is shown and tested with.
//!
//! What comes out are plain FHIR R4 resources, UK Core in shape, as `docs/record.md` says. Nothing is read or written;
//! nobody in it exists. The numbers that shape it stand with their sources in `data/*.toml`.
//!
//! - [`Plan`] says which neighbourhood; [`Neighbourhood`] makes it.
//! - [`Neighbourhood::estate`]: organisations, places, services, staff, calendars. Ids do not hang on the seed.
//! - [`Neighbourhood::slots`]: bookable time from today, some of it already taken.
//! - [`Neighbourhood::households`]: the people, streaming. The slots already taken are theirs.
//! - [`CAST`] and [`STAFF_CAST`]: characters who are the same in every neighbourhood.
//!
//! The same plan gives the same bytes. People are made in blocks of 1,000, each from its own stream of chance, so that
//! any household can be made alone; a larger plan of the same seed begins with the same people.
//!
//! ```
//! use kith_twin::{Neighbourhood, Plan};
//!
//! let twin = Neighbourhood::new(Plan { seed: 7, people: 200, today: jiff::civil::date(2026, 3, 2), weeks_of_slots: 4 });
//! let people: usize = twin.households().map(|home| home.people.len()).sum();
//! assert_eq!(people, 200);
//! assert!(twin.slots().count() > 500);
//! ```

mod block;
mod bookings;
mod calendar;
mod cast;
mod chance;
mod estate;
mod estate_fhir;
mod nhs_number;
mod person;
mod shape;
mod tables;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use block::{BLOCK, Block, Sex};
use bookings::Booking;
use calendar::Day;
pub use calendar::is_bank_holiday;
pub use cast::{CAST, CAST_HOUSEHOLDS, CastMember, STAFF_CAST, StaffMember, cast, service_id};
use chance::{Domain, Stream, id};
use estate::Estate;
use person::{Address, Identity, Record, World};
use tables::TABLES;

/// Which neighbourhood to make.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Residents, the cast included; at least the cast's 15 (fewer are raised to it).
    pub people: usize,
    /// The day the neighbourhood is as of: ages, records and slots are counted from it.
    pub today: Date,
    pub weeks_of_slots: u32,
}

impl Plan {
    /// 10,000 people and four weeks of slots.
    pub fn new(seed: u64, today: Date) -> Self {
        Self { seed, people: 10_000, today, weeks_of_slots: 4 }
    }
}

/// People who live together.
pub struct Household {
    pub people: Vec<Person>,
}

/// A person's whole record.
pub struct Person {
    /// The Patient first, then everything in their compartment.
    pub resources: Vec<Value>,
}

/// A neighbourhood, ready to be asked for its parts.
pub struct Neighbourhood {
    plan: Plan,
    london: TimeZone,
    days: Vec<Day>,
    estate: Estate,
    /// Households in a full block and in the last one.
    full_block: usize,
    last_block: usize,
}

impl Neighbourhood {
    pub fn new(plan: Plan) -> Self {
        let plan = Plan { people: plan.people.max(CAST.len()), ..plan };
        // jiff carries the time zones in the program, so London is always there.
        let london = TimeZone::get("Europe/London").expect("the bundled time zones hold Europe/London");
        let mut twin = Self {
            days: calendar::days(plan.today, plan.weeks_of_slots),
            estate: Estate::new(plan.people),
            full_block: TABLES.population.home.iter().map(|kind| kind.count).sum(),
            last_block: 0,
            london,
            plan,
        };
        twin.last_block = match twin.residents() % BLOCK {
            0 => 0,
            rest => Block::make(twin.plan.seed, (twin.residents() / BLOCK) as u64, rest).homes.len(),
        };
        twin
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Organizations, Locations (sites and rooms), HealthcareServices, Practitioners, PractitionerRoles, Schedules.
    pub fn estate(&self) -> Vec<Value> {
        estate_fhir::resources(&self.estate, &self.days)
    }

    /// Every Slot from today, calendar by calendar, in order of time. Those `busy` are each held by one Appointment of
    /// one person.
    pub fn slots(&self) -> impl Iterator<Item = Value> + '_ {
        let booked = self.booking_blocks() > 0;
        self.estate.calendars.iter().enumerate().flat_map(move |(number, calendar)| {
            calendar.times(&self.estate, &self.days).map(move |time| {
                let busy = booked && calendar.is_taken(self.plan.seed, number, time);
                estate_fhir::slot(self.plan.seed, &self.london, calendar, number, time, self.days[time.day], busy)
            })
        })
    }

    /// Everybody, household by household, the cast first. Holds one block of bare people (ages, homes, bookings) and one
    /// household's records at a time.
    pub fn households(&self) -> impl Iterator<Item = Household> + '_ {
        let cast = (0..CAST_HOUSEHOLDS).map(|n| self.cast_household(n));
        let blocks = self.residents().div_ceil(BLOCK);
        cast.chain((0..blocks).flat_map(move |number| {
            let (block, bookings) = self.block(number);
            (0..block.homes.len()).map(move |home| self.resident_household(&block, &bookings, home))
        }))
    }

    /// How many households there are.
    pub fn household_count(&self) -> usize {
        CAST_HOUSEHOLDS + self.residents() / BLOCK * self.full_block + self.last_block
    }

    /// One household by its place in [`Self::households`]; empty beyond the last. Makes its block of bare people first
    /// (about a millisecond), so [`Self::households`] is cheaper for many.
    pub fn household(&self, index: usize) -> Household {
        if index < CAST_HOUSEHOLDS {
            return self.cast_household(index);
        }
        if index >= self.household_count() {
            return Household { people: Vec::new() };
        }
        let index = index - CAST_HOUSEHOLDS;
        let (block, bookings) = self.block(index / self.full_block);
        self.resident_household(&block, &bookings, index % self.full_block)
    }

    fn residents(&self) -> usize {
        self.plan.people - CAST.len()
    }

    /// Blocks that hold bookings: the full ones, and the last if it is large enough to have somebody for each slot.
    fn booking_blocks(&self) -> usize {
        self.residents() / BLOCK + usize::from(self.residents() % BLOCK >= 100)
    }

    fn block(&self, number: usize) -> (Block, Vec<Vec<Booking>>) {
        let people = (self.residents() - number * BLOCK).min(BLOCK);
        let block = Block::make(self.plan.seed, number as u64, people);
        let bookings =
            bookings::of_block(self.plan.seed, &self.estate, &self.days, &block, number, self.booking_blocks());
        (block, bookings)
    }

    fn world(&self) -> World<'_> {
        World {
            seed: self.plan.seed,
            today: self.plan.today,
            london: &self.london,
            days: &self.days,
            estate: &self.estate,
        }
    }

    fn resident_household(&self, block: &Block, bookings: &[Vec<Booking>], home: usize) -> Household {
        let seed = self.plan.seed;
        let home = &block.homes[home];
        let mut stream = Stream::new(seed, Domain::Home, home.key ^ (1 << 63));
        let names = |ethnic: usize| &TABLES.names[&TABLES.population.ethnicity.group[ethnic].names];
        let surname = stream.pick(&names(home.ethnic).surname).clone();
        let address = address(&mut stream, home.area, id(seed, Domain::Home, home.key, 0));
        let family: Vec<Identity> = block.seats[home.seats.clone()]
            .iter()
            .map(|seat| {
                let names = names(seat.ethnic);
                let given = stream.pick(if seat.sex == Sex::Female { &names.female } else { &names.male }).clone();
                // One adult in six goes by a name of their own.
                let own_name = stream.pick(&names.surname).clone();
                let keeps = seat.age >= 18 && stream.chance(0.16);
                let needs_interpreter = stream.chance(TABLES.population.ethnicity.needs_interpreter);
                let born = person::birth_date(self.plan.today, seat.age, stream.unit());
                Identity {
                    index: seat.index,
                    patient_id: id(seed, Domain::Person, seat.index, 0),
                    age: seat.age,
                    sex: seat.sex,
                    born,
                    given,
                    family: if keeps { own_name } else { surname.clone() },
                    ethnic: seat.ethnic,
                    language: home.language,
                    interpreter: home.language != 0 && needs_interpreter && !(4..18).contains(&seat.age),
                    practice: home.practice,
                    cast: None,
                }
            })
            .collect();
        let world = self.world();
        let people = family
            .iter()
            .zip(home.seats.clone())
            .map(|(who, seat)| Person { resources: Record::write(&world, who, &address, &family, &bookings[seat]) })
            .collect();
        Household { people }
    }

    fn cast_household(&self, number: usize) -> Household {
        let mut stream = Stream::new(0, Domain::Home, (1 << 62) | number as u64);
        let members: Vec<&'static CastMember> = CAST.iter().filter(|c| c.household == number).collect();
        let area = members.first().map_or(0, |member| [0, 2, 5, 6, 8][member.practice]);
        let address = address(&mut stream, area, id(0, Domain::Home, 1 << 62, number as u64));
        let group = |member: &CastMember| match member.key {
            "mother" | "boy-earache" => "J",
            "red-eye" | "carer" | "cared-for" => "M",
            "toothache" => "C",
            _ => "A",
        };
        let population = &TABLES.population;
        let family: Vec<Identity> = members
            .into_iter()
            .map(|member| Identity {
                index: cast::index_of(member),
                patient_id: member.patient_id.to_owned(),
                age: member.age,
                sex: member.sex(),
                born: person::birth_date(self.plan.today, member.age, stream.unit()),
                given: member.given.to_owned(),
                family: member.family.to_owned(),
                ethnic: population.ethnicity.group.iter().position(|g| g.code == group(member)).unwrap_or(0),
                language: population.language.iter().position(|l| l.code == member.language).unwrap_or(0),
                interpreter: member.language != "en",
                practice: member.practice,
                cast: Some(member),
            })
            .collect();
        let world = self.world();
        let people =
            family.iter().map(|who| Person { resources: Record::write(&world, who, &address, &family, &[]) }).collect();
        Household { people }
    }
}

/// An invented address in an area of the town, within about 500 metres of its middle.
fn address(stream: &mut Stream, area: usize, key: String) -> Address {
    let town = &TABLES.town;
    let place = &town.area[area];
    let street = stream.below(place.streets.len());
    let house = stream.between(1, 140);
    let letters = b"ABDEFGHJLNPQRSTUWXYZ";
    let last = letters[stream.below(letters.len())] as char;
    Address {
        key,
        line: format!("{house} {}", place.streets[street]),
        area: &place.name,
        postcode: format!(
            "ZX{} {}{}{last}",
            area + 2,
            street + 1,
            letters[(house / 10) as usize % letters.len()] as char
        ),
        imd: place.imd,
        latitude: town.latitude + place.north + stream.normal(0.0, 0.0022),
        longitude: town.longitude + place.east + stream.normal(0.0, 0.0035),
        landline: stream.word() % 1000,
    }
}
