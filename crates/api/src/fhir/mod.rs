//! FHIR R4 REST (<http://hl7.org/fhir/R4/http.html>): one file for each interaction.

pub mod audit_event;
pub mod bundle;
pub mod caller;
pub mod capability;
pub mod check;
pub mod compartment;
pub mod create;
pub mod delete;
pub mod everything;
pub mod history;
pub mod metadata;
pub mod outcome;
pub mod page;
pub mod provenance;
pub mod read;
pub mod reply;
pub mod search;
pub mod update;
pub mod view;
pub mod vread;

use axum::http::{Method, StatusCode};
use kith_fhir::resource;

use self::outcome::Failure;

/// Made from the audit chain and from each version's origin; nobody writes them.
pub const DERIVED: [&str; 2] = ["AuditEvent", "Provenance"];

/// The R4 type of this name.
pub(crate) fn known_type(name: &str) -> Result<&'static str, Failure> {
    resource::type_code(name).and_then(resource::type_name).ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, "not-supported", "there is no resource type of this name in FHIR R4")
    })
}

/// The type and id of an address.
pub(crate) fn known(kind: &str, id: &str) -> Result<(&'static str, String), Failure> {
    let kind = known_type(kind)?;
    if resource::valid_id(id) { Ok((kind, format!("{kind}/{id}"))) } else { Err(Failure::not_found()) }
}

/// Refuses to write what is made here.
pub(crate) fn writable(kind: &'static str) -> Result<(), Failure> {
    let why = match kind {
        "AuditEvent" => "AuditEvents are served from the audit chain, which only the record itself adds to",
        "Provenance" => "Provenance is kept with every version by the record itself and is not written by hand",
        _ => return Ok(()),
    };
    Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", why))
}

/// An address below `/fhir` that means nothing here.
pub async fn unknown() -> Failure {
    let why = "there is nothing at this address; /fhir/metadata says what there is";
    Failure::new(StatusCode::NOT_FOUND, "not-supported", why)
}

/// An address that exists, asked in a way it does not take.
pub async fn wrong_method(method: Method) -> Failure {
    let why = if method == Method::PATCH {
        "PATCH is not offered: read the resource, change it and PUT it with If-Match"
    } else {
        "this address does not take this method; /fhir/metadata says what there is"
    };
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", why)
}
