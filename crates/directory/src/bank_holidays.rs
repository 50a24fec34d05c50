//! Bank holidays in England, from `content/vocabulary/bank-holidays.toml`.

use jiff::civil::{Date, Weekday};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static BUILT_IN: LazyLock<BankHolidays> = LazyLock::new(|| {
    BankHolidays::parse(include_str!("../../../content/vocabulary/bank-holidays.toml"))
        .expect("the bank holidays file is checked by the tests")
});

/// The days kept as bank holidays, by date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankHolidays {
    days: BTreeMap<Date, String>,
    from: i16,
    to: i16,
}

#[derive(Deserialize)]
struct File {
    from: i16,
    to: i16,
    holidays: Vec<Holiday>,
}

#[derive(Deserialize)]
struct Holiday {
    date: Date,
    name: String,
}

impl BankHolidays {
    /// Reads the text of a bank holidays file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let file: File = toml::from_str(text)?;
        let days = file.holidays.into_iter().map(|h| (h.date, h.name)).collect();
        Ok(Self { days, from: file.from, to: file.to })
    }

    /// The list this version of Kith was built with.
    pub fn england() -> &'static Self {
        &BUILT_IN
    }

    /// The name of the holiday kept on this day, if it is one.
    pub fn name(&self, day: Date) -> Option<&str> {
        self.days.get(&day).map(String::as_str)
    }

    /// Monday to Friday, and no bank holiday.
    pub fn is_working_day(&self, day: Date) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && self.name(day).is_none()
    }

    /// Whether the list is whole for this day's year. Outside it every day counts as an ordinary one.
    pub fn covers(&self, day: Date) -> bool {
        (self.from..=self.to).contains(&day.year())
    }

    /// Every holiday, in order.
    pub fn days(&self) -> impl Iterator<Item = (Date, &str)> {
        self.days.iter().map(|(day, name)| (*day, name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::date;

    /// Easter Sunday by the anonymous Gregorian computus (Nature, 20 April 1876; Meeus, Astronomical Algorithms, ch. 8).
    #[allow(clippy::many_single_char_names, reason = "as published")]
    fn easter(year: i16) -> Date {
        let y = i32::from(year);
        let (a, b, c) = (y % 19, y / 100, y % 100);
        let (d, e) = (b / 4, b % 4);
        let g = (b - (b + 8) / 25 + 1) / 3;
        let h = (19 * a + b - d - g + 15) % 30;
        let (i, k) = (c / 4, c % 4);
        let l = (32 + 2 * e + 2 * i - h - k) % 7;
        let m = (a + 11 * h + 22 * l) / 451;
        let n = h + l - 7 * m + 114;
        date(year, (n / 31) as i8, (n % 31 + 1) as i8)
    }

    /// Weekend days move on to the next weekday not already taken.
    fn kept(day: Date, taken: &[Date]) -> Date {
        let mut day = day;
        while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) || taken.contains(&day) {
            day = day.tomorrow().unwrap();
        }
        day
    }

    #[test]
    fn the_list_is_what_the_rules_of_england_give() {
        let list = BankHolidays::england();
        let mut expected = Vec::new();
        for year in 2025..=2028 {
            let easter = easter(year);
            let christmas = kept(date(year, 12, 25), &[]);
            // Boxing Day on a Saturday moves past Christmas that moved.
            let boxing = kept(date(year, 12, 26), &[christmas]);
            expected.extend([
                (kept(date(year, 1, 1), &[]), "New Year’s Day"),
                (easter - 2.days(), "Good Friday"),
                (easter + 1.day(), "Easter Monday"),
                (date(year, 5, 1).nth_weekday_of_month(1, Weekday::Monday).unwrap(), "Early May bank holiday"),
                (date(year, 5, 1).nth_weekday_of_month(-1, Weekday::Monday).unwrap(), "Spring bank holiday"),
                (date(year, 8, 1).nth_weekday_of_month(-1, Weekday::Monday).unwrap(), "Summer bank holiday"),
                (christmas, "Christmas Day"),
                (boxing, "Boxing Day"),
            ]);
        }
        expected.sort();
        let listed: Vec<_> = list.days().collect();
        assert_eq!(listed, expected);
        assert!(list.covers(date(2028, 12, 31)) && !list.covers(date(2029, 1, 1)));
    }
}
