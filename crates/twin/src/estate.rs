//! The neighbourhood's providers as the twin thinks of them: services, staff, calendars. `estate_fhir` writes them out.

use std::ops::Range;

use crate::block::Sex;
use crate::calendar::{Day, Week, intersect, parse_days, parse_week};
use crate::chance::{Domain, fixed_id, hash_unit};
use crate::tables::{CalendarRow, DeskRow, Eligibility, PostRow, ServiceRow, TABLES};

/// First group of the ids that stay the same whatever the seed.
pub mod kind_of_id {
    pub const ORGANIZATION: u32 = 0x0a60_0000;
    pub const SITE: u32 = 0x0b60_0000;
    pub const ROOM: u32 = 0x0c60_0000;
    pub const SERVICE: u32 = 0x0d60_0000;
    pub const PRACTITIONER: u32 = 0x0e60_0000;
    pub const ROLE: u32 = 0x0f60_0000;
    pub const SCHEDULE: u32 = 0x1060_0000;
    pub const CAST: u32 = 0xca57_0000;
}

pub struct Service {
    pub row: &'static ServiceRow,
    pub organization_id: String,
    pub site_id: String,
    pub id: String,
    pub hours: Week,
    /// Rules of the needs this service meets.
    pub eligibility: Vec<&'static Eligibility>,
}

pub struct Staff {
    pub service: usize,
    pub role: &'static str,
    pub practitioner_id: String,
    pub role_id: String,
    /// The room they work in, if they keep a calendar.
    pub room_id: Option<String>,
    pub number: u64,
    pub female: bool,
}

/// One person's bookable sessions of one mode.
pub struct Calendar {
    pub id: String,
    pub service: usize,
    pub staff: usize,
    pub row: &'static CalendarRow,
    pub sessions: Week,
    /// On how many days one is worked, and which (day number modulo that).
    pub rota: (usize, usize),
    /// One in so many times is offered.
    pub stride: usize,
    /// Multiplies the share already booked, where the floor offers more than people need.
    pub demand: f64,
}

pub struct Estate {
    pub services: Vec<Service>,
    pub staff: Vec<Staff>,
    pub calendars: Vec<Calendar>,
    /// Calendars of one service and mode, alike but for who keeps them.
    pub groups: Vec<Range<usize>>,
    /// Doctors and nurses of each practice who are there whatever the size of the neighbourhood.
    teams: Vec<[Vec<usize>; 2]>,
}

/// A time in a calendar: day from today, minutes after midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    pub day: usize,
    pub start: u16,
}

impl Estate {
    pub fn new(people: usize) -> Self {
        let mut estate = Self {
            services: Vec::new(),
            staff: Vec::new(),
            calendars: Vec::new(),
            groups: Vec::new(),
            teams: Vec::new(),
        };
        for (n, row) in TABLES.services.service.iter().enumerate() {
            estate.services.push(Service {
                row,
                organization_id: fixed_id(kind_of_id::ORGANIZATION, n as u64),
                site_id: fixed_id(kind_of_id::SITE, n as u64),
                id: fixed_id(kind_of_id::SERVICE, n as u64),
                hours: parse_week(&row.hours),
                eligibility: TABLES.services.eligibility.iter().filter(|e| row.needs.contains(&e.need)).collect(),
            });
        }
        for service in 0..estate.services.len() {
            let kind = estate.services[service].row.kind.as_str();
            for (n, post) in TABLES.capacity.post.iter().enumerate().filter(|(_, p)| p.kind == kind) {
                estate.fill_post(service, n as u64, post, people);
            }
            for (n, desk) in TABLES.capacity.desk.iter().enumerate().filter(|(_, d)| d.kind == kind) {
                let more = desk.per_people.map_or(0, |per| people / per / 5);
                for k in 0..desk.count + more {
                    estate.add_desk(service, 64 + n as u64, desk, k as u64);
                }
            }
            let team = |role: &str, least: usize| -> Vec<usize> {
                let named = |(_, s): &(usize, &Staff)| s.service == service && s.role == role;
                estate.staff.iter().enumerate().filter(named).map(|(n, _)| n).take(least).collect()
            };
            let team = [team("gp", 2), team("nurse", 1)];
            estate.teams.push(team);
        }
        estate
    }

    fn fill_post(&mut self, service: usize, post_number: u64, post: &'static PostRow, people: usize) {
        let hours = self.services[service].hours.clone();
        let sharing = self.services.iter().filter(|s| s.row.kind == post.kind).count();
        let wanted = post.per_1000_per_week * people as f64 / 1000.0 / sharing as f64;
        let rota = post.rota.max(1);
        let pattern = |n: usize| match post.patterns.len() {
            0 => [true; 7],
            len => parse_days(&post.patterns[n % len]),
        };
        let sessions = |row: &CalendarRow, n: usize| {
            let mut week = if row.sessions.iter().any(|s| s == "open") {
                hours.clone()
            } else {
                intersect(&hours, &parse_week(&row.sessions))
            };
            let works = pattern(n);
            for (day, sessions) in week.iter_mut().enumerate() {
                if !works[day] {
                    sessions.clear();
                }
            }
            week
        };
        let weekly = |n: usize| -> f64 {
            let slots: usize = post.calendar.iter().map(|row| slots_in(&sessions(row, n), row.minutes)).sum();
            slots as f64 / rota as f64
        };
        let (mut staff, mut offered) = (0, 0.0);
        while staff < post.minimum || offered + weekly(staff) / 2.0 < wanted {
            offered += weekly(staff);
            staff += 1;
            if offered <= 0.0 && staff > post.minimum {
                break;
            }
        }
        // A rota is only whole when every day has somebody.
        let staff = staff.div_ceil(rota) * rota;
        let offered: f64 = (0..staff).map(weekly).sum();
        let first = self.staff.len();
        for n in 0..staff {
            self.add_staff(service, post_number, &post.role, n as u64, true);
        }
        for (c, row) in post.calendar.iter().enumerate() {
            let start = self.calendars.len();
            for n in 0..staff {
                let sessions = sessions(row, n);
                let busiest = sessions.iter().map(|day| slots_on(day, row.minutes)).max().unwrap_or(0);
                let stride = ((offered / wanted) as usize).clamp(1, (busiest / TABLES.capacity.floor).max(1));
                if busiest == 0 {
                    continue;
                }
                self.calendars.push(Calendar {
                    id: fixed_id(
                        kind_of_id::SCHEDULE,
                        ((service as u64) << 40) | (post_number << 32) | ((c as u64) << 24) | n as u64,
                    ),
                    service,
                    staff: first + n,
                    row,
                    sessions,
                    rota: (rota, n % rota),
                    stride,
                    demand: (wanted * stride as f64 / offered).min(1.0),
                });
            }
            if self.calendars.len() > start {
                self.groups.push(start..self.calendars.len());
            }
        }
    }

    fn add_desk(&mut self, service: usize, post: u64, desk: &'static DeskRow, n: u64) {
        self.add_staff(service, post, &desk.role, n, false);
    }

    fn add_staff(&mut self, service: usize, post: u64, role: &'static str, n: u64, room: bool) {
        let number = ((service as u64) << 40) | (post << 32) | n;
        self.staff.push(Staff {
            service,
            role,
            practitioner_id: fixed_id(kind_of_id::PRACTITIONER, number),
            role_id: fixed_id(kind_of_id::ROLE, number),
            room_id: room.then(|| fixed_id(kind_of_id::ROOM, number)),
            number,
            // Women and men take turns, and a service starts with one or the other.
            female: (n + service as u64).is_multiple_of(2),
        });
    }

    /// Indices of the staff of a practice who see its people: `gp` or `nurse`, the first one or two.
    pub fn team(&self, practice: usize, role: &str) -> &[usize] {
        &self.teams[practice][usize::from(role == "nurse")]
    }
}

impl Calendar {
    /// The times this calendar offers on the days, in order.
    pub fn times<'a>(&'a self, estate: &'a Estate, days: &'a [Day]) -> impl Iterator<Item = Time> + 'a {
        let open_holidays = estate.services[self.service].row.open_bank_holidays;
        days.iter()
            .enumerate()
            .filter(move |(n, day)| (open_holidays || !day.holiday) && n % self.rota.0 == self.rota.1)
            .flat_map(move |(n, day)| {
                let minutes = self.row.minutes;
                self.sessions[day.weekday]
                    .iter()
                    .flat_map(move |&(from, to)| (0..(to - from) / minutes).map(move |k| from + k * minutes))
                    .enumerate()
                    .filter(move |(k, _)| k % self.stride == n % self.stride)
                    .map(move |(_, start)| Time { day: n, start })
            })
    }

    /// Whether a time is already taken. A function of the seed alone, so that slots and people agree without asking.
    pub fn is_taken(&self, seed: u64, number: usize, time: Time) -> bool {
        let week = time.day / 7;
        let share =
            if time.day == 0 { self.row.booked_today } else { self.row.booked.get(week).copied().unwrap_or(0.0) };
        hash_unit(seed, Domain::Taken, number as u64, key(time)) < share * self.demand
    }
}

/// A time as one number.
pub fn key(time: Time) -> u64 {
    ((time.day as u64) << 16) | u64::from(time.start)
}

impl Service {
    /// Whether the service sees people of this age and sex for the need.
    pub fn sees(&self, need: &str, age: u8, sex: Sex) -> bool {
        self.eligibility
            .iter()
            .filter(|e| e.need == need)
            .all(|e| (e.min..=e.max).contains(&age) && e.sex.as_deref().is_none_or(|s| s == sex.code()))
    }
}

fn slots_on(day: &[(u16, u16)], minutes: u16) -> usize {
    day.iter().map(|(from, to)| usize::from((to - from) / minutes)).sum()
}

fn slots_in(week: &Week, minutes: u16) -> usize {
    week.iter().map(|day| slots_on(day, minutes)).sum()
}
