//! What each button will do, said before it is pressed: computed from the policy, the queue and how
//! the review stands, by the rules that the engine keeps.

use backstop_domain::{Phase, ReviewKind};

use super::{
    super::{visitor::Visitor, words},
    matter::Matter,
};
use crate::tongue::{say, tell};

/// What a button will do, or why it cannot be pressed.
pub struct Button {
    /// The words.
    pub does: String,
    /// Whether it can be pressed.
    pub works: bool,
}

/// Every decision.
pub struct Buttons {
    pub approve: Button,
    pub edit: Button,
    pub reject: Button,
    pub changes: Button,
    pub fallback: Button,
    /// What happens when nobody presses any.
    pub otherwise: String,
}

fn works(does: impl Into<String>) -> Button {
    Button { does: does.into(), works: true }
}

fn cannot(why: impl Into<String>) -> Button {
    Button { does: why.into(), works: false }
}

/// What each would do if this visitor pressed it.
pub fn buttons(matter: &Matter, visitor: &Visitor) -> Buttons {
    let opened = &matter.review.opened;
    let audit = opened.kind == ReviewKind::Audit && !opened.is_drawn();
    let caller = &matter.call.state.received.caller;
    let undo = match opened.undo_ms {
        0 => String::new(),
        ms => tell(" It can be taken back for {time}.", &[("time", &words::span(ms))]),
    };
    let several = opened.approvals > 1;
    let approve = approve(matter, audit, &undo);
    let nothing_open = opened.may_edit.as_ref().is_some_and(Vec::is_empty);
    let edit = if audit {
        cannot(say("An audit changes no answer."))
    } else if several {
        cannot(say("Several people must agree on what they all saw, so nobody changes it."))
    } else if nothing_open {
        cannot(say("The policy lets nobody change this."))
    } else {
        works(tell(
            "Checks your changes like any answer, then releases them to {caller}.{undo}",
            &[("caller", caller), ("undo", &undo)],
        ))
    };
    let reject = if audit {
        works(say("Notes that the answer was wrong. Nothing changes for the caller."))
    } else {
        works(tell(
            "Ends the call as rejected: {caller} gets no answer, and your reason is kept.{undo}",
            &[("caller", caller), ("undo", &undo)],
        ))
    };
    let changes = changes(matter, audit);
    let fallback = fallback(matter, audit);
    let otherwise = match audit {
        true => say("the audit is closed without a verdict").into_owned(),
        false => words::expiry(opened.on_expiry).into_owned(),
    };
    let mut all = Buttons { approve, edit, reject, changes, fallback, otherwise };
    if let Some(why) = barred(matter, visitor) {
        for button in
            [&mut all.approve, &mut all.edit, &mut all.reject, &mut all.changes, &mut all.fallback]
        {
            *button = cannot(why.clone());
        }
    }
    all
}

fn approve(matter: &Matter, audit: bool, undo: &str) -> Button {
    let opened = &matter.review.opened;
    let given = matter.review.votes.len() + 1;
    let next = match &matter.call.state.phase {
        Phase::InReview { rest, .. } => rest.first().map(|spec| spec.to.queue.as_str()),
        _ => None,
    };
    match (opened.subject, next) {
        (None, _) if audit => cannot(say("There is no answer to agree with.")),
        _ if audit => {
            works(say("Notes that the answer was right. Nothing changes for the caller."))
        }
        (None, _) => cannot(say("There is no answer to approve: write one.")),
        _ if given < usize::from(opened.approvals) => works(tell(
            "Counts as approval {number} of {all}. Nothing goes out before another person approves \
             too.",
            &[("number", &given.to_string()), ("all", &opened.approvals.to_string())],
        )),
        (_, Some(queue)) => works(tell(
            "Approves it here; then queue {queue} is asked.{undo}",
            &[("queue", queue), ("undo", undo)],
        )),
        (_, None) => works(tell(
            "Releases this answer to {caller}.{undo}",
            &[("caller", &matter.call.state.received.caller), ("undo", undo)],
        )),
    }
}

fn changes(matter: &Matter, audit: bool) -> Button {
    let named = matter.call.state.asked.as_ref().map(|ask| ask.model.clone());
    let model = &named.unwrap_or_else(|| say("the model").into_owned());
    match matter.review.opened.changes_left {
        _ if audit => cannot(say("An audit changes no answer.")),
        0 => cannot(say("It cannot be sent back again: the policy's `budget.changes` is used up.")),
        1 => works(tell(
            "Asks {model} again with your words. This can be done once more.",
            &[("model", model)],
        )),
        left => works(tell(
            "Asks {model} again with your words. {left} times are left.",
            &[("model", model), ("left", &left.to_string())],
        )),
    }
}

fn fallback(matter: &Matter, audit: bool) -> Button {
    match matter.policy.as_ref().map(|policy| &policy.plan) {
        _ if audit => cannot(say("An audit changes no answer.")),
        Some(plan) if plan.has_fallback && !matter.call.state.fallback_tried => works(say(
            "The policy\u{2019}s fallback answers in its place, checked like any answer.",
        )),
        Some(plan) if plan.has_fallback => cannot(say("The fallback was tried, and objected to.")),
        _ => cannot(say("The policy has no fallback.")),
    }
}

/// Why this visitor may not decide on this one at all, if so.
pub fn barred(matter: &Matter, visitor: &Visitor) -> Option<String> {
    let name = visitor.identity.name();
    let review = &matter.review;
    if visitor.identity.who().is_among(&review.opened.excluded) {
        return Some(say("The policy or the queue excludes you from this one.").into_owned());
    }
    if matter.has_another {
        let why = say("You have a part in it already. Others decide it apart from you.");
        return Some(why.into_owned());
    }
    if review.has_voted(name) {
        return Some(say("You have voted. Another person must too.").into_owned());
    }
    None
}
