//! Invoices by number, and a model that reads them: mostly right and sure, sometimes neither.

use backstop_upstream::{AskRequest, AttemptResult, simulated::from_body};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Files = BTreeMap<String, Vec<u8>>;

/// Vendors of the sample's file, and one that is not in it.
const VENDORS: [(&str, &str); 5] = [
    ("Alder Office Supply", "DE75512108001245126199"),
    ("Brightside Cleaning", "DE02120300000000202051"),
    ("Kite Robotics", "NL91ABNA0417164300"),
    ("Nordwind Logistics", "DE89370400440532013000"),
    ("Nobody Ltd", "DE89370400440532013000"),
];

/// The sample, without the limits that a flood of calls would meet.
pub fn unlimited(mut files: Files) -> Files {
    change(
        &mut files,
        "policies/invoice-triage.yaml",
        &[("limits: [{requests: 600/min, per: caller}, {concurrency: 32}]", "")],
    );
    change(
        &mut files,
        "policies/gateway.yaml",
        &[("url: {env: MODEL_BASE_URL}", "url: \"http://127.0.0.1:1/v1\"")],
    );
    files
}

/// What an author proposes: a lower limit for approvals, and a higher threshold.
pub fn proposed(mut files: Files) -> Files {
    change(
        &mut files,
        "policies/invoice-triage.yaml",
        &[("approval_cents: 500000", "approval_cents: 400000"), ("accept: 0.90", "accept: 0.95")],
    );
    files
}

fn change(files: &mut Files, path: &str, pieces: &[(&str, &str)]) {
    let file = files.get_mut(path).expect("a file of the sample");
    let mut text = String::from_utf8(file.clone()).expect("it is text");
    for (piece, by) in pieces {
        assert!(text.contains(piece), "{path} has no `{piece}`");
        text = text.replace(piece, by);
    }
    *file = text.into_bytes();
}

/// The invoice of that number.
pub fn invoice(turn: usize) -> Value {
    let vendor = if turn.is_multiple_of(37) { VENDORS[4] } else { VENDORS[turn % 4] };
    let first = 1_000 + (turn * 7_919) % 520_000;
    let second = (turn * 104_729) % 30_000;
    json!({
        "vendor": vendor.0,
        "lines": [
            { "text": format!("Item {turn}"), "amount_cents": first },
            { "text": "Freight", "amount_cents": second },
        ],
        "total_cents": first + second,
        "iban": vendor.1,
    })
}

/// What the model makes of a request.
pub fn answer(request: &AskRequest) -> AttemptResult {
    let messages = request.body["messages"].as_array().expect("messages").iter();
    let texts = messages.rev().filter_map(|message| message["content"].as_str());
    let found = texts.filter_map(read).next();
    let Some(input) = found else { return reply("I cannot read this.", "approve", 0.5) };
    let total = input["total_cents"].as_u64().unwrap_or(0);
    let route = if total < 5_000 { "pay_small" } else { "approve" };
    let mut output = json!({
        "vendor": input["vendor"], "lines": input["lines"], "total_cents": total, "route": route,
    });
    let repaired = request.body["messages"].as_array().is_some_and(|all| all.len() > 4);
    if total.is_multiple_of(29) && !repaired {
        output["total_cents"] = json!(total + 1);
    }
    let share = match total % 20 {
        0 => 0.60,
        1 => 0.93,
        _ => 0.99,
    };
    reply(&output.to_string(), route, share)
}

/// The invoice in a message of the prompt, if it holds one.
fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text.strip_prefix("Invoice:")?.trim()).ok()
}

/// A completion of which the model is that sure of its route.
fn reply(content: &str, route: &str, share: f64) -> AttemptResult {
    let (before, after) = content.rsplit_once(route).unwrap_or((content, ""));
    let tokens = [(before, 1.0), (route, share), (after, 1.0_f64)];
    let tokens: Vec<Value> = tokens
        .iter()
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, share)| {
            json!({ "token": text, "logprob": share.ln(), "bytes": text.as_bytes(), "top_logprobs": [] })
        })
        .collect();
    from_body(json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 0, "model": "bench",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": content, "refusal": null },
            "logprobs": { "content": tokens, "refusal": null },
        }],
        "usage": { "prompt_tokens": 400, "completion_tokens": 90, "total_tokens": 490 },
    }))
}
