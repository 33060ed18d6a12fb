//! `backstop test`: a policy's own tests, run through the same judging and the same machine that
//! real calls go through. No model is asked: the tests say what models answer.

mod expect;
mod given;
mod opening;
mod world;

use std::sync::Arc;

use crate::compiled::Policy;
use crate::source::{Sources, Span};

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

/// Runs every test of a policy, in file order. `sources` hold the files that tests name.
pub fn run_tests(policy: &Arc<Policy>, sources: &Sources) -> Vec<Tried> {
    policy.written.tests.iter().map(|test| one(policy, sources, test)).collect()
}

fn one(policy: &Arc<Policy>, sources: &Sources, test: &crate::raw::Test) -> Tried {
    let (name, span) = (test.name.value.clone(), test.span);
    let scene = match given::scene(policy, sources, test) {
        Ok(scene) => scene,
        Err(why) => return Tried { name, span, failed: vec![why], way: Vec::new() },
    };
    let seen = world::run(policy, scene);
    Tried { name, span, failed: expect::unmet(&test.expect, &seen), way: seen.way }
}
