//! What follows from the verdict that won: the ties of RULES.md section 2 are settled here.

use alloc::{format, vec, vec::Vec};

use super::{
    offer::{Ground, Offer, Taken},
    resolve,
};
use crate::{
    Act, AnsweredBy, Ask, Cause, Ended, FailureClass, Millis, Outcome, Purpose, Reason, ReviewSpec,
    Rung, Source, Topic, Verdict,
};

/// What is done under `verdict`, which all of `winners` ask for. A shut door that somebody asked to
/// wait at opens at `door`.
pub(super) fn act(
    ground: &Ground<'_>,
    verdict: Verdict,
    winners: &[Offer<'_>],
    door: Option<Millis>,
) -> Act {
    match verdict {
        Verdict::Accept | Verdict::Reject => Act::End(rejected(ground, winners)),
        Verdict::Repair => repair(ground, winners),
        Verdict::Retry => retry(ground, winners),
        Verdict::NextModel => next_model(ground, winners, door),
        Verdict::Fallback => Act::Fallback,
        Verdict::Escalate => Act::Review { reviews: reviews(ground, winners) },
    }
}

/// Asking beats masking; all texts go into one request.
fn repair(ground: &Ground<'_>, winners: &[Offer<'_>]) -> Act {
    let mut masks = Vec::new();
    let mut other = None;
    let mut asks = false;
    for offer in winners {
        let Taken::Rung { rung: Rung::Repair { model, mask, .. }, .. } = &offer.taken else {
            continue;
        };
        match mask {
            Some(check) if !masks.contains(check) => masks.push(check.clone()),
            Some(_) => {}
            None => {
                asks = true;
                other = other.or_else(|| model.clone());
            }
        }
    }
    if !asks {
        return Act::Mask { checks: masks };
    }
    let model = other.or_else(|| ground.model.map(Into::into)).unwrap_or_default();
    let tell = winners.iter().filter_map(|offer| offer.text().map(Into::into)).collect();
    Act::Ask(Ask {
        model,
        purpose: Purpose::Repair,
        not_before: None,
        tell,
        doublings: doublings(ground),
    })
}

fn doublings(ground: &Ground<'_>) -> u32 {
    ground.state.asked.as_ref().map_or(0, |ask| ask.doublings)
}

/// The same request again, after the longest wait; after a cut-off answer with twice the room.
fn retry(ground: &Ground<'_>, winners: &[Offer<'_>]) -> Act {
    let mut not_before = None;
    let mut truncated = false;
    for offer in winners {
        let Taken::Rung { rung, at, .. } = &offer.taken else { continue };
        let at = match rung {
            Rung::Retry { backoff_ms, .. } => Some(ground.retry_at(*backoff_ms, at)),
            _ => ground.until(),
        };
        not_before = not_before.max(at);
        truncated |= offer.finding.class == Some(FailureClass::Truncated);
    }
    // Whoever waits at the door starts from the beginning.
    let last = ground.state.asked.clone().or_else(|| {
        let model = ground.plan.models.first()?.name.clone();
        Some(Ask { model, purpose: Purpose::Answer, not_before: None, tell: vec![], doublings: 0 })
    });
    match (last, ground.state.blocked.clone()) {
        (_, Some(blocked)) => Act::Ask(Ask { not_before, ..blocked }),
        (Some(ask), None) => {
            let doublings = ask.doublings.saturating_add(u32::from(truncated));
            Act::Ask(Ask { not_before, doublings, ..ask })
        }
        (None, None) => Act::End(rejected(ground, winners)),
    }
}

/// The furthest of the models that are asked for.
fn next_model(ground: &Ground<'_>, winners: &[Offer<'_>], door: Option<Millis>) -> Act {
    let targets = winners.iter().filter_map(|offer| match &offer.taken {
        Taken::Rung { rung: Rung::NextModel { to }, .. } => ground.next_model(to.as_deref()),
        _ => None,
    });
    let furthest = targets.max_by_key(|name| ground.plan.model_index(name)).unwrap_or_default();
    let request = matches!(ground.topic, Topic::Request(_));
    if request && door.is_none() {
        return Act::Begin { model: furthest };
    }
    let ask = Ask {
        model: furthest,
        purpose: Purpose::Answer,
        not_before: door.filter(|_| request),
        tell: Vec::new(),
        doublings: 0,
    };
    Act::Ask(ask)
}

/// One review per queue with all its reasons, in file order; then those that were still to come.
fn reviews(ground: &Ground<'_>, winners: &[Offer<'_>]) -> Vec<ReviewSpec> {
    let mut reviews: Vec<ReviewSpec> = Vec::new();
    for offer in winners {
        let Taken::Rung { rung: Rung::Escalate(to), .. } = &offer.taken else { continue };
        let reason = Reason { by: offer.finding.by.clone(), text: offer.finding.message.clone() };
        let excluded =
            offer.finding.objection.as_ref().map_or(&[][..], |objection| &objection.excluded);
        let at = reviews.iter_mut().find(|review| review.to.queue == to.queue);
        let review = match at {
            Some(review) => {
                review.to = resolve::tightened(&review.to, to);
                review
            }
            None => {
                let to = to.clone();
                reviews.push(ReviewSpec { to, reasons: Vec::new(), excluded: Vec::new() });
                let Some(review) = reviews.last_mut() else { continue };
                review
            }
        };
        review.reasons.push(reason);
        review.excluded.extend(excluded.iter().cloned());
    }
    for later in &ground.state.still_to_ask {
        match reviews.iter_mut().find(|review| review.to.queue == later.to.queue) {
            Some(review) => {
                review.to = resolve::tightened(&review.to, &later.to);
                let told = |reason: &&Reason| !review.reasons.contains(reason);
                let more: Vec<Reason> = later.reasons.iter().filter(told).cloned().collect();
                review.reasons.extend(more);
                review.excluded.extend(later.excluded.iter().cloned());
            }
            None => reviews.push(later.clone()),
        }
    }
    reviews
}

/// The end without an answer: refused by the policy, or failed because nothing was left.
fn rejected(ground: &Ground<'_>, winners: &[Offer<'_>]) -> Ended {
    let written = winners.iter().find(|offer| {
        matches!(&offer.taken, Taken::Rung { rung: Rung::Reject, written: true, .. })
    });
    let first = written.or_else(|| winners.first());
    let class = first.and_then(|offer| offer.finding.class);
    let failed = written.is_none()
        && ground.source != Some(Source::Human)
        && (ground.source == Some(Source::Fallback)
            || class.is_some_and(FailureClass::is_upstream));
    let text = first.map(|offer| offer.text().unwrap_or(&offer.finding.message).into());
    let cause = Cause {
        class,
        by: first.map(|offer| offer.finding.by.clone()),
        text: text.unwrap_or_default(),
    };
    Ended {
        outcome: if failed { Outcome::Failed } else { Outcome::Refused },
        answered_by: AnsweredBy::Nobody,
        answer: None,
        cause: match ground.state.causes.last() {
            Some(led) if failed && ground.source == Some(Source::Fallback) => {
                without_fallback(led, &cause)
            }
            _ => cause,
        },
        unreviewed: false,
        audits: Vec::new(),
    }
}

/// A fallback that does not answer is not why the call failed: what led to it is.
fn without_fallback(led: &Cause, fallback: &Cause) -> Cause {
    let text = format!("{}; the fallback did not answer either: {}", led.text, fallback.text);
    Cause { text, ..led.clone() }
}
