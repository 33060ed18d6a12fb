//! Measurements, not run by default:
//! `cargo test --release -p backstop-ledger measure -- --ignored --nocapture --test-threads 1`

use std::{sync::Arc, time::Instant};

use backstop_ledger::{Ledger, Options, SqliteLedger, verify};

use crate::{
    sqlite::Folder,
    stories::{bodies, call_events, received, way_of_an_accepted_call},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_appends() {
    for appenders in [1_usize, 16, 64] {
        let folder = Folder::new();
        let ledger = Arc::new(folder.open());
        let each = 6400 / appenders.max(16);
        let start = now();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..appenders {
            let ledger = Arc::clone(&ledger);
            tasks.spawn(async move {
                let mut waits = Vec::new();
                for m in 0..each {
                    let started = now();
                    one_call(&*ledger, &format!("c{n}_{m}")).await;
                    waits.push(started.elapsed());
                }
                waits
            });
        }
        let mut waits: Vec<_> = tasks.join_all().await.concat();
        waits.sort();
        let calls = waits.len();
        let took = start.elapsed().as_secs_f64();
        let counts = ledger.counts();
        println!(
            "{appenders:>3} appenders: {:.0} calls/s, {:.0} events/s, {:.0} commits/s, \
             {:.1} transactions per commit; a call's two awaited commits: p50 {:?}, p99 {:?}",
            calls as f64 / took,
            counts.events as f64 / took,
            counts.commits as f64 / took,
            counts.transactions as f64 / counts.commits as f64,
            waits[calls / 2],
            waits[calls * 99 / 100],
        );
    }
}

/// As the engine does it: the receipt awaited, six events riding, the end awaited.
async fn one_call(ledger: &dyn Ledger, call: &str) {
    let way = way_of_an_accepted_call();
    let (first, rest) = way.split_at(1);
    let (between, last) = rest.split_at(rest.len() - 1);
    ledger.append(call_events(call, 0, first.to_vec())).await.unwrap();
    let riding: Vec<_> = between
        .iter()
        .zip(1..)
        .map(|(event, seq)| ledger.append(call_events(call, seq, vec![event.clone()])))
        .collect();
    let end = call_events(call, way.len() as u64 - 1, last.to_vec());
    ledger.append(end).await.unwrap();
    for one in riding {
        one.await.unwrap();
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_single_event_transactions_in_one_queue() {
    let folder = Folder::new();
    let ledger = folder.open();
    let start = now();
    let mut pending = Vec::new();
    for n in 0..6000 {
        pending.push(ledger.append(call_events(&format!("c{n}"), 0, vec![received("p")])));
    }
    for one in pending {
        one.await.unwrap();
    }
    println!(
        "{:.0} awaited events/s when the queue is full",
        6000.0 / start.elapsed().as_secs_f64()
    );
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measure_verification() {
    let calls = 1_000_000 / way_of_an_accepted_call().len();
    let folder = Folder::new();
    let ledger = SqliteLedger::open(folder.path(), &Options::default()).unwrap();
    let start = now();
    let mut pending = std::collections::VecDeque::new();
    for n in 0..calls {
        let call = call_events(&format!("call_{n:08}"), 0, way_of_an_accepted_call());
        pending.push_back(ledger.append(call.with_bodies(bodies())));
        if pending.len() > 2000 {
            pending.pop_front().unwrap().await.unwrap();
        }
    }
    for one in pending {
        one.await.unwrap();
    }
    let events = ledger.position();
    println!("{events} events written in {:.1} s", start.elapsed().as_secs_f64());
    drop(ledger);
    let start = now();
    let report = verify(folder.path()).unwrap();
    assert!(report.is_whole(), "{:?}", report.breaks);
    let size = folder.path().join("ledger.db").metadata().unwrap().len() >> 20;
    println!(
        "{} events of {size} MiB verified in {:.1} s",
        report.events,
        start.elapsed().as_secs_f64()
    );
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a measurement needs the clock")]
    Instant::now()
}
