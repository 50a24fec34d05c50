//! Who lives with whom. A block is 1,000 people in 426 households, made together from its own stream so that its ages
//! are exactly the published ones; any block can be made without the others.

use crate::chance::{Domain, Stream, hash_unit};
use crate::tables::TABLES;

/// People in a full block.
pub const BLOCK: usize = 1000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sex {
    Female,
    Male,
}

impl Sex {
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }
}

/// A person before anything is known but who they are at home.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Among all residents, the cast not counted.
    pub index: u64,
    pub age: u8,
    pub sex: Sex,
    /// Index of the ethnic group.
    pub ethnic: usize,
}

/// A household: where it is and who is in it.
#[derive(Clone, Debug)]
pub struct Home {
    pub key: u64,
    pub seats: std::ops::Range<usize>,
    pub area: usize,
    pub practice: usize,
    /// Index of the household's ethnic group.
    pub ethnic: usize,
    /// Index of the main language spoken at home (0 is English).
    pub language: usize,
}

/// Households of up to 1,000 people.
pub struct Block {
    pub seats: Vec<Seat>,
    pub homes: Vec<Home>,
}

/// Ages not yet given a home, counted by year.
struct Ages([u16; 121]);

impl Ages {
    fn take(&mut self, wanted: f64, low: u8, high: u8) -> Option<u8> {
        let wanted = wanted.round().clamp(f64::from(low), f64::from(high)) as i32;
        for distance in 0..=120 {
            for age in [wanted - distance, wanted + distance] {
                if (i32::from(low)..=i32::from(high)).contains(&age) && self.0[age as usize] > 0 {
                    self.0[age as usize] -= 1;
                    return Some(age as u8);
                }
            }
        }
        None
    }

    /// The nearest in the range, or else the nearest at all.
    fn nearest(&mut self, wanted: f64, low: u8, high: u8) -> u8 {
        self.take(wanted, low, high).or_else(|| self.take(wanted, 0, 120)).unwrap_or(40)
    }
}

impl Block {
    /// Block `number` of `seed`, with `people` of its 1,000 people: households are taken in order while they fit.
    pub fn make(seed: u64, number: u64, people: usize) -> Self {
        let mut stream = Stream::new(seed, Domain::Block, number);
        let mut homes = assemble(&mut stream);
        stream.shuffle(&mut homes);
        let mut block = Self { seats: Vec::with_capacity(people), homes: Vec::with_capacity(homes.len()) };
        let (mut person, offset) = (0_u64, number * BLOCK as u64);
        let mut left_out = None;
        for (n, members) in homes.into_iter().enumerate() {
            let first = person;
            person += members.len() as u64;
            if block.seats.len() + members.len() > people {
                left_out.get_or_insert((n, members, first));
                continue;
            }
            block.settle(seed, number * BLOCK as u64 + n as u64, &members, offset + first);
        }
        // A place or two that no whole household fits: the adults of one that was left out, who come first in it.
        let short = people.saturating_sub(block.seats.len());
        if let (Some((n, members, first)), 1..) = (left_out, short) {
            block.settle(seed, number * BLOCK as u64 + n as u64, &members[..short.min(members.len())], offset + first);
        }
        block
    }

    fn settle(&mut self, seed: u64, key: u64, members: &[(u8, Sex)], first: u64) {
        let mut stream = Stream::new(seed, Domain::Home, key);
        let population = &TABLES.population;
        let groups = &population.ethnicity.group;
        let ethnic = stream.weighted(groups.iter().map(|g| g.percent));
        let language = language(&mut stream, ethnic);
        let area = stream.below(TABLES.town.area.len());
        let practice = if stream.chance(0.7) { home_practice(area) } else { stream.below(5) };
        let start = self.seats.len();
        for (n, &(age, sex)) in members.iter().enumerate() {
            let other = stream.chance(population.ethnicity.differs_from_household);
            let own = stream.weighted(groups.iter().map(|g| g.percent));
            let ethnic = if other { own } else { ethnic };
            self.seats.push(Seat { index: first + n as u64, age, sex, ethnic });
        }
        self.homes.push(Home { key, seats: start..self.seats.len(), area, practice, ethnic, language });
    }

    /// The household a seat is in.
    pub fn home_of(&self, seat: usize) -> &Home {
        let n = self.homes.partition_point(|home| home.seats.end <= seat);
        &self.homes[n]
    }
}

/// The practice nearest to each area of the town, in the order of `town.toml`.
fn home_practice(area: usize) -> usize {
    [0, 0, 1, 2, 3, 2, 3, 4, 4, 1][area % 10]
}

fn language(stream: &mut Stream, ethnic: usize) -> usize {
    let population = &TABLES.population;
    let draw = stream.unit();
    let mut reached = 0.0;
    for (code, share) in &population.ethnicity.group[ethnic].languages {
        reached += share;
        if draw < reached {
            return population.language.iter().position(|l| l.code == *code).unwrap_or(0);
        }
    }
    0
}

fn sex_at(stream: &mut Stream, age: u8) -> Sex {
    let sexes = &TABLES.population.sex;
    let female = match age {
        0..=64 => sexes.female_under_65,
        65..=84 => sexes.female_65_to_84,
        _ => sexes.female_85_and_over,
    };
    if stream.chance(female) { Sex::Female } else { Sex::Male }
}

fn partner(stream: &mut Stream, of: Sex) -> Sex {
    let same = stream.chance(TABLES.population.sex.couples_same_sex);
    if (of == Sex::Female) == same { Sex::Female } else { Sex::Male }
}

/// The block's households in the order of the table: families first, as they are the hardest to match by age.
fn assemble(stream: &mut Stream) -> Vec<Vec<(u8, Sex)>> {
    let population = &TABLES.population;
    let sexes = &population.sex;
    let places: usize = population.home.iter().map(|h| h.children * h.count).sum();
    let (young, rest) = TABLES.ages.split_at(places.min(TABLES.ages.len()));
    // Brothers and sisters are a few years apart: take children nearly in order of age.
    let mut children: Vec<(f64, u8)> = young.iter().map(|age| (f64::from(*age) + stream.unit() * 6.0, *age)).collect();
    children.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ages = Ages([0; 121]);
    for age in rest {
        ages.0[usize::from(*age).min(120)] += 1;
    }

    let mut kinds: Vec<usize> = Vec::new();
    for (kind, home) in population.home.iter().enumerate() {
        kinds.extend(std::iter::repeat_n(kind, home.count));
    }
    // Families draw children from the sorted list in a random order, so that no kind of family has only babies.
    let families = kinds.iter().filter(|k| population.home[**k].children > 0).count();
    stream.shuffle(&mut kinds[..families]);

    let mut homes = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let kind = &population.home[kind];
        let mut members: Vec<(u8, Sex)> = Vec::new();
        let own: Vec<u8> = children.drain(children.len() - kind.children..).map(|c| c.1).collect();
        match kind.kind.as_str() {
            "couple" | "lone" => {
                let grown: Vec<u8> = (0..kind.grown)
                    .map(|_| {
                        let wanted = stream.normal(22.0, 3.5);
                        ages.nearest(wanted, 17, 35)
                    })
                    .collect();
                let gap = stream.normal(sexes.mean_age_at_birth, 4.5);
                let oldest = own.iter().chain(&grown).copied().max().unwrap_or(20);
                let first = ages.nearest(
                    f64::from(oldest) + gap.max(18.0),
                    oldest.saturating_add(17),
                    oldest.saturating_add(46),
                );
                if kind.kind == "couple" {
                    let drift = stream.normal(1.0, 3.0);
                    let second = ages.nearest(f64::from(first) + drift, oldest.saturating_add(17), 120);
                    let sex = if stream.chance(0.5) { Sex::Female } else { Sex::Male };
                    members.push((first, sex));
                    members.push((second, partner(stream, sex)));
                } else {
                    let mother = stream.chance(sexes.lone_parents_female);
                    members.push((first, if mother { Sex::Female } else { Sex::Male }));
                }
                for _ in 0..kind.grandparents {
                    let age = ages.nearest(f64::from(first) + 31.0, 60, 120);
                    members.push((age, sex_at(stream, age)));
                }
                for age in grown.into_iter().chain(own) {
                    members.push((age, sex_at(stream, age)));
                }
            }
            "older-couple" | "any-couple" => {
                let (wanted, low) = if kind.kind == "older-couple" {
                    (stream.normal(74.0, 6.0), 65)
                } else {
                    (stream.unit() * 45.0 + 22.0, 18)
                };
                let first = ages.nearest(wanted, low, 120);
                let drift = stream.normal(0.0, 3.0);
                let second = ages.nearest(f64::from(first) + drift, 18, 120);
                let sex = if stream.chance(0.5) { Sex::Female } else { Sex::Male };
                members.push((first, sex));
                members.push((second, partner(stream, sex)));
            }
            alone_or_sharing => {
                for _ in 0..kind.sharers.max(1) {
                    let age = match alone_or_sharing {
                        "older-alone" => {
                            let wanted = stream.normal(79.0, 7.0);
                            ages.nearest(wanted, 65, 120)
                        }
                        "sharers" => {
                            let wanted = stream.normal(25.0, 4.0);
                            ages.nearest(wanted, 18, 45)
                        }
                        _ => {
                            let wanted = stream.unit() * 45.0 + 20.0;
                            ages.nearest(wanted, 18, 70)
                        }
                    };
                    members.push((age, sex_at(stream, age)));
                }
            }
        }
        homes.push(members);
    }
    homes
}

/// Whether a woman of this age is pregnant now.
pub fn is_pregnant(seed: u64, index: u64, age: u8, sex: Sex) -> bool {
    if sex == Sex::Male || !(16..45).contains(&age) {
        return false;
    }
    let rate = TABLES.population.pregnancy.fertility_per_1000[usize::from((age - 15) / 5)];
    hash_unit(seed, Domain::Pregnancy, index, 0) < rate / 1000.0 * 0.75
}
