//! A resource made ready for the writer: everything that can be worked out before the one writer's turn.

use std::sync::Arc;

use kith_fhir::{Value, compartment, resource};
use sha2::{Digest, Sha256};

use crate::{codec, index};

/// A resource with its canonical bytes hashed and compressed, its index rows and its references.
#[derive(Debug)]
pub struct Prepared {
    pub kind: &'static str,
    pub(crate) type_code: u16,
    pub id: String,
    /// Patient id of the compartment it belongs to.
    pub patient: Option<Arc<str>>,
    pub(crate) hash: [u8; 32],
    pub(crate) body: Vec<u8>,
    /// It carries the bytes of a photo, a letter or a file: sealed at rest.
    pub(crate) attached: bool,
    pub(crate) rows: Vec<index::Row>,
    /// Relative references `Type/id` that must resolve.
    pub(crate) references: Vec<(u16, String)>,
}

/// Why a value is not a storable resource.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PrepareError {
    #[error("there is no `resourceType`, or it is not an R4 resource type")]
    Type,
    #[error("`id` is missing or is not a FHIR id (1 to 64 of A-Z, a-z, 0-9, `-`, `.`)")]
    Id,
    #[error("the resource is larger than {} MiB", codec::MAX_BODY >> 20)]
    Size,
}

impl Prepared {
    /// Takes a resource with an id. `meta.versionId` and `meta.lastUpdated` are the store's to give and are dropped.
    pub fn new(mut value: Value) -> Result<Self, PrepareError> {
        Self::of(&mut value)
    }

    /// As [`Prepared::new`], for a value that is still needed after; its `meta` is changed as said there.
    pub fn of(value: &mut Value) -> Result<Self, PrepareError> {
        strip_meta(value);
        let value = &*value;
        let type_code = resource::type_of(value).and_then(resource::type_code).ok_or(PrepareError::Type)?;
        let kind = resource::type_name(type_code).ok_or(PrepareError::Type)?;
        let id = resource::id_of(value).filter(|id| resource::valid_id(id)).ok_or(PrepareError::Id)?.to_owned();
        let patient = compartment::patient_of(value).map(Arc::from);
        let mut bytes = Vec::with_capacity(2048);
        kith_fhir::json::write_canonical(value, &mut bytes);
        if bytes.len() > codec::MAX_BODY {
            return Err(PrepareError::Size);
        }
        let attached = attached(kind, &bytes);
        let hash = Sha256::digest(&bytes).into();
        let rows = index::rows(kind, value);
        let mut references = Vec::new();
        resource::for_each_reference(value, |reference| {
            if let Some((kind, id)) = relative(reference)
                && let Some(code) = resource::type_code(kind)
            {
                references.push((code, id.to_owned()));
            }
        });
        references.sort_unstable();
        references.dedup();
        Ok(Self { kind, type_code, id, patient, hash, body: codec::encode_body(&bytes), attached, rows, references })
    }

    /// `Type/id`.
    pub fn reference(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

/// Whether a resource carries the bytes of an attachment. An Observation's `data` are sampled values (SampledData), and are
/// protected as the rest of the record is.
fn attached(kind: &str, bytes: &[u8]) -> bool {
    kind != "Observation" && memchr::memmem::find(bytes, b"\"data\":\"").is_some()
}

/// A reference to a resource of ours; contained (`#…`), absolute and conditional ones are not.
fn relative(reference: &str) -> Option<(&str, &str)> {
    if reference.starts_with('#') || reference.contains(':') || reference.contains('?') {
        return None;
    }
    resource::split_reference(reference)
}

fn strip_meta(value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    let Some(meta) = object.get_mut("meta").and_then(Value::as_object_mut) else { return };
    meta.remove("versionId");
    meta.remove("lastUpdated");
    if meta.is_empty() {
        object.remove("meta");
    }
}
