//! Queries: what the REST door, the pages and the store ask.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    Kind, Operand, Param, Term, definitions, fold,
    operand::{escape, split_unescaped},
};
use crate::resource;

/// Why a query cannot be asked. Names the parameter and what is possible; never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No such resource type in R4.
    #[error("there is no resource type of this name in FHIR R4")]
    UnknownType,
    /// The type has no such parameter.
    #[error("{resource_type} has no search parameter `{param}`; it has: {possible}")]
    UnknownParameter {
        /// The type asked.
        resource_type: &'static str,
        /// The parameter, where it looks like one.
        param: String,
        /// The parameters there are.
        possible: String,
    },
    /// The parameter cannot take this modifier.
    #[error("search parameter `{param}` takes no modifier of this name; it takes: {possible}")]
    UnsupportedModifier {
        /// The parameter.
        param: String,
        /// The modifiers there are.
        possible: String,
    },
    /// The value is not of the parameter's kind.
    #[error("the value of `{param}` must be {expected}")]
    BadValue {
        /// The parameter.
        param: String,
        /// What it may be.
        expected: &'static str,
    },
    /// FHIR has this, this server has not.
    #[error("`{param}` is not supported: {reason}")]
    Unsupported {
        /// The parameter.
        param: String,
        /// Why, and what to do instead.
        reason: &'static str,
    },
}

impl QueryError {
    pub(super) fn value(param: &str, expected: &'static str) -> Self {
        Self::BadValue { param: param.to_owned(), expected }
    }
}

/// The part after the colon of a parameter's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Modifier {
    /// String: the whole text, case and accents too.
    Exact,
    /// String: anywhere in the text.
    Contains,
    /// Any: whether there is a value at all.
    Missing,
    /// Token: none of the values is this one.
    Not,
    /// Token: the words begin with this.
    Text,
    /// Reference: only to this type.
    Type(&'static str),
    /// Uri: this or anything below it.
    Below,
    /// Uri: this or anything above it.
    Above,
}

impl Modifier {
    fn parse(param: &Param, name: &str) -> Result<Self, QueryError> {
        let found = match (name, param.kind) {
            ("missing", Kind::Composite | Kind::Special) => None,
            ("missing", _) => Some(Self::Missing),
            ("exact", Kind::String) => Some(Self::Exact),
            ("contains", Kind::String) => Some(Self::Contains),
            ("not", Kind::Token) => Some(Self::Not),
            ("text", Kind::Token) => Some(Self::Text),
            ("below", Kind::Uri) => Some(Self::Below),
            ("above", Kind::Uri) => Some(Self::Above),
            (name, Kind::Reference) => resource::type_code(name)
                .and_then(resource::type_name)
                .filter(|name| param.targets.is_empty() || param.targets.contains(name))
                .map(Self::Type),
            _ => None,
        };
        found.ok_or_else(|| {
            let possible = match param.kind {
                Kind::String => "`:exact`, `:contains`, `:missing`".to_owned(),
                Kind::Token => "`:not`, `:text`, `:missing`".to_owned(),
                Kind::Uri => "`:below`, `:above`, `:missing`".to_owned(),
                Kind::Reference if param.targets.is_empty() => "any resource type, `:missing`".to_owned(),
                Kind::Reference => format!("{}, `:missing`", list(param.targets.iter().map(|t| format!(":{t}")))),
                Kind::Composite | Kind::Special => "none".to_owned(),
                Kind::Date | Kind::Number | Kind::Quantity => "`:missing`".to_owned(),
            };
            QueryError::UnsupportedModifier { param: param.code.to_owned(), possible }
        })
    }
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// One condition: the parameter must answer one of the operands.
#[derive(Debug, Clone)]
pub struct Criterion {
    /// What is asked about.
    pub param: &'static Param,
    /// How.
    pub modifier: Option<Modifier>,
    /// Alternatives; never empty.
    pub operands: Vec<Operand>,
}

impl Criterion {
    /// Reads `code` or `code:modifier` of a known type, and its value.
    pub fn parse(resource_type: &str, name: &str, value: &str) -> Result<Self, QueryError> {
        let type_name = known_type(resource_type)?;
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name, None),
        };
        if code == "_has" || name.contains('.') {
            let reason = "searches through another resource are not available; search for that resource first";
            return Err(QueryError::Unsupported { param: shown(code), reason });
        }
        let param = definitions().param(type_name, code).ok_or_else(|| unknown(type_name, code))?;
        if param.kind == Kind::Special {
            let reason = "it has no general meaning here; ask the directory for what is near";
            return Err(QueryError::Unsupported { param: shown(code), reason });
        }
        let modifier = modifier.map(|name| Modifier::parse(param, name)).transpose()?;
        let operands = split_unescaped(value, ',')
            .into_iter()
            .map(|part| Operand::parse(param, modifier.as_ref(), part))
            .collect::<Result<_, _>>()?;
        Ok(Self { param, modifier, operands })
    }

    /// Whether the resource answers it. The resource must be of the parameter's type.
    pub fn matches(&self, resource: &Value) -> bool {
        if self.param.kind == Kind::Composite {
            return self.param.any_composite(resource, &mut |parts| {
                self.operands.iter().any(|operand| match operand {
                    Operand::Composite(wanted) => wanted
                        .iter()
                        .zip(parts)
                        .all(|(operand, terms)| terms.iter().any(|term| operand.matches(term, None))),
                    _ => false,
                })
            });
        }
        self.matches_terms(&self.param.extract(resource))
    }

    /// Whether a resource with these terms for the parameter answers it. Not for composites.
    pub fn matches_terms(&self, terms: &[Term]) -> bool {
        let modifier = self.modifier.as_ref();
        if modifier == Some(&Modifier::Missing) {
            return self.operands.contains(&Operand::Missing(terms.is_empty()));
        }
        let found = self.operands.iter().any(|operand| terms.iter().any(|term| operand.matches(term, modifier)));
        if modifier == Some(&Modifier::Not) { !found } else { found }
    }
}

/// One key of the order of results.
#[derive(Debug, Clone, Copy)]
pub struct Sort {
    /// What to sort by.
    pub param: &'static Param,
    /// Its name.
    pub code: &'static str,
    /// Highest first.
    pub descending: bool,
}

/// A search for resources of one type.
#[derive(Debug, Clone)]
pub struct Query {
    /// The type searched.
    pub resource_type: String,
    /// All must hold.
    pub criteria: Vec<Criterion>,
    /// Order of results; first key first.
    pub sort: Vec<Sort>,
    /// Page size asked for.
    pub count: Option<usize>,
    /// Where the page starts: the store's own words.
    pub cursor: Option<String>,
    /// `_summary`, as asked.
    pub summary: Option<Summary>,
    /// `_elements`, as asked; empty for all.
    pub elements: Vec<String>,
    /// `_total` was `accurate`.
    pub total: bool,
}

/// `_summary`: how much of each resource to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// The elements marked as summary.
    True,
    /// Everything.
    False,
    /// Only the narrative and what must be there.
    Text,
    /// Everything but the narrative.
    Data,
    /// Only how many there are.
    Count,
}

fn known_type(name: &str) -> Result<&'static str, QueryError> {
    resource::type_code(name).and_then(resource::type_name).ok_or(QueryError::UnknownType)
}

/// A parameter's name if it can be one: what a stranger sends may be anything, a person's data included.
fn shown(name: &str) -> String {
    let like_a_name = name.len() <= 40
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_uppercase() || b == b'-' || b == b'_');
    if like_a_name { name.to_owned() } else { "…".to_owned() }
}

fn unknown(resource_type: &'static str, code: &str) -> QueryError {
    let params = definitions().params(resource_type).iter();
    let possible = list(params.filter(|p| p.kind != Kind::Special).map(|param| param.code.to_owned()));
    QueryError::UnknownParameter { resource_type, param: shown(code), possible }
}

impl Query {
    /// A search for all resources of a type.
    pub fn new(resource_type: &str) -> Result<Self, QueryError> {
        Ok(Self {
            resource_type: known_type(resource_type)?.to_owned(),
            criteria: Vec::new(),
            sort: Vec::new(),
            count: None,
            cursor: None,
            summary: None,
            elements: Vec::new(),
            total: false,
        })
    }

    /// Adds a condition: `code` may carry a modifier (`name:exact`), `value` prefixes and alternatives (`ge2026,2024`).
    /// Text that may hold `,`, `|`, `$` or `\` goes through [`Query::literal`] first.
    pub fn where_(mut self, code: &str, value: &str) -> Result<Self, QueryError> {
        self.criteria.push(Criterion::parse(&self.resource_type, code, value)?);
        Ok(self)
    }

    /// Escapes text so that it stands for itself in a value.
    pub fn literal(text: &str) -> String {
        escape(text)
    }

    /// Adds a sort key: `date`, or `-date` for the latest first.
    pub fn sorted_by(mut self, key: &str) -> Result<Self, QueryError> {
        let (code, descending) = match key.strip_prefix('-') {
            Some(code) => (code, true),
            None => (key, false),
        };
        let type_name = known_type(&self.resource_type)?;
        let param = definitions().param(type_name, code).ok_or_else(|| unknown(type_name, code))?;
        if matches!(param.kind, Kind::Composite | Kind::Special) {
            let reason = "results cannot be put in order by it";
            return Err(QueryError::Unsupported { param: shown(code), reason });
        }
        self.sort.push(Sort { param, code: param.code, descending });
        Ok(self)
    }

    /// Sets the page size.
    #[must_use]
    pub fn limit(mut self, count: usize) -> Self {
        self.count = Some(count);
        self
    }

    /// Reads the parameters of a request, in any order. `_format` and `_pretty` belong to the door and are passed over.
    pub fn parse(resource_type: &str, pairs: &[(String, String)]) -> Result<Self, QueryError> {
        let mut query = Self::new(resource_type)?;
        for (name, value) in pairs {
            match name.as_str() {
                "_count" => {
                    query.count = Some(value.parse().map_err(|_| QueryError::value("_count", "a whole number"))?);
                }
                "_sort" => {
                    for key in value.split(',') {
                        query = query.sorted_by(key)?;
                    }
                }
                "_cursor" => query.cursor = Some(value.clone()),
                "_summary" => {
                    query.summary = Some(match value.as_str() {
                        "true" => Summary::True,
                        "false" => Summary::False,
                        "text" => Summary::Text,
                        "data" => Summary::Data,
                        "count" => Summary::Count,
                        _ => {
                            let expected = "`true`, `false`, `text`, `data` or `count`";
                            return Err(QueryError::value("_summary", expected));
                        }
                    });
                }
                "_elements" => query.elements = value.split(',').map(str::to_owned).collect(),
                "_total" => {
                    query.total = match value.as_str() {
                        "accurate" => true,
                        "none" | "estimate" => false,
                        _ => return Err(QueryError::value("_total", "`none`, `estimate` or `accurate`")),
                    }
                }
                "_format" | "_pretty" => {}
                "_include"
                | "_revinclude"
                | "_include:iterate"
                | "_revinclude:iterate"
                | "_contained"
                | "_containedType" => {
                    let reason = "results hold the resources searched for and nothing else";
                    return Err(QueryError::Unsupported { param: shown(name), reason });
                }
                _ => query = query.where_(name, value)?,
            }
        }
        Ok(query)
    }

    /// Whether the resource is of the type and answers every criterion.
    pub fn matches(&self, resource: &Value) -> bool {
        resource::type_of(resource) == Some(&self.resource_type)
            && self.criteria.iter().all(|criterion| criterion.matches(resource))
    }

    /// The order of two results: by the sort keys, what has no value last either way, then by id.
    pub fn compare(&self, a: &Value, b: &Value) -> Ordering {
        for sort in &self.sort {
            let order = match (sort.key(a), sort.key(b)) {
                (Some(a), Some(b)) if sort.descending => b.order(&a),
                (Some(a), Some(b)) => a.order(&b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        resource::id_of(a).cmp(&resource::id_of(b))
    }
}

/// What a resource is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SortKey {
    Text(String),
    Number(f64),
    Moment(i64),
}

impl SortKey {
    fn of(term: Term) -> Option<Self> {
        Some(match term {
            Term::Text(text) => Self::Text(fold(&text)),
            Term::Token { code, text, .. } => Self::Text(fold(&code.or(text)?)),
            Term::Reference(text) | Term::Uri(text) => Self::Text(text),
            Term::Date { low: i64::MIN, high } => Self::Moment(high),
            Term::Date { low, .. } => Self::Moment(low),
            Term::Quantity { value, .. } | Term::Number(value) => Self::Number(value),
        })
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Moment(a), Self::Moment(b)) => a.cmp(b),
            // One parameter gives keys of one kind.
            _ => Ordering::Equal,
        }
    }
}

impl Sort {
    /// The lowest key of the resource, or the highest where the order is descending.
    fn key(&self, resource: &Value) -> Option<SortKey> {
        let keys = self.param.extract(resource).into_iter().filter_map(SortKey::of);
        if self.descending { keys.max_by(SortKey::order) } else { keys.min_by(SortKey::order) }
    }
}
