//! `backstop explain`: what happened to a call and why, in words.

use std::process::ExitCode;

use anyhow::{Result, bail};
use backstop_domain::{CallId, Stream};
use backstop_engine::explain;

use crate::args::Explain;

/// Explains a call from its data folder.
pub fn run(args: &Explain) -> Result<ExitCode> {
    let id = CallId::from(args.call.as_str());
    let events = backstop_ledger::read_stream(&args.data, &Stream::call(&id))?;
    if events.is_empty() {
        bail!("there is no call `{id}` in `{}`", args.data.display());
    }
    print!("{}", explain::text(&explain::explain(&events)));
    Ok(ExitCode::SUCCESS)
}
