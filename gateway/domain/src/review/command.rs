//! What people may do to a review: each command yields the events to record, or says why not.

use alloc::{string::String, vec, vec::Vec};

use super::{ReviewEvent, ReviewState, Standing};
use crate::{Digest, Millis, OnExpiry, Priority, Resolution, ReviewKind};

/// Why a command is refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody holds it.
    #[error("`{by}` holds this review until {}", .until.0)]
    Held {
        /// Who.
        by: String,
        /// Until when.
        until: Millis,
    },
    /// The fencing token is not the newest, or its lease ran out.
    #[error("your claim has ended: claim the review again and look at it anew")]
    LeaseLost,
    /// It is decided, expired or withdrawn.
    #[error("this review is {standing} already")]
    Closed {
        /// How it stands.
        standing: &'static str,
    },
    /// The same person decided the same already: the second click.
    #[error("you have decided this already")]
    Repeated,
    /// The due time has passed.
    #[error("the due time of this review has passed")]
    TooLate,
    /// The person decided on something that is no longer on the table.
    #[error("this review has changed since you opened it: {changed}")]
    Stale {
        /// What changed, in words.
        changed: &'static str,
    },
    /// The person may not decide on this one.
    #[error("you may not decide on this review: {why}")]
    Excluded {
        /// Why, in words.
        why: &'static str,
    },
    /// What was asked for cannot be done on this review.
    #[error("{why}")]
    NotPossible {
        /// Why, in words.
        why: &'static str,
    },
    /// The undo window has closed, or there is nothing to undo.
    #[error("there is nothing left to undo")]
    NothingToUndo,
}

/// Somebody who wants to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// Their name.
    pub name: &'a str,
    /// The teams that they belong to at that moment.
    pub teams: &'a [String],
}

impl<'a> From<&'a str> for Who<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, teams: &[] }
    }
}

impl Who<'_> {
    /// Whether one of these names is theirs, or that of a team of theirs. The one place that says
    /// who is excluded, for commands and for lists alike.
    pub fn is_among(self, excluded: &[String]) -> bool {
        excluded.iter().any(|name| name == self.name || self.teams.contains(name))
    }
}

/// One decision, with what the person saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decide {
    /// Who.
    pub by: String,
    /// The teams that they belong to.
    pub teams: Vec<String>,
    /// Fencing token of the claim, if the person claimed.
    pub lease: Option<u64>,
    /// Run that the person saw.
    pub generation: u32,
    /// Digest of what the person saw; `None` when there was nothing to see.
    pub subject: Option<Digest>,
    /// What they decided.
    pub resolution: Resolution,
    /// Code and text of the reason.
    pub reason: Option<String>,
}

/// Where a review shall go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandOver {
    /// The person who shall decide.
    pub to: Option<String>,
    /// The teams that they belong to.
    pub teams: Vec<String>,
    /// The queue in which it shall wait.
    pub queue: Option<String>,
    /// Why, in words.
    pub note: Option<String>,
}

/// A step of a queue's chain of reminders, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// Which, from 0.
    pub step: u32,
    /// What it does, in words.
    pub did: String,
    /// The priority that it raises the review to.
    pub priority: Option<Priority>,
    /// The queue that it adds.
    pub queue: Option<String>,
    /// The entries of `notify` that it tells.
    pub notify: Vec<String>,
}

impl ReviewState {
    /// Takes the review for a while.
    ///
    /// # Errors
    /// [`Refusal`] if somebody else holds it, it is closed, or the person may not decide on it.
    pub fn claim<'a>(&self, by: impl Into<Who<'a>>, now: Millis) -> Result<ReviewEvent, Refusal> {
        let who = by.into();
        self.open_for(who, now)?;
        let lease = self.lease.saturating_add(1);
        let until = now.plus(self.opened.claim_ms);
        Ok(ReviewEvent::ReviewClaimed { by: who.name.into(), lease, until })
    }

    /// Goes on holding it.
    ///
    /// # Errors
    /// [`Refusal::LeaseLost`] if the lease is no longer the person's.
    pub fn renew(&self, by: &str, lease: u64, now: Millis) -> Result<ReviewEvent, Refusal> {
        self.holds(by, lease, now)?;
        Ok(ReviewEvent::ReviewRenewed { lease, until: now.plus(self.opened.claim_ms) })
    }

    /// Gives it back.
    ///
    /// # Errors
    /// [`Refusal::LeaseLost`] if the lease is no longer the person's.
    pub fn release(&self, by: &str, lease: u64, now: Millis) -> Result<ReviewEvent, Refusal> {
        self.holds(by, lease, now)?;
        Ok(ReviewEvent::ReviewReleased { lease })
    }

    /// Decides: one vote, and the decision once enough people agree. One rejection ends it.
    ///
    /// # Errors
    /// [`Refusal`] if the person may not, came late, or saw something else.
    pub fn decide(&self, decide: Decide, now: Millis) -> Result<Vec<ReviewEvent>, Refusal> {
        if self.has_said(&decide.by, &decide.resolution) {
            return Err(Refusal::Repeated);
        }
        self.open_for(Who { name: &decide.by, teams: &decide.teams }, now)?;
        if let Some(lease) = decide.lease {
            self.holds(&decide.by, lease, now)?;
        }
        self.can(&decide.resolution)?;
        self.saw_this(&decide)?;
        let Decide { by, resolution, reason, .. } = decide;
        let vote = ReviewEvent::VoteCast {
            by: by.clone(),
            vote: resolution.clone(),
            reason: reason.clone(),
        };
        let approves = matches!(resolution, Resolution::Approved { .. });
        if approves && self.votes.len() + 1 < usize::from(self.opened.approvals) {
            return Ok(vec![vote]);
        }
        // Who approved before had no part in a rejection, and may not take it back.
        let agreed = self.votes.iter().filter(|_| approves);
        let mut people: Vec<String> = agreed.map(|vote| vote.by.clone()).collect();
        people.push(by);
        let held = self.opened.undo_ms > 0 && waits_for_undo(&resolution);
        let undo_until = held.then(|| now.plus(self.opened.undo_ms));
        Ok(vec![vote, ReviewEvent::ReviewDecided { by: people, resolution, reason, undo_until }])
    }

    /// Takes the decision back inside the undo window.
    ///
    /// # Errors
    /// [`Refusal`] if the window has closed, or somebody else decided.
    pub fn undo(&self, by: &str, now: Millis) -> Result<ReviewEvent, Refusal> {
        let Standing::Decided { by: people, undo_until: Some(until), .. } = &self.standing else {
            return Err(Refusal::NothingToUndo);
        };
        if now >= *until {
            return Err(Refusal::NothingToUndo);
        }
        if !people.iter().any(|person| person == by) {
            return Err(Refusal::Excluded { why: "somebody else decided it" });
        }
        Ok(ReviewEvent::ReviewUndone { by: by.into() })
    }

    /// Sets it aside for that person alone, until then or for good. No verdict.
    ///
    /// # Errors
    /// [`Refusal`] if it is closed, or the time has passed already.
    pub fn set_aside(
        &self,
        by: &str,
        until: Option<Millis>,
        now: Millis,
    ) -> Result<ReviewEvent, Refusal> {
        self.still_open(now)?;
        if until.is_some_and(|until| until <= now) {
            return Err(Refusal::NotPossible { why: "that time has passed already" });
        }
        Ok(ReviewEvent::ReviewSetAside { by: by.into(), until })
    }

    /// Gives it to a person, to another queue, or both. `lead`: even if somebody holds it.
    ///
    /// # Errors
    /// [`Refusal`] if it is closed, somebody else holds it, or that person may not decide on it.
    pub fn hand_over(
        &self,
        by: &str,
        lead: bool,
        over: HandOver,
        now: Millis,
    ) -> Result<ReviewEvent, Refusal> {
        self.still_open(now)?;
        if !lead {
            self.not_held(by, now)?;
        }
        let HandOver { to, teams, queue, note } = over;
        if to.is_none() && queue.is_none() {
            return Err(Refusal::NotPossible { why: "say who shall have it, or which queue" });
        }
        if let Some(to) = &to {
            if (Who { name: to, teams: &teams }).is_among(&self.opened.excluded) {
                return Err(Refusal::Excluded { why: "the policy or the queue excludes them" });
            }
            if self.has_voted(to) {
                return Err(Refusal::Excluded { why: "they have voted on it" });
            }
        }
        Ok(ReviewEvent::ReviewHandedOver { by: by.into(), to, queue, note })
    }

    /// Takes a step of the queue's chain of reminders.
    ///
    /// # Errors
    /// [`Refusal`] if it is closed, or that step was taken before.
    pub fn take_step(&self, step: Step, now: Millis) -> Result<ReviewEvent, Refusal> {
        self.still_open(now)?;
        let Step { step, did, priority, queue, notify } = step;
        if step < self.steps {
            return Err(Refusal::Repeated);
        }
        Ok(ReviewEvent::ReviewStepTaken { step, did, priority, queue, notify })
    }

    /// The terminal action, once the due time has passed.
    ///
    /// # Errors
    /// [`Refusal::Closed`] if it is not open, [`Refusal::NotPossible`] before its due time.
    pub fn expire(&self, now: Millis) -> Result<OnExpiry, Refusal> {
        if !self.standing.is_open() {
            return Err(Refusal::Closed { standing: self.standing.name() });
        }
        if now < self.opened.due {
            return Err(Refusal::NotPossible { why: "the due time has not come" });
        }
        Ok(self.opened.on_expiry)
    }

    fn still_open(&self, now: Millis) -> Result<(), Refusal> {
        if !self.standing.is_open() {
            return Err(Refusal::Closed { standing: self.standing.name() });
        }
        if now >= self.opened.due {
            return Err(Refusal::TooLate);
        }
        Ok(())
    }

    fn open_for(&self, by: Who<'_>, now: Millis) -> Result<(), Refusal> {
        self.still_open(now)?;
        if by.is_among(&self.opened.excluded) {
            return Err(Refusal::Excluded { why: "the policy or the queue excludes you" });
        }
        if self.has_voted(by.name) {
            return Err(Refusal::Excluded { why: "you have voted, and another person must too" });
        }
        self.not_held(by.name, now)
    }

    fn not_held(&self, by: &str, now: Millis) -> Result<(), Refusal> {
        match &self.standing {
            Standing::Claimed { by: holder, until, .. } if self.held_by_another(by, now) => {
                Err(Refusal::Held { by: holder.clone(), until: *until })
            }
            _ => Ok(()),
        }
    }

    fn holds(&self, person: &str, token: u64, now: Millis) -> Result<(), Refusal> {
        match &self.standing {
            Standing::Claimed { by, lease, until }
                if by == person && *lease == token && now < *until =>
            {
                Ok(())
            }
            _ => Err(Refusal::LeaseLost),
        }
    }

    fn saw_this(&self, decide: &Decide) -> Result<(), Refusal> {
        if decide.generation != self.opened.generation {
            return Err(Refusal::Stale { changed: "the call was started again" });
        }
        let approves_another = match &decide.resolution {
            Resolution::Approved { subject } => Some(subject.digest) != self.opened.subject,
            _ => false,
        };
        if decide.subject != self.opened.subject || approves_another {
            return Err(Refusal::Stale { changed: "the answer is another one" });
        }
        Ok(())
    }

    /// Whether that person's word is in the books already, as a vote or in the decision.
    fn has_said(&self, person: &str, resolution: &Resolution) -> bool {
        match &self.standing {
            Standing::Decided { by, resolution: decided, .. } => {
                decided == resolution && by.iter().any(|name| name == person)
            }
            standing if standing.is_open() => {
                self.votes.iter().any(|vote| vote.by == person && vote.vote == *resolution)
            }
            _ => false,
        }
    }

    fn can(&self, resolution: &Resolution) -> Result<(), Refusal> {
        let why = match resolution {
            Resolution::Approved { .. } if self.opened.subject.is_none() => {
                "there is no answer to approve: write one"
            }
            Resolution::Edited { .. } if self.opened.approvals > 1 => {
                "several people must agree on what they all saw: reject it, or ask for changes"
            }
            Resolution::ChangesRequested { .. } if self.opened.changes_left == 0 => {
                "the answer cannot be sent back again"
            }
            Resolution::FallbackChosen
                if self.opened.kind == ReviewKind::Audit && !self.opened.is_drawn() =>
            {
                "an audit changes no answer: agree with it, correct it or reject it"
            }
            Resolution::Expired { .. } => "only the due time lets a review expire",
            _ => return Ok(()),
        };
        Err(Refusal::NotPossible { why })
    }
}

/// Only what ends a call is held for the undo window: a model that was asked again, or a fallback
/// that was taken, cannot be taken back (DESIGN.md section 3, `releasing`).
const fn waits_for_undo(resolution: &Resolution) -> bool {
    matches!(
        resolution,
        Resolution::Approved { .. } | Resolution::Edited { .. } | Resolution::Rejected
    )
}
