//! `backstop chaos`: an upstream that misbehaves as told.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use backstop_upstream::chaos::{Behaviour, Chaos, WORDS};

use crate::{args, signals};

/// Serves it until it is told to stop.
pub fn run(args: &args::Chaos) -> Result<ExitCode> {
    if args.list {
        println!("{WORDS}");
        return Ok(ExitCode::SUCCESS);
    }
    let behaviours: Result<Vec<_>, _> =
        args.behaviours.iter().map(|word| Behaviour::parse(word)).collect();
    let chaos = Chaos::new()
        .answering(args.answer.clone())
        .latency(Duration::from_millis(args.latency))
        .for_ever(behaviours?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = chaos.bind(args.listen).await?;
        println!("listening on {}", server.base_url()?);
        tokio::select! {
            served = server.serve() => served?,
            () = signals::stop() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}
