//! Times and days as people say them, in the NHS content style: "8pm", "5:30pm", "midday", "Monday 4 January".

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::sync::LazyLock;

/// Where the neighbourhood is: every civil time in Kith is read and said in this zone.
pub static LONDON: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Europe/London").expect("the time zone database is bundled"));

/// An instant on London clocks.
pub fn london(instant: Timestamp) -> Zoned {
    instant.to_zoned(LONDON.clone())
}

/// The first instant of a civil day in London.
pub fn start_of(day: Date) -> Timestamp {
    day.to_zoned(LONDON.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// "9am", "5:30pm", "midday", "midnight".
pub fn time(time: Time) -> String {
    let (hour, minute) = (time.hour(), time.minute());
    match (hour, minute) {
        (0, 0) => "midnight".to_owned(),
        (12, 0) => "midday".to_owned(),
        _ => {
            let half = if hour < 12 { "am" } else { "pm" };
            let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
            if minute == 0 { format!("{twelve}{half}") } else { format!("{twelve}:{minute:02}{half}") }
        }
    }
}

/// The time of day of an instant: "5:30pm".
pub fn time_of(instant: Timestamp) -> String {
    time(london(instant).time())
}

/// "Monday".
pub fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// "January".
pub fn month(month: i8) -> &'static str {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or("")
}

/// A day as said on `today`: "today", "tomorrow", "on Monday" within the week, then "on Monday 4 January", with the year
/// when it is another one. Days before today are given in full.
pub fn day(day: Date, today: Date) -> String {
    let ahead = today.until(day).map_or(i32::MAX, |span| span.get_days());
    let name = weekday(day.weekday());
    match ahead {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        2..=6 => format!("on {name}"),
        _ if day.year() == today.year() => format!("on {name} {} {}", day.day(), month(day.month())),
        _ => format!("on {name} {} {} {}", day.day(), month(day.month()), day.year()),
    }
}

/// An instant as said at `now`: "2pm today", "9am tomorrow", "9am on Monday".
pub fn when(instant: Timestamp, now: Timestamp) -> String {
    let at = london(instant);
    format!("{} {}", time(at.time()), day(at.date(), london(now).date()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil;

    #[test]
    fn times_are_said_in_the_nhs_style() {
        let said = |h, m| time(civil::time(h, m, 0, 0));
        assert_eq!(said(0, 0), "midnight");
        assert_eq!(said(0, 30), "12:30am");
        assert_eq!(said(9, 0), "9am");
        assert_eq!(said(12, 0), "midday");
        assert_eq!(said(12, 5), "12:05pm");
        assert_eq!(said(20, 0), "8pm");
    }

    #[test]
    fn days_are_said_from_where_today_stands() {
        let today = civil::date(2026, 11, 20);
        assert_eq!(day(today, today), "today");
        assert_eq!(day(civil::date(2026, 11, 21), today), "tomorrow");
        assert_eq!(day(civil::date(2026, 11, 23), today), "on Monday");
        assert_eq!(day(civil::date(2026, 11, 27), today), "on Friday 27 November");
        assert_eq!(day(civil::date(2027, 1, 4), today), "on Monday 4 January 2027");
        assert_eq!(day(civil::date(2026, 11, 19), today), "on Thursday 19 November");
    }
}
