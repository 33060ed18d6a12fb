//! `backstop eval [SUITES]`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use backstop_engine::{Models, Services};
use backstop_evals::report::{Paint, Report, SuiteReport, before};
use backstop_evals::run::{LiveRun, Results, live, replay};
use backstop_evals::suite::{Case, Suite, TierName};

use super::args::{Run, Tier};
use super::load::{Loaded, load, today};
use super::resume::Kept;
use super::{BAD, changed, out};
use crate::build::{self, Answers};
use crate::{log, style};

/// Cases that are run between two writes of the resume file.
const BATCH: usize = 20;

/// Runs them; the exit code is the word.
pub fn run(args: &Run) -> Result<ExitCode> {
    log::plain("error")?;
    let forms = out::forms(&args.formats)?;
    if args.frozen && args.tier == Tier::Live {
        bail!("`--frozen` asks no model, and `--tier live` asks them: choose one");
    }
    let shard = args.shard.as_deref().map(shard).transpose()?;
    let Some(loaded) = load(&args.workspace)? else { return Ok(ExitCode::from(BAD)) };
    let mut suites = Vec::new();
    let mut left_out = Vec::new();
    let changed = match &args.changed_since {
        Some(commit) => Some(changed::since(&args.workspace, commit)?),
        None => None,
    };
    let mut kept = args.resume.as_deref().map(Kept::open).transpose()?;
    for suite in loaded.named(&args.suites)? {
        let because = match &changed {
            None => Some("it was asked for".to_owned()),
            Some(changed) => changed::why(suite, &loaded.setting.workspace, changed),
        };
        let Some(because) = because else {
            left_out.push((suite.name.clone(), "nothing that it rests on changed".to_owned()));
            continue;
        };
        if out::is_for_people(&forms) {
            print!("{}", before(suite, Paint(style::colours())));
        }
        let cases = part(suite, shard);
        let results = match args.tier {
            Tier::Replay => replayed(&loaded, suite, &cases, kept.as_mut())?,
            Tier::Live => asked(&loaded, suite, &cases, kept.as_mut())?,
        };
        let baseline = loaded.baseline(suite)?;
        suites.push(SuiteReport::of(suite, results, baseline.as_ref(), today(), because));
    }
    if out::is_for_people(&forms) {
        println!();
    }
    let report = Report::of(suites, left_out);
    out::write(&report, &forms)?;
    Ok(ExitCode::from(report.word.exit_code()))
}

/// `2/4`: the second of four parts.
fn shard(text: &str) -> Result<(usize, usize)> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((i, n)) if (1..=n).contains(&i) => Ok((i, n)),
        _ => bail!("`{text}` is no shard; write the part and the number of parts, such as `1/4`"),
    }
}

/// The cases of a part: every n-th, so that parts are alike.
pub fn part(suite: &Suite, shard: Option<(usize, usize)>) -> Vec<&Case> {
    let (i, n) = shard.unwrap_or((1, 1));
    suite.cases.iter().skip(i - 1).step_by(n).collect()
}

fn replayed(
    loaded: &Loaded,
    suite: &Suite,
    cases: &[&Case],
    kept: Option<&mut Kept>,
) -> Result<Results> {
    let tape = loaded.tape(suite)?;
    let progress = out::progress(&suite.name);
    let Some(kept) = kept else {
        return Ok(replay(&loaded.setting, suite, cases, &tape, &progress)?);
    };
    in_batches(suite, cases, TierName::Replay, kept, |batch| {
        Ok(replay(&loaded.setting, suite, batch, &tape, &progress)?)
    })
}

/// Runs what is not kept yet, and keeps it batch by batch. Results stand in the order of cases.
fn in_batches(
    suite: &Suite,
    cases: &[&Case],
    tier: TierName,
    kept: &mut Kept,
    run: impl Fn(&[&Case]) -> Result<Results>,
) -> Result<Results> {
    let mut ran = kept.of(suite, tier.name());
    let repeats = suite.tier(tier).repeats as usize;
    let done = |case: &&&Case| ran.iter().filter(|one| one.case == case.id).count() < repeats;
    let open: Vec<&Case> = cases.iter().filter(done).copied().collect();
    ran.retain(|one| !open.iter().any(|case| case.id == one.case));
    for batch in open.chunks(BATCH) {
        let fresh = run(batch)?;
        kept.keep(suite, tier.name(), &fresh.ran)?;
        ran.extend(fresh.ran);
    }
    let place = |id: &str| cases.iter().position(|case| case.id == id);
    ran.retain(|one| place(&one.case).is_some());
    ran.sort_by_key(|one| (place(&one.case), one.repeat));
    let (name, revision) = (suite.name.clone(), suite.policy.plan.revision.to_string());
    Ok(Results { suite: name, revision, tier: tier.name().to_owned(), ran })
}

fn asked(
    loaded: &Loaded,
    suite: &Suite,
    cases: &[&Case],
    kept: Option<&mut Kept>,
) -> Result<Results> {
    let tier = suite.tier(TierName::Live);
    let cap = tier.cost.with_context(|| {
        format!("suite `{}` has no live tier: add `tiers: {{live: {{cost: $1}}}}`", suite.name)
    })?;
    estimate(loaded, suite, cases, tier.repeats, cap)?;
    let clock = build::clock();
    let gateway = &loaded.setting.workspace.gateway;
    let models = Models::new(build::models(gateway, &Answers::Live, &clock, None)?);
    let services = Services::new(build::services(gateway, &Answers::Live, &clock, None)?);
    let run = LiveRun {
        models: Box::new(move || models.clone()),
        services: Box::new(move || services.clone()),
        clock,
        repeats: tier.repeats,
        cost: Some(cap),
    };
    let progress = out::progress(&suite.name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ask = |batch: &[&Case]| {
        Ok(runtime.block_on(live(&loaded.setting, suite, batch, &run, &progress)))
    };
    match kept {
        Some(kept) => in_batches(suite, cases, TierName::Live, kept, ask),
        None => ask(cases),
    }
}

/// Says what a run will cost, by the recorded answers or else by the policy's budget, and refuses
/// one that would not fit under the cap.
fn estimate(loaded: &Loaded, suite: &Suite, cases: &[&Case], repeats: u32, cap: u64) -> Result<()> {
    let tape = loaded.tape(suite)?;
    let recorded = if tape.known().is_empty() {
        None
    } else {
        let known = replay(&loaded.setting, suite, cases, &tape, &|_, _| {})?;
        let valid: Vec<u64> =
            known.ran.iter().filter(|ran| ran.is_valid()).map(|ran| ran.cost_micro).collect();
        (!valid.is_empty()).then(|| valid.iter().sum::<u64>() as f64 / valid.len() as f64)
    };
    let most = suite.policy.plan.budget.cost.map(|money| money.0 as f64);
    let number = cases.len() as f64 * f64::from(repeats);
    let Some(each) = recorded.or(most) else {
        eprintln!("{}: what a case costs is not known; it stops at the cap", suite.name);
        return Ok(());
    };
    let total = each * number / 1e6;
    let cap_money = cap as f64 / 1e6;
    eprintln!("{}: about ${total:.4} for {number} calls, at most ${cap_money:.4}", suite.name);
    if total > cap_money {
        bail!("that is above the cap of suite `{}`; raise `cost`, or ask fewer cases", suite.name);
    }
    Ok(())
}
