//! Stories about reading JSON strictly.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use serde_json::json;

use super::read_strict;

#[test]
fn values_and_their_byte_ranges_are_read_together() {
    let text = r#" {"a": [1, "ü\n"], "b/c": {"d": -0.5e1}} "#;
    let (value, node) = read_strict(text).unwrap();
    assert_eq!(value, json!({"a": [1, "ü\n"], "b/c": {"d": -5.0}}));
    assert_eq!(text.get(node.at("/a/1").unwrap().span.clone()), Some(r#""ü\n""#));
    assert_eq!(text.get(node.at("/b~1c/d").unwrap().span.clone()), Some("-0.5e1"));
    assert!(node.at("/a/2").is_none());
}

#[test]
fn a_key_given_twice_is_malformed_and_says_where() {
    let fault = read_strict("{\"a\": 1,\n \"\\u0061\": 2}").unwrap_err();
    assert_eq!((fault.line, fault.column), (2, 2));
    assert_eq!(fault.message, "the key `a` is given twice");
}

#[test]
fn what_rfc_8259_forbids_is_refused() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "-",
        "+1",
        "NaN",
        "truex",
        "\"\t\"",
        "\"\\x\"",
        "[1] 2",
        "{a:1}",
        "{'a':1}",
        "\"\\ud800\"",
        "[1 2]",
        "1e999",
        "nul",
        "\"abc",
        "[\"a\\",
    ] {
        assert!(read_strict(text).is_err(), "{text:?} was read");
    }
}

#[test]
fn a_number_is_never_changed_in_silence() {
    assert!(read_strict("18446744073709551615").is_ok());
    assert!(read_strict("18446744073709551616").unwrap_err().message.contains("digits"));
}

#[test]
fn nesting_has_an_end() {
    let text = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert!(read_strict(&text).is_ok());
    let text = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert_eq!(read_strict(&text).unwrap_err().message, "nested deeper than 64");
    assert!(read_strict(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn it_agrees_with_the_reader_everybody_uses() {
    let text = r#"{"x":[true,false,null,1.25,"😀 \uD83D\uDE00",{},[]],"y":1E-2}"#;
    let other: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(read_strict(text).unwrap().0, other);
}
