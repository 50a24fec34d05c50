use super::*;
use jiff::civil::{date, time};
use proptest::prelude::*;

fn holidays() -> &'static BankHolidays {
    BankHolidays::england()
}

fn at(text: &str) -> Timestamp {
    let civil: jiff::civil::DateTime = text.parse().unwrap();
    civil.to_zoned(words::LONDON.clone()).unwrap().timestamp()
}

const WEEKDAYS: [Weekday; 5] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// Weekdays 9am to 1pm and 2pm to 8pm.
fn pharmacy() -> Hours {
    let mut hours = Hours::new(false);
    for day in WEEKDAYS {
        hours.open(day, time(9, 0, 0, 0), time(13, 0, 0, 0));
        hours.open(day, time(14, 0, 0, 0), time(20, 0, 0, 0));
    }
    hours
}

fn hospital() -> Hours {
    let mut hours = Hours::new(true);
    for day in DAYS {
        hours.open_all_day(day);
    }
    hours
}

fn said(hours: &Hours, when: &str) -> String {
    hours.at(at(when), holidays()).words(at(when))
}

#[test]
fn opening_is_said_in_plain_words() {
    let hours = pharmacy();
    assert_eq!(said(&hours, "2026-11-20T10:00"), "Open until 1pm");
    assert_eq!(said(&hours, "2026-11-20T13:00"), "Opens 2pm today");
    assert_eq!(said(&hours, "2026-11-20T14:00"), "Open until 8pm");
    assert_eq!(said(&hours, "2026-11-20T20:00"), "Opens 9am on Monday");
    assert_eq!(said(&hours, "2026-11-22T12:00"), "Opens 9am tomorrow");
    assert_eq!(said(&hospital(), "2026-11-22T12:00"), "Open day and night");
    assert_eq!(said(&Hours::new(false), "2026-11-22T12:00"), "Opening times not known");
    assert_eq!(hours.day_words(date(2026, 11, 20), holidays()), "9am to 1pm and 2pm to 8pm");
    assert_eq!(hours.day_words(date(2026, 11, 21), holidays()), "Closed");
    assert_eq!(hospital().day_words(date(2026, 11, 21), holidays()), "Open all day");
}

#[test]
fn bank_holidays_close_what_does_not_say_otherwise() {
    let hours = pharmacy();
    // Good Friday to Easter Monday 2026.
    assert_eq!(said(&hours, "2026-04-03T10:00"), "Closed for the bank holiday. Opens 9am on Tuesday");
    assert_eq!(said(&hours, "2026-04-02T21:00"), "Opens 9am on Tuesday");
    assert_eq!(hours.day_words(date(2026, 4, 3), holidays()), "Closed (Good Friday)");
    // Saturday 26 December 2026 is no bank holiday, Monday 28 is.
    assert_eq!(said(&hours, "2026-12-26T10:00"), "Opens 9am on Tuesday");
    assert!(hospital().is_open(at("2026-04-03T10:00"), holidays()));
    let mut bank = Hours::new(true);
    bank.open(Weekday::Friday, time(9, 0, 0, 0), time(17, 0, 0, 0));
    assert_eq!(said(&bank, "2026-04-03T10:00"), "Open until 5pm");
}

#[test]
fn a_closure_closes_and_says_why() {
    let mut hours = pharmacy();
    let (start, end) = (at("2026-11-20T12:00"), at("2026-11-20T15:00"));
    hours.close(Closure { start, end, reason: "staff training".to_owned() });
    assert_eq!(said(&hours, "2026-11-20T11:00"), "Open until midday");
    assert_eq!(said(&hours, "2026-11-20T14:30"), "Closed for staff training. Opens 3pm today");
    assert_eq!(said(&hours, "2026-11-20T15:00"), "Open until 8pm");
    hours.close(Closure { start, end: at("2027-06-01T00:00"), reason: "building work".to_owned() });
    assert_eq!(said(&hours, "2026-11-21T10:00"), "Closed for building work");
    assert_eq!(hours.next_open(at("2026-11-21T10:00"), holidays()), None);
}

#[test]
fn hours_past_midnight_run_on_into_the_next_day() {
    let mut hours = Hours::new(false);
    hours.open(Weekday::Friday, time(20, 0, 0, 0), time(2, 0, 0, 0));
    assert_eq!(said(&hours, "2026-11-20T23:00"), "Open until 2am tomorrow");
    assert_eq!(said(&hours, "2026-11-21T01:00"), "Open until 2am");
    assert!(!hours.is_open(at("2026-11-21T02:00"), holidays()));
    let mut late = Hours::new(false);
    late.open(Weekday::Friday, time(9, 0, 0, 0), time(0, 0, 0, 0));
    assert_eq!(said(&late, "2026-11-20T23:00"), "Open until midnight");
}

#[test]
fn the_spring_clock_change_takes_an_hour_from_the_day() {
    // 29 March 2026: 1am becomes 2am.
    let day = hospital().on(date(2026, 3, 29), holidays());
    assert_eq!(day[0].1.duration_since(day[0].0), SignedDuration::from_hours(23));
    let mut hours = Hours::new(false);
    hours.open(Weekday::Sunday, time(0, 0, 0, 0), time(1, 30, 0, 0));
    let open = hours.on(date(2026, 3, 29), holidays());
    // Half past one does not exist; it counts as half past two, 1:30 GMT.
    assert_eq!(open, [("2026-03-29T00:00Z".parse().unwrap(), "2026-03-29T01:30Z".parse().unwrap())]);
    // 9am on the day is 8am by the sun, and so it is the day after.
    let mut sundays = Hours::new(false);
    sundays.open(Weekday::Sunday, time(9, 0, 0, 0), time(17, 0, 0, 0));
    assert_eq!(
        sundays.next_open("2026-03-28T12:00Z".parse().unwrap(), holidays()),
        Some("2026-03-29T08:00Z".parse().unwrap())
    );
    assert_eq!(said(&sundays, "2026-03-28T12:00"), "Opens 9am tomorrow");
}

#[test]
fn the_autumn_clock_change_gives_an_hour_to_the_day() {
    // 25 October 2026: 2am becomes 1am.
    let day = hospital().on(date(2026, 10, 25), holidays());
    assert_eq!(day[0].1.duration_since(day[0].0), SignedDuration::from_hours(25));
    assert_eq!(said(&hospital(), "2026-10-25T01:30"), "Open day and night");
    let mut hours = Hours::new(false);
    hours.open(Weekday::Sunday, time(0, 0, 0, 0), time(1, 30, 0, 0));
    // The first half past one is meant, while summer time still holds.
    assert_eq!(
        hours.on(date(2026, 10, 25), holidays()),
        [("2026-10-24T23:00Z".parse().unwrap(), "2026-10-25T00:30Z".parse().unwrap())]
    );
    let mut sundays = Hours::new(false);
    sundays.open(Weekday::Sunday, time(9, 0, 0, 0), time(17, 0, 0, 0));
    assert_eq!(
        sundays.next_open("2026-10-24T12:00Z".parse().unwrap(), holidays()),
        Some("2026-10-25T09:00Z".parse().unwrap())
    );
}

proptest! {
    /// `at`, `is_open` and `next_open` tell one story, minute by minute, over both clock changes and bank holidays.
    #[test]
    fn open_now_until_and_next_agree(
        stretches in prop::collection::vec((0usize..7, 0i8..24, 0i8..24), 1..8),
        bank in any::<bool>(),
        minute in 0i64..(2 * 366 * 24 * 60),
    ) {
        let mut hours = Hours::new(bank);
        for (day, from, to) in stretches {
            hours.open(DAYS[day], time(from, 0, 0, 0), time(to, 30, 0, 0));
        }
        let now = at("2025-12-20T00:00") + SignedDuration::from_mins(minute);
        let moment = SignedDuration::from_secs(1);
        match hours.at(now, holidays()) {
            OpenState::Open { until } => {
                prop_assert!(hours.is_open(now, holidays()));
                if let Some(until) = until {
                    prop_assert!(until > now);
                    prop_assert!(!hours.is_open(until, holidays()));
                    prop_assert!(hours.is_open(until - moment, holidays()));
                }
            }
            OpenState::Closed { next, .. } => {
                prop_assert!(!hours.is_open(now, holidays()));
                if let Some(next) = next {
                    prop_assert!(hours.is_open(next, holidays()));
                    prop_assert!(!hours.is_open(next - moment, holidays()));
                    let half = next - next.duration_since(now) / 2;
                    prop_assert!(!hours.is_open(half, holidays()));
                }
            }
            OpenState::Unknown => prop_assert!(false, "hours were given"),
        }
    }
}
