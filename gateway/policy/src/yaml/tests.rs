//! Trees, spans, and what is refused.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use super::*;
use crate::diagnostics::{Report, render};
use crate::source::Sources;

fn read(text: impl Into<Vec<u8>>) -> (Sources, Option<Node>, Report) {
    let sources = Sources::single("a.yaml", text);
    let file = sources.find("a.yaml").expect("the file");
    let mut report = Report::new();
    let node = parse(&sources, file, &mut report);
    (sources, node, report)
}

fn good(text: &str) -> (Sources, Node) {
    let (sources, node, report) = read(text);
    assert!(report.is_empty(), "{}", render::text(&report, &sources, render::Style::Plain));
    (sources, node.expect("a tree"))
}

#[test]
fn every_key_and_value_has_its_bytes() {
    let (sources, node) =
        good("ä: [x, {b: \"q r\"}]\nlist:\n  - one\n  - k: v\nlast: |\n  t1\n  t2\n");
    let list = node.get("ä").expect("ä");
    assert_eq!(sources.slice(list.span), "[x, {b: \"q r\"}]");
    let Kind::List(items) = &list.kind else { panic!("a list") };
    assert_eq!(items.get(1).map(|item| sources.slice(item.span)), Some("{b: \"q r\"}"));
    let block = node.get("list").expect("list");
    assert_eq!(sources.slice(block.span), "- one\n  - k: v");
    assert_eq!(node.get("last").and_then(Node::as_text), Some("t1\nt2\n"));
    assert!(sources.slice(node.get("last").expect("last").span).contains("t1\n  t2"));
    let Kind::Map(entries) = &node.kind else { panic!("a map") };
    assert_eq!(entries.first().map(|entry| sources.slice(entry.key.span)), Some("ä"));
}

#[test]
fn on_no_and_yes_are_words_and_only_json_numbers_are_numbers() {
    let (_, node) = good("on: no\na: yes\nb: true\nc: 007\nd: 1.5\ne: True\nf: '1'\ng:\n");
    let found = |key: &str| node.get(key).map(Node::found);
    assert_eq!(found("on"), Some("text"));
    assert_eq!(found("a"), Some("text"));
    assert_eq!(found("b"), Some("`true` or `false`"));
    assert_eq!(found("c"), Some("text"));
    assert_eq!(found("d"), Some("a number"));
    assert_eq!(found("e"), Some("text"));
    assert_eq!(found("f"), Some("text"));
    assert_eq!(found("g"), Some("nothing"));
}

#[test]
fn what_yaml_offers_beyond_plain_values_is_refused_with_a_sentence() {
    let deep = format!("a: {}1{}", "[".repeat(70), "]".repeat(70));
    let many = "- 1\n".repeat(100_001);
    let cases: &[(&str, &str, &str)] = &[
        ("a: 1\nb: 2\na: 3\n", "BS0104", "stands twice"),
        ("a: &x 1\n", "BS0105", "anchor"),
        ("a: &x 1\nb: *x\n", "BS0105", "alias"),
        ("a: *nothing\n", "BS0105", "alias"),
        ("<<: {a: 1}\n", "BS0105", "merge key"),
        ("a: !!str 1\n", "BS0105", "tag"),
        ("a: 1\n---\nb: 2\n", "BS0105", "second document"),
        ("a:\t1\n", "BS0106", "tab"),
        ("? [a]\n: 1\n", "BS0105", "cannot be a key"),
        (&deep, "BS0102", "nested"),
        (&many, "BS0102", "values"),
        ("a: [1, 2\n", "BS0103", "`]` is missing"),
        ("a: b: c\n", "BS0103", "second `: `"),
        ("rules:\n  - when: a ? b : c\n", "BS0107", "holds `: `"),
        ("rules:\n  - when: !has(a.b)\n", "BS0107", "starts with `!`"),
        ("rules:\n  - when: \"a\" == b\n    x: 1\n", "BS0107", "starts with `\"`"),
    ];
    for (text, code, part) in cases {
        let (sources, _, report) = read(*text);
        let shown = render::text(&report, &sources, render::Style::Plain);
        assert!(shown.contains(code) && shown.contains(part), "{text:.40}\n{shown}");
    }
}

#[test]
fn files_that_are_too_large_or_not_text_are_refused() {
    let (_, node, report) = read(vec![b'a'; 1024 * 1024 + 1]);
    assert!(node.is_none() && report.has_errors());
    let (sources, node, report) = read(vec![b'a', b':', b' ', 0xff]);
    let shown = render::text(&report, &sources, render::Style::Plain);
    assert!(node.is_none() && shown.contains("byte 3"), "{shown}");
}

#[test]
fn an_empty_file_is_nothing_and_a_byte_order_mark_is_no_key() {
    let (_, node) = good("# only a comment\n");
    assert!(node.is_null());
    let (_, node) = good("\u{feff}a: 1\n");
    assert!(node.get("a").is_some());
}

#[test]
fn a_file_full_of_duplicate_keys_is_refused_in_a_moment() {
    // 45,000 keys, each twice: quadratic work would take minutes here.
    let text: String = (0..45_000).map(|key| format!("k{}: \n", key / 2)).collect();
    let (_, _, report) = read(text);
    assert_eq!(report.error_count(), 22_500);
}

#[test]
fn a_comment_behind_a_value_is_no_part_of_it() {
    let (sources, node) = good(
        "a: [x, \"]\"]  # one ]\nb: 'it''s'   # two'\nc: \"q\\\"r\" # three\"\nd: {e: [\n  f, # g\n  ],\n  }  # h\n",
    );
    let value = |key: &str| sources.slice(node.get(key).expect("a value").span).to_owned();
    assert_eq!(value("a"), "[x, \"]\"]");
    assert_eq!(value("b"), "'it''s'");
    assert_eq!(value("c"), "\"q\\\"r\"");
    assert_eq!(value("d"), "{e: [\n  f, # g\n  ],\n  }");
}
