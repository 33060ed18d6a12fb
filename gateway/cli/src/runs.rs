//! `backstop rollback` and `backstop replay resume-from`: a new run of a call at a running gateway.
//! Without a place to start from, the places are listed.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{
    args::NewRun,
    log,
    running::{asked, items, number, text},
};

/// Rolls a call back; 0 once its new run has started.
pub fn rollback(args: &NewRun) -> Result<ExitCode> {
    new_run(args, "rollback", |seq, reason| json!({ "to_seq": seq, "reason": reason }))
}

/// Has a call go on from a checkpoint; 0 once its new run has started.
pub fn resume_from(args: &NewRun) -> Result<ExitCode> {
    let body =
        |seq, reason: &str| json!({ "mode": "resume_from", "from_seq": seq, "reason": reason });
    new_run(args, "replay", body)
}

fn new_run(args: &NewRun, route: &str, body: impl Fn(u64, &str) -> Value) -> Result<ExitCode> {
    log::plain("warn")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Some(seq) = args.seq else { return list(args).await };
        let Some(reason) = &args.reason else {
            bail!("say why, with `--reason`: it stands in the call's history");
        };
        let place = format!("/v1/calls/{}/{route}", args.call);
        let call = asked(&args.at, &place, Some(&body(seq, reason))).await?;
        println!("{}", told(&call));
        Ok(ExitCode::SUCCESS)
    })
}

/// The checkpoints of a call, as a table.
async fn list(args: &NewRun) -> Result<ExitCode> {
    let found = asked(&args.at, &format!("/v1/calls/{}/checkpoints", args.call), None).await?;
    for run in items(&found, "runs") {
        println!("{}", run_line(run));
    }
    println!("\n  seq  run  after                 a new run would start");
    for start in items(&found, "checkpoints") {
        let [seq, run] = ["/seq", "/run"].map(|name| number(start, name));
        println!("{seq:>5} {run:>4}  {:<20}  {}", text(start, "/event"), text(start, "/state"));
    }
    println!("\nName one: `SEQ --reason WHY` after the call's id.");
    Ok(ExitCode::SUCCESS)
}

fn run_line(run: &Value) -> String {
    let how = match text(run, "/how") {
        "" => String::new(),
        how => {
            let (seq, by) = (number(run, "/from_seq"), text(run, "/by"));
            format!(" ({how} to event {seq} by {by}: {})", text(run, "/reason"))
        }
    };
    let ended = Some(text(run, "/outcome")).filter(|outcome| !outcome.is_empty());
    format!("run {}{how}: {}", number(run, "/run"), ended.unwrap_or("no outcome"))
}

/// The call in one line.
fn told(call: &Value) -> String {
    let (id, run, state) = (text(call, "/id"), number(call, "/run"), text(call, "/state"));
    let review = match text(call, "/review/id") {
        "" => String::new(),
        review => format!(", asked as {review} in `{}`", text(call, "/review/queue")),
    };
    format!("{id} is in run {run}: {state}{review}")
}
