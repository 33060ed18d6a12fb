//! Queues that have opening hours: due times and chains of reminders over nights and weekends, up to
//! the terminal action, by the clock of the engine.

use std::time::Duration;

use backstop_domain::{Event, Millis, Priority, ReviewEvent, Stream};
use backstop_engine::What;
use backstop_ledger::Ledger;
use backstop_tests::bench::{Bench, NOW, Setup, Told, label};
use serde_json::json;

const ASKS: &str = "rules: [{id: look, for: model, then: escalate}]\n\
                    fallback: {answer: {label: none}}\n";
const OFFICE: &str = "hours: {office: {zone: UTC, open: {mon-fri: \"08:00-17:00\"}}}";
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Midnight before the stories' clock starts: that of a Monday.
fn monday() -> Millis {
    Millis(NOW.0 - NOW.0 % DAY)
}

/// That hour of that day, counted from the first Monday.
fn at(day: u64, hour: u64) -> Millis {
    monday().plus(day * DAY + hour * HOUR)
}

async fn office(desk: &str) -> Bench {
    let setup = Setup::policy(ASKS).gateway_has(OFFICE);
    let setup = setup.gateway("{title: Desk, due: 1h, on_expiry: reject}", desk);
    let setup = setup.gateway_has("notify: {leads: {email: leads@example.com}}");
    let setup = setup.gateway_has("mail: {smtp: \"127.0.0.1:25\", from: backstop@example.com}");
    setup.model("small", [label("ham")]).start().await
}

/// A call that comes in then.
async fn asked_at(bench: &Bench, then: Millis) -> Told {
    tokio::time::sleep(Duration::from_millis(then.since(bench.now()))).await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "in_review");
    told
}

#[tokio::test(start_paused = true)]
async fn a_review_is_due_after_open_hours_over_a_night_and_over_a_weekend() {
    let bench = office("{due: 4h, hours: office, on_expiry: reject}").await;
    let due = async |told: &Told| bench.review(&told.review()).await.opened.due;
    // The call takes its moment, and the review comes that much later.
    let soon = |due: Millis, then: Millis| then <= due && due.since(then) < 1_000;
    for (what, comes, falls_due) in [
        ("in the morning", at(1, 9), at(1, 13)),
        ("late in the day", at(1, 15), at(2, 10)),
        ("at night", at(2, 22), at(3, 12)),
        ("on Friday afternoon", at(4, 16), at(7, 11)),
        ("on Saturday", at(12, 12), at(14, 12)),
    ] {
        let told = asked_at(&bench, comes).await;
        assert!(soon(due(&told).await, falls_due), "{what}: {:?}", due(&told).await);
        let ended = bench.end(&told).await;
        assert_eq!(ended.state(), "expired", "{what}");
        assert!(soon(ended.snapshot.state.at, falls_due), "{what}: it ends when it is due");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_goes_by_open_hours_step_by_step_to_its_terminal_action() {
    let steps = "[{after: 1h, notify: leads}, {after: 2h, add_queue: lead, priority: high}, \
                 {after: 3h, notify: leads}]";
    let desk = format!("{{due: 4h, hours: office, on_expiry: fallback, steps: {steps}}}");
    let bench = office(&desk).await;
    let told = asked_at(&bench, at(4, 16)).await;
    let id = told.review();
    let ended = bench.end(&told).await;
    assert_eq!((ended.state(), ended.by()), ("fallback", "rule"));
    assert_eq!(ended.output(), json!({ "label": "none" }));
    assert_eq!(ended.ended().cause.by.as_deref(), Some("review_expired"));
    let events = bench.ledger.stream(&Stream::review(&id), 0).await.unwrap();
    let told: Vec<(Millis, &ReviewEvent)> = events
        .iter()
        .filter_map(|one| match &one.event {
            Ok(Event::Review(event)) => Some((Millis(one.envelope.at.0 / 1_000 * 1_000), event)),
            _ => None,
        })
        .collect();
    let names: Vec<_> = told.iter().map(|(at, event)| (*at, event.name())).collect();
    assert_eq!(
        names,
        [
            (at(4, 16), "review_opened"),
            (at(4, 17), "review_step_taken"),
            (at(7, 9), "review_step_taken"),
            (at(7, 10), "review_step_taken"),
            (at(7, 11), "review_expired"),
        ],
        "Friday at five, then Monday; each from the start"
    );
    let ReviewEvent::ReviewStepTaken { notify, .. } = told[1].1 else { panic!("{told:?}") };
    assert_eq!(notify, &["leads"]);
    let ReviewEvent::ReviewStepTaken { queue, priority, .. } = told[2].1 else {
        panic!("{told:?}")
    };
    assert_eq!((queue.as_deref(), *priority), (Some("lead"), Some(Priority::High)));
    assert!(events[4].envelope.actor.id == "due", "nobody is named who did not decide");
}

#[tokio::test(start_paused = true)]
async fn whoever_decides_at_night_ends_the_chain() {
    let desk = "{due: 4h, hours: office, on_expiry: reject, steps: [{after: 2h, priority: high}]}";
    let bench = office(desk).await;
    let told = asked_at(&bench, at(1, 16)).await;
    tokio::time::sleep(Duration::from_secs(6 * 3_600)).await;
    let ended = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(ended.state(), "approved");
    tokio::time::sleep(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(bench.review(&told.review()).await.steps, 0, "nobody is reminded of it");
}
