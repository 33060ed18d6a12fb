//! `backstop simulate`: what callers would see while models are in trouble, before they are.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use backstop_engine::InForce;
use backstop_evals::simulate::{Play, Report, SCENARIOS, Scenario, scenario, simulate};
use backstop_policy::Policy;
use serde_json::json;

use crate::{args::Simulate, files::InOrder, style};

/// Plays scenarios; 0 if every promise was kept, 1 if not or the workspace has errors.
pub fn run(args: &Simulate) -> Result<ExitCode> {
    let Some(name) = &args.scenario else {
        list();
        return Ok(ExitCode::SUCCESS);
    };
    let wanted: Vec<&'static Scenario> = match name.as_str() {
        "all" => SCENARIOS.iter().collect(),
        name => match scenario(name) {
            Some(scenario) => vec![scenario],
            None => bail!("there is no scenario `{name}`; `backstop simulate` lists them"),
        },
    };
    let Some(InOrder { sources, workspace, .. }) =
        InOrder::read(&args.workspace, args.policy.as_deref())?
    else {
        return Ok(ExitCode::from(1));
    };
    let Some(in_force) = InForce::of(&workspace).map(Arc::new) else {
        bail!("the workspace has no policies/gateway.yaml");
    };
    let policies: Vec<&Arc<Policy>> = match &args.policy {
        Some(name) => workspace.policy(name).into_iter().collect(),
        None => workspace.policies.values().collect(),
    };
    let play =
        Play { rate: args.rate, capacity: args.capacity, crowd: args.crowd, seed: args.seed };
    let mut reports = Vec::new();
    for scenario in wanted {
        for policy in &policies {
            let bar = Bar { what: format!("{} on {}", scenario.name, policy.name) };
            let report =
                simulate(&in_force, &sources, policy, scenario, play, &|at, of| bar.show(at, of));
            bar.clear();
            match report {
                Ok(report) => {
                    if args.format == "text" {
                        tell(&report);
                    }
                    reports.push(report);
                }
                // One policy that was named must be played; of all, those that can be.
                Err(why) if args.policy.is_some() => bail!("{}: {why}", policy.name),
                Err(why) => eprintln!("{}", style::faint(&format!("{}: {why}", policy.name))),
            }
        }
    }
    if args.format == "json" {
        println!("{:#}", json!({ "simulations": reports }));
    }
    Ok(ExitCode::from(u8::from(!reports.iter().all(Report::is_kept))))
}

fn list() {
    let rows: Vec<Vec<String>> = (SCENARIOS.iter())
        .map(|scenario| vec![style::bold(scenario.name), scenario.about.to_owned()])
        .collect();
    print!("{}", style::columns(&rows, "  "));
}

fn tell(report: &Report) {
    for line in report.text().lines() {
        match line.trim_start() {
            said if said.starts_with("BROKEN") => println!("{}", style::error(line)),
            said if said.starts_with("kept") => println!("{}", style::good(line)),
            _ => println!("{line}"),
        }
    }
    println!();
}

/// How far it is, on one line of the error output that is written over; nothing where nobody looks.
struct Bar {
    what: String,
}

impl Bar {
    fn show(&self, at: u64, of: u64) {
        if std::io::stderr().is_terminal() {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r{}: {at} of {of} s ", self.what);
            let _ = out.flush();
        }
    }

    fn clear(&self) {
        if std::io::stderr().is_terminal() {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
    }
}
