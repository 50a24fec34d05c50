//! What comes out of the door.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use kith_fhir::Value;
use kith_fhir::search::Query;
use kith_store::Stored;

use crate::Origin;
use crate::kinds::DataKind;
use crate::link::Relationship;

/// A resource as stored, with who wrote this version.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Resource type.
    pub kind: &'static str,
    pub id: String,
    pub version: u32,
    pub updated: Timestamp,
    /// Who wrote this version, for which organisation, through which system.
    pub origin: Arc<Origin>,
    /// The resource, `meta.versionId` and `meta.lastUpdated` filled in.
    pub value: Arc<Value>,
    /// Patient id of the compartment; `None` for the directory.
    pub person: Option<Arc<str>>,
}

impl Entry {
    pub(crate) fn of(stored: &Stored) -> Option<Self> {
        Some(Self {
            kind: stored.kind,
            id: stored.id.clone(),
            version: stored.version,
            updated: stored.updated,
            origin: Arc::clone(&stored.origin),
            value: Arc::clone(stored.value.as_ref()?),
            person: stored.person.clone(),
        })
    }

    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    /// The weak entity tag of this version: `W/"3"`.
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

/// A kind of data that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    pub kind: DataKind,
    pub why: String,
    /// How many resources.
    pub count: usize,
}

/// One person's record as an actor may see it.
#[derive(Debug, Clone)]
pub struct Record {
    pub patient_id: String,
    /// What was left out.
    pub withheld: Vec<Withheld>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) by_reference: HashMap<String, usize>,
    pub(crate) relationships: Vec<Relationship>,
}

static EMPTY: Value = Value::Null;

impl Record {
    pub(crate) fn new(
        patient_id: &str,
        entries: Vec<Entry>,
        withheld: Vec<Withheld>,
        relationships: Vec<Relationship>,
    ) -> Self {
        let by_reference = entries.iter().enumerate().map(|(at, e)| (e.reference(), at)).collect();
        Self { patient_id: patient_id.to_owned(), withheld, entries, by_reference, relationships }
    }

    /// The Patient resource; JSON null if demographics are withheld.
    pub fn patient(&self) -> &Value {
        self.entries
            .iter()
            .find(|e| e.kind == "Patient" && e.id == self.patient_id)
            .map_or(&EMPTY, |e| e.value.as_ref())
    }

    /// Everything, the Patient first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Entries of one type.
    pub fn of<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Entry> {
        let kind = kith_fhir::resource::type_code(kind).and_then(kith_fhir::resource::type_name);
        self.entries.iter().filter(move |e| Some(e.kind) == kind)
    }

    /// Resources of one type.
    pub fn values<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        self.of(kind).map(|e| e.value.as_ref())
    }

    /// One resource of this record, by `Type/id`.
    pub fn get(&self, reference: &str) -> Option<&Entry> {
        self.by_reference.get(reference).map(|at| &self.entries[*at])
    }

    /// Searches within the person: any parameter, in memory.
    pub fn search(&self, query: &Query) -> Vec<&Entry> {
        let mut found: Vec<&Entry> = self.of(&query.resource_type).filter(|e| query.matches(&e.value)).collect();
        if !query.sort.is_empty() {
            found.sort_by(|a, b| query.compare(&a.value, &b.value));
        }
        found
    }

    /// What connects the person with organisations, services and proxies now.
    pub fn relationships(&self) -> &[Relationship] {
        &self.relationships
    }
}

/// One page of a search.
#[derive(Debug, Clone)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Put it into `Query::cursor` for the next page.
    pub next: Option<String>,
}
