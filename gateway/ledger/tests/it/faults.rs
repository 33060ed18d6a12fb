//! The disk fails at each step of a commit: nothing is acknowledged that is not there, whoever
//! waits is told, and reads live on.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use backstop_ledger::{
    AppendError, CommitStep, Faults, Ledger, Options, SqliteLedger, StorageFault, verify,
};
use parking_lot::Mutex;

use crate::{
    sqlite::Folder,
    stories::{bodies, call_events, received, way_of_an_accepted_call},
};

/// What happens at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    /// The disk says no.
    Error,
    /// The writer dies without a word.
    Panic,
}

/// Fails at one step, once it is armed.
#[derive(Debug, Default)]
struct Armed(Mutex<Option<(CommitStep, Happens)>>);

impl Faults for Armed {
    fn at(&self, step: CommitStep) -> Result<(), StorageFault> {
        match *self.0.lock() {
            Some((armed, Happens::Error)) if armed == step => {
                Err(StorageFault::Io("a test".to_owned()))
            }
            Some((armed, Happens::Panic)) if armed == step => panic!("a test"),
            _ => Ok(()),
        }
    }
}

fn open(folder: &Folder, faults: Arc<dyn Faults>) -> SqliteLedger {
    SqliteLedger::open_with(folder.path(), &Options::default(), faults).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_step_of_a_commit_can_fail_into_a_false_word() {
    let steps =
        [CommitStep::Begun, CommitStep::Written, CommitStep::Committed, CommitStep::Noticed];
    for step in steps {
        for happens in [Happens::Error, Happens::Panic] {
            let folder = Folder::new();
            let faults = Arc::new(Armed::default());
            let ledger = open(&folder, faults.clone());
            let first = call_events("a", 0, way_of_an_accepted_call());
            ledger.append(first.with_bodies(bodies())).await.unwrap();
            *faults.0.lock() = Some((step, happens));
            let failed = ledger.append(call_events("b", 0, way_of_an_accepted_call())).await;
            let what = format!("{happens:?} at {step:?}");
            assert!(matches!(failed, Err(AppendError::Storage(_))), "{what}: {failed:?}");
            *faults.0.lock() = None;
            // It stays so until the process starts anew, and reads live on.
            let after = ledger.append(call_events("c", 0, vec![received("p")])).await;
            assert!(matches!(after, Err(AppendError::Storage(_))), "{what}: {after:?}");
            assert!(!ledger.is_healthy(), "{what}");
            let a = ledger.stream(&"call/a".into(), 0).await.unwrap();
            assert_eq!(a.len(), 9, "{what}");
            drop(ledger);
            let ledger = folder.open();
            let there = ledger.position();
            // Before the commit it is gone, after it it is there; acknowledged it was never.
            let committed = matches!(step, CommitStep::Committed | CommitStep::Noticed);
            assert_eq!(there, if committed { 18 } else { 9 }, "{what}");
            ledger.append(call_events("d", 0, vec![received("p")])).await.unwrap();
            drop(ledger);
            assert_eq!(verify(folder.path()).unwrap().breaks, [], "{what}");
        }
    }
}

/// A disk on which every commit waits until it is let go.
#[derive(Debug)]
struct Slow {
    reached: SyncSender<()>,
    go: Mutex<Receiver<()>>,
}

impl Faults for Slow {
    fn at(&self, step: CommitStep) -> Result<(), StorageFault> {
        if step == CommitStep::Written {
            let _ = self.reached.try_send(());
            let _ = self.go.lock().recv();
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_is_slow_nothing_is_acknowledged_and_everything_is_read() {
    let folder = Folder::new();
    let ((reached, at), (release, go)) = (sync_channel(8), sync_channel(8));
    let ledger = open(&folder, Arc::new(Slow { reached, go: Mutex::new(go) }));
    release.send(()).unwrap();
    ledger.append(call_events("a", 0, way_of_an_accepted_call())).await.unwrap();
    at.recv().unwrap();
    let mut slow = Box::pin(ledger.append(call_events("b", 0, way_of_an_accepted_call())));
    tokio::task::block_in_place(|| at.recv().unwrap());
    for _ in 0..3 {
        assert!(
            std::future::poll_fn(|context| {
                std::task::Poll::Ready(slow.as_mut().poll(context).is_pending())
            })
            .await
        );
        assert_eq!(ledger.stream(&"call/a".into(), 0).await.unwrap().len(), 9);
        assert_eq!(ledger.stream(&"call/b".into(), 0).await.unwrap().len(), 0);
        assert_eq!(ledger.position(), 9);
    }
    release.send(()).unwrap();
    slow.await.unwrap();
    assert_eq!(ledger.position(), 18);
    drop(release);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_full_the_queue_is_is_told_before_it_refuses() {
    let folder = Folder::new();
    let ((reached, at), (release, go)) = (sync_channel(8), sync_channel(8));
    let ledger = open(&folder, Arc::new(Slow { reached, go: Mutex::new(go) }));
    let mut pending = vec![ledger.append(call_events("first", 0, vec![received("p")]))];
    tokio::task::block_in_place(|| at.recv().unwrap());
    assert_eq!(ledger.fullness(), 0, "the writer has it in hand");
    let mut append = |number: usize| {
        let events = call_events(&format!("c{number}"), 0, vec![received("p")]);
        pending.push(ledger.append(events));
    };
    (0..2_048).for_each(&mut append);
    assert_eq!(ledger.fullness(), 250_000, "a quarter of 8192");
    (2_048..8_192).for_each(&mut append);
    assert_eq!(ledger.fullness(), 1_000_000);
    let refused = ledger.append(call_events("last", 0, vec![received("p")])).await;
    assert!(matches!(refused, Err(AppendError::Busy)), "{refused:?}");
    assert_eq!(ledger.fullness(), 1_000_000, "what was refused waits for nothing");
    drop(release);
    for one in pending {
        one.await.unwrap();
    }
    assert_eq!(ledger.fullness(), 0);
}

/// Runs a test of this binary in a mount namespace of its own; `None` where that is not allowed.
fn in_a_mount(folder: &Folder, mount: &str, victim: &str) -> Option<(bool, String)> {
    fs::create_dir_all(folder.path()).unwrap();
    let test = std::env::current_exe().unwrap();
    let (path, test) = (folder.path().display(), test.display());
    let script = format!(
        "{mount} && exec env FAULT_DIR={path} {test} --exact {victim} --ignored --nocapture"
    )
    .replace("DIR_HERE", &folder.path().display().to_string());
    let probe = "mount -t tmpfs -o size=1m none /mnt && exit 0";
    let allowed = Command::new("unshare").args(["-m", "sh", "-c", probe]).output();
    if !allowed.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: no mount of one's own is allowed here");
        return None;
    }
    let run = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    let words = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    Some((run.status.success(), words))
}

fn victim_folder() -> Option<std::path::PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "how a victim learns that it is one")]
    std::env::var_os("FAULT_DIR").map(std::path::PathBuf::from)
}

#[test]
fn a_disk_that_is_really_full_is_told_and_reads_live_on() {
    let folder = Folder::new();
    let mount = "mount -t tmpfs -o size=1m none DIR_HERE";
    let Some((fine, words)) = in_a_mount(&folder, mount, "faults::victim_on_a_full_disk") else {
        return;
    };
    assert!(fine && words.contains("1 passed"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a victim of the stories here, not a test"]
async fn victim_on_a_full_disk() {
    let Some(folder) = victim_folder() else { return };
    let data = folder.join("data");
    let ledger = SqliteLedger::open(&data, &Options::default()).unwrap();
    let mut kept = 0;
    let full = loop {
        let call = call_events(&format!("c{kept}"), 0, way_of_an_accepted_call());
        match ledger.append(call.with_bodies(bodies())).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(kept > 3, "{kept}");
    assert!(matches!(full, AppendError::Storage(_)), "{full}");
    assert!(!ledger.is_healthy());
    assert_eq!(ledger.stream(&"call/c0".into(), 0).await.unwrap().len(), 9);
    drop(ledger);
    // Space is made: everything acknowledged is there, and it goes on.
    let more = std::process::Command::new("mount")
        .args(["-o", "remount,size=16m"])
        .arg(&folder)
        .status()
        .unwrap();
    assert!(more.success());
    let ledger = SqliteLedger::open(&data, &Options::default()).unwrap();
    assert!(ledger.position() >= kept * 9, "{} of {}", ledger.position(), kept * 9);
    ledger.append(call_events("after", 0, vec![received("p")])).await.unwrap();
    drop(ledger);
    assert_eq!(verify(&data).unwrap().breaks, []);
}

#[test]
fn a_read_only_disk_is_refused_with_a_reason() {
    let folder = Folder::new();
    drop(folder.open());
    let mount = "mount --bind DIR_HERE DIR_HERE && mount -o remount,ro,bind DIR_HERE";
    let victim = "faults::victim_on_a_read_only_disk";
    let Some((fine, words)) = in_a_mount(&folder, mount, victim) else { return };
    assert!(fine && words.contains("1 passed"), "{words}");
}

#[test]
#[ignore = "a victim of the stories here, not a test"]
fn victim_on_a_read_only_disk() {
    let Some(folder) = victim_folder() else { return };
    let refused = SqliteLedger::open(&folder, &Options::default()).unwrap_err();
    let told = refused.to_string();
    assert!(told.contains("cannot use data folder"), "{told}");
}

#[test]
fn a_file_that_may_not_grow_stops_the_ledger_with_an_error() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    let test = std::env::current_exe().unwrap();
    // Blocks of 512 or 1024 bytes, by the shell: about a megabyte.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1500; exec env FAULT_DIR={} {} --exact {} --ignored --nocapture",
        folder.path().display(),
        test.display(),
        "faults::victim_that_may_not_grow",
    );
    let run = Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    assert!(run.status.success() && words.contains("1 passed"), "{words}");
    // Without the limit everything that was acknowledged is there.
    let acked: u64 =
        words.split("acked ").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert!(folder.open().position() >= acked);
    assert_eq!(verify(folder.path()).unwrap().breaks, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a victim of the stories here, not a test"]
async fn victim_that_may_not_grow() {
    let Some(folder) = victim_folder() else { return };
    let ledger = SqliteLedger::open(&folder, &Options::default()).unwrap();
    let (mut n, mut acked) = (0, 0);
    let error = loop {
        n += 1;
        let call = call_events(&format!("c{n}"), 0, way_of_an_accepted_call());
        match ledger.append(call.with_bodies(bodies())).await {
            Ok(done) => acked = done.last,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, AppendError::Storage(StorageFault::Io(_) | StorageFault::Full)),
        "{error}"
    );
    assert_eq!(ledger.stream(&"call/c1".into(), 0).await.unwrap().len(), 9);
    println!("acked {acked} ");
}
