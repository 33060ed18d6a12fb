//! How long pages of the desk take over very many reviews. The reviews are copies of two that the
//! real gateway asked, written into its ledger while it is off.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backstop_domain::{CallId, Event, EventId, Millis, ReviewId, Stream};
use backstop_ledger::{Append, Ledger, NewEvent, Options, Recorded, SqliteLedger, Transaction};
use backstop_tests::workspace::LEAD_KEY;
use backstop_tests::{Gateway, Person, Upstream, Workspace, caller::send};

const OPEN: usize = 10_000;
const DECIDED: usize = 50_000;
/// Streams of one transaction.
const TOGETHER: usize = 50;
/// Over this time the copies came in.
const DAY_MS: u64 = 23 * 3_600_000;

/// A call and its review, as events.
struct Pair {
    call: (CallId, Vec<Recorded>),
    review: (ReviewId, Vec<Recorded>),
}

impl Pair {
    async fn read(ledger: &SqliteLedger, call: &str, review: &str) -> Self {
        let (call, review) = (CallId(call.to_owned()), ReviewId(review.to_owned()));
        let of_call = ledger.stream(&Stream::call(&call), 0).await.unwrap();
        let of_review = ledger.stream(&Stream::review(&review), 0).await.unwrap();
        Self { call: (call, of_call), review: (review, of_review) }
    }

    /// The same again under other ids, that much sooner.
    fn copy(&self, number: usize, sooner_ms: u64) -> [Append; 2] {
        let tail = |id: &str| format!("{}{number:08}", &id[..id.len() - 8]);
        let ids = [
            (self.call.0.0.clone(), tail(&self.call.0.0)),
            (self.review.0.0.clone(), tail(&self.review.0.0)),
        ];
        let again = |stream: Stream, events: &[Recorded]| {
            let events = events.iter().map(|one| {
                let around = &one.envelope;
                let mut body = one.event.as_ref().unwrap().body().to_string();
                ids.iter().for_each(|(old, new)| body = body.replace(old, new));
                let body = serde_json::from_str(&body).unwrap();
                let event = Event::read(&stream, &around.kind, around.version, body).unwrap();
                NewEvent {
                    id: EventId(format!("{}x{number}", around.id.0)),
                    at: Millis(around.at.0 - sooner_ms),
                    actor: around.actor.clone(),
                    run: around.run,
                    causation: None,
                    correlation: None,
                    revision: around.revision,
                    event,
                }
            });
            let events = events.collect();
            Append { stream, expected_seq: 0, after: None, events }
        };
        [
            again(Stream::call(&CallId(ids[0].1.clone())), &self.call.1),
            again(Stream::review(&ReviewId(ids[1].1.clone())), &self.review.1),
        ]
    }
}

async fn fill(ledger: &SqliteLedger, of: &Pair, from: usize, count: usize) {
    let mut number = from;
    while number < from + count {
        let some = number..(number + TOGETHER).min(from + count);
        number = some.end;
        let sooner = |one: usize| DAY_MS * (one - from) as u64 / count as u64;
        let appends = some.flat_map(|one| of.copy(one, sooner(one))).collect();
        ledger.append(Transaction::of(appends)).await.unwrap();
    }
}

/// Half of so many looks took at most this long, and all but one in fifty that.
async fn measure(what: &str, looks: usize, look: impl AsyncFn() -> u16) -> Duration {
    let mut times = Vec::new();
    for _ in 0..looks {
        let start = Instant::now();
        assert_eq!(look().await, 200, "{what}");
        times.push(start.elapsed());
    }
    times.sort();
    let (half, most) = (times[looks / 2], times[looks - 1 - looks / 50]);
    println!("{what:45} p50 {half:9.1?}  p98 {most:9.1?}");
    half
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; run it alone, with --nocapture, and with --release for its bounds"]
async fn measure_the_pages_over_ten_thousand_open_and_fifty_thousand_decided_reviews() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let mut asked = Vec::new();
    for input in ["one", "two"] {
        let script = r#"script: [{"content": "{\"label\":\"unsure\"}"}]"#;
        let body = serde_json::json!({ "input": format!("{input} {script}") });
        let request = caller.request(reqwest::Method::POST, "/v1/calls/typed");
        let told = send(request.header("prefer", "wait=10").json(&body)).await.unwrap().body;
        let id = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        asked.push((id(&told["id"]), id(&told["review"]["id"])));
    }
    assert_eq!(caller.approve(&asked[1].1).await.unwrap().status, 200);
    assert!(gateway.stop(Duration::from_secs(20)).is_some(), "it stops");

    let start = Instant::now();
    {
        let ledger = SqliteLedger::open(&workspace.data(), &Options::default()).unwrap();
        let open = Pair::read(&ledger, &asked[0].0, &asked[0].1).await;
        let decided = Pair::read(&ledger, &asked[1].0, &asked[1].1).await;
        fill(&ledger, &decided, 0, DECIDED).await;
        fill(&ledger, &open, DECIDED, OPEN).await;
    }
    println!("filled in {:?}", start.elapsed());
    let start = Instant::now();
    let gateway = Gateway::start(&workspace);
    println!("started in {:?}", start.elapsed());
    let leo = Person::enter(gateway.url(), LEAD_KEY).await;
    let page = async |path: &str| leo.get(path).await.status.as_u16();
    let start = Instant::now();
    assert_eq!(page("/reviews").await, 200);
    println!("first look at the queue, which reads all of it: {:?}", start.elapsed());
    let review = format!("/reviews/{}", asked[0].1);
    let call = format!("/calls/{}", asked[0].0);
    let caller = gateway.caller();
    let mut times = BTreeMap::new();
    for path in [
        "/",
        "/reviews?from=5000",
        "/reviews?q=unsure",
        "/reviews?q=nothing-is-called-so",
        "/reviews?show=free",
        &review,
        &call,
        "/overview",
        "/quality",
        "/policies",
    ] {
        times.insert(path.to_owned(), measure(path, 50, async || page(path).await).await);
    }
    for path in [
        "/v1/calls?limit=50",
        "/v1/calls?outcome=approved&limit=50",
        "/v1/calls?outcome=failed&limit=50",
        "/v1/calls?policy=typed&limit=50",
        "/v1/calls?state=in_review&limit=50",
        "/v1/reviews?limit=50",
    ] {
        let look = async || caller.get(path).await.unwrap().status.as_u16();
        times.insert(path.to_owned(), measure(path, 50, look).await);
    }
    if !cfg!(debug_assertions) {
        let slow: Vec<_> = times.iter().filter(|(_, took)| took.as_millis() > 100).collect();
        assert!(slow.is_empty(), "half of the looks took longer than 100 ms: {slow:?}");
    }
}
