//! A consumer of events that outlives every gateway, and remembers all that it was told. It answers
//! badly now and then, as receivers do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use backstop_tests::{Caller, Workspace};
use serde_json::Value;

/// The secret that its deliveries are signed with: public, and good for nothing else.
pub const SECRET: (&str, &str) = ("KILL_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
/// One in so many events is refused when it comes first.
const REFUSED_EVERY: u64 = 37;
/// Longest wait for the last delivery.
const CALM_MAX: Duration = Duration::from_secs(120);

/// A consumer, and what it took.
#[derive(Default)]
pub struct Ears {
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    /// Position and stream of everything that was taken, in the order in which it came.
    taken: Vec<(u64, String)>,
    /// What was refused once: the next try of it is taken.
    refused: BTreeSet<u64>,
}

impl Ears {
    /// A consumer of the ends of calls, in that workspace's gateway file.
    pub async fn new(workspace: &Workspace) -> Self {
        let ears = Self::default();
        let memory = Arc::clone(&ears.memory);
        let hook = post(move |body: Bytes| async move { memory.lock().unwrap().hear(&body) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/", hook)).await.unwrap();
        });
        let file = workspace.path().join("policies/gateway.yaml");
        let text = std::fs::read_to_string(file).unwrap();
        let subscription = format!(
            "subscriptions:\n  ears:\n    url: {url}\n    secret: {{env: {}}}\n    \
             events: [call_received, call_ended]\n    private_network: true\n",
            SECRET.0
        );
        workspace.write("policies/gateway.yaml", &format!("{text}{subscription}"));
        ears
    }

    /// Holds what was heard to the whole log: everything came, each call in its order.
    ///
    /// # Panics
    /// If something is missing after two minutes, or came before what precedes it.
    pub async fn heard_everything(&self, caller: &Caller) -> String {
        let told = told(caller).await;
        let mut parked: BTreeSet<u64> = BTreeSet::new();
        let calm = async {
            loop {
                let heard = self.positions();
                if told.keys().all(|position| heard.contains_key(position)) {
                    return heard;
                }
                // Whatever was refused lately is due at once.
                let path = "/v1/subscriptions/ears/enable";
                caller.post(path, &serde_json::json!({})).await.unwrap();
                // What was parked, because every try of it fell into a kill, is asked for again; it
                // comes after what followed it, as the reference says of parked events.
                let listed = caller.get("/v1/subscriptions/ears/parked").await.unwrap();
                let rows = listed.body["parked"].as_array().into_iter().flatten();
                parked.extend(rows.filter_map(|row| row["position"].as_u64()));
                let path = "/v1/subscriptions/ears/redeliver";
                caller.post(path, &serde_json::json!({ "parked": true })).await.unwrap();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let heard = tokio::time::timeout(CALM_MAX, calm).await.unwrap_or_else(|_| {
            let heard = self.positions();
            let lost: Vec<_> = told.keys().filter(|at| !heard.contains_key(at)).take(5).collect();
            panic!("the consumer never heard of {lost:?}")
        });
        let mut firsts: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        for (position, call) in told.iter().filter(|(position, _)| !parked.contains(*position)) {
            let first = heard[position];
            if let Some((before, earlier)) = firsts.insert(call, (*position, first)) {
                assert!(earlier < first, "{call}: {position} came before {before}");
            }
        }
        let all = self.memory.lock().unwrap().taken.len();
        format!("{} events delivered, {} of them more than once", told.len(), all - heard.len())
    }

    /// Where each event was taken first.
    fn positions(&self) -> BTreeMap<u64, usize> {
        let memory = self.memory.lock().unwrap();
        let mut firsts = BTreeMap::new();
        for (number, (position, _)) in memory.taken.iter().enumerate() {
            firsts.entry(*position).or_insert(number);
        }
        firsts
    }
}

impl Memory {
    fn hear(&mut self, body: &[u8]) -> StatusCode {
        let letter: Value = serde_json::from_slice(body).unwrap();
        let position = letter["data"]["position"].as_u64().unwrap();
        if position.is_multiple_of(REFUSED_EVERY) && self.refused.insert(position) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        self.taken.push((position, letter["data"]["stream"].as_str().unwrap().to_owned()));
        StatusCode::NO_CONTENT
    }
}

/// Every event that the consumer is to hear: position and stream.
async fn told(caller: &Caller) -> BTreeMap<u64, String> {
    let (mut told, mut after) = (BTreeMap::new(), 0);
    loop {
        let path = format!("/v1/events?types=call_received,call_ended&limit=1000&after={after}");
        let page = caller.get(&path).await.unwrap();
        let events = page.body["events"].as_array().expect("a page of events");
        for event in events {
            let stream = event["stream"].as_str().unwrap().to_owned();
            told.insert(event["position"].as_u64().unwrap(), stream);
        }
        let next = page.body["next"].as_u64().unwrap();
        if next == after {
            return told;
        }
        after = next;
    }
}
