//! Secrets have no place in rules files: what looks like a key is refused.
//!
//! It knows the forms that providers give their keys, and no others: a random text is no proof.

use crate::decode::Decoder;
use crate::diagnostics::{Code, Problem};
use crate::source::Span;
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
pub(crate) fn refuse_secret(text: &str, span: Span, d: &mut Decoder<'_>) {
    if looks_secret(text) {
        let say = "this looks like a secret; secrets never stand in these files";
        let help = "write `{env: NAME}` or `{file: path}`, and change the secret: it is in a file";
        d.report.push(Problem::error(Code::Secret, span, say).help(help));
    }
}

fn looks_secret(text: &str) -> bool {
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return true;
    }
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split(|c| !part(c)).any(|word| {
        PREFIXES.iter().any(|(prefix, least)| {
            word.strip_prefix(prefix).is_some_and(|rest| {
                rest.len() >= *least && rest.bytes().any(|byte| byte.is_ascii_digit())
            })
        })
    })
}
