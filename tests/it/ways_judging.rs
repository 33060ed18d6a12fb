//! Judging: confidence and its sources, services, masks, choices, the cache, and observing.

use backstop_domain::FailureClass as Class;
use backstop_tests::bench::{Setup, fails, label, label_at, reply, says, twice};
use serde_json::{Value, json};
use std::time::Duration;

const SURE: &str = "confidence: {at: output.label, from: [logprobs], accept: {by_model: {small: 0.97, large: 0.90}}}\non: {low_confidence: [next_model, escalate]}\n";

#[tokio::test(start_paused = true)]
async fn each_model_has_its_own_threshold() {
    let bench = Setup::policy(SURE)
        .model("small", [label_at("ham", 0.95)])
        .model("large", [label_at("ham", 0.95)])
        .start()
        .await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.verdicts()), ("accepted", vec!["next_model", "accept"]));
}

#[tokio::test(start_paused = true)]
async fn a_missing_number_is_never_a_pass() {
    let silent = reply("{\"label\":\"ham\"}", Value::Null);
    let bench =
        Setup::policy(SURE).model("small", [silent.clone()]).model("large", [silent]).start().await;
    assert_eq!(bench.ask("text").await.state(), "in_review");
}

#[tokio::test(start_paused = true)]
async fn votes_agree_or_tie() {
    let policy = "models: [small]\nbudget: {attempts: 3}\nconfidence: {at: output.label, from: [votes: 3], accept: 0.6}\n";
    let two_of_three = [label("ham"), label("spam"), label("ham")];
    let bench = Setup::policy(policy).model("small", two_of_three).start().await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.attempts().len()), ("accepted", 3));
    assert_eq!(told.output(), json!({ "label": "ham" }));
    let each_their_own = [label("ham"), label("spam"), label("unsure")];
    let bench = Setup::policy(policy).model("small", each_their_own).start().await;
    assert_eq!(bench.ask("text").await.state(), "in_review");
}

#[tokio::test(start_paused = true)]
async fn a_number_that_the_model_reports_counts_and_so_does_a_formula() {
    let reported = "confidence: {at: output.label, from: [reported: score], accept: 0.8}\n";
    let formula =
        "confidence: {from: [calc: \"has(output.score) ? output.score : 0.0\"], accept: 0.8}\n";
    for policy in [reported, formula] {
        let bench = Setup::policy(policy)
            .model(
                "small",
                [
                    says("{\"label\":\"ham\",\"score\":0.9}"),
                    says("{\"label\":\"ham\",\"score\":0.5}"),
                ],
            )
            .start()
            .await;
        assert_eq!(bench.ask("sure").await.state(), "accepted", "{policy}");
        assert_eq!(bench.ask("unsure").await.state(), "in_review", "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_passes_fails_errs_and_is_slow() {
    let policy = "checks: {safe: {service: detector, at: output, fail_over: 0.5, then: reject, on_error: escalate}}\n";
    let cases: [(Result<f64, String>, u64, &str); 4] = [
        (Ok(0.1), 0, "accepted"),
        (Ok(0.9), 0, "refused"),
        (Err("broken".to_owned()), 0, "in_review"),
        (Ok(0.1), 60, "in_review"),
    ];
    for (score, seconds, state) in cases {
        let bench = Setup::policy(policy)
            .service("detector", Duration::from_secs(seconds), move |_| score.clone())
            .start()
            .await;
        assert_eq!(bench.ask("text").await.state(), state);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_keeps_failing_is_rested_and_that_is_recorded() {
    let policy =
        "checks: {safe: {service: detector, at: output, then: reject, on_error: escalate}}\n";
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let bench = Setup::policy(policy)
        .service("detector", Duration::ZERO, move |_| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Err("broken".to_owned())
        })
        .start()
        .await;
    for number in 0..9 {
        assert_eq!(bench.ask(&format!("text {number}")).await.state(), "in_review");
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 5, "five in a row open it");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(bench.control("model.service.detector").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_check_found_is_masked_without_a_model() {
    let policy = "output: text\nmodels: [small]\nchecks: {privacy: {personal_data: [email], at: output, then: {repair: {mask: privacy}}}}\n";
    let bench =
        Setup::policy(policy).model("small", [says("Write to ann@example.org.")]).start().await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.attempts().len()), ("accepted", 1));
    assert_eq!(told.output(), "Write to [email].");
}

#[tokio::test(start_paused = true)]
async fn every_choice_is_judged_and_the_strictest_verdict_is_the_answers() {
    let policy = "rules: [{id: no-spam, when: output.label == \"spam\", then: reject}]\n";
    let bench = Setup::policy(policy)
        .model("small", [twice("{\"label\":\"ham\"}", "{\"label\":\"spam\"}")])
        .start()
        .await;
    assert_eq!(bench.ask("text").await.state(), "refused");
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_is_given_again_until_it_is_too_old() {
    let bench = Setup::policy("cache: 1h\n").start().await;
    assert_eq!(bench.ask("text").await.by(), "model");
    let second = bench.ask("text").await;
    assert_eq!((second.state(), second.by()), ("accepted", "cache"));
    assert_eq!(bench.ask("another").await.by(), "model");
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_that_is_objected_to_is_a_miss() {
    let policy = "cache: 1h\nrules: [{id: fresh, when: answer.by == \"cache\", then: reject}]\n";
    let bench = Setup::policy(policy).start().await;
    bench.ask("text").await;
    let second = bench.ask("text").await;
    assert_eq!((second.state(), second.by(), second.attempts().len()), ("accepted", "model", 1));
}

#[tokio::test(start_paused = true)]
async fn observing_records_the_objection_and_lets_the_answer_go_unchecked() {
    let policy =
        "mode: observe\nrules: [{id: no-ham, when: output.label == \"ham\", then: reject}]\n";
    let bench = Setup::policy(policy).start().await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.by()), ("observed", "model"));
    assert!(told.findings().iter().any(|finding| finding.by.contains("no-ham")));
    // Without an answer there is nothing to observe: the ladder is taken.
    let down = Setup::policy("mode: observe\non: {transport: reject}\n");
    let down = down.model("small", [fails(Class::Transport)]).start().await;
    assert_eq!(down.ask("text").await.state(), "refused");
}

#[tokio::test(start_paused = true)]
async fn a_before_rule_refuses_without_asking_a_model() {
    let policy =
        "before: [{id: empty, when: input == \"-\", then: {reject: \"Say something.\"}}]\n";
    let bench = Setup::policy(policy).start().await;
    let told = bench.ask("-").await;
    assert_eq!((told.state(), told.ended().cause.text.as_str()), ("refused", "Say something."));
    assert!(bench.asked("small").is_empty());
}
