//! One mistake each: where it is pointed at, what it is called, what helps.

use super::*;

/// A policy that is right but for `extra`.
pub(crate) fn policy(extra: &str) -> String {
    let head = "policy: p\nowner: team\nmodels: [m]\noutput: text\notherwise: reject\n";
    format!("{head}{extra}\n")
}

/// The extra text (from line 6 on), the place `line:column`, the code, a part of what is shown.
pub(crate) const EXTRA: &[(&str, &str, &str, &str)] = &[
    ("quue: a", "6:1", "BS0201", "did you mean `queue`?"),
    ("queue: a b", "6:8", "BS0206", "is not a name"),
    ("queue:", "6:1", "BS0205", "`queue` has no value"),
    ("queue: [a]", "6:8", "BS0203", "expected text, found a list"),
    ("owner: other", "6:1", "BS0104", "stands twice"),
    ("deadline: 20", "6:11", "BS0301", "a time needs a unit"),
    ("deadline: 5m", "6:11", "BS0301", "write `5min`"),
    ("deadline: soon", "6:11", "BS0301", "`300ms`, `20s`"),
    ("deadline: [1s]", "6:11", "BS0203", "found a list"),
    ("budget: {attempts: 0}", "6:20", "BS0302", "not in 1 to 100"),
    ("budget: {atempts: 3}", "6:10", "BS0201", "did you mean `attempts`?"),
    ("budget: {cost: 0.03}", "6:16", "BS0301", "write `$` and an amount"),
    ("budget: {tokens: 20K}", "6:18", "BS0301", "is not a whole number"),
    ("criticality: crtical", "6:14", "BS0204", "did you mean `critical`?"),
    ("mode: dry-run", "6:7", "BS0204", "known here: `enforce`, `observe`"),
    ("repeatable: yes", "6:13", "BS0203", "write `true`"),
    ("durability: strickt", "6:13", "BS0204", "did you mean `strict`?"),
    ("stream: checked", "6:9", "BS0407", "not available yet"),
    ("canary: {to: drafts/p.yaml, share: 0%}", "6:36", "BS0302", "neither none nor all"),
    (
        "canary: {to: drafts/p.yaml, share: 2%, stick_to: tenant}",
        "6:50",
        "BS0204",
        "write `caller`",
    ),
    ("input: schemas/../x.json", "6:8", "BS0303", "without `..`"),
    ("input: schemas/x.yaml", "6:8", "BS0204", "neither a JSON Schema file"),
    ("input: txt", "6:8", "BS0204", "did you mean `text`?"),
    ("limits: {requests: 600/min}", "6:9", "BS0203", "expected a list, found a map"),
    ("limits: [{requests: 600/m}]", "6:21", "BS0301", "write `600/min`"),
    ("limits: [{requests: 600}]", "6:21", "BS0301", "`600/min`, also"),
    ("limits: [{per: caller}]", "6:10", "BS0202", "needs one of the keys `requests`"),
    ("limits: [{requests: 1/s, tokens: 5k/s}]", "6:26", "BS0207", "not several"),
    ("limits: [{concurrency: 0}]", "6:24", "BS0302", "lets nothing through"),
    ("limits: [{cost: $1/day, per: callr}]", "6:30", "BS0204", "did you mean `caller`?"),
    ("private: ouput.iban", "6:10", "BS0303", "did you mean `output`?"),
    ("private: output..iban", "6:10", "BS0303", "cannot be a part of the path"),
    ("rules: [{id: a}]", "6:9", "BS0202", "needs the key `then`"),
    ("rules: [{then: reject}]", "6:9", "BS0202", "needs the key `id`"),
    ("rules: [{id: a, then: refuse}]", "6:23", "BS0204", "write `reject`"),
    ("rules: [{id: a, then: escalte}]", "6:23", "BS0204", "did you mean `escalate`?"),
    ("rules: [{id: a, then: []}]", "6:23", "BS0205", "the list is empty"),
    ("rules: [{id: a, then: {escalate: q, due: 4h}}]", "6:37", "BS0402", "exactly one key"),
    ("rules: [{id: a, then: {fallback: x}}]", "6:34", "BS0402", "has no options here"),
    ("rules: [{id: a, then: [accept, escalate]}]", "6:24", "BS0403", "the whole `then`"),
    ("rules: [{id: a, then: [wait, escalate]}]", "6:24", "BS0403", "only under `on:`"),
    ("rules: [{id: a, then: [[retry]]}]", "6:24", "BS0203", "cannot hold a ladder"),
    ("rules: [{id: a, then: {retry: 0}}]", "6:31", "BS0302", "not in 1 to 100"),
    ("rules: [{id: a, then: {escalate: {queu: q}}}]", "6:35", "BS0201", "did you mean `queue`?"),
    ("rules: [{id: a, then: {repair: {mask: c, times: 2}}}]", "6:42", "BS0207", "asks no model"),
    ("rules: [{id: a, then: reject}, {id: a, then: reject}]", "6:37", "BS0208", "the first one"),
    ("before: [{id: a, then: repair}]", "6:24", "BS0403", "before a model was asked"),
    ("before: [{id: a, then: [retry, reject]}]", "6:25", "BS0403", "allowed here"),
    ("rules: [{id: a, when: , then: reject}]", "6:17", "BS0205", "`when` has no value"),
    ("rules: [{id: a, when: [1], then: reject}]", "6:23", "BS0203", "needs a block"),
    ("rules: [{id: a, when: f(1, 2), then: reject}]", "6:28", "BS0107", "comma cut in two"),
    ("rules:\n  - id: a\n    when: x ? y : z\n    then: reject", "8:17", "BS0107", "when: |"),
    ("rules:\n  - id: a\n    when: !has(x)\n    then: reject", "8:11", "BS0107", "unless: has(x)"),
    (
        "rules:\n  - id: a\n    when: x == \"a #1\"\n    then: reject",
        "8:11",
        "BS0107",
        "cut by ` #`",
    ),
    ("rules: [{id: a, then: reject, for: models}]", "6:36", "BS0204", "did you mean `model`?"),
    ("on: {rule: reject}", "6:6", "BS0404", "write it as `then:` of the rule"),
    ("on: {check_error: reject}", "6:6", "BS0404", "write it as `on_error:`"),
    ("on: {schemas: reject}", "6:6", "BS0204", "did you mean `schema`?"),
    ("on: {schema: accept}", "6:14", "BS0403", "the whole `then`"),
    ("on: [schema]", "6:5", "BS0203", "a map from failure classes"),
    ("on: {schema: }", "6:6", "BS0205", "has no ladder"),
    ("checks: {c: {at: output}}", "6:13", "BS0202", "needs one of the keys `pattern`"),
    ("checks: {c: {secrets: all}}", "6:13", "BS0202", "needs the key `at`"),
    ("checks: {c: {words: [a], size: {chars: 1}, at: output}}", "6:26", "BS0207", "not several"),
    ("checks: {c: {patern: a, at: output}}", "6:14", "BS0201", "did you mean `pattern`?"),
    ("checks: {c: {judge: p, at: output}}", "6:13", "BS0202", "needs the key `model`"),
    ("checks: {c: {personal_data: [emial], at: output}}", "6:30", "BS0204", "did you mean `email`"),
    ("checks: {c: {secrets: all, at: output, timeout: 1s}}", "6:49", "BS0207", "belongs to"),
    ("checks: {c: {secrets: all, at: input, then: repair}}", "6:45", "BS0403", "before a model"),
    ("checks: {c: {size: {}, at: output}}", "6:20", "BS0202", "`chars`, `tokens` or `items`"),
    ("checks: {c: {service: s, fail_over: 80, at: input}}", "6:37", "BS0301", "as `80%`"),
    ("tools: {t: {args: a.json}}", "6:12", "BS0202", "needs the key `effect`"),
    ("tools: {t: {args: a.json, effect: wrte}}", "6:35", "BS0204", "did you mean `write`?"),
    (
        "tools: {t: {args: a.json, effect: read, limits: [{sum: x, at_most: 1/day}]}}",
        "6:56",
        "BS0203",
        "= tool.args.amount",
    ),
    ("confidence: {at: output, from: [logprob], accept: 0.9}", "6:33", "BS0204", "`logprobs`?"),
    ("confidence: {at: output, from: [votes], accept: 0.9}", "6:33", "BS0202", "votes: 3"),
    ("confidence: {at: output, from: [votes: 1], accept: 0.9}", "6:40", "BS0302", "2 to 100"),
    ("confidence: {at: output, from: [logprobs], accept: 90}", "6:52", "BS0301", "is not a share"),
    ("confidence: {at: output, from: [logprobs]}", "6:13", "BS0202", "needs the key `accept`"),
    ("confidence: {from: [logprobs], accept: 0.9}", "6:21", "BS0202", "add `at: output.field`"),
    (
        "confidence: {at: output, from: [votes: 3, votes: 5], accept: 0.9}",
        "6:43",
        "BS0208",
        "another name with `as:`",
    ),
    (
        "confidence: {at: output, from: [logprobs], accept: {wrong: 2%, assurance: 95%}}",
        "6:53",
        "BS0407",
        "set the threshold by hand",
    ),
    ("fallback: [{answer: a}, {answer: b}]", "6:25", "BS0405", "is never reached"),
    ("fallback: [{when: x, answer: a}]", "6:12", "BS0406", "add a row without `when`"),
    ("fallback: [{answer: last_good}]", "6:12", "BS0406", "may find nothing"),
    ("fallback: {answer: a, within: 1h}", "6:23", "BS0207", "belongs to `answer: last_good`"),
    ("fallback: {anwser: a}", "6:12", "BS0201", "did you mean `answer`?"),
    ("pending: fallbak", "6:10", "BS0204", "did you mean `fallback`?"),
    ("pending: {wait: 5, then: error}", "6:17", "BS0301", "a time needs a unit"),
    ("cache: on", "6:8", "BS0301", "is not a time"),
    ("cache: {for: 1h, per: callers}", "6:23", "BS0204", "did you mean `caller`?"),
    ("tests: [{name: a}]", "6:9", "BS0202", "needs the key `expect`"),
    ("tests: [{name: a, expect: {verdit: accept}}]", "6:28", "BS0201", "did you mean `verdict`?"),
    ("tests: [{name: a, expect: {outcome: acepted}}]", "6:37", "BS0204", "`accepted`?"),
    ("tests: [{name: a, change: {ouput.x: 1}, expect: {}}]", "6:28", "BS0303", "`output`?"),
    ("tests: [{name: a, fail: trnsport, expect: {}}]", "6:25", "BS0204", "`transport`?"),
    ("tests: [{name: a, review: [aprove], expect: {}}]", "6:28", "BS0204", "`approve`?"),
    ("values: {key: sk-proj-abcdefghijklmn0123456789}", "6:15", "BS0501", "{env: NAME}"),
    ("data: {v: {path: x.csv}}", "6:11", "BS0202", "needs the key `file`"),
];

#[test]
fn each_mistake_is_shown_at_its_place_with_help() {
    let mut wrong = Vec::new();
    for (extra, place, code, part) in EXTRA {
        let (_, shown) = read("p", &policy(extra));
        let place = format!("policies/p.yaml:{place}\n");
        let code = format!("[{code}]");
        if ![place.as_str(), &code, part].iter().all(|wanted| shown.contains(wanted)) {
            wrong.push(format!("== {extra}\nwanted {place}{code} {part}\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), EXTRA.len(), wrong.join("\n"));
}

#[test]
fn one_mistake_gives_one_problem() {
    let several = ["checks: {c: {words: [a], size", "data: {v: {path", "f(1, 2)"];
    let mut wrong = Vec::new();
    for (extra, ..) in EXTRA {
        let (_, shown) = read("p", &policy(extra));
        if !shown.ends_with("\n1 error\n") && !several.iter().any(|known| extra.contains(known)) {
            wrong.push(format!("== {extra}\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_head_of_a_policy_is_held_to_its_rules_too() {
    for (name, text, place, part) in [
        ("q", policy(""), "q.yaml:1:9", "write `policy: q`, or rename the file"),
        ("p", policy("").replace("otherwise: reject\n", ""), "p.yaml:1:1", "key `otherwise`"),
        ("p", policy("").replace("owner: team\n", ""), "p.yaml:1:1", "key `owner`"),
        ("p", policy("").replace("reject", "accept"), "p.yaml:5:12", "cannot end a ladder"),
        ("p", policy("").replace("reject", "[fallback, reject]"), "p.yaml:5:23", "one step"),
        ("p", policy("").replace("[m]", "[]"), "p.yaml:3:9", "the list is empty"),
        ("p", String::new(), "p.yaml:1:1", "the file is empty"),
        ("p", "- a\n".to_owned(), "p.yaml:1:1", "expected a policy"),
    ] {
        let (_, shown) = read(name, &text);
        assert!(shown.contains(place) && shown.contains(part), "{place} {part}\n{shown}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_shown_together_in_order() {
    let (_, shown) = read("p", &policy("deadline: 5m\nquue: a\nrules: [{id: a, then: refuse}]"));
    let at = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part} in {shown}"));
    assert!(at("6:11") < at("7:1") && at("7:1") < at("8:23"));
    assert!(shown.ends_with("3 errors\n"), "{shown}");
}

#[test]
fn a_picture_shows_line_caret_and_help() {
    let (_, shown) = read("p", &policy("deadline: 5m"));
    let expected = "\
error[BS0301]: `5m` is not a time
 --> policies/p.yaml:6:11
  |
6 | deadline: 5m
  |           ^^
  |
  = help: `m` could mean minutes or months: write `5min` for minutes

1 error
";
    assert_eq!(shown, expected);
}
