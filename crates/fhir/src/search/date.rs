//! Dates as spans of time, with the precision they were written with.
//!
//! `2026` is a year long, `2026-03-29` a day (23 hours, the day the clocks go forward), `2026-03-29T09:15:00Z` a second.
//! What carries no zone is civil time in London.

use std::sync::LazyLock;

use jiff::{Timestamp, civil, tz::TimeZone};

/// Europe/London. The zone database is compiled in, so it is always there.
pub fn london() -> &'static TimeZone {
    static LONDON: LazyLock<TimeZone> =
        LazyLock::new(|| TimeZone::get("Europe/London").expect("the bundled zone database holds Europe/London"));
    &LONDON
}

/// How finely a FHIR date was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-03`
    Month,
    /// `2026-03-29`
    Day,
    /// `2026-03-29T09:15` (queries only)
    Minute,
    /// `2026-03-29T09:15:00`
    Second,
    /// with so many decimal places, 1 to 6; more are cut
    Fraction(u8),
}

/// A FHIR `date`, `dateTime` or `instant`, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// As written, before the offset; missing parts are the first of their kind.
    pub civil: civil::DateTime,
    /// Minutes east of UTC, where written.
    pub offset: Option<i32>,
    /// How much of it was written.
    pub precision: Precision,
}

/// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `YYYY-MM-DDThh:mm[:ss[.f…]]` with `Z`, `±hh:mm` or no zone. `None` for
/// anything else, and for days and times that do not exist in the calendar.
pub fn parse(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    let digits = |at: usize, count: usize| -> Option<i32> {
        let mut value = 0;
        for &b in bytes.get(at..at + count)? {
            if !b.is_ascii_digit() {
                return None;
            }
            value = value * 10 + i32::from(b - b'0');
        }
        Some(value)
    };
    let is = |at: usize, sign: u8| bytes.get(at) == Some(&sign);
    let year = digits(0, 4)? as i16;
    if year == 0 {
        return None;
    }
    let date = |month: i32, day: i32| civil::Date::new(year, month as i8, day as i8).ok();
    let whole = |date: civil::Date, precision| Some(Moment { civil: date.at(0, 0, 0, 0), offset: None, precision });
    if bytes.len() == 4 {
        return whole(date(1, 1)?, Precision::Year);
    }
    let month = is(4, b'-').then(|| digits(5, 2))??;
    if bytes.len() == 7 {
        return whole(date(month, 1)?, Precision::Month);
    }
    let day = is(7, b'-').then(|| digits(8, 2))??;
    let day = date(month, day)?;
    if bytes.len() == 10 {
        return whole(day, Precision::Day);
    }
    let hour = is(10, b'T').then(|| digits(11, 2))??;
    let minute = is(13, b':').then(|| digits(14, 2))??;
    let mut at = 16;
    let mut precision = Precision::Minute;
    let (mut second, mut nanos) = (0, 0);
    if is(at, b':') {
        // A leap second is folded into the second before it.
        second = digits(at + 1, 2).filter(|s| *s <= 60)?.min(59);
        at += 3;
        precision = Precision::Second;
        if is(at, b'.') {
            let places = bytes[at + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if places == 0 {
                return None;
            }
            let used = places.min(6);
            nanos = digits(at + 1, used)? * 10_i32.pow(9 - used as u32);
            precision = Precision::Fraction(used as u8);
            at += 1 + places;
        }
    }
    let offset = match bytes.get(at) {
        None => None,
        Some(b'Z') if bytes.len() == at + 1 => Some(0),
        // A plus sign that came through a form unescaped is a space.
        Some(sign @ (b'+' | b'-' | b' ')) if bytes.len() == at + 6 && is(at + 3, b':') => {
            let minutes = digits(at + 1, 2)? * 60 + digits(at + 4, 2).filter(|m| *m < 60)?;
            if minutes > 18 * 60 {
                return None;
            }
            Some(if *sign == b'-' { -minutes } else { minutes })
        }
        Some(_) => return None,
    };
    let time = civil::Time::new(hour as i8, minute as i8, second as i8, nanos).ok()?;
    Some(Moment { civil: day.to_datetime(time), offset, precision })
}

impl Moment {
    /// The span it means, in µs since 1970 UTC: first included, last excluded.
    pub fn range(&self) -> (i64, i64) {
        let low = self.micros(self.civil);
        let step = match self.precision {
            Precision::Fraction(places) => 10_i64.pow(6 - u32::from(places)),
            Precision::Second => 1_000_000,
            Precision::Minute => 60_000_000,
            Precision::Day | Precision::Month | Precision::Year => {
                let date = self.civil.date();
                let next = match self.precision {
                    Precision::Day => date.tomorrow().ok(),
                    Precision::Month => date.last_of_month().tomorrow().ok(),
                    _ => date.last_of_year().tomorrow().ok(),
                };
                // The end of 9999 is the end of time.
                return (low, next.map_or(i64::MAX, |date| self.micros(date.at(0, 0, 0, 0))));
            }
        };
        (low, low.saturating_add(step))
    }

    /// The first moment of it.
    pub fn timestamp(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.micros(self.civil)).ok()
    }

    /// The civil day in London on which it begins; as written where it has no zone.
    pub fn london_date(&self) -> Option<civil::Date> {
        match self.offset {
            None => Some(self.civil.date()),
            Some(_) => Some(self.timestamp()?.to_zoned(london().clone()).date()),
        }
    }

    fn micros(&self, at: civil::DateTime) -> i64 {
        let offset_seconds = match self.offset {
            Some(minutes) => i64::from(minutes) * 60,
            None => {
                return london().to_timestamp(at).map_or_else(|_| utc_micros(at), Timestamp::as_microsecond);
            }
        };
        utc_micros(at) - offset_seconds * 1_000_000
    }
}

/// Microseconds since 1970 of a civil time read as UTC.
fn utc_micros(at: civil::DateTime) -> i64 {
    let days = days_from_civil(i64::from(at.year()), i64::from(at.month()), i64::from(at.day()));
    let seconds = days * 86_400 + i64::from(at.hour()) * 3600 + i64::from(at.minute()) * 60 + i64::from(at.second());
    seconds * 1_000_000 + i64::from(at.subsec_nanosecond()) / 1000
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Howard Hinnant, "chrono-compatible low-level date
/// algorithms" (2013).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The span that a FHIR date means, in µs since 1970 UTC, last excluded; `None` where it is not a date.
pub fn range(text: &str) -> Option<(i64, i64)> {
    parse(text).map(|moment| moment.range())
}
