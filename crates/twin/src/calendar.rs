//! Days: opening hours as written in the data, and England's bank holidays.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times in minutes after midnight on each day of the week, Monday first.
pub type Week = [Vec<(u16, u16)>; 7];

/// One day of the twin's four weeks.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    pub date: Date,
    /// 0 is Monday.
    pub weekday: usize,
    pub holiday: bool,
}

/// The days from `today`.
pub fn days(today: Date, weeks: u32) -> Vec<Day> {
    (0..i64::from(weeks) * 7)
        .filter_map(|n| today.checked_add(n.days()).ok())
        .map(|date| Day { date, weekday: weekday(date), holiday: is_bank_holiday(date) })
        .collect()
}

pub fn weekday(date: Date) -> usize {
    date.weekday().to_monday_zero_offset() as usize
}

/// `mon-fri` or `mon,wed,fri`. A word that is no day is no day.
pub fn parse_days(text: &str) -> [bool; 7] {
    let index = |word: &str| DAYS.iter().position(|d| *d == word);
    let mut open = [false; 7];
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Some(from), Some(to)) = (index(from), index(to)) {
            open[from..=to].fill(true);
        }
    }
    open
}

fn parse_time(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    Some(hours.parse::<u16>().ok()? * 60 + minutes.parse::<u16>().ok()?)
}

/// `["mon-fri 08:00-18:30", "sat 09:00-12:00"]`.
pub fn parse_week(lines: &[String]) -> Week {
    let mut week = Week::default();
    for line in lines {
        let Some((days, times)) = line.split_once(' ') else { continue };
        let Some((from, to)) = times.split_once('-') else { continue };
        let (Some(from), Some(to)) = (parse_time(from), parse_time(to)) else { continue };
        for (day, open) in parse_days(days).into_iter().enumerate() {
            if open {
                week[day].push((from, to));
            }
        }
    }
    week
}

/// Where two weeks overlap.
pub fn intersect(a: &Week, b: &Week) -> Week {
    let mut both = Week::default();
    for day in 0..7 {
        for &(a_from, a_to) in &a[day] {
            for &(b_from, b_to) in &b[day] {
                let (from, to) = (a_from.max(b_from), a_to.min(b_to));
                if from < to {
                    both[day].push((from, to));
                }
            }
        }
    }
    both
}

/// Easter Sunday (anonymous Gregorian algorithm; Meeus, Astronomical Algorithms, 1991).
#[allow(clippy::many_single_char_names)] // the names of the published algorithm
fn easter(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::new(year, (n / 31) as i8, (n % 31 + 1) as i8).ok()
}

/// Whether England keeps a bank holiday on this day, by the standing rules (Banking and Financial Dealings Act 1971 and
/// yearly proclamation; <https://www.gov.uk/bank-holidays>). One-off holidays are not known to it.
pub fn is_bank_holiday(date: Date) -> bool {
    let (month, day, weekday) = (date.month(), date.day(), date.weekday());
    let monday = weekday == Weekday::Monday;
    match month {
        1 => {
            (day == 1 && weekday != Weekday::Saturday && weekday != Weekday::Sunday)
                || (monday && (2..=3).contains(&day))
        }
        3 | 4 => easter(date.year()).is_some_and(|sunday| {
            date.checked_add(2.days()).is_ok_and(|d| d == sunday)
                || date.checked_sub(1.day()).is_ok_and(|d| d == sunday)
        }),
        5 => monday && (day <= 7 || day >= 25),
        8 => monday && day >= 25,
        12 => match day {
            25 | 26 => weekday != Weekday::Saturday && weekday != Weekday::Sunday,
            // In lieu of a Saturday or Sunday: the next weekdays.
            27 => matches!(weekday, Weekday::Monday | Weekday::Tuesday),
            28 => matches!(weekday, Weekday::Monday | Weekday::Tuesday),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// <https://www.gov.uk/bank-holidays>, England and Wales.
    #[test]
    fn bank_holidays_are_those_of_gov_uk() {
        let published = [
            (2024, &[(1, 1), (3, 29), (4, 1), (5, 6), (5, 27), (8, 26), (12, 25), (12, 26)][..]),
            (2025, &[(1, 1), (4, 18), (4, 21), (5, 5), (5, 26), (8, 25), (12, 25), (12, 26)]),
            (2026, &[(1, 1), (4, 3), (4, 6), (5, 4), (5, 25), (8, 31), (12, 25), (12, 28)]),
            (2027, &[(1, 1), (3, 26), (3, 29), (5, 3), (5, 31), (8, 30), (12, 27), (12, 28)]),
            (2028, &[(1, 3), (4, 14), (4, 17), (5, 1), (5, 29), (8, 28), (12, 25), (12, 26)]),
        ];
        for (year, holidays) in published {
            let mut day = date(year, 1, 1);
            let mut found = Vec::new();
            while day.year() == year {
                if is_bank_holiday(day) {
                    found.push((day.month(), day.day()));
                }
                day = day.tomorrow().unwrap();
            }
            assert_eq!(found, holidays, "{year}");
        }
    }
}
