//! `backstop export`: the ledger as JSON Lines.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result};
use backstop_ledger::{Exported, Offline};

use crate::args::Export;

/// Exports; 0 once everything is written.
pub fn run(args: &Export) -> Result<ExitCode> {
    let ledger = Offline::open(&args.data)?;
    let out: Box<dyn Write> = if args.out == Path::new("-") {
        Box::new(std::io::stdout().lock())
    } else {
        let file = File::create(&args.out);
        Box::new(file.with_context(|| format!("cannot write `{}`", args.out.display()))?)
    };
    let mut out = BufWriter::new(out);
    let told = |_: &Exported| {};
    let done = backstop_ledger::export(&ledger, args.after, &mut out, told)?;
    out.flush()?;
    let Exported { events, bodies, position } = done;
    eprintln!("{events} events and {bodies} bodies; the next export starts --after {position}");
    Ok(ExitCode::SUCCESS)
}
