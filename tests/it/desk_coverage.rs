//! What the policies page says that tests cover: counted in the background, as `backstop test`
//! counts it, of the very policies that are in force.

use std::collections::BTreeMap;
use std::time::Duration;

use backstop_domain::Digest;
use backstop_server::coverage::{Count, Covered, Uncovered};
use backstop_tests::bench::Setup;
use backstop_tests::desk::{Desk, section, words};
use backstop_tests::workspace::{LEAD_KEY, REVIEWER_KEY};
use backstop_tests::{Gateway, Person, Upstream, Workspace};
use serde_json::Value;

const EXAMPLE: &str = "example: {input: a text, output: {label: ham}}\ntests:\n";
const ONE: &str = "  - {name: a plain label goes out, expect: {verdict: accept}}\n";
const TWO: &str = "  - {name: the model may be unsure, change: {output.label: unsure}, \
                   expect: {verdict: escalate}}\n";
const WRONG: &str = "  - {name: nobody looks, change: {output.label: unsure}, \
                     expect: {verdict: accept}}\n";
/// Longest wait for a reload and its count.
const COUNTED_MAX: Duration = Duration::from_secs(60);

/// What `backstop test` counts of the policy `typed`: the head of the page's words, and the rest.
fn counted(workspace: &Workspace) -> (String, Vec<Value>) {
    let told = std::process::Command::new(backstop_tests::binary::path())
        .args(["test", "typed", "--coverage", "--format", "json", "--workspace"])
        .arg(workspace.path())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&told.stdout).unwrap();
    let coverage = &report["policies"][0]["coverage"];
    let parts = coverage["parts"].as_object().unwrap().values();
    let sum = |key: &str| parts.clone().map(|part| part[key].as_u64().unwrap()).sum::<u64>();
    let never = coverage["never"].as_array().unwrap().clone();
    let (covered, all) = (sum("covered"), sum("all"));
    assert_eq!(all - covered, never.len() as u64, "{report}");
    (format!("{covered} of {all} points"), never)
}

/// The page's section about `typed`, once it says that.
async fn says(person: &Person, what: &str) -> String {
    let mut told = String::new();
    let soon = async {
        loop {
            told = section(&person.get("/policies").await.text, "p-typed").to_owned();
            if words(&told).contains(what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let came = tokio::time::timeout(COUNTED_MAX, soon).await;
    assert!(came.is_ok(), "never `{what}`: {}", words(&told));
    told
}

/// The words of a page as a browser shows them.
fn shown(page: &str) -> String {
    let mut text = words(page);
    for (code, letter) in [("34", "\""), ("39", "'"), ("60", "<"), ("62", ">"), ("38", "&")] {
        text = text.replace(&format!("&#{code};"), letter);
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policies_page_says_what_tests_cover_and_what_not_and_counts_after_each_reload() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let file = workspace.path().join("policies/typed.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let with = |tests: &str| {
        workspace.write("policies/typed.yaml", &format!("{text}{EXAMPLE}{tests}"));
        counted(&workspace)
    };
    let (first, open) = with(ONE);
    let gateway = Gateway::start(&workspace);
    let leo = Person::enter(gateway.url(), LEAD_KEY).await;
    let page = says(&leo, &format!("Tests cover {first} {} not covered", open.len())).await;
    assert!(!open.is_empty());
    let told = shown(&page);
    for point in &open {
        let name = point["name"].as_str().unwrap();
        let never: Vec<_> = point["never"].as_array().unwrap().iter().collect();
        assert!(told.contains(name), "{name}: {told}");
        for words in never {
            assert!(
                told.contains(&format!("never {}", words.as_str().unwrap())),
                "{point}: {told}"
            );
        }
        let place = format!("policies/typed.yaml:{}", point["line"]);
        assert!(point["line"].is_null() || told.contains(&place), "{place}: {told}");
    }
    // Whoever only reviews is told how much, and not where on this machine.
    let ada = Person::enter(gateway.url(), REVIEWER_KEY).await;
    let told = words(&says(&ada, &format!("Tests cover {first}")).await);
    assert!(told.contains("rule unsure") && !told.contains("typed.yaml"), "{told}");

    let (second, open) = with(&format!("{ONE}{TWO}"));
    assert_ne!(first, second);
    says(&leo, &format!("Tests cover {second} {} not covered", open.len())).await;

    // What is refused is not counted.
    let broken = format!("{text}{EXAMPLE}{ONE}").replace("queue: desk", "queue: dusk");
    workspace.write("policies/typed.yaml", &broken);
    for _ in 0..300 {
        if leo.get("/policies").await.text.contains("was refused") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(leo.get("/policies").await.text.contains("was refused"));
    says(&leo, &format!("Tests cover {second}")).await;

    with(&format!("{ONE}{WRONG}"));
    says(&leo, "· 1 test fails").await;
}

#[tokio::test(start_paused = true)]
async fn a_count_is_shown_for_the_revision_that_it_is_of_and_for_no_other() {
    let bench = Setup::policy("").start().await;
    let desk = Desk::over(&bench);
    let says = async || words(section(&desk.page("/policies").await, "p-story"));
    let told = says().await;
    assert!(told.contains("Tests cover is being counted"), "{told}");
    let count = |revision: Digest, points: usize, failing: usize| {
        let open = Uncovered {
            what: "rule <b>x".to_owned(),
            never: "never fires".to_owned(),
            place: "policies/story.yaml:7".to_owned(),
        };
        let open = vec![open; points.min(1)];
        let covered = Covered { revision, failing, points, open };
        Count::Done(BTreeMap::from([("story".to_owned(), covered)]))
    };
    let revision = bench.engine.workspace().policies["story"].plan.revision;
    desk.coverage.put(count(revision, 3, 2));
    let told = says().await;
    let counted = "Tests cover 2 of 3 points · 2 tests fail 1 not covered";
    assert!(told.contains(counted) && told.contains("never fires policies/story.yaml:7"), "{told}");
    assert!(told.contains("rule &#60;b&#62;x"), "what a file says is text: {told}");
    desk.coverage.put(count(revision, 0, 0));
    assert!(says().await.contains("Tests cover there is nothing to cover"));
    desk.coverage.put(count(Digest::of(b"another"), 3, 0));
    assert!(says().await.contains("Tests cover is being counted"));
    desk.coverage.put(Count::Failed);
    assert!(says().await.contains("could not be counted: the log says why"));
}
