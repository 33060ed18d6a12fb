//! New runs. A run starts at a checkpoint of what happened before: that is folded again, so it has
//! the answers, judgements and decisions up to there, and nothing of what came later.

use alloc::{sync::Arc, vec, vec::Vec};

use crate::{CallEvent, CallState, Forked, Millis, Phase, RunEnd, Source, Topic, call::Used};

/// Most runs of one call.
pub const RUNS_MAX: u32 = 100;

/// One event of a call, and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// What happened.
    pub event: CallEvent,
    /// When.
    pub at: Millis,
}

/// A place where a new run may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The seq up to which everything is kept.
    pub seq: u64,
    /// The run that it belongs to.
    pub run: u32,
    /// When that event happened.
    pub at: Millis,
    /// Name of that event's type.
    pub event: &'static str,
    /// Name of the state that the run would start in.
    pub state: &'static str,
}

/// One run of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number, from 1.
    pub run: u32,
    /// How it started; `None` for the first.
    pub forked: Option<Forked>,
    /// How it ended; `None` while it is open, or when the next one started before that.
    pub ended: Option<RunEnd>,
}

impl CallState {
    /// Every event so far, of all runs, in order.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &Folded> {
        self.log.iter().map(Arc::as_ref)
    }

    /// Where a new run may start, in order of seq.
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        let mut found = Vec::new();
        let mut state = None;
        for folded in self.log() {
            let Ok(now) = Self::fold(state, &folded.event, folded.at) else { break };
            if let Some(fresh) = now.clone().restarted() {
                let (seq, run, at) = (now.seq, now.run, folded.at);
                let (event, state) = (folded.event.name(), fresh.phase.name());
                found.push(Checkpoint { seq, run, at, event, state });
            }
            state = Some(now);
        }
        found
    }

    /// Every run so far, in order.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = vec![Run { run: 1, forked: None, ended: None }];
        for folded in self.log() {
            match (&folded.event, runs.last_mut()) {
                (CallEvent::RunForked(forked), Some(Run { run, .. })) => {
                    let run = run.saturating_add(1);
                    runs.push(Run { run, forked: Some(forked.clone()), ended: None });
                }
                (CallEvent::CallEnded(ended), Some(last)) => {
                    last.ended = Some(RunEnd::of(last.run, ended));
                }
                _ => {}
            }
        }
        runs
    }

    /// The call as that new run finds it; `None` if it cannot start there.
    pub(super) fn fork(self, forked: &Forked) -> Option<Self> {
        let run = self.run.checked_add(1).filter(|run| *run <= RUNS_MAX)?;
        let fresh = self.kept_at(forked.from_seq)?.restarted()?;
        let lawful =
            self.run_at(forked.from_seq) == forked.from_run && fresh.phase.name() == forked.state;
        lawful.then_some(())?;
        let revises = self.ended().map(|ended| RunEnd::of(self.run, ended)).or(self.revises);
        let (seq, at, log, deadline) = (self.seq, self.at, self.log, forked.deadline);
        Some(Self { run, seq, at, log, deadline, revises, ..fresh })
    }

    /// The run that the event of that seq belongs to.
    fn run_at(&self, seq: u64) -> u32 {
        let until = usize::try_from(seq).unwrap_or(usize::MAX);
        let forks =
            self.log().take(until).filter(|one| matches!(one.event, CallEvent::RunForked(_)));
        u32::try_from(forks.count()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The call as it was when the event of that seq had happened.
    fn kept_at(&self, seq: u64) -> Option<Self> {
        let mut kept: Option<Self> = None;
        for folded in self.way_to(seq)? {
            let mut state = match (kept, &folded.event) {
                (None, received) => Self::fold(None, received, folded.at).ok()?,
                (Some(state), CallEvent::RunForked(forked)) => {
                    Self { deadline: forked.deadline, ..state.restarted()? }
                }
                (Some(mut state), event) => {
                    state.apply(event, folded.at)?;
                    state
                }
            };
            state.at = state.at.max(folded.at);
            kept = Some(state);
        }
        kept
    }

    /// The events that led to that seq: where a run started, those of the runs before it only up to
    /// its checkpoint.
    fn way_to(&self, seq: u64) -> Option<Vec<&Folded>> {
        let mut way = Vec::new();
        let mut seq = seq;
        while seq > 0 {
            let folded = self.log.get(usize::try_from(seq - 1).ok()?)?;
            way.push(folded.as_ref());
            seq = match &folded.event {
                CallEvent::RunForked(forked) if forked.from_seq < seq => forked.from_seq,
                CallEvent::RunForked(_) => return None,
                _ => seq - 1,
            };
        }
        way.reverse();
        Some(way)
    }

    /// The same at the start of a new run, with a fresh budget; `None` where none may start.
    fn restarted(mut self) -> Option<Self> {
        if let Phase::Paused { before, .. } = self.phase {
            self.phase = *before;
        }
        self.is_between_steps().then_some(())?;
        if let Phase::InReview { rest, .. } = &self.phase {
            // Nobody is asked by the old review any more: its people are asked anew.
            let reviews = self.people.iter().chain(rest).cloned().collect();
            self.phase = Phase::Opening { reviews };
        }
        self.used = Used::default();
        self.spent.clear();
        self.changes = 0;
        self.effects.clear();
        (self.revises, self.revised) = (None, None);
        Some(self)
    }

    /// Whether nothing is half done: no model is asked, no person's word is being carried out, and
    /// no end is decided.
    pub(super) fn is_between_steps(&self) -> bool {
        let humans = |source: Source| source == Source::Human;
        let judged = self.judged.as_ref().map(|judged| judged.subject.source);
        self.in_flight().is_none()
            && match &self.phase {
                Phase::Releasing { .. } | Phase::Ending(_) | Phase::Ended(_) => false,
                Phase::Checking { subject } | Phase::Masking { subject, .. } => {
                    !humans(subject.source)
                }
                Phase::Deciding(Topic::Resolved) => false,
                Phase::Deciding(Topic::Answer) => !judged.is_some_and(humans),
                _ => true,
            }
    }
}
