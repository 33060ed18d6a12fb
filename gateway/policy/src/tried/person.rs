//! What people do in a test.

use backstop_domain::{CallEvent, Resolution, Resolved, ReviewId, Source, Subject};

use super::change::edited;
use super::world::World;
use crate::raw::ReviewAct;

impl World<'_> {
    /// Does what the test says that a person does.
    pub(super) fn person(&mut self) {
        let Some(act) = self.scene.review.get(self.acts).cloned() else { return };
        self.acts += 1;
        let queue = self.seen.queues.last().cloned().unwrap_or_default();
        let shown = self.state.subject().cloned();
        let answer = shown.as_ref().and_then(|subject| self.answers.get(&subject.digest)).cloned();
        let human = |digest| Subject {
            source: Source::Human,
            digest,
            attempt: shown.as_ref().and_then(|subject| subject.attempt),
            model: shown.as_ref().and_then(|subject| subject.model.clone()),
        };
        let resolution = match (&act, answer) {
            (ReviewAct::Approve, Some((answer, _))) => {
                Resolution::Approved { subject: human(answer.digest()) }
            }
            (ReviewAct::Edit(changes), answer) => {
                let (answer, pretended) = answer.unwrap_or_default();
                match edited(&answer, changes) {
                    Ok(edited) => {
                        let digest = edited.digest();
                        self.answers.insert(digest, (edited, pretended));
                        Resolution::Edited { subject: human(digest) }
                    }
                    Err(why) => {
                        self.seen.broken = Some(why);
                        return;
                    }
                }
            }
            (ReviewAct::Reject, _) => Resolution::Rejected,
            (ReviewAct::Changes, _) => {
                Resolution::ChangesRequested { tell: "Once more.".to_owned() }
            }
            (ReviewAct::Fallback, _) => Resolution::FallbackChosen,
            (ReviewAct::Approve, None) => {
                self.seen.broken = Some("there is no answer to approve".to_owned());
                return;
            }
        };
        self.record(CallEvent::ReviewResolved(Resolved {
            review: ReviewId::from("rev_test"),
            queue,
            resolution,
            by: vec!["tester".to_owned()],
            reason: None,
            undo_until: None,
        }));
    }
}
