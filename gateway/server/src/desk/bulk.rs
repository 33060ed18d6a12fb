//! Deciding alike reviews together: same queue, same reasons, same policy, where the queue says
//! `bulk: true`; never with four eyes, never a high priority. Each review still gets a decision and
//! an event of its own.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use backstop_domain::{Digest, ReviewId};
use backstop_engine::{Verb, What};
use backstop_ledger::ReviewSummary;

use super::{queue, trouble::Trouble, visitor::Posted};
use crate::{access, app::App, tongue::say};

/// Most reviews of one bulk decision: one page.
const TOGETHER_MAX: usize = queue::PAGE;

/// Whether this review may be decided together with others.
pub fn allows(app: &App, row: &ReviewSummary) -> bool {
    let workspace = app.engine.workspace();
    let bulk = workspace.gateway.queues.get(&row.queue).is_some_and(|queue| queue.bulk);
    bulk && row.approvals == 1 && row.subject.is_some() && !queue::alone(row.priority)
}

/// What a row of the form sends back: the review, and what the person saw of it.
pub fn pick(row: &ReviewSummary) -> String {
    let subject = row.subject.map(|digest| digest.to_string()).unwrap_or_default();
    format!("{}|{}|{subject}", row.id, row.generation)
}

/// Why a bulk decision was not taken, by the word in the address.
pub fn trouble(word: &str) -> Option<String> {
    let text = match word {
        "none" => say("Pick at least one review first."),
        "many" => say("These are too many for one decision."),
        "mixed" => {
            say("Only reviews of one queue, one policy and the same reasons are decided together.")
        }
        "reason" => say("This queue wants a reason with every rejection: choose one."),
        "some" => {
            say("Some were not decided: they changed, or somebody else was faster. They are still \
                 here.")
        }
        _ => return None,
    };
    Some(text.into_owned())
}

/// `POST /reviews`.
pub async fn decide(State(app): State<App>, posted: Posted) -> Result<Response, Trouble> {
    let word = match all(&app, &posted).await? {
        Ok(()) => "said=bulk",
        Err(bad) => bad,
    };
    let queue = posted.fields.text("queue").unwrap_or_default();
    let queue: String = url::form_urlencoded::byte_serialize(queue.as_bytes()).collect();
    Ok(Redirect::to(&format!("/reviews?queue={queue}&{word}")).into_response())
}

async fn all(app: &App, posted: &Posted) -> Result<Result<(), &'static str>, Trouble> {
    let fields = &posted.fields;
    let picked: Vec<(ReviewId, u32, Digest)> = fields.all("pick").filter_map(read).collect();
    if picked.is_empty() {
        return Ok(Err("bad=none"));
    }
    if picked.len() > TOGETHER_MAX {
        return Ok(Err("bad=many"));
    }
    let view = app.desk.board(&app.engine).await?;
    let rows: Vec<_> =
        picked.iter().filter_map(|(id, ..)| view.rows.iter().find(|row| row.id == *id)).collect();
    let Some(first) = rows.first() else { return Ok(Err("bad=some")) };
    let alike = |row: &&&std::sync::Arc<ReviewSummary>| {
        row.queue == first.queue
            && row.policy == first.policy
            && row.because == first.because
            && allows(app, row)
            && access::works_on(app, &posted.visitor.identity, row.as_ref())
    };
    if !rows.iter().all(|row| alike(&row)) {
        return Ok(Err("bad=mixed"));
    }
    let workspace = app.engine.workspace();
    let reasons = workspace.gateway.queues.get(&first.queue).map(|queue| queue.reasons.clone());
    let reason = fields.text("reason").map(str::to_owned);
    let what = match fields.one("do") {
        Some("reject") => What::Reject,
        _ => What::Approve,
    };
    let codes = reasons.unwrap_or_default();
    let coded = reason.as_ref().is_some_and(|reason| codes.contains(reason));
    if matches!(what, What::Reject) && !codes.is_empty() && !coded {
        return Ok(Err("bad=reason"));
    }
    let mut missed = picked.len() - rows.len();
    for (id, generation, subject) in picked {
        let verb = Verb {
            actor: posted.visitor.identity.actor("desk-bulk"),
            lease: None,
            generation,
            subject: Some(subject),
            what: what.clone(),
            reason: reason.clone().filter(|_| matches!(what, What::Reject)),
        };
        if let Err(error) = app.engine.decide(&id, verb).await {
            tracing::info!(review = %id, %error, "one of a bulk decision was not decided");
            missed += 1;
        }
    }
    Ok(if missed == 0 { Ok(()) } else { Err("bad=some") })
}

fn read(pick: &str) -> Option<(ReviewId, u32, Digest)> {
    let mut parts = pick.splitn(3, '|');
    let id = parts.next()?;
    let generation = parts.next()?.parse().ok()?;
    let subject = serde_json::from_value(parts.next()?.into()).ok()?;
    Some((ReviewId::from(id), generation, subject))
}
