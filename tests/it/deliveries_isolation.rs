//! One of ten consumers hangs, fails or reads ten bytes a second: the other nine must not notice.
//! A measurement; `cargo test --release -p backstop-tests --test it -- --ignored one_of_ten --nocapture`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstop_domain::{
    Actor, AnsweredBy, CallEvent, CallId, Cause, Criticality, Digest, Ended, Event, EventId, Face,
    Millis, Mode, Outcome, Received, Stream,
};
use backstop_engine::{Engine, Ids, Models, Parts, Services};
use backstop_ledger::{Ledger, NewEvent, Options, SqliteLedger, Transaction};
use backstop_server::deliver::{Consumer, Deliveries, SigningKeys, Wanted, secret};
use backstop_tests::{Scratch, bench};
use backstop_upstream::{Clock, MonotonicClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Calls of one run, and the time between two.
const CALLS: u64 = 120;
const EVERY: Duration = Duration::from_millis(20);
/// Pairs of a control run and a run with one that misbehaves.
const PAIRS: usize = 5;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Fine,
    Hangs,
    Fails,
    /// Reads, and answers, ten bytes a second.
    Slow,
}

pub type Heard = Arc<Mutex<Vec<Duration>>>;

async fn receiver(manner: Manner, origin: Instant, heard: Heard) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(socket, manner, origin, Arc::clone(&heard)));
        }
    });
    url
}

/// The consumer of that number, with a receiver of that manner.
pub async fn consumer(number: u8, manner: Manner, origin: Instant, heard: Heard) -> Consumer {
    Consumer {
        name: format!("c{number}"),
        url: receiver(manner, origin, heard).await.parse().unwrap(),
        keys: SigningKeys::read([secret(&[7; 32]).as_str()]).unwrap(),
        wanted: Wanted { types: Some(vec!["call_ended".into()]), policies: None },
        full: false,
        cloud_events: false,
        private_network: true,
        enabled: true,
        people: None,
    }
}

/// HTTP/1.1 as far as our own client needs it: a head, a body of a known length, an answer.
async fn serve(mut socket: TcpStream, manner: Manner, origin: Instant, heard: Heard) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let most = if manner == Manner::Slow { 10 } else { piece.len() };
        let Ok(read @ 1..) = socket.read(&mut piece[..most]).await else { return };
        bytes.extend_from_slice(&piece[..read]);
        if manner == Manner::Slow {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0_usize);
        if body.len() < length {
            continue;
        }
        let sent = sent_at(body);
        bytes.clear();
        match manner {
            Manner::Hangs => tokio::time::sleep(Duration::from_secs(3600)).await,
            Manner::Fails => {
                let _ = socket.write_all(b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n").await;
            }
            Manner::Fine | Manner::Slow => {
                heard.lock().unwrap().push(origin.elapsed().saturating_sub(sent));
                let _ = socket.write_all(b"HTTP/1.1 204 ok\r\n\r\n").await;
            }
        }
    }
}

/// When the call was handed in: its id carries the time in microseconds.
fn sent_at(body: &str) -> Duration {
    let id = body.split("\"call\":\"call_").nth(1).and_then(|rest| rest.split('"').next());
    Duration::from_micros(id.and_then(|id| id.parse().ok()).unwrap_or(0))
}

fn ended(call: &CallId, seq: u64, at: Millis, event: CallEvent) -> Transaction {
    let new = NewEvent {
        id: EventId(format!("evt_{call}_{seq}")),
        at,
        actor: Actor::system("bench"),
        run: 1,
        causation: None,
        correlation: None,
        revision: None,
        event: Event::Call(event),
    };
    Transaction::one(Stream::call(call), seq, vec![new]).hurried()
}

fn received(at: Millis) -> CallEvent {
    CallEvent::CallReceived(Received {
        policy: "story".into(),
        revision: Digest::of(b"revision"),
        caller: "bench".into(),
        tenant: None,
        key: None,
        fingerprint: Digest::of(b"body"),
        request: Digest::of(b"request"),
        tags: BTreeMap::new(),
        face: Face::Calls,
        criticality: Criticality::Standard,
        mode: Mode::Enforce,
        deadline: at,
        estimates: Vec::new(),
        traceparent: None,
        canary_of: None,
        level: backstop_domain::guard::Level::Normal,
        held_at_door: None,
    })
}

fn accepted() -> CallEvent {
    CallEvent::CallEnded(Ended {
        outcome: Outcome::Accepted,
        answered_by: AnsweredBy::Model,
        answer: Some(Digest::of(b"answer")),
        cause: Cause::default(),
        unreviewed: false,
        audits: Vec::new(),
    })
}

/// The nine's p99 from handing a call in to hearing of its end, and the p99 of a commit.
async fn run(tenth: Manner) -> (Duration, Duration) {
    let scratch = Scratch::new("isolation");
    let ledger: Arc<dyn Ledger> =
        Arc::new(SqliteLedger::open(&scratch.path().join("data"), &Options::default()).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::starting_at(bench::NOW));
    let setup = bench::Setup::policy("");
    let engine = Engine::new(Parts {
        workspace: bench::load(&setup.files()),
        ledger: Arc::clone(&ledger),
        models: Models::new(BTreeMap::new()),
        services: Services::default(),
        clock: Arc::clone(&clock),
        ids: Ids::from_os(),
        salt: vec![7; 32],
    });
    let origin = Instant::now();
    let heard = Heard::default();
    let mut consumers = Vec::new();
    for number in 0..10 {
        let manner = if number == 9 { tenth } else { Manner::Fine };
        let ears = if number == 9 { Heard::default() } else { Arc::clone(&heard) };
        consumers.push(consumer(number, manner, origin, ears).await);
    }
    let deliveries = Deliveries::over(engine);
    deliveries.put_in_force(consumers).await.unwrap();
    let mut commits = Vec::new();
    let mut ticks = tokio::time::interval(EVERY);
    for _ in 0..CALLS {
        ticks.tick().await;
        let start = origin.elapsed();
        let call = CallId(format!("call_{}", start.as_micros()));
        let at = clock.now();
        ledger.append(ended(&call, 0, at, received(at))).await.unwrap();
        ledger.append(ended(&call, 1, at, accepted())).await.unwrap();
        commits.push((origin.elapsed() - start) / 2);
    }
    let all = usize::try_from(CALLS * 9).unwrap();
    for _ in 0..600 {
        if heard.lock().unwrap().len() >= all {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let heard = heard.lock().unwrap().clone();
    assert_eq!(heard.len(), all, "{tenth:?}: the nine hear of every call, once");
    drop(deliveries);
    (p99(heard), p99(commits))
}

pub fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of about three minutes"]
async fn one_of_ten_that_misbehaves_is_not_noticed_by_the_nine() {
    let mut worst = Vec::new();
    for manner in [Manner::Hangs, Manner::Fails, Manner::Slow] {
        let (mut control, mut with) = (Vec::new(), Vec::new());
        let (mut control_commits, mut commits) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let (heard, commit) = run(Manner::Fine).await;
            control.push(heard);
            control_commits.push(commit);
            let (heard, commit) = run(manner).await;
            with.push(heard);
            commits.push(commit);
        }
        let (before, after) = (median(control), median(with));
        println!(
            "one of ten {manner:?}: the nine's p99 {after:?}, control {before:?}; a commit's p99 \
             {:?}, control {:?}",
            median(commits),
            median(control_commits)
        );
        let allowed = (before / 10).max(Duration::from_millis(2));
        if after > before + allowed {
            worst.push(format!("{manner:?}: {after:?} against {before:?}"));
        }
    }
    assert!(worst.is_empty(), "over 10 % and 2 ms: {worst:?}");
}
