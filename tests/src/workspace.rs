//! The test workspace (`tests/workspace`) as a copy of one test's own, with its scripted model.

use crate::Scratch;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Key of the caller `sdk`, who may do everything that a caller may. Its hash stands in the
/// workspace's gateway.yaml, and it opens nothing else.
pub const KEY: &str = "bsk_test_0123456789abcdef0123456789abcdef";
/// Key of the reviewer `ada`.
pub const REVIEWER_KEY: &str = "bsk_test_ada456789abcdef0123456789abcdef";

/// Key of the lead `leo`, who sees every call and nothing private.
pub const LEAD_KEY: &str = "bsk_test_leo456789abcdef0123456789abcdef";
/// Key of the reviewer `eve`, who works the queue `back` and sees what is private.
pub const BACK_KEY: &str = "bsk_test_eve456789abcdef0123456789abcdef";

/// How long a line may take from what it tells of into the log.
const LOGGED_MAX: Duration = Duration::from_secs(10);

/// A copied workspace and the data folder beside it.
#[derive(Debug)]
pub struct Workspace(Scratch);

impl Workspace {
    /// Copies `tests/workspace`; its models answer at `upstream`, such as `http://127.0.0.1:9/v1`.
    pub fn new(upstream: &str) -> Self {
        let scratch = Scratch::new("workspace");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("workspace");
        copy(&from, scratch.path(), &|text| text.replace("http://127.0.0.1:1/v1", upstream));
        Self(scratch)
    }

    /// The workspace.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where its ledger lies.
    pub fn data(&self) -> std::path::PathBuf {
        self.0.path().join(".backstop")
    }

    /// What the gateway on it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.data().join("gateway.log")).expect("a gateway runs on it")
    }

    /// Whether the log says that behind its first `before` bytes: now, or in a moment, since a line
    /// may be written after the answer that it tells of.
    pub fn logs(&self, before: usize, words: &str) -> bool {
        let end = Instant::now() + LOGGED_MAX;
        loop {
            if self.log().get(before..).is_some_and(|log| log.contains(words)) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Replaces the text of one of its files.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).expect("the copy can be written");
    }
}

/// Copies a folder of texts, each changed by `change`.
///
/// # Panics
/// If it cannot be read or written.
pub fn copy(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    fs::create_dir_all(to).expect("the copy can be made");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target, change);
        } else {
            let text = fs::read_to_string(&path).expect("it is text");
            fs::write(target, change(text)).expect("the copy can be written");
        }
    }
}
