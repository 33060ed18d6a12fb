//! The loader on files that nobody meant: it always ends, soon, in a report, and never panics.
//!
//! Each input follows from a seed and its number: a workspace of this repository, right or wrong
//! (`tests/corpus/`), with a few of its files spoilt ([`mutate`]). Inputs are read in a child process, so that a stack overflow or a
//! hang is told with the input that did it, and the search goes on behind it.
//!
//! An hour: `BACKSTOP_FUZZ_SECONDS=3600 cargo test -p backstop-policy --test it -- --ignored
//! --nocapture fuzz::for_as_long_as_asked`. `BACKSTOP_FUZZ_SEED` begins elsewhere. What it finds is
//! written to `target/fuzz/`.

mod mutate;
mod random;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use backstop_policy::{Code, Sources, Workspace, diagnostics::render};

use super::workspaces::{self, Files};
use mutate::mutated;
use random::Random;

/// Most time of the processor that one input may take, in an unoptimized build.
const ONE_INPUT_MAX: Duration = Duration::from_secs(20);
/// Stack of the thread that loads: what a worker of the server has.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// Inputs of the run that belongs to every `cargo test`.
const INPUTS: u64 = 150;

#[test]
fn a_spoilt_workspace_ends_in_a_report() {
    let told = search(1, Until::Inputs(INPUTS));
    assert!(told.findings.is_empty(), "{:#?}", told.findings);
}

#[test]
#[ignore = "runs for BACKSTOP_FUZZ_SECONDS (60); see the head of this file"]
fn for_as_long_as_asked() {
    let seconds = number("BACKSTOP_FUZZ_SECONDS").unwrap_or(60);
    let told = search(number("BACKSTOP_FUZZ_SEED").unwrap_or(1), Until::Seconds(seconds));
    println!("{} inputs, {} of them load without an error", told.inputs, told.loaded);
    println!("{} of {} codes seen", told.codes.len(), Code::ALL.len());
    let unseen = Code::ALL.iter().map(|code| code.id()).filter(|id| !told.codes.contains(*id));
    println!("not seen: {}", unseen.collect::<Vec<_>>().join(" "));
    assert!(told.findings.is_empty(), "{:#?}", told.findings);
}

/// The child's side; what it is to do stands in its environment.
#[test]
#[ignore = "started by the tests above, as a process of its own"]
fn child() {
    let Some(note) = std::env::var_os("BACKSTOP_FUZZ_NOTE").map(PathBuf::from) else { return };
    let given = |name| number(name).expect("the parent says it");
    let (seed, first) = (given("BACKSTOP_FUZZ_SEED"), given("BACKSTOP_FUZZ_FIRST"));
    let (end, seconds) = (given("BACKSTOP_FUZZ_END"), given("BACKSTOP_FUZZ_SECONDS"));
    let work = move || work(seed, first..end, Duration::from_secs(seconds), &note);
    let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn(work);
    worker.expect("a thread").join().expect("the worker catches panics");
}

/// When a search ends.
#[derive(Clone, Copy)]
enum Until {
    Inputs(u64),
    Seconds(u64),
}

/// What a search saw.
#[derive(Debug, Default)]
struct Told {
    inputs: u64,
    loaded: u64,
    codes: BTreeSet<String>,
    findings: Vec<String>,
}

/// Runs children one after another, each behind what ended the one before.
fn search(seed: u64, until: Until) -> Told {
    let started = Instant::now();
    let folder = workspaces::root().join("target/fuzz");
    fs::create_dir_all(&folder).expect("target can be written");
    let note = folder.join(format!("note-{}-{seed}", std::process::id()));
    let (end, seconds) = match until {
        Until::Inputs(count) => (count, u64::MAX),
        Until::Seconds(seconds) => (u64::MAX, seconds),
    };
    let (mut told, mut first) = (Told::default(), 0);
    loop {
        let left = seconds.saturating_sub(started.elapsed().as_secs());
        if first >= end || left == 0 {
            break;
        }
        fs::write(&note, first.to_string()).expect("the note can be written");
        let child = Command::new(std::env::current_exe().expect("a test runs"))
            .args(["--exact", "fuzz::child", "--ignored", "--nocapture"])
            .env("BACKSTOP_FUZZ_NOTE", &note)
            .env("BACKSTOP_FUZZ_SEED", seed.to_string())
            .env("BACKSTOP_FUZZ_FIRST", first.to_string())
            .env("BACKSTOP_FUZZ_END", end.to_string())
            .env("BACKSTOP_FUZZ_SECONDS", left.to_string())
            .stderr(Stdio::null())
            .output()
            .expect("the test binary starts");
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        told.read(&said, seed, &folder);
        if child.status.success() {
            break;
        }
        let last: u64 =
            fs::read_to_string(&note).ok().and_then(|n| n.trim().parse().ok()).unwrap_or(0);
        told.inputs += last.saturating_sub(first) + 1;
        let why = format!("the process ended with {} (an overflow or a hang)", child.status);
        told.found(seed, last, &why, &folder);
        first = last + 1;
    }
    let _ = fs::remove_file(note);
    told
}

impl Told {
    /// Reads the lines that a child printed.
    fn read(&mut self, said: &str, seed: u64, folder: &Path) {
        for line in said.lines() {
            match line.split_once(' ') {
                Some(("finding", rest)) => {
                    let (at, why) = rest.split_once(' ').unwrap_or((rest, ""));
                    self.found(seed, at.parse().unwrap_or(0), why, folder);
                }
                Some(("seen", code)) => drop(self.codes.insert(code.to_owned())),
                Some(("done", counts)) => {
                    let mut counts = counts.split(' ').filter_map(|n| n.parse::<u64>().ok());
                    self.inputs += counts.next().unwrap_or(0);
                    self.loaded += counts.next().unwrap_or(0);
                }
                _ => {}
            }
        }
    }

    /// Keeps the input that went wrong.
    fn found(&mut self, seed: u64, at: u64, why: &str, folder: &Path) {
        let place = folder.join(format!("{seed}-{at}"));
        for (path, bytes) in input(seed, at, &seeds()) {
            let file = place.join(path);
            fs::create_dir_all(file.parent().expect("in a folder")).expect("target can be written");
            fs::write(file, bytes).expect("target can be written");
        }
        self.findings.push(format!("seed {seed}, input {at}: {why}; see {}", place.display()));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Loads one input after another; prints what it finds.
fn work(seed: u64, range: std::ops::Range<u64>, time: Duration, note: &Path) {
    static SINCE_MS: AtomicU64 = AtomicU64::new(0);
    let started = Instant::now();
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(500));
            let since = worked_ms(started).saturating_sub(SINCE_MS.load(Ordering::Relaxed));
            if u128::from(since) > ONE_INPUT_MAX.as_millis() {
                std::process::exit(3);
            }
        }
    });
    let seeds = seeds();
    let mut note = fs::File::create(note).expect("the note can be written");
    let (mut inputs, mut loaded, mut codes) = (0_u64, 0_u64, BTreeSet::new());
    for at in range {
        if started.elapsed() >= time {
            break;
        }
        write_at_start(&mut note, at);
        SINCE_MS.store(worked_ms(started), Ordering::Relaxed);
        let files = input(seed, at, &seeds);
        match catch_unwind(AssertUnwindSafe(|| load(files))) {
            Ok(Ok(seen)) => {
                loaded += u64::from(seen.is_empty());
                codes.extend(seen);
            }
            Ok(Err(why)) => println!("finding {at} {why}"),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                let line = text.unwrap_or("a panic").replace('\n', " ");
                println!("finding {at} panic: {line}");
            }
        }
        inputs += 1;
    }
    codes.iter().for_each(|code: &Code| println!("seen {}", code.id()));
    println!("done {inputs} {loaded}");
}

/// How long this process has worked, in milliseconds: a busy machine makes nobody hang. Where the
/// system does not tell, the time since `started`.
fn worked_ms(started: Instant) -> u64 {
    const MS_PER_TICK: u64 = 10;
    let told = fs::read_to_string("/proc/self/stat").ok().and_then(|line| {
        // Behind the name in brackets: the 12th and 13th are ticks in the program and the kernel.
        let (_, fields) = line.rsplit_once(") ")?;
        let mut ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        Some((ticks.next()?.ok()? + ticks.next()?.ok()?) * MS_PER_TICK)
    });
    told.unwrap_or_else(|| u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// The number of the input that is read now, for who finds this process dead.
fn write_at_start(note: &mut fs::File, number: u64) {
    use std::io::Seek;
    note.rewind().and_then(|()| write!(note, "{number:<20}")).expect("the note can be written");
}

/// Loads and shows one input; the codes of its report, or what is wrong with the report.
fn load(files: Files) -> Result<Vec<Code>, String> {
    let sources = Sources::new(files);
    let (workspace, report) = Workspace::load(&sources);
    for problem in report.sorted() {
        let related = problem.related.iter().map(|related| related.span);
        for span in related.chain([problem.span]) {
            let inside = span.end as usize <= sources.bytes(span.file).len();
            if span.start > span.end || !inside {
                return Err(format!("a place outside of its file: {problem:?}"));
            }
        }
        if problem.message.trim().is_empty() {
            return Err(format!("nothing is said: {problem:?}"));
        }
    }
    if workspace.gateway.is_none() && !report.has_errors() {
        return Err("no gateway, and no error".to_owned());
    }
    let shown = render::text(&report, &sources, render::Style::Coloured);
    if shown.is_empty() != report.is_empty() || !render::json(&report, &sources).is_array() {
        return Err("the report is not shown".to_owned());
    }
    Ok(report.sorted().iter().map(|problem| problem.code).collect())
}

/// The workspaces that inputs are made of, those that load and those that do not: each with one
/// policy, and what belongs to it.
fn seeds() -> [Vec<Files>; 2] {
    let root = workspaces::root();
    let starter = root.join("gateway/cli/src/starter");
    let file = |path: &str, name: &str| {
        (path.to_owned(), fs::read(starter.join(name)).expect("the starter is there"))
    };
    let starter = Files::from([
        file("policies/gateway.yaml", "gateway.yaml"),
        file("policies/ticket-triage.yaml", "ticket-triage.yaml"),
        file("policies/schemas/ticket.json", "ticket.json"),
        file("policies/schemas/ticket-triage.json", "ticket-triage.json"),
        file("prompts/ticket-triage.md", "prompt.md"),
    ]);
    let mut right = vec![starter];
    for workspace in [root.clone(), root.join("tests/workspace"), root.join("tests/corpus/carried")]
    {
        right.extend(one_policy_each(&workspaces::read(&workspace)));
    }
    [right, super::corpus::wrong().into_values().collect()]
}

/// A workspace for each policy of `files`, without the other policies.
fn one_policy_each(files: &Files) -> Vec<Files> {
    let is_policy = |path: &str| {
        let name = path.strip_prefix("policies/").unwrap_or("/");
        name.ends_with(".yaml") && !name.contains('/') && name != "gateway.yaml"
    };
    let policies = files.keys().filter(|path| is_policy(path));
    let one = |policy: &String| {
        let kept = files.iter().filter(|(path, _)| *path == policy || !is_policy(path));
        kept.map(|(path, bytes)| (path.clone(), bytes.clone())).collect()
    };
    policies.map(one).collect()
}

/// Input `at` of the search that `seed` begins.
fn input(seed: u64, at: u64, seeds: &[Vec<Files>]) -> Files {
    let mut random = Random::new(seed ^ at.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let of = random.of(seeds);
    let mut files = random.of(of).clone();
    let paths: Vec<String> = files.keys().cloned().collect();
    for _ in 0..=random.below(2) {
        // Mostly the policy: there is most to read in it.
        let policies: Vec<&String> = paths.iter().filter(|p| p.ends_with(".yaml")).collect();
        let path = if random.below(10) < 7 { *random.of(&policies) } else { random.of(&paths) };
        let donors = random.of(seeds);
        let donor = random.of(donors);
        let donors: Vec<&Vec<u8>> = donor.values().collect();
        let donor = *random.of(&donors);
        let bytes = files.get(path).cloned().unwrap_or_default();
        files.insert(path.clone(), mutated(&bytes, donor, &mut random));
    }
    files
}
