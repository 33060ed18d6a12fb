//! `backstop subscriptions`: how consumers of events stand at a running gateway, and what to do
//! about it.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    args::{Redelivery, Subscriptions, SubscriptionsAct},
    secrets, style,
};

/// Asks, or tells; 0 if it was done, 1 if the gateway refused.
pub fn run(args: &Subscriptions) -> Result<ExitCode> {
    if let Some(SubscriptionsAct::Secret) = &args.act {
        println!("{}", backstop_server::deliver::secret(&secrets::random::<32>()));
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(at_gateway(args))
}

/// `backstop replay redeliver`: the same as `backstop subscriptions redeliver`.
pub fn redeliver(again: Redelivery) -> Result<ExitCode> {
    let Redelivery { name, what, reason, at } = again;
    let act = Some(SubscriptionsAct::Redeliver { name, what });
    run(&Subscriptions { act, url: at.url, key: at.key, reason, json: false })
}

async fn at_gateway(args: &Subscriptions) -> Result<ExitCode> {
    let (method, path, body) = request(args)?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let url = format!("{}/v1/subscriptions{path}", args.url.trim_end_matches('/'));
    let mut request = client.request(method, &url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    if let Some(key) = &args.key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}"))?;
    let fine = response.status().is_success();
    let answer: Value = response.json().await.context("no JSON came back")?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else if fine {
        show(&answer);
    } else {
        let detail = answer.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
        println!("{} {detail}", style::error("refused:"));
    }
    Ok(ExitCode::from(u8::from(!fine)))
}

fn request(args: &Subscriptions) -> Result<(Method, String, Option<Value>)> {
    let reason = &args.reason;
    let why = json!({ "reason": reason });
    Ok(match &args.act {
        None | Some(SubscriptionsAct::List | SubscriptionsAct::Secret) => {
            (Method::GET, String::new(), None)
        }
        Some(SubscriptionsAct::Show { name }) => (Method::GET, format!("/{name}"), None),
        Some(SubscriptionsAct::Parked { name }) => (Method::GET, format!("/{name}/parked"), None),
        Some(SubscriptionsAct::Enable { name }) => {
            (Method::POST, format!("/{name}/enable"), Some(why))
        }
        Some(SubscriptionsAct::Disable { name }) => {
            (Method::POST, format!("/{name}/disable"), Some(why))
        }
        Some(SubscriptionsAct::Redeliver { name, what }) => {
            (Method::POST, format!("/{name}/redeliver"), Some(again(what, reason)?))
        }
    })
}

/// What to give again, as the API takes it.
fn again(what: &str, reason: &str) -> Result<Value> {
    if what == "parked" {
        return Ok(json!({ "parked": true, "reason": reason }));
    }
    let number = |text: &str| text.parse::<u64>().ok();
    match what.split_once("..") {
        None => match number(what) {
            Some(position) => Ok(json!({ "from": position, "until": position, "reason": reason })),
            None => bail!("`{what}`: write `parked`, a position, or a stretch such as `100..200`"),
        },
        Some((from, "")) if number(from).is_some() => {
            Ok(json!({ "from": number(from), "reason": reason }))
        }
        Some((from, until)) if number(from).is_some() && number(until).is_some() => {
            Ok(json!({ "from": number(from), "until": number(until), "reason": reason }))
        }
        Some(_) => bail!("`{what}` is no stretch; write such as `100..200` or `100..`"),
    }
}

fn show(answer: &Value) {
    if let Some(parked) = answer.get("parked").and_then(Value::as_array) {
        let columns = ["position", "stream", "tries", "reason"];
        return table(parked, &columns, "nothing is parked");
    }
    if let Some(events) = answer.get("events").and_then(Value::as_u64) {
        println!("{events} event(s) are given again");
    }
    let one = answer.get("subscription").unwrap_or(answer);
    let all = answer.get("subscriptions").and_then(Value::as_array);
    let rows = all.map_or_else(|| std::slice::from_ref(one), Vec::as_slice);
    let columns = ["name", "state", "lag", "waiting", "parked", "delivered", "breaker", "host"];
    table(rows, &columns, "gateway.yaml has no subscriptions");
    for row in rows {
        let text = |key| row.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        if let Some(why) = text("disabled") {
            println!("{name} is disabled: {why}");
        }
        if let Some(since) = text("failing_since") {
            let (why, next) = (text("failed").unwrap_or("no reason given"), text("next_try"));
            let next = next.map(|next| format!("; tried next at {next}")).unwrap_or_default();
            println!("{name} takes nothing since {since}: {why}{next}");
        }
        if row.get("late") == Some(&Value::Bool(true)) {
            println!("{} {name}: retention may soon reach what it lacks", style::warn("late"));
        }
        if let Some(gap) = row.get("gap").and_then(Value::as_u64) {
            println!("{} {name}: position {gap} was erased before it came", style::warn("gap"));
        }
    }
}

fn table(rows: &[Value], columns: &[&str], none: &str) {
    if rows.is_empty() {
        println!("{none}");
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.to_vec());
    for row in rows {
        table.add_row(columns.iter().map(|column| match row.get(*column) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }));
    }
    println!("{table}");
}
