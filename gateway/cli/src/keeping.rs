//! `backstop backup`, `restore` and `migrate`: what is done with a data folder as a whole.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use backstop_ledger::Copied;
use comfy_table::{Table, presets};

use crate::{
    args::{Backup, Migrate, Restore, Size, Sweep},
    build, files,
    here::Here,
    serve, style,
};

/// What to do about a gateway that runs.
const IN_USE: &str = "a running gateway does this by itself; stop it first, or say `--dry-run`";

/// Copies a data folder.
pub fn backup(args: &Backup) -> Result<ExitCode> {
    let copied = backstop_ledger::backup(&args.data, &args.to)?;
    tell("backed up", &copied, &args.to);
    Ok(ExitCode::SUCCESS)
}

/// Makes a data folder from a backup.
pub fn restore(args: &Restore) -> Result<ExitCode> {
    let copied = backstop_ledger::restore(&args.from, &args.data)?;
    tell("restored", &copied, &args.data);
    Ok(ExitCode::SUCCESS)
}

fn tell(done: &str, copied: &Copied, to: &Path) {
    let report = &copied.report;
    println!("{} {}", style::good(done), to.display());
    println!(
        "{} events, {} calls, {} reviews; proven whole up to position {}, hash {}",
        report.events,
        report.calls,
        report.reviews,
        copied.position,
        copied.hash.short()
    );
}

/// Takes a data folder to this version.
pub fn migrate(args: &Migrate) -> Result<ExitCode> {
    let done = backstop_ledger::migrate(&args.data)?;
    match done.backup {
        None => println!("`{}` has format {} already", args.data.display(), done.to),
        Some(backup) => {
            let (from, to) = (done.from, done.to);
            println!(
                "{} `{}` from format {from} to {to}",
                style::good("took"),
                args.data.display()
            );
            println!("as it was, it stands in `{}`", backup.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Forgets what its time is over for, as a running gateway does every hour; or says what that is.
pub fn sweep(args: &Sweep) -> Result<ExitCode> {
    let workspace = serve::load(&files::read(&args.workspace)?)?;
    let retention = backstop_engine::over(&workspace, build::clock().now());
    let over = backstop_ledger::over(&args.data, retention)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(vec!["time is over for", "how many", "KiB"]);
    for (what, (count, bytes)) in [
        ("requests and answers", over.bodies),
        ("words of events", over.events),
        ("words of outcomes and decisions", over.labels),
    ] {
        table.add_row(vec![what.into(), count.to_string(), bytes.div_ceil(1024).to_string()]);
    }
    table.add_row(vec!["idempotency keys".into(), over.keys.to_string(), String::new()]);
    println!("{table}");
    if args.dry_run {
        println!("{}", style::warn("nothing was forgotten"));
        return Ok(ExitCode::SUCCESS);
    }
    let here = Here::open(&args.data, IN_USE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let swept = runtime.block_on(here.erasures().sweep(retention, &here.actor, || true))?;
    let (bodies, keys) = (swept.bodies, swept.keys);
    println!("{} {bodies} bodies and {keys} idempotency keys", style::good("forgot"));
    Ok(ExitCode::SUCCESS)
}

/// Says how much every policy keeps.
pub fn size(args: &Size) -> Result<ExitCode> {
    let sizes = backstop_ledger::sizes(&args.data)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(vec!["policy", "calls", "events", "bodies (KiB)"]);
    for (policy, size) in sizes {
        let kib = size.bytes.div_ceil(1024);
        table.add_row(vec![
            policy,
            size.calls.to_string(),
            size.events.to_string(),
            kib.to_string(),
        ]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
