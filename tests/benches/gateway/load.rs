//! A closed loop: each connection sends its next request when it has its answer. It measures cost
//! per call and capacity; how long callers wait at a given rate is the open loop's to say.

use backstop_tests::workspace;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What every request asks after its policy: a short mail, about 600 bytes with its frame.
const BODY: &str = concat!(
    r#"","temperature":0,"logprobs":true,"messages":["#,
    r#"{"role":"system","content":"Label the mail as spam or ham. Answer as JSON."},"#,
    r#"{"role":"user","content":"Subject: Minutes of Tuesday\n\nDear all, attached are the "#,
    r#"minutes of our meeting on Tuesday. Please send corrections by Friday noon; after that "#,
    r#"they go to the archive. The next meeting is on the second Tuesday of next month, "#,
    r#"in the small room on the third floor, since the large one is being painted. Kind "#,
    r#"regards, Jo"}]}"#
);

/// Numbers the requests of this process, for idempotency keys.
static SENT: AtomicU64 = AtomicU64::new(0);

/// Where requests go, and what they ask.
#[derive(Debug, Clone)]
pub struct Target {
    address: String,
    body: Bytes,
}

impl Target {
    /// Requests under `policy` to an address such as `127.0.0.1:40123`.
    pub fn new(address: &str, policy: &str) -> Self {
        let body = format!(r#"{{"model":"{policy}{BODY}"#).into();
        Self { address: address.to_owned(), body }
    }
}

/// What one turn brought.
#[derive(Debug, Default)]
pub struct Load {
    /// Latency of each good answer, in microseconds.
    pub latencies_us: Vec<u64>,
    /// Answers that were not what the model said.
    pub bad: u64,
    /// One of them.
    pub example: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Load {
    /// Sends that many requests, one after the other: for a profiler, which counts per call.
    pub async fn count(target: &Target, calls: u64) -> Self {
        let mut load = Self::default();
        let mut sender = connect(target).await;
        for _ in 0..calls {
            load.one(&mut sender, target, Instant::now()).await;
        }
        load
    }

    /// Loads `target` over `connections` for `length`.
    pub async fn run(target: &Target, connections: usize, length: Duration) -> Self {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(one_connection(target.clone(), start + length));
        }
        let mut all = Self::default();
        while let Some(one) = tasks.join_next().await {
            all.add(one.unwrap());
        }
        all.took = start.elapsed();
        all
    }

    /// What another connection brought.
    pub fn add(&mut self, one: Self) {
        self.latencies_us.extend(one.latencies_us);
        self.bad += one.bad;
        self.example = self.example.take().or(one.example);
    }

    /// Sends a request that was due at that moment.
    pub async fn one(
        &mut self,
        sender: &mut SendRequest<Full<Bytes>>,
        target: &Target,
        due: Instant,
    ) {
        let answer = ask(sender, target).await;
        let took = due.elapsed().as_micros() as u64;
        match answer {
            Ok((200, body)) if body.windows(3).any(|part| part == b"ham") => {
                self.latencies_us.push(took);
            }
            Ok((status, body)) => {
                self.bad += 1;
                let text = String::from_utf8_lossy(&body).into_owned();
                self.example.get_or_insert(format!("{status} {text}"));
            }
            Err(error) => {
                self.bad += 1;
                self.example.get_or_insert(error.to_string());
                *sender = connect(target).await;
            }
        }
    }
}

async fn one_connection(target: Target, end: Instant) -> Load {
    let mut load = Load::default();
    let mut sender = connect(&target).await;
    while Instant::now() < end {
        load.one(&mut sender, &target, Instant::now()).await;
    }
    load
}

/// A connection of its own.
pub async fn connect(target: &Target) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(&target.address).await.expect("the subject listens");
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    target: &Target,
) -> hyper::Result<(u16, Bytes)> {
    sender.ready().await?;
    let key = format!("bench-{}-{}", std::process::id(), SENT.fetch_add(1, Ordering::Relaxed));
    let request = Request::post("/v1/chat/completions")
        .header("host", &target.address)
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .header("authorization", format!("Bearer {}", workspace::KEY));
    let request = request.body(Full::new(target.body.clone())).unwrap();
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
