//! The desk in a real Chromium, over the real binary; the stories stand in `tests/desk/`.
//!
//! They are told where a Chromium, Node.js and the two packages of `tests/desk/package.json` are
//! (`.ci/run` installs them) and say so where not.

use backstop_tests::caller::send;
use backstop_tests::workspace::REVIEWER_KEY;
use backstop_tests::{Gateway, Person, Upstream, Workspace, workspace};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// Longest time for all stories together, on a busy machine.
const STORIES_MAX: Duration = Duration::from_secs(1200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_decide_at_the_desk_in_a_real_browser() {
    let Some(chromium) = chromium() else { return };
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let mut command = Command::new("node");
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("desk/desk.mjs"))
        .env("BACKSTOP_URL", gateway.url())
        .env("BACKSTOP_KEY", workspace::KEY)
        .env("BACKSTOP_ADA", REVIEWER_KEY)
        .env("BACKSTOP_DESK_TOOLS", tools())
        .env("BACKSTOP_CHROMIUM", chromium)
        .env("NO_PROXY", "127.0.0.1");
    // Each story is told as it ends; a browser that hangs is a failure, not a CI that never ends.
    let told = command.kill_on_drop(true).status();
    let told = tokio::time::timeout(STORIES_MAX, told).await.expect("the stories end in time");
    assert!(told.unwrap().success(), "what failed stands above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_and_its_call_tell_what_would_have_changed_it_as_explain_does() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let input = r#"script: [{"content": "{\"label\":\"unsure\"}"}]"#;
    let call = gateway.caller().call("typed", "doubt", input, 10).await.unwrap();
    let id = call.body["id"].as_str().unwrap();
    let explained = std::process::Command::new(backstop_tests::binary::path())
        .args(["explain", id, "--data"])
        .arg(workspace.data())
        .output()
        .unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    let (_, flips) = explained.split_once("what would have changed it\n").unwrap();
    let flips: Vec<&str> = flips.lines().map(str::trim).collect();
    let accepted = r#"would have been accepted if output.label was "spam" (it was "unsure")"#;
    assert!(flips.contains(&accepted), "{explained}");

    let ada = Person::enter(gateway.url(), REVIEWER_KEY).await;
    let page =
        async |path: &str| ada.get(path).await.text.replace("&#34;", "\"").replace("&#39;", "'");
    let queue = page("/reviews").await;
    let (_, review) = queue.split_once("href=\"/reviews/").expect("the review waits");
    let review = format!("/reviews/{}", review.split('"').next().unwrap());
    for place in [review, format!("/calls/{id}")] {
        let told = page(&place).await;
        for flip in &flips {
            assert!(told.contains(flip), "{place} does not say `{flip}`");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_signs_nobody_out_but_whoever_had_left() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let enter = async || Person::enter(gateway.url(), REVIEWER_KEY).await;
    let (stays, leaves, left) = (enter().await, enter().await, enter().await);
    let sees = async |person: &Person| person.get("/reviews").await.status.as_u16();
    let leave = async |person: &Person| {
        assert_eq!(person.fill("/reviews", "/sign-out", &[]).await.status.as_u16(), 303);
        assert_eq!(sees(person).await, 303);
    };
    leave(&left).await;
    drop(gateway);
    let gateway = Gateway::start(&workspace);
    let (stays, leaves, left) =
        (stays.at(gateway.url()), leaves.at(gateway.url()), left.at(gateway.url()));
    assert_eq!(sees(&stays).await, 200, "another session of hers ended, not this one");
    assert_eq!(sees(&left).await, 303);
    let forged = stays.cookie().replace("backstop_desk=", "backstop_desk=0");
    assert_eq!(sees(&stays.with(&forged)).await, 303, "a cookie that we did not sign");
    leave(&leaves).await;
    drop(gateway);
    let gateway = Gateway::start(&workspace);
    assert_eq!(sees(&leaves.at(gateway.url())).await, 303, "whoever left stays out");
    assert_eq!(sees(&stays.at(gateway.url())).await, 200, "nobody else does");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_says_who_comes_and_nobody_else_can() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let comes = async |gateway: &Gateway, logins: &[&str]| {
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(none).build().unwrap();
        let mut request = client.get(format!("{}/reviews", gateway.url()));
        for login in logins {
            request = request.header("x-forwarded-user", *login);
        }
        let answer = send(request).await.unwrap();
        (answer.status.as_u16(), answer.text)
    };
    let header = ("BACKSTOP_LOGIN_HEADER", "X-Forwarded-User");
    let gateway = Gateway::start_with(&workspace, &[header]);
    let (status, page) = comes(&gateway, &["pia@example.com"]).await;
    assert_eq!(status, 200);
    assert!(page.contains("<span>pia"), "{page}");
    assert!(!page.contains("/sign-out"), "whoever the proxy signs in, it signs out");
    for logins in [&["nobody@example.com"][..], &[], &["pia@example.com", "ada"]] {
        assert_eq!(comes(&gateway, logins).await.0, 303, "{logins:?}");
    }
    drop(gateway);
    let elsewhere = ("BACKSTOP_LOGIN_FROM", "192.0.2.7");
    let gateway = Gateway::start_with(&workspace, &[header, elsewhere]);
    assert_eq!(comes(&gateway, &["pia@example.com"]).await.0, 303, "not from this machine");
    drop(gateway);
    let gateway = Gateway::start(&workspace);
    assert_eq!(comes(&gateway, &["pia@example.com"]).await.0, 303, "no proxy is trusted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_language_of_the_workspace_is_spoken_to_who_asks_for_it_and_english_to_all_others() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let own = r#"{"Sign in": "Anmelden", "Password or key": "Passwort oder Schlüssel"}"#;
    std::fs::create_dir(workspace.path().join("policies/words")).unwrap();
    workspace.write("policies/words/de.json", own);
    let gateway = Gateway::start(&workspace);
    let page = async |accepts: &str| {
        let door = gateway.caller_with(None).request(reqwest::Method::GET, "/sign-in");
        send(door.header("accept-language", accepts)).await.unwrap().text
    };
    let german = page("de-AT, en;q=0.5").await;
    assert!(german.contains("<html lang=\"de\">"), "{german}");
    assert!(german.contains(">Anmelden</button>") && german.contains("Schlüssel"), "{german}");
    assert!(german.contains(">Name</label>"), "what it does not say stays English: {german}");
    let french = page("fr").await;
    assert!(french.contains("<html lang=\"en\">") && french.contains(">Sign in</button>"));
    // Another one is taken up while it runs; what is no language is refused, and the old one stays.
    workspace.write("policies/words/fr.json", r#"{"Sign in": "Se connecter"}"#);
    let mut told = String::new();
    for _ in 0..150 {
        told = page("fr").await;
        if told.contains("Se connecter") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(told.contains("Se connecter"), "{told}");
    workspace.write("policies/words/fr.json", "[]");
    let mut ready = String::new();
    for _ in 0..150 {
        ready = gateway.caller().get("/readyz").await.unwrap().text;
        if ready.contains("policies/words/fr.json") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(ready.contains("`policies/words/fr.json` is not an object"), "{ready}");
    assert!(page("fr").await.contains("Se connecter"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; run it alone, with --nocapture"]
async fn measure_the_queue_page_over_ten_thousand_open_reviews() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..16 {
        let caller = gateway.caller();
        tasks.spawn(async move {
            for call in 0..625 {
                let input = format!(
                    r#"{worker}-{call} script: [{{"content": "{{\"label\":\"unsure\"}}"}}]"#
                );
                caller.call("typed", &format!("{worker}-{call}"), &input, 0).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let ada = Person::enter(gateway.url(), REVIEWER_KEY).await;
    let page = async |path: &str| {
        let start = std::time::Instant::now();
        let text = ada.get(path).await.text;
        (start.elapsed(), text)
    };
    let (first, text) = page("/reviews").await;
    println!("{}", text.split("id=\"count\">").nth(1).unwrap().split('<').next().unwrap());
    println!("first look, which reads all of them: {first:?}");
    for path in ["/reviews", "/reviews?from=5000", "/reviews?q=unsure", "/reviews?show=free"] {
        let mut times = Vec::new();
        for _ in 0..200 {
            times.push(page(path).await.0);
        }
        times.sort();
        println!("{path}: p50 {:?}, p99 {:?}", times[100], times[197]);
    }
}

/// Where `.ci/run` installs what drives the browser.
pub fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/desk")
}

/// The browser, if the stories can be told. CI installs it, so there its absence is a failure.
pub fn chromium() -> Option<PathBuf> {
    let browser = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let browser = browser.iter().map(PathBuf::from).find(|path| path.exists());
    let packages = ["playwright-core", "axe-core"];
    let packages = packages.iter().all(|name| tools().join("node_modules").join(name).exists());
    let ci = std::env::var_os("CI").is_some();
    let here = browser.filter(|_| packages);
    assert!(here.is_some() || !ci, "a Chromium or its driver is missing; run: bash .ci/run");
    if here.is_none() {
        println!("skipped: no Chromium with its driver here; `bash .ci/run` installs both");
    }
    here
}
