//! Rules that are changed under a running gateway: whole or not at all, and told wherever one looks.

use std::fs;
use std::time::Duration;

use backstop_tests::{Answered, Gateway, Upstream, Workspace};
use serde_json::json;

const POLICY: &str = "policies/typed.yaml";
const LABEL: &str = "script: [{\"content\": \"{\\\"label\\\": \\\"forbidden\\\"}\"}]";

/// `path` once its text fits; the file system tells of changes when it likes.
async fn until(gateway: &Gateway, path: &str, fits: impl Fn(&Answered) -> bool) -> Answered {
    let mut told = gateway.caller().get(path).await.unwrap();
    for _ in 0..150 {
        if fits(&told) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        told = gateway.caller().get(path).await.unwrap();
    }
    panic!("{path} never said so: {}", told.text);
}

async fn asked(gateway: &Gateway, key: &str) -> Answered {
    gateway.caller().call("typed", key, LABEL, 10).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_rule_stays_out_while_the_last_good_one_decides_and_its_mended_form_observes() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let good = fs::read_to_string(workspace.path().join(POLICY)).unwrap();
    let gateway = Gateway::start(&workspace);
    let first = asked(&gateway, "first").await;
    assert_eq!(first.body["outcome"], "refused", "{}", first.text);

    // A slip of the pen, saved.
    workspace.write(
        POLICY,
        &good.replace("output.label == \"forbidden\"", "output.lable == \"forbidden\""),
    );
    let ready = until(&gateway, "/readyz", |told| told.text.contains("refused: ")).await;
    assert_eq!(ready.status.as_u16(), 200, "it still takes calls: {}", ready.text);
    let why = ready.body["reload"].as_str().unwrap();
    assert!(why.contains("policies/typed.yaml:18:18: `output` has no field `lable`"), "{why}");
    let metrics = gateway.caller().get("/metrics").await.unwrap().text;
    assert!(metrics.contains("backstop_reload_refused 1"), "{metrics}");
    assert!(metrics.contains("backstop_reloads_total{result=\"refused\"} 1"), "{metrics}");
    let refused = "a reload was refused; what was in force stays in force";
    assert!(workspace.logs(0, refused), "{}", workspace.log());
    let still = asked(&gateway, "still").await;
    assert_eq!(still.body["outcome"], "refused", "{}", still.text);
    assert_eq!(still.body["revision"], first.body["revision"]);

    // Mended, and no longer to be enforced.
    workspace.write(POLICY, &good.replace("owner: tests", "owner: tests\nmode: observe"));
    let ready = until(&gateway, "/readyz", |told| told.body["reload"] == "in force").await;
    assert_ne!(ready.body["policies"]["typed"], json!(null));
    let metrics = gateway.caller().get("/metrics").await.unwrap().text;
    assert!(metrics.contains("backstop_reload_refused 0"), "{metrics}");
    let observed = asked(&gateway, "observed").await;
    assert_ne!(observed.body["revision"], first.body["revision"]);
    assert_eq!(observed.body["outcome"], "observed", "{}", observed.text);
    assert_eq!(observed.body["unchecked"], true, "{}", observed.text);
    assert_eq!(observed.body["output"], json!({"label": "forbidden"}));
    assert!(observed.text.contains("rules.forbidden"), "the objection is told: {}", observed.text);
    let chat = gateway.caller().chat("typed", LABEL).await.unwrap();
    assert_eq!(chat.header("backstop-outcome"), "observed", "{}", chat.text);
    // An outcome that was told stays what it was.
    let again = asked(&gateway, "first").await;
    assert_eq!(again.body["outcome"], "refused", "{}", again.text);
}
