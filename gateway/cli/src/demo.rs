//! `backstop demo`: the gateway on the sample workspace, about a dozen calls, recorded answers.
//!
//! The calls stand in `policies/fixtures/demo.json`, the answers in `evals/demo/recorded`. They go
//! in over HTTP, as a workflow's would.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use backstop_domain::CallId;
use backstop_engine::{Engine, explain};
use backstop_ledger::{Ledger, Options, SqliteLedger};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    args::Demo,
    build::{self, Answers},
    files, serve, style,
};

/// Where the calls stand, in the workspace.
const CALLS: &str = "policies/fixtures/demo.json";
/// Where the answers stand.
const RECORDED: &str = "evals/demo/recorded";

/// The calls of the demo.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(rename = "about")]
    _about: String,
    calls: Vec<Shown>,
}

/// One call of the demo.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    /// What it shows.
    shows: String,
    /// The policy.
    policy: String,
    /// File with the typed input.
    input: Option<PathBuf>,
    /// File with the conversation.
    messages: Option<PathBuf>,
    /// File with a whole chat completion request.
    request: Option<PathBuf>,
    /// How the answers were recorded.
    #[serde(rename = "asked")]
    _asked: String,
    /// What it comes to.
    expect: Value,
}

/// Runs the demo, and serves on until Ctrl-C.
pub fn run(args: &Demo) -> Result<ExitCode> {
    serve::log("warn", "text")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demo(args))
}

async fn demo(args: &Demo) -> Result<ExitCode> {
    let script = script(&args.workspace)?;
    let files = files::read(&args.workspace)?;
    let workspace = serve::load(&files)?;
    let data = Data::new()?;
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&data.0, &Options::default())?);
    let recorded = args.workspace.join(RECORDED);
    let answers = Answers::Recorded(&recorded);
    let salt = serve::fresh_salt();
    let engine = build::engine(Arc::clone(&workspace), ledger, build::clock(), &answers, salt)?;
    let app = serve::start(engine.clone(), &workspace, &files).await?;
    let listener = listen(args.listen).await?;
    let base = format!("http://{}", listener.local_addr()?);
    println!(
        "{}  {}",
        style::bold("Backstop"),
        style::faint("a gateway on recorded answers, no key")
    );
    println!();
    let server = serve::run_until_told(app, listener, Duration::from_secs(5));
    let calls = send_all(&args.workspace, &script, &engine, &base);
    tokio::pin!(server);
    let fine = tokio::select! {
        done = &mut server => { done?; return Ok(ExitCode::SUCCESS); }
        sent = calls => sent?,
    };
    addresses(&base, &data.0);
    if args.once {
        return Ok(ExitCode::from(u8::from(!fine)));
    }
    println!("{}", style::faint("Serving on; Ctrl-C ends it."));
    server.await?;
    Ok(ExitCode::SUCCESS)
}

/// The wanted address, or any other port if somebody has it already.
async fn listen(wanted: SocketAddr) -> Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(wanted.ip(), 0)).await.context("no port is free")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {wanted}")),
    }
}

fn script(workspace: &Path) -> Result<Script> {
    let path = workspace.join(CALLS);
    let text = std::fs::read(&path).with_context(|| {
        let path = path.display();
        format!("cannot read `{path}`; run the demo in Backstop's own folder, or with --workspace")
    })?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` is damaged", path.display()))
}

async fn send_all(workspace: &Path, script: &Script, engine: &Engine, base: &str) -> Result<bool> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut as_told = true;
    for (index, shown) in script.calls.iter().enumerate() {
        println!("{:>3}  {}", index + 1, style::bold(&shown.shows));
        let answer = send(&client, workspace, shown, base).await?;
        let (line, fine) = outcome(&answer, &shown.expect);
        if let Some(id) = id_of(&answer) {
            let events = engine.events(&id, 0).await?;
            println!("     {} {}", style::faint(&shown.policy), explain::way(&events));
            println!("     {line}  {}", style::faint(&format!("backstop explain {id}")));
        } else {
            println!("     {}", style::faint(&shown.policy));
            println!("     {line}");
        }
        if !fine {
            as_told = false;
            println!("     {} expected {}", style::error("not as told:"), shown.expect);
        }
        println!();
    }
    Ok(as_told)
}

async fn send(
    client: &reqwest::Client,
    workspace: &Path,
    shown: &Shown,
    base: &str,
) -> Result<Value> {
    let (url, body) = match (&shown.request, &shown.input) {
        (Some(request), None) => {
            let mut body = read(workspace, request)?;
            if let Some(body) = body.as_object_mut() {
                body.insert("model".to_owned(), shown.policy.as_str().into());
            }
            (format!("{base}/v1/chat/completions"), body)
        }
        (None, Some(input)) => {
            let mut body = json!({ "input": read(workspace, input)? });
            if let (Some(messages), Some(body)) = (&shown.messages, body.as_object_mut()) {
                body.insert("messages".to_owned(), read(workspace, messages)?);
            }
            (format!("{base}/v1/calls/{}", shown.policy), body)
        }
        _ => bail!("a call of {CALLS} needs either `input` or `request`"),
    };
    let response = client.post(url).json(&body).send().await?;
    let status = response.status().as_u16();
    let mut answer: Value = response.json().await.context("the gateway did not answer JSON")?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("http_status".to_owned(), status.into());
    }
    Ok(answer)
}

/// A fixture: JSON, or a text.
fn read(workspace: &Path, file: &Path) -> Result<Value> {
    let path = workspace.join("policies/fixtures").join(file);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    if path.extension().is_some_and(|ending| ending == "txt") {
        return Ok(Value::String(text));
    }
    serde_json::from_str(&text).with_context(|| format!("`{}` is not JSON", path.display()))
}

fn id_of(answer: &Value) -> Option<CallId> {
    let id = answer.get("id").or_else(|| answer.pointer("/error/backstop/backstop/id"))?;
    id.as_str().map(CallId::from)
}

/// What it came to, in a line, and whether that is what was told.
fn outcome(answer: &Value, expect: &Value) -> (String, bool) {
    let said = [Some(answer), answer.get("backstop"), answer.pointer("/error/backstop/backstop")];
    let find = |name: &str| {
        said.iter().flatten().find_map(|place| place.get(name)?.as_str().map(str::to_owned))
    };
    let state = find("state").unwrap_or_else(|| "refused at the door".to_owned());
    let by = find("answered_by").unwrap_or_else(|| "nobody yet".to_owned());
    let detail = answer.get("detail").or_else(|| answer.pointer("/error/message"));
    let queue = said.iter().flatten().find_map(|p| p.pointer("/review/queue")?.as_str());
    let wanted = |name: &str| expect.get(name).and_then(Value::as_str);
    let status = answer.get("http_status").and_then(Value::as_u64);
    let fine = wanted("outcome").is_none_or(|outcome| outcome == state)
        && wanted("state").is_none_or(|wanted| wanted == state)
        && wanted("answered_by").is_none_or(|wanted| wanted == by)
        && wanted("queue").is_none_or(|wanted| Some(wanted) == queue)
        && expect.get("status").and_then(Value::as_u64).is_none_or(|s| Some(s) == status);
    let line = match (state.as_str(), queue) {
        ("in_review", Some(queue)) => style::warn(&format!("waits for a person in {queue}")),
        ("accepted" | "fallback" | "approved" | "edited", _) => {
            style::good(&format!("{state}, answered by {by}"))
        }
        ("refused at the door", _) => {
            let why = detail.and_then(Value::as_str).unwrap_or_default();
            style::warn(&format!("refused at the door (HTTP {}): {why}", status.unwrap_or(0)))
        }
        _ => style::warn(&state),
    };
    (line, fine)
}

fn addresses(base: &str, data: &Path) {
    println!("{}", style::bold("Look at it"));
    println!("  {base}/            what is served");
    println!("  {base}/v1/reviews  what waits for a person");
    println!("  {base}/v1/calls    every call");
    println!("  {base}/metrics     the numbers");
    println!("  backstop explain CALL --data {}", data.display());
    println!();
}

/// A data folder of the demo's own, gone with it.
struct Data(PathBuf);

impl Data {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("backstop-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // What cannot be removed is left to the machine's own cleaning.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
