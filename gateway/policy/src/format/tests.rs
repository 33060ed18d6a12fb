//! What `fmt` promises: one form, comments kept, meaning kept, and the same again the second time.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn fmt_as(path: &str, text: &str) -> Result<Formatted, String> {
    let sources = Sources::single(path, text);
    let file = sources.ids().next().expect("the file");
    let kind = FileKind::of(path, text).expect("a kind");
    let style = crate::diagnostics::render::Style::Plain;
    format(&sources, file, kind)
        .map_err(|report| crate::diagnostics::render::text(&report, &sources, style))
}

fn fmt(text: &str) -> String {
    let done = fmt_as("policies/p.yaml", text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    let again = fmt_as("policies/p.yaml", &done.text).expect("the result is read again");
    assert_eq!(again.text, done.text, "the second time changes something");
    done.text
}

#[test]
fn keys_stand_in_the_order_of_the_table_with_their_comments() {
    let text = "\
# About this policy.
otherwise: reject   # the end
# who asks
owner: team

policy: p
models:   [m]
rules:
    # a rule
    - then: reject
      id: a      # its id
      when: x > 1
output:  text
";
    assert_eq!(
        fmt(text),
        "\
# About this policy.

policy: p
# who asks
owner: team
output: text
models: [m]
rules:
  # a rule
  - id: a                                 # its id
    when: x > 1
    then: reject
otherwise: reject                         # the end
"
    );
}

#[test]
fn what_decides_between_equal_objections_keeps_its_order() {
    let text = "rules:\n  - {id: a, then: reject}\npolicy: p\nbefore:\n  - {id: b, then: reject}\n";
    let done = fmt(text);
    assert!(done.find("rules:") < done.find("before:"), "{done}");
    assert!(done.starts_with("policy: p\n"), "{done}");
    let named = "checks:\n  z: {secrets: all, at: output}\n  a: {at: output, secrets: all}\n";
    let done = fmt(&format!("policy: p\n{named}"));
    assert!(done.contains("  z: {secrets: all, at: output}\n  a: {secrets: all, at: output}\n"));
}

#[test]
fn conditions_are_bare_where_yaml_lets_them_and_blocks_where_not() {
    let why = format!("{:<38}# why", "when: |");
    let why = format!("{why}\n      \"x\" == y\n");
    let cases = [
        ("when: 'output.label == \"a\"'", "when: output.label == \"a\"\n"),
        ("when: !has(output.a)", "when: |\n      !has(output.a)\n"),
        ("when: a ? b : c", "when: |\n      a ? b : c\n"),
        ("when: \"x\" == y", "when: |\n      \"x\" == y\n"),
        ("when: \"x\" == y   # why", &why),
        ("when: [1, 2].exists(n, n == 1)", "when: |\n      [1, 2].exists(n, n == 1)\n"),
        ("when: output.a == \"x #1\"", "when: |\n      output.a == \"x #1\"\n"),
        ("when: |\n      a\n      && b", "when: |\n      a\n      && b\n"),
        // In quotes already: a block without a line end at its end says the very same.
        ("when: \"!a\"", "when: |-\n      !a\n"),
        ("when: \"true\"", "when: |-\n      true\n"),
        ("when: true", "when: true\n"),
    ];
    for (written, wanted) in cases {
        let text = format!("policy: p\nrules:\n  - id: a\n    {written}\n    then: reject\n");
        match fmt_as("policies/p.yaml", &text) {
            Ok(done) => assert!(done.text.contains(wanted), "{written}\n{}", done.text),
            Err(why) => panic!("{written}\n{why}"),
        }
    }
}

#[test]
fn a_condition_that_a_comma_cut_inside_braces_is_put_together_again() {
    let text =
        "policy: p\nrules:\n  - {id: a, when: sample(call.key, 0.5) && x > 1, then: reject}\n";
    let done = fmt_as("policies/p.yaml", text).expect("formatted");
    assert_eq!(done.mended, 1);
    assert!(
        done.text.contains("  - id: a\n    when: sample(call.key, 0.5) && x > 1\n"),
        "{}",
        done.text
    );
    fmt(&done.text);
}

#[test]
fn what_is_too_wide_is_broken_from_the_outside_and_what_fits_is_left() {
    let long = "x".repeat(50);
    let text = format!(
        "policy: p\nlimits: [{{requests: 600/min, per: caller}}, {{concurrency: 32}}]\n\
        tests:\n  - {{name: {long}, change: {{a: {long}}}, expect: {{verdict: accept}}}}\n"
    );
    let done = fmt(&text);
    assert!(done.contains("limits: [{requests: 600/min, per: caller}, {concurrency: 32}]\n"));
    let broken =
        format!("  - name: {long}\n    change: {{a: {long}}}\n    expect: {{verdict: accept}}\n");
    assert!(done.contains(&broken), "{done}");
}

#[test]
fn every_comment_stays_and_none_is_taken_for_one_inside_a_text() {
    let text = "\
policy: p
# above on
on:   # behind on
  # above schema
  schema: [repair: 2,  # behind repair
    fallback]
  # below schema
# below on
owner: \"a # b\"
description: |   # behind a bar
  # text, no comment
  more

# the end
";
    let done = fmt(text);
    for part in
        ["# above on", "on:                                       # behind on", "  # below schema"]
    {
        assert!(done.contains(part), "{part}\n{done}");
    }
    assert!(
        done.contains(
            "    - repair: 2                           # behind repair\n    - fallback\n"
        )
    );
    assert!(done.contains("description: |                            # behind a bar\n  # text"));
    assert!(done.ends_with("# the end\n"));
}

#[test]
fn a_comment_belongs_to_the_line_it_ends() {
    let text = "\
policy: p
models: [a, b]  # both
rules:
  - id: a
    when: |
      x
      && y
    then: [repair: \"Again.\", reject]    # not even by a reviewer
    on_error: {escalate: {queue: q, due: 1h}} # a person
";
    let wanted = "\
policy: p
models: [a, b]                            # both
rules:
  - id: a
    when: |
      x
      && y
    then: [repair: \"Again.\", reject]      # not even by a reviewer
    on_error: {escalate: {queue: q, due: 1h}}  # a person
";
    assert_eq!(fmt(text), wanted);
}

#[test]
fn texts_keep_what_they_say() {
    let text = "policy: p\ndescription: one\n  two\n\nowner: 'it''s'\nvalues: {a: '1', b: 1, c: ~, d: \"= x\", \
        e: 'C:\\d', f: \"q\\\"r\", g: \"\\u00e4\\n\"}\nprivate: []\ndata: {}\n";
    let done = fmt(text);
    assert!(done.contains("description: one two\n\nowner: \"it's\"\n"), "{done}");
    let values = r#"values: {a: "1", b: 1, c: ~, d: "= x", e: 'C:\d', f: 'q"r', g: "ä\n"}"#;
    assert!(done.contains(values), "{done}");
    assert!(done.contains("private: []\n") && done.contains("data: {}\n"));
}

#[test]
fn blocks_are_moved_and_not_touched() {
    let text = "policy: p\nexample:\n      input: |+\n            a\n             b\n\n\n      output: >-\n       x\n       y\n";
    let done = fmt(text);
    assert_eq!(
        done,
        "policy: p\nexample:\n  input: |+\n    a\n     b\n\n\n  output: >-\n    x\n    y\n"
    );
}

#[test]
fn a_file_with_load_errors_is_laid_out_and_one_that_is_not_yaml_is_refused() {
    let done = fmt("polcy: p\nwhatever:   {b: 1,   a: 2}\nowner: [x]\nrules: none\n");
    assert!(done.contains("whatever: {b: 1, a: 2}\n"), "{done}");
    for (text, part) in [
        ("a: [1\n", "`]` is missing"),
        ("a: 1\na: 2\n", "stands twice"),
        ("a: &x 1\n", "anchor"),
        ("a:\t1\n", "a tab"),
    ] {
        let why = fmt_as("policies/p.yaml", text).expect_err("refused");
        assert!(why.contains(part), "{why}");
    }
}

#[test]
fn of_a_prompt_only_the_head_is_laid_out() {
    let text = "---\nmax_tokens:   5\ntemperature: 0\n---\n# system\n\n\n  As   it is. \n";
    let done = fmt_as("prompts/p.md", text).expect("formatted");
    assert_eq!(
        done.text,
        "---\ntemperature: 0\nmax_tokens: 5\n---\n# system\n\n\n  As   it is. \n"
    );
    assert_eq!(fmt_as("prompts/p.md", "Say  it.\n").expect("formatted").text, "Say  it.\n");
}

#[test]
fn an_empty_file_and_one_of_comments_alone_stay() {
    assert_eq!(fmt("# only this\n\n\n# and this\n"), "# only this\n\n# and this\n");
    assert_eq!(fmt(""), "");
}

#[test]
fn files_with_every_known_mistake_are_laid_out_or_refused_and_never_changed() {
    let mut laid = 0;
    for (extra, ..) in crate::raw::mistakes::EXTRA {
        let text = crate::raw::mistakes::policy(extra);
        match fmt_as("policies/p.yaml", &text) {
            Ok(done) => {
                laid += 1;
                let again = fmt_as("policies/p.yaml", &done.text).expect("read again");
                assert_eq!(again.text, done.text, "{extra}");
            }
            Err(why) => assert!(!why.contains("cannot be laid out"), "{extra}\n{why}"),
        }
    }
    assert!(laid > 90, "{laid}");
}

/// Values as somebody may write them, nested, in lines or in brackets, with comments between.
fn any_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,8}",
        Just("\"q, {x} # y\"".to_owned()),
        Just("'s: t'".to_owned()),
        Just("= a + b".to_owned()),
        Just("10".to_owned()),
        Just("true".to_owned()),
        Just("ä 🦀".to_owned()),
        "[a-z]{30,60}",
    ];
    let flow = word.clone().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(", "))),
            prop::collection::btree_map("[a-z]{1,5}", inner, 0..4).prop_map(|all| {
                let all: Vec<_> =
                    all.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", all.join(", "))
            }),
        ]
    });
    let note = prop_oneof![Just(""), Just("  # behind"), Just(" # ä: [")];
    let line = (flow, note).prop_map(|(value, note)| format!("{value}{note}"));
    let keys = ["policy", "owner", "rules", "values", "on", "other", "zebra", "tests", "checks"];
    let entry = (0..keys.len(), prop::collection::vec(line, 1..4), any::<bool>(), any::<bool>());
    prop::collection::vec(entry, 0..8).prop_map(move |entries| {
        let mut out = String::new();
        let mut seen = Vec::new();
        for (key, lines, list, above) in entries {
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            let name = keys.get(key).copied().unwrap_or("x");
            if above {
                out.push_str("\n\n# above\n");
            }
            match (list, lines.as_slice()) {
                (false, [first, ..]) => out.push_str(&format!("{name}:   {first}\n")),
                _ => {
                    out.push_str(&format!("{name}:\n"));
                    for line in &lines {
                        out.push_str(&format!("   - {line}\n   # between\n"));
                    }
                }
            }
        }
        out
    })
}

proptest! {
    /// Why it matters: people run it on save, over files in every state.
    #[test]
    fn whatever_is_written_comes_out_the_same_twice_and_means_the_same(text in any_text()) {
        let done = fmt_as("policies/p.yaml", &text);
        let done = done.map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
        let again = fmt_as("policies/p.yaml", &done.text).expect("read again");
        prop_assert_eq!(&again.text, &done.text, "from\n{}", text);
    }

    /// Bytes of any kind: an answer, never a panic.
    #[test]
    fn no_text_makes_it_fall_over(text in "(?s)[-a-z:#,\\[\\]{}|>\"'!&*? \n]{0,80}") {
        let _ = fmt_as("policies/p.yaml", &text);
        let _ = fmt_as("prompts/p.md", &format!("---\n{text}\n---\nx"));
    }
}
