//! The clinical risk matrix: DCB0129 (Clinical Risk Management: its Application in the Manufacture of Health IT Systems),
//! implementation guidance v3.2, NHS England: example risk matrix and table 10, example risk acceptability definitions.

/// Rows by likelihood 1 (very low) to 5 (very high), columns by severity 1 (minor) to 5 (catastrophic).
const MATRIX: [[u8; 5]; 5] = [
    [1, 1, 2, 2, 3], //
    [1, 2, 2, 3, 4],
    [2, 2, 3, 3, 4],
    [2, 3, 3, 4, 5],
    [3, 4, 4, 5, 5],
];

/// The risk, 1 to 5, of a harm of this severity and likelihood, each 1 to 5; `None` out of range.
pub fn risk(severity: u8, likelihood: u8) -> Option<u8> {
    let row = MATRIX.get(usize::from(likelihood.checked_sub(1)?))?;
    row.get(usize::from(severity.checked_sub(1)?)).copied()
}

/// What a risk of 1 to 5 asks for, in short.
pub fn acceptability(risk: u8) -> &'static str {
    match risk {
        1 => "acceptable",
        2 => "acceptable where further reduction costs more than it gains or is impractical",
        3 => "undesirable: only where further reduction is impractical",
        4 => "must be reduced",
        _ => "unacceptable",
    }
}

/// Severity 1 to 5: its name, and what it means for people.
pub const SEVERITY: [(&str, &str); 5] = [
    ("minor", "minor injury with short-term recovery, inconvenience"),
    ("significant", "minor injury with long-term recovery, or to several people"),
    ("considerable", "severe injury to one person, recovery expected"),
    ("major", "death of one person, or lasting severe harm"),
    ("catastrophic", "deaths of, or lasting severe harm to, several people"),
];

/// Likelihood 1 to 5 that the harm comes about: its name, and what it means.
pub const LIKELIHOOD: [(&str, &str); 5] = [
    ("very low", "negligible or nearly negligible"),
    ("low", "could occur, in most cases will not"),
    ("medium", "possible"),
    ("high", "probable, in most cases"),
    ("very high", "certain or almost certain"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_and_the_middle_are_as_published() {
        assert_eq!(risk(1, 1), Some(1));
        assert_eq!(risk(5, 1), Some(3));
        assert_eq!(risk(1, 5), Some(3));
        assert_eq!(risk(5, 5), Some(5));
        assert_eq!(risk(3, 3), Some(3));
        assert_eq!(risk(4, 4), Some(4));
        assert_eq!(risk(0, 3), None);
        assert_eq!(risk(6, 3), None);
    }

    #[test]
    fn more_severe_or_more_likely_is_never_less_risk() {
        for severity in 1..=5 {
            for likelihood in 1..=5 {
                let here = risk(severity, likelihood);
                assert!(risk(severity + 1, likelihood).is_none_or(|worse| Some(worse) >= here));
                assert!(risk(severity, likelihood + 1).is_none_or(|worse| Some(worse) >= here));
            }
        }
    }
}
