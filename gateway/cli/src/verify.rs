//! `backstop verify`: walks the chain and folds every call again, without the server.

use std::process::ExitCode;

use anyhow::Result;

use crate::{args::Verify, head, style};

/// Verifies; 0 if everything holds, 1 with the first break.
pub fn run(args: &Verify) -> Result<ExitCode> {
    let mut report = backstop_ledger::verify(&args.data)?;
    if let (Some(head), Some(sign)) = (&args.head, &args.sign) {
        report.breaks.extend(head::lacks(&args.data, head, sign)?);
    }
    let (events, calls, reviews) = (report.events, report.calls, report.reviews);
    println!("{events} events, {calls} calls, {reviews} reviews, {} bodies", report.bodies);
    if report.erased + report.unknown > 0 {
        let (erased, unknown) = (report.erased, report.unknown);
        println!("{erased} streams have erased bodies, {unknown} were written by a newer version");
    }
    for found in &report.breaks {
        println!("{found}");
    }
    if report.is_whole() {
        println!("{}", style::good("the ledger is whole"));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", style::error("the ledger is broken"));
    Ok(ExitCode::from(1))
}
