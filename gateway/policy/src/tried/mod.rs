//! `backstop test`: a policy's own tests, run through the same judging and the same machine that
//! real calls go through. No model is asked: the tests say what models answer.

mod change;
mod expect;
mod given;
mod names;
mod opening;
mod person;
mod played;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_domain::Millis;
use serde_json::Value;

use crate::compiled::Policy;
use crate::judge::{Caller, Pretended};
use crate::path::Path;
use crate::raw::Test;
use crate::source::{Sources, Span};

pub use given::{Attempt, Scene};
pub(crate) use names::check_names;
pub use played::{Made, Played, Reached};

/// What one test came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// What was expected and did not happen; empty when it passed.
    pub failed: Vec<String>,
    /// What happened, step by step, in words.
    pub way: Vec<String>,
}

impl Tried {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Runs one test. `sources` hold the files that it names.
pub fn run_test(policy: &Arc<Policy>, sources: &Sources, test: &Test) -> Tried {
    tried(policy, sources, test, false).0
}

/// Runs one test and tells all that was seen, comparisons too; nothing if it has no scene.
pub fn watch_test(policy: &Arc<Policy>, sources: &Sources, test: &Test) -> (Tried, Option<Played>) {
    tried(policy, sources, test, true)
}

fn tried(
    policy: &Arc<Policy>,
    sources: &Sources,
    test: &Test,
    watched: bool,
) -> (Tried, Option<Played>) {
    let (name, span) = (test.name.value.clone(), test.span);
    let scene = match given::scene(policy, sources, test) {
        Ok(scene) => scene,
        Err(why) => return (Tried { name, span, failed: vec![why], way: Vec::new() }, None),
    };
    let played = world::run(policy, scene, watched);
    let failed = expect::unmet(&test.expect, &played);
    (Tried { name, span, failed, way: played.way.clone() }, Some(played))
}

impl Scene {
    /// A request to which nothing was answered yet.
    pub fn asked(
        input: Value,
        messages: Vec<Value>,
        body: Option<Value>,
        caller: Caller,
        received: Millis,
    ) -> Self {
        Self {
            input,
            messages,
            body,
            caller,
            key: None,
            tags: BTreeMap::new(),
            received,
            attempts: Vec::new(),
            door: None,
            pretended: Pretended::default(),
            data: None,
            failing: BTreeMap::new(),
            listed: false,
            review: Vec::new(),
        }
    }

    /// The call that a test tells of; what the test expects does not matter.
    ///
    /// # Errors
    /// Why there is none: a file is missing, a path cannot be changed.
    pub fn of(policy: &Policy, sources: &Sources, test: &Test) -> Result<Self, String> {
        given::scene(policy, sources, test)
    }

    /// Changes one place: of the request, or of the answer that attempt number `attempt` (from 0)
    /// gives.
    ///
    /// # Errors
    /// Why it cannot be changed.
    pub fn change(&mut self, attempt: usize, path: &Path, value: Value) -> Result<(), String> {
        change::change_scene(self, attempt, path, value)
    }

    /// Plays the call to its end.
    pub fn play(self, policy: &Arc<Policy>) -> Played {
        world::run(policy, self, false)
    }

    /// The same with a note of every comparison that conditions made.
    pub fn watch(self, policy: &Arc<Policy>) -> Played {
        world::run(policy, self, true)
    }
}
