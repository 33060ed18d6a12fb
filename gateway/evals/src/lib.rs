//! Suites, tests and changes: evidence that a policy does what its authors mean.
//!
//! It runs the real engine and the real judging; it decides nothing about live calls.

pub mod add;
pub mod diff;
pub mod draft;
pub mod import;
pub mod mutate;
pub mod report;
pub mod run;
pub mod simulate;
pub mod stats;
pub mod suite;
pub mod test;
pub mod verdict;
