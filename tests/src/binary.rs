//! The real `backstop` binary, built once per test process in the profile that the test runs in.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The binary to test: `BACKSTOP_BIN`, or the one that this tree builds.
///
/// # Panics
/// If it cannot be built: with the command that shows why.
pub fn path() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| match std::env::var_os("BACKSTOP_BIN") {
        Some(given) => PathBuf::from(given),
        None => build(),
    });
    &BINARY
}

/// The test is named beside the binary so that cargo picks the very features of `cargo test`:
/// without it, shared crates would be compiled a second time.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--workspace", "--bin", "backstop", "--test", "it"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let built = command.current_dir(&root).status().expect("cargo can be started");
    assert!(built.success(), "the gateway does not build; see: cargo build -p backstop-cli");
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let binary = target.join(profile).join("backstop");
    assert!(binary.exists(), "no {}; build it: cargo build -p backstop-cli", binary.display());
    binary
}
