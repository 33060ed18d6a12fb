//! What stands between two runs of a call, in words.

use backstop_domain::{CallEvent, ForkKind, PauseEnd, RunEnd};

/// The sentence of an event between runs; `None` for every other event.
pub(super) fn sentence(event: &CallEvent) -> Option<(String, Vec<String>)> {
    match event {
        CallEvent::RunForked(forked) => {
            let what = match forked.how {
                ForkKind::Rollback => "rolled it back",
                ForkKind::Resume => "had it go on",
            };
            let (by, run, seq) = (&forked.by, forked.from_run, forked.from_seq);
            let words = format!("`{by}` {what}: a new run from event {seq} of run {run}");
            Some((words, vec![format!("reason: {}", forked.reason)]))
        }
        CallEvent::OutcomeRevised { from, to } => {
            Some((format!("the outcome was revised: {}, now {}", told(from), told(to)), Vec::new()))
        }
        CallEvent::EffectsReleased { effects } => {
            let lines = effects.iter().map(|one| format!("`{}` as {}", one.tool, one.key));
            Some(("tool calls leave with the answer".into(), lines.collect()))
        }
        CallEvent::CompensationRequested { compensations } => {
            let lines = compensations
                .iter()
                .map(|one| format!("`{}` for `{}`, released as {}", one.by, one.tool, one.effect));
            Some(("what was released is to be made good".into(), lines.collect()))
        }
        CallEvent::CallPaused(paused) => {
            let then = match paused.then {
                PauseEnd::Cancel => "then it is cancelled",
                PauseEnd::Resume => "then it goes on",
            };
            Some((
                format!("the call was paused; {then}"),
                vec![format!("reason: {}", paused.reason)],
            ))
        }
        CallEvent::CallResumed { state, reason } => {
            let reason = reason.iter().map(|reason| format!("reason: {reason}"));
            Some((format!("the call goes on: {state}"), reason.collect()))
        }
        _ => None,
    }
}

fn told(end: &RunEnd) -> String {
    let answer = end.answer.map_or("no answer".to_owned(), |digest| digest.short());
    format!("run {} {} ({answer})", end.run, end.outcome.name())
}
