//! A hundred real policies are checked before anybody gets impatient. A figure rather than a story:
//! `cargo test -p backstop-tests --release --test it -- --ignored --nocapture hundred`

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use backstop_tests::workspace::copy;
use backstop_tests::{Scratch, binary};

/// Policies of the sample workspace, each of which stands so often under other names.
const POLICIES: [&str; 4] = ["assistant", "invoice-triage", "mail-triage", "support-refund"];
const TIMES: usize = 25;
/// What an author waits at most for an answer, in a release build.
const MOST: Duration = Duration::from_secs(1);

#[test]
#[ignore = "a figure of a release build"]
fn a_hundred_policies_are_checked_within_a_second() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scratch = Scratch::new("hundred");
    let folder = scratch.path();
    for part in ["prompts", "policies"] {
        copy(&sample.join(part), &folder.join(part), &|text| text);
    }
    for policy in POLICIES {
        let text = fs::read_to_string(sample.join(format!("policies/{policy}.yaml"))).unwrap();
        for number in 1..TIMES {
            let other = format!("{policy}-{number}");
            let named = text.replace(&format!("policy: {policy}\n"), &format!("policy: {other}\n"));
            fs::write(folder.join(format!("policies/{other}.yaml")), named).unwrap();
        }
    }
    let mut took: Vec<Duration> = (0..5).map(|_| check(folder)).collect();
    took.sort();
    let [best, .., worst] = took[..] else { unreachable!("five times") };
    println!("{} policies: {best:?} at best, {worst:?} at worst", POLICIES.len() * TIMES);
    assert!(cfg!(debug_assertions) || best < MOST, "it took {best:?}");
}

/// How long `backstop check` takes, the process's own start included.
fn check(folder: &Path) -> Duration {
    let started = Instant::now();
    let checked = Command::new(binary::path())
        .args(["check", "--workspace"])
        .arg(folder)
        .env_clear()
        .output()
        .unwrap();
    let took = started.elapsed();
    let told = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{told}{}", String::from_utf8_lossy(&checked.stderr));
    assert!(told.contains("100 policies"), "{told}");
    took
}
