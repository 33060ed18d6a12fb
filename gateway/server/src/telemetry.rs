//! Traces: follows the ledger's feed and sends the trace of every call that ended to the collector
//! that the gateway file names. A consumer like any other: a collector that is away slows nobody,
//! and its traces are dropped, counted, after a bound.

use std::time::Duration;

use backstop_engine::{Engine, trace};
use serde_json::{Value, json};

/// Spans of at most this many calls go out in one request.
const BATCH: usize = 100;
/// Longest wait for the collector.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// Events read at once.
const PAGE: usize = 1_000;

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Collector {
    /// Base address of an OTLP/HTTP collector, such as `http://localhost:4318`.
    pub url: String,
    /// Share of calls that are traced, in millionths.
    pub share_millionths: u32,
}

/// Sends the traces of calls that end from now on, until the process ends.
///
/// # Errors
/// The reason, in words, if no client can be made.
pub fn start(engine: Engine, collector: Collector) -> Result<(), String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| format!("no client for traces: {error}"))?;
    crate::tasks::start(async move { follow(engine, collector, client).await });
    Ok(())
}

async fn follow(engine: Engine, collector: Collector, client: reqwest::Client) {
    let mut after = engine.ledger().position();
    let mut watch = engine.ledger().watch();
    loop {
        match batch(&engine, &collector, after).await {
            Ok((position, spans)) if position == after && spans.is_empty() => {
                if watch.changed().await.is_err() {
                    return;
                }
            }
            Ok((position, spans)) => {
                after = position;
                let calls = spans.len();
                if calls > 0 && !send(&client, &collector, spans).await {
                    metrics::counter!("backstop_traces_dropped_total").increment(calls as u64);
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the feed could not be read for traces");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The spans of calls that ended after that position, and how far was read.
async fn batch(
    engine: &Engine,
    collector: &Collector,
    after: u64,
) -> Result<(u64, Vec<Value>), backstop_engine::Stop> {
    let events = engine.ledger().feed(after, PAGE).await?;
    let mut position = after;
    let mut spans = Vec::new();
    for recorded in &events {
        position = recorded.envelope.position;
        if recorded.envelope.kind != "call_ended" {
            continue;
        }
        let Some(id) = recorded.envelope.stream.call_id() else { continue };
        if trace::is_sampled(&id, collector.share_millionths) {
            spans.extend(trace::spans(&id, &engine.events(&id, 0).await?));
        }
        if spans.len() >= BATCH {
            break;
        }
    }
    Ok((position, spans))
}

async fn send(client: &reqwest::Client, collector: &Collector, spans: Vec<Value>) -> bool {
    let url = format!("{}/v1/traces", collector.url.trim_end_matches('/'));
    let service = json!({ "key": "service.name", "value": { "stringValue": "backstop" } });
    let scope = json!({ "name": "backstop", "version": env!("CARGO_PKG_VERSION") });
    let body = json!({ "resourceSpans": [{
        "resource": { "attributes": [service] },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    }]});
    match client.post(url).json(&body).send().await {
        Ok(response) if response.status().is_success() => true,
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::warn!(status, "the trace collector refused a batch");
            false
        }
        Err(error) => {
            let error = error.without_url();
            tracing::warn!(%error, "the trace collector cannot be reached");
            false
        }
    }
}
