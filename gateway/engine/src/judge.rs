//! Judging, carried out: the policy judges, and says what it needs to have asked; we ask it.
//!
//! Services are asked side by side, and so are judges and votes. Whatever cannot be asked is told
//! to the judgement as an error in words, never left out.

use std::{sync::Arc, time::Duration};

use backstop_domain::{
    CallEvent, Judged, Purpose, Source, Subject,
    call::{affordable, verdict_on},
};
use backstop_policy::{
    Answer,
    judge::{Given, Judging, PaidAsk, PaidKind, PaidResult, ServiceScore, Vote},
};
use backstop_upstream::Answer as Provided;
use futures_util::future::join_all;
use serde_json::Value;

use crate::{
    attempt::{Asking, Begun},
    engine::Inner,
    live::{Live, LiveCall, Stop},
};

/// Whether the call was cancelled while something was asked.
type Cancelled = bool;

impl Inner {
    /// Runs the checks on the request and the `before` rules.
    pub(crate) async fn judge_request(
        &self,
        call: &LiveCall,
        live: &mut Live,
    ) -> Result<Cancelled, Stop> {
        let started = crate::stages::stopwatch();
        let asked = live.stages.model;
        let facts = Arc::clone(&live.facts);
        let mut judging = Judging::of_request(&facts);
        if self.pay(call, live, &mut judging).await? {
            return Ok(true);
        }
        let findings = judging.finish_request();
        live.stages.checks += started.elapsed().saturating_sub(live.stages.model - asked);
        self.apply(live, CallEvent::RequestJudged { findings })?;
        Ok(false)
    }

    /// Judges an answer, votes and judges included.
    pub(crate) async fn judge(
        &self,
        call: &LiveCall,
        live: &mut Live,
        subject: Subject,
    ) -> Result<Cancelled, Stop> {
        let started = crate::stages::stopwatch();
        let asked = live.stages.model;
        self.progress(live);
        let given = self.given(live, &subject).await?;
        let facts = Arc::clone(&live.facts);
        let before = live.state.request_findings.clone();
        let mut judging = Judging::of_answer(&facts, given, &before);
        self.hold_tools(call, live, &mut judging, subject.source);
        let plan = &live.policy.plan;
        let verdict = verdict_on(plan, &live.state, &judging.findings(), subject.source);
        if !Judging::is_paid_due(verdict) {
            judging.skip_paid();
        } else if self.pay(call, live, &mut judging).await? {
            return Ok(true);
        }
        let (judged, answer) = judging.finish();
        keep(live, &answer);
        live.stages.checks += started.elapsed().saturating_sub(live.stages.model - asked);
        self.apply(live, CallEvent::AnswerJudged(judged))?;
        Ok(false)
    }

    /// Judges what a person made of an answer. Nothing is asked for that: paid checks judge models.
    pub(crate) fn judge_person(
        &self,
        call: &LiveCall,
        live: &mut Live,
        answer: &Answer,
    ) -> (Judged, Answer) {
        self.progress(live);
        let given = Given::of(answer.clone(), Source::Human, None, None);
        let facts = Arc::clone(&live.facts);
        let before = live.state.request_findings.clone();
        let mut judging = Judging::of_answer(&facts, given, &before);
        self.hold_tools(call, live, &mut judging, Source::Human);
        if !judging.next_paid().is_empty() {
            judging.skip_paid();
        }
        judging.finish()
    }

    /// Holds what the answer takes of the limits on tools, or objects. A person may overrule that:
    /// then it counts all the same.
    fn hold_tools(&self, call: &LiveCall, live: &Live, judging: &mut Judging<'_>, source: Source) {
        let uses = judging.tool_uses();
        let policy = &live.policy.name;
        let Err(full) = self.tool_limits.hold(policy, &call.id, &uses) else { return };
        judging.deny_tool(&full.tool, &full.why);
        if source == Source::Human {
            self.tool_limits.hold_anyway(policy, &call.id, &uses);
        }
    }

    /// What conditions see of the call's own progress.
    pub(crate) fn progress(&self, live: &mut Live) {
        let (attempts, cost) = (live.state.used.attempts, live.state.cost());
        if let Some(facts) = Arc::get_mut(&mut live.facts) {
            facts.set_progress(attempts, cost);
        }
    }

    /// Asks everything that the judgement needs, round by round.
    async fn pay(
        &self,
        call: &LiveCall,
        live: &mut Live,
        judging: &mut Judging<'_>,
    ) -> Result<Cancelled, Stop> {
        loop {
            let asks = judging.next_paid();
            if asks.is_empty() {
                return Ok(false);
            }
            let (services, attempts): (Vec<_>, Vec<_>) =
                asks.into_iter().partition(|ask| matches!(ask.ask, PaidKind::Service { .. }));
            // What is asked may take long: the call is on its way to disk meanwhile.
            live.write(&*self.ledger, &call.id, false);
            let asked = crate::stages::stopwatch();
            let said = join_all(services.into_iter().map(|ask| self.serve(live, ask))).await;
            live.stages.model += asked.elapsed();
            for (id, result) in said {
                judging.take(id, result);
            }
            for ask in attempts {
                let Some(result) = self.ask_models(call, live, &ask).await? else {
                    return Ok(true);
                };
                judging.take(ask.id, result);
            }
        }
    }

    async fn serve(&self, live: &Live, ask: PaidAsk) -> (u32, Result<PaidResult, String>) {
        let PaidKind::Service { service, texts, kind } = &ask.ask else {
            return (ask.id, Err("it is no service".to_owned()));
        };
        let left = live.state.deadline.since(self.clock.now());
        let most = ask.timeout_ms.unwrap_or(left).min(left);
        let said = match self.services.get(service) {
            Some(found) => {
                let said = found.score(texts, kind, Duration::from_millis(most)).await;
                self.changes.take(found.take_changes());
                said
            }
            None => Err(format!("service `{service}` no longer stands in gateway.yaml")),
        };
        let said = said
            .map(|said| PaidResult::Service(ServiceScore { score: said.score, found: said.found }));
        (ask.id, said)
    }

    /// Votes and judges. `None`: the call was cancelled.
    async fn ask_models(
        &self,
        call: &LiveCall,
        live: &mut Live,
        ask: &PaidAsk,
    ) -> Result<Option<Result<PaidResult, String>>, Stop> {
        match &ask.ask {
            PaidKind::Judge { model, request } => {
                let body = request.clone();
                let said =
                    self.ask_side_by_side(call, live, model, Purpose::Judge, body, 1).await?;
                let Some(said) = said else { return Ok(None) };
                let first = said.and_then(|votes| {
                    votes.into_iter().next().ok_or_else(|| "the judge did not answer".to_owned())
                });
                Ok(Some(first.map(|vote| PaidResult::Judge(vote.answer))))
            }
            PaidKind::Votes { more, model } => {
                let Some(body) = self.own_request(live).await? else {
                    return Ok(Some(Err("the call's own request is gone".to_owned())));
                };
                let purpose = Purpose::Vote;
                let said = self.ask_side_by_side(call, live, model, purpose, body, *more).await?;
                Ok(said.map(|said| said.map(PaidResult::Votes)))
            }
            PaidKind::Service { .. } => Ok(Some(Err("it is a service".to_owned()))),
        }
    }

    /// Asks one model several times, only if all of them can be paid for.
    async fn ask_side_by_side(
        &self,
        call: &LiveCall,
        live: &mut Live,
        model: &str,
        purpose: Purpose,
        body: Value,
        times: u32,
    ) -> Result<Option<Result<Vec<Vote>, String>>, Stop> {
        let now = self.clock.now();
        if let Err(why) = affordable(&live.policy.plan, &live.state, model, times, now) {
            return Ok(Some(Err(format!("not asked: {}", crate::words::skip(why)))));
        }
        let mut begun: Vec<Begun> = Vec::new();
        let mut blocked = None;
        for sample in 1..=times {
            let sample = if purpose == Purpose::Vote { sample } else { 0 };
            let body = body.clone();
            let asking = Asking { model: model.to_owned(), purpose, body, sample };
            match self.begin(call, live, asking).await? {
                Ok(one) => begun.push(one),
                Err(no) => blocked = Some(no.which),
            }
        }
        let sent = crate::stages::stopwatch();
        let over = join_all(begun.into_iter().map(|one| self.send(call, one))).await;
        live.stages.model += sent.elapsed();
        let mut votes = Vec::new();
        let mut failed = blocked;
        for over in over {
            let Some(over) = over else { return Ok(None) };
            match self.end(live, over)? {
                Ok(attempt) => votes.extend(self.vote(live, attempt)),
                Err(why) => failed = Some(why),
            }
        }
        Ok(Some(match failed {
            Some(why) => Err(why),
            None => Ok(votes),
        }))
    }

    fn vote(&self, live: &Live, attempt: u32) -> Option<Vote> {
        let provided = live.answers.provided(attempt)?;
        let answer = Answer::from_completion(&provided.body).ok()?;
        Some(Vote { answer, attempt, raw: provided.body.clone() })
    }

    /// The request that gave the answer on the table, for further votes.
    async fn own_request(&self, live: &mut Live) -> Result<Option<Value>, Stop> {
        let Some(ask) = live.state.asked.clone() else { return Ok(None) };
        let last = self.last(live, &ask).await?;
        let view = last.as_ref().map(crate::run::LastAnswer::view);
        Ok(live.policy.request(&live.facts, &ask, view).ok())
    }

    /// The answer on the table, as judging takes it.
    async fn given(&self, live: &mut Live, subject: &Subject) -> Result<Given, Stop> {
        let bytes = self.answer_bytes(live, subject.digest).await?;
        let answer = Answer::from_bytes(&bytes).map_err(|error| Stop::Broken(error.to_string()))?;
        live.answers.keep(subject.digest, bytes);
        let (attempt, model) = (subject.attempt, subject.model.clone());
        let raw = match (subject.source, attempt) {
            (Source::Model, Some(attempt)) => self.provided(live, attempt, &answer).await?,
            _ => None,
        };
        Ok(Given { answer, source: subject.source, attempt, model, raw })
    }

    /// What the provider sent for an attempt, if the answer on the table is still that one:
    /// log-probabilities say nothing of a text that was masked since.
    async fn provided(
        &self,
        live: &Live,
        attempt: u32,
        answer: &Answer,
    ) -> Result<Option<Value>, Stop> {
        let body = match live.answers.provided(attempt) {
            Some(provided) => Some(provided.body.clone()),
            None => self.read_back(live, attempt).await?,
        };
        Ok(body.filter(|body| Answer::from_completion(body).is_ok_and(|own| own == *answer)))
    }

    /// After a restart: the provider's answer from the ledger.
    async fn read_back(&self, live: &Live, attempt: u32) -> Result<Option<Value>, Stop> {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let ended = live.state.attempts.get(index).and_then(|attempt| attempt.ended.as_ref());
        let Some(backstop_domain::AttemptResult::Answered { raw, .. }) =
            ended.map(|ended| &ended.result)
        else {
            return Ok(None);
        };
        let Some(bytes) = self.stored(*raw).await? else { return Ok(None) };
        Ok(serde_json::from_slice(&bytes)
            .ok()
            .and_then(|body: Value| Provided::read(bytes.into(), body, Default::default()).ok())
            .map(|provided| provided.body))
    }
}

/// Keeps the answer as it would be released.
fn keep(live: &mut Live, answer: &Answer) {
    let bytes = answer.to_bytes();
    let digest = live.body(bytes.clone());
    live.answers.keep(digest, bytes);
}
