//! How dates, times, ages and numbers are written for people: NHS content style, UK English, Europe/London.
//!
//! Every function takes what the record or a view model holds as text: an RFC 3339 instant (`2026-11-20T16:15:00Z`), an
//! RFC 9557 zoned time, a civil date or date-time (which is already local), or a FHIR partial date (`2026-11`, `2026`).
//! What cannot be read is shown as it was written: a page never fails, and nothing is guessed.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit, Zoned};

/// The time zone of every page. It is in the bundled database, so it is always there.
pub fn london() -> TimeZone {
    TimeZone::get("Europe/London").expect("bundled time zone database")
}

/// A moment as precisely as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    Instant(Zoned),
    Local(DateTime),
    Day(Date),
    Month(Date),
    Year(i16),
}

impl When {
    /// Reads any of the forms above; none if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.len() {
            4 => {
                let year = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))?;
                return Some(Self::Year(year));
            }
            7 => return format!("{text}-01").parse().ok().map(Self::Month),
            10 => return text.parse().ok().map(Self::Day),
            _ => {}
        }
        if text.contains('[') {
            let zoned: Zoned = text.parse().ok()?;
            return Some(Self::Instant(zoned.with_time_zone(london())));
        }
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Some(Self::Instant(instant.to_zoned(london())));
        }
        text.parse().ok().map(Self::Local)
    }

    fn local(&self) -> Option<DateTime> {
        match self {
            Self::Instant(zoned) => Some(zoned.datetime()),
            Self::Local(local) => Some(*local),
            Self::Day(_) | Self::Month(_) | Self::Year(_) => None,
        }
    }

    fn day(&self) -> Option<Date> {
        match self {
            Self::Day(day) => Some(*day),
            other => other.local().map(DateTime::date),
        }
    }
}

fn or_as_written(text: &str, read: impl FnOnce(When) -> Option<String>) -> String {
    When::parse(text).and_then(read).unwrap_or_else(|| text.to_owned())
}

/// `Friday 20 November 2026`; a partial date as far as it goes: `November 2026`, `2026`.
pub fn date(text: &str) -> String {
    or_as_written(text, |when| match when {
        When::Month(month) => Some(month.strftime("%B %Y").to_string()),
        When::Year(year) => Some(year.to_string()),
        other => other.day().map(|day| day.strftime("%A %-d %B %Y").to_string()),
    })
}

/// `20 November 2026`, where the day of the week does not help (dates of birth, results).
pub fn short_date(text: &str) -> String {
    or_as_written(text, |when| match when {
        When::Month(month) => Some(month.strftime("%B %Y").to_string()),
        When::Year(year) => Some(year.to_string()),
        other => other.day().map(|day| day.strftime("%-d %B %Y").to_string()),
    })
}

/// `9am`, `4:15pm`, `midday`, `midnight`.
pub fn time(text: &str) -> String {
    or_as_written(text, |when| when.local().map(clock))
}

fn clock(local: DateTime) -> String {
    match (local.hour(), local.minute()) {
        (0, 0) => "midnight".to_owned(),
        (12, 0) => "midday".to_owned(),
        (hour, minute) => {
            let half = if hour < 12 { "am" } else { "pm" };
            let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
            if minute == 0 { format!("{hour}{half}") } else { format!("{hour}:{minute:02}{half}") }
        }
    }
}

/// `Friday 20 November 2026 at 4:15pm`; without a time of day, the date alone.
pub fn datetime(text: &str) -> String {
    match When::parse(text).and_then(|when| when.local()) {
        Some(local) => format!("{} at {}", local.strftime("%A %-d %B %Y"), clock(local)),
        None => date(text),
    }
}

/// How long ago, or how soon, as somebody would say it at `now`: `5 minutes ago`, `yesterday at 4:15pm`, `in 2 hours`,
/// `tomorrow at 9am`; further away than six days, the date.
pub fn ago(text: &str, now: &Zoned) -> String {
    let said = |when: When| {
        let now = now.with_time_zone(london());
        let today = now.date();
        let Some(local) = when.local() else {
            let day = when.day()?;
            return Some(match day_distance(day, today) {
                0 => "today".to_owned(),
                -1 => "yesterday".to_owned(),
                1 => "tomorrow".to_owned(),
                n @ -6..=-2 => format!("{} days ago", -n),
                n @ 2..=6 => format!("in {n} days"),
                _ => return None,
            });
        };
        let then = match when {
            When::Instant(zoned) => zoned,
            _ => local.to_zoned(london()).ok()?,
        };
        let seconds = now.duration_until(&then).as_secs();
        Some(match day_distance(local.date(), today) {
            _ if (-59..=59).contains(&seconds) => "just now".to_owned(),
            _ if (-60 * 60 < seconds) && seconds < 0 => plural(-seconds / 60, "minute", true),
            _ if (0..60 * 60).contains(&seconds) => plural(seconds / 60, "minute", false),
            0 if seconds < 0 => plural(-seconds / 3600, "hour", true),
            0 => plural(seconds / 3600, "hour", false),
            -1 => format!("yesterday at {}", clock(local)),
            1 => format!("tomorrow at {}", clock(local)),
            n @ -6..=-2 => format!("{} days ago", -n),
            n @ 2..=6 => format!("in {n} days"),
            _ => return None,
        })
    };
    When::parse(text).and_then(said).unwrap_or_else(|| date(text))
}

fn day_distance(day: Date, today: Date) -> i32 {
    today.until((Unit::Day, day)).unwrap_or_else(|_| Span::new()).get_days()
}

fn plural(n: i64, unit: &str, past: bool) -> String {
    let s = if n == 1 { "" } else { "s" };
    if past { format!("{n} {unit}{s} ago") } else { format!("in {n} {unit}{s}") }
}

/// Age in completed units on `today`: days to four weeks, weeks to a year, months to two years, then years.
/// None for a date in the future or one that cannot be read to the year.
pub fn age(born: &str, today: Date) -> Option<String> {
    let born = match When::parse(born)? {
        When::Month(first) => first,
        When::Year(year) => Date::new(year, 1, 1).ok()?,
        other => other.day()?,
    };
    if born > today {
        return None;
    }
    let span = born.until((Unit::Year, today)).ok()?;
    let days = born.until((Unit::Day, today)).ok()?.get_days();
    let months = i32::from(span.get_years()) * 12 + span.get_months();
    let (n, unit) = match (span.get_years(), months) {
        _ if days < 28 => (days, "day"),
        (0, _) => (days / 7, "week"),
        (1, months) => (months, "month"),
        (years, _) => (i32::from(years), "year"),
    };
    Some(format!("{n} {unit}{}", if n == 1 { "" } else { "s" }))
}

/// `999 000 0018`; anything but ten digits as it was written.
pub fn nhs_number(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 10 { format!("{} {} {}", &digits[..3], &digits[3..6], &digits[6..]) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_read_as_people_say_them_in_london() {
        assert_eq!(date("2026-11-20"), "Friday 20 November 2026");
        assert_eq!(date("2026-11"), "November 2026");
        assert_eq!(date("1951"), "1951");
        assert_eq!(short_date("1951-02-03"), "3 February 1951");
        assert_eq!(time("2026-11-20T16:15:00Z"), "4:15pm");
        assert_eq!(time("2026-07-20T16:15:00Z"), "5:15pm");
        assert_eq!(time("2026-07-20T09:00:00+01:00"), "9am");
        assert_eq!(time("2026-11-20T12:00:00[Europe/London]"), "midday");
        assert_eq!(time("2026-11-20T00:05:00"), "12:05am");
        assert_eq!(datetime("2026-11-20T16:15:00Z"), "Friday 20 November 2026 at 4:15pm");
        assert_eq!(datetime("2026-11-20"), "Friday 20 November 2026");
        assert_eq!(datetime("2026"), "2026");
    }

    #[test]
    fn both_clock_changes_are_told_as_the_wall_clock_does() {
        assert_eq!(time("2026-03-29T00:59:00Z"), "12:59am");
        assert_eq!(time("2026-03-29T01:00:00Z"), "2am");
        assert_eq!(time("2026-10-25T00:30:00Z"), "1:30am");
        assert_eq!(time("2026-10-25T01:30:00Z"), "1:30am");
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_written() {
        for odd in ["", "soon", "20/11/2026", "2026-13", "2026-02-30", "12:00", "é€"] {
            assert_eq!(date(odd), odd);
            assert_eq!(datetime(odd), odd);
            assert_eq!(time(odd), odd);
        }
    }

    #[test]
    fn how_long_ago_is_said_as_people_say_it() {
        let now: Zoned = "2026-11-20T16:15:00[Europe/London]".parse().unwrap();
        for (then, said) in [
            ("2026-11-20T16:14:30Z", "just now"),
            ("2026-11-20T16:14:00Z", "1 minute ago"),
            ("2026-11-20T15:20:00Z", "55 minutes ago"),
            ("2026-11-20T14:10:00Z", "2 hours ago"),
            ("2026-11-20T16:45:00Z", "in 30 minutes"),
            ("2026-11-20T18:15:00Z", "in 2 hours"),
            ("2026-11-19T16:15:00Z", "yesterday at 4:15pm"),
            ("2026-11-21T09:00:00Z", "tomorrow at 9am"),
            ("2026-11-17T09:00:00Z", "3 days ago"),
            ("2026-11-24", "in 4 days"),
            ("2026-11-20", "today"),
            ("2026-10-01T09:00:00Z", "Thursday 1 October 2026"),
            ("2026-12-25", "Friday 25 December 2026"),
        ] {
            assert_eq!(ago(then, &now), said, "{then}");
        }
    }

    #[test]
    fn age_is_in_the_unit_that_matters() {
        let today: Date = "2026-11-20".parse().unwrap();
        for (born, said) in [
            ("2026-11-20", Some("0 days")),
            ("2026-11-19", Some("1 day")),
            ("2026-10-20", Some("4 weeks")),
            ("2025-11-20", Some("12 months")),
            ("2024-11-20", Some("2 years")),
            ("1951-11-21", Some("74 years")),
            ("1951", Some("75 years")),
            ("2026-11-21", None),
            ("not known", None),
        ] {
            assert_eq!(age(born, today).as_deref(), said, "{born}");
        }
    }

    #[test]
    fn nhs_numbers_are_grouped_three_three_four() {
        assert_eq!(nhs_number("9990000018"), "999 000 0018");
        assert_eq!(nhs_number("999 000 0018"), "999 000 0018");
        assert_eq!(nhs_number("unknown"), "unknown");
    }
}
