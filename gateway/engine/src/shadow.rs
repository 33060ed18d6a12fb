//! Shadows: after a call's outcome its policy's draft decides on the same answers, beside the live
//! calls. Nobody is asked, nothing of the call changes; what came of it is counted and written
//! down.
//!
//! Calls wait for it in a bounded queue, one after the other, and are left out, and counted, when
//! that is full. What waits when the process ends is not judged.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::{Actor, CallId, ControlEvent, ShadowResult};
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::{
    engine::Inner,
    live::{Live, LiveCall},
    replay::{End, Other, Went, what_if},
    revisions,
};

/// Calls that may wait.
const WAITING_MAX: usize = 256;

/// The queue of calls that ended and have a shadow.
pub(crate) struct Shadows {
    send: Sender<CallId>,
    receive: Mutex<Option<Receiver<CallId>>>,
}

impl Default for Shadows {
    fn default() -> Self {
        let (send, receive) = channel(WAITING_MAX);
        Self { send, receive: Mutex::new(Some(receive)) }
    }
}

fn counted(policy: &str, result: &'static str) {
    metrics::counter!(
        "backstop_shadow_total", "policy" => policy.to_owned(), "result" => result,
    )
    .increment(1);
}

impl Inner {
    /// A call ended: its shadow is judged soon, if there is room. A call of a canary has none: what
    /// answered it is a draft itself. Nor has what an operator had done again.
    pub(crate) fn cast_shadow(&self, call: &LiveCall, live: &Live) {
        if live.policy.shadow.is_none() || live.state.run > 1 {
            return;
        }
        let level = self.load.level();
        if !level.has_extras() {
            crate::load::left_out("shadow", level);
        }
        if !level.has_extras() || self.shadows.send.try_send(call.id.clone()).is_err() {
            counted(&live.policy.name, "left_out");
        }
    }

    /// Judges shadows one after the other, until the gateway drains.
    pub(crate) async fn watch_shadows(self: Arc<Self>) {
        let Some(mut waiting) = self.shadows.receive.lock().take() else { return };
        loop {
            let id = tokio::select! {
                biased;
                id = waiting.recv() => id,
                () = self.tasks.draining() => return,
            };
            let Some(id) = id else { return };
            match self.shadow_of(&id).await {
                Ok(None) => {}
                Ok(Some((policy, judged))) => counted(&policy, judged.name()),
                Err(error) => tracing::warn!(call = %id, error, "a shadow was not judged"),
            }
        }
    }

    /// Judges one shadow and writes down what came of it. `None`: another revision came into force
    /// meanwhile, whose shadow is another one.
    async fn shadow_of(&self, id: &CallId) -> Result<Option<(String, ShadowResult)>, String> {
        let record = self.recorded(id).await.map_err(|error| error.to_string())?;
        let (received, _) = record.received().map_err(|error| error.to_string())?;
        let workspace = self.workspace.load_full();
        let policy = workspace.policies.get(&received.policy);
        let policy = policy.filter(|policy| policy.plan.revision == received.revision);
        let Some((pinned, path)) = policy.and_then(|p| Some((p, p.shadow.as_ref()?))) else {
            return Ok(None);
        };
        let (Some(draft), Some(then)) = (workspace.drafts.get(path), Went::recorded(&record))
        else {
            return Ok(None);
        };
        let (pinned, draft, salt) = (Arc::clone(pinned), Arc::clone(draft), self.salt.clone());
        let (policy, revision) = (pinned.name.clone(), draft.plan.revision);
        // Beside the threads that carry calls, not among them.
        let judged = tokio::task::spawn_blocking(move || {
            let other = Other { policy: &draft, pinned: Some(&pinned), salt: Some(&salt) };
            what_if(&record, other).went
        });
        let now = judged.await.map_err(|error| error.to_string())?;
        let (result, because) = match &now.end {
            End::Unknown { reason, .. } => (ShadowResult::Unknown, Some(reason.to_string())),
            _ if now.ends_like(&then) => (ShadowResult::Same, None),
            _ => {
                let cause = now.cause(&then);
                let words = format!("`{}` {}", cause.by, cause.how.words());
                (ShadowResult::Flip, Some(words))
            }
        };
        let event = ControlEvent::ShadowJudged {
            call: id.clone(),
            policy: policy.clone(),
            revision,
            result,
            was: then.end.label(),
            now: now.end.label(),
            because,
        };
        // Nobody else writes there.
        let mut seqs = HashMap::from([(revisions::shadow(id), 0)]);
        // That it is not written down is in the log, and nothing rests on it.
        let _ = self.record_change(&mut seqs, &Actor::system("guards"), event).await;
        Ok(Some((policy, result)))
    }
}
