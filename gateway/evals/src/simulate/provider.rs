//! A simulated model: answers the policy's example, as the weather has it.

use std::sync::Arc;
use std::time::Duration;

use backstop_domain::FailureClass;
use backstop_upstream::simulated::{from_body, refused};
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, Clock, Failure, Model, Settle, Timer, Timing,
};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::reply::Reply;
use super::scenario::Weather;

/// What a fair answer takes, as a median, in milliseconds.
const USUAL_MS: f64 = 600.0;
/// How far answers scatter around it: the deviation of the logarithm.
const SCATTER: f64 = 0.4;
/// Between two pieces of an answer that drips.
const DRIP: Duration = Duration::from_secs(5);

/// When what happens: the same for all models of a simulation.
pub(super) struct Sky {
    pub clock: Arc<dyn Clock>,
    /// Requests that one model carries at a time before it answers 429; `None`: any number.
    pub capacity: Option<usize>,
    dice: Mutex<SmallRng>,
}

impl Sky {
    pub fn new(clock: Arc<dyn Clock>, capacity: Option<usize>, seed: u64) -> Self {
        Self { clock, capacity, dice: Mutex::new(SmallRng::seed_from_u64(seed)) }
    }

    fn chance(&self) -> f64 {
        self.dice.lock().random_range(0.0..1.0)
    }

    /// Log-normal: twelve draws added up are near enough to normal.
    fn usual_ms(&self, slower: f64) -> f64 {
        let normal = (0..12).map(|_| self.chance()).sum::<f64>() - 6.0;
        USUAL_MS * slower * (SCATTER * normal).exp()
    }
}

/// One model.
pub(super) struct Provider {
    pub sky: Arc<Sky>,
    pub reply: Arc<Reply>,
    /// The weather over this model, set from outside as time goes by.
    pub weather: Arc<Mutex<Weather>>,
    pub busy: Arc<Mutex<usize>>,
}

/// Counts a request as long as it is under way.
struct Busy(Arc<Mutex<usize>>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut busy = self.0.lock();
        *busy = busy.saturating_sub(1);
    }
}

impl Model for Provider {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        Box::pin(self.answer(request))
    }
}

impl Provider {
    async fn answer(&self, request: &AskRequest) -> AttemptResult {
        let under_way = {
            let mut busy = self.busy.lock();
            *busy += 1;
            *busy
        };
        let _busy = Busy(Arc::clone(&self.busy));
        if self.sky.capacity.is_some_and(|most| under_way > most) {
            return self.error(429, "rate_limit_exceeded", Some(2_000), 20.0).await;
        }
        let weather = *self.weather.lock();
        match weather {
            Weather::Fair => self.fair(request, 1.0, false).await,
            Weather::Away => {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let failure = Failure::new(FailureClass::Transport, "no connection");
                AttemptResult::Failed(Failure { sent: false, settle: Settle::Nothing, ..failure })
            }
            Weather::Down => self.error(503, "overloaded", None, 30.0).await,
            Weather::BrownOut { share, .. } if self.sky.chance() < share => {
                let late = self.sky.usual_ms(1.0);
                self.error(503, "overloaded", None, late).await
            }
            Weather::BrownOut { slower, .. } => self.fair(request, slower, false).await,
            Weather::Drip => self.drip(request).await,
            Weather::Throttling { says_s } => {
                self.error(429, "rate_limit_exceeded", Some(says_s * 1_000), 20.0).await
            }
            Weather::NoQuota => self.error(429, "insufficient_quota", None, 20.0).await,
            Weather::Garbage { share } => {
                let broken = self.sky.chance() < share;
                self.fair(request, 1.0, broken).await
            }
        }
    }

    /// A good answer, or a broken one, unless a timer of the attempt is over before it comes.
    async fn fair(&self, request: &AskRequest, slower: f64, broken: bool) -> AttemptResult {
        let wanted = millis(self.sky.usual_ms(slower));
        let (longest, timer) = self.longest(request);
        tokio::time::sleep(wanted.min(longest)).await;
        if wanted > longest {
            return late(timer, longest, None);
        }
        let body = self.reply.completion(&request.body, broken);
        within(from_body(body), wanted)
    }

    /// The first byte comes, and a piece every few seconds: only the whole has an end.
    async fn drip(&self, request: &AskRequest) -> AttemptResult {
        let left = request.deadline.since(self.sky.clock.now());
        let whole = request.timeouts.total.unwrap_or(Duration::MAX).min(millis(left as f64));
        let first = DRIP / 10;
        let idle = request.timeouts.idle < DRIP;
        let longest = if idle { whole.min(first + request.timeouts.idle) } else { whole };
        tokio::time::sleep(longest).await;
        let timer = if idle && longest < whole { Timer::Idle } else { Timer::Total };
        late(timer, longest, Some(first))
    }

    async fn error(&self, status: u16, code: &str, wait_ms: Option<u64>, ms: f64) -> AttemptResult {
        let took = millis(ms);
        tokio::time::sleep(took).await;
        let timing = timing(took, Some(took));
        refused(status, Some(code), Some("simulated"), wait_ms, timing, self.sky.clock.now())
    }

    /// The first timer that ends the attempt if no byte comes.
    fn longest(&self, request: &AskRequest) -> (Duration, Timer) {
        let left = millis(request.deadline.since(self.sky.clock.now()) as f64);
        let whole = request.timeouts.total.unwrap_or(Duration::MAX).min(left);
        match request.timeouts.first_byte {
            first if first < whole => (first, Timer::FirstByte),
            _ => (whole, Timer::Total),
        }
    }
}

fn late(timer: Timer, took: Duration, first: Option<Duration>) -> AttemptResult {
    let failure = Failure::new(FailureClass::Timeout, "simulated: no answer in time");
    AttemptResult::Failed(Failure { timer: Some(timer), timing: timing(took, first), ..failure })
}

fn within(result: AttemptResult, took: Duration) -> AttemptResult {
    match result {
        AttemptResult::Answered(mut answer) => {
            answer.timing = timing(took, Some(took));
            AttemptResult::Answered(answer)
        }
        failed @ AttemptResult::Failed(_) => failed,
    }
}

fn timing(total: Duration, first: Option<Duration>) -> Timing {
    let ms = |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    Timing { first_byte_ms: first.map(ms), total_ms: ms(total) }
}

fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64((ms / 1_000.0).clamp(0.0, 1e9))
}

/// A service that finds nothing, after some milliseconds.
pub(super) struct Calm;

impl backstop_upstream::Service for Calm {
    fn score<'a>(
        &'a self,
        _: &'a [String],
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<backstop_upstream::Score, String>> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(backstop_upstream::Score { score: Some(0.0), found: Vec::<Value>::new() })
        })
    }
}

/// What a judge is made to say.
pub(super) fn judged() -> Value {
    json!({ "score": 1.0, "reason": "simulated" })
}
