//! The calls page: any call is found, by its id or among all of them by policy, state, outcome and
//! time, newest first. It changes nothing.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use backstop_domain::{CallId, Millis, Outcome};
use backstop_engine::Stop;
use backstop_ledger::{CallFilter, CallPhase, CallSummary, CallsPage, Cursor};
use serde::Deserialize;

use super::{
    frame::{Frame, Notice, shown, viewed},
    trouble::Trouble,
    visitor::Visitor,
    words,
};
use crate::{
    app::App,
    cursor,
    problem::Problem,
    query::Asked,
    tongue::{say, tell},
};

/// Rows of one page.
const PAGE: usize = 50;
const HOUR_MS: u64 = 3_600_000;
/// How far the page can look back: the word in the address, and milliseconds.
const SPANS: [(&str, u64); 4] =
    [("1h", HOUR_MS), ("24h", 24 * HOUR_MS), ("7d", 7 * 24 * HOUR_MS), ("30d", 30 * 24 * HOUR_MS)];

/// Which calls to show. A field of the form that was left empty asks for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    policy: Option<String>,
    state: Option<String>,
    outcome: Option<String>,
    since: Option<String>,
    cursor: Option<String>,
    /// The one to open.
    id: Option<String>,
}

/// One call in a list.
pub struct Row {
    pub id: String,
    pub policy: String,
    pub caller: String,
    /// How it ended, or the state that it is in.
    pub end: String,
    /// The outcome as a class of the style sheet, if it has one.
    pub outcome: &'static str,
    pub class: String,
    pub when: String,
    pub iso: String,
    pub took: String,
    pub cost: String,
}

/// Something that can be chosen.
struct Choice {
    value: String,
    words: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "calls.html")]
struct Page {
    frame: Frame,
    policies: Vec<Choice>,
    states: Vec<Choice>,
    outcomes: Vec<Choice>,
    spans: Vec<Choice>,
    id: String,
    currency: String,
    rows: Vec<Row>,
    /// Why there is none, if there is none.
    none: String,
    newest: Option<String>,
    older: Option<String>,
}

/// `GET /calls`, for those who lead, operate or audit.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    asked: Result<Asked<Which>, Problem>,
) -> Result<Response, Trouble> {
    visitor.must_oversee()?;
    let Asked(which) = asked?;
    let after = said(&which.cursor).map(cursor::read).transpose()?;
    let now = app.engine.clock().now();
    let mut wrong = None;
    if let Some(id) = said(&which.id) {
        if let Some(call) = app.engine.call(&CallId(id.to_owned())).await? {
            return Ok(Redirect::to(&format!("/calls/{}", call.id)).into_response());
        }
        wrong = Some((StatusCode::NOT_FOUND, tell("There is no call “{id}”.", &[("id", id)])));
    }
    let found = match filter(&which, after, now) {
        Ok(filter) => app.engine.ledger().calls(filter).await.map_err(Stop::from)?,
        // Nothing is listed as if what is not understood had been.
        Err(why) => {
            wrong = Some((StatusCode::BAD_REQUEST, why));
            CallsPage::default()
        }
    };
    let page = page(&app, &visitor, &which, &found, wrong.as_ref().map(|(_, why)| why), now);
    let mut response = shown(&app, &visitor, &page, viewed("calls", said(&which.policy), false));
    if let Some((status, _)) = wrong {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// What the ledger is asked for.
///
/// # Errors
/// What is not understood, in words.
fn filter(which: &Which, after: Option<Cursor>, now: Millis) -> Result<CallFilter, String> {
    let states = CallPhase::ALL.map(|phase| (phase.name(), phase));
    let phase = known(&which.state, states, |word| {
        tell("“{word}” is no state of a call.", &[("word", word)])
    });
    let outcomes = Outcome::ALL.map(|outcome| (outcome.name(), outcome));
    let outcome = known(&which.outcome, outcomes, |word| {
        tell("“{word}” is no outcome of a call.", &[("word", word)])
    });
    let since = known(&which.since, SPANS, |word| {
        tell("“{word}” is no time that this page looks back.", &[("word", word)])
    });
    Ok(CallFilter {
        policy: said(&which.policy).map(str::to_owned),
        phase: phase?,
        outcome: outcome?,
        since: since?.map(|ms| Millis(now.0.saturating_sub(ms))),
        after,
        limit: PAGE,
        ..CallFilter::default()
    })
}

/// Which of those is meant, if any is asked for.
fn known<T>(
    asked: &Option<String>,
    all: impl IntoIterator<Item = (&'static str, T)>,
    unknown: impl FnOnce(&str) -> String,
) -> Result<Option<T>, String> {
    let Some(word) = said(asked) else { return Ok(None) };
    let found = all.into_iter().find(|(name, _)| *name == word);
    found.map(|(_, one)| Some(one)).ok_or_else(|| unknown(word))
}

fn page(
    app: &App,
    visitor: &Visitor,
    which: &Which,
    found: &CallsPage,
    wrong: Option<&String>,
    now: Millis,
) -> Page {
    let mut frame = Frame::new(app, visitor, say("Calls"), "calls");
    frame.notice = wrong.map(|text| Notice { text: text.clone(), bad: true });
    let place = |after: Option<&Cursor>| format!("/calls{}", address(which, after));
    Page {
        frame,
        policies: policies(app, said(&which.policy)),
        states: choices(CallPhase::ALL.map(CallPhase::name), said(&which.state)),
        outcomes: choices(Outcome::ALL.map(Outcome::name), said(&which.outcome)),
        spans: spans(said(&which.since)),
        id: said(&which.id).unwrap_or_default().to_owned(),
        currency: app.engine.workspace().gateway.currency.clone(),
        rows: found.rows.iter().map(|call| Row::of(call, now)).collect(),
        none: none(app, which, wrong.is_some()),
        newest: said(&which.cursor).map(|_| place(None)),
        older: found.next.as_ref().map(|next| place(Some(next))),
    }
}

/// Why no call stands there.
fn none(app: &App, which: &Which, wrong: bool) -> String {
    let narrowed = [&which.policy, &which.state, &which.outcome, &which.since, &which.cursor];
    match said(&which.policy) {
        _ if wrong => String::new(),
        Some(policy) if !app.engine.workspace().policies.contains_key(policy) => {
            tell("No call fits. “{policy}” is no policy that is in force.", &[("policy", policy)])
        }
        _ if narrowed.into_iter().any(|field| said(field).is_some()) => {
            say("No call fits.").into_owned()
        }
        _ => say("No call has come in yet.").into_owned(),
    }
}

/// The policies in force, and the one that was asked for: its calls outlive it.
fn policies(app: &App, chosen: Option<&str>) -> Vec<Choice> {
    let workspace = app.engine.workspace();
    let gone = chosen.filter(|name| !workspace.policies.contains_key(*name));
    let names = workspace.policies.keys().map(String::as_str).chain(gone);
    names.map(|name| Choice::of(name, name.to_owned(), chosen)).collect()
}

/// Each of them, by the name that the record has for it.
fn choices<const N: usize>(names: [&str; N], chosen: Option<&str>) -> Vec<Choice> {
    names.into_iter().map(|name| Choice::of(name, name.replace('_', " "), chosen)).collect()
}

fn spans(chosen: Option<&str>) -> Vec<Choice> {
    let words = |ms| tell("the last {time}", &[("time", &words::span(ms))]);
    SPANS.into_iter().map(|(word, ms)| Choice::of(word, words(ms), chosen)).collect()
}

/// The same question again, after that place; with the `?` if anything is asked.
fn address(which: &Which, after: Option<&Cursor>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("policy", &which.policy),
        ("state", &which.state),
        ("outcome", &which.outcome),
        ("since", &which.since),
    ] {
        if let Some(value) = said(value) {
            query.append_pair(name, value);
        }
    }
    if let Some(after) = after {
        query.append_pair("cursor", &cursor::write(after));
    }
    let query = query.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

/// What a field says, if it says anything.
fn said(field: &Option<String>) -> Option<&str> {
    field.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

impl Choice {
    fn of(value: &str, words: String, chosen: Option<&str>) -> Self {
        Self { value: value.to_owned(), words, chosen: chosen == Some(value) }
    }
}

impl Row {
    /// Of that call, as it stands now.
    pub fn of(call: &CallSummary, now: Millis) -> Self {
        let until = if call.is_open() { now } else { call.updated };
        Self {
            id: call.id.0.clone(),
            policy: call.policy.clone(),
            caller: call.caller.clone(),
            end: call.outcome.map_or(call.phase.name(), Outcome::name).replace('_', " "),
            outcome: call.outcome.map_or("", Outcome::name),
            class: call.class.map(|class| class.to_string()).unwrap_or_default(),
            when: words::moment(call.received),
            iso: words::iso(call.received),
            took: words::span(until.since(call.received)),
            cost: words::money(call.cost.0),
        }
    }
}
