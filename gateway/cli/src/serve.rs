//! `backstop serve`: the real thing.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use backstop_engine::{Engine, InForce};
use backstop_ledger::{Ledger, Options, SqliteLedger};
use backstop_policy::{Workspace, diagnostics::render};
use backstop_server::{
    App, Caps, Desk, Keys, Proxy, coverage::Coverage, deliver::Deliveries, telemetry,
};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    args::Serve,
    build,
    consumers::consumers,
    coverage,
    files::{self, Files},
    log,
    reload::{self, AnswersFrom, Reload},
    secrets, signals, style,
};

/// Serves until it is told to stop.
pub fn run(args: &Serve) -> Result<ExitCode> {
    let log = log::beside(&args.log, &args.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args, &log))
}

async fn serve(args: &Serve, log: &log::Beside) -> Result<ExitCode> {
    let files = files::read(&args.workspace)?;
    let workspace = load(&files)?;
    may_listen(&workspace, args.listen)?;
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&args.data, &Options::default())?);
    let salt = salt(&args.data)?;
    let answers = match (&args.recorded, &args.record) {
        (Some(path), _) => AnswersFrom::Recorded(path.clone()),
        (None, Some(path)) => AnswersFrom::Record(path.clone()),
        (None, None) => AnswersFrom::Live,
    };
    let from = answers.as_answers();
    let engine = build::engine(Arc::clone(&workspace), ledger, build::clock(), &from, salt)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let app = start(engine, &workspace, &files, proxy(args)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let drain = Duration::from_secs(args.drain);
    let local = args.listen.ip().is_loopback();
    let (files, in_force) = watch::channel(files);
    let counting = coverage::keep(app.coverage.clone(), in_force);
    let reload = Reload { workspace: args.workspace.clone(), answers, local, files };
    tokio::select! {
        served = run_until_told(app.clone(), listener, drain) => served?,
        () = counting => {}
        () = log.count() => {}
        () = reload::watch(app, reload) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The proxy that signs people in, if one is named.
fn proxy(args: &Serve) -> Option<Proxy> {
    let header = args.login_header.clone()?.to_ascii_lowercase();
    Some(Proxy { header, from: args.login_from.clone() })
}

/// Loads a workspace, or says everything that is wrong with it.
pub fn load(files: &Files) -> Result<Arc<InForce>> {
    let sources = files::sources(files);
    let (workspace, report) = Workspace::load(&sources);
    match InForce::of(&workspace) {
        Some(whole) if !report.has_errors() => {
            reload::warn(&report, &sources);
            Ok(Arc::new(whole))
        }
        _ => {
            eprintln!("{}", render::text(&report, &sources, style::report()));
            bail!("the workspace has problems, so nothing was started");
        }
    }
}

/// Without keys everybody may do everything, so only this machine may come in.
fn may_listen(workspace: &InForce, listen: SocketAddr) -> Result<()> {
    if Keys::of(&workspace.gateway).in_use() || listen.ip().is_loopback() {
        return Ok(());
    }
    bail!(
        "gateway.yaml has no keys, so only a loopback address may be listened on, not {listen}; \
         `backstop key` makes a key"
    )
}

/// Puts the workspace in force and carries on what the last process left.
pub async fn start(
    engine: Engine,
    workspace: &Arc<InForce>,
    files: &Files,
    proxy: Option<Proxy>,
) -> Result<App> {
    let metrics = backstop_server::metrics().ok();
    engine.put_in_force(Arc::clone(workspace), files).await?;
    let recovered = engine.recover().await?;
    engine.forget_on_time();
    tracing::info!(
        policies = workspace.policies.len(),
        calls = recovered.calls,
        reviews = recovered.reviews,
        orphans = recovered.orphans,
        "in force"
    );
    if let Some(telemetry) = &workspace.gateway.telemetry {
        let url = build::address(&telemetry.otlp)?;
        let collector = telemetry::Collector { url, share_millionths: telemetry.sample };
        telemetry::start(engine.clone(), collector).map_err(anyhow::Error::msg)?;
    }
    let deliveries = Deliveries::over(engine.clone());
    let desk = Desk::new(&engine, proxy);
    desk.tongues.reload(files).map_err(anyhow::Error::msg)?;
    desk.oidc.put_in_force(build::provider(&workspace.gateway)?);
    let consumers = consumers(&workspace.gateway, &desk.tongues)?;
    deliveries.put_in_force(consumers).await.map_err(anyhow::Error::msg)?;
    let http = &workspace.gateway.http;
    let caps = Caps {
        body: usize::try_from(http.body_bytes_max).unwrap_or(usize::MAX),
        depth: usize::try_from(http.depth_max).unwrap_or(usize::MAX),
        wait_ms: http.wait_ms_max,
        headers_ms: http.headers_ms_max,
        ..Caps::default()
    };
    Ok(App {
        desk: Arc::new(desk),
        engine,
        keys: Arc::new(Keys::of(&workspace.gateway)),
        metrics,
        caps,
        deliveries,
        reload: Arc::default(),
        coverage: Coverage::default(),
    })
}

/// Serves until Ctrl-C or SIGTERM, then lets what is open come to its end or to disk.
pub async fn run_until_told(app: App, listener: TcpListener, drain: Duration) -> Result<()> {
    let engine = app.engine.clone();
    let (caps, deliveries) = (app.caps, app.deliveries.clone());
    let stopping = engine.clone();
    let stop = async move {
        signals::stop().await;
        // First of all nothing new is taken, and nobody is kept waiting for a person any longer.
        stopping.close();
    };
    backstop_server::serve(listener, backstop_server::routes(app), caps, stop, drain).await?;
    if !engine.drain(drain).await {
        tracing::warn!("some calls were still open at the end of the drain; they go on next time");
    }
    deliveries.stop().await;
    Ok(())
}

/// The secret that keys `sample`: made once per data folder, read by nobody else.
pub fn salt(data: &Path) -> Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = data.join("salt");
    match std::fs::read(&path) {
        Ok(salt) if salt.len() == 32 => return Ok(salt),
        Ok(_) => bail!("`{}` is damaged: it must have 32 bytes", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", path.display()));
        }
    }
    let salt = fresh_salt();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    std::io::Write::write_all(&mut file, &salt)?;
    file.sync_all()?;
    Ok(salt)
}

/// 32 random bytes.
pub fn fresh_salt() -> Vec<u8> {
    secrets::random::<32>().to_vec()
}
