//! Transaction Bundles: entries read, ids given, references between entries and conditional references resolved.

use std::collections::HashMap;

use kith_fhir::search::Query;
use kith_fhir::{Value, resource};

use crate::access::Access;
use crate::change::Change;
use crate::error::{Error, Problem};

/// What ids new entries get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// A POST gives a new id, as FHIR's REST has it.
    New,
    /// A POST keeps the id the resource has, or that of its `urn:uuid:` full URL: for import, so that a second import of the
    /// same file finds the first.
    Keep,
}

/// What an entry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Create { if_none_exist: Option<String> },
    Update { if_match: Option<u32> },
    Delete { if_match: Option<u32> },
    Read,
}

/// One entry of a Bundle, its references to other entries already resolved.
#[derive(Debug, Clone)]
pub struct BundleEntry {
    pub verb: Verb,
    /// `Type/id` after ids were given; the URL asked for a read.
    pub reference: String,
    /// For writes.
    pub resource: Option<Value>,
}

/// What a transaction did, entry by entry.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub reference: String,
    /// Version after the write; `None` for a delete.
    pub version: Option<u32>,
    /// Made now, rather than found or replaced.
    pub created: bool,
}

/// Reads a `transaction`, `batch` or `collection` Bundle. References to other entries' full URLs become `Type/id`.
pub fn entries(mut bundle: Value, ids: Ids) -> Result<Vec<BundleEntry>, Error> {
    let Some(list) = bundle.get_mut("entry").map(Value::take) else { return Ok(Vec::new()) };
    let Value::Array(list) = list else { return Err(Error::invalid("Bundle.entry", "must be a list")) };
    let mut problems = Vec::new();
    let mut known: HashMap<String, String> = HashMap::new();
    let mut entries = Vec::with_capacity(list.len());
    for (at, mut entry) in list.into_iter().enumerate() {
        let place = format!("Bundle.entry[{at}]");
        let full_url = entry["fullUrl"].as_str().map(str::to_owned);
        match entry_of(&mut entry, full_url.as_deref(), ids) {
            Ok(read) => {
                if let Some(url) = full_url {
                    known.insert(url, read.reference.clone());
                }
                entries.push(read);
            }
            Err(message) => problems.push(Problem { place, message: message.to_owned() }),
        }
    }
    for (at, entry) in entries.iter_mut().enumerate() {
        if let Some(value) = &mut entry.resource {
            resource::for_each_reference_mut(value, |reference| {
                if let Some(target) = known.get(reference.as_str()) {
                    reference.clone_from(target);
                } else if reference.starts_with("urn:") {
                    problems.push(Problem {
                        place: format!("Bundle.entry[{at}]"),
                        message: "refers to a full URL that no entry has".to_owned(),
                    });
                }
            });
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(Error::Invalid { problems }) }
}

fn version_of(tag: &Value) -> Result<Option<u32>, &'static str> {
    match tag.as_str() {
        None => Ok(None),
        Some(text) => text
            .trim_start_matches("W/")
            .trim_matches('"')
            .parse()
            .map(Some)
            .map_err(|_| "ifMatch must be a version such as W/\"3\""),
    }
}

fn entry_of(entry: &mut Value, full_url: Option<&str>, ids: Ids) -> Result<BundleEntry, &'static str> {
    let mut value = entry.get_mut("resource").map(Value::take);
    let request = &entry["request"];
    let url = request["url"].as_str().unwrap_or_default().to_owned();
    let method = match (request["method"].as_str(), &value) {
        (Some(method), _) => method.to_owned(),
        // A collection says nothing of what to do with its resources.
        (None, Some(_)) => "PUT".to_owned(),
        (None, None) => return Err("has neither a resource nor a request"),
    };
    let type_of = |value: &Value| {
        resource::type_of(value)
            .and_then(resource::type_code)
            .and_then(resource::type_name)
            .ok_or("has no R4 resourceType")
    };
    let uuid = full_url.and_then(|u| u.strip_prefix("urn:uuid:")).map(str::to_owned);
    match method.as_str() {
        "POST" | "PUT" => {
            let value_ref = value.as_mut().ok_or("has no resource")?;
            let kind = type_of(value_ref)?;
            let own = resource::id_of(value_ref).map(str::to_owned);
            let update = method == "PUT" && !url.is_empty();
            let id = if update {
                let (asked_kind, asked_id) = resource::split_reference(&url)
                    .ok_or("request.url must be Type/id (conditional updates are not taken)")?;
                if asked_kind != kind {
                    return Err("request.url names another type than the resource");
                }
                if own.as_deref().is_some_and(|own| own != asked_id) {
                    return Err("request.url names another id than the resource");
                }
                asked_id.to_owned()
            } else if ids == Ids::Keep || method == "PUT" {
                own.or(uuid).unwrap_or_else(|| uuid::Uuid::now_v7().to_string())
            } else {
                uuid::Uuid::now_v7().to_string()
            };
            if !resource::valid_id(&id) {
                return Err("has an id that is not a FHIR id");
            }
            let reference = format!("{kind}/{id}");
            if let Some(object) = value_ref.as_object_mut() {
                object.insert("id".to_owned(), Value::String(id));
            }
            let verb = if method == "POST" && ids == Ids::New {
                Verb::Create { if_none_exist: request["ifNoneExist"].as_str().map(str::to_owned) }
            } else {
                Verb::Update { if_match: version_of(&request["ifMatch"])? }
            };
            Ok(BundleEntry { verb, reference, resource: value })
        }
        "DELETE" => {
            let (kind, id) = resource::split_reference(&url).ok_or("request.url must be Type/id")?;
            let if_match = version_of(&request["ifMatch"])?;
            Ok(BundleEntry { verb: Verb::Delete { if_match }, reference: format!("{kind}/{id}"), resource: None })
        }
        "GET" => Ok(BundleEntry { verb: Verb::Read, reference: url, resource: None }),
        _ => Err("request.method must be GET, POST, PUT or DELETE"),
    }
}

/// Finds what a conditional reference or `If-None-Exist` names: `Practitioner?identifier=system|value`.
pub async fn find_one(access: &Access, kind: &str, conditions: &str) -> Result<Option<String>, Error> {
    let pairs: Vec<(String, String)> = conditions
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    if pairs.is_empty() {
        return Err(Error::invalid("condition", "must have at least one parameter"));
    }
    let mut query = Query::parse(kind, &pairs).map_err(|e| Error::Unsearchable { what: e.to_string() })?;
    query.count = Some(2);
    let page = access.search(&query).await?;
    match page.entries.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.reference())),
        _ => Err(Error::Conflict { what: format!("more than one {kind} answers the condition") }),
    }
}

/// Percent-decoding of a query part; what does not decode stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' if tail.len() >= 2 => {
                match std::str::from_utf8(&tail[..2]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    Some(decoded) => {
                        bytes.push(decoded);
                        rest = &tail[2..];
                    }
                    None => bytes.push(byte),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Replaces conditional references (`Type?…`) by what they find. None found, or several, is an error.
pub async fn resolve_conditional(access: &Access, value: &mut Value, place: &str) -> Result<(), Error> {
    let mut wanted: Vec<String> = Vec::new();
    resource::for_each_reference(value, |reference| {
        if is_conditional(reference) && !wanted.iter().any(|w| w == reference) {
            wanted.push(reference.to_owned());
        }
    });
    let mut found: HashMap<String, String> = HashMap::new();
    for reference in wanted {
        let Some((kind, conditions)) = reference.split_once('?') else { continue };
        match find_one(access, kind, conditions).await? {
            Some(target) => {
                found.insert(reference, target);
            }
            None => return Err(Error::invalid(place, "a conditional reference finds nothing")),
        }
    }
    if !found.is_empty() {
        resource::for_each_reference_mut(value, |reference| {
            if let Some(target) = found.get(reference.as_str()) {
                reference.clone_from(target);
            }
        });
    }
    Ok(())
}

/// Whether a reference is a search rather than an address.
pub fn is_conditional(reference: &str) -> bool {
    reference.split_once('?').is_some_and(|(kind, _)| resource::type_code(kind).is_some())
}

/// Commits a transaction Bundle through the door: all of it or nothing. Reads are left to the caller, after the commit.
pub async fn transaction(access: &Access, bundle: Value) -> Result<Vec<Outcome>, Error> {
    let mut list = entries(bundle, Ids::New)?;
    // Entries that already exist by their condition are not written, and others refer to what was found.
    let mut replaced: HashMap<String, String> = HashMap::new();
    let mut existing: Vec<Option<String>> = vec![None; list.len()];
    for (at, entry) in list.iter().enumerate() {
        if let Verb::Create { if_none_exist: Some(conditions) } = &entry.verb
            && let Some((kind, _)) = entry.reference.split_once('/')
            && let Some(found) = find_one(access, kind, conditions).await?
        {
            replaced.insert(entry.reference.clone(), found.clone());
            existing[at] = Some(found);
        }
    }
    let mut change = Change::new("transaction");
    let mut outcomes = Vec::with_capacity(list.len());
    for (at, entry) in list.iter_mut().enumerate() {
        if let Some(found) = &existing[at] {
            outcomes.push(Outcome { reference: found.clone(), version: None, created: false });
            continue;
        }
        if let Some(value) = &mut entry.resource {
            resource::for_each_reference_mut(value, |reference| {
                if let Some(target) = replaced.get(reference.as_str()) {
                    reference.clone_from(target);
                }
            });
            resolve_conditional(access, value, &format!("Bundle.entry[{at}]")).await?;
        }
        let created = matches!(entry.verb, Verb::Create { .. });
        match (&entry.verb, entry.resource.take()) {
            (Verb::Create { .. }, Some(value)) => {
                change.create(value);
            }
            (Verb::Update { if_match: Some(version) }, Some(value)) => change.update(value, *version),
            (Verb::Update { if_match: None }, Some(value)) => {
                change.put(value);
            }
            (Verb::Delete { if_match }, _) => change.delete(&entry.reference, *if_match),
            _ => continue,
        }
        outcomes.push(Outcome { reference: entry.reference.clone(), version: None, created });
    }
    let receipt = access.commit(change).await?;
    let versions: HashMap<&str, u32> = receipt.written.iter().map(|(r, v)| (r.as_str(), *v)).collect();
    for outcome in &mut outcomes {
        outcome.version = versions.get(outcome.reference.as_str()).copied();
        outcome.created |= outcome.version == Some(1);
    }
    Ok(outcomes)
}
