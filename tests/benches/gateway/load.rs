//! A closed loop: each connection sends its next request when it has its answer. No coordinated
//! omission is hidden by it: it measures cost per call, not behaviour beyond capacity.

use backstop_tests::workspace;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What every request asks: a short mail, about 600 bytes with its frame.
const BODY: &str = concat!(
    r#"{"model":"bench","temperature":0,"logprobs":true,"messages":["#,
    r#"{"role":"system","content":"Label the mail as spam or ham. Answer as JSON."},"#,
    r#"{"role":"user","content":"Subject: Minutes of Tuesday\n\nDear all, attached are the "#,
    r#"minutes of our meeting on Tuesday. Please send corrections by Friday noon; after that "#,
    r#"they go to the archive. The next meeting is on the second Tuesday of next month, "#,
    r#"in the small room on the third floor, since the large one is being painted. Kind "#,
    r#"regards, Jo"}]}"#
);

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Target(String);

impl Target {
    /// Such as `127.0.0.1:40123`.
    pub fn new(address: &str) -> Self {
        Self(address.to_owned())
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
    /// Loads `target` over `connections` for `length`.
    pub async fn run(target: &Target, connections: usize, length: Duration) -> Self {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(one_connection(target.clone(), start + length));
        }
        let mut all = Self::default();
        while let Some(one) = tasks.join_next().await {
            let one = one.unwrap();
            all.latencies_us.extend(one.latencies_us);
            all.bad += one.bad;
            all.example = all.example.or(one.example);
        }
        all.took = start.elapsed();
        all
    }
}

async fn one_connection(target: Target, end: Instant) -> Load {
    let mut load = Load::default();
    let mut sender = connect(&target).await;
    while Instant::now() < end {
        let start = Instant::now();
        let answer = ask(&mut sender, &target).await;
        let took = start.elapsed().as_micros() as u64;
        match answer {
            Ok((200, body)) if body.windows(3).any(|part| part == b"ham") => {
                load.latencies_us.push(took);
            }
            Ok((status, body)) => {
                load.bad += 1;
                let text = String::from_utf8_lossy(&body).into_owned();
                load.example.get_or_insert(format!("{status} {text}"));
            }
            Err(error) => {
                load.bad += 1;
                load.example.get_or_insert(error.to_string());
                sender = connect(&target).await;
            }
        }
    }
    load
}

async fn connect(target: &Target) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(&target.0).await.expect("the subject listens");
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
    let request = Request::post("/v1/chat/completions")
        .header("host", &target.0)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", workspace::KEY));
    let request = request.body(Full::new(Bytes::from_static(BODY.as_bytes()))).unwrap();
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
