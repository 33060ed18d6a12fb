//! What happened to a call and why, in words: each event a sentence, with what led to it.

use backstop_domain::{
    Act, AttemptResult, CallEvent, ControlEvent, Decision, Event, Finding, Millis, Resolution,
    Scored, ShadowResult, SkipReason, Status,
};
use backstop_ledger::Recorded;

use crate::words;

mod runs;

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the call was received.
    pub after_ms: u64,
    /// What happened.
    pub what: String,
    /// What it rests on.
    pub details: Vec<String>,
}

/// The way of a call, in order. Events that cannot be read say so.
pub fn explain(events: &[Recorded]) -> Vec<Line> {
    let start = events.first().map_or(Millis(0), |first| first.envelope.at);
    let lines = events.iter().filter_map(|recorded| {
        let after_ms = recorded.envelope.at.since(start);
        let (what, details) = match (&recorded.event, recorded.as_call()) {
            (_, Some(event)) => sentence(event)?,
            (Ok(Event::Control(ControlEvent::ShadowJudged { result, now, because, .. })), _) => {
                let told = match result {
                    ShadowResult::Same => "the shadow would have ended it the same way".to_owned(),
                    ShadowResult::Flip => format!("the shadow would have ended it as {now}"),
                    ShadowResult::Unknown => "the shadow's end cannot be known".to_owned(),
                };
                (told, because.iter().cloned().collect())
            }
            (Err(why), _) => (format!("{}: {why}", recorded.envelope.kind), Vec::new()),
            _ => return None,
        };
        Some(Line { after_ms, what, details })
    });
    lines.collect()
}

/// As text, for a terminal.
pub fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str(&format!("{:>9}  {}\n", clock(line.after_ms), line.what));
        for detail in &line.details {
            out.push_str(&format!("{:>9}    {detail}\n", ""));
        }
    }
    out
}

fn clock(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1e3),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

fn sentence(event: &CallEvent) -> Option<(String, Vec<String>)> {
    let plain = |what: String| Some((what, Vec::new()));
    match event {
        CallEvent::CallReceived(received) => {
            let (caller, policy) = (&received.caller, &received.policy);
            let revision = received.revision.short();
            let what = format!("`{caller}` called policy `{policy}` (revision {revision})");
            let held = received.held_at_door.as_ref();
            let door = held.map(|door| format!("the door was shut: {}", door.reason));
            let canary = received.canary_of.map(|base| {
                let base = base.short();
                format!("its canary drew the call; the others go to revision {base}")
            });
            let level = (!received.level.is_normal())
                .then(|| format!("the gateway was at level `{}`", received.level.name()));
            Some((what, level.into_iter().chain(canary).chain(door).collect()))
        }
        CallEvent::DuplicateJoined { request } => {
            plain(format!("request {request} joined under the same idempotency key"))
        }
        CallEvent::RequestJudged { findings, .. } if findings.is_empty() => None,
        CallEvent::RequestJudged { findings, .. } => {
            Some(("the request was checked".into(), told(findings)))
        }
        CallEvent::CacheLooked { hit: Some(_) } => plain("a kept answer was found".into()),
        CallEvent::CacheLooked { hit: None } => None,
        CallEvent::AttemptStarted(started) => {
            let (number, model) = (started.attempt, &started.model);
            plain(format!("attempt {number}: asked `{model}` for {}", purpose(started.purpose)))
        }
        CallEvent::AttemptEnded(ended) => Some(attempt_ended(ended)),
        CallEvent::AttemptBlocked { model, class, reason, .. } => {
            plain(format!("`{model}` was not asked ({class}): {reason}"))
        }
        CallEvent::AnswerJudged(judged) => Some(answer_judged(judged)),
        CallEvent::VerdictReached(decision) => Some(verdict(decision)),
        CallEvent::AnswerMasked { .. } => plain("what was found was masked".into()),
        CallEvent::WaitEnded => plain("the wait is over".into()),
        CallEvent::FallbackTaken { row, .. } => {
            plain(format!("row {} of the fallback answered", row + 1))
        }
        CallEvent::FallbackFailed { reason, .. } => {
            plain(format!("no fallback answered: {reason}"))
        }
        CallEvent::ReviewRequested(requested) => {
            plain(format!("queue `{}` was asked ({})", requested.queue, requested.review))
        }
        CallEvent::ReviewResolved(resolved) => {
            let who = if resolved.by.is_empty() { "nobody".into() } else { resolved.by.join(", ") };
            let did = resolution(&resolved.resolution);
            let reason = resolved.reason.iter().map(|reason| format!("reason: {reason}"));
            Some((format!("queue `{}`: {who} {did}", resolved.queue), reason.collect()))
        }
        CallEvent::DecisionUndone { .. } => plain("the decision was taken back".into()),
        CallEvent::InterimReleased { .. } => {
            plain("the fallback was shown to the caller meanwhile; it is not the outcome".into())
        }
        CallEvent::CallEnded(ended) => Some(call_ended(ended)),
        CallEvent::OutcomeRevised { .. }
        | CallEvent::EffectsReleased { .. }
        | CallEvent::RunForked(_)
        | CallEvent::CompensationRequested { .. }
        | CallEvent::CallPaused(_)
        | CallEvent::CallResumed { .. } => runs::sentence(event),
    }
}

fn answer_judged(judged: &backstop_domain::Judged) -> (String, Vec<String>) {
    let mut details: Vec<String> =
        judged.mended.iter().map(|step| format!("mended: {step}")).collect();
    details.extend(judged.signals.iter().map(signal));
    details.extend(told(&judged.findings));
    let what = match judged.shape {
        Some(class) => format!("the answer has no usable shape ({class})"),
        None => "the answer was judged".into(),
    };
    (what, details)
}

fn call_ended(ended: &backstop_domain::Ended) -> (String, Vec<String>) {
    let (outcome, by) = (ended.outcome.name().to_uppercase(), ended.answered_by.name());
    let because = ended.cause.by.iter().map(|by| {
        let text = if ended.cause.text.is_empty() { "" } else { ": " };
        format!("because of {by}{text}{}", ended.cause.text)
    });
    (format!("ended as {outcome}, answered by {by}"), because.collect())
}

fn attempt_ended(ended: &backstop_domain::AttemptEnded) -> (String, Vec<String>) {
    let (number, took) = (ended.attempt, clock(ended.took_ms));
    match &ended.result {
        AttemptResult::Answered { finish, .. } => {
            let finish = finish.as_deref().unwrap_or("no reason given");
            let tokens = ended.usage.total();
            (format!("attempt {number} answered in {took} ({finish}, {tokens} tokens)"), Vec::new())
        }
        AttemptResult::Failed { class, message, .. } => {
            (format!("attempt {number} failed in {took} ({class}): {message}"), Vec::new())
        }
    }
}

const fn purpose(purpose: backstop_domain::Purpose) -> &'static str {
    match purpose {
        backstop_domain::Purpose::Answer => "an answer",
        backstop_domain::Purpose::Repair => "a repair",
        backstop_domain::Purpose::Vote => "a vote",
        backstop_domain::Purpose::Judge => "a judgement",
        backstop_domain::Purpose::Hedge => "a second try side by side",
    }
}

fn resolution(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Approved { .. } => "approved it",
        Resolution::Edited { .. } => "edited it",
        Resolution::Rejected => "rejected it",
        Resolution::ChangesRequested { .. } => "asked for changes",
        Resolution::FallbackChosen => "chose the fallback",
        Resolution::Expired { .. } => "decided in time",
    }
}

fn signal(scored: &Scored) -> String {
    let value = scored.value.map_or("missing".into(), |value| format!("{:.3}", value.as_f64()));
    let against = scored.accept.map(|accept| format!(", needs {:.3}", accept.as_f64()));
    let place = scored.at.as_deref().filter(|at| !at.is_empty());
    let place = place.map(|at| format!(" of {at}")).unwrap_or_default();
    let note = if scored.note.is_empty() { String::new() } else { format!(" ({})", scored.note) };
    format!("{}{place}: {value}{}{note}", scored.name, against.unwrap_or_default())
}

/// Findings that say something: passes are counted, the rest is told.
fn told(findings: &[Finding]) -> Vec<String> {
    let mut lines = Vec::new();
    let passed = findings.iter().filter(|finding| finding.status == Status::Pass).count();
    if passed > 0 {
        lines.push(format!("{passed} passed"));
    }
    for finding in findings {
        let word = match finding.status {
            Status::Fail => "objects",
            Status::Error => "could not run",
            Status::Skipped => "was skipped",
            Status::Pass | Status::NotApplicable => continue,
        };
        let place = finding.at.as_deref().filter(|at| !at.is_empty());
        let place = place.map(|at| format!(" at {at}")).unwrap_or_default();
        let text = if finding.message.is_empty() { "" } else { ": " };
        lines.push(format!("{} {word}{place}{text}{}", finding.by, finding.message));
    }
    lines
}

fn verdict(decision: &Decision) -> (String, Vec<String>) {
    let mut what = format!("verdict: {}", decision.verdict.name());
    if !decision.because.is_empty() {
        what.push_str(&format!(" (by {})", decision.because.join(", ")));
    }
    what.push_str(&match &decision.act {
        Act::Begin { model } => format!("; starts with `{model}`"),
        Act::Miss => "; the kept answer is not used".into(),
        Act::Ask(ask) if ask.not_before.is_some() => format!("; asks `{}` after a wait", ask.model),
        Act::Ask(ask) => format!("; asks `{}`", ask.model),
        Act::Mask { checks } => format!("; masks what {} found", checks.join(", ")),
        Act::Fallback => "; takes the fallback".into(),
        Act::Review { reviews } => {
            let queues: Vec<&str> = reviews.iter().map(|review| review.to.queue.as_str()).collect();
            format!("; a person decides in {}", queues.join(", then "))
        }
        Act::End(_) => String::new(),
    });
    let mut details: Vec<String> = decision
        .skipped
        .iter()
        .filter(|skipped| skipped.why != SkipReason::Spent)
        .map(|skipped| {
            let (ladder, rung) = (&skipped.rung.ladder, skipped.rung.rung + 1);
            format!("{ladder}, rung {rung} skipped: {}", words::skip(skipped.why))
        })
        .collect();
    details.extend(decision.overruled.iter().map(|by| format!("{by} was settled by a person")));
    (what, details)
}

/// The way of a call in one line: models, failures, verdicts, the end.
pub fn way(events: &[Recorded]) -> String {
    let steps: Vec<String> = events.iter().filter_map(|event| step(event.as_call()?)).collect();
    steps.join(" → ")
}

fn step(event: &CallEvent) -> Option<String> {
    match event {
        CallEvent::CacheLooked { hit: Some(_) } => Some("kept answer".into()),
        CallEvent::AttemptStarted(started) if started.purpose.is_answer() => {
            Some(started.model.clone())
        }
        CallEvent::AttemptStarted(started) => {
            Some(format!("{} by {}", started.purpose.name(), started.model))
        }
        CallEvent::AttemptEnded(ended) => match &ended.result {
            AttemptResult::Failed { class, status: Some(status), .. } => {
                Some(format!("{class} ({status})"))
            }
            AttemptResult::Failed { class, .. } => Some(class.to_string()),
            AttemptResult::Answered { .. } => None,
        },
        CallEvent::AttemptBlocked { class, model, .. } => Some(format!("{model} {class}")),
        CallEvent::AnswerJudged(judged) => {
            // The source that decided: the one that was sure enough, else the last that was asked.
            let asked = judged.signals.iter().filter(|scored| scored.accept.is_some());
            let doubt = asked.max_by_key(|scored| scored.value >= scored.accept);
            let mended = (!judged.mended.is_empty()).then_some("mended".to_owned());
            let sure = doubt
                .and_then(|scored| scored.value)
                .map(|value| format!("sure to {:.2}", value.as_f64()));
            judged.shape.map(|class| class.to_string()).or(mended).or(sure)
        }
        CallEvent::VerdictReached(decision) => {
            let ends = matches!(decision.act, Act::End(_) | Act::Begin { .. });
            let by = decision.because.first().map(|by| format!(" ({by})")).unwrap_or_default();
            (!ends).then(|| format!("{}{by}", decision.verdict.name()))
        }
        CallEvent::ReviewRequested(requested) => Some(format!("queue {}", requested.queue)),
        CallEvent::ReviewResolved(resolved) => Some(resolution(&resolved.resolution).into()),
        CallEvent::CallEnded(ended) => Some(ended.outcome.name().into()),
        CallEvent::RunForked(forked) => {
            Some(format!("{} to {}", forked.how.name(), forked.from_seq))
        }
        _ => None,
    }
}
