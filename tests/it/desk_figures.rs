//! What the overview and the policies page count, held to the events that they count.

use std::collections::BTreeMap;
use std::time::Duration;

use backstop_tests::desk::{link, listed, section, words};
use backstop_tests::workspace::LEAD_KEY;
use backstop_tests::{Caller, Gateway, Person, Upstream, Workspace};
use serde_json::{Value, json};

/// A call of `typed` whose model gives that label; its answer.
async fn labelled(caller: &Caller, key: &str, label: &str) -> Value {
    let script = json!([{ "content": json!({ "label": label }).to_string() }]);
    caller.call("typed", key, &format!("{key} script: {script}"), 20).await.unwrap().body
}

/// The whole record.
async fn record(caller: &Caller) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = caller.get(&format!("/v1/events?limit=1000&after={after}")).await.unwrap().body;
        let events = page["events"].as_array().unwrap().clone();
        if events.is_empty() {
            return all;
        }
        all.extend(events);
        after = page["next"].as_u64().unwrap();
    }
}

fn of<'r>(record: &'r [Value], kind: &'static str) -> impl Iterator<Item = &'r Value> {
    record.iter().filter(move |event| event["type"] == kind)
}

/// Names with their counts, as a list of the page has them.
fn counts(section: &str) -> BTreeMap<String, u64> {
    let pairs = section.split("<dt>").skip(1).map(|pair| {
        let (name, rest) = pair.split_once("</dt>").unwrap();
        let count = words(rest.split("</dd>").next().unwrap());
        (words(name), count.parse().unwrap())
    });
    pairs.collect()
}

/// How often calls of the record ended how, and how many are about a failure of which class.
fn ends_and_classes(record: &[Value]) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    // What each call is about: the class of its end, or else of its newest verdict.
    let mut about: BTreeMap<&str, &Value> = BTreeMap::new();
    for event in record {
        let (stream, body) = (event["stream"].as_str().unwrap(), &event["body"]);
        match event["type"].as_str() {
            Some("verdict_reached") => drop(about.insert(stream, &body["class"])),
            Some("call_ended") => {
                about.insert(stream, &body["cause"]["class"]);
                *ends.entry(body["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
    let mut classes: BTreeMap<String, u64> = BTreeMap::new();
    for class in about.values().filter_map(|class| class.as_str()) {
        *classes.entry(class.to_owned()).or_default() += 1;
    }
    (ends, classes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overview_counts_what_the_record_holds() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let leo = Person::enter(gateway.url(), LEAD_KEY).await;
    let first = labelled(&caller, "unsure", "unsure").await;
    // What comes after this look is counted from the events since.
    let told = words(section(&leo.get("/overview").await.text, "h-calls"));
    assert!(told.contains("1 calls 1 open"), "{told}");
    for key in ["a", "b", "c"] {
        assert_eq!(labelled(&caller, key, "ham").await["outcome"], "accepted");
    }
    assert_eq!(labelled(&caller, "d", "forbidden").await["outcome"], "refused");
    let mut asked = vec![first];
    for key in ["f", "g", "h", "i"] {
        asked.push(labelled(&caller, key, "unsure").await);
    }
    let waiting = asked.iter().map(|call| (call["id"].as_str().unwrap(), &call["review"]["id"]));
    let waiting: Vec<_> = waiting.collect();
    for (_, review) in &waiting[..2] {
        assert_eq!(caller.approve(review.as_str().unwrap()).await.unwrap().status, 200);
    }
    let cancel = format!("/v1/calls/{}/cancel", waiting[2].0);
    assert_eq!(caller.post(&cancel, &json!({ "reason": "enough" })).await.unwrap().status, 200);

    let page = leo.get("/overview").await.text;
    let record = record(&caller).await;
    let (ends, classes) = ends_and_classes(&record);
    assert_eq!(classes["rule"], 3, "one refused and two that wait: {classes:?}");
    assert_eq!(ends["approved"], 2, "{ends:?}");
    assert_eq!(counts(section(&page, "h-ends")), ends);
    for (outcome, count) in &ends {
        let to = link(section(&page, "h-ends"), outcome).expect("a count leads to what it counts");
        let list = leo.get(&to).await.text;
        assert_eq!(listed(&list).len() as u64, *count, "{to}");
    }
    assert_eq!(counts(section(&page, "h-fails")), classes);
    let calls = of(&record, "call_received").count() as u64;
    let open = calls - ends.values().sum::<u64>();
    let told = words(section(&page, "h-calls"));
    assert!(told.contains(&format!("{calls} calls {open} open")), "{told}");
    for (name, outcomes) in [
        ("accepted", &["accepted"][..]),
        ("person", &["approved", "edited", "rejected"]),
        ("fallback", &["fallback"]),
        ("refused", &["refused", "cancelled", "observed"]),
        ("failed", &["failed", "expired"]),
    ] {
        let count: u64 = outcomes.iter().filter_map(|outcome| ends.get(*outcome)).sum();
        assert!(told.contains(&format!("{name} {count}")), "{name}: {told}");
    }
    // A review of the queue is open if it was opened, and neither decided nor withdrawn.
    let opened = of(&record, "review_opened").count();
    let decided = of(&record, "review_decided").count();
    let gone = of(&record, "review_withdrawn").count();
    assert_eq!((opened, decided, gone), (5, 2, 1));
    let row = section(&page, "h-queues").split("<tr>").find(|row| row.contains("Test desk"));
    let row = words(row.unwrap());
    assert!(row.starts_with(&format!("Test desk {} 0 ", opened - decided - gone)), "{row}");
    assert!(row.ends_with(&format!(" {decided}")), "decided in the last hour: {row}");
    // A gateway that reads all of it anew says the same.
    gateway.stop(Duration::from_secs(20)).expect("it stops");
    let gateway = Gateway::start(&workspace);
    let anew = Person::enter(gateway.url(), LEAD_KEY).await.get("/overview").await.text;
    for part in ["h-ends", "h-fails", "h-calls"] {
        assert_eq!(words(section(&anew, part)), words(section(&page, part)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policies_page_shows_what_the_record_says_is_in_force_and_what_a_reload_refused() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let leo = Person::enter(gateway.url(), LEAD_KEY).await;
    let page = leo.get("/policies").await.text;
    let record = record(&gateway.caller()).await;
    let mut loaded: BTreeMap<&str, &str> = BTreeMap::new();
    for event in of(&record, "revision_loaded").filter(|event| event["body"]["draft"] != true) {
        let body = &event["body"];
        loaded.insert(body["policy"].as_str().unwrap(), body["revision"].as_str().unwrap());
    }
    assert!(loaded.len() > 5, "{loaded:?}");
    assert!(words(&page).contains(&format!("{} in force", loaded.len())));
    for (policy, revision) in &loaded {
        assert!(section(&page, &format!("p-{policy}")).contains(revision), "{policy} {revision}");
    }
    // As many as stand in the file: the tool's own rule is the tool's.
    let told = words(section(&page, "p-invoice"));
    let holds = "rules 9, checks 0, confidence blocks 0, fallback rows 1, tests 0";
    assert!(told.contains(holds), "{told}");

    let file = workspace.path().join("policies/typed.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    workspace.write("policies/typed.yaml", &text.replace("queue: desk", "queue: dusk"));
    let mut page = String::new();
    for _ in 0..300 {
        page = leo.get("/policies").await.text;
        if page.contains("was refused") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(words(&page).contains("policies/typed.yaml:8:8: there is no queue"), "{page}");
    assert!(section(&page, "p-typed").contains(loaded["typed"]), "the old one stays in force");
}
