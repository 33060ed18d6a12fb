//! Secrets have no place in rules files: what looks like a key is refused.
//!
//! It knows the forms that providers give their keys, and no others: a random text is no proof.

use std::ops::Range;

use crate::decode::Decoder;
use crate::diagnostics::{Code, Problem, Report};
use crate::source::{Sources, Span};
use crate::yaml::{Kind, Node};

/// How keys of known kinds begin, and how many letters and digits follow at least.
const PREFIXES: [(&str, usize); 14] = [
    ("sk-", 20),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("whsec_", 20),
    ("AKIA", 16),
    ("AIza", 30),
    ("ghp_", 30),
    ("gho_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("hf_", 30),
    ("eyJ", 60),
];

const SAY: &str = "this looks like a secret; secrets never stand in these files";

/// Reports every value (and key) of the tree that looks like a secret.
pub(crate) fn find_secrets(node: &Node, d: &mut Decoder<'_>) {
    match &node.kind {
        Kind::Scalar(scalar) => refuse_secret(&scalar.text, node.span, d),
        Kind::List(items) => items.iter().for_each(|item| find_secrets(item, d)),
        Kind::Map(entries) => {
            for entry in entries {
                refuse_secret(&entry.key.value, entry.key.span, d);
                find_secrets(&entry.value, d);
            }
        }
    }
}

/// Reports `text` if it looks like a secret.
fn refuse_secret(text: &str, span: Span, d: &mut Decoder<'_>) {
    if looks_secret(text) {
        let help = "write `{env: NAME}` or `{file: path}`, and change the secret: it is in a file";
        d.report.push(Problem::error(Code::Secret, span, SAY).help(help));
    }
}

/// Reports secrets in every file that is not read as rules: prompts, data, schemas, fixtures.
pub(crate) fn find_secrets_beside(sources: &Sources, report: &mut Report) {
    for file in sources.ids() {
        let path = sources.path(file);
        if sources.is_absent(file) || is_rules(path) {
            continue;
        }
        for range in secrets_in(sources.text(file)) {
            let span = Span::new(file, range.start, range.end);
            // An invented key may be what a test of `secrets` needs.
            let problem = if path.contains("/fixtures/") {
                let help = "if it is invented, write `EXAMPLE` into it; else change the secret";
                Problem::warning(Code::Secret, span, SAY).help(help)
            } else {
                let help = "take it out, and change the secret: it is in a file";
                Problem::error(Code::Secret, span, SAY).help(help)
            };
            report.push(problem);
        }
    }
}

/// Files directly in `policies/` are read as rules, value by value.
fn is_rules(path: &str) -> bool {
    let name = path.strip_prefix("policies/").unwrap_or("/");
    name.ends_with(".yaml") && !name.contains('/')
}

fn looks_secret(text: &str) -> bool {
    secrets_in(text).next().is_some()
}

/// Where a text holds what looks like a secret. `EXAMPLE` marks one that is none.
fn secrets_in(text: &str) -> impl Iterator<Item = Range<usize>> {
    let keys = text.match_indices("-----BEGIN").filter_map(|(start, begin)| {
        let line = text.get(start + begin.len()..)?.lines().next()?;
        let end = line.find("PRIVATE KEY-----")? + "PRIVATE KEY-----".len();
        Some(start..start + begin.len() + end)
    });
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut from = 0;
    let words = text.split(move |c| !part(c)).filter_map(move |word| {
        let start = from;
        from +=
            word.len() + text.get(from + word.len()..)?.chars().next().map_or(0, char::len_utf8);
        let known = |(prefix, least): &(&str, usize)| {
            word.strip_prefix(prefix).is_some_and(|rest| {
                rest.len() >= *least && rest.bytes().any(|byte| byte.is_ascii_digit())
            })
        };
        let invented = || word.to_ascii_uppercase().contains("EXAMPLE");
        (PREFIXES.iter().any(known) && !invented()).then(|| start..start + word.len())
    });
    keys.chain(words)
}
