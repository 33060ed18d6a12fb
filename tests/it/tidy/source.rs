//! Rules over single source files: heads, lengths, columns, attributes, names, promises.

use super::{files, is_test, settle};

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 400;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Columns of a line.
const COLUMNS_MAX: usize = 100;
/// Names of files that collect whatever has no home.
const JUNK_DRAWERS: [&str; 6] = ["util", "utils", "common", "helper", "helpers", "misc"];

/// Checks every source file with `check`, which is given (path, text).
fn every_file(rule: &str, check: impl Fn(&str, &str) -> Vec<String>) {
    let problems: Vec<String> =
        files("rs").iter().flat_map(|(path, text)| check(path, text)).collect();
    settle(rule, &problems);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    every_file("head", |path, text| {
        let head = text.lines().next().is_some_and(|line| line.starts_with("//! "));
        let mend = "start with a `//!` line: what it is for, what it never does";
        if head { vec![] } else { vec![format!("{path}:1: no head; {mend}")] }
    });
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    every_file("file length", |path, text| {
        let lines = before_tests(text).lines().count();
        if is_test(path) || lines <= FILE_LINES_MAX {
            return vec![];
        }
        let mend = "give each idea in it a file of its own";
        vec![format!("{path}:{lines}: {lines} lines, at most {FILE_LINES_MAX}; {mend}")]
    });
}

#[test]
fn no_function_is_longer_than_a_screen() {
    every_file("function length", |path, text| {
        functions(text)
            .into_iter()
            .filter(|function| function.lines > FUNCTION_LINES_MAX)
            .map(|Function { name, line, lines }| {
                let mend = "keep the decisions here, move the leaves out";
                format!(
                    "{path}:{line}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}; \
                     {mend}"
                )
            })
            .collect()
    });
}

#[test]
fn no_line_is_wider_than_the_page() {
    every_file("columns", |path, text| {
        // Tests hold tables and recorded texts, which read worse when they are broken.
        numbered(text)
            .filter(|(_, line)| !is_test(path) && line.chars().count() > COLUMNS_MAX)
            .map(|(at, _)| format!("{path}:{at}: over {COLUMNS_MAX} columns; break the line"))
            .collect()
    });
}

#[test]
fn what_is_left_to_do_has_an_issue_number() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    every_file("unfinished", |path, text| {
        numbered(text)
            .filter(|(_, line)| words.iter().any(|word| holds_word(line, word)))
            .filter(|(_, line)| !has_issue_number(line))
            .map(|(at, _)| format!("{path}:{at}: no issue number; do it, or write `#12` beside it"))
            .collect()
    });
}

#[test]
fn a_lint_is_expected_with_a_reason_never_allowed() {
    every_file("allow", |path, text| {
        numbered(text)
            .filter(|(_, line)| !is_test(path) && allows(line))
            .map(|(at, _)| {
                let mend =
                    "write `#[expect(LINT, reason = \"...\")]`, which tells when it is stale";
                format!("{path}:{at}: `allow`; {mend}")
            })
            .collect()
    });
}

#[test]
fn there_is_no_junk_drawer() {
    every_file("names", |path, _| {
        let drawer = path
            .trim_end_matches(".rs")
            .split('/')
            .find(|part| JUNK_DRAWERS.contains(part) && *part != "tests");
        let mend = "name the file by the one thing in it";
        drawer.map(|name| format!("{path}: `{name}` is no subject; {mend}")).into_iter().collect()
    });
}

/// One function of a formatted file.
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// The functions of `text`, which rustfmt has laid out: each ends at a brace of its own indent.
fn functions(text: &str) -> Vec<Function> {
    let mut open: Vec<(String, usize, String)> = Vec::new();
    let mut done = Vec::new();
    for (at, line) in numbered(text) {
        if let Some(name) = function_name(line) {
            let indent = line.chars().take_while(|c| *c == ' ').collect::<String>();
            open.push((format!("{indent}}}"), at, name));
        }
        if open.last().is_some_and(|(end, _, _)| end == line) {
            let (_, start, name) = open.pop().unwrap();
            done.push(Function { name, line: start, lines: at - start + 1 });
        } else if open
            .last()
            .is_some_and(|(_, start, _)| *start == at && line.ends_with(['}', ';']))
        {
            open.pop();
        }
    }
    done
}

/// The name of the function whose signature starts on `line`.
fn function_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if word == "fn" {
            let name = words.next()?;
            return Some(name.split(['(', '<']).next().unwrap_or(name).to_owned());
        }
        let leads = ["pub", "async", "const", "extern", "default"];
        if !leads.contains(&word) && !word.starts_with("pub(") && !word.starts_with('"') {
            return None;
        }
    }
    None
}

fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn allows(line: &str) -> bool {
    let line = line.trim_start();
    (line.starts_with("#[") || line.starts_with("#![")) && line.contains("allow(")
}

fn holds_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

fn has_issue_number(line: &str) -> bool {
    line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[test]
fn the_ruler_itself_measures_right() {
    let text = "fn one() {}\n\nimpl A {\n    pub(crate) async fn two<T>(\n        a: T,\n    ) {\n\
                \x20       if a {\n        }\n    }\n}\ntrait B {\n    fn three();\n}\n";
    let found = functions(text);
    assert_eq!(found.len(), 1, "a body on its own lines is measured, a signature is not");
    assert_eq!((found[0].name.as_str(), found[0].line, found[0].lines), ("two", 4, 6));
    assert!(allows("#![allow(dead_code)]") && allows("#[cfg_attr(x, allow(y))]"));
    assert!(!allows("// #[allow(x)] is refused") && !allows("allow(x)"));
    assert!(has_issue_number("see #12") && !has_issue_number("see #[x]"));
}
