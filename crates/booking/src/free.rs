//! Which times are free: a pure rule over what holds calendars busy.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kith_trust::Occupancy;

/// The live occupancies of some calendars, each calendar's merged and in order.
#[derive(Debug, Clone, Default)]
pub struct Busy {
    calendars: BTreeMap<String, Vec<(Timestamp, Timestamp)>>,
}

impl Busy {
    /// Everything that is busy at `now`: lapsed holds are not, and neither is what `own` holds.
    pub fn new<'a>(occupied: impl IntoIterator<Item = &'a Occupancy>, own: Option<&str>, now: Timestamp) -> Self {
        let mut calendars: BTreeMap<String, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
        for taken in occupied {
            let live = taken.until.is_none_or(|until| until > now);
            if live && own != Some(taken.holder.as_str()) && taken.start < taken.end {
                calendars.entry(taken.calendar.clone()).or_default().push((taken.start, taken.end));
            }
        }
        for spans in calendars.values_mut() {
            spans.sort_unstable();
            spans.dedup_by(|next, last| {
                let meets = next.0 <= last.1;
                if meets {
                    last.1 = last.1.max(next.1);
                }
                meets
            });
        }
        Self { calendars }
    }

    /// Whether any of these calendars is busy at some time from `start` to before `end`.
    pub fn overlaps(&self, calendars: &[String], start: Timestamp, end: Timestamp) -> bool {
        calendars.iter().filter_map(|calendar| self.calendars.get(calendar)).any(|spans| {
            let before_end = spans.partition_point(|(from, _)| *from < end);
            before_end > 0 && spans[before_end - 1].1 > start
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn calendar(number: usize) -> String {
        format!("Schedule/{number}")
    }

    proptest! {
        /// Against a model that keeps every minute of every calendar apart.
        #[test]
        fn a_time_is_free_exactly_when_every_minute_of_it_is(
            taken in prop::collection::vec((0usize..3, 0i64..120, 0i64..30, prop::option::of(0i64..60), 0usize..3), 0..20),
            wanted in prop::collection::vec(0usize..3, 1..3),
            start in 0i64..120, length in 1i64..30, now in 0i64..60, own in prop::option::of(0usize..3),
        ) {
            let own = own.map(|holder| format!("hold:{holder}"));
            let occupied: Vec<Occupancy> = taken.iter().map(|(number, start, length, until, holder)| Occupancy {
                calendar: calendar(*number),
                start: minute(*start),
                end: minute(start + length),
                holder: format!("hold:{holder}"),
                until: until.map(minute),
            }).collect();
            let busy_minute = |number: usize, at: i64| taken.iter().any(|(n, start, length, until, holder)| {
                *n == number && (*start..start + length).contains(&at)
                    && until.is_none_or(|until| until > now)
                    && own != Some(format!("hold:{holder}"))
            });
            let model = wanted.iter().any(|n| (start..start + length).any(|at| busy_minute(*n, at)));
            let calendars: Vec<String> = wanted.iter().map(|n| calendar(*n)).collect();
            let busy = Busy::new(&occupied, own.as_deref(), minute(now));
            prop_assert_eq!(busy.overlaps(&calendars, minute(start), minute(start + length)), model);
        }
    }
}
