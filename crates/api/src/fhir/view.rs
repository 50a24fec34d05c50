//! How much of each resource is sent: `_elements`, `_summary`.

use std::borrow::Cow;

use kith_fhir::{Value, json};

use super::outcome::Failure;

/// What is sent of each resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Only these elements; empty for all.
    elements: Vec<String>,
    /// Not the narrative.
    data: bool,
    /// Nothing but how many there are.
    pub count: bool,
}

/// The tag of a resource that is not whole.
const TAG_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
const SUBSETTED: &str = "SUBSETTED";

impl View {
    /// Takes `_elements` and `_summary` out of a query.
    pub fn take(pairs: &mut Vec<(String, String)>) -> Result<Self, Failure> {
        let mut view = Self::default();
        for (name, value) in pairs.iter() {
            match (name.as_str(), value.as_str()) {
                ("_elements", list) => {
                    for element in list.split(',').map(str::trim).filter(|e| !e.is_empty()) {
                        // `Patient.name` says the same as `name`.
                        let element = element.rsplit('.').next().unwrap_or(element);
                        if !element.bytes().all(|b| b.is_ascii_alphanumeric()) {
                            return Err(Failure::bad(
                                "value",
                                "`_elements` must be names of elements, with commas between",
                            ));
                        }
                        view.elements.push(element.to_owned());
                    }
                }
                ("_summary", "false") => {}
                ("_summary", "data") => view.data = true,
                ("_summary", "count") => view.count = true,
                ("_summary", "true" | "text") => {
                    let words =
                        "`_summary` takes `data`, `count` or `false`; for less of each resource use `_elements`";
                    return Err(Failure::bad("not-supported", words));
                }
                ("_summary", _) => {
                    return Err(Failure::bad("value", "`_summary` must be `data`, `count` or `false`"));
                }
                ("_count", "0") => view.count = true,
                _ => {}
            }
        }
        pairs.retain(|(name, value)| name != "_elements" && name != "_summary" && !(name == "_count" && value == "0"));
        Ok(view)
    }

    /// The resource as seen so. What is left out is told by the tag SUBSETTED.
    pub fn of<'a>(&self, value: &'a Value) -> Cow<'a, Value> {
        let Some(object) = value.as_object().filter(|_| self.data || !self.elements.is_empty()) else {
            return Cow::Borrowed(value);
        };
        let always = ["resourceType", "id", "meta", "implicitRules", "modifierExtension"];
        let kept = |key: &str| {
            let plain = key.strip_prefix('_').unwrap_or(key);
            let asked = self.elements.is_empty() || self.elements.iter().any(|e| e == plain || is_choice(e, plain));
            always.contains(&plain) || (asked && !(self.data && plain == "text"))
        };
        let mut seen: serde_json::Map<String, Value> =
            object.iter().filter(|(key, _)| kept(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
        if seen.len() < object.len() {
            let meta = seen.entry("meta").or_insert_with(|| json!({}));
            let tag = json!({"system": TAG_SYSTEM, "code": SUBSETTED});
            match meta.get_mut("tag").and_then(Value::as_array_mut) {
                Some(tags) => tags.push(tag),
                None => {
                    if let Some(meta) = meta.as_object_mut() {
                        meta.insert("tag".to_owned(), json!([tag]));
                    }
                }
            }
        }
        Cow::Owned(Value::Object(seen))
    }
}

/// Whether `key` is the choice `element[x]` with its type: `value` asks for `valueQuantity`.
fn is_choice(element: &str, key: &str) -> bool {
    key.strip_prefix(element).is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_uppercase())
            && matches!(
                element,
                "value"
                    | "effective"
                    | "onset"
                    | "abatement"
                    | "performed"
                    | "occurrence"
                    | "deceased"
                    | "multipleBirth"
                    | "medication"
            )
    })
}

/// Whether a resource is only part of one, and so must not replace the whole.
pub fn is_part(value: &Value) -> bool {
    value["meta"]["tag"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["code"] == SUBSETTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, value: &str) -> Result<View, Failure> {
        View::take(&mut vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_part_of_a_resource_says_that_it_is_one() {
        let whole = json!({"resourceType": "Observation", "id": "o", "status": "final", "text": {"div": "…"},
            "valueQuantity": {"value": 1}, "subject": {"reference": "Patient/p"}});
        let part = view("_elements", "Observation.status,value").unwrap().of(&whole).into_owned();
        assert_eq!(part["status"], "final");
        assert!(part.get("valueQuantity").is_some() && part.get("subject").is_none());
        assert!(is_part(&part) && !is_part(&whole));
        let data = view("_summary", "data").unwrap().of(&whole).into_owned();
        assert!(data.get("text").is_none() && data.get("subject").is_some() && is_part(&data));
    }

    #[test]
    fn what_is_not_offered_says_what_is() {
        assert!(view("_summary", "true").unwrap_err().issues[0].words.contains("_elements"));
        assert!(view("_elements", "name;drop").is_err());
        assert!(view("_count", "0").unwrap().count);
    }
}
