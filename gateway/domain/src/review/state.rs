//! What is known of a review, and how each event changes it.

use alloc::{string::String, vec, vec::Vec};

use crate::{Millis, OnExpiry, Opened, Priority, Resolution, ReviewEvent};

/// A review, as its events so far make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewState {
    /// How many events were folded: the `seq` of the newest one.
    pub seq: u64,
    /// As it was opened.
    pub opened: Opened,
    /// When.
    pub opened_at: Millis,
    /// How it stands.
    pub standing: Standing,
    /// How urgent it is by now.
    pub priority: Priority,
    /// The queues in which it waits: where it belongs, then those that its chain added.
    pub queues: Vec<String>,
    /// The person it was given to, if it was. A hint to people, not a lock.
    pub assigned: Option<String>,
    /// Who does not want to see it, and until when; `None` is for good.
    pub aside: Vec<(String, Option<Millis>)>,
    /// The newest lease's fencing token; 0 before the first claim.
    pub lease: u64,
    /// Votes so far, one per person.
    pub votes: Vec<Vote>,
    /// How many steps of the chain of reminders were taken.
    pub steps: u32,
    /// What people said, in order: who and what.
    pub comments: Vec<(String, String)>,
}

/// How a review stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Anybody may take it.
    Open,
    /// Somebody holds it.
    Claimed {
        /// Who.
        by: String,
        /// Their fencing token.
        lease: u64,
        /// Until when.
        until: Millis,
    },
    /// It is decided.
    Decided {
        /// By whom.
        by: Vec<String>,
        /// What.
        resolution: Resolution,
        /// Until when it can be taken back.
        undo_until: Option<Millis>,
        /// When.
        at: Millis,
    },
    /// Nobody decided in time.
    Expired(OnExpiry),
    /// It is no longer asked.
    Withdrawn {
        /// Why.
        reason: String,
    },
}

/// One person's vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who.
    pub by: String,
    /// What.
    pub vote: Resolution,
}

/// An event that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot follow on a review that is {standing}")]
pub struct Illegal {
    /// Name of the event.
    pub event: &'static str,
    /// How the review stands.
    pub standing: &'static str,
}

impl Standing {
    /// The word used in the API and on pages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed { .. } => "claimed",
            Self::Decided { .. } => "decided",
            Self::Expired(_) => "expired",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }

    /// Whether somebody can still decide.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Claimed { .. })
    }
}

impl ReviewState {
    /// The review as `event`, which happened at `at`, leaves it.
    ///
    /// # Errors
    /// [`Illegal`] if the event cannot follow; nothing has changed then.
    pub fn fold(state: Option<Self>, event: &ReviewEvent, at: Millis) -> Result<Self, Illegal> {
        let Some(mut state) = state else {
            return match event {
                ReviewEvent::ReviewOpened(opened) => Ok(Self::opened(opened.clone(), at)),
                other => Err(Illegal { event: other.name(), standing: "nothing" }),
            };
        };
        let illegal = Illegal { event: event.name(), standing: state.standing.name() };
        state.apply(event, at).ok_or(illegal)?;
        state.seq += 1;
        Ok(state)
    }

    fn opened(opened: Opened, at: Millis) -> Self {
        Self {
            seq: 1,
            priority: opened.priority,
            queues: vec![opened.queue.clone()],
            assigned: None,
            aside: Vec::new(),
            opened,
            opened_at: at,
            standing: Standing::Open,
            lease: 0,
            votes: Vec::new(),
            steps: 0,
            comments: Vec::new(),
        }
    }

    fn apply(&mut self, event: &ReviewEvent, at: Millis) -> Option<()> {
        let open = self.standing.is_open();
        match event {
            ReviewEvent::ReviewOpened(_) => return None,
            ReviewEvent::ReviewCommented { by, text } => {
                self.comments.push((by.clone(), text.clone()));
            }
            ReviewEvent::ReviewClaimed { by, lease, until } => {
                (open && *lease > self.lease && !self.held_by_another(by, at)).then_some(())?;
                self.lease = *lease;
                self.standing = Standing::Claimed { by: by.clone(), lease: *lease, until: *until };
            }
            ReviewEvent::ReviewRenewed { lease, until } => {
                let Standing::Claimed { lease: held, until: end, .. } = &mut self.standing else {
                    return None;
                };
                (held == lease).then_some(())?;
                *end = (*end).max(*until);
            }
            ReviewEvent::ReviewReleased { lease } => {
                let standing = &self.standing;
                let held = matches!(standing, Standing::Claimed { lease: l, .. } if l == lease);
                held.then_some(())?;
                self.standing = Standing::Open;
            }
            ReviewEvent::VoteCast { by, vote, .. } => {
                (open && !self.has_voted(by)).then_some(())?;
                self.votes.push(Vote { by: by.clone(), vote: vote.clone() });
                self.standing = Standing::Open;
            }
            ReviewEvent::ReviewDecided { by, resolution, undo_until, .. } => {
                open.then_some(())?;
                self.standing = Standing::Decided {
                    by: by.clone(),
                    resolution: resolution.clone(),
                    undo_until: *undo_until,
                    at,
                };
            }
            ReviewEvent::ReviewUndone { .. } => {
                let Standing::Decided { undo_until, .. } = &self.standing else { return None };
                undo_until.is_some_and(|until| at < until).then_some(())?;
                self.votes.clear();
                self.standing = Standing::Open;
            }
            ReviewEvent::ReviewExpired { action } => {
                open.then_some(())?;
                self.standing = Standing::Expired(*action);
            }
            ReviewEvent::ReviewWithdrawn { reason } => {
                let held = matches!(&self.standing, Standing::Decided { undo_until: Some(_), .. });
                (open || held).then_some(())?;
                self.standing = Standing::Withdrawn { reason: reason.clone() };
            }
            ReviewEvent::ReviewStepTaken { step, priority, queue, .. } => {
                (open && *step >= self.steps).then_some(())?;
                self.steps = step.checked_add(1)?;
                self.raise(*priority, queue.as_ref());
            }
            ReviewEvent::ReviewSetAside { by, until } => {
                open.then_some(())?;
                self.put_aside(by, *until);
            }
            ReviewEvent::ReviewHandedOver { to, queue, .. } => {
                open.then_some(())?;
                self.pass_on(to.as_ref(), queue.as_ref());
            }
        }
        Some(())
    }

    /// More urgent, or in one more queue.
    fn raise(&mut self, priority: Option<Priority>, queue: Option<&String>) {
        self.priority = self.priority.max(priority.unwrap_or_default());
        if let Some(queue) = queue.filter(|queue| !self.queues.contains(queue)) {
            self.queues.push(queue.clone());
        }
    }

    /// To a person, to another queue, or both. Whoever holds it holds it no longer.
    fn pass_on(&mut self, to: Option<&String>, queue: Option<&String>) {
        self.assigned = to.cloned();
        if let Some(queue) = queue {
            self.queues.retain(|name| name != queue);
            match self.queues.first_mut() {
                Some(home) => home.clone_from(queue),
                None => self.queues.push(queue.clone()),
            }
        }
        // Whoever gets it may have set it aside before.
        self.aside.retain(|(person, _)| Some(person) != to);
        self.standing = Standing::Open;
    }

    /// Out of that person's sight until then. If they hold it they hold it no longer.
    fn put_aside(&mut self, person: &str, until: Option<Millis>) {
        self.aside.retain(|(by, _)| by != person);
        self.aside.push((person.into(), until));
        if matches!(&self.standing, Standing::Claimed { by, .. } if by == person) {
            self.standing = Standing::Open;
        }
    }

    /// Whether that person wants to see it at `at`.
    pub fn is_aside(&self, person: &str, at: Millis) -> bool {
        let aside = |(by, until): &(String, Option<Millis>)| {
            by == person && until.is_none_or(|until| at < until)
        };
        self.aside.iter().any(aside)
    }

    /// Whether somebody else holds a lease that has not run out at `at`.
    pub fn held_by_another(&self, person: &str, at: Millis) -> bool {
        matches!(&self.standing, Standing::Claimed { by, until, .. } if by != person && at < *until)
    }

    /// Whether that person has voted.
    pub fn has_voted(&self, person: &str) -> bool {
        self.votes.iter().any(|vote| vote.by == person)
    }
}
