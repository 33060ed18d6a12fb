//! `backstop eval merge`: shards of one run, judged as one.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use backstop_evals::report::{Report, SuiteReport};
use backstop_evals::run::{Ran, Results};

use super::args::Merge;
use super::load::{load, today};
use super::{BAD, out};

/// Puts the reports together.
pub fn run(args: &Merge) -> Result<ExitCode> {
    let forms = out::forms(&args.formats)?;
    let Some(loaded) = load(&args.workspace)? else { return Ok(ExitCode::from(BAD)) };
    let mut all: BTreeMap<String, (Results, String)> = BTreeMap::new();
    let mut left_out = Vec::new();
    for path in &args.reports {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the report `{}`", path.display()))?;
        let report = Report::read(&bytes).map_err(|why| anyhow!("`{}`: {why}", path.display()))?;
        left_out.extend(report.left_out);
        for suite in report.suites {
            let SuiteReport { results, because, .. } = suite;
            match all.get_mut(&results.suite) {
                None => drop(all.insert(results.suite.clone(), (results, because))),
                Some((known, _)) => join(known, results)?,
            }
        }
    }
    left_out.sort();
    left_out.dedup();
    left_out.retain(|(suite, _)| !all.contains_key(suite));
    let mut suites = Vec::new();
    for (name, (mut results, because)) in all {
        let suite = loaded.suites.0.get(&name);
        let suite = suite.with_context(|| format!("the workspace has no suite `{name}`"))?;
        if results.revision != suite.policy.plan.revision.to_string() {
            bail!("the reports of `{name}` are of another revision than this workspace");
        }
        let place = |id: &str| suite.cases.iter().position(|case| case.id == id);
        results.ran.sort_by_key(|ran| (place(&ran.case), ran.repeat));
        let missing: Vec<&str> = suite
            .cases
            .iter()
            .filter(|case| !results.ran.iter().any(|ran| ran.case == case.id))
            .map(|case| case.id.as_str())
            .collect();
        if !missing.is_empty() {
            let some = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            bail!("{} cases of `{name}` are in no report: {some}", missing.len());
        }
        let baseline = loaded.baseline(suite)?;
        suites.push(SuiteReport::of(suite, results, baseline.as_ref(), today(), because));
    }
    let report = Report::of(suites, left_out);
    out::write(&report, &forms)?;
    Ok(ExitCode::from(report.word.exit_code()))
}

/// Adds the cases of another shard.
fn join(known: &mut Results, more: Results) -> Result<()> {
    let name = &more.suite;
    if known.revision != more.revision || known.tier != more.tier {
        bail!("the reports of `{name}` are of different revisions or tiers");
    }
    let place = |ran: &Ran| (ran.case.clone(), ran.repeat);
    let have: BTreeSet<(String, u32)> = known.ran.iter().map(place).collect();
    if let Some(twice) = more.ran.iter().find(|ran| have.contains(&place(ran))) {
        bail!("case `{}` of `{name}` stands in two reports", twice.case);
    }
    known.ran.extend(more.ran);
    Ok(())
}
