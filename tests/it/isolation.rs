//! One model, policy, tenant or consumer misbehaves: the calls of all others must not notice.
//! Measurements: `cargo test --release -p backstop-tests --test it -- --ignored isolation::`
//! with `--nocapture` for the figures; ten minutes, or part of a name for one of them. Whoever
//! consumes beside one that misbehaves is measured in `deliveries_isolation.rs`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backstop_domain::FailureClass;
use backstop_engine::Submit;
use backstop_ledger::{Ledger, Options, SqliteLedger};
use backstop_server::deliver::Deliveries;
use backstop_tests::Scratch;
use backstop_tests::bench::{Bench, Setup, fails, label, no_json, policy_text, request};
use tokio::task::JoinSet;

use super::deliveries_isolation::{Manner, consumer, median, p99};

/// Calls of the others in one run, and the time between two. Ten of them lie beyond the p99: with
/// fewer, the machine's own moods decide.
const CALLS: u32 = 1_000;
const EVERY: Duration = Duration::from_millis(10);
/// What a model that is well takes.
const THINKS: Duration = Duration::from_millis(5);
/// Pairs of a control run and a run with one that misbehaves.
const PAIRS: usize = 5;
/// Calls of a tenant that floods, for each of the others'.
const FLOOD: usize = 20;
const LONG: Duration = Duration::from_secs(60);

/// What misbehaves; beside it everything is the same in both runs of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// The model of another policy never answers.
    ModelHangs,
    /// It fails at once.
    ModelFails,
    /// Another policy gets nothing but rubbish from the model that all share.
    PolicyGetsRubbish,
    /// The service that another policy checks with never answers.
    PolicyChecksForEver,
    /// Another tenant of the same policy asks twenty times as much.
    TenantFloods,
    /// One of ten consumers never answers.
    ConsumerHangs,
}

const DEFAULTS: &str = "deadline: 20s\nfallback: {answer: {label: none}}\notherwise: fallback\n";

fn setup(trouble: Trouble, ill: bool) -> Setup {
    let (model, more) = match trouble {
        Trouble::ModelHangs | Trouble::ModelFails => ("large", "on: {transport: fallback}\n"),
        Trouble::PolicyGetsRubbish => ("small", "on: {malformed: [{repair: 2}, fallback]}\n"),
        Trouble::PolicyChecksForEver => (
            "small",
            "checks: {odd: {service: detector, at: output, fail_over: 0.8, then: fallback}}\n",
        ),
        Trouble::TenantFloods | Trouble::ConsumerHangs => ("small", ""),
    };
    let other = policy_text(&format!("models: [{model}]\n{DEFAULTS}{more}"));
    let other = other.replace("policy: story", "policy: other");
    let limits = "limits: [{requests: 12000/min, burst: 100, per: tenant}]\n";
    let hangs = move |is: Trouble, else_takes: Duration| {
        if ill && trouble == is { Duration::from_secs(3_600) } else { else_takes }
    };
    Setup::policy(&format!("models: [small]\n{DEFAULTS}{limits}"))
        .file("policies/other.yaml", &other)
        .service("detector", hangs(Trouble::PolicyChecksForEver, THINKS), |_| Ok(0.0))
        .slow_model("small", THINKS, move |request, _| {
            let rubbish = ill && trouble == Trouble::PolicyGetsRubbish;
            let others = request.body["messages"].to_string().contains("another");
            if rubbish && others { no_json() } else { label("ham") }
        })
        .slow_model("large", hangs(Trouble::ModelHangs, THINKS), move |_, _| {
            let failing = ill && trouble == Trouble::ModelFails;
            if failing { fails(FailureClass::Transport) } else { label("ham") }
        })
}

/// A call of those who misbehave, or who would.
fn another(trouble: Trouble, number: u32) -> Submit {
    let mut submit = request(&format!("another {number}"));
    if trouble != Trouble::TenantFloods {
        submit.policy = "other".to_owned();
    }
    submit.caller.tenant = Some("another".to_owned());
    submit
}

async fn deliveries(bench: &Bench, tenth: Manner) -> Deliveries {
    let deliveries = Deliveries::over(bench.engine.clone());
    let (origin, mut consumers) = (Instant::now(), Vec::new());
    for number in 0..10 {
        let manner = if number == 9 { tenth } else { Manner::Fine };
        consumers.push(consumer(number, manner, origin, Arc::default()).await);
    }
    deliveries.put_in_force(consumers).await.unwrap();
    deliveries
}

/// Processor time of this process so far.
fn worked() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    // User and system time in hundredths of a second.
    let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

/// The others' p99 from when a call was due to its end, and the work that all calls took.
async fn run(trouble: Trouble, ill: bool) -> (Duration, Duration) {
    let scratch = Scratch::new("isolation");
    let opened = SqliteLedger::open(&scratch.path().join("data"), &Options::default());
    let ledger: Arc<dyn Ledger> = Arc::new(opened.unwrap());
    let bench = setup(trouble, ill).on_disk(ledger).start().await;
    let tenth = if ill { Manner::Hangs } else { Manner::Fine };
    let _deliveries = match trouble {
        Trouble::ConsumerHangs => Some(deliveries(&bench, tenth).await),
        _ => None,
    };
    let floods = ill && trouble == Trouble::TenantFloods;
    let (mut ours, mut others) = (JoinSet::new(), JoinSet::new());
    let took = Arc::new(Mutex::new(Vec::new()));
    let (origin, before) = (Instant::now(), worked());
    for number in 0..CALLS {
        let due = origin + EVERY * number;
        tokio::time::sleep_until(due.into()).await;
        for _ in 0..if floods { FLOOD } else { 1 } {
            let engine = bench.engine.clone();
            others.spawn(async move {
                if let Ok(admitted) = engine.submit(another(trouble, number)).await {
                    let _ended = engine.wait_end(&admitted.id, LONG).await;
                }
            });
        }
        let (engine, took) = (bench.engine.clone(), Arc::clone(&took));
        ours.spawn(async move {
            let admitted = engine.submit(request(&format!("ours {number}"))).await;
            let id = admitted.expect("the door is open to others").id;
            let ended = engine.wait_end(&id, LONG).await.unwrap().unwrap();
            took.lock().unwrap().push(due.elapsed());
            let outcome = ended.state.ended().map(|ended| ended.outcome.name());
            assert_eq!(outcome, Some("accepted"), "{trouble:?}");
        });
    }
    assert_eq!(ours.join_all().await.len(), CALLS as usize);
    let work = worked() - before;
    others.shutdown().await;
    let took = took.lock().unwrap().clone();
    (p99(took), work)
}

async fn unnoticed(trouble: Trouble) {
    // Two at a time would notice each other.
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let (mut control, mut with) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        control.push(run(trouble, false).await);
        with.push(run(trouble, true).await);
    }
    let pairs = control.iter().zip(&with);
    let pairs = pairs.map(|((one, _), (two, _))| format!("{one:.1?}/{two:.1?}"));
    let pairs = pairs.collect::<Vec<_>>().join(" ");
    let (control, control_work): (Vec<_>, Vec<_>) = control.into_iter().unzip();
    let (with, work): (Vec<_>, Vec<_>) = with.into_iter().unzip();
    let (before, after) = (median(control), median(with));
    let (control_work, work) = (median(control_work), median(work));
    println!("{trouble:?}: the others' p99 {after:.2?}, control {before:.2?}; pairs {pairs}");
    println!("{trouble:?}: processor time of a run {work:.2?}, control {control_work:.2?}");
    let allowed = (before / 10).max(Duration::from_millis(2));
    assert!(after <= before + allowed, "over 10 % and 2 ms: {after:.2?} against {before:.2?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of two minutes"]
async fn a_model_that_hangs_is_not_noticed_by_the_calls_of_others() {
    unnoticed(Trouble::ModelHangs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of two minutes"]
async fn a_model_that_fails_is_not_noticed_by_the_calls_of_others() {
    unnoticed(Trouble::ModelFails).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of two minutes"]
async fn a_policy_that_gets_rubbish_is_not_noticed_by_the_calls_of_others() {
    unnoticed(Trouble::PolicyGetsRubbish).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of two minutes"]
async fn a_policy_that_checks_for_ever_is_not_noticed_by_the_calls_of_others() {
    unnoticed(Trouble::PolicyChecksForEver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of two minutes"]
async fn a_tenant_that_floods_is_not_noticed_by_the_calls_of_others() {
    unnoticed(Trouble::TenantFloods).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of two minutes"]
async fn a_consumer_that_hangs_is_not_noticed_by_calls() {
    unnoticed(Trouble::ConsumerHangs).await;
}
