//! Drafts: a shadow that is judged beside the live calls, and a canary that answers a share of them
//! and is taken back by itself. Every call that is told here also decides again, byte for byte.

use std::time::Duration;

use backstop_domain::{CallEvent, CallId, ControlEvent, Digest, ShadowResult, Stream};
use backstop_ledger::Ledger as _;
use backstop_tests::bench::{
    Bench, Setup, Told, fails, label, load, no_json, policy_text, request,
};

const DRAFT: &str = "policies/drafts/next.yaml";
const SHADOW: &str = "shadow: drafts/next.yaml\n";
/// A draft that puts every ham to a person.
const STRICTER: &str = "rules: [{id: no-ham, when: output.label == \"ham\", then: escalate}]\n";

/// A canary with half of the calls, each text meeting always the same revision.
fn canary(bounds: &str) -> String {
    format!(
        "canary: {{to: drafts/next.yaml, share: 50%, stick_to: \"= input\", return_if: {{{bounds}}}}}\n"
    )
}

fn with(keys: &str, draft: &str) -> Setup {
    Setup::policy(keys).file(DRAFT, &policy_text(draft)).model("small", [label("ham")])
}

fn canary_of(told: &Told) -> Option<Digest> {
    match told.events.first() {
        Some(CallEvent::CallReceived(received)) => received.canary_of,
        _ => None,
    }
}

/// Asks so many different things; how many of them the canary drew.
async fn ask(bench: &Bench, from: usize, count: usize) -> usize {
    let mut drawn = 0;
    for turn in from..from + count {
        let told = bench.ask(&format!("text {turn}")).await;
        drawn += usize::from(canary_of(&told).is_some());
    }
    drawn
}

/// What came of a call's shadow, which is judged and written down by a task of its own.
async fn shadow_of(bench: &Bench, told: &Told) -> Vec<ControlEvent> {
    let stream = format!("shadow.{}", told.snapshot.id);
    for _ in 0..1_000 {
        let found = bench.control(&stream).await;
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Vec::new()
}

/// Why canaries of the policy were taken back, as it was written down.
async fn returned(bench: &Bench) -> Vec<String> {
    // Written down by a task of its own.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let told = bench.control("policy.story").await;
    let reasons = told.into_iter().filter_map(|event| match event {
        ControlEvent::CanaryReturned { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.collect()
}

/// Each call goes on under the revision that it met: the canary's to a person, the others accepted.
async fn each_under_its_own(bench: &Bench, ids: &[CallId]) {
    for id in ids {
        // All of them go on from here, whoever is waited for first.
        bench.engine.wait(id, Duration::ZERO).await.unwrap();
    }
    let mut drawn = 0;
    for id in ids {
        let told = bench.rest(id).await;
        let canary = canary_of(&told).is_some();
        assert_eq!(told.state(), if canary { "in_review" } else { "accepted" });
        drawn += usize::from(canary);
    }
    assert!(drawn > 0, "no call was in flight under the canary");
}

#[tokio::test(start_paused = true)]
async fn a_shadow_is_judged_on_the_same_answer_and_changes_nothing_for_the_caller() {
    let bench = with(SHADOW, STRICTER).start().await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.by()), ("accepted", "model"));
    let found = shadow_of(&bench, &told).await;
    let [ControlEvent::ShadowJudged { result, was, now, because, revision, .. }] = found.as_slice()
    else {
        panic!("{found:?}")
    };
    assert_eq!(*result, ShadowResult::Flip);
    assert_eq!((was.as_str(), now.as_str()), ("accepted", "in_review (desk)"));
    assert_eq!(because.as_deref(), Some("`rules.no-ham` objects now"));
    assert_ne!(*revision, told.snapshot.state.received.revision, "it is the draft's");
    assert_eq!(bench.asked("small").len(), 1, "a shadow asks no model");
    assert!(bench.ledger.open_reviews().await.unwrap().is_empty(), "nor a person");
    assert_eq!(bench.look(&told).await.events, told.events, "the call is as it was");
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_ends_alike_is_the_same_and_one_that_asks_otherwise_is_unknown() {
    let same =
        with(SHADOW, "rules: [{id: no-spam, when: output.label == \"spam\", then: reject}]\n");
    let bench = same.start().await;
    let told = bench.ask("text").await;
    let found = shadow_of(&bench, &told).await;
    let [ControlEvent::ShadowJudged { result: ShadowResult::Same, because: None, .. }] =
        found.as_slice()
    else {
        panic!("{found:?}")
    };
    let other = with(SHADOW, "prompt: other\n");
    let other = other.file("prompts/other.md", "Say it otherwise.\n\n{{ input }}\n");
    let bench = other.start().await;
    let told = bench.ask("text").await;
    let found = shadow_of(&bench, &told).await;
    let [ControlEvent::ShadowJudged { result: ShadowResult::Unknown, now, because, .. }] =
        found.as_slice()
    else {
        panic!("{found:?}")
    };
    assert_eq!(now, "unknown");
    assert_eq!(because.as_deref(), Some("`small` was not asked this (answer) then"));
    assert_eq!(bench.asked("small").len(), 1, "and it is not asked now");
}

#[tokio::test(start_paused = true)]
async fn a_shadow_of_a_call_that_a_person_decided_waits_for_that_and_takes_their_word() {
    let bench = with(&format!("{STRICTER}{SHADOW}"), "").start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "in_review");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stream = format!("shadow.{}", told.snapshot.id);
    assert!(bench.control(&stream).await.is_empty(), "the call has not ended");
    let told = bench.decide(&told, "ada", backstop_engine::What::Approve).await.unwrap();
    assert_eq!(told.state(), "approved");
    let found = shadow_of(&bench, &told).await;
    let [ControlEvent::ShadowJudged { was, now, because, .. }] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((was.as_str(), now.as_str()), ("approved", "accepted"));
    assert_eq!(because.as_deref(), Some("`rules.no-ham` objects no more"));
}

#[tokio::test(start_paused = true)]
async fn a_canary_draws_a_share_that_sticks_and_the_record_says_so() {
    let bench = with(&canary("failed_over: 50%"), "deadline: 29s\n").start().await;
    let drawn = ask(&bench, 0, 40).await;
    assert!((8..=32).contains(&drawn), "{drawn} of 40 at a half");
    let base = bench.engine.workspace().policies["story"].plan.revision;
    for turn in 0..10 {
        let text = format!("text {turn}");
        let (one, two) = (bench.ask(&text).await, bench.ask(&text).await);
        assert_eq!(canary_of(&one), canary_of(&two), "the same key meets the same revision");
        let pinned = one.snapshot.state.received.revision;
        assert_eq!(canary_of(&one), (pinned != base).then_some(base));
    }
}

#[tokio::test(start_paused = true)]
async fn a_larger_share_keeps_the_calls_of_a_smaller_one() {
    let of = |share: &str| {
        let keys =
            format!("canary: {{to: drafts/next.yaml, share: {share}, stick_to: \"= input\"}}\n");
        with(&keys, "deadline: 29s\n")
    };
    let (few, many) = (of("10%").start().await, of("60%").start().await);
    let mut counts = (0, 0);
    for turn in 0..60 {
        let text = format!("text {turn}");
        let (small, large) = (few.ask(&text).await, many.ask(&text).await);
        let (small, large) = (canary_of(&small).is_some(), canary_of(&large).is_some());
        assert!(large || !small, "`{text}` was drawn by the small share alone");
        counts = (counts.0 + usize::from(small), counts.1 + usize::from(large));
    }
    assert!(counts.0 > 0 && counts.1 > counts.0 && counts.1 < 60, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_key_stays_with_the_call_that_has_it() {
    let keys = "canary: {to: drafts/next.yaml, share: 50%}\n";
    let bench = with(keys, "deadline: 29s\n").start().await;
    let mut drawn = 0;
    for turn in 0..30 {
        let mut asked = request("the same text");
        asked.key = Some(format!("job-{turn}"));
        let first = bench.submit(&asked).await.unwrap();
        let told = bench.rest(&first.id).await;
        drawn += usize::from(canary_of(&told).is_some());
        let again = bench.submit(&asked).await.unwrap();
        assert_eq!((again.id, again.joined), (first.id, true));
    }
    assert!((5..=25).contains(&drawn), "without `stick_to` each call is drawn: {drawn} of 30");
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_asks_people_too_often_is_taken_back_also_after_a_restart() {
    let bounds = canary("escalated_over: 20%, after: 10");
    let bench = with(&bounds, STRICTER).start().await;
    assert_eq!(ask(&bench, 0, 60).await, 10, "after ten of its calls it is taken back");
    assert_eq!(returned(&bench).await, ["10 of its newest 10 calls went to a person"]);
    assert_eq!(bench.engine.canaries(), [("story".to_owned(), false)]);
    let again = with(&bounds, STRICTER).over(&bench.ledger).start().await;
    assert_eq!(ask(&again, 100, 30).await, 0, "a restart does not let it out again");
    let looser = canary("escalated_over: 90%, after: 100");
    let looser = with(&looser, STRICTER).over(&bench.ledger).start().await;
    assert!(ask(&looser, 200, 30).await > 0, "other terms do");
    let mended = with(&bounds, "deadline: 28s\n").over(&bench.ledger).start().await;
    assert!(ask(&mended, 300, 30).await > 0, "and another draft does");
    assert_eq!(mended.engine.canaries(), [("story".to_owned(), true)]);
}

#[tokio::test(start_paused = true)]
async fn a_canary_whose_calls_fail_is_taken_back_but_a_rule_that_says_no_is_no_failure() {
    let bounds = canary("failed_over: 20%, after: 5");
    let failing = "models: [large]\nfallback: {answer: {label: none}}\notherwise: fallback\n";
    let bench = with(&bounds, failing).model("large", [no_json()]).start().await;
    assert_eq!(ask(&bench, 0, 40).await, 5, "the fallback stood in for a broken answer");
    assert_eq!(returned(&bench).await, ["5 of its newest 5 calls failed"]);
    let strict = "rules: [{id: no-ham, when: output.label == \"ham\", then: reject}]\n";
    let bench = with(&bounds, strict).start().await;
    assert!(ask(&bench, 0, 40).await > 10, "a rule does what it is there for");
    assert!(returned(&bench).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn bounds_are_held_to_the_newest_calls_only() {
    // The first three calls of the draft fail, the others do not: two in five is its bound.
    let bench = with(&canary("failed_over: 60%, after: 5"), "models: [large]\n")
        .model_by("large", |_, turn| {
            if turn < 3 {
                fails(backstop_domain::FailureClass::InvalidRequest)
            } else {
                label("ham")
            }
        })
        .start()
        .await;
    assert!(ask(&bench, 0, 40).await > 10, "three in five is not over 60%");
    assert!(returned(&bench).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reload_without_the_canary_is_for_new_calls_and_its_calls_in_flight_keep_it() {
    let bench = with(&canary("failed_over: 50%"), STRICTER)
        .slow_model("small", Duration::from_secs(5), |_, _| label("ham"))
        .start()
        .await;
    let mut ids = Vec::new();
    for turn in 0..20 {
        ids.push(bench.submit(&request(&format!("text {turn}"))).await.unwrap().id);
    }
    let mut files = bench.files.clone();
    files.insert("policies/story.yaml".to_owned(), policy_text(""));
    files.remove(DRAFT);
    bench.reload(&files).await.unwrap();
    each_under_its_own(&bench, &ids).await;
    assert_eq!(ask(&bench, 100, 20).await, 0);
    assert!(bench.engine.canaries().is_empty());
}

#[test]
fn a_call_of_a_canary_that_a_kill_cut_off_goes_on_under_its_draft_though_the_files_are_gone() {
    let life = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let first = life();
    let (ledger, ids) = first.block_on(async {
        let bench = with(&canary("failed_over: 50%"), STRICTER)
            .slow_model("small", Duration::from_secs(5), |_, _| label("ham"))
            .start()
            .await;
        let mut ids = Vec::new();
        for turn in 0..12 {
            ids.push(bench.submit(&request(&format!("text {turn}"))).await.unwrap().id);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        (bench.ledger.clone(), ids)
    });
    // Every task stops where it stands.
    drop(first);
    life().block_on(async {
        let bench = Setup::policy("").model("small", [label("ham")]).over(&ledger).start().await;
        each_under_its_own(&bench, &ids).await;
    });
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_does_not_take_the_input_leaves_the_call_with_the_policy() {
    let draft = "input: schemas/refund.json\n";
    let bench = with("canary: {to: drafts/next.yaml, share: 99%}\n", draft).start().await;
    assert_eq!(ask(&bench, 0, 10).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_draft_is_called_by_nobody_and_each_is_written_down_once() {
    let bench = with(SHADOW, STRICTER).start().await;
    assert!(bench.engine.workspace().policies.keys().eq(["story"]));
    for _ in 0..2 {
        bench.reload(&bench.files).await.unwrap();
    }
    let loaded = bench.control("policy.story").await;
    let drafts: Vec<bool> = (loaded.iter())
        .filter_map(|event| match event {
            ControlEvent::RevisionLoaded { draft, .. } => Some(*draft),
            _ => None,
        })
        .collect();
    assert_eq!(drafts, [false, true]);
    let known = bench.ledger.stream(&Stream::control("policy.story"), 0).await.unwrap();
    let revision = known[1].envelope.revision.unwrap();
    assert!(bench.engine.policy("story", revision).await.unwrap().is_some());
}

#[test]
fn drafts_decide_nothing_of_the_policys_revision_and_one_that_becomes_the_policy_keeps_its_own() {
    let revision = |setup: &Setup| setup.compiled().plan.revision;
    let alone = revision(&Setup::policy(""));
    assert_eq!(revision(&with(&canary("failed_over: 1%"), STRICTER)), alone);
    assert_eq!(revision(&with(SHADOW, "")), alone);
    let drafts = load(&with(SHADOW, STRICTER).files()).drafts.clone();
    assert_eq!(drafts[DRAFT].plan.revision, revision(&Setup::policy(STRICTER)));
}
