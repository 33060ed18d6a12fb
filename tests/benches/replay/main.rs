//! What replays cost over a large ledger: `cargo bench -p backstop-tests --bench replay`.
//!
//! Makes a ledger by running the real engine, with a scripted model, on the sample policy for
//! invoices; every call has its own input. Then times the real binary on it: `replay verify --all`,
//! and `diff` against a workspace whose approval limit is lower and whose threshold is higher.
//! `BACKSTOP_BENCH_CALLS` says how many calls (2,000), `BACKSTOP_BENCH_LEDGER` where the ledger
//! lies; one that is there already is used as it is.

mod invoices;

use backstop_domain::{Digest, Face, Millis};
use backstop_engine::{
    Caller, Engine, Ids, InForce, Models, Parts, Services, Submit, Upstream, model_guards, timeouts,
};
use backstop_ledger::{Options, SqliteLedger};
use backstop_policy::{Sources, Workspace};
use backstop_tests::{Scratch, binary};
use backstop_upstream::{Clock, ModelGate, MonotonicClock, ProviderGate, Simulated};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Calls at the same time.
const AT_ONCE: usize = 64;

type Files = BTreeMap<String, Vec<u8>>;

fn main() {
    let calls = std::env::var("BACKSTOP_BENCH_CALLS").ok();
    let calls: usize = calls.map_or(2_000, |text| text.parse().expect("a number of calls"));
    let scratch = Scratch::new("replays");
    let given = std::env::var_os("BACKSTOP_BENCH_LEDGER").map(PathBuf::from);
    let data = given.unwrap_or_else(|| scratch.path().join("data"));
    let files = sample();
    if !data.join("ledger.db").exists() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let started = Instant::now();
        runtime.block_on(make(&data, &files, calls));
        println!("{calls} calls made in {:.1} s", started.elapsed().as_secs_f64());
    }
    let proposed = scratch.path().join("proposed");
    write(&proposed, &invoices::proposed(files));
    time("replay verify --all", &["replay", "verify", "--all", "--data"], &data, None);
    time("diff", &["diff", "--replay"], &data, Some(&proposed));
}

/// Times the binary and shows what it says.
fn time(what: &str, arguments: &[&str], data: &Path, workspace: Option<&Path>) {
    let mut command = Command::new(binary::path());
    command.args(arguments).arg(data);
    if let Some(workspace) = workspace {
        command.arg("--workspace").arg(workspace).args(["--allow", "1000000000"]);
    }
    let started = Instant::now();
    let run = command.output().expect("the binary can be started");
    let took = started.elapsed().as_secs_f64();
    println!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    println!("{what}: {took:.1} s");
    assert!(run.status.success(), "{what} failed");
}

/// The sample workspace of this repository, without the limits that a flood of calls would meet.
fn sample() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Files::new();
    for folder in ["policies", "prompts"] {
        read(&root.join(folder), folder, &mut files);
    }
    invoices::unlimited(files)
}

fn read(folder: &Path, name: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder).expect("the sample workspace is there") {
        let path = entry.expect("it can be listed").path();
        let own = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        let place = format!("{name}/{own}");
        if path.is_dir() {
            read(&path, &place, files);
        } else {
            files.insert(place, std::fs::read(&path).expect("it can be read"));
        }
    }
}

fn write(folder: &Path, files: &Files) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("the copy can be written");
    }
}

async fn make(data: &Path, files: &Files, calls: usize) {
    let (workspace, report) = Workspace::load(&Sources::new(files.clone()));
    assert!(!report.has_errors(), "{report:?}");
    let workspace = Arc::new(InForce::of(&workspace).expect("it has a gateway file"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let clock: Arc<dyn Clock> =
        Arc::new(MonotonicClock::starting_at(Millis(now.as_millis() as u64)));
    let ledger = SqliteLedger::open(data, &Options::default()).expect("the folder can be used");
    let credential = ProviderGate::new("main", Arc::clone(&clock));
    let models = workspace.gateway.models.iter().enumerate().map(|(seed, (name, model))| {
        let guards = model_guards(name, model);
        let gate = ModelGate::new(guards, Arc::clone(&credential), Arc::clone(&clock), seed as u64);
        let simulated = Arc::new(Simulated::new(|request, _| invoices::answer(request)));
        (name.clone(), Upstream { model: simulated, gate, timeouts: timeouts(model) })
    });
    let engine = Engine::new(Parts {
        workspace: Arc::clone(&workspace),
        ledger: Arc::new(ledger),
        models: Models::new(models.collect()),
        services: Services::default(),
        clock,
        ids: Ids::seeded(11),
        salt: vec![7; 32],
    });
    std::fs::write(data.join("salt"), [7; 32]).expect("the salt can be kept");
    engine.put_in_force(workspace, files).await.expect("the ledger takes revisions");
    engine.recover().await.expect("the ledger can be read");
    let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let workers = (0..AT_ONCE).map(|_| {
        let (engine, turns) = (engine.clone(), Arc::clone(&turns));
        tokio::spawn(async move {
            loop {
                let turn = turns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if turn >= calls {
                    return;
                }
                let admitted = engine.submit(submit(turn)).await.expect("the door is open");
                let longest = std::time::Duration::from_secs(60);
                engine.wait(&admitted.id, longest).await.expect("it can be read");
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("a worker ends well");
    }
    assert!(engine.drain(std::time::Duration::from_secs(60)).await, "all calls came to rest");
}

fn submit(turn: usize) -> Submit {
    let input = invoices::invoice(turn);
    Submit {
        policy: "invoice-triage".to_owned(),
        caller: Caller { name: "erp".to_owned(), ..Caller::default() },
        face: Face::Calls,
        fingerprint: Digest::of_json(&input),
        input,
        messages: Vec::new(),
        body: None,
        key: Some(format!("invoice-{turn}")),
        tags: BTreeMap::new(),
        deadline_ms: None,
        criticality: None,
        request_id: format!("req_{turn}"),
        traceparent: None,
    }
}
