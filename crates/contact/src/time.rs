//! Times as people in England say them. Everything is civil time in Europe/London; the record keeps instants with their
//! offset.

use std::sync::LazyLock;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use kith_fhir::Value;

static LONDON: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Europe/London").expect("the time zone database is built in"));

/// The instant on a clock in London.
pub fn london(at: Timestamp) -> Zoned {
    at.to_zoned(LONDON.clone())
}

/// The day in London.
pub fn day(at: Timestamp) -> Date {
    london(at).date()
}

/// A civil time on a day in London. In the hour that the spring change skips, the time after it; in the one that the
/// autumn change repeats, the first.
pub fn on(date: Date, hour: i8, minute: i8) -> Timestamp {
    date.at(hour, minute, 0, 0).to_zoned(LONDON.clone()).map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

/// A FHIR `dateTime` to the second, with London's offset: `2026-11-26T10:20:00+00:00`.
pub fn fhir(at: Timestamp) -> String {
    london(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// A FHIR `instant`, or a `dateTime` that has a time; `None` for anything else.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The instant at a JSON pointer.
pub fn at(value: &Value, pointer: &str) -> Option<Timestamp> {
    parse(value.pointer(pointer)?.as_str()?)
}

/// `10:20am`, `2pm`, `midday`, `midnight`.
pub fn clock(at: Timestamp) -> String {
    let time = london(at).time();
    match (time.hour(), time.minute()) {
        (0, 0) => "midnight".to_owned(),
        (12, 0) => "midday".to_owned(),
        (hour, minute) => {
            let half = if hour < 12 { "am" } else { "pm" };
            let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
            if minute == 0 { format!("{hour}{half}") } else { format!("{hour}:{minute:02}{half}") }
        }
    }
}

/// `today`, `tomorrow`, `yesterday`, `Thursday 26 November`, or with the year when it is another.
pub fn day_words(at: Timestamp, now: Timestamp) -> String {
    let (then, today) = (day(at), day(now));
    if then == today {
        "today".to_owned()
    } else if today.tomorrow().is_ok_and(|d| d == then) {
        "tomorrow".to_owned()
    } else if today.yesterday().is_ok_and(|d| d == then) {
        "yesterday".to_owned()
    } else if then.year() == today.year() {
        then.strftime("%A %-d %B").to_string()
    } else {
        then.strftime("%A %-d %B %Y").to_string()
    }
}

/// `6:30pm today`, `10am on Thursday 26 November`.
pub fn by_words(at: Timestamp, now: Timestamp) -> String {
    let day = day_words(at, now);
    let on = if day.contains(' ') { "on " } else { "" };
    format!("{} {on}{day}", clock(at))
}

/// `Thursday 26 November at 10:20am`: for a text, which is read on another day than it was sent.
pub fn full_words(at: Timestamp) -> String {
    format!("{} at {}", london(at).strftime("%A %-d %B"), clock(at))
}

/// A length of time in its largest whole unit: `4 minutes`, `3 hours`, `2 days`. Never negative.
pub fn length_words(length: SignedDuration) -> String {
    let minutes = length.as_mins().max(0);
    let (count, unit) = match minutes {
        0..60 => (minutes, "minute"),
        60..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// How work stands against its due time: `Overdue by 3 hours`, `Due in 20 minutes`, `Due by 6:30pm today`.
pub fn due_words(due: Timestamp, now: Timestamp) -> String {
    let left = due.duration_since(now);
    if left.is_negative() {
        format!("Overdue by {}", length_words(-left))
    } else if left < SignedDuration::from_hours(1) {
        format!("Due in {}", length_words(left))
    } else {
        format!("Due by {}", by_words(due, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let now = ts("2026-11-20T09:00:00Z");
        assert_eq!(by_words(ts("2026-11-20T18:30:00Z"), now), "6:30pm today");
        assert_eq!(by_words(ts("2026-11-21T00:00:00Z"), now), "midnight tomorrow");
        assert_eq!(by_words(ts("2026-11-26T12:00:00Z"), now), "midday on Thursday 26 November");
        assert_eq!(day_words(ts("2027-01-04T12:00:00Z"), now), "Monday 4 January 2027");
        assert_eq!(full_words(ts("2026-11-26T10:20:00Z")), "Thursday 26 November at 10:20am");
        assert_eq!(due_words(ts("2026-11-20T05:30:00Z"), now), "Overdue by 3 hours");
        assert_eq!(due_words(ts("2026-11-20T09:20:00Z"), now), "Due in 20 minutes");
        assert_eq!(due_words(ts("2026-11-20T10:20:00Z"), now), "Due by 10:20am today");
        assert_eq!(due_words(ts("2026-11-18T08:00:00Z"), now), "Overdue by 2 days");
    }

    #[test]
    fn both_clock_changes_are_told_in_london_time() {
        // 2026: forward on 29 March, back on 25 October.
        assert_eq!(fhir(ts("2026-03-29T00:30:00Z")), "2026-03-29T00:30:00+00:00");
        assert_eq!(fhir(ts("2026-03-29T01:30:00Z")), "2026-03-29T02:30:00+01:00");
        assert_eq!(clock(ts("2026-07-01T09:15:00Z")), "10:15am");
        assert_eq!(on(jiff::civil::date(2026, 3, 29), 1, 30), ts("2026-03-29T01:30:00Z"));
        assert_eq!(on(jiff::civil::date(2026, 10, 25), 1, 30), ts("2026-10-25T00:30:00Z"));
        // A day is a day on the calendar, though it has 25 hours.
        assert_eq!(day_words(ts("2026-10-25T23:30:00Z"), ts("2026-10-24T23:30:00Z")), "today");
        assert_eq!(day_words(ts("2026-10-26T00:30:00Z"), ts("2026-10-24T23:30:00Z")), "tomorrow");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let at = ts("2026-06-01T10:00:00Z");
        assert_eq!(parse(&fhir(at)), Some(at));
        assert_eq!(parse("2026-06-01"), None);
        assert_eq!(parse("nonsense"), None);
    }
}
