//! Identifiers of people, organisations and professionals, and where resources carry them.

use std::{fmt, sync::LazyLock};

use serde_json::Value;

use crate::system;

/// An NHS number whose check digit is right.
///
/// Ten digits, the last a modulus-11 check: NHS Data Dictionary, "NHS NUMBER",
/// <https://www.datadictionary.nhs.uk/attributes/nhs_number.html>.
///
/// `Display` shows it in groups for people (`999 000 0018`); `Debug` hides it, so that it cannot slip into a log.
///
/// ```
/// use kith_fhir::identifier::NhsNumber;
///
/// let number = NhsNumber::parse("943 476 5919").expect("its check digit is right");
/// assert_eq!(number.as_str(), "9434765919");
/// assert_eq!(number.to_string(), "943 476 5919");
/// assert!(NhsNumber::parse("943 476 5918").is_err());
/// assert!(!format!("{number:?}").contains("943"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhsNumber([u8; 10]);

/// Why text is not an NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NhsNumberError {
    /// Other than ten digits (spaces and dashes aside).
    #[error("an NHS number has 10 digits")]
    NotTenDigits,
    /// Ten digits, but the check digit is wrong: most likely a typing mistake.
    #[error("this is not a valid NHS number: check for a typing mistake")]
    CheckDigit,
}

/// The check digit of nine digits; `None` where the standard gives such a number to nobody (remainder 10).
fn check_digit(nine: &[u8]) -> Option<u8> {
    let sum: u32 = nine.iter().zip((2..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    match 11 - sum % 11 {
        11 => Some(b'0'),
        10 => None,
        digit => Some(b'0' + digit as u8),
    }
}

impl NhsNumber {
    /// Reads a number as people and systems write it: spaces and dashes (typographic ones too) may stand anywhere.
    pub fn parse(text: &str) -> Result<Self, NhsNumberError> {
        let mut digits = [0; 10];
        let mut count = 0;
        for c in text.chars() {
            match c {
                '0'..='9' if count < 10 => {
                    digits[count] = c as u8;
                    count += 1;
                }
                '-' | '\u{2010}'..='\u{2015}' => {}
                c if c.is_whitespace() => {}
                _ => return Err(NhsNumberError::NotTenDigits),
            }
        }
        if count != 10 {
            return Err(NhsNumberError::NotTenDigits);
        }
        if check_digit(&digits[..9]) == Some(digits[9]) { Ok(Self(digits)) } else { Err(NhsNumberError::CheckDigit) }
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether it is of the range 999 000 0000 to 999 999 9999, which is never given to a person.
    pub fn is_test(&self) -> bool {
        self.0.starts_with(b"999")
    }

    /// How many valid numbers the test range holds; [`NhsNumber::synthetic`] gives each of them.
    pub const SYNTHETIC: u32 = 909_091;

    /// The `n`-th valid number of the test range in ascending order, each `n` another; `None` from
    /// [`NhsNumber::SYNTHETIC`] on, where the range is used up.
    pub fn synthetic(n: u32) -> Option<Self> {
        static TABLES: LazyLock<Synthetic> = LazyLock::new(Synthetic::new);
        TABLES.get(n)
    }
}

/// Two small tables that find the n-th valid number of the test range without walking to it: how many come before each
/// group of a thousand, and which endings are valid for each remainder the first six digits may leave.
struct Synthetic {
    before: Vec<u32>,
    endings: Vec<Vec<u16>>,
}

/// `weight` falls by one from digit to digit, as in the check.
fn weighed(digits: &[u8], weight: u32) -> u32 {
    digits.iter().zip(0..).map(|(digit, at)| u32::from(digit - b'0') * (weight - at)).sum()
}

fn three_digits(number: u16) -> [u8; 3] {
    [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8)
}

impl Synthetic {
    fn new() -> Self {
        let endings: Vec<Vec<u16>> = (0..11)
            .map(|left| (0..1000).filter(|end| (left + weighed(&three_digits(*end), 4)) % 11 != 1).collect())
            .collect();
        let mut before = Vec::with_capacity(1000);
        let mut count = 0;
        for middle in 0..1000 {
            before.push(count);
            count += endings[Self::remainder(middle)].len() as u32;
        }
        Self { before, endings }
    }

    fn remainder(middle: u16) -> usize {
        ((weighed(b"999", 10) + weighed(&three_digits(middle), 7)) % 11) as usize
    }

    fn get(&self, n: u32) -> Option<NhsNumber> {
        let middle = self.before.partition_point(|before| *before <= n) - 1;
        let ending = *self.endings[Self::remainder(middle as u16)].get((n - self.before[middle]) as usize)?;
        let mut digits = *b"9990000000";
        digits[3..6].copy_from_slice(&three_digits(middle as u16));
        digits[6..9].copy_from_slice(&three_digits(ending));
        digits[9] = check_digit(&digits[..9])?;
        Some(NhsNumber(digits))
    }
}

impl fmt::Display for NhsNumber {
    /// In groups of three, three and four, as the NHS prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.as_str();
        write!(f, "{} {} {}", &text[..3], &text[3..6], &text[6..])
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(hidden)")
    }
}

impl std::str::FromStr for NhsNumber {
    type Err = NhsNumberError;

    fn from_str(text: &str) -> Result<Self, NhsNumberError> {
        Self::parse(text)
    }
}

/// An ODS code: an organisation or site of health and care in England.
///
/// Three to ten capital letters and digits, as given out since 2021 (the "ANANA" form and older ones alike): NHS England,
/// Organisation Data Service, "ODS codes", <https://digital.nhs.uk/services/organisation-data-service>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OdsCode(String);

impl OdsCode {
    /// Reads a code; small letters are made capital, white space around it is dropped. `None` where the shape is wrong.
    /// Whether such an organisation exists is not known here.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let shape = (3..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        shape.then(|| Self(text.to_ascii_uppercase()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OdsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The body a health professional is registered with.
///
/// Shapes from the registers' own searches; they say whether a number can be one, not whether it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Register {
    /// General Medical Council: 7 digits. <https://www.gmc-uk.org/registration-and-licensing/our-registers>
    Gmc,
    /// Nursing and Midwifery Council PIN: two digits (year), a letter (month, A to L), four digits, a letter (country:
    /// E, S, W, N, or O and C for overseas). <https://www.nmc.org.uk/registration/your-registration/>
    Nmc,
    /// General Pharmaceutical Council: 7 digits, the first 2 (pharmacist) or 5 (technician).
    /// <https://www.pharmacyregulation.org/registers>
    Gphc,
    /// General Optical Council: `01-` (optometrist) or `D` (dispensing optician), `SO`/`SD` (students), then digits.
    /// <https://optical.org/registers>
    Goc,
    /// General Dental Council: 4 to 6 digits. <https://olr.gdc-uk.org/searchregister>
    Gdc,
    /// Health and Care Professions Council: two or three letters (profession), then 4 to 6 digits.
    /// <https://www.hcpc-uk.org/check-the-register/>
    Hcpc,
}

impl Register {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Gmc, Self::Nmc, Self::Gphc, Self::Goc, Self::Gdc, Self::Hcpc];

    /// The identifier system.
    pub fn system(self) -> &'static str {
        match self {
            Self::Gmc => system::GMC,
            Self::Nmc => system::NMC,
            Self::Gphc => system::GPHC,
            Self::Goc => system::GOC,
            Self::Gdc => system::GDC,
            Self::Hcpc => system::HCPC,
        }
    }

    /// What people call the number.
    pub fn label(self) -> &'static str {
        match self {
            Self::Gmc => "GMC number",
            Self::Nmc => "NMC PIN",
            Self::Gphc => "GPhC number",
            Self::Goc => "GOC number",
            Self::Gdc => "GDC number",
            Self::Hcpc => "HCPC number",
        }
    }

    /// The register that uses an identifier system.
    pub fn of_system(system: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|register| same_system(register.system(), system))
    }

    /// Whether `number` has the shape of this register's numbers.
    pub fn valid(self, number: &str) -> bool {
        let digits = |text: &str, least: usize, most: usize| {
            (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        match self {
            Self::Gmc => digits(number, 7, 7),
            Self::Nmc => {
                let b = number.as_bytes();
                number.is_ascii()
                    && b.len() == 8
                    && digits(&number[..2], 2, 2)
                    && matches!(b[2], b'A'..=b'L')
                    && digits(&number[3..7], 4, 4)
                    && matches!(b[7], b'E' | b'S' | b'W' | b'N' | b'O' | b'C')
            }
            Self::Gphc => digits(number, 7, 7) && number.starts_with(['2', '5']),
            Self::Goc => ["01-", "D-", "D", "SO-", "SD-"]
                .iter()
                .any(|start| number.strip_prefix(start).is_some_and(|rest| digits(rest, 3, 6))),
            Self::Gdc => digits(number, 4, 6),
            Self::Hcpc => {
                let letters = number.bytes().take_while(u8::is_ascii_uppercase).count();
                (2..=3).contains(&letters) && digits(&number[letters..], 4, 6)
            }
        }
    }
}

/// Spellings of the NHS identifier systems that are met and read as the one we write: `http` for `https`, `/id/` for
/// `/Id/`, and the older homes of the same systems.
const SPELLINGS: &[(&str, &[&str])] = &[
    (system::NHS_NUMBER, &["fhir.nhs.net/Id/nhs-number", "fhir.hl7.org.uk/Id/nhs-number"]),
    (
        system::ODS_ORGANISATION,
        &["fhir.nhs.net/Id/ods-organization-code", "fhir.nhs.uk/Id/ods-organisation-code", "fhir.nhs.uk/Id/ods-code"],
    ),
    (system::ODS_SITE, &["fhir.nhs.net/Id/ods-site-code"]),
    (system::GMC, &["fhir.nhs.uk/Id/gmc-number"]),
    (system::NMC, &["fhir.nhs.uk/Id/nmc-number", "fhir.hl7.org.uk/Id/nmc-pin"]),
    (system::GPHC, &["fhir.nhs.uk/Id/gphc-number"]),
    (system::GOC, &["fhir.nhs.uk/Id/goc-number"]),
    (system::GDC, &["fhir.nhs.uk/Id/gdc-number"]),
    (system::HCPC, &["fhir.nhs.uk/Id/hcpc-number"]),
];

fn bare(system: &str) -> &str {
    system.strip_prefix("https://").or_else(|| system.strip_prefix("http://")).unwrap_or(system)
}

/// Whether `met` is `system` or one of its known other spellings.
pub fn same_system(system: &str, met: &str) -> bool {
    if system == met {
        return true;
    }
    let Some((_, others)) = SPELLINGS.iter().find(|(known, _)| *known == system) else { return false };
    let met = bare(met);
    bare(system).eq_ignore_ascii_case(met) || others.iter().any(|other| other.eq_ignore_ascii_case(met))
}

/// The value of the resource's first `identifier` of this system (a constant of [`system`]), other spellings of it
/// included.
pub fn of<'a>(resource: &'a Value, system: &str) -> Option<&'a str> {
    all_of(resource, system).next()
}

/// The values of all the resource's identifiers of this system.
pub fn all_of<'a>(resource: &'a Value, system: &str) -> impl Iterator<Item = &'a str> {
    let identifiers = match resource.get("identifier") {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    identifiers
        .iter()
        .filter(move |identifier| {
            identifier.get("system").and_then(Value::as_str).is_some_and(|met| same_system(system, met))
        })
        .filter_map(|identifier| identifier.get("value")?.as_str())
}
