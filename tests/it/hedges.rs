//! Hedges: a second request when the first is late. Every call here is also replayed, byte for
//! byte, by the bench.

use backstop_domain::{Actor, AttemptResult, CallEvent, FailureClass as Class, guard::Level};
use backstop_engine::replay::{End, Other, what_if};
use backstop_tests::bench::{Bench, Setup, Told, fails, label, no_json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HEDGED: &str = "    tools: true\n    hedge: {after: 2s, share: 100%}\n  large:";

/// `small` is hedged after two seconds, as often as there are first attempts.
fn hedged(policy: &str) -> Setup {
    Setup::policy(policy).gateway("    tools: true\n  large:", HEDGED)
}

/// The ends of attempts, in the order in which they are written.
fn ends(told: &Told) -> Vec<(u32, &'static str)> {
    let ends = told.events.iter().filter_map(|event| match event {
        CallEvent::AttemptEnded(ended) => Some(ended),
        _ => None,
    });
    ends.map(|ended| match &ended.result {
        AttemptResult::Answered { .. } => (ended.attempt, "answered"),
        AttemptResult::Failed { class, .. } => (ended.attempt, class.name()),
    })
    .collect()
}

async fn took(bench: &Bench, input: &str) -> (Told, Duration) {
    let before = tokio::time::Instant::now();
    (bench.ask(input).await, before.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_late_model_is_asked_a_second_time_and_the_first_answer_wins() {
    let bench = hedged("models: [small]\n")
        .timed_model("small", |turn| SECOND * if turn == 0 { 15 } else { 1 }, |_, _| label("ham"))
        .start()
        .await;
    let (told, took) = took(&bench, "late").await;
    assert_eq!(
        (told.state(), told.attempts()),
        ("accepted", vec!["small answer".to_owned(), "small hedge".to_owned()],)
    );
    assert_eq!(took, SECOND * 3, "two until it was late, one for the second");
    assert_eq!(ends(&told), [(1, "interrupted"), (2, "answered")], "the one that counts is last");
    let lost = told.snapshot.state.attempts[0].ended.as_ref().unwrap();
    assert_eq!(lost.usage, told.snapshot.state.attempts[0].started.estimate, "it is charged");
    assert_eq!(told.snapshot.state.used.attempts, 2, "from the call's own budget");
}

#[tokio::test(start_paused = true)]
async fn a_first_that_comes_after_all_wins_over_its_hedge() {
    let bench = hedged("models: [small]\n")
        .timed_model("small", |turn| SECOND * if turn == 0 { 3 } else { 9 }, |_, _| label("ham"))
        .start()
        .await;
    let (told, took) = took(&bench, "late").await;
    assert_eq!((told.state(), took), ("accepted", SECOND * 3));
    assert_eq!(ends(&told), [(2, "interrupted"), (1, "answered")]);
}

#[tokio::test(start_paused = true)]
async fn an_early_answer_that_will_not_do_waits_for_the_other() {
    let script = |turn: usize| if turn == 0 { label("ham") } else { no_json() };
    let bench = hedged("models: [small]\non: {malformed: reject}\n")
        .timed_model("small", |turn| SECOND * if turn == 0 { 6 } else { 1 }, move |_, t| script(t))
        .start()
        .await;
    let (told, took) = took(&bench, "late").await;
    assert_eq!((told.state(), took), ("accepted", SECOND * 6), "{:?}", told.names());
    assert_eq!(ends(&told), [(2, "answered"), (1, "answered")], "nothing was given up");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_rule_stops_does_not_win_either() {
    let policy =
        "models: [small]\nrules: [{id: spam, when: output.label == \"spam\", then: reject}]\n";
    let script = |turn: usize| label(if turn == 0 { "ham" } else { "spam" });
    let bench = hedged(policy)
        .timed_model("small", |turn| SECOND * if turn == 0 { 6 } else { 1 }, move |_, t| script(t))
        .start()
        .await;
    assert_eq!(bench.ask("late").await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_failure_beside_an_answer_changes_nothing_and_two_failures_take_the_ladder_once() {
    for (fail_both, state) in [(false, "accepted"), (true, "fallback")] {
        let policy =
            "models: [small]\non: {transport: fallback}\nfallback: {answer: {label: none}}\n";
        let bench = hedged(policy)
            .timed_model(
                "small",
                |turn| SECOND * if turn == 0 { 6 } else { 1 },
                move |_, turn| {
                    if turn == 1 || fail_both { fails(Class::Transport) } else { label("ham") }
                },
            )
            .start()
            .await;
        let told = bench.ask("late").await;
        assert_eq!((told.state(), told.attempts().len()), (state, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_asked_twice_is_not_and_a_quick_answer_needs_no_second() {
    let slow = |turn: usize| SECOND * if turn == 0 { 6 } else { 1 };
    for (policy, takes) in [
        ("models: [small]\nrepeatable: false\n", 6),
        ("models: [small]\nbudget: {attempts: 1}\n", 6),
    ] {
        let bench = hedged(policy).timed_model("small", slow, |_, _| label("ham")).start().await;
        let (told, took) = took(&bench, "once").await;
        assert_eq!((told.attempts().len(), took), (1, SECOND * takes), "{policy}");
    }
    let bench = hedged("models: [small]\n").slow_model("small", SECOND, |_, _| label("ham"));
    assert_eq!(bench.start().await.ask("quick").await.attempts().len(), 1);
    let bench = Setup::policy("models: [small]\n").timed_model("small", slow, |_, _| label("ham"));
    assert_eq!(bench.start().await.ask("off by default").await.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn hedges_stay_within_their_share_however_slow_the_model_is() {
    let bench = Setup::policy("models: [small]\n")
        .gateway("    tools: true\n  large:", &HEDGED.replace("100%", "5%"))
        .slow_model("small", SECOND * 5, |_, _| label("ham"))
        .start()
        .await;
    let mut hedges = 0;
    for number in 0..100 {
        let told = bench.ask(&format!("text {number}")).await;
        hedges += told.attempts().iter().filter(|one| one.ends_with("hedge")).count();
    }
    assert_eq!(hedges, 5);
}

#[tokio::test(start_paused = true)]
async fn under_load_nobody_is_given_a_second_request_not_even_a_critical_call() {
    for (criticality, level, hedges) in [
        ("standard", Level::Normal, true),
        ("standard", Level::Brownout, false),
        ("standard", Level::Essential, false),
        ("critical", Level::Brownout, false),
        ("critical", Level::Shed, false),
        ("critical", Level::Normal, true),
    ] {
        let policy = format!("models: [small]\ncriticality: {criticality}\n");
        let bench = hedged(&policy)
            .gateway("owner: tilda, tenant: acme}", "owner: tilda, highest: critical}")
            .slow_model("small", SECOND * 3, |_, _| label("ham"))
            .start()
            .await;
        let until = bench.now().plus(3_600_000);
        let actor = Actor::system("test");
        bench.engine.hold_level(level, until, actor, "a drill".to_owned()).await.unwrap();
        let (told, took) = took(&bench, "late").await;
        let attempts = if hedges { 2 } else { 1 };
        assert_eq!(told.attempts().len(), attempts, "{criticality} at {level:?}");
        // Without its second it waits for the first, as it would have.
        assert_eq!((told.state(), took), ("accepted", SECOND * 3), "{criticality} at {level:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_cancels_ends_both() {
    let bench = hedged("models: [small]\n").slow_model("small", SECOND * 9, |_, _| label("ham"));
    let bench = bench.start().await;
    let id = bench.submit(&backstop_tests::bench::request("late")).await.unwrap().id;
    tokio::time::sleep(SECOND * 3).await;
    let who = Actor::system("test");
    bench.engine.cancel(&id, who, "not needed".to_owned()).await.unwrap();
    let told = bench.rest(&id).await;
    assert_eq!((told.state(), told.attempts().len()), ("cancelled", 2));
    tokio::time::sleep(SECOND * 30).await;
    assert_eq!(bench.engine.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn under_another_policy_the_answer_that_won_is_the_one_that_is_given_again() {
    let bench = hedged("models: [small]\n")
        .timed_model("small", |turn| SECOND * if turn == 0 { 15 } else { 1 }, |_, _| label("ham"))
        .start()
        .await;
    let told = bench.ask("late").await;
    let no_ham =
        "models: [small]\nrules: [{id: ham, when: output.label == \"ham\", then: reject}]\n";
    let (policy, pinned) = (hedged(no_ham).compiled(), hedged("models: [small]\n").compiled());
    for (policy, state) in [(&policy, "refused"), (&pinned, "accepted")] {
        let record = bench.engine.recorded(&told.snapshot.id).await.unwrap();
        let went = what_if(&record, Other { policy, pinned: Some(&pinned), salt: None }).went;
        let End::Ended { ended } = &went.end else { panic!("{went:?}") };
        assert_eq!((ended.outcome.name(), went.attempts), (state, 1));
    }
}
