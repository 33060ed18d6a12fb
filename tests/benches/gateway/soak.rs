//! Memory over a long time: `BACKSTOP_BENCH_SOAK=3600` (seconds) loads the gateway steadily, strict
//! and relaxed by turns, and says once a minute how much memory it has and how its answers come.

use super::{Subjects, Way, setting, settle, table::Totals};
use std::time::{Duration, Instant};

/// How long each kind of call has its turn.
const TURN: Duration = Duration::from_secs(30);

/// Loads the gateway for that many seconds.
pub async fn soak(seconds: u64) {
    let machine = settle();
    let rate = setting("BACKSTOP_BENCH_RATE", 300);
    println!("{seconds} s at {rate} calls/s, {machine}");
    println!(
        "{:>7} {:>9} {:>9} {:>9} {:>9} {:>5}",
        "min", "calls/s", "p99 us", "RSS MB", "peak MB", "bad"
    );
    let subjects = Subjects::start();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        let mut totals = Totals::default();
        for subject in subjects.all.iter().skip(2) {
            let before = subject.process.cpu();
            let load = Way::Open(rate as f64).load(&subject.target, TURN).await;
            totals.add(load, subject.process.cpu() - before);
        }
        let memory = subjects.all.last().unwrap().process.memory();
        let minutes = start.elapsed().as_secs_f64() / 60.0;
        println!("{minutes:>7.1} {}", totals.row("soak", memory).short());
    }
}
