//! What a caller who cannot wait is shown while a person decides. It is never the outcome.

use backstop_domain::{CallEvent, CallId, Phase, Source, Status};
use backstop_policy::{
    Answer,
    judge::{Given, Judging},
};

use crate::{
    engine::Engine,
    live::{Snapshot, Stop},
};

impl Engine {
    /// The policy's fallback, judged like any answer and recorded as shown. `None`: it has none
    /// that may be shown, or nobody is being asked.
    ///
    /// # Errors
    /// [`Stop`] if that cannot be written down; nothing is shown then.
    pub async fn interim(&self, id: &CallId) -> Result<Option<(Snapshot, Answer)>, Stop> {
        let inner = &self.0;
        let Some(call) = inner.resume(id).await? else { return Ok(None) };
        let mut live = call.cell.lock().await;
        if !matches!(live.state.phase, Phase::InReview { .. } | Phase::Releasing { .. }) {
            return Ok(None);
        }
        let Some(answer) = inner.fallback_answer(&mut live).ok().map(|(_, answer)| answer) else {
            return Ok(None);
        };
        let given = Given::of(answer, Source::Fallback, None, None);
        let mut judging = Judging::of_answer(&live.facts, given, &live.state.request_findings);
        if !judging.next_paid().is_empty() {
            judging.skip_paid();
        }
        let (judged, answer) = judging.finish();
        let objected = judged.findings.iter().any(|finding| {
            finding.objection.is_some() && matches!(finding.status, Status::Fail | Status::Error)
        });
        if objected || judged.shape.is_some() || !judged.complete {
            return Ok(None);
        }
        let bytes = answer.to_bytes();
        // Who asks again is shown the same, and it is recorded once.
        if live.state.interim != Some(backstop_domain::Digest::of(&bytes)) {
            let mark = live.mark(&*inner.ledger, id);
            let digest = live.body(bytes.clone());
            inner.apply(&mut live, CallEvent::InterimReleased { digest })?;
            live.write(&*inner.ledger, id, true);
            if let Err(stop) = live.on_disk().await {
                live.back_to(mark);
                return Err(stop);
            }
        }
        let Ok(interim) = live.state.release_interim(bytes) else { return Ok(None) };
        let answer = Answer::from_bytes(&interim.into_bytes()).ok();
        let state = live.state.clone();
        let (id, stages) = (id.clone(), live.stages);
        let snapshot = Snapshot { id, state, answer: None, stages, on_disk: true, provided: None };
        drop(live);
        inner.park(call);
        Ok(answer.map(|answer| (snapshot, answer)))
    }

    /// The policy's words for a caller who cannot wait; `None` if it has none.
    ///
    /// # Errors
    /// [`Stop`] if the call cannot be read.
    pub async fn pending_text(&self, id: &CallId) -> Result<Option<String>, Stop> {
        let Some(call) = self.0.resume(id).await? else { return Ok(None) };
        let text = {
            let live = call.cell.lock().await;
            live.policy.pending_text(&live.facts)
        };
        self.0.park(call);
        Ok(text)
    }
}
