//! New runs of a call, as a lead asks for them.

use std::time::Duration;

use backstop_domain::{Actor, ActorKind, ForkKind};
use backstop_engine::{Fork, ForkError};

use super::{Bench, Told};

/// A new run from that seq, as lead `lee` asks for it.
pub fn fork(how: ForkKind, from_seq: u64) -> Fork {
    let actor = Actor { kind: ActorKind::Operator, id: "lee".to_owned(), via: None };
    Fork { how, from_seq, run: None, reason: "it was wrong".to_owned(), actor }
}

impl Bench {
    /// Rolls a call back to that seq, and waits until it comes to rest again.
    ///
    /// # Errors
    /// Why it was not.
    pub async fn roll_back(&self, told: &Told, seq: u64) -> Result<Told, ForkError> {
        self.start_anew(told, fork(ForkKind::Rollback, seq)).await
    }

    /// Has a call go on from that seq, and waits until it comes to rest again.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn resume_from(&self, told: &Told, seq: u64) -> Result<Told, ForkError> {
        self.start_anew(told, fork(ForkKind::Resume, seq)).await
    }

    async fn start_anew(&self, told: &Told, fork: Fork) -> Result<Told, ForkError> {
        let id = &told.snapshot.id;
        self.engine.fork(id, fork).await?;
        // The call moves on in a task of its own.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(self.rest(id).await)
    }
}

impl Told {
    /// The seq of the newest event of that name.
    ///
    /// # Panics
    /// If there is none.
    pub fn seq_of(&self, name: &str) -> u64 {
        let place = self.events.iter().rposition(|event| event.name() == name);
        place.unwrap_or_else(|| panic!("there is no {name}: {:?}", self.names())) as u64 + 1
    }

    /// How many events of that name there are.
    pub fn count(&self, name: &str) -> usize {
        self.events.iter().filter(|event| event.name() == name).count()
    }
}
