//! Who may call, who may look at a review, and who may decide on it: one answer for the API and the
//! desk.

use axum::http::StatusCode;
use backstop_domain::{Opened, ReviewId, ReviewKind, ReviewState, Sampled};
use backstop_engine::{Caller, Snapshot};
use backstop_ledger::{Recorded, ReviewSummary};

use crate::{
    app::App,
    auth::Identity,
    problem::{self, Problem},
};

/// Where a review waits, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    home: &'a str,
    also: &'a [String],
    assigned: Option<&'a str>,
}

impl<'a> From<&'a ReviewState> for Place<'a> {
    fn from(review: &'a ReviewState) -> Self {
        let (home, also) = match review.queues.split_first() {
            Some((home, also)) => (home.as_str(), also),
            None => (review.opened.queue.as_str(), [].as_slice()),
        };
        Self { home, also, assigned: review.assigned.as_deref() }
    }
}

impl<'a> From<&'a ReviewSummary> for Place<'a> {
    fn from(review: &'a ReviewSummary) -> Self {
        let assigned = review.assigned.as_deref();
        Self { home: &review.queue, also: &review.also, assigned }
    }
}

impl<'a> Place<'a> {
    /// Every queue that shows it.
    pub fn queues(self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.home).chain(self.also.iter().map(String::as_str))
    }

    fn is_for(self, identity: &Identity) -> bool {
        matches!(identity, Identity::Person(person) if self.assigned == Some(&person.name))
    }
}

/// Whether they may look into it: one of its queues is theirs, or it was given to them.
pub fn looks_into<'a>(identity: &Identity, review: impl Into<Place<'a>>) -> bool {
    let place = review.into();
    identity.sees_reviews()
        && (place.is_for(identity) || place.queues().any(|queue| identity.looks_into(queue)))
}

/// Whether they may decide on it, as far as their entry says: who is excluded from this one, or has
/// voted, the review itself knows.
pub fn works_on<'a>(app: &App, identity: &Identity, review: impl Into<Place<'a>>) -> bool {
    let place = review.into();
    // Being given a review brings no right that the person's entry does not have.
    place.queues().any(|queue| identity.works(queue, &skills(app, queue)))
}

/// The review that was asked on the call itself, if this one was drawn to look like it.
pub fn drawn_from(opened: &Opened) -> Option<&ReviewId> {
    match &opened.sampled {
        Some(Sampled::Overlap { of } | Sampled::Known { of }) if opened.is_drawn() => Some(of),
        _ => None,
    }
}

/// Whether it is one of several that are decided apart, or its answer is known.
pub fn is_measured(opened: &Opened) -> bool {
    opened.sampled.as_ref().is_some_and(Sampled::is_hidden)
}

/// Whether they may know that a review was drawn, and why: those who oversee, once it is over.
pub fn knows_of_draws(identity: &Identity, open: bool) -> bool {
    identity.oversees() && !open
}

/// The call of a review as whoever decides may know it, and its events: as it stood when the review
/// was asked, if it was drawn; none while an audit is blind.
///
/// # Errors
/// [`Problem`] if it cannot be read.
pub async fn call_of(
    app: &App,
    review: &ReviewState,
) -> Result<Option<(Snapshot, Vec<Recorded>)>, Problem> {
    let (engine, id) = (&app.engine, &review.opened.call);
    if let Some(origin) = drawn_from(&review.opened) {
        let found = engine.call_as_asked(id, origin).await;
        return found.map_err(|stop| problem::of_stop(&stop));
    }
    let call = engine.call(id).await.map_err(|stop| problem::of_stop(&stop))?;
    let Some(call) = call else { return Ok(None) };
    let events = match is_blind(review) {
        true => Vec::new(),
        false => engine.events(id, 0).await.map_err(|stop| problem::of_stop(&stop))?,
    };
    Ok(Some((call, events)))
}

/// Whether it is an audit that nobody has decided: its reviewer must not know what became of it.
pub fn is_blind(review: &ReviewState) -> bool {
    let opened = &review.opened;
    opened.kind == ReviewKind::Audit && !opened.is_drawn() && review.standing.is_open()
}

/// Whether they see what others said and voted: not while they may still vote blind.
pub fn sees_others(identity: &Identity, review: &ReviewState) -> bool {
    !review.opened.blind || !review.standing.is_open() || review.has_voted(identity.name())
}

/// The caller, if they may call.
///
/// # Errors
/// [`Problem`] for people: they decide on calls, they do not make them.
pub fn allowed_to_call(identity: &Identity) -> Result<Caller, Problem> {
    match identity {
        Identity::Local => Ok(Caller { name: "local".to_owned(), ..Caller::default() }),
        Identity::Caller { caller, .. } => Ok(caller.clone()),
        Identity::Person(person) => {
            let detail = format!("`{}` is a reviewer's key; calls need a caller's", person.name);
            Err(Problem::new(StatusCode::FORBIDDEN, "not_a_caller", detail))
        }
    }
}

/// The skills that a queue asks for.
pub fn skills(app: &App, queue: &str) -> Vec<String> {
    let workspace = app.engine.workspace();
    workspace.gateway.queues.get(queue).map(|queue| queue.skills.clone()).unwrap_or_default()
}

/// The review of that id.
///
/// # Errors
/// [`Problem`] if there is none, or it cannot be read.
pub async fn found(app: &App, id: &ReviewId) -> Result<ReviewState, Problem> {
    let review = app.engine.review(id).await.map_err(|error| problem::of_review(&error))?;
    review.ok_or_else(|| Problem::not_found("review"))
}
