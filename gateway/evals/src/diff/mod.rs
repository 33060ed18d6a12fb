//! `backstop diff`: what a proposed workspace would have done to recorded calls.
//!
//! Each call is gone through under the proposed policies with the answers of then
//! ([`backstop_engine::replay::what_if`]); nobody is asked. What ends otherwise is grouped by the
//! rule, check or branch that makes it so; what cannot be known is bounded both ways.

mod markdown;
mod report;
mod run;
mod tally;
mod text;

pub use report::{Between, Diff, Example, Flip, Queue, Said, Unknowns};
pub use run::{Question, Reader, Source, diff};
