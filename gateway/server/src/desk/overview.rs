//! The overview page: how calls ended in the last day, what failed, how models and queues stand.
//! Everything from our own record; nothing is sampled.

use std::{borrow::Cow, collections::BTreeMap};

use askama::Template;
use axum::{extract::State, response::Response};
use backstop_domain::{Millis, Outcome, guard::BreakerState};
use backstop_ledger::CallFilter;

use super::{
    calls::Row,
    charts::Bars,
    day::{CALLS_MAX, Counted, DAY_MS},
    frame::{Frame, shown, viewed},
    told::{Told, told},
    trouble::Trouble,
    visitor::Visitor,
    words,
};
use crate::{
    access,
    app::App,
    tongue::{say, tell},
};

/// Time that the page looks back, in hours and columns.
const HOURS: u64 = 24;
const HOUR_MS: u64 = 3_600_000;
/// Calls that are listed.
const LISTED: usize = 15;

/// What the series of the chart are, as classes of the style sheet, and their outcomes.
const SERIES: [(&str, &[Outcome]); 5] = [
    ("accepted", &[Outcome::Accepted]),
    ("person", &[Outcome::Approved, Outcome::Edited, Outcome::Rejected]),
    ("fallback", &[Outcome::Fallback]),
    ("refused", &[Outcome::Refused, Outcome::Cancelled, Outcome::Observed]),
    ("failed", &[Outcome::Failed, Outcome::Expired]),
];

struct Count {
    class: &'static str,
    name: String,
    count: u64,
}

struct Model {
    name: String,
    state: &'static str,
    good: u64,
    bad: u64,
    slow: u64,
    rests: String,
    quality: Vec<Quality>,
}

/// How a policy finds a model's answers, once they are not simply good enough.
struct Quality {
    policy: String,
    state: &'static str,
    told: String,
}

struct Class {
    name: &'static str,
    held: u64,
    most: u64,
    waiting: u64,
}

/// What is given up under load.
struct Load {
    level: &'static str,
    normal: bool,
    why: String,
    classes: Vec<Class>,
}

struct Queue {
    name: String,
    title: String,
    open: usize,
    late: usize,
    oldest: String,
    wait: String,
    decided: usize,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    total: usize,
    cut: bool,
    open: u64,
    chart: Bars,
    series: Vec<Count>,
    outcomes: Vec<Count>,
    classes: Vec<Count>,
    cost: String,
    load: Load,
    models: Vec<Model>,
    queues: Vec<Queue>,
    told: Vec<Told>,
    calls: Vec<Row>,
    ready: Result<(), String>,
    held: Vec<(String, String)>,
    memory: usize,
}

/// `GET /overview`, for those who lead, operate or audit.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Trouble> {
    visitor.must_oversee()?;
    let now = app.engine.clock().now();
    let newest = CallFilter { limit: LISTED, ..CallFilter::default() };
    let newest = app.engine.ledger().calls(newest).await?;
    let day = app.desk.day(&app.engine).await?;
    let since = Millis(now.0.saturating_sub(DAY_MS));
    let calls: Vec<Counted> = day.iter().copied().filter(|call| call.received >= since).collect();
    let view = app.desk.board(&app.engine).await?;
    let cost = calls.iter().fold(0_u64, |sum, call| sum.saturating_add(call.cost.0));
    let workspace = app.engine.workspace();
    let queues = workspace.gateway.queues.iter().map(|(name, queue)| {
        let rows = view.rows.iter();
        let rows: Vec<_> = rows
            .filter(|row| access::Place::from(row.as_ref()).queues().any(|one| one == name))
            .collect();
        let oldest = rows.iter().map(|row| row.opened).min();
        let decided = view.decided_lately(name, now);
        Queue {
            name: name.clone(),
            title: queue.title.clone().unwrap_or_else(|| name.clone()),
            open: rows.len(),
            late: rows.iter().filter(|row| row.due <= now).count(),
            oldest: oldest.map(|at| words::span(now.since(at))).unwrap_or_default(),
            wait: super::queue::wait(&app, name, rows.len(), decided),
            decided,
        }
    });
    let series = SERIES.iter().map(|(class, outcomes)| Count {
        class,
        name: series(class).into_owned(),
        count: calls.iter().filter(|call| is_in(call, outcomes)).count() as u64,
    });
    let page = Page {
        frame: Frame::new(&app, &visitor, say("Overview"), "overview"),
        total: calls.len(),
        cut: calls.len() >= CALLS_MAX,
        open: calls.iter().filter(|call| call.open).count() as u64,
        chart: chart(&calls, now),
        series: series.collect(),
        outcomes: counts(calls.iter().filter_map(|call| Some(call.outcome?.name().to_owned()))),
        classes: counts(calls.iter().filter_map(|call| Some(call.class?.to_string()))),
        cost: format!("{} {}", workspace.gateway.currency, words::money(cost)),
        load: load(&app, now),
        models: models(&app, now),
        queues: queues.collect(),
        told: told(&app, now),
        calls: newest.rows.iter().map(|call| Row::of(call, now)).collect(),
        ready: app.engine.health(),
        held: held(&app),
        memory: app.engine.in_flight(),
    };
    Ok(shown(&app, &visitor, &page, viewed("overview", None, false)))
}

/// What operators hold, in words.
fn held(app: &App) -> Vec<(String, String)> {
    let held = app.engine.pauses().into_iter();
    held.map(|(target, held)| (target.replacen('/', " ", 1), words::held(&held))).collect()
}

fn chart(calls: &[Counted], now: Millis) -> Bars {
    let start = now.0.saturating_sub(DAY_MS);
    let mut columns = vec![vec![0_u64; SERIES.len()]; usize::try_from(HOURS).unwrap_or(24)];
    for call in calls {
        let hour = usize::try_from(call.received.0.saturating_sub(start) / HOUR_MS).unwrap_or(0);
        let series = SERIES.iter().position(|(_, outcomes)| is_in(call, outcomes));
        let column = columns.get_mut(hour.min(23));
        if let Some(count) = series.and_then(|series| column?.get_mut(series)) {
            *count += 1;
        }
    }
    let marks = [0_usize, 6, 12, 18].map(|hour| (hour, format!("-{}h", 24 - hour)));
    let told: Vec<String> = SERIES
        .iter()
        .map(|(name, outcomes)| {
            let count = calls.iter().filter(|call| is_in(call, outcomes)).count();
            format!("{count} {}", series(name))
        })
        .collect();
    let told = told.join(", ");
    let label = tell("Calls of the last 24 hours by outcome: {told}", &[("told", &told)]);
    let classes: Vec<&'static str> = SERIES.iter().map(|(class, _)| *class).collect();
    Bars::of(label, &columns, &classes, marks.to_vec())
}

/// What a series of the chart is called.
fn series(class: &str) -> Cow<'static, str> {
    match class {
        "accepted" => say("accepted"),
        "person" => say("person"),
        "fallback" => say("fallback"),
        "refused" => say("refused"),
        _ => say("failed"),
    }
}

fn is_in(call: &Counted, outcomes: &[Outcome]) -> bool {
    call.outcome.is_some_and(|outcome| outcomes.contains(&outcome))
}

/// How often each occurs, the most frequent first.
fn counts(names: impl Iterator<Item = String>) -> Vec<Count> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for name in names {
        *counted.entry(name).or_default() += 1;
    }
    let mut all: Vec<Count> =
        counted.into_iter().map(|(name, count)| Count { class: "", name, count }).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.count));
    all
}

fn load(app: &App, now: Millis) -> Load {
    let stands = app.engine.load();
    let tightest = stands.readings.iter().max_by_key(|reading| reading.millionths);
    let why = match (&stands.pin, tightest) {
        (Some((pin, by)), _) => {
            let left = words::span(pin.until.since(now));
            tell(
                "held by {who} for {time} more: {why}",
                &[("who", &by.who), ("time", &left), ("why", &by.reason)],
            )
        }
        (None, Some(reading)) if reading.millionths > 0 => {
            let of = reading.of.replace('_', " ");
            let share = (reading.millionths / 10_000).to_string();
            tell("highest reading: {what} at {share} %", &[("what", &of), ("share", &share)])
        }
        (None, _) => say("no load").into_owned(),
    };
    let classes = stands.classes.into_iter().map(|class| Class {
        name: class.class.name(),
        held: class.held,
        most: class.most,
        waiting: class.waiting,
    });
    Load {
        level: stands.level.name(),
        normal: stands.level.is_normal(),
        why,
        classes: classes.collect(),
    }
}

fn models(app: &App, now: Millis) -> Vec<Model> {
    let models = app.engine.models().into_iter();
    models
        .map(|gate| {
            let latched = gate.latched.map(|(_, until)| until);
            let open = match gate.breaker {
                BreakerState::Open { until } => Some(until),
                BreakerState::Isolated => gate.held_until,
                _ => None,
            };
            let until = gate.not_before.into_iter().chain(latched).chain(gate.away).chain(open);
            let until = until.max().filter(|until| *until > now);
            let quality = gate.quality.iter().filter(|one| one.state.name() != "closed");
            let quality = quality.map(|one| Quality {
                policy: one.policy.clone(),
                state: one.state.name(),
                told: match one.state {
                    BreakerState::Open { until } => words::span(until.since(now)),
                    _ => tell(
                        "{good} of {all} trials good",
                        &[
                            ("good", &one.answers.saturating_sub(one.bad).to_string()),
                            ("all", &one.answers.to_string()),
                        ],
                    ),
                },
            });
            let quality = quality.collect();
            Model {
                quality,
                name: gate.model,
                state: gate.breaker.name(),
                good: gate.good,
                bad: gate.bad,
                slow: gate.slow,
                rests: until.map(|until| words::span(until.since(now))).unwrap_or_default(),
            }
        })
        .collect()
}
