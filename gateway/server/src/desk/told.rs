//! Who is told what waits and what happened, and whether it arrives: the overview's part about
//! messages to people and deliveries to machines.

use backstop_domain::Millis;
use backstop_policy::gateway_file::{Gateway, StepAct};

use super::words;
use crate::{
    app::App,
    deliver::{Consumer, Shown, notifier},
    tongue::{say, tell},
};

/// One of them, and how it stands.
pub struct Told {
    pub name: String,
    pub format: &'static str,
    pub host: String,
    /// For people: the queues that tell them, and after how long.
    pub by: String,
    pub delivered: u64,
    pub waiting: usize,
    /// Class of the style sheet.
    pub class: &'static str,
    pub state: String,
    /// What is wrong, if anything is.
    pub why: String,
}

/// Every way in which this gateway tells somebody something.
pub fn told(app: &App, now: Millis) -> Vec<Told> {
    let workspace = app.engine.workspace();
    let all = app.deliveries.all().into_iter();
    all.map(|(consumer, shown)| one(&workspace.gateway, &consumer, &shown, now)).collect()
}

fn one(gateway: &Gateway, consumer: &Consumer, shown: &Shown, now: Millis) -> Told {
    let by = queues(gateway, &consumer.name);
    let (class, state, why) = standing(consumer, shown, &by, now);
    Told {
        name: consumer.name.clone(),
        format: consumer.format(),
        host: consumer.host().unwrap_or_default().to_owned(),
        by: by.join(", "),
        delivered: shown.standing.delivered,
        waiting: shown.waiting,
        class,
        state,
        why,
    }
}

fn standing(
    consumer: &Consumer,
    shown: &Shown,
    by: &[String],
    now: Millis,
) -> (&'static str, String, String) {
    let standing = &shown.standing;
    if !consumer.enabled {
        let why = say("`enabled: false` in gateway.yaml");
        return ("isolated", say("switched off").into_owned(), why.into_owned());
    }
    if let Some(why) = &standing.disabled {
        return ("open", say("switched off").into_owned(), why.clone());
    }
    if let Some(why) = consumer.undeliverable() {
        return ("open", say("out of reach").into_owned(), why);
    }
    if let Some(since) = standing.failing_since {
        let since = words::span(now.since(since));
        let state = tell("failing for {time}", &[("time", &since)]);
        let why = shown.failed.as_ref().map(|(why, next)| {
            let next = words::span(next.since(now));
            tell("{why}; tried again in {time}", &[("why", why), ("time", &next)])
        });
        return ("open", state, why.unwrap_or_default());
    }
    if consumer.people.is_some() && by.is_empty() {
        let why = say("no queue has a step that names it in `notify`");
        return ("half_open", say("never told").into_owned(), why.into_owned());
    }
    ("closed", say("in order").into_owned(), String::new())
}

/// The queues whose steps tell those people.
fn queues(gateway: &Gateway, consumer: &str) -> Vec<String> {
    let mut told = Vec::new();
    for (name, queue) in &gateway.queues {
        for step in &queue.steps {
            let tells = |act: &StepAct| match act {
                StepAct::Notify(entry) => notifier(entry) == consumer,
                _ => false,
            };
            if step.acts.iter().any(tells) {
                let after = words::span(step.after_ms);
                told.push(match step.after_ms {
                    0 => tell("{queue} at once", &[("queue", name)]),
                    _ => tell("{queue} after {time}", &[("queue", name), ("time", &after)]),
                });
            }
        }
    }
    told
}
