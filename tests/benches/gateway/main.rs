//! What the gateway costs per call, beside a direct call and a bare pass-through proxy, in one run:
//! `cargo bench -p backstop-tests --bench gateway`.
//!
//! The model answers at once, so what is measured is everything but the model. Each subject is a
//! process of its own on a core of its own; load and model share the other core. They take turns,
//! so that a busy moment of the machine meets all of them. Ratios are the result; absolute numbers
//! are this machine's. Everything is on: key, limits, schema, three rules, confidence, breakers, an
//! idempotency key a call, and the ledger, once strict and once relaxed.
//! `README.md` beside this folder names the settings.

mod load;
mod measure;
mod model;
mod open;
mod pin;
mod proxy;
mod soak;
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
        ["role", "load", address, policy, calls, connections] => {
            let target = Target::new(address, policy);
            let calls = calls.parse().expect("a whole number of calls");
            let connections = connections.parse().expect("a whole number of connections");
            let calls = Load::count(&target, calls, connections);
            println!("{}", runtime.block_on(calls).told());
        }
        ["role", "pace", address, policy, per_second, seconds] => {
            let target = Target::new(address, policy);
            let rate = per_second.parse().expect("calls a second");
            let length = Duration::from_secs(seconds.parse().expect("whole seconds"));
            let calls = open::run(&target, OPEN_CONNECTIONS, rate, length);
            println!("{}", runtime.block_on(calls).told());
        }
        _ => match setting("BACKSTOP_BENCH_SOAK", 0) {
            0 => runtime.block_on(compare()),
            seconds => runtime.block_on(soak::soak(seconds)),
        },
    }
}

/// The policy whose answers leave only once the disk has them.
const STRICT: &str = "bench";
/// The same policy, whose answers need not wait for the disk.
const RELAXED: &str = "bench-relaxed";

/// Its line in the tables.
const RELAXED_ROW: &str = "relaxed";

/// One who answers: its name, its address, and the process whose cost is measured.
struct Subject {
    name: &'static str,
    target: Target,
    process: Process,
}

/// Those who are measured, and who must live as long.
struct Subjects {
    all: Vec<Subject>,
    _roles: [Role; 2],
    _gateway: Gateway,
}

impl Subjects {
    fn start() -> Self {
        let model = Role::start(&["model"], &pin::rest());
        let proxy = Role::start(&["proxy", &model.address], &pin::subject());
        let workspace = Workspace::new(&format!("http://{}/v1", model.address));
        let gateway = Gateway::start_after(&pin::subject(), &workspace);
        let address = gateway.url().trim_start_matches("http://").to_owned();
        let all = vec![
            Subject::new("direct", &model.address, STRICT, model.child.id()),
            Subject::new("bare proxy", &proxy.address, STRICT, proxy.child.id()),
            Subject::new(RELAXED_ROW, &address, RELAXED, gateway.pid()),
            Subject::new("strict", &address, STRICT, gateway.pid()),
        ];
        Self { all, _roles: [model, proxy], _gateway: gateway }
    }
}

/// How a turn loads its subject.
#[derive(Clone, Copy)]
enum Way {
    /// As fast as that many connections can.
    Closed(usize),
    /// That many requests a second, whatever comes back.
    Open(f64),
}

/// Connections of an open loop: enough that nobody waits for one as long as the subject keeps up.
const OPEN_CONNECTIONS: usize = 64;

async fn compare() {
    let machine = settle();
    let subjects = Subjects::start();
    let seconds = setting("BACKSTOP_BENCH_SECONDS", 5);
    let rounds = setting("BACKSTOP_BENCH_ROUNDS", 3);
    println!("{rounds} rounds of {seconds} s each, {machine}");
    let mut capacity = 0.0;
    for connections in connections() {
        let way = Way::Closed(connections);
        let rows = take_turns(&subjects.all, way, rounds, seconds).await;
        table::print(&format!("closed loop, {connections} connection(s)"), &rows);
        capacity =
            rows.iter().find(|row| row.name() == RELAXED_ROW).map_or(0.0, table::Row::per_second);
    }
    // The share of its capacity at which the gateway is asked; all others get the same rate.
    for share in [0.25, 0.5] {
        let rate = capacity * share;
        let rows = take_turns(&subjects.all, Way::Open(rate), rounds, seconds).await;
        let percent = share * 100.0;
        table::print(&format!("open loop, {rate:.0} calls/s: {percent:.0} % of `relaxed`"), &rows);
    }
}

fn connections() -> Vec<usize> {
    let said = std::env::var("BACKSTOP_BENCH_CONNECTIONS");
    let said = said.unwrap_or_else(|_| "1,16,64".to_owned());
    said.split(',').map(|number| number.trim().parse().expect("whole numbers")).collect()
}

/// Runs every subject once per round, after a short warm-up that is not counted.
async fn take_turns(subjects: &[Subject], way: Way, rounds: u64, seconds: u64) -> Vec<Row> {
    let mut totals: Vec<Totals> = subjects.iter().map(|_| Totals::default()).collect();
    for round in 0..=rounds {
        for (subject, totals) in subjects.iter().zip(&mut totals) {
            let warm_up = round == 0;
            let length =
                if warm_up { Duration::from_secs(1) } else { Duration::from_secs(seconds) };
            let before = subject.process.cpu();
            let load = way.load(&subject.target, length).await;
            let cpu = subject.process.cpu() - before;
            if !warm_up {
                totals.add(load, cpu);
            }
        }
    }
    let rows = subjects.iter().zip(totals);
    rows.map(|(subject, totals)| totals.row(subject.name, subject.process.memory())).collect()
}

impl Way {
    async fn load(self, target: &Target, length: Duration) -> Load {
        match self {
            Self::Closed(connections) => Load::run(target, connections, length).await,
            Self::Open(rate) => open::run(target, OPEN_CONNECTIONS, rate, length).await,
        }
    }
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
    fn start(arguments: &[&str], before: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-ec", &format!("{before}\nexec \"$@\""), "sh"])
            .arg(std::env::current_exe().unwrap())
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

/// Takes the load's place on the machine, and says what machine it is.
fn settle() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let place = if pin::load() { "one of them the subject's" } else { "NOT pinned" };
    let profile = if cfg!(debug_assertions) { "DEBUG build: no result" } else { "release build" };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores, {place}, load {load}, {profile}")
}
