//! How problems are collected and shown.
#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::source::Sources;

fn sample() -> (Sources, Report) {
    let text = "policy: a\nqueue: b\nqueue: c\n";
    let sources = Sources::single("policies/a.yaml", text);
    let file = sources.find("policies/a.yaml").expect("the file");
    let mut report = Report::new();
    let span = Span::new(file, 19, 24);
    report.push(Problem::warning(Code::Empty, Span::new(file, 26, 27), "a warning"));
    report.push(
        Problem::error(Code::DuplicateKey, span, "the key `queue` stands twice")
            .related(Span::new(file, 10, 15), "first here")
            .help("remove one of them"),
    );
    (sources, report)
}

#[test]
fn a_problem_is_shown_with_file_line_caret_and_help() {
    let (sources, report) = sample();
    let expected = "\
error[BS0104]: the key `queue` stands twice
 --> policies/a.yaml:3:1
  |
2 | queue: b
  | ----- first here
3 | queue: c
  | ^^^^^
  |
  = help: remove one of them

warning[BS0205]: a warning
 --> policies/a.yaml:3:8
  |
3 | queue: c
  |        ^

1 error, 1 warning
";
    assert_eq!(render::text(&report, &sources, render::Style::Plain), expected);
    assert!(render::text(&report, &sources, render::Style::Coloured).contains("\u{1b}["));
}

#[test]
fn json_has_the_same_order_and_places() {
    let (sources, report) = sample();
    let json = render::json(&report, &sources);
    assert_eq!(json.pointer("/0/line"), Some(&serde_json::json!(3)));
    assert_eq!(json.pointer("/0/code"), Some(&serde_json::json!("BS0104")));
    assert_eq!(json.pointer("/0/related/0/line"), Some(&serde_json::json!(2)));
    assert_eq!(json.pointer("/1/severity"), Some(&serde_json::json!("warning")));
}

#[test]
fn a_secret_is_not_printed_again() {
    let sources = Sources::single("g.yaml", "key: sk-very-secret\n");
    let file = sources.find("g.yaml").expect("the file");
    let mut report = Report::new();
    report.push(Problem::error(Code::Secret, Span::new(file, 5, 19), "a secret"));
    let shown = render::text(&report, &sources, render::Style::Plain);
    assert!(shown.contains("g.yaml:1:6"), "{shown}");
    assert!(!shown.contains("sk-very"), "{shown}");
}

#[test]
fn codes_are_unique_and_in_order() {
    let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(ids, sorted);
}

#[test]
fn a_near_word_is_offered_and_a_far_one_is_not() {
    let known = ["otherwise", "on_error", "queue"];
    assert_eq!(suggest::nearest("othrewise", known), Some("otherwise"));
    assert_eq!(suggest::nearest("on-error", known), Some("on_error"));
    assert_eq!(suggest::nearest("banana", known), None);
}

#[test]
fn a_flood_of_problems_is_counted_and_cut() {
    let sources = Sources::single("a.yaml", "x".repeat(3000));
    let file = sources.find("a.yaml").expect("the file");
    let mut report = Report::new();
    for at in 0..1500 {
        report.push(Problem::error(Code::Empty, Span::new(file, at, at + 1), "wrong"));
    }
    assert_eq!(report.error_count(), 1500);
    assert_eq!((report.sorted().len(), report.left_out()), (Report::PROBLEMS_MAX, 500));
}
