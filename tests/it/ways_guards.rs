//! Guards: limits at the door, breakers that open and probe, retry budgets, and reloads.

use backstop_domain::{Actor, CallEvent, ControlEvent, FailureClass as Class, guard::Hold};
use backstop_engine::{BreakerOrder, BreakerRefused, Refused, ReloadRefused};
use backstop_tests::bench::{Setup, Told, fails, label, label_at, no_json, request, says};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_limit_at_the_door_names_itself_and_when_to_come_again() {
    let policy = "limits: [{requests: 1/min, burst: 1, per: caller}]\n";
    let bench = Setup::policy(policy).start().await;
    bench.ask("one").await;
    let Err(Refused::Limited { which, until, never, .. }) = bench.submit(&request("two")).await
    else {
        panic!("the door is open");
    };
    assert!(which.contains("teller") && until.is_some() && !never, "{which} {until:?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_names_a_ladder_for_shed_answers_by_it() {
    let policy = "limits: [{requests: 1/min, burst: 1}]\non: {shed: fallback}\nfallback: {answer: {label: none}}\n";
    let bench = Setup::policy(policy).start().await;
    bench.ask("one").await;
    let told = bench.ask("two").await;
    assert_eq!((told.state(), told.class(), told.attempts().len()), ("fallback", "shed", 0));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_at_once_under_a_limit_let_exactly_so_many_in() {
    let policy = "limits: [{requests: 10/min, burst: 25}]\n";
    let bench = Arc::new(Setup::policy(policy).start().await);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..1_000 {
        let bench = Arc::clone(&bench);
        calls.spawn(async move { bench.submit(&request(&format!("text {number}"))).await.is_ok() });
    }
    let admitted = calls.join_all().await.into_iter().filter(|admitted| *admitted).count();
    assert_eq!(admitted, 25);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_probes_and_closes_and_each_change_is_an_event() {
    let policy = "models: [small]\non: {transport: reject, breaker_open: fallback}\nfallback: {answer: {label: none}}\n";
    let bench = Setup::policy(policy)
        .model_by("small", |_, turn| if turn < 5 { fails(Class::Transport) } else { label("ham") })
        .start()
        .await;
    for number in 0..5 {
        assert_eq!(bench.ask(&format!("text {number}")).await.class(), "transport");
    }
    let rested = bench.ask("while open").await;
    assert_eq!((rested.state(), rested.class()), ("fallback", "breaker_open"));
    assert_eq!(bench.asked("small").len(), 5);
    tokio::time::sleep(Duration::from_secs(20)).await;
    for number in 0..3 {
        assert_eq!(bench.ask(&format!("probe {number}")).await.state(), "accepted");
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    let changes = bench.control("model.small").await;
    let to: Vec<&str> = (changes.iter())
        .filter_map(|change| match change {
            ControlEvent::BreakerChanged { to, .. } => Some(to.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(to, ["open", "half_open", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_answers_one_policy_badly_is_left_alone_by_it_and_comes_back_by_trials() {
    let policy = "models: [small, large]\non: {malformed: [next_model, fallback]}\nfallback: {answer: {label: none}}\n";
    let bench = Setup::policy(policy)
        .model_by("small", |_, turn| if turn < 30 { no_json() } else { label("ham") })
        .start()
        .await;
    for number in 0..30 {
        let told = bench.ask(&format!("text {number}")).await;
        assert_eq!((told.state(), told.attempts().len()), ("accepted", 2), "by the next model");
    }
    let told = bench.ask("left alone").await;
    assert_eq!((told.state(), told.attempts()), ("accepted", vec!["large answer".to_owned()]));
    let blocked = told.events.iter().find_map(|event| match event {
        CallEvent::AttemptBlocked { class, reason, .. } => Some((*class, reason.as_str())),
        _ => None,
    });
    let reason = "the quality breaker of `small` for `story` is open";
    assert_eq!(blocked, Some((Class::BreakerOpen, reason)));
    assert_eq!(bench.asked("small").len(), 30);
    let models = bench.engine.models();
    let small = models.iter().find(|model| model.model == "small").unwrap();
    assert_eq!(small.quality[0].state.name(), "open");

    tokio::time::sleep(Duration::from_secs(300)).await;
    for number in 0..181 {
        let told = bench.ask(&format!("trial {number}")).await;
        assert_eq!(told.state(), "accepted");
    }
    assert_eq!(bench.asked("small").len(), 40, "one in twenty went to it");
    assert_eq!(bench.ask("well again").await.attempts(), ["small answer"]);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let to: Vec<String> = (bench.control("model.small").await.into_iter())
        .filter_map(|change| match change {
            ControlEvent::BreakerChanged { to, quality_of: Some(of), .. } => {
                assert_eq!(of.policy, "story");
                Some(to)
            }
            _ => None,
        })
        .collect();
    assert_eq!(to, ["open", "half_open", "closed"]);
}

#[tokio::test(start_paused = true)]
async fn another_prompt_starts_with_a_clean_slate() {
    let bench =
        Setup::policy("on: {malformed: [next_model]}\n").model("small", [no_json()]).start().await;
    for number in 0..31 {
        bench.ask(&format!("text {number}")).await;
    }
    assert_eq!(bench.asked("small").len(), 30);
    let mut files = bench.files.clone();
    files.insert("prompts/story.md".to_owned(), "Better.\n\n{{ input }}\n".to_owned());
    bench.reload(&files).await.unwrap();
    bench.ask("once more").await;
    assert_eq!(bench.asked("small").len(), 31);
}

#[tokio::test(start_paused = true)]
async fn doubt_that_was_measured_counts_and_doubt_that_was_not_does_not() {
    for (answer, left_alone) in
        [(label_at("ham", 0.5), true), (says("{\"label\": \"ham\"}"), false)]
    {
        let policy = "confidence: {at: output.label, from: [logprobs], accept: 0.9}\non: {low_confidence: [next_model, reject]}\n";
        let bench = Setup::policy(policy).model("small", [answer]).start().await;
        for number in 0..31 {
            bench.ask(&format!("text {number}")).await;
        }
        assert_eq!(bench.asked("small").len(), if left_alone { 30 } else { 31 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_spent_retry_budget_goes_on_to_the_next_model() {
    let policy = "on: {transport: [{retry: {times: 1, backoff: 1ms}}, next_model, fallback], limit: fallback}\nfallback: {answer: {label: none}}\n";
    let breaker = "    breaker: {availability: {failures: 100k, share: 100%}}\n  large:";
    let bench = Setup::policy(policy)
        .gateway("    tools: true\n  large:", &format!("    tools: true\n{breaker}"))
        .model("small", [fails(Class::Transport)])
        .start()
        .await;
    for number in 0..20 {
        let told = bench.ask(&format!("text {number}")).await;
        assert_eq!(
            (told.state(), told.by()),
            ("accepted", "model"),
            "{number}: {:?}",
            told.names()
        );
    }
    assert!(bench.asked("small").len() < 40, "the retry budget never said no");
}

#[tokio::test(start_paused = true)]
async fn no_retry_is_sent_that_would_more_likely_be_cut_off_than_answered() {
    let policy = "models: [small]\ndeadline: 5s\non: {transport: [{retry: {times: 1, backoff: 1ms}}, fallback]}\nfallback: {answer: {label: none}}\n";
    let bench = Setup::policy(policy)
        .slow_model("small", Duration::from_secs(3), |_, turn| {
            if turn < 10 { label("ham") } else { fails(Class::Transport) }
        })
        .start()
        .await;
    for number in 0..10 {
        assert_eq!(bench.ask(&format!("text {number}")).await.state(), "accepted");
    }
    let told = bench.ask("fails late").await;
    assert_eq!((told.state(), told.class(), told.attempts().len()), ("fallback", "transport", 1));
    let reason = told.events.iter().find_map(|event| match event {
        CallEvent::AttemptBlocked { reason, .. } => Some(reason.as_str()),
        _ => None,
    });
    assert!(
        reason.is_some_and(|why| why.starts_with("`small` usually takes 3000 ms")),
        "{reason:?}"
    );
}

/// Ten answers in a second each; then the first model begins and never ends.
fn endless(policy: &str) -> Setup {
    let takes = |turn| Duration::from_secs(if turn < 10 { 1 } else { 3_600 });
    Setup::policy(&format!("deadline: 20s\n{policy}"))
        .timed_model("small", takes, |_, _| label("ham"))
        .slow_model("large", Duration::from_secs(2), |_, _| label("spam"))
}

/// How a call ends whose model never ends, and after how many milliseconds.
async fn stuck(setup: Setup) -> (Told, u64) {
    let bench = setup.start().await;
    for number in 0..10 {
        assert_eq!(bench.ask(&format!("text {number}")).await.state(), "accepted");
    }
    let began = bench.now();
    let told = bench.ask("stuck").await;
    (told, bench.now().since(began))
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_ends_leaves_the_next_one_the_time_to_answer() {
    let fallback = "fallback: {answer: {label: none}}\notherwise: fallback\n";
    let (told, took) = stuck(endless(&format!("models: [small, large]\n{fallback}"))).await;
    assert_eq!((told.state(), told.attempts().len()), ("accepted", 2));
    // Nobody knows `large` yet: it gets three times what `small` usually takes, beside the reserve.
    assert!((18_750..19_000).contains(&took), "{took} ms");
    // With nobody after it, or where the ladder leads elsewhere, it has all the time there is.
    let elsewhere = format!("models: [small, large]\non: {{timeout: fallback}}\n{fallback}");
    for policy in [format!("models: [small]\n{fallback}"), elsewhere] {
        let (told, took) = stuck(endless(&policy)).await;
        assert_eq!((told.state(), told.attempts().len()), ("fallback", 1), "{policy}");
        assert!((19_750..20_000).contains(&took), "{took} ms: {policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_takes_a_model_out_of_use_and_a_restart_remembers_it() {
    let setup = || Setup::policy("models: [small, large]\n");
    let bench = setup().start().await;
    let until = bench.now().plus(3_600_000);
    let order = BreakerOrder::Hold(Hold::Isolated, until);
    let who = Actor::system("test");
    let why = "bad answers since noon".to_owned();
    bench.engine.order_breaker("small", order, &who, why.clone()).await.unwrap();
    let unknown = bench.engine.order_breaker("tiny", order, &who, why.clone()).await;
    assert_eq!(unknown, Err(BreakerRefused::Unknown("tiny".to_owned())));
    assert_eq!(bench.ask("text").await.attempts(), ["large answer"]);

    let again = setup().over(&bench.ledger).start().await;
    assert_eq!(again.ask("after a restart").await.attempts(), ["large answer"]);
    again.engine.order_breaker("small", BreakerOrder::Release, &who, why).await.unwrap();
    assert_eq!(again.ask("released").await.attempts(), ["small answer"], "the first probe");
    let third = setup().over(&bench.ledger).start().await;
    assert_eq!(third.ask("after another").await.attempts(), ["small answer"]);
    let acts: Vec<String> = (third.control("model.small").await.into_iter())
        .filter_map(|event| match event {
            ControlEvent::OperatorActed { act, .. } => Some(act),
            _ => None,
        })
        .collect();
    assert_eq!(acts, ["breaker_isolated", "breaker_released"]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_for_new_calls_and_calls_in_flight_keep_their_policy() {
    let bench = Setup::policy("rules: [{id: a, when: output.label == \"ham\", then: reject}]\n")
        .slow_model("small", Duration::from_secs(5), |_, _| label("ham"))
        .start()
        .await;
    let old = bench.submit(&request("old")).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut files = bench.files.clone();
    let policy = files.get_mut("policies/story.yaml").unwrap();
    *policy = policy.replace("then: reject", "then: accept");
    bench.reload(&files).await.unwrap();
    assert_eq!(bench.rest(&old).await.state(), "refused");
    assert_eq!(bench.ask("new").await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_loses_a_queue_with_open_reviews_is_refused() {
    let bench = Setup::policy("rules: [{id: a, then: {escalate: second}}]\n").start().await;
    assert_eq!(bench.ask("text").await.queue(), "second");
    let mut files = bench.files.clone();
    let policy = files.get_mut("policies/story.yaml").unwrap();
    *policy = policy.replace("{escalate: second}", "escalate");
    let gateway = files.get_mut("policies/gateway.yaml").unwrap();
    *gateway = gateway.replace("  second: {title: Second desk, due: 2h, on_expiry: reject}\n", "");
    let refused = bench.reload(&files).await;
    assert!(matches!(refused, Err(ReloadRefused::QueueInUse { open: 1, .. })), "{refused:?}");
    assert!(bench.engine.workspace().gateway.queues.contains_key("second"));
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_a_limit_has_counted() {
    let policy = "limits: [{requests: 1/min, burst: 1}]\n";
    let bench = Setup::policy(policy).start().await;
    bench.ask("one").await;
    let files = bench.files.clone();
    bench.reload(&files).await.unwrap();
    assert!(bench.submit(&request("two")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_the_way_is_told_and_the_call_goes_on_from_disk() {
    let bench = Setup::policy("")
        .model_by("small", |_, turn| {
            assert!(turn > 0, "a fault of ours");
            label("ham")
        })
        .start()
        .await;
    let id = bench.submit(&request("text")).await.unwrap().id;
    let told = bench.engine.wait_end(&id, Duration::from_secs(30)).await;
    assert!(matches!(told, Err(backstop_engine::Stop::Broken(_))), "{told:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let told = bench.rest(&id).await;
    assert_eq!((told.state(), told.attempts().len()), ("accepted", 2), "{:?}", told.names());
    assert_eq!(bench.engine.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_again_and_again_waits_for_the_next_start() {
    let bench = Setup::policy("")
        .model_by("small", |_, _| panic!("a fault of ours, each time"))
        .start()
        .await;
    let id = bench.submit(&request("text")).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.asked("small").len(), 2, "not for ever");
    let open = backstop_ledger::Ledger::open_calls(&bench.ledger).await.unwrap();
    assert_eq!(open.iter().map(|call| call.id.clone()).collect::<Vec<_>>(), [id]);
    assert_eq!(bench.engine.in_flight(), 0);
}
