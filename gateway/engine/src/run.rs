//! The loop: ask the machine what is to be done, do it, record what happened, ask again.
//!
//! This is the whole engine; everything else carries out one kind of step.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use backstop_domain::{
    Actor, Ask, CallEvent, CallId, FailureClass, Finding, Millis, Phase, Purpose, Step, next,
};
use backstop_policy::{
    Answer,
    prompt::{Last, PromptError},
};
use backstop_upstream::Blocked;
use futures_util::FutureExt;
use serde_json::Value;

use crate::{
    attempt::Asking,
    engine::Inner,
    live::{Live, LiveCall, Shown, Stop, until},
};

/// How long a call rests that could not be written down for a reason that may pass.
const WHILE: std::time::Duration = std::time::Duration::from_secs(1);

/// Whether the loop goes on.
enum Then {
    /// At once.
    On,
    /// After that time, or when a person moves the call on.
    Sleep(Duration),
    /// A person, or the due time, starts it again; or it is over.
    Rest,
}

/// The answer that a repair sends back, and what was found in it.
pub(crate) struct LastAnswer {
    answer: Option<Answer>,
    findings: Vec<Finding>,
}

impl LastAnswer {
    /// As the policy's prompt takes it.
    pub fn view(&self) -> Last<'_> {
        Last { answer: self.answer.as_ref(), findings: &self.findings }
    }
}

impl Inner {
    /// Carries a call on until it ends, rests with a person, or cannot be written down. A panic on
    /// the way is a fault of ours: the call is carried on from disk, once.
    pub(crate) async fn run(self: Arc<Self>, call: Arc<LiveCall>) {
        // No hold of our own: whoever lets go of the call must be able to see that nobody has it.
        let known = Arc::downgrade(&call);
        let carried = Arc::clone(&self).steps(call);
        if AssertUnwindSafe(carried).catch_unwind().await.is_err()
            && let Some(call) = known.upgrade()
        {
            let first = self.panicked.lock().insert(call.id.clone());
            self.broken(&call, &Stop::Panicked { first });
        }
    }

    async fn steps(self: Arc<Self>, call: Arc<LiveCall>) {
        loop {
            let then = {
                let mut live = call.cell.lock().await;
                if call.cancelled.is_cancelled() {
                    live.running = false;
                    return;
                }
                let then = self.step(&call, &mut live).await;
                live.running = matches!(then, Ok(Then::On | Then::Sleep(_)));
                then
            };
            match then {
                Ok(Then::On) => {}
                Ok(Then::Rest) => return self.park(call),
                Ok(Then::Sleep(time)) => {
                    // In order, here and wherever the engine waits for several things, so that a
                    // simulated life can be lived again.
                    tokio::select! {
                        biased;
                        () = self.tasks.draining() => return self.lay_down(&call).await,
                        () = call.cancelled.cancelled() => {}
                        () = call.woken.notified() => {}
                        () = tokio::time::sleep(time) => {}
                    }
                }
                Err(stop) => return self.broken(&call, &stop),
            }
        }
    }

    /// Has the call run on. At most one task runs it: one that sleeps is woken. To be called by
    /// whoever holds the call.
    pub(crate) fn go_on(self: &Arc<Self>, call: &Arc<LiveCall>, live: &mut Live) {
        if live.running {
            call.woken.notify_one();
        } else {
            live.running = true;
            self.tasks.start(Arc::clone(self).run(Arc::clone(call)));
        }
    }

    /// The gateway stops while the call waits for a time: it goes on from disk at the next start.
    async fn lay_down(self: &Arc<Self>, call: &LiveCall) {
        let mut live = call.cell.lock().await;
        live.running = false;
        live.write(&*self.ledger, &call.id, true);
        match live.on_disk().await {
            Ok(()) => drop(call.shown.send_replace(Shown::Parked)),
            Err(stop) => self.broken(call, &stop),
        }
    }

    /// One step of the machine.
    async fn step(&self, call: &LiveCall, live: &mut Live) -> Result<Then, Stop> {
        live.stages.people +=
            live.rests_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        match next(&live.policy.plan, &live.state) {
            Step::Record(event) => self.record(call, live, *event).await?,
            Step::JudgeRequest => return self.judge_request(call, live).await.map(then),
            Step::LookInCache => self.look_in_cache(live)?,
            Step::Ask(ask) => return self.ask(call, live, ask).await,
            Step::Judge(subject) => return self.judge(call, live, subject).await.map(then),
            Step::Mask { subject, checks } => self.mask(live, subject, &checks).await?,
            Step::TakeFallback => self.take_fallback(live)?,
            Step::OpenReview(review) => {
                self.open_review(call, live, review).await?;
            }
            Step::Sleep { until: when, then } => {
                let now = self.clock.now();
                if when > now {
                    live.write(&*self.ledger, &call.id, false);
                    if matches!(live.state.phase, Phase::Waiting { .. }) {
                        live.stages.queue += until(now, when);
                    } else {
                        live.rests_since = Some(crate::stages::stopwatch());
                    }
                    return Ok(Then::Sleep(until(now, when)));
                }
                self.record(call, live, *then).await?;
            }
            Step::AwaitReview => {
                live.rests_since = Some(crate::stages::stopwatch());
                return Ok(Then::Rest);
            }
            Step::Done => {
                self.finish(call, live).await?;
                return Ok(Then::Rest);
            }
        }
        Ok(Then::On)
    }

    /// Asks a model for an answer or a repair.
    async fn ask(&self, call: &LiveCall, live: &mut Live, ask: Ask) -> Result<Then, Stop> {
        let now = self.clock.now();
        if now.plus(live.policy.plan.reserve_ms) >= live.state.deadline {
            let reason = "the deadline leaves no time for another attempt";
            return self.blocked(live, &ask.model, FailureClass::Timeout, None, reason);
        }
        if let Err(reason) = self.place_for_model(live) {
            return self.blocked(live, &ask.model, FailureClass::Shed, None, &reason);
        }
        let body = match self.rendered(live, &ask).await? {
            Ok(body) => body,
            Err(error) => {
                let class = FailureClass::InvalidRequest;
                return self.blocked(live, &ask.model, class, None, &error.to_string());
            }
        };
        let asking = Asking { model: ask.model.clone(), purpose: ask.purpose, body, sample: 0 };
        let begun = match self.begin(call, live, asking).await? {
            Ok(begun) => begun,
            Err(no) => {
                let class = class_of(live, &no);
                return self.blocked(live, &ask.model, class, no.until, &no.which);
            }
        };
        let sent = crate::stages::stopwatch();
        let over = self.send_or_hedge(call, live, begun).await;
        live.stages.model += sent.elapsed();
        let Some(over) = over? else { return Ok(Then::Rest) };
        for over in over {
            // Why it failed stands in the event, where the machine reads it.
            let _said = self.end(live, over)?;
        }
        Ok(Then::On)
    }

    /// The request for that ask; the call's first one was rendered at the door already.
    async fn rendered(
        &self,
        live: &mut Live,
        ask: &Ask,
    ) -> Result<Result<Value, PromptError>, Stop> {
        if let Some((_, body)) = live.rendered.take_if(|(first, _)| first == ask)
            && live.state.attempts.is_empty()
        {
            return Ok(Ok(body));
        }
        self.progress(live);
        let last = self.last(live, ask).await?;
        let view = last.as_ref().map(LastAnswer::view);
        Ok(live.policy.request(&live.facts, ask, view))
    }

    /// What a repair sends back: the answer on the table and what was found in it.
    pub(crate) async fn last(
        &self,
        live: &mut Live,
        ask: &Ask,
    ) -> Result<Option<LastAnswer>, Stop> {
        if ask.purpose != Purpose::Repair {
            return Ok(None);
        }
        let Some(judged) = live.state.judged.clone() else { return Ok(None) };
        let bytes = self.answer_bytes(live, judged.subject.digest).await?;
        let answer = Answer::from_bytes(&bytes).ok();
        Ok(Some(LastAnswer { answer, findings: judged.findings }))
    }

    fn blocked(
        &self,
        live: &mut Live,
        model: &str,
        class: FailureClass,
        until: Option<Millis>,
        reason: &str,
    ) -> Result<Then, Stop> {
        let (model, reason) = (model.to_owned(), reason.to_owned());
        self.apply(live, CallEvent::AttemptBlocked { model, class, until, reason })?;
        Ok(Then::On)
    }

    /// Folds an event of the gateway's own and keeps it for the next write.
    pub(crate) fn apply(&self, live: &mut Live, event: CallEvent) -> Result<(), Stop> {
        let actor = Actor::system("engine");
        Ok(live.apply(&self.ids, self.clock.now(), actor, event)?)
    }

    /// Nothing more can be written of this call now, so nothing more is said of it. It stays open
    /// on disk; what may pass is tried again from there, and everything else by the next start.
    pub(crate) fn broken(self: &Arc<Self>, call: &LiveCall, stop: &Stop) {
        tracing::error!(call = %call.id, error = %stop, "the call cannot be written down");
        // Forgotten before it is told: who was told so finds no trace of it.
        self.forget(call);
        call.shown.send_replace(Shown::Broken(stop.to_string()));
        if stop.may_pass() && self.ledger.is_healthy() {
            self.tasks.start(Arc::clone(self).start_over(call.id.clone()));
        }
    }

    /// Carries a call on from disk, after a while.
    pub(crate) async fn start_over(self: Arc<Self>, id: CallId) {
        tokio::select! {
            biased;
            () = self.tasks.draining() => return,
            () = tokio::time::sleep(WHILE) => {}
        }
        match self.resume(&id).await {
            Ok(Some(call)) => {
                let mut live = call.cell.lock().await;
                self.go_on(&call, &mut live);
            }
            // It ended, or never came to disk.
            Ok(None) => {}
            Err(error) => tracing::error!(call = %id, %error, "the call waits for a restart"),
        }
    }
}

/// The branch of what held a request back. A spent retry budget, or too little time for that model,
/// is no limit that waiting helps against: what was to be retried goes on down its own ladder, this
/// rung being spent.
fn class_of(live: &Live, no: &Blocked) -> FailureClass {
    let spent = no.class == FailureClass::Limit && no.refused.is_none();
    let retried = live.state.causes.last().and_then(|cause| cause.class);
    retried.filter(|_| spent).unwrap_or(no.class)
}

const fn then(cancelled: bool) -> Then {
    if cancelled { Then::Rest } else { Then::On }
}
