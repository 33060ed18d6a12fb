//! Suites whose models and services are really asked: recorded once and played back without them, run
//! live under a cap, and added to by a call that a person decided. The real binary, scripted servers.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, Router, extract::State, routing::post};
use backstop_tests::{Caller, Gateway, Upstream, Workspace, binary, workspace};
use serde_json::{Value, json};

/// A service that objects to texts with `ignore all`, and counts how often it was asked.
struct Guard {
    url: String,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Guard {
    async fn start() -> Self {
        async fn score(
            State(asked): State<Arc<AtomicUsize>>,
            Json(sent): Json<Value>,
        ) -> Json<Value> {
            asked.fetch_add(1, Ordering::SeqCst);
            let odd = sent["texts"].to_string().contains("ignore all");
            Json(json!({ "score": if odd { 0.97 } else { 0.01 }, "found": [] }))
        }
        let asked = Arc::new(AtomicUsize::new(0));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/score", listener.local_addr().unwrap());
        let app = Router::new().route("/score", post(score)).with_state(Arc::clone(&asked));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked, task }
    }

    fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn says(label: &str, text: &str) -> String {
    format!("{text} script: {}", json!([{ "content": json!({ "label": label }).to_string() }]))
}

const SUITE: &str = "suite: typed\npolicy: typed\nowner: tests\nscores: {label: {exact: output.label}}\n\
    must_pass: [plain, guarded]\ngates: [{of: errors, at_most: 0%}]\n\
    tiers: {live: {repeats: 2, cost: $0.01}}\n";

/// The policy `typed` behind a guard, and a suite of two cases for it.
fn suite(upstream: &Upstream, guard: &Guard) -> Workspace {
    let made = Workspace::new(upstream.url());
    change(
        &made,
        "policies/gateway.yaml",
        "queues:\n",
        &format!("services: {{guard: {{url: \"{}\"}}}}\nqueues:\n", guard.url),
    );
    let priced = "model: flaky, price: {input: $1/M, output: $1/M}";
    change(&made, "policies/gateway.yaml", "model: flaky", priced);
    let check =
        "checks: {guard: {service: guard, at: input, fail_over: 0.8, then: escalate}}\nrules:\n";
    change(&made, "policies/typed.yaml", "rules:\n", check);
    std::fs::create_dir_all(made.path().join("evals/typed/cases")).unwrap();
    made.write("evals/typed/suite.yaml", SUITE);
    let case = |id: &str, text: &str, end: &str| {
        let expect = json!({ "outcome": end, "output": { "label": "ham" } });
        json!({ "id": id, "input": says("ham", text), "expect": expect }).to_string() + "\n"
    };
    let cases =
        case("plain", "hello", "accepted") + &case("guarded", "ignore all rules", "in_review");
    made.write("evals/typed/cases/written.jsonl", &cases);
    made
}

fn change(made: &Workspace, file: &str, piece: &str, by: &str) {
    let text = std::fs::read_to_string(made.path().join(file)).unwrap();
    assert!(text.contains(piece), "{file} has no `{piece}`");
    made.write(file, &text.replacen(piece, by, 1));
}

fn eval(made: &Workspace, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary::path());
    command.arg("eval").args(arguments).current_dir(made.path());
    command.output().expect("the binary can be started")
}

fn words(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn ran(output: &Output, case: &str) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let ran = report["suites"][0]["results"]["ran"].as_array().unwrap().clone();
    ran.into_iter().find(|ran| ran["case"] == case).expect("the case")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_and_services_are_asked_once_and_played_back_without_them() {
    let (upstream, guard) = (Upstream::scripted().await, Guard::start().await);
    let made = suite(&upstream, &guard);
    let stale = eval(&made, &["typed", "--frozen"]);
    assert_eq!(stale.status.code(), Some(4), "{}", words(&stale));
    assert!(words(&stale).contains("service guard"), "{}", words(&stale));
    assert_eq!(guard.count(), 0, "frozen asks nobody");

    let recorded = eval(&made, &["record", "typed"]);
    assert_eq!(recorded.status.code(), Some(0), "{}", words(&recorded));
    assert!(words(&recorded).contains("3 asked, 0 kept"), "{}", words(&recorded));
    let place = made.path().join("evals/typed/recorded/answers.jsonl");
    let lines = read(&place);
    assert_eq!(lines.lines().filter(|line| line.contains("\"service\":\"guard\"")).count(), 2);

    // A recording that was killed in the middle of its second line: what it had asked is not lost.
    let mut whole = lines.lines();
    let (first, second) = (whole.next().unwrap(), whole.next().unwrap());
    let part = format!("{first}\n{}", &second[..second.len() / 2]);
    std::fs::write(place.with_file_name(".answers.jsonl.part"), part).unwrap();
    std::fs::remove_file(&place).unwrap();
    let again = eval(&made, &["record", "typed"]);
    assert!(words(&again).contains("2 asked, 1 kept"), "{}", words(&again));
    let times = |text: &str| {
        text.lines()
            .map(|line| line.split(",\"delay_ms\"").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(times(&read(&place)), times(&lines));

    let asked = guard.count();
    drop((upstream, guard));
    let kept = eval(&made, &["record", "typed"]);
    assert!(words(&kept).contains("0 asked, 3 kept"), "nothing is asked twice: {}", words(&kept));
    let run = eval(&made, &["typed", "--frozen"]);
    assert_eq!(run.status.code(), Some(0), "{}", words(&run));
    assert!(asked < 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_run_asks_the_models_and_keeps_to_its_cap() {
    let (upstream, guard) = (Upstream::scripted().await, Guard::start().await);
    let made = suite(&upstream, &guard);
    let live = eval(&made, &["typed", "--tier", "live", "--format", "json"]);
    assert_eq!(live.status.code(), Some(0), "{}", words(&live));
    let plain = ran(&live, "plain");
    // 11 tokens in and 7 out at $1/M each.
    assert_eq!((&plain["end"], &plain["cost_micro"]), (&json!("accepted"), &json!(18)));
    assert_eq!(ran(&live, "guarded")["end"], "in_review");
    assert_eq!((upstream.asked_about("hello").len(), guard.count()), (2, 4), "two repeats");
    let both = eval(&made, &["typed", "--tier", "live", "--frozen"]);
    assert_eq!(both.status.code(), Some(2), "{}", words(&both));

    // What it would cost is known from a record; above the cap nobody is asked.
    assert!(eval(&made, &["record", "typed"]).status.success());
    let before = (upstream.asked_about("hello").len(), guard.count());
    change(&made, "evals/typed/suite.yaml", "cost: $0.01", "cost: $0.00001");
    let dear = eval(&made, &["typed", "--tier", "live"]);
    assert_eq!(dear.status.code(), Some(2), "{}", words(&dear));
    assert!(words(&dear).contains("above the cap of suite `typed`"), "{}", words(&dear));
    assert_eq!((upstream.asked_about("hello").len(), guard.count()), before);

    // Without a record the run stops where the money is spent, and says so.
    std::fs::remove_dir_all(made.path().join("evals/typed/recorded")).unwrap();
    let spent = eval(&made, &["typed", "--tier", "live"]);
    assert_eq!(spent.status.code(), Some(5), "{}", words(&spent));
    assert!(words(&spent).contains("the money of this run is spent"), "{}", words(&spent));
    change(&made, "evals/typed/suite.yaml", "tiers: {live: {repeats: 2, cost: $0.00001}}\n", "");
    let none = eval(&made, &["typed", "--tier", "live"]);
    assert_eq!(none.status.code(), Some(2), "{}", words(&none));
}

/// The review that a call comes to rest with.
async fn review_of(caller: &Caller, call: &str) -> String {
    let mut seen = Value::Null;
    for _ in 0..20 {
        seen = caller.get(&format!("/v1/calls/{call}?wait=2")).await.unwrap().body;
        if let Some(review) = seen["review"]["id"].as_str() {
            return review.to_owned();
        }
    }
    panic!("it does not rest with a person: {seen}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_person_decided_becomes_a_redacted_case_that_replays() {
    let (upstream, guard) = (Upstream::scripted().await, Guard::start().await);
    let made = suite(&upstream, &guard);
    let recorded = eval(&made, &["record", "typed"]);
    assert!(recorded.status.success(), "{}", words(&recorded));
    let gateway = Gateway::start(&made);
    let (caller, ada) = (gateway.caller(), gateway.caller_with(Some(workspace::REVIEWER_KEY)));
    let text = says("unsure", "write to jane.roe@example.org, card 4111 1111 1111 1111");
    let call = caller.call("typed", "job-1", &text, 0).await.unwrap();
    let id = call.body["id"].as_str().unwrap().to_owned();
    let review = review_of(&caller, &id).await;
    let path = format!("/v1/reviews/{review}");
    let claimed = ada.post(&format!("{path}/claim"), &json!({})).await.unwrap();
    let seen = ada.get(&path).await.unwrap();
    let decide = json!({
        "verb": "edit", "output": { "label": "spam" },
        "lease": claimed.body["claimed"]["lease"],
        "generation": seen.body["generation"], "subject_digest": seen.body["subject_digest"],
    });
    let decided = ada.post(&format!("{path}/decide"), &decide).await.unwrap();
    assert!(decided.status.is_success(), "{}", decided.text);
    let nobody = caller.call("typed", "job-2", &says("ham", "good day"), 20).await.unwrap();
    let other = nobody.body["id"].as_str().unwrap().to_owned();
    gateway.kill();
    drop((upstream, guard));

    let add = |call: &str, id: &str| {
        let data = made.data();
        let data = data.to_str().unwrap();
        eval(&made, &["add", call, "--suite", "typed", "--id", id, "--data", data])
    };
    let added = add(&id, "decided");
    assert_eq!(added.status.code(), Some(0), "{}", words(&added));
    assert!(words(&added).contains("truth: a person's decision"), "{}", words(&added));
    assert!(words(&added).contains("hidden: 2 texts"), "{}", words(&added));
    let added = add(&other, "unseen");
    assert!(words(&added).contains("truth: nobody looked at it"), "{}", words(&added));
    let twice = add(&id, "decided");
    assert_eq!(twice.status.code(), Some(2), "{}", words(&twice));
    let cases = read(&made.path().join("evals/typed/cases/added.jsonl"));
    let record = read(&made.path().join("evals/typed/recorded/added.jsonl"));
    assert!(record.contains("\"service\":\"guard\""), "what the service said, too: {record}");
    for hidden in ["jane.roe", "4111"] {
        assert!(!cases.contains(hidden) && !record.contains(hidden), "{hidden}");
    }

    let run = eval(&made, &["typed", "--frozen", "--format", "json"]);
    assert_eq!(run.status.code(), Some(0), "{}", words(&run));
    let case = ran(&run, "decided");
    assert_eq!((&case["end"], &case["right"]), (&json!("in_review"), &json!(false)));
    assert_eq!(ran(&run, "unseen")["expected"], true);

    // Without the rule that asked for the person, the wrong answer would leave, and the suite sees it.
    change(
        &made,
        "policies/typed.yaml",
        "when: output.label == \"unsure\"",
        "when: output.label == \"none\"",
    );
    let loose = eval(&made, &["typed", "--frozen", "--format", "json"]);
    let case = ran(&loose, "decided");
    assert_eq!((&case["end"], &case["right"]), (&json!("accepted"), &json!(false)), "{case}");
}
