//! JSON goes in and out without loss, and bad bytes are refused with their place and nothing of their content.

use kith_fhir::{
    Value,
    json::{JsonErrorKind, Limits, canonical, parse},
};
use proptest::prelude::*;

#[allow(dead_code)]
mod common;

fn read(text: &str) -> Result<Value, JsonErrorKind> {
    parse(text.as_bytes(), &Limits::default()).map_err(|error| error.kind)
}

fn rewritten(text: &str) -> String {
    String::from_utf8(canonical(&read(text).unwrap())).unwrap()
}

#[test]
fn decimals_keep_the_digits_they_were_written_with() {
    for number in ["1.10", "1e3", "0.0", "-0", "1E+05", "1.0e-7", "100", "12345678901234567890.12345678901234567890"] {
        assert_eq!(rewritten(&format!("{{\"v\":{number}}}")), format!("{{\"v\":{number}}}"));
    }
}

#[test]
fn unknown_elements_survive_and_keys_come_out_in_byte_order() {
    let text =
        r#" { "zeta" : [ null , true ], "_birthDate": {"extension": []}, "Alpha":"é\u00e9\ud83d\ude00\/\n", "é":{} } "#;
    let wanted = "{\"Alpha\":\"éé😀/\\n\",\"_birthDate\":{\"extension\":[]},\"zeta\":[null,true],\"é\":{}}";
    assert_eq!(rewritten(text), wanted);
}

#[test]
fn bad_json_is_refused_with_its_kind() {
    use JsonErrorKind::{BadEscape, BadNumber, ControlCharacter, DuplicateKey, Expected, Trailing, Unfinished};
    let table = [
        ("", Unfinished),
        ("{", Unfinished),
        ("[1,", Unfinished),
        ("\"abc", Unfinished),
        ("\"\\u12", Unfinished),
        ("{\"a\":1,\"a\":2}", DuplicateKey),
        ("{\"a\":1,\"\\u0061\":2}", DuplicateKey),
        ("01", BadNumber),
        ("-", BadNumber),
        ("1.", BadNumber),
        ("1e", BadNumber),
        (".5", Expected("a value")),
        ("nul", Expected("a value")),
        ("NaN", Expected("a value")),
        ("'a'", Expected("a value")),
        ("[1 2]", Expected("a comma or a closing bracket")),
        ("[1,]", Expected("a value")),
        ("{\"a\" 1}", Expected("a colon")),
        ("{\"a\":1,}", Expected("a property name")),
        ("{a:1}", Expected("a property name")),
        ("{\"a\":1 \"b\":2}", Expected("a comma or a closing brace")),
        ("\"a\nb\"", ControlCharacter),
        ("\"\\x\"", BadEscape),
        ("\"\\ud800\"", BadEscape),
        ("\"\\ud800\\u0041\"", BadEscape),
        ("\"\\udc00\"", BadEscape),
        ("1 2", Trailing),
        ("{} x", Trailing),
    ];
    for (text, kind) in table {
        assert_eq!(read(text), Err(kind), "{text}");
    }
}

#[test]
fn an_error_says_where_and_never_what() {
    let error = parse(b"{\n  \"family\": \"Secret\",\n  \"family\": \"Secret\"}", &Limits::default()).unwrap_err();
    assert_eq!((error.kind, error.line, error.column), (JsonErrorKind::DuplicateKey, 3, 3));
    let words = error.to_string();
    assert!(words.contains("line 3, column 3") && !words.contains("Secret") && !words.contains("family"), "{words}");
}

#[test]
fn size_and_depth_are_limited_before_they_can_hurt() {
    let limits = Limits { max_bytes: 10, max_depth: 2 };
    assert_eq!(parse(b"[[1]]", &limits).map(|_| ()), Ok(()));
    assert_eq!(parse(b"[[[1]]]", &limits).unwrap_err().kind, JsonErrorKind::TooDeep { max: 2 });
    assert_eq!(parse(b"\"0123456789\"", &limits).unwrap_err().kind, JsonErrorKind::TooLarge { max: 10 });
    let bomb = vec![b'['; 20_000_000];
    assert_eq!(parse(&bomb, &Limits::default()).unwrap_err().kind, JsonErrorKind::TooDeep { max: 64 });
    let unlimited = Limits { max_depth: usize::MAX, ..Limits::default() };
    assert!(matches!(parse(&bomb, &unlimited).unwrap_err().kind, JsonErrorKind::TooDeep { .. }));
}

#[test]
fn a_key_that_a_library_treats_as_magic_is_only_a_key() {
    let text = r#"{"$serde_json::private::Number":"1"}"#;
    assert_eq!(rewritten(text), text);
}

fn values() -> impl Strategy<Value = Value> {
    let number = r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?"
        .prop_map(|text| parse(text.as_bytes(), &Limits::default()).unwrap());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number,
        any::<String>().prop_map(Value::String)
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_survives_the_round_trip(value in values()) {
        let bytes = canonical(&value);
        let again = parse(&bytes, &Limits::default()).unwrap();
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(canonical(&again), bytes);
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn any_damage_to_good_json_gives_an_answer(at in 0..120_usize, byte in any::<u8>()) {
        let mut bytes = br#"{"resourceType":"Patient","name":[{"family":"A\u00e9\"","given":["B"]}],"x":[1.10,-2e5,null,true,false]}"#.to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(value) = parse(&bytes, &Limits::default()) {
            prop_assert_eq!(parse(&canonical(&value), &Limits::default()).unwrap(), value);
        }
    }
}

#[test]
fn every_synthea_bundle_means_the_same_after_the_round_trip() {
    for bundle in common::synthea(10) {
        let value = parse(&bundle, &Limits::default()).unwrap();
        let peer: Value = serde_json::from_slice(&bundle).unwrap();
        assert!(value == peer, "another reader finds something else");
        let bytes = canonical(&value);
        assert!(parse(&bytes, &Limits::default()).unwrap() == value);
    }
}
