//! Alone in its process, so that nothing else moves the peak.

use kith_twin::{Neighbourhood, Plan};

/// Peak resident memory in KiB; Linux only.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn memory_does_not_grow_with_the_people_streamed() {
    let plan = Plan { people: 1_000_000, ..Plan::new(1, jiff::civil::date(2026, 3, 16)) };
    let twin = Neighbourhood::new(plan);
    let mut homes = twin.households();
    let mut take = |people: usize| {
        let mut made = 0;
        for home in homes.by_ref() {
            made += home.people.len();
            if made >= people {
                break;
            }
        }
    };
    take(1_500);
    let Some(before) = peak() else {
        println!("note: peak memory is not known on this system; nothing proved");
        return;
    };
    take(6_000);
    let after = peak().unwrap_or(u64::MAX);
    // Six thousand records kept would be about 400 MB.
    assert!(after - before < 16 * 1024, "the peak grew from {before} to {after} KiB");
    assert!(after < 150 * 1024, "{after} KiB to make a neighbourhood of a million");
}
