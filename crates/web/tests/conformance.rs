//! The NHS design system's own fixtures, rendered through our environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use kith_web::render::Renderer;
use minijinja::{Value, context};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// Fixtures that may differ, each with its reason. One that is no longer needed fails the test, so the list stays true.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("file-upload", "button", "a space between the members of a JSON array in an attribute; it reads the same")];

#[derive(Deserialize)]
struct File {
    fixtures: Vec<Fixture>,
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    context: Ordered,
    #[serde(rename = "callBlock")]
    call_block: Option<String>,
    html: String,
}

/// JSON as a template value with its members in the order written: attributes are rendered in that order.
struct Ordered(Value);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Ordered;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E>(self, v: bool) -> Result<Ordered, E> {
                Ok(Ordered(Value::from(v)))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Ordered, E> {
                Ok(Ordered(Value::from(v)))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Ordered, E> {
                Ok(Ordered(Value::from(v)))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Ordered, E> {
                Ok(Ordered(Value::from(v)))
            }
            fn visit_str<E>(self, v: &str) -> Result<Ordered, E> {
                Ok(Ordered(Value::from(v)))
            }
            fn visit_unit<E>(self) -> Result<Ordered, E> {
                Ok(Ordered(Value::from(())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Ordered, A::Error> {
                let mut items = Vec::new();
                while let Some(Ordered(item)) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Ordered(Value::from(items)))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut members: Vec<(String, Value)> = Vec::new();
                while let Some((key, Ordered(value))) = map.next_entry::<String, Ordered>()? {
                    // How serde_json hands over a number when it keeps numbers as written.
                    if key == "$serde_json::private::Number" {
                        let text = value.to_string();
                        return Ok(Ordered(match text.parse::<i64>() {
                            Ok(whole) => Value::from(whole),
                            Err(_) => Value::from(text.parse::<f64>().expect("a JSON number")),
                        }));
                    }
                    members.push((key, value));
                }
                Ok(Ordered(Value::from_pairs(members)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// White space beside tags apart, and with each character escaped in one way only.
fn plain(html: &str) -> String {
    let one_way = html
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&#x2f;", "/")
        .replace("&#34;", "\"")
        .replace("&quot;", "\"");
    let spaced = one_way.split_whitespace().collect::<Vec<_>>().join(" ");
    spaced.replace(" <", "<").replace("< ", "<").replace(" >", ">").replace("> ", ">")
}

fn macro_name(component: &str) -> String {
    let source =
        fs::read_to_string(format!("assets/vendor/templates/nhsuk/components/{component}/macro.jinja")).unwrap();
    let after = source.split("{% macro ").nth(1).unwrap();
    after.split('(').next().unwrap().to_owned()
}

#[test]
fn every_nhs_component_renders_as_the_design_system_says() {
    let renderer = Renderer::new().unwrap();
    let mut score: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for entry in fs::read_dir(Path::new("assets/vendor/fixtures")).unwrap() {
        let path = entry.unwrap().path();
        let component = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file: File = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = macro_name(&component);
        for fixture in file.fixtures {
            let call = match &fixture.call_block {
                Some(block) => format!("{{% call component(params) %}}{block}{{% endcall %}}"),
                None => "{{ component(params) }}".to_owned(),
            };
            let source =
                format!("{{% from 'nhsuk/components/{component}/macro.jinja' import {name} as component %}}{call}");
            let got = renderer
                .render_source(&source, context! { params => fixture.context.0 })
                .unwrap_or_else(|e| format!("{e:#}"));
            let right = plain(&got) == plain(&fixture.html);
            let excepted = EXCEPTIONS.iter().any(|(c, f, _)| *c == component && *f == fixture.name);
            let (passed, all) = score.entry(component.clone()).or_default();
            *all += 1;
            *passed += usize::from(right);
            if excepted && !right {
                used.insert((component.clone(), fixture.name));
            } else if !right {
                wrong.push(format!("== {component}: {}\n-- expected\n{}\n-- got\n{got}\n", fixture.name, fixture.html));
            }
        }
    }
    let (passed, all) = score.values().fold((0, 0), |(p, a), (q, b)| (p + q, a + b));
    println!("{passed} of {all} fixtures in {} components as the design system says", score.len());
    for (component, (passed, all)) in score.iter().filter(|(_, (passed, all))| passed != all) {
        println!("  {component}: {passed} of {all}");
    }
    assert!(all > 300, "the fixtures are not all here");
    assert_eq!(used.len(), EXCEPTIONS.len(), "an exception is no longer needed: {used:?} are");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
