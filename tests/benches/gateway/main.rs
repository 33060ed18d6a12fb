//! What the gateway costs per call, beside a direct call and a bare pass-through proxy, in one run:
//! `cargo bench -p backstop-tests --bench gateway`.
//!
//! The model answers at once, so what is measured is everything but the model. Each subject is a
//! process of its own; this one makes the load. They take turns, so that a busy moment of the
//! machine meets all of them. Ratios are the result; absolute numbers are this machine's.
//! Everything is on: key, limits, schema, three rules, confidence, breakers, an idempotency key a
//! call, and the ledger, once strict and once relaxed.
//! `BACKSTOP_BENCH_SECONDS` (per turn), `BACKSTOP_BENCH_ROUNDS` and `BACKSTOP_BENCH_CONNECTIONS`
//! change its length.

mod load;
mod measure;
mod model;
mod proxy;
mod table;

use backstop_tests::{Gateway, Workspace};
use load::{Load, Target};
use measure::Process;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use table::{Row, Totals};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match words[..] {
        ["role", "model"] => runtime.block_on(model::serve()),
        ["role", "proxy", model] => runtime.block_on(proxy::serve(model)),
        ["role", "load", address, policy, calls] => {
            let calls = calls.parse().expect("a whole number of calls");
            let load = runtime.block_on(Load::count(&Target::new(address, policy), calls));
            println!(
                "{} answered, {} badly: {:?}",
                load.latencies_us.len(),
                load.bad,
                load.example
            );
        }
        _ => runtime.block_on(compare()),
    }
}

/// The policy whose answers leave only once the disk has them.
const STRICT: &str = "bench";
/// The same policy, whose answers need not wait for the disk.
const RELAXED: &str = "bench-relaxed";

/// One who answers: its name, its address, and the process whose cost is measured.
struct Subject {
    name: &'static str,
    target: Target,
    process: Process,
}

async fn compare() {
    let model = Role::start(&["model"]);
    let proxy = Role::start(&["proxy", &model.address]);
    let workspace = Workspace::new(&format!("http://{}/v1", model.address));
    let gateway = Gateway::start(&workspace);
    let address = gateway.url().trim_start_matches("http://");
    let subjects = vec![
        Subject::new("direct", &model.address, STRICT, model.child.id()),
        Subject::new("bare proxy", &proxy.address, STRICT, proxy.child.id()),
        Subject::new("relaxed", address, RELAXED, gateway.pid()),
        Subject::new("strict", address, STRICT, gateway.pid()),
    ];
    let seconds = setting("BACKSTOP_BENCH_SECONDS", 5);
    let rounds = setting("BACKSTOP_BENCH_ROUNDS", 3);
    let most = setting("BACKSTOP_BENCH_CONNECTIONS", 16) as usize;
    println!("{rounds} rounds of {seconds} s each, {}", machine());
    for connections in [1, most] {
        let rows = take_turns(&subjects, connections, rounds, seconds).await;
        table::print(connections, &rows);
    }
}

/// Runs every subject once per round, after a short warm-up that is not counted.
async fn take_turns(
    subjects: &[Subject],
    connections: usize,
    rounds: u64,
    seconds: u64,
) -> Vec<Row> {
    let mut totals: Vec<Totals> = subjects.iter().map(|_| Totals::default()).collect();
    for round in 0..=rounds {
        for (subject, totals) in subjects.iter().zip(&mut totals) {
            let warm_up = round == 0;
            let length =
                if warm_up { Duration::from_secs(1) } else { Duration::from_secs(seconds) };
            let before = subject.process.cpu();
            let load = Load::run(&subject.target, connections, length).await;
            let cpu = subject.process.cpu() - before;
            if !warm_up {
                totals.add(load, cpu);
            }
        }
    }
    let rows = subjects.iter().zip(totals);
    rows.map(|(subject, totals)| totals.row(subject.name, subject.process.memory())).collect()
}

impl Subject {
    fn new(name: &'static str, address: &str, policy: &str, pid: u32) -> Self {
        Self { name, target: Target::new(address, policy), process: Process::new(pid) }
    }
}

/// This very executable in another role, as a child that is killed on drop.
struct Role {
    child: Child,
    address: String,
}

impl Role {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("role")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let profile = if cfg!(debug_assertions) { "DEBUG build: no result" } else { "release build" };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores at load {load}, {profile}")
}
