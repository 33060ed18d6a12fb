//! A small workspace, a model that is sometimes wrong, and a record of what it said.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backstop_domain::{FailureClass, Millis};
use backstop_engine::InForce;
use backstop_evals::run::{
    LiveRun, Results, Setting, Tape, behind_fresh_gates, live, replay, services_behind_fresh_gates,
};
use backstop_evals::suite::{Suite, Suites};
use backstop_policy::diagnostics::render;
use backstop_policy::{Sources, Workspace};
use backstop_upstream::simulated::{failed, from_body};
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, Clock, Model, MonotonicClock, Recorder, Recordings,
    Score, Service, ServiceRecorder, Simulated,
};
use serde_json::{Value, json};

pub const GATEWAY: &str = "gateway: t\n\
    providers: {p: {url: \"http://127.0.0.1:1\"}}\n\
    models: {m: {provider: p, model: m, logprobs: true, price: {input: $1/M, output: $2/M}}}\n\
    queues: {desk: {due: 1h}}\n";
pub const POLICY: &str = "policy: label\nowner: me\nprompt: label\noutput: label.json\nmodels: [m]\n\
    queue: desk\nconfidence: {at: output.label, from: [logprobs], accept: 0.9}\n\
    fallback: {answer: {label: unsure}}\notherwise: fallback\n";
pub const SCHEMA: &str = "{\"type\": \"object\", \"properties\": {\"label\": \
    {\"enum\": [\"spam\", \"ham\", \"unsure\"]}}, \"required\": [\"label\"]}";
pub const PROMPT: &str = "---\ntemperature: 0\n---\n# user\nSort this: {{ input }}\n";
pub const SUITE: &str = "suite: s\npolicy: label\nowner: me\n\
    scores: {label: {exact: output.label}}\n\
    gates:\n  - {of: wrong_accepted, at_most: 12%}\n  - {of: expected, no_worse_by: 0%}\n";

/// The files of a workspace, and the record of its model.
pub struct World {
    pub files: BTreeMap<String, String>,
    folder: PathBuf,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    /// `number` cases; every tenth is one that the model gets wrong, and is unsure of.
    pub fn new(number: usize) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let own = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("backstop-evals-{}-{own}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let line = |at: usize| {
            let label = if at.is_multiple_of(2) { "ham" } else { "spam" };
            let odd = if at.is_multiple_of(10) { " odd" } else { "" };
            let end = if odd.is_empty() { "accepted" } else { "in_review" };
            let case = json!({
                "id": format!("c-{at}"), "input": format!("{label}{odd} number {at}"),
                "expect": {"outcome": end, "output": {"label": label}},
            });
            case.to_string() + "\n"
        };
        let files = [
            ("policies/gateway.yaml", GATEWAY.to_owned()),
            ("policies/label.yaml", POLICY.to_owned()),
            ("policies/label.json", SCHEMA.to_owned()),
            ("prompts/label.md", PROMPT.to_owned()),
            ("evals/s/suite.yaml", SUITE.to_owned()),
            ("evals/s/cases/a.jsonl", (0..number).map(line).collect()),
        ];
        Self { files: files.map(|(path, text)| (path.to_owned(), text)).into(), folder }
    }

    /// With another piece of a file.
    pub fn with(mut self, path: &str, piece: &str, by: &str) -> Self {
        self.change(path, piece, by);
        self
    }

    /// Another piece of a file.
    pub fn change(&mut self, path: &str, piece: &str, by: &str) {
        let file = self.files.get_mut(path).unwrap();
        assert!(file.contains(piece), "{path} has no `{piece}`");
        *file = file.replace(piece, by);
    }

    pub fn load(&self) -> (Setting, Suite) {
        let files: BTreeMap<String, Vec<u8>> = self
            .files
            .iter()
            .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
            .collect();
        let sources = Sources::new(files);
        let (workspace, mut report) = Workspace::load(&sources);
        let (suites, more) = Suites::load(&sources, &workspace);
        report.extend(more);
        let shown = render::text(&report, &sources, render::Style::Plain);
        assert!(!report.has_errors(), "{shown}");
        let setting = Setting { workspace: Arc::new(InForce::of(&workspace).unwrap()) };
        (setting, suites.0["s"].clone())
    }

    /// Asks the scripted model for everything, and keeps what it said.
    pub fn record(&self) -> Tape {
        let (setting, suite) = self.load();
        let file = self.folder.join("answers.jsonl");
        let _ = std::fs::remove_file(&file);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let clock: Arc<dyn Clock> =
                Arc::new(MonotonicClock::starting_at(Millis(1_790_000_000_000)));
            let scripted = Arc::new(Simulated::new(script));
            let recorder: Arc<dyn Model> = Arc::new(Recorder::new(scripted, "m", &file).unwrap());
            let gateway = Arc::clone(&setting.workspace);
            let own = Arc::clone(&clock);
            let models = Box::new(move || {
                behind_fresh_gates(&gateway.gateway, &own, |_, _| Arc::clone(&recorder))
            });
            let (gateway, own) = (Arc::clone(&setting.workspace), Arc::clone(&clock));
            let guard: Arc<dyn Service> = Arc::new(Guard);
            let kept = ServiceRecorder::new(guard, "guard", &file, Arc::clone(&clock)).unwrap();
            let kept: Arc<dyn Service> = Arc::new(kept);
            let services = Box::new(move || {
                services_behind_fresh_gates(&gateway.gateway, &own, |_| Arc::clone(&kept))
            });
            let run = LiveRun { models, services, clock, repeats: 1, cost: None };
            let cases: Vec<_> = suite.cases.iter().collect();
            live(&setting, &suite, &cases, &run, &|_, _| {}).await
        });
        // The scripted model takes no time: give each answer the forty milliseconds of a quick one.
        let lines = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, lines.replace("\"delay_ms\":0", "\"delay_ms\":40")).unwrap();
        Tape::of(Arc::new(Recordings::read(&file).unwrap()))
    }

    /// Replays against that record.
    pub fn replay(&self, tape: &Tape) -> (Suite, Results) {
        let (setting, suite) = self.load();
        let cases: Vec<_> = suite.cases.iter().collect();
        let results = replay(&setting, &suite, &cases, tape, &|_, _| {}).unwrap();
        (suite, results)
    }
}

/// Objects to an odd text, and does not answer about one that is lost.
struct Guard;

impl Service for Guard {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        let has = |word: &str| texts.iter().any(|text| text.contains(word));
        let score = Some(if has("odd") { 0.95 } else { 0.02 });
        let said =
            if has("lost") { Err("away".into()) } else { Ok(Score { score, found: vec![] }) };
        Box::pin(async { said })
    }
}

/// Says the label that stands in the text; of an odd text the wrong one, and is sure to 0.7. A text
/// with `busy` finds it overloaded once.
fn script(request: &AskRequest, _: usize) -> AttemptResult {
    let whole = request.body["messages"].to_string();
    let text = whole.split("ort this: ").nth(1).unwrap_or_default();
    let text: String = text.split_whitespace().take(3).collect();
    if text.contains("busy") && request.turn == 0 {
        return failed(FailureClass::Overloaded);
    }
    let ham = text.starts_with("ham");
    let odd = text.contains("odd");
    let word = if ham == odd { "spam" } else { "ham" };
    let share: f64 = if odd { 0.7 } else { 0.99 };
    let tokens: Vec<Value> = [("{\"label\":\"", 1.0), (word, share), ("\"}", 1.0_f64)]
        .iter()
        .map(|(text, share)| {
            let bytes = text.as_bytes();
            json!({"token": text, "logprob": share.ln(), "bytes": bytes, "top_logprobs": []})
        })
        .collect();
    let content = format!("{{\"label\":\"{word}\"}}");
    from_body(json!({
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": content, "refusal": null},
            "logprobs": {"content": tokens, "refusal": null}}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
    }))
}
