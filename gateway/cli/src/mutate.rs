//! `backstop mutate`: whether the tests of the policies would notice a change.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use backstop_domain::Millis;
use backstop_evals::mutate::{self, MutationReport, Survivor, Watcher};
use backstop_upstream::Clock;
use serde_json::{Value, json};

use crate::{args::Mutate, build, files::InOrder, style};

/// Tries every mutant; 0 if the floor is kept, 1 if not or the workspace has errors.
pub fn run(args: &Mutate) -> Result<ExitCode> {
    let Some(InOrder { files, workspace, .. }) =
        InOrder::read(&args.workspace, args.policy.as_deref())?
    else {
        return Ok(ExitCode::from(1));
    };
    let clock = build::clock();
    let until = clock.now().plus(args.seconds.saturating_mul(1_000));
    let wanted = |name: &&String| args.policy.as_ref().is_none_or(|policy| policy == *name);
    let mut reports = Vec::new();
    for name in workspace.policies.keys().filter(wanted) {
        let clock = clock.as_ref();
        let watcher = Bar { name, clock, until, shown: std::io::stderr().is_terminal() };
        reports.extend(mutate::mutate(&files, name, &watcher));
        watcher.clear();
        if let (Some(report), "text") = (reports.last(), args.format.as_str()) {
            tell(report);
        }
    }
    if args.format == "json" {
        let told: Vec<Value> = reports.iter().map(as_json).collect();
        println!("{:#}", json!({ "policies": told }));
    }
    let mut failed = false;
    for report in &reports {
        let floor = args.floor.filter(|floor| report.percent() < *floor);
        if let Some(floor) = floor {
            let (policy, percent) = (&report.policy, report.percent());
            let say = format!("{policy}: {percent}% noticed, the floor is {floor}%");
            eprintln!("{}", style::error(&say));
        }
        // A run that time cut short has not shown that the floor is kept.
        let cut = args.floor.is_some() && report.untried > 0;
        if cut {
            let (policy, untried) = (&report.policy, report.untried);
            eprintln!("{}", style::error(&format!("{policy}: {untried} changes were not tried")));
        }
        failed |= floor.is_some() || cut || !report.failing.is_empty();
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// How far it is, on one line of the error output that is written over; nothing where nobody looks.
struct Bar<'n> {
    name: &'n str,
    clock: &'n dyn Clock,
    until: Millis,
    shown: bool,
}

impl Watcher for Bar<'_> {
    fn progress(&self, done: usize, all: usize) {
        if self.shown && (done.is_multiple_of(8) || done == all) {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r{}: {done} of {all} changes tried ", self.name);
            let _ = out.flush();
        }
    }

    fn is_over(&self) -> bool {
        self.clock.now() >= self.until
    }
}

impl Bar<'_> {
    fn clear(&self) {
        if self.shown {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r{:width$}\r", "", width = self.name.len() + 40);
            let _ = out.flush();
        }
    }
}

fn tell(report: &MutationReport) {
    println!("{}", style::bold(&report.policy));
    if !report.failing.is_empty() {
        println!("  {}", style::error("its tests fail without any change:"));
        report.failing.iter().for_each(|name| println!("    {name}"));
        println!();
        return;
    }
    let (killed, counted) = (report.killed, report.counted());
    if counted == 0 && report.untried > 0 {
        println!("  {}", style::warn("time was up before a change was tried; see --seconds"));
        println!();
        return;
    }
    let score = format!("  noticed {killed} of {counted} changes ({}%)", report.percent());
    println!("{}", if killed == counted { style::good(&score) } else { style::bold(&score) });
    let aside = [
        (report.refused, "refused by the loader"),
        (report.equivalent, "that change nothing"),
        (report.untried, "not tried: time was up"),
    ];
    let aside: Vec<String> = aside
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    if !aside.is_empty() {
        println!("  {}", style::faint(&format!("not counted: {}", aside.join(", "))));
    }
    for survivor in &report.survivors {
        println!();
        survived(&report.path, survivor);
    }
    println!();
}

fn survived(path: &str, survivor: &Survivor) {
    let place = format!("{path}:{}", survivor.changed.line);
    println!("  {}  {}", style::warn("not noticed"), survivor.what);
    println!("    {}", style::faint(&place));
    for line in &survivor.changed.old {
        println!("    {}", style::error(&format!("-{line}")));
    }
    for line in &survivor.changed.new {
        println!("    {}", style::good(&format!("+{line}")));
    }
    match &survivor.apart {
        Some(apart) => {
            println!("    {}  {}", style::faint("is   "), apart.is);
            println!("    {}  {}", style::faint("would"), apart.would);
            println!("    {}", style::faint("a test that notices:"));
            apart.test.lines().for_each(|line| println!("    {line}"));
        }
        None => println!("    {}", style::faint("no input was found that tells them apart")),
    }
}

fn as_json(report: &MutationReport) -> Value {
    let survivors: Vec<Value> = report
        .survivors
        .iter()
        .map(|survivor| {
            let apart = survivor.apart.as_ref();
            json!({
                "what": survivor.what, "line": survivor.changed.line,
                "old": survivor.changed.old, "new": survivor.changed.new,
                "apart": apart.map(|apart| {
                    json!({ "test": apart.test, "is": apart.is, "would": apart.would })
                }),
            })
        })
        .collect();
    json!({
        "policy": report.policy, "file": report.path, "percent": report.percent(),
        "noticed": report.killed, "counted": report.counted(), "refused": report.refused,
        "equivalent": report.equivalent, "untried": report.untried,
        "failing_tests": report.failing, "survivors": survivors,
    })
}
