//! Every name that one part of the gateway file takes from another must exist.
//!
//! It walks the tree as written, because there every name still has its place.

use super::network::private_host;
use super::oidc::in_clear;
use crate::decode::Decoder;
use crate::diagnostics::{Code, Problem, suggest};
use crate::yaml::{Kind, Node};

/// From where names are taken, which key holds them, and where they must exist.
const LINKS: [(&str, &[&str], &str, &str); 8] = [
    ("models", &["provider"], "providers", "provider"),
    ("queues", &["hours"], "hours", "calendar"),
    ("queues", &["steps", "notify"], "notify", "way to notify"),
    ("queues", &["steps", "add_queue"], "queues", "queue"),
    ("reviewers", &["queues"], "queues", "queue"),
    // Of its keys only `grants` holds maps.
    ("oidc", &["queues"], "queues", "queue"),
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

/// What can be seen of messages and deliveries that would never arrive, or tell nobody anything:
/// mail needs a server that takes it, links need an address to start with, somebody must send what
/// people are to be told, and no delivery goes into a private network without leave.
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
    untold(root, d);
    private_receivers(root, d);
}

/// Ways to tell people of which no queue makes use.
fn untold(root: &Node, d: &mut Decoder<'_>) {
    let queues = root.get("queues").map_or(&[][..], entries);
    let steps = queues.iter().filter_map(|queue| queue.value.get("steps")).flat_map(parts);
    let used: Vec<&str> = steps
        .filter_map(|step| step.get("notify"))
        .flat_map(parts)
        .filter_map(Node::as_text)
        .collect();
    for entry in root.get("notify").map_or(&[][..], entries) {
        let name = entry.key.value.as_str();
        if !used.contains(&name) {
            let say = format!("nobody is ever told by `{name}`: no queue has a step that names it");
            let help = format!("add to a queue: `steps: [{{after: 0s, notify: {name}}}]`");
            d.report.push(Problem::warning(Code::UnknownReference, entry.key.span, say).help(help));
        }
    }
}

/// Addresses at home, without leave to go there.
fn private_receivers(root: &Node, d: &mut Decoder<'_>) {
    for (section, key) in [("notify", "webhook"), ("subscriptions", "url")] {
        for entry in root.get(section).map_or(&[][..], entries) {
            let Some(address) = entry.value.get(key) else { continue };
            let leave = entry.value.get("private_network").and_then(Node::as_text) == Some("true");
            let host = address.as_text().and_then(private_host).filter(|_| !leave);
            if let Some(host) = host {
                let say = format!("nothing is delivered there: `{host}` lies in a private network");
                let help = "add `private_network: true` beside it if that is meant";
                let problem = Problem::warning(Code::BadAddress, address.span, say);
                d.report.push(problem.help(help));
            }
        }
    }
}

/// What can be seen of people who could not sign in: two who would be one, a provider that does not
/// know where to send them back, and one that knows nobody.
pub(super) fn check_sign_in(root: &Node, d: &mut Decoder<'_>) {
    let reviewers = root.get("reviewers").map_or(&[][..], entries);
    let logins: Vec<&Node> =
        reviewers.iter().filter_map(|entry| entry.value.get("login")).collect();
    same_login(&logins, d);
    let oidc = root.get("oidc").map_or(&[][..], entries);
    let Some(issuer) = oidc.iter().find(|entry| entry.key.value == "issuer") else { return };
    let public = root.get("http").and_then(|http| http.get("public"));
    let help = "add `http: {public: \"https://backstop.example.com\"}`";
    if let Some(public) = public {
        if let Some((code, say)) = public.as_text().and_then(in_clear) {
            let problem = Problem::error(code, public.span, say);
            d.report.push(problem.help("write such as `https://backstop.example.com`"));
        }
    } else {
        let say = "the provider cannot send people back: nothing says where they reach the desk";
        let problem = Problem::error(Code::UnknownReference, issuer.key.span, say);
        d.report.push(problem.help(help));
    }
    let leave = root.get("oidc").and_then(|oidc| oidc.get("private_network"));
    let leave = leave.and_then(Node::as_text) == Some("true");
    if let Some(host) = issuer.value.as_text().and_then(private_host).filter(|_| !leave) {
        let say = format!("nothing is asked there: `{host}` lies in a private network");
        let problem = Problem::warning(Code::BadAddress, issuer.value.span, say);
        d.report.push(problem.help("add `private_network: true` beside it if that is meant"));
    }
    let granted = oidc.iter().any(|entry| entry.key.value == "grants");
    if !granted && logins.is_empty() {
        let say = "nobody can sign in by this provider: it opens nothing to anybody";
        let help = "add `grants: [{is: GROUP, roles: [reviewer]}]`, or `login:` to a reviewer";
        let problem = Problem::warning(Code::UnknownReference, issuer.key.span, say);
        d.report.push(problem.help(help));
    }
}

/// People whom nothing tells apart where they sign in by their `login`.
fn same_login(logins: &[&Node], d: &mut Decoder<'_>) {
    let text = |node: &Node| node.as_text().map(str::to_ascii_lowercase);
    for (at, login) in logins.iter().enumerate() {
        if text(login).is_some() && logins.iter().take(at).any(|one| text(one) == text(login)) {
            let say = "two people cannot have the same `login`";
            let help = "whoever signs in by it must be one person: keep it in one entry";
            d.report.push(Problem::error(Code::Duplicate, login.span, say).help(help));
        }
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
