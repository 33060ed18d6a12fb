//! Stories of coverage, faults and mutants, on a small policy and on the sample workspace.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod coverage;
mod faults;
mod ground;
mod mutants;
mod speed;
