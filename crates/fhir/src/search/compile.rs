//! From a search expression to key paths.
//!
//! The published element types decide what each step reaches, so a choice such as `Observation.value` becomes one path
//! for each of its types (`valueQuantity`, `valueString`, …) and every path knows what stands at its end.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{definitions::leaked, syntax::Ast};
use crate::resource;

/// Element path (`Observation.value[x]`) to the types it may have, as trimmed from the published definitions.
pub(super) struct Elements(BTreeMap<&'static str, Vec<&'static str>>);

impl Elements {
    /// Reads the embedded file.
    pub(super) fn embedded() -> Self {
        let raw: BTreeMap<String, String> = serde_json::from_str(include_str!("../../definitions/elements.json"))
            .expect("the embedded element definitions are JSON: a test reads them");
        Self(raw.into_iter().map(|(path, kinds)| (leaked(path), leaked(kinds).split(' ').collect())).collect())
    }

    /// What element `name` of `at` is called in JSON and what it is there: (key, type or backbone path).
    fn step(&self, at: &str, name: &str) -> Vec<(&'static str, &'static str)> {
        let plain = format!("{at}.{name}");
        if let Some((&path, kinds)) = self.0.get_key_value(plain.as_str()) {
            let key = path.rsplit('.').next().unwrap_or(path);
            return kinds
                .iter()
                .map(|&kind| match kind {
                    "BackboneElement" | "Element" => (key, path),
                    _ => (key, kind.strip_prefix('#').unwrap_or(kind)),
                })
                .collect();
        }
        let choice = format!("{plain}[x]");
        let Some(kinds) = self.0.get(choice.as_str()) else { return Vec::new() };
        kinds
            .iter()
            .map(|&kind| {
                let (head, tail) = kind.split_at(1);
                (leaked(format!("{name}{}{tail}", head.to_uppercase())), kind)
            })
            .collect()
    }
}

/// What stands at the end of a path, as far as search distinguishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Boolean,
    Code,
    Text,
    Uri,
    Canonical,
    Moment,
    Number,
    Coding,
    CodeableConcept,
    Identifier,
    ContactPoint,
    HumanName,
    Address,
    Period,
    Timing,
    Reference,
    Quantity,
    Money,
    Range,
    SampledData,
    Resource,
    Other,
}

impl Leaf {
    fn of(kind: &str) -> Self {
        match kind {
            "boolean" => Self::Boolean,
            "code" | "id" | "oid" | "uuid" => Self::Code,
            "string" | "markdown" => Self::Text,
            "uri" | "url" => Self::Uri,
            "canonical" => Self::Canonical,
            "date" | "dateTime" | "instant" => Self::Moment,
            "decimal" | "integer" | "positiveInt" | "unsignedInt" => Self::Number,
            "Coding" => Self::Coding,
            "CodeableConcept" => Self::CodeableConcept,
            "Identifier" => Self::Identifier,
            "ContactPoint" => Self::ContactPoint,
            "HumanName" => Self::HumanName,
            "Address" => Self::Address,
            "Period" => Self::Period,
            "Timing" => Self::Timing,
            "Reference" => Self::Reference,
            "Quantity" | "Age" | "Duration" | "Distance" | "Count" | "SimpleQuantity" | "MoneyQuantity" => {
                Self::Quantity
            }
            "Money" => Self::Money,
            "Range" => Self::Range,
            "SampledData" => Self::SampledData,
            "Resource" => Self::Resource,
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Op {
    /// Back to the resource.
    Root,
    /// Into an element, each item of it if it repeats.
    Key(&'static str),
    /// Into one item of an element.
    Item(&'static str, usize),
    /// Into the extensions with this URL.
    Extension(&'static str),
    /// Only a reference to this type.
    PointsTo(&'static str),
    /// Only where this element equals this text.
    Equals(&'static str, &'static str),
    /// Only where this element exists.
    Has(&'static str),
}

/// One way from a resource to a value.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    ops: Vec<Op>,
    at: &'static str,
    pub(crate) leaf: Leaf,
}

impl Path {
    fn root(at: &'static str) -> Self {
        Self { ops: Vec::new(), at, leaf: Leaf::of(at) }
    }

    /// The same end, seen from itself: where the parts of a composite start.
    pub(super) fn relative(&self) -> Self {
        Self { ops: Vec::new(), at: self.at, leaf: self.leaf }
    }

    fn then(&self, op: Op, at: &'static str) -> Self {
        let mut ops = self.ops.clone();
        ops.push(op);
        Self { ops, at, leaf: Leaf::of(at) }
    }

    /// Calls `seen` with each value the path reaches from `node` until it answers true; whether it did.
    pub(crate) fn visit<'a>(&self, node: &'a Value, root: &'a Value, seen: &mut dyn FnMut(&'a Value) -> bool) -> bool {
        visit(&self.ops, node, root, seen)
    }
}

fn visit<'a>(ops: &[Op], node: &'a Value, root: &'a Value, seen: &mut dyn FnMut(&'a Value) -> bool) -> bool {
    let Some((op, rest)) = ops.split_first() else { return seen(node) };
    match op {
        Op::Key(key) => match node.get(*key) {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => items.iter().any(|item| !item.is_null() && visit(rest, item, root, seen)),
            Some(child) => visit(rest, child, root, seen),
        },
        Op::Item(key, index) => match node.get(*key) {
            Some(Value::Array(items)) => items.get(*index).is_some_and(|item| visit(rest, item, root, seen)),
            Some(child) if *index == 0 => visit(rest, child, root, seen),
            _ => false,
        },
        Op::Extension(url) => match node.get("extension") {
            Some(Value::Array(items)) => items
                .iter()
                .filter(|item| item.get("url").and_then(Value::as_str) == Some(url))
                .any(|item| visit(rest, item, root, seen)),
            _ => false,
        },
        Op::Root => visit(rest, root, root, seen),
        Op::PointsTo(kind) => points_to(node, kind, root) && visit(rest, node, root, seen),
        Op::Equals(key, text) => node.get(*key).and_then(Value::as_str) == Some(text) && visit(rest, node, root, seen),
        Op::Has(key) => node.get(*key).is_some() && visit(rest, node, root, seen),
    }
}

/// `resolve() is kind`, answered from the reference itself: by its text, by its declared `type`, or by the contained
/// resource it names.
fn points_to(node: &Value, kind: &str, root: &Value) -> bool {
    if let Some(text) = node.get("reference").and_then(Value::as_str) {
        if let Some(id) = text.strip_prefix('#') {
            let Some(Value::Array(contained)) = root.get("contained") else { return false };
            return contained.iter().any(|c| resource::id_of(c) == Some(id) && resource::type_of(c) == Some(kind));
        }
        if let Some((name, _)) = resource::split_reference(text) {
            return name == kind;
        }
    }
    node.get("type").and_then(Value::as_str) == Some(kind)
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) enum Extractor {
    /// The values at these paths, in this order.
    Paths(Vec<Path>),
    /// `x.exists() and x != false`: one truth value, where `x` is the choice these paths reach.
    ExistsAndIsNotFalse(Vec<Path>),
}

/// Compiles `ast` for a context of `from` paths, or says what it cannot take.
pub(super) fn compile(ast: &Ast, from: &[Path], elements: &Elements) -> Result<Extractor, String> {
    if let Ast::And(left, right) = ast {
        if let (Ast::Call(Some(tested), name, arguments), Ast::Compare(compared, false, flag)) = (&**left, &**right)
            && name == "exists"
            && arguments.is_empty()
            && tested == compared
            && **flag == Ast::Flag(false)
        {
            return Ok(Extractor::ExistsAndIsNotFalse(paths(tested, from, elements)?));
        }
        return Err("`and` of other terms than `x.exists() and x != false`".into());
    }
    Ok(Extractor::Paths(paths(ast, from, elements)?))
}

/// The path a type's expressions start from.
pub(super) fn start(resource_type: &'static str) -> Path {
    Path::root(resource_type)
}

fn paths(ast: &Ast, from: &[Path], elements: &Elements) -> Result<Vec<Path>, String> {
    let out = match ast {
        Ast::Name(name) => match resource::type_code(name).and_then(resource::type_name) {
            Some(kind) => vec![Path::root(kind)],
            None if name == "Resource" || name == "DomainResource" => vec![Path::root(leaked(name.clone()))],
            None if name == "$this" => from.to_vec(),
            None => members(from, name, elements)?,
        },
        Ast::Resource => {
            let Some(kind) = from.first().map(|path| path.at.split('.').next().unwrap_or(path.at)) else {
                return Err("`%resource` without a context".into());
            };
            vec![Path { ops: vec![Op::Root], at: kind, leaf: Leaf::Resource }]
        }
        Ast::Member(left, name) => members(&paths(left, from, elements)?, name, elements)?,
        Ast::Union(left, right) => {
            let mut out = paths(left, from, elements)?;
            out.extend(paths(right, from, elements)?);
            out
        }
        Ast::As(left, kind) => of_type(paths(left, from, elements)?, kind),
        Ast::Index(left, index) => paths(left, from, elements)?
            .into_iter()
            .map(|mut path| match path.ops.pop() {
                Some(Op::Key(key)) => Ok(path.then(Op::Item(key, *index), path.at)),
                _ => Err("an index on something that is not an element".to_owned()),
            })
            .collect::<Result<_, _>>()?,
        Ast::Call(Some(left), name, arguments) => call(paths(left, from, elements)?, name, arguments)?,
        Ast::Call(None, name, arguments) => call(from.to_vec(), name, arguments)?,
        Ast::Is(..) | Ast::And(..) | Ast::Compare(..) | Ast::Text(_) | Ast::Flag(_) => {
            return Err("a truth value where elements are due".into());
        }
    };
    if out.is_empty() { Err("it reaches nothing".into()) } else { Ok(out) }
}

fn members(from: &[Path], name: &str, elements: &Elements) -> Result<Vec<Path>, String> {
    let out: Vec<Path> = from
        .iter()
        .flat_map(|path| elements.step(path.at, name).into_iter().map(|(key, at)| path.then(Op::Key(key), at)))
        .collect();
    if out.is_empty() { Err(format!("no element `{name}`")) } else { Ok(out) }
}

fn of_type(from: Vec<Path>, kind: &str) -> Vec<Path> {
    from.into_iter().filter(|path| path.at.eq_ignore_ascii_case(kind)).collect()
}

fn call(from: Vec<Path>, name: &str, arguments: &[Ast]) -> Result<Vec<Path>, String> {
    let filter = |op: Op| Ok(from.iter().map(|path| path.then(op.clone(), path.at)).collect());
    match (name, arguments) {
        ("as" | "ofType", [Ast::Name(kind)]) => Ok(of_type(from, kind)),
        ("extension", [Ast::Text(url)]) => {
            let url = leaked(url.clone());
            Ok(from.iter().map(|path| path.then(Op::Extension(url), "Extension")).collect())
        }
        ("where", [Ast::Is(tested, kind)]) if **tested == Ast::Call(None, "resolve".into(), Vec::new()) => {
            filter(Op::PointsTo(leaked(kind.clone())))
        }
        ("where", [Ast::Compare(left, true, right)]) => match (&**left, &**right) {
            (Ast::Name(key), Ast::Text(text)) => filter(Op::Equals(leaked(key.clone()), leaked(text.clone()))),
            _ => Err("a comparison of other things than an element and a text".into()),
        },
        ("where", [Ast::Call(Some(tested), exists, none)]) if exists == "exists" && none.is_empty() => {
            match &**tested {
                Ast::Name(key) => filter(Op::Has(leaked(key.clone()))),
                _ => Err("`exists()` of something that is not an element".into()),
            }
        }
        _ => Err(format!("function `{name}`")),
    }
}
