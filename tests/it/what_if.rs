//! What would have changed a call: told only where deciding again bears it out.

use backstop_domain::CallId;
use backstop_engine::what_if::WhatIf;
use backstop_tests::bench::{Bench, Setup, label_at, says};

const SURE: &str =
    "models: [small]\nconfidence: {at: output.label, from: [logprobs], accept: 0.90}\n";
const RULE: &str = "models: [small]\nrules:\n  - id: high\n    when: has(output.score) && output.score > 0.5\n    then: escalate\n";

async fn flips(bench: &Bench, id: &CallId) -> Vec<String> {
    match bench.engine.what_if(id).await.expect("the ledger is read").expect("there is a call") {
        WhatIf::Flips(flips) => flips.iter().map(ToString::to_string).collect(),
        WhatIf::Unknown(why) => vec![format!("unknown: {why}")],
    }
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_answer_would_have_been_accepted_at_its_threshold() {
    let bench = Setup::policy(SURE).model("small", [label_at("ham", 0.87)]).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "in_review");
    let flips = flips(&bench, &told.snapshot.id).await;
    let [flip] = flips.as_slice() else { panic!("{flips:?}") };
    let start = "would have been accepted if confidence by logprobs was at least 0.9 (it was 0.8";
    assert!(flip.starts_with(start), "{flip}");
}

#[tokio::test(start_paused = true)]
async fn a_sure_answer_would_have_gone_to_a_person_below_it() {
    let bench = Setup::policy(SURE).model("small", [label_at("ham", 0.95)]).start().await;
    let told = bench.ask("text").await;
    let flips = flips(&bench, &told.snapshot.id).await;
    assert!(
        flips.iter().any(|flip| flip.starts_with(
            "would have been escalated to desk if confidence by logprobs was below 0.9"
        )),
        "{flips:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_is_told_with_the_side_on_which_it_would_have_mattered() {
    let answers = ["{\"label\":\"ham\",\"score\":0.4}", "{\"label\":\"ham\",\"score\":0.7}"];
    let bench = Setup::policy(RULE).model("small", answers.map(says)).start().await;
    let low = bench.ask("low").await;
    let high = bench.ask("high").await;
    let of_low = flips(&bench, &low.snapshot.id).await;
    let of_high = flips(&bench, &high.snapshot.id).await;
    let told = |flips: &[String], wanted: &str| flips.iter().any(|flip| flip == wanted);
    assert!(
        told(
            &of_low,
            "would have been escalated to desk if output.score was above 0.5 (it was 0.4)"
        ),
        "{of_low:?}"
    );
    assert!(
        told(&of_high, "would have been accepted if output.score was at most 0.5 (it was 0.7)"),
        "{of_high:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_there_has_no_answer() {
    let bench = Setup::policy(SURE).start().await;
    let nothing = bench.engine.what_if(&CallId::from("call_none")).await;
    assert_eq!(nothing.expect("the ledger is read"), None);
}
