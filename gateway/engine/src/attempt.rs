//! One attempt: pass the guards, write that it starts, ask, write how it ended.
//!
//! The only place that asks a model. Answers, repairs, votes and judges all come through here, so
//! one budget, one record and one set of guards cover them. Beginning and ending touch the call;
//! asking does not, so several attempts of one call can be under way side by side.

use std::{sync::Arc, time::Duration};

use backstop_domain::{
    AttemptEnded, AttemptResult, AttemptStarted, CallEvent, Criticality, FailureClass, MicroMoney,
    Millis, Purpose, Usage, call::Attempt, guard::Amounts,
};
use backstop_policy::Answer;
use backstop_upstream::{
    Answer as Provided, AskRequest, Asker, AttemptResult as Result_, Blocked, Failure, Permit,
    Purpose as GatePurpose, Rating, Settle, Timer, Wish,
};
use serde_json::Value;

use crate::{
    engine::Inner,
    live::{Live, LiveCall, Stop},
    models::{Models, Upstream},
};

/// What a model may be late by its own timer, in milliseconds, before the engine ends the attempt.
const GRACE_MS: u64 = 50;

/// What to ask, and what for.
#[derive(Clone)]
pub(crate) struct Asking {
    /// Name of the model.
    pub model: String,
    /// What for.
    pub purpose: Purpose,
    /// The chat completion body.
    pub body: Value,
    /// Which of several independent answers this is, from 0.
    pub sample: u32,
}

/// An attempt that is written down and may be sent.
pub(crate) struct Begun {
    number: u32,
    model: String,
    upstream: Upstream,
    permit: Permit,
    request: AskRequest,
    reserved: (Usage, MicroMoney),
}

impl Begun {
    /// The attempt's number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// After how long it is asked a second time, and what then; `None`: it is not.
    pub fn hedge(&self) -> Option<(Duration, Asking)> {
        let after = self.upstream.gate.hedge_after()?;
        let (model, body, sample) = (self.model.clone(), self.request.body.clone(), 0);
        Some((after, Asking { model, purpose: Purpose::Hedge, body, sample }))
    }

    /// What it comes to if another one answers first.
    pub fn given_up(&self) -> GivenUp {
        let (number, model) = (self.number, self.model.clone());
        GivenUp { number, model, reserved: self.reserved, since: crate::stages::stopwatch() }
    }
}

/// An attempt that may be given up because another one answers first.
pub(crate) struct GivenUp {
    number: u32,
    model: String,
    reserved: (Usage, MicroMoney),
    since: tokio::time::Instant,
}

impl GivenUp {
    /// Its end, since attempt `other` answered. What it took is not known, so what was reserved
    /// for it is charged.
    pub fn over(self, other: u32) -> Over {
        let message = format!("given up: attempt {other} answered first");
        let failure = Failure::new(FailureClass::Interrupted, message);
        Over {
            number: self.number,
            model: self.model,
            reserved: self.reserved,
            result: Result_::Failed(failure),
            until: None,
            took: self.since.elapsed(),
            rating: None,
        }
    }
}

/// An attempt that is over and not written down yet.
pub(crate) struct Over {
    number: u32,
    model: String,
    reserved: (Usage, MicroMoney),
    result: Result_,
    /// Until when the model's gate holds everybody: to retry before that is to be held back.
    until: Option<Millis>,
    took: Duration,
    /// What the model's quality breaker waits to hear of an answer.
    rating: Option<Rating>,
}

impl Over {
    /// The attempt's number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The model that was asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What came, if it is an answer.
    pub fn answer(&self) -> Option<&Provided> {
        self.result.answer()
    }
}

impl Inner {
    /// Passes the model's guards and writes that the attempt starts. `Err(Blocked)` leaves no
    /// trace: the caller knows what it means for the call.
    ///
    /// # Errors
    /// [`Stop`] if it cannot be written down.
    pub(crate) async fn begin(
        &self,
        call: &LiveCall,
        live: &mut Live,
        asking: Asking,
    ) -> Result<Result<Begun, Blocked>, Stop> {
        let Some(upstream) = self.models.get(&asking.model) else {
            return Ok(Err(Models::unknown(&asking.model)));
        };
        if let Some(paused) = self.paused_model(&asking.model) {
            return Ok(Err(paused));
        }
        let reserved = estimate(live, &asking);
        let passed = self.pass_gate(live, &asking, &upstream, reserved);
        self.changes.take(upstream.gate.take_changes());
        let permit = match passed {
            Ok(permit) => permit,
            Err(blocked) => return Ok(Err(*blocked)),
        };
        let number = self.started(call, live, &asking, reserved).await?;
        let model = asking.model.clone();
        let request = self.ask_request(live, asking, &upstream);
        Ok(Ok(Begun { number, model, upstream, permit, request, reserved }))
    }

    /// Asks. `None`: the call was cancelled meanwhile.
    pub(crate) async fn send(&self, call: &LiveCall, begun: Begun) -> Option<Over> {
        let sent = crate::stages::stopwatch();
        let result = tokio::select! {
            biased;
            () = call.cancelled.cancelled() => return None,
            result = begun.upstream.model.ask(&begun.request) => result,
            () = tokio::time::sleep(self.longest(&begun.request)) => overdue(),
        };
        let rating = begun.permit.settle(&result);
        self.changes.take(begun.upstream.gate.take_changes());
        let until = begun.upstream.gate.not_before();
        let Begun { number, model, reserved, .. } = begun;
        Some(Over { number, model, reserved, result, until, took: sent.elapsed(), rating })
    }

    /// How long an attempt is waited for at most: models keep the deadline themselves, and say
    /// more about it, but a call never hangs on one that does not.
    fn longest(&self, request: &AskRequest) -> Duration {
        Duration::from_millis(request.deadline.since(self.clock.now()).saturating_add(GRACE_MS))
    }

    /// Writes how it ended; the attempt's number if an answer came, else why not.
    ///
    /// # Errors
    /// [`Stop`] if the machine refuses it.
    pub(crate) fn end(&self, live: &mut Live, over: Over) -> Result<Result<u32, String>, Stop> {
        let attempt = over.number;
        let settle = over.result.settle();
        let (result, counted) = match over.result {
            Result_::Answered(answer) => self.answered(live, attempt, *answer),
            Result_::Failed(failure) => (self.failed(live, failure, over.until), None),
        };
        let said = match &result {
            AttemptResult::Answered { .. } => {
                live.answers.keep_rating(attempt, over.rating);
                Ok(attempt)
            }
            AttemptResult::Failed { message, .. } => Err(message.clone()),
        };
        let usage = match settle {
            Settle::Actual => counted.unwrap_or(over.reserved.0),
            Settle::Estimate => over.reserved.0,
            Settle::Half => Usage { input: over.reserved.0.input / 2, cached: 0, output: 0 },
            Settle::RequestOnly | Settle::Nothing => Usage::default(),
        };
        let cost = price(live, &over.model, usage);
        let class = match &result {
            AttemptResult::Answered { .. } => "none",
            AttemptResult::Failed { class, .. } => class.name(),
        };
        let purpose = live.purpose_of(attempt);
        crate::seen::attempt(&over.model, purpose, class, over.took.as_secs_f64());
        let took_ms = u64::try_from(over.took.as_millis()).unwrap_or(u64::MAX);
        let event = AttemptEnded { attempt, result, took_ms, usage, cost };
        self.apply(live, CallEvent::AttemptEnded(event))?;
        Ok(said)
    }

    /// Asks the model's guards for leave. A permit that is never settled is given back a minute
    /// after the deadline.
    fn pass_gate(
        &self,
        live: &Live,
        asking: &Asking,
        upstream: &Upstream,
        (usage, cost): (Usage, MicroMoney),
    ) -> Result<Permit, Box<Blocked>> {
        // What our own stop cut off is no retry: after a crash every call in flight is asked again.
        let again = live.state.attempts.iter().any(|attempt| {
            attempt.started.model == asking.model
                && attempt.started.purpose.is_answer()
                && !is_cut_off(attempt)
        });
        let retries = again && asking.purpose == Purpose::Answer;
        let purpose = match (retries, live.state.received.criticality) {
            _ if asking.purpose == Purpose::Hedge => GatePurpose::Hedge,
            (false, _) => GatePurpose::First,
            (true, Criticality::Sheddable) => GatePurpose::SheddableRetry,
            (true, _) => GatePurpose::Retry,
        };
        let hold_ms = live.state.deadline.since(self.clock.now()).saturating_add(60_000);
        let amounts = Amounts { requests: 1, tokens: usage.total(), cost };
        // Votes and judges are not judged themselves.
        let asker = Asker { policy: &live.policy.name, revision: live.policy.plan.revision };
        let asker = asking.purpose.is_answer().then_some(asker);
        let plan = &live.policy.plan;
        let place = plan.model_index(&asking.model);
        let class = live.state.received.criticality;
        let spares_probes = class == Criticality::Critical
            && place.is_some_and(|place| place + 1 < plan.models.len());
        let estimate = amounts;
        let first = !live.state.attempts.iter().any(|one| one.started.purpose.is_answer());
        let end = Millis(live.state.deadline.0.saturating_sub(plan.reserve_ms));
        let left = end.since(self.clock.now());
        let left_ms = (asking.purpose.is_answer() && !first).then_some(left);
        let wish = Wish { estimate, purpose, class, hold_ms, asker, left_ms, spares_probes };
        upstream.gate.acquire(wish)
    }

    async fn started(
        &self,
        call: &LiveCall,
        live: &mut Live,
        asking: &Asking,
        (estimate, cost): (Usage, MicroMoney),
    ) -> Result<u32, Stop> {
        let number = u32::try_from(live.state.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
        // A JSON value: writing it to memory cannot fail.
        let request = live.body(serde_json::to_vec(&asking.body).unwrap_or_default());
        self.apply(
            live,
            CallEvent::AttemptStarted(AttemptStarted {
                attempt: number,
                model: asking.model.clone(),
                purpose: asking.purpose,
                request,
                estimate,
                cost,
            }),
        )?;
        // Where asking already acts, the attempt must be on disk before it is sent.
        let acts = !live.policy.plan.repeatable;
        live.write(&*self.ledger, &call.id, acts);
        if acts {
            live.on_disk().await?;
        }
        Ok(number)
    }

    fn ask_request(&self, live: &Live, asking: Asking, upstream: &Upstream) -> AskRequest {
        let deadline = self.ends_by(live, &asking);
        let same = |attempt: &&backstop_domain::call::Attempt| {
            attempt.started.model == asking.model && attempt.started.purpose == asking.purpose
        };
        let before = live.state.attempts.iter().filter(same).count().saturating_sub(1);
        let turn = u32::try_from(before).unwrap_or(u32::MAX);
        let turn = if asking.purpose == Purpose::Answer { turn } else { 0 };
        AskRequest {
            body: asking.body,
            timeouts: upstream.timeouts,
            deadline,
            traceparent: live.traceparent.clone(),
            sample: asking.sample,
            turn,
        }
    }

    /// Keeps an answer in the provider's bytes and in our form.
    fn answered(
        &self,
        live: &mut Live,
        attempt: u32,
        provided: Provided,
    ) -> (AttemptResult, Option<Usage>) {
        let raw = live.body(provided.raw.to_vec());
        let usage = provided.usage;
        let answer = match Answer::from_completion(&provided.body) {
            Ok(answer) => answer,
            Err(error) => {
                let failure = Failure::new(FailureClass::Transport, error.to_string());
                return (self.failed(live, failure, None), usage);
            }
        };
        let finish = answer.choices.first().and_then(|choice| choice.finish.clone());
        let bytes = answer.to_bytes();
        let digest = live.body(bytes.clone());
        live.answers.keep(digest, bytes);
        live.answers.keep_provided(attempt, Arc::new(provided));
        (AttemptResult::Answered { raw, answer: digest, finish }, usage)
    }

    fn failed(&self, live: &mut Live, failure: Failure, held: Option<Millis>) -> AttemptResult {
        let until = failure.until(self.clock.now()).max(held);
        let raw = (!failure.raw.is_empty()).then(|| live.body(failure.raw));
        AttemptResult::Failed {
            class: failure.class,
            message: failure.message,
            status: failure.status,
            until,
            raw,
        }
    }
}

/// Whether our own stop cut the attempt off.
fn is_cut_off(attempt: &Attempt) -> bool {
    let result = attempt.ended.as_ref().map(|ended| &ended.result);
    matches!(result, Some(AttemptResult::Failed { class: FailureClass::Interrupted, .. }))
}

/// What it comes to when a model kept no deadline.
fn overdue() -> Result_ {
    let failure = Failure::new(FailureClass::Timeout, "no answer before the call's deadline");
    Result_::Failed(Failure { timer: Some(Timer::Total), ..failure })
}

/// What one request is expected to take: prompt and answer, each at most.
fn estimate(live: &Live, asking: &Asking) -> (Usage, MicroMoney) {
    let usage = crate::estimate::usage(&asking.body, live.policy.model(&asking.model));
    (usage, price(live, &asking.model, usage))
}

fn price(live: &Live, model: &str, usage: Usage) -> MicroMoney {
    let price = live.policy.model(model).and_then(|model| model.price);
    price.map_or(MicroMoney(0), |price| price.cost(usage))
}
