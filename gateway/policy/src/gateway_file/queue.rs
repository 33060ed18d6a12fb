//! Queues: where people decide, until when, and what happens if nobody does.

use super::provider::{small, time_or};
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany, words};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::raw::Priority;
use crate::source::{Span, Spanned};
use crate::units::{Count, Share, Time};
use crate::yaml::{Kind, Node};

words! {
    /// The words of [`Expiry`].
    pub(crate) enum ExpiryWord: "what happens when nobody decides" {
        /// It ends as `expired`.
        Reject = "reject",
        /// The policy's fallback answers.
        Fallback = "fallback",
        /// It stays open for `hold_at_most`.
        Hold = "hold",
        /// The answer goes out, marked unreviewed; needs `approve_unseen: true`.
        Approve = "approve",
    }
}

words! {
    /// How a held review ends at last.
    pub enum HoldEnd: "how a held review ends" {
        /// As `expired`, nobody.
        Reject = "reject",
        /// By the policy's fallback.
        Fallback = "fallback",
        /// With the answer, marked unreviewed.
        Approve = "approve",
    }
}

/// What happens when nobody decides in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Outcome `expired`, nobody.
    Reject,
    /// The policy's fallback answers.
    Fallback,
    /// The answer goes out, marked unreviewed; the file said `approve_unseen: true`.
    Approve,
    /// It stays open for a bounded time.
    Hold {
        /// For so long beyond the due time, in milliseconds.
        at_most_ms: u64,
        /// What happens then; default reject.
        then: HoldEnd,
    },
}

words! {
    /// What is done with a review that cannot be taken in.
    pub enum DoorAct: "what is done at the door" {
        /// It is refused.
        Reject = "reject",
        /// The policy's fallback answers.
        Fallback = "fallback",
    }
}

/// What is done when the queue is full or hopelessly late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtDoor {
    /// When the wait is expected to be longer than this, in milliseconds; `None` is the due time.
    pub when_wait_over_ms: Option<u64>,
    /// What is done; never an approval.
    pub then: DoorAct,
}

/// What a reminder does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepAct {
    /// Tells the people of that `notify` entry.
    Notify(String),
    /// Shows the review in that queue too.
    AddQueue(String),
    /// Raises the priority.
    Priority(Priority),
}

/// One step of a queue's chain of reminders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStep {
    /// After this time from the start, in milliseconds of opening hours.
    pub after_ms: u64,
    /// What it does.
    pub acts: Vec<StepAct>,
}

impl Decode for QueueStep {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::QUEUE_STEP, d)?;
        let after: Option<Time> = fields.required("after", d);
        let notify: Option<Name> = fields.optional("notify", d);
        let add_queue: Option<Name> = fields.optional("add_queue", d);
        let priority = fields.optional("priority", d);
        let any = fields.has("notify") || fields.has("add_queue") || fields.has("priority");
        fields.finish(d);
        if !any {
            let say = "the step does nothing";
            let help = "add `notify`, `add_queue` or `priority`";
            return d.refuse(Problem::error(Code::MissingKey, node.span, say).help(help));
        }
        let acts = [
            notify.map(|name| StepAct::Notify(name.as_str().to_owned())),
            add_queue.map(|name| StepAct::AddQueue(name.as_str().to_owned())),
            priority.map(StepAct::Priority),
        ];
        Some(Self { after_ms: after?.ms(), acts: acts.into_iter().flatten().collect() })
    }
}

/// How many reviews are decided by several people, each apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The share of reviews, in millionths.
    pub share: u32,
    /// So many people, the one that the call waits for included; default 2.
    pub people: u32,
}

impl Overlap {
    const NONE: Self = Self { share: 0, people: 2 };
    /// More would take more of people's time than they could ever teach.
    const PEOPLE_MAX: u64 = 5;
}

impl Decode for Overlap {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if matches!(node.kind, Kind::Scalar(_)) {
            return Some(Self { share: Share::decode(node, d)?.0, ..Self::NONE });
        }
        let mut fields = Fields::open(node, &keys::OVERLAP, d)?;
        let share: Option<Share> = fields.required("share", d);
        let people: Option<Spanned<Count>> = fields.optional("people", d);
        fields.finish(d);
        let (count, span) = people.map_or((2, node.span), |people| (people.value.0, people.span));
        if !(2..=Self::PEOPLE_MAX).contains(&count) {
            let say = format!("`people` is {count}, not in 2 to {}", Self::PEOPLE_MAX);
            return d.refuse(Problem::error(Code::OutOfRange, span, say));
        }
        Some(Self { share: share?.0, people: u32::try_from(count).ok()? })
    }
}

/// A queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Shown to reviewers; `None` is the name.
    pub title: Option<String>,
    /// What a reviewer must be able to do, all of it.
    pub skills: Vec<String>,
    /// Until when, in milliseconds of opening hours.
    pub due_ms: u64,
    /// The calendar; `None` is always open.
    pub hours: Option<String>,
    /// What happens when nobody decides.
    pub on_expiry: Expiry,
    /// Reminders, in order of time.
    pub steps: Vec<QueueStep>,
    /// How many must approve; one rejection ends it.
    pub approvals: u32,
    /// Whether reviewers are kept from each other's votes; default true from two approvals on.
    pub blind: bool,
    /// Who may not decide, such as `caller_owner` (the default) or a reviewer.
    pub exclude: Vec<String>,
    /// Most open reviews.
    pub capacity: u64,
    /// When it is full or late.
    pub at_door: AtDoor,
    /// How long a claim holds, in milliseconds; default 10 min.
    pub claim_ms: u64,
    /// How long a decision can be taken back, in milliseconds; default 0.
    pub undo_ms: u64,
    /// Codes for a rejection; empty is free text.
    pub reasons: Vec<String>,
    /// Whether alike reviews may be decided together.
    pub bulk: bool,
    /// How many reviews several people decide apart; default none.
    pub overlap: Overlap,
    /// The share of reviews beside which one is asked whose answer is known, in millionths.
    pub known_answers: u32,
}

impl Decode for Queue {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::QUEUE, d)?;
        let title = fields.optional("title", d);
        let skills = fields.all("skills", d);
        let due: Option<Spanned<Time>> = fields.required("due", d);
        positive(due.as_ref(), d);
        let hours = fields.optional("hours", d).map(|name: Name| name.as_str().to_owned());
        let on_expiry = expiry(&mut fields, d);
        let mut steps: Vec<QueueStep> = fields.all("steps", d);
        steps.sort_by_key(|step| step.after_ms);
        let approvals = small(&mut fields, "approvals", 1, d);
        let blind = fields.or("blind", approvals > 1, d);
        let exclude = fields.or("exclude", vec!["caller_owner".to_owned()], d);
        let capacity = fields.or("capacity", Count(10_000), d).0;
        let at_door = at_door(&mut fields, on_expiry, d);
        let claim_ms = time_or(&mut fields, "claim", 600_000, d);
        let undo_ms = fields.or("undo", Time(0), d).ms();
        let reasons = fields.all::<OneOrMany<_>>("reasons", d).0;
        let bulk = fields.or("bulk", false, d);
        let overlap = fields.or("overlap", Overlap::NONE, d);
        let known_answers = fields.or("known_answers", Share(0), d).0;
        fields.finish(d);
        Some(Self {
            title,
            skills,
            due_ms: due?.value.ms(),
            hours,
            on_expiry: on_expiry?,
            steps,
            approvals,
            blind,
            exclude,
            capacity,
            at_door,
            claim_ms,
            undo_ms,
            reasons,
            bulk,
            overlap,
            known_answers,
        })
    }
}

fn positive(time: Option<&Spanned<Time>>, d: &mut Decoder<'_>) {
    if let Some(time) = time.filter(|time| time.value.ms() == 0) {
        let say = "a review that is due at once cannot be decided by anybody";
        d.report.push(Problem::error(Code::OutOfRange, time.span, say));
    }
}

fn expiry(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<Expiry> {
    let word = fields.or("on_expiry", Spanned::new(ExpiryWord::Reject, fields.span()), d);
    let unseen: Option<Spanned<bool>> = fields.optional("approve_unseen", d);
    let hold = fields.node("hold_at_most", d).and_then(|node| hold(node, d));
    if hold.is_some() && word.value != ExpiryWord::Hold {
        let span = fields.key_span("hold_at_most").unwrap_or(word.span);
        let say = "`hold_at_most` belongs to `on_expiry: hold`";
        d.report.push(Problem::error(Code::QueueTerminal, span, say));
    }
    let approves =
        word.value == ExpiryWord::Approve || hold.is_some_and(|(_, then)| then == HoldEnd::Approve);
    check_approval(approves, unseen.as_ref(), word.span, d);
    match word.value {
        ExpiryWord::Reject => Some(Expiry::Reject),
        ExpiryWord::Fallback => Some(Expiry::Fallback),
        ExpiryWord::Approve => Some(Expiry::Approve),
        ExpiryWord::Hold if fields.has("hold_at_most") => {
            hold.map(|(at_most_ms, then)| Expiry::Hold { at_most_ms, then })
        }
        ExpiryWord::Hold => {
            let say = "`on_expiry: hold` needs an end";
            let help = "add `hold_at_most: 2d`, or `hold_at_most: {for: 2d, then: fallback}`";
            d.refuse(Problem::error(Code::QueueTerminal, word.span, say).help(help))
        }
    }
}

fn check_approval(approves: bool, unseen: Option<&Spanned<bool>>, span: Span, d: &mut Decoder<'_>) {
    let opted = unseen.is_some_and(|unseen| unseen.value);
    if approves && !opted {
        let say = "`approve` lets answers out that nobody has seen";
        let help = "add `approve_unseen: true` if that is meant, else write `reject`";
        d.report.push(Problem::error(Code::QueueTerminal, span, say).help(help));
    }
    if let Some(unseen) = unseen.filter(|_| opted && !approves) {
        let say = "`approve_unseen` belongs to `approve`";
        d.report.push(Problem::error(Code::QueueTerminal, unseen.span, say));
    }
}

/// A time, or `{for, then}`.
fn hold(node: &Node, d: &mut Decoder<'_>) -> Option<(u64, HoldEnd)> {
    if matches!(node.kind, Kind::Scalar(_)) {
        return Time::decode(node, d).map(|time| (time.ms(), HoldEnd::Reject));
    }
    let mut fields = Fields::open(node, &keys::HOLD, d)?;
    let time: Option<Time> = fields.required("for", d);
    let then = fields.or("then", HoldEnd::Reject, d);
    fields.finish(d);
    Some((time?.ms(), then))
}

/// `at_door`; by default what happens on expiry, but never an approval or a hold.
fn at_door(fields: &mut Fields<'_>, expiry: Option<Expiry>, d: &mut Decoder<'_>) -> AtDoor {
    let usual = match expiry {
        Some(Expiry::Fallback) => DoorAct::Fallback,
        _ => DoorAct::Reject,
    };
    let absent = AtDoor { when_wait_over_ms: None, then: usual };
    let Some(node) = fields.node("at_door", d) else { return absent };
    let Some(mut inner) = Fields::open(node, &keys::AT_DOOR, d) else { return absent };
    let when_wait_over_ms = inner.optional("when_wait_over", d).map(Time::ms);
    let then = inner.or("then", usual, d);
    inner.finish(d);
    AtDoor { when_wait_over_ms, then }
}
