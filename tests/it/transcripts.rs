//! Real providers' recorded answers, replayed by a local upstream: whatever they sent, the gateway
//! does not panic, and each exchange ends in one known outcome. The recordings lie beside the
//! repository (`../shared/data/transcripts`) and are not needed to build or run it.

use backstop_tests::{Answered, Gateway, Reply, Upstream, Workspace};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const OUTCOMES: [&str; 4] = ["accepted", "refused", "failed", "fallback"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_answer_ends_in_one_known_outcome() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("shared/data/transcripts/provider_http.jsonl");
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let rows: Vec<Value> = text.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let upstream = replaying(&rows).await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for row in &rows {
        let answer = gateway.caller().post("/v1/chat/completions", &request(row)).await.unwrap();
        let outcome = answer.header("backstop-outcome").to_owned();
        problems.extend(judge(row, &answer, &outcome));
        *counts.entry(format!("{} {outcome}", answer.status.as_u16())).or_default() += 1;
    }
    println!("{} recordings: {counts:?}", rows.len());
    assert!(!workspace.log().contains("panicked"), "something panicked: see the log");
    assert!(problems.is_empty(), "{} problem(s)\n  {}", problems.len(), problems.join("\n  "));
}

/// An upstream that sends each recording as it was, when its id is mentioned.
async fn replaying(rows: &[Value]) -> Upstream {
    let by_id: HashMap<String, Value> =
        rows.iter().map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone())).collect();
    let by_id = Arc::new(by_id);
    Upstream::start(move |request| {
        let asked = request["messages"][0]["content"].as_str().unwrap_or_default();
        let row = &by_id[asked];
        Reply {
            status: row["status"].as_u64().unwrap() as u16,
            content_type: row["content_type"].as_str().unwrap_or("application/json").to_owned(),
            body: row["body"].as_str().unwrap_or_default().to_owned(),
            delay: Duration::ZERO,
            headers: Vec::new(),
        }
    })
    .await
}

/// Asks for the recording, streamed if it was, with the tools and the form that it had.
fn request(row: &Value) -> Value {
    let messages = json!([{ "role": "user", "content": row["id"] }]);
    let mut body = json!({ "model": "recorded", "messages": messages });
    if row["stream"] == true {
        body["stream"] = json!(true);
    }
    if is_chat(row) {
        for name in ["tools", "response_format", "logprobs", "top_logprobs"] {
            if let Some(value) = row["request"].get(name).filter(|value| !value.is_null()) {
                body[name] = value.clone();
            }
        }
    }
    body
}

/// Whether the recording is an answer in the form that the gateway speaks with models. Some
/// providers speak it under a path of their own.
fn is_chat(row: &Value) -> bool {
    let body: Option<Value> = row["body"].as_str().and_then(|b| serde_json::from_str(b).ok());
    body.is_some_and(|body| body["object"] == "chat.completion")
        || row["path"].as_str().is_some_and(|path| path.ends_with("/chat/completions"))
}

fn judge(row: &Value, answer: &Answered, outcome: &str) -> Vec<String> {
    let (id, status) = (&row["id"], answer.status.as_u16());
    let mut problems = Vec::new();
    if !OUTCOMES.contains(&outcome) || ![200, 400, 422, 502, 503].contains(&status) {
        problems.push(format!("{id}: {status} `{outcome}`: {}", answer.text));
    }
    if !is_chat(row) && outcome == "accepted" {
        problems.push(format!("{id}: no chat completion, yet accepted: {}", answer.text));
    }
    let streamed = row["stream"] == true && status == 200;
    if streamed && !answer.text.ends_with("data: [DONE]\n\n") {
        problems.push(format!("{id}: a stream without an end: {}", answer.text));
    }
    let said = if streamed {
        streamed_text(&answer.text)
    } else {
        answer.body["choices"][0]["message"]["content"].as_str().map(str::to_owned)
    };
    if let Some(text) = plain_text(row).filter(|_| outcome == "accepted")
        && said.as_ref() != Some(&text)
    {
        problems.push(format!("{id}: the model said {text:?}, the gateway {said:?}"));
    }
    problems
}

/// The text of a chat answer that ended by itself, whole or in chunks.
fn plain_text(row: &Value) -> Option<String> {
    let recorded = row["body"].as_str().filter(|_| is_chat(row) && row["status"] == 200)?;
    if row["stream"] == true {
        return streamed_text(recorded);
    }
    let body: Value = serde_json::from_str(recorded).ok()?;
    let choice = &body["choices"][0];
    let text = choice["message"]["content"].as_str()?;
    (choice["finish_reason"] == "stop").then(|| text.to_owned())
}

/// The text of the first choice of a stream, if it ended by itself.
fn streamed_text(body: &str) -> Option<String> {
    let events = body.lines().filter_map(|line| line.strip_prefix("data:"));
    let chunks: Vec<Value> =
        events.filter_map(|event| serde_json::from_str(event.trim()).ok()).collect();
    let choices: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"].get(0))
        .filter(|choice| choice["index"] == 0)
        .collect();
    let ended = choices.iter().any(|choice| choice["finish_reason"] == "stop");
    let said: String =
        choices.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
    (ended && !said.is_empty()).then_some(said)
}
