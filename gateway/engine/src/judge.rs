//! Judging, carried out: the policy judges, and says what it needs to have asked; we ask it.
//!
//! Services are asked side by side, and so are judges and votes. Whatever cannot be asked is told
//! to the judgement as an error in words, never left out.

use std::{borrow::Cow, sync::Arc, time::Duration};

use backstop_domain::{
    Basis, CallEvent, FailureClass, FullLimit, Judged, Paid, Purpose, Source, Status, Subject,
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
        self.progress(live);
        let facts = Arc::clone(&live.facts);
        let mut judging = Judging::of_request(&facts);
        let Some(paid) = self.pay(call, live, &mut judging).await? else { return Ok(true) };
        let findings = judging.finish_request();
        let basis = Basis { paid, drawn: facts.take_drawn(), full: None };
        live.stages.checks += started.elapsed().saturating_sub(live.stages.model - asked);
        self.apply(live, CallEvent::RequestJudged { findings, basis })?;
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
        let sent = self.sent(live, &subject).await?;
        let given = self.given(live, &subject, sent.as_ref()).await?;
        let facts = Arc::clone(&live.facts);
        let before = live.state.request_findings.clone();
        let mut judging = Judging::of_answer(&facts, given, &before);
        let full = self.hold_tools(call, live, &mut judging, subject.source);
        let plan = &live.policy.plan;
        let verdict = verdict_on(plan, &live.state, &judging.findings(), subject.source);
        let mut paid = Vec::new();
        if Judging::is_paid_due(verdict) {
            let Some(brought) = self.pay(call, live, &mut judging).await? else { return Ok(true) };
            paid = brought;
        } else {
            judging.skip_paid();
        }
        let (mut judged, answer) = judging.finish();
        (judged.basis.paid, judged.basis.full) = (paid, full);
        self.rate(live, &judged);
        // As it was given, it is kept already.
        if judged.subject.digest != subject.digest {
            keep(live, &answer);
        }
        live.stages.checks += started.elapsed().saturating_sub(live.stages.model - asked);
        self.apply(live, CallEvent::AnswerJudged(judged))?;
        Ok(false)
    }

    /// Tells the quality breaker of the model what its answer was worth to this policy.
    fn rate(&self, live: &mut Live, judged: &Judged) {
        let attempt = judged.subject.attempt.filter(|_| judged.subject.source == Source::Model);
        let Some(rating) = attempt.and_then(|attempt| live.answers.take_rating(attempt)) else {
            return;
        };
        if let Some(bad) = is_bad(judged) {
            self.changes.take(rating.rate(bad));
        }
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
        let full = self.hold_tools(call, live, &mut judging, Source::Human);
        if !judging.next_paid().is_empty() {
            judging.skip_paid();
        }
        let (mut judged, answer) = judging.finish();
        judged.basis.full = full;
        (judged, answer)
    }

    /// Holds what the answer takes of the limits on tools, or objects. A person may overrule that:
    /// then it counts all the same.
    fn hold_tools(
        &self,
        call: &LiveCall,
        live: &Live,
        judging: &mut Judging<'_>,
        source: Source,
    ) -> Option<FullLimit> {
        let uses = judging.tool_uses();
        let policy = &live.policy.name;
        let full = self.tool_limits.hold(policy, &call.id, &uses).err()?;
        judging.deny_tool(&full.tool, &full.why);
        if source == Source::Human {
            self.tool_limits.hold_anyway(policy, &call.id, &uses);
        }
        Some(full)
    }

    /// What conditions see of the call's own progress.
    pub(crate) fn progress(&self, live: &mut Live) {
        let (attempts, cost) = (live.state.used.attempts, live.state.cost());
        if let Some(facts) = Arc::get_mut(&mut live.facts) {
            facts.set_progress(attempts, cost);
        }
    }

    /// Asks everything that the judgement needs, round by round, and says what was brought.
    /// `None`: the call was cancelled.
    async fn pay(
        &self,
        call: &LiveCall,
        live: &mut Live,
        judging: &mut Judging<'_>,
    ) -> Result<Option<Vec<Paid>>, Stop> {
        let mut paid = Vec::new();
        loop {
            let asks = judging.next_paid();
            if asks.is_empty() {
                return Ok(Some(paid));
            }
            let (services, attempts): (Vec<_>, Vec<_>) =
                asks.into_iter().partition(|ask| ask.ask.is_service());
            // What is asked may take long: the call is on its way to disk meanwhile.
            live.write(&*self.ledger, &call.id, false);
            let asked = crate::stages::stopwatch();
            let said = join_all(services.iter().map(|ask| self.serve(live, ask))).await;
            live.stages.model += asked.elapsed();
            for (ask, said) in services.iter().zip(said) {
                let mut told = told(ask, None, &said);
                told.said = said.as_ref().ok().map(|score| live.body(words(score)));
                paid.push(told);
                judging.take(ask.id, said.map(PaidResult::Service));
            }
            for ask in attempts {
                let Some((told, result)) = self.ask_models(call, live, &ask).await? else {
                    return Ok(None);
                };
                paid.push(told);
                judging.take(ask.id, result);
            }
        }
    }

    async fn serve(&self, live: &Live, ask: &PaidAsk) -> Result<ServiceScore, String> {
        let PaidKind::Service { service, texts, kind } = &ask.ask else {
            return Err("it is no service".to_owned());
        };
        let left = live.state.deadline.since(self.clock.now());
        let most = ask.timeout_ms.unwrap_or(left).min(left);
        let found = self.services.get(service);
        let found =
            found.ok_or_else(|| format!("service `{service}` no longer stands in gateway.yaml"))?;
        let said = found.score(texts, kind, Duration::from_millis(most)).await;
        self.changes.take(found.take_changes());
        said.map(|said| ServiceScore { score: said.score, found: said.found })
    }

    /// Votes and judges. `None`: the call was cancelled.
    async fn ask_models(
        &self,
        call: &LiveCall,
        live: &mut Live,
        ask: &PaidAsk,
    ) -> Result<Option<(Paid, Result<PaidResult, String>)>, Stop> {
        let (model, purpose, body, times) = match &ask.ask {
            PaidKind::Judge { model, request } => (model, Purpose::Judge, Some(request.clone()), 1),
            PaidKind::Votes { more, model } => {
                (model, Purpose::Vote, self.own_request(live).await?, *more)
            }
            PaidKind::Service { .. } => {
                let said = Err("it is a service".to_owned());
                return Ok(Some((told(ask, None, &said), said)));
            }
        };
        let Some(body) = body else {
            let said = Err("the call's own request is gone".to_owned());
            return Ok(Some((told(ask, None, &said), said)));
        };
        let asked = self.ask_side_by_side(call, live, model, purpose, &body, times).await?;
        let Some((attempts, said)) = asked else { return Ok(None) };
        let said = said.and_then(|votes| paid_result(&ask.ask, votes));
        let told = Paid { attempts, ..told(ask, Some(&body), &said) };
        Ok(Some((told, said)))
    }

    /// Asks one model several times, only if all of them can be paid for; the attempts, and what
    /// they said.
    async fn ask_side_by_side(
        &self,
        call: &LiveCall,
        live: &mut Live,
        model: &str,
        purpose: Purpose,
        body: &Value,
        times: u32,
    ) -> Result<Option<(Vec<u32>, Result<Vec<Vote>, String>)>, Stop> {
        // Left out is missing, or an error of the check: never a pass.
        let class = live.state.received.criticality;
        if let Err(why) = self.asks_second_opinions(class, purpose.name()) {
            return Ok(Some((Vec::new(), Err(why))));
        }
        let now = self.clock.now();
        if let Err(why) = affordable(&live.policy.plan, &live.state, model, times, now) {
            let why = format!("not asked: {}", crate::words::skip(why));
            return Ok(Some((Vec::new(), Err(why))));
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
        let attempts = begun.iter().map(Begun::number).collect();
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
        Ok(Some((attempts, failed.map_or(Ok(votes), Err))))
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

    /// The answer on the table, as judging takes it, with what its provider sent.
    async fn given<'a>(
        &self,
        live: &mut Live,
        subject: &Subject,
        sent: Option<&'a Sent>,
    ) -> Result<Given<'a>, Stop> {
        let bytes = self.answer_bytes(live, subject.digest).await?;
        let answer = Answer::from_bytes(&bytes).map_err(|error| Stop::Broken(error.to_string()))?;
        live.answers.keep(subject.digest, bytes);
        let (attempt, model) = (subject.attempt, subject.model.clone());
        let raw = sent.map(|sent| Cow::Borrowed(sent.body()));
        Ok(Given { answer, source: subject.source, attempt, model, raw })
    }

    /// What the provider sent, if the answer on the table is still that one.
    async fn sent(&self, live: &Live, subject: &Subject) -> Result<Option<Sent>, Stop> {
        let Some((attempt, raw)) = live.state.source_of(subject) else { return Ok(None) };
        if let Some(provided) = live.answers.provided(attempt) {
            return Ok(Some(Sent::InHand(provided)));
        }
        let bytes = self.stored(raw).await?;
        let body = bytes.as_deref().and_then(backstop_upstream::completion_of);
        Ok(body.map(Sent::ReadBack))
    }
}

/// What a provider sent.
enum Sent {
    /// To this process.
    InHand(Arc<Provided>),
    /// Before a restart.
    ReadBack(Value),
}

impl Sent {
    fn body(&self) -> &Value {
        match self {
            Self::InHand(provided) => &provided.body,
            Self::ReadBack(body) => body,
        }
    }
}

/// Whether the model did bad work: no JSON, not to the schema, or a signal below its threshold.
/// `None`: what came says nothing about that. A signal that is missing may be our own doing (a vote
/// that the budget or the load did not allow), so it is no proof against the model.
fn is_bad(judged: &Judged) -> Option<bool> {
    match judged.shape {
        Some(FailureClass::Malformed | FailureClass::Schema) => return Some(true),
        Some(_) => return None,
        None => {}
    }
    let doubted = judged.findings.iter().any(|finding| {
        finding.status == Status::Fail && finding.class == Some(FailureClass::LowConfidence)
    });
    let measured = judged.signals.iter().any(|signal| {
        signal.value.zip(signal.accept).is_some_and(|(value, accept)| value < accept)
    });
    match (doubted, measured) {
        (false, _) => Some(false),
        (true, true) => Some(true),
        (true, false) => None,
    }
}

/// What attempts said, as the judgement asked for it.
pub(crate) fn paid_result(ask: &PaidKind, votes: Vec<Vote>) -> Result<PaidResult, String> {
    match ask {
        PaidKind::Votes { .. } => Ok(PaidResult::Votes(votes)),
        _ => {
            let first = votes.into_iter().next().ok_or("the judge did not answer")?;
            Ok(PaidResult::Judge(first.answer))
        }
    }
}

/// What is recorded of something that was asked, `own` being the body that was sent to a model.
fn told<T>(ask: &PaidAsk, own: Option<&Value>, said: &Result<T, String>) -> Paid {
    Paid {
        id: ask.id,
        asked: ask.ask.digest(own),
        attempts: Vec::new(),
        said: None,
        failed: said.as_ref().err().cloned(),
    }
}

/// What a service said, as it is kept.
fn words(score: &ServiceScore) -> Vec<u8> {
    serde_json::to_vec(score).unwrap_or_default()
}

/// Keeps the answer as it would be released.
fn keep(live: &mut Live, answer: &Answer) {
    let bytes = answer.to_bytes();
    let digest = live.body(bytes.clone());
    live.answers.keep(digest, bytes);
}
