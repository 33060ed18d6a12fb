//! Backups, restores and migrations that are killed at any moment: what has its name is whole, and the
//! next run comes to the end.

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
    let over = tokio::time::Instant::now() + life;
    while child.try_wait().unwrap().is_none() && tokio::time::Instant::now() < over {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
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
        let again = to.with_extension("again");
        let life = Duration::from_millis(dice.random_range(LIFE_MS));
        restore(to, &again, life).await;
        std::fs::remove_dir_all(to).unwrap();
        std::fs::remove_dir_all(again).unwrap();
    }
}

/// Restores that backup, killed after that time: what has its name is whole, and what has not yet is
/// there after the next run. Whether it ended before.
async fn restore(from: &Path, to: &Path, life: Duration) -> bool {
    let paths = [("--from", from), ("--data", to)];
    let kept = gateway::verify_chain(from).expect("a backup is whole");
    let done = cut_short(&["restore"], &paths, life).await;
    assert!(!done || to.exists(), "a restore that succeeded is there");
    if !to.exists() {
        let mut again = Command::new(binary::path());
        again.arg("restore").arg("--from").arg(from).arg("--data").arg(to);
        let again = again.output().unwrap();
        let said = String::from_utf8_lossy(&again.stderr);
        assert!(again.status.success(), "after a restore that was killed: {said}");
    }
    let restored = gateway::verify_chain(to).expect("what is restored is whole");
    assert_eq!(restored, kept, "it is what the backup is");
    let mut half = to.as_os_str().to_owned();
    half.push(".partial");
    assert!(!Path::new(&half).exists(), "nothing of a killed one is left");
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_killed_at_any_moment_comes_to_its_end() {
    let mut dice = StdRng::seed_from_u64(11);
    let scratch = Scratch::new("restored");
    let (older, kept) = (scratch.path().join("older"), scratch.path().join("kept"));
    std::fs::create_dir(&older).unwrap();
    write_older(&older);
    for (args, paths) in [
        (["migrate"], vec![("--data", older.as_path())]),
        (["backup"], vec![("--data", older.as_path()), ("--to", kept.as_path())]),
    ] {
        assert!(cut_short(&args, &paths, Duration::from_secs(20)).await, "{args:?}");
    }
    let mut kills = 0;
    for _ in 0..3 {
        let mut life = 1;
        loop {
            let to = scratch.path().join("data");
            let more = Duration::from_millis(life + dice.random_range(0..5));
            let done = restore(&kept, &to, more).await;
            std::fs::remove_dir_all(to).unwrap();
            if done {
                break;
            }
            kills += 1;
            life += 6;
        }
    }
    println!("{kills} restores killed");
    assert!(kills > 4, "{kills}");
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
            let before = data.join("before-format-4");
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
