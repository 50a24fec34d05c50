//! Reading what every resource shares, beside [`kith_fhir::views::common`]: by JSON pointer, and names of people and things
//! we made.

use kith_fhir::Value;
use kith_fhir::views::common;

/// The text at a JSON pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The items of the array at a key, none if it is absent or no array.
pub fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    common::list(value, key).iter()
}

/// The first extension with this URL.
pub fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    common::extension(value, url)
}

/// Whether the CodeableConcept (or one of the array of them) at `key` holds this code.
pub fn has_code(value: &Value, key: &str, system: &str, code: &str) -> bool {
    common::concepts(value, key).any(|concept| common::has_code(concept, system, code))
}

/// The code in this system of the CodeableConcept (or the first that has one) at `key`.
pub fn code<'a>(value: &'a Value, key: &str, system: &str) -> Option<&'a str> {
    common::concepts(value, key).find_map(|concept| common::code_in(concept, system))
}

/// A fresh id (UUIDv7).
pub fn fresh_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// `Type/id` of a resource that has both.
pub fn own_reference(value: &Value) -> String {
    kith_fhir::resource::reference_of(value).unwrap_or_default()
}

/// A person's name as shown; `None` if there is none, or demographics are withheld.
pub fn person_name(patient: &Value) -> Option<String> {
    common::Name::best(patient).map(|name| name.line()).filter(|name| !name.is_empty())
}
