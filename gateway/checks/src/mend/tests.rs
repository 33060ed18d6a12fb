//! Stories about mending an answer without inventing.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "figures and skips are printed")]

use serde_json::{Value, json};

use super::{Step, read_json};

fn mended(text: &str) -> (Value, Vec<Step>) {
    let mended = read_json(text).unwrap();
    let again: Value = serde_json::from_str(&mended.text).unwrap();
    assert_eq!(again, mended.value, "the text is the strict JSON of the value");
    (mended.value, mended.steps)
}

#[test]
fn an_answer_that_is_json_is_left_alone() {
    let read = read_json(" {\"a\": 1}\n").unwrap();
    assert_eq!((read.steps, read.text.as_str()), (vec![], "{\"a\": 1}"));
    assert_eq!(mended("42"), (json!(42), vec![]));
}

#[test]
fn a_fenced_answer_is_mended_without_inventing() {
    let text = "Here it is:\n```json\n{\"a\": [1, 2,],}\n```\nAnything else?";
    let steps = vec![Step::CodeFence, Step::TrailingComma];
    assert_eq!(mended(text), (json!({"a": [1, 2]}), steps));
    assert_eq!(mended("```\n[1]\n```").0, json!([1]));
}

#[test]
fn prose_around_one_object_is_taken_away() {
    let text = "\u{feff}Sure, {as asked}: {\"a\": \"}{\\\"\"} Bye.";
    let steps = vec![Step::ByteOrderMark, Step::Prose];
    assert_eq!(mended(text), (json!({"a": "}{\""}), steps));
}

#[test]
fn a_raw_newline_in_a_string_becomes_its_escape() {
    let steps = vec![Step::ControlCharacter];
    assert_eq!(mended("{\"a\": \"x\n\ty\"}"), (json!({"a": "x\n\ty"}), steps));
}

#[test]
fn the_ranges_are_those_of_the_text_as_given() {
    let text = "\u{feff}Ä ```\n```json\n{\"a\": \"x\ny\", \"b\": true,}\n```";
    let text = text.replace("Ä ```\n", "Ä\n");
    let read = read_json(&text).unwrap();
    assert_eq!(text.get(read.spans.at("/b").unwrap().span.clone()), Some("true"));
}

#[test]
fn what_is_missing_is_never_supplied() {
    for text in [
        "{\"a\": 1",
        "{\"a\": [1, 2}",
        "{\"a\": }",
        "{\"a\": \"x}",
        "{\"a\" 1}",
        "{a: 1}",
        "{'a': 1}",
        "{\"a\": NaN}",
        "{\"a\": 1, \"a\": 2}",
        "[1,,2]",
        "{,}",
        "",
        "no answer",
        "```json\n{\"a\": 1\n```",
    ] {
        assert!(read_json(text).is_err(), "{text:?} was mended");
    }
}

#[test]
fn where_two_readings_are_possible_none_is_taken() {
    for text in [
        "{\"a\": 1} {\"a\": 2}",
        "first {\"a\": 1}, then {\"a\": 2}",
        "```json\n{\"a\": 1}\n```\n```json\n{\"a\": 2}\n```",
        "{\"a\": 3}\n```json\n{\"a\": 2}\n```",
        "{\"outer\": \"bad \"quote\" {\"a\": 1}\"}",
        "[{\"a\": 1}, {\"a\":",
        "[{\"a\": 1}",
        "x {\"a\": 1}, \"b\": 2}",
        "{'a': {\"b\": 1}}",
        "from [1, 2] follows {\"a\": 1}",
    ] {
        assert!(read_json(text).is_err(), "{text:?} was mended");
    }
}

#[test]
fn a_fault_says_where_it_stands_in_the_answer_as_given() {
    let fault = read_json("\u{feff}ok:\n {\"a\": 1,\n  \"a\": 2}").unwrap_err();
    assert_eq!(
        (fault.line, fault.column, fault.message.as_str()),
        (3, 3, "the key `a` is given twice")
    );
}

/// In this row the reference took the `{}` of a Python format string for the answer; the answer
/// stands in the fence at the end, and that is what is read.
const WRONG_REFERENCE: &str = "2006c95d5653";

/// 1743 raw answers of real models; `strict_value` is what a strict reader finds in them.
#[test]
fn real_answers_are_mended_to_what_they_say_or_asked_for_again() {
    let data = "/../../../shared/data/malformed_json/zeroeval_raw_outputs.jsonl";
    let path = format!("{}{data}", env!("CARGO_MANIFEST_DIR"));
    let Ok(rows) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} is absent");
        return;
    };
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        if field("id") == WRONG_REFERENCE {
            continue;
        }
        let wanted = row.get("strict_value").filter(|value| !value.is_null());
        let kind = match (read_json(field("raw")), wanted) {
            (Ok(read), Some(wanted)) if &read.value == wanted => "exact".to_owned(),
            (Ok(_), Some(_)) => "ELSE".to_owned(),
            (Ok(read), None) => format!("no reference, read by {:?}", read.steps),
            (Err(_), Some(_)) => "asked again though a strict reader finds it".to_owned(),
            (Err(_), None) => "asked again".to_owned(),
        };
        *counts.entry(format!("{:16} {kind}", field("cls"))).or_default() += 1;
    }
    for (kind, count) in &counts {
        println!("{count:5} {kind}");
    }
    assert!(!counts.keys().any(|kind| kind.ends_with("ELSE")));
}
