//! What each button will do, said before it is pressed: computed from the policy, the queue and how
//! the review stands, by the rules that the engine keeps.

use backstop_domain::{Phase, ReviewKind};

use super::{
    super::{visitor::Visitor, words},
    matter::Matter,
};

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
        ms => format!(" It can be taken back for {}.", words::span(ms)),
    };
    let several = opened.approvals > 1;
    let given = matter.review.votes.len();
    let last = given + 1 >= usize::from(opened.approvals);
    let next = match &matter.call.state.phase {
        Phase::InReview { rest, .. } => rest.first().map(|spec| spec.to.queue.clone()),
        _ => None,
    };
    let releases = match (&next, last) {
        (_, false) => format!(
            "Counts as approval {} of {}. Nothing goes out before another person approves too.",
            given + 1,
            opened.approvals
        ),
        (Some(queue), true) => format!("Approves it here; then queue {queue} is asked.{undo}"),
        (None, true) => format!("Releases this answer to {caller}.{undo}"),
    };
    let approve = match opened.subject {
        None if audit => cannot("There is no answer to agree with."),
        _ if audit => works("Notes that the answer was right. Nothing changes for the caller."),
        None => cannot("There is no answer to approve: write one."),
        Some(_) => works(releases),
    };
    let nothing_open = opened.may_edit.as_ref().is_some_and(Vec::is_empty);
    let edit = if audit {
        cannot("An audit changes no answer.")
    } else if several {
        cannot("Several people must agree on what they all saw, so nobody changes it.")
    } else if nothing_open {
        cannot("The policy lets nobody change this.")
    } else {
        works(format!("Checks your changes like any answer, then releases them to {caller}.{undo}"))
    };
    let reject = if audit {
        works("Notes that the answer was wrong. Nothing changes for the caller.")
    } else {
        works(format!(
            "Ends the call as rejected: {caller} gets no answer, and your reason is kept.{undo}"
        ))
    };
    let changes = changes(matter, audit);
    let fallback = fallback(matter, audit);
    let otherwise = match audit {
        true => "the audit is closed without a verdict".to_owned(),
        false => words::expiry(opened.on_expiry).to_owned(),
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

fn changes(matter: &Matter, audit: bool) -> Button {
    let model = matter.call.state.asked.as_ref().map_or("the model", |ask| ask.model.as_str());
    match matter.review.opened.changes_left {
        _ if audit => cannot("An audit changes no answer."),
        0 => cannot("It cannot be sent back again: the policy's `budget.changes` is used up."),
        1 => works(format!("Asks {model} again with your words. This can be done once more.")),
        left => works(format!("Asks {model} again with your words. {left} times are left.")),
    }
}

fn fallback(matter: &Matter, audit: bool) -> Button {
    match matter.policy.as_ref().map(|policy| &policy.plan) {
        _ if audit => cannot("An audit changes no answer."),
        Some(plan) if plan.has_fallback && !matter.call.state.fallback_tried => {
            works("The policy\u{2019}s fallback answers in its place, checked like any answer.")
        }
        Some(plan) if plan.has_fallback => cannot("The fallback was tried, and objected to."),
        _ => cannot("The policy has no fallback."),
    }
}

/// Why this visitor may not decide on this one at all, if so.
pub fn barred(matter: &Matter, visitor: &Visitor) -> Option<String> {
    let name = visitor.identity.name();
    let review = &matter.review;
    if visitor.identity.who().is_among(&review.opened.excluded) {
        return Some("The policy or the queue excludes you from this one.".to_owned());
    }
    if matter.has_another {
        let why = "You have a part in it already. Others decide it apart from you.";
        return Some(why.to_owned());
    }
    if review.has_voted(name) {
        return Some("You have voted. Another person must too.".to_owned());
    }
    None
}
