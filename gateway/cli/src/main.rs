//! `backstop`: the one binary. Reads the command line, calls the rooms, prints, sets the exit code.
//!
//! Exit codes: 0 all is well, 1 problems were found, 2 wrong usage or the machine is in the way.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a command line does"
)]

mod args;
mod build;
mod call;
mod chaos;
mod check;
mod demo;
mod explain;
mod files;
mod init;
mod key;
mod reload;
mod runs;
mod secrets;
mod serve;
mod signals;
mod style;
mod test;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Demo(demo) => demo::run(&demo),
        Command::Check(check) => check::run(&check),
        Command::Test(test) => test::run(&test),
        Command::Init(init) => init::run(&init),
        Command::Call(call) => call::run(&call),
        Command::Explain(explain) => explain::run(&explain),
        Command::Key(key) => key::run(&key),
        Command::Verify(verify) => verify::run(&verify),
        Command::Replay(args::Replay::ResumeFrom(run)) => runs::resume_from(&run),
        Command::Rollback(run) => runs::rollback(&run),
        Command::Chaos(chaos) => chaos::run(&chaos),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{} {error:#}", style::error("error:"));
        ExitCode::from(2)
    })
}
