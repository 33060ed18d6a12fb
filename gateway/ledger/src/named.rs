//! Which bodies an event names. They come in one transaction with the first event that names them,
//! and their rows outlive erasure: so one that has no row is lost.

use backstop_domain::{
    Act, AttemptResult, Basis, CallEvent, ControlEvent, Digest, Event, Resolution, ReviewEvent,
};

/// Gives every digest of a body that stands beside the event, because what happened rests on it;
/// the event's own body is not among them. Other digests (revisions, fingerprints) are no bodies.
pub(crate) fn bodies(event: &Event, mut found: impl FnMut(Digest)) {
    let found = &mut found;
    match event {
        Event::Call(event) => of_call(event, found),
        Event::Review(event) => of_review(event, found),
        Event::Control(event) => of_control(event, found),
    }
}

fn of_call(event: &CallEvent, found: &mut impl FnMut(Digest)) {
    match event {
        CallEvent::CallReceived(received) => found(received.request),
        CallEvent::RequestJudged { basis, .. } => of_basis(basis, found),
        CallEvent::CacheLooked { hit } => each(hit.as_ref().map(|subject| subject.digest), found),
        CallEvent::AttemptStarted(started) => found(started.request),
        CallEvent::AttemptEnded(ended) => match &ended.result {
            AttemptResult::Answered { raw, answer, .. } => {
                found(*raw);
                found(*answer);
            }
            AttemptResult::Failed { raw, .. } => each(*raw, found),
        },
        CallEvent::AnswerJudged(judged) => {
            found(judged.subject.digest);
            of_basis(&judged.basis, found);
        }
        CallEvent::VerdictReached(decision) => {
            if let Act::End(ended) = &decision.act {
                each(ended.answer, found);
            }
        }
        CallEvent::AnswerMasked { subject } | CallEvent::FallbackTaken { subject, .. } => {
            found(subject.digest);
        }
        CallEvent::ReviewRequested(requested) => each(requested.subject, found),
        CallEvent::ReviewResolved(resolved) => of_resolution(&resolved.resolution, found),
        CallEvent::InterimReleased { digest } => found(*digest),
        CallEvent::OutcomeRevised { from, to } => {
            each([from.answer, to.answer].into_iter().flatten(), found)
        }
        CallEvent::CallEnded(ended) => each(ended.answer, found),
        CallEvent::DuplicateJoined { .. }
        | CallEvent::AttemptBlocked { .. }
        | CallEvent::WaitEnded
        | CallEvent::FallbackFailed { .. }
        | CallEvent::DecisionUndone { .. }
        | CallEvent::EffectsReleased { .. }
        | CallEvent::RunForked(_)
        | CallEvent::CompensationRequested { .. }
        | CallEvent::CallPaused(_)
        | CallEvent::CallResumed { .. } => {}
    }
}

fn of_review(event: &ReviewEvent, found: &mut impl FnMut(Digest)) {
    match event {
        ReviewEvent::ReviewOpened(opened) => each(opened.subject, found),
        ReviewEvent::VoteCast { vote, .. } => of_resolution(vote, found),
        ReviewEvent::ReviewDecided { resolution, .. } => of_resolution(resolution, found),
        ReviewEvent::ReviewClaimed { .. }
        | ReviewEvent::ReviewRenewed { .. }
        | ReviewEvent::ReviewReleased { .. }
        | ReviewEvent::ReviewUndone { .. }
        | ReviewEvent::ReviewExpired { .. }
        | ReviewEvent::ReviewWithdrawn { .. }
        | ReviewEvent::ReviewCommented { .. }
        | ReviewEvent::ReviewStepTaken { .. }
        | ReviewEvent::ReviewSetAside { .. }
        | ReviewEvent::ReviewHandedOver { .. } => {}
    }
}

fn of_control(event: &ControlEvent, found: &mut impl FnMut(Digest)) {
    match event {
        ControlEvent::RevisionLoaded { sources, .. } => each(*sources, found),
        ControlEvent::BodiesErased { digests, .. } => each(digests.iter().copied(), found),
        ControlEvent::BreakerChanged { .. }
        | ControlEvent::LatchChanged { .. }
        | ControlEvent::CanaryReturned { .. }
        | ControlEvent::ShadowJudged { .. }
        | ControlEvent::SubscriptionChanged { .. }
        | ControlEvent::LevelChanged { .. }
        | ControlEvent::RetentionApplied { .. }
        | ControlEvent::OperatorActed { .. }
        | ControlEvent::SignedIn { .. }
        | ControlEvent::SignedOut(_)
        | ControlEvent::PageViewed { .. } => {}
    }
}

fn of_basis(basis: &Basis, found: &mut impl FnMut(Digest)) {
    each(basis.paid.iter().filter_map(|paid| paid.said), found);
}

fn of_resolution(resolution: &Resolution, found: &mut impl FnMut(Digest)) {
    match resolution {
        Resolution::Approved { subject } | Resolution::Edited { subject } => found(subject.digest),
        Resolution::Rejected
        | Resolution::ChangesRequested { .. }
        | Resolution::FallbackChosen
        | Resolution::Expired { .. } => {}
    }
}

fn each(digests: impl IntoIterator<Item = Digest>, found: &mut impl FnMut(Digest)) {
    digests.into_iter().for_each(found);
}
