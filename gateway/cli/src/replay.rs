//! `backstop replay`: recorded calls are gone through again; nobody is asked.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context, Result, bail};
use backstop_domain::{Act, CallId};
use backstop_engine::replay::{self, End, Other, Verdict, Verified, WhatIf};
use serde_json::json;

use crate::{
    args::{ReplayVerify, ReplayWhatIf},
    files,
    records::{Records, Revisions},
    serve, style,
};

/// Differences that are shown one by one.
const SHOWN: usize = 20;

/// Verifies one call, or all; 0 if all is equal or cannot be known, 1 at a difference.
pub fn verify(args: &ReplayVerify) -> Result<ExitCode> {
    let records = Records::open(&args.data)?;
    let known = Revisions::default();
    let json = args.format == "json";
    if let Some(call) = &args.call {
        let verified = again(&records, &known, &CallId::from(call.as_str()))?;
        if verified.events == 0 {
            bail!("there is no call `{call}` in `{}`", args.data.display());
        }
        if json {
            println!("{}", serde_json::to_string_pretty(&verified)?);
        } else {
            print!("{}", one(&verified));
        }
        return Ok(code(verified.verdict() != Verdict::Different));
    }
    let mut all = All::default();
    for id in records.calls(None)? {
        all.take(again(&records, &known, &id)?);
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&all.json())?);
    } else {
        print!("{}", all.text());
    }
    Ok(code(all.different == 0))
}

/// One call under the policies of a workspace.
pub fn what_if(args: &ReplayWhatIf) -> Result<ExitCode> {
    let workspace = serve::load(&files::read(&args.workspace)?)?;
    let records = Records::open(&args.data)?;
    let record = records.call(&CallId::from(args.call.as_str()))?;
    let Ok((received, _)) = record.received() else {
        bail!("there is no call `{}` in `{}`", args.call, args.data.display());
    };
    let name = &received.policy;
    let policy = workspace.policies.get(name);
    let policy = policy.with_context(|| format!("the workspace has no policy `{name}`"))?;
    let known = Revisions::default();
    let pinned = records.policy(&known, name, received.revision)?;
    let salt = records.salt(&args.data);
    let other = Other { policy, pinned: pinned.as_ref(), salt: salt.as_deref() };
    let what_if = replay::what_if(&record, other);
    if args.format == "json" {
        println!("{}", serde_json::to_string_pretty(&what_if)?);
    } else {
        let then = replay::Went::recorded(&record);
        let then = then.as_ref().map_or("still open", |went| went.end.name());
        print!("{}", told(&what_if, then));
    }
    Ok(ExitCode::SUCCESS)
}

/// How a call would have gone, in words.
fn told(what_if: &WhatIf, then: &str) -> String {
    let went = &what_if.went;
    let mut out = format!("{}\n", style::bold(&what_if.call.0));
    out.push_str(&format!("  then:  {then}\n"));
    let now = match &went.end {
        End::Ended { ended } => {
            let by = ended.cause.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
            format!("{}{by}", ended.outcome.name())
        }
        End::Waits { queue } => format!("would wait for a person in queue `{queue}`"),
        End::Unknown { reason, bounds } => {
            let could: Vec<&str> = bounds.could.iter().map(|kind| kind.name()).collect();
            format!("cannot be known: {reason}\n         could end with: {}", could.join(", "))
        }
    };
    out.push_str(&format!("  now:   {now}\n"));
    for decision in &went.decisions {
        if matches!(decision.act, Act::Begin { .. }) && decision.because.is_empty() {
            continue;
        }
        let because = decision.because.join(", ");
        let because = if because.is_empty() { "nothing objects" } else { &because };
        out.push_str(&format!("    {:<10} {because}\n", decision.verdict.name()));
    }
    if let Some(said) = went.person_said {
        out.push_str(&format!("  a person {} this very answer then\n", said.verb()));
    }
    out
}

fn code(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}

fn again(records: &Records, known: &Revisions, id: &CallId) -> Result<Verified> {
    let record = records.call(id)?;
    let policy = match record.received() {
        Ok((received, _)) => records.policy(known, &received.policy, received.revision)?,
        Err(_) => None,
    };
    Ok(replay::verify(&record, policy.as_ref()))
}

/// One call, in words.
fn one(verified: &Verified) -> String {
    let Verified { call, events, compared, given, .. } = verified;
    let mut out = match verified.verdict() {
        Verdict::Equal => format!("{} {call}\n", style::good("equal")),
        Verdict::Different => format!("{} {call}\n", style::error("different")),
        Verdict::Unknown => format!("{} {call}\n", style::warn("cannot be known")),
    };
    out.push_str(&format!(
        "  {events} events: {compared} made again and compared, {given} came from outside\n"
    ));
    for unknown in &verified.unknown {
        out.push_str(&format!("  event {}: {}\n", unknown.seq, unknown.reason));
    }
    if let Some(found) = &verified.difference {
        let place = if found.pointer.is_empty() { "the event itself" } else { &found.pointer };
        out.push_str(&format!("  event {} ({}), {place}\n", found.seq, found.kind));
        out.push_str(&format!("    recorded: {}\n", found.recorded));
        out.push_str(&format!("    replayed: {}\n", found.replayed));
    }
    out
}

/// Every call of a ledger.
#[derive(Default)]
struct All {
    calls: u64,
    equal: u64,
    different: u64,
    events: u64,
    compared: u64,
    /// How many calls cannot be known, by reason.
    unknown: BTreeMap<String, u64>,
    shown: Vec<Verified>,
}

impl All {
    fn take(&mut self, verified: Verified) {
        self.calls += 1;
        self.events += verified.events;
        self.compared += verified.compared;
        match verified.verdict() {
            Verdict::Equal => self.equal += 1,
            Verdict::Unknown => {
                let first = verified.unknown.first();
                let reason = first.map(|unknown| unknown.reason.to_string()).unwrap_or_default();
                *self.unknown.entry(reason).or_default() += 1;
            }
            Verdict::Different => {
                self.different += 1;
                if self.shown.len() < SHOWN {
                    self.shown.push(verified);
                }
            }
        }
    }

    fn text(&self) -> String {
        let Self { calls, equal, different, events, compared, .. } = self;
        let mut out: String = self.shown.iter().map(one).collect();
        out.push_str(&format!(
            "{calls} calls, {events} events, {compared} of them made again and compared\n"
        ));
        for (reason, count) in &self.unknown {
            out.push_str(&format!("{count} cannot be known: {reason}\n"));
        }
        let verdict = format!("{equal} equal, {different} different");
        let good = *different == 0;
        out.push_str(&if good { style::good(&verdict) } else { style::error(&verdict) });
        out.push('\n');
        out
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "version": 1, "calls": self.calls, "equal": self.equal, "different": self.different,
            "events": self.events, "compared": self.compared, "unknown": self.unknown,
            "differences": self.shown,
        })
    }
}
