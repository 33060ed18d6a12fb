//! Cores: who is measured has one for itself, load and model share the other ones, so that neither
//! takes the other's time.

use std::process::{Command, Stdio};

/// The core of whoever is measured.
const SUBJECT: &str = "0";
/// The core of load and model.
const REST: &str = "1";

/// Lines of `sh` that put the shell, and what it becomes, on the core of whoever is measured.
pub fn subject() -> String {
    lines(SUBJECT)
}

/// The same for the model.
pub fn rest() -> String {
    lines(REST)
}

/// Puts this process where the load belongs; whether it can be done here at all.
pub fn load() -> bool {
    taskset(&["-p", "-c", REST, &std::process::id().to_string()])
}

fn lines(core: &str) -> String {
    format!("taskset -p -c {core} $$ >/dev/null 2>&1 || true")
}

fn taskset(words: &[&str]) -> bool {
    let mut taskset = Command::new("taskset");
    let silent = taskset.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
