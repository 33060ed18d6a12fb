//! What the overview says of backlog, breakers, levels and models, while the real thing happens
//! under it.

use std::sync::Arc;
use std::time::Duration;

use backstop_domain::{Actor, ActorKind, CallEvent, FailureClass, guard::Level};
use backstop_engine::What;
use backstop_tests::bench::{Setup, fails, label, no_json, request};
use backstop_tests::desk::{Desk, row, section, words};

const ASKS: &str = "rules: [{id: look, for: model, then: escalate}]\n";
const DESK: &str = "desk:   {title: Desk, due: 1h, on_expiry: reject}";
const MINUTE: Duration = Duration::from_secs(60);
const FALLBACK: &str = "fallback: {answer: {label: none}}\n";

fn operator() -> Actor {
    Actor { kind: ActorKind::Operator, id: "olga".to_owned(), via: Some("api".to_owned()) }
}

/// What the overview says in that section's row.
async fn says(desk: &Desk, id: &str, of: &str) -> String {
    row(section(&desk.page("/overview").await, id), of)
}

#[tokio::test(start_paused = true)]
async fn the_backlog_of_a_queue_and_its_age_stand_on_the_overview() {
    let bench = Setup::policy(ASKS).gateway(DESK, "desk: {title: Desk, due: 4h}").start().await;
    let desk = Desk::over(&bench);
    assert_eq!(says(&desk, "h-queues", "Desk").await, "Desk 0 0 nothing waits 0");
    let first = bench.ask("first").await;
    tokio::time::sleep(45 * MINUTE).await;
    bench.ask("second").await;
    bench.ask("third").await;
    let told = says(&desk, "h-queues", "Desk").await;
    assert_eq!(told, "Desk 3 0 45 min no decision in the last hour 0");
    tokio::time::sleep(30 * MINUTE).await;
    let told = says(&desk, "h-queues", "Desk").await;
    assert_eq!(told, "Desk 3 0 1 h 15 min no decision in the last hour 0");
    bench.decide(&first, "ada", What::Approve).await.unwrap();
    // Two are left, and one was decided within the hour: at that pace it is two hours.
    let told = says(&desk, "h-queues", "Desk").await;
    assert_eq!(told, "Desk 2 0 30 min about 2 h for a new one 1");
    assert_eq!(says(&desk, "h-queues", "Lead").await, "Lead 0 0 nothing waits 0");
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_is_predicted_on_the_overview_and_the_queue_page_is_the_doors_own() {
    let late = "desk: {title: Desk, due: 8h, at_door: {when_wait_over: 30min, then: fallback}}";
    let setup = Setup::policy(&format!("{ASKS}{FALLBACK}")).gateway(DESK, late);
    let bench = setup.start().await;
    let desk = Desk::over(&bench);
    let mut open = Vec::new();
    for number in 0..14 {
        open.push(bench.ask(&format!("text {number}")).await);
    }
    for told in open.drain(..6) {
        tokio::time::sleep(10 * MINUTE).await;
        bench.decide(&told, "ada", What::Approve).await.unwrap();
    }
    // Eight are left, ten minutes each, and the new one. By the last hour's count alone, six of
    // them, it would be eighty minutes.
    let told = says(&desk, "h-queues", "Desk").await;
    assert!(told.contains(" about 1 h 30 min for a new one "), "{told}");
    let queue = words(&desk.page("/reviews").await);
    assert!(queue.contains("about 1 h 30 min for a new one"), "{queue}");
    let turned_away = bench.ask("one more").await;
    let why = turned_away.events.iter().find_map(|event| match event {
        CallEvent::ReviewResolved(resolved) => resolved.reason.clone(),
        _ => None,
    });
    assert!(why.unwrap().contains("8 reviews are open, about 90 min of work"));
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_opening_hours_is_told_as_one() {
    let hours = "hours: {office: {zone: UTC, open: {mon-sun: \"00:00-23:59\"}}}";
    let office = "desk: {title: Desk, due: 8h, hours: office}";
    let bench = Setup::policy(ASKS).gateway(DESK, office).gateway_has(hours).start().await;
    let desk = Desk::over(&bench);
    let mut open = Vec::new();
    for number in 0..12 {
        open.push(bench.ask(&format!("text {number}")).await);
    }
    for told in open.drain(..6) {
        tokio::time::sleep(10 * MINUTE).await;
        bench.decide(&told, "ada", What::Approve).await.unwrap();
    }
    let told = says(&desk, "h-queues", "Desk").await;
    assert!(told.contains(" about 1 h 10 min of opening hours for a new one "), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_a_failing_model_trips_is_seen_until_its_probes_close_it() {
    let keys = "on: {transport: next_model, breaker_open: next_model}\n";
    let bench = Setup::policy(keys)
        .model_by("small", |_, turn| match turn {
            0..5 => fails(FailureClass::Transport),
            _ => label("ham"),
        })
        .start()
        .await;
    let desk = Desk::over(&bench);
    assert_eq!(says(&desk, "h-models", "small").await, "small closed 0 0 0");
    for number in 0..4 {
        assert_eq!(bench.ask(&format!("text {number}")).await.state(), "accepted");
    }
    assert_eq!(says(&desk, "h-models", "small").await, "small closed 0 4 0");
    bench.ask("the fifth").await;
    let told = says(&desk, "h-models", "small").await;
    assert!(told.starts_with("small open ") && told.ends_with(" s"), "until when: {told}");
    assert_eq!(says(&desk, "h-models", "large").await, "large closed 5 0 0");
    tokio::time::sleep(Duration::from_secs(20)).await;
    bench.ask("a probe").await;
    let told = says(&desk, "h-models", "small").await;
    assert!(told.starts_with("small half_open "), "{told}");
    for number in 0..3 {
        bench.ask(&format!("probe {number}")).await;
    }
    let told = says(&desk, "h-models", "small").await;
    assert!(told.starts_with("small closed "), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_model_whose_answers_are_bad_for_one_policy_is_told_with_that_policy() {
    let keys = "models: [small, large]\non: {malformed: [next_model, fallback]}\n";
    let bench = Setup::policy(&format!("{keys}{FALLBACK}"))
        .model_by("small", |_, turn| if turn < 30 { no_json() } else { label("ham") })
        .start()
        .await;
    let desk = Desk::over(&bench);
    for number in 0..30 {
        bench.ask(&format!("text {number}")).await;
    }
    let told = says(&desk, "h-models", "small").await;
    assert!(told.starts_with("small closed "), "it can be reached: {told}");
    let rests = told.split_once(" story open ").map(|(_, rests)| rests.to_owned());
    assert!(rests.is_some_and(|rests| rests == "5 min" || rests.starts_with("4 min")), "{told}");
    tokio::time::sleep(5 * MINUTE).await;
    for number in 0..21 {
        bench.ask(&format!("trial {number}")).await;
    }
    let told = says(&desk, "h-models", "small").await;
    let trials = told.split_once("story half_open ").map(|(_, trials)| trials.to_owned());
    let asked = bench.asked("small").len() - 30;
    assert!(asked > 0, "some went to it");
    assert_eq!(trials.as_deref(), Some(&*format!("{asked} of {asked} trials good")), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_level_that_an_operator_holds_is_told_with_who_why_and_how_long() {
    let bench = Setup::policy("").start().await;
    let desk = Desk::over(&bench);
    let calm = desk.page("/overview").await;
    assert!(words(section(&calm, "h-load")).contains("Load normal "), "{calm}");
    assert!(!words(&calm).contains("· level"), "nothing is said above of the normal one");
    let until = bench.now().plus(600_000);
    let why = "the provider moves <b>house</b>".to_owned();
    bench.engine.hold_level(Level::Essential, until, operator(), why).await.unwrap();
    let page = desk.page("/overview").await;
    assert!(words(&page).contains("The last 24 hours · level essential"), "{}", words(&page));
    let load = section(&page, "h-load");
    let told = words(load);
    assert!(told.contains("essential held by olga for "), "{told}");
    assert!(told.contains(" min") && told.contains(" more: the provider moves"), "{told}");
    assert!(!load.contains("<b>house"), "a reason is text");
    tokio::time::sleep(11 * MINUTE).await;
    let page = desk.page("/overview").await;
    assert!(words(section(&page, "h-load")).contains("Load normal "), "it has ended");
}

#[tokio::test(start_paused = true)]
async fn a_level_that_the_load_brings_is_told_with_the_highest_reading_and_every_place() {
    let bench = Setup::policy("deadline: 60s\n")
        .gateway_has("limits: [{concurrency: 10}]")
        .slow_model("small", Duration::from_secs(30), |_, _| label("ham"))
        .start()
        .await;
    let desk = Desk::over(&bench);
    let bench = Arc::new(bench);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..20 {
        let bench = Arc::clone(&bench);
        calls.spawn(async move { bench.submit(&request(&format!("text {number}"))).await.is_ok() });
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stands = bench.engine.load();
    assert_ne!(stands.level, Level::Normal, "{stands:?}");
    let page = desk.page("/overview").await;
    let load = section(&page, "h-load");
    let highest = stands.readings.iter().max_by_key(|one| one.millionths).unwrap();
    let reading = format!(
        "highest reading: {} at {} %",
        highest.of.replace('_', " "),
        highest.millionths / 10_000
    );
    let told = words(load);
    assert!(told.contains(&format!("Load {} {reading}", stands.level.name())), "{told}");
    for class in &stands.classes {
        let told = row(load, class.class.name());
        let counted = [class.held, class.most, class.waiting].map(|count| count.to_string());
        assert_eq!(told, format!("{} {}", class.class.name(), counted.join(" ")));
    }
    assert!(stands.classes.iter().any(|class| class.held > 0), "{stands:?}");
    let in_memory = words(section(&page, "h-calls"));
    assert!(in_memory.contains(&format!("{} in memory", bench.engine.in_flight())), "{in_memory}");
}
