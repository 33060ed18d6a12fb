//! Every failure class takes its own branch, and one budget and one deadline bound them all.

use backstop_domain::FailureClass as Class;
use backstop_tests::bench::{
    Setup, cut, declined, fails, label, label_at, no_json, request, says, throttled,
};
use serde_json::json;
use std::time::Duration;

/// A policy whose branch for `class` falls back, while everything else rejects.
fn branch(class: Class) -> String {
    let name = class.name();
    let others = if name == "transport" { "timeout" } else { "transport" };
    format!(
        "on:\n  {name}: fallback\n  {others}: reject\nfallback: {{answer: {{label: none}}}}\n\
         otherwise: reject\n"
    )
}

#[tokio::test(start_paused = true)]
async fn what_a_model_says_of_itself_takes_its_own_branch() {
    let failures = [
        Class::Transport,
        Class::Timeout,
        Class::Throttled,
        Class::Overloaded,
        Class::Quota,
        Class::Misconfigured,
        Class::InvalidRequest,
        Class::Interrupted,
    ];
    for class in failures {
        let bench = Setup::policy(&branch(class)).model("small", [fails(class)]).start().await;
        let told = bench.ask("text").await;
        assert_eq!((told.state(), told.class()), ("fallback", class.name()), "{class}");
        assert_eq!(told.attempts(), ["small answer"], "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_answer_takes_its_own_branch() {
    let wrong = [
        (Class::Declined, declined()),
        (Class::Truncated, cut()),
        (Class::Malformed, no_json()),
        (Class::Schema, says("{\"label\": \"junk\"}")),
    ];
    for (class, answer) in wrong {
        let bench = Setup::policy(&branch(class)).model("small", [answer]).start().await;
        let told = bench.ask("text").await;
        assert_eq!((told.state(), told.class()), ("fallback", class.name()), "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn doubt_a_rule_a_check_and_an_error_take_theirs() {
    let doubt = "confidence: {at: output.label, from: [logprobs], accept: 0.9}\n";
    let rule = "rules: [{id: no-ham, when: output.label == \"ham\", then: fallback}]\n";
    let check = "checks: {short: {size: {chars: 3}, at: output, then: fallback}}\n";
    let error =
        "checks: {asks: {service: detector, at: output, then: reject}}\non_error: fallback\n";
    let cases = [
        (format!("{doubt}{}", branch(Class::LowConfidence)), Class::LowConfidence),
        (format!("{rule}fallback: {{answer: {{label: none}}}}\n"), Class::Rule),
        (format!("{check}fallback: {{answer: \"no\"}}\noutput: text\n"), Class::Check),
        (format!("{error}fallback: {{answer: {{label: none}}}}\n"), Class::CheckError),
    ];
    for (policy, class) in cases {
        let bench = Setup::policy(&policy)
            .model("small", [label_at("ham", 0.5)])
            .service("detector", Duration::ZERO, |_| Err("it is away".to_owned()))
            .start()
            .await;
        let told = bench.ask("text").await;
        assert_eq!((told.state(), told.class()), ("fallback", class.name()), "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_guards_take_theirs() {
    let one = "    price: {input: $1/M, output: $1/M}\n    max_output: 100\n    logprobs: true\n    schema: true\n    tools: true\n  large:";
    let limited = one.replace("  large:", "    limits: [{requests: 1/day, burst: 1}]\n  large:");
    let bench = Setup::policy(&branch(Class::Limit)).gateway(one, &limited).start().await;
    assert_eq!(bench.ask("first").await.state(), "accepted");
    let told = bench.ask("second").await;
    assert_eq!((told.state(), told.class()), ("fallback", "limit"));
    assert_eq!(bench.asked("small").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_with_jitter_and_retry_after_wins() {
    let policy = "on: {throttled: [{retry: {times: 1, backoff: 100ms}}], transport: [{retry: {times: 1, backoff: 4s}}]}\n";
    let bench =
        Setup::policy(policy).model("small", [throttled(3_000), label("ham")]).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.verdicts(), ["retry", "accept"]);
    assert!(told.after("wait_ended") >= 3_000, "it waited {} ms", told.after("wait_ended"));
    let down = fails(Class::Transport);
    let bench = Setup::policy(policy).model("small", [down, label("ham")]).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.verdicts(), ["retry", "accept"]);
    assert!(told.after("call_ended") <= 4_000, "full jitter stays under the backoff");
}

#[tokio::test(start_paused = true)]
async fn after_a_cut_answer_the_retry_has_twice_the_room() {
    let bench = Setup::policy("on: {truncated: [retry]}\n")
        .file("prompts/story.md", "---\nmax_tokens: 20\n---\n{{ input }}\n")
        .model("small", [cut(), label("ham")])
        .start()
        .await;
    assert_eq!(bench.ask("text").await.state(), "accepted");
    let caps: Vec<u64> = (bench.asked("small").iter())
        .filter_map(|body| body.get("max_tokens").or(body.get("max_completion_tokens"))?.as_u64())
        .collect();
    assert_eq!(caps, [20, 40]);
}

#[tokio::test(start_paused = true)]
async fn one_budget_covers_retries_repairs_and_next_models() {
    let policy = "models: [small, large, third]\nbudget: {attempts: 3}\n\
         on: {transport: [retry: 5, next_model], schema: [repair: 5, next_model]}\n\
         fallback: {answer: {label: none}}\notherwise: fallback\n";
    let wrong = says("{\"label\": \"junk\"}");
    let bench = Setup::policy(policy)
        .model("small", [fails(Class::Transport), wrong.clone()])
        .start()
        .await;
    let told = bench.ask("text").await;
    assert_eq!(told.attempts(), ["small answer", "small answer", "small repair"]);
    assert_eq!(told.state(), "fallback");
}

#[tokio::test(start_paused = true)]
async fn one_deadline_covers_everything_and_leaves_time_for_the_fallback() {
    let policy = "deadline: 3s\nbudget: {attempts: 9}\non: {transport: [retry: 9]}\n\
         fallback: {answer: {label: none}}\notherwise: fallback\n";
    let bench = Setup::policy(policy)
        .slow_model("small", Duration::from_secs(1), |_, _| fails(Class::Transport))
        .start()
        .await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "fallback");
    assert!(told.after("call_ended") <= 3_000, "{} ms", told.after("call_ended"));
    assert!(told.attempts().len() < 4, "{:?}", told.attempts());
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_tokens_or_money_stops_the_next_attempt() {
    for budget in ["{attempts: 9, tokens: 200}", "{attempts: 9, cost: $0.0002}"] {
        let policy = format!(
            "budget: {budget}\non: {{transport: [retry: 9]}}\n\
             fallback: {{answer: {{label: none}}}}\notherwise: fallback\n"
        );
        let down = fails(Class::Transport);
        let bench = Setup::policy(&policy).model("small", [down]).start().await;
        let told = bench.ask("text").await;
        assert_eq!((told.state(), told.attempts().len()), ("fallback", 1), "{budget}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_tells_the_model_the_pointer_and_the_words() {
    let bench = Setup::policy("on: {schema: [repair]}\n")
        .model("small", [says("{\"label\": \"ham\", \"score\": 7}"), label("ham")])
        .start()
        .await;
    assert_eq!(bench.ask("text").await.verdicts(), ["repair", "accept"]);
    let repair = bench.asked("small")[1].to_string();
    assert!(repair.contains("/score"), "{repair}");
}

#[tokio::test(start_paused = true)]
async fn the_next_model_is_asked_when_the_first_is_away() {
    let bench =
        Setup::policy("on: {transport: [next_model]}\n").model("small", [fails(Class::Transport)]);
    let told = bench.start().await.ask("text").await;
    assert_eq!(told.attempts(), ["small answer", "large answer"]);
    assert_eq!((told.state(), told.by()), ("accepted", "model"));
}

#[tokio::test(start_paused = true)]
async fn the_first_fallback_row_that_matches_answers() {
    let rows = "fallback:\n  - {when: input == \"a\", answer: {label: spam}}\n  - {when: input == \"b\", answer: {label: \"= \\\"un\\\" + \\\"sure\\\"\"}}\n  - {answer: {label: none}}\notherwise: fallback\non: {transport: fallback}\n";
    let down = fails(Class::Transport);
    let bench = Setup::policy(rows).model("small", [down]).start().await;
    for (input, label) in [("a", "spam"), ("b", "unsure"), ("c", "none")] {
        let told = bench.ask(input).await;
        assert_eq!(told.output(), json!({ "label": label }));
        assert_eq!((told.state(), told.by()), ("fallback", "rule"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_stands_in_for_as_long_as_the_policy_says() {
    let policy = "fallback:\n  - {answer: last_good, within: 1h}\n  - {answer: {label: none}}\n\
         otherwise: fallback\non: {transport: fallback}\n";
    let bench =
        Setup::policy(policy).model("small", [label("ham"), fails(Class::Transport)]).start().await;
    assert_eq!(bench.ask("text").await.state(), "accepted");
    assert_eq!(bench.ask("text").await.output(), json!({ "label": "ham" }));
    tokio::time::sleep(Duration::from_secs(3_700)).await;
    assert_eq!(bench.ask("text").await.output(), json!({ "label": "none" }));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_ends_at_once_and_is_told_so() {
    let bench = Setup::policy("")
        .slow_model("small", Duration::from_secs(10), |_, _| label("ham"))
        .start()
        .await;
    let id = bench.submit(&request("text")).await.unwrap().id;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let who = backstop_domain::Actor::system("story");
    bench.engine.cancel(&id, who, "not needed".to_owned()).await.unwrap();
    let told = bench.rest(&id).await;
    assert_eq!((told.state(), told.by()), ("cancelled", "nobody"));
    assert!(told.after("call_ended") < 2_000);
}
