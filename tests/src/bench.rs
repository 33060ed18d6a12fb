//! The whole engine in one process, for stories about policies: files from text, scripted models by
//! name, a ledger in memory, and time that tests turn by hand (tokio's paused clock).

mod answers;
mod files;
mod runs;
mod told;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backstop_domain::{
    Actor, ActorKind, CallEvent, CallId, Digest, Event, Face, Millis, ReviewId, Stream,
};
use backstop_engine::{
    Admitted, Caller, Engine, Fresh, Ids, Models, Parts, Refused, ReloadRefused, Services, Submit,
    Upstream, Verb, What, model_guards, replay::Verdict, service_guards, timeouts,
};
use backstop_ledger::{Ledger, MemoryLedger};
use backstop_policy::Policy;
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, GuardedService, ModelGate, MonotonicClock, ProviderGate,
    Score, Service, Simulated,
};
use serde_json::{Value, json};

pub use answers::{
    calls_tool, cut, declined, fails, label, label_at, no_json, reply, says, throttled, twice,
};
pub use files::{bytes, load, whole as policy_text};
pub use runs::fork;
pub use told::Told;

use files::whole;

/// Where the stories' clock starts: a Monday morning.
pub const NOW: Millis = Millis(1_790_000_000_000);
/// Longest wait for a call to come to rest.
const REST_MAX: Duration = Duration::from_secs(600);

const GATEWAY: &str = include_str!("bench/gateway.yaml");
const LABEL: &str = include_str!("bench/label.json");
const REFUND: &str = include_str!("bench/refund.json");
const PROMPT: &str = "Label the text. Answer as {\"label\": \"...\"}.\n\n{{ input }}\n";
const JUDGE: &str = "How good is this? Answer as {\"score\": 0 to 1, \"reason\": \"...\"}.\n";

type Script = dyn Fn(&AskRequest, usize) -> AttemptResult + Send + Sync;
type Takes = dyn Fn(usize) -> Duration + Send + Sync;
type Scores = dyn Fn(&[String]) -> Result<f64, String> + Send + Sync;

/// What a story starts from.
pub struct Setup {
    files: BTreeMap<String, String>,
    models: BTreeMap<String, (Arc<Script>, Arc<Takes>)>,
    services: BTreeMap<String, (Arc<Scores>, Duration)>,
    ledger: MemoryLedger,
    disk: Option<Arc<dyn Ledger>>,
}

/// A running engine.
pub struct Bench {
    /// It.
    pub engine: Engine,
    /// What it remembers.
    pub ledger: MemoryLedger,
    /// Its files, for another load.
    pub files: BTreeMap<String, String>,
    asked: BTreeMap<String, Arc<Mutex<Vec<Value>>>>,
}

impl Setup {
    /// The policy `story` with these keys. `prompt`, `input`, `output`, `models`, `queue` and
    /// `otherwise` are there if they are not among them.
    pub fn policy(keys: &str) -> Self {
        let mut files = BTreeMap::new();
        let base = [
            ("policies/gateway.yaml", GATEWAY),
            ("policies/schemas/label.json", LABEL),
            ("policies/schemas/refund.json", REFUND),
            ("prompts/story.md", PROMPT),
            ("prompts/judge.md", JUDGE),
        ];
        for (path, text) in base {
            files.insert(path.to_owned(), text.to_owned());
        }
        files.insert("policies/story.yaml".to_owned(), whole(keys));
        let (models, services) = (BTreeMap::new(), BTreeMap::new());
        Self { files, models, services, ledger: MemoryLedger::new(), disk: None }
    }

    /// Without the policy itself.
    #[must_use]
    pub fn without_policy(mut self) -> Self {
        self.files.remove("policies/story.yaml");
        self
    }

    /// Its policy, compiled, for replays under it.
    ///
    /// # Panics
    /// If the files are wrong.
    pub fn compiled(&self) -> Arc<Policy> {
        Arc::clone(&load(&self.files).policies["story"])
    }

    /// Replaces a piece of gateway.yaml.
    ///
    /// # Panics
    /// If it does not stand there.
    #[must_use]
    pub fn gateway(mut self, piece: &str, by: &str) -> Self {
        let file = self.files.get_mut("policies/gateway.yaml").expect("it is there");
        assert!(file.contains(piece), "gateway.yaml has no `{piece}`");
        *file = file.replace(piece, by);
        self
    }

    /// Adds lines to gateway.yaml.
    #[must_use]
    pub fn gateway_has(mut self, lines: &str) -> Self {
        let file = self.files.get_mut("policies/gateway.yaml").expect("it is there");
        file.push_str(lines);
        file.push('\n');
        self
    }

    /// Another file.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Its files as they are now.
    pub fn files(&self) -> BTreeMap<String, String> {
        self.files.clone()
    }

    /// The ledger of an earlier bench: a restart.
    #[must_use]
    pub fn over(mut self, ledger: &MemoryLedger) -> Self {
        self.ledger = ledger.clone();
        self
    }

    /// A new ledger that is none in memory, for measurements; the bench's own stays empty.
    #[must_use]
    pub fn on_disk(mut self, ledger: Arc<dyn Ledger>) -> Self {
        self.disk = Some(ledger);
        self
    }

    /// A model that gives these results in turn, the last one for ever.
    #[must_use]
    pub fn model<const N: usize>(self, name: &str, results: [AttemptResult; N]) -> Self {
        self.model_by(name, move |_, turn| {
            results.get(turn).or(results.last()).expect("a model needs an answer").clone()
        })
    }

    /// A model that answers what `script` says to a request and its number, from 0.
    #[must_use]
    pub fn model_by(
        self,
        name: &str,
        script: impl Fn(&AskRequest, usize) -> AttemptResult + Send + Sync + 'static,
    ) -> Self {
        self.slow_model(name, Duration::ZERO, script)
    }

    /// A model that takes that long for each answer.
    #[must_use]
    pub fn slow_model(
        self,
        name: &str,
        takes: Duration,
        script: impl Fn(&AskRequest, usize) -> AttemptResult + Send + Sync + 'static,
    ) -> Self {
        self.timed_model(name, move |_| takes, script)
    }

    /// A model that takes as long for each answer as `takes` says, by the request's number.
    #[must_use]
    pub fn timed_model(
        mut self,
        name: &str,
        takes: impl Fn(usize) -> Duration + Send + Sync + 'static,
        script: impl Fn(&AskRequest, usize) -> AttemptResult + Send + Sync + 'static,
    ) -> Self {
        self.models.insert(name.to_owned(), (Arc::new(script), Arc::new(takes)));
        self
    }

    /// A service that scores texts after that time.
    #[must_use]
    pub fn service(
        mut self,
        name: &str,
        takes: Duration,
        scores: impl Fn(&[String]) -> Result<f64, String> + Send + Sync + 'static,
    ) -> Self {
        self.services.insert(name.to_owned(), (Arc::new(scores), takes));
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If the files are wrong: with every problem as an author would see it.
    pub async fn start(self) -> Bench {
        let workspace = load(&self.files);
        // A start over an old ledger comes a second after what stands in it.
        let position = self.ledger.position();
        let last = self.ledger.feed(position.saturating_sub(1), 1).await.expect("it can be read");
        let starts = last.last().map_or(NOW, |last| last.envelope.at.plus(1_000));
        let clock: Arc<dyn backstop_upstream::Clock> =
            Arc::new(MonotonicClock::starting_at(starts));
        let credential = ProviderGate::new("main", Arc::clone(&clock));
        let mut asked = BTreeMap::new();
        let mut models = BTreeMap::new();
        for (seed, (name, model)) in workspace.gateway.models.iter().enumerate() {
            let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
            asked.insert(name.clone(), Arc::clone(&heard));
            let (script, takes) = self.models.get(name).cloned().unwrap_or_else(|| {
                let nothing: Arc<Script> = Arc::new(|_, _| label("ham"));
                let at_once: Arc<Takes> = Arc::new(|_| Duration::ZERO);
                (nothing, at_once)
            });
            let simulated = Simulated::new(move |request, turn| {
                heard.lock().expect("nobody panics in here").push(request.body.clone());
                script(request, turn)
            });
            let guards = model_guards(name, model);
            let gate =
                ModelGate::new(guards, Arc::clone(&credential), Arc::clone(&clock), seed as u64);
            let model_ = Arc::new(simulated.taking(move |turn| takes(turn)));
            let upstream = Upstream { model: model_, gate, timeouts: timeouts(model) };
            models.insert(name.clone(), upstream);
        }
        let mut services: BTreeMap<String, Arc<dyn Service>> = BTreeMap::new();
        for (name, service) in &workspace.gateway.services {
            let (scores, takes) = self.services.get(name).cloned().unwrap_or_else(|| {
                let calm: Arc<Scores> = Arc::new(|_| Ok(0.0));
                (calm, Duration::ZERO)
            });
            let guards = service_guards(name, service);
            let inner = Arc::new(Scored { scores, takes });
            let guarded = GuardedService::new(guards, inner, Arc::clone(&clock), 1);
            services.insert(name.clone(), Arc::new(guarded));
        }
        let sources = bytes(&self.files);
        let engine = Engine::new(Parts {
            workspace: Arc::clone(&workspace),
            ledger: self.disk.unwrap_or_else(|| Arc::new(self.ledger.clone())),
            models: Models::new(models),
            services: Services::new(services),
            clock,
            ids: Ids::seeded(position + 7),
            salt: vec![7; 32],
        });
        engine.put_in_force(workspace, &sources).await.expect("the ledger takes revisions");
        engine.recover().await.expect("the ledger can be read");
        Bench { engine, ledger: self.ledger, files: self.files, asked }
    }
}

impl Bench {
    /// Asks `story` and waits until the call ended or rests with a person.
    ///
    /// # Panics
    /// If it is refused at the door.
    pub async fn ask(&self, input: &str) -> Told {
        let id = self.submit(&request(input)).await.expect("the door is open").id;
        self.rest(&id).await
    }

    /// Hands a request in.
    ///
    /// # Errors
    /// [`Refused`]: there is no call.
    pub async fn submit(&self, submit: &Submit) -> Result<Admitted, Refused> {
        self.engine.submit(submit.clone()).await
    }

    /// Puts other files in force; the models stay as they are.
    ///
    /// # Errors
    /// [`ReloadRefused`]: what was in force stays so.
    pub async fn reload(&self, files: &BTreeMap<String, String>) -> Result<(), ReloadRefused> {
        let workspace = load(files);
        let models = self.engine.upstreams();
        let names = workspace.gateway.models.keys();
        let models = names.filter_map(|name| Some((name.clone(), models.get(name)?))).collect();
        let (sources, services) = (bytes(files), BTreeMap::new());
        self.engine.reload(Fresh { workspace, sources, models, services }).await
    }

    /// Waits until a call ended or rests with a person.
    ///
    /// # Panics
    /// If it does not within ten minutes.
    pub async fn rest(&self, id: &CallId) -> Told {
        let snapshot = self.engine.wait(id, REST_MAX).await.expect("it can be read");
        self.told(snapshot.expect("it exists"), id).await
    }

    /// Waits until a call ended.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn end(&self, told: &Told) -> Told {
        let day = Duration::from_secs(7 * 86_400);
        let snapshot = self.engine.wait_end(&told.snapshot.id, day).await.expect("it can be read");
        self.told(snapshot.expect("it exists"), &told.snapshot.id).await
    }

    /// A call as it stands now.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn look(&self, told: &Told) -> Told {
        let id = &told.snapshot.id;
        let snapshot = self.engine.call(id).await.expect("it can be read").expect("it exists");
        self.told(snapshot, id).await
    }

    async fn told(&self, snapshot: backstop_engine::Snapshot, id: &CallId) -> Told {
        let recorded = self.engine.events(id, 0).await.expect("it can be read");
        let events: Vec<CallEvent> =
            recorded.iter().filter_map(|event| event.as_call().cloned()).collect();
        let times = recorded.iter().map(|event| event.envelope.at).collect();
        self.replays(id).await;
        Told { snapshot, events, times }
    }

    /// Whatever a story tells, deciding again over its record comes to the same, byte for byte.
    async fn replays(&self, id: &CallId) {
        let verified = self.engine.verify(id).await.expect("it is there");
        assert_eq!(verified.verdict(), Verdict::Equal, "{verified:#?}");
        assert_eq!(verified.compared + verified.given, verified.events);
    }

    /// What a model was asked, in order.
    ///
    /// # Panics
    /// If there is no such model.
    pub fn asked(&self, model: &str) -> Vec<Value> {
        let heard = self.asked.get(model).expect("a model of gateway.yaml");
        heard.lock().expect("nobody panics in here").clone()
    }

    /// Decides the review that a call waits for, as that person, and waits for what follows.
    ///
    /// # Errors
    /// Why the decision was refused.
    pub async fn decide(
        &self,
        told: &Told,
        who: &str,
        what: What,
    ) -> Result<Told, backstop_engine::ReviewError> {
        self.decide_review(&told.review(), who, what).await?;
        // The call moves on in a task of its own.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(self.rest(&told.snapshot.id).await)
    }

    /// Decides a review as that person, who has just looked at it.
    ///
    /// # Errors
    /// Why the decision was refused.
    pub async fn decide_review(
        &self,
        id: &ReviewId,
        who: &str,
        what: What,
    ) -> Result<backstop_domain::ReviewState, backstop_engine::ReviewError> {
        let review = self.engine.review(id).await?.expect("it was opened");
        let verb = Verb {
            actor: person(who),
            lease: None,
            generation: review.opened.generation,
            subject: review.opened.subject,
            what,
            reason: Some("looked at it".to_owned()),
        };
        self.engine.decide(id, verb).await
    }

    /// A review.
    ///
    /// # Panics
    /// If there is none.
    pub async fn review(&self, id: &ReviewId) -> backstop_domain::ReviewState {
        self.engine.review(id).await.expect("it can be read").expect("it exists")
    }

    /// Every event of a control stream, such as `model.small`.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn control(&self, name: &str) -> Vec<backstop_domain::ControlEvent> {
        let events = self.ledger.stream(&Stream::control(name), 0).await.expect("it can be read");
        let control = events.into_iter().filter_map(|event| match event.event {
            Ok(Event::Control(event)) => Some(event),
            _ => None,
        });
        control.collect()
    }

    /// Now, by the engine's clock.
    pub fn now(&self) -> Millis {
        self.engine.clock().now()
    }
}

/// A request to `story` with that text.
pub fn request(input: &str) -> Submit {
    let body = json!({ "input": input });
    Submit {
        policy: "story".to_owned(),
        caller: Caller { name: "teller".to_owned(), ..Caller::default() },
        face: Face::Calls,
        input: Value::String(input.to_owned()),
        messages: Vec::new(),
        body: None,
        key: None,
        fingerprint: Digest::of(body.to_string().as_bytes()),
        tags: BTreeMap::new(),
        deadline_ms: None,
        criticality: None,
        request_id: "req_story".to_owned(),
        traceparent: None,
    }
}

/// A person.
pub fn person(name: &str) -> Actor {
    Actor { kind: ActorKind::Reviewer, id: name.to_owned(), via: None }
}

/// A service in this process.
struct Scored {
    scores: Arc<Scores>,
    takes: Duration,
}

impl Service for Scored {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        _: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        Box::pin(async move {
            if tokio::time::timeout(timeout, tokio::time::sleep(self.takes)).await.is_err() {
                return Err("it did not answer in time".to_owned());
            }
            let score = (self.scores)(texts)?;
            Ok(Score { score: Some(score), found: Vec::new() })
        })
    }
}
