//! NHS numbers from the test range 999, by check digit (NHS Data Dictionary, NHS NUMBER, modulus 11).

use crate::cast::CAST;
use crate::person::Identity;

/// Five digits after 999 and nine or ten valid endings for each: so many are certain to exist.
const NUMBERS: u64 = 900_000;

/// The person's number. The test range is smaller than a neighbourhood of a million: those beyond it have none, as some
/// people have none in life.
pub fn of(who: &Identity) -> Option<String> {
    let n = match who.cast {
        Some(member) => CAST.iter().position(|c| c.key == member.key)? as u64,
        None => who.index + CAST.len() as u64,
    };
    (n < NUMBERS).then(|| nth(n))
}

/// The n-th number, a different one for each n below `NUMBERS`, not in order.
fn nth(n: u64) -> String {
    // 39_916_801 is prime, so it shares no factor with 900,000 and the map is one to one.
    let n = (n * 39_916_801 + 271_828) % NUMBERS;
    let head = 99_900_000 + n / 9;
    let valid = (0..10).filter_map(|last| Some((last, check_digit(head * 10 + last)?)));
    let (last, check) = valid.into_iter().nth((n % 9) as usize).unwrap_or((0, 0));
    format!("{head}{last}{check}")
}

/// Check digit of nine digits; none where it would be 10.
fn check_digit(nine: u64) -> Option<u64> {
    let sum: u64 = (0..9).map(|place| nine / 10_u64.pow(place) % 10 * u64::from(place + 2)).sum();
    match 11 - sum % 11 {
        10 => None,
        11 => Some(0),
        check => Some(check),
    }
}
