//! `backstop call`: tries a policy from the shell, here or at a running gateway.

use std::{io::Read, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use backstop_domain::{Digest, Face};
use backstop_engine::{Caller, Submit, explain};
use backstop_ledger::MemoryLedger;
use serde_json::{Value, json};

use crate::{
    args::Call,
    build::{self, Answers},
    files, log, serve, style,
};

/// Longest wait for the automatic part.
const WAIT: Duration = Duration::from_secs(600);

/// Makes the call; 0 if an answer came, 1 if none did.
pub fn run(args: &Call) -> Result<ExitCode> {
    log::plain("warn")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let input = input(&args.input)?;
    match &args.url {
        Some(url) => runtime.block_on(there(args, url, input)),
        None => runtime.block_on(here(args, input)),
    }
}

/// JSON where it is JSON, else the text as it stands.
fn input(path: &Path) -> Result<Value> {
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn there(args: &Call, url: &str, input: Value) -> Result<ExitCode> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/calls/{}", url.trim_end_matches('/'), args.policy);
    let mut request = client.post(&url).json(&json!({ "input": input }));
    if let Some(key) = &args.key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}"))?;
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let answer: Value = response.json().await.context("no JSON came back")?;
    println!("{}", serde_json::to_string_pretty(&answer)?);
    let answered = !failed && answer.get("output").is_some();
    Ok(ExitCode::from(u8::from(!answered)))
}

async fn here(args: &Call, input: Value) -> Result<ExitCode> {
    let files = files::read(&args.workspace)?;
    let workspace = serve::load(&files)?;
    let answers = args.recorded.as_deref().map_or(Answers::Live, Answers::Recorded);
    let ledger = Arc::new(MemoryLedger::new());
    let salt = serve::fresh_salt();
    let engine = build::engine(workspace, ledger, build::clock(), &answers, salt)?;
    let fingerprint = Digest::of_json(&input);
    let submit = Submit {
        policy: args.policy.clone(),
        caller: Caller { name: "local".to_owned(), ..Caller::default() },
        face: Face::Calls,
        messages: Vec::new(),
        body: None,
        input,
        key: None,
        fingerprint,
        tags: Default::default(),
        deadline_ms: None,
        criticality: None,
        request_id: "shell".to_owned(),
        traceparent: None,
    };
    let admitted = match engine.submit(submit).await {
        Ok(admitted) => admitted,
        Err(backstop_engine::Refused::InvalidInput { problems, .. }) => {
            for (pointer, message) in problems {
                println!("{} {pointer}: {message}", style::error("input"));
            }
            return Ok(ExitCode::from(1));
        }
        Err(refused) => bail!("{refused}"),
    };
    let Some(call) = engine.wait(&admitted.id, WAIT).await? else {
        bail!("the call did not come to be");
    };
    let view = backstop_server::call_view(&call);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&view)?);
    } else {
        let events = engine.events(&admitted.id, 0).await?;
        print!("{}", explain::text(&explain::explain(&events)));
        println!();
        match (view.get("output"), view.get("tool_calls")) {
            (output, Some(calls)) => {
                if let Some(output) = output.filter(|output| !output.is_null()) {
                    println!("{}", serde_json::to_string_pretty(output)?);
                }
                println!("{}", serde_json::to_string_pretty(calls)?);
            }
            (Some(Value::String(text)), None) => println!("{text}"),
            (Some(output), None) => println!("{}", serde_json::to_string_pretty(output)?),
            (None, None) => println!("{}", style::warn("no answer")),
        }
    }
    Ok(ExitCode::from(u8::from(call.answer.is_none())))
}
