//! The whole gateway under load: levels that give extras and then calls up, never a check; places
//! for calls in flight by class, short fair queues before them, and nothing lost on the way.

use backstop_domain::{
    Actor, ActorKind, CallEvent, ControlEvent, Criticality, Status,
    guard::{Level, Level::*},
};
use backstop_engine::{Admitted, Refused, Submit, What};
use backstop_tests::bench::{Bench, Setup, Told, label, request, says};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SHED: &str = "on: {shed: fallback}\nfallback: {answer: {label: none}}\n";
const CALLER: &str = "owner: tilda, tenant: acme}";

fn operator() -> Actor {
    Actor { kind: ActorKind::Operator, id: "olga".to_owned(), via: Some("api".to_owned()) }
}

async fn hold(bench: &Bench, level: Level, for_ms: u64) {
    let until = bench.now().plus(for_ms);
    bench.engine.hold_level(level, until, operator(), "a drill".to_owned()).await.unwrap();
}

/// A request of that class.
fn of(class: Criticality, input: &str) -> Submit {
    Submit { criticality: Some(class), ..request(input) }
}

/// What the gateway did with its levels, oldest first.
async fn changes(bench: &Bench) -> Vec<(Level, Level, String)> {
    tokio::time::sleep(Duration::from_millis(5)).await;
    let events = bench.control("gateway").await.into_iter();
    let changes = events.filter_map(|event| match event {
        ControlEvent::LevelChanged { from, to, reason, .. } => Some((from, to, reason)),
        _ => None,
    });
    changes.collect()
}

/// A policy with votes as its only confidence, and a judge beside.
const OPINIONS: &str = "\
confidence: {at: output.label, from: [votes: 3], accept: 0.6, then: fallback}
checks: {good: {judge: judge, at: output, model: large, then: accept}}
budget: {attempts: 8}
fallback: {answer: {label: none}}
on_error: fallback
";

fn opinions(criticality: &str) -> Setup {
    Setup::policy(&format!("{OPINIONS}criticality: {criticality}\n"))
        .gateway(CALLER, "owner: tilda, tenant: acme, highest: critical}")
        .model("large", [says(r#"{"score": 0.9, "reason": "fine"}"#)])
}

#[tokio::test(start_paused = true)]
async fn in_brownout_votes_are_missing_and_judges_are_errors_and_neither_is_a_pass() {
    let bench = opinions("standard").start().await;
    let calm = bench.ask("calm").await;
    assert_eq!((calm.state(), calm.attempts().len()), ("accepted", 4), "{:?}", calm.attempts());
    hold(&bench, Brownout, 60_000).await;
    let told = bench.ask("under load").await;
    assert_eq!(told.attempts(), ["small answer"], "no vote and no judge was asked");
    assert_eq!(
        (told.state(), told.by()),
        ("fallback", "rule"),
        "nothing passed: {:?}",
        told.names()
    );
    let judge = told.findings().into_iter().find(|one| one.by == "checks.good").unwrap().clone();
    assert_eq!(judge.status, Status::Error);
    assert!(judge.message.contains("level `brownout`"), "{}", judge.message);
    let signals = &told.snapshot.state.judged.as_ref().unwrap().signals;
    assert!(signals.is_empty() || signals.iter().all(|one| one.value.is_none()), "{signals:?}");
    assert_eq!(told.snapshot.state.received.level, Brownout, "the record says so");
    bench.engine.let_level_go(operator(), "over".to_owned()).await.unwrap();
    assert_eq!(bench.ask("calm again").await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn critical_calls_keep_their_votes_and_judges_at_every_level() {
    let bench = opinions("critical").start().await;
    for level in [Brownout, Essential, Shed] {
        hold(&bench, level, 60_000).await;
        let told = bench.ask(level.name()).await;
        assert_eq!((told.state(), told.attempts().len()), ("accepted", 4), "{}", level.name());
    }
}

#[tokio::test(start_paused = true)]
async fn at_essential_sheddable_calls_are_answered_without_a_model_and_others_go_on() {
    let bench = Setup::policy(SHED).start().await;
    hold(&bench, Essential, 60_000).await;
    let told = ask(&bench, of(Criticality::Sheddable, "may wait")).await;
    assert_eq!((told.state(), told.class(), told.attempts().len()), ("fallback", "shed", 0));
    let door = told.snapshot.state.received.held_at_door.clone().unwrap();
    assert!(door.reason.contains("level `essential`"), "{}", door.reason);
    let told = ask(&bench, of(Criticality::Standard, "goes on")).await;
    assert_eq!((told.state(), told.by()), ("accepted", "model"));
}

#[tokio::test(start_paused = true)]
async fn at_shed_only_critical_calls_reach_models_and_the_rest_is_refused_with_the_level() {
    let bench = Setup::policy("criticality: critical\n").start().await;
    hold(&bench, Shed, 20_000).await;
    for class in [Criticality::Sheddable, Criticality::Standard] {
        let Err(Refused::Shed { which, after_ms, level, .. }) =
            bench.submit(&of(class, "text")).await
        else {
            panic!("{} calls go on", class.name());
        };
        assert!(which.contains("level `shed`") && which.contains(class.name()), "{which}");
        assert_eq!((level, after_ms), (Shed, 20_000), "until the hold is over");
    }
    assert_eq!(ask(&bench, of(Criticality::Critical, "text")).await.state(), "accepted");
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(ask(&bench, of(Criticality::Standard, "text")).await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_ladder_for_shed_leads_to_no_model_that_the_level_forbids() {
    let ladder = "on: {shed: [next_model, fallback]}\nfallback: {answer: {label: none}}\n";
    let bench = Setup::policy(ladder).start().await;
    hold(&bench, Shed, 60_000).await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.attempts().len()), ("fallback", 0), "{:?}", told.names());
    assert!(told.names().contains(&"attempt_blocked"), "{:?}", told.names());
}

#[tokio::test(start_paused = true)]
async fn the_level_rises_with_the_load_and_falls_with_patience_and_each_change_is_an_event() {
    let bench = Setup::policy("criticality: critical\ndeadline: 60s\n")
        .gateway(CALLER, "owner: tilda, tenant: acme, highest: critical}")
        .gateway_has("limits: [{concurrency: 10}]")
        .slow_model("small", Duration::from_secs(10), |_, _| label("ham"))
        .start()
        .await;
    assert_eq!(bench.engine.level(), Normal);
    let calls = submit(&bench, 10, Criticality::Critical).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.engine.level(), Shed);
    assert!(matches!(
        bench.submit(&of(Criticality::Standard, "text")).await,
        Err(Refused::Shed { level: Shed, .. })
    ));
    for call in calls {
        assert_eq!(bench.rest(&call.id).await.state(), "accepted");
    }
    tokio::time::sleep(Duration::from_secs(29)).await;
    assert_eq!(bench.engine.level(), Shed, "not yet");
    tokio::time::sleep(Duration::from_secs(70)).await;
    let changes = changes(&bench).await;
    let steps: Vec<_> = changes.iter().map(|(from, to, _)| (*from, *to)).collect();
    let up = [(Normal, Brownout), (Brownout, Essential), (Essential, Shed)];
    let down = [(Shed, Essential), (Essential, Brownout), (Brownout, Normal)];
    assert_eq!(steps, [up, down].concat());
    assert_eq!(changes[0].2, "places at 100%");
    assert_eq!(changes[3].2, "the load was lower for 30s");
}

#[tokio::test(start_paused = true)]
async fn a_hold_outlives_a_restart_and_ends_when_its_time_is_over() {
    let bench = Setup::policy(SHED).start().await;
    hold(&bench, Essential, 3_600_000).await;
    let bench = Setup::policy(SHED).over(&bench.ledger).start().await;
    assert_eq!(bench.engine.level(), Essential);
    let load = bench.engine.load();
    let (_, by) = load.pin.unwrap();
    assert_eq!((by.who.as_str(), by.reason.as_str(), load.by_load), ("olga", "a drill", Normal));
    tokio::time::sleep(Duration::from_secs(3_601)).await;
    assert_eq!(bench.engine.level(), Normal);
    let changes = changes(&bench).await;
    assert_eq!((changes[0].0, changes[0].1), (Normal, Essential));
    assert_eq!((changes[1].0, changes[1].1), (Essential, Normal));
    let bench = Setup::policy(SHED).over(&bench.ledger).start().await;
    assert_eq!(bench.engine.level(), Normal);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_a_little_for_its_place_and_too_many_do_not_wait_at_all() {
    let bench = Setup::policy("")
        .gateway_has("limits: [{concurrency: 1}]")
        .slow_model("small", Duration::from_secs(1), |_, _| label("ham"))
        .start()
        .await;
    let bench = Arc::new(bench);
    let first = bench.submit(&request("first")).await.unwrap();
    let second = {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.ask("second").await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let Err(Refused::Shed { which, level: Normal, .. }) = bench.submit(&request("third")).await
    else {
        panic!("there is one place in the queue");
    };
    assert!(which.contains("every one of the 1 places for standard calls"), "{which}");
    assert_eq!(bench.rest(&first.id).await.state(), "accepted");
    let second = second.await.unwrap();
    assert_eq!(second.state(), "accepted");
    let waited = second.snapshot.stages.queue;
    assert!((990..=1_010).contains(&waited.as_millis()), "{waited:?}");
    // Its time ran from when it came, and the record says so.
    let received = &second.snapshot.state;
    assert_eq!(received.deadline.since(received.received_at), 30_000);
}

#[tokio::test(start_paused = true)]
async fn who_waited_as_long_as_it_may_is_told_so_or_takes_the_policys_ladder() {
    for (ladder, refused) in [("", true), (SHED, false)] {
        let bench = Setup::policy(ladder)
            .gateway_has("limits: [{concurrency: 1}]")
            .slow_model("small", Duration::from_secs(9), |_, _| label("ham"))
            .start()
            .await;
        bench.submit(&request("first")).await.unwrap();
        let asked = tokio::time::Instant::now();
        match bench.submit(&request("second")).await {
            Err(Refused::Shed { which, .. }) if refused => {
                assert!(which.contains("came free within 2000 ms"), "{which}");
            }
            Ok(call) if !refused => {
                assert_eq!(bench.rest(&call.id).await.state(), "fallback");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(asked.elapsed(), Duration::from_secs(2));
    }
}

#[tokio::test(start_paused = true)]
async fn who_goes_away_while_it_waits_leaves_its_turn_and_its_limits_to_others() {
    let bench = Setup::policy("limits: [{requests: 1/h, burst: 3}]\n")
        .gateway_has("limits: [{concurrency: 1}]")
        .slow_model("small", Duration::from_secs(1), |_, _| label("ham"))
        .start()
        .await;
    let first = bench.submit(&request("first")).await.unwrap();
    let waits = request("gone");
    let gone = tokio::time::timeout(Duration::from_millis(100), bench.submit(&waits)).await;
    assert!(gone.is_err(), "it waited, and its caller hung up");
    assert_eq!(bench.engine.load().classes.map(|class| class.waiting), [0, 0, 0]);
    assert_eq!(bench.rest(&first.id).await.state(), "accepted");
    // Three requests in an hour: the one that went away has taken none of them.
    assert_eq!(bench.ask("second").await.state(), "accepted");
    assert_eq!(bench.ask("third").await.state(), "accepted");
    assert!(matches!(bench.submit(&request("fourth")).await, Err(Refused::Limited { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_sheddable_calls_leaves_critical_ones_their_places() {
    let bench = Setup::policy("criticality: critical\n")
        .gateway(CALLER, "owner: tilda, tenant: acme, highest: critical}")
        .gateway_has("limits: [{concurrency: 8}]")
        .slow_model("small", Duration::from_secs(1), |_, _| label("ham"))
        .start()
        .await;
    let flood = submit(&bench, 40, Criticality::Sheddable).await.len();
    assert!(flood < 8, "{flood}");
    let critical = submit(&bench, 4, Criticality::Critical).await;
    assert_eq!(critical.len(), 4);
    for call in critical {
        assert_eq!(bench.rest(&call.id).await.state(), "accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_are_never_more_in_flight_than_there_are_places() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (Arc::clone(&now), Arc::clone(&most));
    let bench = Setup::policy("")
        .gateway_has("limits: [{concurrency: 25}]")
        .slow_model("small", Duration::from_millis(200), move |_, _| {
            // Asked when the answer is due: counted are those that end together.
            seen.1.fetch_max(seen.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            label("ham")
        })
        .start()
        .await;
    let bench = Arc::new(bench);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let bench = Arc::clone(&bench);
        calls.spawn(async move {
            let admitted = bench.submit(&request(&format!("text {number}"))).await.ok()?;
            let [_, standard, _] = bench.engine.load().classes;
            assert!(standard.held <= 25, "{standard:?}");
            Some(bench.rest(&admitted.id).await.state())
        });
    }
    let ends = calls.join_all().await;
    let answered = ends.iter().filter(|end| **end == Some("accepted")).count();
    let refused = ends.iter().filter(|end| end.is_none()).count();
    assert_eq!(answered + refused, 1_000, "each has one of two ends");
    // 25 at once, and 13 more who could wait.
    assert_eq!(answered, 38, "{refused} refused");
    assert_eq!(bench.engine.load().classes.map(|class| class.held), [0, 0, 0], "none is lost");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_hold_limits_on_calls_at_once_tokens_and_money_exactly() {
    // One call takes 10 to 20 tokens of prompt, and 100 of answer.
    for (limit, fits) in [
        ("{concurrency: 40}", 40),
        ("{tokens: 1/h, burst: 5000}", 0),
        ("{cost: $0.0001/h, burst: $0.005}", 0),
    ] {
        let bench = Setup::policy(&format!("limits: [{limit}]\n"))
            .slow_model("small", Duration::from_secs(5), |_, _| label("ham"))
            .start()
            .await;
        let bench = Arc::new(bench);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let bench = Arc::clone(&bench);
            calls.spawn(async move { bench.submit(&request("always the same text")).await.ok() });
        }
        let admitted: Vec<Admitted> = calls.join_all().await.into_iter().flatten().collect();
        let one = bench.rest(&admitted[0].id).await;
        let each = &one.snapshot.state.received.estimates[0];
        let fits = match limit.as_bytes()[1] {
            b't' => 5_000 / each.usage.total(),
            b'c' if limit.contains("cost") => 5_000 / each.cost.0,
            _ => fits,
        };
        assert_eq!(admitted.len() as u64, fits, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_places_that_are_held_and_takes_over_their_number() {
    let bench = Setup::policy("")
        .gateway_has("limits: [{concurrency: 2}]")
        .slow_model("small", Duration::from_secs(5), |_, _| label("ham"))
        .start()
        .await;
    submit(&bench, 2, Criticality::Standard).await;
    let files = bench.files.clone();
    bench.reload(&files).await.unwrap();
    assert!(bench.submit(&request("third")).await.is_err(), "both are held still");
    let mut files = bench.files.clone();
    let gateway = files.get_mut("policies/gateway.yaml").unwrap();
    *gateway = gateway.replace("concurrency: 2", "concurrency: 3");
    bench.reload(&files).await.unwrap();
    assert!(bench.submit(&request("third")).await.is_ok(), "one more place");
    assert!(bench.submit(&request("fourth")).await.is_err());
}

const DESK: &str = "desk:   {title: Desk, due: 1h, on_expiry: reject}";
const ASKED: &str = "\
rules: [{id: ask, for: model, when: output.label == \"ham\", then: escalate}]
fallback: {answer: {label: none}}
";

#[tokio::test(start_paused = true)]
async fn a_queue_that_would_decide_too_late_takes_its_alternative_at_the_door_and_says_why() {
    let late = "desk: {title: Desk, due: 8h, at_door: {when_wait_over: 30min, then: fallback}}";
    let bench = Setup::policy(ASKED).gateway(DESK, late).start().await;
    let mut open = Vec::new();
    for number in 0..14 {
        let told = bench.ask(&format!("text {number}")).await;
        assert_eq!(told.state(), "in_review", "nothing is known of its pace yet");
        open.push(told);
    }
    // Six of them, ten minutes each: eight are left, which makes ninety minutes for one more.
    for told in open.drain(..6) {
        tokio::time::sleep(Duration::from_secs(600)).await;
        let decided = bench.decide(&told, "ada", What::Approve).await.unwrap();
        assert_eq!(decided.state(), "approved");
    }
    let told = bench.ask("one more").await;
    assert_eq!((told.state(), told.by()), ("fallback", "rule"), "{:?}", told.names());
    let resolved = told.events.iter().find_map(|event| match event {
        CallEvent::ReviewResolved(resolved) => resolved.reason.clone(),
        _ => None,
    });
    let why = resolved.unwrap();
    assert!(why.contains("`desk` is late: 8 reviews are open, about 90 min of work"), "{why}");
    // Where few wait, nobody is turned away.
    for told in open.drain(..4) {
        bench.decide(&told, "ada", What::Approve).await.unwrap();
    }
    assert_eq!(bench.ask("later").await.state(), "in_review");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_never_approves_not_even_where_nobody_in_time_would() {
    let full =
        "desk: {title: Desk, due: 1h, on_expiry: approve, approve_unseen: true, capacity: 1}";
    let bench = Setup::policy(ASKED).gateway(DESK, full).start().await;
    let first = bench.ask("first").await;
    assert_eq!(first.state(), "in_review");
    let second = bench.ask("second").await;
    assert_eq!((second.state(), second.by()), ("expired", "nobody"));
    assert_eq!(second.output(), serde_json::Value::Null, "no answer leaves");
    assert_eq!(second.ended().cause.text, "queue `desk` is full: 1 reviews are open");
    assert_eq!(second.ended().cause.by.as_deref(), Some("review_expired"));
}

/// Hands that many in, one after the other; those that were let in.
async fn submit(bench: &Bench, count: usize, class: Criticality) -> Vec<Admitted> {
    let mut admitted = Vec::new();
    for number in 0..count {
        let request = Submit { deadline_ms: Some(15_000), ..of(class, &format!("text {number}")) };
        let asked = bench.submit(&request);
        // Who would have to wait goes away again.
        match tokio::time::timeout(Duration::from_millis(1), asked).await {
            Ok(Ok(call)) => admitted.push(call),
            Ok(Err(Refused::Shed { .. })) | Err(_) => {}
            Ok(Err(other)) => panic!("{other}"),
        }
    }
    admitted
}

async fn ask(bench: &Bench, request: Submit) -> Told {
    let call = bench.submit(&request).await.expect("the door is open");
    bench.rest(&call.id).await
}
