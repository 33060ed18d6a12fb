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
use backstop_engine::{Engine, explain};
use backstop_ledger::{Ledger, Options, SqliteLedger};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

mod ended;

use self::ended::{Ended, Expect};
use crate::{
    args::Demo,
    build::{self, Answers},
    coverage, files, log, serve, style,
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
    /// How often it is sent, one after the other; what it comes to is told of the last one.
    #[serde(default = "once")]
    times: u32,
    /// How the answers were recorded.
    #[serde(rename = "asked")]
    _asked: String,
    /// What it comes to.
    expect: Expect,
}

const fn once() -> u32 {
    1
}

/// Runs the demo, and serves on until Ctrl-C.
pub fn run(args: &Demo) -> Result<ExitCode> {
    log::plain("warn")?;
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
    let app = serve::start(engine.clone(), &workspace, &files, None).await?;
    let listener = listen(args.listen).await?;
    let base = format!("http://{}", listener.local_addr()?);
    println!(
        "\n{}  {}\n",
        style::bold("Backstop"),
        style::faint("the gateway and its sample policies, on recorded answers of real models")
    );
    let (_files, in_force) = watch::channel(files);
    let counting = coverage::keep(app.coverage.clone(), in_force);
    let server = serve::run_until_told(app, listener, Duration::from_secs(5));
    let server = async {
        tokio::select! { served = server => served, () = counting => Ok(()) }
    };
    let calls = send_all(&args.workspace, &script, &engine, &base);
    tokio::pin!(server);
    let fine = tokio::select! {
        done = &mut server => { done?; return Ok(ExitCode::SUCCESS); }
        sent = calls => sent?,
    };
    if args.once {
        println!("Run it without --once to look at every call, and at what waits for a person.");
        return Ok(ExitCode::from(u8::from(!fine)));
    }
    addresses(&base, &data.0);
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

/// Sends every call and shows it; tells whether each came to what was told.
async fn send_all(workspace: &Path, script: &Script, engine: &Engine, base: &str) -> Result<bool> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut as_told = 0;
    for (index, shown) in script.calls.iter().enumerate() {
        println!("{:>3}  {}", index + 1, style::bold(&shown.shows));
        let mut ended = send(&client, workspace, shown, base).await?;
        for _ in 1..shown.times {
            ended = send(&client, workspace, shown, base).await?;
        }
        let id = ended.id();
        if let Some(id) = &id {
            let events = engine.events(id, 0).await?;
            println!("     {}  {}", style::faint(&shown.policy), explain::way(&events));
        } else {
            println!("     {}  {}", style::faint(&shown.policy), style::faint("no model asked"));
        }
        let id = id.map(|id| style::faint(id.as_str())).unwrap_or_default();
        println!("     {}  {id}", ended.line());
        if ended.is(&shown.expect) {
            as_told += 1;
        } else {
            println!("     {} expected {:?}", style::error("not as told:"), shown.expect);
        }
        println!();
    }
    let all = script.calls.len();
    let line = format!("{as_told} of {all} calls came to the end that the policies say.");
    println!("{}\n", if as_told == all { style::good(&line) } else { style::error(&line) });
    Ok(as_told == all)
}

async fn send(
    client: &reqwest::Client,
    workspace: &Path,
    shown: &Shown,
    base: &str,
) -> Result<Ended> {
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
    let body = response.json().await.context("the gateway did not answer JSON")?;
    Ok(Ended::new(status, body))
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

fn addresses(base: &str, data: &Path) {
    println!("{}", style::bold("Look at it"));
    println!("  {base}/            the desk: decide what waits for a person");
    println!("  {base}/overview    how calls ended, how models and queues stand");
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
        let mut folder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .recursive(true)
            .create(&path)
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
