//! The review page, put together for one visitor.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use backstop_domain::{Millis, ReviewId, ReviewKind, review::Standing};
use backstop_engine::explain::{self, Line};
use serde::Deserialize;

use super::{
    super::{
        board::View,
        drafts::Draft,
        flips::flips,
        frame::{Frame, Notice, shown, viewed},
        queue,
        trouble::Trouble,
        visitor::Visitor,
        words,
    },
    attempts::{Attempts, attempts},
    buttons::{Buttons, barred, buttons},
    findings::{self, Said, Sure},
    matter::Matter,
    parts::{self, Lease, Message, Part, Past, Reason, Taken, Tool, Typing},
    plain::Plain,
};
use crate::{access, app::App, query::Asked, tongue::say};

/// How long what went wrong is told again with a draft, in milliseconds.
const TROUBLE_MS: u64 = 120_000;

/// How to show it.
#[derive(Debug, Default, Deserialize)]
pub struct How {
    /// `json`: the answer as one JSON text.
    r#as: Option<String>,
    said: Option<String>,
    bad: Option<String>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct Page {
    frame: Frame,
    id: String,
    head: Head,
    hold: Hold,
    answer: Answer,
    proof: Proof,
    buttons: Buttons,
}

/// What it is, and until when.
struct Head {
    call: String,
    sees_call: bool,
    policy: String,
    revision: String,
    prompt: String,
    queue: String,
    queues: String,
    kind: &'static str,
    priority: &'static str,
    due: String,
    due_iso: String,
    left: String,
    urgency: &'static str,
    approvals: u8,
    cost: String,
    tokens: u64,
    took: String,
    generation: u32,
    subject: String,
}

/// Who holds it and who may decide, what others did, where to go next.
struct Hold {
    open: bool,
    works: bool,
    barred: Option<String>,
    lease: Option<Lease>,
    held: Option<(String, String, String)>,
    claims: bool,
    /// How long a claim lasts: the page renews it well before.
    claim_ms: u64,
    assigned: Option<String>,
    votes: Vec<String>,
    hides_votes: bool,
    taken: Option<Taken>,
    closed: Option<String>,
    comments: Vec<(String, String)>,
    codes: Vec<String>,
    people: Vec<String>,
    all_queues: Vec<String>,
    next: Option<String>,
    before: Option<String>,
    waiting: usize,
    /// For leads, once it is decided: whether its answer is a known one.
    known: Option<bool>,
}

/// What was asked, and what the model made of it.
struct Answer {
    reasons: Vec<Reason>,
    input: Plain,
    messages: Vec<Message>,
    unshaped: Option<String>,
    output: Option<Part>,
    tools: Vec<Tool>,
    edits: bool,
    typed: bool,
    as_json: bool,
    draft: Typing,
    draft_kept: bool,
}

/// What the decision can rest on beside the answer; nothing for an audit that is still blind.
#[derive(Default)]
struct Proof {
    said: Vec<Said>,
    passed: usize,
    sure: Vec<Sure>,
    attempts: Attempts,
    lines: Vec<Line>,
    way: String,
    flips: Vec<String>,
    past: Vec<Past>,
}

/// `GET /reviews/{id}`. Changes nothing: the page's script, or the person, claims by a POST.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asked(how): Asked<How>,
) -> Result<Response, Trouble> {
    let matter = Matter::read(&app, &visitor, ReviewId(id)).await?;
    let now = app.engine.clock().now();
    let view = app.desk.board(&app.engine).await?;
    let kept = app.desk.drafts.of(&matter.id, visitor.identity.name(), now);
    // What was typed about another answer is not put over this one; why it was refused is told.
    let draft = kept.as_ref().filter(|draft| draft.subject == matter.review.opened.subject);
    let hold = hold(&app, &visitor, &matter, &view, now).await?;
    let buttons = buttons(&matter, &visitor);
    let edits = hold.works && hold.barred.is_none() && hold.held.is_none() && buttons.edit.works;
    let page = Page {
        frame: frame(&app, &visitor, &matter, &how, kept.as_ref(), now),
        id: matter.id.0.clone(),
        head: head(&app, &visitor, &matter, now),
        hold,
        answer: answer(&matter, &how, draft, edits),
        proof: proof(&app, &visitor, &matter, &view).await?,
        buttons,
    };
    let masked = !matter.veil.is_lifted();
    let seen = viewed("review", Some(matter.id.as_str()), masked);
    Ok(shown(&app, &visitor, &page, seen))
}

fn frame(
    app: &App,
    visitor: &Visitor,
    matter: &Matter,
    how: &How,
    draft: Option<&Draft>,
    now: Millis,
) -> Frame {
    let title = parts::title(matter);
    let mut frame = Frame::new(app, visitor, title, "reviews").said(how.said.as_deref());
    let fresh = draft.filter(|draft| now.since(draft.at) < TROUBLE_MS);
    if let Some(text) = fresh.and_then(|draft| draft.trouble.clone()) {
        frame.notice = Some(Notice { text, bad: true });
    } else if how.bad.as_deref() == Some("late") {
        let text = say("Your decision was not taken: the review was closed before it came.");
        let text = text.into_owned();
        frame.notice = Some(Notice { text, bad: true });
    }
    frame
}

fn head(app: &App, visitor: &Visitor, matter: &Matter, now: Millis) -> Head {
    let (review, opened) = (&matter.review, &matter.review.opened);
    let received = &matter.call.state.received;
    let workspace = app.engine.workspace();
    let home = home(matter);
    let queue = workspace.gateway.queues.get(&home);
    let usage = matter.call.state.attempts.iter().filter_map(|one| one.ended.as_ref());
    Head {
        call: opened.call.0.clone(),
        sees_call: sees_call(matter, visitor),
        policy: opened.policy.clone(),
        revision: received.revision.short(),
        prompt: parts::prompt(matter),
        queue: queue.and_then(|queue| queue.title.clone()).unwrap_or(home),
        queues: access::Place::from(review).queues().collect::<Vec<_>>().join(", "),
        kind: words::kind(opened.kind, access::is_measured(opened)),
        priority: words::priority(review.priority),
        due: words::moment(opened.due),
        due_iso: words::iso(opened.due),
        left: words::left(opened.due, now),
        urgency: words::urgency(opened.due, review.opened_at, now),
        approvals: opened.approvals,
        cost: {
            let cost = words::money(matter.call.state.cost().0);
            format!("{} {cost}", workspace.gateway.currency)
        },
        tokens: usage.map(|ended| ended.usage.total()).sum(),
        took: words::span(matter.asked_at().since(matter.call.state.received_at)),
        generation: opened.generation,
        subject: opened.subject.map(|digest| digest.to_string()).unwrap_or_default(),
    }
}

async fn hold(
    app: &App,
    visitor: &Visitor,
    matter: &Matter,
    view: &View,
    now: Millis,
) -> Result<Hold, Trouble> {
    let name = visitor.identity.name();
    let review = &matter.review;
    let open = review.standing.is_open() && now < review.opened.due;
    let works = open && access::works_on(app, &visitor.identity, review);
    let barred = barred(matter, visitor).filter(|_| works);
    let held = match &review.standing {
        Standing::Claimed { by, until, .. } if review.held_by_another(name, now) => {
            Some((by.clone(), words::moment(*until), words::iso(*until)))
        }
        _ => None,
    };
    let lease = parts::lease(matter, name, now);
    let sees_others = access::sees_others(&visitor.identity, review);
    let order = queue::to_decide(app, visitor, view, now);
    let (before, next) = parts::neighbours(&order, matter.id.as_str());
    let workspace = app.engine.workspace();
    let home = home(matter);
    let queue = workspace.gateway.queues.get(&home);
    let comments = review.comments.iter().filter(|_| sees_others);
    Ok(Hold {
        open,
        works,
        claims: works && barred.is_none() && held.is_none() && lease.is_none(),
        claim_ms: review.opened.claim_ms,
        lease,
        held,
        barred,
        assigned: review.assigned.clone(),
        votes: if sees_others { parts::votes(matter) } else { Vec::new() },
        hides_votes: !sees_others && !review.votes.is_empty(),
        taken: parts::taken(app, matter, name, now).await?,
        closed: parts::closed(matter),
        comments: comments.map(|(by, text)| (by.clone(), matter.words(text))).collect(),
        codes: queue.map(|queue| queue.reasons.clone()).unwrap_or_default(),
        people: app.keys.who_works(&home, &access::skills(app, &home), &review.opened.excluded),
        all_queues: workspace.gateway.queues.keys().filter(|one| **one != home).cloned().collect(),
        known: known(app, visitor, matter).await?,
        waiting: order.iter().filter(|id| **id != matter.id.0).count(),
        before,
        next,
    })
}

/// Whether its answer is a known one, for those who may say so.
async fn known(app: &App, visitor: &Visitor, matter: &Matter) -> Result<Option<bool>, Trouble> {
    let opened = &matter.review.opened;
    let decided = matches!(matter.review.standing, Standing::Decided { .. });
    if !decided || !visitor.identity.leads() || opened.kind == ReviewKind::Audit {
        return Ok(None);
    }
    Ok(Some(app.engine.is_known(&opened.queue, &matter.id).await?))
}

fn answer(matter: &Matter, how: &How, draft: Option<&Draft>, edits: bool) -> Answer {
    let json = how.r#as.as_deref() == Some("json") || draft.is_some_and(parts::is_json);
    let (output, tools) = parts::forms(matter, draft, json, edits);
    let policy = matter.policy.as_ref().map(|policy| &policy.output);
    Answer {
        reasons: parts::reasons(matter),
        input: Plain::of(&matter.input, "", &findings::in_input(matter)),
        messages: parts::messages(&matter.messages),
        unshaped: matter.unshaped(),
        output,
        tools,
        edits,
        typed: matches!(policy, Some(backstop_policy::compiled::OutputOf::Schema(_))),
        as_json: json,
        draft_kept: draft.is_some(),
        draft: draft.map(parts::typing).unwrap_or_default(),
    }
}

async fn proof(
    app: &App,
    visitor: &Visitor,
    matter: &Matter,
    view: &View,
) -> Result<Proof, Trouble> {
    if access::is_blind(&matter.review) {
        return Ok(Proof::default());
    }
    let (said, passed) = findings::said(matter);
    Ok(Proof {
        said,
        passed,
        sure: findings::sure(matter),
        attempts: attempts(app, matter).await?,
        lines: lines(matter),
        way: explain::way(&matter.events),
        flips: flips(app, &matter.call.id, &matter.veil).await?,
        past: parts::past(app, visitor, matter, view).await?,
    })
}

/// Step by step. A drawn review looks as if the call waited for it.
fn lines(matter: &Matter) -> Vec<Line> {
    if !matter.veil.is_lifted() {
        return Vec::new();
    }
    let mut lines = explain::explain(&matter.events);
    if let Some(origin) = access::drawn_from(&matter.review.opened) {
        for line in &mut lines {
            line.what = line.what.replace(origin.as_str(), matter.id.as_str());
        }
    }
    lines
}

/// Whether this person may go on to the call: not while what came of it must not be known.
fn sees_call(matter: &Matter, visitor: &Visitor) -> bool {
    let review = &matter.review;
    let blind = review.opened.kind == ReviewKind::Audit && review.standing.is_open();
    !blind && visitor.identity.oversees()
}

fn home(matter: &Matter) -> String {
    access::Place::from(&matter.review).queues().next().unwrap_or_default().to_owned()
}
