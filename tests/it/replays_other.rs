//! `what_if`: a recorded call under another revision, with the answers that were given then.

use backstop_domain::FailureClass as Class;
use backstop_engine::{
    What,
    replay::{End, Kind, Other, Said, Unknown, Went, what_if},
};
use backstop_tests::bench::{Bench, Setup, Told, calls_tool, fails, label, label_at};
use serde_json::json;

const NO_SPAM: &str = "rules: [{id: no-spam, when: output.label == \"spam\", then: escalate}]\n";

/// The call under another policy, and under the one that it was pinned to.
async fn under(bench: &Bench, told: &Told, pinned: &str, other: Setup) -> Went {
    let record = bench.engine.recorded(&told.snapshot.id).await.unwrap();
    let (policy, pinned) = (other.compiled(), Setup::policy(pinned).compiled());
    let other = Other { policy: &policy, pinned: Some(&pinned), salt: None };
    what_if(&record, other).went
}

async fn spam(policy: &str) -> (Bench, Told) {
    let bench = Setup::policy(policy).model("small", [label("spam")]).start().await;
    let told = bench.ask("text").await;
    (bench, told)
}

#[tokio::test(start_paused = true)]
async fn under_its_own_revision_it_goes_as_it_went() {
    let policy = "on: {transport: [retry, next_model]}\n";
    let bench = Setup::policy(policy)
        .model("small", [fails(Class::Transport), fails(Class::Transport)])
        .model("large", [label("ham")])
        .start()
        .await;
    let told = bench.ask("text").await;
    let went = under(&bench, &told, policy, Setup::policy(policy)).await;
    let ended = told.ended().clone();
    assert_eq!(went.end, End::Ended { ended });
    assert_eq!((went.attempts, went.cost), (3, told.snapshot.state.cost()));
    let record = bench.engine.recorded(&told.snapshot.id).await.unwrap();
    assert_eq!(Went::recorded(&record).unwrap(), went);
}

#[tokio::test(start_paused = true)]
async fn a_new_rule_would_have_asked_a_person() {
    let (bench, told) = spam("").await;
    assert_eq!(told.state(), "accepted");
    let went = under(&bench, &told, "", Setup::policy(NO_SPAM)).await;
    assert_eq!(went.end, End::Waits { queue: "desk".to_owned() });
    assert_eq!(went.kind(), Some(Kind::Person));
    assert_eq!(went.decisions.last().unwrap().because, ["rules.no-spam"]);
}

#[tokio::test(start_paused = true)]
async fn another_prompt_makes_the_answer_unknown_and_says_what_is_possible() {
    let (bench, told) = spam("").await;
    let other = Setup::policy(NO_SPAM).file("prompts/story.md", "Another prompt.\n\n{{ input }}\n");
    let went = under(&bench, &told, "", other).await;
    let End::Unknown { reason, bounds } = went.end else { panic!("{went:?}") };
    assert!(matches!(reason, Unknown::NotAsked { model, .. } if model == "small"));
    // An escalation is written, and `otherwise: reject` is the last rung of every ladder.
    assert_eq!((bounds.best, bounds.worst), (Kind::Automatic, Kind::Nothing));
    assert!(bounds.could.contains(&Kind::Person));
    assert!(bounds.cost_at_most.unwrap() > bounds.cost_at_least);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_never_asked_for_is_unknown() {
    let (bench, told) = spam("").await;
    let policy = "rules: [{id: no-spam, when: output.label == \"spam\", then: [next_model]}]\n";
    let went = under(&bench, &told, "", Setup::policy(policy)).await;
    let End::Unknown { reason, .. } = &went.end else { panic!("{went:?}") };
    assert_eq!(reason.to_string(), "`large` was not asked this (answer) then");
    assert_eq!(went.decisions.last().unwrap().verdict.name(), "next_model");
}

#[tokio::test(start_paused = true)]
async fn a_persons_word_counts_for_what_that_person_saw_in_that_queue() {
    let (bench, told) = spam(NO_SPAM).await;
    let approved = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(approved.state(), "approved");
    // The same queue, the same answer, for another reason: the word holds.
    let renamed = Setup::policy(&NO_SPAM.replace("no-spam", "spam-is-looked-at"));
    let went = under(&bench, &approved, NO_SPAM, renamed).await;
    assert_eq!(went.end.name(), "approved");
    // Another queue: those people were never asked.
    let elsewhere = Setup::policy(&NO_SPAM.replace("then: escalate", "then: {escalate: second}"));
    let went = under(&bench, &approved, NO_SPAM, elsewhere).await;
    assert_eq!(went.end, End::Waits { queue: "second".to_owned() });
    // Without the rule nobody is asked, and what the person said of it is known.
    let went = under(&bench, &approved, NO_SPAM, Setup::policy("")).await;
    assert_eq!((went.end.name(), went.person_said), ("accepted", Some(Said::Approved)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_person_rejected_would_have_left() {
    let (bench, told) = spam(NO_SPAM).await;
    let rejected = bench.decide(&told, "ada", What::Reject).await.unwrap();
    assert_eq!(rejected.state(), "rejected");
    let went = under(&bench, &rejected, NO_SPAM, Setup::policy("")).await;
    assert_eq!((went.end.name(), went.person_said), ("accepted", Some(Said::Rejected)));
}

#[tokio::test(start_paused = true)]
async fn votes_that_were_held_count_again_and_more_of_them_are_unknown() {
    let votes = |k: u32, accept: &str| {
        format!(
            "confidence: {{at: output.label, from: [votes: {k}], accept: {accept}}}\nbudget: {{attempts: 9}}\n"
        )
    };
    let bench = Setup::policy(&votes(3, "0.90"))
        .model_by("small", |_, turn| label_at(if turn == 2 { "spam" } else { "ham" }, 0.5))
        .start()
        .await;
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.attempts().len()), ("in_review", 3));
    let went = under(&bench, &told, &votes(3, "0.90"), Setup::policy(&votes(3, "0.60"))).await;
    assert_eq!(went.end.name(), "accepted");
    assert_eq!(went.cost, told.snapshot.state.cost(), "the votes are paid for");
    let went = under(&bench, &told, &votes(3, "0.90"), Setup::policy(&votes(5, "0.60"))).await;
    assert_eq!(went.end.name(), "unknown");
}

#[tokio::test(start_paused = true)]
async fn a_sample_that_was_not_drawn_is_unknown_without_the_salt_and_known_with_it() {
    let (bench, told) = spam("").await;
    let policy = "rules: [{id: look, when: \"sample(call.key, 0.5)\", then: escalate}]\n";
    let went = under(&bench, &told, "", Setup::policy(policy)).await;
    let End::Unknown { reason, .. } = &went.end else { panic!("{went:?}") };
    assert_eq!(*reason, Unknown::Sample { by: "rules.look".to_owned() });
    let record = bench.engine.recorded(&told.snapshot.id).await.unwrap();
    let (policy, salt) = (Setup::policy(policy).compiled(), [7; 32]);
    let other = Other { policy: &policy, pinned: None, salt: Some(&salt) };
    assert!(what_if(&record, other).went.kind().is_some());
}

#[tokio::test(start_paused = true)]
async fn room_under_another_limit_on_a_tool_is_unknown() {
    let policy = |limit: &str| {
        format!(
            "output: text\nmodels: [small]\ntools:\n  refund:\n    effect: irreversible\n    args: schemas/refund.json\n    limits: [{{calls: {limit}}}]\n"
        )
    };
    let refund = calls_tool("refund", &json!({ "order": "A1", "cents": 5 }));
    let bench = Setup::policy(&policy("2/day")).model("small", [refund]).start().await;
    let told = bench.ask("one").await;
    let rule = format!(
        "{}    rules: [{{id: small, unless: tool.args.cents < 3, then: escalate}}]\n",
        policy("2/day")
    );
    let went = under(&bench, &told, &policy("2/day"), Setup::policy(&rule)).await;
    assert_eq!(went.end.name(), "in_review", "the limit is the same, and there was room");
    let went = under(&bench, &told, &policy("2/day"), Setup::policy(&policy("1/day"))).await;
    let End::Unknown { reason, .. } = &went.end else { panic!("{went:?}") };
    assert_eq!(*reason, Unknown::ToolLimit { tool: "refund".to_owned() });
}

#[tokio::test(start_paused = true)]
async fn an_input_that_the_new_schema_refuses_never_becomes_a_call() {
    let (bench, told) = spam("").await;
    let narrow = json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string" } } });
    let other = Setup::policy("input: schemas/in.json\n")
        .file("policies/schemas/in.json", &narrow.to_string());
    let went = under(&bench, &told, "", other).await;
    assert_eq!((went.end.name(), went.attempts), ("refused", 0));
}
