//! Keys of queues: where people decide, until when, and what happens if nobody does.

use super::{Names, Unit, Value, shapes};
use crate::gateway_file::{DoorAct, ExpiryWord, HoldEnd};
use crate::raw::Priority;

static OVERLAPS: &[Value] = &[Value::Unit(Unit::Share), Value::Map(&OVERLAP)];
static HOLDS: &[Value] = &[Value::Unit(Unit::Time), Value::Map(&HOLD)];

shapes! {
    /// A queue: where people decide.
    QUEUE = "a queue" {
        /// Shown to reviewers; else the name.
        "title" => Value::Text,
        /// What a reviewer must be able to do, all of it.
        "skills" => Value::List(&Value::Text),
        /// Until when, in opening hours.
        "due" required => Value::Unit(Unit::Time),
        /// The calendar; without one the queue is always open.
        "hours" => Value::Name(Names::Hours),
        /// A chain of reminders; each counts from the start.
        "steps" => Value::List(&Value::Map(&QUEUE_STEP)),
        /// How many must approve. One rejection ends it.
        "approvals" = "1" => Value::Unit(Unit::Count),
        /// Whether reviewers are kept from each other's votes; else from two approvals on.
        "blind" => Value::Bool,
        /// Who may not decide: reviewers, teams, and `caller_owner`: the caller and its own team.
        "exclude" = "[caller_owner]" => Value::List(&Value::Text),
        /// What happens when nobody decided in time.
        "on_expiry" = "reject" => Value::Words(ExpiryWord::WORDS),
        /// `approve` on expiry lets answers out that nobody has seen: say so here.
        "approve_unseen" = "false" => Value::Bool,
        /// How long `hold` holds, and what comes then.
        "hold_at_most" => Value::OneOf(HOLDS),
        /// Most open reviews.
        "capacity" = "10k" => Value::Unit(Unit::Count),
        /// What is done when the queue is full or hopelessly late; else what `on_expiry` says.
        "at_door" => Value::Map(&AT_DOOR),
        /// How long a claim holds.
        "claim" = "10min" => Value::Unit(Unit::Time),
        /// How long a decision can be taken back.
        "undo" = "0s" => Value::Unit(Unit::Time),
        /// Whether alike reviews may be decided together.
        "bulk" = "false" => Value::Bool,
        /// Codes for a rejection; else free text.
        "reasons" => Value::OneOrMany(&Value::Text),
        /// The share of reviews that two people decide apart, or share and people. The call waits
        /// for one of them.
        "overlap" = "0%" => Value::OneOf(OVERLAPS),
        /// The share of reviews beside which one is asked whose answer is known: a lead marked it.
        "known_answers" = "0%" => Value::Unit(Unit::Share),
    }

    /// One reminder.
    QUEUE_STEP = "a step of a queue" {
        /// After this time from the start, in opening hours.
        "after" required => Value::Unit(Unit::Time),
        /// Whom to tell.
        "notify" some => Value::Name(Names::Notify),
        /// The queue that shows the review too.
        "add_queue" some => Value::Name(Names::Queue),
        /// The new priority.
        "priority" some => Value::Words(Priority::WORDS),
    }

    /// How long a review is held, and what comes then.
    HOLD = "`hold_at_most`" {
        /// For so long beyond the due time.
        "for" required => Value::Unit(Unit::Time),
        /// What happens then.
        "then" = "reject" => Value::Words(HoldEnd::WORDS),
    }

    /// How many people decide the same apart.
    OVERLAP = "`overlap`" {
        /// Of so many reviews.
        "share" required => Value::Unit(Unit::Share),
        /// So many people, the first one included: 2 to 5.
        "people" = "2" => Value::Unit(Unit::Count),
    }

    /// What is done at the door of a queue that is full or late.
    AT_DOOR = "`at_door`" {
        /// When the wait is expected to be longer than this; else the due time.
        "when_wait_over" => Value::Unit(Unit::Time),
        /// What is done; never an approval.
        "then" => Value::Words(DoorAct::WORDS),
    }
}
