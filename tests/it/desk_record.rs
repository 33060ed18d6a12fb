//! The record of the desk: whatever a person looks at or does there leaves an event of theirs, or
//! stands below with the reason why it need not. The routes and the acts are read from the source,
//! so that a new one without a line here fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use backstop_tests::person::hidden;
use backstop_tests::{Answered, Caller, Gateway, Person, Upstream, Workspace};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A key for `olga`, who may do everything at the desk and is known by a password otherwise.
const OLGA_KEY: &str = "bsk_test_olga56789abcdef0123456789abcdef";
/// Longest time until a view is in the record: nobody waits for it.
const RECORDED_MAX: Duration = Duration::from_secs(20);

/// What is done, as whom, and the type of the event that it leaves.
const LEAVES: &[(&str, &str)] = &[
    ("GET /", "page_viewed"),
    ("GET /reviews", "page_viewed"),
    ("GET /reviews/{id}", "page_viewed"),
    ("GET /calls", "page_viewed"),
    ("GET /calls/{id}", "page_viewed"),
    ("GET /overview", "page_viewed"),
    ("GET /policies", "page_viewed"),
    ("GET /quality", "page_viewed"),
    ("POST /sign-in", "signed_in"),
    ("POST /sign-out", "signed_out"),
    ("POST /reviews approve", "review_decided"),
    ("POST /reviews reject", "review_decided"),
    ("POST /reviews/{id} claim", "review_claimed"),
    ("POST /reviews/{id} renew", "review_renewed"),
    ("POST /reviews/{id} release", "review_released"),
    ("POST /reviews/{id} comment", "review_commented"),
    ("POST /reviews/{id} aside", "review_set_aside"),
    ("POST /reviews/{id} over", "review_handed_over"),
    ("POST /reviews/{id} approve", "review_decided"),
    ("POST /reviews/{id} edit", "review_decided"),
    ("POST /reviews/{id} reject", "review_decided"),
    ("POST /reviews/{id} changes", "review_decided"),
    ("POST /reviews/{id} fallback", "review_decided"),
    ("POST /reviews/{id} undo", "review_undone"),
    ("POST /reviews/{id} known", "operator_acted"),
    ("POST /reviews/{id} unknown", "operator_acted"),
    ("POST /calls/{id} cancel", "call_ended"),
    ("POST /calls/{id} rollback", "run_forked"),
    ("POST /calls/{id} resume", "run_forked"),
    ("POST /calls/{id} complain", "review_opened"),
];

/// What leaves none, and why that is right.
const LEAVES_NONE: &[(&str, &str)] = &[
    ("GET /reviews/live", "a number that grows whenever a review changes; it tells of none"),
    ("GET /sign-in", "a form; nobody is known yet"),
    ("GET /sign-in/oidc", "a link to a provider; nobody is known yet"),
    ("GET /sign-in/oidc/return", "whom the provider brings leaves `signed_in`: `oidc.rs` tells it"),
    ("GET /desk/desk.css", "the same for everybody"),
    ("GET /desk/desk.js", "the same for everybody"),
    ("GET /desk/icon.svg", "the same for everybody"),
    ("POST /preferences", "a cookie of the browser's own: whether single keys act"),
    ("POST /reviews/{id} keep", "a draft: in memory, for its writer alone"),
    ("POST /reviews/{id} add", "a draft"),
    ("POST /reviews/{id} remove", "a draft"),
    ("POST /reviews/{id} drop", "a draft"),
    ("POST /reviews/{id} as_json", "a draft, seen another way"),
    ("POST /reviews/{id} as_form", "a draft, seen another way"),
];

fn source(file: &str) -> String {
    let desk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/server/src/desk");
    std::fs::read_to_string(desk.join(file)).unwrap()
}

/// The words that stand for acts where the posts of a file are told apart: `"claim" =>`,
/// `"as_json" | "as_form" =>`, `Some("cancel") =>`.
fn acts(file: &str) -> BTreeSet<String> {
    let text = source(file);
    let arms = text.lines().filter_map(|line| line.split_once("=>").map(|(arm, _)| arm.trim()));
    let named = arms.filter(|arm| arm.starts_with('"') || arm.starts_with("Some("));
    let words = named.flat_map(|arm| arm.split('"').skip(1).step_by(2).map(str::to_owned));
    words.collect()
}

/// Everything that can be asked of the desk.
fn all() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let table = source("mod.rs");
    for line in table.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
        let (path, methods) = line.split_once("\", ").unwrap();
        if methods.contains("get(") {
            all.insert(format!("GET {path}"));
        }
        if !methods.contains("post(") {
            continue;
        }
        let acts = match path {
            "/reviews" => ["approve", "reject"].map(str::to_owned).into(),
            // What is none of the words is one of the last two.
            "/reviews/{id}" => {
                let named = acts("review/act.rs").into_iter();
                named.chain(["keep", "remove"].map(str::to_owned)).collect()
            }
            "/calls/{id}" => acts("call.rs"),
            _ => BTreeSet::new(),
        };
        match acts.is_empty() {
            true => drop(all.insert(format!("POST {path}"))),
            false => all.extend(acts.iter().map(|act| format!("POST {path} {act}"))),
        }
    }
    all
}

#[test]
fn the_table_has_every_route_and_every_act_of_the_desk() {
    let told: BTreeSet<String> =
        LEAVES.iter().chain(LEAVES_NONE).map(|(what, _)| (*what).to_owned()).collect();
    let all = all();
    assert!(all.len() > 30, "the source is read: {all:?}");
    let untold: Vec<_> = all.difference(&told).collect();
    assert!(untold.is_empty(), "say what {untold:?} leaves in the record");
    let gone: Vec<_> = told.difference(&all).collect();
    assert!(gone.is_empty(), "the desk has no {gone:?} any more");
}

/// The desk with olga at it.
struct Stage {
    caller: Caller,
    url: String,
    olga: Person,
}

fn answer(route: &str) -> Value {
    let lines = json!([{ "text": "Pens", "cents": 1200 }]);
    json!({ "vendor": "Acme", "total": 1200, "paid": false, "route": route, "lines": lines })
}

impl Stage {
    /// A call with that answer, at rest: its id, and that of its review if one waits.
    async fn ask(&self, route: &str) -> (String, String) {
        let content = answer(route).to_string();
        let input =
            format!("x script: {}", json!([{ "content": content }, { "content": content }]));
        let posted = self.caller.post("/v1/calls/invoice", &json!({ "input": input })).await;
        let id = posted.unwrap().body["id"].as_str().unwrap().to_owned();
        loop {
            let call = self.caller.get(&format!("/v1/calls/{id}")).await.unwrap().body;
            let review = call["review"]["id"].as_str().unwrap_or_default().to_owned();
            if !review.is_empty() || !call["outcome"].is_null() {
                return (id, review);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Does that on a review, with what the page's form holds and these fields.
    async fn on(&self, review: &str, act: &str, fields: &[(&str, &str)]) -> Answered {
        let path = format!("/reviews/{review}");
        let page = self.olga.get(&path).await.text;
        let held =
            ["token", "generation", "subject", "lease"].map(|name| (name, hidden(&page, name)));
        let mut all: Vec<(&str, &str)> =
            held.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.push(("do", act));
        all.extend_from_slice(fields);
        match act {
            "renew" => self.olga.by_script(&path, &all).await,
            _ => self.olga.post(&path, &all).await,
        }
    }

    /// Does that on a new review; where the record ended right before.
    async fn on_review(&self, act: &str) -> (u64, Answered) {
        let (_, review) = self.ask(if act == "undo" { "swift" } else { "desk" }).await;
        match act {
            "release" | "renew" => drop(self.on(&review, "claim", &[]).await),
            "undo" | "known" => drop(self.on(&review, "approve", &[]).await),
            "unknown" => {
                self.on(&review, "approve", &[]).await;
                self.on(&review, "known", &[]).await;
            }
            _ => {}
        }
        let edited = answer("desk").to_string().replace("Acme", "Acme Ltd");
        let fields: &[(&str, &str)] = match act {
            "comment" => &[("comment", "I know this vendor.")],
            "aside" => &[("hours", "4")],
            "over" => &[("to", "ada"), ("note", "you know them")],
            "edit" => &[("as", "json"), ("o:j", &edited)],
            "reject" => &[("reason_text", "wrong")],
            "changes" => &[("tell", "Write the vendor in full.")],
            _ => &[],
        };
        (self.end().await, self.on(&review, act, fields).await)
    }

    async fn on_call(&self, act: &str) -> (u64, Answered) {
        let (call, _) = self.ask(if act == "cancel" { "desk" } else { "calm" }).await;
        let path = format!("/calls/{call}");
        let page = self.olga.get(&path).await.text;
        let starts = page.split("name=\"from\"><option value=\"").nth(1).unwrap_or_default();
        let from = starts.split('"').next().unwrap().to_owned();
        let fields = [
            ("do", act),
            ("reason", "it was wrong"),
            ("from", &*from),
            ("run", "1"),
            ("queue", "desk"),
        ];
        (self.end().await, self.olga.fill(&path, &path, &fields).await)
    }

    async fn bulk(&self, act: &str) -> (u64, Answered) {
        let (_, review) = self.ask("swift").await;
        let page = self.olga.get("/reviews?queue=swift").await.text;
        let pick = page.split(&format!("name=\"pick\" value=\"{review}")).nth(1).unwrap();
        let pick = format!("{review}{}", pick.split('"').next().unwrap());
        let fields = [("do", act), ("pick", &*pick), ("queue", "swift"), ("reason", "wrong_sum")];
        (self.end().await, self.olga.fill("/reviews", "/reviews", &fields).await)
    }

    async fn view(&self, path: &str) -> (u64, Answered) {
        (self.end().await, self.olga.get(path).await)
    }

    /// Does that; where the record ended right before.
    async fn does(&self, what: &str) -> (u64, Answered) {
        let (method, rest) = what.split_once(' ').unwrap();
        let (path, act) = rest.split_once(' ').unwrap_or((rest, ""));
        match (method, path) {
            ("POST", "/sign-in") => {
                let before = self.end().await;
                Person::enter(&self.url, OLGA_KEY).await;
                (before, self.olga.get("/sign-in").await)
            }
            ("POST", "/sign-out") => {
                let also = Person::enter(&self.url, OLGA_KEY).await;
                (self.end().await, also.fill("/policies", "/sign-out", &[]).await)
            }
            ("POST", "/reviews") => self.bulk(act).await,
            ("POST", "/reviews/{id}") => self.on_review(act).await,
            ("POST", "/calls/{id}") => self.on_call(act).await,
            ("GET", "/reviews/{id}") => {
                self.view(&format!("/reviews/{}", self.ask("desk").await.1)).await
            }
            ("GET", "/calls/{id}") => {
                self.view(&format!("/calls/{}", self.ask("calm").await.0)).await
            }
            ("GET", path) => self.view(path).await,
            _ => panic!("nobody knows how to do {what}"),
        }
    }

    /// Where the record ends, once nothing more of before comes.
    async fn end(&self) -> u64 {
        let mut end = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let path = format!("/v1/events?limit=1000&after={end}");
            let next = self.caller.get(&path).await.unwrap().body["next"].as_u64().unwrap();
            if next == end {
                return end;
            }
            end = next;
        }
    }

    /// Whether the record has such an event of olga's after that position, soon.
    async fn has(&self, kind: &str, after: u64) -> bool {
        let path = format!("/v1/events?limit=1000&after={after}&types={kind}");
        let soon = async {
            loop {
                let events = self.caller.get(&path).await.unwrap().body["events"].take();
                let olgas = |event: &Value| event["actor"]["id"] == "olga";
                if events.as_array().is_some_and(|events| events.iter().any(olgas)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(RECORDED_MAX, soon).await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_and_every_act_of_the_desk_is_in_the_record_with_who_did_it() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let file = workspace.path().join("policies/gateway.yaml");
    let hash: String = Sha256::digest(OLGA_KEY).iter().map(|byte| format!("{byte:02x}")).collect();
    let text = std::fs::read_to_string(file).unwrap();
    let keyed = text.replace("  olga:\n", &format!("  olga:\n    keys: [\"sha256:{hash}\"]\n"));
    workspace.write("policies/gateway.yaml", &keyed);
    let gateway = Gateway::start(&workspace);
    let url = gateway.url().to_owned();
    let olga = Person::enter(&url, OLGA_KEY).await;
    let stage = Stage { caller: gateway.caller(), url, olga };
    let mut wrong = Vec::new();
    for (what, kind) in LEAVES {
        let (before, answer) = stage.does(what).await;
        if !matches!(answer.status.as_u16(), 200 | 204 | 303) {
            wrong.push(format!("{what} was answered with {}: {}", answer.status, answer.text));
        } else if !stage.has(kind, before).await {
            wrong.push(format!("{what} left no {kind} of olga's"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
