//! A power cut: what was acknowledged is on the disk, also when everything that was never synced is
//! gone. The ledger runs in a process whose writes reach a second folder only when they are synced
//! (`tests/power/disk.c`, preloaded); it is killed, and the second folder is opened.
//!
//! It proves that every acknowledgement came after the sync that it rests on, checkpoints included,
//! and not that a disk does what it says. The last story shows that the harness sees a missing sync:
//! the same ledger with `synchronous` lowered loses what it acknowledged.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
};

use backstop_ledger::{CommitStep, Faults, Ledger, Options, SqliteLedger, StorageFault, verify};

use crate::{
    sqlite::Folder,
    stories::{bodies, call_events, way_of_an_accepted_call},
};

/// Where a victim works; set, this test process is one.
const DIR: &str = "POWER_DIR";

/// The disk that forgets, compiled once; `None` where there is no C compiler.
fn disk() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let name = format!("backstop-power-{}.so", std::process::id());
        let to = std::env::temp_dir().join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/disk.c");
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&to).arg(source).arg("-ldl");
        let built = cc.status();
        built.is_ok_and(|status| status.success()).then_some(to)
    });
    if built.is_none() {
        println!("skipped: there is no C compiler here");
    }
    built.as_deref()
}

/// Runs the test of that name as a victim, kills it after so many acknowledgements, and gives the
/// last one that it told.
fn cut(victim: &str, folder: &Path, disk_folder: &Path, acknowledgements: usize) -> Option<u64> {
    let shim = disk()?;
    for path in [folder, disk_folder] {
        std::fs::create_dir_all(path).unwrap();
    }
    let mut child: Child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", victim, "--ignored", "--nocapture", "--test-threads", "1"])
        .env("LD_PRELOAD", shim)
        .env(DIR, folder)
        .env("POWER_DISK", disk_folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.filter_map(|line| line.split_once("acked ")?.1.trim().parse().ok());
    let last = told.take(acknowledgements).last();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(last.is_some(), "the victim acknowledged nothing");
    last
}

fn victim_folder() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "how a victim learns that it is one")]
    std::env::var_os(DIR).map(PathBuf::from)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a victim of the stories here, not a test"]
async fn victim_appends() {
    let Some(folder) = victim_folder() else { return };
    append_for_ever(&SqliteLedger::open(&folder, &Options::default()).unwrap()).await;
}

/// A ledger that syncs at checkpoints alone.
#[derive(Debug)]
struct Lowered;

impl Faults for Lowered {
    fn at(&self, _: CommitStep) -> Result<(), StorageFault> {
        Ok(())
    }

    fn leaves_out_syncs(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a victim of the stories here, not a test"]
async fn victim_with_lowered_syncs() {
    let Some(folder) = victim_folder() else { return };
    let whole = SqliteLedger::open(&folder, &Options::default()).unwrap();
    let first = call_events("first", 0, way_of_an_accepted_call());
    whole.append(first.with_bodies(bodies())).await.unwrap();
    drop(whole);
    let faults = Arc::new(Lowered);
    let ledger = SqliteLedger::open_with(&folder, &Options::default(), faults).unwrap();
    append_for_ever(&ledger).await;
}

/// Appends calls and tells of each once it is acknowledged, until the process is killed.
async fn append_for_ever(ledger: &SqliteLedger) {
    for n in 0_u64.. {
        // Some calls end in one transaction, some in three.
        let way = way_of_an_accepted_call();
        let (first, rest) = way.split_at(3);
        let call = format!("c{n}");
        if n % 2 == 0 {
            ledger.append(call_events(&call, 0, way).with_bodies(bodies())).await.unwrap();
        } else {
            drop(ledger.append(call_events(&call, 0, first.to_vec())));
            ledger.append(call_events(&call, 3, rest.to_vec())).await.unwrap();
        }
        println!("acked {}", ledger.position());
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut() {
    for acknowledgements in [1, 2, 7, 30, 120, 600] {
        let (folder, disk) = (Folder::new(), Folder::new());
        let Some(acked) =
            cut("power::victim_appends", folder.path(), disk.path(), acknowledgements)
        else {
            return;
        };
        let ledger = disk.open();
        let found = ledger.position();
        assert!(found >= acked, "acknowledged up to {acked}, found {found}");
        // Whatever more is there is whole, and the ledger goes on.
        let next = call_events("after", 0, way_of_an_accepted_call());
        ledger.append(next).await.unwrap();
        drop(ledger);
        let report = verify(disk.path()).unwrap();
        assert_eq!(report.breaks, [], "cut after {acknowledgements}");
        println!("cut after {acknowledgements} acknowledgements: {acked} acked, {found} found");
    }
}

#[test]
fn the_same_cut_takes_what_a_ledger_with_lowered_syncs_acknowledged() {
    let (folder, disk) = (Folder::new(), Folder::new());
    let victim = "power::victim_with_lowered_syncs";
    let Some(acked) = cut(victim, folder.path(), disk.path(), 50) else { return };
    let found = disk.open().position();
    assert!(found >= 9, "what was synced is there: {found}");
    assert!(found < acked, "nothing was lost: {found} of {acked}; the cut is no cut");
    println!("with `synchronous` lowered: {acked} acked, {found} found");
}
