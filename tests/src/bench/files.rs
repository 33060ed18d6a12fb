//! The files of a story: a policy from a few keys, loaded as the gateway loads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_engine::InForce;
use backstop_policy::{Sources, Workspace, diagnostics::render};

/// Loads a workspace.
///
/// # Panics
/// If it has problems: with all of them.
pub fn load(files: &BTreeMap<String, String>) -> Arc<InForce> {
    let sources = Sources::new(bytes(files));
    let (workspace, report) = Workspace::load(&sources);
    let told = render::text(&report, &sources, render::Style::Plain);
    assert!(!report.has_errors(), "{told}");
    Arc::new(InForce::of(&workspace).expect("it has a gateway file"))
}

/// Files as the loader takes them.
pub fn bytes(files: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect()
}

/// The policy `story` with these keys and the usual ones.
pub fn whole(keys: &str) -> String {
    let mut text = "policy: story\ndescription: A story.\nowner: tests\n".to_owned();
    let usual = [
        ("prompt", "story"),
        ("input", "text"),
        ("output", "schemas/label.json"),
        ("models", "[small, large]"),
        ("queue", "desk"),
        ("otherwise", "reject"),
    ];
    for (key, value) in usual {
        if !keys.lines().any(|line| line.starts_with(&format!("{key}:"))) {
            text.push_str(&format!("{key}: {value}\n"));
        }
    }
    text + keys
}
