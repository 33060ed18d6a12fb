//! The end of a run: on disk first, then told to those who wait.

use std::sync::Arc;

use backstop_domain::{AnsweredBy, Ended, Outcome, guard::Amounts};

use crate::{
    engine::Inner,
    live::{Live, LiveCall, Shown, Snapshot, Stop},
};

impl Inner {
    /// Writes what is left, waits for the disk, and shows the end; once, however many come here.
    pub(crate) async fn finish(&self, call: &LiveCall, live: &mut Live) -> Result<(), Stop> {
        let Some(ended) = live.state.ended().cloned().filter(|_| !live.finished) else {
            return Ok(());
        };
        let audits = self.audits(call, live, &ended).await?;
        live.write_beside(&*self.ledger, &call.id, false, audits);
        let relaxed = live.policy.is_relaxed();
        if !relaxed {
            live.on_disk().await?;
        }
        self.settle_door(live);
        self.tool_limits.end(&call.id, ended.answer.is_some());
        self.remember(live, &ended);
        live.stages.total = live.started.elapsed();
        let answer = match ended.answer {
            Some(digest) => Some(self.answer_bytes(live, digest).await?),
            None => None,
        };
        let snapshot = Snapshot {
            id: call.id.clone(),
            state: live.state.clone(),
            answer,
            stages: live.stages,
            on_disk: !relaxed,
        };
        live.finished = true;
        crate::seen::call_ended(&snapshot);
        call.shown.send_replace(Shown::Ended(Arc::new(snapshot)));
        if relaxed {
            // The answer may leave before the disk has it, but a loss is not passed over.
            live.on_disk().await?;
        }
        self.forget(call);
        Ok(())
    }

    /// What the caller's and the policy's limits are charged in the end.
    pub(crate) fn settle_door(&self, live: &mut Live) {
        let used = live.state.used;
        for permit in std::mem::take(&mut live.door) {
            permit.settle(Amounts { requests: 1, tokens: used.tokens, cost: used.cost });
        }
    }

    fn remember(&self, live: &Live, ended: &Ended) {
        let good = matches!(ended.outcome, Outcome::Accepted | Outcome::Approved | Outcome::Edited);
        let Some(digest) = ended.answer.filter(|_| good) else { return };
        if let Some(bytes) = live.answers.bytes(digest) {
            for question in live.policy.last_good_keys(&live.facts) {
                self.last_good.keep(question, live.state.at, bytes.to_vec());
            }
        }
        if ended.outcome == Outcome::Accepted && ended.answered_by == AnsweredBy::Model {
            self.keep_in_cache(live);
        }
    }

    /// The key is on disk, and the ledger answers for it from here on; or it never will be.
    pub(crate) fn settle_key(&self, call: &LiveCall) {
        if let Some(place) = &call.place {
            self.keys.release(place, &call.id);
        }
    }

    /// The bytes of an answer in our form.
    pub(crate) async fn answer_bytes(
        &self,
        live: &Live,
        digest: backstop_domain::Digest,
    ) -> Result<Vec<u8>, Stop> {
        if let Some(bytes) = live.answers.bytes(digest) {
            return Ok(bytes.to_vec());
        }
        self.stored(digest).await?.ok_or(Stop::Lost(digest))
    }
}
