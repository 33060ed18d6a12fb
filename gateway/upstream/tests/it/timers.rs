//! Each of the timers ends an attempt, and says that it did.
//!
//! Real time, because sockets know no other; every wait ends by the timer under test.

use backstop_domain::{FailureClass, Millis};
use backstop_upstream::chaos::Behaviour;
use backstop_upstream::{Model, Settle, Timer};

use crate::bench::{Bench, NOW, impatient};

#[tokio::test]
async fn a_server_that_never_answers_is_left_at_the_first_byte() {
    let bench = Bench::new().await;
    let result = bench.ask_with(Behaviour::Hang, impatient(bench.request())).await;
    let failure = result.failure().unwrap();
    assert_eq!((failure.class, failure.timer), (FailureClass::Timeout, Some(Timer::FirstByte)));
    assert_eq!(failure.settle, Settle::Estimate, "it may have worked and billed");
    assert!(failure.timing.total_ms >= 120);
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_left_when_idle() {
    let bench = Bench::new().await;
    let result = bench.ask_with(Behaviour::Stall, impatient(bench.request())).await;
    let failure = result.failure().unwrap();
    assert_eq!((failure.class, failure.timer), (FailureClass::Timeout, Some(Timer::Idle)));
    assert_eq!(failure.status, Some(200));
    assert!(!failure.raw.is_empty(), "what came is kept for people to look at");
}

#[tokio::test]
async fn a_dripping_server_is_left_at_the_deadline() {
    let bench = Bench::new().await;
    let mut request = bench.request();
    request.deadline = NOW.plus(250);
    let result = bench.ask_with(Behaviour::Drip(20), request).await;
    let failure = result.failure().unwrap();
    assert_eq!((failure.class, failure.timer), (FailureClass::Timeout, Some(Timer::Total)));
}

#[tokio::test]
async fn a_deadline_that_is_over_sends_nothing() {
    let bench = Bench::new().await;
    let mut request = bench.request();
    request.deadline = Millis(0);
    let result = bench.model(&bench.config()).ask(&request).await;
    let failure = result.failure().unwrap();
    assert_eq!((failure.class, failure.sent), (FailureClass::Timeout, false));
    assert_eq!(bench.chaos.calls(), 0);
}
