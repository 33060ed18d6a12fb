//! The engine without its face: a ledger in memory that can be slow or broken, a scripted model,
//! and processes that are killed and started again over the same ledger.

mod model;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backstop_domain::{
    Actor, ActorKind, CallEvent, CallId, CallState, Digest, Event, Face, Millis, Phase, ReviewId,
    Stream,
    guard::{BreakerRules, QualityRules, RetryRules},
};
use backstop_engine::{
    Admitted, Caller, Engine, Ids, InForce, Models, Parts, Refused, Services, Snapshot, Submit,
    Upstream, Verb, What, replay::Verdict,
};
use backstop_ledger::{Ledger, MemoryLedger};
use backstop_policy::{Sources, Workspace};
use backstop_upstream::{Clock, ModelGate, ModelGuards, MonotonicClock, ProviderGate, Timeouts};
pub use model::Scripted;
use tokio::runtime::Runtime;

/// Long enough for anything here that is not stuck.
pub const LONG: Duration = Duration::from_secs(20);
/// Long enough to see that nothing happens.
pub const MOMENT: Duration = Duration::from_millis(150);

const VOTES: &str = "confidence: {at: output.label, from: [votes: 3], accept: 0.6}\n";
const FILES: [(&str, &str); 4] = [
    ("policies/gateway.yaml", include_str!("gateway.yaml")),
    ("policies/label.yaml", include_str!("label.yaml")),
    ("policies/schemas/label.json", include_str!("label.json")),
    ("prompts/label.md", "---\ntemperature: 0\n---\nLabel it.\n\n{{ input }}\n"),
];

/// What outlives a process: the disk, the model, the time.
pub struct World {
    /// The disk.
    pub ledger: MemoryLedger,
    /// The model.
    pub model: Arc<Scripted>,
    clock: Arc<Shifted>,
    files: BTreeMap<String, Vec<u8>>,
}

/// One life of the gateway.
pub struct Process {
    runtime: Runtime,
    /// Its engine.
    pub engine: Engine,
}

/// A clock that can be set forward, as if the machine had been off.
struct Shifted {
    base: MonotonicClock,
    ahead: AtomicU64,
}

impl Clock for Shifted {
    fn now(&self) -> Millis {
        self.base.now().plus(self.ahead.load(Ordering::SeqCst))
    }
}

impl World {
    /// An empty one; `label` answers strictly, `quick` is the same with `durability: relaxed`,
    /// `voted` asks three times, and `thrifty` can pay for no more than one vote that is lost.
    pub fn new() -> Self {
        let mut files: BTreeMap<String, Vec<u8>> =
            FILES.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().into())).collect();
        let quick = include_str!("label.yaml").replace("policy: label", "policy: quick");
        let quick = format!("{quick}durability: relaxed\n");
        files.insert("policies/quick.yaml".to_owned(), quick.into_bytes());
        for (name, attempts) in [("voted", 6), ("thrifty", 4)] {
            let votes =
                include_str!("label.yaml").replace("policy: label", &format!("policy: {name}"));
            let votes = format!("{votes}budget: {{attempts: {attempts}}}\n{VOTES}");
            files.insert(format!("policies/{name}.yaml"), votes.into_bytes());
        }
        Self {
            ledger: MemoryLedger::new(),
            model: Arc::default(),
            clock: Arc::new(Shifted {
                base: MonotonicClock::starting_at(Millis(1_790_000_000_000)),
                ahead: AtomicU64::new(0),
            }),
            files,
        }
    }

    /// Sets the clock forward.
    pub fn pass(&self, time: Duration) {
        self.clock.ahead.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// Starts a process over what the last one left.
    pub fn start(&self) -> Process {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (workspace, report) = Workspace::load(&Sources::new(self.files.clone()));
        assert!(!report.has_errors(), "{report:?}");
        let workspace = Arc::new(InForce::of(&workspace).unwrap());
        let engine = Engine::new(Parts {
            workspace: Arc::clone(&workspace),
            ledger: Arc::new(self.ledger.clone()),
            models: self.models(),
            services: Services::default(),
            clock: self.clock.clone(),
            ids: Ids::from_os(),
            salt: vec![7; 32],
        });
        runtime.block_on(async {
            engine.put_in_force(workspace, &self.files).await.unwrap();
            engine.recover().await.unwrap();
        });
        Process { runtime, engine }
    }

    fn models(&self) -> Models {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let guards = ModelGuards {
            name: "one".to_owned(),
            breaker: BreakerRules { failures: 100_000, ..BreakerRules::default() },
            quality: QualityRules { bad: 1_000_000, ..QualityRules::default() },
            limits: Vec::new(),
            retry: RetryRules::default(),
            hedge: None,
            price: None,
        };
        let credential = ProviderGate::new("nobody", Arc::clone(&clock));
        let gate = ModelGate::new(guards, credential, clock, 1);
        let upstream = Upstream { model: self.model.clone(), gate, timeouts: Timeouts::default() };
        Models::new([("one".to_owned(), upstream)].into())
    }

    /// Holds the whole ledger to the promises of section 2: one end per call, one call per key,
    /// and no event that does not follow.
    pub fn is_lawful(&self) -> Vec<(CallId, CallState)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut after = 0;
        let mut events = Vec::new();
        loop {
            let page = runtime.block_on(self.ledger.feed(after, 1000)).unwrap();
            let Some(last) = page.last() else { break };
            after = last.envelope.position;
            events.extend(page);
        }
        let mut states: BTreeMap<Stream, CallState> = BTreeMap::new();
        let mut keys: BTreeMap<String, u32> = BTreeMap::new();
        for recorded in events {
            let (stream, at) = (recorded.envelope.stream.clone(), recorded.envelope.at);
            let Ok(Event::Call(event)) = &recorded.event else { continue };
            if let CallEvent::CallReceived(received) = event {
                *keys.entry(received.key.clone().unwrap_or_default()).or_default() += 1;
            }
            let folded = CallState::fold(states.remove(&stream), event, at);
            states.insert(stream, folded.expect("every event follows"));
        }
        keys.remove("");
        assert!(keys.values().all(|calls| *calls == 1), "a key has two calls: {keys:?}");
        states.into_iter().map(|(stream, state)| (stream.call_id().unwrap(), state)).collect()
    }
}

impl Process {
    /// Does something in this process.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.block_on(async {
            tokio::time::timeout(LONG * 3, what).await.expect("nothing here takes a minute")
        })
    }

    /// Ends it at once: no task runs on, nothing is told to anybody.
    pub fn kill(self) {
        self.runtime.shutdown_background();
    }

    /// Asks for a label, as the caller `flow`.
    pub async fn submit(&self, key: &str, text: &str) -> Result<Admitted, Refused> {
        self.engine.submit(request("label", key, text)).await
    }

    /// Asks, and waits for the end or a person.
    pub async fn ask(&self, key: &str, text: &str) -> Snapshot {
        let admitted = self.submit(key, text).await.unwrap();
        self.engine.wait(&admitted.id, LONG).await.unwrap().expect("an admitted call is there")
    }

    /// Waits for the end, and holds what was shown to what the ledger says.
    pub async fn end(&self, id: &CallId) -> Snapshot {
        let shown = self.engine.wait_end(id, LONG).await.unwrap().expect("the call is there");
        assert!(shown.state.ended().is_some(), "{id} is still {}", shown.state.state_name());
        let kept = self.engine.call(id).await.unwrap().unwrap();
        assert_eq!(kept.state, shown.state, "the fold of the ledger is what was shown");
        assert_eq!(kept.answer, shown.answer);
        let verified = self.engine.verify(id).await.unwrap();
        assert_eq!(verified.verdict(), Verdict::Equal, "{verified:#?}");
        shown
    }

    /// Approves what the review shows, as `ada`.
    pub async fn approve(&self, review: &ReviewId) -> Result<(), backstop_engine::ReviewError> {
        let seen = self.engine.review(review).await?.expect("the review is there");
        let verb = Verb {
            actor: ada(),
            lease: None,
            generation: seen.opened.generation,
            subject: seen.opened.subject,
            what: What::Approve,
            reason: None,
        };
        self.engine.decide(review, verb).await.map(drop)
    }
}

/// A request of the caller `flow`.
pub fn request(policy: &str, key: &str, text: &str) -> Submit {
    Submit {
        policy: policy.to_owned(),
        caller: Caller { name: "flow".to_owned(), ..Caller::default() },
        face: Face::Calls,
        input: text.into(),
        messages: Vec::new(),
        body: None,
        key: Some(key.to_owned()).filter(|key| !key.is_empty()),
        fingerprint: Digest::of(text.as_bytes()),
        tags: BTreeMap::new(),
        deadline_ms: None,
        criticality: None,
        request_id: "req".to_owned(),
        traceparent: None,
    }
}

/// The reviewer of these stories.
pub fn ada() -> Actor {
    Actor { kind: ActorKind::Reviewer, id: "ada".to_owned(), via: Some("test".to_owned()) }
}

/// The review that the call waits for, or that its release hangs on.
pub fn review_of(snapshot: &Snapshot) -> ReviewId {
    match &snapshot.state.phase {
        Phase::InReview { review, .. } | Phase::Releasing { review, .. } => review.clone(),
        other => panic!("nobody is asked in {}", other.name()),
    }
}

/// The outcome's name; `open` before the end.
pub fn outcome(snapshot: &Snapshot) -> &'static str {
    snapshot.state.ended().map_or("open", |ended| ended.outcome.name())
}
