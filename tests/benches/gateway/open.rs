//! An open loop: requests are due at times that do not depend on answers, as those of many callers
//! are. Latency counts from when a request was due, so one slow answer is also counted against
//! those that waited behind it.

use super::load::{Load, Target, connect};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// Requests that wait for a connection at most; a subject that is further behind is beyond its
/// capacity, and the rest counts as bad.
const BEHIND: usize = 10_000;

/// Sends `per_second` requests a second to `target` for `length`, over at most `connections`, which
/// are there before the first request is due: a caller of many requests keeps its connections.
pub async fn run(target: &Target, connections: usize, per_second: f64, length: Duration) -> Load {
    let (due, waiting) = mpsc::channel(BEHIND);
    let waiting = Arc::new(Mutex::new(waiting));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let sender = connect(target).await;
        tasks.spawn(one_connection(sender, target.clone(), Arc::clone(&waiting)));
    }
    let start = Instant::now();
    let clock = std::thread::spawn(move || tick(&due, start, per_second, length));
    let mut all = Load::default();
    while let Some(one) = tasks.join_next().await {
        all.add(one.unwrap());
    }
    all.bad += clock.join().unwrap();
    all.took = start.elapsed();
    all
}

/// Says when each request is due; how many could not even wait. A thread of its own, because the
/// runtime's timers count in milliseconds.
fn tick(due: &mpsc::Sender<Instant>, start: Instant, per_second: f64, length: Duration) -> u64 {
    let mut lost = 0;
    for number in 0.. {
        let at = Duration::from_secs_f64(f64::from(number) / per_second);
        if at >= length {
            break;
        }
        std::thread::sleep((start + at).saturating_duration_since(Instant::now()));
        lost += u64::from(due.try_send(start + at).is_err());
    }
    lost
}

async fn one_connection(
    mut sender: SendRequest<Full<Bytes>>,
    target: Target,
    waiting: Arc<Mutex<mpsc::Receiver<Instant>>>,
) -> Load {
    let mut load = Load::default();
    loop {
        let due = waiting.lock().await.recv().await;
        let Some(due) = due else { return load };
        load.one(&mut sender, &target, due).await;
    }
}
