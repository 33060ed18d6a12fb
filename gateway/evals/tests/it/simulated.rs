//! Simulations: each scenario's table as it was last looked at, and promises that can be broken.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use backstop_engine::InForce;
use backstop_evals::simulate::{Play, Report, SCENARIOS, Scenario, scenario, simulate};
use backstop_policy::{Sources, Workspace};

const GATEWAY: &str = r#"
gateway: simulated
providers:
  one: {url: "http://127.0.0.1:9/v1"}
  two: {url: "http://127.0.0.1:9/v1"}
models:
  small: {provider: one, model: small, logprobs: true, schema: true, GUARDS}
  large: {provider: two, model: large, logprobs: true, schema: true, GUARDS}
queues:
  desk: {due: 4h}
"#;
const POLICY: &str = r#"
policy: story
owner: us
criticality: critical
input: text
output: schemas/out.json
models: [small, large]
prompt: story
queue: desk
deadline: 20s
budget: {attempts: 4}
confidence: {at: output.label, from: [logprobs], accept: 0.90}
fallback: {answer: {label: unsure}}
otherwise: fallback
example: {input: Hello, output: {label: ham}, signals: {logprobs: 0.99}}
"#;
const SCHEMA: &str = r#"{"type": "object", "properties": {"label": {"enum": ["ham", "spam", "unsure"]}},
  "required": ["label"], "additionalProperties": false}"#;
const PROMPT: &str =
    "---\ntemperature: 0\n---\n\n# system\n\nSort the mail.\n\n# user\n\n{{ input }}\n";

const PLAY: Play = Play { rate: 2.0, capacity: None, crowd: None, seed: 7 };

/// Plays a scenario; `guards` stands in both models' settings.
fn play(scenario: &'static Scenario, guards: &str, play: Play) -> Report {
    let files = BTreeMap::from([
        ("policies/gateway.yaml", GATEWAY.replace("GUARDS", guards)),
        ("policies/story.yaml", POLICY.to_owned()),
        ("policies/schemas/out.json", SCHEMA.to_owned()),
        ("prompts/story.md", PROMPT.to_owned()),
    ]);
    let files: BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect();
    let sources = Sources::new(files);
    let (workspace, report) = Workspace::load(&sources);
    assert!(!report.has_errors(), "{report:?}");
    let in_force = Arc::new(InForce::of(&workspace).unwrap());
    let policy = workspace.policy("story").unwrap();
    simulate(&in_force, &sources, policy, scenario, play, &|_, _| {}).unwrap()
}

const PATIENT: &str = "breaker: {availability: {cool_down: 15s}}";

#[test]
fn every_scenario_keeps_its_promises_and_comes_to_the_table_that_was_looked_at() {
    for scenario in SCENARIOS {
        let report = play(scenario, PATIENT, PLAY);
        assert!(report.is_kept(), "{}", report.text());
        is_the_table(&report, "simulate", scenario);
    }
}

/// Whether the report is the one that was last looked at.
fn is_the_table(report: &Report, folder: &str, scenario: &Scenario) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let path = folder.join(format!("{}.txt", scenario.name));
    if std::env::var_os("BACKSTOP_BLESS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, report.text()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(report.text(), kept, "{}: BACKSTOP_BLESS=1 keeps the new table", path.display());
}

/// In trouble, with nine sheddable calls on top of each usual one, and models that carry six.
#[test]
fn in_every_scenario_critical_calls_get_what_there_is_while_a_crowd_is_shed() {
    for scenario in SCENARIOS {
        let guards = format!("{PATIENT}, limits: [{{concurrency: 6}}]");
        let crowded = Play { rate: 1.0, capacity: Some(6), crowd: Some(9), ..PLAY };
        let report = play(scenario, &guards, crowded);
        assert!(report.is_kept(), "{}", report.text());
        let [usual, sheddable] = &report.phases[1].parts[..] else { panic!("{}", report.text()) };
        assert!(sheddable.accepted * 5 < sheddable.requests * 4, "shed: {}", report.text());
        assert_eq!(usual.door + usual.none, 0, "{}", report.text());
        is_the_table(&report, "simulate_crowded", scenario);
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let outage = scenario("outage").unwrap();
    let first = play(outage, PATIENT, PLAY);
    assert_eq!(first, play(outage, PATIENT, PLAY));
    assert_ne!(first.phases, play(outage, PATIENT, Play { seed: 8, ..PLAY }).phases);
}

#[test]
fn a_breaker_that_rests_for_minutes_breaks_the_promise_that_answers_come_back() {
    let report =
        play(scenario("blackout").unwrap(), "breaker: {availability: {cool_down: 5min}}", PLAY);
    assert!(!report.is_kept(), "{}", report.text());
    assert!(report.text().contains("BROKEN  within 60 s after it models answer as before"));
}

#[test]
fn models_that_carry_little_turn_some_away_and_every_call_still_ends() {
    let burst = scenario("burst").unwrap();
    let report = play(burst, PATIENT, Play { capacity: Some(4), ..PLAY });
    let trouble = &report.phases[1];
    assert!(trouble.fallback > 0, "some found no model: {}", report.text());
    assert!(report.promises[0].kept, "{}", report.text());
}
