//! The published parameters, read and compiled once.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::Value;

use super::{
    Kind, Term,
    compile::{self, Elements, Extractor, Path},
    syntax, term,
};
use crate::resource;

/// Gives text the life of the program. Used only while the embedded definitions are compiled, once.
pub(super) fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[derive(Deserialize)]
struct Row {
    code: String,
    kind: Kind,
    expression: String,
    #[serde(default)]
    target: Vec<String>,
    #[serde(default)]
    component: Vec<RowPart>,
}

#[derive(Deserialize)]
struct RowPart {
    kind: Kind,
    expression: String,
}

/// One search parameter of one resource type.
#[derive(Debug)]
pub struct Param {
    /// The type it was published for; `Resource` for those every type has, such as `_id`.
    pub resource_type: &'static str,
    /// Its name in a query, such as `birthdate`.
    pub code: &'static str,
    /// How its values compare.
    pub kind: Kind,
    /// The published FHIRPath expression, as far as it speaks of this type.
    pub expression: &'static str,
    /// Types a reference may point to; empty where any may.
    pub targets: Vec<&'static str>,
    extractor: Extractor,
    pub(super) composite: Vec<Composite>,
}

/// One root of a composite parameter and what is compared within it.
#[derive(Debug)]
pub(super) struct Composite {
    root: Path,
    pub(super) parts: Vec<(Kind, Extractor)>,
}

/// A published parameter the compiler does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The resource type.
    pub resource_type: &'static str,
    /// The parameter.
    pub code: &'static str,
    /// Why.
    pub reason: String,
}

impl Param {
    /// The parameter's values in `resource`, in document order. Empty where it has none, or where the parameter is
    /// composite or special (these are matched, not listed).
    pub fn extract(&self, resource: &Value) -> Vec<Term> {
        let mut out = Vec::new();
        self.extract_into(resource, &mut out);
        out
    }

    /// As [`Param::extract`], appending to `out`.
    pub fn extract_into(&self, resource: &Value, out: &mut Vec<Term>) {
        if self.composite.is_empty() {
            extract(&self.extractor, self.kind, resource, resource, out);
        }
    }

    /// Calls `seen` with each raw value the expression reaches, before it becomes terms.
    pub fn for_each_node<'a>(&self, resource: &'a Value, mut seen: impl FnMut(&'a Value)) {
        if let Extractor::Paths(paths) = &self.extractor {
            for path in paths {
                path.visit(resource, resource, &mut |node| {
                    seen(node);
                    false
                });
            }
        }
    }

    pub(crate) fn paths(&self) -> &[Path] {
        match &self.extractor {
            Extractor::Paths(paths) | Extractor::ExistsAndIsNotFalse(paths) => paths,
        }
    }

    /// How many values a composite joins by `$`; 0 for other kinds.
    pub fn parts(&self) -> usize {
        self.composite.first().map_or(0, |composite| composite.parts.len())
    }

    /// The kind of each part of a composite.
    pub(super) fn part_kinds(&self) -> Vec<Kind> {
        self.composite.first().map_or_else(Vec::new, |c| c.parts.iter().map(|(kind, _)| *kind).collect())
    }

    /// Calls `seen` with the terms of each part, for each element a composite is about, until it answers true.
    pub(super) fn any_composite(&self, resource: &Value, seen: &mut dyn FnMut(&[Vec<Term>]) -> bool) -> bool {
        self.composite.iter().any(|composite| {
            composite.root.visit(resource, resource, &mut |node| {
                let parts: Vec<Vec<Term>> = composite
                    .parts
                    .iter()
                    .map(|(kind, extractor)| {
                        let mut out = Vec::new();
                        extract(extractor, *kind, node, resource, &mut out);
                        out
                    })
                    .collect();
                seen(&parts)
            })
        })
    }
}

fn extract(extractor: &Extractor, kind: Kind, node: &Value, root: &Value, out: &mut Vec<Term>) {
    match extractor {
        Extractor::Paths(paths) => {
            for path in paths {
                path.visit(node, root, &mut |value| {
                    term::push(kind, path.leaf, value, out);
                    false
                });
            }
        }
        Extractor::ExistsAndIsNotFalse(paths) => {
            let holds = paths.iter().any(|path| path.visit(node, root, &mut |value| *value != Value::Bool(false)));
            let code = Some(if holds { "true" } else { "false" }.to_owned());
            out.push(Term::Token { system: None, code, text: None });
        }
    }
}

/// All search parameters of R4, by resource type.
#[derive(Debug)]
pub struct Definitions {
    /// By type code less one; each sorted by code.
    types: Vec<Vec<&'static Param>>,
    unsupported: Vec<Unsupported>,
}

/// The compiled definitions. The first call compiles them (some milliseconds); later calls are a load.
pub fn definitions() -> &'static Definitions {
    static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(Definitions::compile);
    &DEFINITIONS
}

impl Definitions {
    /// The parameter `code` of a resource type, those of every type (`_id`, `_lastUpdated`, …) included.
    pub fn param(&self, resource_type: &str, code: &str) -> Option<&'static Param> {
        let params = self.params(resource_type);
        params.binary_search_by(|param| param.code.cmp(code)).ok().map(|at| params[at])
    }

    /// All parameters of a resource type in alphabetical order; empty for an unknown type.
    pub fn params(&self, resource_type: &str) -> &[&'static Param] {
        resource::type_code(resource_type).map_or(&[], |code| &self.types[usize::from(code) - 1])
    }

    /// Published parameters that are not to be had, and why.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    fn compile() -> Self {
        let elements = Elements::embedded();
        let read = |text| -> BTreeMap<String, Vec<Row>> {
            serde_json::from_str(text).expect("the embedded search parameters are JSON: a test reads them")
        };
        let mut published = read(include_str!("../../definitions/search-parameters.json"));
        for (name, rows) in read(include_str!("../../definitions/kith-search-parameters.json")) {
            published.entry(name).or_default().extend(rows);
        }
        let mut unsupported = Vec::new();
        let mut compile_type = |name: &'static str| -> Vec<&'static Param> {
            let mut out = Vec::new();
            for row in published.remove(name).unwrap_or_default() {
                let code = leaked(row.code.clone());
                match compile_row(name, code, row, &elements) {
                    Ok(param) => out.push(&*Box::leak(Box::new(param))),
                    Err(reason) => unsupported.push(Unsupported { resource_type: name, code, reason }),
                }
            }
            out
        };
        let mut every = compile_type("Resource");
        every.extend(compile_type("DomainResource"));
        let types = resource::TYPES
            .iter()
            .map(|&name| {
                let mut params = compile_type(name);
                params.extend(&every);
                params.sort_unstable_by_key(|param| param.code);
                params
            })
            .collect();
        Self { types, unsupported }
    }
}

fn compile_row(
    resource_type: &'static str,
    code: &'static str,
    row: Row,
    elements: &Elements,
) -> Result<Param, String> {
    if row.expression.is_empty() {
        return Err("published without an expression".into());
    }
    let from = [compile::start(resource_type)];
    let extractor = compile::compile(&syntax::parse(&row.expression)?, &from, elements)?;
    let mut composite = Vec::new();
    if row.kind == Kind::Composite {
        let Extractor::Paths(roots) = &extractor else { return Err("a composite of a truth value".into()) };
        for root in roots {
            let start = [root.relative()];
            let parts = row
                .component
                .iter()
                .map(|part| Ok((part.kind, compile::compile(&syntax::parse(&part.expression)?, &start, elements)?)))
                .collect::<Result<_, String>>()?;
            composite.push(Composite { root: root.clone(), parts });
        }
    }
    let param = Param {
        resource_type,
        code,
        kind: row.kind,
        expression: leaked(row.expression),
        targets: row.target.into_iter().map(leaked).collect(),
        extractor,
        composite,
    };
    if let Extractor::Paths(paths) = &param.extractor
        && param.kind != Kind::Composite
        && param.kind != Kind::Special
        && !paths.iter().any(|path| term::understood(param.kind, path.leaf))
    {
        return Err("its element is of no type this kind of search compares".into());
    }
    Ok(param)
}
