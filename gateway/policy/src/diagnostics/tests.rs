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
    let shown = render::text(&report, &sources, render::Style::Plain);
    assert_eq!(shown.matches("error[BS0205]").count(), 100);
    assert!(shown.ends_with("1500 errors; 1400 of them are not shown\n"), "{shown}");
    assert!(!shown.contains("xxx"), "a line of 3000 letters is not pictured");
}

#[test]
fn github_gets_one_command_a_problem_with_its_signs_escaped() {
    let (sources, mut report) = sample();
    let file = sources.find("policies/a.yaml").expect("the file");
    let span = Span::new(file, 0, 6);
    report.push(Problem::error(Code::Empty, span, "100% of\nall").help("a: b, c"));
    let expected = "\
::error file=sub%2Cdir/policies/a.yaml,line=1,col=1,endLine=1,endColumn=7,title=BS0205::\
100%25 of%0Aall%0Aa: b, c
::error file=sub%2Cdir/policies/a.yaml,line=3,col=1,endLine=3,endColumn=6,title=BS0104::\
the key `queue` stands twice%0Aremove one of them
::warning file=sub%2Cdir/policies/a.yaml,line=3,col=8,endLine=3,endColumn=9,title=BS0205::\
a warning
";
    assert_eq!(github(&report, &sources, "sub,dir/"), expected);
}

#[test]
fn sarif_has_rules_places_and_levels_as_the_standard_wants_them() {
    let (sources, report) = sample();
    let expected = serde_json::json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "backstop",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    {"id": "BS0104",
                     "shortDescription": {"text": "A key stands twice in one map."}},
                    {"id": "BS0205", "shortDescription": {"text": "Something must stand here."}},
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": [
                {
                    "ruleId": "BS0104", "ruleIndex": 0, "level": "error",
                    "message": {"text": "the key `queue` stands twice\nremove one of them"},
                    "locations": [{"physicalLocation": {
                        "artifactLocation": {"uri": "a%20b/policies/a.yaml"},
                        "region":
                            {"startLine": 3, "startColumn": 1, "endLine": 3, "endColumn": 6},
                    }}],
                    "relatedLocations": [{
                        "physicalLocation": {
                            "artifactLocation": {"uri": "a%20b/policies/a.yaml"},
                            "region":
                                {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 6},
                        },
                        "message": {"text": "first here"},
                    }],
                },
                {
                    "ruleId": "BS0205", "ruleIndex": 1, "level": "warning",
                    "message": {"text": "a warning"},
                    "locations": [{"physicalLocation": {
                        "artifactLocation": {"uri": "a%20b/policies/a.yaml"},
                        "region":
                            {"startLine": 3, "startColumn": 8, "endLine": 3, "endColumn": 9},
                    }}],
                    "relatedLocations": [],
                },
            ],
        }],
    });
    assert_eq!(sarif(&report, &sources, "a b/"), expected);
}

#[test]
fn long_sentences_are_folded_between_words_for_a_narrow_terminal() {
    let sources = Sources::single("a.yaml", "a: b\n");
    let file = sources.find("a.yaml").expect("the file");
    let mut report = Report::new();
    let long = "this sentence is rather long, and `has a part that stays together` in it";
    report.push(Problem::error(Code::Empty, Span::new(file, 3, 4), long).help(long));
    let expected = "\
error[BS0205]: this sentence is rather long, and
               `has a part that stays together` in
               it
 --> a.yaml:1:4
  |
1 | a: b
  |    ^
  |
  = help: this sentence is rather long, and
          `has a part that stays together` in it

1 error
";
    assert_eq!(render::text_within(&report, &sources, render::Style::Plain, 50), expected);
}
