//! `backstop explain`: what happened to a call and why, in words, and what would have changed it.

use std::{collections::BTreeMap, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Result, bail};
use backstop_domain::{CallEvent, CallId, Digest, Stream};
use backstop_engine::{
    explain, revisions,
    what_if::{self, WhatIf},
};
use backstop_ledger::{Recorded, read_body, read_stream};
use backstop_policy::Policy;

use crate::{args::Explain, style};

/// Explains a call from its data folder.
pub fn run(args: &Explain) -> Result<ExitCode> {
    let id = CallId::from(args.call.as_str());
    let events = read_stream(&args.data, &Stream::call(&id))?;
    if events.is_empty() {
        bail!("there is no call `{id}` in `{}`", args.data.display());
    }
    let shadow = read_stream(&args.data, &revisions::shadow(&id))?;
    let story: Vec<Recorded> = events.iter().chain(&shadow).cloned().collect();
    print!("{}", explain::text(&explain::explain(&story)));
    println!();
    println!("{}", style::bold("what would have changed it"));
    for line in changes(&args.data, &events)?.lines() {
        println!("  {line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn changes(data: &Path, events: &[Recorded]) -> Result<WhatIf> {
    let Some(policy) = pinned(data, events)? else {
        let why = "the files of the policy revision that it is pinned to are gone";
        return Ok(WhatIf::Unknown(why.to_owned()));
    };
    let mut kept: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
    for digest in what_if::bodies(events) {
        kept.extend(read_body(data, digest)?.map(|bytes| (digest, bytes)));
    }
    Ok(what_if::what_if(&policy, events, &kept))
}

/// The policy as it was when the call was received.
fn pinned(data: &Path, events: &[Recorded]) -> Result<Option<Arc<Policy>>> {
    let received = events.iter().find_map(|recorded| match recorded.as_call() {
        Some(CallEvent::CallReceived(received)) => Some(received),
        _ => None,
    });
    let Some(received) = received else { return Ok(None) };
    let loaded = read_stream(data, &revisions::stream(&received.policy))?;
    let Some(files) = revisions::kept_files(&loaded, received.revision) else { return Ok(None) };
    let Some(bytes) = read_body(data, files)? else { return Ok(None) };
    Ok(revisions::policy_from(&received.policy, received.revision, &bytes))
}
