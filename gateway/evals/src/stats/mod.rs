//! The statistics that gates rest on: exact where a distribution is exact, seeded where it is not.
//!
//! Pure functions over counts and pairs, held to an independent oracle by
//! `tests/vectors/scipy.json`.

mod beta;
mod binomial;
mod bootstrap;
mod holm;
mod power;

pub use binomial::{
    Bounds, at_least_this_few, at_least_this_many, clopper_pearson, mcnemar, quantile_ranks,
};
pub use bootstrap::{Interval, Pair, mean_interval, paired_interval, ratio_interval};
pub use holm::holm;
pub use power::{least_cases, smallest_detectable_drop};

#[cfg(test)]
mod tests;
