//! A suite: the cases that a policy is held to, how answers are scored, and what must be shown.
//!
//! `evals/<suite>/suite.yaml` is read as strictly as a rules file, with every problem at its place.
//! Nothing is opened here: files come as bytes.

mod case;
mod gate;
mod keys;
mod label;
mod load;
mod metric;
mod score;
mod size;
mod tier;

pub use case::{Case, Expected, Who};
pub use gate::{Bound, Gate, Limit, shown};
pub use keys::FILE;
pub use label::Label;
pub use load::{Day, Suite, Suites, day};
pub use metric::{Kind, Metric};
pub use score::{Score, Scorer, Subject};
pub use size::Power;
pub use tier::{Tier, TierName};

#[cfg(test)]
mod tests;
