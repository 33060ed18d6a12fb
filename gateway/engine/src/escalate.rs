//! Opening a review: where to, until when, and what the person may do.

use backstop_domain::{
    Actor, CallEvent, Ended, Millis, OnExpiry, Opened, Reason, Requested, Resolution, Resolved,
    ReviewEvent, ReviewId, ReviewKind, ReviewSpec, Stream,
};
use backstop_ledger::Append;
use backstop_policy::gateway_file::{DoorAct, Expiry, Gateway, HoldEnd, Queue};
use std::sync::Arc;

use crate::{
    engine::Inner,
    live::{Live, LiveCall, Shown, Snapshot, Stop, review_event},
};

impl Inner {
    /// Opens a review and shows those who wait that a person decides.
    pub(crate) async fn open_review(
        &self,
        call: &LiveCall,
        live: &mut Live,
        spec: ReviewSpec,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let workspace = self.workspace.load();
        let Some(queue) = workspace.gateway.queues.get(&spec.to.queue) else {
            return self.without_queue(call, live, &spec).await;
        };
        let id = self.ids.review(now);
        let subject = live.state.subject().map(|subject| subject.digest);
        let due = due_at(&workspace.gateway, queue, now, spec.to.due_ms);
        let away = self.turned_away(queue, &spec.to.queue, spec.to.due_ms).await?;
        let mut opened = self.opened(call, live, &spec, queue, due).await?;
        let drawn = match away {
            Some(_) => Vec::new(),
            None => self.drawn(&id, &mut opened, queue, now).await?,
        };
        let requested =
            Requested { review: id.clone(), queue: spec.to.queue.clone(), due, subject };
        self.apply(live, CallEvent::ReviewRequested(requested))?;
        let mut events = vec![ReviewEvent::ReviewOpened(opened)];
        let taken_in = away.is_none();
        if let Some(why) = away {
            // Its alternative is taken at once, and never lets anything pass unseen.
            let action = match queue.at_door.then {
                DoorAct::Fallback => OnExpiry::Fallback,
                DoorAct::Reject => OnExpiry::Reject,
            };
            events.push(ReviewEvent::ReviewExpired { action });
            self.apply(live, expired(&id, &spec.to.queue, action, Some(why)))?;
        }
        let events = events
            .into_iter()
            .map(|event| review_event(&self.ids, now, Actor::system("engine"), live, event))
            .collect();
        let mut beside =
            vec![Append { stream: Stream::review(&id), expected_seq: 0, after: None, events }];
        for (id, opened) in drawn {
            let event = ReviewEvent::ReviewOpened(opened);
            let event = review_event(&self.ids, now, Actor::system("engine"), live, event);
            self.look_later(id.clone(), &spec.to.queue, now, 0, due);
            let stream = Stream::review(&id);
            beside.push(Append { stream, expected_seq: 0, after: None, events: vec![event] });
        }
        live.write_beside(&*self.ledger, &call.id, true, beside);
        live.on_disk().await?;
        self.settle_key(call);
        self.settle_door(live);
        self.canary_escalated(live);
        if taken_in {
            self.show_review(call, live);
            self.look_later(id, &spec.to.queue, now, 0, due);
        }
        Ok(())
    }

    /// A policy in force names only queues that exist; a call pinned to an older one may not. It
    /// ends as if nobody had decided in time.
    async fn without_queue(
        &self,
        call: &LiveCall,
        live: &mut Live,
        spec: &ReviewSpec,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let id = self.ids.review(now);
        let queue = spec.to.queue.clone();
        let requested =
            Requested { review: id.clone(), queue: queue.clone(), due: now, subject: None };
        self.apply(live, CallEvent::ReviewRequested(requested))?;
        self.apply(live, expired(&id, &queue, OnExpiry::Reject, None))?;
        live.write(&*self.ledger, &call.id, false);
        Ok(())
    }

    pub(crate) async fn opened(
        &self,
        call: &LiveCall,
        live: &Live,
        spec: &ReviewSpec,
        queue: &Queue,
        due: Millis,
    ) -> Result<Opened, Stop> {
        let of_queue = u8::try_from(queue.approvals).unwrap_or(u8::MAX);
        let approvals = spec.to.approvals.unwrap_or(1).max(of_queue);
        let mut excluded = spec.excluded.clone();
        for who in &queue.exclude {
            match who.as_str() {
                "caller_owner" => {
                    excluded.extend(self.owner(live).await?);
                    // Nobody decides on what they asked themselves. Without keys there are no
                    // callers, and everybody is the one local person.
                    let caller = &live.state.received.caller;
                    if self.workspace.load().gateway.callers.contains_key(caller) {
                        excluded.push(caller.clone());
                    }
                }
                name => excluded.push(name.to_owned()),
            }
        }
        Ok(Opened {
            call: call.id.clone(),
            generation: live.state.run,
            policy: live.policy.name.clone(),
            queue: spec.to.queue.clone(),
            kind: ReviewKind::Decision,
            reasons: spec.reasons.clone(),
            subject: live.state.subject().map(|subject| subject.digest),
            due,
            on_expiry: terminal(queue.on_expiry),
            priority: spec.to.priority,
            approvals,
            blind: spec.to.blind.unwrap_or(false) || queue.blind || approvals > 1,
            excluded,
            may_edit: self.may_edit(live, spec),
            show: spec.to.show.clone(),
            claim_ms: queue.claim_ms,
            undo_ms: queue.undo_ms,
            changes_left: live.policy.plan.budget.changes.saturating_sub(live.state.changes),
            sampled: None,
        })
    }

    /// By default all of an output may be edited and nothing of a tool call.
    fn may_edit(&self, live: &Live, spec: &ReviewSpec) -> Option<Vec<String>> {
        let tools = live.state.subject().and_then(|subject| live.answers.bytes(subject.digest));
        let answer = tools.and_then(|bytes| backstop_policy::Answer::from_bytes(&bytes).ok());
        match (&spec.to.may_edit, answer) {
            (Some(paths), _) => Some(paths.clone()),
            (None, Some(answer)) if answer.calls_tools() => Some(Vec::new()),
            (None, _) => None,
        }
    }

    /// Shows those who wait that a person decides.
    pub(crate) fn show_review(&self, call: &LiveCall, live: &Live) {
        let mut stages = live.stages;
        stages.total = live.started.elapsed();
        let snapshot = Snapshot {
            id: call.id.clone(),
            state: live.state.clone(),
            answer: None,
            provided: None,
            stages,
            on_disk: true,
        };
        call.shown.send_replace(Shown::InReview(Arc::new(snapshot)));
    }

    /// Blind audits of an accepted answer, to be written with its end.
    pub(crate) async fn audits(
        &self,
        call: &LiveCall,
        live: &Live,
        ended: &Ended,
    ) -> Result<Vec<Append>, Stop> {
        let now = self.clock.now();
        let workspace = self.workspace.load();
        let mut appends = Vec::new();
        for name in &ended.audits {
            let Some(queue) = workspace.gateway.queues.get(name) else { continue };
            let spec = ReviewSpec {
                to: backstop_domain::Escalation::to(name.clone()),
                reasons: vec![Reason {
                    by: "audit".to_owned(),
                    text: "drawn by chance".to_owned(),
                }],
                excluded: Vec::new(),
            };
            let due = due_at(&workspace.gateway, queue, now, None);
            let opened = self.opened(call, live, &spec, queue, due).await?;
            let opened = Opened { kind: ReviewKind::Audit, undo_ms: 0, changes_left: 0, ..opened };
            let id = self.ids.review(now);
            let event = ReviewEvent::ReviewOpened(opened);
            let event = review_event(&self.ids, now, Actor::system("engine"), live, event);
            let stream = Stream::review(&id);
            appends.push(Append { stream, expected_seq: 0, after: None, events: vec![event] });
            self.look_later(id, name, now, 0, due);
        }
        Ok(appends)
    }
}

/// What the due time says to the call, or a queue that takes nothing in, which says why.
pub(crate) fn expired(
    review: &ReviewId,
    queue: &str,
    action: OnExpiry,
    reason: Option<String>,
) -> CallEvent {
    CallEvent::ReviewResolved(Resolved {
        review: review.clone(),
        queue: queue.to_owned(),
        resolution: Resolution::Expired { action },
        by: Vec::new(),
        reason,
        undo_until: None,
    })
}

/// When a review is due, in the queue's opening hours; a held one stays for its bounded time more.
pub(crate) fn due_at(gateway: &Gateway, queue: &Queue, now: Millis, own_ms: Option<u64>) -> Millis {
    let due_ms = own_ms.unwrap_or(queue.due_ms);
    let hours = queue.hours.as_ref().and_then(|name| gateway.hours.get(name));
    let due = hours.map_or_else(|| now.plus(due_ms), |hours| hours.due_at(now, due_ms));
    match queue.on_expiry {
        Expiry::Hold { at_most_ms, .. } => due.plus(at_most_ms),
        _ => due,
    }
}

/// What becomes of a review at last.
const fn terminal(expiry: Expiry) -> OnExpiry {
    match expiry {
        Expiry::Reject | Expiry::Hold { then: HoldEnd::Reject, .. } => OnExpiry::Reject,
        Expiry::Fallback | Expiry::Hold { then: HoldEnd::Fallback, .. } => OnExpiry::Fallback,
        Expiry::Approve | Expiry::Hold { then: HoldEnd::Approve, .. } => OnExpiry::Approve,
    }
}
