//! Decisions that were taken once, kept for ever: under the `ENGINE` that took them they are taken
//! again, byte for byte. A change that makes one of them another is a change of what decisions mean.
//! It needs a new `ENGINE` in `domain/src/envelope.rs`, and a corpus of its own:
//! `cargo test -p backstop-tests --test it -- --ignored writes_the_corpus`. Old files are never
//! edited: what an older `ENGINE` decided is still read, and decided again by nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io::BufRead as _};

use backstop_domain::{ENGINE, FailureClass};
use backstop_ledger::ExportFile;
use backstop_tests::workspace::REVIEWER_KEY;
use backstop_tests::{Answered, Caller, Gateway, Upstream, Workspace, binary};
use serde_json::{Value, json};

const POLICY: &str = include_str!("decided.yaml");

const VERDICTS: [&str; 7] =
    ["accept", "escalate", "fallback", "next_model", "reject", "repair", "retry"];

/// Classes that no script brings about: they need a full machine, a crash, a call that waits for
/// long, or a provider that is shut for all others.
const NOT_SCRIPTED: [FailureClass; 6] = [
    FailureClass::Budget,
    FailureClass::Interrupted,
    FailureClass::Limit,
    FailureClass::BreakerOpen,
    FailureClass::Timeout,
    FailureClass::Quota,
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/decided")
}

fn file(engine: u32) -> PathBuf {
    folder().join(format!("engine-{engine}.jsonl"))
}

fn lines(path: &Path) -> Vec<Value> {
    let file =
        fs::File::open(path).expect("the corpus of this engine; its head says how to write it");
    let lines = std::io::BufReader::new(file).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

#[test]
fn every_decision_of_the_corpus_is_taken_again_byte_for_byte() {
    let corpus = file(ENGINE);
    let run = Command::new(binary::path())
        .args(["replay", "verify", "--all", "--format", "json", "--data"])
        .arg(&corpus)
        .output()
        .expect("the binary can be started");
    let words = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    let told: Value = serde_json::from_str(&words).expect(&words);
    let calls = told["calls"].as_u64().unwrap();
    assert!(calls >= 30, "{words}");
    assert_eq!(
        told["equal"], told["calls"],
        "decisions, or revisions, mean something else now: give them a new ENGINE and a corpus of \
         their own (the head of tests/it/decided.rs)\n{words}"
    );
    println!("{calls} calls decided again: {} events compared", told["compared"]);
}

#[test]
fn the_corpus_holds_every_verdict_and_every_class() {
    let events = lines(&file(ENGINE));
    let mut verdicts = BTreeSet::new();
    let mut classes = BTreeSet::new();
    let mut outcomes = BTreeSet::new();
    for event in events.iter().filter(|line| line["stream"].is_string()) {
        let take = |into: &mut BTreeSet<String>, value: &Value| {
            into.extend(value.as_str().map(str::to_owned));
        };
        match event["type"].as_str().unwrap() {
            "verdict_reached" => {
                take(&mut verdicts, &event["body"]["verdict"]);
                take(&mut classes, &event["body"]["class"]);
            }
            "call_ended" => take(&mut outcomes, &event["body"]["outcome"]),
            _ => {}
        }
    }
    assert_eq!(verdicts, VERDICTS.map(str::to_owned).into(), "verdicts");
    let scripted = FailureClass::ALL.into_iter().filter(|class| !NOT_SCRIPTED.contains(class));
    let scripted: BTreeSet<String> = scripted.map(|class| class.name().to_owned()).collect();
    let missing: Vec<&String> = scripted.difference(&classes).collect();
    assert!(missing.is_empty(), "no decision on {missing:?} in it, only {classes:?}");
    for outcome in
        ["accepted", "fallback", "approved", "edited", "rejected", "refused", "cancelled"]
    {
        assert!(outcomes.contains(outcome), "{outcome}: {outcomes:?}");
    }
}

#[test]
fn what_older_engines_decided_is_still_read() {
    for engine in 1..=ENGINE {
        let path = file(engine);
        let corpus = ExportFile::open(&path).expect("a corpus of every engine");
        for call in corpus.calls(None) {
            for recorded in corpus.stream(&backstop_domain::Stream::call(&call)).unwrap() {
                assert_eq!(recorded.envelope.engine, engine);
                recorded.event.unwrap_or_else(|why| panic!("{call}: {why}"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes tests/corpus/decided for a new ENGINE"]
async fn writes_the_corpus_of_this_engine() {
    let corpus = file(ENGINE);
    assert!(!corpus.exists(), "{} is there, and is never edited", corpus.display());
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    for policy in POLICY.split("---\n") {
        let name = policy.lines().find_map(|line| line.strip_prefix("policy: ")).unwrap();
        workspace.write(&format!("policies/{name}.yaml"), policy);
    }
    let gateway = Gateway::start(&workspace);
    let story = Story { caller: gateway.caller(), ada: gateway.caller_with(Some(REVIEWER_KEY)) };
    story.tell().await;
    gateway.kill();
    fs::create_dir_all(folder()).unwrap();
    let run = Command::new(binary::path())
        .args(["export", "--data"])
        .arg(workspace.data())
        .arg("--out")
        .arg(&corpus)
        .status();
    assert!(run.unwrap().success());
}

/// Those who make the calls.
struct Story {
    caller: Caller,
    ada: Caller,
}

fn says(text: &str) -> Value {
    json!({ "content": text })
}

fn label(label: &str) -> Value {
    says(&json!({ "label": label }).to_string())
}

fn status(status: u16) -> Value {
    json!({ "status": status })
}

fn tool(name: &str, arguments: Value) -> Value {
    json!({ "tool": { "name": name, "arguments": arguments } })
}

impl Story {
    async fn tell(&self) {
        self.alone().await;
        self.people().await;
        self.tools().await;
        self.operators().await;
    }

    async fn call(&self, policy: &str, script: &[Value]) -> Answered {
        static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let text = format!("{number} script: {}", Value::from(script.to_vec()));
        let answer = self.caller.call(policy, &format!("key-{number}"), &text, 4).await.unwrap();
        println!("{number} {policy} {} {}", answer.status, answer.body["state"]);
        answer
    }

    /// Calls that nobody decides on.
    async fn alone(&self) {
        let ham = || label("ham");
        let cut = || json!({ "content": "{\"label\": \"ha", "finish": "length" });
        for script in [
            vec![ham()],
            vec![says("no JSON"), ham()],
            vec![says("no JSON"), says("nor this"), ham()],
            vec![says("{'label': 'ham',}")],
            vec![label("nothing"), ham()],
            vec![label("forbidden")],
            vec![label("none"), ham()],
            vec![status(500), ham()],
            vec![status(500), status(500), ham()],
            vec![cut(), ham()],
            vec![cut(), cut()],
            vec![json!({ "status": 429, "headers": { "retry-after": "1" } }), ham()],
            vec![json!({ "raw": "<html>", "content_type": "text/html" }), ham()],
            vec![status(400)],
            vec![json!({ "content": "{\"label\": \"ham\"}" }), ham()],
        ] {
            self.call("decided", &script).await;
        }
        let account = "Pay to DE89 3704 0044 0532 0130 00, please.";
        let key = format!("The key is AKIA{}.", "IOSFODNN7EXAMPLE");
        for script in
            [vec![says(account)], vec![says(&key)], vec![says("fine")], vec![says("broken 7x")]]
        {
            self.call("decided-text", &script).await;
        }
        for script in [vec![ham()], vec![ham(), label("spam"), label("unsure")]] {
            self.call("decided-sure", &script).await;
        }
        self.call("decided-poor", &[status(500), status(500), status(500)]).await;
        self.call("decided-poor", &[says("no JSON"), says("nor this"), says("nor this")]).await;
    }

    /// Calls that a person decides on.
    async fn people(&self) {
        let unsure = || label("unsure");
        for verb in ["approve", "reject", "use_fallback"] {
            let asked = self.call("decided", &[unsure()]).await;
            self.decide(&asked, json!({ "verb": verb })).await;
        }
        let asked = self.call("decided", &[unsure()]).await;
        self.decide(&asked, json!({ "verb": "edit", "output": { "label": "spam" } })).await;
        let asked = self.call("decided", &[unsure(), label("ham")]).await;
        self.decide(&asked, json!({ "verb": "request_changes", "tell": "look again" })).await;
        let asked = self.call("decided", &[json!({ "refusal": "I will not" })]).await;
        self.decide(&asked, json!({ "verb": "edit", "output": { "label": "ham" } })).await;
        // Rolled back, and decided otherwise.
        let asked = self.call("decided", &[unsure()]).await;
        self.decide(&asked, json!({ "verb": "approve" })).await;
        let path = format!("/v1/calls/{}", asked.body["id"].as_str().unwrap());
        let starts = self.caller.get(&format!("{path}/checkpoints")).await.unwrap();
        let starts = starts.body["checkpoints"].as_array().unwrap();
        let start = starts.iter().find(|one| one["event"] == "review_requested").unwrap();
        let body = json!({ "to_seq": start["seq"], "reason": "too quick" });
        let again = self.caller.post(&format!("{path}/rollback"), &body).await.unwrap();
        assert!(again.status.is_success(), "{}", again.text);
        let asked = self.caller.get(&format!("{path}?wait=2")).await.unwrap();
        self.decide(&asked, json!({ "verb": "reject" })).await;
        // Cancelled while a person is asked.
        let asked = self.call("decided", &[unsure()]).await;
        let path = format!("/v1/calls/{}/cancel", asked.body["id"].as_str().unwrap());
        self.caller.post(&path, &json!({})).await.unwrap();
    }

    async fn decide(&self, asked: &Answered, mut decision: Value) {
        let review = asked.body["review"]["id"].as_str().expect(&asked.text);
        let path = format!("/v1/reviews/{review}");
        let claimed = self.ada.post(&format!("{path}/claim"), &json!({})).await.unwrap();
        assert!(claimed.status.is_success(), "{}", claimed.text);
        let seen = self.ada.get(&path).await.unwrap();
        decision["lease"] = claimed.body["claimed"]["lease"].clone();
        decision["generation"] = seen.body["generation"].clone();
        decision["subject_digest"] = seen.body["subject_digest"].clone();
        decision["reason"] = json!("looked at it");
        let done = self.ada.post(&format!("{path}/decide"), &decision).await.unwrap();
        assert!(done.status.is_success(), "{}", done.text);
        let call = asked.body["id"].as_str().unwrap();
        self.caller.get(&format!("/v1/calls/{call}?wait=5")).await.unwrap();
    }

    async fn tools(&self) {
        let refund = |cents: i64| tool("refund", json!({ "order": "A-1", "cents": cents }));
        for script in [
            vec![refund(100)],
            vec![refund(0), refund(100)],
            vec![tool("transfer", json!({})), refund(100)],
            vec![refund(99_999), says("sorry")],
        ] {
            self.call("decided-tools", &script).await;
        }
        let asked = self.call("decided-tools", &[refund(5_000)]).await;
        self.decide(&asked, json!({ "verb": "approve" })).await;
    }

    async fn operators(&self) {
        let hold = |target: &str| json!({ "target": target, "for_ms": 60_000, "reason": "odd" });
        let held = self.caller.post("/v1/pauses", &hold("policy/decided")).await.unwrap();
        assert!(held.status.is_success(), "{}", held.text);
        self.call("decided", &[label("ham")]).await;
        let go_on = json!({ "target": "policy/decided", "reason": "well again" });
        self.caller.post("/v1/pauses/end", &go_on).await.unwrap();
        // The last word: it shuts the provider's door.
        self.call("decided", &[status(401), label("ham")]).await;
    }
}
