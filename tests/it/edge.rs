//! The HTTP edge against those who are slow, silent or sly: they are let go, and nobody else
//! notices. And a stop that lets everybody finish.

use backstop_tests::caller::send;
use backstop_tests::{Gateway, Upstream, Workspace, workspace};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for the other side to close.
const CLOSES: Duration = Duration::from_secs(20);

/// A gateway that waits one second for what is slow, and three for a body in all.
async fn gateway() -> (Upstream, Workspace, Gateway) {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let path = "policies/gateway.yaml";
    let text = std::fs::read_to_string(workspace.path().join(path)).unwrap();
    let text = text.replace("http: {body: 1MB}", "http: {body: 1MB, headers: 1s, wait: 3s}");
    workspace.write(path, &text);
    let gateway = Gateway::start(&workspace);
    (upstream, workspace, gateway)
}

async fn connect(gateway: &Gateway) -> TcpStream {
    let address = gateway.url().trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

/// Everything that comes until the other side closes, and how long that took.
async fn until_closed(socket: &mut TcpStream) -> (String, Duration) {
    let since = Instant::now();
    let mut came = Vec::new();
    let read = tokio::time::timeout(CLOSES, socket.read_to_end(&mut came)).await;
    assert!(read.is_ok(), "still open after {CLOSES:?}: {}", String::from_utf8_lossy(&came));
    (String::from_utf8_lossy(&came).into_owned(), since.elapsed())
}

fn head(length: usize) -> String {
    format!(
        "POST /v1/calls/typed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        workspace::KEY
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_never_comes_to_the_point_is_let_go() {
    let (_upstream, _workspace, gateway) = gateway().await;
    let starts: [(&str, &[u8]); 4] = [
        ("nothing at all", b""),
        ("half of a request line", b"POST /v1/calls/typed HT"),
        ("headers without an end", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-more: 1\r\n"),
        // Nobody knows yet whether this becomes HTTP/2.
        ("half of a preface", b"PRI * HTTP/2.0\r\n"),
    ];
    for (name, start) in starts {
        let mut socket = connect(&gateway).await;
        socket.write_all(start).await.unwrap();
        let (_, took) = until_closed(&mut socket).await;
        assert!(took >= Duration::from_millis(900), "{name}: closed after {took:?}");
    }
    // A whole preface and then silence is no request either.
    let mut socket = connect(&gateway).await;
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    until_closed(&mut socket).await;
    assert_eq!(gateway.caller().get("/healthz").await.unwrap().status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_stops_coming_or_drips_is_cut_off_and_told_so() {
    let (upstream, _workspace, gateway) = gateway().await;
    let mut stopped = connect(&gateway).await;
    stopped.write_all(head(100).as_bytes()).await.unwrap();
    stopped.write_all(b"{\"input\": ").await.unwrap();
    let (answer, took) = until_closed(&mut stopped).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("body_too_slow") && answer.contains("http.headers"), "{answer}");
    assert!(took >= Duration::from_millis(900), "{took:?}");

    let mut drips = connect(&gateway).await;
    drips.write_all(head(1_000).as_bytes()).await.unwrap();
    let (mut reads, mut writes) = drips.into_split();
    let dripping = tokio::spawn(async move {
        // Never a pause of a second, and never an end.
        while writes.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut came = [0; 12];
    tokio::time::timeout(CLOSES, reads.read_exact(&mut came)).await.unwrap().unwrap();
    assert_eq!(&came, b"HTTP/1.1 408");
    dripping.abort();
    assert!(upstream.asked_about("").is_empty(), "none of it became a call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packed_body_is_not_unpacked() {
    let (upstream, _workspace, gateway) = gateway().await;
    let caller = gateway.caller();
    for coding in ["gzip", "br", "identity, gzip", "deflate"] {
        let request = caller.request(Method::POST, "/v1/calls/typed");
        let request = request.header("content-encoding", coding).body(vec![0x1f, 0x8b, 8, 0]);
        let answer = send(request).await.unwrap();
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{coding}: {}", answer.text);
        assert!(answer.text.contains("Content-Encoding"), "{}", answer.text);
    }
    assert!(upstream.asked_about("").is_empty());
    let request = caller.request(Method::POST, "/v1/calls/typed");
    let request = request.header("content-encoding", "identity");
    let plain = json!({ "input": r#"script: [{"content": "{\"label\": \"ham\"}"}]"# });
    assert_eq!(send(request.json(&plain)).await.unwrap().status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_it_answers_what_is_open_and_takes_nothing_new() {
    let (_upstream, workspace, gateway) = gateway().await;
    let caller = gateway.caller();
    let slow = r#"script: [{"content": "{\"label\": \"ham\"}", "delay_ms": 1500}]"#;
    let open = {
        let caller = caller.clone();
        tokio::spawn(async move { caller.call("typed", "open", slow, 20).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = Command::new("kill").args(["-TERM", &gateway.pid().to_string()]).status().unwrap();
    assert!(told.success());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let late = gateway.caller().call("typed", "late", "text", 1).await;
    assert!(late.is_err() || late.unwrap().status == StatusCode::SERVICE_UNAVAILABLE);
    let answer = open.await.unwrap().unwrap();
    assert_eq!((answer.status, &answer.body["outcome"]), (StatusCode::OK, &json!("accepted")));
    drop(gateway);
    backstop_tests::gateway::verify(&workspace.data()).unwrap();
}

/// The log goes into a pipe that nobody reads, with a line for each step of each call.
const LOG_UNREAD: &str =
    r#"mkfifo "$BACKSTOP_DATA/pipe"; exec 2<>"$BACKSTOP_DATA/pipe"; export BACKSTOP_LOG=debug"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_though_nobody_reads_the_log() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start_after(LOG_UNREAD, &workspace);
    let caller = gateway.caller();
    let good = r#"script: [{"content": "{\"label\": \"ham\"}"}]"#;
    // A pipe holds 64 KiB, a call has some 3.
    for number in 0..60 {
        let key = number.to_string();
        let answer = caller.call("typed", &key, good, 20);
        let answer = tokio::time::timeout(CLOSES, answer).await.expect("it waits for its log");
        assert_eq!(answer.unwrap().status, StatusCode::OK);
    }
    let metrics = caller.get("/metrics").await.unwrap().text;
    assert!(metrics.contains("backstop_log_lines_dropped_total 0"), "{metrics}");
    let ended = gateway.stop(CLOSES).expect("nor does its end wait for it");
    assert!(ended.success(), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_cap_a_connection_waits_until_another_ends() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = axum::Router::new().route("/", axum::routing::get(async || "here"));
    let caps = backstop_server::Caps { connections: 2, ..Default::default() };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopping = async { drop(stopped.await) };
    let served = backstop_server::serve(listener, routes, caps, stopping, CLOSES);
    let served = tokio::spawn(served);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        assert!(answers(&mut socket, CLOSES).await, "there is room");
        open.push(socket);
    }
    // The system takes its connection; nobody here reads it.
    let mut third = TcpStream::connect(address).await.unwrap();
    assert!(!answers(&mut third, Duration::from_millis(300)).await, "there is no room");
    assert!(answers(&mut open[0], CLOSES).await, "who is in is served on");
    open.pop();
    let mut came = [0; 64];
    let read = tokio::time::timeout(CLOSES, third.read(&mut came)).await.unwrap().unwrap();
    assert!(came[..read].starts_with(b"HTTP/1.1 200"), "it waited, and its request with it");
    drop((open, third, stop));
    served.await.unwrap().unwrap();
}

/// Asks on that connection; whether an answer comes within `longest`.
async fn answers(socket: &mut TcpStream, longest: Duration) -> bool {
    socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut came = [0; 1024];
    let read = tokio::time::timeout(longest, socket.read(&mut came)).await;
    read.is_ok_and(|read| came[..read.unwrap()].starts_with(b"HTTP/1.1 200"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_holds_a_level_and_every_response_shows_it() {
    let (upstream, workspace, gateway) = gateway().await;
    let operator = gateway.caller();
    let lead = gateway.caller_with(Some(workspace::LEAD_KEY));
    let reviewer = gateway.caller_with(Some(workspace::REVIEWER_KEY));
    let seen = lead.get("/v1/level").await.unwrap();
    assert_eq!((seen.status, &seen.body["level"]), (StatusCode::OK, &json!("normal")));
    assert_eq!(reviewer.get("/v1/level").await.unwrap().status, StatusCode::FORBIDDEN);
    let hold = json!({ "level": "shed", "for_ms": 60_000, "reason": "the provider moves" });
    assert_eq!(lead.post("/v1/level", &hold).await.unwrap().status, StatusCode::FORBIDDEN);
    for wrong in [
        json!({ "level": "shed", "for_ms": 60_000, "reason": "" }),
        json!({ "level": "shed", "for_ms": 1, "reason": "x" }),
        json!({ "level": "panic", "for_ms": 60_000, "reason": "x" }),
        json!({ "level": "shed", "reason": "for ever" }),
    ] {
        let answer = operator.post("/v1/level", &wrong).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    }
    let held = operator.post("/v1/level", &hold).await.unwrap();
    assert_eq!((held.status, &held.body["level"]), (StatusCode::OK, &json!("shed")));
    assert_eq!(held.body["held"]["by"], "sdk");
    assert_eq!(held.body["held"]["reason"], "the provider moves");

    let refused = operator.chat("chat", "hello").await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
    assert_eq!(refused.body["error"]["code"], "shed");
    assert_eq!(refused.header("backstop-level"), "shed");
    assert_eq!(refused.header("x-should-retry"), "true");
    assert_eq!(refused.header("retry-after"), "60");
    assert!(upstream.asked_about("").is_empty());
    let ready = operator.get("/readyz").await.unwrap();
    assert_eq!((ready.status, &ready.body["state"]), (StatusCode::OK, &json!("ready")));

    let softer = json!({ "level": "brownout", "for_ms": 60_000, "reason": "it moved" });
    assert_eq!(operator.post("/v1/level", &softer).await.unwrap().status, StatusCode::OK);
    let answer = operator.chat("chat", "hello").await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("backstop-level"), "brownout");
    assert_eq!(answer.body["backstop"]["level"], "brownout");
    let metrics = operator.get("/metrics").await.unwrap().text;
    assert!(metrics.contains("backstop_level{level=\"brownout\"} 1"), "{metrics}");

    let over = json!({ "reason": "over" });
    let released = operator.post("/v1/level/release", &over).await.unwrap();
    assert_eq!((released.status, &released.body["held"]), (StatusCode::OK, &json!(null)));
    let again = operator.post("/v1/level/release", &over).await.unwrap();
    assert_eq!(again.status, StatusCode::CONFLICT);
    let answer = operator.chat("chat", "hello").await.unwrap();
    assert_eq!(
        (answer.header("backstop-level"), &answer.body["backstop"]["level"]),
        ("", &json!(null))
    );
    let events = operator.get("/v1/events?types=level_changed&limit=9").await.unwrap();
    let told: Vec<_> = events.body["events"].as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 3, "{}", events.text);
    drop(gateway);
    backstop_tests::gateway::verify(&workspace.data()).unwrap();
}
