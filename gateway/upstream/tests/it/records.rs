//! Records: what was recorded is what is answered, and a miss says what is missing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::FailureClass;
use backstop_upstream::chaos::Behaviour;
use backstop_upstream::{AskRequest, Model, MonotonicClock, Recorded, Recorder, Recordings, Timer};
use serde_json::{Value, json};

use crate::bench::{Bench, KEY, NOW, request};

/// A file of its own for each test; gone with the folder of the build.
fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

fn write(name: &str, lines: &[Value]) -> PathBuf {
    let path = file(name);
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn open(path: &std::path::Path) -> Recorded {
    let recordings = Arc::new(Recordings::read(path).unwrap());
    Recorded::new(recordings, "gpt-small", Arc::new(MonotonicClock::starting_at(NOW)))
}

fn ask_for(text: &str) -> AskRequest {
    request(json!({"messages": [{"role": "user", "content": text}], "temperature": 0}))
}

fn line(text: &str, rest: Value) -> Value {
    let mut line = json!({"request": {"model": "gpt-small", "temperature": 0,
        "messages": [{"role": "user", "content": text}]}});
    for (key, value) in rest.as_object().unwrap() {
        line[key] = value.clone();
    }
    line
}

fn body(content: &str) -> Value {
    json!({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})
}

#[tokio::test]
async fn what_was_recorded_is_answered_byte_for_byte() {
    let bench = Bench::new().await;
    let path = file("round-trip.jsonl");
    let model = Arc::new(bench.model(&bench.config()));
    let recorder = Recorder::new(model, "gpt-small", &path).unwrap();
    let mut streamed = ask_for("streamed");
    streamed.body["stream"] = json!(true);
    bench.chaos.script([Behaviour::Answer, Behaviour::Answer]);
    bench.chaos.script([Behaviour::parse("status=503,retry_after=1,code=busy").unwrap()]);
    let mut results = Vec::new();
    for asked in [&ask_for("plain"), &streamed, &ask_for("plain")] {
        results.push(recorder.ask(asked).await);
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(KEY), "no secret in a record");

    let recorded = open(&path);
    let again = recorded.ask(&ask_for("plain")).await;
    assert_eq!(again.answer().unwrap().raw, results[0].answer().unwrap().raw);
    let again = recorded.ask(&streamed).await;
    assert_eq!(again.answer().unwrap().choices, results[1].answer().unwrap().choices);
    let mut retry = ask_for("plain");
    retry.turn = 1;
    let again = recorded.ask(&retry).await;
    let (again, first) = (again.failure().unwrap(), results[2].failure().unwrap());
    assert_eq!(
        (again.class, again.status, again.retry_after_ms),
        (first.class, first.status, first.retry_after_ms)
    );
    assert_eq!((&again.message, &again.provider_code), (&first.message, &first.provider_code));
}

#[tokio::test]
async fn turns_are_taken_in_order_and_votes_apart() {
    let path = write(
        "turns.jsonl",
        &[
            line("q", json!({"failure": {"status": 503, "retry_after_ms": 500}})),
            line("q", json!({"body": body("second")})),
            line("q", json!({"body": body("vote"), "sample": 1})),
            line("q2", json!({"failure": {"class": "timeout", "message": "slow today"}})),
        ],
    );
    let recorded = open(&path);
    let content = |sample: u32, turn: u32| {
        let asked = AskRequest { sample, turn, ..ask_for("q") };
        let recorded = &recorded;
        async move {
            let result = recorded.ask(&asked).await;
            result.answer().and_then(|answer| answer.choices[0].content.clone())
        }
    };
    assert_eq!(content(0, 0).await, None);
    assert_eq!(content(0, 1).await.as_deref(), Some("second"));
    assert_eq!(content(0, 7).await.as_deref(), Some("second"), "the last turn repeats");
    assert_eq!(content(1, 0).await.as_deref(), Some("vote"));
    let result = recorded.ask(&ask_for("q2")).await;
    assert_eq!(result.failure().unwrap().class, FailureClass::Timeout);
}

#[tokio::test]
async fn fields_that_change_no_answer_change_no_key() {
    let recorded = open(&write("idle.jsonl", &[line("q", json!({"body": body("yes")}))]));
    let mut asked = ask_for("q");
    asked.body["user"] = json!("somebody");
    asked.body["model"] = json!("whatever the caller wrote");
    asked.body["seed"] = Value::Null;
    assert!(recorded.ask(&asked).await.answer().is_some());
}

#[tokio::test]
async fn a_miss_says_which_key_and_what_is_near() {
    let recorded = open(&write("miss.jsonl", &[line("q", json!({"body": body("yes")}))]));
    let message = |asked: AskRequest| {
        let recorded = &recorded;
        async move {
            let result = recorded.ask(&asked).await;
            let failure = result.failure().unwrap();
            assert_eq!((failure.class, failure.sent), (FailureClass::Misconfigured, false));
            failure.message.clone()
        }
    };
    let mut warmer = ask_for("q");
    warmer.body["temperature"] = json!(1);
    let said = message(warmer).await;
    assert!(said.contains("with other [\"temperature\"]") && said.contains("miss.jsonl"), "{said}");
    let said = message(AskRequest { sample: 3, ..ask_for("q") }).await;
    assert!(said.contains("sample 0 of it, not 3"), "{said}");
    let said = message(ask_for("other")).await;
    assert!(said.contains("no such messages"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_recorded_delay_is_waited_for_and_can_pass_the_deadline() {
    let delayed = json!({"body": body("late"), "delay_ms": 5_000});
    let recorded = open(&write("delay.jsonl", &[line("q", delayed)]));
    let started = tokio::time::Instant::now();
    let result = recorded.ask(&ask_for("q")).await;
    assert_eq!(result.answer().unwrap().timing.total_ms, 5_000);
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    let hurried = AskRequest { deadline: NOW.plus(6_000), ..ask_for("q") };
    let result = recorded.ask(&hurried).await;
    assert_eq!(result.failure().unwrap().timer, Some(Timer::Total));
}

#[test]
fn a_line_that_is_wrong_is_named() {
    for (name, lines, part) in [
        ("two.jsonl", vec![line("q", json!({"raw": "{}", "body": {}}))], "exactly one of"),
        ("none.jsonl", vec![line("q", json!({}))], "exactly one of"),
        ("typo.jsonl", vec![line("q", json!({"boddy": {}}))], "unknown field `boddy`"),
        ("model.jsonl", vec![json!({"request": {}, "body": {}})], "`request.model` is missing"),
        ("fail.jsonl", vec![line("q", json!({"failure": {}}))], "either `status` or `class`"),
        (
            "key.jsonl",
            vec![line("q", json!({"body": {}, "key": "0".repeat(64)}))],
            "not that of the request",
        ),
    ] {
        let mut all = vec![line("fine", json!({"body": {}}))];
        all.extend(lines);
        let fault = Recordings::read(&write(name, &all)).unwrap_err().to_string();
        assert!(fault.contains("line 2") && fault.contains(part), "{name}: {fault}");
    }
    let fault = Recordings::read(&file("not-there.jsonl")).unwrap_err().to_string();
    assert!(fault.contains("not-there.jsonl"), "{fault}");
}
