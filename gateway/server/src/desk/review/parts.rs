//! The parts of the review page, each made from what was read.

use std::borrow::Cow;

use backstop_domain::{Millis, Resolution, ReviewEvent, ReviewId, Stream, review::Standing};
use serde_json::Value;

use super::{
    super::{
        board::View,
        drafts::Draft,
        trouble::Trouble,
        typed::{Around, Field, Raw, Typed},
        visitor::Visitor,
        words,
    },
    findings,
    matter::Matter,
    plain::Plain,
};
use crate::{
    access,
    app::App,
    tongue::{say, tell},
};

/// Who objected, and why.
pub struct Reason {
    pub name: String,
    pub text: String,
}

/// One message of the conversation.
pub struct Message {
    pub role: String,
    pub text: String,
}

/// One call of a tool.
pub struct Tool {
    pub name: String,
    pub form: Part,
}

/// A part of the answer: to be changed, or only to be read.
pub enum Part {
    Form(Box<Field>),
    Plain(Plain),
}

/// A like decision of before.
pub struct Past {
    pub place: String,
    pub decision: Cow<'static, str>,
    pub by: String,
    pub when: String,
    pub iso: String,
    pub reason: String,
    pub shared: String,
}

/// The visitor's claim.
pub struct Lease {
    pub token: u64,
    pub until: String,
    pub until_iso: String,
}

/// How it was decided.
pub struct Taken {
    pub what: String,
    pub by: String,
    pub when: String,
    pub when_iso: String,
    pub reason: String,
    pub undo_until: Option<(String, String)>,
    pub can_undo: bool,
}

/// What was typed beside the answer.
#[derive(Default)]
pub struct Typing {
    pub reason: String,
    pub reason_text: String,
    pub tell: String,
    pub comment: String,
}

pub fn title(matter: &Matter) -> String {
    let opened = &matter.review.opened;
    let why = opened.reasons.first().map(|reason| words::because(&reason.by)).unwrap_or_default();
    format!("{}: {why}", opened.policy)
}

pub fn prompt(matter: &Matter) -> String {
    let prompt = matter.policy.as_ref().and_then(|policy| policy.prompt.as_ref());
    prompt
        .map_or_else(|| say("none: passed through").into_owned(), |prompt| prompt.name().to_owned())
}

pub fn lease(matter: &Matter, name: &str, now: Millis) -> Option<Lease> {
    match &matter.review.standing {
        Standing::Claimed { by, lease, until } if by == name && now < *until => Some(Lease {
            token: *lease,
            until: words::moment(*until),
            until_iso: words::iso(*until),
        }),
        _ => None,
    }
}

/// The parts of the answer: forms of what was typed, or else of the answer, if it may be edited.
pub fn forms(
    matter: &Matter,
    draft: Option<&Draft>,
    json: bool,
    edits: bool,
) -> (Option<Part>, Vec<Tool>) {
    let own = findings::at_places(matter);
    let weak = findings::weak(matter);
    let found = findings::in_answer(matter);
    let part = |typed: Typed, label: &str| {
        if !edits {
            let shown = typed.shown.as_ref().unwrap_or(&Value::Null);
            return Part::Plain(Plain::of(shown, "", &found));
        }
        let typed_before = draft.map(|draft| Raw::of(&draft.fields, &typed.part));
        let whole = json && typed.part == "o" && typed.locks.is_free("");
        let raw = match typed_before.filter(|raw| !raw.is_empty()) {
            Some(raw) => raw,
            None => typed.fill(whole),
        };
        let errors = draft.iter().flat_map(|draft| &draft.errors);
        let errors = errors.filter(|(part, ..)| *part == typed.part);
        let mut wrong: Vec<(String, String)> =
            errors.map(|(_, at, words)| (at.clone(), words.clone())).collect();
        wrong.extend(own.iter().filter(|_| typed.part == "o").cloned());
        Part::Form(Box::new(typed.fields(&raw, label, &Around { wrong: &wrong, weak: &weak })))
    };
    let output = matter.output().map(|typed| part(typed, &say("Answer")));
    let tools = matter.tools().into_iter();
    let tools = tools.map(|(name, typed)| Tool { form: part(typed, &say("Arguments")), name });
    (output, tools.collect())
}

/// Whether the answer was last typed as one JSON text.
pub fn is_json(draft: &Draft) -> bool {
    draft.fields.one("o:j").is_some() && draft.fields.one("as") == Some("json")
}

pub fn typing(draft: &Draft) -> Typing {
    let text = |name: &str| draft.fields.one(name).unwrap_or_default().to_owned();
    Typing {
        reason: text("reason"),
        reason_text: text("reason_text"),
        tell: text("tell"),
        comment: text("comment"),
    }
}

pub fn reasons(matter: &Matter) -> Vec<Reason> {
    let reasons = matter.review.opened.reasons.iter();
    reasons
        .map(|reason| Reason { name: words::because(&reason.by), text: matter.words(&reason.text) })
        .collect()
}

pub fn messages(messages: &Value) -> Vec<Message> {
    let list = messages.as_array().into_iter().flatten();
    list.map(|message| {
        let role = message.get("role").and_then(Value::as_str);
        let role = role.map_or_else(|| say("somebody").into_owned(), str::to_owned);
        let text = match message.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => message
                .get("tool_calls")
                .map(|calls| serde_json::to_string_pretty(calls).unwrap_or_default())
                .unwrap_or_default(),
            Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
        };
        Message { role, text }
    })
    .collect()
}

pub fn votes(matter: &Matter) -> Vec<String> {
    let votes = matter.review.votes.iter();
    votes
        .map(|vote| tell("{who} {did}", &[("who", &vote.by), ("did", &verb(&vote.vote))]))
        .collect()
}

fn verb(resolution: &Resolution) -> Cow<'static, str> {
    match resolution {
        Resolution::Approved { .. } => say("approved"),
        Resolution::Edited { .. } => say("edited and approved"),
        Resolution::Rejected => say("rejected"),
        Resolution::ChangesRequested { .. } => say("asked for changes"),
        Resolution::FallbackChosen => say("chose the fallback"),
        Resolution::Expired { .. } => say("came too late"),
    }
}

/// How it was decided, and whether that can still be taken back.
pub async fn taken(
    app: &App,
    matter: &Matter,
    name: &str,
    now: Millis,
) -> Result<Option<Taken>, Trouble> {
    let Standing::Decided { by, resolution, undo_until, at } = &matter.review.standing else {
        return Ok(None);
    };
    let undo = undo_until.filter(|until| now < *until);
    Ok(Some(Taken {
        what: verb(resolution).into_owned(),
        by: words::people(by),
        when: words::moment(*at),
        when_iso: words::iso(*at),
        reason: matter.words(&reason_of(app, &matter.id).await?),
        can_undo: undo.is_some() && by.iter().any(|person| person == name),
        undo_until: undo.map(|until| (words::moment(until), words::iso(until))),
    }))
}

/// The reason that stands in the newest decision on a review.
async fn reason_of(app: &App, id: &ReviewId) -> Result<String, Trouble> {
    let events = app.engine.ledger().stream(&Stream::review(id), 0).await?;
    let newest = events.iter().rev().find_map(|recorded| match recorded.as_review() {
        Some(ReviewEvent::ReviewDecided { reason, .. }) => Some(reason.clone()),
        _ => None,
    });
    Ok(newest.flatten().unwrap_or_default())
}

/// Why it closed without a person's decision.
pub fn closed(matter: &Matter) -> Option<String> {
    match &matter.review.standing {
        Standing::Expired(action) => {
            let then = words::expiry(*action);
            Some(tell("Nobody decided in time: {then}.", &[("then", &then)]))
        }
        Standing::Withdrawn { reason } => {
            Some(tell("It is no longer asked: {why}.", &[("why", &matter.words(reason))]))
        }
        _ => None,
    }
}

pub async fn past(
    app: &App,
    visitor: &Visitor,
    matter: &Matter,
    view: &View,
) -> Result<Vec<Past>, Trouble> {
    let because: Vec<String> =
        matter.review.opened.reasons.iter().map(|reason| reason.by.clone()).collect();
    let mut told = Vec::new();
    for row in view.alike(&matter.review.opened.policy, &because, &matter.id) {
        // What was drawn is no precedent, and whoever decides such a one must not find the other.
        let opened = &matter.review.opened;
        let twin = access::is_measured(opened) && row.call == opened.call;
        if row.is_drawn() || twin || !access::looks_into(&visitor.identity, row) {
            continue;
        }
        let shared = row.because.iter().filter(|by| because.contains(by));
        let shared: Vec<String> = shared.map(|by| words::because(by)).collect();
        // Another review's words may quote what is private there.
        let reason = reason_of(app, &row.id).await?;
        told.push(Past {
            place: format!("/reviews/{}", row.id),
            decision: words::decision(row.decision.as_deref().unwrap_or_default()),
            by: words::people(&row.decided_by),
            when: words::moment(row.updated),
            iso: words::iso(row.updated),
            reason: matter.veil.words(&reason).to_owned(),
            shared: shared.join(", "),
        });
    }
    Ok(told)
}

/// The reviews before and after this one, among those the person can decide.
pub fn neighbours(order: &[String], id: &str) -> (Option<String>, Option<String>) {
    let place = |id: &String| format!("/reviews/{id}");
    match order.iter().position(|one| one == id) {
        Some(at) => (
            at.checked_sub(1).and_then(|at| order.get(at)).map(place),
            order.get(at + 1).map(place),
        ),
        None => (None, order.first().map(place)),
    }
}
