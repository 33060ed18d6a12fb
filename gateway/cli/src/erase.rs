//! `backstop erase` and `backstop hold`: at a running gateway, or on the data folder of a stopped
//! one.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use backstop_domain::CallId;
use backstop_engine::erasure::{Erased, Whose as Meant};
use serde_json::{Map, Value};

use crate::{
    args::{Erase, Hold, HoldAct, Whose},
    here::Here,
    running, style,
};

/// What to do about a gateway that runs.
const IN_USE: &str = "name a running gateway with `--url`, or stop it first";

/// Erases, or says what would go.
pub fn erase(args: &Erase) -> Result<ExitCode> {
    let whose = &args.whose;
    let meant = meant(whose)?;
    run(async {
        if let Some(url) = &whose.url {
            let mut body = body(whose);
            body.insert("dry_run".to_owned(), args.dry_run.into());
            let answer = ask(whose, url, "/v1/erasures", Some(body.into())).await?;
            println!("{}", serde_json::to_string_pretty(&answer)?);
            return Ok(());
        }
        let here = Here::open(&whose.data, IN_USE)?;
        let erasures = here.erasures();
        let done = erasures.erase(&meant, &here.actor, &whose.reason, args.dry_run);
        let Erased { calls, bodies, bytes, shared, gone } = done.await?;
        let word = if args.dry_run { style::warn("would erase") } else { style::good("erased") };
        println!("{word} {bodies} bodies ({bytes} bytes) of {} call(s)", calls.len());
        for call in calls {
            println!("  {call}");
        }
        if shared > 0 {
            println!("{shared} bodies stay: other calls use the very same bytes");
        }
        if gone > 0 {
            println!("{gone} bodies were erased before");
        }
        Ok(())
    })
}

/// Holds, releases or lists.
pub fn hold(args: &Hold) -> Result<ExitCode> {
    let whose = &args.whose;
    run(async {
        if let Some(url) = &whose.url {
            let answer = match args.act {
                HoldAct::List => ask(whose, url, "/v1/holds", None).await?,
                HoldAct::Add => ask(whose, url, "/v1/holds", Some(body(whose).into())).await?,
                HoldAct::Remove => {
                    ask(whose, url, "/v1/holds/release", Some(body(whose).into())).await?
                }
            };
            println!("{}", serde_json::to_string_pretty(&answer)?);
            return Ok(());
        }
        let here = Here::open(&whose.data, IN_USE)?;
        let erasures = here.erasures();
        if args.act == HoldAct::List {
            let held = erasures.holds().await?;
            if held.is_empty() {
                println!("no call is held");
            }
            for one in held.into_values() {
                let since = backstop_server::deliver::time(one.since);
                println!("{}  since {since} by {}: {}", one.call, one.by, one.reason);
            }
            return Ok(());
        }
        let meant = meant(whose)?;
        let (word, calls) = match args.act {
            HoldAct::Add => ("held", erasures.hold(&meant, &here.actor, &whose.reason).await?),
            _ => ("released", erasures.release(&meant, &here.actor, &whose.reason).await?),
        };
        for call in calls {
            println!("{} {call}", style::good(word));
        }
        Ok(())
    })
}

fn run(what: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(what)?;
    Ok(ExitCode::SUCCESS)
}

/// Whose words are meant; a reason is needed for whatever stays.
fn meant(whose: &Whose) -> Result<Meant> {
    if whose.reason.is_empty() {
        bail!("say why: `--reason`; it stays in the ledger");
    }
    match (&whose.call, &whose.subject) {
        (Some(call), None) => Ok(Meant::Call(CallId(call.clone()))),
        (None, Some(subject)) => Meant::subject(subject)
            .with_context(|| format!("`{subject}` is no subject; write such as `customer=42`")),
        _ => bail!("say whose: one of `--call ID` and `--subject KEY=VALUE`"),
    }
}

fn body(whose: &Whose) -> Map<String, Value> {
    let reason = Some(&whose.reason);
    let sent =
        [("call", whose.call.as_ref()), ("subject", whose.subject.as_ref()), ("reason", reason)];
    let sent = sent.into_iter().filter_map(|(name, value)| Some((name, value?)));
    sent.map(|(name, value)| (name.to_owned(), value.as_str().into())).collect()
}

async fn ask(whose: &Whose, url: &str, place: &str, body: Option<Value>) -> Result<Value> {
    running::ask(url, whose.key.as_deref(), place, body.as_ref()).await
}
