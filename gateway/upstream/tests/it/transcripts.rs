//! Recorded answers of many providers, served again: none ends in anything but its right end.
//!
//! The data stands outside the project; without it the test says so and ends.

use std::path::Path;

use backstop_domain::FailureClass;
use backstop_upstream::chaos::Behaviour;
use backstop_upstream::{AttemptResult, Model};
use serde_json::{Value, json};

use crate::bench::{Bench, request};

#[tokio::test]
async fn every_recorded_exchange_ends_in_an_answer_or_the_class_of_its_status() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/transcripts");
    let Ok(text) = std::fs::read_to_string(root.join("provider_http.jsonl")) else {
        println!("skipped: no recorded exchanges beside the project");
        return;
    };
    let bench = Bench::new().await;
    let model = bench.model(&bench.config());
    let (mut answers, mut streams, mut foreign, mut refused) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for row in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
        let streamed = row["stream"] == json!(true);
        // That host echoes requests; it is no model and answers nothing like one.
        let ours = row["path"].as_str().unwrap().contains("chat/completions")
            && row["host"] != json!("demo-endpoints.pydantic.workers.dev");
        bench.chaos.script([Behaviour::Raw {
            status,
            content_type: row["content_type"].as_str().unwrap_or_default().to_owned(),
            body: row["body"].as_str().unwrap().to_owned(),
        }]);
        let result = model.ask(&request(json!({"messages": [], "stream": streamed}))).await;
        match (&result, status, ours) {
            (AttemptResult::Answered(_), 200..=299, _) => {
                answers += 1;
                streams += usize::from(streamed);
            }
            (AttemptResult::Failed(failure), 200..=299, false)
                if failure.class == FailureClass::Transport =>
            {
                foreign += 1;
            }
            (AttemptResult::Failed(failure), 400, _)
                if failure.class == FailureClass::InvalidRequest =>
            {
                refused += 1;
            }
            (AttemptResult::Failed(failure), 404, _)
                if failure.class == FailureClass::Misconfigured =>
            {
                refused += 1;
            }
            _ => wrong.push(format!("{} {} {result:?}", row["id"], row["path"])),
        }
    }
    println!("{answers} answers ({streams} streamed), {foreign} foreign bodies, {refused} errors");
    for line in &wrong {
        println!("{}", line.chars().take(300).collect::<String>());
    }
    assert!(wrong.is_empty(), "{} exchanges ended wrongly", wrong.len());
}
