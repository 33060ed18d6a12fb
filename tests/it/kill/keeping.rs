//! Backups and migrations that are killed at any moment: what has its name is whole, and the next run
//! comes to the end.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use backstop_tests::{Scratch, binary, gateway};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A folder that an older Backstop wrote, as text.
const FORMAT_1: &str = include_str!("../../../gateway/ledger/tests/older/format-1.sql");
/// Longest life of a command, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 1..120;

/// Runs a command of the binary and kills it after that time; whether it ended before.
///
/// # Panics
/// If it ended by an error of its own: no kill may leave a folder that a later run cannot mend.
async fn cut_short(args: &[&str], paths: &[(&str, &Path)], life: Duration) -> bool {
    let mut command = Command::new(binary::path());
    command.args(args).stdout(Stdio::null()).stderr(Stdio::piped());
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(life).await;
    let _ = child.kill();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code().is_none_or(|code| code == 0), "{args:?}: {said}");
    ended.status.success()
}

/// Backs that data folder up, killed after some time or not; whole if it is there.
pub async fn backup(data: &Path, to: &Path, dice: &mut StdRng) {
    let life = Duration::from_millis(dice.random_range(LIFE_MS));
    let done = cut_short(&["backup"], &[("--data", data), ("--to", to)], life).await;
    assert!(!done || to.exists(), "a backup that succeeded is there");
    if to.exists() {
        gateway::verify(to).expect("a backup that has its name is whole");
        std::fs::remove_dir_all(to).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_killed_at_any_moment_comes_to_its_end() {
    let mut dice = StdRng::seed_from_u64(7);
    let mut kills = 0;
    for _ in 0..4 {
        let scratch = Scratch::new("older");
        let data = scratch.path();
        write_older(data);
        let mut life = 1;
        loop {
            let more = Duration::from_millis(life + dice.random_range(0..5));
            if cut_short(&["migrate"], &[("--data", data)], more).await {
                break;
            }
            kills += 1;
            life += 4;
            let before = data.join("before-format-3");
            if before.exists() {
                gateway::verify_chain(&before).expect("a backup that has its name is whole");
            }
        }
        let verified = gateway::verify_chain(data).expect("the folder is whole");
        assert!(verified.starts_with("37 events"), "{verified}");
    }
    println!("{kills} migrations killed");
    assert!(kills > 4, "{kills}");
}

fn write_older(data: &Path) {
    let raw = rusqlite::Connection::open(data.join("ledger.db")).unwrap();
    raw.execute_batch(FORMAT_1).unwrap();
}
