//! Which NHS number of the test range (999) a person has.

use kith_fhir::identifier::NhsNumber;

use crate::cast::CAST;
use crate::person::Identity;

/// The person's number. The test range is smaller than a neighbourhood of a million: those beyond it have none, as some
/// people have none in life.
pub fn of(who: &Identity) -> Option<NhsNumber> {
    let n = match who.cast {
        Some(member) => CAST.iter().position(|c| c.key == member.key)? as u64,
        None => who.index + CAST.len() as u64,
    };
    let range = u64::from(NhsNumber::SYNTHETIC);
    // Neighbours should not have consecutive numbers. The factor is a prime larger than the range, so that no two
    // people share one.
    (n < range).then(|| NhsNumber::synthetic((n * 39_916_801 % range) as u32)).flatten()
}
