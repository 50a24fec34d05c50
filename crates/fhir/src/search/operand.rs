//! What a query asks of one parameter, and whether a term answers it.

use super::{Kind, Param, QueryError, Term, date, fold, query::Modifier};
use crate::resource;

/// How an ordered value must compare. FHIR R4 search, 3.1.1.4.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// Within the span asked for.
    Eq,
    /// Not within it.
    Ne,
    /// Reaches beyond its end.
    Gt,
    /// Begins before its start.
    Lt,
    /// Beyond or within.
    Ge,
    /// Before or within.
    Le,
    /// Starts after it ends.
    Sa,
    /// Ends before it starts.
    Eb,
    /// About: overlaps the span widened by a tenth.
    Ap,
}

impl Prefix {
    fn split(value: &str) -> (Self, &str) {
        let prefix = match value.get(..2) {
            Some("eq") => Self::Eq,
            Some("ne") => Self::Ne,
            Some("gt") => Self::Gt,
            Some("lt") => Self::Lt,
            Some("ge") => Self::Ge,
            Some("le") => Self::Le,
            Some("sa") => Self::Sa,
            Some("eb") => Self::Eb,
            Some("ap") => Self::Ap,
            _ => return (Self::Eq, value),
        };
        (prefix, &value[2..])
    }

    /// Compares a target span with the span asked for; both exclude their end.
    fn spans(self, target: (i64, i64), asked: (i64, i64)) -> bool {
        let within = asked.0 <= target.0 && target.1 <= asked.1;
        match self {
            Self::Eq => within,
            Self::Ne => !within,
            Self::Gt => target.1 > asked.1,
            Self::Lt => target.0 < asked.0,
            Self::Ge => target.1 > asked.1 || within,
            Self::Le => target.0 < asked.0 || within,
            Self::Sa => target.0 >= asked.1,
            Self::Eb => target.1 <= asked.0,
            Self::Ap => target.0 < asked.1 && asked.0 < target.1,
        }
    }

    /// Compares a number with the one asked for; `low..high` is what its digits imply (or a tenth around it for `ap`).
    fn numbers(self, target: f64, value: f64, (low, high): (f64, f64)) -> bool {
        // The second holds where the span is too narrow for the numbers a computer has.
        let within = low <= target && target < high || target.total_cmp(&value).is_eq();
        match self {
            Self::Eq => within,
            Self::Ne => !within,
            Self::Gt | Self::Sa => target > value,
            Self::Lt | Self::Eb => target < value,
            Self::Ge => target >= value,
            Self::Le => target <= value,
            Self::Ap => low <= target && target <= high,
        }
    }
}

/// What a token's system must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TokenSystem {
    /// `code`: whatever it is.
    Any,
    /// `|code`: none.
    Absent,
    /// `system|code` or `system|`.
    Is(String),
}

/// One alternative of a criterion (values joined by commas are alternatives).
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A code of a system. Codes compare exactly, systems too.
    Token {
        /// The system asked for.
        system: TokenSystem,
        /// The code; `None` for `system|`.
        code: Option<String>,
    },
    /// Text. `:exact` compares `text` as written, all else compares `folded`.
    Text {
        /// As asked.
        text: String,
        /// As [`fold`] gives it.
        folded: String,
    },
    /// A span in µs since 1970 UTC, `high` excluded (already widened for `ap`).
    Date {
        /// How to compare.
        prefix: Prefix,
        /// Start.
        low: i64,
        /// End, excluded.
        high: i64,
    },
    /// A resource of this record.
    Reference {
        /// Its type, where the query names one.
        resource_type: Option<&'static str>,
        /// Its id.
        id: String,
    },
    /// An absolute reference or canonical, compared as written; a canonical also matches any of its versions.
    Url(String),
    /// A number with the span its digits imply.
    Number {
        /// How to compare.
        prefix: Prefix,
        /// As asked.
        value: f64,
        /// Lowest number that rounds to it (or that is about it).
        low: f64,
        /// Highest.
        high: f64,
    },
    /// A number with a unit.
    Quantity {
        /// How to compare.
        prefix: Prefix,
        /// As asked.
        value: f64,
        /// Lowest number that rounds to it (or that is about it).
        low: f64,
        /// Highest.
        high: f64,
        /// Unit system, where asked for.
        system: Option<String>,
        /// Unit code, or unit in words where no system is asked for.
        code: Option<String>,
    },
    /// A URI.
    Uri(String),
    /// One operand for each part of a composite.
    Composite(Vec<Operand>),
    /// `:missing`: whether the parameter must have no value.
    Missing(bool),
}

/// Splits at `sign` where no backslash escapes it; the escapes stay.
pub(super) fn split_unescaped(text: &str, sign: char) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut from, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == sign {
            out.push(&text[from..at]);
            from = at + sign.len_utf8();
        }
    }
    out.push(&text[from..]);
    out
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ (',' | '|' | '$' | '\\'))) => {
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Escapes text so that it stands for itself in a query value: `\`, `,`, `|` and `$`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The number, and the span its digits imply: `100` is 99.5 to 100.5, `1.0` is 0.95 to 1.05, `1e2` is 50 to 150.
fn number(text: &str) -> Option<(f64, (f64, f64))> {
    let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (digits, exponent) = match plain.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (plain, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|v: &f64| v.is_finite())?;
    let half = 0.5 * 10_f64.powi(exponent.saturating_sub(fraction.len() as i32));
    Some((value, (value - half, value + half)))
}

fn prefixed_number(text: &str) -> Option<(Prefix, f64, (f64, f64))> {
    let (prefix, text) = Prefix::split(text);
    let (value, span) = number(text)?;
    let span = if prefix == Prefix::Ap { (value - value.abs() * 0.1, value + value.abs() * 0.1) } else { span };
    Some((prefix, value, span))
}

/// `ap` widens a date by a tenth of its distance from now, as the specification recommends.
fn prefixed_date(text: &str) -> Option<Operand> {
    let (prefix, text) = Prefix::split(text);
    let (mut low, mut high) = date::range(text)?;
    if prefix == Prefix::Ap {
        let now = jiff::Timestamp::now().as_microsecond();
        let gap = if now < low { low - now } else { (now - high).max(0) };
        low = low.saturating_sub(gap / 10);
        high = high.saturating_add(gap / 10);
    }
    Some(Operand::Date { prefix, low, high })
}

impl Operand {
    /// Reads one alternative of a query value (no commas but escaped ones).
    pub(super) fn parse(param: &Param, modifier: Option<&Modifier>, text: &str) -> Result<Self, QueryError> {
        if modifier == Some(&Modifier::Missing) {
            return match text {
                "true" => Ok(Self::Missing(true)),
                "false" => Ok(Self::Missing(false)),
                _ => Err(QueryError::value(param.code, "`true` or `false`")),
            };
        }
        if param.kind == Kind::Composite {
            let parts = split_unescaped(text, '$');
            let kinds = param.part_kinds();
            if parts.len() != kinds.len() {
                return Err(QueryError::value(param.code, "one value for each part, joined by `$`"));
            }
            let operands = kinds.iter().zip(parts).map(|(kind, part)| Self::of_kind(param, *kind, None, part));
            return Ok(Self::Composite(operands.collect::<Result<_, _>>()?));
        }
        Self::of_kind(param, param.kind, modifier, text)
    }

    fn of_kind(param: &Param, kind: Kind, modifier: Option<&Modifier>, text: &str) -> Result<Self, QueryError> {
        if text.is_empty() {
            return Err(QueryError::value(param.code, "a value that is not empty"));
        }
        match kind {
            Kind::Token if modifier == Some(&Modifier::Text) => Ok(Self::text(text)),
            Kind::String => Ok(Self::text(text)),
            Kind::Token => {
                let parts = split_unescaped(text, '|');
                let (system, code) = match parts[..] {
                    [code] => (TokenSystem::Any, code),
                    ["", code] => (TokenSystem::Absent, code),
                    [system, code] => (TokenSystem::Is(unescape(system)), code),
                    _ => return Err(QueryError::value(param.code, "`code`, `system|code`, `|code` or `system|`")),
                };
                if code.is_empty() && system == TokenSystem::Absent {
                    return Err(QueryError::value(param.code, "`code`, `system|code`, `|code` or `system|`"));
                }
                Ok(Self::Token { system, code: (!code.is_empty()).then(|| unescape(code)) })
            }
            Kind::Date => prefixed_date(text).ok_or_else(|| {
                QueryError::value(param.code, "a date such as `2026-03-29`, `ge2026-03` or `lt2026-03-29T09:15:00Z`")
            }),
            Kind::Number => prefixed_number(text)
                .map(|(prefix, value, (low, high))| Self::Number { prefix, value, low, high })
                .ok_or_else(|| QueryError::value(param.code, "a number such as `5.4` or `gt100`")),
            Kind::Quantity => Self::quantity(text).ok_or_else(|| {
                QueryError::value(
                    param.code,
                    "a quantity such as `5.4`, `ge5.4|http://unitsofmeasure.org|mg` or `5.4||mg`",
                )
            }),
            Kind::Uri => Ok(Self::Uri(unescape(text))),
            Kind::Reference => Self::reference(param, modifier, &unescape(text)),
            Kind::Composite | Kind::Special => {
                Err(QueryError::value(param.code, "nothing: it cannot be searched here"))
            }
        }
    }

    fn text(text: &str) -> Self {
        let text = unescape(text);
        Self::Text { folded: fold(&text), text }
    }

    fn quantity(text: &str) -> Option<Self> {
        let parts = split_unescaped(text, '|');
        let some = |part: &str| (!part.is_empty()).then(|| unescape(part));
        let (number, system, code) = match parts[..] {
            [number] => (number, None, None),
            [number, system, code] => (number, some(system), some(code)),
            _ => return None,
        };
        let (prefix, value, (low, high)) = prefixed_number(number)?;
        Some(Self::Quantity { prefix, value, low, high, system, code })
    }

    fn reference(param: &Param, modifier: Option<&Modifier>, text: &str) -> Result<Self, QueryError> {
        let wrong = || QueryError::value(param.code, "`id`, `Type/id` or an absolute URL");
        if text.contains("://") || text.starts_with("urn:") {
            return Ok(Self::Url(text.to_owned()));
        }
        let asked = match modifier {
            Some(Modifier::Type(name)) => Some(*name),
            _ => None,
        };
        if resource::valid_id(text) {
            return Ok(Self::Reference { resource_type: asked, id: text.to_owned() });
        }
        let (name, id) = resource::split_reference(text).ok_or_else(wrong)?;
        let name = resource::type_code(name).and_then(resource::type_name).ok_or_else(wrong)?;
        if asked.is_some_and(|asked| asked != name) {
            return Err(QueryError::value(param.code, "an id of the type the modifier names"));
        }
        Ok(Self::Reference { resource_type: Some(name), id: id.to_owned() })
    }

    /// Whether a term of a resource answers this alternative. `:not` and `:missing` are of the criterion, not of one
    /// term, and are not looked at here.
    pub fn matches(&self, term: &Term, modifier: Option<&Modifier>) -> bool {
        match (self, term) {
            (Self::Token { system, code }, Term::Token { system: has, code: has_code, .. }) => {
                let system = match system {
                    TokenSystem::Any => true,
                    TokenSystem::Absent => has.is_none() && has_code.is_some(),
                    TokenSystem::Is(system) => has.as_ref() == Some(system),
                };
                system && code.as_ref().is_none_or(|code| has_code.as_ref() == Some(code))
            }
            (Self::Text { folded, .. }, Term::Token { text, .. }) => {
                text.as_ref().is_some_and(|text| fold(text).starts_with(folded.as_str()))
            }
            (Self::Text { text, folded }, Term::Text(has)) => match modifier {
                Some(Modifier::Exact) => has == text,
                Some(Modifier::Contains) => fold(has).contains(folded.as_str()),
                _ => fold(has).starts_with(folded.as_str()),
            },
            (Self::Date { prefix, low, high }, Term::Date { low: from, high: to }) => {
                prefix.spans((*from, *to), (*low, *high))
            }
            (Self::Reference { resource_type, id }, Term::Reference(has)) => match resource::split_local_reference(has)
            {
                Some((kind, has_id)) => has_id == id && resource_type.is_none_or(|asked| asked == kind),
                None => false,
            },
            (Self::Url(url), Term::Reference(has)) => {
                has == url || has.strip_prefix(url.as_str()).is_some_and(|rest| rest.starts_with('|'))
            }
            (Self::Number { prefix, value, low, high }, Term::Number(has)) => {
                prefix.numbers(*has, *value, (*low, *high))
            }
            (
                Self::Quantity { prefix, value, low, high, system, code },
                Term::Quantity { value: has, system: has_system, code: has_code, unit },
            ) => {
                let unit = match (system, code) {
                    (_, None) => system.is_none() || system == has_system,
                    (Some(_), Some(_)) => system == has_system && code == has_code,
                    (None, Some(_)) => code == has_code || code == unit,
                };
                unit && prefix.numbers(*has, *value, (*low, *high))
            }
            (Self::Uri(uri), Term::Uri(has)) => match modifier {
                Some(Modifier::Below) => {
                    has.strip_prefix(uri.trim_end_matches('/')).is_some_and(|r| r.is_empty() || r.starts_with('/'))
                }
                Some(Modifier::Above) => {
                    uri.strip_prefix(has.trim_end_matches('/')).is_some_and(|r| r.is_empty() || r.starts_with('/'))
                }
                _ => has == uri || has.strip_prefix(uri.as_str()).is_some_and(|rest| rest.starts_with('|')),
            },
            _ => false,
        }
    }
}
