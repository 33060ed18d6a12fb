//! `decide`: of several offers the strictest wins (RULES.md section 2, "The verdict").

use alloc::{string::String, vec, vec::Vec};

use super::{
    act::act,
    offer::{Ground, Offer, Taken, objections, offer},
    resolve,
};
use crate::{
    Act, AnsweredBy, CallState, Cause, Decision, Ended, FailureClass, Finding, Judged, Mode,
    Objection, Outcome, Phase, Plan, Rung, Skipped, Source, Status, Subject, Topic, Verdict,
};

/// The decision on what `state` is at; `None` when there is nothing to decide.
pub fn decide(plan: &Plan, state: &CallState) -> Option<Decision> {
    let Phase::Deciding(topic) = &state.phase else { return None };
    if matches!(topic, Topic::Resolved) {
        return resolve::resolved(plan, state);
    }
    let findings = on_the_table(plan, state, topic);
    let source = match topic {
        Topic::Answer => state.judged.as_ref().map(|judged| judged.subject.source),
        Topic::NoFallback { .. } => Some(Source::Fallback),
        _ => None,
    };
    // A request that a guard held back counts as asked: `next_model` moves on from it.
    let last = state.blocked.as_ref().or(state.asked.as_ref());
    let model = last.map(|ask| ask.model.as_str());
    let ground = Ground { plan, state, topic, source, model };
    let mut skipped = Vec::new();
    let mut overruled = Vec::new();
    let mut offers = Vec::new();
    for finding in objections(&findings) {
        match offer(&ground, finding, &mut skipped) {
            Some(offer) => offers.push(offer),
            None => overruled.push(finding.by.clone()),
        }
    }
    if source == Some(Source::Model)
        && let Some(observed) = observe(plan, state)
    {
        return Some(observed);
    }
    if source == Some(Source::Cache) && !offers.is_empty() {
        return Some(miss(&offers, skipped));
    }
    let Some(verdict) = offers.iter().map(Offer::verdict).max() else {
        return Some(accept(plan, state, &findings, overruled));
    };
    // A shut door is waited at, wherever the way then begins: nobody objects to it a second time.
    let waits =
        |offer: &Offer<'_>| matches!(&offer.taken, Taken::Rung { rung: Rung::Wait { .. }, .. });
    let door = offers.iter().any(waits).then(|| ground.until()).flatten();
    let winners: Vec<Offer<'_>> =
        offers.into_iter().filter(|offer| offer.verdict() == verdict).collect();
    Some(Decision {
        verdict,
        because: winners.iter().map(|offer| offer.finding.by.clone()).collect(),
        class: winners.iter().find_map(|offer| offer.finding.class),
        spends: spends(&winners),
        skipped,
        overruled,
        renewed: None,
        act: act(&ground, verdict, &winners, door),
    })
}

/// The verdict that these findings on an answer of that source would lead to now: what is paid for
/// is asked only if the answer may still be used.
pub fn verdict_on(plan: &Plan, state: &CallState, findings: &[Finding], source: Source) -> Verdict {
    let model = state.asked.as_ref().map(|ask| ask.model.as_str());
    let ground = Ground { plan, state, topic: &Topic::Answer, source: Some(source), model };
    let mut skipped = Vec::new();
    objections(findings)
        .filter_map(|finding| offer(&ground, finding, &mut skipped))
        .map(|offer| offer.verdict())
        .max()
        .unwrap_or(Verdict::Accept)
}

/// The findings to decide on, with those that the machine itself makes: a failure, a shut door,
/// a judgement that is not complete.
fn on_the_table(plan: &Plan, state: &CallState, topic: &Topic) -> Vec<Finding> {
    match topic {
        Topic::Request(findings) => {
            let mut findings = findings.clone();
            if observes(plan, state) {
                findings.iter_mut().for_each(|finding| finding.objection = None);
            }
            if let Some(door) = &state.received.held_at_door {
                findings.push(of_class(door.class, &door.reason));
            }
            findings
        }
        Topic::Answer => {
            let Some(judged) = &state.judged else { return Vec::new() };
            let mut findings = judged.findings.clone();
            let objects = objections(&findings).next().is_some();
            // A wrong shape objects by itself: a person may settle rules, but never that.
            let told = |class| objections(&findings).any(|finding| finding.class == Some(class));
            let shape = judged.shape.filter(|class| !told(*class));
            if let Some(class) = shape {
                let text = "the answer is of the wrong shape";
                findings.push(made(class, text, Plan::class_ladder(class)));
            } else if !objects && !judged.complete {
                let text = "not every check that applies could be run";
                findings.push(made(FailureClass::CheckError, text, "on_error".into()));
            }
            findings
        }
        Topic::Failure { class, message, .. } => vec![of_class(*class, message)],
        Topic::NoFallback { reason } => {
            vec![made(FailureClass::Schema, reason, "fallback".into())]
        }
        Topic::Resolved => Vec::new(),
    }
}

fn of_class(class: FailureClass, message: &str) -> Finding {
    made(class, message, Plan::class_ladder(class))
}

fn made(class: FailureClass, message: &str, ladder: String) -> Finding {
    Finding {
        class: Some(class),
        message: message.into(),
        objection: Some(Objection { ladder, texts: Vec::new(), excluded: Vec::new() }),
        ..Finding::plain(class.name(), Status::Fail)
    }
}

fn accept(
    plan: &Plan,
    state: &CallState,
    findings: &[Finding],
    overruled: Vec<String>,
) -> Decision {
    let act = match (&state.phase, &state.judged) {
        (Phase::Deciding(Topic::Request(_)), _) | (_, None) => {
            let first = plan.models.first().map(|model| model.name.clone());
            Act::Begin { model: first.unwrap_or_default() }
        }
        (_, Some(judged)) if judged.subject.source == Source::Human => {
            if state.still_to_ask.is_empty() {
                Act::End(resolve::by_a_person(state, &judged.subject))
            } else {
                Act::Review { reviews: state.still_to_ask.clone() }
            }
        }
        (_, Some(judged)) => Act::End(accepted(state, judged, findings)),
    };
    let verdict = match &act {
        Act::Review { .. } => Verdict::Escalate,
        _ => Verdict::Accept,
    };
    Decision {
        verdict,
        because: Vec::new(),
        class: None,
        spends: Vec::new(),
        skipped: Vec::new(),
        overruled,
        renewed: None,
        act,
    }
}

fn accepted(state: &CallState, judged: &Judged, findings: &[Finding]) -> Ended {
    let mut audits: Vec<String> = Vec::new();
    for queue in findings.iter().filter_map(|finding| finding.also_review.as_ref()) {
        if !audits.contains(queue) {
            audits.push(queue.clone());
        }
    }
    let (outcome, answered_by) = match judged.subject.source {
        Source::Fallback => (Outcome::Fallback, AnsweredBy::Rule),
        Source::Cache => (Outcome::Accepted, AnsweredBy::Cache),
        Source::Model | Source::Human => (Outcome::Accepted, AnsweredBy::Model),
    };
    let cause = match outcome {
        Outcome::Fallback => state.causes.last().cloned().unwrap_or_default(),
        _ => Cause::default(),
    };
    let answer = Some(judged.subject.digest);
    Ended { outcome, answered_by, answer, cause, unreviewed: false, audits }
}

/// `mode: observe`: the first answer leaves as it is, marked unchecked; tools that write do not.
fn observe(plan: &Plan, state: &CallState) -> Option<Decision> {
    let judged = state.judged.as_ref()?;
    (observes(plan, state) && !judged.writes).then_some(())?;
    let ended = Ended {
        outcome: Outcome::Observed,
        answered_by: AnsweredBy::Model,
        answer: Some(judged.subject.digest),
        cause: Cause::default(),
        unreviewed: false,
        audits: Vec::new(),
    };
    let because = objections(&judged.findings).map(|finding| finding.by.clone()).collect();
    Some(Decision {
        verdict: Verdict::Accept,
        because,
        class: None,
        spends: Vec::new(),
        skipped: Vec::new(),
        overruled: Vec::new(),
        renewed: None,
        act: Act::End(ended),
    })
}

fn observes(plan: &Plan, state: &CallState) -> bool {
    plan.mode == Mode::Observe && state.received.mode == Mode::Observe
}

fn miss(offers: &[Offer<'_>], skipped: Vec<Skipped>) -> Decision {
    Decision {
        verdict: Verdict::Retry,
        because: offers.iter().map(|offer| offer.finding.by.clone()).collect(),
        class: None,
        spends: Vec::new(),
        skipped,
        overruled: Vec::new(),
        renewed: None,
        act: Act::Miss,
    }
}

/// Only ladders whose offer won spend a rung, each once however often it was objected by.
fn spends(winners: &[Offer<'_>]) -> Vec<crate::RungRef> {
    let mut spends: Vec<_> = winners
        .iter()
        .filter_map(|offer| match &offer.taken {
            Taken::Rung { at, written: true, .. } => Some(at.clone()),
            _ => None,
        })
        .collect();
    spends.sort();
    spends.dedup();
    spends
}

impl CallState {
    /// The answer that is on the table, of whatever source.
    pub fn subject(&self) -> Option<&Subject> {
        match &self.phase {
            Phase::Checking { subject } | Phase::Masking { subject, .. } => Some(subject),
            _ => self.judged.as_ref().map(|judged| &judged.subject),
        }
    }
}
