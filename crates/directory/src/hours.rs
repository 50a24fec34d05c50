//! Opening hours: civil times in Europe/London, bank holidays, closures, and both clock changes.
//!
//! Hours are written in civil time and decided in instants: a day of 23 or 25 hours is what the clocks make of it. A time
//! that the spring change skips counts as an hour later; of a time that the autumn change repeats, the first is meant.

use crate::bank_holidays::BankHolidays;
use crate::words;
use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Minutes in a civil day.
const DAY: u16 = 24 * 60;

/// How many days ahead the next opening is looked for.
const HORIZON_DAYS: i64 = 35;

/// A stretch of a weekday: minutes after midnight, from inclusive, to exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from: u16,
    to: u16,
}

/// A planned closure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// In plain words, as after "Closed for": "staff training".
    pub reason: String,
}

/// When a service is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours {
    week: [Vec<Stretch>; 7],
    open_on_bank_holidays: bool,
    closures: Vec<Closure>,
}

/// Why a service that keeps hours is closed at a time when it might have been open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosedFor {
    /// The name of the holiday.
    BankHoliday(String),
    /// The reason of the closure.
    Closure(String),
}

/// Whether a service is open at an instant, and what comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenState {
    /// Open; `until` is when it next closes, `None` when it stays open for the next days.
    Open { until: Option<Timestamp> },
    /// Closed; `next` is when it opens, `None` when not within five weeks.
    Closed { next: Option<Timestamp>, because: Option<ClosedFor> },
    /// No hours are on record.
    Unknown,
}

impl OpenState {
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// The instant from which the service can be used: `now` if it is open or its hours are not known.
    pub fn usable_from(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Open { .. } | Self::Unknown => Some(now),
            Self::Closed { next, .. } => *next,
        }
    }

    /// In plain words at `now`: "Open until 8pm", "Opens 9am on Monday", "Closed for the bank holiday. Opens 9am
    /// tomorrow".
    pub fn words(&self, now: Timestamp) -> String {
        let today = words::london(now).date();
        match self {
            Self::Unknown => "Opening times not known".to_owned(),
            Self::Open { until: None } => "Open day and night".to_owned(),
            Self::Open { until: Some(until) } => {
                let end = words::london(*until);
                let midnight = end.time() == Time::midnight();
                // "Until midnight" belongs to the day that ends.
                let last = if midnight { end.date().yesterday().unwrap_or(end.date()) } else { end.date() };
                if last == today {
                    format!("Open until {}", words::time(end.time()))
                } else {
                    format!("Open until {} {}", words::time(end.time()), words::day(last, today))
                }
            }
            Self::Closed { next, because } => {
                let opens = next.map(|next| format!("Opens {}", words::when(next, now)));
                let closed = because.as_ref().map(|because| match because {
                    ClosedFor::BankHoliday(_) => "Closed for the bank holiday".to_owned(),
                    ClosedFor::Closure(reason) if reason.is_empty() => "Closed".to_owned(),
                    ClosedFor::Closure(reason) => format!("Closed for {reason}"),
                });
                match (closed, opens) {
                    (Some(closed), Some(opens)) => format!("{closed}. {opens}"),
                    (Some(closed), None) => closed,
                    (None, Some(opens)) => opens,
                    (None, None) => "Closed".to_owned(),
                }
            }
        }
    }
}

fn index(day: Weekday) -> usize {
    day.to_monday_zero_offset() as usize
}

fn minutes(time: Time) -> u16 {
    u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0)
}

impl Hours {
    /// Hours with nothing in them: [`OpenState::Unknown`] until something is added.
    pub fn new(open_on_bank_holidays: bool) -> Self {
        Self { open_on_bank_holidays, ..Self::default() }
    }

    /// Opens on a weekday between two civil times. `to` at midnight is the end of the day; `to` before `from` runs on
    /// into the next day.
    pub fn open(&mut self, day: Weekday, from: Time, to: Time) {
        let (from, to) = (minutes(from), minutes(to));
        if from < to {
            self.add(day, from, to);
        } else {
            self.add(day, from, DAY);
            if to > 0 {
                self.add(day.next(), 0, to);
            }
        }
    }

    /// Opens on a weekday from midnight to midnight.
    pub fn open_all_day(&mut self, day: Weekday) {
        self.add(day, 0, DAY);
    }

    fn add(&mut self, day: Weekday, from: u16, to: u16) {
        let stretches = &mut self.week[index(day)];
        stretches.push(Stretch { from, to });
        stretches.sort_unstable();
        let mut merged: Vec<Stretch> = Vec::with_capacity(stretches.len());
        for stretch in stretches.drain(..) {
            match merged.last_mut() {
                Some(last) if stretch.from <= last.to => last.to = last.to.max(stretch.to),
                _ => merged.push(stretch),
            }
        }
        *stretches = merged;
    }

    /// Closes for a while, whatever the hours say.
    pub fn close(&mut self, closure: Closure) {
        if closure.start < closure.end {
            self.closures.push(closure);
            self.closures.sort_by_key(|closure| closure.start);
        }
    }

    /// Whether any hours are on record.
    pub fn is_known(&self) -> bool {
        self.week.iter().any(|day| !day.is_empty())
    }

    pub fn open_on_bank_holidays(&self) -> bool {
        self.open_on_bank_holidays
    }

    pub fn closures(&self) -> &[Closure] {
        &self.closures
    }

    /// The instants between which the service is open on a civil day, in order, apart.
    pub fn on(&self, day: Date, holidays: &BankHolidays) -> Vec<(Timestamp, Timestamp)> {
        if !self.open_on_bank_holidays && holidays.name(day).is_some() {
            return Vec::new();
        }
        let stretches = &self.week[index(day.weekday())];
        let mut open: Vec<_> = stretches.iter().map(|s| (instant(day, s.from), instant(day, s.to))).collect();
        open.retain(|(start, end)| start < end);
        // Stretches that stand apart on the wall may meet when the clocks skip an hour.
        open.dedup_by(|next, last| {
            let meets = next.0 <= last.1;
            if meets {
                last.1 = last.1.max(next.1);
            }
            meets
        });
        for closure in &self.closures {
            open = open.into_iter().flat_map(|span| cut(span, closure)).collect();
        }
        open
    }

    /// Whether the service is open at `now`, until when, or when it opens next and why it is closed.
    pub fn at(&self, now: Timestamp, holidays: &BankHolidays) -> OpenState {
        if !self.is_known() {
            return OpenState::Unknown;
        }
        let today = words::london(now).date();
        let mut current: Option<Timestamp> = None;
        for ahead in 0..=HORIZON_DAYS {
            let Ok(day) = today.checked_add(ahead.days()) else { break };
            for (start, end) in self.on(day, holidays) {
                match current {
                    Some(until) if start == until => current = Some(end),
                    Some(until) => return OpenState::Open { until: Some(until) },
                    None if end <= now => {}
                    None if start <= now => current = Some(end),
                    None => {
                        return OpenState::Closed { next: Some(start), because: self.closed_for(now, today, holidays) };
                    }
                }
            }
            // Open to the end of this day: does it go on into the next?
            if let Some(until) = current {
                let goes_on = until == instant(day, DAY);
                if !goes_on {
                    return OpenState::Open { until: Some(until) };
                }
                if until.duration_since(now) > SignedDuration::from_hours(7 * 24) {
                    return OpenState::Open { until: None };
                }
            }
        }
        match current {
            Some(_) => OpenState::Open { until: None },
            None => OpenState::Closed { next: None, because: self.closed_for(now, today, holidays) },
        }
    }

    fn closed_for(&self, now: Timestamp, today: Date, holidays: &BankHolidays) -> Option<ClosedFor> {
        let would_open = !self.week[index(today.weekday())].is_empty() && !self.open_on_bank_holidays;
        if let Some(name) = holidays.name(today).filter(|_| would_open) {
            return Some(ClosedFor::BankHoliday(name.to_owned()));
        }
        let closure = self.closures.iter().find(|closure| closure.start <= now && now < closure.end)?;
        Some(ClosedFor::Closure(closure.reason.clone()))
    }

    /// Whether the service is open at an instant.
    pub fn is_open(&self, at: Timestamp, holidays: &BankHolidays) -> bool {
        self.on(words::london(at).date(), holidays).iter().any(|(start, end)| *start <= at && at < *end)
    }

    /// The next instant, `now` included, at which the service is open, within five weeks. `None` also when its hours are
    /// not known.
    pub fn next_open(&self, now: Timestamp, holidays: &BankHolidays) -> Option<Timestamp> {
        match self.at(now, holidays) {
            OpenState::Open { .. } => Some(now),
            OpenState::Closed { next, .. } => next,
            OpenState::Unknown => None,
        }
    }

    /// The hours of one civil day in words: "9am to 6pm", "9am to 1pm and 2pm to 6pm", "Closed", "Closed (Boxing Day)",
    /// "Open all day".
    pub fn day_words(&self, day: Date, holidays: &BankHolidays) -> String {
        let open = self.on(day, holidays);
        if open.is_empty() {
            let holiday = holidays.name(day).filter(|_| !self.week[index(day.weekday())].is_empty());
            return holiday.map_or_else(|| "Closed".to_owned(), |name| format!("Closed ({name})"));
        }
        if open == [(instant(day, 0), instant(day, DAY))] {
            return "Open all day".to_owned();
        }
        let spans: Vec<String> =
            open.iter().map(|(start, end)| format!("{} to {}", words::time_of(*start), words::time_of(*end))).collect();
        spans.join(" and ")
    }

    /// Today and the six days after it, each with its hours in words: for a table of opening times.
    pub fn week_words(&self, from: Date, holidays: &BankHolidays) -> Vec<(Date, String)> {
        (0..7i64)
            .filter_map(|ahead| from.checked_add(ahead.days()).ok())
            .map(|day| (day, self.day_words(day, holidays)))
            .collect()
    }
}

/// The instant of a minute of a civil day; [`DAY`] is the start of the next one.
fn instant(day: Date, minute: u16) -> Timestamp {
    if minute >= DAY {
        return day.tomorrow().map_or(Timestamp::MAX, words::start_of);
    }
    let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).unwrap_or(Time::midnight());
    let zoned = day.to_datetime(time).to_zoned(words::LONDON.clone());
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// What a closure leaves of an open span.
fn cut((start, end): (Timestamp, Timestamp), closure: &Closure) -> Vec<(Timestamp, Timestamp)> {
    let before = (start, end.min(closure.start));
    let after = (start.max(closure.end), end);
    [before, after].into_iter().filter(|(start, end)| start < end).collect()
}

#[cfg(test)]
#[path = "hours_tests.rs"]
mod tests;
