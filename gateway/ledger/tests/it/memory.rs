//! The in-memory ledger keeps the contract, and its faults are those of a disk.

use std::sync::Arc;

use backstop_ledger::{Ledger, MemoryLedger, StorageFault};
use futures_poll::is_ready;

use crate::{
    conformance::{self, Any},
    stories::{call_events, received, started},
};

#[tokio::test]
async fn memory_keeps_the_contract() {
    conformance::hold_to_the_contract(|| async { Arc::new(MemoryLedger::new()) as Any }).await;
}

#[tokio::test]
async fn memory_stops_after_a_failed_commit() {
    let ledger = MemoryLedger::new();
    let fault = ledger.clone();
    let fail = move || fault.fail_next_commit(StorageFault::Full);
    conformance::a_failed_commit_stops_the_ledger(Arc::new(ledger), fail).await;
}

#[tokio::test]
async fn nothing_is_acknowledged_while_the_disk_is_slow() {
    let ledger = MemoryLedger::new();
    ledger.hold();
    let mut first = ledger.append(call_events("a", 0, vec![received("p")]));
    let second = ledger.append(call_events("a", 1, vec![started(1)]));
    assert!(!is_ready(&mut first).await);
    assert_eq!(ledger.position(), 0);
    ledger.release();
    assert_eq!(first.await.unwrap().seqs, [1]);
    assert_eq!(second.await.unwrap().seqs, [2]);
}

mod futures_poll {
    //! One look at a future, without waiting.
    use std::{future::Future, pin::Pin, task::Poll};

    pub async fn is_ready<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_ready()))
            .await
    }
}
