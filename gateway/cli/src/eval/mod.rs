//! `backstop eval`: runs suites and says with evidence whether a policy still does what it should.
//!
//! Exit codes: 0 PASS, 1 FAIL, 2 bad configuration, 3 INCONCLUSIVE, 4 STALE, 5 ERROR.

mod add;
pub mod args;
mod bless;
mod changed;
mod import;
mod load;
mod merge;
mod out;
mod record;
mod resume;
mod run;

use std::process::ExitCode;

use anyhow::Result;

use args::{Eval, EvalCommand};
pub use load::suites as read_suites;

/// Does it.
pub fn run(args: &Eval) -> Result<ExitCode> {
    match &args.command {
        None => run::run(&args.run),
        Some(EvalCommand::Record(record)) => record::run(record),
        Some(EvalCommand::Bless(bless)) => bless::run(bless),
        Some(EvalCommand::Add(add)) => add::run(add),
        Some(EvalCommand::Merge(merge)) => merge::run(merge),
        Some(EvalCommand::Import(import)) => import::run(import),
    }
}

/// The exit code of bad configuration.
const BAD: u8 = 2;
