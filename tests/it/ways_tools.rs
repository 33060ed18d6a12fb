//! Tools: what is denied, what is not to its schema, and limits that hold under a race.

use backstop_engine::What;
use backstop_tests::bench::{Bench, Setup, Told, calls_tool, says};
use serde_json::json;

const REFUNDS: &str = "
output: text
models: [small]
queue: desk
tools:
  refund:
    effect: irreversible
    args: schemas/refund.json
    limits: [{calls: 2/day}]
    then: [reject]
";

fn refund(cents: u64) -> backstop_upstream::AttemptResult {
    calls_tool("refund", &json!({ "order": "A1", "cents": cents }))
}

fn released(told: &Told) -> bool {
    told.answer().is_some_and(|answer| answer.calls_tools())
}

#[tokio::test(start_paused = true)]
async fn the_third_refund_of_a_day_is_denied() {
    let bench = Setup::policy(REFUNDS).model("small", [refund(5)]).start().await;
    assert!(released(&bench.ask("one").await));
    assert!(released(&bench.ask("two").await));
    let third = bench.ask("three").await;
    assert_eq!((third.state(), third.class()), ("refused", "tool_denied"));
    assert!(third.ended().cause.text.contains("limit of 2 per day"), "{:?}", third.ended());
}

#[tokio::test(start_paused = true)]
async fn a_day_later_there_is_room_again() {
    let bench = Setup::policy(REFUNDS).model("small", [refund(5)]).start().await;
    bench.ask("one").await;
    bench.ask("two").await;
    tokio::time::sleep(std::time::Duration::from_secs(86_400 - 5)).await;
    assert_eq!(bench.ask("three").await.state(), "refused");
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    assert!(released(&bench.ask("four").await));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_refund_gives_its_place_back() {
    let policy = format!("{REFUNDS}    rules:\n      - {{id: person, then: escalate}}\n");
    let bench = Setup::policy(&policy).model("small", [refund(5)]).start().await;
    let first = bench.ask("one").await;
    let second = bench.ask("two").await;
    assert_eq!(bench.ask("three").await.state(), "refused");
    let no = bench.decide(&first, "ada", What::Reject).await.unwrap();
    assert_eq!(no.state(), "rejected");
    let again = bench.ask("four").await;
    assert_eq!(again.state(), "in_review");
    // An approved one counts from its release.
    let yes = bench.decide(&second, "ada", What::Approve).await.unwrap();
    assert!(released(&yes));
    assert_eq!(bench.ask("five").await.state(), "refused");
}

#[tokio::test(start_paused = true)]
async fn fifty_at_once_under_a_limit_of_two_release_exactly_two() {
    let bench = Setup::policy(REFUNDS)
        .slow_model("small", std::time::Duration::from_millis(20), |_, _| refund(5))
        .start()
        .await;
    let bench = std::sync::Arc::new(bench);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..50 {
        let bench = std::sync::Arc::clone(&bench);
        calls.spawn(async move { bench.ask(&format!("refund {number}")).await });
    }
    let told = calls.join_all().await;
    assert_eq!(told.iter().filter(|told| released(told)).count(), 2);
    assert_eq!(told.iter().filter(|told| told.state() == "refused").count(), 48);
}

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_neither_what_was_paid_nor_what_waits() {
    let policy = format!(
        "{REFUNDS}    rules:\n      - {{id: person, when: tool.args.cents > 10, then: escalate}}\n"
    );
    let first = Setup::policy(&policy).model("small", [refund(5), refund(50)]).start().await;
    assert!(released(&first.ask("paid").await));
    let waits = first.ask("waits").await;
    assert_eq!(waits.state(), "in_review");
    let second =
        Setup::policy(&policy).model("small", [refund(5)]).over(&first.ledger).start().await;
    assert_eq!(second.ask("a third").await.state(), "refused");
    let no = second.decide(&waits, "ada", What::Reject).await.unwrap();
    assert_eq!(no.state(), "rejected");
    assert!(released(&second.ask("in its place").await));
}

#[tokio::test(start_paused = true)]
async fn an_amount_is_counted_and_an_edit_counts_as_it_was_edited() {
    let policy = "
output: text
models: [small]
tools:
  refund:
    effect: write
    args: schemas/refund.json
    limits: [{sum: \"= tool.args.cents\", at_most: 100/day}]
    then: [reject]
    rules:
      - {id: person, when: tool.args.cents > 60, then: {escalate: {may_edit: [tool.args.cents]}}}
";
    let bench =
        Setup::policy(policy).model("small", [refund(90), refund(50), refund(51)]).start().await;
    let big = bench.ask("ninety").await;
    assert_eq!(bench.ask("fifty").await.state(), "refused");
    let args = json!({ "order": "A1", "cents": 50 });
    let edit = What::Edit(backstop_engine::Edit::ToolArgs { index: 0, args });
    let edited = bench.decide(&big, "ada", edit).await.unwrap();
    assert_eq!((edited.state(), edited.by()), ("edited", "human"));
    // Fifty are left: 51 are too many.
    assert_eq!(bench.ask("fifty one").await.state(), "refused");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_not_listed_is_denied_and_the_model_told_once() {
    let bench = Setup::policy("output: text\nmodels: [small]\ntools: {refund: {effect: read, args: schemas/refund.json}}\n")
        .model("small", [calls_tool("delete_all", &json!({})), says("I cannot do that.")])
        .start()
        .await;
    let told = bench.ask("delete everything").await;
    assert_eq!(told.verdicts(), ["repair", "accept"]);
    assert_eq!(told.output(), "I cannot do that.");
    let repair = bench.asked("small")[1].to_string();
    assert!(repair.contains("delete_all"), "{repair}");
}

#[tokio::test(start_paused = true)]
async fn arguments_off_their_schema_are_repaired_once_then_a_person_looks() {
    let wrong = calls_tool("refund", &json!({ "order": "A1", "cents": "many" }));
    let bench: Bench = Setup::policy("output: text\nmodels: [small]\ntools: {refund: {effect: write, args: schemas/refund.json}}\n")
        .model("small", [wrong])
        .start()
        .await;
    let told = bench.ask("refund me").await;
    assert_eq!(told.verdicts(), ["repair", "escalate"]);
    assert_eq!(told.queue(), "desk");
    let repair = bench.asked("small")[1].to_string();
    assert!(repair.contains("/cents"), "the pointer is told: {repair}");
}
