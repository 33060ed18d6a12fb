//! The calls page: whoever oversees finds any call again.

use std::collections::BTreeSet;
use std::time::Duration;

use backstop_engine::Caller;
use backstop_tests::bench::{Bench, Setup, Told, label, policy_text, request};
use backstop_tests::desk::{Desk, link, listed, row, words};
use backstop_tests::workspace::{LEAD_KEY, REVIEWER_KEY};
use backstop_tests::{Gateway, Person, Upstream, Workspace};

const RULES: &str = "\
rules:
  - {id: no-spam, when: output.label == \"spam\", then: reject}
  - {id: look, when: output.label == \"none\", for: model, then: escalate}
";

/// Two policies, `story` and `other`; the model labels a text with the word that it starts with.
async fn bench() -> Bench {
    let other = policy_text(RULES).replace("policy: story", "policy: other");
    let says = |request: &backstop_upstream::AskRequest, _: usize| {
        let asked = request.body["messages"].to_string();
        label(["spam", "none"].into_iter().find(|word| asked.contains(word)).unwrap_or("ham"))
    };
    let setup = Setup::policy(RULES).file("policies/other.yaml", &other);
    setup.model_by("small", says).start().await
}

async fn ask(bench: &Bench, policy: &str, input: &str) -> Told {
    let mut submit = request(input);
    submit.policy = policy.to_owned();
    let id = bench.submit(&submit).await.unwrap().id;
    // Two of one moment would have no order of their own.
    tokio::time::sleep(Duration::from_millis(5)).await;
    bench.rest(&id).await
}

fn id(told: &Told) -> String {
    told.snapshot.id.0.clone()
}

#[tokio::test(start_paused = true)]
async fn calls_are_found_by_policy_state_outcome_and_time_newest_first() {
    let bench = bench().await;
    let desk = Desk::over(&bench);
    let nothing = desk.page("/calls").await;
    assert!(words(&nothing).contains("No call has come in yet."), "{nothing}");

    let old = ask(&bench, "story", "ham").await;
    let spam = ask(&bench, "story", "spam").await;
    tokio::time::sleep(Duration::from_secs(2 * 3_600)).await;
    let other = ask(&bench, "other", "ham again").await;
    let waits = ask(&bench, "story", "none of both").await;
    assert_eq!((spam.state(), waits.state()), ("refused", "in_review"));
    let [old, spam, other, waits] = [&old, &spam, &other, &waits].map(id);

    for (path, finds) in [
        ("/calls", vec![&waits, &other, &spam, &old]),
        ("/calls?policy=story", vec![&waits, &spam, &old]),
        ("/calls?outcome=accepted", vec![&other, &old]),
        ("/calls?state=in_review", vec![&waits]),
        ("/calls?state=ended", vec![&other, &spam, &old]),
        ("/calls?since=1h", vec![&waits, &other]),
        ("/calls?since=24h", vec![&waits, &other, &spam, &old]),
        ("/calls?policy=story&outcome=accepted&since=1h", vec![]),
        // As a form sends the fields that were left empty.
        ("/calls?policy=other&state=&outcome=accepted&since=&id=", vec![&other]),
    ] {
        let page = desk.page(path).await;
        assert_eq!(listed(&page).iter().collect::<Vec<_>>(), finds, "{path}");
        assert_eq!(words(&page).contains("No call fits."), finds.is_empty(), "{path}");
    }
    // What was chosen is still chosen, and a row says how its call stands.
    let page = desk.page("/calls?policy=story&state=ended&outcome=refused&since=7d").await;
    for chosen in ["story", "ended", "refused", "7d"] {
        assert!(
            page.contains(&format!("<option value=\"{chosen}\" selected>")),
            "{chosen}: {page}"
        );
    }
    let told = row(&page, &spam);
    assert!(told.contains("story") && told.contains("refused rule"), "{told}");
    assert!(told.contains("caller teller"), "{told}");
    assert!(page.contains(&format!("href=\"/calls/{spam}\"")), "{page}");
}

#[tokio::test(start_paused = true)]
async fn pages_of_calls_lead_through_all_of_them_once_whatever_comes_in_meanwhile() {
    let bench = bench().await;
    let desk = Desk::over(&bench);
    let mut all = Vec::new();
    for turn in 0..120 {
        ask(&bench, "story", &format!("spam {turn}")).await;
        all.push(id(&ask(&bench, "story", &format!("ham {turn}")).await));
    }
    all.reverse();
    let start = "/calls?policy=story&outcome=accepted&since=24h";
    let (mut path, mut seen, mut pages) = (start.to_owned(), Vec::new(), 0);
    loop {
        let page = desk.page(&path).await;
        let back = link(&page, "Newest ones");
        assert_eq!(back.as_deref(), (pages > 0).then_some(start), "the first page is the newest");
        seen.extend(listed(&page));
        pages += 1;
        ask(&bench, "story", "ham, and came later").await;
        match link(&page, "Older ones") {
            Some(older) => path = older,
            None => break,
        }
    }
    assert_eq!(pages, 3, "{} calls", seen.len());
    assert_eq!(seen, all);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 120);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_is_not_understood_is_told_and_lists_nothing() {
    let bench = bench().await;
    let desk = Desk::over(&bench);
    ask(&bench, "story", "ham").await;
    for (path, says) in [
        ("/calls?outcome=acepted", "“acepted” is no outcome of a call."),
        ("/calls?state=sleeping", "“sleeping” is no state of a call."),
        ("/calls?since=yesterday", "“yesterday” is no time that this page looks back."),
        ("/calls?owner=me", "unknown field owner ,"),
        ("/calls?cursor=here", "send back the next of the page before"),
        ("/calls?policy=story&policy=other", "duplicate field policy"),
    ] {
        let seen = desk.get(path).await;
        let told = words(&seen.html);
        assert_eq!(seen.status.as_u16(), 400, "{path}: {told}");
        assert!(told.contains(says), "{path}: {told}");
        assert!(listed(&seen.html).is_empty(), "{path}");
    }
    // A policy may be gone while its calls are still there, so it can be asked for.
    let page = desk.page("/calls?policy=gone").await;
    assert!(words(&page).contains("“gone” is no policy that is in force"), "{page}");
    assert!(page.contains("<option value=\"gone\" selected>"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_opened_by_its_id_and_one_that_is_not_there_is_told() {
    let bench = bench().await;
    let desk = Desk::over(&bench);
    let call = id(&ask(&bench, "story", "ham").await);
    for asked in [call.clone(), format!("+{call}%20")] {
        let seen = desk.get(&format!("/calls?policy=&id={asked}")).await;
        assert_eq!((seen.status.as_u16(), seen.to), (303, format!("/calls/{call}")));
    }
    desk.page(&format!("/calls/{call}")).await;
    for nowhere in ["call_nowhere", "..%2Foverview", "%2F%2Fevil.example"] {
        let seen = desk.get(&format!("/calls?id={nowhere}")).await;
        assert_eq!((seen.status.as_u16(), &*seen.to), (404, ""), "{nowhere}");
        assert!(words(&seen.html).contains("There is no call “"), "{}", seen.html);
        assert_eq!(listed(&seen.html), [call.as_str()], "the list stays");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_a_caller_or_a_link_says_is_text_in_the_list_of_calls() {
    let bench = bench().await;
    let desk = Desk::over(&bench);
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>";
    let mut submit = request(evil);
    submit.caller = Caller { name: evil.to_owned(), ..Caller::default() };
    let told = bench.submit(&submit).await.unwrap().id;
    bench.rest(&told).await;
    let coded: String = evil.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for field in ["policy", "state", "outcome", "since", "id"] {
        let page = desk.get(&format!("/calls?{field}={coded}")).await.html;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
        assert!(page.contains("&#60;script&#62;alert(1)"), "{field} is told as it is: {page}");
    }
    let page = desk.page("/calls").await;
    assert!(row(&page, &told.0).contains("alert(1)"), "the caller's name stands there");
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    assert_eq!(page.matches("alert(1)").count(), 1, "what was asked is not on this page: {page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_oversee_find_calls() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let call = gateway.caller().call("typed", "a", "text", 20).await.unwrap().body;
    let call = call["id"].as_str().unwrap();
    let leo = Person::enter(gateway.url(), LEAD_KEY).await;
    let page = leo.get("/calls").await.text;
    assert_eq!(listed(&page), [call]);
    assert_eq!(link(&page, "Calls").as_deref(), Some("/calls"), "it is in the navigation");
    let ada = Person::enter(gateway.url(), REVIEWER_KEY).await;
    for path in ["/calls".to_owned(), format!("/calls?id={call}"), "/calls?outcome=no".to_owned()] {
        let refused = ada.get(&path).await;
        assert_eq!(refused.status.as_u16(), 403, "{path}");
        assert!(!refused.text.contains(call), "{}", refused.text);
    }
    assert_eq!(link(&ada.get("/reviews").await.text, "Calls"), None);
    let stranger = leo.with("").get("/calls").await;
    assert_eq!(stranger.status.as_u16(), 303);
    assert_eq!(stranger.header("location"), "/sign-in?to=%2Fcalls");
}
