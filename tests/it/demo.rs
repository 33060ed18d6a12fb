//! `backstop demo`: what anybody sees first must be true, without a network, a key or a setting.

use std::path::Path;
use std::process::{Command, Output};

use backstop_tests::binary;

/// Every end that the demo promises to show.
const ENDS: [&str; 8] = [
    "accepted, by the model",
    "fallback, by the rule",
    "waits for a person in `mail-review`",
    "waits for a person in `fraud`",
    "waits for a person in `refunds`",
    "waits for a person in `trust-safety`",
    "refused  Your message holds a key",
    "refused at the door (HTTP 429)  limit",
];

/// Marks on the ways there: doubt, the next model, votes, a repair, a busy server, a limit.
const WAYS: [&str; 6] = [
    "spam-weak → sure to",
    "next_model (confidence",
    "small → vote by small",
    "malformed → repair (malformed) → large",
    "overloaded (503)",
    "fallback (shed)",
];

fn demo() -> Output {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(binary::path())
        .args(["demo", "--once", "--listen", "127.0.0.1:0", "--workspace"])
        .arg(workspace)
        .env_clear()
        .output()
        .unwrap()
}

#[test]
fn every_call_of_the_demo_comes_to_its_end_without_a_key_or_a_setting() {
    let told = demo();
    let words = String::from_utf8_lossy(&told.stdout);
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{words}{errors}");
    for wanted in ENDS.iter().chain(&WAYS) {
        assert!(words.contains(wanted), "the demo does not show `{wanted}`:\n{words}{errors}");
    }
    assert!(errors.is_empty(), "the demo complains:\n{errors}");
}
