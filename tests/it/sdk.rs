//! The official OpenAI clients, unmodified, against the real binary; see `tests/sdk/`.
//!
//! They run where the client is installed (`.ci/run` puts it into target/sdk) and say so where not.

use backstop_tests::{Gateway, Upstream, Workspace, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_client_finds_what_it_expects() {
    let own = clients().join("venv/bin/python");
    let python = if own.exists() { own } else { PathBuf::from("python3") };
    let installed = Command::new(&python).args(["-c", "import openai"]).output();
    if lacks("Python", installed.is_ok_and(|run| run.status.success())) {
        return;
    }
    tell(&python, "openai_python.py").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_client_finds_what_it_expects() {
    if lacks("Node.js", clients().join("node_modules/openai").exists()) {
        return;
    }
    tell(Path::new("node"), "openai_node.mjs").await;
}

/// Where `.ci/run` installs the clients.
fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sdk")
}

/// Whether the story must be skipped. CI installs the client, so there its absence is a failure.
fn lacks(language: &str, installed: bool) -> bool {
    let ci = std::env::var_os("CI").is_some();
    assert!(installed || !ci, "the OpenAI client for {language} is missing; run: bash .ci/run");
    if !installed {
        println!("skipped: no OpenAI client for {language} here; `bash .ci/run` installs it");
    }
    !installed
}

/// Runs one script against a fresh gateway; its output is the failure's text.
async fn tell(interpreter: &Path, script: &str) {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let mut command = Command::new(interpreter);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(script))
        .env("BACKSTOP_URL", format!("{}/v1", gateway.url()))
        .env("BACKSTOP_KEY", workspace::KEY)
        .env("BACKSTOP_SDK", clients())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "127.0.0.1");
    let told = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&told.stdout);
    println!("{words}");
    assert!(told.status.success(), "{words}{}", String::from_utf8_lossy(&told.stderr));
}
