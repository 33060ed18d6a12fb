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
mod consumers;
mod coverage;
mod demo;
mod diff;
mod erase;
mod eval;
mod explain;
mod export;
mod files;
mod fmt;
mod head;
mod here;
mod init;
mod keeping;
mod key;
mod labels;
mod log;
mod lsp;
mod mutate;
mod pause;
mod records;
mod reload;
mod replay;
mod running;
mod runs;
mod schema;
mod secrets;
mod serve;
mod signals;
mod simulate;
mod style;
mod subscriptions;
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
        Command::Eval(eval) => eval::run(&eval),
        Command::Mutate(mutate) => mutate::run(&mutate),
        Command::Simulate(wanted) => simulate::run(&wanted),
        Command::Fmt(fmt) => fmt::run(&fmt),
        Command::Lsp => lsp::run(),
        Command::Schema(schema) => schema::run(&schema),
        Command::Init(init) => init::run(&init),
        Command::Call(call) => call::run(&call),
        Command::Explain(explain) => explain::run(&explain),
        Command::Key(key) => key::run(&key),
        Command::Verify(verify) => verify::run(&verify),
        Command::Replay(args::Replay::Verify(verify)) => replay::verify(&verify),
        Command::Replay(args::Replay::WhatIf(what_if)) => replay::what_if(&what_if),
        Command::Diff(diff) => diff::run(&diff),
        Command::Export(export) => export::run(&export),
        Command::Labels(labels) => labels::run(&labels),
        Command::Replay(args::Replay::ResumeFrom(run)) => runs::resume_from(&run),
        Command::Replay(args::Replay::Redeliver(again)) => subscriptions::redeliver(again),
        Command::Rollback(run) => runs::rollback(&run),
        Command::Pause(held) => pause::pause(&held),
        Command::Resume(held) => pause::resume(&held),
        Command::Head(head) => head::run(&head),
        Command::Backup(backup) => keeping::backup(&backup),
        Command::Restore(restore) => keeping::restore(&restore),
        Command::Migrate(migrate) => keeping::migrate(&migrate),
        Command::Erase(erase) => erase::erase(&erase),
        Command::Hold(hold) => erase::hold(&hold),
        Command::Sweep(sweep) => keeping::sweep(&sweep),
        Command::Size(size) => keeping::size(&size),
        Command::Subscriptions(subscriptions) => subscriptions::run(&subscriptions),
        Command::Chaos(chaos) => chaos::run(&chaos),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{} {error:#}", style::error("error:"));
        ExitCode::from(2)
    })
}
