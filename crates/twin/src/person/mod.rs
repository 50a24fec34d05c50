//! A person's record: the Patient first, then everything in their compartment.

mod clinical;
mod contacts;
mod demographics;
mod observations;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, civil::date};
use serde_json::{Map, Value};

use crate::bookings::Booking;
use crate::calendar::Day;
use crate::cast::CastMember;
use crate::chance::{Domain, Stream, id};
use crate::estate::Estate;
use crate::shape::{instant, reference};
use crate::tables::Condition;
use crate::{Sex, block};

/// What everybody's record is made with.
pub struct World<'a> {
    pub seed: u64,
    pub today: Date,
    pub london: &'a TimeZone,
    pub days: &'a [Day],
    pub estate: &'a Estate,
}

/// Who somebody is, settled before their record is written, as family members refer to each other.
#[derive(Clone)]
pub struct Identity {
    pub index: u64,
    pub patient_id: String,
    pub age: u8,
    pub sex: Sex,
    pub born: Date,
    pub given: String,
    pub family: String,
    pub ethnic: usize,
    /// Index of the main language.
    pub language: usize,
    pub interpreter: bool,
    pub practice: usize,
    pub cast: Option<&'static CastMember>,
}

/// Where a household lives.
pub struct Address {
    pub key: String,
    pub line: String,
    pub area: &'static str,
    pub postcode: String,
    pub imd: u8,
    pub latitude: f64,
    pub longitude: f64,
    pub landline: u64,
}

/// A record being written.
pub struct Record<'a> {
    pub world: &'a World<'a>,
    pub who: &'a Identity,
    pub home: &'a Address,
    pub family: &'a [Identity],
    pub stream: Stream,
    pub conditions: Vec<&'static Condition>,
    pub pregnant: bool,
    /// Seed of ids and draws: the neighbourhood's, or 0 for the cast.
    seed: u64,
    subject: Value,
    made: u64,
    pub resources: Vec<Value>,
}

impl<'a> Record<'a> {
    /// Writes the whole record.
    pub fn write(
        world: &'a World<'a>,
        who: &'a Identity,
        home: &'a Address,
        family: &'a [Identity],
        bookings: &[Booking],
    ) -> Vec<Value> {
        let seed = if who.cast.is_some() { 0 } else { world.seed };
        let mut record = Self {
            world,
            who,
            home,
            family,
            stream: Stream::new(seed, Domain::Person, who.index),
            conditions: Vec::new(),
            pregnant: false,
            seed,
            subject: reference("Patient", &who.patient_id),
            made: 0,
            resources: Vec::with_capacity(40),
        };
        record.demographics();
        record.problems();
        record.observations();
        record.allergies();
        record.immunisations();
        record.contacts();
        record.letters();
        record.appointments(bookings);
        record.resources
    }

    /// Gives a resource its type and id and keeps it. Returns the id.
    fn add(&mut self, kind: &str, body: Value) -> String {
        self.made += 1;
        let id = id(self.seed, Domain::Resource, self.who.index, self.made);
        self.add_as(kind, &id, body);
        id
    }

    fn add_as(&mut self, kind: &str, id: &str, body: Value) {
        let mut body = match body {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        body.insert("resourceType".to_owned(), Value::String(kind.to_owned()));
        body.insert("id".to_owned(), Value::String(id.to_owned()));
        self.resources.push(Value::Object(body));
    }

    fn me(&self) -> Value {
        self.subject.clone()
    }

    fn has(&self, key: &str) -> bool {
        self.conditions.iter().any(|c| c.key == key)
    }

    /// A day some days ago, but never before birth.
    fn ago(&self, days: i64) -> Date {
        self.world.today.checked_sub(days.days()).unwrap_or(self.world.today).max(self.who.born)
    }

    fn days_old(&self) -> i64 {
        days_between(self.who.born, self.world.today)
    }

    fn instant(&self, date: Date, minutes: u16) -> String {
        instant(self.world.london, date, minutes)
    }

    /// A time of day in surgery hours.
    fn surgery_time(&mut self) -> u16 {
        (8 * 60 + 30 + 10 * self.stream.between(0, 48)) as u16
    }

    /// The last working day on or before, but never before birth.
    fn working_day(&self, day: Date) -> Date {
        let mut day = day;
        while crate::calendar::weekday(day) > 4 || crate::calendar::is_bank_holiday(day) {
            day = day.yesterday().unwrap_or(date(2000, 1, 3));
        }
        day.max(self.who.born)
    }

    fn practice_reference(&self) -> Value {
        reference("Organization", &self.world.estate.services[self.who.practice].organization_id)
    }

    /// Somebody at the person's practice in this role: their usual one.
    fn usual(&self, role: &str) -> Option<Value> {
        let team = self.world.estate.team(self.who.practice, role);
        let staff = team.get(self.who.index as usize % team.len().max(1))?;
        Some(reference("Practitioner", &self.world.estate.staff[*staff].practitioner_id))
    }
}

pub fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// A birth date that makes somebody this old today.
pub fn birth_date(today: Date, age: u8, draw: f64) -> Date {
    let birthday = today.checked_sub(i64::from(age).years()).unwrap_or(today);
    birthday.checked_sub(((draw * 364.0) as i64).days()).unwrap_or(birthday)
}

/// Whether a resident is pregnant now; the cast by its list.
pub fn pregnant(seed: u64, who: &Identity) -> bool {
    match who.cast {
        Some(member) => member.conditions.contains(&"pregnancy"),
        None => block::is_pregnant(seed, who.index, who.age, who.sex),
    }
}
