//! Which parameters can be asked across people, how their values become ordered keys, and how a query becomes ranges.
//!
//! A key is bytes that sort as the values do: a token is `code NUL system`, text its folded form, a reference `Type/id`, a
//! date its two ends as big-endian integers with the sign bit turned. A declared index may join several parameters
//! (`status`, `schedule`, `start` of Slot): the parts follow one another, text parts ended by NUL.
//!
//! An index only narrows: every candidate it gives is read and matched by the same code that filters in memory, so the two
//! ways to search cannot disagree.

use kith_fhir::search::{Criterion, Kind, Modifier, Operand, Prefix, Query, Term, TokenSystem, definitions, fold};
use kith_fhir::{Value, resource};

use crate::model::StoreError;

/// One index: its number is stored and never reused.
#[derive(Debug)]
pub struct Declared {
    pub number: u16,
    pub resource_type: &'static str,
    /// Parameters in key order. Several make one compound key.
    pub parts: &'static [&'static str],
}

const fn declared(number: u16, resource_type: &'static str, parts: &'static [&'static str]) -> Declared {
    Declared { number, resource_type, parts }
}

/// What can be asked across people. `_id` and `_lastUpdated` can be asked of every type.
pub static DECLARED: &[Declared] = &[
    declared(1, "Patient", &["identifier"]),
    declared(2, "Patient", &["family"]),
    declared(3, "Patient", &["given"]),
    declared(4, "Patient", &["birthdate"]),
    declared(5, "Patient", &["address-postalcode"]),
    declared(6, "Patient", &["name"]),
    declared(7, "Patient", &["phone"]),
    declared(10, "Practitioner", &["identifier"]),
    declared(11, "Practitioner", &["name"]),
    declared(12, "PractitionerRole", &["practitioner"]),
    declared(13, "PractitionerRole", &["organization"]),
    declared(14, "PractitionerRole", &["service"]),
    declared(15, "Organization", &["identifier"]),
    declared(16, "Organization", &["name"]),
    declared(17, "HealthcareService", &["organization"]),
    declared(18, "HealthcareService", &["service-category"]),
    declared(19, "HealthcareService", &["service-type"]),
    declared(20, "HealthcareService", &["name"]),
    declared(21, "Location", &["organization"]),
    declared(22, "Location", &["identifier"]),
    declared(23, "Schedule", &["actor"]),
    declared(30, "Slot", &["schedule", "status", "start"]),
    declared(31, "Slot", &["status", "start"]),
    declared(40, "Appointment", &["actor", "date"]),
    declared(41, "Appointment", &["status", "date"]),
    declared(42, "Appointment", &["slot"]),
    declared(50, "Task", &["owner", "status", "due"]),
    declared(51, "Task", &["status", "due"]),
    declared(52, "Task", &["focus"]),
    declared(60, "ServiceRequest", &["performer", "status", "authored"]),
    declared(61, "ServiceRequest", &["requester", "status", "authored"]),
    declared(70, "Communication", &["recipient", "sent"]),
    declared(80, "RelatedPerson", &["identifier"]),
];

/// Index numbers of `_lastUpdated`, one for each resource type.
const UPDATED: u16 = 10_000;
/// How much longer than its key a text part may be; longer text is cut and matched in full after.
const TEXT_KEY: usize = 64;
const DAY: i64 = 86_400_000_000;
/// The longest a declared date is taken to last, in µs: a year given without month, and a day for the zone.
const DATE_SPAN: i64 = 367 * DAY;
/// As [`DATE_SPAN`], for what FHIR has as an instant.
const INSTANT_SPAN: i64 = 2 * DAY;
/// `_lastUpdated` is written to the second at the coarsest.
const UPDATED_SPAN: i64 = 1_000_000;
/// Stands for a part without a value, after every value: longer than a date's key, and text has no such bytes.
const MISSING: [u8; 17] = [0xff; 17];
/// Alternatives multiplied out at most.
const MAX_RANGES: usize = 512;

/// One row of the index table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub param: u16,
    pub key: Vec<u8>,
}

/// The index rows of a resource, without the one of `_lastUpdated`.
pub fn rows(kind: &str, value: &Value) -> Vec<Row> {
    rows_where(kind, value, |_| true)
}

/// The keys a resource has in one index.
pub fn keys(kind: &str, value: &Value, number: u16) -> impl Iterator<Item = Vec<u8>> {
    rows_where(kind, value, |index| index.number == number).into_iter().map(|row| row.key)
}

fn rows_where(kind: &str, value: &Value, wanted: impl Fn(&Declared) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for index in DECLARED.iter().filter(|d| d.resource_type == kind && wanted(d)) {
        let mut keys: Vec<Vec<u8>> = vec![Vec::new()];
        for (at, code) in index.parts.iter().enumerate() {
            let last = at + 1 == index.parts.len();
            let Some(param) = definitions().param(kind, code) else { continue };
            let mut parts: Vec<Vec<u8>> = param.extract(value).iter().filter_map(|term| term_key(term, last)).collect();
            parts.sort_unstable();
            parts.dedup();
            if parts.is_empty() {
                // Found by what stands before, and in its place when sorted by a date it does not have.
                if at > 0 || param.kind == Kind::Date {
                    for key in &mut keys {
                        key.extend_from_slice(&MISSING);
                    }
                } else {
                    keys.clear();
                }
                break;
            }
            keys = keys
                .iter()
                .flat_map(|key| parts.iter().map(move |part| [key.as_slice(), part.as_slice()].concat()))
                .collect();
        }
        rows.extend(keys.into_iter().map(|key| Row { param: index.number, key }));
    }
    rows
}

/// The index row of `_lastUpdated`.
pub fn updated_row(type_code: u16, micros: i64) -> Row {
    Row { param: UPDATED + type_code, key: ordered(micros).to_vec() }
}

/// An integer as bytes that sort as it does.
fn ordered(n: i64) -> [u8; 8] {
    ((n as u64) ^ (1 << 63)).to_be_bytes()
}

fn text_key(text: &str, last: bool) -> Vec<u8> {
    let mut end = text.len().min(TEXT_KEY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut key = text.as_bytes()[..end].to_vec();
    if !last {
        key.push(0);
    }
    key
}

fn token_key(code: &str, system: Option<&str>) -> Vec<u8> {
    let mut key = Vec::with_capacity(code.len() + 2 + system.map_or(0, str::len));
    key.extend_from_slice(code.as_bytes());
    key.push(0);
    key.extend_from_slice(system.unwrap_or_default().as_bytes());
    key.push(0);
    key
}

fn term_key(term: &Term, last: bool) -> Option<Vec<u8>> {
    match term {
        Term::Token { system, code: Some(code), .. } => Some(token_key(code, system.as_deref())),
        Term::Token { .. } | Term::Quantity { .. } | Term::Number(_) => None,
        Term::Text(text) => Some(text_key(&fold(text), last)),
        Term::Date { low, high } => Some([ordered(*low), ordered(*high)].concat()),
        Term::Reference(reference) | Term::Uri(reference) => Some(text_key(reference, last)),
    }
}

/// A half-open range of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub low: Vec<u8>,
    /// Excluded.
    pub high: Vec<u8>,
    /// Keys whose last eight bytes are not above this cannot match: dates that began in the range but ended too early.
    pub ends_after: Option<[u8; 8]>,
}

/// Above every key.
const END: [u8; 32] = [0xff; 32];

impl Range {
    fn new(low: Vec<u8>, high: Vec<u8>) -> Self {
        Self { low, high, ends_after: None }
    }

    fn all() -> Self {
        Self::new(Vec::new(), END.to_vec())
    }

    fn prefix(prefix: Vec<u8>) -> Self {
        let high = after_prefix(&prefix).unwrap_or_else(|| END.to_vec());
        Self::new(prefix, high)
    }

    /// Both ranges at once.
    fn and(&self, other: &Self) -> Self {
        let low = self.low.clone().max(other.low.clone());
        let high = self.high.clone().min(other.high.clone()).max(low.clone());
        Self { low, high, ends_after: self.ends_after.max(other.ends_after) }
    }

    /// Whether the key is one that a match can have; it stands between `low` and `high`.
    pub fn can_hold(&self, key: &[u8]) -> bool {
        match (&self.ends_after, key.last_chunk::<8>()) {
            (Some(end), Some(last)) => last > end,
            _ => true,
        }
    }
}

/// The least key that does not begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut high = prefix.to_vec();
    while let Some(last) = high.pop() {
        if last < 0xff {
            high.push(last + 1);
            return Some(high);
        }
    }
    None
}

/// How the store will find candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// These ids.
    Ids(Vec<String>),
    /// These ranges of one index. `ordered`: scanning them one after the other gives the order asked for, `descending` each
    /// from its end.
    Index { number: u16, ranges: Vec<Range>, ordered: bool, descending: bool },
    /// Everything of the type, by id.
    All,
}

/// Plans a search across people.
pub fn plan(query: &Query) -> Result<Plan, StoreError> {
    let kind = query.resource_type.as_str();
    let type_code = resource::type_code(kind).ok_or_else(|| StoreError::Missing(kind.to_owned()))?;
    for criterion in &query.criteria {
        refuse_undeclared(kind, criterion.param.code)?;
    }
    for sort in &query.sort {
        refuse_undeclared(kind, sort.code)?;
    }
    if let Some(ids) = query.criteria.iter().find_map(ids_of) {
        return Ok(Plan::Ids(ids));
    }
    let mut best: Option<(usize, Plan)> = None;
    for index in DECLARED.iter().filter(|d| d.resource_type == kind) {
        if let Some((score, plan)) = try_index(query, index)
            && best.as_ref().is_none_or(|(most, _)| score > *most)
        {
            best = Some((score, plan));
        }
    }
    if let Some((_, plan)) = best {
        return Ok(plan);
    }
    let by_update = query.sort.len() == 1 && query.sort[0].code == "_lastUpdated";
    let since = query.criteria.iter().find(|c| c.param.code == "_lastUpdated");
    if by_update || since.is_some() {
        let mut ranges = since.and_then(|c| date_ranges(&[], c, UPDATED_SPAN)).unwrap_or_else(|| vec![Range::all()]);
        // These keys hold one moment, not two ends.
        for range in &mut ranges {
            range.ends_after = None;
        }
        return Ok(Plan::Index {
            number: UPDATED + type_code,
            ordered: by_update && ranges.len() == 1,
            descending: by_update && query.sort[0].descending,
            ranges,
        });
    }
    Ok(Plan::All)
}

fn refuse_undeclared(kind: &str, code: &str) -> Result<(), StoreError> {
    if matches!(code, "_id" | "_lastUpdated") {
        return Ok(());
    }
    let declared: Vec<&str> =
        DECLARED.iter().filter(|d| d.resource_type == kind).flat_map(|d| d.parts.iter().copied()).collect();
    if declared.contains(&code) {
        return Ok(());
    }
    let list = declared.iter().copied().collect::<std::collections::BTreeSet<_>>();
    Err(StoreError::Undeclared {
        resource_type: kind.to_owned(),
        param: code.to_owned(),
        hint: if list.is_empty() {
            "ask within one person (add `patient=` or use the person's compartment), or declare an index for it"
                .to_owned()
        } else {
            format!(
                "ask within one person, use one of {}, or declare an index for it",
                list.into_iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ")
            )
        },
    })
}

fn ids_of(criterion: &Criterion) -> Option<Vec<String>> {
    if criterion.param.code != "_id" || criterion.modifier.is_some() {
        return None;
    }
    criterion
        .operands
        .iter()
        .map(|operand| match operand {
            Operand::Token { code: Some(code), .. } => Some(code.clone()),
            _ => None,
        })
        .collect()
}

/// Keys that one part must begin with, whole parts only.
fn exact_keys(criterion: &Criterion, last: bool) -> Option<Vec<Vec<u8>>> {
    criterion
        .operands
        .iter()
        .map(|operand| match (operand, criterion.modifier) {
            (Operand::Token { system, code: Some(code) }, None) => match system {
                TokenSystem::Is(system) => Some(token_key(code, Some(system))),
                TokenSystem::Absent => Some(token_key(code, None)),
                // Without a system the key is cut after the code, which cannot be followed by another part.
                TokenSystem::Any if last => Some([code.as_bytes(), &[0]].concat()),
                TokenSystem::Any => None,
            },
            (Operand::Reference { resource_type, id }, None | Some(Modifier::Type(_))) => {
                let named = match criterion.modifier {
                    Some(Modifier::Type(named)) => Some(named),
                    _ => *resource_type,
                };
                let target = named.or(match criterion.param.targets.as_slice() {
                    [only] => Some(only),
                    _ => None,
                })?;
                Some(text_key(&format!("{target}/{id}"), last))
            }
            (Operand::Url(url) | Operand::Uri(url), None) => Some(text_key(url, last)),
            (Operand::Text { folded, .. }, Some(Modifier::Exact)) => Some(text_key(folded, last)),
            _ => None,
        })
        .collect()
}

/// Tokens of `code` type have one system that the query need not name: every code of a fixed value set.
fn bare_code_keys(criterion: &Criterion) -> Option<Vec<Vec<u8>>> {
    criterion
        .operands
        .iter()
        .map(|operand| match (operand, criterion.modifier) {
            (Operand::Token { system: TokenSystem::Any | TokenSystem::Absent, code: Some(code) }, None) => {
                Some(token_key(code, None))
            }
            _ => None,
        })
        .collect()
}

fn date_ranges(prefix: &[u8], criterion: &Criterion, span: i64) -> Option<Vec<Range>> {
    criterion
        .operands
        .iter()
        .map(|operand| {
            let Operand::Date { prefix: how, low, high } = operand else { return None };
            let from = |micros: i64| [prefix, &ordered(micros)].concat();
            let all = Range::prefix(prefix.to_vec());
            let begun = from(low.saturating_sub(span));
            let ends_after = Some(ordered(*low));
            Some(match how {
                Prefix::Eq => Range::new(from(*low), from(*high)),
                Prefix::Ge | Prefix::Gt => Range { low: begun, high: all.high, ends_after },
                Prefix::Sa => Range::new(from(*high), all.high),
                Prefix::Le | Prefix::Lt | Prefix::Eb => Range::new(prefix.to_vec(), from(*high)),
                Prefix::Ap => Range { low: begun, high: from(*high), ends_after },
                Prefix::Ne => all,
            })
        })
        .collect()
}

/// Tries one index: how much of its key the query fixes, and the ranges that follow.
fn try_index(query: &Query, index: &Declared) -> Option<(usize, Plan)> {
    let kind = index.resource_type;
    let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
    let mut fixed = 0;
    let mut ranges: Option<Vec<Range>> = None;
    for (at, code) in index.parts.iter().enumerate() {
        let last = at + 1 == index.parts.len();
        let Some(criterion) = query.criteria.iter().find(|c| c.param.code == *code) else { break };
        let exact = if criterion.param.kind == Kind::Token && !last && bare_code_part(kind, code) {
            bare_code_keys(criterion)
        } else {
            exact_keys(criterion, last)
        };
        if let Some(keys) = exact {
            if prefixes.len() * keys.len() > MAX_RANGES {
                break;
            }
            prefixes = prefixes
                .iter()
                .flat_map(|prefix| keys.iter().map(move |key| [prefix.as_slice(), key.as_slice()].concat()))
                .collect();
            fixed += 2;
            continue;
        }
        match criterion.param.kind {
            Kind::Date => {
                let span = if matches!(kind, "Slot" | "Appointment") { INSTANT_SPAN } else { DATE_SPAN };
                let asked: Vec<&Criterion> =
                    query.criteria.iter().filter(|c| c.param.code == *code && c.modifier.is_none()).collect();
                ranges = prefixes
                    .iter()
                    .map(|prefix| narrowed(prefix, &asked, span))
                    .collect::<Option<Vec<_>>>()
                    .map(|r| r.concat());
                fixed += usize::from(ranges.is_some());
            }
            Kind::String if criterion.modifier.is_none() => {
                ranges = prefixes
                    .iter()
                    .flat_map(|prefix| {
                        criterion.operands.iter().map(move |operand| match operand {
                            Operand::Text { folded, .. } => {
                                Some(Range::prefix([prefix.as_slice(), &text_key(folded, true)].concat()))
                            }
                            _ => None,
                        })
                    })
                    .collect();
                fixed += usize::from(ranges.is_some());
            }
            _ => {}
        }
        break;
    }
    let sorted_part = index.parts.get(fixed / 2).copied();
    let ordered = query.sort.len() == 1
        && prefixes.len() == 1
        && ranges.as_ref().is_none_or(|r| r.len() == 1)
        && sorted_part == Some(query.sort[0].code)
        && query.sort[0].param.kind == Kind::Date;
    if fixed == 0 && !(ordered && query.criteria.is_empty()) {
        return None;
    }
    let descending = ordered && query.sort[0].descending;
    let ranges = match ranges {
        Some(ranges) => ranges,
        // What has no value comes last either way, so a descending scan takes it after the rest.
        None if descending => prefixes
            .into_iter()
            .map(Range::prefix)
            .flat_map(|all| {
                let missing = [all.low.as_slice(), &MISSING].concat();
                [Range::new(all.low, missing.clone()), Range::new(missing, all.high)]
            })
            .collect(),
        None => prefixes.into_iter().map(Range::prefix).collect(),
    };
    Some((fixed * 2 + usize::from(ordered), Plan::Index { number: index.number, ranges, ordered, descending }))
}

/// The ranges that all of these conditions on one date leave. The declared dates have one value each, so one range can
/// answer several conditions.
fn narrowed(prefix: &[u8], asked: &[&Criterion], span: i64) -> Option<Vec<Range>> {
    let mut left: Option<Vec<Range>> = None;
    for criterion in asked {
        let ranges = date_ranges(prefix, criterion, span)?;
        if left.as_ref().is_some_and(|before| before.len() * ranges.len() > MAX_RANGES) {
            break;
        }
        left = Some(match left {
            None => ranges,
            Some(before) => before.iter().flat_map(|a| ranges.iter().map(|b| a.and(b))).collect(),
        });
    }
    left
}

/// Parts that hold plain `code` elements, whose tokens have no system of their own in the resource.
fn bare_code_part(kind: &str, code: &str) -> bool {
    matches!((kind, code), ("Slot" | "Appointment" | "Task" | "ServiceRequest", "status"))
}
