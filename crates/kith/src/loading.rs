//! Writing many resources through the door: shared by import and the demonstration.

use std::collections::BTreeMap;

use kith_fhir::{Value, resource};
use kith_trust::{Access, Change, Error};

/// A resource with where it came from.
pub struct Sourced {
    pub value: Value,
    /// Line of the file it began on, from 1.
    pub line: usize,
}

/// A resource that did not go in.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Rejected {
    /// `Type/id`, as far as known.
    pub resource: String,
    pub line: usize,
    pub reason: String,
    /// It refers to something not there (yet): worth another try when more is in.
    #[serde(skip)]
    pub waits: bool,
}

/// How many resources went in, by type.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Counts {
    /// Found in the input.
    pub read: BTreeMap<String, u64>,
    /// In the store after, new or the same as before.
    pub stored: BTreeMap<String, u64>,
    /// Not taken; each is in the errors file.
    pub rejected: BTreeMap<String, u64>,
    /// Versions made: 0 when everything was there already.
    pub changed: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        for (mine, theirs) in
            [(&mut self.read, other.read), (&mut self.stored, other.stored), (&mut self.rejected, other.rejected)]
        {
            for (kind, count) in theirs {
                *mine.entry(kind).or_default() += count;
            }
        }
        self.changed += other.changed;
    }

    pub fn total(map: &BTreeMap<String, u64>) -> u64 {
        map.values().sum()
    }
}

/// What one group came to.
#[derive(Default)]
pub struct Loaded {
    pub counts: Counts,
    pub rejected: Vec<(Sourced, Rejected)>,
}

/// Puts a group of resources in as one change. A resource that cannot go in is taken out, with every resource that then
/// refers to nothing, and the rest is tried again: a bad entry does not keep the good ones out. Only faults of the store
/// itself are errors.
pub async fn put(access: &Access, reason: &str, mut group: Vec<Sourced>) -> Result<Loaded, Error> {
    let mut loaded = Loaded::default();
    for item in &group {
        *loaded.counts.read.entry(kind_of(&item.value)).or_default() += 1;
    }
    while !group.is_empty() {
        let mut change = Change::new(reason);
        let lines: Vec<usize> = group.iter().map(|item| item.line).collect();
        for item in group.drain(..) {
            change.put(item.value);
        }
        match access.try_commit(&mut change).await {
            Ok(receipt) => {
                for (reference, _) in &receipt.written {
                    let kind = reference.split('/').next().unwrap_or_default().to_owned();
                    *loaded.counts.stored.entry(kind).or_default() += 1;
                }
                loaded.counts.changed += receipt.changed as u64;
                break;
            }
            Err(Error::Invalid { problems }) => {
                group = change.into_resources().zip(lines).map(|(value, line)| Sourced { value, line }).collect();
                let before = group.len();
                for problem in problems {
                    take_out(&mut group, &mut loaded, &problem.place, &problem.message);
                }
                if group.len() == before {
                    return Err(Error::Storage("a resource was refused but not named".into()));
                }
            }
            Err(other) => return Err(other),
        }
    }
    Ok(loaded)
}

pub fn kind_of(value: &Value) -> String {
    resource::type_of(value).filter(|t| resource::type_code(t).is_some()).unwrap_or("unknown").to_owned()
}

/// Takes the resource a problem names (`Type/id`, or `entry N` counted from 1) out of the group.
fn take_out(group: &mut Vec<Sourced>, loaded: &mut Loaded, place: &str, message: &str) {
    let at = match place.strip_prefix("entry ").and_then(|n| n.parse::<usize>().ok()) {
        Some(number) => number.checked_sub(1).filter(|at| *at < group.len()),
        None => group.iter().position(|item| resource::reference_of(&item.value).as_deref() == Some(place)),
    };
    let Some(at) = at else { return };
    let item = group.remove(at);
    let rejected = Rejected {
        resource: resource::reference_of(&item.value).unwrap_or_else(|| kind_of(&item.value)),
        line: item.line,
        reason: message.to_owned(),
        waits: message.starts_with("refers to"),
    };
    *loaded.counts.rejected.entry(kind_of(&item.value)).or_default() += 1;
    loaded.rejected.push((item, rejected));
}
