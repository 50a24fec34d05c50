//! Search across people.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Atomic};

use kith_fhir::search::Query;
use kith_fhir::{Value, json};
use kith_store::{Expect, Store, StoreError, Stored};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Act, Fresh, at, patient};

/// A task of a person, owned by a service.
pub fn task(id: &str, owner: &str, status: &str, due: Option<i64>) -> Value {
    let mut value = json!({"resourceType": "Task", "id": id, "status": status, "intent": "order",
        "for": {"reference": "Patient/a"}, "owner": {"reference": format!("HealthcareService/{owner}")}});
    if let Some(due) = due {
        value["restriction"] = json!({"period": {"end": at(due).to_string()}});
    }
    value
}

pub fn slot(id: &str, schedule: &str, status: &str, start: i64) -> Value {
    json!({"resourceType": "Slot", "id": id, "status": status, "schedule": {"reference": format!("Schedule/{schedule}")},
        "start": at(start).to_string(), "end": at(start + 600).to_string()})
}

pub fn query(kind: &str, pairs: &[(&str, &str)]) -> Query {
    let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Query::parse(kind, &pairs).unwrap()
}

/// All pages, one after the other.
pub async fn all_pages(store: &Arc<dyn Store>, query: &Query) -> Result<Vec<Stored>, StoreError> {
    let mut query = query.clone();
    let mut all = Vec::new();
    for _ in 0..1000 {
        let found = store.search(&query).await?;
        assert!(found.entries.len() <= query.count.unwrap_or(50));
        all.extend(found.entries);
        match found.next {
            None => return Ok(all),
            next => query.cursor = next,
        }
    }
    panic!("paging does not end");
}

fn ids(found: &[Stored]) -> Vec<&str> {
    found.iter().map(|s| s.id.as_str()).collect()
}

pub async fn an_undeclared_parameter_is_a_clear_error(store: Fresh) {
    for (kind, pairs) in [
        ("Observation", vec![("code", "x")]),
        ("Patient", vec![("gender", "female")]),
        ("Patient", vec![("family", "x"), ("_sort", "gender")]),
    ] {
        let error = store.search(&query(kind, &pairs)).await.unwrap_err();
        let words = error.to_string();
        assert!(matches!(error, StoreError::Undeclared { .. }), "{words}");
        assert!(words.contains("declare an index"), "{words}");
        assert!(words.contains("within one person"), "{words}");
    }
    let words = store.search(&query("Patient", &[("gender", "x")])).await.unwrap_err().to_string();
    assert!(words.contains("`birthdate`"), "what can be asked is named: {words}");
}

pub async fn the_worklist_and_the_slots_are_found_in_order(store: Fresh) {
    let mut act = Act::new(0).loose().create(patient("a"));
    for (id, owner, status, due) in [
        ("t1", "x", "requested", Some(300)),
        ("t2", "x", "accepted", Some(100)),
        ("t3", "x", "requested", Some(200)),
        ("t4", "y", "requested", Some(50)),
        ("t5", "x", "completed", Some(10)),
    ] {
        act = act.create(task(id, owner, status, due));
    }
    for n in 0..10 {
        act = act.create(slot(&format!("s{n}"), "one", if n % 2 == 0 { "free" } else { "busy" }, 6000 - n * 600));
        act = act.create(slot(&format!("o{n}"), "two", "free", n * 600));
    }
    act.commit(&store).await.unwrap();
    let found = async |kind: &str, pairs: &[(&str, &str)]| all_pages(&store, &query(kind, pairs)).await.unwrap();
    let open = ("status", "requested,accepted");
    let list = found("Task", &[("owner", "HealthcareService/x"), open, ("_sort", "due"), ("_count", "1")]).await;
    assert_eq!(ids(&list), ["t2", "t3", "t1"]);
    let late = at(200).to_string();
    let mine = ("owner", "HealthcareService/x");
    let overdue = found("Task", &[mine, ("status", "requested"), ("due", &format!("lt{late}"))]).await;
    assert_eq!(ids(&overdue), Vec::<&str>::new());
    let due = found("Task", &[mine, ("status", "requested"), ("due", &format!("le{late}"))]).await;
    assert_eq!(ids(&due), ["t3"]);
    let (from, to) = (format!("ge{}", at(1200)), format!("lt{}", at(4800)));
    let free = [
        ("schedule", "Schedule/one"),
        ("status", "free"),
        ("start", &from),
        ("start", &to),
        ("_sort", "start"),
        ("_count", "2"),
    ];
    assert_eq!(ids(&found("Slot", &free).await), ["s8", "s6", "s4"]);
    let latest = [("schedule", "Schedule/one"), ("status", "free"), ("_sort", "-start"), ("_count", "2")];
    assert_eq!(ids(&found("Slot", &latest).await), ["s0", "s2", "s4", "s6", "s8"]);
    let both = [("schedule", "Schedule/one,Schedule/two"), ("status", "free"), ("start", &to), ("_sort", "start")];
    assert_eq!(found("Slot", &both).await.len(), 11);
    let named = found("Slot", &[("_id", "s3,o1,s3,none"), ("_sort", "start"), ("_count", "1")]).await;
    assert_eq!(ids(&named), ["o1", "s3"]);
}

pub async fn what_has_no_due_time_comes_last_either_way(store: Fresh) {
    let mut act = Act::new(0).loose().create(patient("a"));
    for (id, due) in [("t1", None), ("t2", Some(20)), ("t3", Some(10)), ("t4", None), ("t5", Some(30))] {
        act = act.create(task(id, "x", "requested", due));
    }
    act.commit(&store).await.unwrap();
    for (sort, order) in [("due", ["t3", "t2", "t5"]), ("-due", ["t5", "t2", "t3"])] {
        for count in ["1", "2", "3", "50"] {
            let fixed = [("owner", "HealthcareService/x"), ("status", "requested"), ("_sort", sort), ("_count", count)];
            let found = all_pages(&store, &query("Task", &fixed)).await.unwrap();
            assert_eq!(ids(&found)[..3], order, "{sort} {count}");
            let mut last = ids(&found)[3..].to_vec();
            last.sort_unstable();
            assert_eq!(last, ["t1", "t4"], "{sort} {count}");
        }
    }
}

pub async fn a_bad_page_marker_is_an_error(store: Fresh) {
    let mut act = Act::new(0).loose().create(patient("a"));
    for n in 0..9 {
        act = act.create(task(&format!("t{n}"), "x", "requested", Some(n)));
    }
    act.commit(&store).await.unwrap();
    let asks = [
        query("Task", &[("owner", "HealthcareService/x"), ("_count", "2")]),
        query("Task", &[("owner", "HealthcareService/x"), ("_sort", "due"), ("_count", "2")]),
        query("Task", &[("owner", "HealthcareService/x"), ("status", "requested"), ("_sort", "due"), ("_count", "2")]),
        query("Task", &[("_count", "2")]),
    ];
    let mut own = Vec::new();
    for ask in &asks {
        own.push(store.search(ask).await.unwrap().next.unwrap());
    }
    let long = format!("k{}.1", "a".repeat(10_000));
    let bad = [
        "",
        "x",
        "k",
        "k.",
        "kzz.1",
        "ka.1",
        "r",
        "rx",
        "i\u{e9}",
        "i0",
        "s1",
        "s1.",
        "s.1",
        "é",
        "k00.99999999999999999999",
        &long,
    ];
    for (at, ask) in asks.iter().enumerate() {
        for marker in
            bad.iter().copied().chain(own.iter().enumerate().filter(|(o, _)| *o != at).map(|(_, m)| m.as_str()))
        {
            let mut ask = ask.clone();
            ask.cursor = Some(marker.to_owned());
            assert!(matches!(store.search(&ask).await, Err(StoreError::Cursor)), "{at}: {marker:?}");
        }
    }
}

pub async fn paging_is_stable_while_others_write(store: Fresh) {
    const STAY: i64 = 60;
    let mut act = Act::new(0).loose().create(patient("a"));
    for n in 0..STAY {
        act = act.create(task(&format!("stay{n}"), "x", "requested", Some((n * 37) % 100)));
        act = act.create(task(&format!("go{n}"), "x", "requested", Some((n * 53) % 100)));
    }
    act.commit(&store).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, stop) = (store.store.clone(), stop.clone());
        tokio::spawn(async move {
            let mut n = 0;
            while !stop.load(Atomic::Relaxed) {
                let (i, due) = (n % STAY, (n * 29) % 100);
                // What stays keeps its due time, and is written to all the same.
                let mut stay = task(&format!("stay{i}"), "x", "requested", Some((i * 37) % 100));
                stay["description"] = json!(format!("{n}"));
                let act = Act::new(n).loose().put(stay).put(task(&format!("new{n}"), "x", "requested", Some(due)));
                let act = match n % 3 {
                    0 => act.put(task(&format!("go{i}"), "x", "requested", Some(due))),
                    _ => act.put(task(&format!("go{i}"), "x", "requested", None)),
                };
                act.commit(&store).await.unwrap();
                Act::new(n).delete("Task", &format!("go{i}"), Some("a"), Expect::Any).commit(&store).await.unwrap();
                if n > 5 {
                    let old = format!("new{}", n - 5);
                    Act::new(n).delete("Task", &old, Some("a"), Expect::Any).commit(&store).await.unwrap();
                }
                n += 1;
            }
            n
        })
    };
    let owner = ("owner", "HealthcareService/x");
    for round in 0..6 {
        for pairs in [
            vec![owner],
            vec![owner, ("_sort", "due")],
            vec![owner, ("status", "requested"), ("_sort", "due")],
            vec![owner, ("status", "requested"), ("_sort", "-due")],
            vec![],
        ] {
            let found = all_pages(&store, &query("Task", &pairs).limit(7)).await.unwrap();
            let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
            for id in ids(&found).into_iter().filter(|id| id.starts_with("stay")) {
                *seen.entry(id).or_default() += 1;
            }
            assert_eq!(seen.len() as i64, STAY, "round {round}, {pairs:?}");
            assert!(seen.values().all(|n| *n == 1), "round {round}, {pairs:?}: {seen:?}");
        }
    }
    stop.store(true, Atomic::Relaxed);
    assert!(writer.await.unwrap() > 10, "the writer wrote while pages were read");
}

// ── searches agree with a filter over everything ────────────────────────────────────────────────────────────────────

const NAMES: [&str; 8] = ["Smith", "smithson", "Ólafur", "Olafsen", "O'Brien", "ÉTÉ", "Eta", "van der Berg"];
const DATES: [&str; 7] =
    ["2025", "2026-03", "2026-03-01", "2026-03-29", "2026-03-01T00:30:00Z", "2026-03-29T01:30:00+01:00", "1980-02-29"];
const PREFIXES: [&str; 9] = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"];

/// Up to 40 resources of the types that can be searched across people.
pub fn resources() -> impl Strategy<Value = Vec<Value>> {
    let instant = (0i64..200_000).prop_map(|s| at(s - s % 600).to_string());
    let some_instant = proptest::option::weighted(0.8, instant.clone());
    let task = (
        0..3,
        select(vec!["requested", "accepted", "completed"]),
        proptest::option::weighted(0.7, prop_oneof![instant.clone(), select(&DATES[..]).prop_map(str::to_owned)]),
    )
        .prop_map(|(owner, status, due)| {
            let mut v = task("", &format!("h{owner}"), status, None);
            if let Some(due) = due {
                v["restriction"] = json!({"period": {"end": due}});
            }
            v
        });
    let slot = (0..3, select(vec!["free", "busy"]), some_instant.clone()).prop_map(|(schedule, status, start)| {
        let mut v = slot("", &format!("s{schedule}"), status, 0);
        match start {
            Some(start) => v["start"] = json!(start),
            None => drop(v.as_object_mut().unwrap().remove("start")),
        }
        v
    });
    let person = (
        vec(select(&NAMES[..]), 0..3),
        vec(select(&NAMES[..]), 0..2),
        proptest::option::of(select(vec!["1980-02-29", "1980-02", "1980", "2026-03-29"])),
        vec((0..2, 0..4), 0..3),
    )
        .prop_map(|(families, given, born, identifiers)| {
            let names: Vec<Value> = families.iter().map(|f| json!({"family": f, "given": given})).collect();
            let identifiers: Vec<Value> = identifiers
                .iter()
                .map(|(s, n)| {
                    if *s == 0 {
                        json!({"value": format!("n{n}")})
                    } else {
                        json!({"system": "urn:x", "value": format!("n{n}")})
                    }
                })
                .collect();
            let mut v = json!({"resourceType": "Patient", "name": names, "identifier": identifiers});
            if let Some(born) = born {
                v["birthDate"] = json!(born);
            }
            v
        });
    let appointment = (
        vec((0..3, select(vec!["Patient/a", "HealthcareService/h", "Practitioner/p"])), 1..3),
        select(vec!["booked", "cancelled"]),
        some_instant,
    )
        .prop_map(|(actors, status, start)| {
            let participants: Vec<Value> = actors
                .iter()
                .map(|(n, to)| {
                    let to = if *to == "Patient/a" { (*to).to_owned() } else { format!("{to}{n}") };
                    json!({"actor": {"reference": to}, "status": "accepted"})
                })
                .collect();
            let mut v = json!({"resourceType": "Appointment", "status": status, "participant": participants});
            if let Some(start) = start {
                v["start"] = json!(start);
            }
            v
        });
    vec(prop_oneof![2 => task, 2 => slot, 2 => person, 1 => appointment], 1..40).prop_map(|mut values| {
        for (n, value) in values.iter_mut().enumerate() {
            value["id"] = json!(format!("id{n}"));
        }
        values
    })
}

/// A search of one of these types.
pub fn queries() -> impl Strategy<Value = (String, Vec<(String, String)>)> {
    let date = (
        select(&PREFIXES[..]),
        prop_oneof![
            select(&DATES[..]).prop_map(str::to_owned),
            (0i64..200).prop_map(|n| at(n * 1000 - n * 1000 % 600).to_string())
        ],
    )
        .prop_map(|(prefix, date)| format!("{prefix}{date}"));
    let one = |code: &'static str, values: Vec<&'static str>| {
        select(values).prop_map(move |v| (code.to_owned(), v.to_owned())).boxed()
    };
    let dated = |code: &'static str| date.clone().prop_map(move |v| (code.to_owned(), v)).boxed();
    let updated = (select(vec!["ge", "lt", "gt", "le"]), 0i64..45)
        .prop_map(|(p, n)| ("_lastUpdated".to_owned(), format!("{p}{}", at(n))))
        .boxed();
    let of = |kind: &'static str, conditions: Vec<BoxedStrategy<(String, String)>>, sorts: Vec<&'static str>| {
        let condition = proptest::strategy::Union::new(conditions);
        let sort = one("_sort", sorts);
        (vec(condition, 0..4), proptest::option::of(sort)).prop_map(move |(mut pairs, sort)| {
            pairs.extend(sort);
            (kind.to_owned(), pairs)
        })
    };
    let statuses = vec!["requested", "accepted", "requested,accepted", "|requested"];
    prop_oneof![
        of(
            "Task",
            vec![
                one("owner", vec!["HealthcareService/h0", "HealthcareService/h1,HealthcareService/h2", "h1"]),
                one("status", statuses),
                one("status:not", vec!["completed"]),
                dated("due"),
                one("due:missing", vec!["true", "false"]),
                updated.clone()
            ],
            vec!["due", "-due", "status", "_lastUpdated", "-_lastUpdated"]
        ),
        of(
            "Slot",
            vec![
                one("schedule", vec!["Schedule/s0", "s1", "Schedule/s1,Schedule/s2"]),
                one("status", vec!["free", "busy", "free,busy"]),
                dated("start"),
                dated("start"),
                updated.clone()
            ],
            vec!["start", "-start", "schedule"]
        ),
        of(
            "Patient",
            vec![
                one("family", vec!["smi", "SMITH", "o", "ola", "é", "e"]),
                one("family:exact", vec!["Smith", "smith"]),
                one("name:contains", vec!["er", "son"]),
                one("given", vec!["s", "óla"]),
                dated("birthdate"),
                one("identifier", vec!["n1", "urn:x|n1", "|n1", "urn:x|", "n1,urn:x|n2"]),
                one("_id", vec!["id1,id2,id3"]),
                updated.clone()
            ],
            vec!["birthdate", "-birthdate", "family", "-_lastUpdated"]
        ),
        of(
            "Appointment",
            vec![
                one("actor", vec!["Patient/a", "HealthcareService/h0", "Practitioner/p1,HealthcareService/h1", "h0"]),
                one("status", vec!["booked", "cancelled"]),
                dated("date"),
                updated
            ],
            vec!["date", "-date"]
        ),
    ]
}

/// Puts the resources in and holds what each search finds against [`Query::matches`] over all of them.
pub async fn agrees_with_a_filter(
    store: &Arc<dyn Store>,
    values: &[Value],
    asks: &[(String, Vec<(String, String)>)],
    count: usize,
) {
    Act::new(0).create(patient("a")).commit(store).await.unwrap();
    for (n, value) in values.iter().enumerate() {
        Act::new(n as i64).loose().create(value.clone()).commit(store).await.unwrap();
    }
    let all: Vec<Stored> = store.walk(None, 1000).await.unwrap().into_iter().map(|(_, s)| s).collect();
    for (kind, pairs) in asks {
        let query = Query::parse(kind, pairs).unwrap().limit(count);
        let mut wanted: Vec<&Stored> = all.iter().filter(|s| query.matches(s.value.as_ref().unwrap())).collect();
        let found = match all_pages(store, &query).await {
            Ok(found) => found,
            // Nothing narrows it: said so rather than sorted in memory.
            Err(StoreError::TooMany(_)) if !query.sort.is_empty() => continue,
            Err(error) => panic!("{kind} {pairs:?}: {error}"),
        };
        let mut found_ids = ids(&found);
        found_ids.sort_unstable();
        wanted.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found_ids, wanted.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), "{kind} {pairs:?}");
        let alike = |s: &Stored| {
            let mut value = (**s.value.as_ref().unwrap()).clone();
            value["id"] = json!("same");
            value
        };
        for pair in found.windows(2).filter(|_| !query.sort.is_empty()) {
            let order = query.compare(&alike(&pair[0]), &alike(&pair[1]));
            assert_ne!(order, Ordering::Greater, "{kind} {pairs:?}: {} before {}", pair[0].id, pair[1].id);
        }
    }
}
