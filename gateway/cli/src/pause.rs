//! `backstop pause` and `backstop resume`: what operators hold at a running gateway.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use backstop_domain::Millis;
use backstop_policy::units::Time;
use backstop_server::deliver::time;
use serde_json::{Value, json};

use crate::{
    args::{Pause, Resume},
    running::{asked, items, number, text},
    style,
};

/// Holds something; without a target, lists what is held.
pub fn pause(args: &Pause) -> Result<ExitCode> {
    block_on(async {
        let Some(target) = &args.target else { return list(args).await };
        let (Some(longest), Some(reason)) = (&args.longest, &args.reason) else {
            bail!("say for how long and why: `--for 30min --reason WHY`; both are recorded");
        };
        let for_ms = Time::parse(longest)
            .map_err(|why| anyhow!("--for: {}; {}", why.message, why.help))?
            .ms();
        let mut body = json!({ "target": target, "for_ms": for_ms, "reason": reason });
        if let (Some(then), Some(fields)) = (&args.then, body.as_object_mut()) {
            fields.insert("then".to_owned(), then.as_str().into());
        }
        let held = asked(&args.at, "/v1/pauses", Some(&body)).await?;
        println!("{} {target} until {}", style::warn("paused"), until(&held));
        Ok(())
    })
}

/// Lets something go on.
pub fn resume(args: &Resume) -> Result<ExitCode> {
    block_on(async {
        let body = json!({ "target": args.target, "reason": args.reason });
        asked(&args.at, "/v1/pauses/end", Some(&body)).await?;
        println!("{} {}", style::good("goes on"), args.target);
        Ok(())
    })
}

async fn list(args: &Pause) -> Result<()> {
    let found = asked(&args.at, "/v1/pauses", None).await?;
    let mut held = items(&found, "pauses").peekable();
    if held.peek().is_none() {
        println!("no policy, model or queue is paused");
    }
    for one in held {
        let (target, by, why) = (text(one, "/target"), text(one, "/by"), text(one, "/reason"));
        println!("{target}  until {} by {by}: {why}", until(one));
    }
    Ok(())
}

fn until(held: &Value) -> String {
    time(Millis(number(held, "/until")))
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}
