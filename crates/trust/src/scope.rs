//! Scopes of a machine's token: `system/Type.read`, `system/Type.write`, `system/*.*`, and SMART v2's `system/Type.cruds`.

use crate::agreements::Action;
use crate::error::Error;

/// Whether any scope covers the action on a resource type.
pub(crate) fn covers(scopes: &[String], resource_type: &str, action: Action) -> bool {
    scopes.iter().filter_map(|scope| split(scope)).any(|(kind, rights)| {
        let reads = rights == "*" || rights == "read" || (v2(rights) && rights.contains('r') && rights.contains('s'));
        let writes = rights == "*"
            || rights == "write"
            || (v2(rights) && rights.contains('c') && rights.contains('u') && rights.contains('d'));
        (kind == "*" || kind == resource_type)
            && match action {
                Action::Read => reads,
                Action::Write | Action::Book | Action::Register => writes,
                Action::Audit => false,
            }
    })
}

fn v2(rights: &str) -> bool {
    !rights.is_empty() && rights.bytes().all(|b| b"cruds".contains(&b))
}

fn split(scope: &str) -> Option<(&str, &str)> {
    scope.strip_prefix("system/")?.rsplit_once('.')
}

/// Refuses a scope that would grant nothing.
pub(crate) fn validate(scope: &str) -> Result<(), Error> {
    let good = split(scope).is_some_and(|(kind, rights)| {
        (kind == "*" || kith_fhir::resource::type_code(kind).is_some())
            && (matches!(rights, "*" | "read" | "write") || v2(rights))
    });
    if good {
        Ok(())
    } else {
        Err(Error::invalid(
            "scope",
            "must be system/TYPE.RIGHTS: a resource type or *, then read, write, *, or letters of cruds",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_what_it_names_and_nothing_else() {
        let scopes = |s: &str| vec![s.to_owned()];
        assert!(covers(&scopes("system/*.*"), "Patient", Action::Write));
        assert!(covers(&scopes("system/Patient.read"), "Patient", Action::Read));
        assert!(!covers(&scopes("system/Patient.read"), "Patient", Action::Write));
        assert!(!covers(&scopes("system/Patient.read"), "Observation", Action::Read));
        assert!(covers(&scopes("system/Observation.rs"), "Observation", Action::Read));
        assert!(!covers(&scopes("user/*.*"), "Patient", Action::Read));
        assert!(!covers(&[], "Patient", Action::Read));
        assert!(!covers(&scopes("system/*.*"), "Patient", Action::Audit));
        assert!(validate("system/Nonsense.read").is_err());
        assert!(validate("system/*.*").is_ok());
        assert!(validate("system/Patient.").is_err());
    }
}
