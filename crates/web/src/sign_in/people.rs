//! People, by claims shaped as NHS login sends them: how sure it is who they are, and whose record is theirs.

use kith_fhir::identifier::NhsNumber;
use kith_fhir::search::Query;
use kith_fhir::{Value, system, views};
use kith_trust::Actor;

use super::{SYSTEM, Verified};
use crate::reply::{WebError, WebResult};
use crate::state::AppState;

/// What a verified person gets.
#[derive(Debug)]
pub(super) enum Person {
    /// Their own record.
    Known { actor: Actor, level: String },
    /// They have not proved who they are: no record.
    Unproved,
    /// They have, and no record here is theirs.
    NotHere,
}

/// How sure the provider is: the vector of trust (RFC 8485), if it and the identity proofing level agree.
pub(super) fn proved_level(claims: &Value) -> Option<&str> {
    let vector = claims["vot"].as_str()?;
    let proofing = vector.split('.').next()?;
    let named = claims["identity_proofing_level"].as_str().unwrap_or(proofing);
    (proofing == "P9" && named == "P9").then_some(vector)
}

/// Finds whose record this is: by the NHS number the provider traced and the date of birth, both right. The number goes
/// into the search and nowhere else: it is not shown, logged or kept.
pub(super) async fn of(state: &AppState, verified: &Verified) -> WebResult<Person> {
    let Some(level) = proved_level(&verified.claims) else { return Ok(Person::Unproved) };
    let number = verified.claims["nhs_number"].as_str().and_then(|n| NhsNumber::parse(n).ok());
    let born = verified.claims["birthdate"].as_str().and_then(|d| d.parse::<jiff::civil::Date>().ok());
    let (Some(number), Some(born)) = (number, born) else { return Ok(Person::NotHere) };
    let query = Query::new("Patient")
        .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
        .map_err(WebError::internal)?;
    let found = state.door.system("Kith sign-in").search(&query).await?;
    let theirs =
        found.entries.iter().find(|entry| views::Patient::of(&entry.value).and_then(|p| p.birth_date()) == Some(born));
    Ok(match theirs {
        Some(entry) => {
            let name = crate::person::full_name(&entry.value);
            Person::Known { actor: Actor::person(&entry.id, &name, SYSTEM), level: level.to_owned() }
        }
        None => Person::NotHere,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kith_fhir::json;

    #[test]
    fn only_a_proved_identity_opens_a_record() {
        let level = |claims: Value| proved_level(&claims).map(str::to_owned);
        for good in ["P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"] {
            assert_eq!(level(json!({"vot": good, "identity_proofing_level": "P9"})).as_deref(), Some(good));
        }
        for claims in [
            json!({"vot": "P5.Cp.Cd", "identity_proofing_level": "P5"}),
            json!({"vot": "P0.Cp.Cd", "identity_proofing_level": "P0"}),
            json!({"vot": "P9.Cp.Cd", "identity_proofing_level": "P5"}),
            json!({"vot": "P5.Cp.Cd", "identity_proofing_level": "P9"}),
            json!({"identity_proofing_level": "P9"}),
            json!({"vot": "", "nhs_number": "9990000018"}),
            json!({"vot": "P99"}),
        ] {
            assert_eq!(level(claims.clone()), None, "{claims}");
        }
    }
}
