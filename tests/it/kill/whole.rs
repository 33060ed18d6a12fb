//! The whole ledger, read through the feed: one call per key, one end per run, one per review.

use backstop_tests::Caller;
use std::collections::{BTreeMap, BTreeSet};

use super::record::Record;

/// Events per page of the feed.
const PAGE: usize = 1000;

/// Counts every event, whether or not anybody was told of it; the figures in words.
///
/// # Panics
/// If a key has two calls, a run two ends, or a review two decisions.
pub async fn each_once(caller: &Caller, record: &Record) -> String {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut ends: BTreeMap<(String, u64), u32> = BTreeMap::new();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let mut decisions: BTreeMap<String, i32> = BTreeMap::new();
    let (mut after, mut events) = (0, 0);
    loop {
        let page = caller.get(&format!("/v1/events?after={after}&limit={PAGE}")).await.unwrap();
        let listed = page.body["events"].as_array().expect("a page of events");
        for event in listed {
            let stream = event["stream"].as_str().expect("an event names its stream").to_owned();
            let run = event["run"].as_u64().expect("an event names its run");
            match event["type"].as_str().expect("an event has a type") {
                "call_received" => {
                    match event["body"]["key"].as_str() {
                        Some(key) => {
                            keys.entry(key.to_owned()).or_default().insert(stream.clone());
                        }
                        None => {
                            assert!(record.is_erasing(&stream), "every call has a key: {event}")
                        }
                    }
                    newest.insert(stream, 1);
                }
                "run_forked" => drop(newest.insert(stream, run)),
                "call_ended" => *ends.entry((stream, run)).or_default() += 1,
                "review_decided" | "review_expired" => {
                    *decisions.entry(stream).or_default() += 1;
                }
                // It may take a decision along that could still be taken back; none comes after it.
                "review_withdrawn" => drop(decisions.insert(stream, 1)),
                "review_undone" => *decisions.entry(stream).or_default() -= 1,
                _ => {}
            }
        }
        events += listed.len();
        after = page.body["next"].as_u64().expect("where the next page starts");
        if listed.is_empty() {
            break;
        }
    }
    // The call that was told of may be erased, so that its own event names the key no more.
    for fact in record.all() {
        keys.entry(fact.key).or_default().insert(format!("call/{}", fact.call));
    }
    for (key, calls) in &keys {
        assert_eq!(calls.len(), 1, "the key {key} made {calls:?}");
    }
    for ((call, run), times) in &ends {
        assert!(*times <= 1, "run {run} of {call} ended {times} times");
    }
    for (review, times) in &decisions {
        assert!(*times <= 1, "{review} was decided {times} times");
    }
    let ended = |(call, run): (&String, &u64)| ends.contains_key(&(call.clone(), *run));
    let open = newest.iter().filter(|newest| !ended(*newest)).count();
    let (calls, reviews) = (newest.len(), decisions.len());
    let further: u64 = newest.values().map(|run| run - 1).sum();
    format!(
        "{events} events: {calls} calls, {open} of them nobody was told of and still open, \
             {further} further runs, {reviews} reviews decided; each once"
    )
}
