//! Who sees which call, and what of it: private places, other people's queues, blind audits.

use backstop_tests::workspace::{BACK_KEY, LEAD_KEY, REVIEWER_KEY};
use backstop_tests::{Answered, Caller, Gateway, Upstream, Workspace};
use reqwest::Method;
use serde_json::{Value, json};

const IBAN: &str = "DE02120300000000202051";

struct House {
    _upstream: Upstream,
    workspace: Workspace,
    gateway: Gateway,
}

impl House {
    async fn open() -> Self {
        let upstream = Upstream::scripted().await;
        let workspace = Workspace::new(upstream.url());
        let gateway = Gateway::start(&workspace);
        Self { _upstream: upstream, workspace, gateway }
    }

    fn person(&self, key: &str) -> Caller {
        self.gateway.caller_with(Some(key))
    }

    /// A payment that the model puts at so many cents.
    async fn pays(&self, cents: i64) -> Answered {
        let answer = json!({ "iban": IBAN, "cents": cents }).to_string();
        let steps = json!([{ "content": answer }]);
        let body = json!({ "input": { "iban": IBAN, "steps": steps } });
        let caller = self.gateway.caller();
        let request = caller.request(Method::POST, "/v1/calls/sealed").header("prefer", "wait=0");
        let told = backstop_tests::caller::send(request.json(&body)).await.unwrap();
        let id = told.body["id"].as_str().unwrap_or_else(|| panic!("{}", told.text));
        let waited = caller.get(&format!("/v1/calls/{id}?wait=2")).await.unwrap();
        assert!(waited.text.contains(IBAN) || cents > 1000, "its own call: {}", waited.text);
        waited
    }
}

impl House {
    /// An invoice that the model puts to that queue.
    async fn invoice(&self, route: &str) -> Answered {
        let invoice = json!({
            "vendor": "Acme", "total": 5, "paid": false, "route": route,
            "lines": [{ "text": "Paper", "cents": 5 }],
        });
        let input = format!("script: {}", json!([{ "content": invoice.to_string() }]));
        let caller = self.gateway.caller();
        let call = caller.call("invoice", route, &input, 0).await.unwrap();
        let id = call.body["id"].as_str().unwrap_or_else(|| panic!("{}", call.text));
        caller.get(&format!("/v1/calls/{id}?wait=5")).await.unwrap()
    }
}

/// Everything of a call that a person can read.
async fn read(person: &Caller, call: &Value) -> Vec<Answered> {
    let id = call["id"].as_str().unwrap();
    let mut read = Vec::new();
    for path in [format!("/v1/calls/{id}"), format!("/v1/calls/{id}/events")] {
        read.push(person.get(&path).await.unwrap());
    }
    let stream = person.request(Method::GET, &format!("/v1/calls/{id}/events"));
    let stream = stream.header("accept", "text/event-stream");
    if call["outcome"].is_string() {
        read.push(backstop_tests::caller::send(stream).await.unwrap());
    }
    if let Some(review) = call["review"]["id"].as_str() {
        read.push(person.get(&format!("/v1/reviews/{review}")).await.unwrap());
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blind_second_reviewer_reads_no_comment_by_api_before_both_have_decided() {
    let house = House::open().await;
    let call = house.invoice("pair").await;
    let review = call.body["review"]["id"].as_str().unwrap_or_else(|| panic!("{}", call.text));
    let (ada, leo) = (house.person(REVIEWER_KEY), house.person(LEAD_KEY));
    let path = format!("/v1/reviews/{review}");
    let said = json!({ "text": "I would let it pass." });
    let told = ada.post(&format!("{path}/comments"), &said).await.unwrap();
    assert_eq!(told.status.as_u16(), 200, "{}", told.text);
    // Who has not voted may still be led.
    for shown in [
        ada.get(&path).await.unwrap(),
        leo.get(&path).await.unwrap(),
        leo.post(&format!("{path}/claim"), &json!({})).await.unwrap(),
    ] {
        assert_eq!(shown.status.as_u16(), 200, "{}", shown.text);
        assert_eq!(shown.body["comments"], json!([]), "{}", shown.text);
    }
    for person in [&leo, &ada] {
        let approved = person.approve(review).await.unwrap();
        assert_eq!(approved.status.as_u16(), 200, "{}", approved.text);
    }
    let shown = leo.get(&path).await.unwrap();
    let expected = json!([{ "by": "ada", "text": "I would let it pass." }]);
    assert_eq!(shown.body["comments"], expected, "{}", shown.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_opinion_looks_like_any_review_and_tells_nothing_of_the_first() {
    let house = House::open().await;
    let call = house.invoice("twice").await;
    let first = call.body["review"]["id"].as_str().unwrap_or_else(|| panic!("{}", call.text));
    let (ada, leo) = (house.person(REVIEWER_KEY), house.person(LEAD_KEY));
    let listed = leo.get("/v1/reviews?queue=twice").await.unwrap();
    let rows = listed.body["reviews"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{}", listed.text);
    assert!(rows.iter().all(|row| row["kind"] == "decision"), "{}", listed.text);
    assert!(!listed.text.contains("sampled"), "{}", listed.text);
    let second = rows.iter().map(|row| row["id"].as_str().unwrap()).find(|id| *id != first);
    let second = second.unwrap();
    let approved = leo.approve(first).await.unwrap();
    assert_eq!(approved.status.as_u16(), 200, "{}", approved.text);
    let shown = ada.get(&format!("/v1/reviews/{second}")).await.unwrap();
    assert_eq!(shown.body["opened"]["kind"], "decision", "{}", shown.text);
    assert_eq!(shown.body["call_view"]["state"], "in_review", "{}", shown.text);
    assert_eq!(shown.body["call_view"]["review"]["id"], second, "{}", shown.text);
    assert!(!shown.text.contains("sampled") && !shown.text.contains("leo"), "{}", shown.text);
    // Nor does the call itself, by any way that is open to them.
    let id = call.body["id"].as_str().unwrap();
    assert_eq!(ada.get(&format!("/v1/calls/{id}")).await.unwrap().status.as_u16(), 404);
    let claimed = leo.post(&format!("/v1/reviews/{second}/claim"), &json!({})).await.unwrap();
    assert_eq!(claimed.status.as_u16(), 403, "nobody decides both: {}", claimed.text);
    let approved = ada.approve(second).await.unwrap();
    assert_eq!(approved.status.as_u16(), 200, "{}", approved.text);
    let over = leo.get(&format!("/v1/reviews/{second}")).await.unwrap();
    assert_eq!(over.body["opened"]["sampled"]["overlap"]["of"], first, "{}", over.text);
    // Both verdicts are labels.
    let labels = std::process::Command::new(backstop_tests::binary::path())
        .arg("labels")
        .args(["--policy", "invoice", "--data"])
        .arg(house.workspace.data())
        .output()
        .unwrap();
    let labels = String::from_utf8(labels.stdout).unwrap();
    let labels: Vec<Value> =
        labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sampled: Vec<_> = labels.iter().map(|label| label["sampled"].clone()).collect();
    assert_eq!(sampled, ["queue", "overlap"]);
    assert!(labels.iter().all(|label| label["right"] == true && label["of"].is_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_place_is_hidden_wherever_a_call_is_shown() {
    let house = House::open().await;
    for cents in [5, -1, 2000] {
        let call = house.pays(cents).await;
        for key in [REVIEWER_KEY, LEAD_KEY] {
            let seen = read(&house.person(key), &call.body).await;
            for answer in &seen {
                assert!(!answer.text.contains(IBAN), "{cents} {key}: {}", answer.text);
            }
            let may = key == LEAD_KEY || cents == 2000;
            assert_eq!(seen[0].status.as_u16(), if may { 200 } else { 404 }, "{}", seen[0].text);
        }
    }
    let call = house.pays(2000).await;
    let seen = read(&house.person(REVIEWER_KEY), &call.body).await;
    let review = &seen.last().unwrap().body;
    assert_eq!(review["input"]["iban"], "[private]");
    let reason = &review["opened"]["reasons"][0]["text"];
    assert_eq!(reason, "2000 cents would go to [private]", "the reason can still be read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_reload_a_call_of_the_old_revision_is_hidden_whole() {
    let house = House::open().await;
    let call = house.pays(5).await;
    let path = house.workspace.path().join("policies/sealed.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let open = text.replace("private: [input.iban, input.steps, output.iban]\n", "");
    house.workspace.write("policies/sealed.yaml", &open);
    let lead = house.person(LEAD_KEY);
    let id = call.body["id"].as_str().unwrap();
    let mut fresh = house.pays(5).await;
    for _ in 0..50 {
        if fresh.body["revision"] != call.body["revision"] {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        fresh = house.pays(5).await;
    }
    let seen = lead.get(&format!("/v1/calls/{id}")).await.unwrap();
    assert_eq!(seen.body["output"], "[private]", "{}", seen.text);
    let seen = lead.get(&format!("/v1/calls/{}", fresh.body["id"].as_str().unwrap())).await;
    assert_eq!(seen.unwrap().body["output"]["iban"], IBAN, "no longer private");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewer_sees_the_calls_of_their_queues_and_no_others() {
    let house = House::open().await;
    let asked = house.pays(2000).await;
    let eve = house.person(BACK_KEY);
    for answer in read(&eve, &asked.body).await {
        assert_eq!(answer.status.as_u16(), 404, "not her queue: {}", answer.text);
    }
    let listed = eve.get("/v1/calls").await.unwrap();
    assert_eq!(listed.status.as_u16(), 403, "{}", listed.text);
    assert!(listed.text.contains("/v1/reviews"), "{}", listed.text);
    let lead = house.person(LEAD_KEY).get("/v1/calls").await.unwrap();
    assert_eq!(lead.body["calls"].as_array().map(Vec::len), Some(1), "{}", lead.text);
}
