//! `backstop backup`, `restore` and `migrate`: what is done with a data folder as a whole.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use backstop_ledger::Copied;
use comfy_table::{Table, presets};

use crate::{
    args::{Backup, Migrate, Restore, Size},
    style,
};

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
