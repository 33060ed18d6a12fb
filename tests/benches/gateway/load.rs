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
    /// Sends that many requests over `connections`: for a profiler, which counts per call.
    pub async fn count(target: &Target, calls: usize, connections: usize) -> Self {
        let mut left = vec![calls / connections; connections];
        left[0] += calls % connections;
        Self::over(target, left.into_iter().map(Until::Sent)).await
    }

    /// Loads `target` over `connections` for `length`.
    pub async fn run(target: &Target, connections: usize, length: Duration) -> Self {
        let end = Instant::now() + length;
        Self::over(target, std::iter::repeat_n(Until::Time(end), connections)).await
    }

    /// Loads `target` over a connection for each of these.
    async fn over(target: &Target, connections: impl Iterator<Item = Until>) -> Self {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for until in connections {
            tasks.spawn(one_connection(target.clone(), until));
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

    /// In one line.
    pub fn told(mut self) -> String {
        self.latencies_us.sort_unstable();
        let last = self.latencies_us.len().saturating_sub(1) as f64;
        let [half, most, nearly, all] = [0.5, 0.99, 0.999, 1.0].map(|share| {
            self.latencies_us.get((last * share) as usize).copied().unwrap_or_default()
        });
        let (good, took) = (self.latencies_us.len(), self.took);
        format!(
            "{good} answered in {took:.1?}, {} badly: {:?}; \
             p50 {half} us, p99 {most}, p99.9 {nearly}, longest {all}",
            self.bad, self.example
        )
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

/// How long a connection sends.
#[derive(Clone, Copy)]
enum Until {
    /// That many requests.
    Sent(usize),
    /// Until then.
    Time(Instant),
}

async fn one_connection(target: Target, until: Until) -> Load {
    let mut load = Load::default();
    let mut sender = connect(&target).await;
    for sent in 0.. {
        let over = match until {
            Until::Sent(calls) => sent == calls,
            Until::Time(end) => Instant::now() >= end,
        };
        if over {
            break;
        }
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
