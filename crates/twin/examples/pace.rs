//! How fast people are made: `cargo run --release -p kith-twin --example pace [people]`.

use std::time::Instant;

use kith_twin::{Neighbourhood, Plan};

fn main() {
    let people = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let plan = Plan { people, ..Plan::new(1, jiff::civil::date(2026, 3, 16)) };
    let started = Instant::now();
    let twin = Neighbourhood::new(plan);
    println!("plan and estate: {} resources, {:?}", twin.estate().len(), started.elapsed());
    let started = Instant::now();
    println!("slots: {}, {:?}", twin.slots().count(), started.elapsed());
    let started = Instant::now();
    let (mut made, mut resources, mut bytes) = (0, 0, 0);
    for person in twin.households().flat_map(|home| home.people) {
        made += 1;
        resources += person.resources.len();
        if made % 100 == 0 {
            bytes += person.resources.iter().map(|r| r.to_string().len()).sum::<usize>();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("people: {made}, {resources} resources, about {} bytes each, {seconds:.2} s", bytes * 100 / resources);
    println!("{:.0} people/s, {:.0} resources/s", f64::from(made) / seconds, resources as f64 / seconds);
}
