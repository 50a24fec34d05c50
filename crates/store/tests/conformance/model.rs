//! Random acts on the store and on a plain model of it give the same answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kith_store::{Expect, Store};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Act, assert_sound, at, observation, patient};

#[derive(Debug, Clone)]
pub enum Op {
    Person(u8),
    Put { person: u8, id: u8, value: i64, expect: Option<u32> },
    Delete { id: u8, expect: Option<u32> },
    Occupy { calendar: u8, from: i64, length: i64, holder: u8, lasts: Option<i64> },
    Release(u8),
}

/// Acts of one to four operations, with the seconds that pass before each.
pub fn acts() -> impl Strategy<Value = Vec<(i64, Vec<Op>)>> {
    let expect = proptest::option::weighted(0.4, 0u32..4);
    let op = prop_oneof![
        1 => (0u8..3).prop_map(Op::Person),
        4 => (0u8..3, 0u8..5, 0i64..3, expect.clone())
            .prop_map(|(person, id, value, expect)| Op::Put { person, id, value, expect }),
        2 => (0u8..5, expect).prop_map(|(id, expect)| Op::Delete { id, expect }),
        3 => (0u8..2, 0i64..8, 1i64..4, 0u8..4, proptest::option::of(1i64..30))
            .prop_map(|(calendar, from, length, holder, lasts)| Op::Occupy { calendar, from, length, holder, lasts }),
        1 => (0u8..4).prop_map(Op::Release),
    ];
    vec((0i64..20, vec(op, 1..5)), 1..25)
}

#[derive(Debug, Clone, Default)]
struct Model {
    people: BTreeSet<u8>,
    /// Whose, and the value of each version (`None`: deleted).
    resources: BTreeMap<u8, (u8, Vec<Option<i64>>)>,
    /// Calendar, from, to, holder, until.
    taken: Vec<(u8, i64, i64, u8, Option<i64>)>,
    audited: usize,
}

/// `None`: anything; `Some(0)`: nothing there; else that version.
fn expectation(expect: Option<u32>) -> Expect {
    match expect {
        None => Expect::Any,
        Some(0) => Expect::Absent,
        Some(version) => Expect::Version(version),
    }
}

fn holds(expect: Option<u32>, versions: Option<&Vec<Option<i64>>>) -> bool {
    let live = versions.filter(|v| v.last().is_some_and(Option::is_some)).map(|v| v.len() as u32);
    match expect {
        None => true,
        Some(0) => live.is_none(),
        Some(version) => live == Some(version),
    }
}

impl Model {
    /// What the act does, or `None` if it is refused.
    fn apply(&self, now: i64, ops: &[Op]) -> Option<Self> {
        let mut next = self.clone();
        next.people.extend(ops.iter().filter_map(|op| match op {
            Op::Person(p) => Some(*p),
            _ => None,
        }));
        for op in ops {
            match op {
                Op::Put { person, id, value, expect } => {
                    let current = next.resources.get(id);
                    if !next.people.contains(person) || !holds(*expect, current.map(|c| &c.1)) {
                        return None;
                    }
                    if current.is_some_and(|(owner, _)| owner != person) {
                        return None;
                    }
                    let versions = &mut next.resources.entry(*id).or_insert((*person, Vec::new())).1;
                    if expect.is_some() || versions.last() != Some(&Some(*value)) {
                        versions.push(Some(*value));
                    }
                }
                Op::Delete { id, expect } => {
                    if !holds(*expect, next.resources.get(id).map(|c| &c.1)) {
                        return None;
                    }
                    let versions = &mut next.resources.get_mut(id)?.1;
                    if versions.last() != Some(&None) {
                        versions.push(None);
                    }
                }
                _ => {}
            }
        }
        for op in ops {
            if let Op::Release(holder) = op {
                next.taken.retain(|t| t.3 != *holder);
            }
        }
        for op in ops {
            if let Op::Occupy { calendar, from, length, holder, lasts } = op {
                let to = from + length;
                let overlaps = |t: &(u8, i64, i64, u8, Option<i64>)| t.0 == *calendar && t.1 < to && t.2 > *from;
                next.taken.retain(|t| !overlaps(t) || t.4.is_none_or(|until| until > now));
                if next.taken.iter().any(overlaps) {
                    return None;
                }
                next.taken.push((*calendar, *from, to, *holder, lasts.map(|l| now + l)));
            }
        }
        next.audited += 1;
        Some(next)
    }
}

fn act(model: &Model, now: i64, ops: &[Op]) -> Act {
    let mut act = Act::new(now);
    for op in ops {
        act = match op {
            Op::Person(p) => act.put(patient(&format!("p{p}"))),
            Op::Put { person, id, value, expect } => {
                let value = observation(&format!("o{id}"), &format!("p{person}"), *value);
                act.put_expecting(value, expectation(*expect), Vec::new())
            }
            Op::Delete { id, expect } => {
                // The person whose it is now, or will be by the writes before it; the audit needs to name them.
                let made = ops.iter().find_map(|op| match op {
                    Op::Put { person, id: made, .. } if made == id => Some(*person),
                    _ => None,
                });
                let person = model.resources.get(id).map(|r| r.0).or(made).map(|p| format!("p{p}"));
                act.delete("Observation", &format!("o{id}"), person.as_deref(), expectation(*expect))
            }
            Op::Occupy { calendar, from, length, holder, lasts } => {
                let holder = format!("holder{holder}");
                act.occupy(&format!("c{calendar}"), *from, from + length, &holder, lasts.map(|l| now + l))
            }
            Op::Release(holder) => act.release(&format!("holder{holder}")),
        };
    }
    act
}

/// Runs the acts against both.
pub async fn store_and_model_agree(store: &Arc<dyn Store>, acts: &[(i64, Vec<Op>)]) {
    let mut model = Model::default();
    let mut now = 0;
    for (n, (passed, ops)) in acts.iter().enumerate() {
        now += passed;
        let expected = model.apply(now, ops);
        let done = act(&model, now, ops).commit(store).await;
        assert_eq!(done.is_ok(), expected.is_some(), "act {n} {ops:?}: {done:?}");
        if let Some(next) = expected {
            model = next;
        }
    }
    for id in 0..5u8 {
        let versions = model.resources.get(&id).map(|r| r.1.clone()).unwrap_or_default();
        let mut history = store.history("Observation", &format!("o{id}")).await.unwrap();
        history.reverse();
        let told: Vec<_> =
            history.iter().map(|s| s.value.as_ref().map(|v| v["valueInteger"].as_i64().unwrap())).collect();
        assert_eq!(told, versions, "o{id}");
    }
    for person in 0..3u8 {
        let mut wanted: Vec<String> = model
            .resources
            .iter()
            .filter(|(_, (owner, versions))| *owner == person && versions.last().is_some_and(Option::is_some))
            .map(|(id, _)| format!("Observation/o{id}"))
            .collect();
        wanted.extend(model.people.contains(&person).then(|| format!("Patient/p{person}")));
        let record = store.compartment(&format!("p{person}")).await.unwrap();
        let mut found: Vec<_> = record.iter().map(kith_store::Stored::reference).collect();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
    }
    let calendars: Vec<String> = (0..2).map(|c| format!("c{c}")).collect();
    let mut found: Vec<_> = store
        .occupied(&calendars, at(-100), at(100), at(now))
        .await
        .unwrap()
        .into_iter()
        .map(|o| (o.calendar, o.start, o.end, o.holder))
        .collect();
    let mut wanted: Vec<_> = model
        .taken
        .iter()
        .filter(|t| t.4.is_none_or(|until| until > now))
        .map(|t| (format!("c{}", t.0), at(t.1), at(t.2), format!("holder{}", t.3)))
        .collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    assert_sound(store).await;
}
