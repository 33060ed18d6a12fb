//! Those who use the gateway: callers, reviewers, leads, a consumer. Each acts as its dice fall,
//! and writes down what it asked for and was told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use backstop_domain::{Actor, ActorKind, CallId, ForkKind, PauseEnd, ReviewId, review::Standing};
use backstop_engine::{
    Edit, Engine, Fork, ForkError, Refused, ReviewError, Snapshot, Target, Verb, What, explain,
};
use backstop_tests::{
    History, bench,
    history::{Act, Seen, Told},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use super::files::LABELS;

/// What clients know from one life to the next.
#[derive(Default)]
pub struct Known {
    /// Keys with their policies and texts.
    keys: Mutex<Vec<(String, String, String)>>,
    /// Calls that somebody was told of.
    calls: Mutex<Vec<CallId>>,
    /// What the consumer has read, in order: ids of events.
    pub read: Mutex<Vec<String>>,
    /// What must not be.
    wrong: Mutex<Vec<String>>,
}

impl Known {
    /// The first thing that a client saw and that must not be.
    pub fn wrong(&self) -> Option<String> {
        self.wrong.lock().unwrap().first().cloned()
    }

    fn object(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    fn learn(&self, call: &CallId) {
        let mut calls = self.calls.lock().unwrap();
        if !calls.contains(call) {
            calls.push(call.clone());
        }
    }
}

/// One who acts.
struct Client {
    engine: Engine,
    history: Arc<History>,
    known: Arc<Known>,
    dice: StdRng,
    name: String,
}

/// Starts everybody. In the last life nobody starts new things for long.
pub fn start(
    engine: &Engine,
    history: &Arc<History>,
    known: &Arc<Known>,
    seed: u64,
    last: bool,
) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    let client = |place: u64, name: &str| Client {
        engine: engine.clone(),
        history: Arc::clone(history),
        known: Arc::clone(known),
        dice: StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(place)),
        name: name.to_owned(),
    };
    for place in 0..3 {
        clients.spawn(client(place, &format!("{seed}-{place}")).calls(if last { 2 } else { 40 }));
    }
    for (place, name) in ["ada", "bob", "tilda"].into_iter().enumerate() {
        clients.spawn(client(10 + place as u64, name).reviews());
    }
    clients.spawn(client(20, "lee").leads());
    clients.spawn(client(21, "ops").cancels());
    clients.spawn(client(22, "feed").consumes());
    clients.spawn(client(23, "ops").pauses());
    clients
}

/// Lets the clients go and waits for the end of every call and every review.
///
/// # Errors
/// What never ends.
pub async fn settle(
    engine: &Engine,
    mut clients: JoinSet<()>,
    longest: Duration,
) -> Result<(), String> {
    clients.shutdown().await;
    for _ in 0..20 {
        let open = engine.ledger().open_calls().await.map_err(|error| error.to_string())?;
        if open.is_empty() {
            break;
        }
        for call in open {
            // What cannot be written down for a moment is tried again a second later.
            let _waited = engine.wait_end(&call.id, longest).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
    // Nobody waits for audits, but they fall due too.
    tokio::time::sleep(longest).await;
    let calls = engine.ledger().open_calls().await.map_err(|error| error.to_string())?;
    if let Some(call) = calls.first() {
        let events = engine.events(&call.id, 0).await.map_err(|error| error.to_string())?;
        let way = explain::text(&explain::explain(&events));
        return Err(format!("{} never ends: it is {}\n{way}", call.id, call.phase.name()));
    }
    let reviews = engine.ledger().open_reviews().await.map_err(|error| error.to_string())?;
    if let Some(review) = reviews.first() {
        return Err(format!("{} never ends", review.id));
    }
    match (engine.in_flight(), engine.keys_held()) {
        (0, 0) => Ok(()),
        (calls, keys) => Err(format!("{calls} calls and {keys} keys are kept in memory")),
    }
}

impl Client {
    async fn rest(&mut self, most_ms: u64) {
        let nap = self.dice.random_range(0..=most_ms);
        tokio::time::sleep(Duration::from_millis(nap)).await;
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let most = of.len().checked_sub(1)?;
        of.get(self.dice.random_range(0..=most)).cloned()
    }

    async fn calls(mut self, most: u32) {
        for number in 0..most {
            self.rest(4_000).await;
            match self.dice.random_range(0..10_u8) {
                0..6 => self.new_call(number).await,
                6 | 7 => {
                    let keys = self.known.keys.lock().unwrap().clone();
                    if let Some((policy, key, text)) = self.pick(&keys) {
                        self.call(&policy, &key, &text).await;
                    }
                }
                8 => {
                    let keys = self.known.keys.lock().unwrap().clone();
                    if let Some((policy, key, text)) = self.pick(&keys) {
                        self.call(&policy, &key, &format!("not {text}")).await;
                    }
                }
                _ => self.look().await,
            }
        }
    }

    async fn new_call(&mut self, number: u32) {
        let key = format!("{}-{number}", self.name);
        let label = self.pick(&LABELS).unwrap_or("ham");
        let text = format!("{key} {label}");
        let policies = ["label", "label", "label", "votes", "once"];
        let policy = self.pick(&policies).unwrap_or("label");
        let all = (policy.to_owned(), key.clone(), text.clone());
        self.known.keys.lock().unwrap().push(all);
        self.call(policy, &key, &text).await;
    }

    async fn call(&mut self, policy: &str, key: &str, text: &str) {
        let mut submit = bench::request(text);
        submit.policy = policy.to_owned();
        submit.key = Some(key.to_owned());
        submit.caller.name = "flow".to_owned();
        submit.caller.owner = Some("tilda".to_owned());
        let (key, body) = (format!("{policy}/{key}"), text.to_owned());
        let ticket = self.history.ask(Act::Call { key, body });
        let admitted = match heard(&mut self.dice, self.engine.submit(submit)).await {
            Some(Ok(admitted)) => admitted,
            None | Some(Err(Refused::Stop(_))) => return,
            Some(Err(_)) => return self.history.tell(ticket, Told::Refused),
        };
        let longest = Duration::from_millis(self.dice.random_range(0..40_000));
        if let Some(snapshot) = self.wait(&admitted.id, longest).await {
            self.known.learn(&admitted.id);
            self.history.tell(ticket, Told::Seen(seen(&snapshot)));
        }
    }

    async fn wait(&mut self, id: &CallId, longest: Duration) -> Option<Snapshot> {
        let started = Instant::now();
        let people = self.dice.random_bool(0.5);
        let waited = match people {
            true => self.engine.wait_end(id, longest).await,
            false => self.engine.wait(id, longest).await,
        };
        let took = started.elapsed();
        self.history.waited(id.as_str(), longest, took);
        waited.ok().flatten()
    }

    async fn look(&mut self) {
        let calls = self.known.calls.lock().unwrap().clone();
        let Some(id) = self.pick(&calls) else { return };
        let ticket = self.history.ask(Act::Look { call: id.to_string() });
        let longest = Duration::from_millis(self.dice.random_range(0..20_000));
        match self.wait(&id, longest).await {
            Some(snapshot) => self.history.tell(ticket, Told::Seen(seen(&snapshot))),
            None if self.engine.health().is_ok() => {
                if let Ok(None) = self.engine.call(&id).await {
                    self.known.object(format!("{id} was told of and is gone"));
                }
            }
            None => {}
        }
    }

    async fn reviews(mut self) {
        loop {
            self.rest(6_000).await;
            let Ok(open) = self.engine.ledger().open_reviews().await else { continue };
            let open: Vec<ReviewId> = open.into_iter().map(|review| review.id).collect();
            let Some(review) = self.pick(&open) else { continue };
            self.review(&review).await;
        }
    }

    async fn review(&mut self, id: &ReviewId) {
        let Ok(Some(review)) = self.engine.review(id).await else { return };
        let actor = bench::person(&self.name);
        let claims = self.dice.random_bool(0.4);
        let claimed = match claims {
            true => self.engine.claim(id, actor.clone()).await.ok(),
            false => None,
        };
        self.rest(15_000).await;
        if self.dice.random_bool(0.1) {
            let _said = self.engine.comment(id, actor.clone(), "hm".to_owned()).await;
        }
        let what = match self.dice.random_range(0..8_u8) {
            0..4 => What::Approve,
            4 => What::Edit(Edit::Output(json!({ "label": "none" }))),
            5 => What::Reject,
            6 => What::RequestChanges("shorter".to_owned()),
            _ => What::UseFallback,
        };
        let verb = Verb {
            actor: actor.clone(),
            lease: claimed.map(|claimed| claimed.lease),
            generation: review.opened.generation,
            subject: review.opened.subject,
            what,
            reason: None,
        };
        let ticket = self.history.ask(Act::Decide { review: id.to_string() });
        match heard(&mut self.dice, self.engine.decide(id, verb)).await {
            None => return,
            Some(Ok(state)) => {
                if self.name == "tilda" {
                    self.known.object(format!("tilda decided on her own call in {id}"));
                }
                let decision = match &state.standing {
                    Standing::Decided { by, resolution, .. } => {
                        Some(format!("{by:?} {resolution:?}"))
                    }
                    _ => None,
                };
                self.history.tell(ticket, Told::Done { decision });
            }
            Some(Err(ReviewError::Stop(_))) => return,
            Some(Err(_)) => return self.history.tell(ticket, Told::Refused),
        }
        if self.dice.random_bool(0.3) {
            self.rest(10_000).await;
            let ticket = self.history.ask(Act::Undo { review: id.to_string() });
            match heard(&mut self.dice, self.engine.undo(id, actor)).await {
                Some(Ok(_)) => self.history.tell(ticket, Told::Done { decision: None }),
                None | Some(Err(ReviewError::Stop(_))) => {}
                Some(Err(_)) => self.history.tell(ticket, Told::Refused),
            }
        }
    }

    async fn leads(mut self) {
        loop {
            self.rest(12_000).await;
            let calls = self.known.calls.lock().unwrap().clone();
            let Some(id) = self.pick(&calls) else { continue };
            let Ok(Some(found)) = self.engine.call(&id).await else { continue };
            let mut starts: Vec<u64> =
                found.state.checkpoints().iter().map(|start| start.seq).collect();
            starts.push(self.dice.random_range(0..20));
            let Some(from_seq) = self.pick(&starts) else { continue };
            let how = match self.dice.random_bool(0.5) {
                true => ForkKind::Rollback,
                false => ForkKind::Resume,
            };
            let run = self.dice.random_bool(0.5).then_some(found.state.run);
            let actor = Actor { kind: ActorKind::Operator, id: self.name.clone(), via: None };
            let fork = Fork { how, from_seq, run, reason: "wrong".to_owned(), actor };
            let ticket = self.history.ask(Act::Fork { call: id.to_string() });
            match heard(&mut self.dice, self.engine.fork(&id, fork)).await {
                Some(Ok(snapshot)) => self.history.tell(ticket, Told::Seen(seen(&snapshot))),
                None | Some(Err(ForkError::Stop(_))) => {}
                Some(Err(_)) => self.history.tell(ticket, Told::Refused),
            }
        }
    }

    async fn cancels(mut self) {
        loop {
            self.rest(40_000).await;
            let calls = self.known.calls.lock().unwrap().clone();
            let Some(id) = self.pick(&calls) else { continue };
            let ticket = self.history.ask(Act::Cancel { call: id.to_string() });
            let by = Actor { kind: ActorKind::Operator, id: self.name.clone(), via: None };
            let act = self.engine.cancel(&id, by, "enough".to_owned());
            if matches!(heard(&mut self.dice, act).await, Some(Ok(())))
                && let Ok(Some(snapshot)) = self.engine.call(&id).await
            {
                self.history.tell(ticket, Told::Seen(seen(&snapshot)));
            }
        }
    }

    /// An operator who holds calls, models, queues and policies for a while.
    async fn pauses(mut self) {
        loop {
            self.rest(30_000).await;
            let actor = Actor { kind: ActorKind::Operator, id: self.name.clone(), via: None };
            let for_ms = self.dice.random_range(1..60_000);
            let why = "odd".to_owned();
            let things = ["model/small", "model/large", "queue/desk", "policy/votes"];
            if self.dice.random_bool(0.3) {
                let target = self.pick(&things).and_then(Target::read);
                let Some(target) = target else { continue };
                let _held =
                    self.engine.pause(target.clone(), for_ms, why.clone(), actor.clone()).await;
                self.rest(20_000).await;
                let _ended = self.engine.unpause(target, why, actor).await;
                continue;
            }
            let calls = self.known.calls.lock().unwrap().clone();
            let Some(id) = self.pick(&calls) else { continue };
            let then = match self.dice.random_bool(0.5) {
                true => PauseEnd::Cancel,
                false => PauseEnd::Resume,
            };
            let _held = self.engine.pause_call(&id, (for_ms, then), why, actor.clone()).await;
            self.rest(40_000).await;
            if self.dice.random_bool(0.5) {
                let _ended = self.engine.unpause_call(&id, "over".to_owned(), actor).await;
            }
        }
    }

    /// A slow reader of the feed, who goes on after each crash where it was.
    async fn consumes(mut self) {
        loop {
            self.rest(3_000).await;
            let read = self.known.read.lock().unwrap().len() as u64;
            let Ok(page) = self.engine.ledger().feed(read, 7).await else { continue };
            let mut all = self.known.read.lock().unwrap();
            for recorded in page {
                let id = recorded.envelope.id.to_string();
                self.history.heard("feed", recorded.envelope.position, &id);
                all.push(id);
            }
        }
    }
}

/// What an act came to. Now and then its client goes away in the middle and never hears: it may be
/// carried out all the same.
async fn heard<T>(dice: &mut StdRng, act: impl Future<Output = T>) -> Option<T> {
    if dice.random_bool(0.92) {
        return Some(act.await);
    }
    let patience = Duration::from_millis(dice.random_range(0..2_000));
    tokio::time::timeout(patience, act).await.ok()
}

/// How a call stood, as a client sees it.
fn seen(snapshot: &Snapshot) -> Seen {
    let answer = snapshot.answer.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let end = snapshot.state.ended();
    Seen {
        call: snapshot.id.to_string(),
        run: u64::from(snapshot.state.run),
        end: end.map(|ended| (ended.outcome.name().to_owned(), answer.unwrap_or_default())),
    }
}
