//! The end of a run: on disk first, then told to those who wait.

use std::sync::Arc;

use backstop_domain::{
    Actor, AnsweredBy, CallEvent, CallId, Effect, Ended, Outcome, Phase, effect_key, guard::Amounts,
};
use backstop_policy::Answer;

use crate::{
    engine::Inner,
    live::{Live, LiveCall, Shown, Snapshot, Stop},
};

/// The tool calls of an answer that a run of a call ends with.
pub(crate) fn effects(call: &CallId, run: u32, answer: &Answer) -> Vec<Effect> {
    let calls = answer.choices.iter().flat_map(|choice| &choice.tool_calls).enumerate();
    let named = calls
        .map(|(place, tool)| Effect { key: effect_key(call, run, place), tool: tool.name.clone() });
    named.collect()
}

impl Inner {
    /// Records what the machine decided alone; an end with all that is told before it, so that
    /// nothing comes between.
    pub(crate) async fn record(
        &self,
        call: &LiveCall,
        live: &mut Live,
        event: CallEvent,
    ) -> Result<(), Stop> {
        match &live.state.phase {
            Phase::Ending(ended) | Phase::Releasing { ended, .. } => {
                let ended = ended.clone();
                self.end_as(call, live, &Actor::system("engine"), ended).await
            }
            _ => self.apply(live, event),
        }
    }

    /// Folds the end of the run, and before it whom it corrects and which tool calls leave with it.
    pub(crate) async fn end_as(
        &self,
        call: &LiveCall,
        live: &mut Live,
        actor: &Actor,
        ended: Ended,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        if let Some(revised) = live.state.revision(&ended) {
            live.apply(&self.ids, now, actor.clone(), revised)?;
        }
        let effects = self.effects(call, live, &ended).await?;
        if !effects.is_empty() {
            live.apply(&self.ids, now, actor.clone(), CallEvent::EffectsReleased { effects })?;
        }
        Ok(live.apply(&self.ids, now, actor.clone(), CallEvent::CallEnded(ended))?)
    }

    /// The tool calls of the answer that the run ends with.
    async fn effects(
        &self,
        call: &LiveCall,
        live: &Live,
        ended: &Ended,
    ) -> Result<Vec<Effect>, Stop> {
        let Some(digest) = ended.answer.filter(|_| live.policy.tools.may_be_called()) else {
            return Ok(Vec::new());
        };
        let bytes = self.answer_bytes(live, digest).await?;
        let answer = Answer::from_bytes(&bytes).map_err(|error| Stop::Broken(error.to_string()))?;
        Ok(effects(&call.id, live.state.run, &answer))
    }

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
        self.canary_ended(live, &ended);
        live.stages.total = live.started.elapsed();
        let answer = match ended.answer {
            Some(digest) => Some(self.answer_bytes(live, digest).await?.to_vec()),
            None => None,
        };
        let snapshot = Snapshot {
            id: call.id.clone(),
            state: Arc::clone(&live.state),
            answer,
            provided: crate::provided::at_hand(live),
            stages: live.stages,
            on_disk: !relaxed,
        };
        live.finished = true;
        crate::seen::call_ended(&snapshot);
        self.cast_shadow(call, live);
        call.shown.send_replace(Shown::Ended(Arc::new(snapshot)));
        if relaxed {
            // The answer may leave before the disk has it, but a loss is not passed over.
            live.on_disk().await?;
        }
        self.forget(call);
        Ok(())
    }

    /// What the caller's and the policy's limits are charged in the end; its place is free.
    pub(crate) fn settle_door(&self, live: &mut Live) {
        live.place = None;
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

    /// What a superseded run answered is no good answer to other calls.
    pub(crate) fn forget_answer(&self, live: &Live) {
        let Some(digest) = live.state.ended().and_then(|ended| ended.answer) else { return };
        for question in live.policy.last_good_keys(&live.facts) {
            self.last_good.forget(question, digest);
        }
        self.drop_from_cache(live, digest);
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
    ) -> Result<Arc<[u8]>, Stop> {
        if let Some(bytes) = live.answers.bytes(digest) {
            return Ok(bytes);
        }
        self.stored(digest).await?.map(Arc::from).ok_or(Stop::Lost(digest))
    }
}
