//! Every name that one part of the gateway file takes from another must exist.
//!
//! It walks the tree as written, because there every name still has its place.

use crate::decode::Decoder;
use crate::diagnostics::{Code, Problem, suggest};
use crate::yaml::{Kind, Node};

/// From where names are taken, which key holds them, and where they must exist.
const LINKS: [(&str, &[&str], &str, &str); 7] = [
    ("models", &["provider"], "providers", "provider"),
    ("queues", &["hours"], "hours", "calendar"),
    ("queues", &["steps", "notify"], "notify", "way to notify"),
    ("queues", &["steps", "add_queue"], "queues", "queue"),
    ("reviewers", &["queues"], "queues", "queue"),
    ("callers", &["policies"], "", "policy"),
    ("subscriptions", &["policies"], "", "policy"),
];

/// Reports names that refer to nothing in the gateway file at `root`.
pub(super) fn check(root: &Node, d: &mut Decoder<'_>) {
    for (section, keys, target, what) in LINKS {
        let known = match target {
            "" => policies(d),
            target => root.get(target).map_or_else(Vec::new, names),
        };
        for entry in root.get(section).map_or(&[][..], entries) {
            let mut found = vec![&entry.value];
            for key in keys {
                found = found.into_iter().flat_map(parts).filter_map(|n| n.get(key)).collect();
            }
            for name in found.into_iter().flat_map(parts) {
                unknown(name, &known, what, d);
            }
        }
    }
}

/// Mail needs a server that takes it, and links need an address to start with.
pub(super) fn check_messages(root: &Node, d: &mut Decoder<'_>) {
    let notify = root.get("notify").map_or(&[][..], entries);
    let mail = notify.iter().find_map(|entry| entry.value.get("email"));
    if let Some(mail) = mail.filter(|_| root.get("mail").is_none()) {
        let say = "there is no mail server that could take this mail";
        let help = "add `mail: {smtp: \"mail.example.com:587\", from: backstop@example.com}`";
        d.report.push(Problem::error(Code::UnknownReference, mail.span, say).help(help));
    }
    let linked = root.get("http").is_some_and(|http| http.get("public").is_some());
    if let Some(first) = notify.first().filter(|_| !linked) {
        let say = "messages will hold no links: nothing says where people reach the desk";
        let help = "add `http: {public: \"https://backstop.example.com\"}`";
        d.report.push(Problem::warning(Code::UnknownReference, first.key.span, say).help(help));
    }
}

fn unknown(node: &Node, known: &[String], what: &str, d: &mut Decoder<'_>) {
    let Some(name) = node.as_text().filter(|_| !node.is_null()) else { return };
    if !known.iter().any(|one| one == name) {
        let say = format!("there is no {what} named `{name}`");
        let help = suggest::did_you_mean(name, known.iter().map(String::as_str));
        d.report.push(Problem::error(Code::UnknownReference, node.span, say).help_if(help));
    }
}

/// The elements of a list, or the value itself.
fn parts(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

fn entries(node: &Node) -> &[crate::yaml::Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => &[],
    }
}

fn names(node: &Node) -> Vec<String> {
    entries(node).iter().map(|entry| entry.key.value.clone()).collect()
}

/// The policies of the workspace, by their files.
fn policies(d: &Decoder<'_>) -> Vec<String> {
    let name = |id| {
        let name = d.sources.path(id).strip_prefix("policies/")?.strip_suffix(".yaml")?;
        let plain = name != "gateway" && !name.contains('/') && !name.ends_with("_test");
        plain.then(|| name.to_owned())
    };
    d.sources.ids().filter(|id| !d.sources.is_absent(*id)).filter_map(name).collect()
}
