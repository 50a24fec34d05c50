//! Reading and writing the few shapes that every resource shares.

use kith_fhir::{Value, json};

/// The text at a JSON pointer.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The items of the array at a key, none if it is absent or no array.
pub fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The first extension with this URL.
pub fn extension<'a>(value: &'a Value, url: &str) -> Option<&'a Value> {
    items(value, "extension").find(|e| text(e, "/url") == Some(url))
}

/// Replaces every extension with this URL by `with` (no `url` needed in it), or removes them.
pub fn set_extension(value: &mut Value, url: &str, with: Option<Value>) {
    let Some(object) = value.as_object_mut() else { return };
    let list = object.entry("extension").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.retain(|e| text(e, "/url") != Some(url));
        if let Some(mut with) = with {
            with["url"] = json!(url);
            list.push(with);
        }
    }
    if object.get("extension").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        object.remove("extension");
    }
}

/// Whether the CodeableConcept (or one of the array of them) at `key` holds this code.
pub fn has_code(value: &Value, key: &str, system: &str, code: &str) -> bool {
    let holds = |concept: &Value| {
        items(concept, "coding").any(|c| text(c, "/system") == Some(system) && text(c, "/code") == Some(code))
    };
    match value.get(key) {
        Some(Value::Array(list)) => list.iter().any(holds),
        Some(one) => holds(one),
        None => false,
    }
}

/// The code in this system of the CodeableConcept (or the first that has one) at `key`.
pub fn code<'a>(value: &'a Value, key: &str, system: &str) -> Option<&'a str> {
    let find = |concept: &'a Value| {
        items(concept, "coding").find(|c| text(c, "/system") == Some(system)).and_then(|c| text(c, "/code"))
    };
    match value.get(key)? {
        Value::Array(list) => list.iter().find_map(find),
        one => find(one),
    }
}

/// A CodeableConcept of one coding.
pub fn concept(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

/// A Reference, with a display if one is given.
pub fn reference(to: &str, display: Option<&str>) -> Value {
    match display {
        Some(display) => json!({ "reference": to, "display": display }),
        None => json!({ "reference": to }),
    }
}

/// A fresh id (UUIDv7).
pub fn fresh_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// `Type/id` of a resource we made ourselves.
pub fn own_reference(value: &Value) -> String {
    format!("{}/{}", text(value, "/resourceType").unwrap_or_default(), text(value, "/id").unwrap_or_default())
}

/// A person's name as said: the usual (or first) HumanName's text, else given and family names.
pub fn person_name(patient: &Value) -> Option<String> {
    let name = items(patient, "name")
        .find(|n| matches!(text(n, "/use"), Some("usual" | "official")))
        .or_else(|| items(patient, "name").next())?;
    if let Some(text) = text(name, "/text") {
        return Some(text.to_owned());
    }
    let words: Vec<&str> =
        items(name, "given").filter_map(Value::as_str).chain(text(name, "/family")).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
