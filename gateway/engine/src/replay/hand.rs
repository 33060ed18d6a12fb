//! The engine's hand in a replay: carries out the steps that need policy and bodies, and takes from
//! the record whatever happened only once.
//!
//! Each step here is the pure part of the engine's own (`run`, `judge`, `fallback`).

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use backstop_domain::{
    Ask, AttemptResult, CallState, Digest, FullLimit, Judged, MicroMoney, Purpose, Source, Subject,
    Usage, call::verdict_on,
};
use backstop_policy::{
    Answer, Policy,
    judge::{Facts, Given, Judging, PaidAsk, PaidKind, PaidResult, ServiceScore, ToolUse, Vote},
    prompt::{Last, PromptError},
};
use serde_json::Value;

use super::{record::RecordedCall, unknown::Unknown};
use crate::judge::paid_result;

/// Brings what a judgement cannot know by itself.
pub(super) trait Bring {
    /// What came of that ask. `own` is the call's own request, for votes.
    fn paid(
        &mut self,
        hand: &Hand<'_>,
        ask: &PaidAsk,
        own: Option<&Value>,
    ) -> Result<Result<PaidResult, String>, Unknown>;

    /// The limit on a tool that has no room for these.
    fn full(&mut self, uses: &[ToolUse]) -> Result<Option<FullLimit>, Unknown>;
}

/// Carries out steps of one recorded call under one policy.
pub(super) struct Hand<'r> {
    pub record: &'r RecordedCall,
    pub policy: Arc<Policy>,
    /// What judgements rest on; why not, if the request is gone.
    pub facts: Result<Facts, Unknown>,
    /// Answers that were made on the way.
    made: HashMap<Digest, Answer>,
}

impl<'r> Hand<'r> {
    pub fn new(record: &'r RecordedCall, policy: Arc<Policy>, salt: Option<Vec<u8>>) -> Self {
        let facts = facts(record, &policy, salt);
        Self { record, policy, facts, made: HashMap::new() }
    }

    /// The facts, with the call's progress in them.
    fn facts_at(&mut self, state: &CallState) -> Result<&Facts, Unknown> {
        match &mut self.facts {
            Ok(facts) => {
                facts.set_progress(state.used.attempts, state.cost());
                Ok(facts)
            }
            Err(why) => Err(why.clone()),
        }
    }

    fn known_facts(&self) -> Result<&Facts, Unknown> {
        self.facts.as_ref().map_err(Clone::clone)
    }

    /// An answer in our form.
    pub fn answer(&self, digest: Digest) -> Result<Answer, Unknown> {
        if let Some(answer) = self.made.get(&digest) {
            return Ok(answer.clone());
        }
        let what = "an answer";
        let bytes = self.record.body(digest, what)?;
        Answer::from_bytes(bytes).map_err(|error| Unknown::damaged(what, &error))
    }

    /// Keeps an answer that was made on the way.
    pub fn keep(&mut self, answer: Answer) -> Digest {
        let digest = answer.digest();
        self.made.insert(digest, answer);
        digest
    }

    /// What the provider sent for an attempt of that state.
    pub fn provided(&self, state: &CallState, attempt: u32) -> Result<Option<Value>, Unknown> {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let ended = state.attempts.get(index).and_then(|attempt| attempt.ended.as_ref());
        let Some(AttemptResult::Answered { raw, .. }) = ended.map(|ended| &ended.result) else {
            return Ok(None);
        };
        let what = format!("what the model sent for attempt {attempt}");
        let bytes = self.record.body(*raw, &what)?;
        Ok(backstop_upstream::completion_of(bytes))
    }

    /// The request to the model of `ask`; the inner error is the prompt's own.
    pub fn request(
        &mut self,
        state: &CallState,
        ask: &Ask,
    ) -> Result<Result<Value, PromptError>, Unknown> {
        self.facts_at(state)?;
        self.own_request(state, ask)
    }

    fn own_request(
        &self,
        state: &CallState,
        ask: &Ask,
    ) -> Result<Result<Value, PromptError>, Unknown> {
        let judged = state.judged.as_ref().filter(|_| ask.purpose == Purpose::Repair);
        let answer = match judged {
            Some(judged) => Some(self.answer(judged.subject.digest)?),
            None => None,
        };
        let last =
            judged.map(|judged| Last { answer: answer.as_ref(), findings: &judged.findings });
        Ok(self.policy.request(self.known_facts()?, ask, last))
    }

    /// What is reserved for a request.
    pub fn estimate(&self, model: &str, body: &Value) -> (Usage, MicroMoney) {
        let usage = crate::estimate::usage(body, self.policy.model(model));
        (usage, self.price(model, usage))
    }

    /// What that usage of a model costs.
    pub fn price(&self, model: &str, usage: Usage) -> MicroMoney {
        let price = self.policy.model(model).and_then(|model| model.price);
        price.map_or(MicroMoney(0), |price| price.cost(usage))
    }

    /// Judges the request.
    pub fn judge_request(
        &mut self,
        state: &CallState,
        bring: &mut dyn Bring,
    ) -> Result<Vec<backstop_domain::Finding>, Unknown> {
        self.facts_at(state)?;
        let mut judging = Judging::of_request(self.known_facts()?);
        self.pay(state, &mut judging, bring)?;
        Ok(judging.finish_request())
    }

    /// Judges an answer; its basis is the caller's to fill in.
    pub fn judge(
        &mut self,
        state: &CallState,
        subject: &Subject,
        bring: &mut dyn Bring,
    ) -> Result<Judged, Unknown> {
        self.facts_at(state)?;
        let given = self.given(state, subject)?;
        let before = &state.request_findings;
        let mut judging = Judging::of_answer(self.known_facts()?, given, before);
        let uses = judging.tool_uses();
        if let Some(full) = bring.full(&uses)? {
            judging.deny_tool(&full.tool, &full.why);
        }
        if subject.source == Source::Human {
            if !judging.next_paid().is_empty() {
                judging.skip_paid();
            }
        } else {
            let findings = judging.findings();
            let verdict = verdict_on(&self.policy.plan, state, &findings, subject.source);
            if Judging::is_paid_due(verdict) {
                self.pay(state, &mut judging, bring)?;
            } else {
                judging.skip_paid();
            }
        }
        let (judged, answer) = judging.finish();
        self.keep(answer);
        Ok(judged)
    }

    fn given(&self, state: &CallState, subject: &Subject) -> Result<Given<'static>, Unknown> {
        let answer = self.answer(subject.digest)?;
        let (attempt, model) = (subject.attempt, subject.model.clone());
        let raw = match state.source_of(subject) {
            Some((attempt, _)) => self.provided(state, attempt)?.map(Cow::Owned),
            None => None,
        };
        Ok(Given { answer, source: subject.source, attempt, model, raw })
    }

    fn pay(
        &self,
        state: &CallState,
        judging: &mut Judging<'_>,
        bring: &mut dyn Bring,
    ) -> Result<(), Unknown> {
        loop {
            let asks = judging.next_paid();
            if asks.is_empty() {
                return Ok(());
            }
            for ask in asks {
                let own = match (&ask.ask, &state.asked) {
                    (PaidKind::Votes { .. }, Some(asked)) => self.own_request(state, asked)?.ok(),
                    _ => None,
                };
                let result = bring.paid(self, &ask, own.as_ref())?;
                judging.take(ask.id, result);
            }
        }
    }

    /// What attempts said, as the judgement asked for it.
    pub fn said(
        &self,
        state: &CallState,
        ask: &PaidKind,
        attempts: &[u32],
    ) -> Result<Result<PaidResult, String>, Unknown> {
        let mut votes = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            let Some(raw) = self.provided(state, *attempt)? else { continue };
            let Ok(answer) = Answer::from_completion(&raw) else { continue };
            votes.push(Vote { answer, attempt: *attempt, raw });
        }
        Ok(paid_result(ask, votes))
    }

    /// What a service said.
    pub fn scored(&self, said: Digest) -> Result<PaidResult, Unknown> {
        let what = "what a service said";
        let bytes = self.record.body(said, what)?;
        let score: ServiceScore =
            serde_json::from_slice(bytes).map_err(|error| Unknown::damaged(what, &error))?;
        Ok(PaidResult::Service(score))
    }

    /// The answer with what these checks found masked.
    pub fn mask(&mut self, subject: &Subject, checks: &[String]) -> Result<Subject, Unknown> {
        let answer = self.answer(subject.digest)?;
        let (attempt, model) = (subject.attempt, subject.model.clone());
        let given = Given::of(answer.clone(), subject.source, attempt, model);
        let masked = self.policy.mask(self.known_facts()?, given, checks).unwrap_or(answer);
        Ok(Subject { digest: self.keep(masked), ..subject.clone() })
    }

    /// What the fallback answers, and by which row; or why none does.
    pub fn fallback(
        &mut self,
        state: &CallState,
        last_good: impl Fn(Digest, Option<u64>) -> Option<Answer>,
    ) -> Result<Result<(u32, Subject), String>, Unknown> {
        let cause = state.causes.last().cloned().unwrap_or_default();
        self.facts_at(state)?;
        let taken = self.policy.fallback(self.known_facts()?, &cause, last_good);
        Ok(taken.map_err(|error| error.to_string()).map(|(row, answer)| {
            let digest = self.keep(answer);
            let source = Source::Fallback;
            let subject = Subject { source, digest, attempt: None, model: None };
            (u32::try_from(row).unwrap_or(u32::MAX), subject)
        }))
    }
}

fn facts(
    record: &RecordedCall,
    policy: &Arc<Policy>,
    salt: Option<Vec<u8>>,
) -> Result<Facts, Unknown> {
    let (received, at) = record.received()?;
    let stored = record.request(received)?;
    let facts = stored.facts(&record.id, policy, received, at, Vec::new());
    Ok(facts.replaying(record.drawn(), salt))
}
