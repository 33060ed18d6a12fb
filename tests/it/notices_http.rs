//! Messages to people over the real wire: what can never arrive is told where somebody looks (the
//! check, the log, the overview), and arrives once the file is mended.

use std::process::Command;
use std::time::Duration;

use axum::http::StatusCode;
use backstop_tests::workspace::LEAD_KEY;
use backstop_tests::{Gateway, Person, Upstream, Workspace, binary};
use serde_json::Value;

use super::deliveries_http::{is_signed, receiver};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const UNSURE: &str = "one script: [{\"content\": \"{\\\"label\\\": \\\"unsure\\\"}\"}]";
/// Longest time for anything here.
const LONG: Duration = Duration::from_secs(60);

fn check(workspace: &Workspace) -> String {
    let run = Command::new(binary::path())
        .arg("check")
        .arg("--workspace")
        .arg(workspace.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    String::from_utf8(run.stdout).unwrap()
}

async fn soon<T>(what: &str, mut looks: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match looks().await {
                Some(seen) => return seen,
                None => tokio::time::sleep(Duration::from_millis(30)).await,
            }
        }
    };
    tokio::time::timeout(LONG, looking).await.unwrap_or_else(|_| panic!("{what} in a minute"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_arrive_is_told_of_and_arrives_once_the_file_is_mended() {
    let upstream = Upstream::scripted().await;
    let (url, heard) = receiver(StatusCode::OK).await;
    let workspace = Workspace::new(upstream.url());
    let base = std::fs::read_to_string(workspace.path().join("policies/gateway.yaml")).unwrap();
    let write = |step: &str, leave: &str| {
        let desk = "desk: {title: Test desk, due: 4h,";
        assert!(base.contains(desk));
        let text = base.replace(desk, &format!("{desk} {step}"));
        let pager = format!("{{webhook: \"{url}\", secret: {{env: PAGER}}{leave}}}");
        workspace.write("policies/gateway.yaml", &format!("{text}notify: {{pager: {pager}}}\n"));
    };
    // As somebody would write it first: nobody sends it anything, and it lies on this machine.
    write("", "");
    let told = check(&workspace);
    assert!(told.contains("nobody is ever told by `pager`"), "{told}");
    assert!(told.contains("`127.0.0.1` lies in a private network"), "{told}");
    write("steps: [{after: 0s, notify: pager}],", "");
    let told = check(&workspace);
    assert!(!told.contains("nobody is ever told") && told.contains("private network"), "{told}");

    let gateway = Gateway::start_with(&workspace, &[("PAGER", SECRET)]);
    assert!(workspace.logs(0, "nothing is delivered there"), "{}", workspace.log());
    let asked = gateway.caller().call("typed", "one", UNSURE, 10).await.unwrap();
    let review = asked.body["review"]["id"].as_str().expect(&asked.text).to_owned();
    assert!(workspace.logs(0, "a delivery failed"), "{}", workspace.log());
    let leo = Person::enter(gateway.url(), LEAD_KEY).await;
    let overview = leo.get("/overview").await.text;
    let (_, row) = overview.split_once("notify:pager").expect("it is on the overview");
    let row = row.split("</tr>").next().unwrap();
    assert!(row.contains("desk at once") && row.contains("out of reach"), "{row}");
    assert!(row.contains("private_network: true"), "how it is mended: {row}");
    assert!(heard.lock().unwrap().is_empty());

    write("steps: [{after: 0s, notify: pager}],", ", private_network: true");
    let (headers, body) = soon("it arrives", async || heard.lock().unwrap().first().cloned()).await;
    assert!(is_signed(&headers, &body, SECRET));
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["data"]["reviews"][0]["review"], review.as_str());
    soon("the overview says so", async || {
        let overview = leo.get("/overview").await.text;
        let row = overview.split_once("notify:pager")?.1.split("</tr>").next()?.to_owned();
        (row.contains(">1</td>") && row.contains("in order")).then_some(())
    })
    .await;
    assert!(workspace.logs(0, "deliveries are taken again"), "{}", workspace.log());
}
