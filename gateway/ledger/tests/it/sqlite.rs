//! SQLite keeps the contract, and what only a disk can show.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use backstop_ledger::{Options, SqliteLedger};

use crate::conformance::{self, Any};

/// A folder of its own, gone when the test is.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("backstop-ledger-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn open(&self) -> SqliteLedger {
        SqliteLedger::open(&self.0, &Options::default()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let folders = parking_lot::Mutex::new(Vec::new());
    conformance::hold_to_the_contract(|| async {
        let folder = Folder::new();
        let ledger = Arc::new(folder.open()) as Any;
        folders.lock().push(folder);
        ledger
    })
    .await;
}
