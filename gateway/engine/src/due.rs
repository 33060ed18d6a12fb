//! Due times of reviews: each is origin, deadline and terminal action of a human wait. On the way
//! there the steps of the queue's chain of reminders are taken.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use backstop_domain::{
    Actor, Millis, Priority, ReviewId, ReviewState,
    review::{Refusal, Step},
};
use backstop_policy::gateway_file::{Gateway, QueueStep, StepAct};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    engine::Inner,
    live::{Stop, until},
    reviews::ReviewError,
};

/// Longest sleep, so that a clock that was set forward is noticed.
const NAP: Duration = Duration::from_secs(30);

/// How many reviews are ended side by side: after a long stop thousands may be due.
const AT_ONCE: usize = 64;
/// When a review is tried again that could not be ended, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// Reviews by due time. What was decided meanwhile is left in and found decided.
#[derive(Default)]
pub(crate) struct Due {
    heap: Mutex<BinaryHeap<Reverse<(Millis, ReviewId)>>>,
    earlier: Notify,
}

impl Due {
    /// A review falls due at that time.
    pub fn push(&self, at: Millis, review: ReviewId) {
        self.heap.lock().push(Reverse((at, review)));
        self.earlier.notify_one();
    }

    /// The reviews that are due at `now`.
    fn take(&self, now: Millis) -> Vec<ReviewId> {
        let mut heap = self.heap.lock();
        let mut due = Vec::new();
        while heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, review))) = heap.pop() {
                due.push(review);
            }
        }
        due
    }

    fn next(&self) -> Option<Millis> {
        self.heap.lock().peek().map(|Reverse((at, _))| *at)
    }
}

impl Inner {
    /// Looks again at a review at its next step or, without one, when it is due.
    pub(crate) fn look_later(
        &self,
        id: ReviewId,
        queue: &str,
        opened: Millis,
        taken: u32,
        due: Millis,
    ) {
        let workspace = self.workspace.load();
        let step = step_at(&workspace.gateway, queue, opened, taken).map(|(at, _)| at);
        self.due.push(step.map_or(due, |at| at.min(due)), id);
    }

    /// Does what is due on a review: ends it, or takes a step of its chain.
    async fn come_due(self: &Arc<Self>, id: ReviewId) {
        let error = match self.remind(&id).await {
            Ok(true) => return,
            Ok(false) => match self.expire(&id).await {
                Ok(()) => return,
                Err(error) => error,
            },
            Err(error) => error,
        };
        // It stays open on disk. A passing trouble is tried again, a broken disk ends all waits.
        tracing::error!(review = %id, %error, "what is due on a review could not be done");
        if self.ledger.is_healthy() {
            self.due.push(self.clock.now().plus(AGAIN_MS), id);
        }
    }

    /// Takes every step that is due; `false` once the review itself is due, or over.
    async fn remind(&self, id: &ReviewId) -> Result<bool, Stop> {
        let Some(mut review) = self.review(id).await? else { return Ok(false) };
        let workspace = self.workspace.load_full();
        while review.standing.is_open() && self.clock.now() < review.opened.due {
            let next =
                step_at(&workspace.gateway, &review.opened.queue, review.opened_at, review.steps);
            match next {
                Some((at, step)) if at <= self.clock.now() => {
                    let step = as_step(&review, step);
                    let actor = Actor::system("due");
                    let took = |review: &ReviewState, now| review.take_step(step.clone(), now);
                    review = match self.command(id, actor, took).await {
                        Ok(review) => review,
                        // Somebody decided meanwhile, or another look took it.
                        Err(ReviewError::Refused(Refusal::Repeated | Refusal::Closed { .. })) => {
                            return Ok(true);
                        }
                        Err(ReviewError::Refused(_)) => return Ok(false),
                        Err(ReviewError::Stop(stop)) => return Err(stop),
                        Err(other) => return Err(Stop::Broken(other.to_string())),
                    };
                }
                next => {
                    let at = next.map_or(review.opened.due, |(at, _)| at.min(review.opened.due));
                    self.due.push(at, id.clone());
                    return Ok(true);
                }
            }
        }
        Ok(!review.standing.is_open())
    }

    /// Takes the terminal action of every review that falls due, until the gateway drains.
    pub(crate) async fn watch_due(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let due = futures_util::stream::iter(self.due.take(now));
            due.for_each_concurrent(AT_ONCE, |review| self.come_due(review)).await;
            let nap = self.due.next().map_or(NAP, |at| until(self.clock.now(), at).min(NAP));
            tokio::select! {
                biased;
                () = self.tasks.draining() => return,
                () = self.due.earlier.notified() => {}
                () = tokio::time::sleep(nap) => {}
            }
        }
    }
}

/// The step after those that were taken, and when: each counts from the start, in opening hours.
fn step_at<'g>(
    gateway: &'g Gateway,
    queue: &str,
    opened: Millis,
    taken: u32,
) -> Option<(Millis, &'g QueueStep)> {
    let queue = gateway.queues.get(queue)?;
    let step = queue.steps.get(usize::try_from(taken).ok()?)?;
    let hours = queue.hours.as_ref().and_then(|name| gateway.hours.get(name));
    let at = match hours {
        Some(hours) => hours.due_at(opened, step.after_ms),
        None => opened.plus(step.after_ms),
    };
    Some((at, step))
}

/// What a step does, as an event says it.
fn as_step(review: &ReviewState, step: &QueueStep) -> Step {
    let mut taken = Step { step: review.steps, ..Step::default() };
    let mut did = Vec::new();
    for act in &step.acts {
        match act {
            StepAct::Priority(priority) => {
                taken.priority = Some(as_priority(*priority));
                did.push(format!("raised the priority to {}", priority.name()));
            }
            StepAct::AddQueue(queue) => {
                taken.queue = Some(queue.clone());
                did.push(format!("shown in queue {queue} too"));
            }
            StepAct::Notify(name) => {
                taken.notify.push(name.clone());
                did.push(format!("{name} is to be told"));
            }
        }
    }
    taken.did = did.join(", ");
    taken
}

const fn as_priority(word: backstop_policy::raw::Priority) -> Priority {
    match word {
        backstop_policy::raw::Priority::Low => Priority::Low,
        backstop_policy::raw::Priority::Normal => Priority::Normal,
        backstop_policy::raw::Priority::High => Priority::High,
    }
}
